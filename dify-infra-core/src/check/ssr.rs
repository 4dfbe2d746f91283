//! Rules about the policy of the SSRF proxy.

use ipnet::IpNet;

use super::rule::{Family, Rule, Sample};
use crate::deployment::Deployment;
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::egress::ExceptionTarget;

/// Domains below which anybody can have a host.
const SHARED_DOMAINS: [&str; 14] = [
    ".amazonaws.com",
    ".appspot.com",
    ".azure.com",
    ".azurecontainerapps.io",
    ".azurewebsites.net",
    ".cloudfront.net",
    ".github.io",
    ".googleapis.com",
    ".herokuapp.com",
    ".netlify.app",
    ".nip.io",
    ".sslip.io",
    ".vercel.app",
    ".windows.net",
];

/// Shorter prefixes than these are more than one site.
const SHORTEST_PREFIX: (u8, u8) = (16, 48);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&HINT, &WIDE, &EXCEPTION, &WIRED];

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

fn is_wide(target: &ExceptionTarget) -> bool {
    match target {
        ExceptionTarget::Network(IpNet::V4(network)) => network.prefix_len() < SHORTEST_PREFIX.0,
        ExceptionTarget::Network(IpNet::V6(network)) => network.prefix_len() < SHORTEST_PREFIX.1,
        ExceptionTarget::Domain(domain) => SHARED_DOMAINS.contains(&domain.as_str()),
    }
}
