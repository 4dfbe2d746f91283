//! Which requests a file tells apart by anything but their destination's address.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::Universe;
use crate::egress::ProxyRequest;
use crate::egress::squid::file::{SquidFile, Term};
use crate::egress::squid::list::{List, ListKind};
use crate::egress::squid::partition::{Bits, Partition, Pieces};
use crate::egress::squid::range::Span;
use crate::egress::squid::target::Scheme;

/// Kinds of requests that are judged at most.
const MOST_KINDS: usize = 4096;

/// Elements that are put into classes, over all lists of one type: more are not.
const MOST_MEMBERS: usize = 4_000_000;

/// Methods that are asked with, and those that the file's lists name.
const METHODS: [&str; 7] = ["GET", "CONNECT", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];

/// Schemes that squid follows to an address that the request names.
const SCHEMES: [Scheme; 4] = [Scheme::Http, Scheme::Https, Scheme::Ftp, Scheme::Whois];

/// Ports to be taken as an example of their kind, the first first.
const PORTS: [u16; 6] = [80, 443, 8080, 6379, 5432, 22];

/// A kind of request: everything but the destination's address.
#[derive(Debug, Clone)]
pub(in crate::egress) struct Asked {
    pub(in crate::egress) client: IpAddr,
    /// The number of the client's kind.
    pub(super) client_kind: usize,
    /// Whether the client is not the stranger.
    pub(super) is_inside: bool,
    pub(super) method: String,
    pub(super) scheme: Scheme,
    pub(super) port: u16,
    /// Whether the destination is asked for by a name that no list holds, and not as an address.
    pub(super) by_name: bool,
}

impl Asked {
    /// Whether it goes to a port that exceptions are opened on.
    pub(super) fn is_web(&self) -> bool {
        match self.scheme {
            Scheme::None => self.port == 443,
            _ => [80, 443].contains(&self.port),
        }
    }

    /// The request for an address; by a name, the name is made up.
    pub(in crate::egress) fn request(&self, address: IpAddr) -> ProxyRequest {
        let host = if self.by_name {
            "any-name.invalid".to_owned()
        } else {
            crate::egress::squid::address::as_host(address)
        };
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Ftp => "ftp",
            Scheme::Whois => "whois",
            _ => "http",
        };
        let port = self.port;
        let target = match (self.scheme, port) {
            (Scheme::None, _) => format!("{host}:{port}"),
            (Scheme::Http, 80) | (Scheme::Https, 443) | (Scheme::Ftp, 21) => {
                format!("{scheme}://{host}/")
            }
            _ => format!("{scheme}://{host}:{port}/"),
        };
        ProxyRequest::new(self.client, &self.method, &target)
    }
}

/// The lists that access lines name, and those that these name.
pub(super) fn references(file: &SquidFile) -> Vec<&List> {
    let mut seen = HashSet::new();
    let mut open: Vec<&Term> = file.access.iter().flat_map(|line| &line.terms).collect();
    let mut lists = Vec::new();
    while let Some(term) = open.pop() {
        if !seen.insert(term.list) {
            continue;
        }
        let Some(list) = file.lists.get(term.list) else {
            continue;
        };
        match &list.kind {
            ListKind::AnyOf(terms) => open.extend(terms),
            ListKind::AllOf(lines) => open.extend(lines.iter().flatten()),
            _ => lists.push(list),
        }
    }
    lists
}

/// One request of each kind.
#[derive(Debug)]
pub(super) struct Kinds {
    pub(super) requests: Vec<Asked>,
    /// One of each kind of client, and where they are.
    pub(super) clients: Vec<(IpAddr, Vec<Span>)>,
    /// Whether no kind was left out.
    pub(super) is_complete: bool,
}

impl Kinds {
    pub(super) fn of(lists: &[&List], universe: &Universe<'_>) -> Self {
        let mut left = MOST_MEMBERS;
        let clients = clients(lists, universe, &mut left);
        let ports = ports(lists, &mut left);
        let verbs = verbs(lists, &mut left);
        let by_name = lists.iter().any(|list| match &list.kind {
            ListKind::Destination { looks_up, .. } => !looks_up,
            ListKind::Domain { .. } => true,
            _ => false,
        });
        let strangers = Span::only(universe.stranger);
        let mut requests = Vec::new();
        let forms: &[bool] = if by_name { &[false, true] } else { &[false] };
        let count = clients.len() * ports.len() * verbs.len() * forms.len();
        for (client_kind, (client, spans)) in clients.iter().enumerate() {
            for (method, scheme) in &verbs {
                for port in &ports {
                    requests.extend(forms.iter().map(|by_name| Asked {
                        client: *client,
                        client_kind,
                        is_inside: spans.iter().any(|span| *span != strangers),
                        method: method.clone(),
                        scheme: *scheme,
                        port: *port,
                        by_name: *by_name,
                    }));
                    if requests.len() > MOST_KINDS {
                        break;
                    }
                }
            }
        }
        requests.truncate(MOST_KINDS);
        Self {
            requests,
            clients,
            is_complete: left > 0 && count <= MOST_KINDS,
        }
    }
}

/// Splits by a set of elements, as long as it is not too much over all sets.
fn split(partition: &mut Partition, set: &Bits, left: &mut usize) {
    *left = left.saturating_sub(1 + set.iter().count());
    if *left > 0 {
        partition.split(set);
    }
}

fn clients(lists: &[&List], universe: &Universe<'_>, left: &mut usize) -> Vec<(IpAddr, Vec<Span>)> {
    let sources = || {
        lists.iter().filter_map(|list| match &list.kind {
            ListKind::Source(addresses) if !addresses.is_everything() => Some(addresses.spans()),
            _ => None,
        })
    };
    let cuts = sources().flatten().chain(universe.groups).copied();
    let pieces = Pieces::cut(universe.clients, cuts);
    let mut partition = Partition::new(pieces.len());
    for spans in sources() {
        split(&mut partition, &pieces.within_any(spans), left);
    }
    let kind = |class: Vec<usize>| {
        let spans: Vec<Span> = class.iter().map(|piece| pieces.span(*piece)).collect();
        let is_here = |example: &&IpAddr| {
            let example = Span::only(**example);
            spans.iter().any(|span| span.holds(&example))
        };
        let example = universe.examples.iter().find(is_here).copied();
        let first = spans.first().map(|span| span.ends().0);
        (example.or(first).unwrap_or(universe.stranger), spans)
    };
    partition.classes().into_iter().map(kind).collect()
}

fn ports(lists: &[&List], left: &mut usize) -> Vec<u16> {
    let span = |(first, last): &(u16, u16)| Span {
        first: u128::from(*first),
        last: u128::from(*last),
    };
    let sets: Vec<Vec<Span>> = lists
        .iter()
        .filter_map(|list| match &list.kind {
            ListKind::Port(ports) => Some(ports.iter().map(span).collect()),
            _ => None,
        })
        .chain([80, 443].map(|port| vec![span(&(port, port))]))
        .collect();
    let every = span(&(1, u16::MAX));
    let pieces = Pieces::cut(&[every], sets.iter().flatten().copied());
    let mut partition = Partition::new(pieces.len());
    for set in &sets {
        split(&mut partition, &pieces.within_any(set), left);
    }
    let example = |class: &Vec<usize>| {
        let is_here = |port: &&u16| {
            let port = span(&(**port, **port));
            class.iter().any(|piece| pieces.span(*piece).holds(&port))
        };
        let first = class.first().map_or(0, |piece| pieces.span(*piece).first);
        PORTS
            .iter()
            .find(is_here)
            .copied()
            .or_else(|| u16::try_from(first).ok())
            .unwrap_or(u16::MAX)
    };
    let mut ports: Vec<u16> = partition.classes().iter().map(example).collect();
    // What people know comes first, as an example for what is found.
    ports.sort_by_key(|port| {
        PORTS
            .iter()
            .position(|known| known == port)
            .unwrap_or(PORTS.len())
    });
    ports
}

/// Methods with schemes, as far as squid forwards them.
fn verbs(lists: &[&List], left: &mut usize) -> Vec<(String, Scheme)> {
    let mut methods: Vec<&str> = METHODS.to_vec();
    let mut places: HashMap<&str, usize> = METHODS.into_iter().zip(0..).collect();
    let named = || {
        lists.iter().filter_map(|list| match &list.kind {
            ListKind::Method(names) => Some(names),
            _ => None,
        })
    };
    // Squid takes no HTTP/2 and answers PURGE itself.
    let is_sent = |name: &&String| name.len() <= 32 && !["PRI", "PURGE"].contains(&name.as_str());
    for name in named().flatten().filter(is_sent) {
        places.entry(name).or_insert_with(|| {
            methods.push(name);
            methods.len() - 1
        });
    }
    // One that no list names.
    methods.push("PATCH-LIKE");
    let mut partition = Partition::new(methods.len());
    for names in named() {
        let mut set = Bits::none(methods.len());
        for place in names.iter().filter_map(|name| places.get(name.as_str())) {
            set.insert(*place..*place + 1);
        }
        split(&mut partition, &set, left);
    }
    let mut schemes = Partition::new(SCHEMES.len());
    for list in lists {
        if let ListKind::Scheme(known) = &list.kind {
            let mut set = Bits::none(SCHEMES.len());
            for (place, scheme) in SCHEMES.iter().enumerate() {
                if known.contains(scheme) {
                    set.insert(place..place + 1);
                }
            }
            split(&mut schemes, &set, left);
        }
    }
    let schemes = schemes.classes();
    let mut verbs = Vec::new();
    for class in partition.classes() {
        let of_class = || class.iter().map(|method| methods[*method]);
        if of_class().any(|method| method == "CONNECT") {
            verbs.push(("CONNECT".to_owned(), Scheme::None));
        }
        let others = || of_class().filter(|method| *method != "CONNECT");
        for scheme in &schemes {
            let pairs = scheme.iter().flat_map(|scheme| {
                let scheme = SCHEMES[*scheme];
                others().map(move |method| (method, scheme))
            });
            let mut pairs = pairs.filter(|(method, scheme)| scheme.takes(method));
            verbs.extend(
                pairs
                    .next()
                    .map(|(method, scheme)| (method.to_owned(), scheme)),
            );
        }
    }
    verbs
}
