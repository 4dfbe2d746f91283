//! A name of one's own: the DNS records that a person sets, and what waits for them.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Action, Change, Observed, Snapshot};
use crate::graph::{Node, ResourceGraph};
use crate::resource::domain::CustomDomain;
use crate::resource::{AnyResource, DOMAIN_TAG, Kind, ResourceId};

/// Where an app has its names.
const DOMAINS: &str = "/properties/configuration/ingress/customDomains";

/// What could be learnt of a name before it is put on an app.
#[derive(Debug, Clone, PartialEq)]
pub enum DnsAnswer {
    /// The answer of the app's `listCustomHostNameAnalysis`.
    Analysis(Value),
    /// It could not be asked, and why, as a sentence.
    Unknown(String),
}

/// Whether DNS has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordState {
    /// Azure sees it.
    Set,
    /// Azure does not see it.
    Missing,
    /// Nobody has asked, or nobody could.
    Unknown,
}

/// A DNS record that a person has to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DnsRecord {
    /// `CNAME`, `TXT` or `A`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// Whether DNS has it.
    pub state: RecordState,
}

impl DnsRecord {
    /// The address of every name below a domain, for a private zone.
    pub fn wildcard(domain: &str, address: String) -> Self {
        Self {
            kind: "A",
            name: format!("*.{domain}"),
            value: address,
            state: RecordState::Unknown,
        }
    }

    /// The address of one name.
    pub fn address(name: &str, address: String) -> Self {
        Self {
            kind: "A",
            name: name.to_owned(),
            value: address,
            state: RecordState::Unknown,
        }
    }

    /// The record as a line of a zone file
    /// ([RFC 1035](https://www.rfc-editor.org/rfc/rfc1035#section-5), section 5).
    pub fn zone_line(&self) -> String {
        let (name, kind) = (&self.name, self.kind);
        match self.kind {
            "TXT" => format!("{name}. IN {kind} \"{}\"", self.value),
            "CNAME" => format!("{name}. IN {kind} {}.", self.value),
            _ => format!("{name}. IN {kind} {}", self.value),
        }
    }
}

impl fmt::Display for DnsRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.name, self.kind, self.value)
    }
}

/// Labels that stand for a kind of organisation below a country's domain, as in `co.uk`.
const SECOND_LEVEL: [&str; 14] = [
    "ac", "co", "com", "edu", "go", "gob", "gov", "gv", "ltd", "ne", "net", "or", "org", "plc",
];

/// Whether a name looks like the apex of a domain, which can't be an alias. The list of all suffixes
/// (<https://publicsuffix.org>) is not here, so an unusual one is taken for a name below a domain; what
/// DNS has decides in the end.
pub(crate) fn looks_like_apex(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [_, _] => true,
        [_, second, country] => country.len() == 2 && SECOND_LEVEL.contains(second),
        _ => false,
    }
}

/// The records that the deployment's name needs, as far as they are known; empty without a public
/// origin. In an internal environment they belong into a private zone.
///
/// An alias of the front door, or for the apex of a domain its address; and the text by which Azure
/// knows the owner (<https://learn.microsoft.com/azure/container-apps/custom-domains-certificates>).
pub fn dns_records(graph: &ResourceGraph, snapshot: &Snapshot) -> Vec<DnsRecord> {
    let Some((front_door, host)) = front_door(graph) else {
        return Vec::new();
    };
    let environment = graph
        .nodes()
        .find(|node| node.kind() == Kind::ManagedEnvironment);
    let of_environment = |pointer: &str| snapshot.output(environment.map(Node::id)?, pointer);
    let analysis = match snapshot.dns(host) {
        Some(DnsAnswer::Analysis(analysis)) => Some(analysis),
        _ => None,
    };
    let record = |kind: &'static str, name: String, value: String, list: &str| DnsRecord {
        state: analysis.map_or(RecordState::Unknown, |analysis| {
            state(has(analysis, list, &value))
        }),
        kind,
        name,
        value,
    };
    let address = of_environment("/properties/staticIp")
        .map(|address| record("A", host.to_owned(), address, "aRecords"));
    if environment.is_some_and(is_internal) {
        // A private zone is not what Azure asks.
        return address
            .map(|record| DnsRecord {
                state: RecordState::Unknown,
                ..record
            })
            .into_iter()
            .collect();
    }
    let domain = of_environment("/properties/defaultDomain");
    let alias = domain.map(|domain| {
        let value = format!("{}.{domain}", front_door.name());
        record("CNAME", host.to_owned(), value, "cNameRecords")
    });
    // Either leads here; the other one is what DNS has, or what it can have.
    let is_set =
        |record: &Option<DnsRecord>| record.as_ref().map(|one| one.state) == Some(RecordState::Set);
    let traffic = if is_set(&alias) || !(is_set(&address) || looks_like_apex(host)) {
        alias
    } else {
        address
    };
    let proof = snapshot.output(front_door, "/properties/customDomainVerificationId");
    let proof = proof.map(|value| {
        let name = format!("asuid.{host}");
        let mut proof = record("TXT", name, value, "alternateTxtRecords");
        // What Azure makes of it counts for more than what the lists hold.
        if let Some(analysis) = analysis {
            proof.state = state(is_proven(analysis));
        }
        proof
    });
    traffic.into_iter().chain(proof).collect()
}

/// The app that has the public origin's name, and the name.
fn front_door(graph: &ResourceGraph) -> Option<(&ResourceId, &str)> {
    graph.nodes().find_map(|node| match node.resource() {
        AnyResource::ContainerApp(app) => Some((node.id(), app.host.as_deref()?)),
        _ => None,
    })
}

fn is_internal(environment: &Node) -> bool {
    let internal = environment
        .body()
        .pointer("/properties/vnetConfiguration/internal");
    internal.and_then(Value::as_bool) == Some(true)
}

fn state(is_there: bool) -> RecordState {
    if is_there {
        RecordState::Set
    } else {
        RecordState::Missing
    }
}

fn has(analysis: &Value, list: &str, value: &str) -> bool {
    let items = analysis.get(list).and_then(Value::as_array);
    let mut items = items.into_iter().flatten().filter_map(Value::as_str);
    items.any(|item| item.trim_end_matches('.').eq_ignore_ascii_case(value))
}

/// Whether Azure takes the name: it sees the owner's text, or knows the name, or does not ask.
fn is_proven(analysis: &Value) -> bool {
    let test = analysis.get("customDomainVerificationTest");
    let test = test.and_then(Value::as_str).unwrap_or_default();
    let known = analysis.get("isHostnameAlreadyVerified");
    known.and_then(Value::as_bool) == Some(true)
        || ["Passed", "Skipped"]
            .iter()
            .any(|word| test.eq_ignore_ascii_case(word))
}

/// The item of a name in an app's list.
pub fn domain_of<'a>(app: &'a Value, host: &str) -> Option<&'a Value> {
    let mut domains = domains(app);
    domains.find(|domain| name_of(domain).eq_ignore_ascii_case(host))
}

fn domains(app: &Value) -> impl Iterator<Item = &Value> {
    let domains = app.pointer(DOMAINS).and_then(Value::as_array);
    domains.into_iter().flatten()
}

fn name_of(domain: &Value) -> &str {
    domain
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The name that an app has since the file, or an earlier one, had put it there.
pub fn own_domain(app: &Value) -> Option<&str> {
    let tags = app.get("tags").and_then(Value::as_object)?;
    let mut tags = tags.iter();
    let found = tags.find(|(name, _)| name.eq_ignore_ascii_case(DOMAIN_TAG));
    found.and_then(|(_, value)| value.as_str())
}

/// The names on an app that somebody else has put there.
pub(super) fn foreign_domains(node: &Node, live: &Value) -> Vec<String> {
    let AnyResource::ContainerApp(app) = node.resource() else {
        return Vec::new();
    };
    let ours = [app.host.as_deref(), own_domain(live)];
    let is_ours = |name: &&str| {
        ours.iter()
            .flatten()
            .any(|own| own.eq_ignore_ascii_case(name))
    };
    let theirs = domains(live).map(name_of).filter(|name| !is_ours(name));
    theirs.map(str::to_owned).collect()
}

/// Whether a certificate is used by a name that stays on its app for now: one that somebody else has put
/// there, or our own while the one that takes its place waits for DNS.
pub(super) fn is_bound(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    certificate: &ResourceId,
    is_waiting: bool,
) -> bool {
    graph.nodes().any(|node| {
        let AnyResource::ContainerApp(app) = node.resource() else {
            return false;
        };
        let Some(live) = snapshot.body(node.id()) else {
            return false;
        };
        let ours = [app.host.as_deref(), own_domain(live)];
        let mut users = domains(live).filter(|domain| {
            let id = domain.get("certificateId").and_then(Value::as_str);
            id.and_then(|id| ResourceId::parse(id).ok()).as_ref() == Some(certificate)
        });
        users.any(|domain| {
            let name = name_of(domain);
            let is_ours = ours
                .iter()
                .flatten()
                .any(|own| own.eq_ignore_ascii_case(name));
            is_waiting || !is_ours
        })
    })
}

/// Where a name stands in an app.
pub(super) fn path_of(host: &str) -> String {
    format!("properties.configuration.ingress.customDomains[{host}]")
}

/// Takes names off the body of an app.
pub(super) fn remove_domains(body: &mut Value, names: &[String]) {
    let is_named = |domain: &Value| {
        names
            .iter()
            .any(|name| name_of(domain).eq_ignore_ascii_case(name))
    };
    if let Some(domains) = body.pointer_mut(DOMAINS).and_then(Value::as_array_mut) {
        domains.retain(|domain| !is_named(domain));
    }
}

/// Takes what somebody else has put on an app off its body.
pub fn prune_domains(node: &Node, live: &Value, body: &mut Value) {
    remove_domains(body, &foreign_domains(node, live));
}

/// The names of one's own that the graph puts on apps.
pub fn custom_domains(graph: &ResourceGraph) -> impl Iterator<Item = &CustomDomain> {
    graph.nodes().filter_map(|node| match node.resource() {
        AnyResource::CustomDomain(domain) => Some(domain.as_ref()),
        _ => None,
    })
}

/// What a name's item is on its app, as the resource that the graph has for it.
pub fn observed_domain(domain: &CustomDomain, snapshot: &Snapshot) -> Observed {
    let app = domain.id.parent();
    match app.and_then(|app| snapshot.get(&app).cloned()) {
        Some(Observed::Present(app)) => domain_of(&app, &domain.name)
            .map_or(Observed::Absent, |found| Observed::Present(found.clone())),
        Some(other) => other,
        None => Observed::Absent,
    }
}

/// How Azure's authority sees who owns a name, by what DNS has.
pub(super) fn validation(answer: Option<&DnsAnswer>) -> Option<&'static str> {
    let Some(DnsAnswer::Analysis(analysis)) = answer else {
        return None;
    };
    let any = |list: &str| {
        let items = analysis.get(list).and_then(Value::as_array);
        items.is_some_and(|items| !items.is_empty())
    };
    if any("cNameRecords") {
        Some("CNAME")
    } else if any("aRecords") {
        Some("HTTP")
    } else {
        None
    }
}

/// Turns what can't be done before a person has set DNS records into waiting: the name on the app,
/// and a certificate that Azure issues for it.
pub(super) fn wait_for_records(graph: &ResourceGraph, snapshot: &Snapshot, changes: &mut [Change]) {
    for domain in custom_domains(graph) {
        let certificate = ResourceId::parse(&domain.certificate_id).ok();
        let writes = |id: &ResourceId| {
            changes
                .iter()
                .any(|change| change.id == *id && change.action.writes())
        };
        let is_issued = certificate.as_ref().is_some_and(|id| {
            let made = changes.iter().any(|change| {
                change.id == *id && matches!(change.action, Action::Create | Action::Replace)
            });
            Kind::from_type(&id.resource_type()) == Some(Kind::ManagedCertificate) && made
        });
        if !(is_issued || writes(&domain.id)) {
            continue;
        }
        let Some(reason) = open(graph, snapshot, domain, is_issued) else {
            continue;
        };
        let waits =
            |id: &ResourceId| *id == domain.id || (is_issued && Some(id) == certificate.as_ref());
        for change in changes.iter_mut() {
            if change.action.writes() && waits(&change.id) {
                change.action = Action::Waiting;
                change.reason.clone_from(&reason);
            }
        }
    }
}

/// What a name waits for, as a phrase; nothing when all is there.
fn open(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    domain: &CustomDomain,
    is_issued: bool,
) -> Option<String> {
    let app = domain.id.parent()?;
    let live = snapshot.body(&app);
    let is_on_app = live.is_some_and(|live| domain_of(live, &domain.name).is_some());
    let needs_proof = domain.needs_proof && !is_on_app;
    if !(needs_proof || is_issued) {
        return None;
    }
    if live.is_none() {
        return Some("its DNS records are known when the front door is there".to_owned());
    }
    let analysis = match snapshot.dns(&domain.name) {
        Some(DnsAnswer::Analysis(analysis)) => analysis,
        Some(DnsAnswer::Unknown(reason)) => {
            return Some(format!(
                "it is not known whether its DNS records are set: {reason}"
            ));
        }
        None => return Some("nobody has asked for its DNS records".to_owned()),
    };
    if analysis
        .get("hasConflictOnManagedEnvironment")
        .and_then(Value::as_bool)
        == Some(true)
    {
        let holder = analysis
            .get("conflictingContainerAppResourceId")
            .and_then(Value::as_str);
        return Some(format!(
            "the name is on {} already; take it off there",
            holder.unwrap_or("another app of the environment")
        ));
    }
    let missing: Vec<String> = dns_records(graph, snapshot)
        .iter()
        .filter(|record| record.state != RecordState::Set)
        .filter(|record| match record.kind {
            "TXT" => needs_proof,
            _ => is_issued,
        })
        .map(ToString::to_string)
        .collect();
    (!missing.is_empty()).then(|| format!("DNS lacks {}", missing.join(" and ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_proof_when_azure_says_so() {
        for (analysis, expected) in [
            (json!({ "customDomainVerificationTest": "Passed" }), true),
            (json!({ "customDomainVerificationTest": "Skipped" }), true),
            (json!({ "customDomainVerificationTest": "Failed" }), false),
            (json!({ "isHostnameAlreadyVerified": true }), true),
            (json!({}), false),
        ] {
            assert_eq!(is_proven(&analysis), expected, "{analysis}");
        }
    }

    #[test]
    fn what_dns_has_says_how_the_owner_is_seen() {
        let of = |analysis: Value| validation(Some(&DnsAnswer::Analysis(analysis)));
        assert_eq!(
            of(json!({ "cNameRecords": ["a"], "aRecords": ["1.2.3.4"] })),
            Some("CNAME")
        );
        assert_eq!(
            of(json!({ "cNameRecords": [], "aRecords": ["1.2.3.4"] })),
            Some("HTTP")
        );
        assert_eq!(of(json!({})), None);
        assert_eq!(validation(None), None);
    }

    #[test]
    fn records_are_lines_of_a_zone_file() {
        let record = |kind, value: &str| DnsRecord {
            kind,
            name: "dify.example.com".to_owned(),
            value: value.to_owned(),
            state: RecordState::Unknown,
        };
        assert_eq!(
            record("TXT", "0A").zone_line(),
            "dify.example.com. IN TXT \"0A\""
        );
        assert_eq!(
            record("CNAME", "b.c").zone_line(),
            "dify.example.com. IN CNAME b.c."
        );
        assert_eq!(
            record("A", "20.0.0.1").zone_line(),
            "dify.example.com. IN A 20.0.0.1"
        );
    }

    #[test]
    fn an_apex_is_told_from_a_name_below_it() {
        assert!(looks_like_apex("example.com") && looks_like_apex("example.co.jp"));
        assert!(!looks_like_apex("dify.example.com") && !looks_like_apex("co.example.com"));
    }

    #[test]
    fn names_are_taken_off_in_any_letter_case() {
        let mut body = json!({ "properties": { "configuration": { "ingress": { "customDomains": [
            { "name": "Old.example.com" }, { "name": "kept.example.com" },
        ] } } } });
        remove_domains(&mut body, &["old.example.com".to_owned()]);
        assert!(domain_of(&body, "old.example.com").is_none());
        assert!(domain_of(&body, "KEPT.example.com").is_some());
    }
}
