//! Microsoft's own command line against the emulator.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT};
use serde_json::Value;

use super::az_commands::{LANES, LOGIN, Step};
use super::tools::{Secure, find, quick};

/// How many programs run beside each other: each keeps a core busy.
const BESIDE: usize = 2;

const REDIS: &str = r#"{"location":"japaneast","sku":{"name":"Balanced_B0"},"properties":{"publicNetworkAccess":"Enabled","minimumTlsVersion":"1.2"}}"#;
const DATABASE: &str = r#"{"location":"japaneast","properties":{"clusteringPolicy":"NoCluster","evictionPolicy":"NoEviction","accessKeysAuthentication":"Enabled"}}"#;

struct Az<'a> {
    program: PathBuf,
    azure: &'a Secure,
    /// The profile: one for each lane, since `az` locks and rewrites its files.
    profile: PathBuf,
    key: String,
}

impl Az<'_> {
    fn arguments(&self, command: &str) -> Vec<String> {
        let words = command.split_whitespace();
        words
            .map(|word| match word {
                "REDIS" => REDIS.to_owned(),
                "DATABASE" => DATABASE.to_owned(),
                word => word
                    .replace("ENDPOINT", self.azure.endpoint())
                    .replace("TENANT", DEFAULT_TENANT)
                    .replace("SUBSCRIPTION", DEFAULT_SUBSCRIPTION)
                    .replace("KEY=secretref", "\u{1}")
                    .replace("KEY", &self.key)
                    .replace('\u{1}', "KEY=secretref"),
            })
            .collect()
    }

    fn command(&self) -> Command {
        let mut command = self.azure.command(&self.program);
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

    /// Runs a step: what is wrong with it, or its answer.
    fn run(&self, step: &Step) -> Result<Value, String> {
        let output = self
            .command()
            .args(self.arguments(step.command))
            .args(["--output", "json", "--only-show-errors"])
            .output()
            .map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(format!("az {}\n{error}", step.command));
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let wrong = step.expect.iter().find(|(pointer, wanted)| {
            let found = answer.pointer(pointer).map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            found.as_deref() != Some(wanted)
        });
        match wrong {
            Some((pointer, wanted)) => Err(format!(
                "az {}\n{pointer} is not {wanted} in {text}",
                step.command
            )),
            None => Ok(answer),
        }
    }
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

/// Runs the steps of a lane until one fails.
fn run_lane(az: &mut Az<'_>, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        let answer = az.run(step)?;
        if step.command.starts_with("storage account keys list") {
            answer[0]["value"].as_str().unwrap().clone_into(&mut az.key);
        }
    }
    Ok(())
}

#[test]
fn az_accepts_the_emulator() {
    let Some(program) = find("az/bin/az") else {
        return;
    };
    let started = Instant::now();
    let azure = Secure::start(quick().throttling(true));
    let login = azure.folder.path().join("login");
    let mut first = Az {
        program: program.clone(),
        azure: &azure,
        profile: login.clone(),
        key: String::new(),
    };
    run_lane(&mut first, LOGIN).unwrap();
    let waiting = Mutex::new(LANES.iter().enumerate().collect::<Vec<_>>());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..BESIDE {
            scope.spawn(|| {
                loop {
                    let lane = waiting.lock().unwrap().pop();
                    let Some((number, (name, steps))) = lane else {
                        return;
                    };
                    let profile = azure.folder.path().join(format!("lane-{number}"));
                    copy_profile(&login, &profile);
                    let mut az = Az {
                        program: program.clone(),
                        azure: &azure,
                        profile,
                        key: String::new(),
                    };
                    if let Err(problem) = run_lane(&mut az, steps) {
                        failed.lock().unwrap().push(format!("{name}: {problem}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let commands = steps().count();
    println!(
        "az: {commands} commands in {} s",
        started.elapsed().as_secs()
    );
    azure.stop();
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
        writeln!(table, "| {shown} | `{}` | {} |", step.command, step.proves).unwrap();
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
