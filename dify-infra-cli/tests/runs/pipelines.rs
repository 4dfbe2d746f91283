//! The pipelines of `examples/pipelines`, run: the scripts of their steps, in order, as the CI systems
//! run them, with the embedded Azure as the cloud and stand-ins for what the CI system gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

use yaml_rust2::{Yaml, YamlLoader};

use crate::azure::Azure;
use crate::place::{DIFY_DEV, INFRA, Place};

const GITHUB: &str = include_str!("../../../examples/pipelines/dify.yml");
const AZURE: &str = include_str!("../../../examples/pipelines/azure-pipelines.yml");

/// One step that runs a script.
#[derive(Debug)]
struct Step {
    name: String,
    script: String,
    env: BTreeMap<String, String>,
}

fn load(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap().remove(0)
}

fn text(yaml: &Yaml) -> String {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(is_true) => is_true.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

fn pairs(yaml: &Yaml) -> BTreeMap<String, String> {
    let pairs = yaml.as_hash().into_iter().flatten();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Replaces every `${{ … }}`, or `$(…)`, by what the CI system would put there.
fn filled(text: &str, open: &str, close: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (inside, after) = after.split_once(close).unwrap();
        let value = known(inside.trim());
        filled += before;
        filled += &value.unwrap_or_else(|| format!("{open}{inside}{close}"));
        rest = after;
    }
    filled + rest
}

/// A place with what a runner has: the programs on the PATH, the secrets, files for answers.
fn runner() -> Place {
    let place = Place::new(DIFY_DEV);
    fs::create_dir(place.path().join("bin")).unwrap();
    place.write("bin/gh", "#!/bin/sh\necho \"$@\" >> gh.log\n");
    make_executable(&place.path().join("bin/gh"));
    let secrets = place.secrets(&["gen"]).exits(0).stdout;
    place.write("vault.env", &secrets);
    place
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) {}

/// Runs a script as both systems do: bash, ending at the first failure.
fn bash(place: &Place, step: &Step) -> Output {
    let programs = Path::new(INFRA).parent().unwrap().display().to_string();
    let own = place.path().join("bin").display().to_string();
    let path = std::env::var("PATH").unwrap();
    place
        .command("bash")
        .args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            &step.script,
        ])
        .envs(&step.env)
        .env("PATH", format!("{own}:{programs}:{path}"))
        .env("GITHUB_OUTPUT", place.path().join("output"))
        .env("GITHUB_STEP_SUMMARY", place.path().join("summary.md"))
        .output()
        .unwrap()
}

#[track_caller]
fn run(place: &Place, steps: &[Step]) -> String {
    let mut said = String::new();
    for step in steps {
        let output = bash(place, step);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "{}: {stderr}\n{}",
            step.name,
            step.script
        );
        said += &String::from_utf8(output.stdout).unwrap();
        said += &stderr;
    }
    said
}

// ---- GitHub Actions ----

fn github_value(place: &Place, expression: &str) -> Option<String> {
    Some(match expression {
        "inputs.file" => "dify.toml".to_owned(),
        "inputs.environment" => "dify-production".to_owned(),
        "github.workspace" => place.path().display().to_string(),
        "github.token" => "made-up".to_owned(),
        "github.event.pull_request.number" => "7".to_owned(),
        "secrets.DIFY_SECRETS_FILE" => place.read("vault.env"),
        secret if secret.starts_with("secrets.") => {
            "00000000-0000-4000-8000-000000000001".to_owned()
        }
        _ => return None,
    })
}

/// The scripts of a job, with the variables of workflow, job and step.
fn github_steps(place: &Place, job: &str) -> Vec<Step> {
    let workflow = load(GITHUB);
    let job = &workflow["jobs"][job];
    let value = |text: &str| {
        let filled = filled(text, "${{", "}}", &|one| github_value(place, one));
        assert!(
            !filled.contains("${{"),
            "an expression without a stand-in: {filled}"
        );
        filled
    };
    let env = |yaml: &Yaml| -> BTreeMap<String, String> {
        pairs(yaml)
            .into_iter()
            .map(|(name, text)| (name, value(&text)))
            .collect()
    };
    let with_script = job["steps"]
        .as_vec()
        .unwrap()
        .iter()
        .filter(|step| !step["run"].is_badvalue());
    with_script
        .map(|step| Step {
            name: step["name"].as_str().unwrap().to_owned(),
            script: value(step["run"].as_str().unwrap()),
            env: [env(&workflow["env"]), env(&job["env"]), env(&step["env"])]
                .into_iter()
                .flatten()
                .collect(),
        })
        .collect()
}

/// Plans as the first job does; whether there are changes, as the second job is told.
fn github_plan(place: &Place) -> bool {
    place.write("output", "");
    run(place, &github_steps(place, "plan"));
    place.read("output").contains("changes=true")
}

#[test]
fn the_github_workflow_plans_comments_applies_and_verifies() {
    let place = runner();
    assert!(github_plan(&place));
    let comment = place.read("comment.md");
    assert!(
        comment.contains("+ create dify-dev-api") && comment.contains("plan: 25 to create"),
        "{comment}"
    );
    assert!(place.read("summary.md").contains(&comment));
    assert!(
        place
            .read("gh.log")
            .contains("pr comment 7 --body-file comment.md")
    );
    assert!(
        Azure::of(&place)
            .ids("Microsoft.App/containerApps")
            .is_empty(),
        "a plan writes nothing"
    );

    let said = run(&place, &github_steps(&place, "apply"));
    assert!(said.contains("dify-dev is deployed"), "{said}");
    assert!(place.path().join("verify.xml").is_file());
    assert!(
        !place.path().join("dify.secrets.env").exists(),
        "the secrets stay on the runner"
    );
    assert!(
        !github_plan(&place),
        "the plan after an apply is empty, and the job is skipped"
    );
    let condition = text(&load(GITHUB)["jobs"]["apply"]["if"]);
    assert!(
        condition.contains("needs.plan.outputs.changes == 'true'"),
        "{condition}"
    );
}

#[test]
fn the_github_workflow_applies_nothing_but_what_was_approved() {
    let place = runner();
    assert!(github_plan(&place));
    // Somebody merges another change between the approval and the apply.
    place.edit("retention_days = 30", "retention_days = 31");
    let steps = github_steps(&place, "apply");
    let apply = steps
        .iter()
        .find(|step| step.script.contains("apply"))
        .unwrap();
    run(&place, &steps[..1]);
    let output = bash(&place, apply);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("the deployment file dify.toml has changed"),
        "{stderr}"
    );
    assert!(
        Azure::of(&place)
            .ids("Microsoft.App/containerApps")
            .is_empty()
    );
}

#[test]
fn the_github_workflow_gives_each_job_no_more_than_it_needs() {
    let workflow = load(GITHUB);
    assert!(
        workflow["on"]["workflow_call"].as_hash().is_some(),
        "it can be reused"
    );
    assert_eq!(
        pairs(&workflow["permissions"]),
        BTreeMap::from([("contents".into(), "read".into())])
    );
    for job in ["plan", "apply"] {
        let job = &workflow["jobs"][job];
        assert_eq!(job["permissions"]["id-token"].as_str(), Some("write"));
        for step in job["steps"].as_vec().unwrap() {
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
    let clients =
        ["plan", "apply"].map(|job| text(&workflow["jobs"][job]["env"]["AZURE_CLIENT_ID"]));
    assert_ne!(clients[0], clients[1], "who plans can't write");
    assert!(
        !workflow["jobs"]["apply"]["environment"].is_badvalue(),
        "an approval comes before"
    );
}

// ---- Azure Pipelines ----

fn azure_steps(place: &Place, steps: &Yaml) -> Vec<Step> {
    let macros = |name: &str| {
        Some(match name {
            "System.AccessToken" => "made-up".to_owned(),
            "Pipeline.Workspace" => place.path().join("workspace").display().to_string(),
            "secrets.secureFilePath" => place.path().join("vault.env").display().to_string(),
            _ => return None,
        })
    };
    let scripts = steps.as_vec().unwrap().iter().filter_map(|step| {
        let script = step["script"]
            .as_str()
            .or_else(|| step["inputs"]["inlineScript"].as_str())?;
        let mut env = pairs(&step["env"]);
        for value in env.values_mut() {
            *value = filled(value, "$(", ")", &macros);
            assert!(
                !value.contains("$("),
                "a variable without a stand-in: {value}"
            );
        }
        let given = [
            ("DIFY_FILE", "dify.toml"),
            ("DIFY_INFRA_AUTH", "workload-identity"),
            ("tenantId", "00000000-0000-4000-8000-000000000001"),
            ("servicePrincipalId", "00000000-0000-4000-8000-000000000002"),
        ];
        env.extend(given.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Some(Step {
            name: step["displayName"].as_str().unwrap_or_default().to_owned(),
            script: script.to_owned(),
            env,
        })
    });
    scripts.collect()
}

#[test]
fn the_azure_pipeline_plans_applies_and_verifies() {
    let place = runner();
    let pipeline = load(AZURE);
    let declared = pairs(&pipeline["variables"]);
    assert_eq!(declared["DIFY_INFRA_AUTH"], "workload-identity");
    let [plan, apply] = pipeline["stages"].as_vec().unwrap().as_slice() else {
        panic!("two stages");
    };
    let plan = azure_steps(&place, &plan["jobs"][0]["steps"]);
    let said = run(&place, &plan);
    assert!(
        said.contains("##vso[task.setvariable variable=changes;isOutput=true]true"),
        "{said}"
    );
    assert!(said.contains("##vso[task.uploadsummary]"), "{said}");
    // The artifact travels to the other stage.
    fs::create_dir_all(place.path().join("workspace/plan")).unwrap();
    fs::rename(
        place.path().join("plan.json"),
        place.path().join("workspace/plan/plan.json"),
    )
    .unwrap();

    let deploy = &apply["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"];
    assert_eq!(
        apply["jobs"][0]["environment"].as_str(),
        Some("dify-production")
    );
    let said = run(&place, &azure_steps(&place, deploy));
    assert!(said.contains("dify-dev is deployed"), "{said}");
    assert!(place.path().join("verify.xml").is_file());
    let said = run(&place, &plan);
    assert!(
        said.contains("variable=changes;isOutput=true]false"),
        "{said}"
    );
    assert!(text(&apply["condition"]).contains("outputs['plan.plan.changes']"));
}
