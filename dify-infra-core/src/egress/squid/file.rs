//! What a squid file says, as far as it decides who reaches what.

use std::fmt;

use super::list::{List, ListKind, Lists};
use crate::egress::Action;

/// Where something stands in a squid file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The included file; nothing for the file itself.
    pub file: Option<String>,
    /// The line, from 1; 0 for what squid brings with it.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(formatter, "{file} line {}", self.line),
            None if self.line == 0 => formatter.write_str("squid's own default"),
            None => write!(formatter, "line {}", self.line),
        }
    }
}

/// What is to be known about a line besides its decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RemarkKind {
    /// Squid 5.7 does not start with this line.
    Fatal,
    /// The line is not understood here, and may change decisions.
    NotUnderstood,
    /// The line includes a file whose text was not given.
    NotSeen,
    /// Squid reads the line otherwise than it looks, or leaves a part of it out.
    Ineffective,
}

/// A remark about a line of a squid file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What kind of remark it is.
    pub kind: RemarkKind,
    /// The line.
    pub place: Place,
    /// What is to be known, as a sentence without its full stop.
    pub message: String,
}

/// A list, negated or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// Index into the lists of the file.
    pub(super) list: usize,
    pub(super) negated: bool,
}

/// One decision: made when all terms hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccessLine {
    /// Nothing where the decision itself is not known: a file that was not seen.
    pub(super) action: Option<Action>,
    pub(super) terms: Vec<Term>,
    pub(super) place: Place,
    /// The line as it is written.
    pub(super) text: String,
    /// Why the line is there, where that is known.
    pub(super) reason: Option<String>,
    /// What keeps the line from being decided, whatever its terms are.
    pub(super) doubt: Option<String>,
}

/// A port that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) name: Option<String>,
    /// Whether it is a reverse proxy's.
    pub(super) accelerates: bool,
    /// `vhost`: the site is that of the `Host` header.
    pub(super) by_host: bool,
    /// `defaultsite=`.
    pub(super) site: Option<String>,
    /// Whether a reverse proxy may also ask the site itself.
    pub(super) direct: bool,
    pub(super) place: Place,
}

/// Another proxy or an origin that requests are handed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) port: Option<u16>,
    pub(super) is_parent: bool,
    pub(super) is_origin: bool,
    pub(super) access: Vec<AccessLine>,
    pub(super) place: Place,
}

/// An amount that a line gives, or that squid takes without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Seconds or bytes; nothing when the line, or whether squid reads it, is not understood.
    pub(crate) number: Option<u64>,
    /// The line that gives it.
    pub(crate) place: Place,
}

impl Amount {
    /// What holds when no line says otherwise.
    pub(super) fn by_default(number: u64) -> Self {
        Self {
            number: Some(number),
            place: Place::default(),
        }
    }

    /// Whether a line of the file gives it.
    pub(crate) fn is_written(&self) -> bool {
        self.place.line > 0
    }
}

/// Settings that change how requests are read, and those that say how long and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) visible_hostname: String,
    pub(super) append_domain: String,
    pub(super) check_hostnames: bool,
    pub(super) allow_underscore: bool,
    pub(super) prefer_direct: bool,
    pub(super) nonhierarchical_direct: bool,
    /// Where clients are trusted to name another address.
    pub(super) forwarded: Option<Place>,
    /// Lines that may refuse or change a request after `http_access` let it pass.
    pub(super) later: Vec<(Place, &'static str)>,
    /// Seconds that a destination may be silent.
    pub(super) read_timeout: Amount,
    /// Bytes of memory for answers that are kept or on their way.
    pub(super) cache_mem: Amount,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            visible_hostname: "this-proxy".to_owned(),
            append_domain: String::new(),
            check_hostnames: false,
            allow_underscore: true,
            prefer_direct: false,
            nonhierarchical_direct: true,
            forwarded: None,
            later: Vec::new(),
            read_timeout: Amount::by_default(15 * 60),
            cache_mem: Amount::by_default(256 << 20),
        }
    }
}

/// A squid file, read: its lists, decisions, ports and peers, and what is to be known about it.
///
/// [`SquidFile::read`] reads a text that someone wrote; [`crate::egress::EgressPolicy::to_squid`]
/// makes the same of a policy, so that both are asked in the same way: [`SquidFile::evaluate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquidFile {
    pub(super) lists: Lists,
    pub(super) access: Vec<AccessLine>,
    pub(super) always_direct: Vec<AccessLine>,
    pub(super) never_direct: Vec<AccessLine>,
    pub(super) listeners: Vec<Listener>,
    pub(super) peers: Vec<Peer>,
    pub(super) settings: Settings,
    pub(super) remarks: Vec<Remark>,
}

impl SquidFile {
    /// A file that says nothing: squid denies everything then.
    pub(super) fn empty() -> Self {
        Self {
            lists: List::built_in().into_iter().collect(),
            access: Vec::new(),
            always_direct: Vec::new(),
            never_direct: Vec::new(),
            listeners: Vec::new(),
            peers: Vec::new(),
            settings: Settings::default(),
            remarks: Vec::new(),
        }
    }

    /// What is to be known about lines, in the order of the file.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Whether squid starts with the file, as far as it is understood.
    pub fn starts(&self) -> bool {
        self.remarks
            .iter()
            .all(|remark| remark.kind != RemarkKind::Fatal)
    }

    /// Whether a line names a port; where none does, requests are judged as those of port 3128.
    pub(crate) fn names_port(&self) -> bool {
        self.listeners
            .iter()
            .any(|listener| listener.place.line > 0)
    }

    /// The port that clients of the forward proxy connect to, or else the first port at all.
    pub fn port(&self) -> Option<u16> {
        self.listener(None).map(|listener| listener.port)
    }

    /// All ports that a line names, or else the one that squid takes without any.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.listeners.iter().map(|listener| listener.port)
    }

    /// Seconds that a destination may be silent (`read_timeout`).
    pub(crate) fn read_timeout(&self) -> &Amount {
        &self.settings.read_timeout
    }

    /// Bytes of memory for answers (`cache_mem`).
    pub(crate) fn cache_memory(&self) -> &Amount {
        &self.settings.cache_mem
    }

    /// The `http_access` lines in order, each with its place and without its remarks.
    pub fn access_lines(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.access
            .iter()
            .map(|line| (&line.place, line.text.as_str()))
    }

    /// Whether the access line of a place asks for the destination's address, and for one inside of a list.
    pub(in crate::egress) fn names_destination(&self, place: &Place) -> bool {
        let is_destination = |term: &Term| {
            let list = self.lists.get(term.list).map(|list| &list.kind);
            !term.negated && matches!(list, Some(ListKind::Destination { .. }))
        };
        let mut lines = self.access.iter().filter(|line| line.place == *place);
        lines.any(|line| line.terms.iter().any(is_destination))
    }

    /// Peers that requests may be handed to, by the place of their line.
    pub fn peers(&self) -> impl Iterator<Item = (&Place, &str)> {
        self.peers
            .iter()
            .map(|peer| (&peer.place, peer.name.as_str()))
    }

    /// Ports of a reverse proxy, by the place of their line.
    pub fn reverse_ports(&self) -> impl Iterator<Item = (&Place, u16)> {
        let reverse = self
            .listeners
            .iter()
            .filter(|listener| listener.accelerates);
        reverse.map(|listener| (&listener.place, listener.port))
    }

    /// The listener of a port; without one that of the forward proxy.
    pub(super) fn listener(&self, port: Option<u16>) -> Option<&Listener> {
        match port {
            Some(port) => self.listeners.iter().find(|listener| listener.port == port),
            None => self
                .listeners
                .iter()
                .find(|listener| !listener.accelerates)
                .or_else(|| self.listeners.first()),
        }
    }

    pub(super) fn remark(&mut self, kind: RemarkKind, place: &Place, message: impl Into<String>) {
        self.remarks.push(Remark {
            kind,
            place: place.clone(),
            message: message.into(),
        });
    }
}
