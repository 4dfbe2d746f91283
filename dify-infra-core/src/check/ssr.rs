//! Rules about the policy of the SSRF proxy.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::rule::{Family, Rule, Sample};
use crate::deployment::{Deployment, NetworkPlace, SubnetUse, touched_reserved_range};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::egress::ExceptionTarget;

/// Domains below which anybody can have a host.
const SHARED_DOMAINS: [&str; 22] = [
    ".amazonaws.com",
    ".appspot.com",
    ".azure.com",
    ".azure.net",
    ".azurecontainerapps.cn",
    ".azurecontainerapps.io",
    ".azurecontainerapps.us",
    ".azurewebsites.net",
    ".blob.core.windows.net",
    ".cloudfront.net",
    ".core.windows.net",
    ".github.io",
    ".googleapis.com",
    ".herokuapp.com",
    ".netlify.app",
    ".nip.io",
    ".postgres.database.azure.com",
    ".redis.azure.net",
    ".sslip.io",
    ".vault.azure.net",
    ".vercel.app",
    ".windows.net",
];

/// Shorter prefixes than these are more than one site.
const SHORTEST_PREFIX: (u8, u8) = (16, 48);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &HINT,
    &WIDE,
    &EXCEPTION,
    &WIRED,
    &REFUSES,
    &SERVES,
    &UNDERSTOOD,
    &STARTS,
    &EFFECTIVE,
    &PEERS,
    &PORTS,
    &OPEN_NETWORK,
    &OWN,
];

const HINT: Rule = Rule {
    id: "SSR001",
    title: "The proxy is not containment",
    why: "`HTTP_PROXY` is a hint that user code may ignore, and Node.js code in the sandbox is not \
          even given it. Container Apps has no network without a way out, which is what Dify's \
          compose file relies on: user code can reach whatever its container can.",
    source: "langgenius/dify-sandbox 0.2.15 internal/core/runner; learn.microsoft.com container-apps/networking",
    fix: "Run only code that you trust, or allow this rule with the reason why that is enough.",
    bad: Sample::part(""),
    good: Sample::part(
        "[checks]\nallow = [{ rule = \"SSR001\", reason = \"our own staff only\" }]",
    ),
    check: Some(hint),
    ..Rule::of(Family::Ssr, Severity::Note)
};

const WIDE: Rule = Rule {
    id: "SSR002",
    title: "Exceptions are narrow",
    why: "An exception opens its destination to every workflow and to all code in the sandbox. \
          A whole private range, or a domain below which anybody can have a host, is what the \
          proxy is there to refuse.",
    source: "langgenius/dify#36400, PR #36332",
    fix: "Name the addresses or the host that is needed.",
    bad: Sample::part("[egress]\nallow = [{ cidr = \"10.0.0.0/8\", reason = \"office\" }]"),
    good: Sample::part("[egress]\nallow = [{ cidr = \"10.0.8.4/32\", reason = \"our wiki\" }]"),
    check: Some(wide),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

pub(crate) const EXCEPTION: Rule = Rule {
    id: "SSR003",
    title: "Exceptions never open what hands out credentials",
    why: "The metadata service, the wire server and the proxy itself give tokens or a way around \
          every rule; an exception that the proxy reads as \"everything\" does both.",
    source: "learn.microsoft.com what-is-ip-address-168-63-129-16; squid-cache.org acl dst",
    fix: "Name a range such as `10.0.8.4/32` or a full host name, with a reason.",
    bad: Sample::part("[egress]\nallow = [{ cidr = \"169.254.0.0/16\", reason = \"metadata\" }]"),
    good: Sample::part("[egress]\nallow = [{ cidr = \"10.0.8.4/32\", reason = \"our wiki\" }]"),
    ..Rule::of(Family::Ssr, Severity::Error)
};

pub(super) const WIRED: Rule = Rule {
    id: "SSR004",
    title: "Requests of workflows go through the proxy",
    why: "The API uses the proxy only while both of its URLs are set, and calls directly without a \
          word when one is missing.",
    source: "langgenius/dify 1.16.0 api/core/helper/ssrf_proxy.py",
    fix: "Remove the variable; open private destinations under `[egress]`.",
    bad: Sample::part("[services.api.env]\nSSRF_PROXY_HTTP_URL = \"\""),
    good: Sample::part("[egress]\nallow = [{ cidr = \"10.0.8.4/32\", reason = \"our wiki\" }]"),
    ..Rule::of(Family::Ssr, Severity::Error)
};

/// The last lines of a squid file that is as it should be.
const GOOD_LINES: &str = "http_access deny !web\nhttp_access deny private\n\
    http_access allow clients\nhttp_access deny all";

/// Of `check --squid`.
pub(crate) const REFUSES: Rule = Rule {
    id: "SSR005",
    title: "A squid file refuses what is not the public internet",
    why: "The first line that fits decides, so a deny list behind a general `allow` denies nothing, and a list that lacks a range lets it through: metadata service, wire server, databases, the proxy itself.",
    source: "langgenius/dify#36400, PR #36332; squid-cache.org http_access",
    fix: "Put `http_access deny` of every private range before any `allow`; `dify-infra render --to squid` writes such a file.",
    bad: Sample::squid(
        "http_access deny !web\nhttp_access allow clients\nhttp_access deny private\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Error)
};

/// Of `check --squid`.
pub(crate) const SERVES: Rule = Rule {
    id: "SSR006",
    title: "A squid file serves the platform's own clients",
    why: "The ingress of Container Apps connects from 100.100.0.0/17, 100.100.128.0/19, 100.100.160.0/19 and 100.100.192.0/19, and in older environments apps do from their subnet: a file that knows 10/8 alone denies everything on the platform, and nothing works. Where the subnet can't be seen, a note says which private ranges are served.",
    source: "microsoft/azure-container-apps#1416; learn.microsoft.com container-apps/custom-virtual-networks",
    fix: "Allow 100.64.0.0/10 and the private ranges as clients, to ports 80 and 443 and tunnels to 443.",
    bad: Sample::squid("http_access deny all"),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Error)
};

/// Of `check --squid`.
pub(crate) const UNDERSTOOD: Rule = Rule {
    id: "SSR007",
    title: "Every line of a squid file is understood",
    why: "What a line does that is not understood here, or a file that was not given, is not guessed: whatever depends on it is undecided, and may let anything through.",
    source: "squid-cache.org http_access, acl, include",
    fix: "Look at the line yourself, write it with lists of addresses, domains and ports, or put the text of included files in its place.",
    bad: Sample::squid(
        "acl night time 22:00-23:59\nhttp_access allow night\nhttp_access deny !web\nhttp_access deny private\nhttp_access allow clients\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

/// Of `check --squid`.
pub(crate) const STARTS: Rule = Rule {
    id: "SSR008",
    title: "Squid starts with its file",
    why: "Squid ends at the first line that it can't read: a list that is not there, an address that is none, a placeholder that nobody filled in. The image of the proxy replaces no placeholders.",
    source: "squid 5.7 src/cache_cf.cc, src/acl/Acl.cc",
    fix: "Mend the line; `squid -k parse -f FILE` says the same.",
    bad: Sample::squid(
        "http_access allow offices\nhttp_access deny !web\nhttp_access deny private\nhttp_access allow clients\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Error)
};

/// Of `check --squid`.
pub(crate) const EFFECTIVE: Rule = Rule {
    id: "SSR009",
    title: "Lines of a squid file do what they seem to",
    why: "Squid leaves out a range that overlaps an earlier one of its list, even if it is the larger of the two, reads `10/8` as 0.0.0.10, and skips lines that it does not follow. It says so in its log alone.",
    source: "squid 5.7 src/acl/Ip.cc",
    fix: "Give each range once, the larger alone, with all four numbers; start an access line with `allow` or `deny`, and name a list.",
    bad: Sample::squid(
        "acl private dst 10.1.0.0/16\nhttp_access deny !web\nhttp_access deny private\nhttp_access allow clients\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

/// Of `check --squid`.
pub(crate) const PEERS: Rule = Rule {
    id: "SSR010",
    title: "No peer takes requests away",
    why: "With a `cache_peer` and nothing that restricts it, squid hands plain http requests to the peer instead of their destination: workflows get the sandbox's answer.",
    source: "langgenius/dify#25801; squid 5.7 src/peer_select.cc",
    fix: "Leave the reverse proxy out: callers reach the sandbox by its own name. Otherwise restrict the peer with `cache_peer_access`.",
    bad: Sample::squid(
        "cache_peer sandbox parent 8194 0 no-query originserver\nhttp_access deny !web\nhttp_access deny private\nhttp_access allow clients\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Error)
};

/// Of `check --squid`.
pub(crate) const PORTS: Rule = Rule {
    id: "SSR011",
    title: "Requests go to ports 80 and 443",
    why: "Other ports belong to databases, caches and mail more often than to the web, and user code can speak their protocols through the proxy.",
    source: "langgenius/dify 1.16.0 docker/ssrf_proxy/squid.conf.template",
    fix: "Write `acl web port 80 443` and `http_access deny !web` before any `allow`.",
    bad: Sample::squid(
        "acl high port 1025-65535\nhttp_access deny !web !high\nhttp_access deny private\nhttp_access allow clients\nhttp_access deny all",
    ),
    good: Sample::squid(GOOD_LINES),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

const OPEN_NETWORK: Rule = Rule {
    id: "SSR012",
    title: "Exceptions leave the rules of the network closed",
    why: "The network's own rules keep code of users from everything private, whether it asks the \
          proxy or not. They know addresses alone: for a host name every private address has to be \
          opened, on every port, and code that passes by the proxy reaches whatever is connected with \
          the network.",
    source: "learn.microsoft.com virtual-network/network-security-groups-overview, security rules",
    fix: "Name the addresses of the host as `cidr` instead; the proxy lets its name through by them.",
    bad: Sample::part(
        "[network]\naddress_space = \"10.0.0.0/16\"\n\n[egress]\n\
         allow = [{ domain = \"wiki.corp.example\", reason = \"our wiki\" }]",
    ),
    good: Sample::part(
        "[network]\naddress_space = \"10.0.0.0/16\"\n\n[egress]\n\
         allow = [{ cidr = \"10.8.0.4/32\", reason = \"our wiki\" }]",
    ),
    check: Some(open_network),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

const OWN: Rule = Rule {
    id: "SSR013",
    title: "Exceptions leave Dify's own services closed",
    why: "In the deployment's own subnets are its apps, its front door and the private endpoints of its data \
          services; in the ranges that Container Apps keeps for itself every app has its internal address. An \
          exception for any of them lets workflows and code in the sandbox call these from inside, past the \
          front door and its rules.",
    source: "learn.microsoft.com container-apps/custom-virtual-networks; microsoft/azure-container-apps#540",
    fix: "Name addresses outside of Dify's own ranges. Where workflows call this Dify itself by its public \
          host, name the one address of that, and allow this rule with the reason.",
    bad: Sample::part(
        "[network]\naddress_space = \"10.0.0.0/16\"\n\n[egress]\n\
         allow = [{ cidr = \"10.0.1.0/24\", reason = \"our wiki\" }]",
    ),
    good: Sample::part(
        "[network]\naddress_space = \"10.0.0.0/16\"\n\n[egress]\n\
         allow = [{ cidr = \"10.8.0.4/32\", reason = \"our wiki\" }]",
    ),
    check: Some(own),
    ..Rule::of(Family::Ssr, Severity::Warning)
};

/// Where Container Apps has the addresses of apps and its name server; of the last /19 of it Microsoft's page says
/// nothing, and apps are there all the same (microsoft/azure-container-apps#540, `100.100.230.154`).
const APPS_OF_PLATFORM: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 100, 128, 0), 17));

/// Below it every app of an environment has a name.
const CLUSTER_DOMAIN: &str = ".cluster.local";

fn hint(_: &Deployment, diagnostics: &mut Diagnostics) {
    let message =
        "code in the sandbox can go past the proxy: the proxy is a hint to it, not a wall";
    diagnostics.push(HINT.finding(KeyPath::of("egress"), message));
}

fn wide(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for (index, exception) in deployment.egress().exceptions().iter().enumerate() {
        if is_wide(exception.target()) {
            let path = KeyPath::of("egress.allow").index(index);
            let message = format!("the exception `{}` is wide", exception.target());
            diagnostics.push(WIDE.finding(path, message));
        }
    }
}

/// Where nothing but Dify's own is, as far as the file says: of an existing network it doesn't say the ranges.
fn own(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for (index, exception) in deployment.egress().exceptions().iter().enumerate() {
        let what = match exception.target() {
            ExceptionTarget::Network(network) => own_of_network(deployment, *network),
            ExceptionTarget::Domain(domain) => (domain.ends_with(CLUSTER_DOMAIN)
                || domain == &CLUSTER_DOMAIN[1..])
                .then(|| "the internal names of the environment's apps".to_owned()),
        };
        if let Some(what) = what {
            let path = KeyPath::of("egress.allow").index(index);
            let message = format!("the exception `{}` opens {what}", exception.target());
            diagnostics.push(OWN.finding(path, message));
        }
    }
}

/// What of Dify's own is in a network.
fn own_of_network(deployment: &Deployment, network: IpNet) -> Option<String> {
    let touches = |other: &IpNet| network.contains(other) || other.contains(&network);
    if let Some(NetworkPlace::Own(plan)) = deployment.network().map(|it| &it.place) {
        let mut used = deployment.used_subnets();
        if let Some(subnet) = used.find(|subnet| touches(&plan.range(*subnet).network())) {
            let what = match subnet {
                SubnetUse::Apps => "the apps and the front door",
                SubnetUse::Endpoints => "the private endpoints of the data services",
                SubnetUse::Gateway => "the application gateway",
            };
            let (name, range) = (subnet.as_str(), plan.range(subnet));
            return Some(format!("{what}: it touches the subnet `{name}` ({range})"));
        }
    }
    if touches(&APPS_OF_PLATFORM) {
        return Some(format!(
            "the internal addresses of the environment's apps: it touches {APPS_OF_PLATFORM}"
        ));
    }
    let reserved = touched_reserved_range(&network)?;
    let range = reserved.network;
    Some(format!(
        "what the platform has there: it touches {range}; {}",
        reserved.owner
    ))
}

/// Of our own network; the rules of another are its owner's.
fn open_network(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let place = deployment.network().map(|network| &network.place);
    if !matches!(place, Some(NetworkPlace::Own(_))) {
        return;
    }
    for (index, exception) in deployment.egress().exceptions().iter().enumerate() {
        if let ExceptionTarget::Domain(domain) = exception.target() {
            let message = format!(
                "`{domain}` opens every private address of the network to code in the sandbox, since \
                 the network's rules know no names"
            );
            let path = KeyPath::of("egress.allow").index(index);
            diagnostics.push(OPEN_NETWORK.finding(path, message));
        }
    }
}

fn is_wide(target: &ExceptionTarget) -> bool {
    match target {
        ExceptionTarget::Network(IpNet::V4(network)) => network.prefix_len() < SHORTEST_PREFIX.0,
        ExceptionTarget::Network(IpNet::V6(network)) => network.prefix_len() < SHORTEST_PREFIX.1,
        ExceptionTarget::Domain(domain) => SHARED_DOMAINS.contains(&domain.as_str()),
    }
}
