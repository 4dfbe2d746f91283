//! The proxy's decisions, as data.

/// What a rule does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Lets it through.
    Allow,
    /// Answers 403.
    Deny,
}

/// A named set of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessList {
    /// Every request.
    All,
    /// Requests to the proxy's own management pages.
    Manager,
    /// Tunnels: method `CONNECT`.
    ConnectMethod,
    /// URLs with the scheme `http` or `https`.
    WebSchemes,
    /// Requests to one of the policy's ports.
    Ports,
    /// Requests to one of the policy's ports for tunnels.
    ConnectPorts,
    /// Requests from one of the policy's client networks.
    Clients,
    /// Requests to an address in the policy's deny list.
    DeniedDestinations,
    /// Requests to an address that no exception may open: a name that is excepted can resolve to
    /// any address.
    NeverExcepted,
    /// Requests to the exception with this index in the policy.
    Exception(usize),
}

/// Whether a request is in a list, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The list.
    pub list: AccessList,
    /// Whether the condition holds for requests outside of the list.
    pub negated: bool,
}

/// One decision: made when all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    /// What is decided.
    pub action: Action,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// Why the rule is there, as a sentence without its full stop.
    pub reason: &'static str,
}

/// A condition for requests in `list`.
const fn within(list: AccessList) -> Condition {
    Condition {
        list,
        negated: false,
    }
}

/// A condition for requests outside of `list`.
const fn outside(list: AccessList) -> Condition {
    Condition {
        list,
        negated: true,
    }
}

/// A rule that denies.
fn deny<const N: usize>(conditions: [Condition; N], reason: &'static str) -> AccessRule {
    AccessRule {
        action: Action::Deny,
        conditions: conditions.to_vec(),
        reason,
    }
}

/// A rule that allows.
fn allow<const N: usize>(conditions: [Condition; N], reason: &'static str) -> AccessRule {
    AccessRule {
        action: Action::Allow,
        conditions: conditions.to_vec(),
        reason,
    }
}

/// The rules of a policy with this many exceptions.
pub(super) fn rules(exceptions: usize) -> Vec<AccessRule> {
    use AccessList as List;
    let mut rules = vec![
        deny(
            [within(List::Manager)],
            "The management pages are nobody's business",
        ),
        deny(
            [outside(List::ConnectMethod), outside(List::WebSchemes)],
            "Other schemes (ftp, urn) make the proxy ask on its own account",
        ),
        deny(
            [outside(List::Ports)],
            "Databases and caches listen elsewhere",
        ),
        deny(
            [within(List::ConnectMethod), outside(List::ConnectPorts)],
            "A tunnel carries anything, so it goes to https alone",
        ),
    ];
    if exceptions > 0 {
        rules.push(deny(
            [within(List::NeverExcepted)],
            "Metadata, the wire server and the proxy itself, whatever name leads there",
        ));
    }
    rules.extend((0..exceptions).map(|index| {
        allow(
            [within(List::Clients), within(List::Exception(index))],
            "Declared in the deployment file",
        )
    }));
    rules.extend([
        deny(
            [within(List::DeniedDestinations)],
            "First match wins: this stands before any general allow",
        ),
        allow(
            [within(List::Clients)],
            "The public internet, for the environment's own apps",
        ),
        deny([within(List::All)], "Everybody else"),
    ]);
    rules
}
