use std::collections::BTreeMap;

use super::super::*;
use super::*;
use crate::check::{Sample, rules};
use crate::diagnostic::Diagnostics;

fn emitted(inventory: &Inventory) -> String {
    emit(inventory, &audit(inventory)).text
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
    [azure]\nresource_group = \"rg\"\n\n[public]\norigin = \"https://dify.example.com\"\n\n\
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
