//! The firewall rules of a server.

use std::net::Ipv4Addr;

use crate::arm::error::ArmError;
use crate::arm::merge::{at, text_at};
use crate::engine::world::World;
use crate::provider::postgres::{FIREWALL_NAME, FIREWALL_RANGE, POLLING, VERSIONS, busy};
use crate::provider::{Definition, Draft, Provider, Seconds, Style};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
    api_versions: VERSIONS,
    table: Some(types::postgres_firewall_rule),
    check_name,
    create: Some(Style::ACCEPTED_BOTH),
    update: Some(Style::ACCEPTED_BOTH),
    delete: Some(Style::ACCEPTED_BOTH),
    seconds: Seconds {
        create: 30.0,
        update: 30.0,
        delete: 30.0,
    },
    polling: POLLING,
    hidden_until_done: true,
    shares_lane: true,
    busy,
    ..Definition::READ_ONLY
};

/// Firewall rules; 0.0.0.0 to 0.0.0.0 stands for every address inside Azure.
pub(crate) struct FirewallRule;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=80).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(inside)
        && !name.ends_with('-')
    {
        return Ok(());
    }
    let message = format!(
        "The firewall rule name '{name}' is not valid. {}",
        FIREWALL_NAME.text
    );
    Err(FIREWALL_NAME.refuse("InvalidParameterValue", message))
}

impl Provider for FirewallRule {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let address =
            |path: &str| text_at(&draft.body, path).and_then(|text| text.parse::<Ipv4Addr>().ok());
        let start = address("properties.startIpAddress");
        let end = address("properties.endIpAddress");
        let server = draft.id.parent().and_then(|id| world.store.resource(&id));
        let in_network = server.is_some_and(|server| {
            at(
                &server.desired,
                "properties.network.delegatedSubnetResourceId",
            )
            .is_some()
        });
        match (start, end) {
            (Some(start), Some(end)) if start <= end && !in_network => Ok(()),
            _ => Err(FIREWALL_RANGE
                .refuse("InvalidParameterValue", FIREWALL_RANGE.text)
                .at("properties")),
        }
    }
}
