use std::collections::BTreeMap;

use super::super::*;
use super::*;
use crate::check::{Sample, rules};
use crate::diagnostic::Diagnostics;

fn emitted(inventory: &Inventory) -> String {
    emit(inventory, &audit(inventory)).unwrap().text
}

/// The file of an inventory, proven to pass `check`.
fn proven(inventory: &Inventory) -> (String, Deployment) {
    let text = emitted(inventory);
    match check_file(&text) {
        Ok(resolved) => (text, resolved.deployment),
        Err(found) => panic!("{found}\n{text}"),
    }
}

fn own(text: &str) -> Deployment {
    check_file(text)
        .unwrap_or_else(|found: Diagnostics| panic!("{found}"))
        .deployment
}

const PROD: &str = "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"westeurope\"\ndify = \"1.14.2\"\n\n\
    [azure]\nresource_group = \"rg\"\ntags = { costCenter = \"42\", \"a b\" = \"c\" }\n\n[public]\norigin = \"https://dify.example.com\"\n\n\
    [images]\nregistry = \"contoso.azurecr.io\"\nusername = \"puller\"\npassword = { secret = \"registry-password\" }\n\n\
    [network]\naddress_space = \"10.20.0.0/16\"\n\n\
    [data.postgres]\nsku = \"Standard_D4ds_v5\"\nbackup_days = 21\ndatabase = \"dify2\"\n\n\
    [secrets]\nstore = \"key-vault\"\n\n\
    [services.api]\ncpu = 1.5\nmemory = \"3Gi\"\nreplicas = { min = 3, max = 6 }\n\n\
    [services.api.env]\nLOG_LEVEL = \"DEBUG\"\nSMTP_PASSWORD = { secret = \"smtp-password\" }\n";

#[test]
fn our_own_deployments_come_back_as_they_were() {
    for text in [Sample::BASE, PROD] {
        let original = own(text);
        let (emitted, deployment) = proven(&from_deployment(&original).unwrap());
        assert_eq!(deployment, original, "{emitted}");
    }
}

#[test]
fn a_rendered_template_comes_back_in_what_can_be_seen() {
    for text in [Sample::BASE, PROD] {
        let original = own(text);
        let target = crate::graph::Target::new(&original, None);
        let graph = crate::graph::lower(&original, &target).unwrap();
        let template = crate::render::arm_template(&graph).to_string();
        let inventory = from_template(TemplateInput {
            template: ("main.json", &template),
            parameters: None,
        })
        .unwrap();
        let (emitted, deployment) = proven(&inventory);
        // A template does not say into which group it is deployed.
        assert_eq!(deployment.services, original.services, "{emitted}");
        assert_eq!(deployment.postgres, original.postgres, "{emitted}");
        assert_eq!(deployment.redis, original.redis);
        assert_eq!(deployment.storage, original.storage);
        assert_eq!(deployment.network, original.network, "{emitted}");
        assert_eq!(deployment.public, original.public);
        assert_eq!(deployment.registry(), original.registry(), "{emitted}");
        assert_eq!(deployment.azure().tags, original.azure().tags, "{emitted}");
        assert_eq!(deployment.release(), original.release());
        assert_eq!(deployment.prefix(), original.prefix());
        assert_eq!(deployment.profile(), original.profile());
        assert_eq!(deployment.location(), original.location(), "{emitted}");
        assert_eq!(deployment.secret_store, original.secret_store, "{emitted}");
    }
}

/// Rules whose bad sample changes what a file can say; the others lead to the same file.
#[test]
fn broken_samples_are_emitted_as_files_that_pass_check() {
    let ids = [
        "BLB104", "DBX102", "KEY108", "LIM103", "NET111", "RED104", "SEC101", "URL101", "VER105",
    ];
    for rule in rules().filter(|rule| ids.contains(&rule.id)) {
        proven(&sample::inventory(&rule.bad).unwrap());
    }
}

#[test]
fn the_defective_deployment_is_emitted_repaired_from_every_form() {
    let template = include_str!("../tests/defects.json");
    let inventory = from_template(TemplateInput {
        template: ("main.json", template),
        parameters: None,
    });
    let (text, _) = proven(&inventory.unwrap());
    for part in ["Repaired:", "# Not carried"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let files = BTreeMap::from([(
        "docker-compose.yaml".to_owned(),
        include_str!("../tests/defects.yaml").to_owned(),
    )]);
    let inventory = from_compose(ComposeInput {
        compose: &["docker-compose.yaml"],
        files: &files,
        profiles: &[],
    });
    let (text, deployment) = proven(&inventory.unwrap());
    assert!(
        deployment.service(ServiceKind::SsrfProxy).is_some(),
        "{text}"
    );
}

#[test]
fn no_secret_is_emitted() {
    let canary = "canary7f3a9Zq";
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
         SECRET_KEY: {canary}\n      CELERY_BROKER_URL: redis://:{canary}@redis:6379/1\n      \
         SMTP_PASSWORD: {canary}\n      SENTRY_DSN: https://{canary}@x.example.com/1\n      \
         HTTP_PROXY: http://u:{canary}@proxy:3128\n      NOTION_CLIENT_SECRET: {canary}\n      \
         LOG_LEVEL: DEBUG\n      SMTP_SERVER: smtp.example.com\n"
    );
    let files = BTreeMap::from([("compose.yaml".to_owned(), text)]);
    let inventory = from_compose(ComposeInput {
        compose: &["compose.yaml"],
        files: &files,
        profiles: &[],
    })
    .unwrap();
    let (text, _) = proven(&inventory);
    assert!(!text.contains(canary), "{text}");
    assert!(text.contains("LOG_LEVEL = \"DEBUG\""), "{text}");
    assert!(
        text.contains("SMTP_SERVER = \"smtp.example.com\""),
        "{text}"
    );
    assert!(
        text.contains("SMTP_PASSWORD = { secret = \"smtp-password\" }"),
        "{text}"
    );
}

#[test]
fn names_and_texts_of_a_hostile_deployment_stay_in_their_lines() {
    let text = "services:\n  \"evil\\nname = 1\":\n    image: \"busy\\nbox\"\n  api:\n    \
                image: langgenius/dify-api:1.16.0\n    environment:\n      \
                LOG_LEVEL: \"x\\\"\\n[azure]\\nevil = 1\"\n      LOG_TZ: \"a\\\"b\\n\"\n";
    let files = BTreeMap::from([("compose.yaml".to_owned(), text.to_owned())]);
    let inventory = from_compose(ComposeInput {
        compose: &["compose.yaml"],
        files: &files,
        profiles: &[],
    })
    .unwrap();
    let (text, deployment) = proven(&inventory);
    assert_eq!(deployment.name().as_str(), "dify", "{text}");
}

fn composed(text: &str) -> Inventory {
    let files = BTreeMap::from([("compose.yaml".to_owned(), text.to_owned())]);
    from_compose(ComposeInput {
        compose: &["compose.yaml"],
        files: &files,
        profiles: &[],
    })
    .unwrap()
}

#[test]
fn another_vector_store_costs_nothing_but_itself() {
    let service = |name: &str, mode: &str, more: &str| {
        format!(
            "  {name}:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: {mode}\n      \
             LOG_LEVEL: DEBUG\n{more}"
        )
    };
    let here = "      VECTOR_STORE: weaviate\n      WEAVIATE_ENDPOINT: http://weaviate:8080\n      \
                CONSOLE_WEB_URL: https://dify.example.com\n";
    let both = |more: &str| {
        let (api, worker) = (service("api", "api", more), service("w", "worker", more));
        composed(&format!("services:\n{api}{worker}"))
    };
    let (text, deployment) = proven(&both(here));
    let api = deployment.service(ServiceKind::Api).unwrap();
    assert_eq!(api.plain_variable("LOG_LEVEL"), Some("DEBUG"), "{text}");
    assert!(text.contains("https://dify.example.com"), "{text}");
    assert!(
        text.contains("vector store `weaviate` becomes pgvector"),
        "{text}"
    );
    assert!(!text.contains("WEAVIATE_ENDPOINT"), "{text}");

    let outside = "      VECTOR_STORE: qdrant\n      QDRANT_URL: https://x.cloud.qdrant.io:6333\n";
    let (text, deployment) = proven(&both(outside));
    for kind in [
        ServiceKind::Api,
        ServiceKind::Worker,
        ServiceKind::WorkerBeat,
    ] {
        let service = deployment.service(kind).unwrap();
        let url = service.plain_variable("QDRANT_URL");
        assert_eq!(
            service.plain_variable("VECTOR_STORE"),
            Some("qdrant"),
            "{text}"
        );
        assert_eq!(url, Some("https://x.cloud.qdrant.io:6333"), "{text}");
    }
}

#[test]
fn no_older_release_than_what_runs_is_proposed() {
    let of = |tag: &str| {
        let text = format!("services:\n  api:\n    image: langgenius/dify-api:{tag}\n");
        let inventory = composed(&text);
        emit(&inventory, &audit(&inventory))
    };
    for (runs, offered) in [
        ("1.12.1", "1.13.3"),
        ("1.13.0", "1.13.3"),
        ("1.16.0-acme3", "1.16.0"),
        ("0.3.11", "1.10.1-fix.1"),
    ] {
        let text = of(runs).unwrap().text;
        assert!(text.contains(&format!("dify = \"{offered}\"")), "{text}");
    }
    let refused = of("99.0.0").unwrap_err();
    assert!(matches!(refused, NotEmitted::TooNew { .. }), "{refused}");
    assert!(refused.to_string().contains("99.0.0"), "{refused}");
}

#[test]
fn without_dify_no_file_is_made() {
    let inventory = composed("services:\n  db:\n    image: postgres:16\n");
    let emitted = emit(&inventory, &audit(&inventory));
    assert_eq!(emitted, Err(NotEmitted::NoDify));
}

#[test]
fn only_what_a_check_of_the_file_finds_no_more_is_called_repaired() {
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.10.0\n  sandbox:\n    \
                image: langgenius/dify-sandbox:0.2.10\n";
    let inventory = composed(text);
    assert!(audit(&inventory).under("VER110").next().is_some());
    let (text, _) = proven(&inventory);
    let line = |start: &str| {
        let mut lines = text.lines().filter_map(|it| it.strip_prefix("# "));
        lines.find(|it| it.starts_with(start)).unwrap_or_default()
    };
    assert!(
        line("A check of this file still warns of").contains("VER110"),
        "{text}"
    );
    assert!(!line("Repaired: ").contains("VER110"), "{text}");
    assert!(line("Repaired: ").contains("SSR101"), "{text}");
}

/// Our own template with a body of one of its resources changed.
fn changed(change: impl Fn(&str, &mut serde_json::Value)) -> Inventory {
    let original = own(Sample::BASE);
    let target = crate::graph::Target::new(&original, None);
    let graph = crate::graph::lower(&original, &target).unwrap();
    let mut template = serde_json::to_value(crate::render::arm_template(&graph)).unwrap();
    for resource in template["resources"].as_array_mut().unwrap() {
        let name = resource["name"].as_str().unwrap_or_default().to_owned();
        change(&name, resource);
    }
    let more = serde_json::json!([
        {"type": "Microsoft.Network/networkSecurityGroups", "name": "my-rules"},
        {"type": "Microsoft.Insights/metricAlerts", "name": "my-alert"}]);
    let resources = template["resources"].as_array_mut().unwrap();
    resources.extend(more.as_array().unwrap().iter().cloned());
    let template = template.to_string();
    from_template(TemplateInput {
        template: ("main.json", &template),
        parameters: None,
    })
    .unwrap()
}

#[test]
fn what_a_file_can_say_is_carried_and_the_rest_is_listed() {
    let inventory = changed(|name, resource| {
        resource["tags"] = serde_json::json!({"team": "ai", "dify-infra-deployment": "dify-dev"});
        let configuration = &mut resource["properties"]["configuration"];
        if name == "dify-dev-nginx" {
            configuration["ingress"]["ipSecurityRestrictions"] =
                serde_json::json!([{"action": "Allow", "ipAddressRange": "203.0.113.0/24"}]);
            configuration["ingress"]["customDomains"] =
                serde_json::json!([{"name": "ai.example.com"}]);
        }
        if name == "dify-dev-api" {
            configuration["registries"] = serde_json::json!([{"server": "contoso.azurecr.io",
                "username": "puller", "passwordSecretRef": "pull"}]);
            resource["properties"]["template"]["containers"][0]["image"] =
                "contoso.azurecr.io/langgenius/dify-api:1.16.0".into();
            resource["properties"]["template"]["initContainers"] =
                serde_json::json!([{"name": "first", "image": "busybox"}]);
        }
    });
    let (text, deployment) = proven(&inventory);
    let registry = deployment.registry().unwrap();
    assert_eq!(registry.server, "contoso.azurecr.io");
    assert_eq!(registry.credentials.as_ref().unwrap().username, "puller");
    let images = deployment.images();
    let of = |kind: ServiceKind| {
        let image = images.iter().find(|it| it.used_by.contains(&kind)).unwrap();
        image.image.to_string()
    };
    assert_eq!(
        of(ServiceKind::Api),
        "contoso.azurecr.io/langgenius/dify-api:1.16.0"
    );
    assert_eq!(of(ServiceKind::Web), "docker.io/langgenius/dify-web:1.16.0");
    for part in [
        "origin = \"https://ai.example.com\"",
        "team = \"ai\"",
        "`my-rules` (Microsoft.Network/networkSecurityGroups)",
        "`my-alert` (Microsoft.Insights/metricAlerts)",
        "`configuration/ingress/ipSecurityRestrictions` of `dify-dev-nginx`",
        "`template/initContainers` of `dify-dev-api`",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains("configuration/registries"), "{text}");
}

#[test]
fn a_server_whose_name_only_looks_derived_is_somebody_elses() {
    let inventory = changed(|_, resource| {
        if resource["type"] == "Microsoft.DBforPostgreSQL/flexibleServers" {
            resource["name"] = "acme-postgres-master".into();
        }
    });
    let (text, _) = proven(&inventory);
    assert!(
        text.contains("existing = \"acme-postgres-master\""),
        "{text}"
    );
}
