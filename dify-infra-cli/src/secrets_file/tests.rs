use super::*;

fn deployment(group: &str) -> Deployment {
    let builder = Deployment::builder("dify", "dev").location("japaneast");
    builder.resource_group(group).build().unwrap().deployment
}

#[test]
fn a_secret_that_only_the_person_knows_is_asked_for() {
    let names = BTreeSet::from(["smtp-password".parse().unwrap()]);
    let path = PathBuf::from("nowhere/dify-dev.secrets.env");
    let error = explained(SecretsFileError::NoValue { path, names });
    assert!(
        error.to_string().contains("the secret smtp-password"),
        "{error}"
    );
    let hints = crate::ui::errors::hints(error.chain());
    assert!(hints[0].contains("add SMTP_PASSWORD=VALUE"), "{hints:?}");
}

#[test]
fn the_file_of_a_deployment_of_the_same_name_elsewhere_is_refused() {
    let path = Path::new("dify-dev.secrets.env");
    let text = "# Resource group: dify-japan\nSECRET_KEY=x\n";
    let refuse = |text: &str, group: &str| refuse_another_group(path, text, &deployment(group));
    assert!(refuse(text, "Dify-Japan").is_ok());
    assert!(refuse("SECRET_KEY=x\n", "dify-europe").is_ok());
    let refused = refuse(text, "dify-europe").unwrap_err().to_string();
    assert!(
        refused.contains("resource group dify-japan") && refused.contains("to dify-europe"),
        "{refused}"
    );
}
