//! `Microsoft.Network/privateDnsZones` and their links to virtual networks.

use http::StatusCode;
use serde_json::{Value, json};

use super::virtual_network::{differs, refuse_second_link};
use super::{LINK_ONCE, ZONE_GLOBAL, ZONE_NOT_EMPTY, etag, referred, usual_name};
use crate::arm::error::ArmError;
use crate::arm::merge::{default_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Polling, Provider, Seconds, StateWords, Style};
use crate::store::model::Resource;
use crate::types;

/// The type of zones.
pub(super) const TYPE: &str = "Microsoft.Network/privateDnsZones";

/// The type of links.
pub(super) const LINK_TYPE: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks";

const DNS: Definition = Definition {
    api_versions: &["2024-06-01"],
    create: Some(Style::ACCEPTED_BOTH),
    update: Some(Style::ACCEPTED_BOTH),
    patch: Some(Style::ACCEPTED_BOTH),
    delete: Some(Style::ACCEPTED_LOCATION),
    states: Some(&StateWords::USUAL),
    polling: Polling {
        status: "privateDnsOperationStatuses",
        result: "privateDnsOperationResults",
        api_version: "2024-06-01",
        ..Polling::USUAL
    },
    tracked: true,
    global: true,
    ..Definition::READ_ONLY
};

static ZONE: Definition = Definition {
    name: TYPE,
    table: Some(types::private_dns_zone),
    check_name: check_zone_name,
    seconds: Seconds {
        create: 25.0,
        update: 5.0,
        delete: 20.0,
    },
    ..DNS
};

static LINK: Definition = Definition {
    name: LINK_TYPE,
    table: Some(types::virtual_network_link),
    check_name: usual_name,
    seconds: Seconds {
        create: 30.0,
        update: 5.0,
        delete: 20.0,
    },
    ..DNS
};

fn check_zone_name(name: &str) -> Result<(), ArmError> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    let labels = name.split('.').count();
    if (2..=34).contains(&labels) && name.split('.').all(is_label) {
        return Ok(());
    }
    Err(super::NAME.refuse(
        "InvalidZoneName",
        format!("The zone name '{name}' is not valid."),
    ))
}

/// The location of a body must be the only one there is.
pub(crate) fn check_global(location: &str) -> Result<(), ArmError> {
    if location.eq_ignore_ascii_case("global") {
        return Ok(());
    }
    Err(ZONE_GLOBAL
        .refuse("LocationNotAvailableForResourceType", ZONE_GLOBAL.text)
        .at("location"))
}

/// Private DNS zones.
pub(crate) struct PrivateDnsZone;

impl Provider for PrivateDnsZone {
    fn definition(&self) -> &'static Definition {
        &ZONE
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let Some(link) = world
            .store
            .children(&resource.id, "virtualNetworkLinks")
            .next()
        else {
            return Ok(());
        };
        Err(ZONE_NOT_EMPTY.refuse_with(
            StatusCode::CONFLICT,
            "CannotDeleteResource",
            format!(
                "Can not delete resource before nested resources are deleted: {}.",
                link.id
            ),
        ))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let links = world
            .store
            .children(&resource.id, "virtualNetworkLinks")
            .count();
        for (path, value) in [
            ("properties.maxNumberOfRecordSets", json!(25_000)),
            ("properties.maxNumberOfVirtualNetworkLinks", json!(1000)),
            (
                "properties.maxNumberOfVirtualNetworkLinksWithRegistration",
                json!(100),
            ),
            ("properties.numberOfRecordSets", json!(1)),
            ("properties.numberOfVirtualNetworkLinks", json!(links)),
            (
                "properties.numberOfVirtualNetworkLinksWithRegistration",
                json!(0),
            ),
        ] {
            set_at(body, path, value);
        }
        body["etag"] = json!(etag(world, resource));
    }
}

/// Links of zones to networks.
pub(crate) struct VirtualNetworkLink;

impl Provider for VirtualNetworkLink {
    fn definition(&self) -> &'static Definition {
        &LINK
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let path = "properties.virtualNetwork.id";
        let network = text_at(&draft.body, path).unwrap_or_default().to_owned();
        referred(world, draft.id, path, &network)?;
        refuse_second_link(world, draft.id, &network)?;
        if differs(draft.existing.map(|old| &old.desired), &draft.body, path) {
            return Err(LINK_ONCE
                .refuse("VirtualNetworkLinkCannotChange", LINK_ONCE.text)
                .at(path));
        }
        default_at(
            &mut draft.body,
            "properties.registrationEnabled",
            json!(false),
        );
        default_at(
            &mut draft.body,
            "properties.resolutionPolicy",
            json!("Default"),
        );
        Ok(())
    }

    fn started(&self, _world: World<'_>, resource: &mut Resource) {
        let path = "properties.virtualNetworkLinkState";
        set_at(&mut resource.outputs, path, json!("Completed"));
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        body["etag"] = json!(etag(world, resource));
    }
}
