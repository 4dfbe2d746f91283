//! The pipelines of `examples/pipelines`, run from an event to the deployment: every step of every job on a
//! machine of its own that has none of our programs, signed in with the job's own token at an Azure that
//! enforces rights, with stand-ins for what the CI systems offer. What is not real: building the programs
//! from the repository, and what the systems' own actions and tasks do.

mod devops;
mod document;
mod expression;
mod github;
mod machine;
mod stand_in;

use std::collections::BTreeMap;

use bytes::Bytes;
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use http::Request;
use serde_json::{Value, json};

use self::document::{load, pairs, steps};
use self::machine::{Job, World};
use self::stand_in::{DEPLOYER, READER};

const INSTALL: [&str; 2] = ["Keep dify-infra for later runs", "Install dify-infra"];
const SHOW: [&str; 2] = ["Check and plan", "Show the plan to reviewers"];
const COMMENT: &str = "Comment the pull request";
const FAIL: &str = "Fail without a plan that can be applied !";
const KEEP: &str = "Keep the plan";
const APPLY: &str = "Apply what was approved, or nothing";

/// A change that Azure can't make.
const IMPOSSIBLE: [&str; 2] = ["location = \"japaneast\"", "location = \"japanwest\""];

fn jobs(ran: &[Job]) -> Vec<Vec<String>> {
    ran.iter().map(Job::ran).collect()
}

fn words(parts: &[&[&str]]) -> Vec<String> {
    parts.concat().iter().map(|&word| word.to_owned()).collect()
}

/// The steps of a job that plans at GitHub.
fn github_plan(rest: &[&str]) -> Vec<String> {
    words(&[&["actions/checkout@v4"], &INSTALL, &SHOW, rest])
}

/// What a reviewer reads, from its marker on.
#[track_caller]
fn assert_comment(comment: &Value, marker: &str, parts: &[&str]) {
    let text = comment.as_str().unwrap();
    assert!(text.starts_with(marker), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Somebody makes the resource group, or tags it, while the run waits for its approval.
fn meddle(world: &World) {
    let id = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/dify-prod-rg");
    let body = json!({ "location": "japaneast", "tags": { "seen-by": "somebody" } });
    let request = Request::put(format!("{id}?api-version=2025-04-01"))
        .header("authorization", "Bearer any")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    world.azure.emulator().set_permissions(&[(&["*"], &[])]);
    let answer = world
        .azure
        .emulator()
        .handle(jiff::Timestamp::now(), request);
    assert!(answer.status().is_success(), "{:?}", answer.body());
}

/// Nobody has told a secret, and who planned could not write.
#[track_caller]
fn assert_quiet(world: &World, ran: &[Job]) {
    let heard = world.outside.heard();
    assert_eq!(heard.refused, Vec::<String>::new());
    assert!(heard.sign_ins.contains(&READER.to_owned()));
    let values = world
        .secrets
        .lines()
        .filter_map(|line| line.split_once('='));
    let values: Vec<&str> = values.map(|(_, value)| value).collect();
    assert!(values.len() >= 7, "{values:?}");
    for job in ran {
        let shown = format!(
            "{}{}{:?}{:?}",
            job.said, job.summary, heard.comments, heard.threads
        );
        assert!(!shown.contains("canary-of"), "{shown}");
        assert!(values.iter().all(|value| !shown.contains(value)), "{shown}");
    }
}

#[test]
fn the_github_workflow_plans_comments_applies_and_verifies() {
    let world = World::new();
    let nothing = || {};
    let apply = |rest: &[&str]| {
        let first = ["Fetch the plan", "Write the secrets file"];
        words(&[
            &["actions/checkout@v4"],
            &INSTALL,
            &first,
            rest,
            &["Forget the secrets"],
        ])
    };
    let marker = "<!-- dify-infra plan of dify.toml for dify-production -->\n";
    // A page of others, a person who quotes the marker, and another deployment.
    let others: Vec<Value> = (1..=101)
        .map(|id| json!({ "id": id, "user": { "type": "User" }, "body": format!("{marker}{id}") }))
        .chain([json!({ "id": 102, "user": { "type": "Bot" }, "body": marker.replace("production", "test") })])
        .collect();
    world.outside.heard().comments.clone_from(&others);

    // A pull request is planned, and told; again, and told at the same place.
    for _ in 0..2 {
        let ran = github::run(&world, &github::PULL_REQUEST, &nothing);
        assert_eq!(
            jobs(&ran),
            [github_plan(&[COMMENT, KEEP])],
            "{}",
            ran[0].said
        );
        let heard = world.outside.heard();
        assert_eq!(heard.comments[..102], others[..]);
        assert_eq!(heard.comments.len(), 103);
        let parts = ["changes\n", "+ create dify-prod-api (", "59 to create"];
        assert_comment(&heard.comments[102]["body"], marker, &parts);
        assert_eq!(
            ran[0].summary,
            heard.comments[102]["body"].as_str().unwrap()
        );
        drop(heard);
        assert_quiet(&world, &ran);
    }
    assert_eq!(
        world.builds(),
        1,
        "the second machine has the first one's programs"
    );
    assert_eq!(world.apps(), 0, "a plan writes nothing");

    // What is not as it was approved is not applied, and the secrets go all the same.
    let ran = github::run(&world, &github::PUSH, &|| meddle(&world));
    let refused = format!("{APPLY} !");
    assert_eq!(
        jobs(&ran),
        [github_plan(&[KEEP]), apply(&[&refused])],
        "{}",
        ran[1].said
    );
    assert!(
        ran[1].said.contains("the plan plan.json is stale"),
        "{}",
        ran[1].said
    );
    assert_eq!(world.apps(), 0);
    assert_eq!(
        world.outside.heard().comments.len(),
        103,
        "a push has no pull request"
    );

    let ran = github::run(&world, &github::PUSH_TO_PLAN, &nothing);
    assert_eq!(jobs(&ran), [github_plan(&[KEEP])]);

    let ran = github::run(&world, &github::PUSH, &nothing);
    assert_eq!(
        jobs(&ran),
        [github_plan(&[KEEP]), apply(&[APPLY, "Verify"])],
        "{}",
        ran[1].said
    );
    assert!(
        ran[1].said.contains("dify-prod is deployed"),
        "{}",
        ran[1].said
    );
    assert!(world.apps() > 8);
    assert_eq!(world.outside.heard().sign_ins.last().unwrap(), DEPLOYER);
    assert_quiet(&world, &ran);

    // Nothing is left to do; what can't be done is told before the job fails.
    let ran = github::run(&world, &github::PUSH, &nothing);
    assert_eq!(jobs(&ran), [github_plan(&[KEEP])]);
    assert_eq!(
        ran[0].outputs["plan.result"], "unchanged",
        "{}",
        ran[0].said
    );
    assert_github_tells_failures(&world, marker);
}

/// The reviewers of a change that can't be made see why.
fn assert_github_tells_failures(world: &World, marker: &str) {
    world.repository.edit(IMPOSSIBLE[0], IMPOSSIBLE[1]);
    for (event, steps) in [
        (github::PULL_REQUEST, github_plan(&[COMMENT, FAIL])),
        (github::PUSH, github_plan(&[FAIL])),
    ] {
        let ran = github::run(world, &event, &|| {});
        assert_eq!(jobs(&ran), [steps], "{}", ran[0].said);
    }
    let parts = ["failed\n", "this plan can't be applied"];
    assert_comment(&world.outside.heard().comments[102]["body"], marker, &parts);
    // A file that can't even be planned is told too.
    world
        .repository
        .write("dify.toml", "schema = 1\nnam = \"dify\"\n");
    let ran = github::run(world, &github::PULL_REQUEST, &|| {});
    assert_eq!(jobs(&ran), [github_plan(&[COMMENT, FAIL])]);
    let heard = world.outside.heard();
    assert_eq!(heard.comments.len(), 103);
    assert_comment(&heard.comments[102]["body"], marker, &["failed\n", "`nam`"]);
}

#[test]
fn the_azure_pipeline_plans_comments_applies_and_verifies() {
    let world = World::new();
    let nothing = || {};
    let plan = |rest: &[&str]| words(&[&INSTALL, &SHOW, rest]);
    let apply = |task: &str, rest: &[&str]| {
        words(&[
            &["self"],
            &INSTALL,
            &["current", "DownloadSecureFile@1", task],
            rest,
        ])
    };
    let marker = "<!-- dify-infra plan of dify.toml by 12 -->\n";
    let person = json!({ "id": 1, "comments": [{ "id": 1, "content": "what of the costs?" }] });
    world.outside.heard().threads = vec![person.clone()];

    for _ in 0..2 {
        let ran = devops::run(&world, &devops::PULL_REQUEST, &nothing);
        assert_eq!(jobs(&ran), [plan(&[COMMENT, KEEP])], "{}", ran[0].said);
        let heard = world.outside.heard();
        assert_eq!((heard.threads.len(), &heard.threads[0]), (2, &person));
        let thread = &heard.threads[1];
        assert_eq!(
            (&thread["status"], &thread["comments"][0]["commentType"]),
            (&json!(4), &json!(1))
        );
        let content = &thread["comments"][0]["content"];
        let parts = ["changes\n", "+ create dify-prod-api (", "59 to create"];
        assert_comment(content, marker, &parts);
        assert_eq!(ran[0].summary, content.as_str().unwrap());
        drop(heard);
        assert_quiet(&world, &ran);
    }
    assert_eq!(world.builds(), 1);
    let ran = devops::run(&world, &devops::PULL_REQUEST_ELSEWHERE, &nothing);
    assert_eq!(jobs(&ran), [plan(&[KEEP])], "{}", ran[0].said);
    assert_eq!(world.apps(), 0, "a plan writes nothing");

    let ran = devops::run(&world, &devops::PUSH, &|| meddle(&world));
    let refused = format!("{APPLY} !");
    assert_eq!(jobs(&ran)[0], plan(&[KEEP]));
    assert_eq!(
        jobs(&ran)[1],
        apply(&refused, &["Publish the checks"]),
        "{}",
        ran[1].said
    );
    assert!(ran[1].said.contains("is stale"), "{}", ran[1].said);
    assert_eq!(world.apps(), 0);

    let ran = devops::run(&world, &devops::PUSH, &nothing);
    let expected = [plan(&[KEEP]), apply(APPLY, &["Publish the checks"])];
    assert_eq!(jobs(&ran), expected, "{}", ran[1].said);
    assert!(
        ran[1].said.contains("dify-prod is deployed"),
        "{}",
        ran[1].said
    );
    assert!(ran[1].summary.contains("<testsuite"), "{}", ran[1].summary);
    assert_eq!(world.outside.heard().sign_ins.last().unwrap(), DEPLOYER);
    assert_quiet(&world, &ran);

    let ran = devops::run(&world, &devops::PUSH, &nothing);
    assert_eq!(jobs(&ran), [plan(&[KEEP])]);
    assert_eq!(
        ran[0].outputs["plan.result"], "unchanged",
        "{}",
        ran[0].said
    );
    world.repository.edit(IMPOSSIBLE[0], IMPOSSIBLE[1]);
    for (event, steps) in [
        (devops::PULL_REQUEST, plan(&[COMMENT, FAIL])),
        (devops::PUSH, plan(&[FAIL])),
    ] {
        let ran = devops::run(&world, &event, &nothing);
        assert_eq!(jobs(&ran), [steps], "{}", ran[0].said);
    }
    let heard = world.outside.heard();
    assert_eq!(heard.threads.len(), 2);
    let parts = ["failed\n", "this plan can't be applied"];
    assert_comment(&heard.threads[1]["comments"][0]["content"], marker, &parts);
}

#[test]
fn the_github_workflow_gives_each_job_no_more_than_it_needs() {
    let workflow = load(github::WORKFLOW);
    assert!(
        workflow["on"]["workflow_call"].as_hash().is_some(),
        "it can be reused"
    );
    assert_eq!(
        pairs(&workflow["permissions"]),
        BTreeMap::from([("contents".into(), "read".into())])
    );
    let jobs = ["plan", "apply"].map(|job| &workflow["jobs"][job]);
    for job in jobs {
        assert_eq!(job["permissions"]["id-token"].as_str(), Some("write"));
        for step in steps(&job["steps"]) {
            assert!(
                step["run"].is_badvalue() != step["uses"].is_badvalue(),
                "{step:?}"
            );
            // What comes from outside reaches a script as a variable, never as a part of its text.
            assert!(
                !step["run"].as_str().unwrap_or_default().contains("${{"),
                "{step:?}"
            );
        }
    }
    let [plan, apply] = jobs;
    assert_ne!(
        plan["env"]["AZURE_CLIENT_ID"], apply["env"]["AZURE_CLIENT_ID"],
        "who plans can't write"
    );
    assert!(
        !apply["environment"].is_badvalue(),
        "an approval comes before"
    );
    assert!(apply["permissions"]["pull-requests"].is_badvalue());
    // A run that waits for its approval holds what it excludes others from.
    assert!(!apply["concurrency"]["group"].is_badvalue());
    assert!(workflow["concurrency"].is_badvalue() && plan["concurrency"].is_badvalue());
    assert_eq!(
        steps(&plan["steps"])[..3],
        steps(&apply["steps"])[..3],
        "both install the same"
    );
}
