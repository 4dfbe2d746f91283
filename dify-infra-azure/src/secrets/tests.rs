//! The secrets file: completed, kept, refused.

use std::collections::BTreeSet;
use std::fs;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::secrets::{SecretKind, SecretName, Secrets};
use secrecy::ExposeSecret as _;

use super::{SecretsFile, SecretsFileError, other_group};

fn deployment(group: &str) -> Deployment {
    let builder = Deployment::builder("dify", "dev").location("japaneast");
    builder.resource_group(group).build().unwrap().deployment
}

#[test]
fn makes_what_is_missing_keeps_what_is_there_and_leaves_lines_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let deployment = deployment("dify-dev-rg");
    let path = directory.path().join(SecretsFile::name_of(&deployment));
    let mine = "sk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH";
    fs::write(&path, format!("# my comment\nSECRET_KEY={mine}")).unwrap();
    let file = SecretsFile::open(&path, &deployment).unwrap();
    let completed = file.complete_offline(&deployment).unwrap();
    let of = |secrets: &Secrets| {
        let value = secrets.get(SecretKind::SecretKey).unwrap();
        value.expose_secret().to_owned()
    };
    assert_eq!(of(&completed.secrets), mine);
    let all: BTreeSet<&SecretName> = completed.generated.iter().collect();
    assert_eq!(all.len() + 1, deployment.secret_names().len());
    file.save(&completed, &deployment).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let before = format!("# my comment\nSECRET_KEY={mine}\n");
    assert!(text.starts_with(&before), "{text}");
    let again = SecretsFile::open(&path, &deployment).unwrap();
    assert_eq!(of(again.secrets().unwrap()), mine);
    let completed = again.complete_offline(&deployment).unwrap();
    assert!(completed.generated.is_empty(), "{completed:?}");
}

#[cfg(unix)]
#[test]
fn a_new_file_says_whose_it_is_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.secrets.env");
    let japan = deployment("dify-japan");
    let file = SecretsFile::open(&path, &japan).unwrap();
    assert!(file.secrets().is_none());
    let completed = file.complete_offline(&japan).unwrap();
    file.save(&completed, &japan).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(SecretsFile::open(&path, &deployment("Dify-Japan")).is_ok());
    let refused = SecretsFile::open(&path, &deployment("dify-europe")).unwrap_err();
    assert!(matches!(refused, SecretsFileError::OtherGroup { .. }));
    let refused = refused.to_string();
    assert!(
        refused.contains("resource group dify-japan") && refused.contains("goes to dify-europe"),
        "{refused}"
    );
    assert_eq!(
        other_group("SECRET_KEY=x\n", &deployment("dify-europe")),
        None
    );
}

#[test]
fn a_secret_that_only_a_person_knows_is_asked_for() {
    let builder = Deployment::builder("dify", "dev").location("japaneast");
    let deployment = builder
        .resource_group("rg")
        .service(dify_infra_core::catalogue::ServiceKind::Api, |api| {
            api.secret_env("SMTP_PASSWORD", "smtp-password")
        })
        .build()
        .unwrap()
        .deployment;
    let error = SecretsFile::absent("nowhere/dify-dev.secrets.env").complete_offline(&deployment);
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("add SMTP_PASSWORD=VALUE to nowhere/"),
        "{error}"
    );
}

#[test]
fn a_published_value_is_refused_and_no_value_is_shown() {
    let deployment = deployment("rg");
    let canary = "difyai123456";
    let text = format!("POSTGRES_PASSWORD={canary}\n");
    let error = SecretsFile::from_text("x.env", text.into(), &deployment).unwrap_err();
    assert!(
        matches!(error, SecretsFileError::Unusable { .. }),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains(canary), "{error}");
    let text = "SMTP_PASSWORD=canary-7f3a9\n".to_owned();
    let file = SecretsFile::from_text("x.env", text.into(), &deployment).unwrap();
    assert!(!format!("{file:?}").contains("canary"));
}
