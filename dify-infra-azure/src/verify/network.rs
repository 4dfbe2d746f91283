//! The checks of the network: private endpoints, their names, and what must not be public.

use dify_infra_core::graph::{Management, Node};
use dify_infra_core::resource::Kind;
use serde_json::Value;

use super::checks::{Subject, absence, text};
use super::report::Check;

/// A check for each private endpoint, each group of names and each data service that is ours, and
/// one for the application gateway; nothing without private endpoints and without a gateway.
pub(super) fn checks(subject: &Subject<'_>) -> Vec<Check> {
    let gateways = subject
        .graph
        .nodes()
        .filter(|node| node.kind() == Kind::ApplicationGateway);
    let mut checks: Vec<Check> = gateways.map(|node| running(subject, node)).collect();
    checks.extend(private_checks(subject));
    checks
}

/// The instances of the gateway run, and its firewall is the one that the file describes.
fn running(subject: &Subject<'_>, node: &Node) -> Check {
    const NAME: &str = "the gateway runs behind its firewall";
    let name = node.id();
    let body = match live(subject, node) {
        Ok(body) => body,
        Err(reason) => return Check::judged(NAME, name, false, reason),
    };
    let state = text(body, "/properties/operationalState");
    let policy = "/properties/firewallPolicy/id";
    let is_ours = text(body, policy).eq_ignore_ascii_case(text(node.body(), policy));
    let detail = match (state, is_ours) {
        (_, false) => "another firewall, or none",
        ("", true) => "it does not say whether it runs",
        (state, true) => state,
    };
    let passed = is_ours && state.eq_ignore_ascii_case("Running");
    Check::judged(NAME, name, passed, detail)
}

fn private_checks(subject: &Subject<'_>) -> Vec<Check> {
    if subject.deployment.private_endpoints().is_none() {
        return Vec::new();
    }
    let ours = subject
        .graph
        .nodes()
        .filter(|node| node.management() == Management::Managed);
    let judged = ours.filter_map(|node| match node.kind() {
        Kind::PrivateEndpoint => Some(approved(subject, node)),
        Kind::PrivateDnsZoneGroup => Some(named(subject, node)),
        Kind::PostgresServer => Some(closed(
            subject,
            node,
            "/properties/network/publicNetworkAccess",
        )),
        Kind::RedisEnterprise | Kind::StorageAccount | Kind::Vault => {
            Some(closed(subject, node, "/properties/publicNetworkAccess"))
        }
        _ => None,
    });
    judged.collect()
}

fn live<'a>(subject: &'a Subject<'_>, node: &Node) -> Result<&'a Value, String> {
    let body = subject.snapshot.body(node.id());
    body.ok_or_else(|| absence(subject.snapshot, node.id()).to_owned())
}

/// The owner of the target has approved the connection.
fn approved(subject: &Subject<'_>, node: &Node) -> Check {
    const NAME: &str = "the private endpoint is approved";
    let name = node.id();
    let body = match live(subject, node) {
        Ok(body) => body,
        Err(reason) => return Check::judged(NAME, name, false, reason),
    };
    let state = "/properties/privateLinkServiceConnections/0/properties/\
                 privateLinkServiceConnectionState/status";
    let status = text(body, state);
    Check::judged(NAME, name, status.eq_ignore_ascii_case("Approved"), status)
}

/// Azure has written the endpoint's address into each of its zones.
fn named(subject: &Subject<'_>, node: &Node) -> Check {
    const NAME: &str = "the private endpoint has a name";
    let name = node.id();
    let body = match live(subject, node) {
        Ok(body) => body,
        Err(reason) => return Check::judged(NAME, name, false, reason),
    };
    let zones = body
        .pointer("/properties/privateDnsZoneConfigs")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let records: Vec<&str> = zones
        .iter()
        .filter_map(|zone| zone.pointer("/properties/recordSets/0/fqdn")?.as_str())
        .collect();
    let passed = !zones.is_empty() && records.len() == zones.len();
    let detail = if records.is_empty() {
        "no zone has its address".to_owned()
    } else {
        records.join(", ")
    };
    Check::judged(NAME, name, passed, detail)
}

/// The public endpoint of a data service answers nobody.
fn closed(subject: &Subject<'_>, node: &Node, pointer: &str) -> Check {
    const NAME: &str = "the data service is not public";
    let name = node.id();
    match live(subject, node) {
        Ok(body) => {
            let access = text(body, pointer);
            let passed = access.eq_ignore_ascii_case("Disabled");
            let detail = if access.is_empty() {
                "open: nothing is said"
            } else {
                access
            };
            Check::judged(NAME, name, passed, detail)
        }
        Err(reason) => Check::judged(NAME, name, false, reason),
    }
}
