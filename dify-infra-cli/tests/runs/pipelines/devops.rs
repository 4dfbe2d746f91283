//! Azure Pipelines, as far as the file needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dify_infra_emulator::DEFAULT_TENANT;
use yaml_rust2::Yaml;

use super::document::{filled, load, pairs, steps, text};
use super::expression::holds;
use super::machine::{Ended, Job, Machine, World};
use super::stand_in::{DEPLOYER, READER, WRITER_TOKEN};

pub(super) const PIPELINE: &str =
    include_str!("../../../../examples/pipelines/azure-pipelines.yml");

/// What a run is about.
pub(super) struct Event {
    reason: &'static str,
    /// `TfsGit` is Azure Repos.
    provider: &'static str,
}

pub(super) const PULL_REQUEST: Event = Event {
    reason: "PullRequest",
    provider: "TfsGit",
};
pub(super) const PULL_REQUEST_ELSEWHERE: Event = Event {
    reason: "PullRequest",
    provider: "GitHub",
};
pub(super) const PUSH: Event = Event {
    reason: "IndividualCI",
    provider: "TfsGit",
};

/// Runs both stages: the jobs that ran. Between them is the approval, when somebody else may do something.
pub(super) fn run(world: &World, event: &Event, meanwhile: &dyn Fn()) -> Vec<Job> {
    let pipeline = load(PIPELINE);
    let run = Run {
        world,
        event,
        pipeline: &pipeline,
    };
    let [plan, apply] = steps(&pipeline["stages"]) else {
        panic!("two stages");
    };
    let planned = run.job(&plan["jobs"][0]["steps"], true);
    let names = |name: &str| match name.strip_prefix("dependencies.plan.outputs.plan.") {
        Some(output) => Some(planned.outputs.get(output).cloned().unwrap_or_default()),
        None => run.variable(name.strip_prefix("variables.")?),
    };
    if !holds(&text(&apply["condition"]), planned.has_failed(), &names) {
        return vec![planned];
    }
    meanwhile();
    let deployment = &apply["jobs"][0];
    assert_eq!(deployment["environment"].as_str(), Some("dify-production"));
    // Only the jobs that are no deployments begin with the repository.
    let applied = run.job(&deployment["strategy"]["runOnce"]["deploy"]["steps"], false);
    vec![planned, applied]
}

struct Run<'a> {
    world: &'a World,
    event: &'a Event,
    pipeline: &'a Yaml,
}

fn workspace(machine: &Machine<'_>) -> PathBuf {
    machine.home.path().join("1")
}

impl Run<'_> {
    /// A variable of the system, or of the file.
    fn variable(&self, name: &str) -> Option<String> {
        let outside = &self.world.outside.address;
        let value = match name {
            "Build.Reason" => self.event.reason,
            "Build.Repository.Provider" => self.event.provider,
            "Build.Repository.ID" => "a-repository",
            "Agent.OS" => "Linux",
            "Agent.OSArchitecture" => "X64",
            "System.DefinitionId" => "12",
            "System.TeamProjectId" => "a-project",
            "System.CollectionUri" => return Some(format!("{outside}/contoso/")),
            "System.OidcRequestUri" => return Some(format!("{outside}/devops/token")),
            // There is none when nothing is to be merged.
            "System.PullRequest.PullRequestId" if self.event.reason == "PullRequest" => "7",
            _ => return self.declared(name),
        };
        Some(value.to_owned())
    }

    fn declared(&self, name: &str) -> Option<String> {
        let written = self.pipeline["variables"][name].as_str()?;
        Some(filled(written, ("${{", "}}"), &|one| {
            let parameter = one.strip_prefix("parameters.")?;
            let mut declared = steps(&self.pipeline["parameters"]).iter();
            let declared = declared.find(|all| all["name"].as_str() == Some(parameter))?;
            Some(text(&declared["default"]))
        }))
    }

    /// The variables that every script has: none of them is a secret.
    fn environment(&self, machine: &Machine<'_>) -> BTreeMap<String, String> {
        let own = pairs(&self.pipeline["variables"]).into_keys();
        let system = [
            "Build.Reason",
            "Build.Repository.ID",
            "System.DefinitionId",
            "System.TeamProjectId",
            "System.CollectionUri",
            "System.OidcRequestUri",
            "System.PullRequest.PullRequestId",
        ];
        let names = own.chain(system.map(str::to_owned));
        let mut all: BTreeMap<String, String> = names
            .filter_map(|name| {
                let value = self.variable(&name)?;
                Some((name.replace('.', "_").to_uppercase(), value))
            })
            .collect();
        let folder = workspace(machine).display().to_string();
        all.insert("PIPELINE_WORKSPACE".to_owned(), folder);
        all
    }

    fn job(&self, all: &Yaml, begins_with_files: bool) -> Job {
        let mut machine = Machine::new(self.world);
        std::fs::create_dir(workspace(&machine)).unwrap();
        if begins_with_files {
            machine.check_out();
        }
        let mut done = Job::default();
        for step in steps(all) {
            let names = |name: &str| -> Option<String> {
                let name = name.strip_prefix("variables.").unwrap_or(name);
                match name {
                    "System.AccessToken" => Some(WRITER_TOKEN.to_owned()),
                    "Pipeline.Workspace" => Some(workspace(&machine).display().to_string()),
                    _ => self
                        .variable(name)
                        .or_else(|| done.outputs.get(name).cloned()),
                }
            };
            let title = text(if step["displayName"].is_badvalue() {
                step.as_hash().unwrap().front().unwrap().1
            } else {
                &step["displayName"]
            });
            // A condition of a step's own stands instead of the usual one.
            let condition = step["condition"].as_str().unwrap_or("succeeded()");
            if !holds(condition, done.has_failed(), &names) {
                done.steps.push((title, Ended::Skipped));
                continue;
            }
            let fill = |all: BTreeMap<String, String>| -> BTreeMap<String, String> {
                let pairs = all.into_iter();
                pairs
                    .map(|(key, value)| (key, filled(&value, ("$(", ")"), &names)))
                    .collect()
            };
            let inputs = &step["inputs"];
            let script = step["bash"]
                .as_str()
                .or_else(|| inputs["inlineScript"].as_str());
            let Some(script) = script else {
                let inputs = fill(pairs(inputs));
                self.task(step, &inputs, &machine, &mut done);
                done.steps.push((title, Ended::Well));
                continue;
            };
            let mut variables = self.environment(&machine);
            variables.extend(fill(pairs(&step["env"])));
            if step["task"].as_str() == Some("AzureCLI@2") {
                variables.extend(connection(inputs));
            }
            // Nothing but a script's own words makes bash end at the first failure.
            let output = machine.bash(&[], script, &variables);
            let said = done.hear(&title, &output);
            let name = step["name"].as_str().unwrap_or_default();
            commands(&said, name, &mut machine, &mut done);
        }
        done
    }

    fn task(
        &self,
        step: &Yaml,
        inputs: &BTreeMap<String, String>,
        machine: &Machine<'_>,
        done: &mut Job,
    ) {
        let artifact = step["artifact"].as_str();
        if let (Some(file), Some(name)) = (step["publish"].as_str(), artifact) {
            return machine.publish(name, file);
        }
        if let (Some("current"), Some(name)) = (step["download"].as_str(), artifact) {
            return machine.download(name, &workspace(machine).join(name));
        }
        if step["checkout"].as_str() == Some("self") {
            return machine.check_out();
        }
        match step["task"].as_str().unwrap() {
            "Cache@2" => machine.cache(&inputs["key"], Path::new(&inputs["path"])),
            "DownloadSecureFile@1" => {
                let file = machine.home.path().join(&inputs["secureFile"]);
                std::fs::write(&file, &self.world.secrets).unwrap();
                let name = text(&step["name"]);
                let place = file.display().to_string();
                done.outputs.insert(format!("{name}.secureFilePath"), place);
            }
            "PublishTestResults@2" => {
                // Without a file it warns, and goes on.
                let file = machine.workspace.path().join(&inputs["testResultsFiles"]);
                done.summary += &std::fs::read_to_string(file).unwrap_or_default();
            }
            other => panic!("{other} is not known here"),
        }
    }
}

/// What the task gives to its script about its service connection.
fn connection(inputs: &Yaml) -> [(String, String); 3] {
    assert_eq!(inputs["addSpnToEnvironment"].as_bool(), Some(true));
    let name = inputs["azureSubscription"].as_str().unwrap();
    let client = match name {
        "dify-plan" => READER,
        "dify-apply" => DEPLOYER,
        _ => panic!("{name} is no service connection"),
    };
    [
        ("tenantId", DEFAULT_TENANT.to_owned()),
        ("servicePrincipalId", client.to_owned()),
        (
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
            format!("{name}-id"),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// Carries out what a script has asked the agent for
/// (<https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands>).
fn commands(said: &str, step: &str, machine: &mut Machine<'_>, done: &mut Job) {
    for line in said.lines().filter_map(|line| line.strip_prefix("##vso[")) {
        let (command, value) = line.split_once(']').unwrap();
        let (command, how) = command.split_once(' ').unwrap_or((command, ""));
        match command {
            "task.prependpath" => machine.path.insert(0, value.to_owned()),
            "task.uploadsummary" => {
                done.summary += &std::fs::read_to_string(value).unwrap();
            }
            "task.setvariable" => {
                let name = how.strip_prefix("variable=").unwrap();
                let name = name.strip_suffix(";isOutput=true").unwrap();
                done.outputs
                    .insert(format!("{step}.{name}"), value.to_owned());
            }
            _ => panic!("{command} is not known here"),
        }
    }
}
