//! `apply` killed with -9 in the middle of a run: the next one ends in the same state, and no secret
//! has changed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;

use serde_json::Value;

use crate::azure::Azure;
use crate::place::{DIFY_DEV, INFRA, Place};

/// After how many lines of progress the run is killed; 0 is right after the secrets were kept. A
/// whole first apply has about seventy.
const POINTS: [usize; 10] = [0, 1, 4, 9, 15, 22, 30, 38, 46, 54];

/// Slow enough that a run is never over before it is killed.
const TIME_SCALE: &str = "200";

/// Runs apply until it has said so many lines of progress, and kills it there.
fn kill_after(place: &Place, lines: usize) {
    let mut child = place
        .command(INFRA)
        .args(["apply", "--yes", "--time-scale", TIME_SCALE])
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut progress = 0;
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        progress += usize::from(line.starts_with('['));
        let is_kept = line.starts_with("secrets: 7 generated");
        said.push(line);
        if (lines == 0 && is_kept) || (lines > 0 && progress == lines) {
            break;
        }
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        status.signal(),
        Some(9),
        "it ended by itself:\n{}",
        said.join("\n")
    );
}

/// What the deployment amounts to: outputs without the names of revisions, which count writes, and
/// without the name of the domain, which Azure makes up.
fn outputs(place: &Place) -> Value {
    let mut outputs = place.infra(&["outputs", "--json"]).exits(0).json();
    for app in outputs["apps"].as_array_mut().unwrap() {
        assert!(app["revision"].is_string(), "{app}");
        app["revision"] = Value::Null;
    }
    let front_door = outputs["front_door"].as_str().unwrap();
    let (_, domain) = front_door.split_once('.').unwrap();
    let worded = outputs.to_string().replace(domain, "<domain>");
    serde_json::from_str(&worded).unwrap()
}

/// The values of a secrets file by the names that the apps know them by.
fn values(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn a_killed_apply_is_resumed_to_the_same_end() {
    let whole = Place::new(DIFY_DEV);
    whole.infra(&["apply", "--yes"]).exits(0);
    let expected = outputs(&whole);
    let names: Vec<String> = Azure::of(&whole).app_secrets().into_keys().collect();

    for lines in POINTS {
        let place = Place::new(DIFY_DEV);
        kill_after(&place, lines);
        let secrets = place.read("dify-dev.secrets.env");

        let resumed = place.infra(&["apply", "--yes", "--resume"]).exits(0);
        assert!(
            lines == 0 || resumed.stderr.contains("it was cut off"),
            "{}",
            resumed.stderr
        );
        assert_eq!(outputs(&place), expected, "killed after {lines} lines");
        assert_eq!(
            place.read("dify-dev.secrets.env"),
            secrets,
            "killed after {lines} lines"
        );
        place.infra(&["plan", "--detailed-exitcode"]).exits(0);
        place.infra(&["verify"]).exits(0);
        assert_secrets(&place, &names, &values(&secrets));
    }
}

/// What a stopped run prints is pasted as it stands.
#[test]
fn a_stopped_apply_prints_the_line_that_goes_on() {
    let place = Place::new(DIFY_DEV);
    std::fs::rename(
        place.path().join("dify.toml"),
        place.path().join("my dify.toml"),
    )
    .unwrap();
    let mut child = place
        .command(INFRA)
        .env_remove("DIFY_INFRA_TARGET")
        .args([
            "apply",
            "my dify.toml",
            "--target",
            "embedded",
            "--max-parallel",
            "2",
        ])
        .args(["--yes", "--time-scale", TIME_SCALE])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said: Vec<String> = Vec::new();
    while !said.last().is_some_and(|line| line.starts_with("[ 2/25]")) {
        said.push(lines.next().unwrap().unwrap());
    }
    let signal = format!("kill -INT {}", child.id());
    let sent = place.command("sh").args(["-c", &signal]).status().unwrap();
    assert!(sent.success());
    said.extend(lines.map(Result::unwrap));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = said.join("\n");
    let hint = said.split_once("hint: `").unwrap().1;
    let (line, _) = hint.split_once('`').unwrap();
    for part in [
        "'my dify.toml'",
        "--target embedded",
        "--max-parallel 2",
        "--yes",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let script = line.replacen("dify-infra", INFRA, 1);
    let resumed = place
        .command("sh")
        .env_remove("DIFY_INFRA_TARGET")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
    place
        .infra(&["plan", "my dify.toml", "--detailed-exitcode"])
        .exits(0);
}

/// Every app has the values of the file, and the keys that Azure has made.
fn assert_secrets(place: &Place, names: &[String], file: &BTreeMap<String, String>) {
    let azure = Azure::of(place);
    let held = azure.app_secrets();
    assert_eq!(held.keys().cloned().collect::<Vec<_>>(), names);
    let keys = azure.keys();
    for (key, name) in [
        ("SECRET_KEY", "secret-key"),
        ("SANDBOX_API_KEY", "sandbox-api-key"),
        ("PLUGIN_DAEMON_KEY", "plugin-daemon-key"),
        ("INNER_API_KEY_FOR_PLUGIN", "inner-api-key"),
        ("POSTGRES_PASSWORD", "postgres-password"),
        ("INIT_PASSWORD", "init-password"),
    ] {
        assert_eq!(held[name], file[key], "{name}");
    }
    for name in ["azure-redis-key", "azure-storage-key"] {
        assert!(keys.contains(&held[name]), "{name}");
    }
}
