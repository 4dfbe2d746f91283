//! `Microsoft.ManagedIdentity/userAssignedIdentities`: complete with the answer, with ids of its own.

use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::engine::world::{World, text_of};
use crate::provider::{Definition, Draft, Provider, Style};
use crate::rules::Rule;
use crate::store::model::Resource;
use crate::types;

/// The rules of identities.
pub(crate) const RULES: &[Rule] = &[NAME];

const NAME: Rule = Rule::known(
    "MSI-NAME",
    "An identity's name has 3-128 letters, digits, hyphens and underscores, beginning with a \
     letter or digit.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
);

/// The full type.
pub(crate) const TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

static DEFINITION: Definition = Definition {
    name: TYPE,
    api_versions: &["2024-11-30"],
    table: Some(types::user_assigned_identity),
    check_name,
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    patch: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    tracked: true,
    ..Definition::READ_ONLY
};

/// User-assigned identities.
pub(crate) struct UserAssignedIdentity;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if (3..=128).contains(&name.len())
        && name.chars().all(inside)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Ok(());
    }
    let message = format!("The identity name '{name}' is not valid. {}", NAME.text);
    Err(NAME.refuse("InvalidResourceName", message))
}

impl Provider for UserAssignedIdentity {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        if draft.existing.is_none() {
            draft.facts = json!({ "unique": draft.unique });
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        // one that is made anew is another account
        let purpose = format!("{}/{}", resource.id.key(), resource.facts["unique"]);
        resource.outputs = json!({ "properties": {
            "tenantId": world.settings.tenant,
            "principalId": world.dice().guid(&format!("principal/{purpose}")),
            "clientId": world.dice().guid(&format!("client/{purpose}")),
        }});
    }
}

/// An identity by its id.
pub(crate) fn find<'a>(world: World<'a>, id: &str) -> Option<&'a Resource> {
    let id = ResourceId::parse(id)?;
    let is_identity = id.type_name().eq_ignore_ascii_case(TYPE);
    world.store.resource(&id).filter(|_| is_identity)
}

/// The account of an identity, by the identity's id.
pub(crate) fn principal_of(world: World<'_>, id: &str) -> Option<String> {
    text_of(find(world, id)?, "properties.principalId")
}

/// The identity whose account this is.
pub(crate) fn by_principal<'a>(world: World<'a>, principal: &str) -> Option<&'a Resource> {
    let mut all = world.store.resources();
    all.find(|resource| {
        let own = ["properties.principalId", "identity.principalId"];
        let is_own = |path: &&str| {
            text_of(resource, path).is_some_and(|known| known.eq_ignore_ascii_case(principal))
        };
        let is_account = resource.id.type_name() == TYPE;
        // the account of a role assignment is somebody else's
        own.iter()
            .filter(|path| is_account || path.starts_with("identity"))
            .any(is_own)
    })
}

/// Whether an app or a job carries an identity.
pub(crate) fn carries(body: &Value, id: &str) -> bool {
    let assigned = crate::arm::merge::at(body, "identity.userAssignedIdentities");
    let mut keys = assigned
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(serde_json::Map::keys);
    keys.any(|key| key.eq_ignore_ascii_case(id))
}
