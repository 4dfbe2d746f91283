//! `dify-infra render --to compose`: which files it writes, and that no secret is lost or shown.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const MINIMAL: &str = "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\n\
    location = \"japaneast\"\ndify = \"1.16.0\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

const SECRETS: &str = "dify-dev.secrets.env";

fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_dify-infra"))
        .args(["render", "--to", "compose"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("dify.toml"), MINIMAL).unwrap();
    directory
}

fn value_of(text: &str, name: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name}")).to_owned()
}

#[test]
fn stdout_has_the_compose_file_alone_and_no_secret_is_made() {
    let directory = directory();
    let (code, stdout, stderr) = run(directory.path(), &[]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("\nservices:\n"), "{stdout}");
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing was written"
    );
}

#[test]
fn secrets_are_made_once_kept_and_written_for_their_owner_alone() {
    let directory = directory();
    let (code, stdout, stderr) = run(directory.path(), &["--out", "dify"]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    assert!(
        stderr.contains("made the secrets of dify-dev in dify-dev.secrets.env"),
        "{stderr}"
    );
    let out = directory.path().join("dify");
    let kept = fs::read_to_string(directory.path().join(SECRETS)).unwrap();
    let env = fs::read_to_string(out.join(".env")).unwrap();
    for (name, line) in [
        ("SECRET_KEY", "DIFY_SECRET_KEY"),
        ("POSTGRES_PASSWORD", "DIFY_POSTGRES_PASSWORD"),
    ] {
        let value = value_of(&kept, name);
        assert_eq!(
            value_of(&env, line).trim_matches('\''),
            value.trim_matches('\'')
        );
        assert!(!stderr.contains(&value));
    }
    for path in [directory.path().join(SECRETS), out.join(".env")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    // Containers read the other files as users of their own.
    let mode = fs::metadata(out.join("nginx.conf"))
        .unwrap()
        .permissions()
        .mode()
        & 0o777;
    assert_eq!(mode, 0o644);

    let (code, _, stderr) = run(directory.path(), &["--out", "dify"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
    assert_eq!(
        fs::read_to_string(directory.path().join(SECRETS)).unwrap(),
        kept
    );
    assert_eq!(fs::read_to_string(out.join(".env")).unwrap(), env);
}

#[test]
fn values_that_are_there_are_kept_unless_forced() {
    let directory = directory();
    let env = directory.path().join("dify/.env");
    assert_eq!(run(directory.path(), &["--out", "dify"]).0, Some(0));
    let first = fs::read_to_string(&env).unwrap();
    let password = value_of(&first, "DIFY_POSTGRES_PASSWORD");
    let mine = "# mine\nDIFY_POSTGRES_PASSWORD=from-before\nHTTP_PORT=1\n";
    fs::write(&env, mine).unwrap();
    let (code, _, stderr) = run(directory.path(), &["--out", "dify"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stderr.contains("DIFY_POSTGRES_PASSWORD: they are kept"),
        "{stderr}"
    );
    assert!(!stderr.contains("from-before") && !stderr.contains(&password));
    let text = fs::read_to_string(&env).unwrap();
    assert!(text.starts_with(mine), "what was there stays");
    assert_eq!(
        value_of(&text, "DIFY_SECRET_KEY"),
        value_of(&first, "DIFY_SECRET_KEY")
    );
    let mode = fs::metadata(&env).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "whatever it was before");

    assert_eq!(
        run(directory.path(), &["--out", "dify", "--force"]).0,
        Some(0)
    );
    assert_eq!(fs::read_to_string(&env).unwrap(), first);
}

#[test]
fn a_named_secrets_file_is_used_and_never_written() {
    let directory = directory();
    assert_eq!(run(directory.path(), &["--out", "first"]).0, Some(0));
    let made = fs::read_to_string(directory.path().join(SECRETS)).unwrap();
    let lacking = made
        .lines()
        .filter(|line| !line.starts_with("INIT_PASSWORD="));
    let lacking: Vec<&str> = lacking.collect();
    fs::write(directory.path().join("mine.env"), lacking.join("\n")).unwrap();
    let (code, _, stderr) = run(
        directory.path(),
        &["--out", "dify", "--secrets", "mine.env"],
    );
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("mine.env lacks the secret init-password"),
        "{stderr}"
    );
    assert!(
        !directory.path().join("dify").exists(),
        "nothing is written before all is known"
    );
}

#[test]
fn the_front_door_is_published_where_it_is_asked_for() {
    let directory = directory();
    let (code, stdout, _) = run(directory.path(), &["--listen", "0.0.0.0:80"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("ports: [\"0.0.0.0:80:80\"]"), "{stdout}");
    assert!(
        stdout.contains("CONSOLE_WEB_URL: http://localhost\n"),
        "{stdout}"
    );
}

#[test]
fn flags_of_compose_are_refused_elsewhere() {
    let directory = directory();
    for flags in [&["--listen", "127.0.0.1:1"][..], &["--force"][..]] {
        let output = Command::new(env!("CARGO_BIN_EXE_dify-infra"))
            .args(["render", "--to", "nginx"])
            .args(flags)
            .current_dir(directory.path())
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("only `--to compose` has it"), "{stderr}");
    }
}

#[test]
fn the_env_of_a_project_is_read_as_the_secrets_that_it_was_made_from() {
    let directory = directory();
    let (code, _, stderr) = run(directory.path(), &["--out", "dify"]);
    assert_eq!(code, Some(0), "{stderr}");
    let secrets = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
            .args(arguments)
            .current_dir(directory.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, found, told) = secrets(&["check", "dify/.env"]);
    assert_eq!(code, Some(0), "{told}");
    // The key of fingerprints is for Azure alone, so the project has none.
    assert_eq!(found.matches("warning:").count(), 1, "{found}");
    assert!(
        found.contains("DIFY_INFRA_FINGERPRINT_KEY is missing"),
        "{found}"
    );
    assert!(told.contains("6 secrets, 0 errors"), "{told}");
    let (code, _, told) = secrets(&["rotate", "dify/.env", "sandbox-api-key"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("rotate that one"), "{told}");
    // A project rendered from the .env of another one has the same values.
    let text = fs::read_to_string(directory.path().join("dify/.env")).unwrap();
    let own = fs::read_to_string(directory.path().join(SECRETS)).unwrap();
    let key = own
        .lines()
        .find(|line| line.starts_with("DIFY_INFRA_FINGERPRINT_KEY"))
        .unwrap();
    fs::write(directory.path().join("named.env"), format!("{text}{key}\n")).unwrap();
    let named = ["--out", "again", "--secrets", "named.env"];
    let (code, _, stderr) = run(directory.path(), &named);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(
        fs::read_to_string(directory.path().join("again/.env")).unwrap(),
        text
    );
}
