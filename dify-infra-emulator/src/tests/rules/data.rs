//! Rules of PostgreSQL, Managed Redis, storage and Log Analytics.

use serde_json::{Value, json};

use super::super::support::{
    Client, Reply, account_body, cache_body, group, server_body, server_path,
};
use super::{Broken, broken, make, one, path, with};
use crate::{FaultKind, RequestMatcher};

const CACHE: &str = "Microsoft.Cache/redisEnterprise/cache-one";
const ACCOUNT: &str = "Microsoft.Storage/storageAccounts/accountone";
const LOGS: &str = "Microsoft.OperationalInsights/workspaces/logs";

fn server_with(client: &Client, pointer: &str, value: Value) -> Reply {
    client.put(&server_path(), with(server_body(), pointer, value))
}

/// Makes the server, then writes it with one value changed.
fn server_changed(client: &Client, pointer: &str, value: Value) -> Reply {
    with_server(client);
    server_with(client, pointer, value)
}

fn with_server(client: &Client) {
    client.create(&server_path(), server_body());
    client.settle();
    client.wait(600.0);
}

fn below_server(client: &Client, rest: &str, properties: &Value) -> Reply {
    with_server(client);
    client.put(
        &format!("{}/{rest}", server_path()),
        json!({"properties": properties}),
    )
}

fn cache_with(client: &Client, pointer: &str, value: Value) -> Reply {
    client.put(&path(CACHE), with(cache_body(), pointer, value))
}

fn database() -> String {
    path(&format!("{CACHE}/databases/default"))
}

fn database_body() -> Value {
    json!({"properties": {"clusteringPolicy": "NoCluster", "evictionPolicy": "NoEviction"}})
}

fn with_database(client: &Client) {
    make(client, CACHE, cache_body());
    client.create(&database(), database_body());
    client.settle();
}

fn with_account(client: &Client) {
    make(client, ACCOUNT, account_body());
}

pub(super) const BROKEN: &[Broken] = &[
    broken("PG-BUSY", 409, "ServerIsBusy", |client| {
        client.put(&server_path(), server_body());
        client.put(&server_path(), server_body())
    }),
    broken("PG-NAME", 400, "InvalidParameterValue", |client| {
        client.put(
            &path("Microsoft.DBforPostgreSQL/flexibleServers/Server"),
            server_body(),
        )
    }),
    broken("PG-LOGIN", 400, "InvalidParameterValue", |client| {
        server_with(client, "/properties/administratorLogin", json!("admin"))
    }),
    broken("PG-PASSWORD", 400, "InvalidParameterValue", |client| {
        server_with(
            client,
            "/properties/administratorLoginPassword",
            json!("weak"),
        )
    }),
    broken("PG-VERSION", 400, "InvalidParameterValue", |client| {
        server_changed(client, "/properties/version", json!("15"))
    }),
    broken("PG-SKU", 400, "InvalidParameterValue", |client| {
        server_with(client, "/sku/tier", json!("GeneralPurpose"))
    }),
    broken("PG-STORAGE", 400, "InvalidParameterValue", |client| {
        server_with(client, "/properties/storage/storageSizeGB", json!(33))
    }),
    broken("PG-BACKUP", 400, "InvalidParameterValue", |client| {
        server_with(
            client,
            "/properties/backup",
            json!({"backupRetentionDays": 36}),
        )
    }),
    broken(
        "PG-HA",
        400,
        "HANotSupportedForBurstableSkuWithMoreInfo",
        |client| {
            server_with(
                client,
                "/properties/highAvailability",
                json!({"mode": "ZoneRedundant"}),
            )
        },
    ),
    broken("PG-NETWORK", 400, "InvalidParameterValue", |client| {
        let subnet = json!({"delegatedSubnetResourceId": path("Microsoft.Network/virtualNetworks/net/subnets/data")});
        server_with(client, "/properties/network", subnet)
    }),
    broken("PG-FIXED", 400, "InvalidParameterValue", |client| {
        server_changed(client, "/properties/administratorLogin", json!("other"))
    }),
    broken("PG-DATABASE-NAME", 400, "InvalidParameterValue", |client| {
        below_server(client, "databases/1st", &json!({}))
    }),
    broken(
        "PG-DATABASE-FIXED",
        400,
        "InvalidParameterValue",
        |client| {
            with_server(client);
            client.create(
                &format!("{}/databases/dify", server_path()),
                json!({"properties": {}}),
            );
            client.settle();
            let other = json!({"properties": {"charset": "LATIN1"}});
            client.put(&format!("{}/databases/dify", server_path()), other)
        },
    ),
    broken("PG-PREDEFINED", 409, "DatabaseAlreadyExists", |client| {
        below_server(client, "databases/azure_sys", &json!({}))
    }),
    broken(
        "PG-CONFIGURATION",
        400,
        "ConfigurationNotExists",
        |client| below_server(client, "configurations/nothing", &json!({"value": "1"})),
    ),
    broken("PG-EXTENSIONS", 400, "InvalidParameterValue", |client| {
        below_server(
            client,
            "configurations/azure.extensions",
            &json!({"value": "NOTHING"}),
        )
    }),
    broken("PG-FIREWALL-NAME", 400, "InvalidParameterValue", |client| {
        let range = json!({"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"});
        below_server(client, "firewallRules/end-", &range)
    }),
    broken(
        "PG-FIREWALL-RANGE",
        400,
        "InvalidParameterValue",
        |client| {
            let range = json!({"startIpAddress": "10.0.0.2", "endIpAddress": "10.0.0.1"});
            below_server(client, "firewallRules/range", &range)
        },
    ),
    broken("REDIS-RETIRED", 400, "BadRequest", |client| {
        client.put(
            &path("Microsoft.Cache/redis/old"),
            json!({"location": "japaneast", "properties": {
            "sku": {"name": "Basic", "family": "C", "capacity": 0}}}),
        )
    }),
    broken("REDIS-ENTERPRISE-RETIRED", 400, "BadRequest", |client| {
        cache_with(client, "/sku/name", json!("Enterprise_E10"))
    }),
    broken("REDIS-NAME", 400, "InvalidParameterValue", |client| {
        client.put(
            &path("Microsoft.Cache/redisEnterprise/cache--one"),
            cache_body(),
        )
    }),
    broken("REDIS-SKU", 400, "BadRequest", |client| {
        cache_with(client, "/sku/capacity", json!(2))
    }),
    broken("REDIS-PUBLIC-ACCESS", 400, "BadRequest", |client| {
        cache_with(client, "/properties/publicNetworkAccess", Value::Null)
    }),
    broken("REDIS-ZONES", 400, "BadRequest", |client| {
        cache_with(client, "/zones", one("1"))
    }),
    broken("REDIS-HA", 400, "BadRequest", |client| {
        make(client, CACHE, cache_body());
        cache_with(client, "/properties/highAvailability", json!("Disabled"))
    }),
    broken("REDIS-SCALING", 400, "BadRequest", |client| {
        with_database(client);
        cache_with(client, "/sku/name", json!("Balanced_B50"))
    }),
    broken("REDIS-DATABASE-NAME", 400, "BadRequest", |client| {
        make(client, CACHE, cache_body());
        client.put(&path(&format!("{CACHE}/databases/other")), database_body())
    }),
    broken("REDIS-CLUSTER-READY", 409, "ClusterNotReady", |client| {
        let failure = FaultKind::FailedOperation {
            code: "InternalServerError".to_owned(),
            message: "no capacity".to_owned(),
        };
        client.emulator.fail_next(RequestMatcher::any(), failure, 1);
        client.put(&path(CACHE), cache_body());
        client.settle();
        client.put(&database(), database_body())
    }),
    broken("REDIS-CLUSTERING", 400, "BadRequest", |client| {
        make(client, CACHE, cache_body());
        let policy = |name: &str| json!({"properties": {"clusteringPolicy": name}});
        client.create(&database(), policy("EnterpriseCluster"));
        client.settle();
        client.put(&database(), policy("OSSCluster"))
    }),
    broken("REDIS-NO-CLUSTER", 400, "BadRequest", |client| {
        make(
            client,
            CACHE,
            with(cache_body(), "/sku/name", json!("Balanced_B50")),
        );
        client.put(&database(), database_body())
    }),
    broken("REDIS-FIXED", 400, "BadRequest", |client| {
        with_database(client);
        client.put(
            &database(),
            with(database_body(), "/properties/port", json!(10_001)),
        )
    }),
    broken("REDIS-KEYS", 400, "BadRequest", |client| {
        with_database(client);
        client.post(&format!("{}/listKeys", database()), json!({}))
    }),
    broken("STO-NAME", 400, "AccountNameInvalid", |client| {
        client.put(
            &path("Microsoft.Storage/storageAccounts/account-one"),
            account_body(),
        )
    }),
    broken("STO-FIXED", 400, "PropertyCannotBeUpdated", |client| {
        with_account(client);
        client.put(
            &path(ACCOUNT),
            with(account_body(), "/kind", json!("Storage")),
        )
    }),
    broken(
        "STO-BUSY",
        409,
        "StorageAccountOperationInProgress",
        |client| {
            client.put(&path(ACCOUNT), account_body());
            client.put(&path(ACCOUNT), account_body())
        },
    ),
    broken(
        "STO-READY",
        409,
        "StorageAccountIsNotProvisioned",
        |client| {
            client.put(&path(ACCOUNT), account_body());
            let service = format!("{ACCOUNT}/blobServices/default");
            client.put(&path(&service), json!({"properties": {}}))
        },
    ),
    broken("STO-SERVICE-NAME", 400, "InvalidResourceName", |client| {
        with_account(client);
        client.put(
            &path(&format!("{ACCOUNT}/blobServices/other")),
            json!({"properties": {}}),
        )
    }),
    broken(
        "STO-CONTAINER-NAME",
        400,
        "ContainerNameInvalid",
        |client| {
            with_account(client);
            let container = format!("{ACCOUNT}/blobServices/default/containers/Files");
            client.put(&path(&container), json!({"properties": {}}))
        },
    ),
    broken(
        "STO-PUBLIC-ACCESS",
        409,
        "PublicAccessNotPermitted",
        |client| {
            with_account(client);
            let container = format!("{ACCOUNT}/blobServices/default/containers/files");
            client.put(
                &path(&container),
                json!({"properties": {"publicAccess": "Blob"}}),
            )
        },
    ),
    broken("STO-TIER", 400, "AccessTierRequired", |client| {
        client.put(
            &path(ACCOUNT),
            with(account_body(), "/kind", json!("BlobStorage")),
        )
    }),
    broken("LOG-NAME", 400, "InvalidParameter", |client| {
        client.put(
            &group("/providers/Microsoft.OperationalInsights/workspaces/log"),
            json!({"location": "japaneast"}),
        )
    }),
    broken("LOG-RETENTION", 400, "InvalidParameter", |client| {
        let body = json!({"location": "japaneast", "properties": {"retentionInDays": 731}});
        client.put(&path(LOGS), body)
    }),
];
