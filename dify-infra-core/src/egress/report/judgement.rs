//! What becomes of every request of the table, and of every address that must be refused.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{OpenRange, ReportRow};
use crate::egress::probes::{
    Callers, Client, Expected, PROBES, Probe, STRANGER, Served, Surroundings,
};
use crate::egress::ranges::{default_clients, denied_spans};
use crate::egress::squid::{Answer, Asked, Hole, Outcome, Proof, Refusal, Span, Table, Universe};
use crate::egress::{Decision, EgressException, ExceptionTarget, Place, ProxyRequest, SquidFile};

/// Kinds of clients whose requests for public hosts are looked at: more are told apart by no real file.
const MOST_SERVED_KINDS: usize = 64;

/// One request of the table with what becomes of it.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) probe: &'static Probe,
    pub(super) client: Client,
    pub(super) expected: Expected,
    pub(super) answer: &'a Answer<'a>,
}

impl<'a> Case<'a> {
    pub(super) fn decision(&self) -> Decision {
        decision(self.answer)
    }

    /// The line that decided.
    pub(super) fn place(&self) -> Option<&'a Place> {
        self.answer.as_ref().ok().and_then(Outcome::place)
    }
}

/// Clients that must be served and are refused by one line.
#[derive(Debug)]
pub(super) struct Unserved<'a> {
    pub(super) served: Served,
    pub(super) place: Option<&'a Place>,
    /// Where they are.
    pub(super) spans: Vec<Span>,
    /// What they ask for in vain.
    pub(super) probes: Vec<&'static Probe>,
}

/// A file, judged.
#[derive(Debug)]
pub(super) struct Judgement<'a> {
    pub(super) file: &'a SquidFile,
    table: Option<Table<'a>>,
    callers: Callers,
    declared: &'a [EgressException],
    proof: Proof,
    /// Answers to the table by a client: those that no list tells apart share them.
    answers: HashMap<IpAddr, Vec<Answer<'a>>>,
    /// For each client of the table the one whose answers are its own.
    alike: Vec<IpAddr>,
    /// Whether everything was looked at.
    pub(super) is_complete: bool,
}

impl<'a> Judgement<'a> {
    pub(super) fn of(file: &'a SquidFile, surroundings: &Surroundings<'a>) -> Self {
        let callers = surroundings.callers();
        let declared = networks(surroundings.declared);
        let denied: Vec<Span> = denied_spans().iter().map(|(span, _)| *span).collect();
        let groups: Vec<Span> = callers.served.iter().map(|it| it.span).collect();
        let groups = joined(groups.into_iter().chain(callers.possible.iter().copied()));
        let inside = default_clients().into_iter().map(Span::of);
        let universe = Universe {
            denied: &denied,
            declared: &declared,
            clients: &joined(
                inside
                    .chain(groups.iter().copied())
                    .chain([Span::only(STRANGER)]),
            ),
            groups: &groups,
            examples: &callers
                .clients
                .iter()
                .map(|it| it.address)
                .collect::<Vec<_>>(),
            stranger: STRANGER,
        };
        let proof = Proof::of(file, &universe);
        let table = Table::of(file);
        let alike: Vec<IpAddr> = callers
            .clients
            .iter()
            .map(|client| proof.alike(client.address).unwrap_or(client.address))
            .collect();
        let mut answers = HashMap::new();
        for client in table.iter().flat_map(|_| &alike) {
            answers.entry(*client).or_insert_with(|| {
                let answer = |probe| table.as_ref().map(|table| table.answer(probe, *client));
                (0..PROBES.len()).filter_map(answer).collect()
            });
        }
        let is_complete = proof.is_complete && proof.clients.len() <= MOST_SERVED_KINDS;
        Self {
            file,
            table,
            callers,
            declared: surroundings.declared,
            proof,
            answers,
            alike,
            is_complete,
        }
    }

    /// The table, client by client.
    pub(super) fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        let clients = self.callers.clients.iter().zip(&self.alike);
        clients.flat_map(|(client, alike)| {
            let answers = self.answers.get(alike).map_or(&[][..], Vec::as_slice);
            PROBES
                .iter()
                .zip(answers)
                .enumerate()
                .map(|(index, (probe, answer))| Case {
                    probe,
                    client: *client,
                    expected: self.expected(index, *client, answer),
                    answer,
                })
        })
    }

    /// What should become of a request; what the deployment opens on purpose may pass.
    fn expected(&self, index: usize, client: Client, answer: &Answer<'_>) -> Expected {
        let probe = &PROBES[index];
        let expected = match (probe.expected, client.public) {
            (Expected::Passes, public) => return public,
            (Expected::BetterRefused, Expected::Refused) => return Expected::Refused,
            (expected, _) => expected,
        };
        let may_pass = || {
            client.address != STRANGER
                && decision(answer).passes()
                && self.is_declared(index, probe.method)
        };
        match expected {
            Expected::Refused if may_pass() => Expected::Either,
            expected => expected,
        }
    }

    /// Whether the deployment opens the destination of a probe on purpose.
    fn is_declared(&self, index: usize, method: &str) -> bool {
        let destination = self
            .table
            .as_ref()
            .and_then(|table| table.destination(index));
        let Some((addresses, port)) = destination.filter(|_| !self.declared.is_empty()) else {
            return false;
        };
        let is_web = port == 443 || port == 80 && !method.eq_ignore_ascii_case("CONNECT");
        let private: Vec<Span> = addresses
            .iter()
            .map(|address| Span::only(*address))
            .filter(|one| denied_spans().iter().any(|(span, _)| span.holds(one)))
            .collect();
        let declared = networks(self.declared);
        let is_open = |one: &Span| declared.iter().any(|span| span.holds(one));
        is_web && !private.is_empty() && private.iter().all(is_open)
    }

    pub(super) fn rows(&self) -> Vec<ReportRow> {
        let row = |(index, case): (usize, Case<'_>)| {
            let client = case.client.address;
            let table = self.table.as_ref()?;
            Some(ReportRow {
                destination: case.probe.name,
                client: case.client.name,
                request: ProxyRequest::new(client, case.probe.method, case.probe.target),
                expected: case.expected,
                verdict: table.told(index % PROBES.len(), client, case.answer),
            })
        };
        self.cases().enumerate().filter_map(row).collect()
    }

    /// Why something becomes of a request.
    pub(super) fn reason(&self, case: &Case<'_>) -> String {
        let index = PROBES
            .iter()
            .position(|probe| std::ptr::eq(probe, case.probe));
        let told = self.table.as_ref().zip(index);
        told.map_or_else(String::new, |(table, index)| {
            table.told(index, case.client.address, case.answer).reason
        })
    }

    /// How many requests of the table must be refused, and can't be said to be.
    pub(super) fn undecided(&self) -> usize {
        let is_open = |case: &Case<'_>| {
            case.expected == Expected::Refused && case.decision() == Decision::Unknown
        };
        self.cases().filter(is_open).count()
    }

    /// Whether of every address it could be said what becomes of requests for it.
    pub(super) fn is_decided(&self) -> bool {
        let is_open = |hole: &Hole| hole.decision == Decision::Unknown;
        self.is_complete && !self.proof.holes.iter().any(is_open)
    }

    pub(super) fn holes(&self) -> &[Hole] {
        &self.proof.holes
    }

    /// The clients of a hole in words: those of the table, or else where they are.
    pub(super) fn clients_of(&self, hole: &Hole) -> Vec<String> {
        let kinds = hole
            .clients
            .iter()
            .filter_map(|kind| self.proof.clients.get(*kind));
        let mut names: Vec<String> = Vec::new();
        for (_, spans) in kinds {
            let known = self.callers.clients.iter().filter(|client| {
                let address = Span::only(client.address);
                spans.iter().any(|span| span.holds(&address))
            });
            let before = names.len();
            names.extend(known.map(|client| client.name.to_owned()));
            if names.len() == before {
                names.extend(spans.first().map(ToString::to_string));
            }
        }
        names
    }

    /// Who must be served and is not, by the line that refuses.
    pub(super) fn unserved(&self) -> Vec<Unserved<'_>> {
        let mut unserved: Vec<Unserved<'_>> = Vec::new();
        for served in &self.callers.served {
            for (client, spans) in self.kinds_in(served.span) {
                for (place, probe) in self.refusals(client) {
                    let is_known =
                        |it: &&mut Unserved<'_>| it.served == *served && it.place == place;
                    let Some(known) = unserved.iter_mut().find(is_known) else {
                        unserved.push(Unserved {
                            served: *served,
                            place,
                            spans: spans.clone(),
                            probes: vec![probe],
                        });
                        continue;
                    };
                    known.spans.extend(&spans);
                    if !known.probes.contains(&probe) {
                        known.probes.push(probe);
                    }
                }
            }
        }
        for one in &mut unserved {
            one.spans = joined(one.spans.drain(..));
        }
        unserved
    }

    /// Of the ranges that apps may call from, those that are refused and those that are served.
    pub(super) fn possible(&self) -> (Vec<Span>, Vec<Span>) {
        let (mut refused, mut served) = (Vec::new(), Vec::new());
        for possible in &self.callers.possible {
            for (client, spans) in self.kinds_in(*possible) {
                let is_refused = self.refusals(client).next().is_some();
                if is_refused {
                    &mut refused
                } else {
                    &mut served
                }
                .extend(spans);
            }
        }
        (joined(refused), joined(served))
    }

    /// One client of each kind that has addresses in a range, with these.
    fn kinds_in(&self, range: Span) -> impl Iterator<Item = (IpAddr, Vec<Span>)> {
        let kinds = self.proof.clients.iter().take(MOST_SERVED_KINDS);
        kinds.filter_map(move |(client, spans)| {
            let inside = spans.iter().filter(|span| range.holds(span));
            let inside: Vec<Span> = inside.copied().collect();
            (!inside.is_empty()).then_some((*client, inside))
        })
    }

    /// What of the public internet is refused to a client, with the line that does it.
    fn refusals(
        &self,
        client: IpAddr,
    ) -> impl Iterator<Item = (Option<&'a Place>, &'static Probe)> {
        let probes = PROBES.iter().enumerate();
        let public = probes.filter(|(_, probe)| probe.expected == Expected::Passes);
        public.filter_map(move |(index, probe)| {
            let known = self.answers.get(&client).and_then(|all| all.get(index));
            let answer = match known {
                Some(known) => known.clone(),
                None => self.table.as_ref()?.answer(index, client),
            };
            let decision = decision(&answer);
            let is_refused = !decision.passes() && decision != Decision::Unknown;
            let place = answer.as_ref().ok().and_then(Outcome::place);
            is_refused.then_some((place, probe))
        })
    }

    /// What is not refused though it must be.
    pub(super) fn open_ranges(&self) -> Vec<OpenRange> {
        let of_hole = |hole: &Hole| -> Vec<OpenRange> {
            let range = |(span, range, asked): &(Span, usize, Asked)| {
                let (first, last) = span.ends();
                OpenRange {
                    first,
                    last,
                    what: denied_spans().get(*range).map_or("", |(_, what)| what),
                    decision: hole.decision,
                    place: hole.place.clone(),
                    request: asked.request(first),
                }
            };
            hole.ranges.iter().map(range).collect()
        };
        self.proof.holes.iter().flat_map(of_hole).collect()
    }
}

fn decision(answer: &Answer<'_>) -> Decision {
    match answer {
        Ok(outcome) => outcome.decision,
        Err(Refusal::Bad(_)) => Decision::BadRequest,
        Err(Refusal::Unsupported(_)) => Decision::Unsupported,
    }
}

/// The networks among exceptions.
fn networks(exceptions: &[EgressException]) -> Vec<Span> {
    joined(
        exceptions
            .iter()
            .filter_map(|exception| match exception.target() {
                ExceptionTarget::Network(network) => Some(Span::of(*network)),
                ExceptionTarget::Domain(_) => None,
            }),
    )
}

/// Ranges in order and apart from each other; those that touch become one.
fn joined(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<Span> = spans.into_iter().collect();
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut() {
            Some(open) if span.first <= open.last.saturating_add(1) => {
                open.last = open.last.max(span.last);
            }
            _ => joined.push(span),
        }
    }
    joined
}
