//! The parts of an application gateway, which refer to each other by ids below the gateway's own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::TYPE;
use super::rules::{
    GATEWAY_LISTENER, GATEWAY_LISTENER_PORT, GATEWAY_NAMES, GATEWAY_PRIORITY, GATEWAY_PROBE,
    GATEWAY_PROBE_HOST, GATEWAY_PROBE_PROTOCOL, GATEWAY_REFERENCE, GATEWAY_RULE,
    GATEWAY_RULE_LISTENER, GATEWAY_TIMEOUT,
};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};

/// The lists of named parts.
const COLLECTIONS: [&str; 16] = [
    "gatewayIPConfigurations",
    "frontendIPConfigurations",
    "frontendPorts",
    "sslCertificates",
    "trustedRootCertificates",
    "trustedClientCertificates",
    "authenticationCertificates",
    "sslProfiles",
    "backendAddressPools",
    "backendHttpSettingsCollection",
    "probes",
    "httpListeners",
    "urlPathMaps",
    "rewriteRuleSets",
    "redirectConfigurations",
    "requestRoutingRules",
];

/// Fields of parts that name another part, each with its list.
const REFERENCES: [(&str, &str, &str); 16] = [
    (
        "httpListeners",
        "frontendIPConfiguration",
        "frontendIPConfigurations",
    ),
    ("httpListeners", "frontendPort", "frontendPorts"),
    ("httpListeners", "sslCertificate", "sslCertificates"),
    ("httpListeners", "sslProfile", "sslProfiles"),
    ("backendHttpSettingsCollection", "probe", "probes"),
    ("redirectConfigurations", "targetListener", "httpListeners"),
    ("requestRoutingRules", "httpListener", "httpListeners"),
    (
        "requestRoutingRules",
        "backendAddressPool",
        "backendAddressPools",
    ),
    (
        "requestRoutingRules",
        "backendHttpSettings",
        "backendHttpSettingsCollection",
    ),
    (
        "requestRoutingRules",
        "redirectConfiguration",
        "redirectConfigurations",
    ),
    ("requestRoutingRules", "urlPathMap", "urlPathMaps"),
    ("requestRoutingRules", "rewriteRuleSet", "rewriteRuleSets"),
    (
        "urlPathMaps",
        "defaultBackendAddressPool",
        "backendAddressPools",
    ),
    (
        "urlPathMaps",
        "defaultBackendHttpSettings",
        "backendHttpSettingsCollection",
    ),
    (
        "urlPathMaps",
        "defaultRedirectConfiguration",
        "redirectConfigurations",
    ),
    ("urlPathMaps", "defaultRewriteRuleSet", "rewriteRuleSets"),
];

fn parts<'a>(body: &'a Value, collection: &str) -> &'a [Value] {
    list_at(body, &format!("properties.{collection}"))
}

fn parts_mut<'a>(body: &'a mut Value, collection: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = body.pointer_mut(&format!("/properties/{collection}"));
    list.and_then(Value::as_array_mut).into_iter().flatten()
}

/// The defaults of a gateway and of its parts.
pub(super) fn fill_in(body: &mut Value) {
    for collection in COLLECTIONS {
        default_at(body, &format!("properties.{collection}"), json!([]));
    }
    for part in parts_mut(body, "backendHttpSettingsCollection") {
        default_at(part, "properties.cookieBasedAffinity", json!("Disabled"));
        default_at(part, "properties.requestTimeout", json!(20));
        default_at(
            part,
            "properties.pickHostNameFromBackendAddress",
            json!(false),
        );
    }
    for part in parts_mut(body, "probes") {
        default_at(
            part,
            "properties.pickHostNameFromBackendHttpSettings",
            json!(false),
        );
        default_at(part, "properties.minServers", json!(0));
        default_at(part, "properties.match", json!({}));
    }
    for part in parts_mut(body, "httpListeners") {
        default_at(part, "properties.hostNames", json!([]));
        default_at(part, "properties.requireServerNameIndication", json!(false));
        default_at(part, "properties.customErrorConfigurations", json!([]));
    }
}

/// Names, references, and what each part must have.
pub(super) fn check(id: &ResourceId, body: &Value) -> Result<(), ArmError> {
    for collection in COLLECTIONS {
        let mut seen = BTreeSet::new();
        for part in parts(body, collection) {
            let name = text_at(part, "name").unwrap_or_default();
            if name.is_empty() || !seen.insert(name.to_ascii_lowercase()) {
                let message = format!("'{name}' is there twice in {collection}, or has no name.");
                return Err(GATEWAY_NAMES
                    .refuse("InvalidRequestFormat", message)
                    .at(&format!("properties.{collection}")));
            }
        }
    }
    for (collection, field, target) in REFERENCES {
        for part in parts(body, collection) {
            if let Some(reference) = text_at(part, &format!("properties.{field}.id")) {
                check_reference(id, body, reference, target)?;
            }
        }
    }
    check_rules(id, body)?;
    check_listeners(id, body)?;
    check_probes(id, body)?;
    check_timeouts(body)
}

fn check_reference(
    id: &ResourceId,
    body: &Value,
    reference: &str,
    target: &str,
) -> Result<(), ArmError> {
    let names = parts(body, target).iter();
    let mut names = names.filter_map(|part| text_at(part, "name"));
    let is_there = names.any(|name| {
        let own = id.child(target, name).to_string();
        own.eq_ignore_ascii_case(reference.trim_end_matches('/'))
    });
    if is_there {
        return Ok(());
    }
    Err(GATEWAY_REFERENCE.refuse(
        "InvalidResourceReference",
        format!(
            "Resource {reference} referenced by resource {id} was not found. Please make sure that \
             the referenced resource exists, and that both resources are in the same region."
        ),
    ))
}

fn check_rules(id: &ResourceId, body: &Value) -> Result<(), ArmError> {
    let mut priorities = BTreeSet::new();
    let mut listeners = BTreeSet::new();
    for rule in parts(body, "requestRoutingRules") {
        let name = text_at(rule, "name").unwrap_or_default();
        let place = id.child("requestRoutingRules", name);
        let Some(priority) = at(rule, "properties.priority").and_then(Value::as_i64) else {
            return Err(GATEWAY_PRIORITY.refuse(
                "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
                format!(
                    "Priority for the request routing rule {place} cannot be empty. All request \
                     routing rules should have a priority defined starting from api-version \
                     2021-08-01"
                ),
            ));
        };
        if !priorities.insert(priority) {
            let message = format!("Two request routing rules have the priority {priority}.");
            let code = "ApplicationGatewayRequestRoutingRuleDuplicatePriority";
            return Err(GATEWAY_PRIORITY.refuse(code, message));
        }
        let has = |field: &str| text_at(rule, &format!("properties.{field}.id")).is_some();
        let to_backend = has("backendAddressPool") && has("backendHttpSettings");
        let ways = [to_backend, has("redirectConfiguration"), has("urlPathMap")];
        let listener = text_at(rule, "properties.httpListener.id").unwrap_or_default();
        if !listener.is_empty() && !listeners.insert(listener.to_ascii_lowercase()) {
            let message = format!(
                "Two Request Routing Rules of Application Gateway {id} are using the same Http Listener \
                 {listener}."
            );
            let code = "ApplicationGatewayRequestRoutingRulesUsingSameHttpListener";
            return Err(GATEWAY_RULE_LISTENER.refuse(code, message));
        }
        if listener.is_empty() || ways.iter().filter(|way| **way).count() != 1 {
            let message = format!("Request routing rule {place}: {}", GATEWAY_RULE.text);
            return Err(GATEWAY_RULE.refuse("ApplicationGatewayInvalidRequestRoutingRule", message));
        }
    }
    Ok(())
}

fn check_listeners(id: &ResourceId, body: &Value) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    for listener in parts(body, "httpListeners") {
        let text = |field: &str| text_at(listener, &format!("properties.{field}"));
        let is_https = text("protocol").is_some_and(|word| word.eq_ignore_ascii_case("https"));
        let mut hosts: Vec<String> = list_at(listener, "properties.hostNames")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_ascii_lowercase)
            .collect();
        hosts.extend(text("hostName").map(str::to_ascii_lowercase));
        let has_parts = text("frontendIPConfiguration.id").is_some()
            && text("frontendPort.id").is_some()
            && is_https == text("sslCertificate.id").is_some();
        if hosts.is_empty() {
            hosts.push("*".to_owned());
        }
        let port = text("frontendPort.id").unwrap_or_default();
        let places: Vec<(String, String)> = hosts
            .into_iter()
            .map(|host| (port.to_ascii_lowercase(), host))
            .collect();
        if !places.into_iter().all(|place| seen.insert(place)) {
            let message = format!(
                "Two Http Listeners of Application Gateway {id} are using the same Frontend Port {port}."
            );
            let code = "ApplicationGatewayHttpListenersUsingSameFrontendPort";
            return Err(GATEWAY_LISTENER_PORT.refuse(code, message));
        }
        if !has_parts {
            let message = format!(
                "Listener {}: {}",
                text_at(listener, "name").unwrap_or_default(),
                GATEWAY_LISTENER.text
            );
            return Err(GATEWAY_LISTENER.refuse("ApplicationGatewayInvalidHttpListener", message));
        }
    }
    Ok(())
}

fn check_probes(id: &ResourceId, body: &Value) -> Result<(), ArmError> {
    for probe in parts(body, "probes") {
        let number = |field: &str| {
            at(probe, &format!("properties.{field}"))
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        let picks =
            at(probe, "properties.pickHostNameFromBackendHttpSettings") == Some(&json!(true));
        let host = text_at(probe, "properties.host").filter(|host| !host.is_empty());
        let path = text_at(probe, "properties.path").unwrap_or_default();
        let name = text_at(probe, "name").unwrap_or_default();
        let place = id.child("probes", name).to_string();
        if !picks && host.is_none() {
            let message = format!(
                "Probe '{place}' is not valid. Host can only be null when \
                 pickHostNameFromBackendHttpSettings is set to true."
            );
            return Err(GATEWAY_PROBE_HOST.refuse("ApplicationGatewayProbeHostIsNull", message));
        }
        check_probe_protocol(id, body, probe, &place)?;
        let is_right = picks != host.is_some()
            && path.starts_with('/')
            && (1..=86_400).contains(&number("interval"))
            && (1..=86_400).contains(&number("timeout"))
            && (1..=20).contains(&number("unhealthyThreshold"));
        if !is_right {
            let message = format!("Probe {place}: {}", GATEWAY_PROBE.text);
            return Err(GATEWAY_PROBE.refuse("ApplicationGatewayInvalidProbe", message));
        }
    }
    Ok(())
}

/// The settings that use a probe speak its protocol.
fn check_probe_protocol(
    id: &ResourceId,
    body: &Value,
    probe: &Value,
    place: &str,
) -> Result<(), ArmError> {
    let protocol = text_at(probe, "properties.protocol").unwrap_or_default();
    let mut users = parts(body, "backendHttpSettingsCollection")
        .iter()
        .filter(|settings| {
            text_at(settings, "properties.probe.id")
                .is_some_and(|id| id.eq_ignore_ascii_case(place))
        });
    let other = users.find(|settings| {
        let theirs = text_at(settings, "properties.protocol").unwrap_or_default();
        !theirs.eq_ignore_ascii_case(protocol)
    });
    let Some(settings) = other else {
        return Ok(());
    };
    let name = text_at(settings, "name").unwrap_or_default();
    let message = format!(
        "Probe {place} protocol ({protocol}) does not match Backend Http Setting {} protocol ({}).",
        id.child("backendHttpSettingsCollection", name),
        text_at(settings, "properties.protocol").unwrap_or_default()
    );
    // spelled as Azure spells it
    let code = "ApplicationGatewayProbeProtocolMustMatchBackendHttpSettinsProtocol";
    Err(GATEWAY_PROBE_PROTOCOL.refuse(code, message))
}

fn check_timeouts(body: &Value) -> Result<(), ArmError> {
    for settings in parts(body, "backendHttpSettingsCollection") {
        let timeout = at(settings, "properties.requestTimeout").and_then(Value::as_i64);
        if !timeout.is_some_and(|seconds| (1..=86_400).contains(&seconds)) {
            let code = "ApplicationGatewayBackendHttpSettingsInvalidRequestTimeout";
            return Err(GATEWAY_TIMEOUT.refuse(code, GATEWAY_TIMEOUT.text));
        }
    }
    Ok(())
}

/// What Azure adds to each part.
pub(super) fn decorate(id: &ResourceId, tag: &str, body: &mut Value) {
    for collection in COLLECTIONS {
        // These have no type of their own in the published types.
        let is_typed = collection != "rewriteRuleSets";
        let has_state = collection != "redirectConfigurations";
        for part in parts_mut(body, collection) {
            let name = text_at(part, "name").unwrap_or_default().to_owned();
            part["id"] = json!(id.child(collection, &name).to_string());
            part["etag"] = json!(tag);
            if is_typed {
                part["type"] = json!(format!("{TYPE}/{collection}"));
            }
            if has_state {
                set_at(part, "properties.provisioningState", json!("Succeeded"));
            }
        }
    }
}
