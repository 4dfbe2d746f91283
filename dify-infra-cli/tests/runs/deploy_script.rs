//! `examples/deploy.sh` with the real programs.

use std::path::Path;

use crate::place::{DIFY_DEV, INFRA, Place, Ran};

fn deploy(place: &Place) -> Ran {
    let programs = Path::new(INFRA).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path)));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/deploy.sh");
    let output = place
        .command("sh")
        .args([script, "dify.toml"])
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn deploys_and_then_has_nothing_to_do() {
    let place = Place::new(DIFY_DEV);
    let first = deploy(&place).exits(0);
    assert!(
        first.stdout.contains("plan: 25 to create"),
        "{}",
        first.stdout
    );
    assert!(first.stdout.contains("0 failed"), "{}", first.stdout);
    let secrets = place.read("deploy.secrets.env");
    assert_eq!(secrets.lines().count(), 7);
    assert!(place.read("verify.xml").contains("<testsuite"));

    let second = deploy(&place).exits(0);
    assert!(second.stdout.contains("no changes: "), "{}", second.stdout);
    assert_eq!(place.read("deploy.secrets.env"), secrets);
}

#[test]
fn leaves_no_copy_of_the_secrets() {
    let place = Place::new(DIFY_DEV);
    deploy(&place).exits(0);
    let secrets = place.read("deploy.secrets.env");
    let value = secrets
        .lines()
        .find_map(|line| line.strip_prefix("SECRET_KEY="))
        .unwrap();
    let holders: Vec<_> = place
        .files()
        .into_iter()
        .filter(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(value))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    let mut holders = holders;
    holders.sort();
    // The second one is the embedded Azure's own store.
    assert_eq!(holders, ["deploy.secrets.env", "secret-values.jsonl"]);
}

#[test]
fn stops_at_a_file_with_errors() {
    let place = Place::new("name = \"dify\"\n");
    let failed = deploy(&place).exits(3);
    assert!(failed.stdout.contains("environment"), "{}", failed.stdout);
    assert!(
        !place.path().join(".dify-infra").exists(),
        "nothing was deployed"
    );
}

#[test]
fn stops_at_secrets_that_must_not_be_used() {
    let place = Place::new(DIFY_DEV);
    place.write("deploy.secrets.env", "SECRET_KEY=dify\n");
    let failed = deploy(&place);
    assert!(failed.code != 0, "{failed:?}");
    assert!(
        !place.path().join(".dify-infra").exists(),
        "nothing was deployed"
    );
}
