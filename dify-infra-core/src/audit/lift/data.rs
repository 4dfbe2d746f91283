//! PostgreSQL, Redis, storage and vaults, each with its children.

use std::collections::{HashMap, HashSet};

use super::super::inventory::{
    Configuration, Fact, Inventory, PostgresServer, RedisInstance, RedisOffer, StorageAccount,
    StoredSecret, Vault,
};
use super::super::node::Node;
use super::super::rules::age::is_certificate;
use super::super::seen::Seen;
use super::{Resource, bool_fact, number_fact, seen_fact, text_fact, word_fact};

const SERVER: &str = "Microsoft.DBforPostgreSQL/flexibleServers";
const STORAGE: &str = "Microsoft.Storage/storageAccounts";
const REDIS: &str = "Microsoft.Cache/redisEnterprise";

/// Adds all data services; their children are found by the names that they begin with.
pub(super) fn add(inventory: &mut Inventory, all: &[Resource]) {
    let resources = &Families::of(all);
    let endpoints = &Endpoints::of(all);
    for resource in all {
        let (body, place) = (&resource.body, resource.place().clone());
        if resource.is(SERVER) {
            inventory
                .postgres
                .push(server(resource, resources, endpoints));
        } else if resource.is("Microsoft.Cache/redis") {
            inventory.redis.push(RedisInstance {
                name: resource.name.clone(),
                offer: RedisOffer::Cache,
                sku: Fact::Absent,
                access_keys: match bool_fact(body, "properties/disableAccessKeyAuthentication") {
                    Fact::Known(true, place) => Fact::Known("disabled".to_owned(), place),
                    _ => Fact::Absent,
                },
                api_versions: (api_version(resource), None),
                private_endpoint: endpoints.lead_to(resource),
                cluster: place.clone(),
                clustering: match number_fact(body, "properties/shardCount") {
                    Fact::Known(shards, place) if shards > 0.0 => {
                        Fact::Known("osscluster".to_owned(), place)
                    }
                    _ => Fact::Absent,
                },
                eviction: word_fact(body, "properties/redisConfiguration/maxmemory-policy"),
                port: Fact::Absent,
                plain: bool_fact(body, "properties/enableNonSslPort"),
                public_access: word_fact(body, "properties/publicNetworkAccess"),
                children_seen: true,
                place,
            });
        } else if resource.is(REDIS) {
            inventory
                .redis
                .push(managed_redis(resource, resources, endpoints));
        } else if resource.is(STORAGE) {
            inventory
                .storage
                .push(storage(resource, resources, endpoints));
        } else if resource.is("Microsoft.KeyVault/vaults/secrets") {
            inventory.stored_secrets.extend(stored(resource));
        } else if resource.is("Microsoft.KeyVault/vaults") {
            inventory.vaults.push(Vault {
                name: resource.name.clone(),
                rbac: bool_fact(body, "properties/enableRbacAuthorization"),
                public_access: word_fact(body, "properties/publicNetworkAccess"),
                access_policies: !body.items_at("properties/accessPolicies").is_empty(),
                place,
            });
        }
    }
}

/// A secret that is in use, when it is known since when.
fn stored(resource: &Resource) -> Option<StoredSecret> {
    let body = &resource.body;
    let is_off = body
        .at("properties/attributes/enabled")
        .and_then(Node::boolean)
        == Some(false);
    let content = body.literal_at("properties/contentType");
    if is_off || content.is_some_and(is_certificate) {
        return None;
    }
    let written = body.at("properties/attributes/created")?.number()?;
    Some(StoredSecret {
        name: resource.name.clone(),
        // Seconds since 1970 are far below what a double is exact for.
        written: format!("{written:.0}").parse().ok()?,
        place: resource.place().clone(),
    })
}

/// The children of data services by type, in lower case, and by what tells the parent's name from others.
struct Families<'a>(HashMap<(String, Vec<u8>), Vec<&'a Resource>>);

impl<'a> Families<'a> {
    fn of(resources: &'a [Resource]) -> Self {
        let mut families: HashMap<_, Vec<&Resource>> = HashMap::new();
        for resource in resources {
            let kind = resource.kind.to_ascii_lowercase();
            let is_of = |parent: &str| {
                let rest = kind.strip_prefix(&parent.to_ascii_lowercase());
                rest.is_some_and(|it| it.starts_with('/'))
            };
            if [SERVER, STORAGE, REDIS].into_iter().any(is_of) {
                let key = (kind, resource.first_name().canonical());
                families.entry(key).or_default().push(resource);
            }
        }
        Self(families)
    }
}

/// What private endpoints of the template or the group lead to: ids from `/providers/` on, in lower case.
struct Endpoints(HashSet<String>);

impl Endpoints {
    fn of(resources: &[Resource]) -> Self {
        let all = resources
            .iter()
            .filter(|it| it.is("Microsoft.Network/privateEndpoints"));
        let lists = [
            "properties/privateLinkServiceConnections",
            "properties/manualPrivateLinkServiceConnections",
        ];
        let targets = all.flat_map(|it| {
            let connections = lists.iter().flat_map(|list| it.body.items_at(list));
            connections.filter_map(|it| it.at("properties/privateLinkServiceId")?.seen())
        });
        let paths = targets.filter_map(|it| {
            let id = it.shown().to_lowercase();
            id.rfind("/providers/").map(|start| id[start..].to_owned())
        });
        Self(paths.collect())
    }

    /// Whether one leads to a resource, as it says or as Azure answers it.
    fn lead_to(&self, resource: &Resource) -> bool {
        let answered = "properties/privateEndpointConnections";
        let path = resource.path().shown().to_lowercase();
        !resource.body.items_at(answered).is_empty() || self.0.contains(&path)
    }
}

/// The version of Azure's interface that a resource is written with.
fn api_version(resource: &Resource) -> Option<String> {
    resource.body.literal_at("apiVersion").map(str::to_owned)
}

/// The children of a resource, of one type.
fn children<'a>(
    families: &Families<'a>,
    parent: &Resource,
    kind: &str,
) -> impl Iterator<Item = &'a Resource> + use<'a> {
    let kind = format!("{}/{kind}", parent.kind).to_ascii_lowercase();
    let children = families.0.get(&(kind, parent.name.canonical()));
    children.cloned().unwrap_or_default().into_iter()
}

fn server(resource: &Resource, resources: &Families<'_>, endpoints: &Endpoints) -> PostgresServer {
    let body = &resource.body;
    let named = |kind: &'static str| {
        children(resources, resource, kind)
            .map(|it| (it.own_name(), it.place().clone()))
            .collect()
    };
    let mut configurations: Vec<Configuration> = Vec::new();
    for (kind, is_database) in [("configurations", false), ("databases", true)] {
        configurations.extend(children(resources, resource, kind).map(|it| {
            Configuration {
                name: it.own_name().shown(),
                value: it.body.at("properties/value").and_then(Node::seen),
                depends_on: it
                    .body
                    .items_at("dependsOn")
                    .iter()
                    .filter_map(Node::seen)
                    .collect(),
                id: match &it.symbol {
                    Some(symbol) => Seen::from(symbol.as_str()),
                    None => it.path(),
                },
                is_database,
                place: it.place().clone(),
            }
        }));
    }
    let address =
        |it: &Resource, path: &str| it.body.at(path).and_then(Node::seen).unwrap_or_default();
    PostgresServer {
        name: resource.name.clone(),
        sku: text_fact(body, "sku/name"),
        public_access: word_fact(body, "properties/network/publicNetworkAccess"),
        injected: body
            .at("properties/network/delegatedSubnetResourceId")
            .is_some(),
        private_endpoint: endpoints.lead_to(resource),
        administrator: seen_fact(body, "properties/administratorLogin"),
        password: seen_fact(body, "properties/administratorLoginPassword"),
        databases: named("databases"),
        configurations,
        firewall: children(resources, resource, "firewallRules")
            .map(|it| {
                let first = address(it, "properties/startIpAddress");
                (
                    first,
                    address(it, "properties/endIpAddress"),
                    it.place().clone(),
                )
            })
            .collect(),
        firewall_seen: true,
        children_seen: true,
        order_seen: true,
        place: resource.place().clone(),
    }
}

fn managed_redis(
    resource: &Resource,
    resources: &Families<'_>,
    endpoints: &Endpoints,
) -> RedisInstance {
    let database = children(resources, resource, "databases").next();
    let body = database.map(|it| &it.body);
    let word = |path: &str| body.map_or(Fact::Absent, |body| word_fact(body, path));
    RedisInstance {
        name: resource.name.clone(),
        offer: RedisOffer::Managed,
        sku: text_fact(&resource.body, "sku/name"),
        access_keys: word("properties/accessKeysAuthentication"),
        api_versions: (api_version(resource), database.and_then(api_version)),
        private_endpoint: endpoints.lead_to(resource),
        cluster: resource.place().clone(),
        clustering: word("properties/clusteringPolicy"),
        eviction: word("properties/evictionPolicy"),
        port: body.map_or(Fact::Absent, |body| number_fact(body, "properties/port")),
        plain: match word("properties/clientProtocol") {
            Fact::Known(protocol, place) => Fact::Known(protocol == "plaintext", place),
            _ => Fact::Absent,
        },
        public_access: word_fact(&resource.body, "properties/publicNetworkAccess"),
        children_seen: database.is_some(),
        place: database.map_or_else(|| resource.place().clone(), |it| it.place().clone()),
    }
}

fn storage(resource: &Resource, resources: &Families<'_>, endpoints: &Endpoints) -> StorageAccount {
    let body = &resource.body;
    StorageAccount {
        name: resource.name.clone(),
        containers: children(resources, resource, "blobServices/containers")
            .map(|it| (it.own_name(), it.place().clone()))
            .collect(),
        shared_keys: bool_fact(body, "properties/allowSharedKeyAccess"),
        private_endpoint: endpoints.lead_to(resource),
        public_blobs: bool_fact(body, "properties/allowBlobPublicAccess"),
        public_access: word_fact(body, "properties/publicNetworkAccess"),
        default_deny: body
            .literal_at("properties/networkAcls/defaultAction")
            .is_some_and(|it| it.eq_ignore_ascii_case("deny")),
        children_seen: true,
        place: resource.place().clone(),
    }
}
