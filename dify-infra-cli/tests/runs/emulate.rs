//! `dify-infra emulate` as a person uses it: what it prints is pasted as it stands.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use crate::find::find;
use crate::place::{INFRA, Place, Ran};

const FILE: &str = include_str!("../../../examples/minimal.toml");

/// What Terraform's provider does with the variables before all else: it asks where everything is, then
/// for a token (hashicorp/go-azure-sdk, `sdk/internal/metadata/client.go`).
const AS_TERRAFORM: &str = r#"
set -eu
metadata=$(curl --silent --fail "https://$ARM_METADATA_HOSTNAME/metadata/endpoints?api-version=2022-09-01")
login=$(printf %s "$metadata" | sed -E 's/.*"loginEndpoint":"([^"]*)".*/\1/')
manager=$(printf %s "$metadata" | sed -E 's/.*"resourceManager":"([^"]*)".*/\1/')
token=$(curl --silent --fail "$login/$ARM_TENANT_ID/oauth2/v2.0/token" --data grant_type=client_credentials \
    --data client_id="$ARM_CLIENT_ID" --data client_secret="$ARM_CLIENT_SECRET" --data scope="$manager/.default" |
    sed -E 's/.*"access_token":"([^"]*)".*/\1/')
curl --silent --fail --header "authorization: Bearer $token" \
    "$manager/subscriptions/$ARM_SUBSCRIPTION_ID/resourcegroups/dify-dev-rg/resources?api-version=2025-04-01"
"#;

/// Terraform keeps its state in a container of an account, and asks Resource Manager for the account's key.
const BACKEND: &str = r#"
terraform {
  backend "azurerm" {
    resource_group_name  = "dify-dev-rg"
    storage_account_name = "ACCOUNT"
    container_name       = "dify"
    key                  = "dify.tfstate"
  }
}
"#;

/// `dify-infra emulate`, until this goes out of scope.
struct Emulator {
    process: Child,
    /// What it said on stdout.
    variables: String,
    /// What it said on stderr before the first request.
    said: String,
    /// What it says from then on.
    log: Option<JoinHandle<Vec<String>>>,
}

impl Emulator {
    /// Starts it with stdout in a file, as scripts do, and waits until it listens.
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let script = place.path().join("variables.sh");
        let mut command = place.command(INFRA);
        command
            .args(["emulate", "--listen", "localhost:0"])
            .args(arguments)
            .stdout(File::create(&script).unwrap());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains("Ctrl-C ends it") {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}"));
            said += &(line.unwrap() + "\n");
        }
        // its log is read away, so that it is never held up
        let log = std::thread::spawn(move || lines.map_while(Result::ok).collect());
        let variables = fs::read_to_string(script).unwrap();
        Self {
            process,
            variables,
            said,
            log: Some(log),
        }
    }

    /// Ends it; the lines that it wrote about requests.
    fn end(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// The block below a title, as far as a person copies it.
    #[track_caller]
    fn block(&self, title: &str) -> &str {
        let found = self.said.split_once(title);
        let (_, rest) = found.unwrap_or_else(|| panic!("no {title} in {}", self.said));
        let (_, rest) = rest.split_once('\n').unwrap();
        rest.split_once("\n\n").unwrap().0
    }

    /// The variables, then some lines, pasted into a new shell that reaches nothing else.
    #[track_caller]
    fn paste(&self, place: &Place, lines: &str) -> Ran {
        let mut shell = alone(place, "bash");
        let script = format!("{}{lines}\n", self.variables);
        Ran::of(shell.args(["-ec", &script]).output().unwrap()).exits(0)
    }

    fn address(&self) -> &str {
        let start = "export DIFY_INFRA_ENDPOINT=https://";
        let mut lines = self.variables.lines();
        lines.find_map(|line| line.strip_prefix(start)).unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program of a person without settings of this project; every other host is behind a proxy that is
/// not there.
fn alone(place: &Place, program: impl AsRef<Path>) -> Command {
    let clients = find("az/bin/az").map(|az| az.parent().unwrap().to_owned());
    let own = Path::new(INFRA).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<_> = std::iter::once(own)
        .chain(clients)
        .chain(std::env::split_paths(&path))
        .collect();
    let mut command = place.command(program.as_ref());
    command
        .env_remove("DIFY_INFRA_TARGET")
        .env_remove("DIFY_INFRA_TIME_SCALE")
        .env("HOME", place.path())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "localhost,127.0.0.1");
    command
}

/// The lines for `az`, and what it sees then.
fn groups_by_az(azure: &Emulator, place: &Place) -> String {
    let lines = format!(
        "{}\naz group list --query '[].name' --output tsv",
        azure.block("# az")
    );
    let ran = azure.paste(place, &lines);
    ran.stdout.lines().last().unwrap_or_default().to_owned()
}

/// The program for Python, in a shell with the variables.
fn apps_by_python(azure: &Emulator, place: &Place, python: &Path) -> String {
    place.write("apps.py", azure.block("# Python"));
    let lines = format!("{} apps.py", python.display());
    azure.paste(place, &lines).stdout
}

/// Terraform itself, where a machine happens to have it: it can't be had from a package registry, so it is
/// never required. Its built-in backend gets as far as the account's key; the state would be at a host of
/// Azure's own.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn terraform_gets_the_key(azure: &Emulator, place: &Place, account: &str) {
    let Ok(version) = alone(place, "terraform").arg("version").output() else {
        println!("skipped: terraform not found");
        return;
    };
    assert!(version.status.success(), "{version:?}");
    let folder = place.path().join("terraform");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("backend.tf"),
        BACKEND.replace("ACCOUNT", account),
    )
    .unwrap();
    fs::write(
        folder.join("provider.tf"),
        azure.block("# Terraform").to_owned() + "\n",
    )
    .unwrap();
    let lines = "cd terraform; terraform fmt -check; ! terraform init -no-color -input=false";
    let said = azure.paste(place, lines).stderr;
    let host = format!("https://{account}.blob.core.windows.net/");
    assert!(said.contains(&host), "{said}");
}

#[test]
fn what_it_prints_works_as_it_stands() {
    let place = Place::new(FILE);
    let azure = Emulator::start(&place, &["--tls", "--state", "azure", "--ca", "our ca"]);
    assert!(place.path().join("our ca/ca.pem").exists());
    assert!(!place.path().join("azure/ca.pem").exists());

    azure.paste(&place, "dify-infra apply --yes");
    let planned = azure.paste(&place, "dify-infra plan --detailed-exitcode");
    assert!(
        planned.stdout.starts_with("no changes: "),
        "{}",
        planned.stdout
    );
    let resources = azure.paste(&place, AS_TERRAFORM).stdout;
    let (_, account) = resources.split_once("/storageAccounts/").unwrap();
    let account = account.split('"').next().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| terraform_gets_the_key(&azure, &place, account));
        scope.spawn(|| {
            if find("az/bin/az").is_some() {
                assert_eq!(groups_by_az(&azure, &place), "dify-dev-rg");
            }
        });
        scope.spawn(|| {
            if let Some(python) = find("sdk/bin/python") {
                let apps = apps_by_python(&azure, &place, &python);
                assert!(apps.contains("'dify-dev-api'"), "{apps}");
            }
        });
    });

    // started again: another port, the same state and certificate, and `az` knows the cloud already
    drop(azure);
    let azure = Emulator::start(&place, &["--tls", "--state", "azure", "--ca", "our ca"]);
    azure.paste(&place, "dify-infra plan --detailed-exitcode");
    if find("az/bin/az").is_some() {
        assert_eq!(groups_by_az(&azure, &place), "dify-dev-rg");
    }
}

/// What does not fit is told with the way out.
#[test]
fn what_it_can_not_do_is_explained() {
    let place = Place::new(FILE);
    let azure = Emulator::start(&place, &["--tls", "--state", "azure"]);
    let used = azure.address().replace("localhost", "127.0.0.1");
    let used_ = format!("error: {used} is in use by another program\nhint: ");
    for (arguments, code, parts) in [
        (
            &["--listen", &used][..],
            1,
            &[used_.as_str(), "--listen 127.0.0.1:0"][..],
        ),
        (
            &["--listen", "127.0.0.1:0", "--state", "azure"],
            1,
            &["azure is in use by another process", "another directory"],
        ),
        (
            &["--listen", "192.0.2.1:7700"],
            64,
            &[
                "192.0.2.1:7700",
                "a loopback address",
                "checks no credentials",
            ],
        ),
        (
            &["--listen", "7700"],
            64,
            &["a loopback address and a port, such as 127.0.0.1:7700"],
        ),
        (
            &["--time-scale", "-1"],
            64,
            &["'-1'", "--time-scale", "a number above 0, such as 60"],
        ),
        (&["--ca", "there"], 64, &["--tls"]),
    ] {
        let refused = place.infra(&[&["emulate"], arguments].concat());
        let refused = refused.exits(code);
        for part in parts {
            assert!(refused.stderr.contains(part), "{}", refused.stderr);
        }
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
}

/// Whether a file is anywhere below a folder.
fn has(place: &Place, part: &str) -> bool {
    let files = place.files();
    files
        .iter()
        .any(|file| file.to_string_lossy().contains(part))
}

#[test]
fn of_two_first_applies_from_two_folders_one_makes_no_secret() {
    let place = Place::new(FILE);
    let azure = Emulator::start(&place, &["--time-scale", "60"]);
    let folders = [Place::new(FILE), Place::new(FILE)];
    let apply = |folder: &Place| {
        let mut shell = alone(folder, "bash");
        let script = format!("{}exec dify-infra apply --yes\n", azure.variables);
        shell.args(["-ec", &script]).spawn().unwrap()
    };
    let first = apply(&folders[0]);
    // Its journal begins with its first write.
    while !has(&folders[0], "/journal/") {
        std::thread::yield_now();
    }
    let second = Ran::of(apply(&folders[1]).wait_with_output().unwrap()).exits(1);
    assert!(
        second.stderr.contains("another run, from another folder"),
        "{}",
        second.stderr
    );
    assert!(
        !has(&folders[1], ".secrets.env"),
        "{:?}",
        folders[1].files()
    );
    assert!(!has(&folders[1], "/journal/"), "{:?}", folders[1].files());
    Ran::of(first.wait_with_output().unwrap()).exits(0);
    let planned = azure.paste(&folders[0], "dify-infra plan --detailed-exitcode");
    assert!(
        planned.stdout.starts_with("no changes: "),
        "{}",
        planned.stdout
    );
}

/// The status of each of some requests, 000 where the connection broke, and the log of them.
fn forty_requests(place: &Place, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    const REQUESTS: &str = r#"
for number in $(seq 40); do
    curl --silent --output /dev/null --write-out '%{http_code}\n' --header 'authorization: Bearer any' \
        "$DIFY_INFRA_ENDPOINT/subscriptions/$AZURE_SUBSCRIPTION_ID/resourcegroups/g$number?api-version=2025-04-01" || true
done
"#;
    let azure = Emulator::start(place, arguments);
    let statuses = azure.paste(place, REQUESTS).stdout;
    let statuses = statuses.lines().map(str::to_owned).collect();
    (statuses, azure.end())
}

#[test]
fn faults_of_a_seed_come_again_and_each_request_has_a_line() {
    let place = Place::new("");
    let scale = ["--time-scale", "1000"];
    let (calm, log) = forty_requests(&place, &scale);
    assert_eq!(calm, vec!["404"; 40]);
    for number in [1, 40] {
        let path = format!("/resourcegroups/g{number}");
        let is_of = |line: &&String| {
            let mut words = line.split_whitespace();
            line.contains("404") && words.any(|word| word.ends_with(&path))
        };
        assert_eq!(log.iter().filter(is_of).count(), 1, "{log:#?}");
    }
    let seeded = |seed: &str| {
        let faults = ["--faults", seed];
        forty_requests(&place, &[&scale[..], &faults[..]].concat()).0
    };
    let first = seeded("7");
    assert_eq!(first.len(), 40);
    assert_ne!(first, calm);
    assert_eq!(first, seeded("7"));
    assert_ne!(first, seeded("8"));
}

#[test]
fn every_rule_has_a_source_or_is_called_a_guess() {
    let place = Place::new("");
    let report = place
        .infra(&["emulate", "--rules", "--json"])
        .exits(0)
        .json();
    let rules = report["rules"].as_array().unwrap();
    assert!(rules.len() > 150, "{}", rules.len());
    for rule in rules {
        let source = rule["source"].as_str().unwrap();
        assert!(!source.is_empty() || rule["guess"] == true, "{rule}");
        assert!(!rule["text"].as_str().unwrap().is_empty(), "{rule}");
    }
    let shown = place.infra(&["emulate", "--rules"]).exits(0).stdout;
    let guesses = rules.iter().filter(|rule| rule["guess"] == true).count();
    let last = format!("{} rules, {guesses} of them guesses\n", rules.len());
    assert!(shown.ends_with(&last), "{shown}");
}
