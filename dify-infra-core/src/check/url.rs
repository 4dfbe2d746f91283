//! Rules about public and internal URLs.

use super::rule::{Family, Rule, Sample};
use crate::deployment::Deployment;
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&PLAIN_HTTP, &ORIGIN, &DERIVED];

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
