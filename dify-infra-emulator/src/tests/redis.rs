//! Azure Managed Redis and the retired cache.

use serde_json::{Value, json};

use super::support::{Client, cache_body, group};

fn cache_path() -> String {
    group("/providers/Microsoft.Cache/redisEnterprise/cache-one")
}

fn database_path() -> String {
    format!("{}/databases/default", cache_path())
}

fn with_cache() -> Client {
    let client = Client::with_group();
    client.create(&cache_path(), cache_body());
    client
}

#[test]
fn a_creation_is_followed_by_its_headers_or_by_the_state_of_the_resource() {
    let client = Client::with_group();
    let reply = client.put(&cache_path(), cache_body());
    assert_eq!((reply.status.as_u16(), reply.state()), (201, "Creating"));
    assert_eq!(reply.body["properties"]["resourceState"], "Creating");
    assert!(reply.header("azure-asyncoperation").is_some());
    client.settle();
    let body = client.get(&cache_path()).body;
    assert_eq!(
        body["properties"]["hostName"],
        "cache-one.japaneast.redis.azure.net"
    );
    assert_eq!(body["properties"]["resourceState"], "Running");
    assert_eq!(body["properties"]["highAvailability"], "Enabled");
}

#[test]
fn a_database_has_defaults_and_hides_its_keys_behind_a_setting() {
    let client = with_cache();
    let body = client.create(&database_path(), json!({"properties": {}}));
    let properties = &body["properties"];
    for (name, value) in [
        ("accessKeysAuthentication", json!("Disabled")),
        ("clusteringPolicy", json!("OSSCluster")),
        ("evictionPolicy", json!("VolatileLRU")),
        ("port", json!(10_000)),
        ("clientProtocol", json!("Encrypted")),
    ] {
        assert_eq!(properties[name], value, "{name}");
    }
    let keys = || client.post(&format!("{}/listKeys", database_path()), json!({}));
    assert_eq!(keys().status, 400);
    let reply = client.patch(
        &database_path(),
        json!({"properties": {"accessKeysAuthentication": "Enabled"}}),
    );
    assert_eq!(reply.status, 202);
    client.follow("", &reply);
    let first = keys().body;
    assert_eq!(first["primaryKey"].as_str().map(str::len), Some(44));
    let new = client
        .post(
            &format!("{}/regenerateKey", database_path()),
            json!({"keyType": "Primary"}),
        )
        .body;
    assert_ne!(new["primaryKey"], first["primaryKey"]);
    assert_eq!(keys().body, new);
}

#[test]
fn a_database_waits_for_its_cache() {
    let client = Client::with_group();
    client.put(&cache_path(), cache_body());
    let reply = client.put(&database_path(), json!({"properties": {}}));
    assert_eq!(reply.status, 409);
    client.settle();
    assert_eq!(
        client
            .put(&database_path(), json!({"properties": {}}))
            .status,
        201
    );
}

#[test]
fn what_the_service_refuses_is_refused() {
    let client = Client::with_group();
    let changed = |name: &str, value: Value| {
        let mut body = cache_body();
        body[name] = value;
        client.put(&cache_path(), body)
    };
    for (name, value) in [
        ("sku", json!({"name": "Balanced_B0", "capacity": 2})),
        ("sku", json!({"name": "Enterprise_E1", "capacity": 2})),
        ("sku", json!({"name": "Huge"})),
        ("zones", json!(["1"])),
        ("properties", json!({})),
        ("properties", Value::Null),
    ] {
        assert_eq!(changed(name, value.clone()).status, 400, "{name} {value}");
    }
}

#[test]
fn no_cluster_is_for_small_caches() {
    let client = Client::with_group();
    let mut large = cache_body();
    large["sku"]["name"] = json!("Balanced_B50");
    client.create(&cache_path(), large.clone());
    let no_cluster = json!({"properties": {"clusteringPolicy": "NoCluster"}});
    assert_eq!(client.put(&database_path(), no_cluster.clone()).status, 400);
    client.create(&cache_path(), cache_body());
    client.create(&database_path(), no_cluster);
    assert_eq!(
        client.put(&cache_path(), large).status,
        400,
        "it can't grow then"
    );
}

#[test]
fn policies_that_are_fixed_stay() {
    let client = with_cache();
    client.create(
        &database_path(),
        json!({"properties": {"clusteringPolicy": "OSSCluster"}}),
    );
    let reply = client.put(
        &database_path(),
        json!({"properties": {"clusteringPolicy": "NoCluster"}}),
    );
    assert_eq!(reply.status, 400);
    let reply = client.put(
        &database_path(),
        json!({"properties": {"clientProtocol": "Plaintext"}}),
    );
    assert_eq!(reply.status, 400);
    let mut body = cache_body();
    body["properties"]["highAvailability"] = json!("Disabled");
    assert_eq!(client.put(&cache_path(), body).status, 400);
    let other = format!("{}/databases/other", cache_path());
    assert_eq!(client.put(&other, json!({"properties": {}})).status, 400);
}

#[test]
fn deleting_a_cache_takes_its_database_and_frees_its_name() {
    let client = with_cache();
    client.create(&database_path(), json!({"properties": {}}));
    let reply = client.delete(&cache_path());
    assert_eq!(reply.status, 202);
    assert_eq!(client.follow("", &reply).body["status"], "Succeeded");
    assert_eq!(client.get(&cache_path()).status, 404);
    assert_eq!(client.put(&cache_path(), cache_body()).status, 201);
}

#[test]
fn the_retired_cache_can_not_be_created() {
    let client = Client::with_group();
    let path = group("/providers/Microsoft.Cache/redis/old");
    let body = json!({"location": "japaneast", "properties": {"sku": {"name": "Basic", "family": "C", "capacity": 0}}});
    let reply = client.put(&path, body);
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "BadRequest"));
    let message = reply.body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(
        "Azure Cache for Redis is retiring, create Azure Managed Redis instance instead."
    ));
    assert_eq!(
        client.get(&group("/providers/Microsoft.Cache/redis")).body["value"],
        json!([])
    );
}
