//! The rendered compose project under a real Docker engine, with stand-in images made of what Debian
//! has: nginx, squid, PostgreSQL and Redis are real, the rest signs in to them as Dify would.

mod engine;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use dify_infra_core::catalogue::{Catalogue, ServiceKind};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::render::{ComposeOptions, ComposeProject, compose};
use dify_infra_core::secrets::{SecretName, Secrets};
use serde_json::Value;
use tempfile::TempDir;

use self::engine::{Compose, Engine};
use crate::support::scene::secrets_for;

/// A host of the internet.
const PUBLIC: &str = "203.0.113.10";
/// The metadata address, Azure's wire server, and a neighbour with a private address.
const PRIVATE: [&str; 3] = ["169.254.169.254", "168.63.129.16", "10.99.0.10"];

const FILE: &str = "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
                    dify = \"1.16.0\"\n[azure]\nresource_group = \"dify-dev-rg\"\n";

fn deployment(text: &str) -> Deployment {
    let resolved = Deployment::parse(text).unwrap_or_else(|findings| panic!("{findings}"));
    resolved.deployment
}

/// Writes a project as the command does.
fn write(deployment: &Deployment, secrets: &Secrets, directory: &Path) -> ComposeProject {
    let project = compose(deployment, &ComposeOptions::default()).unwrap();
    let env_file = project.env_file(secrets).unwrap();
    for file in project.files().iter().chain([&env_file]) {
        let path = directory.join(&file.name);
        fs::write(&path, &file.text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).unwrap();
    }
    project
}

/// What Compose makes of a project.
fn configured(compose: Compose, directory: &Path) -> Value {
    let output = compose.command(directory).arg("config").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    // What Compose prints is YAML; Debian's Python reads it, with a reader that is not ours.
    let mut python = Command::new("/usr/bin/python3")
        .args([
            "-c",
            "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), &output.stdout).unwrap();
    let read = python.wait_with_output().unwrap();
    assert!(read.status.success());
    serde_json::from_slice(&read.stdout).unwrap()
}

#[test]
fn compose_takes_every_project() {
    let Some(compose) = Compose::find() else {
        return;
    };
    let files = ["dify-dev", "existing-data", "own-registry"].map(|name| {
        let path = format!("{}/../examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    });
    let releases = Catalogue::builtin().releases().iter();
    let releases = releases.map(|release| FILE.replace("1.16.0", &release.version().to_string()));
    for text in releases.chain(files) {
        let deployment = deployment(&text);
        let directory = TempDir::new().unwrap();
        write(&deployment, &secrets_for(&deployment, 7), directory.path());
        let configured = configured(compose, directory.path());
        let services = configured["services"].as_object().unwrap();
        for service in deployment.services() {
            let image = &services[service.kind.key()]["image"];
            assert_eq!(image.as_str(), Some(service.image.to_string().as_str()));
        }
    }
}

#[test]
fn compose_reads_every_value_as_it_is() {
    let Some(compose) = Compose::find() else {
        return;
    };
    let values = [
        "no",
        "1e3",
        "0644",
        "12:30",
        "a: b",
        "a #b",
        "- a",
        "$HOME",
        "${HOME}",
        "$$",
        "a$",
        "{a}",
        "'",
        "\"",
        "\\",
        "\\n",
        "é\u{1f600}",
        "line\nline\n",
        "\ttab",
        " ",
        "",
        "~",
        "*a",
        "%a",
    ];
    // The program before today's Compose reads `${` and `\` of an env file in its own way, and no
    // Compose takes a required value that is empty.
    let can_be_secret = |value: &str| {
        !value.is_empty() && (compose == Compose::Plugin || !value.contains(['$', '\\', '\n']))
    };
    let mut builder = Deployment::builder("dify", "dev")
        .location("japaneast")
        .release("1.16.0")
        .resource_group("dify-dev-rg");
    let mut secrets = Secrets::new();
    for (index, value) in values.iter().enumerate() {
        builder = builder.service(ServiceKind::Web, |web| {
            let web = web.env(format!("PLAIN_{index}"), *value);
            if can_be_secret(value) {
                web.secret_env(format!("SECRET_{index}"), format!("own-{index}"))
            } else {
                web
            }
        });
        let name: SecretName = format!("own-{index}").parse().unwrap();
        secrets.insert(name, (*value).into());
    }
    let built = builder
        .build()
        .unwrap_or_else(|findings| panic!("{findings}"));
    let deployment = built.deployment;
    for (name, value) in secrets_for(&deployment, 7).iter() {
        if !secrets.contains(name.clone()) {
            secrets.insert(name.clone(), value.clone());
        }
    }
    let directory = TempDir::new().unwrap();
    write(&deployment, &secrets, directory.path());
    let configured = configured(compose, directory.path());
    let environment = &configured["services"]["web"]["environment"];
    for (index, value) in values.iter().enumerate() {
        // What `config` prints can be read by Compose again: it doubles the dollar signs.
        let read = |kind: &str| {
            let read = environment[format!("{kind}_{index}")].as_str();
            read.map(|read| read.replace("$$", "$"))
        };
        assert_eq!(
            read("PLAIN").as_deref(),
            Some(*value),
            "{value:?} in the file"
        );
        if can_be_secret(value) {
            assert_eq!(
                read("SECRET").as_deref(),
                Some(*value),
                "{value:?} as a secret"
            );
        }
    }
}

/// A project that runs.
struct Running {
    engine: Engine,
    compose: Compose,
    directory: TempDir,
}

impl Running {
    /// Renders, makes images, and starts everything as a person would.
    fn start() -> Option<Self> {
        let compose = Compose::find()?;
        let addresses: Vec<&str> = [PUBLIC].into_iter().chain(PRIVATE).collect();
        let engine = Engine::start(&addresses)?;
        let deployment = deployment(FILE);
        let directory = TempDir::new().unwrap();
        let project = write(&deployment, &secrets_for(&deployment, 7), directory.path());
        engine.make_images(project.compose_file());
        let running = Self {
            engine,
            compose,
            directory,
        };
        running.up();
        running.await_health();
        Some(running)
    }

    fn command(&self) -> Command {
        let mut command = self.compose.command(self.directory.path());
        command.env("DOCKER_HOST", self.engine.host());
        command.stdin(Stdio::null());
        command
    }

    fn up(&self) {
        let output = self.command().args(["up", "--detach"]).output().unwrap();
        if !output.status.success() {
            let logs = self.command().arg("logs").output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            panic!("{}\n{}", text(&output.stderr), text(&logs.stdout));
        }
    }

    /// Waits until each container with a health check is well, and all others run or have ended well.
    fn await_health(&self) {
        self.engine.await_until(|| {
            let all = self
                .engine
                .asked(&["ps", "--all", "--format", "{{.Names}} {{.Status}}"]);
            let is_well = |line: &&str| {
                let has_check = !["worker", "migration", "setup", "blob"]
                    .iter()
                    .any(|part| line.contains(part));
                if has_check {
                    line.contains("(healthy)")
                } else {
                    line.contains(" Up ") || line.contains("Exited (0)")
                }
            };
            assert_eq!(all.lines().count(), 15, "{all}");
            all.lines().any(|line| !is_well(&line)).then_some(all)
        });
    }

    /// The name of a service's container.
    fn container(&self, service: &str) -> String {
        let filter = format!("label=com.docker.compose.service={service}");
        let names = self
            .engine
            .asked(&["ps", "--filter", &filter, "--format", "{{.Names}}"]);
        assert_eq!(names.lines().count(), 1, "{service}: {names}");
        names.trim().to_owned()
    }

    fn run_in(&self, service: &str, script: &str) -> String {
        self.engine
            .asked(&["exec", &self.container(service), "sh", "-c", script])
    }

    /// The address of a service on the network of the data layer.
    fn address(&self, service: &str) -> String {
        let format = "{{(index .NetworkSettings.Networks \"dify-dev_default\").IPAddress}}";
        let container = self.container(service);
        self.engine
            .asked(&["inspect", "--format", format, &container])
            .trim()
            .to_owned()
    }

    /// What a browser on the host gets: status and body.
    fn browse(&self, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:8080{path}");
        let arguments = ["curl", "--silent", "--write-out", "\n%{http_code}", &url];
        let output = self.engine.on_host(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// Asks for URLs from a service's place, all at once: what curl says of each, which is a status,
    /// or 000 when no connection came about.
    fn ask(&self, service: &str, options: &str, urls: &[String]) -> BTreeMap<String, String> {
        let mut script = String::new();
        for url in urls {
            let _ = write!(
                script,
                "curl --silent --output /dev/null --connect-timeout 4 --max-time 8 {options} \
                 --write-out '{url} %{{http_code}}\\n' '{url}' & "
            );
        }
        let answers = self.run_in(service, &(script + "wait"));
        let answers: BTreeMap<String, String> = answers
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(url, status)| (url.to_owned(), status.to_owned()))
            .collect();
        assert_eq!(answers.len(), urls.len(), "{answers:?}");
        answers
    }

    /// The check that the project brings along.
    fn egress_check(&self, allowed: &str) -> Output {
        self.command()
            .args(["--profile", "check", "run", "--rm", "egress_check"])
            .env("EGRESS_CHECK_URL", allowed)
            .output()
            .unwrap()
    }
}

#[test]
fn the_project_starts_serves_and_keeps_user_code_in() {
    let Some(running) = Running::start() else {
        return;
    };
    let allowed = format!("http://{PUBLIC}/");
    let neighbour = format!("http://{}/", PRIVATE[2]);
    std::thread::scope(|scope| {
        let passes = scope.spawn(|| running.egress_check(&allowed));
        let fails = scope.spawn(|| running.egress_check(&neighbour));
        the_front_door_finds_each_service(&running);
        databases_and_containers_are_made(&running);
        user_code_is_kept_in(&running);
        check_says_so(&passes.join().unwrap(), &fails.join().unwrap());
    });
    starting_again_changes_nothing(&running);
}

fn the_front_door_finds_each_service(running: &Running) {
    assert_eq!(running.browse("/nginx-health"), (200, "ok\n".to_owned()));
    for (path, service) in [
        ("/console/api/setup", "api"),
        ("/v1/chat-messages", "api"),
        ("/files/a.png", "api"),
        ("/e/hook", "plugin_daemon"),
        ("/apps", "web"),
        ("/", "web"),
    ] {
        let (status, body) = running.browse(path);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, body["service"].as_str()),
            (200, Some(service)),
            "{path}"
        );
        assert_eq!(body["path"], path);
        // The origin that all URLs begin with, port included.
        assert_eq!(body["headers"]["Host"], "127.0.0.1:8080");
        assert_eq!(body["headers"]["X-Forwarded-Proto"], "http");
    }
    let resolver = running.run_in("nginx", "cat /tmp/dify-infra-nginx/resolver.conf");
    assert!(
        resolver.contains("127.0.0.11 ") && resolver.contains("default \"\""),
        "{resolver}"
    );
}

fn databases_and_containers_are_made(running: &Running) {
    let sql = |database: &str, query: &str| {
        let script = format!(
            "PGPASSWORD=$POSTGRES_PASSWORD psql --host 127.0.0.1 --username difyadmin \
             --dbname {database} --tuples-only --no-align --command \"{query}\""
        );
        running.run_in("postgres", &script)
    };
    let databases = sql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
    assert_eq!(
        databases,
        "dify\ndify_plugin\npostgres\ntemplate0\ntemplate1\n"
    );
    let extensions = sql("dify", "SELECT extname FROM pg_extension ORDER BY 1");
    assert_eq!(extensions, "plpgsql\nuuid-ossp\nvector\n");
    let containers = running.run_in("azurite", "curl --silent http://127.0.0.1:10000/");
    assert_eq!(containers, "dify-app-storage dify-plugins");
    let settings = running.run_in("redis", "redis-cli config get maxmemory-policy");
    assert_eq!(settings, "maxmemory-policy\nnoeviction\n");
}

fn user_code_is_kept_in(running: &Running) {
    let public = format!("http://{PUBLIC}/");
    let outside = PRIVATE.map(|address| format!("http://{address}/"));
    // Data layer and other neighbours by address: the names are not known on the sandbox's network.
    let inside = [
        ("postgres", ":5432"),
        ("redis", ":6379"),
        ("azurite", ":10000"),
        ("web", ":3000"),
        ("nginx", ""),
    ];
    let inside: Vec<String> = inside
        .map(|(service, port)| format!("http://{}{port}/", running.address(service)))
        .into();
    let private: Vec<String> = outside.into_iter().chain(inside).collect();
    let all: Vec<String> = private.iter().cloned().chain([public.clone()]).collect();
    let from_sandbox = running.ask("sandbox", "--noproxy '*'", &all);
    for (url, status) in &from_sandbox {
        assert_eq!(status, "000", "{url} is within reach of the sandbox");
    }
    // The same addresses answer someone who is not kept in, so it is the network that keeps in.
    let http: Vec<String> = all
        .iter()
        .filter(|url| !url.contains(":5432") && !url.contains(":6379"))
        .cloned()
        .collect();
    for (url, status) in running.ask("api", "--noproxy '*'", &http) {
        assert_eq!(status, "200", "{url} from the API's place");
    }
    let proxied = running.ask("sandbox", "--proxy \"$HTTP_PROXY\"", &all);
    for url in &private {
        assert_eq!(proxied[url], "403", "{url} through the proxy");
    }
    assert_eq!(proxied[&public], "200");
    // Squid itself says no: a server that does not answer would look the same from here.
    let log = running
        .engine
        .asked(&["logs", &running.container("ssrf_proxy")]);
    for url in &private {
        let denied = log
            .lines()
            .any(|line| line.contains("TCP_DENIED/403") && line.contains(url.as_str()));
        assert!(denied, "{url}\n{log}");
    }
    // A tunnel to what is allowed by host is refused on any other port.
    let tunnel = running.run_in(
        "sandbox",
        &format!("curl --silent --output /dev/null --write-out '%{{http_connect}}' --proxy \"$HTTP_PROXY\" \
                  https://{}:443/ || true", running.address("redis")),
    );
    assert_eq!(tunnel, "403", "a tunnel into the data layer");
}

fn check_says_so(passes: &Output, fails: &Output) {
    let text = String::from_utf8_lossy(&passes.stdout);
    assert!(passes.status.success(), "{text}");
    assert_eq!(text.matches("ok: ").count(), 12, "{text}");
    let text = String::from_utf8_lossy(&fails.stdout);
    assert!(
        !fails.status.success(),
        "a private address is no internet: {text}"
    );
    assert_eq!(text.matches("WRONG: ").count(), 1, "{text}");
}

/// Migration and setup run again and find all done; nothing else is started anew.
fn starting_again_changes_nothing(running: &Running) {
    let ids = || {
        let all = running
            .engine
            .asked(&["ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}"]);
        let mut lines: Vec<String> = all.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let before = ids();
    running.up();
    running.await_health();
    assert_eq!(ids(), before);
}
