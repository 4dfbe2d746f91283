//! All pieces of the ranges in one walk through the access lines.

use std::cell::Cell;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::Found;
use super::kinds::Asked;
use crate::egress::squid::address::as_host;
use crate::egress::squid::file::{AccessLine, SquidFile, Term};
use crate::egress::squid::list::{ListKind, is_in_domain};
use crate::egress::squid::partition::{Bits, Pieces};
use crate::egress::squid::range::{AddressList, Span};
use crate::egress::{Action, Decision};

/// How much is looked at for one file: terms of lines, with what the sets of their pieces weigh.
const MOST_WORK: usize = 8_000_000;

/// How deep lists of lists are followed, as for one request.
const DEEPEST: usize = 32;

/// A set of pieces, which mostly is none or all.
#[derive(Debug, Clone)]
enum Set {
    Nothing,
    Everything,
    Some(Bits),
}

impl Set {
    fn of(known: bool) -> Self {
        if known {
            Self::Everything
        } else {
            Self::Nothing
        }
    }

    fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Everything, other) => other.clone(),
            (one, Self::Everything) => one,
            (Self::Some(one), Self::Some(other)) => Self::Some(one.and(other)),
        }
    }

    fn inverted(self, pieces: usize) -> Self {
        match self {
            Self::Nothing => Self::Everything,
            Self::Everything => Self::Nothing,
            Self::Some(bits) => Self::Some(Bits::all(pieces).without(&bits)),
        }
    }

    /// What of some pieces is in it.
    fn of_pieces(&self, pieces: &Bits) -> Option<Bits> {
        match self {
            Self::Nothing => None,
            Self::Everything => Some(pieces.clone()),
            Self::Some(bits) => Some(pieces.clone().and(bits)),
        }
        .filter(|bits| !bits.is_empty())
    }
}

/// Which pieces are surely in a list, and which may be.
#[derive(Debug, Clone)]
struct Held {
    surely: Set,
    maybe: Set,
}

impl Held {
    fn known(set: Set) -> Self {
        Self {
            surely: set.clone(),
            maybe: set,
        }
    }

    fn unknown() -> Self {
        Self {
            surely: Set::Nothing,
            maybe: Set::Everything,
        }
    }

    fn inverted(self, pieces: usize) -> Self {
        Self {
            surely: self.maybe.inverted(pieces),
            maybe: self.surely.inverted(pieces),
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self.maybe, Set::Nothing)
    }
}

/// A file with the pieces that it is asked about.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    file: &'a SquidFile,
    pieces: &'a Pieces,
    /// The pieces that are "any address".
    unspecified: Bits,
    work: Cell<usize>,
}

/// Pieces of which no line has decided yet.
#[derive(Debug)]
struct Rest<'a> {
    /// No line before fits them.
    clean: Bits,
    /// A line before may fit them, and what that one decides.
    open: Vec<(Option<Action>, Bits)>,
    /// The same, by these lines.
    opened: Vec<(&'a AccessLine, Bits)>,
    /// It can't be said what becomes of them.
    undecided: Bits,
}

impl<'a> Walk<'a> {
    pub(super) fn new(file: &'a SquidFile, pieces: &'a Pieces, unspecified: Bits) -> Self {
        Self {
            file,
            pieces,
            unspecified,
            work: Cell::new(0),
        }
    }

    /// Judges all pieces for one kind of request, but for those that are open on purpose; whether it
    /// came to the end.
    ///
    /// Follows [`Asking::first_match`](super::super::matching::Asking::first_match) for each piece.
    pub(super) fn judge(
        &self,
        asked: &Asked,
        number: usize,
        but: Option<&Bits>,
        found: &mut Found,
    ) -> bool {
        let none = Bits::none(self.pieces.len());
        let all = Bits::all(self.pieces.len());
        let mut rest = Rest {
            clean: but.map_or_else(|| all.clone(), |but| all.clone().without(but)),
            open: Vec::new(),
            opened: Vec::new(),
            undecided: none,
        };
        let mut is_over = false;
        for line in &self.file.access {
            let Some(mut fit) = self.fits(line, asked) else {
                is_over = true;
                break;
            };
            if line.doubt.is_some() {
                fit.surely = Set::Nothing;
            }
            let passed = rest.decide(line, &fit);
            if line.action == Some(Action::Allow) {
                for pieces in passed {
                    self.passes(Some(line), asked, number, pieces, found);
                }
            }
            if rest.is_empty() {
                break;
            }
        }
        let implicit = self.file.implicit();
        let (clean, concluded) = rest.end(implicit);
        let is_passed = implicit == Action::Allow && !is_over;
        if is_passed {
            self.passes(None, asked, number, clean, found);
        }
        for (line, pieces) in rest.opened {
            if is_passed {
                let passed = pieces.clone().and(&concluded);
                self.passes(Some(line), asked, number, passed, found);
            }
            let undecided = pieces.and(&rest.undecided);
            let place = Some(&line.place);
            found.add(place, Decision::Unknown, number, asked, undecided);
        }
        !is_over
    }

    /// Adds pieces that the rules let pass.
    fn passes(
        &self,
        line: Option<&AccessLine>,
        asked: &Asked,
        number: usize,
        pieces: Bits,
        found: &mut Found,
    ) {
        let later = self.file.settings.later.first();
        let (place, decision) = match later {
            Some((place, _)) => (Some(place), Decision::Unknown),
            None => (line.map(|line| &line.place), Decision::Allowed),
        };
        found.add(place, decision, number, asked, pieces);
    }

    /// The pieces that a line fits; nothing when too much was looked at.
    fn fits(&self, line: &AccessLine, asked: &Asked) -> Option<Held> {
        self.all(&line.terms, asked, 0)
    }

    fn all(&self, terms: &[Term], asked: &Asked, depth: usize) -> Option<Held> {
        let mut held = Held::known(Set::Everything);
        for term in terms {
            let one = self.holds(term, asked, depth)?;
            held.surely = held.surely.and(&one.surely);
            held.maybe = held.maybe.and(&one.maybe);
            if held.is_nothing() {
                break;
            }
        }
        Some(held)
    }

    /// Any of some: not all of their opposites.
    fn any(&self, each: impl Iterator<Item = Option<Held>>) -> Option<Held> {
        let mut none = Held::known(Set::Everything);
        for one in each {
            let outside = one?.inverted(self.pieces.len());
            none.surely = none.surely.and(&outside.surely);
            none.maybe = none.maybe.and(&outside.maybe);
            if none.is_nothing() {
                break;
            }
        }
        Some(none.inverted(self.pieces.len()))
    }

    fn holds(&self, term: &Term, asked: &Asked, depth: usize) -> Option<Held> {
        let held = self.is_in(term.list, asked, depth)?;
        Some(if term.negated {
            held.inverted(self.pieces.len())
        } else {
            held
        })
    }

    fn is_in(&self, index: usize, asked: &Asked, depth: usize) -> Option<Held> {
        let Some(list) = self.file.lists.get(index) else {
            return Some(Held::unknown());
        };
        self.spend(1)?;
        if depth > DEEPEST {
            return Some(Held::unknown());
        }
        let known = |known: bool| Held::known(Set::of(known));
        let mut held = match &list.kind {
            ListKind::Source(_) if self.file.settings.forwarded.is_some() && list.name != "all" => {
                Held::unknown()
            }
            ListKind::Source(addresses) => known(addresses.contains(asked.client)),
            ListKind::Destination {
                addresses,
                looks_up,
            } => self.destinations(addresses, *looks_up, asked)?,
            ListKind::Domain { domains, looks_up } => self.domains(domains, *looks_up, asked)?,
            ListKind::Port(ports) => {
                self.spend(ports.len() / 16)?;
                known(holds_port(ports, asked.port))
            }
            ListKind::ListeningPort(ports) => {
                let listener = self.file.listener(None);
                known(listener.is_some_and(|listener| holds_port(ports, listener.port)))
            }
            ListKind::ListeningName(names) => {
                let listener = self.file.listener(None);
                let name = listener.and_then(|listener| listener.name.as_ref());
                known(name.is_some_and(|name| names.contains(name)))
            }
            ListKind::Method(methods) => {
                self.spend(methods.len() / 16)?;
                let is_asked = |method: &String| method.eq_ignore_ascii_case(&asked.method);
                known(methods.iter().any(is_asked))
            }
            ListKind::Scheme(schemes) => known(schemes.contains(&asked.scheme)),
            // What is asked for are no pages of the proxy's own.
            ListKind::Manager | ListKind::NotUnderstood => known(false),
            ListKind::AnyOf(terms) => {
                self.any(terms.iter().map(|term| self.holds(term, asked, depth + 1)))?
            }
            ListKind::AllOf(lines) => {
                self.any(lines.iter().map(|terms| self.all(terms, asked, depth + 1)))?
            }
        };
        if list.doubt.is_some() {
            held.maybe = Set::Everything;
        }
        Some(held)
    }

    fn destinations(&self, list: &AddressList, looks_up: bool, asked: &Asked) -> Option<Held> {
        if !looks_up && asked.by_name {
            return Some(Held::known(Set::Nothing));
        }
        self.spend((self.pieces.len() + list.spans().len()) / 16)?;
        let set = if list.is_everything() {
            Bits::all(self.pieces.len())
        } else {
            self.pieces.within_any(list.spans())
        };
        let set = if looks_up {
            set
        } else {
            set.without(&self.unspecified)
        };
        Some(Held::known(Set::Some(set)))
    }

    /// Domains hold an address that is written as one of them. Others that end in a number may hold some of
    /// all addresses; the names of addresses are taken for none.
    fn domains(&self, domains: &[String], looks_up: bool, asked: &Asked) -> Option<Held> {
        self.spend((self.pieces.len() + 4 * domains.len()) / 16)?;
        if asked.by_name {
            return Some(Held::known(Set::Nothing));
        }
        let mut surely = if looks_up && domains.iter().any(|it| is_in_domain("none", it)) {
            Bits::all(self.pieces.len()).without(&self.unspecified)
        } else {
            Bits::none(self.pieces.len())
        };
        let mut maybe = surely.clone();
        for domain in domains {
            if let Some(address) = address_of_domain(domain) {
                surely.insert(self.pieces.within(Span::only(address)));
            } else {
                let alike = self.pieces.within_any(&addresses_below(domain));
                maybe = maybe.or(&alike);
            }
        }
        maybe = maybe.or(&surely);
        Some(Held {
            surely: Set::Some(surely),
            maybe: Set::Some(maybe),
        })
    }

    fn spend(&self, work: usize) -> Option<()> {
        self.work.set(self.work.get() + work);
        (self.work.get() <= MOST_WORK).then_some(())
    }
}

impl<'a> Rest<'a> {
    /// Takes out what a line decides; what it decides surely.
    fn decide(&mut self, line: &'a AccessLine, fit: &Held) -> Vec<Bits> {
        let mut decided = Vec::new();
        if fit.is_nothing() {
            return decided;
        }
        for (action, open) in &mut self.open {
            // A line that says the same as the open one may close it; any other leaves it undecided.
            let says_the_same = action.is_some() && *action == line.action;
            let set = if says_the_same {
                &fit.surely
            } else {
                &fit.maybe
            };
            let Some(hit) = set.of_pieces(open) else {
                continue;
            };
            *open = open.clone().without(&hit);
            if says_the_same {
                decided.push(hit);
            } else {
                self.undecided = self.undecided.clone().or(&hit);
            }
        }
        if let Some(hit) = fit.surely.of_pieces(&self.clean) {
            self.clean = self.clean.clone().without(&hit);
            decided.push(hit);
        }
        if let Some(hit) = fit.maybe.of_pieces(&self.clean) {
            self.clean = self.clean.clone().without(&hit);
            match self
                .open
                .iter_mut()
                .find(|(action, _)| *action == line.action)
            {
                Some((_, open)) => *open = open.clone().or(&hit),
                None => self.open.push((line.action, hit.clone())),
            }
            self.opened.push((line, hit));
        }
        decided
    }

    /// Decides what no line has, by what squid does then: what no line may fit, and what lines may fit
    /// that say the same.
    fn end(&mut self, implicit: Action) -> (Bits, Bits) {
        let mut concluded = self.undecided.clone().without(&self.undecided);
        for (action, open) in self.open.drain(..) {
            if action == Some(implicit) {
                concluded = concluded.or(&open);
            } else {
                self.undecided = self.undecided.clone().or(&open);
            }
        }
        (self.clean.clone(), concluded)
    }

    fn is_empty(&self) -> bool {
        self.clean.is_empty() && self.open.iter().all(|(_, open)| open.is_empty())
    }
}

/// The address that a domain of a list is, written as squid writes it.
pub(super) fn address_of_domain(domain: &str) -> Option<IpAddr> {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = bare.parse().ok()?;
    (as_host(address) == host).then_some(address)
}

/// The addresses that may end in a domain with a dot before it: IPv4 in a number, IPv6 in a bracket.
fn addresses_below(domain: &str) -> Vec<Span> {
    let last = domain.rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let v4 = Span::of(IpNet::V4(Ipv4Net::default()));
    match domain.strip_prefix('.') {
        Some(_) if is_number => vec![v4],
        Some(rest) if rest.ends_with(']') => vec![
            Span {
                first: 0,
                last: v4.first - 1,
            },
            Span {
                first: v4.last + 1,
                last: u128::MAX,
            },
        ],
        _ => Vec::new(),
    }
}

fn holds_port(ports: &[(u16, u16)], port: u16) -> bool {
    ports
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&port))
}
