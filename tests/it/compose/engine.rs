//! A Docker engine of the test's own, in namespaces that end with it, and images to run in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// The programs that engine, Compose and stand-in images are made of.
const PROGRAMS: [&str; 14] = [
    "dockerd",
    "docker",
    "unshare",
    "setpriv",
    "nsenter",
    "ldd",
    "tar",
    "ip",
    "iptables",
    "nginx",
    "squid",
    "redis-server",
    "psql",
    "curl",
];

/// Where the files beside this one are.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/compose")
}

fn is_there(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut directories = path.split(':').chain(["/usr/sbin", "/sbin"]);
    directories.any(|directory| Path::new(directory).join(program).is_file())
}

/// Debian's programs of a server are not on the search path, and a client alone has none.
fn has_postgres_server() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .flatten()
        .any(|version| version.path().join("bin/initdb").is_file())
}

/// Says that a test is skipped, or fails when real programs are required.
#[expect(
    clippy::print_stderr,
    reason = "whoever reads the tests' output must see it"
)]
fn skip(what: &str) {
    let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(!required, "{what} not found, but DIFY_INFRA_REQUIRE_REAL=1");
    eprintln!("skipped: {what} not found");
}

/// The Compose that is installed: the plugin of today, or the program that Debian has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compose {
    Plugin,
    Program,
}

impl Compose {
    pub(super) fn find() -> Option<Self> {
        let reader = Command::new("/usr/bin/python3")
            .args(["-c", "import yaml"])
            .stderr(Stdio::null())
            .status();
        if !reader.is_ok_and(|status| status.success()) {
            skip("python3-yaml");
            return None;
        }
        let plugin = Command::new("docker").args(["compose", "version"]).output();
        if plugin.is_ok_and(|output| output.status.success()) {
            return Some(Self::Plugin);
        }
        if is_there("docker-compose") {
            return Some(Self::Program);
        }
        skip("docker compose");
        None
    }

    /// A command on the project in a directory, with nothing of this machine's settings.
    pub(super) fn command(self, project: &Path) -> Command {
        let mut command = match self {
            Self::Plugin => {
                let mut command = Command::new("docker");
                command.arg("compose");
                command
            }
            Self::Program => Command::new("docker-compose"),
        };
        command.arg("--file").arg(project.join("compose.yaml"));
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", project);
        command
    }
}

/// A running engine. Dropping it ends its processes, containers and networks.
pub(super) struct Engine {
    process: Child,
    directory: TempDir,
    cgroup: String,
}

impl Engine {
    /// Starts an engine beside which there are hosts with these addresses; nothing when a program is
    /// missing.
    pub(super) fn start(addresses: &[&str]) -> Option<Self> {
        if let Some(missing) = PROGRAMS.into_iter().find(|program| !is_there(program)) {
            skip(missing);
            return None;
        }
        if !has_postgres_server() {
            skip("a server of PostgreSQL (/usr/lib/postgresql/*/bin/initdb)");
            return None;
        }
        // Not where temporary files are by another's choice: a socket's path has 107 characters.
        let directory = tempfile::Builder::new()
            .prefix("dify-")
            .tempdir_in("/tmp")
            .unwrap();
        let cgroup = format!("dify-infra-test-{}", std::process::id());
        let log = fs::File::create(directory.path().join("log")).unwrap();
        // It ends with this test, even when that is killed and nothing is dropped.
        let process = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
            ])
            .args(["--kill-child", "--mount-proc", "sh"])
            .arg(here().join("engine.sh"))
            .args([directory.path().as_os_str(), cgroup.as_ref()])
            .args(addresses)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut engine = Self {
            process,
            directory,
            cgroup,
        };
        engine.await_start();
        Some(engine)
    }

    fn await_start(&mut self) {
        let started = Instant::now();
        while !self.docker(&["version"]).status.success() {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// The address that clients are given.
    pub(super) fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.directory.path().display())
    }

    /// Runs `docker`.
    pub(super) fn docker(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(arguments).env("DOCKER_HOST", self.host());
        command
            .env("HOME", self.directory.path())
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What `docker` prints, which must succeed.
    pub(super) fn asked(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes the stand-in image and gives it the names of all images that a compose file refers to.
    pub(super) fn make_images(&self, compose_file: &str) {
        let mut build = Command::new("sh")
            .arg(here().join("build-image.sh"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let import = Command::new("docker")
            .args([
                "import",
                "--change",
                "ENTRYPOINT [\"/bin/sh\", \"/stand-in.sh\"]",
                "-",
                "stand-in",
            ])
            .env("DOCKER_HOST", self.host())
            .stdin(build.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(build.wait().unwrap().success(), "the image was not made");
        let stderr = String::from_utf8_lossy(&import.stderr);
        assert!(import.status.success(), "{stderr}");
        let images = compose_file
            .lines()
            .filter_map(|line| line.strip_prefix("    image: "));
        let images: BTreeSet<&str> = images.collect();
        assert!(images.len() >= 9, "{images:?}");
        for image in images {
            self.asked(&["tag", "stand-in", image]);
        }
    }

    /// Runs a program on the engine's host, as someone who is signed in there would.
    pub(super) fn on_host(&self, program: &[&str]) -> Output {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let inside = children.split_whitespace().next().unwrap().to_owned();
        Command::new("nsenter")
            .args(["--net", "--target", &inside])
            .args(program)
            .output()
            .unwrap()
    }

    /// Waits until `done` says nothing any more; what it said last is the failure.
    pub(super) fn await_until(&self, mut done: impl FnMut() -> Option<String>) {
        let started = Instant::now();
        while let Some(problem) = done() {
            assert!(started.elapsed() < PATIENCE, "{problem}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // `unshare --kill-child` ends the first process of the namespaces with itself, and the kernel
        // all others with that one; mounts and networks go with their namespaces.
        let _ = self.process.kill();
        let _ = self.process.wait();
        remove_cgroups(&self.cgroup);
    }
}

/// Removes the cgroups of the containers, which outlive namespaces.
fn remove_cgroups(name: &str) {
    let hierarchies = fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten();
    let roots = hierarchies
        .map(|entry| entry.path())
        .chain(["/sys/fs/cgroup".into()]);
    for cgroup in roots
        .map(|root| root.join(name))
        .filter(|cgroup| cgroup.is_dir())
    {
        let started = Instant::now();
        // The kernel lets go of a cgroup when the last process in it is gone.
        while remove_tree(&cgroup).is_err() && started.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn remove_tree(cgroup: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}
