//! Storage accounts.

use serde_json::{Value, json};

use super::support::{Client, account_body, group};

fn account_path() -> String {
    group("/providers/Microsoft.Storage/storageAccounts/accountone")
}

fn container_path(name: &str) -> String {
    format!("{}/blobServices/default/containers/{name}", account_path())
}

fn with_account() -> Client {
    let client = Client::with_group();
    client.create(&account_path(), account_body());
    client
}

#[test]
fn a_creation_answers_202_with_nothing_but_a_location() {
    let client = Client::with_group();
    let reply = client.put(&account_path(), account_body());
    assert_eq!((reply.status.as_u16(), &reply.body), (202, &Value::Null));
    assert!(reply.header("azure-asyncoperation").is_none());
    assert!(reply.header("retry-after").is_some());
    assert_eq!(client.get(&account_path()).state(), "Creating");
    let done = client.follow("", &reply);
    assert_eq!((done.status.as_u16(), done.state()), (200, "Succeeded"));
    assert_eq!(
        client.put(&account_path(), account_body()).status,
        200,
        "an update is done at once"
    );
}

#[test]
fn an_account_has_endpoints_keys_and_defaults() {
    let client = with_account();
    let body = client.get(&account_path()).body;
    let properties = &body["properties"];
    assert_eq!(
        properties["primaryEndpoints"]["blob"],
        "https://accountone.blob.core.windows.net/"
    );
    assert_eq!(properties["networkAcls"]["defaultAction"], "Allow");
    assert_eq!(properties["supportsHttpsTrafficOnly"], true);
    assert_eq!(properties["accessTier"], "Hot");
    assert_eq!(
        body["sku"],
        json!({"name": "Standard_LRS", "tier": "Standard"})
    );
    let keys = client
        .post(&format!("{}/listKeys", account_path()), json!({}))
        .body["keys"]
        .clone();
    assert_eq!(keys.as_array().map(Vec::len), Some(2));
    assert_eq!(keys[0]["value"].as_str().map(str::len), Some(88));
    assert_ne!(keys[0]["value"], keys[1]["value"]);
    assert!(
        !body
            .to_string()
            .contains(keys[0]["value"].as_str().unwrap())
    );
}

#[test]
fn a_key_can_be_renewed() {
    let client = with_account();
    let keys = || {
        client
            .post(&format!("{}/listKeys", account_path()), json!({}))
            .body["keys"]
            .clone()
    };
    let before = keys();
    let renewed = client
        .post(
            &format!("{}/regenerateKey", account_path()),
            json!({"keyName": "key1"}),
        )
        .body;
    assert_eq!(renewed["keys"], keys());
    assert_ne!(before[0], keys()[0]);
    assert_eq!(before[1], keys()[1]);
}

#[test]
fn containers_are_written_at_once() {
    let client = with_account();
    let reply = client.put(
        &container_path("dify-plugins"),
        json!({"properties": {"publicAccess": "None"}}),
    );
    assert_eq!(reply.status, 201);
    assert_eq!(
        client
            .put(&container_path("dify-plugins"), json!({}))
            .status,
        200
    );
    let body = client.get(&container_path("dify-plugins")).body;
    assert_eq!(body["properties"]["publicAccess"], "None");
    assert!(body["etag"].is_string());
    let list = client
        .get(&format!(
            "{}/blobServices/default/containers",
            account_path()
        ))
        .body;
    assert_eq!(list["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(client.delete(&container_path("dify-plugins")).status, 200);
    assert_eq!(client.get(&container_path("dify-plugins")).status, 404);
}

#[test]
fn containers_are_private_unless_the_account_allows_more() {
    let client = with_account();
    let public = json!({"properties": {"publicAccess": "Blob"}});
    let reply = client.put(&container_path("public"), public.clone());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "PublicAccessNotPermitted")
    );
    client.patch(
        &account_path(),
        json!({"properties": {"allowBlobPublicAccess": true}}),
    );
    assert_eq!(client.put(&container_path("public"), public).status, 201);
}

#[test]
fn the_blob_service_is_there_from_the_start() {
    let client = with_account();
    let path = format!("{}/blobServices/default", account_path());
    assert_eq!(
        client.get(&path).body["properties"]["deleteRetentionPolicy"]["enabled"],
        false
    );
    let body = json!({"properties": {"deleteRetentionPolicy": {"enabled": true, "days": 7}}});
    assert_eq!(client.put(&path, body).status, 200);
    assert_eq!(
        client.get(&path).body["properties"]["deleteRetentionPolicy"]["days"],
        7
    );
    let wrong = json!({"properties": {"deleteRetentionPolicy": {"enabled": true, "days": 366}}});
    assert_eq!(client.put(&path, wrong).status, 400);
}

#[test]
fn nothing_is_put_into_an_account_that_is_not_complete() {
    let client = Client::with_group();
    client.put(&account_path(), account_body());
    assert_eq!(client.put(&container_path("early"), json!({})).status, 409);
    assert_eq!(
        client.put(&account_path(), account_body()).code(),
        "StorageAccountOperationInProgress"
    );
    assert_eq!(
        client
            .post(&format!("{}/listKeys", account_path()), json!({}))
            .status,
        409
    );
}

#[test]
fn names_follow_their_rules() {
    let client = with_account();
    for name in ["ab", "Upper", "with-hyphen", "a2345678901234567890123456"] {
        let path = group(&format!(
            "/providers/Microsoft.Storage/storageAccounts/{name}"
        ));
        assert_eq!(
            client.put(&path, account_body()).code(),
            "AccountNameInvalid",
            "{name}"
        );
    }
    for name in ["ab", "Upper", "a--b", "-ab"] {
        assert_eq!(
            client.put(&container_path(name), json!({})).code(),
            "ContainerNameInvalid",
            "{name}"
        );
    }
}

#[test]
fn a_deleted_account_takes_its_containers_and_frees_its_name() {
    let client = with_account();
    client.put(&container_path("files"), json!({}));
    assert_eq!(client.delete(&account_path()).status, 200);
    assert_eq!(client.delete(&account_path()).status, 204);
    assert_eq!(client.get(&container_path("files")).status, 404);
    assert_eq!(client.put(&account_path(), account_body()).status, 202);
}

#[test]
fn the_kind_is_chosen_at_creation() {
    let client = with_account();
    let mut body = account_body();
    body["kind"] = json!("BlockBlobStorage");
    assert_eq!(client.put(&account_path(), body).status, 400);
}
