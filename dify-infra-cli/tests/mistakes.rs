//! Mistakes that people make, and what the binary answers: what happened, where, why, what to do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const MINIMAL: &str = "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\n\
    location = \"japaneast\"\ndify = \"1.16.0\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

const ID: &str = "11111111-1111-4111-8111-111111111111";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        let (stdout, stderr) = (&self.stdout, &self.stderr);
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    /// That stderr has all of these.
    #[track_caller]
    fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is not in\n{}",
                self.stderr
            );
        }
        self
    }
}

/// Runs the binary in a directory, with a text on stdin and nothing of this machine's settings but
/// what is given.
fn run_with(directory: &Path, variables: &[(&str, &str)], arguments: &[&str], stdin: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dify-infra"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn run(directory: &Path, arguments: &[&str]) -> Ran {
    run_with(directory, &[], arguments, "")
}

fn place() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("dify.toml"), MINIMAL).unwrap();
    directory
}

#[test]
fn an_azure_that_is_not_there_is_named_with_port_reason_and_remedy() {
    let place = place();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let endpoint = format!("http://{address}");
    let refused = format!("could not connect to `{address}`: nothing listens there");
    let remedy = format!("is the emulator running? `dify-infra emulate --listen {address}`");
    // With a subscription the group is asked for, without one the subscriptions are.
    for more in [&["--subscription", ID][..], &[]] {
        let arguments = [&["plan", "--endpoint", &endpoint][..], more].concat();
        run(place.path(), &arguments).exits(1).says(&[
            &format!("error: Azure can't be reached at {address}"),
            &refused,
            &remedy,
        ]);
    }
    let proxy = format!("http://user:canary@{address}");
    let variables = [("HTTPS_PROXY", proxy.as_str()), ("DIFY_INFRA_TOKEN", "any")];
    let far = [
        "plan",
        "--endpoint",
        "https://arm.invalid",
        "--subscription",
        ID,
    ];
    let ran = run_with(place.path(), &variables, &far, "")
        .exits(1)
        .says(&[
            "error: Azure can't be reached at arm.invalid:443",
            "could not connect to `arm.invalid:443` through the proxy: nothing listens there",
            &format!("HTTPS_PROXY leads through the proxy {address}"),
        ]);
    assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
}

#[test]
fn an_endpoint_that_is_none_is_wrong_usage() {
    let place = place();
    for endpoint in [
        "notaurl",
        "127.0.0.1:7700",
        "http://arm.example",
        "https://h/path",
    ] {
        let flag = run(place.path(), &["plan", "--endpoint", endpoint]).exits(64);
        let says = format!("--endpoint can't be `{endpoint}`");
        assert_eq!(flag.says(&[&says, "write it like"]).stdout, "");
        for name in ["DIFY_INFRA_ENDPOINT", "AZURE_AUTHORITY_HOST"] {
            let says = format!("{name} can't be `{endpoint}`");
            run_with(place.path(), &[(name, endpoint)], &["plan"], "")
                .exits(64)
                .says(&[&says]);
        }
    }
}

#[test]
fn a_dash_is_stdin_or_stdout_or_is_refused_with_a_sentence() {
    let place = place();
    let embedded = |arguments: &[&str], stdin: &str| {
        let arguments = [arguments, &["--target", "embedded", "--time-scale", "1200"]].concat();
        run_with(place.path(), &[], &arguments, stdin)
    };
    let secrets = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
        .args(["gen", "--format", "json"])
        .output()
        .unwrap();
    let secrets = String::from_utf8(secrets.stdout).unwrap();
    let saved = embedded(&["plan", "--out", "-", "--secrets", "-"], &secrets).exits(0);
    assert!(
        saved.stderr.contains("plan: 25 to create"),
        "{}",
        saved.stderr
    );
    let plan: serde_json::Value = serde_json::from_str(&saved.stdout).unwrap();
    assert_eq!(plan["deployment"], "dify-dev");

    fs::write(place.path().join("s.json"), &secrets).unwrap();
    let applied = embedded(
        &["apply", "--plan", "-", "--secrets", "s.json"],
        &saved.stdout,
    );
    let applied = applied.exits(0);
    assert!(
        applied.stderr.contains("done: 25 created"),
        "{}",
        applied.stderr
    );
    let again = embedded(&["apply", "--yes", "--secrets", "-"], &secrets).exits(0);
    assert!(
        !again.stderr.contains("keep the secrets file"),
        "{}",
        again.stderr
    );
    let report = embedded(&["verify", "--junit", "-"], "").exits(0);
    assert!(report.stdout.starts_with("<?xml"), "{}", report.stdout);
    assert!(report.stderr.contains(" 0 failed"), "{}", report.stderr);
    assert!(!place.path().join("-").exists());

    let short = embedded(&["apply", "--yes", "--secrets", "-"], "SECRET_KEY=x").exits(1);
    short.says(&["stdin "]);
    for (arguments, says) in [
        (
            &["apply", "-", "--secrets", "-"][..],
            "--secrets can't be `-`",
        ),
        (
            &["apply", "--plan", "-", "--secrets", "-"],
            "--plan is read from stdin already",
        ),
        (&["plan", "--out", "-", "--json"], "--out can't be `-`"),
        (
            &["verify", "--junit", "-", "--json"],
            "--junit can't be `-`",
        ),
        (
            &["render", "--to", "nginx", "--out", "-"],
            "it names a directory",
        ),
    ] {
        let ran = embedded(arguments, "").exits(64).says(&[says]);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn no_slip_costs_the_deployment_file() {
    let place = place();
    let plan = |out: &str| {
        run(
            place.path(),
            &["plan", "--target", "embedded", "--out", out],
        )
    };
    plan("dify.toml")
        .exits(1)
        .says(&["dify.toml is not a plan, so it was left as it is"]);
    plan("plan.json").exits(0);
    plan("plan.json").exits(0);
    let applied = run(place.path(), &["apply", "--plan", "dify.toml"]).exits(1);
    assert!(
        !applied.stderr.contains("--out dify.toml"),
        "{}",
        applied.stderr
    );
    run(
        place.path(),
        &["render", "--to", "nginx", "--out", "dify.toml"],
    )
    .exits(1)
    .says(&["dify.toml is a file, and --out names a directory"]);
    assert_eq!(
        fs::read_to_string(place.path().join("dify.toml")).unwrap(),
        MINIMAL
    );
}

#[test]
fn a_family_of_rules_is_listed() {
    let place = place();
    let family = run(place.path(), &["explain", "sec"]).exits(0);
    assert!(family.stdout.lines().count() > 3, "{}", family.stdout);
    assert!(
        family.stdout.lines().all(|line| line.starts_with("SEC")),
        "{}",
        family.stdout
    );
    let json = run(place.path(), &["explain", "SEC", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let rules = json["rules"].as_array().unwrap();
    assert_eq!(rules.len(), family.stdout.lines().count());
    run(place.path(), &["explain", "SEC999"]).exits(64).says(&[
        "there is no rule `SEC999`",
        "`dify-infra explain SEC` lists its family",
    ]);
    run(place.path(), &["explain", "zzz"])
        .exits(64)
        .says(&["KEY, ", "SEC, "]);
}

#[cfg(unix)]
#[test]
fn what_is_rendered_to_be_run_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = place();
    run(place.path(), &["render", "--to", "nginx", "--out", "out"]).exits(0);
    let mode = |name: &str| {
        let metadata = fs::metadata(place.path().join("out").join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("start-nginx.sh"), mode("nginx.conf")), (0o755, 0o644));
}

#[test]
fn a_shell_completes_commands_and_flags() {
    let place = place();
    let script = run(place.path(), &["completions", "bash"]).exits(0).stdout;
    fs::write(place.path().join("complete.bash"), &script).unwrap();
    // As bash does on the tab key after `dify-infra pl`.
    let complete = |line: &str, word: &str| {
        let tab = format!(
            "source complete.bash; own=$(complete -p dify-infra); own=${{own##*-F }}; \
             COMP_WORDS=({line} {word}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             ${{own%% *}} dify-infra '{word}' ''; echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &tab])
            .current_dir(place.path())
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(complete("dify-infra", "pl").trim(), "plan");
    assert_eq!(
        complete("dify-infra apply", "--allow").trim(),
        "--allow-destructive"
    );
    run(place.path(), &["completions", "tcsh"])
        .exits(64)
        .says(&["possible values: bash"]);
}
