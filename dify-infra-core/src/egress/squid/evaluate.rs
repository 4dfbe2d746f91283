//! The decision about one request, and what decided.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use super::file::{AccessLine, Peer, Place, SquidFile};
use super::matching::Asking;
use super::target::{self, Refusal, Scheme, Target};
use crate::egress::Action;

/// A request as a client sends it to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyRequest {
    /// The address that squid sees.
    pub client: IpAddr,
    /// The method, as it is written.
    pub method: String,
    /// What stands behind the method: a URL, or `host:port` of a tunnel.
    pub target: String,
    /// The `Host` header, which only a reverse proxy's port looks at.
    pub host: Option<String>,
    /// The port that the client connects to; without it the forward proxy's.
    pub listener: Option<u16>,
}

impl ProxyRequest {
    /// A request with `method` for `target`.
    pub fn new(client: IpAddr, method: &str, target: &str) -> Self {
        Self {
            client,
            method: method.to_owned(),
            target: target.to_owned(),
            host: None,
            listener: None,
        }
    }

    /// `GET` of a URL.
    pub fn get(client: IpAddr, url: &str) -> Self {
        Self::new(client, "GET", url)
    }

    /// A tunnel to `host:port`.
    pub fn connect(client: IpAddr, authority: &str) -> Self {
        Self::new(client, "CONNECT", authority)
    }

    /// The same request at another port of the proxy, with a `Host` header.
    #[must_use]
    pub fn at(mut self, listener: u16, host: &str) -> Self {
        self.listener = Some(listener);
        self.host = Some(host.to_owned());
        self
    }
}

/// What the name server of the proxy answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    addresses: BTreeMap<String, Vec<IpAddr>>,
    reverse: BTreeMap<IpAddr, String>,
    complete: bool,
}

impl Names {
    /// Nothing is known about any name.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Names that are not added do not exist.
    pub fn complete() -> Self {
        Self {
            complete: true,
            ..Self::default()
        }
    }

    /// Adds the addresses of a name; without any it has none.
    #[must_use]
    pub fn with(mut self, name: &str, addresses: &[IpAddr]) -> Self {
        let addresses = addresses.iter().map(IpAddr::to_canonical).collect();
        self.addresses.insert(name.to_ascii_lowercase(), addresses);
        self
    }

    /// Adds the name of an address.
    #[must_use]
    pub fn with_reverse(mut self, address: IpAddr, name: &str) -> Self {
        self.reverse
            .insert(address.to_canonical(), name.to_ascii_lowercase());
        self
    }

    /// The addresses of a host, literal or not; nothing when they are not known.
    pub(super) fn addresses(&self, target: &Target) -> Option<Cow<'_, [IpAddr]>> {
        if let Some(address) = target.literal() {
            return Some(Cow::Owned(vec![address]));
        }
        let known = self.addresses.get(&target.host);
        let known = known.map(|addresses| Cow::Borrowed(addresses.as_slice()));
        known.or_else(|| (self.complete || !is_name(&target.host)).then(Cow::default))
    }

    /// The name of an address; `none` is squid's word for no name.
    pub(super) fn reverse(&self, address: IpAddr) -> Option<String> {
        let known = self.reverse.get(&address).cloned();
        known.or_else(|| self.complete.then(|| "none".to_owned()))
    }
}

/// Whether a name server can be asked for it.
fn is_name(host: &str) -> bool {
    let label = |label: &str| (1..=63).contains(&label.len());
    host.len() <= 253 && host.split('.').all(label)
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// The rules let it pass.
    Allowed,
    /// The rules let it pass, and the name has no address: squid answers 503.
    Unresolvable,
    /// The rules deny it: squid answers 403.
    Denied,
    /// Squid can't read it, and answers 400 or its like without asking its rules.
    BadRequest,
    /// Squid does not forward its like, and answers 501 without asking its rules.
    Unsupported,
    /// It depends on something that is not understood or not known.
    Unknown,
}

impl Decision {
    /// Whether the request leaves the proxy.
    pub fn passes(self) -> bool {
        self == Self::Allowed
    }

    /// Whether squid surely keeps the request from its destination.
    pub fn is_refused(self) -> bool {
        matches!(
            self,
            Self::Denied | Self::BadRequest | Self::Unsupported | Self::Unresolvable
        )
    }

    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Unresolvable => "unresolvable",
            Self::Denied => "denied",
            Self::BadRequest => "bad request",
            Self::Unsupported => "unsupported",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The line or rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// Where it stands; line 0 for a policy that is no file, and for squid's own defaults.
    pub place: Place,
    /// The line.
    pub text: String,
}

/// Where a request goes that passes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Way {
    /// To its destination, at one of these addresses.
    Direct(Vec<IpAddr>),
    /// To the peer of this line while it is up; whether else to its destination.
    Peer {
        /// Where the peer's line stands.
        place: Place,
        /// The peer's name.
        name: String,
        /// Whether squid may ask the destination when the peer is down.
        or_direct: bool,
    },
    /// To the proxy's own pages.
    Itself,
    /// Nowhere: squid may not or can't ask the destination, and has no peer for it.
    Nowhere,
    /// It depends on a line that is not understood.
    Unknown,
}

/// The answer to a [`ProxyRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What becomes of the request.
    pub decision: Decision,
    /// The line that decided; nothing when none was asked, or none is known to decide.
    pub decided_by: Option<Decider>,
    /// Why, as a sentence without its full stop.
    pub reason: String,
    /// Host and port as squid reads them; nothing for requests that it can't read.
    pub destination: Option<String>,
    /// Where the request goes if it passes.
    pub way: Option<Way>,
}

impl SquidFile {
    /// What squid with this file does with `request`, when its name server answers with `names`.
    pub fn evaluate(&self, request: &ProxyRequest, names: &Names) -> Verdict {
        let Some(listener) = self.listener(request.listener) else {
            return Verdict::without_rules(
                Decision::Unknown,
                "no port of the file is the one that is asked",
            );
        };
        match target::read(request, listener, &self.settings) {
            Err(refusal) => refusal.verdict(),
            Ok(target) => {
                let asking = Asking::new(self, request.client, &target, listener, names);
                self.outcome(&asking).told(self, &asking)
            }
        }
    }

    /// What becomes of a request that squid can read.
    pub(in crate::egress) fn outcome(&self, asking: &Asking<'_>) -> Outcome<'_> {
        let mut outcome = self.http_access(asking);
        if outcome.decision != Decision::Allowed {
            return outcome;
        }
        if let Some((place, what)) = self.settings.later.first() {
            outcome.decision = Decision::Unknown;
            outcome.why = Why::Later(place, what);
            return outcome;
        }
        if asking.target.method == "PURGE" && !self.takes_purge() {
            outcome.decision = Decision::Denied;
            outcome.why = Why::Purge;
            return outcome;
        }
        self.send(asking, &mut outcome);
        outcome
    }

    /// Asks `http_access`, first match first.
    fn http_access(&self, asking: &Asking<'_>) -> Outcome<'_> {
        let found = asking.first_match(&self.access);
        let action = found
            .action
            .or_else(|| found.doubt.is_none().then(|| self.implicit()));
        let decision = match (action, &found.doubt) {
            (Some(Action::Allow), None) => Decision::Allowed,
            (Some(Action::Deny), None) => Decision::Denied,
            _ => Decision::Unknown,
        };
        Outcome {
            decision,
            line: found.line,
            why: found.doubt.map_or(Why::Lines, Why::Doubt),
            way: None,
        }
    }

    /// What becomes of requests that no line fits: the opposite of the last line, and denial
    /// without any (`calcImplicitAnswer`, `src/acl/Checklist.cc`).
    pub(super) fn implicit(&self) -> Action {
        match self.access.last().and_then(|line| line.action) {
            Some(Action::Deny) => Action::Allow,
            Some(Action::Allow) | None => Action::Deny,
        }
    }

    fn takes_purge(&self) -> bool {
        let purge = |name: &String| name == "PURGE";
        self.lists.iter().any(|list| match &list.kind {
            super::list::ListKind::Method(names) => names.iter().any(purge),
            _ => false,
        })
    }

    /// Says where a request goes that passes (`src/peer_select.cc`).
    fn send(&self, asking: &Asking<'_>, outcome: &mut Outcome<'_>) {
        let (target, listener) = (asking.target, asking.listener);
        let is_itself = target.is_internal()
            && target.host == self.settings.visible_hostname
            && Some(target.port) == self.port();
        if is_itself {
            outcome.way = Some(Way::Itself);
            return;
        }
        if target.scheme == Scheme::Wais {
            outcome.way = Some(Way::Nowhere);
            return;
        }
        let always = asking.first_match(&self.always_direct);
        let never = asking.first_match(&self.never_direct);
        let (always_asked, never_asked) = (
            !self.always_direct.is_empty(),
            !self.never_direct.is_empty(),
        );
        if always_asked && always.doubt.is_some() || never_asked && never.doubt.is_some() {
            outcome.way = Some(Way::Unknown);
            return;
        }
        let must_be_direct = always.action == Some(Action::Allow);
        let may_be_direct = must_be_direct
            || never.action != Some(Action::Allow) && (!listener.accelerates || listener.direct);
        let peer = self.peers.iter().find(|peer| takes(peer, target, asking));
        let wants_peer = !may_be_direct
            || !self.settings.prefer_direct
                && (is_hierarchical(target) || !self.settings.nonhierarchical_direct);
        outcome.way = match (
            peer.filter(|_| !must_be_direct && wants_peer),
            asking.addresses(),
        ) {
            (Some(peer), _) => Some(Way::Peer {
                place: peer.place.clone(),
                name: peer.name.clone(),
                or_direct: may_be_direct,
            }),
            (None, _) if !may_be_direct => Some(Way::Nowhere),
            (None, Some([])) if target.scheme != Scheme::Urn => {
                outcome.decision = Decision::Unresolvable;
                None
            }
            (None, addresses) => Some(Way::Direct(addresses.unwrap_or_default().to_vec())),
        };
    }

    /// Why `http_access` decided as it did.
    fn reason_of_lines(&self, line: Option<&AccessLine>, asking: &Asking<'_>) -> String {
        match line {
            Some(line) => {
                let because = line
                    .reason
                    .as_deref()
                    .map_or(String::new(), |why| format!("; {why}"));
                format!("{}{because}", asking.because(line))
            }
            None if self.access.is_empty() => {
                "the file has no `http_access` line, so squid denies everything".to_owned()
            }
            None => {
                let last = match self.implicit() {
                    Action::Allow => "denies, so squid allows the rest",
                    Action::Deny => "allows, so squid denies the rest",
                };
                format!("no line fits, and the last one {last}")
            }
        }
    }
}

/// What becomes of a request, before it is put into words.
#[derive(Debug, Clone)]
pub(in crate::egress) struct Outcome<'a> {
    pub(in crate::egress) decision: Decision,
    line: Option<&'a AccessLine>,
    why: Why<'a>,
    pub(in crate::egress) way: Option<Way>,
}

/// Why something becomes of a request.
#[derive(Debug, Clone)]
enum Why<'a> {
    /// The access lines say so.
    Lines,
    /// One of them can't be decided.
    Doubt(String),
    /// A line behind them may refuse it.
    Later(&'a Place, &'static str),
    /// No list has the method PURGE.
    Purge,
}

impl<'a> Outcome<'a> {
    /// Where the line stands that decided.
    pub(in crate::egress) fn place(&self) -> Option<&'a Place> {
        self.line.map(|line| &line.place)
    }

    /// The same in words.
    pub(in crate::egress) fn told(&self, file: &SquidFile, asking: &Asking<'_>) -> Verdict {
        let target = asking.target;
        let reason = match &self.why {
            Why::Doubt(doubt) => doubt.clone(),
            Why::Later(place, what) => format!("{place} {what}"),
            Why::Purge => "no list of the file has the method PURGE, so squid denies it".to_owned(),
            Why::Lines => {
                let reason = file.reason_of_lines(self.line, asking);
                match self.decision {
                    Decision::Unresolvable => {
                        format!("{reason}, but `{}` has no address", target.host)
                    }
                    _ => reason,
                }
            }
        };
        Verdict {
            decision: self.decision,
            decided_by: self.line.map(|line| Decider {
                place: line.place.clone(),
                text: line.text.clone(),
            }),
            reason,
            destination: Some(target.to_string()),
            way: self.way.clone(),
        }
    }
}

impl Refusal {
    /// What squid answers.
    pub(in crate::egress) fn verdict(&self) -> Verdict {
        let (decision, reason) = match self {
            Self::Bad(reason) => (Decision::BadRequest, reason),
            Self::Unsupported(reason) => (Decision::Unsupported, reason),
        };
        Verdict::without_rules(decision, reason)
    }
}

impl Verdict {
    fn without_rules(decision: Decision, reason: &str) -> Self {
        Self {
            decision,
            decided_by: None,
            reason: reason.to_owned(),
            destination: None,
            way: None,
        }
    }
}

/// Whether a peer may be handed the request (`peerAllowedToUse`, `src/neighbors.cc`).
fn takes(peer: &Peer, target: &Target, asking: &Asking<'_>) -> bool {
    let reaches = !peer.is_origin || target.method != "CONNECT" || peer.port == Some(target.port);
    let allowed = || {
        // `peerAllowedToUse` takes what can't be decided at once for a mismatch.
        let found = asking.first_match(&peer.access);
        found
            .action
            .unwrap_or_else(|| match peer.access.last().and_then(|line| line.action) {
                Some(Action::Deny) => Action::Allow,
                _ => Action::Deny,
            })
            == Action::Allow
    };
    peer.is_parent && reaches && (peer.access.is_empty() || allowed())
}

/// Whether peers are worth asking for it (`clientHierarchical`).
fn is_hierarchical(target: &Target) -> bool {
    let is_kept = ["GET", "HEAD", "TRACE"].contains(&target.method.as_str());
    match target.scheme {
        Scheme::None | Scheme::CacheObject => false,
        Scheme::Http => is_kept,
        _ => target.method != "CONNECT",
    }
}
