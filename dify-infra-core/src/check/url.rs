//! Rules about public and internal URLs.

use super::rule::{Family, Rule, Sample};
use crate::deployment::{Certificate, Deployment, FrontDoor};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::plan::looks_like_apex;
use crate::routes::{Answer, Location, RequestPath, RouteTable, WEB_SERVICE};
use crate::spec::in_words;
use crate::values::PublicOrigin;

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &PLAIN_HTTP,
    &ORIGIN,
    &DERIVED,
    &ROUTE,
    &PRIVATE_ROUTE,
    &TAKEN_OVER,
    &NO_EFFECT,
    &CERTIFICATE,
    &CERTIFICATE_ORIGIN,
    &MANAGED_CERTIFICATE,
    &APEX,
];

const PLAIN_HTTP: Rule = Rule {
    id: "URL001",
    title: "The public origin is https",
    why: "The front door redirects http to https, and the session cookies of https pages are not \
          sent to http URLs: the console logs in and is logged out at once.",
    source: "langgenius/dify#5737, #7028; learn.microsoft.com container-apps/ingress-overview",
    fix: "Write `https://`.",
    bad: Sample::part("[public]\norigin = \"http://dify.example.com\""),
    good: Sample::part("[public]\norigin = \"https://dify.example.com\""),
    check: Some(plain_http),
    ..Rule::of(Family::Url, Severity::Warning)
};

pub(crate) const ORIGIN: Rule = Rule {
    id: "URL002",
    title: "The public origin is scheme and host",
    why: "Dify joins its URLs by putting paths behind the origin: a slash or a path at its end \
          makes links and file URLs that nobody answers.",
    source: "langgenius/dify#18257, #13814, #19859",
    fix: "Write scheme and host alone, such as \"https://dify.example.com\".",
    bad: Sample::part("[public]\norigin = \"https://dify.example.com/\""),
    good: Sample::part("[public]\norigin = \"https://dify.example.com\""),
    ..Rule::of(Family::Url, Severity::Error)
};

pub(super) const DERIVED: Rule = Rule {
    id: "URL003",
    title: "URLs are derived, not typed",
    why: "Every public URL follows from one origin and every internal one from the services' \
          names. One that is typed by hand stays behind when either changes, and its users see \
          missing files or endless logins.",
    source: "langgenius/dify#5902, #7199, #20854",
    fix: "Remove the variable; set `public.origin` for public URLs.",
    bad: Sample::part("[services.api.env]\nFILES_URL = \"https://files.example.com\""),
    good: Sample::part("[public]\norigin = \"https://dify.example.com\""),
    ..Rule::of(Family::Url, Severity::Error)
};

pub(crate) const ROUTE: Rule = Rule {
    id: "URL004",
    title: "A route is a path and a service that answers it",
    why: "nginx compares paths after decoding them and resolving doubled slashes: a path in any \
          other form is never asked for. A service that does not listen answers nobody.",
    source: "nginx.org ngx_http_core_module#location; langgenius/dify 1.16.0 \
             docker/docker-compose.yaml",
    fix: "Write the path as a browser shows it, and a service that answers requests.",
    bad: Sample::part("[[routes]]\npath = \"hooks/\"\nservice = \"api\""),
    good: Sample::part("[[routes]]\npath = \"/hooks/\"\nservice = \"api\""),
    ..Rule::of(Family::Url, Severity::Error)
};

pub(crate) const PRIVATE_ROUTE: Rule = Rule {
    id: "URL005",
    title: "What is private is not routed",
    why: "The inner API, the plugin daemon's management, profiles and metrics trust who reaches \
          them, as do the sandbox and the proxy. The official front door has no route to them.",
    source: "langgenius/dify 1.16.0 docker/nginx/conf.d/default.conf.template; \
             langgenius/dify-plugin-daemon 0.6.3 internal/server",
    fix: "Remove the route: services reach each other without the front door.",
    bad: Sample::part("[[routes]]\npath = \"/metrics\"\nservice = \"plugin_daemon\""),
    good: Sample::part("[[routes]]\npath = \"/hooks/\"\nservice = \"api\""),
    ..Rule::of(Family::Url, Severity::Error)
};

const TAKEN_OVER: Rule = Rule {
    id: "URL006",
    title: "Dify's own paths go where Dify expects them",
    why: "The longest prefix wins, character by character: a route of the file takes requests away \
          from the release's own without a word, and consoles, web apps or plugins break in parts.",
    source: "nginx.org ngx_http_core_module#location; langgenius/dify 1.16.0 \
             docker/nginx/conf.d/default.conf.template, web/app",
    fix: "Choose a path that Dify does not use, or allow the rule with the reason.",
    allowable: true,
    bad: Sample::part("[[routes]]\npath = \"/v1/files/\"\nservice = \"web\""),
    good: Sample::part("[[routes]]\npath = \"/own/files/\"\nservice = \"api\""),
    check: Some(taken_over),
    ..Rule::of(Family::Url, Severity::Error)
};

const NO_EFFECT: Rule = Rule {
    id: "URL007",
    title: "A route changes who answers, or how",
    why: "Without the route the same service would answer, within the same limits: whoever reads \
          the file looks for a reason that is not there.",
    source: "nginx.org ngx_http_core_module#location",
    fix: "Remove the route.",
    bad: Sample::part("[[routes]]\npath = \"/v1/own/\"\nservice = \"api\""),
    good: Sample::part(
        "[[routes]]\npath = \"/v1/files/\"\nservice = \"api\"\nmax_body_size = \"200M\"",
    ),
    check: Some(no_effect),
    ..Rule::of(Family::Url, Severity::Warning)
};

pub(crate) const CERTIFICATE: Rule = Rule {
    id: "URL010",
    title: "The certificate is one that Azure issues, or one in a key vault",
    why: "A certificate holds a key, so it is never in a file: Azure issues and renews one, or a \
          vault has it and the environment reads it with an identity.",
    source: "learn.microsoft.com container-apps/certificates-overview",
    fix: "Write `certificate = \"managed\"`, or the address or id of a certificate in a vault.",
    bad: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"dify.pfx\"",
    ),
    good: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"managed\"",
    ),
    ..Rule::of(Family::Url, Severity::Error)
};

const CERTIFICATE_ORIGIN: Rule = Rule {
    id: "URL011",
    title: "A certificate is for the name of an https origin",
    why: "The name that is put on the front door, and that the certificate is for, is the origin's. \
          The front door answers on port 443 alone, and no authority issues certificates for \
          addresses or for names without a domain.",
    source: "learn.microsoft.com container-apps/custom-domains-managed-certificates",
    fix: "Write an origin such as \"https://dify.example.com\", or remove the certificate.",
    bad: Sample::part("[public]\ncertificate = \"managed\""),
    good: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"managed\"",
    ),
    check: Some(certificate_origin),
    ..Rule::of(Family::Url, Severity::Error)
};

const MANAGED_CERTIFICATE: Rule = Rule {
    id: "URL012",
    title: "A managed certificate is for a public front door",
    why: "The authority that issues it, and renews it every half year, has to reach the name from \
          the internet; and the name stands in the certificate's subject, which takes 64 \
          characters.",
    source: "microsoft/azure-container-apps#910, #1542; RFC 5280 appendix A.1 ub-common-name",
    fix: "Use a certificate in a key vault, or make the front door public.",
    bad: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"managed\"\n\n\
         [network]\nfront_door = \"internal\"",
    ),
    good: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"managed\"\n\n\
         [network]\nfront_door = \"public\"",
    ),
    check: Some(managed_certificate),
    ..Rule::of(Family::Url, Severity::Error)
};

const APEX: Rule = Rule {
    id: "URL013",
    title: "A managed certificate is for a name below a domain",
    why: "The apex of a domain can't be an alias, so its certificate is validated by a plain http \
          request instead of by the record. The front door redirects http to https: dify-infra \
          answers http while the first certificate is issued, and a renewal may need the same.",
    source: "learn.microsoft.com container-apps/custom-domains-managed-certificates; \
             yoshuawuyts/wasm.directory#434",
    fix: "Use a name such as dify.example.com, or a certificate in a key vault.",
    bad: Sample::part("[public]\norigin = \"https://example.com\"\ncertificate = \"managed\""),
    good: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\ncertificate = \"managed\"",
    ),
    check: Some(apex),
    ..Rule::of(Family::Url, Severity::Note)
};

fn certificate_origin(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let public = deployment.public();
    if public.certificate.is_none() {
        return;
    }
    let path = KeyPath::of("public.certificate");
    let Some(origin) = &public.origin else {
        let message = "a certificate without an origin is for no name";
        diagnostics.push(CERTIFICATE_ORIGIN.finding(path, message));
        return;
    };
    let url = origin.as_url();
    let problem = if !url.is_https() {
        Some("is not https, which is what a certificate is for".to_owned())
    } else if url.port() != url.scheme().default_port() {
        Some(format!(
            "has the port {}, and the front door answers on 443 alone",
            url.port()
        ))
    } else if url.address().is_some() {
        Some("is an address, for which no certificate is issued".to_owned())
    } else if !origin.host().contains('.') {
        Some("is a name without a domain, for which no certificate is issued".to_owned())
    } else {
        None
    };
    if let Some(problem) = problem {
        let message = format!("the origin {origin} {problem}");
        diagnostics.push(CERTIFICATE_ORIGIN.finding(KeyPath::of("public.origin"), message));
    }
}

/// The name that a managed certificate is asked for.
fn managed_host(deployment: &Deployment) -> Option<&str> {
    let public = deployment.public();
    let is_managed = public.certificate == Some(Certificate::Managed);
    public
        .origin
        .as_ref()
        .filter(|_| is_managed)
        .map(PublicOrigin::host)
}

fn managed_certificate(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(host) = managed_host(deployment) else {
        return;
    };
    let network = deployment.network();
    if network.is_some_and(|network| network.front_door == FrontDoor::Internal) {
        let message = "the front door is internal, so the certificate's authority can't reach it";
        let path = KeyPath::of("public.certificate");
        diagnostics.push(MANAGED_CERTIFICATE.finding(path, message));
    }
    if host.len() > LONGEST_SUBJECT {
        let message = format!(
            "the name {host} has {} characters, and a certificate's subject takes {LONGEST_SUBJECT}",
            host.len()
        );
        let finding = MANAGED_CERTIFICATE.finding(KeyPath::of("public.origin"), message);
        diagnostics.push(finding.with_help("use a shorter name, or a certificate in a key vault"));
    }
}

/// Characters of a certificate's common name.
const LONGEST_SUBJECT: usize = 64;

fn apex(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let host = managed_host(deployment).filter(|host| looks_like_apex(host));
    if let Some(host) = host {
        let message = format!("{host} is the apex of a domain");
        diagnostics.push(APEX.finding(KeyPath::of("public.origin"), message));
    }
}

fn taken_over(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(release) = deployment.routes_of_release() else {
        return;
    };
    for (index, route) in deployment.placed_routes() {
        if let Some(message) = what_is_taken(deployment, &release, route) {
            let path = KeyPath::of("routes").index(index).key("path");
            diagnostics.push(TAKEN_OVER.finding(path, message));
        }
    }
}

/// What a route takes from the release's own, as a sentence; nothing when that is harmless.
fn what_is_taken(
    deployment: &Deployment,
    release: &RouteTable,
    route: &Location,
) -> Option<String> {
    let version = deployment.release().version();
    let service = &route.target.service;
    let loser = match answer(release, route)? {
        Answer::Location(loser) => loser,
        Answer::Redirect { path } => {
            return Some(format!(
                "`{}` goes to `{service}`, but Dify {version} redirects it to `{path}`",
                route.path
            ));
        }
        Answer::Health => return None,
    };
    let pages = taken_pages(deployment, route);
    let is_catch_all = loser.path == "/" && loser.target.service == WEB_SERVICE;
    if is_catch_all && route.path != "/" && pages.is_empty() {
        return None;
    }
    if route.target != loser.target {
        return Some(if pages.is_empty() {
            format!(
                "`{}` goes to `{service}`, but Dify {version} has it answered by `{}`",
                route.path, loser.target.service
            )
        } else {
            format!(
                "`{}` goes to `{service}` and takes {} from `{}`, which has pages there",
                route.path,
                in_words(&pages, "and"),
                loser.target.service
            )
        });
    }
    (loser.upgrade && !route.upgrade).then(|| {
        format!(
            "`{}` takes requests from `{}` and allows no WebSocket, which these need",
            route.path, loser.path
        )
    })
}

/// The pages of the web service that a route takes from it, or a part of which.
fn taken_pages(deployment: &Deployment, route: &Location) -> Vec<String> {
    if route.target.service == WEB_SERVICE {
        return Vec::new();
    }
    let pages = deployment.release().web_pages().iter();
    pages
        .filter(|page| route.touches(page))
        .map(|page| format!("`{page}`"))
        .collect()
}

fn no_effect(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for (index, route) in deployment.placed_routes() {
        let Some(without) = table_without(deployment, route) else {
            continue;
        };
        let Some(Answer::Location(other)) = answer(&without, route) else {
            continue;
        };
        let body = |location| deployment.routes().max_body_size(location);
        if other.target == route.target
            && other.upgrade == route.upgrade
            && other.hook_url == route.hook_url
            && body(other) == body(route)
        {
            let message = format!(
                "`{}` goes to `{}` without this route too, by `{}`",
                route.path, other.target.service, other.path
            );
            let path = KeyPath::of("routes").index(index).key("path");
            diagnostics.push(NO_EFFECT.finding(path, message));
        }
    }
}

/// The deployment's table as it would be without one of the file's routes.
fn table_without(deployment: &Deployment, route: &Location) -> Option<RouteTable> {
    let release = deployment.routes_of_release()?;
    let is_same =
        |one: &Location, other: &Location| one.path == other.path && one.matching == other.matching;
    let mut locations: Vec<Location> = deployment.custom_routes().to_vec();
    locations.retain(|other| !is_same(other, route));
    for own in release.locations() {
        if !locations.iter().any(|custom| is_same(custom, own)) {
            locations.push(own.clone());
        }
    }
    RouteTable::new(locations, deployment.routes().settings().clone()).ok()
}

/// Who answers the path of a route in another table.
fn answer<'table>(table: &'table RouteTable, route: &Location) -> Option<Answer<'table>> {
    let path = RequestPath::parse(&route.path).ok()?;
    Some(table.resolve(&path))
}

fn plain_http(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let origin = deployment
        .public()
        .origin
        .as_ref()
        .filter(|origin| !origin.is_https());
    if let Some(origin) = origin {
        let message = format!("`{origin}` is plain http: logins and files will not work");
        diagnostics.push(PLAIN_HTTP.finding(KeyPath::of("public.origin"), message));
    }
}
