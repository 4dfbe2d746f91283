//! Address ranges that every policy starts with.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::squid::Span;

/// A range of destinations that the proxy refuses, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedRange {
    /// The range; no host bits are set.
    pub network: IpNet,
    /// What lives there and who says so, as a phrase.
    pub reason: String,
}

/// An IPv4 range; host bits of `octets` are cut.
const fn v4(octets: [u8; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

/// An IPv6 range whose first two segments are given, the rest being zero.
const fn v6(segments: [u16; 2], prefix: u8) -> IpNet {
    let [a, b] = segments;
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0),
        prefix,
    ))
}

/// Networks of a Container Apps environment and of Docker.
///
/// The ingress connects from 100.100.0.0/17 and three more ranges in 100.64.0.0/10
/// (learn.microsoft.com, "Virtual network configuration"; microsoft/azure-container-apps#1416), on
/// older environments from the subnet, which is private.
pub(super) fn default_clients() -> Vec<IpNet> {
    let mut clients = private().to_vec();
    clients.push(v4([100, 64, 0, 0], 10));
    clients
}

/// The private networks of RFC 1918.
pub(super) fn private() -> [IpNet; 3] {
    [
        v4([10, 0, 0, 0], 8),
        v4([172, 16, 0, 0], 12),
        v4([192, 168, 0, 0], 16),
    ]
}

/// Everything that is not the public internet.
///
/// Dify's own list (1.16.0, `docker/ssrf_proxy/squid.conf.template`) with what it lacks on Azure:
/// the wire server, protocol assignments, benchmarks, translated and tunnelled IPv4, multicast.
/// The mapped and compatible forms `::ffff:0:0/96` and `::/96` are absent on purpose: squid 5.7
/// reads them as 0.0.0.0/0, and matches mapped addresses as IPv4 anyhow.
const DENIED: [(IpNet, &str); 19] = [
    (v4([0, 0, 0, 0], 8), "this host and this network, RFC 791"),
    (v4([10, 0, 0, 0], 8), "private networks, RFC 1918"),
    (
        v4([100, 64, 0, 0], 10),
        "shared address space, RFC 6598: Container Apps' own network",
    ),
    (v4([127, 0, 0, 0], 8), "loopback, RFC 1122"),
    (v4([168, 63, 129, 16], 32), "Azure's wire server and DNS"),
    (
        v4([169, 254, 0, 0], 16),
        "link-local, RFC 3927: Azure's instance metadata service",
    ),
    (v4([172, 16, 0, 0], 12), "private networks, RFC 1918"),
    (v4([192, 0, 0, 0], 24), "protocol assignments, RFC 6890"),
    (v4([192, 168, 0, 0], 16), "private networks, RFC 1918"),
    (v4([198, 18, 0, 0], 15), "benchmarks, RFC 2544"),
    (v4([224, 0, 0, 0], 4), "multicast, RFC 5771"),
    (v4([240, 0, 0, 0], 4), "reserved and broadcast, RFC 1112"),
    (v6([0, 0], 128), "unspecified address, RFC 4291"),
    (
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        "loopback, RFC 4291",
    ),
    (v6([0x64, 0xff9b], 96), "IPv4 behind NAT64, RFC 6052"),
    (v6([0x2002, 0], 16), "IPv4 behind 6to4, RFC 3056"),
    (v6([0xfc00, 0], 7), "unique local addresses, RFC 4193"),
    (v6([0xfe80, 0], 10), "link-local, RFC 4291"),
    (v6([0xff00, 0], 8), "multicast, RFC 4291"),
];

/// Where IPv6 keeps IPv4 addresses: `::a.b.c.d` and `::ffff:a.b.c.d`.
pub(super) const IPV4_FORMS: IpNet = IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 80));

/// [`DENIED`] in the order that squid keeps for addresses.
pub(super) fn denied_spans() -> &'static [(Span, &'static str)] {
    static SPANS: LazyLock<Vec<(Span, &str)>> = LazyLock::new(|| {
        let mut spans = DENIED.map(|(network, reason)| (Span::of(network), reason));
        spans.sort_unstable();
        spans.to_vec()
    });
    &SPANS
}

/// [`DENIED`] as values of a policy.
pub(super) fn default_denied() -> Vec<DeniedRange> {
    DENIED
        .iter()
        .map(|&(network, reason)| DeniedRange {
            network,
            reason: reason.to_owned(),
        })
        .collect()
}

/// Ranges that no exception may touch: behind each is something that hands out credentials or is
/// the proxy itself.
pub(super) const NEVER_EXCEPTED: [(IpNet, &str); 6] = [
    (v4([127, 0, 0, 0], 8), "the proxy's own container"),
    (v4([0, 0, 0, 0], 8), "the proxy's own container"),
    (
        v4([169, 254, 0, 0], 16),
        "Azure's instance metadata service, which hands out tokens",
    ),
    (
        v4([168, 63, 129, 16], 32),
        "Azure's wire server, which hands out certificates",
    ),
    (
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 127)),
        "the proxy's own container",
    ),
    (v6([0xfe80, 0], 10), "link-local neighbours of the proxy"),
];
