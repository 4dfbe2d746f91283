//! What user code may reach through the SSRF proxy.
//!
//! An [`EgressPolicy`] holds who may ask the proxy, which destinations are denied and why, and the
//! declared [`EgressException`]s. [`EgressPolicy::rules`] gives the decisions in order, first match
//! wins; the squid file is rendered from exactly these rules.
//!
//! [`EgressPolicy::evaluate`] answers for one request what squid does with it, and [`SquidFile`] reads a
//! file that someone else wrote into the same model; [`SquidReport`] judges one.
//!
//! The proxy is a guard for code that uses it, not containment: code that ignores `HTTP_PROXY` on
//! Azure Container Apps goes past it.
//!
//! ```
//! use dify_infra_core::egress::{EgressException, EgressPolicy};
//!
//! let policy = EgressPolicy::default_policy();
//! let metadata = policy.denial_of("169.254.169.254".parse()?).expect("denied");
//! assert!(metadata.reason.contains("metadata"));
//!
//! let policy = policy.with_exception(EgressException::network("10.0.8.4/32", "our own wiki")?);
//! assert_eq!(policy.exceptions().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod exception;
mod limits;
mod probes;
mod ranges;
mod report;
mod rule;
mod squid;

use std::net::IpAddr;

use ipnet::IpNet;

pub use self::exception::{EgressException, ExceptionTarget, InvalidException};
pub use self::limits::ProxyLimits;
pub use self::probes::Expected;
pub(crate) use self::probes::Surroundings;
pub use self::ranges::DeniedRange;
pub(crate) use self::report::SquidFindings;
pub use self::report::{OpenRange, ReportRow, SquidReport};
pub use self::rule::{AccessList, AccessRule, Action, Condition};
pub(crate) use self::squid::Amount;
pub use self::squid::{
    Decider, Decision, Names, NoSources, Place, ProxyRequest, Remark, RemarkKind, SquidFile,
    SquidSources, UnreadableSquidFile, Verdict, Way,
};

/// Who may reach what through the proxy, with its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressPolicy {
    clients: Vec<IpNet>,
    denied: Vec<DeniedRange>,
    exceptions: Vec<EgressException>,
    ports: Vec<u16>,
    connect_ports: Vec<u16>,
    listen_port: u16,
    ipv4_only: bool,
    limits: ProxyLimits,
}

/// A network that may not use the proxy, whatever the deployment file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be a client of the proxy, since squid would serve everybody: name the \
     subnet of the apps"
)]
pub struct InvalidClient(pub IpNet);

impl EgressPolicy {
    /// The policy of every deployment that declares nothing else.
    ///
    /// Clients are the private ranges and 100.64.0.0/10, from which the ingress of Container Apps
    /// connects (learn.microsoft.com, "Virtual network configuration"). Destinations on ports 80
    /// and 443 are allowed, tunnels to 443, but nothing that is not on the public internet.
    /// Connections leave over IPv4 alone, as in Dify's own squid file since 1.13: the platform has
    /// no other way out.
    pub fn default_policy() -> Self {
        Self {
            clients: ranges::default_clients(),
            denied: ranges::default_denied(),
            exceptions: Vec::new(),
            ports: vec![80, 443],
            connect_ports: vec![443],
            listen_port: 3128,
            ipv4_only: true,
            limits: ProxyLimits::default(),
        }
    }

    /// Lets the addresses of `network` use the proxy, for apps outside of the private ranges.
    ///
    /// # Errors
    ///
    /// When `network` is every address, which would make an open proxy, or is IPv4 in IPv6 form.
    pub fn with_client(mut self, network: IpNet) -> Result<Self, InvalidClient> {
        let network = network.trunc();
        if network.prefix_len() == 0 || ranges::IPV4_FORMS.contains(&network) {
            return Err(InvalidClient(network));
        }
        if !self.clients.iter().any(|known| known.contains(&network)) {
            self.clients.retain(|known| !network.contains(known));
            self.clients.push(network);
        }
        Ok(self)
    }

    /// Allows a destination that the deny list would refuse; the ports stay as they are.
    ///
    /// An exception that is already there is not added again.
    #[must_use]
    pub fn with_exception(mut self, exception: EgressException) -> Self {
        if !self
            .exceptions
            .iter()
            .any(|known| known.target() == exception.target())
        {
            self.exceptions.push(exception);
        }
        self
    }

    /// Replaces the limits of the proxy.
    #[must_use]
    pub fn with_limits(mut self, limits: ProxyLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Networks whose addresses may use the proxy.
    pub fn clients(&self) -> &[IpNet] {
        &self.clients
    }

    /// Destinations that are denied, none of which contains another.
    pub fn denied(&self) -> &[DeniedRange] {
        &self.denied
    }

    /// Destinations that are allowed although the deny list names them.
    pub fn exceptions(&self) -> &[EgressException] {
        &self.exceptions
    }

    /// Ports that a request may go to.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Ports that a tunnel (`CONNECT`) may go to.
    pub fn connect_ports(&self) -> &[u16] {
        &self.connect_ports
    }

    /// Port that the proxy listens on.
    pub fn listen_port(&self) -> u16 {
        self.listen_port
    }

    /// Whether the proxy opens connections over IPv4 alone.
    pub fn ipv4_only(&self) -> bool {
        self.ipv4_only
    }

    /// Addresses that no exception opens, with what is there.
    pub fn never_excepted(&self) -> &'static [(IpNet, &'static str)] {
        &ranges::NEVER_EXCEPTED
    }

    /// Memory, descriptors and times.
    pub fn limits(&self) -> &ProxyLimits {
        &self.limits
    }

    /// The deny-list entry that covers `address`, whatever the exceptions say.
    ///
    /// IPv4 in its IPv6-mapped form counts as IPv4, as it does in squid.
    pub fn denial_of(&self, address: IpAddr) -> Option<&DeniedRange> {
        let address = address.to_canonical();
        self.denied
            .iter()
            .find(|range| range.network.contains(&address))
    }

    /// Whether `address` may use the proxy.
    pub fn is_client(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.clients
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The decisions of the proxy in order: the first whose conditions all hold decides.
    ///
    /// Exceptions stand after the port rules and before the deny list; a deny list after a general
    /// allow would deny nothing (langgenius/dify#36400).
    pub fn rules(&self) -> Vec<AccessRule> {
        rule::rules(self.exceptions.len())
    }

    /// The policy as squid sees it, to be asked about requests; the file that is rendered from the
    /// policy says the same.
    pub fn to_squid(&self) -> SquidFile {
        squid::lower(self)
    }

    /// What the proxy does with a request, when its name server answers with `names`.
    ///
    /// ```
    /// use dify_infra_core::egress::{Decision, EgressPolicy, Names, ProxyRequest};
    ///
    /// let policy = EgressPolicy::default_policy();
    /// let client = "100.100.0.52".parse()?;
    /// let verdict = policy.evaluate(
    ///     &ProxyRequest::get(client, "http://2852039166/metadata/instance"),
    ///     &Names::unknown(),
    /// );
    /// assert_eq!(verdict.decision, Decision::Denied);
    /// assert_eq!(verdict.destination.as_deref(), Some("169.254.169.254:80"));
    /// assert!(verdict.reason.contains("denied_destinations"), "{}", verdict.reason);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evaluate(&self, request: &ProxyRequest, names: &Names) -> Verdict {
        self.to_squid().evaluate(request, names)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;

    use super::{AccessList, Action, EgressException, EgressPolicy};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn denies_every_special_address() {
        let policy = EgressPolicy::default_policy();
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.100.0.168",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(policy.denial_of(address(text)).is_some(), "{text}");
        }
    }

    #[test]
    fn denies_no_public_address() {
        let policy = EgressPolicy::default_policy();
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.128.0.0",
            "168.63.129.17",
            "172.32.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(policy.denial_of(address(text)), None, "{text}");
        }
    }

    #[test]
    fn no_denied_range_contains_another_or_reads_as_everything() {
        // Squid 5.7 reads ::ffff:0:0/96 and ::/96 as 0.0.0.0/0.
        let policy = EgressPolicy::default_policy();
        let networks: Vec<IpNet> = policy.denied().iter().map(|range| range.network).collect();
        for (index, one) in networks.iter().enumerate() {
            assert_eq!(*one, one.trunc(), "host bits are set");
            for (other_index, other) in networks.iter().enumerate() {
                assert!(
                    index == other_index || !one.contains(other),
                    "{one} contains {other}"
                );
            }
            for trap in ["::ffff:0:0/96", "::/96", "::/0", "0.0.0.0/0"] {
                assert_ne!(one.to_string(), trap);
            }
        }
    }

    #[test]
    fn clients_include_the_ingress_of_container_apps() {
        let policy = EgressPolicy::default_policy();
        for (text, expected) in [
            ("100.100.0.52", true),
            ("::ffff:100.100.0.52", true),
            ("10.250.0.221", true),
            ("172.16.0.1", true),
            ("8.8.8.8", false),
            ("169.254.1.1", false),
        ] {
            assert_eq!(policy.is_client(address(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_deny_list_stands_before_any_general_allow_and_exceptions_between() {
        let exception = EgressException::network("10.0.0.4/32", "wiki").unwrap();
        let rules = EgressPolicy::default_policy()
            .with_exception(exception)
            .rules();
        let position = |wanted: &dyn Fn(&[AccessList]) -> bool| {
            rules
                .iter()
                .position(|rule| {
                    let lists: Vec<_> = rule.conditions.iter().map(|c| c.list).collect();
                    wanted(&lists)
                })
                .unwrap()
        };
        let ports = position(&|lists| lists.contains(&AccessList::ConnectPorts));
        let exception = position(&|lists| lists.contains(&AccessList::Exception(0)));
        let denied = position(&|lists| lists.contains(&AccessList::DeniedDestinations));
        let allowed = position(&|lists| lists == [AccessList::Clients]);
        assert!(ports < exception && exception < denied && denied < allowed);
        let last = rules.last().unwrap();
        assert_eq!(
            (last.action, last.conditions[0].list),
            (Action::Deny, AccessList::All)
        );
    }

    #[test]
    fn a_client_network_swallows_those_inside_of_it() {
        let network = |text: &str| text.parse::<IpNet>().unwrap();
        let policy = EgressPolicy::default_policy();
        let before = policy.clients().len();
        let policy = policy.with_client(network("10.1.0.0/16")).unwrap();
        assert_eq!(policy.clients().len(), before);
        let policy = policy.with_client(network("20.0.1.0/24")).unwrap();
        let policy = policy.with_client(network("20.0.0.0/16")).unwrap();
        assert_eq!(policy.clients().last(), Some(&network("20.0.0.0/16")));
        assert_eq!(policy.clients().len(), before + 1);
        for everybody in ["0.0.0.0/0", "::/0", "::ffff:0:0/96"] {
            assert!(
                policy.clone().with_client(network(everybody)).is_err(),
                "{everybody}"
            );
        }
    }

    #[test]
    fn the_same_exception_counts_once() {
        let exception = |reason| EgressException::domain("wiki.corp.example", reason).unwrap();
        let policy = EgressPolicy::default_policy()
            .with_exception(exception("first"))
            .with_exception(exception("second"));
        assert_eq!(policy.exceptions().len(), 1);
    }
}
