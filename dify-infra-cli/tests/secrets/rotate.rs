//! New values in the places of old ones.

use std::fs;
use std::path::Path;

use crate::{code, secrets_in, stderr, stdout};

#[test]
fn rotate_changes_the_named_values_alone_and_keeps_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    secrets_in(here, &["gen", "--out", "dify.secrets.env"]);
    let file = here.join("dify.secrets.env");
    let before = format!(
        "# kept by the platform team\n{}",
        fs::read_to_string(&file).unwrap()
    );
    fs::write(&file, &before).unwrap();

    let arguments = [
        "rotate",
        "dify.secrets.env",
        "sandbox-api-key",
        "POSTGRES_PASSWORD",
    ];
    let rotated = secrets_in(here, &arguments);
    assert_eq!(code(&rotated), 0, "{}", stderr(&rotated));
    let after = fs::read_to_string(&file).unwrap();
    let changed: Vec<&str> = before
        .lines()
        .zip(after.lines())
        .filter(|(one, other)| one != other)
        .map(|(one, _)| one.split('=').next().unwrap())
        .collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(changed.contains(&"SANDBOX_API_KEY") && changed.contains(&"POSTGRES_PASSWORD"));
    assert_eq!(before.lines().count(), after.lines().count());
    let previous = here.join("dify.secrets.env.previous");
    assert_eq!(fs::read_to_string(&previous).unwrap(), before);
    assert_private(&file);
    assert_private(&previous);
    assert_eq!(
        stdout(&rotated),
        "SANDBOX_API_KEY: restarts sandbox, api, worker; both sides get it in one run\n\
         POSTGRES_PASSWORD: restarts postgres, plugin-daemon, migration, api, worker, beat; the server \
         has it first: connections fail until every app has its new revision\n"
    );
    let said = format!("{}{}", stdout(&rotated), stderr(&rotated));
    let values = before
        .lines()
        .chain(after.lines())
        .filter_map(|line| line.split_once('='));
    for (name, value) in values {
        assert!(!said.contains(value), "{name} is shown");
    }
    assert_eq!(code(&secrets_in(here, &["check", "dify.secrets.env"])), 0);

    let json = secrets_in(
        here,
        &["rotate", "dify.secrets.env", "plugin-daemon-key", "--json"],
    );
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(report["rotated"][0]["restarts"][0], "plugin-daemon");
    assert_eq!(fs::read_to_string(&previous).unwrap(), after);
}

#[cfg(unix)]
fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

#[cfg(not(unix))]
fn assert_private(_: &Path) {}

#[test]
fn rotate_refuses_what_would_lose_data_or_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    secrets_in(
        here,
        &["gen", "secret-key", "sandbox-api-key", "--out", "a.env"],
    );
    secrets_in(here, &["gen", "--format", "json", "--out", "a.json"]);
    let before = fs::read_to_string(here.join("a.env")).unwrap();
    for (arguments, exit, part) in [
        (
            &["rotate", "a.env", "SECRET_KEY"][..],
            1,
            "stored credentials",
        ),
        (&["rotate", "a.env", "fingerprint-key"], 64, "opens nothing"),
        (
            &["rotate", "a.env", "postgres-password"],
            1,
            "has no POSTGRES_PASSWORD",
        ),
        (&["rotate", "a.env", "sandbox"], 64, "did you mean"),
        (&["rotate", "a.env"], 64, "NAME"),
        (&["rotate", "-", "sandbox-api-key"], 64, "FILE can't be `-`"),
        (&["rotate", "a.json", "sandbox-api-key"], 1, "an env file"),
        (
            &["rotate", "missing.env", "sandbox-api-key"],
            1,
            "could not be read",
        ),
    ] {
        let output = secrets_in(here, arguments);
        assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(fs::read_to_string(here.join("a.env")).unwrap(), before);
    assert!(!here.join("a.env.previous").exists());
    let forced = secrets_in(here, &["rotate", "a.env", "SECRET_KEY", "--force"]);
    assert_eq!(code(&forced), 0, "{}", stderr(&forced));
    assert_ne!(fs::read_to_string(here.join("a.env")).unwrap(), before);
}
