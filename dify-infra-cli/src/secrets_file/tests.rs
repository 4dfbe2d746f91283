use std::fs;

use super::*;

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

#[test]
fn generates_what_is_missing_and_keeps_what_is_there() {
    let mut secrets = Secrets::new();
    secrets.insert(SecretKind::SecretKey, "mine".into());
    let wanted: BTreeSet<SecretName> = [SecretKind::SecretKey, SecretKind::InnerApiKey]
        .map(SecretName::from)
        .into();
    let generated = fill(&mut secrets, &wanted, Path::new("x")).unwrap();
    assert_eq!(generated, [SecretName::from(SecretKind::InnerApiKey)]);
    assert_eq!(
        secrets.get(SecretKind::SecretKey).unwrap().expose_secret(),
        "mine"
    );
}

#[test]
fn a_secret_that_only_the_person_knows_is_asked_for() {
    let wanted = BTreeSet::from([name("smtp-password")]);
    let path = Path::new("nowhere/dify-dev.secrets.env");
    let error = fill(&mut Secrets::new(), &wanted, path).unwrap_err();
    assert!(
        error.to_string().contains("the secret smtp-password"),
        "{error}"
    );
    let hints = crate::ui::errors::hints(error.chain());
    assert!(hints[0].contains("add SMTP_PASSWORD=VALUE"), "{hints:?}");
}

#[test]
fn saving_appends_and_leaves_lines_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dify-dev.secrets.env");
    fs::write(&path, "# my comment\nSECRET_KEY=mine").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let file = SecretsFile {
        path: path.clone(),
        is_named: false,
        found: Some(Found {
            text: text.into(),
            secrets: Secrets::new(),
        }),
    };
    let mut secrets = Secrets::new();
    secrets.insert(SecretKind::InnerApiKey, "new".into());
    let generated = vec![SecretKind::InnerApiKey.into()];
    let completed = Completed {
        secrets,
        recovered: Vec::new(),
        generated,
    };
    let (ui, ..) = Ui::captured(crate::settings::Verbosity::Normal);
    file.save(&ui, &completed, &deployment("dify-dev-rg"))
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# my comment\nSECRET_KEY=mine\n"),
        "{text}"
    );
    assert!(text.ends_with("=new\n"), "{text}");
}

#[test]
fn debug_shows_no_value() {
    let mut secrets = Secrets::new();
    secrets.insert(SecretKind::SecretKey, "canary".into());
    let found = Some(Found {
        text: "SECRET_KEY=canary".to_owned().into(),
        secrets,
    });
    let file = SecretsFile {
        path: PathBuf::from("x"),
        is_named: false,
        found,
    };
    assert!(!format!("{file:?}").contains("canary"));
}

fn deployment(group: &str) -> Deployment {
    let builder = Deployment::builder("dify", "dev").location("japaneast");
    builder.resource_group(group).build().unwrap().deployment
}

#[test]
fn the_file_of_a_deployment_of_the_same_name_elsewhere_is_refused() {
    let path = Path::new("dify-dev.secrets.env");
    let text = header(&deployment("dify-japan")) + "SECRET_KEY=x\n";
    let refuse = |text: &str, group: &str| refuse_another_group(path, text, &deployment(group));
    assert!(refuse(&text, "Dify-Japan").is_ok());
    assert!(refuse("SECRET_KEY=x\n", "dify-europe").is_ok());
    let refused = refuse(&text, "dify-europe").unwrap_err().to_string();
    assert!(
        refused.contains("resource group dify-japan") && refused.contains("to dify-europe"),
        "{refused}"
    );
}
