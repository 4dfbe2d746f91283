//! Rules of names of one's own and their certificates.

use serde_json::{Value, json};

use super::super::support::{
    Client, Reply, app_body, app_path, environment_body, environment_path, with_environment,
};
use super::networks::{subnet, with_subnet};
use super::{Broken, broken, with};
use crate::{DnsRecord, DnsRecordType};

const HOST: &str = "dify.example.com";

fn managed() -> String {
    format!("{}/managedCertificates/dify", environment_path())
}

fn managed_body(method: &str) -> Value {
    json!({"location": "japaneast", "properties": {
        "subjectName": HOST, "domainControlValidation": method}})
}

fn app_with(domains: &Value) -> Value {
    let ingress =
        json!({"external": true, "targetPort": 80, "transport": "http", "customDomains": domains});
    with(app_body(), "/properties/configuration/ingress", ingress)
}

fn host() -> Value {
    json!([{"name": HOST, "bindingType": "Disabled"}])
}

fn put_app(client: &Client, name: &str, domains: &Value) -> Reply {
    let reply = client.put(&app_path(name), app_with(domains));
    client.settle();
    reply
}

/// Makes an app with the name, with the records that prove its owner and lead to it.
fn with_host(client: &mut Client) {
    *client = with_environment();
    client.create(&app_path("nginx"), app_with(&json!([])));
    client.settle();
    let app = client.get(&app_path("nginx")).body["properties"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let proof = text(&app["customDomainVerificationId"]);
    let alias = text(&app["configuration"]["ingress"]["fqdn"]);
    client.emulator.set_dns([
        DnsRecord::new(DnsRecordType::Txt, &format!("asuid.{HOST}"), &proof),
        DnsRecord::new(DnsRecordType::Cname, HOST, &alias),
    ]);
    let reply = put_app(client, "nginx", &host());
    assert!(reply.status.is_success(), "{}", reply.body);
}

fn with_certificate(client: &mut Client) {
    with_host(client);
    client.create(&managed(), managed_body("CNAME"));
    client.settle();
}

pub(super) const BROKEN: &[Broken] = &[
    broken("ACA-DOMAIN-NAME", 400, "InvalidCustomHostName", |client| {
        *client = with_environment();
        put_app(
            client,
            "nginx",
            &json!([{"name": "dify", "bindingType": "Disabled"}]),
        )
    }),
    broken(
        "ACA-DOMAIN-OWNERSHIP",
        400,
        "InvalidCustomHostNameValidation",
        |client| {
            *client = with_environment();
            put_app(client, "nginx", &host())
        },
    ),
    broken(
        "ACA-DOMAIN-CERTIFICATE",
        400,
        "CertificateMissing",
        |client| {
            *client = with_environment();
            put_app(
                client,
                "nginx",
                &json!([{"name": HOST, "bindingType": "SniEnabled"}]),
            )
        },
    ),
    broken("ACA-DOMAIN-CONFLICT", 400, "CustomDomainInUse", |client| {
        with_host(client);
        put_app(client, "other", &host())
    }),
    broken(
        "ACA-CERTIFICATE-HOST-FIRST",
        400,
        "RequireCustomHostnameInEnvironment",
        |client| {
            *client = with_environment();
            client.put(&managed(), managed_body("CNAME"))
        },
    ),
    broken(
        "ACA-CERTIFICATE-DNS",
        400,
        "InvalidDomainControlValidation",
        |client| {
            with_host(client);
            client.put(&managed(), managed_body("HTTP"))
        },
    ),
    broken(
        "ACA-CERTIFICATE-PUBLIC",
        400,
        "ManagedCertificateNotSupported",
        |client| {
            with_subnet(
                client,
                "apps",
                "10.0.2.0/24",
                Some("Microsoft.App/environments"),
            );
            let network = json!({"infrastructureSubnetId": subnet("apps"), "internal": true});
            let body = with(environment_body(), "/properties/vnetConfiguration", network);
            client.create(&environment_path(), body);
            client.settle();
            client.put(&managed(), managed_body("CNAME"))
        },
    ),
    broken(
        "ACA-CERTIFICATE-IMMUTABLE",
        400,
        "ManagedCertNoUpdate",
        |client| {
            with_certificate(client);
            client.put(&managed(), managed_body("HTTP"))
        },
    ),
    broken(
        "ACA-CERTIFICATE-IN-USE",
        400,
        "CertificateInUse",
        |client| {
            with_certificate(client);
            let bound =
                json!([{"name": HOST, "bindingType": "SniEnabled", "certificateId": managed()}]);
            put_app(client, "nginx", &bound);
            client.delete(&managed())
        },
    ),
    broken(
        "ACA-CERTIFICATE-SOURCE",
        400,
        "InvalidCertificate",
        |client| {
            *client = with_environment();
            let own = format!("{}/certificates/own", environment_path());
            client.put(&own, json!({"location": "japaneast", "properties": {}}))
        },
    ),
];
