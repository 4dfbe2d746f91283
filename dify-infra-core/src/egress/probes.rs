//! What a squid file is asked about: destinations and clients, and what is expected of each.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::ranges::private;
use super::squid::Span;
use super::{EgressException, Names};
use crate::audit::Platform;

/// What a proxy for user code should do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// It must not reach its destination.
    Refused,
    /// It had better not, though Dify's own file lets it pass.
    BetterRefused,
    /// It must reach its destination.
    Passes,
    /// Both are fine.
    Either,
}

impl Expected {
    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::BetterRefused => "better refused",
            Self::Passes => "passes",
            Self::Either => "either",
        }
    }
}

/// A client of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) name: &'static str,
    pub(super) address: IpAddr,
    /// What is expected of requests to the public internet.
    pub(super) public: Expected,
}

/// Clients that must be served, wherever in their range they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) name: &'static str,
    pub(super) span: Span,
}

/// Who calls a proxy, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Callers {
    /// The clients of the table.
    pub(super) clients: Vec<Client>,
    /// Who must be served.
    pub(super) served: Vec<Served>,
    /// Ranges of which any part may be the one that apps call from.
    pub(super) possible: Vec<Span>,
}

/// What is known of where a proxy runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// What it runs on.
    pub(crate) platform: Platform,
    /// The ranges of the subnets that apps are in, none without a network; nothing when they can't be seen.
    pub(crate) subnets: Option<&'a [IpNet]>,
    /// What the deployment opens on purpose.
    pub(crate) declared: &'a [EgressException],
}

impl Surroundings<'_> {
    /// Of a proxy of which only its file is known.
    pub(super) fn unknown(platform: Platform) -> Self {
        Self {
            platform,
            subnets: None,
            declared: &[],
        }
    }

    /// Those of the platform must be served; nobody on the internet may be.
    pub(super) fn callers(&self) -> Callers {
        if self.platform == Platform::Compose {
            let [_, docker, ..] = COMPOSE_CLIENTS;
            return Callers {
                clients: COMPOSE_CLIENTS.to_vec(),
                served: vec![Served {
                    name: docker.name,
                    span: Span::only(docker.address),
                }],
                possible: Vec::new(),
            };
        }
        let mut callers = Callers {
            clients: CLIENTS.to_vec(),
            served: vec![Served {
                name: INGRESS,
                span: ingress(),
            }],
            possible: Vec::new(),
        };
        match self.subnets {
            None => callers.possible = private().map(Span::of).to_vec(),
            Some(subnets) => {
                for subnet in subnets {
                    callers.clients.push(Client {
                        name: SUBNET,
                        address: subnet.hosts().nth(3).unwrap_or(subnet.network()),
                        public: Expected::Passes,
                    });
                    callers.served.push(Served {
                        name: SUBNET,
                        span: Span::of(*subnet),
                    });
                }
            }
        }
        callers
    }
}

/// The address of the internet in the table.
pub(super) const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

const INGRESS: &str = "the ingress of Container Apps";
const SUBNET: &str = "the environment's subnet";

/// 100.100.0.0/17, 100.100.128.0/19, 100.100.160.0/19 and 100.100.192.0/19, of which the ingress has its
/// addresses (learn.microsoft.com container-apps/custom-virtual-networks; they are one range).
fn ingress() -> Span {
    let [first, last] = [[100, 100, 0, 0], [100, 100, 223, 255]].map(Ipv4Addr::from);
    Span {
        first: Span::only(first.into()).first,
        last: Span::only(last.into()).last,
    }
}

/// Docker gives its networks ranges of 172.16/12 first, then of 192.168/16 (moby
/// libnetwork/ipamutils); 10/8 is for whoever sets pools of their own.
const COMPOSE_CLIENTS: [Client; 4] = [
    client("a subnet of 10/8", [10, 0, 4, 7], Expected::Either),
    client("Docker, 172.16/12", [172, 18, 0, 5], Expected::Passes),
    client("192.168/16", [192, 168, 1, 20], Expected::Either),
    internet(),
];

/// Apps call through the ingress; from their subnet they do in older environments, whose range is
/// told apart from this table where it can be seen.
const CLIENTS: [Client; 5] = [
    client(INGRESS, [100, 100, 0, 52], Expected::Passes),
    client("a subnet of 10/8", [10, 0, 4, 7], Expected::Either),
    client("Docker, 172.16/12", [172, 18, 0, 5], Expected::Either),
    client("192.168/16", [192, 168, 1, 20], Expected::Either),
    internet(),
];

const fn client(name: &'static str, [a, b, c, d]: [u8; 4], public: Expected) -> Client {
    Client {
        name,
        address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        public,
    }
}

const fn internet() -> Client {
    Client {
        name: "the internet",
        address: STRANGER,
        public: Expected::Refused,
    }
}

/// A destination of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) target: &'static str,
    pub(super) expected: Expected,
}

const fn refused(name: &'static str, method: &'static str, target: &'static str) -> Probe {
    Probe {
        name,
        method,
        target,
        expected: Expected::Refused,
    }
}

const fn better(name: &'static str, method: &'static str, target: &'static str) -> Probe {
    Probe {
        name,
        method,
        target,
        expected: Expected::BetterRefused,
    }
}

const fn public(name: &'static str, method: &'static str, target: &'static str) -> Probe {
    Probe {
        name,
        method,
        target,
        expected: Expected::Passes,
    }
}

/// The table of destinations.
pub(super) const PROBES: &[Probe] = &[
    public("public host, http", "GET", "http://public.example/"),
    public("public host, https", "CONNECT", "public.example:443"),
    public("public address, http", "GET", "http://93.184.216.34/"),
    public("public address, https", "CONNECT", "93.184.216.34:443"),
    refused(
        "metadata service",
        "GET",
        "http://169.254.169.254/metadata/instance",
    ),
    refused("metadata service, as a number", "GET", "http://2852039166/"),
    refused(
        "metadata service, in hexadecimal",
        "GET",
        "http://0xa9.0xfe.0xa9.0xfe/",
    ),
    refused(
        "metadata service, as IPv6",
        "GET",
        "http://[::ffff:169.254.169.254]/",
    ),
    refused(
        "metadata service, by a name",
        "GET",
        "http://metadata.example/",
    ),
    refused(
        "metadata service, behind a login",
        "GET",
        "http://public.example@169.254.169.254/",
    ),
    refused(
        "metadata service, as a tunnel",
        "CONNECT",
        "169.254.169.254:443",
    ),
    refused("wire server", "GET", "http://168.63.129.16/machine"),
    refused(
        "wire server, by its second port",
        "GET",
        "http://168.63.129.16:32526/",
    ),
    refused("loopback", "GET", "http://127.0.0.1/"),
    refused(
        "loopback, the proxy itself",
        "GET",
        "http://127.0.0.1:3128/",
    ),
    refused("loopback, in short", "GET", "http://127.1/"),
    refused("any address", "GET", "http://0.0.0.0/"),
    refused("loopback, IPv6", "GET", "http://[::1]/"),
    refused("any address, IPv6", "GET", "http://[::]/"),
    refused("10/8", "GET", "http://10.0.4.4/"),
    refused("10/8, at its other end", "GET", "http://10.255.255.254/"),
    refused("10/8, as a tunnel", "CONNECT", "10.0.4.4:443"),
    refused("10/8, by a name", "GET", "http://private.example/"),
    refused(
        "10/8, one address of several",
        "GET",
        "http://mixed.example/",
    ),
    refused("10/8, as IPv6", "GET", "http://[::ffff:10.0.4.4]/"),
    refused("172.16/12", "GET", "http://172.16.0.1/"),
    refused(
        "172.16/12, at its other end",
        "GET",
        "http://172.31.255.254/",
    ),
    refused("192.168/16", "GET", "http://192.168.1.1/"),
    refused("Container Apps' own network", "GET", "http://100.100.0.10/"),
    refused("link-local", "GET", "http://169.254.0.1/"),
    refused("link-local, IPv6", "GET", "http://[fe80::1]/"),
    refused("unique local, IPv6", "GET", "http://[fd00::1]/"),
    refused("IPv4 behind NAT64", "GET", "http://[64:ff9b::a9fe:a9fe]/"),
    refused("IPv4 behind 6to4", "GET", "http://[2002:a9fe:a9fe::1]/"),
    refused("protocol assignments", "GET", "http://192.0.0.8/"),
    refused("benchmarks", "GET", "http://198.18.0.1/"),
    refused("multicast", "GET", "http://224.0.0.1/"),
    refused("multicast, IPv6", "GET", "http://[ff02::1]/"),
    refused("broadcast", "GET", "http://255.255.255.255/"),
    refused(
        "PostgreSQL, a private endpoint",
        "CONNECT",
        "postgres.example:5432",
    ),
    refused("Redis, a private endpoint", "CONNECT", "10.0.2.5:10000"),
    refused("Redis, spoken to in http", "POST", "http://10.0.2.5:6379/"),
    refused(
        "Blob storage, a private endpoint",
        "CONNECT",
        "blob.example:443",
    ),
    refused("tunnel to ssh", "CONNECT", "public.example:22"),
    refused("tunnel to mail", "CONNECT", "public.example:25"),
    refused("tunnel to PostgreSQL", "CONNECT", "public.example:5432"),
    refused("tunnel in lower case", "connect", "public.example:22"),
    refused(
        "mail, spoken to in http",
        "POST",
        "http://public.example:25/",
    ),
    refused(
        "the proxy's management pages",
        "GET",
        "http://public.example/squid-internal-mgr/menu",
    ),
    refused(
        "the proxy's management, its own scheme",
        "GET",
        "cache_object://public.example/menu",
    ),
    better(
        "public host, port 8080",
        "GET",
        "http://public.example:8080/",
    ),
    better(
        "public host, port 5001",
        "GET",
        "http://public.example:5001/",
    ),
    better("public host, ftp", "GET", "ftp://public.example/"),
];

/// The names of the table.
pub(super) fn names() -> Names {
    let v4 = |octets: [u8; 4]| IpAddr::V4(Ipv4Addr::from(octets));
    let public = v4([93, 184, 216, 34]);
    Names::complete()
        .with("public.example", &[public])
        .with("metadata.example", &[v4([169, 254, 169, 254])])
        .with("private.example", &[v4([10, 0, 4, 4])])
        .with("mixed.example", &[public, v4([10, 0, 4, 4])])
        .with("postgres.example", &[v4([10, 0, 2, 4])])
        .with("blob.example", &[v4([10, 0, 2, 6])])
}
