//! Names of one's own, their certificates, and the DNS records that both need.

use serde_json::{Value, json};

use super::contract::{check, schemas};
use super::support::{Client, Reply, app_body, app_path, environment_path, with_environment};
use crate::{DnsRecord, DnsRecordType};

const HOST: &str = "dify.example.com";

fn certificate_path() -> String {
    format!("{}/managedCertificates/dify", environment_path())
}

fn certificate(method: &str) -> Value {
    json!({ "location": "japaneast", "properties": {
        "subjectName": HOST, "domainControlValidation": method,
    }})
}

/// An app with public http ingress.
fn with_app() -> Client {
    let client = with_environment();
    let mut body = app_body();
    body["properties"]["configuration"]["ingress"] =
        json!({ "external": true, "targetPort": 80, "transport": "http" });
    client.create(&app_path("nginx"), body);
    client.settle();
    client
}

fn domains(entries: &Value) -> Value {
    json!({ "properties": { "configuration": { "ingress": { "customDomains": entries } } } })
}

fn put_host(client: &Client) -> Reply {
    let entry = json!([{ "name": HOST, "bindingType": "Disabled" }]);
    client.patch(&app_path("nginx"), domains(&entry))
}

/// The TXT record that proves the owner.
fn proof(client: &Client) -> DnsRecord {
    let app = client.get(&app_path("nginx")).body;
    let id = app["properties"]["customDomainVerificationId"].as_str();
    DnsRecord::new(DnsRecordType::Txt, &format!("asuid.{HOST}"), id.unwrap())
}

fn alias(client: &Client) -> DnsRecord {
    let app = client.get(&app_path("nginx")).body;
    let name = &app["properties"]["configuration"]["ingress"]["fqdn"];
    DnsRecord::new(DnsRecordType::Cname, HOST, name.as_str().unwrap())
}

fn analysis(client: &Client) -> Value {
    let path = format!(
        "{}/listCustomHostNameAnalysis?customHostname={HOST}",
        app_path("nginx")
    );
    let reply = client.post(&path, json!({}));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

#[test]
fn a_name_needs_the_record_of_its_owner() {
    let client = with_app();
    let refused = put_host(&client);
    assert_eq!(refused.code(), "InvalidCustomHostNameValidation");
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("A TXT record pointing from asuid.dify.example.com to "),
        "{message}"
    );
    assert_eq!(analysis(&client)["customDomainVerificationTest"], "Failed");

    client.emulator.set_dns([proof(&client)]);
    assert_eq!(analysis(&client)["customDomainVerificationTest"], "Passed");
    assert_eq!(put_host(&client).status, 202);
    client.settle();
    let app = client.get(&app_path("nginx")).body;
    assert_eq!(
        app["properties"]["latestRevisionName"], "nginx--one",
        "a name makes no revision"
    );
    // What is on the app is not asked for again.
    client.emulator.set_dns([]);
    assert_eq!(put_host(&client).status, 202);
}

#[test]
fn a_managed_certificate_waits_for_name_and_alias_and_is_then_in_use() {
    let client = with_app();
    let path = certificate_path();
    let early = client.put(&path, certificate("CNAME"));
    assert_eq!(early.code(), "RequireCustomHostnameInEnvironment");
    client.emulator.set_dns([proof(&client)]);
    put_host(&client);
    client.settle();
    let without = client.put(&path, certificate("CNAME"));
    assert_eq!(without.status, 400, "{}", without.body);

    client.emulator.set_dns([proof(&client), alias(&client)]);
    assert_eq!(
        analysis(&client)["cNameRecords"].as_array().unwrap().len(),
        1
    );
    let begun = client.put(&path, certificate("CNAME"));
    assert_eq!((begun.status.as_u16(), begun.state()), (201, "Pending"));
    let bound = json!([{ "name": HOST, "bindingType": "SniEnabled", "certificateId": path }]);
    let too_early = client.patch(&app_path("nginx"), domains(&bound));
    assert_eq!(too_early.status, 400, "{}", too_early.body);
    client.settle();
    let done = client.get(&path);
    assert_eq!(done.state(), "Succeeded");
    if let Some(folder) = schemas() {
        check(&folder, &done.body);
    }
    assert_eq!(
        client.patch(&app_path("nginx"), domains(&bound)).status,
        202
    );
    client.settle();
    assert_eq!(client.delete(&path).code(), "CertificateInUse");
    let other = client.put(&path, certificate("HTTP"));
    assert_eq!(other.code(), "ManagedCertNoUpdate");
    client.patch(&app_path("nginx"), domains(&json!([])));
    client.settle();
    assert_eq!(client.delete(&path).status, 200);
}

#[test]
fn a_record_that_goes_while_the_certificate_is_issued_fails_it() {
    let client = with_app();
    client.emulator.set_dns([proof(&client), alias(&client)]);
    put_host(&client);
    client.settle();
    let reply = client.put(&certificate_path(), certificate("CNAME"));
    client.emulator.set_dns([proof(&client)]);
    let ended = client.follow(&certificate_path(), &reply);
    assert_eq!(ended.body["status"], "Failed", "{}", ended.body);
    assert_eq!(client.get(&certificate_path()).state(), "Failed");
}

#[test]
fn a_certificate_without_value_or_vault_is_refused() {
    let client = with_app();
    let path = format!("{}/certificates/own", environment_path());
    let refused = client.put(&path, json!({ "location": "japaneast", "properties": {} }));
    assert_eq!(refused.status, 400, "{}", refused.body);
    let given = json!({ "location": "japaneast", "properties": { "value": "AAAA" } });
    let made = client.create(&path, given);
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    assert_eq!(made["properties"].get("value"), None);
    if let Some(folder) = schemas() {
        check(&folder, &made);
    }
}
