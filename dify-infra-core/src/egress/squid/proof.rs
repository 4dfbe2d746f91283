//! What a file does with every address of some ranges, for every client, method, scheme and port.
//!
//! A file tells addresses apart by the values of its lists alone. The ranges are cut wherever such a value
//! begins or ends, and so are the ports and the clients; methods and schemes are told apart by the lists that
//! name them. All pieces of the ranges are then judged at once, as sets, for one request of each kind.

mod kinds;
mod walk;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::file::{Place, SquidFile};
use super::list::{List, ListKind};
use super::partition::{Bits, Pieces};
use super::range::Span;
use crate::egress::Decision;

pub(in crate::egress) use self::kinds::Asked;
use self::kinds::{Kinds, references};
use self::walk::{Walk, address_of_domain};

/// Pieces of all ranges that are judged at most.
const MOST_PIECES: usize = 1 << 15;

/// Ranges that are told of one line at most.
const MOST_TOLD: usize = 1_000;

/// What is asked of a file.
#[derive(Debug)]
pub(in crate::egress) struct Universe<'a> {
    /// Destinations that must not be reached: in order, apart from each other.
    pub(in crate::egress) denied: &'a [Span],
    /// Destinations that a deployment opens on purpose, for clients inside and on the ports of the web.
    pub(in crate::egress) declared: &'a [Span],
    /// Where clients come from: in order, apart from each other.
    pub(in crate::egress) clients: &'a [Span],
    /// Ranges of clients that are asked about.
    pub(in crate::egress) groups: &'a [Span],
    /// Clients to be taken as an example of their kind.
    pub(in crate::egress) examples: &'a [IpAddr],
    /// A client that nothing is opened for.
    pub(in crate::egress) stranger: IpAddr,
}

/// What came of it.
#[derive(Debug)]
pub(in crate::egress) struct Proof {
    /// What is let through, and what can't be decided, by the line that leads to it.
    pub(in crate::egress) holes: Vec<Hole>,
    /// Clients that no list of the file tells apart: one of them, and where they are.
    pub(in crate::egress) clients: Vec<(IpAddr, Vec<Span>)>,
    /// Whether everything was looked at.
    pub(in crate::egress) is_complete: bool,
}

/// Addresses that a line lets through, or that it leaves open.
#[derive(Debug)]
pub(in crate::egress) struct Hole {
    /// [`Decision::Allowed`] or [`Decision::Unknown`].
    pub(in crate::egress) decision: Decision,
    /// The line; nothing where no line fits.
    pub(in crate::egress) place: Option<Place>,
    /// Addresses that follow each other, the number of their range, and a request for the first of them.
    pub(in crate::egress) ranges: Vec<(Span, usize, Asked)>,
    /// Which [`Proof::clients`] it is open for.
    pub(in crate::egress) clients: Vec<usize>,
}

impl Proof {
    pub(in crate::egress) fn of(file: &SquidFile, universe: &Universe<'_>) -> Self {
        let lists = references(file);
        let any = unspecified();
        let cuts = lists.iter().flat_map(|list| destinations(list));
        let cuts = cuts.chain(universe.declared.iter().copied()).chain(any);
        let pieces = Pieces::cut(universe.denied, cuts);
        let kinds = Kinds::of(&lists, universe);
        let mut found = Found::default();
        let mut is_complete = kinds.is_complete && pieces.len() <= MOST_PIECES;
        if pieces.len() <= MOST_PIECES {
            let walk = Walk::new(file, &pieces, pieces.within_any(&any));
            let declared = pieces.within_any(universe.declared);
            for (number, asked) in kinds.requests.iter().enumerate() {
                let opened = (asked.is_web() && asked.is_inside).then_some(&declared);
                is_complete &= walk.judge(asked, number, opened, &mut found);
            }
        }
        Self {
            holes: found.holes(&pieces, &kinds.requests),
            clients: kinds.clients,
            is_complete,
        }
    }
}

impl Proof {
    /// A client of which every list says the same as of this one.
    pub(in crate::egress) fn alike(&self, client: IpAddr) -> Option<IpAddr> {
        let client = Span::only(client);
        let mut kinds = self.clients.iter().filter(|_| self.is_complete);
        let kind = kinds.find(|(_, spans)| spans.iter().any(|span| span.holds(&client)));
        kind.map(|(one, _)| *one)
    }
}

/// "Any address", which squid does not take for an address of a request: `dst -n` does not hold it.
fn unspecified() -> [Span; 2] {
    [[0; 4].into(), [0; 16].into()].map(Span::only)
}

/// Where a list tells one destination from another.
fn destinations(list: &List) -> Vec<Span> {
    match &list.kind {
        ListKind::Destination { addresses, .. } => addresses.spans().to_vec(),
        ListKind::Domain { domains, .. } => domains
            .iter()
            .filter_map(|domain| address_of_domain(domain))
            .map(Span::only)
            .collect(),
        _ => Vec::new(),
    }
}

/// What lines let through or leave open, by their places.
#[derive(Debug, Default)]
struct Found(BTreeMap<(Option<Place>, Decision), Open>);

/// Pieces that are open by one line.
#[derive(Debug)]
struct Open {
    all: Bits,
    /// What each kind of request added to them.
    added: Vec<(usize, Bits)>,
    clients: Vec<usize>,
}

impl Found {
    /// Adds pieces that a kind of request leads to.
    fn add(
        &mut self,
        place: Option<&Place>,
        decision: Decision,
        number: usize,
        asked: &Asked,
        pieces: Bits,
    ) {
        if pieces.is_empty() {
            return;
        }
        let key = (place.cloned(), decision);
        let open = self.0.entry(key).or_insert_with(|| Open {
            all: pieces.clone().without(&pieces),
            added: Vec::new(),
            clients: Vec::new(),
        });
        if !open.clients.contains(&asked.client_kind) {
            open.clients.push(asked.client_kind);
        }
        let new = pieces.without(&open.all);
        if !new.is_empty() {
            open.all = open.all.clone().or(&new);
            open.added.push((number, new));
        }
    }

    fn holes(self, pieces: &Pieces, requests: &[Asked]) -> Vec<Hole> {
        let hole = |((place, decision), open): ((Option<Place>, Decision), Open)| {
            let joined = pieces.joined(&open.all).into_iter().take(MOST_TOLD);
            let ranges = joined.filter_map(|(span, first, range)| {
                let holds = |(_, bits): &&(usize, Bits)| bits.contains(first);
                let (number, _) = open.added.iter().find(holds)?;
                Some((span, range, requests.get(*number)?.clone()))
            });
            Hole {
                decision,
                place,
                ranges: ranges.collect(),
                clients: open.clients,
            }
        };
        self.0.into_iter().map(hole).collect()
    }
}

#[cfg(test)]
mod tests;
