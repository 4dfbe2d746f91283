//! Microsoft's own command line against the emulator.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{Target, lower};
use dify_infra_core::render::arm_template;
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT};
use serde_json::{Value, json};

use super::answers::Answers;
use super::az_commands::{LANES, LOGIN, Step};
use super::tools::{Secure, find, quick};

/// How many lanes run beside each other: each keeps a core busy.
const BESIDE: usize = 2;

const REDIS: &str = r#"{"location":"japaneast","sku":{"name":"Balanced_B0"},"properties":{"publicNetworkAccess":"Enabled","minimumTlsVersion":"1.2"}}"#;
const DATABASE: &str = r#"{"location":"japaneast","properties":{"clusteringPolicy":"NoCluster","evictionPolicy":"NoEviction","accessKeysAuthentication":"Enabled"}}"#;

/// What a command came to.
struct Outcome {
    succeeded: bool,
    printed: String,
    said: String,
}

/// `az` with a profile of its own: as a program, and as a process that runs one command after another.
struct Az<'a> {
    program: PathBuf,
    azure: &'a Secure,
    profile: PathBuf,
    process: Option<Process>,
    variables: BTreeMap<&'static str, String>,
}

struct Process {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Az<'a> {
    fn new(program: &Path, azure: &'a Secure, profile: PathBuf) -> Self {
        let endpoint = azure.endpoint().to_owned();
        let file = |name: &str| azure.folder.path().join(name).display().to_string();
        Self {
            program: program.to_owned(),
            azure,
            profile,
            process: None,
            variables: BTreeMap::from([
                ("ENDPOINT", endpoint),
                ("TENANT", DEFAULT_TENANT.to_owned()),
                ("SUBSCRIPTION", DEFAULT_SUBSCRIPTION.to_owned()),
                ("REDIS", REDIS.to_owned()),
                ("DATABASE", DATABASE.to_owned()),
                ("BODY", r#"{"location":"japaneast"}"#.to_owned()),
                ("TEMPLATE", file("azuredeploy.json")),
                ("PARAMETERS", file("parameters.json")),
                ("WRONG", file("wrong.json")),
            ]),
        }
    }

    fn arguments(&self, command: &str) -> Vec<String> {
        let mut words = words(command);
        for word in &mut words {
            for (name, value) in &self.variables {
                *word = word.replace(&format!("${name}"), value);
            }
        }
        words.extend(["--output", "json", "--only-show-errors"].map(str::to_owned));
        words
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = self.azure.command(program);
        command
            .env("AZURE_CONFIG_DIR", &self.profile)
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_CHECK_VERSION", "false")
            .env("AZURE_CORE_SURVEY_MESSAGE", "no")
            .env("AZURE_CORE_LOGIN_EXPERIENCE_V2", "off")
            .env("AZURE_EXTENSION_USE_DYNAMIC_INSTALL", "no");
        command
    }

    fn by_program(&self, arguments: &[String]) -> Result<Outcome, String> {
        let output = self.command(&self.program).args(arguments).output();
        let output = output.map_err(|error| error.to_string())?;
        Ok(Outcome {
            succeeded: output.status.success(),
            printed: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn by_process(&mut self, arguments: &[String]) -> Result<Outcome, String> {
        if self.process.is_none() {
            let python = self.program.with_file_name("python");
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/clients/az.py");
            let mut command = self.command(&python);
            let command = command.arg(script).stdin(Stdio::piped());
            let mut child = command
                .stdout(Stdio::piped())
                .spawn()
                .map_err(|error| error.to_string())?;
            self.process = Some(Process {
                commands: child.stdin.take().unwrap(),
                answers: BufReader::new(child.stdout.take().unwrap()),
                child,
            });
        }
        let process = self.process.as_mut().unwrap();
        let mut line = String::new();
        writeln!(process.commands, "{}", json!(arguments))
            .and_then(|()| process.answers.read_line(&mut line))
            .map_err(|error| error.to_string())?;
        let outcome: Value = serde_json::from_str(&line)
            .map_err(|error| format!("the process ended: {error} in {line:?}"))?;
        let text = |name: &str| outcome[name].as_str().unwrap().to_owned();
        Ok(Outcome {
            succeeded: outcome["code"] == 0,
            printed: text("printed"),
            said: text("said"),
        })
    }

    /// Runs a step: what is wrong with it, if anything.
    fn run(&mut self, step: &Step) -> Result<(), String> {
        let arguments = self.arguments(step.command);
        let outcome = if step.by_program {
            self.by_program(&arguments)?
        } else {
            self.by_process(&arguments)?
        };
        let Outcome {
            succeeded,
            printed,
            said,
        } = outcome;
        match step.refused {
            Some(reason) if !succeeded && said.contains(reason) => return Ok(()),
            Some(reason) => {
                return Err(format!(
                    "az {}\nis not refused with {reason}: {printed}{said}",
                    step.command
                ));
            }
            None if !succeeded => return Err(format!("az {}\n{said}", step.command)),
            None => {}
        }
        let answer: Value = serde_json::from_str(&printed).unwrap_or(Value::Null);
        let found = |pointer: &str| {
            answer.pointer(pointer).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        for (pointer, wanted) in step.expect {
            if found(pointer).as_deref() != Some(wanted) {
                return Err(format!(
                    "az {}\n{pointer} is not {wanted} in {printed}",
                    step.command
                ));
            }
        }
        for (pointer, name) in step.keeps {
            let value = found(pointer).ok_or_else(|| format!("no {pointer} in {printed}"))?;
            self.variables.insert(name, value);
        }
        Ok(())
    }
}

/// The words of a command, as a shell takes it apart; quoted ones may have spaces.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (place, part) in command.split('"').enumerate() {
        if place % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn copy_profile(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_profile(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Writes what `dify-infra render --to arm` writes, with a comment, the values that it asks for, and a
/// template that is wrong.
fn write_templates(folder: &Path) {
    let deployment = Deployment::parse(dify_infra_examples::MINIMAL)
        .unwrap()
        .deployment;
    let target = Target::new(&deployment, None);
    let template = arm_template(&lower(&deployment, &target).unwrap());
    let parameters: serde_json::Map<String, Value> = template["parameters"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| {
            let value = if name == "suffix" {
                "abc234".to_owned()
            } else {
                format!("Az-Secret-1234-{name}-abcdefghijklmnopqrstuvwxyz")
            };
            (name.clone(), json!({ "value": value }))
        })
        .collect();
    let text = format!("// reviewed\n{template:#}\n");
    fs::write(folder.join("azuredeploy.json"), text).unwrap();
    let parameters = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
    });
    fs::write(folder.join("parameters.json"), parameters.to_string()).unwrap();
    let wrong = json!({
        "$schema": template["$schema"],
        "contentVersion": "1.0.0.0",
        "resources": [{
            "type": "Microsoft.App/containerApps",
            "apiVersion": "2026-01-01",
            "name": "app",
            "location": "japaneast",
            "dependsOn": ["nothing-that-is-there"],
            "properties": {},
        }],
    });
    fs::write(folder.join("wrong.json"), wrong.to_string()).unwrap();
}

#[test]
fn az_accepts_the_emulator() {
    let Some(program) = find("az/bin/az") else {
        return;
    };
    let started = Instant::now();
    let answers = Arc::new(Answers::default());
    let azure = Secure::start(answers.listen(quick().throttling(true)));
    write_templates(azure.folder.path());
    let login = azure.folder.path().join("login");
    let first = Az::new(&program, &azure, login.clone());
    for step in LOGIN {
        let outcome = first.by_program(&first.arguments(step.command)).unwrap();
        assert!(outcome.succeeded, "az {}\n{}", step.command, outcome.said);
    }
    let waiting = Mutex::new(LANES.to_vec());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in 0..BESIDE {
            let profile = azure.folder.path().join(format!("worker-{worker}"));
            copy_profile(&login, &profile);
            let mut az = Az::new(&program, &azure, profile);
            let (waiting, failed) = (&waiting, &failed);
            scope.spawn(move || {
                loop {
                    let Some((name, steps)) = waiting.lock().unwrap().pop() else {
                        return;
                    };
                    let problem = steps.iter().find_map(|step| az.run(step).err());
                    let problem = problem.map(|problem| format!("{name}: {problem}"));
                    failed.lock().unwrap().extend(problem);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    println!(
        "az: {} commands in {} s",
        steps().count(),
        started.elapsed().as_secs()
    );
    azure.stop();
    answers.assert_valid(60);
}

fn steps() -> impl Iterator<Item = (&'static str, &'static Step)> {
    let login = LOGIN.iter().map(|step| ("login", step));
    let lanes = LANES
        .iter()
        .flat_map(|(name, steps)| steps.iter().map(move |step| (*name, step)));
    login.chain(lanes)
}

/// The table of `docs/emulator.md` says what is proven above, and nothing else.
#[test]
fn the_table_of_commands_is_fresh() {
    const BEGIN: &str = "<!-- az: begin, generated -->\n";
    const END: &str = "<!-- az: end -->";
    let mut table = "| | `az …` | what it proves |\n|---|---|---|\n".to_owned();
    let mut last = "";
    for (lane, step) in steps() {
        let shown = if lane == last { "" } else { lane };
        last = lane;
        let refused = if step.refused.is_some() {
            "refused: "
        } else {
            ""
        };
        writeln!(
            table,
            "| {shown} | `{}` | {refused}{} |",
            step.command, step.proves
        )
        .unwrap();
    }
    assert!(steps().count() >= 30, "only {} commands", steps().count());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/emulator.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (found, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("DIFY_INFRA_BLESS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(found, table, "run with DIFY_INFRA_BLESS=1");
}
