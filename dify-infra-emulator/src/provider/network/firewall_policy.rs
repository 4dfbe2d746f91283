//! `Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies`.

use serde_json::{Value, json};

use super::gateway::rules::{WAF_IN_USE, WAF_LIMITS, WAF_RULE_SET};
use super::{NETWORK, etag, gateway, same_id, usual_name};
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Provider, Seconds, Style};
use crate::store::model::Resource;
use crate::types;

/// The type of firewall policies.
pub(super) const TYPE: &str = "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies";

static DEFINITION: Definition = Definition {
    name: TYPE,
    table: Some(types::web_application_firewall_policy),
    check_name: usual_name,
    // complete with its answer, unlike the rest of the namespace (its published operations)
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    seconds: Seconds {
        create: 0.0,
        update: 0.0,
        delete: 11.0,
    },
    tracked: true,
    ..NETWORK
};

/// The rule sets: name, version, whether a policy needs one of them, and whether limits are wide.
const RULE_SETS: [(&str, &str, bool, bool); 10] = [
    ("Microsoft_DefaultRuleSet", "2.1", true, true),
    ("Microsoft_DefaultRuleSet", "2.2", true, true),
    ("OWASP", "3.2", true, true),
    ("OWASP", "3.1", true, false),
    ("OWASP", "3.0", true, false),
    ("OWASP", "2.2.9", true, false),
    ("Microsoft_BotManagerRuleSet", "0.1", false, true),
    ("Microsoft_BotManagerRuleSet", "1.0", false, true),
    ("Microsoft_BotManagerRuleSet", "1.1", false, true),
    ("Microsoft_HTTPDDoSRuleSet", "1.0", false, true),
];

/// Web application firewall policies.
pub(crate) struct FirewallPolicy;

impl Provider for FirewallPolicy {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let settings = "properties.policySettings";
        for (name, value) in [
            ("state", json!("Disabled")),
            ("mode", json!("Detection")),
            ("requestBodyCheck", json!(true)),
            ("requestBodyInspectLimitInKB", json!(128)),
            ("requestBodyEnforcement", json!(true)),
            ("maxRequestBodySizeInKb", json!(128)),
            ("fileUploadEnforcement", json!(true)),
            ("fileUploadLimitInMb", json!(100)),
        ] {
            default_at(&mut draft.body, &format!("{settings}.{name}"), value);
        }
        default_at(&mut draft.body, "properties.customRules", json!([]));
        default_at(
            &mut draft.body,
            "properties.managedRules.exclusions",
            json!([]),
        );
        let is_wide = check_rule_sets(&draft.body)?;
        check_limits(&draft.body, is_wide)?;
        let sets = draft
            .body
            .pointer_mut("/properties/managedRules/managedRuleSets");
        for set in sets.and_then(Value::as_array_mut).into_iter().flatten() {
            default_at(set, "ruleGroupOverrides", json!([]));
        }
        Ok(())
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let Some(user) = gateways_with(world, resource).next() else {
            return Ok(());
        };
        Err(WAF_IN_USE.refuse(
            "ApplicationGatewayFirewallPolicyCannotBeDeleted",
            format!(
                "Web application firewall policy {} can't be deleted, since {} uses it.",
                resource.id, user.id
            ),
        ))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let users: Vec<Value> = gateways_with(world, resource)
            .map(|gateway| json!({ "id": gateway.id.to_string() }))
            .collect();
        if !users.is_empty() {
            set_at(body, "properties.applicationGateways", json!(users));
        }
        set_at(body, "properties.resourceState", json!("Enabled"));
        body["etag"] = json!(etag(world, resource));
    }
}

/// Whether the limits are those of the newer engine.
fn check_rule_sets(body: &Value) -> Result<bool, ArmError> {
    let path = "properties.managedRules.managedRuleSets";
    let sets = list_at(body, path);
    let known = |set: &Value| {
        let name = text_at(set, "ruleSetType").unwrap_or_default();
        let version = text_at(set, "ruleSetVersion").unwrap_or_default();
        RULE_SETS
            .iter()
            .find(|one| one.0.eq_ignore_ascii_case(name) && one.1 == version)
    };
    let found: Vec<_> = sets.iter().filter_map(known).collect();
    let primary: Vec<_> = found.iter().filter(|one| one.2).collect();
    match primary.as_slice() {
        [one] if found.len() == sets.len() => Ok(one.3),
        _ => Err(WAF_RULE_SET
            .refuse(
                "ApplicationGatewayFirewallInvalidRuleSet",
                WAF_RULE_SET.text,
            )
            .at(path)),
    }
}

fn check_limits(body: &Value, is_wide: bool) -> Result<(), ArmError> {
    let (kib, mib) = if is_wide { (2000, 4000) } else { (128, 750) };
    for (name, least, most) in [
        ("maxRequestBodySizeInKb", 8, kib),
        ("requestBodyInspectLimitInKB", 8, kib),
        ("fileUploadLimitInMb", 1, mib),
    ] {
        let path = format!("properties.policySettings.{name}");
        let value = at(body, &path).and_then(Value::as_i64).unwrap_or(least);
        if !(least..=most).contains(&value) {
            let message = format!("{name} is {value}, but must be from {least} to {most}.");
            let code = "ApplicationGatewayFirewallInvalidPolicySettings";
            return Err(WAF_LIMITS.refuse(code, message).at(&path));
        }
    }
    Ok(())
}

fn gateways_with<'a>(world: World<'a>, policy: &'a Resource) -> impl Iterator<Item = &'a Resource> {
    world.store.resources().filter(|other| {
        other.id.type_name() == gateway::TYPE
            && text_at(&other.desired, "properties.firewallPolicy.id")
                .is_some_and(|id| same_id(id, &policy.id))
    })
}
