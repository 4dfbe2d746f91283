//! Plans in files: what is in them, and when they are refused.

use serde_json::Value;

use crate::azure::Azure;
use crate::place::{DIFY_DEV, Place, Ran};

const OTHER_SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

#[track_caller]
fn refused(ran: Ran, parts: &[&str]) {
    let ran = ran.exits(1);
    for part in parts {
        assert!(
            ran.stderr.contains(part),
            "{part:?} is not in {}",
            ran.stderr
        );
    }
    assert!(ran.stderr.contains("nothing was written"), "{}", ran.stderr);
}

#[test]
fn a_plan_is_reviewed_and_then_carried_out_once() {
    let place = Place::new("");
    place.write("team.toml", DIFY_DEV);
    place
        .infra(&["plan", "team.toml", "--out", "plan.json"])
        .exits(0);
    let text = place.read("plan.json");
    place
        .infra(&["plan", "team.toml", "--out", "again.json"])
        .exits(0);
    assert_eq!(
        text,
        place.read("again.json"),
        "the same plan is the same text"
    );

    let saved: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in [
        ("kind", "dify-infra plan"),
        ("dify_infra", env!("CARGO_PKG_VERSION")),
        ("deployment", "dify-dev"),
        ("resource_group", "dify-dev-rg"),
        ("file", "team.toml"),
    ] {
        assert_eq!(saved[name], value, "{name}");
    }
    assert_eq!(saved["format"], 1);
    assert_eq!(saved["file_sha256"].as_str().unwrap().len(), 64);
    assert!(saved["subscription"].is_string() && saved["endpoint"].is_string());
    assert_eq!(saved["plan"]["applyable"], true);
    let view: Vec<&str> = saved["view"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    assert!(
        view.iter()
            .any(|line| line.starts_with("+ create dify-dev-api")),
        "{view:#?}"
    );
    assert!(
        view.last().unwrap().starts_with("plan: 25 to create"),
        "{view:#?}"
    );

    // The file is known from the plan, and nobody is asked.
    let applied = place.infra(&["apply", "--plan", "plan.json"]).exits(0);
    assert!(
        applied.stderr.contains("done: 25 created"),
        "{}",
        applied.stderr
    );
    place
        .infra(&["plan", "team.toml", "--detailed-exitcode"])
        .exits(0);
    refused(
        place.infra(&["apply", "--plan", "plan.json"]),
        &[
            "the plan plan.json is stale",
            "dify-dev-rg exists now",
            "more",
            "dify-infra plan team.toml --out plan.json",
        ],
    );
}

#[test]
fn a_plan_is_stale_when_the_file_or_a_resource_has_changed() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    place.edit(
        "[services.sandbox]\ncpu = 0.5",
        "[services.sandbox]\ncpu = 1.0",
    );
    place.infra(&["plan", "--out", "plan.json"]).exits(0);

    place.edit(
        "[services.sandbox]\ncpu = 1.0",
        "[services.sandbox]\ncpu = 1.25",
    );
    refused(
        place.infra(&["apply", "--plan", "plan.json"]),
        &["the deployment file dify.toml has changed since"],
    );
    place.edit(
        "[services.sandbox]\ncpu = 1.25",
        "[services.sandbox]\ncpu = 1.0",
    );

    Azure::of(&place).patch(
        "Microsoft.App/containerApps",
        "dify-dev-worker",
        &serde_json::json!({ "tags": { "seen-by": "someone" } }),
    );
    refused(
        place.infra(&["apply", "--plan", "plan.json"]),
        &["is stale", "dify-dev-worker has changed: tags"],
    );
    place.infra(&["plan", "--out", "plan.json"]).exits(0);
    let applied = place.infra(&["apply", "--plan", "plan.json"]).exits(0);
    assert!(
        applied.stderr.contains("done: 1 updated"),
        "{}",
        applied.stderr
    );
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_plan_for_something_else_is_refused() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["plan", "--out", "plan.json"]).exits(0);
    refused(
        place.infra(&[
            "apply",
            "--plan",
            "plan.json",
            "--subscription",
            OTHER_SUBSCRIPTION,
        ]),
        &["is not for this", "the subscription", OTHER_SUBSCRIPTION],
    );
    place.write(
        "other.toml",
        &DIFY_DEV.replacen("name = \"dify\"", "name = \"chat\"", 1),
    );
    refused(
        place.infra(&["apply", "other.toml", "--plan", "plan.json"]),
        &["the plan is for the deployment dify-dev, not chat-dev"],
    );
    for (text, part) in [
        ("{}", "this is not a plan"),
        ("no JSON", "this is not a plan"),
        ("{\"kind\": \"dify-infra plan\", \"format\": 7}", "format 7"),
    ] {
        place.write("wrong.json", text);
        let ran = place.infra(&["apply", "--plan", "wrong.json"]).exits(1);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(
        place
            .infra(&["apply", "--plan", "none.json"])
            .exits(1)
            .stderr
            .contains("--out none.json")
    );
    place
        .infra(&["apply", "--plan", "plan.json", "--prune"])
        .exits(64);
    assert!(
        Azure::of(&place)
            .ids("Microsoft.App/containerApps")
            .is_empty()
    );
}

#[test]
fn a_plan_that_is_edited_by_hand_is_not_carried_out() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["plan", "--out", "plan.json"]).exits(0);
    let text = place.read("plan.json");
    let mut saved: Value = serde_json::from_str(&text).unwrap();
    saved["plan"]["changes"][1]["action"] = "delete".into();
    place.write("plan.json", &saved.to_string());
    refused(
        place.infra(&["apply", "--plan", "plan.json"]),
        &[
            "is not what would be done now",
            "the plan says delete, and now it would be create",
        ],
    );
}

#[test]
fn a_plan_that_is_not_whole_can_be_read_and_not_applied() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    Azure::of(&place).patch(
        "Microsoft.App/containerApps",
        "dify-dev-worker",
        &serde_json::json!({ "tags": { "dify-infra-deployment": "somebody-else" } }),
    );
    let planned = place.infra(&["plan", "--out", "plan.json"]).exits(1);
    assert!(
        planned.stderr.contains("for reading alone"),
        "{}",
        planned.stderr
    );
    refused(
        place.infra(&["apply", "--plan", "plan.json"]),
        &["could not be applied when it was made"],
    );
}

#[test]
fn who_plans_needs_no_secrets_and_who_applies_may_change_none_of_them_in_passing() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let secrets = place.read("dify-dev.secrets.env");
    place.edit(
        "[services.sandbox]\ncpu = 0.5",
        "[services.sandbox]\ncpu = 1.0",
    );
    // The reviewer's machine has no secrets file.
    std::fs::remove_file(place.path().join("dify-dev.secrets.env")).unwrap();
    place.infra(&["plan", "--out", "plan.json"]).exits(0);

    let fresh = place.secrets(&["gen", "sandbox-api-key"]).exits(0).stdout;
    let kept: Vec<&str> = secrets
        .lines()
        .filter(|line| !line.starts_with("SANDBOX_API_KEY="))
        .collect();
    place.write("changed.env", &format!("{}\n{fresh}", kept.join("\n")));
    refused(
        place.infra(&["apply", "--plan", "plan.json", "--secrets", "changed.env"]),
        &[
            "is not what would be done now",
            "dify-dev-api: the plan says no change, and now it would be update",
        ],
    );
    place.write("dify-dev.secrets.env", &secrets);
    let applied = place.infra(&["apply", "--plan", "plan.json"]).exits(0);
    assert!(
        applied.stderr.contains("done: 1 updated"),
        "{}",
        applied.stderr
    );
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn one_name_in_two_groups_shares_neither_secrets_nor_journals() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let secrets = place.read("dify-dev.secrets.env");
    place.write(
        "west.toml",
        &DIFY_DEV.replace("dify-dev-rg", "dify-dev-west-rg"),
    );
    let refused = place.infra(&["apply", "west.toml", "--yes"]).exits(1);
    for part in [
        "resource group dify-dev-rg",
        "--secrets",
        "dify-dev-west-rg",
    ] {
        assert!(
            refused.stderr.contains(part),
            "{part:?} is not in {}",
            refused.stderr
        );
    }
    assert_eq!(place.read("dify-dev.secrets.env"), secrets);
    place
        .secrets(&["gen", "--out", "west.secrets.env"])
        .exits(0);
    let own = ["--secrets", "west.secrets.env"];
    let resumed = [&["apply", "west.toml", "--yes", "--resume"], &own[..]].concat();
    let resumed = place.infra(&resumed).exits(0);
    assert!(
        resumed.stderr.contains("no journal of an earlier run"),
        "{}",
        resumed.stderr
    );
}
