//! Whether a request is in a list: yes, no, or not to be said.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

use super::evaluate::Names;
use super::file::{AccessLine, Listener, SquidFile, Term};
use super::list::{ListKind, holds_any, is_in_domain};
use super::target::Target;
use crate::egress::Action;

/// How many lists are asked for one request; a file can name lists that name lists.
const MOST_STEPS: usize = 100_000;

/// An answer that may not be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown(String),
}

impl Truth {
    fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    fn negated(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown(why) => Self::Unknown(why),
        }
    }

    /// All of them: one that does not hold decides, whatever is not known about others.
    fn all(truths: impl Iterator<Item = Self>) -> Self {
        let mut unknown = None;
        for truth in truths {
            match truth {
                Self::No => return Self::No,
                Self::Unknown(why) => unknown = unknown.or(Some(why)),
                Self::Yes => {}
            }
        }
        unknown.map_or(Self::Yes, Self::Unknown)
    }

    /// Any of them.
    fn any(truths: impl Iterator<Item = Self>) -> Self {
        Self::all(truths.map(Self::negated)).negated()
    }
}

/// The line that decides, or why none is known to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) line: Option<&'a AccessLine>,
    pub(super) action: Option<Action>,
    pub(super) doubt: Option<String>,
}

/// A request that lists are asked about.
#[derive(Debug)]
pub(in crate::egress) struct Asking<'a> {
    file: &'a SquidFile,
    client: IpAddr,
    pub(super) target: &'a Target,
    pub(super) listener: &'a Listener,
    addresses: Option<Cow<'a, [IpAddr]>>,
    names: &'a Names,
    steps: Cell<usize>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        file: &'a SquidFile,
        client: IpAddr,
        target: &'a Target,
        listener: &'a Listener,
        names: &'a Names,
    ) -> Self {
        Self {
            file,
            client: client.to_canonical(),
            target,
            listener,
            addresses: names.addresses(target),
            names,
            steps: Cell::new(0),
        }
    }

    /// The addresses of the host; nothing when they are not known.
    pub(super) fn addresses(&self) -> Option<&[IpAddr]> {
        self.addresses.as_deref()
    }

    /// The first line that fits. One of which that can't be said leaves the decision open, unless
    /// the lines behind it come to the same.
    pub(super) fn first_match<'lines>(&self, lines: &'lines [AccessLine]) -> Found<'lines> {
        let mut open: Option<(&AccessLine, String)> = None;
        for line in lines {
            let doubt = match self.fits(line) {
                Truth::No => continue,
                Truth::Yes => line.doubt.clone(),
                Truth::Unknown(why) => Some(why),
            };
            let Some(doubt) = doubt else {
                return conclude(Some(line), line.action, open);
            };
            match &open {
                Some((first, _)) if first.action != line.action || first.action.is_none() => {
                    return in_doubt(open);
                }
                Some(_) => {}
                None => open = Some((line, doubt)),
            }
        }
        let rest = match lines.last().and_then(|line| line.action) {
            Some(Action::Deny) => Action::Allow,
            Some(Action::Allow) | None => Action::Deny,
        };
        match &open {
            Some((line, _)) if line.action == Some(rest) => conclude(None, Some(rest), open),
            Some(_) => in_doubt(open),
            None => Found {
                line: None,
                action: None,
                doubt: None,
            },
        }
    }

    fn fits(&self, line: &AccessLine) -> Truth {
        Truth::all(line.terms.iter().map(|term| self.holds(term, 0)))
    }

    fn holds(&self, term: &Term, depth: usize) -> Truth {
        let truth = self.is_in(term.list, depth);
        if term.negated { truth.negated() } else { truth }
    }

    fn is_in(&self, index: usize, depth: usize) -> Truth {
        let Some(list) = self.file.lists.get(index) else {
            return Truth::Unknown("a list is not there".to_owned());
        };
        self.steps.set(self.steps.get() + 1);
        if depth > 32 || self.steps.get() > MOST_STEPS {
            return Truth::Unknown(format!("the list `{}` names too many others", list.name));
        }
        let truth = match &list.kind {
            ListKind::Source(addresses) => match &self.file.settings.forwarded {
                Some(place) if list.name != "all" => Truth::Unknown(format!(
                    "the client's address may be another one than that which connects, by {place}"
                )),
                _ => Truth::of(addresses.contains(self.client)),
            },
            ListKind::Destination {
                addresses,
                looks_up: true,
            } => match &self.addresses {
                Some(known) => Truth::of(holds_any(addresses, known)),
                None => Truth::Unknown(format!(
                    "the addresses of `{}` are not known",
                    self.target.host
                )),
            },
            ListKind::Destination {
                addresses,
                looks_up: false,
            } => Truth::of(
                self.target
                    .numeric
                    .is_some_and(|address| addresses.contains(address)),
            ),
            ListKind::Domain { domains, looks_up } => self.is_in_domains(domains, *looks_up),
            ListKind::Port(ports) => Truth::of(holds_port(ports, self.target.port)),
            ListKind::ListeningPort(ports) => Truth::of(holds_port(ports, self.listener.port)),
            ListKind::ListeningName(names) => Truth::of(
                self.listener
                    .name
                    .as_ref()
                    .is_some_and(|name| names.contains(name)),
            ),
            ListKind::Method(methods) => {
                let asked = |method: &String| method.eq_ignore_ascii_case(&self.target.method);
                Truth::of(methods.iter().any(asked))
            }
            ListKind::Scheme(schemes) => Truth::of(schemes.contains(&self.target.scheme)),
            ListKind::Manager => Truth::of(self.target.is_manager()),
            ListKind::AnyOf(terms) => {
                Truth::any(terms.iter().map(|term| self.holds(term, depth + 1)))
            }
            ListKind::AllOf(lines) => {
                let all = |terms: &Vec<Term>| {
                    Truth::all(terms.iter().map(|term| self.holds(term, depth + 1)))
                };
                Truth::any(lines.iter().map(all))
            }
            ListKind::NotUnderstood => Truth::No,
        };
        match (truth, &list.doubt) {
            (Truth::No, Some(doubt)) => Truth::Unknown(doubt.clone()),
            (truth, _) => truth,
        }
    }

    /// Domains are compared with the host, and for an address with its name if that may be asked.
    fn is_in_domains(&self, domains: &[String], looks_up: bool) -> Truth {
        let is_in = |host: &str| domains.iter().any(|domain| is_in_domain(host, domain));
        if is_in(&self.target.host) {
            return Truth::Yes;
        }
        let Some(address) = self.target.numeric.filter(|_| looks_up) else {
            return Truth::No;
        };
        match self.names.reverse(address) {
            Some(name) => Truth::of(is_in(&name)),
            None => Truth::Unknown(format!(
                "the name of {address} is not known, and `dstdomain` without `-n` asks for it"
            )),
        }
    }

    /// Which lists made a line fit, in words.
    pub(super) fn because(&self, line: &AccessLine) -> String {
        let told = line.terms.iter().map(|term| {
            let Some(list) = self.file.lists.get(term.list) else {
                return String::new();
            };
            let relation = if term.negated { "is not in" } else { "is in" };
            match self.subject(&list.kind) {
                Some(subject) => format!("{subject} {relation} `{}`", list.name),
                None => format!("it {relation} `{}`", list.name),
            }
        });
        told.collect::<Vec<_>>().join(", ")
    }

    fn subject(&self, kind: &ListKind) -> Option<String> {
        Some(match kind {
            ListKind::Source(_) => format!("client {}", self.client),
            ListKind::Destination { addresses, .. } => {
                let hit = |address: &&IpAddr| addresses.contains(**address);
                let known = self.addresses.as_deref().unwrap_or_default();
                match known.iter().find(hit) {
                    Some(address) if self.target.numeric.is_none() => {
                        format!("{address}, an address of {},", self.target.host)
                    }
                    Some(address) => address.to_string(),
                    None => format!("host {}", self.target.host),
                }
            }
            ListKind::Domain { .. } => format!("host {}", self.target.host),
            ListKind::Port(_) => format!("port {}", self.target.port),
            ListKind::Method(_) => format!("method {}", self.target.method),
            ListKind::Scheme(_) => "the scheme".to_owned(),
            ListKind::ListeningPort(_) | ListKind::ListeningName(_) => {
                format!("the proxy's port {}", self.listener.port)
            }
            _ => return None,
        })
    }
}

/// The decision of a line, or of no line, behind those that are open.
fn conclude<'a>(
    line: Option<&'a AccessLine>,
    action: Option<Action>,
    open: Option<(&'a AccessLine, String)>,
) -> Found<'a> {
    match open {
        // Whatever the open lines say, they say the same as this one.
        Some((first, _)) if first.action.is_some() && first.action == action => Found {
            line: line.or(Some(first)),
            action,
            doubt: None,
        },
        Some(_) => in_doubt(open),
        None => Found {
            line,
            action,
            doubt: None,
        },
    }
}

fn in_doubt(open: Option<(&AccessLine, String)>) -> Found<'_> {
    let (line, doubt) = open.unzip();
    Found {
        line,
        action: None,
        doubt,
    }
}

fn holds_port(ports: &[(u16, u16)], port: u16) -> bool {
    ports
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&port))
}
