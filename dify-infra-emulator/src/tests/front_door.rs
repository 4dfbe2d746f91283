//! Admission, subscription, groups and lists.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::support::{
    Client, account_body, app_path, deploy, environment_path, group, server_path,
};
use crate::{DEFAULT_SUBSCRIPTION, Emulator, NameKind, Registered};

fn subscription(rest: &str) -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}{rest}")
}

#[test]
fn a_request_without_a_token_is_refused() {
    let client = Client::with_group();
    let address = format!("{}?api-version=2025-04-01", group(""));
    for header in [None, Some("Bearer "), Some("Basic abc")] {
        let mut request = Request::get(&address);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let reply = client.raw(request.body(Bytes::new()).unwrap());
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (401, "AuthenticationFailed")
        );
        assert!(reply.header("www-authenticate").is_some());
    }
}

#[test]
fn the_version_must_be_there_and_known_to_the_type() {
    let client = Client::with_group();
    let request = |address: &str| {
        let request = Request::get(address).header("authorization", "Bearer x");
        client.raw(request.body(Bytes::new()).unwrap())
    };
    let app = app_path("a");
    assert_eq!(request(&app).code(), "MissingApiVersionParameter");
    assert_eq!(
        request(&format!("{app}?api-version=soon")).code(),
        "InvalidApiVersionParameter"
    );
    let reply = request(&format!("{app}?api-version=1999-01-01"));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (400, "NoRegisteredProviderFound")
    );
    assert!(
        reply.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("2026-01-01")
    );
}

#[test]
fn what_does_not_exist_has_a_code_of_its_own() {
    let client = Client::with_group();
    let codes = [
        (
            "/subscriptions/11111111-0000-0000-0000-000000000000/resourceGroups/g",
            "SubscriptionNotFound",
        ),
        (
            &subscription("/resourceGroups/other"),
            "ResourceGroupNotFound",
        ),
        (
            &subscription("/resourceGroups/other/providers/Microsoft.App/jobs/j"),
            "ResourceGroupNotFound",
        ),
        (&app_path("nobody"), "ResourceNotFound"),
        (
            &group("/providers/Microsoft.App/spaceships/x"),
            "InvalidResourceType",
        ),
        (
            &group("/providers/Microsoft.Moon/things/x"),
            "InvalidResourceNamespace",
        ),
    ];
    for (path, code) in codes {
        let reply = client.get(path);
        assert_eq!((reply.status.as_u16(), reply.code()), (404, code), "{path}");
    }
    let reply = client.put(&format!("{}/databases/a", server_path()), json!({}));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (404, "ParentResourceNotFound")
    );
}

#[test]
fn answers_carry_the_headers_that_support_asks_for() {
    let client = Client::with_group();
    let request = Request::get(format!("{}?api-version=2025-04-01", group("")))
        .header("authorization", "Bearer x")
        .header("x-ms-client-request-id", "mine")
        .header("x-ms-correlation-request-id", "ours");
    let reply = client.raw(request.body(Bytes::new()).unwrap());
    assert_eq!(reply.header("x-ms-client-request-id"), Some("mine"));
    assert_eq!(reply.header("x-ms-correlation-request-id"), Some("ours"));
    assert_eq!(reply.header("x-ms-request-id").map(str::len), Some(36));
    // the documented sizes of the buckets, less this request
    let left = |kind: &str| {
        let name = format!("x-ms-ratelimit-remaining-subscription-{kind}");
        reply.header(&name).map(str::to_owned)
    };
    assert_eq!(left("reads").as_deref(), Some("249"));
    assert_eq!(left("global-reads").as_deref(), Some("3749"));
    assert_eq!(left("writes"), None);
}

#[test]
fn tenants_and_subscriptions_are_listed() {
    let client = Client::with_group();
    assert_eq!(
        client.get("/tenants").body["value"][0]["tenantId"],
        crate::DEFAULT_TENANT
    );
    assert_eq!(
        client.get("/subscriptions").body["value"][0]["state"],
        "Enabled"
    );
    assert_eq!(
        client.get(&subscription("")).body["subscriptionId"],
        DEFAULT_SUBSCRIPTION
    );
    let locations = client.get(&subscription("/locations")).body;
    let names: Vec<&Value> = locations["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["name"])
        .collect();
    assert!(names.contains(&&json!("japaneast")) && names.len() >= 15);
}

#[test]
fn a_provider_is_registered_after_a_while_and_needed_for_writes() {
    let emulator = Emulator::builder()
        .providers_registered(false)
        .build()
        .unwrap();
    let client = Client::new(emulator);
    client.make_group();
    let path = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    let reply = client.put(&path, account_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "MissingSubscriptionRegistration")
    );
    let provider = subscription("/providers/Microsoft.Storage");
    let state = || client.get(&provider).body["registrationState"].clone();
    assert_eq!(state(), "NotRegistered");
    let reply = client.post(&format!("{provider}/register"), json!({}));
    assert_eq!(reply.body["registrationState"], "Registering");
    client.wait(60.0);
    assert_eq!(state(), "Registered");
    assert_eq!(client.put(&path, account_body()).status, 202);
}

#[test]
fn a_list_of_registered_providers_can_be_given() {
    let registered: Registered = ["microsoft.app"].into_iter().collect();
    let emulator = Emulator::builder()
        .providers_registered(registered)
        .build()
        .unwrap();
    let client = Client::new(emulator);
    let state = |namespace: &str| {
        client
            .get(&subscription(&format!("/providers/{namespace}")))
            .body["registrationState"]
            .clone()
    };
    assert_eq!(state("Microsoft.App"), "Registered");
    assert_eq!(state("Microsoft.Cache"), "NotRegistered");
    assert_eq!(state("Microsoft.Resources"), "Registered");
}

#[test]
fn a_provider_says_where_and_in_which_versions_its_types_are() {
    let client = Client::with_group();
    let body = client.get(&subscription("/providers/microsoft.app")).body;
    let types = body["resourceTypes"].as_array().unwrap();
    let apps = types
        .iter()
        .find(|kind| kind["resourceType"] == "containerApps")
        .unwrap();
    let versions = apps["apiVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-01-01")) && versions.contains(&json!("2025-07-01")));
    assert_eq!(apps["defaultApiVersion"], "2026-01-01");
    assert!(
        apps["locations"]
            .as_array()
            .unwrap()
            .contains(&json!("Japan East"))
    );
}

#[test]
fn permissions_are_shown_at_any_scope() {
    let emulator = Emulator::builder()
        .permissions(&[(&["*"], &["Microsoft.Authorization/*/Write"])])
        .build()
        .unwrap();
    let client = Client::new(emulator);
    client.make_group();
    for scope in [subscription(""), group(""), environment_path()] {
        let reply = client.get(&format!(
            "{scope}/providers/Microsoft.Authorization/permissions"
        ));
        assert_eq!(
            reply.body["value"][0]["notActions"][0], "Microsoft.Authorization/*/Write",
            "{scope}"
        );
    }
}

#[test]
fn a_group_is_created_changed_and_found() {
    let client = Client::with_group();
    assert_eq!(client.send(&Method::HEAD, &group(""), None).status, 204);
    let reply = client.put(
        &group(""),
        json!({"location": "Japan East", "tags": {"a": "b"}}),
    );
    assert_eq!(
        (reply.status.as_u16(), &reply.body["location"]),
        (200, &json!("japaneast"))
    );
    let reply = client.put(&group(""), json!({"location": "eastus"}));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "InvalidResourceGroupLocation")
    );
    let reply = client.patch(&group(""), json!({"tags": {"c": "d"}}));
    assert_eq!(reply.body["tags"], json!({"c": "d"}));
    let list = client.get(&subscription("/resourcegroups")).body;
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    let other = subscription("/resourcegroups/none");
    assert_eq!(client.send(&Method::HEAD, &other, None).status, 404);
}

#[test]
fn regions_names_and_tags_that_azure_refuses_are_refused() {
    let client = Client::with_group();
    let reply = client.put(
        &subscription("/resourcegroups/h"),
        json!({"location": "moonwest"}),
    );
    assert_eq!(reply.code(), "LocationNotAvailableForResourceType");
    let reply = client.put(
        &subscription("/resourcegroups/h."),
        json!({"location": "eastus"}),
    );
    assert_eq!(reply.code(), "InvalidResourceGroup");
    let reply = client.put(
        &group(""),
        json!({"location": "japaneast", "tags": {"a?b": "c"}}),
    );
    assert_eq!(reply.code(), "InvalidTag");
    let tags: Value = (0..51)
        .map(|n| (format!("t{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(
        client
            .put(&group(""), json!({"location": "japaneast", "tags": tags}))
            .code(),
        "InvalidTag"
    );
}

#[test]
fn deleting_a_group_takes_time_and_everything_in_it() {
    let client = Client::with_group();
    deploy(&client);
    client.settle();
    let reply = client.delete(&group(""));
    assert_eq!(reply.status, 202);
    assert_eq!(
        client.get(&group("")).body["properties"]["provisioningState"],
        "Deleting"
    );
    let refused = client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/late"),
        account_body(),
    );
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, "ResourceGroupBeingDeleted")
    );
    client.follow(&group(""), &reply);
    assert_eq!(client.get(&group("")).status, 404);
    assert_eq!(client.emulator.resources(client.now()).len(), 0);
}

#[test]
fn resources_are_listed_by_tag_type_and_group() {
    let client = Client::with_group();
    let account = group("/providers/Microsoft.Storage/storageAccounts/");
    for (name, owner) in [("one", "dify-dev"), ("two", "other")] {
        let mut body = account_body();
        body["tags"] = json!({"dify-infra-deployment": owner});
        client.create(&format!("{account}acc{name}"), body);
    }
    let filter = "$filter=tagName eq 'DIFY-INFRA-DEPLOYMENT' and tagValue eq 'dify-dev'";
    let list = client
        .get(&format!(
            "{}?{filter}&$expand=createdTime",
            group("/resources")
        ))
        .body;
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    assert_eq!(list["value"][0]["name"], "accone");
    assert!(list["value"][0]["createdTime"].is_string());
    assert!(list["value"][0].get("properties").is_none());
    let of_type = client.get(&subscription(
        "/resources?$filter=resourceType eq 'microsoft.storage/storageaccounts'",
    ));
    assert_eq!(of_type.body["value"].as_array().unwrap().len(), 2);
    let whole = client
        .get(&group("/providers/Microsoft.Storage/storageAccounts"))
        .body;
    assert_eq!(
        whole["value"][0]["properties"]["provisioningState"],
        "Succeeded"
    );
}

#[test]
fn long_lists_come_in_pages() {
    let client = Client::new(Emulator::builder().page_size(2).build().unwrap());
    client.make_group();
    for n in 0..5 {
        client.put(
            &subscription(&format!("/resourcegroups/more-{n}")),
            json!({"location": "eastus"}),
        );
    }
    let mut next = Some(subscription("/resourcegroups"));
    let (mut names, mut pages) = (Vec::new(), 0);
    while let Some(address) = next {
        let page = client.get(&address).body;
        names.extend(
            page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["name"].to_string()),
        );
        next = page["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    names.sort();
    names.dedup();
    assert_eq!((pages, names.len()), (3, 6));
    let reply = client.get(&subscription("/resourcegroups?$skiptoken=x"));
    assert_eq!(reply.code(), "InvalidSkipToken");
}

#[test]
fn ids_are_found_in_any_case_and_keep_their_first_spelling() {
    let client = Client::with_group();
    let path = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    client.create(&path, account_body());
    let shouted = path
        .to_ascii_uppercase()
        .replace("ACCOUNTONE", "accountone");
    assert_eq!(client.get(&shouted).body["id"], json!(path));
    assert_eq!(client.put(&shouted, account_body()).body["id"], json!(path));
    assert_eq!(client.emulator.resources(client.now()).len(), 1);
}

#[test]
fn a_location_is_required_known_and_kept() {
    let client = Client::with_group();
    let path = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    let with = |location: Value| {
        let mut body = account_body();
        body["location"] = location;
        client.put(&path, body)
    };
    assert_eq!(
        with(json!("nowhere")).code(),
        "LocationNotAvailableForResourceType"
    );
    client.create(&path, account_body());
    assert_eq!(with(json!("Japan East")).status, 200);
    let reply = with(json!("eastus"));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "InvalidResourceLocation")
    );
}

#[test]
fn unknown_properties_are_refused_with_their_path() {
    let client = Client::with_group();
    let mut body = account_body();
    body["properties"]["allowBlobPublicAcess"] = json!(false);
    let reply = client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/accountone"),
        body,
    );
    assert_eq!(reply.code(), "InvalidRequestContent");
    assert_eq!(
        reply.body["error"]["target"],
        "properties.allowBlobPublicAcess"
    );
}

#[test]
fn names_can_be_asked_for_before_they_are_used() {
    // namespace, kind, type, a free name, one that somebody has, one that is not valid, and the reason
    let table = [
        (
            "Microsoft.Storage",
            NameKind::StorageAccount,
            "storageAccounts",
            ["freeone", "takenone", "Not-valid"],
            "AccountNameInvalid",
        ),
        (
            "Microsoft.DBforPostgreSQL",
            NameKind::PostgresServer,
            "flexibleServers",
            ["free-one", "taken-one", "-no-"],
            "Invalid",
        ),
        (
            "Microsoft.KeyVault",
            NameKind::KeyVault,
            "vaults",
            ["free-one", "taken-one", "1no"],
            "AccountNameInvalid",
        ),
        (
            "Microsoft.ContainerRegistry",
            NameKind::ContainerRegistry,
            "registries",
            ["freeone", "takenone", "no-good"],
            "Invalid",
        ),
    ];
    for (namespace, kind, type_name, [free, taken, wrong], reason) in table {
        let emulator = Emulator::builder().taken_name(kind, taken).build();
        let client = Client::new(emulator.unwrap());
        client.make_group();
        let ask = |name: &str| {
            let path = subscription(&format!("/providers/{namespace}/checkNameAvailability"));
            let body = json!({ "name": name, "type": format!("{namespace}/{type_name}") });
            client.post(&path, body).body
        };
        assert_eq!(ask(free)["nameAvailable"], true, "{namespace}");
        assert!(ask(free).get("reason").is_none(), "{namespace}");
        for (name, reason) in [(taken, "AlreadyExists"), (wrong, reason)] {
            let answer = ask(name);
            assert_eq!(answer["nameAvailable"], false, "{namespace} {name}");
            assert_eq!(answer["reason"], reason, "{namespace} {name}");
            assert!(answer["message"].is_string(), "{namespace} {name}");
        }
        // and writes of the names end as was said
        let put = |name: &str| {
            let sample = super::every_type::sample(type_name);
            let path = group(&format!("/providers/{namespace}/{type_name}/{name}"));
            client.put(&path, sample)
        };
        assert!(put(free).status.is_success(), "{namespace}");
        assert!(
            [400, 409].contains(&put(taken).status.as_u16()),
            "{namespace}"
        );
        assert_eq!(put(wrong).status, 400, "{namespace}");
        client.settle();
        assert_eq!(
            ask(free)["nameAvailable"],
            false,
            "{namespace}: it is here now"
        );
    }
}

#[test]
fn names_below_an_environment_can_be_asked_for() {
    let client = super::support::with_environment();
    let ask = || {
        let path = format!("{}/checkNameAvailability", environment_path());
        let kind = "Microsoft.App/managedEnvironments/certificates";
        client
            .post(&path, json!({ "name": "own", "type": kind }))
            .body
    };
    assert_eq!(ask()["nameAvailable"], true);
    let given = json!({ "location": "japaneast", "properties": { "value": "AAAA" } });
    client.create(&format!("{}/certificates/own", environment_path()), given);
    assert_eq!(ask()["reason"], "AlreadyExists");
}

#[test]
fn the_log_has_every_request_and_the_rule_that_refused_it() {
    let client = Client::with_group();
    client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/Bad-Name"),
        account_body(),
    );
    let log = client.emulator.request_log();
    assert_eq!(client.emulator.request_count(), 2);
    assert_eq!((log[0].status.as_u16(), log[0].rule), (201, None));
    assert_eq!(
        (log[1].status.as_u16(), log[1].rule),
        (400, Some("STO-NAME"))
    );
    assert!(!log[1].path.contains('?'));
}

#[test]
fn usages_count_the_environments_of_a_region() {
    let client = super::support::with_environment();
    let path = |region: &str| {
        subscription(&format!(
            "/providers/Microsoft.App/locations/{region}/usages"
        ))
    };
    assert_eq!(
        client.get(&path("japaneast")).body["value"][0]["currentValue"],
        1
    );
    assert_eq!(
        client.get(&path("eastus")).body["value"][0]["currentValue"],
        0
    );
}

#[test]
fn a_client_finds_its_way_from_the_endpoints_to_the_first_list() {
    let client = Client::with_group();
    let endpoints = client
        .get("/metadata/endpoints?api-version=2022-09-01")
        .body;
    let login = endpoints["authentication"]["loginEndpoint"]
        .as_str()
        .unwrap();
    assert_eq!(
        endpoints["resourceManager"], login,
        "one host answers for both"
    );
    let tenant = crate::DEFAULT_TENANT;
    let openid = format!("{login}/{tenant}/v2.0/.well-known/openid-configuration?api-version=x");
    let openid = client.get(&openid).body;
    let address = openid["token_endpoint"].as_str().unwrap();
    let form = "grant_type=client_credentials&client_id=any&client_secret=any\
                &scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    let request =
        Request::post(address).header("content-type", "application/x-www-form-urlencoded");
    let reply = client.raw(request.body(Bytes::from(form)).unwrap());
    assert_eq!(reply.status, 200, "{}", reply.body);
    let token = reply.body["access_token"].as_str().unwrap();
    let list = |token: &str| {
        let request = Request::get(subscription("/resourcegroups?api-version=2025-04-01"))
            .header("authorization", format!("Bearer {token}"));
        client.raw(request.body(Bytes::new()).unwrap())
    };
    assert_eq!(list(token).body["value"][0]["name"], "g");
    client.wait(3601.0);
    assert_eq!(list(token).code(), "ExpiredAuthenticationToken");
}

#[test]
fn tags_are_a_resource_of_their_own_at_groups_and_resources() {
    let client = Client::with_group();
    let logs = group("/providers/Microsoft.OperationalInsights/workspaces/logs");
    client.create(
        &logs,
        json!({ "location": "japaneast", "tags": { "owner": "one" } }),
    );
    client.settle();
    for scope in [logs, group("")] {
        let tags =
            format!("{scope}/providers/Microsoft.Resources/tags/default?api-version=2025-04-01");
        let change = |operation: &str, tags_: Value| {
            let body = json!({ "operation": operation, "properties": { "tags": tags_ } });
            let reply = client.patch(&tags, body);
            assert_eq!(reply.status, 200, "{:?}", reply.body);
            reply.body["properties"]["tags"].clone()
        };
        let replaced = client.put(&tags, json!({ "properties": { "tags": { "a": "1" } } }));
        assert_eq!(replaced.body["properties"]["tags"], json!({ "a": "1" }));
        assert_eq!(
            change("Merge", json!({ "b": "2", "A": "3" })),
            json!({ "A": "3", "b": "2" })
        );
        assert_eq!(
            client.get(&scope).body["tags"],
            json!({ "A": "3", "b": "2" })
        );
        assert_eq!(
            change("Delete", json!({ "b": "2", "A": "no" })),
            json!({ "A": "3" })
        );
        assert_eq!(change("Replace", json!({ "c": "4" })), json!({ "c": "4" }));
        assert_eq!(
            client.get(&tags).body["properties"]["tags"],
            json!({ "c": "4" })
        );
        let wrong = client.patch(
            &tags,
            json!({ "operation": "Add", "properties": { "tags": {} } }),
        );
        assert_eq!(wrong.status, 400);
        let many: serde_json::Map<String, Value> = (0..51)
            .map(|number| (number.to_string(), json!("x")))
            .collect();
        assert_eq!(
            client
                .put(&tags, json!({ "properties": { "tags": many } }))
                .status,
            400
        );
        assert_eq!(client.delete(&tags).status, 200);
        assert_eq!(client.get(&tags).body["properties"]["tags"], json!({}));
    }
}

#[test]
fn an_empty_filter_is_none() {
    let client = Client::with_group();
    deploy(&client);
    let all = |query: &str| {
        let address = format!(
            "{}?api-version=2025-04-01{query}",
            subscription("/resources")
        );
        let reply = client.get(&address);
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        reply.body["value"].as_array().unwrap().len()
    };
    assert_eq!(all("&$filter="), all(""));
}
