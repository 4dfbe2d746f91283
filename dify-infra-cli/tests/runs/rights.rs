//! `apply` by somebody who may do everything but assign roles.

use std::fs;

use dify_infra_emulator::Emulator;
use http::Method;

use crate::place::{DIFY_PROD, INFRA, Place, Ran};
use crate::served::Served;

const REGISTRY: &str = r#"[images]
registry = "contoso.azurecr.io"
username = "puller"
password = { secret = "registry-password" }
"#;

const OWN: &str = "REGISTRY_PASSWORD=of-the-registry-4Tq9\n";

#[test]
fn without_the_right_to_assign_roles_an_owner_gets_the_command_and_nothing_is_written() {
    let contributor: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    let builder = Emulator::builder()
        .permissions(&contributor)
        .enforce_permissions();
    let azure = Served::start(builder);
    assert_eq!(DIFY_PROD.matches(REGISTRY).count(), 1);
    let alone = DIFY_PROD.replace(REGISTRY, "");
    // All values would be made, or all but one that is the owner's own.
    for (file, secrets) in [(alone.as_str(), None), (DIFY_PROD, Some(OWN))] {
        let place = Place::new(file);
        let path = place.path().join("dify-prod.secrets.env");
        if let Some(secrets) = secrets {
            fs::write(&path, secrets).unwrap();
        }
        let run = |arguments: &[&str]| {
            let mut command = place.command(INFRA);
            command
                .args(arguments)
                .env_remove("DIFY_INFRA_TARGET")
                .env("DIFY_INFRA_ENDPOINT", azure.endpoint())
                .env("DIFY_INFRA_TOKEN", "any");
            Ran::of(command.output().unwrap())
        };
        run(&["plan", "--out", "plan.json"]).exits(0);
        for arguments in [
            ["apply", "--yes"].as_slice(),
            &["apply", "--plan", "plan.json"],
        ] {
            let refused = run(arguments).exits(1);
            let said: Vec<&str> = refused.stderr.split_whitespace().collect();
            let said = said.join(" ");
            for part in [
                "nothing was written, since this would stop the run",
                "az role assignment create --role \"Key Vault Secrets User\"",
            ] {
                assert!(said.contains(part), "{arguments:?}: {}", refused.stderr);
            }
            assert_eq!(
                fs::read_to_string(&path).ok().as_deref(),
                secrets,
                "{arguments:?}"
            );
        }
    }
    let log = azure.emulator().request_log();
    assert!(
        log.iter().any(|one| one.path.ends_with("/permissions")),
        "rights were asked for"
    );
    let changes = [Method::PUT, Method::PATCH, Method::DELETE];
    let changes: Vec<_> = log
        .iter()
        .filter(|one| changes.contains(&one.method))
        .collect();
    assert!(changes.is_empty(), "{changes:#?}");
    assert!(
        azure
            .emulator()
            .resources(jiff::Timestamp::now())
            .is_empty()
    );
}
