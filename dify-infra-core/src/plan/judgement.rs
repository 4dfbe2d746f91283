//! What a difference means: why, at which risk, and whether it may be carried out at all.

use serde_json::Value;

use super::subnet::unfit_subnet;
use super::{Action, Change, FILES_TAG, Risk, RiskLevel, Snapshot};
use crate::catalogue::Version;
use crate::diff::{Difference, compare};
use crate::graph::{Node, ResourceGraph};
use crate::resource::{AnyResource, FINGERPRINT_TAG, Kind, Layer, OWNER_TAG};

/// Whether a PostgreSQL server does not run.
pub(super) fn is_stopped(kind: Kind, live: &Value) -> bool {
    let words = ["Stopped", "Stopping", "Disabled"];
    kind == Kind::PostgresServer && has_state(live, &words)
}

/// Whether the last write to a resource failed, by its GET answer. A PostgreSQL server that was not
/// made to its end, or whose key is out of reach, is `Inaccessible`.
///
/// ```
/// use dify_infra_core::plan::has_failed;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let server = json!({ "properties": { "state": "Inaccessible" } });
/// assert!(has_failed(Kind::PostgresServer, &server));
/// let app = json!({ "properties": { "provisioningState": "Failed" } });
/// assert!(has_failed(Kind::ContainerApp, &app) && !has_failed(Kind::ContainerApp, &server));
/// ```
pub fn has_failed(kind: Kind, live: &Value) -> bool {
    let inaccessible = kind == Kind::PostgresServer && has_state(live, &["Inaccessible"]);
    inaccessible || state(live).is_some_and(|state| is_failed(&state))
}

/// Whether a PostgreSQL server has one of these states of its own.
fn has_state(live: &Value, words: &[&str]) -> bool {
    let state = live.pointer("/properties/state").and_then(Value::as_str);
    state.is_some_and(|state| words.iter().any(|word| state.eq_ignore_ascii_case(word)))
}

/// Why an existing resource can't serve Dify, when it can't. Its other settings are its owner's.
pub(super) fn unfit(
    graph: &ResourceGraph,
    node: &Node,
    snapshot: &Snapshot,
    (wanted, live): (&Value, &Value),
) -> Option<String> {
    let kind = node.kind();
    if let AnyResource::Subnet(subnet) = node.resource() {
        return unfit_subnet(graph, subnet, snapshot, live);
    }
    if let AnyResource::Registry(registry) = node.resource()
        && registry.needs_premium
        && let Some(reason) = without_private_endpoints(live)
    {
        return Some(reason);
    }
    let decisive: &[(&str, &str)] = match kind {
        Kind::RedisEnterpriseDatabase => &[
            (
                "properties.clusteringPolicy",
                "Celery's commands fail on a sharded Redis",
            ),
            (
                "properties.evictionPolicy",
                "a broker must never drop a message",
            ),
            (
                "properties.accessKeysAuthentication",
                "Dify signs in with an access key",
            ),
            ("properties.clientProtocol", "Dify is given TLS addresses"),
        ],
        Kind::StorageAccount => &[(
            "properties.allowSharedKeyAccess",
            "Dify signs in with the account's key",
        )],
        Kind::PostgresServer => &[(
            "properties.administratorLogin",
            "set `data.postgres.administrator` to the server's login",
        )],
        Kind::VirtualNetwork => &[(
            "location",
            "environment and private endpoints must be in the region of their network",
        )],
        _ => &[],
    };
    let differences = compare(kind, wanted, live).differences;
    let found = decisive.iter().find_map(|(path, why)| {
        let difference = differences
            .iter()
            .find(|difference| difference.path.starts_with(*path))?;
        // Shared keys are allowed unless the account says otherwise.
        (kind != Kind::StorageAccount || difference.before.is_some()).then_some((difference, why))
    });
    found.map(|(difference, why)| {
        format!("this existing resource does not fit: {difference}; {why}")
    })
}

/// Why an existing registry takes no private endpoint, when it takes none.
fn without_private_endpoints(live: &Value) -> Option<String> {
    let sku = live.pointer("/sku/name").and_then(Value::as_str)?;
    (!sku.eq_ignore_ascii_case("Premium")).then(|| {
        format!(
            "this existing registry does not fit: its size is {sku}, and only Premium takes private \
             endpoints; run `az acr update --sku Premium`, or write `private_endpoint = false` under \
             `[images]`"
        )
    })
}

pub(super) fn update_reason(differences: &[Difference]) -> String {
    let is_secret = |difference: &Difference| {
        difference
            .path
            .starts_with(&format!("tags.{FINGERPRINT_TAG}-"))
    };
    let is_file = |difference: &Difference| difference.path.contains(FILES_TAG);
    match differences {
        all if all.iter().all(is_secret) => "secrets changed in the secrets file".to_owned(),
        all if all.iter().any(is_file) => "rendered files differ from what the app has".to_owned(),
        [one] => format!("{} differs", one.path),
        all => format!("{} values differ", all.len()),
    }
}

pub(super) fn risk(kind: Kind, differences: &[Difference]) -> Risk {
    let any = |part: &str| {
        differences
            .iter()
            .any(|difference| difference.path.contains(part))
    };
    let secret_key = format!("{FINGERPRINT_TAG}-secret-key");
    match kind {
        // What people lose: https://github.com/langgenius/dify/issues/21393
        _ if any(&secret_key) => Risk::new(
            RiskLevel::Destructive,
            "a new SECRET_KEY makes the stored credentials of models and tools unreadable, and ends \
             sessions and signed URLs",
        ),
        Kind::ContainerApp if differences.iter().any(is_older_image) => Risk::new(
            RiskLevel::Irreversible,
            "an older release on a database that a newer one has migrated may not work",
        ),
        Kind::ContainerApp if any("ingress.customDomains[") => Risk::new(
            RiskLevel::Interruption,
            "the app is no longer reached by a name that is taken off",
        ),
        Kind::ContainerApp
            if any("properties.template") || any(FILES_TAG) || any(FINGERPRINT_TAG) =>
        {
            Risk::new(
                RiskLevel::Restart,
                "a new revision replaces the running one",
            )
        }
        Kind::PostgresServer if any(FINGERPRINT_TAG) => Risk::new(
            RiskLevel::Interruption,
            "the password changes: connections fail until every app has its new revision",
        ),
        Kind::PostgresServer if any("sku") || any("highAvailability") => {
            Risk::new(RiskLevel::Interruption, "the server restarts")
        }
        Kind::PostgresServer if any("storageSizeGB") => Risk::new(
            RiskLevel::Irreversible,
            "a disk can't be made smaller again",
        ),
        Kind::RedisEnterprise if any("sku") => Risk::new(
            RiskLevel::Interruption,
            "connections are cut while it is resized",
        ),
        Kind::RedisEnterprise if any("highAvailability") => Risk::new(
            RiskLevel::Irreversible,
            "high availability can't be turned off again",
        ),
        _ => Risk::none(),
    }
}

/// Whether a difference replaces an image of Dify's API by one of an older release.
fn is_older_image(difference: &Difference) -> bool {
    let version = |image: &Option<Value>| -> Option<Version> {
        let name = image.as_ref()?.as_str()?.split('@').next()?;
        let (repository, tag) = name.rsplit_once(':')?;
        repository
            .ends_with("dify-api")
            .then(|| tag.parse().ok())
            .flatten()
    };
    let is_older = match (version(&difference.before), version(&difference.after)) {
        (Some(before), Some(after)) => after < before,
        _ => false,
    };
    difference.path.ends_with("].image") && is_older
}

/// Why a present resource is not ours, when it is not.
pub(super) fn foreign_owner(graph: &ResourceGraph, kind: Kind, live: &Value) -> Option<String> {
    if !kind.is_taggable() {
        return None;
    }
    let tags = live.get("tags").and_then(Value::as_object);
    let owner = tags
        .into_iter()
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(OWNER_TAG))
        .and_then(|(_, value)| value.as_str());
    match owner {
        Some(owner) if owner == graph.owner() => None,
        Some(owner) if kind == Kind::PrivateDnsZone => Some(format!(
            "this zone belongs to the deployment {owner}, and its name is Azure's: name the zones' \
             resource group as `network.private_dns_zones`, so that they are shared"
        )),
        Some(owner) => Some(format!(
            "a resource of this name belongs to the deployment {owner}; choose another `name`, \
             `environment` or `azure.suffix`"
        )),
        None => Some(format!(
            "a resource of this name exists without the tag {OWNER_TAG}, so dify-infra did not \
             make it; choose another `name` or `azure.suffix`, or set the tag to {} to hand it over",
            graph.owner()
        )),
    }
}

/// Whether no write to a resource is under way, by its GET answer. A type without a state is
/// settled as soon as it is there; any word that does not mean an end means that it goes on.
///
/// ```
/// use dify_infra_core::plan::is_settled;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let body = |state: &str| json!({ "properties": { "provisioningState": state } });
/// assert!(is_settled(Kind::ContainerApp, &body("Succeeded")));
/// assert!(is_settled(Kind::ContainerApp, &body("Failed")));
/// assert!(!is_settled(Kind::ManagedEnvironment, &body("InfrastructureSetupInProgress")));
/// assert!(is_settled(Kind::PostgresDatabase, &json!({ "properties": {} })));
/// ```
pub fn is_settled(kind: Kind, live: &Value) -> bool {
    if kind == Kind::PostgresServer {
        // A flexible server has a state of its own; a stopped one is settled too.
        let state = live
            .pointer("/properties/state")
            .and_then(Value::as_str)
            .unwrap_or("Ready");
        let busy = [
            "Provisioning",
            "Updating",
            "Starting",
            "Restarting",
            "Dropping",
        ];
        return !busy.iter().any(|word| state.eq_ignore_ascii_case(word));
    }
    state(live).is_none_or(|state| state.eq_ignore_ascii_case("succeeded") || is_failed(&state))
}

/// The provisioning state of a live body.
fn state(live: &Value) -> Option<String> {
    live.pointer("/properties/provisioningState")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn is_failed(state: &str) -> bool {
    ["failed", "canceled", "cancelled"]
        .iter()
        .any(|word| state.eq_ignore_ascii_case(word))
}

pub(super) fn is_creation_failure(live: &Value) -> bool {
    let state = live
        .pointer("/properties/resourceState")
        .and_then(Value::as_str);
    state.is_some_and(|state| state.eq_ignore_ascii_case("CreateFailed"))
}

/// Why a change must not be carried out, when it must not.
pub(super) fn blocker(change: &Change) -> Option<String> {
    let disk = change
        .differences
        .iter()
        .find(|one| one.path.ends_with("storage.storageSizeGB"));
    let size = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
    if let Some(disk) = disk
        && let (Some(before), Some(after)) = (size(&disk.before), size(&disk.after))
        && after < before
    {
        return Some(format!(
            "the disk of {} has {before} GiB and can't be made smaller; set `data.postgres.storage` \
             to {before} or more",
            change.id.name()
        ));
    }
    if change.action == Action::Replace
        && change.kind == Some(Kind::ManagedEnvironment)
        && !change.differences.is_empty()
    {
        return Some(format!(
            "Azure fixes {} when an environment is made, and {} can't be deleted while its apps are in \
             it; take the change back, or run `dify-infra destroy`, which keeps the data, and apply \
             again",
            fixed_fields(change),
            change.id.name()
        ));
    }
    if change.action == Action::Replace
        && change.kind == Some(Kind::PublicIpAddress)
        && !change.differences.is_empty()
    {
        return Some(format!(
            "Azure fixes {} when an address is made, and {} can't be deleted while the gateway has it; \
             take the change back, or delete the gateway and the address by hand, apply, and set \
             the DNS record anew",
            fixed_fields(change),
            change.id.name()
        ));
    }
    if let Some(sentence) = zone_conversion(change) {
        return Some(sentence);
    }
    let is_data = change.kind.is_some_and(|kind| kind.layer() == Layer::Data);
    // What is replaced although nothing differs was never made, so it holds nothing.
    let differs = !change.differences.is_empty();
    (change.action == Action::Replace && is_data && differs).then(|| {
        let (name, fields) = (change.id.name(), fixed_fields(change));
        if change.id.resource_type().starts_with("Microsoft.Network/") {
            return format!(
                "{name} keeps the data reachable and would have to be deleted and made again, since \
                 Azure fixes {fields} at creation; take the change back, or delete it by hand while \
                 nothing runs"
            );
        }
        format!(
            "{name} holds data and would have to be deleted and made again, since Azure fixes \
             {fields} at creation; take the change back, or move the data by hand to a deployment \
             with another name"
        )
    })
}

/// The differences that make a change a replacement.
fn fixed_fields(change: &Change) -> String {
    let kind = change.kind;
    let is_fixed = |path: &str| kind.is_some_and(|kind| is_immutable(kind, path));
    let fields: Vec<&str> = change
        .differences
        .iter()
        .map(|difference| difference.path.as_str())
        .filter(|path| is_fixed(path))
        .collect();
    fields.join(", ")
}

/// Whether Azure fixes what stands at a path when a resource is made.
pub(super) fn is_immutable(kind: Kind, path: &str) -> bool {
    kind.immutable().iter().any(|pointer| {
        let fixed = pointer.trim_start_matches('/').replace('/', ".");
        path.strip_prefix(&fixed)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// Files move into several zones, or out of them, only by a conversion of the account
/// (<https://learn.microsoft.com/azure/storage/common/redundancy-migration>).
fn zone_conversion(change: &Change) -> Option<String> {
    let is_account = change.kind == Some(Kind::StorageAccount) && change.action == Action::Update;
    let sku = change.differences.iter().find(|one| one.path == "sku.name");
    let sku = sku.filter(|_| is_account)?;
    let name = |value: &Option<Value>| {
        let name = value.as_ref().and_then(Value::as_str);
        name.unwrap_or_default().to_owned()
    };
    let (before, after) = (name(&sku.before), name(&sku.after));
    let in_zones = |name: &str| name.to_ascii_uppercase().contains("ZRS");
    (in_zones(&before) != in_zones(&after)).then(|| {
        format!(
            "{} can't be changed from {before} to {after} by an update; ask for a conversion with \
             `az storage account migration start --account-name {} --sku {after}`, or take the change \
             back",
            change.id.name(),
            change.id.name()
        )
    })
}
