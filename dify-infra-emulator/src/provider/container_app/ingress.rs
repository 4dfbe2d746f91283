//! What an app's ingress may be, and where it is reached.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, text_at};
use crate::engine::world::World;
use crate::provider::Draft;
use crate::provider::managed_environment::environment_key;
use crate::rules::Rule;
use crate::store::model::Resource;

/// The rules of ingress.
pub(crate) const RULES: &[Rule] = &[
    TARGET_PORT,
    EXPOSED_PORT,
    TCP_ONLY_PORTS,
    TCP_FEATURES,
    EXTERNAL_TCP,
    PORT_TAKEN,
    EXTRA_PORTS,
    TRAFFIC,
];

const TARGET_PORT: Rule = Rule::known(
    "ACA-TARGET-PORT",
    "A target port is 1-65535; tcp ingress has one.",
    "learn.microsoft.com container-apps/ingress-how-to",
);
const EXPOSED_PORT: Rule = Rule::known(
    "ACA-EXPOSED-PORT",
    "The exposed port of tcp ingress is 1-65535 and neither 80 nor 443; it defaults to the \
     target port.",
    "learn.microsoft.com container-apps/ingress-how-to; microsoft/azure-container-apps#375",
);
const TCP_ONLY_PORTS: Rule = Rule::known(
    "ACA-EXPOSED-PORT-HTTP",
    "Only tcp ingress has an exposed port.",
    "learn.microsoft.com container-apps/ingress-overview",
);
const TCP_FEATURES: Rule = Rule::known(
    "ACA-TCP-FEATURES",
    "tcp ingress has no allowInsecure, traffic labels, client certificates, CORS, sticky \
     sessions or custom domains.",
    "microsoft/azure-container-apps#375, #1821; Azure/azure-cli containerapp custom.py",
);
const EXTERNAL_TCP: Rule = Rule::known(
    "ACA-TCP-EXTERNAL",
    "External tcp ingress needs an environment with a network of one's own.",
    "learn.microsoft.com container-apps/ingress-overview",
)
.with_known_code();
const PORT_TAKEN: Rule = Rule::known(
    "ACA-TCP-PORT-TAKEN",
    "External exposed ports are unique in an environment; internal ones need not be.",
    "microsoft/azure-container-apps#375",
);
const EXTRA_PORTS: Rule = Rule::known(
    "ACA-EXTRA-PORTS",
    "An app has at most 5 additional ports, each target port once; external ones only with an \
     external app in a network of one's own.",
    "learn.microsoft.com container-apps/ingress-overview",
);
const TRAFFIC: Rule = Rule::guessed(
    "ACA-TRAFFIC",
    "Traffic weights add up to 100; in Single mode all of it goes to the latest revision.",
    "learn.microsoft.com container-apps/traffic-splitting",
);

const PATH: &str = "properties.configuration.ingress";

/// Checks the ingress of a draft and fills in its defaults.
pub(crate) fn check(
    world: World<'_>,
    environment: &Resource,
    draft: &mut Draft<'_>,
) -> Result<(), ArmError> {
    if at(&draft.body, PATH).is_none() {
        return Ok(());
    }
    let tcp = is_tcp(&draft.body);
    fill_in(&mut draft.body, tcp);
    let Some(ingress) = at(&draft.body, PATH) else {
        return Ok(());
    };
    let in_network = text_at(
        &environment.desired,
        "properties.vnetConfiguration.infrastructureSubnetId",
    )
    .is_some();
    check_target_port(ingress, tcp)?;
    if tcp {
        check_tcp(ingress, in_network)?;
    } else if port(ingress, "exposedPort") != 0 {
        return Err(refuse(
            &TCP_ONLY_PORTS,
            "ContainerAppInvalidExposedPort",
            "exposedPort",
        ));
    }
    check_extra_ports(ingress, in_network)?;
    check_free_ports(world, environment, draft)?;
    check_traffic(&draft.body)
}

fn is_tcp(body: &Value) -> bool {
    text_at(body, "properties.configuration.ingress.transport")
        .is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
}

fn fill_in(body: &mut Value, tcp: bool) {
    let mut set = |name: &str, value: Value| default_at(body, &format!("{PATH}.{name}"), value);
    set("external", json!(false));
    set("transport", json!("Auto"));
    set("allowInsecure", json!(false));
    set(
        "traffic",
        json!([{ "latestRevision": true, "weight": 100 }]),
    );
    if tcp && let Some(target) = at(body, &format!("{PATH}.targetPort")).cloned() {
        default_at(body, &format!("{PATH}.exposedPort"), target);
    }
}

fn refuse(rule: &Rule, code: &str, member: &str) -> ArmError {
    rule.refuse(code, rule.text).at(&format!("{PATH}.{member}"))
}

fn port(value: &Value, name: &str) -> i64 {
    at(value, name).and_then(Value::as_i64).unwrap_or(0)
}

fn check_target_port(ingress: &Value, tcp: bool) -> Result<(), ArmError> {
    let target = port(ingress, "targetPort");
    // http ingress finds the port by itself when it is 0 or absent
    let least = i64::from(tcp);
    if (least..=65535).contains(&target) {
        return Ok(());
    }
    Err(refuse(
        &TARGET_PORT,
        "ContainerAppInvalidTargetPort",
        "targetPort",
    ))
}

fn check_tcp(ingress: &Value, in_network: bool) -> Result<(), ArmError> {
    let exposed = port(ingress, "exposedPort");
    if !(1..=65535).contains(&exposed) || exposed == 80 || exposed == 443 {
        return Err(refuse(
            &EXPOSED_PORT,
            "ContainerAppInvalidExposedPort",
            "exposedPort",
        ));
    }
    let filled = |name: &str| !list_at(ingress, name).is_empty();
    let labelled = list_at(ingress, "traffic")
        .iter()
        .any(|part| text_at(part, "label").is_some());
    let sticky = text_at(ingress, "stickySessions.affinity")
        .is_some_and(|affinity| affinity.eq_ignore_ascii_case("sticky"));
    let forbidden = [
        (
            "allowInsecure",
            at(ingress, "allowInsecure") == Some(&json!(true)),
        ),
        ("traffic", labelled),
        (
            "clientCertificateMode",
            at(ingress, "clientCertificateMode").is_some(),
        ),
        ("corsPolicy", at(ingress, "corsPolicy").is_some()),
        ("stickySessions", sticky),
        ("customDomains", filled("customDomains")),
    ];
    if let Some((member, _)) = forbidden.iter().find(|(_, used)| *used) {
        return Err(refuse(
            &TCP_FEATURES,
            "ContainerAppInvalidTcpIngress",
            member,
        ));
    }
    if at(ingress, "external") == Some(&json!(true)) && !in_network {
        return Err(refuse(
            &EXTERNAL_TCP,
            "ContainerAppTcpRequiresVnet",
            "external",
        ));
    }
    Ok(())
}

fn check_extra_ports(ingress: &Value, in_network: bool) -> Result<(), ArmError> {
    let extra = list_at(ingress, "additionalPortMappings");
    let mut targets = BTreeSet::from([port(ingress, "targetPort")]);
    let external_app = at(ingress, "external") == Some(&json!(true));
    for mapping in extra {
        let external = at(mapping, "external") == Some(&json!(true));
        let target = port(mapping, "targetPort");
        let exposed = exposed_port(mapping);
        let reserved = external && (exposed == 80 || exposed == 443);
        let right = (1..=65535).contains(&target)
            && (1..=65535).contains(&exposed)
            && targets.insert(target)
            && !reserved
            && (!external || (external_app && in_network));
        if !right {
            return Err(refuse(
                &EXTRA_PORTS,
                "ContainerAppInvalidAdditionalPortMappings",
                "additionalPortMappings",
            ));
        }
    }
    if extra.len() > 5 {
        return Err(refuse(
            &EXTRA_PORTS,
            "ContainerAppInvalidAdditionalPortMappings",
            "additionalPortMappings",
        ));
    }
    Ok(())
}

fn exposed_port(mapping: &Value) -> i64 {
    match port(mapping, "exposedPort") {
        0 => port(mapping, "targetPort"),
        exposed => exposed,
    }
}

/// The ports that an app exposes to the outside of its environment, http apart.
fn outer_ports(body: &Value) -> BTreeSet<i64> {
    let Some(ingress) = at(body, PATH) else {
        return BTreeSet::new();
    };
    let external = |value: &Value| at(value, "external") == Some(&json!(true));
    let extra = list_at(ingress, "additionalPortMappings").iter();
    let mut ports: BTreeSet<i64> = extra
        .filter(|mapping| external(mapping))
        .map(exposed_port)
        .collect();
    if is_tcp(body) && external(ingress) {
        ports.insert(exposed_port(ingress));
    }
    ports
}

fn check_free_ports(
    world: World<'_>,
    environment: &Resource,
    draft: &Draft<'_>,
) -> Result<(), ArmError> {
    let own = outer_ports(&draft.body);
    if own.is_empty() {
        return Ok(());
    }
    let (key, own_key) = (environment.id.key(), draft.id.key());
    let neighbours = world.store.resources().filter(|other| {
        other.id.key() != own_key && environment_key(other).as_deref() == Some(key.as_str())
    });
    for other in neighbours {
        if let Some(port) = outer_ports(&other.desired).intersection(&own).next() {
            let message = format!(
                "Port {port} is exposed by '{}' already. {}",
                other.id.name(),
                PORT_TAKEN.text
            );
            return Err(PORT_TAKEN
                .refuse("ContainerAppExposedPortConflict", message)
                .at(PATH));
        }
    }
    Ok(())
}

fn check_traffic(body: &Value) -> Result<(), ArmError> {
    let traffic = list_at(body, "properties.configuration.ingress.traffic");
    let single = text_at(body, "properties.configuration.activeRevisionsMode")
        .is_none_or(|mode| mode.eq_ignore_ascii_case("Single"));
    let total: i64 = traffic.iter().map(|part| port(part, "weight")).sum();
    let negative = traffic.iter().any(|part| port(part, "weight") < 0);
    let to_latest = traffic
        .iter()
        .all(|part| at(part, "latestRevision") == Some(&json!(true)));
    if total == 100 && !negative && (to_latest || !single) {
        return Ok(());
    }
    Err(refuse(
        &TRAFFIC,
        "ContainerAppInvalidTrafficWeights",
        "traffic",
    ))
}

fn inner_part(resource: &Resource) -> Option<&'static str> {
    let ingress = at(&resource.desired, PATH)?;
    Some(if at(ingress, "external") == Some(&json!(true)) {
        ""
    } else {
        ".internal"
    })
}

/// The first part of the app's host name: `app` or `app.internal`; none without ingress.
pub(crate) fn host(resource: &Resource) -> Option<String> {
    inner_part(resource).map(|inner| format!("{}{inner}", resource.id.name()))
}

/// The first part of the latest revision's host name.
pub(crate) fn revision_fqdn(resource: &Resource) -> Option<String> {
    let revision = resource.facts["revision"].as_str()?;
    inner_part(resource).map(|inner| format!("{revision}{inner}"))
}
