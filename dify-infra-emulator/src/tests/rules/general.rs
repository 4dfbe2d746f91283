//! Rules of Resource Manager itself.

use serde_json::{Value, json};

use super::super::support::{Client, account_body, group};
use super::{Broken, broken, make, path, with};
use crate::{Emulator, NameKind};

const ACCOUNT: &str = "Microsoft.Storage/storageAccounts/accountone";

fn deployment(name: &str) -> String {
    path(&format!("Microsoft.Resources/deployments/{name}"))
}

/// What deploys one storage account.
fn template() -> Value {
    json!({ "properties": { "mode": "Incremental", "template": {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [{
            "type": "Microsoft.Storage/storageAccounts",
            "apiVersion": "2026-04-01",
            "name": "accountone",
            "location": "japaneast",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {},
        }],
    }}})
}

pub(super) const BROKEN: &[Broken] = &[
    broken("ARM-TAGS", 400, "InvalidTag", |client| {
        client.put(
            &group(""),
            json!({"location": "japaneast", "tags": {"a<b": "c"}}),
        )
    }),
    broken("ARM-PATCH-TAGS", 400, "InvalidRequestContent", |client| {
        let network = "Microsoft.Network/virtualNetworks/net";
        let space = json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } });
        let body = json!({ "location": "japaneast", "properties": space });
        make(client, network, body);
        client.patch(&path(network), json!({ "properties": space }))
    }),
    broken(
        "ARM-GROUP-LOCATION",
        409,
        "InvalidResourceGroupLocation",
        |client| client.put(&group(""), json!({"location": "eastus"})),
    ),
    broken("ARM-GROUP-NAME", 400, "InvalidResourceGroup", |client| {
        client.put(&group("."), json!({"location": "japaneast"}))
    }),
    broken("ARM-LOCATION", 409, "InvalidResourceLocation", |client| {
        make(client, ACCOUNT, account_body());
        client.put(
            &path(ACCOUNT),
            with(account_body(), "/location", json!("eastus")),
        )
    }),
    broken(
        "ARM-REGION",
        400,
        "LocationNotAvailableForResourceType",
        |client| {
            client.put(
                &path(ACCOUNT),
                with(account_body(), "/location", json!("atlantis")),
            )
        },
    ),
    broken(
        "ARM-REGISTRATION",
        409,
        "MissingSubscriptionRegistration",
        |client| {
            let emulator = Emulator::builder().providers_registered(false);
            *client = Client::new(emulator.build().unwrap());
            client.make_group();
            client.put(&path(ACCOUNT), account_body())
        },
    ),
    broken(
        "ARM-GLOBAL-NAME",
        409,
        "StorageAccountAlreadyTaken",
        |client| {
            let emulator = Emulator::builder().taken_name(NameKind::StorageAccount, "accountone");
            *client = Client::new(emulator.build().unwrap());
            client.make_group();
            client.put(&path(ACCOUNT), account_body())
        },
    ),
    broken(
        "ARM-GROUP-DELETING",
        409,
        "ResourceGroupBeingDeleted",
        |client| {
            make(client, ACCOUNT, account_body());
            client.delete(&group(""));
            client.put(
                &path("Microsoft.Storage/storageAccounts/accounttwo"),
                account_body(),
            )
        },
    ),
    broken(
        "ARM-THROTTLED",
        429,
        "SubscriptionRequestsThrottled",
        |client| {
            let emulator = Emulator::builder().throttling(true).build().unwrap();
            *client = Client::new(emulator);
            for _ in 0..250 {
                client.get(&group(""));
            }
            client.get(&group(""))
        },
    ),
    broken("ARM-DEPLOYMENT-ACTIVE", 409, "DeploymentActive", |client| {
        client.put(&deployment("d"), template());
        client.put(&deployment("d"), template())
    }),
    broken(
        "ARM-DEPLOYMENT-NAME",
        400,
        "InvalidDeploymentName",
        |client| client.put(&deployment("no!"), template()),
    ),
    broken("ARM-TEMPLATE", 400, "InvalidTemplate", |client| {
        let body = with(
            template(),
            "/properties/template/contentVersion",
            Value::Null,
        );
        client.put(&deployment("d"), body)
    }),
    broken(
        "ARM-TEMPLATE-PARAMETERS",
        400,
        "InvalidTemplate",
        |client| {
            let parameters = json!({"name": {"type": "string"}});
            let body = with(template(), "/properties/template/parameters", parameters);
            client.put(&deployment("d"), body)
        },
    ),
    broken(
        "ARM-TEMPLATE-DEPENDENCY",
        400,
        "InvalidTemplate",
        |client| {
            let place = "/properties/template/resources/0/dependsOn";
            client.put(
                &deployment("d"),
                with(template(), place, json!(["nothing"])),
            )
        },
    ),
    broken("ARM-TEMPLATE-SCOPE", 400, "InvalidTemplate", |client| {
        let role = json!({
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "name": "00000000-0000-4000-8000-000000000001",
            "scope": "[resourceId('other', 'Microsoft.KeyVault/vaults', 'v')]",
            "properties": {},
        });
        let body = with(template(), "/properties/template/resources/0", role);
        client.put(&deployment("d"), body)
    }),
    broken("ARM-TEMPLATE-PARTS", 400, "InvalidTemplate", |client| {
        let link = json!({"uri": "https://example.com/template.json"});
        client.put(
            &deployment("d"),
            with(template(), "/properties/templateLink", link),
        )
    }),
];
