//! What is wrong with a squid file, in words.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::judgement::{Case, Judgement};
use crate::check::{Rule, ssr};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Severity, Span as TextSpan};
use crate::egress::probes::{Expected, Probe};
use crate::egress::ranges::{NEVER_EXCEPTED, denied_spans};
use crate::egress::squid::{Asked, Hole, Span};
use crate::egress::{Decision, Place, RemarkKind, SquidFile, Way};

/// How a line is kept that opens on purpose what it names.
const MEANT: &str = "leave it when it is meant, for as few addresses as are needed; in a file of our own such exceptions \
    stand under `[egress]` with a reason";

/// More destinations than this are counted, not named.
const MOST_NAMED: usize = 4;

/// What is wrong, in the order of the file, and whether squid starts with it.
pub(super) fn of(judgement: &Judgement<'_>, text: &str) -> (Diagnostics, bool) {
    let file = judgement.file;
    // Squid 5.7 without a port: "FATAL: mimeLoadIcon: cannot parse internal URL".
    let has_port = file.names_port() || may_have_more(file);
    let starts = file.starts() && has_port;
    let mut findings = Findings {
        text,
        lines: OnceCell::new(),
        starts,
        diagnostics: Diagnostics::new(),
    };
    findings.remarks(file);
    if !has_port {
        let message = "no `http_port` is understood in it, and squid does not start without one";
        findings.add(&ssr::STARTS, None, message.to_owned());
    }
    findings.open(judgement);
    findings.unserved(judgement);
    findings.peers(judgement);
    findings.diagnostics.sort();
    (findings.diagnostics, starts)
}

/// Whether lines that are not understood, or files that were not given, may hold a port.
fn may_have_more(file: &SquidFile) -> bool {
    file.remarks()
        .iter()
        .any(|remark| remark.kind == RemarkKind::NotSeen)
}

struct Findings<'a> {
    text: &'a str,
    /// Where each line of the text begins, and where it ends.
    lines: OnceCell<Vec<(usize, usize)>>,
    /// What is open because squid does not start is told once.
    starts: bool,
    diagnostics: Diagnostics,
}

impl Findings<'_> {
    fn add(&mut self, rule: &Rule, place: Option<&Place>, message: String) {
        let finding = self.finding(rule, place, message);
        self.diagnostics.push(finding);
    }

    fn finding(&self, rule: &Rule, place: Option<&Place>, message: String) -> Diagnostic {
        let mut finding = rule.finding(KeyPath::root(), message);
        finding.span = place.and_then(|place| self.span(place));
        finding
    }

    /// The line of a place, when it is in the text itself.
    fn span(&self, place: &Place) -> Option<TextSpan> {
        let index = place.line.checked_sub(1)?;
        if place.file.is_some() {
            return None;
        }
        let lines = self.lines.get_or_init(|| {
            let mut start = 0;
            let line = |line: &str| {
                let place = (start, start + line.len());
                start = place.1 + 1;
                place
            };
            self.text.split('\n').map(line).collect()
        });
        let (start, end) = *lines.get(index)?;
        let line = self.text.get(start..end)?;
        let blanks = line.len() - line.trim_start().len();
        Some(TextSpan {
            start: start + blanks,
            end: start + line.trim_end().len().max(blanks),
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

    /// One finding for each line and way of letting through or leaving open what must be refused.
    fn open(&mut self, judgement: &Judgement<'_>) {
        let mut open: BTreeMap<(&str, Option<Place>), Open<'_>> = BTreeMap::new();
        for case in judgement.cases() {
            let Some(rule) = self.broken(&case) else {
                continue;
            };
            let key = (rule.id, case.place().cloned());
            open.entry(key).or_default().cases.push(case);
        }
        for hole in judgement.holes() {
            let rule = match hole.decision {
                Decision::Unknown if !self.starts => continue,
                Decision::Unknown => &ssr::UNDERSTOOD,
                _ => &ssr::REFUSES,
            };
            let key = (rule.id, hole.place.clone());
            open.entry(key).or_default().hole = Some(hole);
        }
        for ((id, place), open) in open {
            let rules = [&ssr::REFUSES, &ssr::UNDERSTOOD, &ssr::PORTS];
            let Some(rule) = rules.into_iter().find(|rule| rule.id == id) else {
                continue;
            };
            let does = if id == ssr::UNDERSTOOD.id {
                "leaves open, as far as it is understood,"
            } else {
                "lets through"
            };
            let subject = match (&place, open.cases.first()) {
                (Some(place), _) if place.line > 0 => "this line".to_owned(),
                (_, Some(case)) => judgement.reason(case) + ": it",
                _ => "no line fits, and squid".to_owned(),
            };
            let what = open.told(judgement);
            let message = format!("{subject} {does} {what}");
            let mut finding = self.finding(rule, place.as_ref(), message);
            if rule.id == ssr::REFUSES.id && open.is_meant(judgement) {
                finding.severity = Severity::Warning;
                finding.help = Some(MEANT.to_owned());
            }
            self.diagnostics.push(finding);
        }
        if !judgement.is_complete {
            let message = "the file has so many lists and lines that not every address was followed through \
                           them: it is not proven that it refuses what is not the public internet";
            self.add(&ssr::UNDERSTOOD, None, message.to_owned());
        }
    }

    /// The rule that a request of the table breaks; who must be served is told by itself.
    fn broken(&self, case: &Case<'_>) -> Option<&'static Rule> {
        let passes = case.decision().passes();
        match case.expected {
            _ if case.decision() == Decision::Unknown => self.starts.then_some(&ssr::UNDERSTOOD),
            Expected::Refused if passes => Some(&ssr::REFUSES),
            Expected::BetterRefused if passes => Some(&ssr::PORTS),
            _ => None,
        }
    }

    /// One finding for each line that refuses whom the proxy is for.
    fn unserved(&mut self, judgement: &Judgement<'_>) {
        let mut told: BTreeMap<Option<&Place>, (Vec<&Probe>, Vec<String>)> = BTreeMap::new();
        for one in judgement.unserved() {
            let (probes, clients) = told.entry(one.place).or_default();
            for probe in one.probes {
                if !probes.contains(&probe) {
                    probes.push(probe);
                }
            }
            let name = one.served.name;
            clients.push(if one.spans == [one.served.span] {
                name.to_owned()
            } else {
                format!("{name} ({})", listed(&one.spans))
            });
        }
        let is_told = !told.is_empty();
        for (place, (probes, clients)) in told {
            let destinations = probes.iter().map(|probe| destination(probe)).collect();
            let subject = match place {
                Some(place) if place.line > 0 => "this line",
                _ => "no line allows it, so squid",
            };
            let what = named(destinations, &clients);
            self.add(
                &ssr::SERVES,
                place,
                format!("{subject} refuses what should pass: {what}"),
            );
        }
        if !is_told {
            self.unsure(judgement);
        }
    }

    /// Where the subnet of the apps can't be seen, nobody can say whether they are served.
    fn unsure(&mut self, judgement: &Judgement<'_>) {
        let (refused, served) = judgement.possible();
        if refused.is_empty() {
            return;
        }
        let served = match listed(&served) {
            none if none.is_empty() => "none".to_owned(),
            spans => format!("{spans} alone"),
        };
        let message = format!(
            "of the private ranges {served} is served: apps that call from the subnet of their environment, as \
             in older ones, are refused unless it is in there, which can't be seen"
        );
        let mut finding = self.finding(&ssr::SERVES, None, message);
        finding.severity = Severity::Note;
        self.diagnostics.push(finding);
    }

    /// Requests for public hosts that are handed to a peer.
    fn peers(&mut self, judgement: &Judgement<'_>) {
        let mut taken: BTreeMap<Place, Vec<Case<'_>>> = BTreeMap::new();
        for case in judgement.cases() {
            let is_public =
                case.probe.expected == Expected::Passes && case.client.public == Expected::Passes;
            if let (true, Ok(outcome)) = (is_public, case.answer)
                && let Some(Way::Peer { place, .. }) = &outcome.way
            {
                taken.entry(place.clone()).or_default().push(case);
            }
        }
        for (place, cases) in taken {
            let message = format!(
                "this peer takes requests that are meant for their destinations: {}",
                told(&cases)
            );
            self.add(&ssr::PEERS, Some(&place), message);
        }
    }
}

/// What one line lets through or leaves open.
#[derive(Default)]
struct Open<'a> {
    cases: Vec<Case<'a>>,
    hole: Option<&'a Hole>,
}

impl Open<'_> {
    /// Whether the line names what it opens, no more than one site's addresses and nothing that hands out
    /// credentials: somebody wants that.
    fn is_meant(&self, judgement: &Judgement<'_>) -> bool {
        let Some(hole) = self.hole else {
            return false;
        };
        let is_site = |span: &Span| {
            let most: u128 = if span.ends().0.is_ipv4() {
                1 << 16
            } else {
                1 << 80
            };
            let protected = NEVER_EXCEPTED.iter().map(|(network, _)| Span::of(*network));
            span.last - span.first < most
                && !protected
                    .into_iter()
                    .any(|one| one.first <= span.last && span.first <= one.last)
        };
        let place = hole.place.as_ref();
        place.is_some_and(|place| judgement.file.names_destination(place))
            && hole.ranges.iter().all(|(span, ..)| is_site(span))
    }

    fn told(&self, judgement: &Judgement<'_>) -> String {
        let Some((hole, (range, asked))) = self.hole.zip(self.hole.and_then(foremost)) else {
            return told(&self.cases);
        };
        let more = match hole.ranges.len() - 1 {
            0 => String::new(),
            1 => " and 1 more range".to_owned(),
            more => format!(" and {more} more ranges"),
        };
        if !self.cases.is_empty() {
            return format!("{}; {range} as a whole{more}", told(&self.cases));
        }
        format!(
            "{range}{more}, as by {asked}, from {}",
            judgement.clients_of(hole).join(", ")
        )
    }
}

/// The largest range of a hole that packets can be sent to, with a request for its first address.
fn foremost(hole: &Hole) -> Option<(String, String)> {
    let rank = |(span, _, _): &&(Span, usize, Asked)| {
        let (first, _) = span.ends();
        let is_unicast = match first {
            std::net::IpAddr::V4(first) => (1..224).contains(&first.octets()[0]),
            std::net::IpAddr::V6(_) => false,
        };
        (
            first.is_ipv6(),
            !is_unicast,
            Reverse(span.last - span.first),
        )
    };
    let (span, range, asked) = hole.ranges.iter().min_by_key(rank)?;
    let what = denied_spans().get(*range).map_or("", |(_, what)| what);
    let request = asked.request(span.ends().0);
    let asked = format!("{} {}", request.method, request.target);
    Some((format!("{span} ({what})"), asked))
}

/// Ranges, the first few of them.
fn listed(spans: &[Span]) -> String {
    let mut told: Vec<String> = spans
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    let more = spans.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told.join(", ")
}

fn destination(probe: &Probe) -> String {
    format!("{} ({} {})", probe.name, probe.method, probe.target)
}

/// Destinations and clients of requests, each once.
fn told(cases: &[Case<'_>]) -> String {
    let mut destinations: Vec<String> = Vec::new();
    let mut clients: Vec<String> = Vec::new();
    for case in cases {
        let destination = destination(case.probe);
        if !destinations.contains(&destination) {
            destinations.push(destination);
        }
        if !clients.iter().any(|client| client == case.client.name) {
            clients.push(case.client.name.to_owned());
        }
    }
    named(destinations, &clients)
}

fn named(mut destinations: Vec<String>, clients: &[String]) -> String {
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
