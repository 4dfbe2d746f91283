//! The machines that jobs run on, new for every job, and what is between them: the repository, artifacts,
//! caches, the Azure.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use tempfile::TempDir;

use super::stand_in::StandIn;
use crate::place::{DIFY_PROD, INFRA, Place, SECRETS};
use crate::served::Served;

/// Everything that outlives a job.
pub(super) struct World {
    pub(super) repository: Place,
    pub(super) azure: Arc<Served>,
    pub(super) outside: StandIn,
    /// The secrets file, as the CI system keeps it.
    pub(super) secrets: String,
    kept: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let azure = Arc::new(Served::start(Emulator::builder().enforce_permissions()));
        let repository = Place::new(DIFY_PROD);
        let generated = repository.secrets(&["gen"]).exits(0).stdout;
        Self {
            outside: StandIn::start(Arc::clone(&azure)),
            secrets: format!("{generated}REGISTRY_PASSWORD=of-the-registry-4Tq9\n"),
            repository,
            azure,
            kept: tempfile::tempdir().unwrap(),
        }
    }

    fn artifact(&self, name: &str) -> PathBuf {
        self.kept.path().join("artifacts").join(name)
    }

    /// How often a machine has built the programs.
    pub(super) fn builds(&self) -> usize {
        let log = fs::read_to_string(self.kept.path().join("builds"));
        log.unwrap_or_default().lines().count()
    }

    /// How many apps there are.
    pub(super) fn apps(&self) -> usize {
        self.azure.ids("Microsoft.App/containerApps").len()
    }
}

/// A machine, with the tools of `ubuntu-latest` that a pipeline needs and none of this project.
pub(super) struct Machine<'a> {
    pub(super) world: &'a World,
    pub(super) workspace: Place,
    pub(super) home: TempDir,
    /// What steps have put in front of the search path, the last first.
    pub(super) path: Vec<String>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let machine = Self {
            world,
            workspace: Place::new(""),
            home: tempfile::tempdir().unwrap(),
            path: Vec::new(),
        };
        fs::remove_file(machine.workspace.path().join("dify.toml")).unwrap();
        let rust = env!("CARGO_PKG_RUST_VERSION");
        let builds = world.kept.path().join("builds");
        machine.tool("rustup", &format!(
            "[ \"$*\" = 'toolchain install {rust} --profile minimal --no-self-update' ]\ntouch \"$HOME/rust\"\n"
        ));
        // It installs what `cargo build` has made of this very source.
        machine.tool(
            "cargo",
            &format!(
                "[ -e \"$HOME/rust\" ]\n\
             [ \"$1 $2 $3 $4\" = '+{rust} install --locked --root' ]\n\
             bin=\"$5/bin\"\n\
             shift 5\n\
             [ \"$*\" = '--git {} --rev v{} {}' ]\n\
             [ -x \"$bin/dify-infra\" ] && exit\n\
             mkdir -p \"$bin\"\n\
             ln -s '{INFRA}' '{SECRETS}' \"$bin\"\n\
             echo built >> '{}'\n",
                env!("CARGO_PKG_REPOSITORY"),
                env!("CARGO_PKG_VERSION"),
                env!("CARGO_PKG_NAME"),
                builds.display(),
            ),
        );
        machine.tool(
            "az",
            &format!(
                "[ \"$*\" = 'account show --query id --output tsv' ]\necho {DEFAULT_SUBSCRIPTION}\n"
            ),
        );
        machine
    }

    /// A program that ends with an error at the first thing that it does not expect.
    fn tool(&self, name: &str, script: &str) {
        let tools = self.home.path().join("tools");
        fs::create_dir_all(&tools).unwrap();
        let file = tools.join(name);
        fs::write(&file, format!("#!/bin/bash\nset -eu\n{script}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn check_out(&self) {
        let file = self.world.repository.read("dify.toml");
        self.workspace.write("dify.toml", &file);
    }

    /// A folder that is the same on all machines that give the key.
    pub(super) fn cache(&self, key: &str, folder: &Path) {
        let name = key.replace(|one: char| !one.is_ascii_alphanumeric(), "-");
        let shared = self.world.kept.path().join(name);
        fs::create_dir_all(&shared).unwrap();
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        symlink(shared, folder).unwrap();
    }

    pub(super) fn publish(&self, name: &str, file: &str) {
        assert!(
            !name.contains(['/', ':', '"']),
            "{name} is no name of an artifact"
        );
        let artifact = self.world.artifact(name);
        fs::create_dir_all(&artifact).unwrap();
        fs::copy(self.workspace.path().join(file), artifact.join(file)).unwrap();
    }

    pub(super) fn download(&self, name: &str, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for entry in fs::read_dir(self.world.artifact(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }

    /// Runs a script in the workspace.
    pub(super) fn bash(
        &self,
        options: &[&str],
        script: &str,
        variables: &BTreeMap<String, String>,
    ) -> Output {
        let tools = self.home.path().join("tools").display().to_string();
        let given = std::env::var("PATH").unwrap();
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let path = [path.as_slice(), &[&tools, &given]].concat().join(":");
        let file = self.home.path().join("script.sh");
        fs::write(&file, script).unwrap();
        let outside = &self.world.outside.address;
        self.workspace
            .command("bash")
            .args(["--noprofile", "--norc"])
            .args(options)
            .arg(file)
            .env_remove("DIFY_INFRA_TARGET")
            .env("HOME", self.home.path())
            .env("PATH", path)
            .env("DIFY_INFRA_ENDPOINT", self.world.azure.endpoint())
            .env("AZURE_AUTHORITY_HOST", outside)
            .envs(variables)
            .output()
            .unwrap()
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Failed,
    Skipped,
}

/// What a job did.
#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) steps: Vec<(String, Ended)>,
    /// All that its scripts said.
    pub(super) said: String,
    /// By names with the step's in front.
    pub(super) outputs: BTreeMap<String, String>,
    /// The summary of the run.
    pub(super) summary: String,
}

impl Job {
    pub(super) fn has_failed(&self) -> bool {
        self.steps.iter().any(|(_, ended)| *ended == Ended::Failed)
    }

    /// The steps that ran, each with a `!` when it failed.
    pub(super) fn ran(&self) -> Vec<String> {
        let ran = self
            .steps
            .iter()
            .filter(|(_, ended)| *ended != Ended::Skipped);
        ran.map(|(name, ended)| {
            let mark = if *ended == Ended::Failed { " !" } else { "" };
            format!("{name}{mark}")
        })
        .collect()
    }

    /// Takes what a script said, and how it ended.
    pub(super) fn hear(&mut self, name: &str, output: &Output) -> String {
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        self.said += &stdout;
        self.said += &String::from_utf8_lossy(&output.stderr);
        let ended = if output.status.success() {
            Ended::Well
        } else {
            Ended::Failed
        };
        self.steps.push((name.to_owned(), ended));
        stdout
    }
}
