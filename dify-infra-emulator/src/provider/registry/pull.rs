//! What an app may pull from a registry, and what is there to be pulled.

use serde_json::Value;

use super::{TYPE, import};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{list_at, text_at};
use crate::engine::world::World;
use crate::provider::authorization::{PULLERS, has_role};
use crate::provider::identity;
use crate::rules::Rule;
use crate::store::model::Resource;

pub(super) const PULL: Rule = Rule::known(
    "ACA-PULL",
    "An app's identity pulls from a registry of Azure when the app carries it and it has had the \
     role AcrPull for a while.",
    "microsoft/azure-container-apps#1174",
)
.with_known_code();
pub(super) const MANIFEST: Rule = Rule::known(
    "ACA-MANIFEST",
    "The image of a container is in its registry; enforced only when a test asks for it, since \
     nothing is pushed to a registry here.",
    "PacktPublishing/Pragmatic-Microservices-with-CSharp-and-Azure#81; \
     Azure-Samples/call-center-voice-agent-accelerator#3",
)
.with_known_code();

/// Checks that the images of a body can be pulled by the identities that it names.
pub(crate) fn check_pulls(world: World<'_>, body: &Value) -> Result<(), ArmError> {
    for registry in list_at(body, "properties.configuration.registries") {
        let puller = text_at(registry, "identity").unwrap_or_default();
        if ResourceId::parse(puller).is_none() {
            continue;
        }
        let server = text_at(registry, "server").unwrap_or_default();
        let principal = identity::principal_of(world, puller);
        let may_pull = by_server(world, server).is_some_and(|found| {
            principal.is_some_and(|principal| has_role(world, &principal, &found.id, PULLERS))
        });
        if !may_pull || !identity::carries(body, puller) {
            let why = format!(
                "unable to pull image using Managed identity {puller} for registry {server}"
            );
            let first = list_at(body, "properties.template.containers").first();
            return Err(refused(&PULL, first, &why));
        }
    }
    if world.settings.checks_images {
        check_images(world, body)?;
    }
    Ok(())
}

/// Checks that registries have the images; nothing is known of those that are elsewhere.
fn check_images(world: World<'_>, body: &Value) -> Result<(), ArmError> {
    for container in list_at(body, "properties.template.containers") {
        let image = text_at(container, "image").unwrap_or_default();
        let Some((server, name)) = image.split_once('/') else {
            continue;
        };
        let Some(registry) = by_server(world, server) else {
            continue;
        };
        if import::holds(world, registry, name) {
            continue;
        }
        let (_, tag) = import::repository_and_tag(name);
        let why = format!(
            "GET https:: MANIFEST_UNKNOWN: manifest tagged by \"{tag}\" is not found; map[Tag:{tag}]"
        );
        return Err(refused(&MANIFEST, Some(container), &why));
    }
    Ok(())
}

fn by_server<'a>(world: World<'a>, server: &str) -> Option<&'a Resource> {
    let name = server.strip_suffix(".azurecr.io")?;
    let mut all = world.store.resources();
    all.find(|resource| {
        resource.id.type_name() == TYPE && resource.id.name().eq_ignore_ascii_case(name)
    })
}

fn refused(rule: &Rule, container: Option<&Value>, why: &str) -> ArmError {
    let text = |name: &str| {
        container
            .and_then(|one| text_at(one, name))
            .unwrap_or_default()
    };
    rule.refuse(
        "InvalidParameterValueInContainerTemplate",
        format!(
            "The following field(s) are either invalid or missing. Field \
             'template.containers.{}.image' is invalid with details: 'Invalid value: \"{}\": {why}';.",
            text("name"),
            text("image")
        ),
    )
}
