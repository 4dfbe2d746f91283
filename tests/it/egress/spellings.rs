//! Destinations in every spelling that a client may think of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dify_infra_core::egress::{EgressPolicy, Names};

/// A request, and whether it may ever reach its destination through our file.
#[derive(Debug, Clone)]
pub(super) struct Spelling {
    pub(super) method: &'static str,
    pub(super) target: String,
    /// What lies behind it is nothing for a client of the proxy.
    pub(super) forbidden: bool,
}

pub(super) const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
const PUBLIC_V6: &str = "2606:2800:220::1";
const PRIVATE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 10);

/// Names of the test's own zone, and what they resolve to.
pub(super) const ZONE: [(&str, &[&str]); 24] = [
    ("public.test", &["93.184.216.34"]),
    ("www.public.test", &["93.184.216.34"]),
    ("dual.test", &["93.184.216.34", PUBLIC_V6]),
    ("v6.test", &[PUBLIC_V6]),
    ("private.test", &["10.99.0.10"]),
    ("dash-and_underscore.test", &["10.99.0.10"]),
    ("mixed.test", &["93.184.216.34", "10.99.0.10"]),
    ("mixed-v6.test", &["93.184.216.34", "fd00::10"]),
    (
        "mixed-metadata.test",
        &["93.184.216.34", "8.8.8.8", "169.254.169.254"],
    ),
    ("metadata.test", &["169.254.169.254"]),
    ("wire.test", &["168.63.129.16"]),
    ("loop.test", &["127.0.0.1"]),
    ("loop-v6.test", &["::1"]),
    ("any.test", &["0.0.0.0"]),
    ("shared.test", &["100.100.0.10"]),
    ("local-v6.test", &["fd00::10"]),
    ("mapped.test", &["::ffff:10.99.0.10"]),
    ("nat64.test", &["64:ff9b::a9fe:a9fe"]),
    ("wiki.corp.test", &["10.0.8.4"]),
    ("rebound.corp.test", &["169.254.169.254"]),
    ("half.corp.test", &["93.184.216.34", "127.0.0.1"]),
    ("empty.test", &[]),
    ("localhost", &["127.0.0.1", "::1"]),
    ("printer", &["192.168.1.9"]),
];

/// Names of addresses.
pub(super) const REVERSE: [(&str, &str); 2] = [
    ("10.0.8.4", "wiki.corp.test"),
    ("10.99.0.10", "innocent.public.test"),
];

/// The zone, as the evaluator takes it.
pub(super) fn names() -> Names {
    let mut names = Names::complete();
    for (name, addresses) in ZONE {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        names = names.with(name, &addresses);
    }
    for (address, name) in REVERSE {
        names = names.with_reverse(address.parse().unwrap(), name);
    }
    names
}

#[derive(Default)]
struct Table(Vec<Spelling>);

impl Table {
    fn add(&mut self, method: &'static str, target: impl Into<String>, forbidden: bool) {
        self.0.push(Spelling {
            method,
            target: target.into(),
            forbidden,
        });
    }

    /// A host for `GET` on port 80 and as a tunnel to 443.
    fn host(&mut self, host: &str, forbidden: bool) {
        self.add("GET", format!("http://{host}/"), forbidden);
        let tunnelled = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        self.add("CONNECT", format!("{tunnelled}:443"), forbidden);
    }
}

/// Every spelling.
pub(super) fn all() -> Vec<Spelling> {
    let mut table = Table::default();
    ranges(&mut table);
    forms(&mut table);
    names_and_answers(&mut table);
    ports(&mut table);
    tricks(&mut table);
    schemes(&mut table);
    let mut seen = std::collections::BTreeSet::new();
    table
        .0
        .retain(|one| seen.insert((one.method, one.target.clone())));
    table.0
}

/// First, last, one before and one past of every range of the deny list.
fn ranges(table: &mut Table) {
    let policy = EgressPolicy::default_policy();
    for range in policy.denied() {
        let (first, last) = (range.network.network(), range.network.broadcast());
        let neighbours = [neighbour(first, false), neighbour(last, true)];
        for address in [Some(first), Some(last)]
            .into_iter()
            .chain(neighbours)
            .flatten()
        {
            let forbidden = policy.denial_of(address).is_some();
            match address {
                IpAddr::V4(address) => table.host(&address.to_string(), forbidden),
                IpAddr::V6(address) => table.host(&format!("[{address}]"), forbidden),
            }
        }
    }
}

/// The address before or after, where there is one.
fn neighbour(address: IpAddr, after: bool) -> Option<IpAddr> {
    let step = |bits: u128| {
        if after {
            bits.checked_add(1)
        } else {
            bits.checked_sub(1)
        }
    };
    Some(match address {
        IpAddr::V4(address) => {
            let bits = u32::try_from(step(u128::from(address.to_bits()))?).ok()?;
            IpAddr::V4(Ipv4Addr::from(bits))
        }
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(step(address.to_bits())?)),
    })
}

/// Decimal, octal, hexadecimal, short and IPv6 forms of addresses.
fn forms(table: &mut Table) {
    let addresses = [
        ("169.254.169.254", true),
        ("168.63.129.16", true),
        ("127.0.0.1", true),
        ("10.99.0.10", true),
        ("192.168.0.1", true),
        ("93.184.216.34", false),
    ];
    for (address, forbidden) in addresses {
        let address: Ipv4Addr = address.parse().unwrap();
        let bits = address.to_bits();
        let [a, b, c, d] = address.octets();
        let low = bits & 0xffff;
        let [_, three @ ..] = bits.to_be_bytes();
        let three = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for host in [
            address.to_string(),
            bits.to_string(),
            format!("{bits:#x}"),
            format!("0X{bits:X}"),
            format!("0{bits:o}"),
            format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
            format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("0000{a:o}.{b}.{c}.{d}"),
            format!("{a}.{three}"),
            format!("{a}.{b}.{low}"),
            format!("{a:#x}.{b}.0{low:o}"),
            format!("{address}."),
            format!("{address}..."),
            format!("[::ffff:{address}]"),
            format!("[::FFFF:{:x}:{:x}]", bits >> 16, low),
            format!("[0:0:0:0:0:ffff:{address}]"),
            format!("::ffff:{address}"),
        ] {
            table.host(&host, forbidden);
        }
        // Deprecated, and routed nowhere: squid sees another address.
        table.host(&format!("[::{address}]"), false);
        // These are names, of which nobody knows an address.
        for host in [
            format!("{address}.5"),
            format!("{a}.{b}.{c}.{}", u32::from(d) + 256),
            format!("{bits}0000"),
            format!("0x{bits:x}g"),
            format!("{a}.{b}.{c}.0x"),
            format!("{a}.{b}.{c}.08"),
            format!("{a}.{b}.{c}.%3{d}"),
        ] {
            table.host(&host, false);
        }
    }
    for host in [
        "0",
        "0x0",
        "00.0",
        "0.0.0.0",
        "[::]",
        "[::0]",
        "[0::0.0.0.0]",
        "1",
        "127.1",
        "10.1",
    ] {
        table.host(host, true);
    }
    for host in [
        "[fe80::1%lo]",
        "[fe80::1%1]",
        "[fe80::1%25lo]",
        "[::1%lo]",
        "[fd00::1",
        "fd00::1",
    ] {
        table.host(host, false);
    }
}

/// Names in all their spellings.
fn names_and_answers(table: &mut Table) {
    for (name, addresses) in ZONE {
        let policy = EgressPolicy::default_policy();
        let denied = |text: &&str| policy.denial_of(text.parse().unwrap()).is_some();
        let forbidden = addresses.iter().any(denied);
        for host in [
            name.to_owned(),
            format!("{name}."),
            name.to_ascii_uppercase(),
            format!("{name}.."),
        ] {
            table.host(&host, forbidden);
        }
        table.add("GET", format!("https://{name}/"), forbidden);
    }
    for host in [
        "nowhere.test",
        "deep.nowhere.test",
        "a..public.test",
        ".public.test",
        "public.test.evil",
        "xn--a",
        "*",
        "public.test%00.private.test",
        "-",
        "_",
    ] {
        table.host(host, false);
    }
    let label = "a".repeat(63);
    table.host(&format!("{label}.test"), false);
    table.host(&format!("{}.test", ["abcdefgh"; 20].join(".")), false);
}

/// Ports, plain and tunnelled.
fn ports(table: &mut Table) {
    for port in [
        "0",
        "1",
        "21",
        "22",
        "25",
        "80",
        "443",
        "444",
        "3128",
        "5001",
        "5432",
        "6379",
        "8080",
        "10000",
        "65535",
        "65536",
        "4294967376",
        "4294967739",
        "99999999999999999999",
        "-1",
        "+443",
        "0443",
        "443x",
        "x",
        "",
        "0x1bb",
        "443:80",
        "80 ",
    ] {
        for host in ["93.184.216.34", "public.test"] {
            table.add("CONNECT", format!("{host}:{port}"), false);
            table.add("GET", format!("http://{host}:{port}/"), false);
        }
        for host in ["10.99.0.10", "169.254.169.254", "[::ffff:10.99.0.10]"] {
            table.add("CONNECT", format!("{host}:{port}"), true);
        }
        table.add("GET", format!("http://10.99.0.10:{port}/"), true);
        table.add("GET", format!("https://168.63.129.16:{port}/"), true);
    }
    for target in [
        "public.test",
        "[::1]",
        "10.99.0.10",
        "[::1]x:443",
        "[::1:443",
        "[]:443",
        ":443",
        "",
    ] {
        table.add(
            "CONNECT",
            target,
            target.contains("::1]") || target.contains("10.99"),
        );
    }
}

/// What hides a host before or behind another one.
fn tricks(table: &mut Table) {
    for (target, forbidden) in [
        ("http://public.test@10.99.0.10/", true),
        ("http://public.test:80@10.99.0.10/", true),
        ("http://public.test%2f@10.99.0.10/", true),
        ("http://a@b@10.99.0.10/", true),
        ("http://10.99.0.10@public.test/", false),
        ("http://10.99.0.10:80@public.test/", false),
        ("http://10.99.0.10#@public.test/", true),
        ("http://10.99.0.10?@public.test/", true),
        ("http://public.test#@10.99.0.10/", false),
        ("http://public.test?@10.99.0.10/", false),
        ("http://public.test\\@10.99.0.10/", true),
        ("http://10.99.0.10\\@public.test/", false),
        ("http://10.99.0.10\\.public.test/", false),
        ("http://public.test/@10.99.0.10", false),
        ("http://@10.99.0.10/", true),
        ("http://:@10.99.0.10:80/", true),
        ("http://user:pass@169.254.169.254/metadata/instance", true),
        ("http://[::ffff:10.99.0.10]:80/", true),
        ("http://[::ffff:10.99.0.10]x:80/", true),
        ("http://[public.test]/", false),
        ("http://[10.99.0.10]/", true),
        ("http://[10.99.0.10/", true),
        ("http://10.99.0.10]/", false),
        ("http://10.99.0.10 /", true),
        ("http://10.99.0.10\t/", true),
        ("http:// 10.99.0.10/", false),
        ("http://10.99.0.10", true),
        ("http://10.99.0.10?x", true),
        ("http://10.99.0.10#x", true),
        ("http:///10.99.0.10/", false),
        ("http:/10.99.0.10/", false),
        ("http:10.99.0.10/", false),
        ("http//10.99.0.10/", false),
        ("//10.99.0.10/", false),
        ("/", false),
        ("/metadata/instance", false),
        ("*", false),
        ("10.99.0.10", false),
        ("10.99.0.10:80", false),
        ("http://", false),
        ("http://.", false),
        ("http://...", false),
        ("http://%31%30.99.0.10/", false),
        ("http://１０.99.0.10/", false),
        ("http://10。99。0。10/", false),
        ("http://ⓟublic.test/", false),
        ("http://public.test,10.99.0.10/", false),
        ("http://public.test;10.99.0.10/", false),
        ("http://public.test&@10.99.0.10/", true),
        ("http://public.test/http://10.99.0.10/", false),
        ("HTTP://PUBLIC.TEST/", false),
        ("hTTp://10.99.0.10/", true),
        ("http://93.184.216.34/%2e%2e/", false),
    ] {
        table.add("GET", target, forbidden);
    }
    for (target, forbidden) in [
        ("public.test@10.99.0.10:443", false),
        ("http://10.99.0.10:443", false),
        ("10.99.0.10:443/", true),
        ("10.99.0.10:443 ", true),
        ("10.99.0.10.:443", true),
        ("fd00::1:443", false),
        ("::1:443", false),
        ("[::1]", true),
        ("[fe80::1%lo]:443", true),
        ("/:443", false),
        ("10.99.0.10,public.test:443", false),
    ] {
        table.add("CONNECT", target, forbidden);
    }
    for method in [
        "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PURGE", "get",
        "X", "PRI", "A-B",
    ] {
        table.add(method, "http://public.test/", false);
        table.add(method, "http://10.99.0.10/", true);
    }
    for method in ["connect", "Connect", "CONNECT"] {
        table.add(method, "public.test:22", true);
        table.add(method, "public.test:443", false);
        table.add(method, "10.99.0.10:443", true);
    }
    table.add("OPTIONS", "*", false);
    table.add("TRACE", "*", false);
}

/// Absolute URIs of every scheme that squid has heard of, and of some that it has not.
fn schemes(table: &mut Table) {
    for scheme in [
        "https",
        "ftp",
        "gopher",
        "wais",
        "whois",
        "coap",
        "coaps",
        "icp",
        "htcp",
        "icy",
        "tls",
        "ssl",
        "authority_form",
        "cache_object",
        "file",
        "dict",
        "ldap",
        "jar",
        "javascript",
        "tftp",
        "ws",
        "wss",
        "http+unix",
        "a",
        "averyverylongscheme",
        "1http",
        "ht tp",
        "http_",
        "-http",
        "",
    ] {
        table.add("GET", format!("{scheme}://public.test/"), false);
        table.add("GET", format!("{scheme}://public.test:80/"), false);
        table.add("GET", format!("{scheme}://10.99.0.10:80/"), true);
    }
    for target in [
        "urn:isbn:1",
        "urn:10.99.0.10:80",
        "urn:x:y",
        "urn:private:1",
        "urn:",
        "urn:printer:80",
        "cache_object://public.test/menu",
        "http://public.test/squid-internal-mgr/menu",
        "http://public.test/%73quid-internal-mgr/menu",
        "http://public.test/squid-internal-mgr",
        "http://public.test/x/squid-internal-mgr/menu",
        "/squid-internal-mgr/menu",
        "/squid-internal-static/icons/SN.png",
        "http://this-proxy:3128/squid-internal-mgr/menu",
        "http://dify-ssrf-proxy:3128/squid-internal-mgr/info",
        "data:text/plain,x",
        "about:blank",
    ] {
        table.add("GET", target, false);
    }
    table.add("PUT", "ftp://public.test/x", false);
    table.add("POST", "ftp://public.test/x", false);
    table.add("GET", format!("http://{PRIVATE}:80/"), true);
    table.add("GET", format!("http://{PUBLIC}:80/"), false);
}
