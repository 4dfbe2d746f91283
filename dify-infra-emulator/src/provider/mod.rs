//! The resource types, each with its provider's own rules, defaults and style.

pub(crate) mod authorization;
pub(crate) mod certificate;
pub(crate) mod container_app;
pub(crate) mod identity;
pub(crate) mod job;
pub(crate) mod managed_environment;
pub(crate) mod network;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod registry;
pub(crate) mod role_definition;
pub(crate) mod storage;
pub(crate) mod template;
pub(crate) mod vault;
pub(crate) mod workspace;

use std::collections::BTreeMap;
use std::fmt;

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::Value;

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::engine::world::World;
use crate::rules::Rule;
use crate::settings::NameKind;
use crate::store::model::{Reservation, Resource, SecretValue};
use crate::table::Table;

/// How a provider answers a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Status 202 instead of 200 or 201.
    pub(crate) accepted: bool,
    /// Whether the answer has the resource as its body.
    pub(crate) body: bool,
    pub(crate) async_operation: bool,
    pub(crate) location: bool,
    /// Whether the write is complete with its answer.
    sync: bool,
}

impl Style {
    /// Complete with the answer.
    pub(crate) const SYNC: Self = Self {
        accepted: false,
        body: true,
        async_operation: false,
        location: false,
        sync: true,
    };
    /// 200 or 201 with a body whose `provisioningState` is to be watched.
    pub(crate) const STATE: Self = Self {
        sync: false,
        ..Self::SYNC
    };
    /// 200 or 201 with a body and `Azure-AsyncOperation`.
    pub(crate) const TRACKED: Self = Self {
        async_operation: true,
        ..Self::STATE
    };
    /// 200 or 201 with a body and both headers.
    pub(crate) const TRACKED_BOTH: Self = Self {
        location: true,
        ..Self::TRACKED
    };
    /// 202 without a body, `Azure-AsyncOperation`.
    pub(crate) const ACCEPTED_TRACKED: Self = Self {
        accepted: true,
        body: false,
        ..Self::TRACKED
    };
    /// 202 without a body, both headers.
    pub(crate) const ACCEPTED_BOTH: Self = Self {
        location: true,
        ..Self::ACCEPTED_TRACKED
    };
    /// 202 without a body, `Location`.
    pub(crate) const ACCEPTED_LOCATION: Self = Self {
        async_operation: false,
        ..Self::ACCEPTED_BOTH
    };
}

/// How long writes take in the real cloud, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds {
    pub(crate) create: f64,
    pub(crate) update: f64,
    pub(crate) delete: f64,
}

/// A provider's words for the states of a resource; several words share the time evenly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateWords {
    /// Where the word stands in the body.
    pub(crate) paths: &'static [&'static str],
    pub(crate) creating: &'static [&'static str],
    pub(crate) updating: &'static [&'static str],
    pub(crate) deleting: &'static [&'static str],
    pub(crate) done: &'static [&'static str],
    pub(crate) failed: &'static [&'static str],
}

impl StateWords {
    /// `properties.provisioningState` with the words that most providers use.
    pub(crate) const USUAL: Self = Self {
        paths: &["properties.provisioningState"],
        creating: &["Creating"],
        updating: &["Updating"],
        deleting: &["Deleting"],
        done: &["Succeeded"],
        failed: &["Failed"],
    };
}

/// The words of a namespace's polling addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polling {
    pub(crate) status: &'static str,
    pub(crate) result: &'static str,
    pub(crate) api_version: &'static str,
    /// Whether the status document says `Creating`, `Updating` or `Deleting` while the operation runs,
    /// as the resource does, instead of `InProgress`.
    pub(crate) names_work: bool,
}

impl Polling {
    /// `operationStatuses` and `operationResults`, in no version.
    pub(crate) const USUAL: Self = Self {
        status: "operationStatuses",
        result: "operationResults",
        api_version: "",
        names_work: false,
    };
}

/// What is fixed about a resource type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// For example `Microsoft.App/containerApps`.
    pub(crate) name: &'static str,
    pub(crate) api_versions: &'static [&'static str],
    pub(crate) table: Option<fn() -> &'static Table>,
    pub(crate) check_name: fn(&str) -> Result<(), ArmError>,
    pub(crate) create: Option<Style>,
    pub(crate) update: Option<Style>,
    pub(crate) patch: Option<Style>,
    pub(crate) delete: Option<Style>,
    /// The status of a creation that is not 202.
    pub(crate) created_status: StatusCode,
    pub(crate) seconds: Seconds,
    pub(crate) states: Option<&'static StateWords>,
    pub(crate) polling: Polling,
    /// Whether it has a location and tags of its own.
    pub(crate) tracked: bool,
    /// Whether its location is `global` and no region.
    pub(crate) global: bool,
    pub(crate) system_data: bool,
    pub(crate) display_location: bool,
    /// Whether a write is invisible until its operation ends.
    pub(crate) hidden_until_done: bool,
    /// Whether a resource whose creation failed is gone: its type has no word for that state.
    pub(crate) gone_on_failure: bool,
    /// Whether writes are serial with those of the outermost resource and all its children.
    pub(crate) shares_lane: bool,
    /// Seconds for which it stays busy after its creation was reported as done.
    pub(crate) rest_after_create: f64,
    pub(crate) busy: fn(&ResourceId) -> ArmError,
    /// Whether PATCH merges tags instead of replacing them.
    pub(crate) merges_tags: bool,
    /// Whether PATCH takes tags and nothing else.
    pub(crate) patches_tags_alone: bool,
    /// Secret values that a PUT without them keeps.
    pub(crate) sticky_secrets: &'static [&'static str],
    pub(crate) global_name: Option<NameKind>,
    /// Whether a deletion answers what was deleted.
    pub(crate) answers_deleted: bool,
    /// The code for a body that its properties do not fit, where it is the provider's own.
    pub(crate) schema_code: Option<&'static str>,
}

impl Definition {
    /// A type that can only be read; the others are made from it.
    pub(crate) const READ_ONLY: Self = Self {
        name: "",
        api_versions: &[],
        table: None,
        check_name: any_name,
        create: None,
        update: None,
        patch: None,
        delete: None,
        created_status: StatusCode::CREATED,
        seconds: Seconds {
            create: 0.0,
            update: 0.0,
            delete: 0.0,
        },
        states: None,
        polling: Polling::USUAL,
        tracked: false,
        global: false,
        system_data: false,
        display_location: false,
        hidden_until_done: false,
        gone_on_failure: false,
        shares_lane: false,
        rest_after_create: 0.0,
        busy: usual_conflict,
        merges_tags: false,
        patches_tags_alone: false,
        sticky_secrets: &[],
        global_name: None,
        answers_deleted: false,
        schema_code: None,
    };

    /// For example `Microsoft.App`.
    pub(crate) fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or(self.name)
    }

    /// For example `containerApps/revisions`.
    pub(crate) fn kind(&self) -> &'static str {
        self.name.split_once('/').map_or("", |(_, kind)| kind)
    }

    /// The lane in which writes to a resource are serial.
    pub(crate) fn lane_of(&self, id: &ResourceId) -> String {
        if self.shares_lane {
            id.root().key()
        } else {
            id.key()
        }
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where other types check their names"
)]
fn any_name(_name: &str) -> Result<(), ArmError> {
    Ok(())
}

fn usual_conflict(id: &ResourceId) -> ArmError {
    ArmError::conflict(
        "Conflict",
        format!("Another operation is in progress on the resource '{id}'. Retry after it ends."),
    )
}

/// A write under judgement.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) id: &'a ResourceId,
    pub(crate) existing: Option<&'a Resource>,
    /// The body without read-only values and secrets; `check` adds the defaults.
    pub(crate) body: Value,
    /// Secret values of this request; `check` adds generated ones.
    pub(crate) secrets: BTreeMap<String, SecretValue>,
    /// Secret values that stay as they are.
    pub(crate) kept: BTreeMap<String, u64>,
    /// A number of this write alone, to name generated values by.
    pub(crate) unique: u64,
    /// What the provider notes for itself.
    pub(crate) facts: Value,
}

impl Draft<'_> {
    /// Whether a secret value is given or kept, and not empty.
    pub(crate) fn has_secret(&self, place: &str) -> bool {
        match self.secrets.get(place) {
            Some(value) => !value.expose().is_empty(),
            None => self.kept.contains_key(place),
        }
    }

    /// The value of a body that was there before this write.
    pub(crate) fn old(&self, path: &str) -> Option<&Value> {
        self.existing
            .and_then(|existing| crate::arm::merge::at(&existing.desired, path))
    }
}

/// What a finished write does to other resources.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) resources: Vec<Resource>,
    pub(crate) reservations: Vec<(String, Option<Reservation>)>,
    /// Keys of resources that are gone.
    pub(crate) removed: Vec<String>,
}

/// A POST on a resource.
#[derive(Debug)]
pub(crate) struct Action<'a> {
    /// In lower case.
    pub(crate) name: &'a str,
    pub(crate) resource: &'a Resource,
    pub(crate) call: &'a Call,
    pub(crate) unique: u64,
}

/// What an action answers and does.
#[derive(Debug)]
pub(crate) struct ActionOutcome {
    pub(crate) answer: Answer,
    /// How long it takes; none when it is done with its answer.
    pub(crate) seconds: Option<f64>,
    /// The lane that it keeps busy, if any.
    pub(crate) lane: Option<String>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) secrets: Vec<(String, SecretValue)>,
}

impl ActionOutcome {
    /// Whether anything is other than before.
    pub(crate) fn changes_something(&self) -> bool {
        self.seconds.is_some() || !self.resources.is_empty() || !self.secrets.is_empty()
    }

    /// An action that is done with its answer.
    pub(crate) fn done(answer: Answer) -> Self {
        Self {
            answer,
            seconds: None,
            lane: None,
            resources: Vec::new(),
            secrets: Vec::new(),
        }
    }
}

/// A resource type.
pub(crate) trait Provider: Sync {
    /// What is fixed about the type.
    fn definition(&self) -> &'static Definition;

    /// Refuses types that can't be created any more, before anything is looked at.
    fn refuse_creation(&self, _world: World<'_>, _id: &ResourceId) -> Result<(), ArmError> {
        Ok(())
    }

    /// Judges a write and fills in the defaults.
    fn check(&self, _world: World<'_>, _draft: &mut Draft<'_>) -> Result<(), ArmError> {
        Ok(())
    }

    /// Sets the read-only values that are known when a write begins.
    fn started(&self, _world: World<'_>, _resource: &mut Resource) {}

    /// Why a write that was accepted fails in the end, as code and message, when it does.
    fn ends_badly(&self, _world: World<'_>, _resource: &Resource) -> Option<(String, String)> {
        None
    }

    /// Sets the read-only values that are known when a write ends.
    fn finished(&self, _world: World<'_>, _resource: &mut Resource) -> Effects {
        Effects::default()
    }

    /// Why an operation fails that was taken, by code and message: what is wrong is looked at as of
    /// its beginning.
    fn late_failure(&self, _world: World<'_>, _resource: &Resource) -> Option<(String, String)> {
        None
    }

    /// Whether a secret value still belongs to a body.
    fn wants_secret(&self, _place: &str, _body: &Value) -> bool {
        true
    }

    /// Refuses a deletion.
    fn check_delete(&self, _world: World<'_>, _resource: &Resource) -> Result<(), ArmError> {
        Ok(())
    }

    /// What a deletion leaves behind.
    fn deleted(&self, _world: World<'_>, _resource: &Resource) -> Effects {
        Effects::default()
    }

    /// How long what runs on a resource takes as a whole; none when nothing runs.
    fn running_for(&self, world: World<'_>, resource: &Resource) -> Option<SignedDuration> {
        let operation = world
            .operation_of(resource)
            .filter(|operation| operation.is_running())?;
        Some(operation.ends.duration_since(operation.started))
    }

    /// Adds to a body what depends on the moment or on other resources.
    fn decorate(&self, _world: World<'_>, _resource: &Resource, _body: &mut Value) {}

    /// Performs an action; none when there is no such action.
    fn act(
        &self,
        _world: World<'_>,
        _action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        None
    }

    /// A resource that exists without having been written.
    fn implied(&self, _world: World<'_>, _id: &ResourceId) -> Option<Resource> {
        None
    }

    /// The resources that exist below a parent without having been written.
    fn implied_children(&self, _world: World<'_>, _parent: &ResourceId) -> Vec<Resource> {
        Vec::new()
    }
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.definition().name)
    }
}

/// Every type.
pub(crate) const PROVIDERS: &[&dyn Provider] = &[
    &managed_environment::ManagedEnvironment,
    &managed_environment::Storage,
    &certificate::Certificate,
    &certificate::ManagedCertificate,
    &container_app::ContainerApp,
    &container_app::revisions::Revision,
    &container_app::revisions::Replica,
    &job::Job,
    &job::Execution,
    &network::virtual_network::VirtualNetwork,
    &network::subnet::Subnet,
    &network::security_group::NetworkSecurityGroup,
    &network::security_rule::SecurityRule,
    &network::public_ip::PublicIpAddress,
    &network::firewall_policy::FirewallPolicy,
    &network::gateway::ApplicationGateway,
    &network::private_endpoint::PrivateEndpoint,
    &network::private_endpoint::ZoneGroup,
    &network::dns_zone::PrivateDnsZone,
    &network::dns_zone::VirtualNetworkLink,
    &postgres::server::Server,
    &postgres::database::Database,
    &postgres::configuration::Configuration,
    &postgres::firewall::FirewallRule,
    &redis::classic::Redis,
    &redis::cluster::RedisEnterprise,
    &redis::database::RedisDatabase,
    &storage::account::StorageAccount,
    &storage::blob::BlobService,
    &storage::blob::Container,
    &workspace::Workspace,
    &identity::UserAssignedIdentity,
    &authorization::RoleAssignment,
    &vault::Vault,
    &vault::secret::Secret,
    &registry::Registry,
];

/// Finds a type by its full name, in any case.
pub(crate) fn find(type_name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS
        .iter()
        .copied()
        .find(|provider| provider.definition().name.eq_ignore_ascii_case(type_name))
}

/// The rules of all providers.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    let all: &[&[Rule]] = &[
        managed_environment::RULES,
        template::RULES,
        container_app::RULES,
        container_app::ingress::RULES,
        container_app::domain::RULES,
        certificate::RULES,
        job::RULES,
        network::RULES,
        network::gateway::rules::RULES,
        postgres::RULES,
        redis::RULES,
        storage::RULES,
        workspace::RULES,
        identity::RULES,
        authorization::RULES,
        vault::RULES,
        registry::RULES,
        NAME_RULES,
    ];
    all.iter().copied().flatten()
}

/// Rules about names that are unique beyond the group.
const NAME_RULES: &[Rule] = &[GLOBAL_NAME];

const GLOBAL_NAME: Rule = Rule::known(
    "ARM-GLOBAL-NAME",
    "Names of storage accounts, PostgreSQL servers, Managed Redis caches, key vaults and container \
     registries are unique beyond the subscription.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules; StorageAccountAlreadyTaken, ServerNameAlreadyExists and AlreadyInUse in public deployment logs",
)
.with_known_code();

/// Whether a name of a kind is in use, here or (by option) by somebody else.
pub(crate) fn name_is_taken(world: World<'_>, kind: NameKind, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    if world.settings.taken.contains(&(kind, lower.clone())) {
        return true;
    }
    world.store.resources().any(|resource| {
        let definition = find(&resource.id.type_name()).map(Provider::definition);
        definition.is_some_and(|definition| definition.global_name == Some(kind))
            && resource.id.name().eq_ignore_ascii_case(&lower)
    })
}

/// Refuses a creation whose name is in use somewhere in Azure.
pub(crate) fn check_global_name(
    world: World<'_>,
    definition: &Definition,
    id: &ResourceId,
) -> Result<(), ArmError> {
    let Some(kind) = definition.global_name else {
        return Ok(());
    };
    let name = id.name();
    if !name_is_taken(world, kind, name) {
        return Ok(());
    }
    let (code, message) = match kind {
        NameKind::KeyVault => return Err(vault::name_taken(name)),
        NameKind::StorageAccount => (
            "StorageAccountAlreadyTaken",
            format!("The storage account named {name} is already taken."),
        ),
        NameKind::PostgresServer => (
            "ServerNameAlreadyExists",
            "Specified server name is already used.".to_owned(),
        ),
        NameKind::ManagedRedis => (
            "NameNotAvailable",
            format!("The cache name '{name}' is not available in this region."),
        ),
        NameKind::ContainerRegistry => ("AlreadyInUse", registry::name_taken(name)),
    };
    Err(GLOBAL_NAME.refuse_with(StatusCode::CONFLICT, code, message))
}
