//! What a squid file lets through, and what is wrong with that.

use std::collections::BTreeMap;

use super::probes::{Expected, PROBES, clients, names};
use super::{
    Decision, Place, ProxyRequest, RemarkKind, SquidFile, UnreadableSquidFile, Verdict, Way,
};
use crate::audit::Platform;
use crate::check::{Rule, ssr};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Span};

/// More destinations than this are counted, not named.
const MOST_NAMED: usize = 4;

/// One destination, asked for by one client.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportRow {
    /// The destination in words.
    pub destination: &'static str,
    /// The client in words.
    pub client: &'static str,
    /// The request.
    pub request: ProxyRequest,
    /// What should become of it.
    pub expected: Expected,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What squid does with a table of destinations, with findings about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SquidReport {
    /// Every destination for every client.
    pub rows: Vec<ReportRow>,
    /// What is wrong, errors first, then in the order of the file.
    pub diagnostics: Diagnostics,
    /// Whether squid starts with the file.
    pub starts: bool,
}

impl SquidReport {
    /// Reads a squid file and judges it.
    ///
    /// ```
    /// use dify_infra_core::egress::SquidReport;
    ///
    /// let report = SquidReport::of_text("http_port 3128\nacl near src 10.0.0.0/8\nhttp_access allow near\n")?;
    /// let finding = report.diagnostics.iter().find(|found| found.code == "SSR005").expect("found");
    /// assert_eq!(finding.span.map(|span| span.line), Some(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is too large to be read.
    pub fn of_text(text: &str) -> Result<Self, UnreadableSquidFile> {
        Self::of_text_on(text, Platform::ContainerApps)
    }

    /// The same for a proxy that runs on another platform, whose clients come from elsewhere.
    ///
    /// # Errors
    ///
    /// When the text is too large to be read.
    pub fn of_text_on(text: &str, platform: Platform) -> Result<Self, UnreadableSquidFile> {
        Ok(Self::judge(&SquidFile::read(text)?, text, platform))
    }

    /// Requests that must be refused, and of which it can't be said what becomes of them: a file with
    /// any is not proven right, whatever its findings are.
    pub fn undecided(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter().filter(|row| {
            row.expected == Expected::Refused && row.verdict.decision == Decision::Unknown
        })
    }

    /// Judges a file that was read from `text`, for a proxy on Container Apps.
    pub fn of(file: &SquidFile, text: &str) -> Self {
        Self::judge(file, text, Platform::ContainerApps)
    }

    fn judge(file: &SquidFile, text: &str, platform: Platform) -> Self {
        let names = names();
        let mut rows = Vec::new();
        for client in clients(platform) {
            for probe in PROBES {
                let request = ProxyRequest::new(client.address, probe.method, probe.target);
                let expected = match (probe.expected, client.public) {
                    (Expected::Passes, public) => public,
                    (Expected::BetterRefused, Expected::Refused) => Expected::Refused,
                    (expected, _) => expected,
                };
                rows.push(ReportRow {
                    destination: probe.name,
                    client: client.name,
                    verdict: file.evaluate(&request, &names),
                    request,
                    expected,
                });
            }
        }
        // Squid 5.7 without a port: "FATAL: mimeLoadIcon: cannot parse internal URL".
        let has_port = file.names_port() || may_have_more(file);
        let starts = file.starts() && has_port;
        let mut findings = Findings {
            text,
            starts,
            diagnostics: Diagnostics::new(),
        };
        findings.remarks(file);
        if !has_port {
            let message =
                "no `http_port` is understood in it, and squid does not start without one";
            findings.add(&ssr::STARTS, None, message.to_owned());
        }
        findings.rows(&rows);
        findings.peers(&rows);
        findings.diagnostics.sort();
        Self {
            rows,
            diagnostics: findings.diagnostics,
            starts,
        }
    }
}

/// Whether lines that are not understood, or files that were not given, may hold a port.
fn may_have_more(file: &SquidFile) -> bool {
    file.remarks()
        .iter()
        .any(|remark| remark.kind == RemarkKind::NotSeen)
}

struct Findings<'a> {
    text: &'a str,
    /// What is open because squid does not start is told once.
    starts: bool,
    diagnostics: Diagnostics,
}

impl Findings<'_> {
    fn add(&mut self, rule: &Rule, place: Option<&Place>, message: String) {
        let mut finding = rule.finding(KeyPath::root(), message);
        finding.span = place.and_then(|place| self.span(place));
        self.push(finding);
    }

    fn push(&mut self, finding: Diagnostic) {
        self.diagnostics.push(finding);
    }

    /// The line of a place, when it is in the text itself.
    fn span(&self, place: &Place) -> Option<Span> {
        let index = place.line.checked_sub(1)?;
        if place.file.is_some() {
            return None;
        }
        let line = self.text.split('\n').nth(index)?;
        let before: usize = self
            .text
            .split('\n')
            .take(index)
            .map(|line| line.len() + 1)
            .sum();
        let blanks = line.len() - line.trim_start().len();
        Some(Span {
            start: before + blanks,
            end: before + line.trim_end().len().max(blanks),
            line: place.line,
            column: blanks + 1,
        })
    }

    fn remarks(&mut self, file: &SquidFile) {
        for remark in file.remarks() {
            let rule = match remark.kind {
                RemarkKind::Fatal => &ssr::STARTS,
                RemarkKind::NotUnderstood | RemarkKind::NotSeen => &ssr::UNDERSTOOD,
                RemarkKind::Ineffective => &ssr::EFFECTIVE,
            };
            let message = match &remark.place.file {
                Some(_) => format!("{}: {}", remark.place, remark.message),
                None => remark.message.clone(),
            };
            self.add(rule, Some(&remark.place), message);
        }
    }

    /// One finding for each line and way of being wrong.
    fn rows(&mut self, rows: &[ReportRow]) {
        let mut wrong: BTreeMap<(&str, Option<Place>), Vec<&ReportRow>> = BTreeMap::new();
        for row in rows {
            let passes = row.verdict.decision.passes();
            let rule = match row.expected {
                _ if row.verdict.decision == Decision::Unknown && self.starts => &ssr::UNDERSTOOD,
                _ if row.verdict.decision == Decision::Unknown => continue,
                Expected::Refused if passes => &ssr::REFUSES,
                Expected::BetterRefused if passes => &ssr::PORTS,
                Expected::Passes if !passes => &ssr::SERVES,
                _ => continue,
            };
            let place = row
                .verdict
                .decided_by
                .as_ref()
                .map(|decider| decider.place.clone());
            wrong.entry((rule.id, place)).or_default().push(row);
        }
        for ((id, place), rows) in wrong {
            let Some(rule) = [&ssr::REFUSES, &ssr::SERVES, &ssr::UNDERSTOOD, &ssr::PORTS]
                .into_iter()
                .find(|rule| rule.id == id)
            else {
                continue;
            };
            let does = match id {
                id if id == ssr::SERVES.id => "refuses what should pass:",
                id if id == ssr::UNDERSTOOD.id => "leaves open, as far as it is understood,",
                _ => "lets through",
            };
            let subject = match &place {
                Some(place) if place.line > 0 => "this line".to_owned(),
                _ => {
                    rows.first()
                        .map_or_else(String::new, |row| row.verdict.reason.clone())
                        + ": it"
                }
            };
            self.add(
                rule,
                place.as_ref(),
                format!("{subject} {does} {}", told(&rows)),
            );
        }
    }

    /// Requests for public hosts that are handed to a peer.
    fn peers(&mut self, rows: &[ReportRow]) {
        let mut taken: BTreeMap<Place, Vec<&ReportRow>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.expected == Expected::Passes) {
            if let Some(Way::Peer { place, .. }) = &row.verdict.way {
                taken.entry(place.clone()).or_default().push(row);
            }
        }
        for (place, rows) in taken {
            let message = format!(
                "this peer takes requests that are meant for their destinations: {}",
                told(&rows)
            );
            self.add(&ssr::PEERS, Some(&place), message);
        }
    }
}

/// Destinations and clients of rows, each once.
fn told(rows: &[&ReportRow]) -> String {
    let mut destinations: Vec<String> = Vec::new();
    let mut clients: Vec<&str> = Vec::new();
    for row in rows {
        let destination = format!(
            "{} ({} {})",
            row.destination, row.request.method, row.request.target
        );
        if !destinations.contains(&destination) {
            destinations.push(destination);
        }
        if !clients.contains(&row.client) {
            clients.push(row.client);
        }
    }
    let more = destinations.len().saturating_sub(MOST_NAMED);
    destinations.truncate(MOST_NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(
        "{}{more}, from {}",
        destinations.join(", "),
        clients.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::{EgressException, EgressPolicy};
    use crate::render;

    fn codes(text: &str) -> Vec<String> {
        let report = SquidReport::of_text(text).unwrap();
        let mut codes: Vec<String> = report
            .diagnostics
            .iter()
            .map(|found| found.code.clone())
            .collect();
        codes.dedup();
        codes
    }

    #[test]
    fn our_own_file_has_no_findings() {
        let exception = EgressException::network("10.0.8.4/32", "wiki").unwrap();
        for policy in [
            EgressPolicy::default_policy(),
            EgressPolicy::default_policy().with_exception(exception),
        ] {
            let report = SquidReport::of_text(&render::squid(&policy).unwrap().text).unwrap();
            assert!(report.diagnostics.is_empty(), "{}", report.diagnostics);
            assert!(report.starts);
            let passing = |row: &&ReportRow| row.verdict.decision.passes();
            assert_eq!(report.rows.iter().filter(passing).count(), 16);
        }
    }

    #[test]
    fn the_designs_order_lets_everything_through() {
        let text = "http_port 3128\nacl localnet src 10.0.0.0/8\nacl private dst 10.0.0.0/8\n\
            http_access allow localnet\nhttp_access deny private\nhttp_access deny all\n";
        let report = SquidReport::of_text(text).unwrap();
        let passing = report
            .diagnostics
            .iter()
            .find(|found| found.code == "SSR005")
            .unwrap();
        assert_eq!(passing.span.unwrap().line, 4);
        assert!(passing.message.contains("metadata service"), "{passing}");
        let denied: Vec<usize> = report
            .diagnostics
            .iter()
            .filter(|found| found.code == "SSR006")
            .filter_map(|found| Some(found.span?.line))
            .collect();
        assert_eq!(denied, [6], "{}", report.diagnostics);
    }

    #[test]
    fn what_was_not_seen_is_not_guessed() {
        let text = "http_port 3128\ninclude /etc/squid/conf.d/*.conf\nhttp_access allow all\n";
        let report = SquidReport::of_text(text).unwrap();
        let unknown = |row: &ReportRow| row.verdict.decision == Decision::Unknown;
        assert!(
            report
                .rows
                .iter()
                .filter(|row| row.verdict.decision != Decision::Unsupported)
                .all(unknown)
        );
        assert_eq!(codes(text), ["SSR007"]);
        assert!(report.undecided().count() > 100);
        // What stands before the include holds, whatever it says.
        let text = format!("http_port 3128\nhttp_access deny all\n{text}");
        assert_eq!(SquidReport::of_text(&text).unwrap().undecided().count(), 0);
    }

    #[test]
    fn an_empty_file_denies_everything() {
        assert_eq!(codes(""), ["SSR006", "SSR008"]);
    }

    #[test]
    fn squid_does_not_start_without_a_port() {
        let report = |text: &str| SquidReport::of_text(text).unwrap();
        let of_codes = |text: &str| codes(text).contains(&"SSR008".to_owned());
        for text in ["http_access deny all\n", "\u{feff}http_port 3128\n"] {
            assert!(!report(text).starts && of_codes(text), "{text}");
        }
        for text in ["http_port 3128\n", "include /etc/squid/more.conf\n"] {
            assert!(report(text).starts && !of_codes(text), "{text}");
        }
    }
}
