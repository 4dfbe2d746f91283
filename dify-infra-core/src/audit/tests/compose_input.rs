//! Folders that compose would refuse, and what it takes from elsewhere.

use std::collections::BTreeMap;

use super::super::*;

const API: &str = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
                   DB_HOST: ${DB_HOST:?needed}\n      DB_PORT: ${DB_PORT?}\n      OTHER: ${OTHER:-${DEEP:?x}}\n";

fn read(files: &[(&str, &str)], profiles: &[&str]) -> Result<Inventory, InvalidCompose> {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    from_compose(ComposeInput {
        compose: &["docker-compose.yaml"],
        files: &files,
        profiles,
    })
}

#[test]
fn a_line_that_compose_refuses_ends_the_audit_with_its_place() {
    let error = read(
        &[
            ("docker-compose.yaml", API),
            (".env", "DB_HOST=db\nBAD LINE HERE\n"),
        ],
        &[],
    );
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with(".env:2: a name has a space"), "{error}");
    let listed =
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    env_file: [./api.env]\n";
    let error = read(
        &[("docker-compose.yaml", listed), ("api.env", "KEY='open\n")],
        &[],
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("api.env:1: a value begins with a quote"),
        "{error}"
    );
}

#[test]
fn variables_that_compose_insists_on_are_not_seen_when_no_file_sets_them() {
    let whys = |env: &str| -> Vec<(String, String)> {
        let inventory = read(&[("docker-compose.yaml", API), (".env", env)], &[]).unwrap();
        let unseen = inventory.unseen.iter();
        unseen
            .filter(|it| it.why.contains("compose refuses"))
            .map(|it| {
                (
                    it.place.to_string(),
                    it.why.split('`').nth(1).unwrap().to_owned(),
                )
            })
            .collect()
    };
    let all = whys("DB_HOST=\n");
    let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["DB_HOST", "DB_PORT", "DEEP"]);
    assert_eq!(all[0].0, "docker-compose.yaml:5:7");
    assert_eq!(whys("DB_HOST=db\nDB_PORT=\nOTHER=x\n"), []);
}

#[test]
fn a_profile_that_no_service_has_is_named_with_those_that_are_there() {
    let text = "services:\n  one:\n    image: a\n    profiles: [weaviate]\n  two:\n    image: b\n    \
                profiles: [\"${NAME:-qdrant}\"]\n";
    let files = [("docker-compose.yaml", text)];
    let error = read(&files, &["nope"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "no service has the profile `nope`; there are `qdrant`, `weaviate`"
    );
    assert_eq!(read(&files, &["qdrant"]).unwrap().workloads.len(), 1);
    assert_eq!(read(&files, &["*"]).unwrap().workloads.len(), 2);
}
