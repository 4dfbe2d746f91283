//! What a squid file lets through, and what is wrong with that.

mod findings;
mod judgement;

use std::net::IpAddr;

use self::judgement::Judgement;
use super::probes::{Expected, Surroundings};
use super::{Decision, Place, ProxyRequest, SquidFile, UnreadableSquidFile, Verdict};
use crate::audit::Platform;
use crate::diagnostic::Diagnostics;

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

/// Addresses that follow each other, that nothing on the internet has, and that are not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenRange {
    /// The first of them.
    pub first: IpAddr,
    /// The last of them.
    pub last: IpAddr,
    /// What has such addresses, as a phrase.
    pub what: &'static str,
    /// [`Decision::Allowed`], or [`Decision::Unknown`] where it can't be said.
    pub decision: Decision,
    /// The line that lets them through or leaves them open; nothing where no line fits.
    pub place: Option<Place>,
    /// A request for the first of them that comes to this.
    pub request: ProxyRequest,
}

/// What squid does with a table of destinations, with findings about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SquidReport {
    /// Every destination for every client.
    pub rows: Vec<ReportRow>,
    /// Every range that must be refused and is not, for some client, method, scheme or port.
    pub open_ranges: Vec<OpenRange>,
    /// Whether every address of these ranges was looked at, and not only the table: a file with very many
    /// lists and lines is not followed to its end.
    pub is_complete: bool,
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
        let file = SquidFile::read(text)?;
        Ok(Self::judge(&file, text, &Surroundings::unknown(platform)))
    }

    /// Requests that must be refused, and of which it can't be said what becomes of them: a file with
    /// any is not proven right, whatever its findings are.
    pub fn undecided(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter().filter(|row| {
            row.expected == Expected::Refused && row.verdict.decision == Decision::Unknown
        })
    }

    /// Whether of every address it could be said what becomes of requests for it.
    pub fn is_decided(&self) -> bool {
        let is_open = |range: &OpenRange| range.decision == Decision::Unknown;
        self.is_complete
            && self.undecided().next().is_none()
            && !self.open_ranges.iter().any(is_open)
    }

    /// Judges a file that was read from `text`, for a proxy on Container Apps.
    pub fn of(file: &SquidFile, text: &str) -> Self {
        Self::judge(file, text, &Surroundings::unknown(Platform::ContainerApps))
    }

    /// Judges a file that was read from `text`, where something of its place is known.
    pub(crate) fn judge(file: &SquidFile, text: &str, surroundings: &Surroundings<'_>) -> Self {
        let judgement = Judgement::of(file, surroundings);
        let (diagnostics, starts) = findings::of(&judgement, text);
        Self {
            rows: judgement.rows(),
            open_ranges: judgement.open_ranges(),
            is_complete: judgement.is_complete,
            diagnostics,
            starts,
        }
    }
}

/// What is wrong with a squid file, without the table.
#[derive(Debug)]
pub(crate) struct SquidFindings {
    /// What is wrong, errors first, then in the order of the file.
    pub(crate) diagnostics: Diagnostics,
    /// How many requests of the table must be refused, and can't be said to be.
    pub(crate) undecided: usize,
    /// Whether of every address it could be said what becomes of requests for it.
    pub(crate) is_decided: bool,
}

impl SquidFindings {
    /// Judges a file that was read from `text`, where something of its place is known.
    pub(crate) fn judge(file: &SquidFile, text: &str, surroundings: &Surroundings<'_>) -> Self {
        let judgement = Judgement::of(file, surroundings);
        let undecided = judgement.undecided();
        Self {
            diagnostics: findings::of(&judgement, text).0,
            undecided,
            is_decided: undecided == 0 && judgement.is_decided(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;
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
        let policy = EgressPolicy::default_policy();
        let report = SquidReport::of_text(&render::squid(&policy).unwrap().text).unwrap();
        assert!(report.diagnostics.is_empty(), "{}", report.diagnostics);
        assert!(report.starts && report.is_decided());
        assert_eq!(report.open_ranges, []);
        let passing = |row: &&ReportRow| row.verdict.decision.passes();
        assert_eq!(report.rows.iter().filter(passing).count(), 16);
    }

    fn with_exceptions(networks: &[&str]) -> EgressPolicy {
        let exceptions = networks
            .iter()
            .map(|network| EgressException::network(network, "wiki").unwrap());
        exceptions.fold(EgressPolicy::default_policy(), EgressPolicy::with_exception)
    }

    #[test]
    fn what_is_declared_is_no_finding_wherever_it_is() {
        for network in [
            "10.0.4.4/32",
            "192.168.1.0/24",
            "10.0.4.0/24",
            "172.16.0.0/24",
            "172.31.0.0/16",
            "10.255.255.0/24",
            "fd00::1/128",
            "10.1.0.0/16",
            "10.0.0.0/8",
        ] {
            let policy = with_exceptions(&[network, "10.77.0.0/24"]);
            let text = render::squid(&policy).unwrap().text;
            let surroundings = Surroundings {
                platform: Platform::ContainerApps,
                subnets: None,
                declared: policy.exceptions(),
            };
            let found =
                SquidFindings::judge(&SquidFile::read(&text).unwrap(), &text, &surroundings);
            assert!(
                found.diagnostics.is_empty(),
                "{network}: {}",
                found.diagnostics
            );
            // What is open besides it is told all the same.
            let surroundings = Surroundings {
                declared: &policy.exceptions()[..1],
                ..surroundings
            };
            let found =
                SquidFindings::judge(&SquidFile::read(&text).unwrap(), &text, &surroundings);
            let is_told = found
                .diagnostics
                .iter()
                .any(|it| it.message.contains("10.77.0.0-10.77.0.255"));
            assert!(
                is_told || network == "10.0.0.0/8",
                "{network}: {}",
                found.diagnostics
            );
        }
    }

    #[test]
    fn a_line_that_names_one_site_is_a_warning_and_a_wide_one_an_error() {
        let severities = |network: &str| {
            let text = render::squid(&with_exceptions(&[network])).unwrap().text;
            let found = SquidReport::of_text(&text).unwrap().diagnostics;
            found
                .iter()
                .map(|it| (it.code.clone(), it.severity))
                .collect::<Vec<_>>()
        };
        let refuses = |severity| vec![("SSR005".to_owned(), severity)];
        assert_eq!(severities("10.0.8.4/32"), refuses(Severity::Warning));
        assert_eq!(severities("10.0.4.4/32"), refuses(Severity::Warning));
        assert_eq!(severities("10.1.0.0/16"), refuses(Severity::Warning));
        assert_eq!(severities("10.0.0.0/15"), refuses(Severity::Error));
        let text = "http_port 3128\nacl it dst 169.254.169.254\nhttp_access allow it\nhttp_access deny all\n";
        let found = SquidReport::of_text(text).unwrap().diagnostics;
        assert!(
            found
                .iter()
                .any(|it| it.code == "SSR005" && it.severity == Severity::Error)
        );
    }

    #[test]
    fn gaps_between_the_tables_addresses_are_errors_with_their_line() {
        let text = render::squid(&EgressPolicy::default_policy()).unwrap().text;
        for (whole, parts, gap) in [
            (
                "10.0.0.0/8",
                "10.0.0.0/16 10.255.0.0/16",
                "10.1.0.0-10.254.255.255",
            ),
            (
                "172.16.0.0/12",
                "172.16.0.0/16 172.31.0.0/16",
                "172.17.0.0-172.30.255.255",
            ),
            (
                "192.168.0.0/16",
                "192.168.1.0/24",
                "192.168.2.0-192.168.255.255",
            ),
            ("127.0.0.0/8", "127.0.0.1/32", "127.0.0.2-127.255.255.255"),
            (
                "100.64.0.0/10",
                "100.100.0.0/17",
                "100.64.0.0-100.99.255.255",
            ),
        ] {
            let list = "acl denied_destinations dst";
            let text = text.replace(&format!("{list} {whole}"), &format!("{list} {parts}"));
            let report = SquidReport::of_text(&text).unwrap();
            let found: Vec<_> = report.diagnostics.iter().collect();
            let [found] = &found[..] else {
                panic!("{gap}: {}", report.diagnostics);
            };
            assert_eq!(
                (found.code.as_str(), found.severity),
                ("SSR005", Severity::Error)
            );
            let line = text
                .lines()
                .position(|line| line == "http_access allow clients");
            assert_eq!(found.span.map(|it| it.line), line.map(|it| it + 1));
            assert!(found.message.contains(gap), "{found}");
            assert!(found.message.contains("GET http://"), "{found}");
            assert!(
                report
                    .open_ranges
                    .iter()
                    .any(|it| gap == format!("{}-{}", it.first, it.last))
            );
        }
    }

    fn served(clients: &str, subnets: Option<&[&str]>) -> Vec<(Severity, String)> {
        let text = render::squid(&EgressPolicy::default_policy()).unwrap().text;
        let others = |line: &&str| !line.starts_with("acl clients");
        let text: Vec<&str> = text.lines().filter(others).collect();
        let text = format!("acl clients src {clients}\n{}\n", text.join("\n"));
        let subnets = subnets.map(|it| it.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>());
        let surroundings = Surroundings {
            platform: Platform::ContainerApps,
            subnets: subnets.as_deref(),
            declared: &[],
        };
        let file = SquidFile::read(&text).unwrap();
        let found = SquidFindings::judge(&file, &text, &surroundings).diagnostics;
        assert!(found.iter().all(|it| it.code == "SSR006"), "{found}");
        found
            .iter()
            .map(|it| (it.severity, it.message.clone()))
            .collect()
    }

    #[test]
    fn all_of_the_platforms_clients_must_be_served_and_no_other_where_they_are_known() {
        let none: Option<&[&str]> = Some(&[]);
        assert_eq!(served("10.20.0.0/16 100.64.0.0/10", none), []);
        assert_eq!(served("100.64.0.0/10", none), []);
        assert_eq!(
            served("10.20.0.0/16 100.64.0.0/10", Some(&["10.20.1.0/24"])),
            []
        );
        assert_eq!(
            served("100.100.0.0/17 100.100.128.0/18 100.100.192.0/19", none),
            []
        );
        let found = served("10.0.0.0/8 100.100.0.0/17", none);
        let [(Severity::Error, message)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(
            message.contains("Container Apps (100.100.128.0-100.100.223.255)"),
            "{message}"
        );
        let found = served("10.20.1.0/25 100.64.0.0/10", Some(&["10.20.1.0/24"]));
        let [(Severity::Error, message)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(
            message.contains("the environment's subnet (10.20.1.128-10.20.1.255)"),
            "{message}"
        );
    }

    #[test]
    fn where_the_subnet_can_not_be_seen_it_is_said_who_is_served() {
        let all = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10";
        assert_eq!(served(all, None), []);
        for (clients, told) in [
            (
                "10.20.0.0/16 100.64.0.0/10",
                "10.20.0.0-10.20.255.255 alone",
            ),
            ("100.64.0.0/10", "none"),
        ] {
            let found = served(clients, None);
            let [(Severity::Note, message)] = &found[..] else {
                panic!("{found:?}");
            };
            assert!(message.contains(told), "{message}");
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
