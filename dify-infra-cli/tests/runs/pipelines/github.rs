//! GitHub Actions, as far as the workflow needs it.

use std::collections::BTreeMap;
use std::fs;

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT};
use yaml_rust2::Yaml;

use super::document::{filled, load, pairs, steps, text};
use super::expression::holds;
use super::machine::{Ended, Job, Machine, World};
use super::stand_in::{DEPLOYER, READER, READER_TOKEN, REQUEST_TOKEN, WRITER_TOKEN};

pub(super) const WORKFLOW: &str = include_str!("../../../../examples/pipelines/dify.yml");

/// What a run is about.
pub(super) struct Event {
    name: &'static str,
    /// What the caller gives besides the file and the environment.
    inputs: &'static [(&'static str, &'static str)],
}

pub(super) const PULL_REQUEST: Event = Event {
    name: "pull_request",
    inputs: &[],
};
pub(super) const PUSH: Event = Event {
    name: "push",
    inputs: &[],
};
pub(super) const PUSH_TO_PLAN: Event = Event {
    name: "push",
    inputs: &[("apply", "false")],
};

/// Runs the workflow: the jobs that ran. Between them is the approval, when somebody else may do something.
pub(super) fn run(world: &World, event: &Event, meanwhile: &dyn Fn()) -> Vec<Job> {
    let workflow = load(WORKFLOW);
    let plan = Run {
        world,
        event,
        workflow: &workflow,
        needs: None,
    }
    .job("plan");
    let next = Run {
        needs: Some(&plan),
        ..Run {
            world,
            event,
            workflow: &workflow,
            needs: None,
        }
    };
    let job = &workflow["jobs"]["apply"];
    assert_eq!(text(&job["needs"]), "plan");
    // A condition without a function about the jobs before asks for their success too.
    let goes_on = !plan.has_failed()
        && holds(&text(&job["if"]), false, &|name| {
            next.value(name, &Machine::new(world), &Job::default(), "apply")
        });
    if !goes_on {
        return vec![plan];
    }
    meanwhile();
    let apply = next.job("apply");
    vec![plan, apply]
}

#[derive(Clone, Copy)]
struct Run<'a> {
    world: &'a World,
    event: &'a Event,
    workflow: &'a Yaml,
    needs: Option<&'a Job>,
}

impl Run<'_> {
    fn permits(&self, job: &str, what: &str) -> bool {
        self.workflow["jobs"][job]["permissions"][what].as_str() == Some("write")
    }

    /// What a name in an expression stands for.
    fn value(&self, name: &str, machine: &Machine<'_>, so_far: &Job, job: &str) -> Option<String> {
        let (context, rest) = name.split_once('.')?;
        let value = match (context, rest) {
            ("inputs", input) => return self.input(input),
            ("github", "event_name") => self.event.name,
            ("github", "event.pull_request.number") => "7",
            ("github", "workspace") => machine.workspace.path().to_str()?,
            ("github", "token") if self.permits(job, "pull-requests") => WRITER_TOKEN,
            ("github", "token") => READER_TOKEN,
            ("runner", "os") => "Linux",
            ("runner", "arch") => "X64",
            ("secrets", "AZURE_TENANT_ID") => DEFAULT_TENANT,
            ("secrets", "AZURE_SUBSCRIPTION_ID") => DEFAULT_SUBSCRIPTION,
            ("secrets", "AZURE_PLAN_CLIENT_ID") => READER,
            ("secrets", "AZURE_APPLY_CLIENT_ID") => DEPLOYER,
            ("secrets", "DIFY_SECRETS_FILE") => &self.world.secrets,
            ("steps", output) => so_far.outputs.get(&output.replace(".outputs.", "."))?,
            ("needs", "plan.outputs.result") => {
                let outputs = &self.workflow["jobs"]["plan"]["outputs"];
                let expression = text(&outputs["result"]);
                assert_eq!(expression, "${{ steps.plan.outputs.result }}");
                self.needs?.outputs.get("plan.result")?
            }
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn input(&self, name: &str) -> Option<String> {
        let declared = &self.workflow["on"]["workflow_call"]["inputs"][name];
        let usual = [("environment", "dify-production")];
        let mut given = usual.iter().chain(self.event.inputs);
        let given = given.find(|(input, _)| *input == name);
        match given {
            Some((_, value)) => Some((*value).to_owned()),
            None if declared["default"].is_badvalue() => None,
            None => Some(text(&declared["default"])),
        }
    }

    fn job(&self, name: &str) -> Job {
        let job = &self.workflow["jobs"][name];
        let mut machine = Machine::new(self.world);
        let mut done = Job::default();
        for step in steps(&job["steps"]) {
            let title = text(if step["name"].is_badvalue() {
                &step["uses"]
            } else {
                &step["name"]
            });
            let names = |one: &str| self.value(one, &machine, &done, name);
            let condition = match step["if"].as_str() {
                Some(own) if own.contains("always()") => own.to_owned(),
                Some(own) => format!("success() && ({own})"),
                None => "success()".to_owned(),
            };
            if !holds(&condition, done.has_failed(), &names) {
                done.steps.push((title, Ended::Skipped));
                continue;
            }
            let fill = |all: BTreeMap<String, String>| -> BTreeMap<String, String> {
                let pairs = all.into_iter();
                pairs
                    .map(|(key, value)| (key, filled(&value, ("${{", "}}"), &names)))
                    .collect()
            };
            if let Some(action) = step["uses"].as_str() {
                carry_out(action, &fill(pairs(&step["with"])), &machine);
                done.steps.push((title, Ended::Well));
                continue;
            }
            let mut variables = BTreeMap::new();
            for env in [&self.workflow["env"], &job["env"], &step["env"]] {
                variables.extend(fill(pairs(env)));
            }
            let id = step["id"].as_str().unwrap_or_default();
            self.script(step, &title, id, variables, (&mut machine, &mut done), name);
        }
        done
    }

    fn script(
        &self,
        step: &Yaml,
        title: &str,
        id: &str,
        mut variables: BTreeMap<String, String>,
        (machine, done): (&mut Machine<'_>, &mut Job),
        job: &str,
    ) {
        // Without the word, bash would not care about what fails in a pipe.
        assert_eq!(
            self.workflow["defaults"]["run"]["shell"].as_str(),
            Some("bash")
        );
        let files = ["GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
        let file = |name: &str| machine.home.path().join(name);
        for name in files {
            fs::write(file(name), "").unwrap();
            variables.insert(name.to_owned(), file(name).display().to_string());
        }
        let outside = &self.world.outside.address;
        let mut given = vec![
            ("GITHUB_API_URL", format!("{outside}/api")),
            ("GITHUB_REPOSITORY", "contoso/platform".to_owned()),
        ];
        if self.permits(job, "id-token") {
            given.push((
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("{outside}/github/token?api-version=2.0"),
            ));
            given.push(("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()));
        }
        variables.extend(
            given
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let script = step["run"].as_str().unwrap();
        let output = machine.bash(&["-e", "-o", "pipefail"], script, &variables);
        done.hear(title, &output);
        let [outputs, path, summary] = files.map(|name| fs::read_to_string(file(name)).unwrap());
        for (key, value) in outputs.lines().filter_map(|line| line.split_once('=')) {
            done.outputs.insert(format!("{id}.{key}"), value.to_owned());
        }
        done.summary += &summary;
        for folder in path.lines() {
            machine.path.insert(0, folder.to_owned());
        }
    }
}

/// Does what one of GitHub's own actions does.
fn carry_out(action: &str, with: &BTreeMap<String, String>, machine: &Machine<'_>) {
    let home = machine.home.path().display().to_string();
    match action {
        "actions/checkout@v4" => machine.check_out(),
        "actions/cache@v4" => {
            machine.cache(&with["key"], with["path"].replace('~', &home).as_ref());
        }
        "actions/upload-artifact@v4" => machine.publish(&with["name"], &with["path"]),
        "actions/download-artifact@v4" => {
            machine.download(&with["name"], machine.workspace.path());
        }
        _ => panic!("{action} is not known here"),
    }
}
