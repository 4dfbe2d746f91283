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

const SECRET: &str = "sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U";

/// The names of services with the value of a variable, and why something was not seen.
fn seen(files: &[(&str, &str)], variable: &str) -> (Vec<(String, Option<String>)>, Vec<String>) {
    let inventory = read(files, &[]).unwrap();
    let services = inventory.workloads.iter().map(|it| {
        let value = it.containers[0].literal(variable).map(str::to_owned);
        (it.name.shown(), value)
    });
    let whys = inventory.unseen.iter().map(|it| it.why.clone());
    (services.collect(), whys.collect())
}

fn pair(name: &str, value: &str) -> (String, Option<String>) {
    (name.to_owned(), Some(value.to_owned()))
}

#[test]
fn files_that_are_included_belong_to_the_project() {
    let main = "include:\n  - sub/docker-compose.yaml\n  - path: [other/a.yaml, other/b.yaml]\n    \
                project_directory: sub\n    env_file: other/own.env\nservices:\n  web:\n    image: w\n    \
                environment: {A: \"${A:-none}\"}\n";
    let included = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    env_file: api.env\n    \
                    environment: {SECRET_KEY: \"${KEY}\", A: \"${A}${B}\"}\n";
    let files = [
        ("docker-compose.yaml", main),
        ("sub/docker-compose.yaml", included),
        ("sub/api.env", "LOG_LEVEL=DEBUG\n"),
        ("sub/.env", &format!("KEY={SECRET}\nA=theirs\nB=2\n")),
        (".env", "A=ours\n"),
        ("other/a.yaml", "services:\n  worker:\n    image: old\n"),
        (
            "other/b.yaml",
            "services:\n  worker:\n    image: new\n    env_file: api.env\n    environment: {A: \"${C}\"}\n",
        ),
        ("other/own.env", "C=3\n"),
    ];
    let (services, whys) = seen(&files, "A");
    assert_eq!(
        services,
        [
            pair("web", "ours"),
            pair("api", "ours2"),
            pair("worker", "3")
        ]
    );
    assert_eq!(whys, Vec::<String>::new());
    let (levels, _) = seen(&files, "LOG_LEVEL");
    assert_eq!(levels[1], pair("api", "DEBUG"));
    assert_eq!(levels[2], pair("worker", "DEBUG"));
    let report = super::compose(&files);
    let finding = report.under("KEY105").next().unwrap();
    assert_eq!(finding.place.to_string(), "sub/docker-compose.yaml:5:19");
}

#[test]
fn what_is_included_from_elsewhere_is_not_seen_and_the_rest_is_judged() {
    let main = "include: [../x.yaml, \"https://x.example/c.yaml\", \"oci://x\", gone.yaml, \
                docker-compose.yaml, \"${NONE}/c.yaml\"]\nservices:\n  api:\n    \
                image: langgenius/dify-api:1.16.0\n";
    let (services, whys) = seen(&[("docker-compose.yaml", main)], "A");
    assert_eq!(services.len(), 1);
    for part in [
        "../x.yaml",
        "https://x.example",
        "oci://x",
        "gone.yaml",
        "docker-compose.yaml, which includes itself",
        "its path can't be told",
    ] {
        assert!(whys.iter().any(|it| it.contains(part)), "{part}: {whys:?}");
    }
}

#[test]
fn a_service_once_more_is_told_and_left_alone() {
    let files = [
        (
            "docker-compose.yaml",
            "include: [b.yaml]\nservices:\n  api:\n    image: a\n    environment: {A: \"1\"}\n",
        ),
        ("b.yaml", "services:\n  api:\n    image: b\n"),
    ];
    let (services, whys) = seen(&files, "A");
    assert_eq!(services, [pair("api", "1")]);
    assert!(whys[0].contains("compose refuses both"), "{whys:?}");
}

#[test]
fn what_a_service_extends_has_the_paths_of_its_own_folder() {
    let files = [
        (
            "docker-compose.yaml",
            "services:\n  w:\n    extends: {file: sub/w.yaml, service: w}\n  out:\n    image: o\n    \
             extends: {file: ../x/w.yaml, service: w}\n",
        ),
        (
            "sub/w.yaml",
            "services:\n  w:\n    extends: {file: deep/base.yaml, service: base}\n    env_file: [w.env]\n    \
             volumes: [\"./nginx.conf:/etc/nginx/nginx.conf\"]\n",
        ),
        (
            "sub/deep/base.yaml",
            "services:\n  base:\n    image: nginx\n    env_file: [{path: ../w.env}, {path: b.env}]\n",
        ),
        ("sub/w.env", "A=of-sub\n"),
        ("sub/deep/b.env", "B=deep\n"),
        ("sub/nginx.conf", "proxy_pass http://x;\n"),
    ];
    let (services, whys) = seen(&files, "A");
    assert_eq!(services[0], pair("w", "of-sub"));
    assert!(
        whys[0].contains("../x/w.yaml, which `out` extends"),
        "{whys:?}"
    );
    assert_eq!(whys.len(), 1, "{whys:?}");
    assert_eq!(services.len(), 2);
    let inventory = read(&files, &[]).unwrap();
    assert_eq!(inventory.files[0].place.to_string(), "sub/nginx.conf");
    assert_eq!(
        inventory.workloads[0].containers[0].literal("B"),
        Some("deep")
    );
}

#[test]
fn the_files_that_a_folder_names_itself_are_told() {
    let named = |text: &str| compose_files(text).unwrap();
    let list = |list: &[&str]| Some(list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    assert_eq!(named("A=1\n"), None);
    assert_eq!(named("COMPOSE_FILE=\n"), None);
    assert_eq!(
        named("COMPOSE_FILE=./a.yaml:sub/b.yaml\n"),
        list(&["a.yaml", "sub/b.yaml"])
    );
    let other = "COMPOSE_PATH_SEPARATOR=,\nCOMPOSE_FILE=a.yaml,../b.yaml\n";
    assert_eq!(named(other), list(&["a.yaml", "../b.yaml"]));
}

#[test]
fn an_image_that_is_built_here_is_not_seen() {
    let text = "services:\n  own:\n    build: ./api\n    environment: {MODE: api}\n  both:\n    build: .\n    \
                image: langgenius/dify-api:1.16.0\n";
    let (_, whys) = seen(&[("docker-compose.yaml", text)], "A");
    assert_eq!(whys.len(), 1, "{whys:?}");
    assert!(whys[0].contains("what `own` runs"), "{whys:?}");
}
