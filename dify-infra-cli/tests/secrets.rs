//! `dify-secrets` as a program: its output, files, exit codes, and pipes into other programs.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dify-secrets");

const ENV_KEYS: [&str; 7] = [
    "DIFY_INFRA_FINGERPRINT_KEY",
    "INIT_PASSWORD",
    "INNER_API_KEY_FOR_PLUGIN",
    "PLUGIN_DAEMON_KEY",
    "POSTGRES_PASSWORD",
    "SANDBOX_API_KEY",
    "SECRET_KEY",
];

fn secrets(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn secrets_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// Runs with a text on stdin.
fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a shell script in which `$DIFY_SECRETS` is the program.
fn shell(script: &str) -> Output {
    Command::new("sh")
        .args(["-c", script])
        .env("DIFY_SECRETS", PROGRAM)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn assignments(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .collect()
}

fn check_env(text: &str) -> Output {
    piped(PROGRAM, &["check", "-"], text.as_bytes())
}

#[test]
fn gen_writes_every_secret_and_nothing_else_to_stdout() {
    let output = secrets(&["gen"]);
    assert_eq!(code(&output), 0);
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    let keys: Vec<&str> = assignments(&text).iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ENV_KEYS);
    assert!(
        assignments(&text)
            .iter()
            .all(|(_, value)| value.len() >= 20)
    );
}

#[test]
fn every_run_gives_other_values() {
    let (first, second) = (stdout(&secrets(&["gen"])), stdout(&secrets(&["gen"])));
    for ((_, one), (_, other)) in assignments(&first).iter().zip(assignments(&second)) {
        assert_ne!(*one, other);
    }
}

#[test]
fn names_pick_secrets_in_both_spellings() {
    let output = secrets(&[
        "gen",
        "sandbox-api-key",
        "INNER_API_KEY_FOR_PLUGIN",
        "sandbox-api-key",
    ]);
    let text = stdout(&output);
    let keys: Vec<&str> = assignments(&text).iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, ["INNER_API_KEY_FOR_PLUGIN", "SANDBOX_API_KEY"]);
}

#[test]
fn wrong_usage_exits_64_and_says_what_is_right() {
    for (arguments, hint) in [
        (&["gen", "sandbox-key"][..], "did you mean sandbox-api-key?"),
        (&["gen", "SERVER_KEY"], "plugin-daemon-key"),
        (&["gen", "--format", "yaml"], "bicepparam"),
        (&["gen", "--using", "main.bicep"], "bicepparam"),
        (&["gen", "--force"], "--out"),
        (&["check"], "FILE"),
        (&["rotate"], "rotate"),
        (&[], "gen"),
    ] {
        let output = secrets(arguments);
        assert_eq!(code(&output), 64, "{arguments:?}");
        assert!(
            stderr(&output).contains(hint),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn help_is_data_and_exits_0() {
    for arguments in [
        &["--help"][..],
        &["gen", "--help"],
        &["check", "-h"],
        &["--version"],
    ] {
        let output = secrets(arguments);
        assert_eq!(code(&output), 0);
        assert!(!stdout(&output).is_empty());
    }
}

#[test]
fn every_format_passes_check() {
    for format in ["env", "json", "toml", "bicepparam", "github"] {
        let made = secrets(&["gen", "--format", format]);
        let output = piped(PROGRAM, &["check", "-", "--format", format], &made.stdout);
        assert_eq!(code(&output), 0, "{format}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{format}");
        assert!(stderr(&output).contains("7 secrets, 0 errors, 0 warnings"));
    }
}

#[test]
fn the_format_follows_from_the_name_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for (name, begin) in [
        ("a.json", "{"),
        ("a.toml", "DIFY_INFRA_FINGERPRINT_KEY = \""),
        ("a.bicepparam", "using none\n"),
        ("a.secrets.env", "DIFY_INFRA_FINGERPRINT_KEY="),
    ] {
        assert_eq!(
            code(&secrets_in(directory.path(), &["gen", "--out", name])),
            0
        );
        let text = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.starts_with(begin), "{name}");
        assert_eq!(code(&secrets_in(directory.path(), &["check", name])), 0);
    }
}

#[test]
fn bicepparam_names_its_template() {
    let output = secrets(&["gen", "--format", "bicepparam", "--using", "main.bicep"]);
    assert!(stdout(&output).starts_with("using 'main.bicep'\n\nparam fingerprintKey = '"));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.env");
    let target = path.to_str().unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    for umask in ["000", "022", "777"] {
        let script = format!("umask {umask}; \"$DIFY_SECRETS\" gen --out '{target}' --force");
        assert_eq!(code(&shell(&script)), 0);
        assert_eq!(mode(), 0o600, "umask {umask}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let output = secrets(&["check", target]);
    assert!(stderr(&output).contains("mode 0644"), "{}", stderr(&output));
    assert_eq!(code(&secrets(&["gen", "--out", target, "--force"])), 0);
    assert_eq!(mode(), 0o600);
}

#[test]
fn an_existing_file_is_never_overwritten_without_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.env");
    fs::write(&path, "SECRET_KEY=in-use\n").unwrap();
    let output = secrets_in(directory.path(), &["gen", "--out", "x.env"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("left as it is"));
    assert_eq!(stdout(&output), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), "SECRET_KEY=in-use\n");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    assert_eq!(
        code(&secrets_in(
            directory.path(),
            &["gen", "--out", "x.env", "--force"]
        )),
        0
    );
    assert_eq!(assignments(&fs::read_to_string(&path).unwrap()).len(), 7);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn of_many_that_race_for_a_file_one_wins_whole() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("x.env");
    let start = |_| {
        Command::new(PROGRAM)
            .args(["gen", "--out"])
            .arg(&target)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(start).collect();
    let codes = children
        .into_iter()
        .map(|mut child| child.wait().unwrap().code());
    assert_eq!(codes.filter(|code| *code == Some(0)).count(), 1);
    assert_eq!(assignments(&fs::read_to_string(&target).unwrap()).len(), 7);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_refused_even_with_force() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (
        directory.path().join("target"),
        directory.path().join("link"),
    );
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let dangling = directory.path().join("dangling");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &dangling).unwrap();
    for path in [
        link.as_path(),
        &dangling,
        directory.path(),
        Path::new("/dev/null"),
    ] {
        for force in [&[][..], &["--force"]] {
            let output = Command::new(PROGRAM)
                .args(["gen", "--out"])
                .arg(path)
                .args(force)
                .output()
                .unwrap();
            assert_eq!(code(&output), 1, "{}", path.display());
            assert!(
                stderr(&output).contains("plain files only"),
                "{}",
                stderr(&output)
            );
        }
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert!(!directory.path().join("nowhere").exists());
}

#[test]
fn a_shell_takes_the_values_from_a_pipe() {
    let script = r#"
        set -eu
        set -a; eval "$("$DIFY_SECRETS" gen)"; set +a
        sh -c 'test ${#SECRET_KEY} -eq 64 && test ${#INIT_PASSWORD} -eq 20'
        "$DIFY_SECRETS" gen sandbox-api-key | { set -a; . /dev/stdin; sh -c 'test ${#SANDBOX_API_KEY} -eq 48'; }
        "$DIFY_SECRETS" gen | { n=0; while IFS='=' read -r key value; do
            test -n "$key"; test ${#value} -ge 20; n=$((n + 1)); done; test $n -eq 7; }
        echo fine
    "#;
    let output = shell(script);
    assert_eq!(stdout(&output), "fine\n", "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn json_has_one_string_per_secret() {
    let output = secrets(&["gen", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let object = value.as_object().unwrap();
    assert_eq!(object.len(), 7);
    assert_eq!(object["SECRET_KEY"].as_str().unwrap().len(), 64);
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    for arguments in [&["gen"][..], &["check", "/dev/stdin", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // `gen` may end without reading.
        let _ = child
            .stdin
            .take()
            .unwrap()
            .write_all(&secrets(&["gen"]).stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(!stderr(&output).contains("error:"), "{}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let output = shell(r#""$DIFY_SECRETS" gen > /dev/full"#);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("could not be written to stdout"));
}

#[test]
fn check_refuses_every_published_value() {
    let values = include_str!("data/published-values.json");
    let values: Vec<String> = serde_json::from_str(values).unwrap();
    assert!(values.len() >= 50);
    let list = include_str!("../../dify-infra-core/data/published-secrets.json");
    let list: serde_json::Value = serde_json::from_str(list).unwrap();
    assert_eq!(list["published"].as_array().unwrap().len(), values.len());
    for (key, json) in [("SECRET_KEY", true), ("REDIS_PASSWORD", false)] {
        for value in &values {
            let text = if json {
                serde_json::json!({ key: value }).to_string()
            } else {
                format!("{key}='{value}'\n")
            };
            let output = check_env(&text);
            assert_eq!(code(&output), 3, "{value}");
            let refusal = format!("error: {key} on line 1 is public");
            assert!(
                stdout(&output).starts_with(&refusal),
                "{value}: {}",
                stdout(&output)
            );
        }
    }
}

#[test]
fn check_reports_everything_at_once_with_lines() {
    let text = "# of mine\nSECRET_KEY=short\nSANDBOX_API_KEY=dify-sandbox\n\
                PLUGIN_DAEMON_KEY=Zk3vQ9xTb7LmRw2Yp5Ns8Jh4Gd6FcXa1\n\
                INNER_API_KEY_FOR_PLUGIN=Zk3vQ9xTb7LmRw2Yp5Ns8Jh4Gd6FcXa1\n\
                POSTGRES_PASSWORD='Zk3vQ9x@Tb7LmRw2 Yp5Ns8'\nLOG_LEVEL=INFO\n";
    let output = check_env(text);
    assert_eq!(code(&output), 3);
    let report = stdout(&output);
    for expected in [
        "error: SECRET_KEY on line 2 has 5 characters",
        "error: SANDBOX_API_KEY on line 3 is public",
        "has the same value as inner-api-key",
        "error: POSTGRES_PASSWORD on line 6 has characters that break a URL or DSN: space @",
        "warning: INIT_PASSWORD is missing",
        "  help: make a new one with `dify-secrets gen secret-key`",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }
    assert!(stderr(&output).contains("stdin: 5 secrets, 4 errors, 2 warnings"));
    assert!(stderr(&output).contains("1 other setting"));
}

#[test]
fn check_speaks_json() {
    let output = piped(PROGRAM, &["check", "-", "--json"], b"SECRET_KEY=short\n");
    assert_eq!(code(&output), 3);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["format"], 1);
    let first = &report["findings"][0];
    assert_eq!(first["secret"], "secret-key");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["problem"], "has 5 characters, fewer than 32");
    assert_eq!(first["line"], 1);
    assert!(
        first["help"]
            .as_str()
            .unwrap()
            .contains("dify-secrets gen secret-key")
    );
    assert_eq!(report["findings"][1]["line"], serde_json::Value::Null);

    let clean = piped(
        PROGRAM,
        &["check", "-", "--json"],
        &secrets(&["gen"]).stdout,
    );
    let report: serde_json::Value = serde_json::from_slice(&clean.stdout).unwrap();
    assert_eq!(report, serde_json::json!({"format": 1, "findings": []}));
}

#[test]
fn warnings_alone_exit_0() {
    let output = check_env(&stdout(&secrets(&["gen", "secret-key"])));
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("warning: SANDBOX_API_KEY is missing"));
}

#[test]
fn what_cannot_be_read_exits_1() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("binary.env"), [0xff, 0xfe, 0x00]).unwrap();
    fs::write(directory.path().join("empty.env"), "# nothing\n").unwrap();
    fs::write(directory.path().join("large.env"), vec![b'#'; 2 << 20]).unwrap();
    fs::write(
        directory.path().join("broken.json"),
        "{\"SECRET_KEY\": canary}",
    )
    .unwrap();
    for (file, reason) in [
        ("missing.env", "could not be read"),
        ("binary.env", "no UTF-8"),
        ("empty.env", "holds no secrets"),
        ("large.env", "larger than 1 MiB"),
        ("broken.json", "broken.json line 1 is no valid JSON"),
        (".", "could not be read"),
    ] {
        let output = secrets_in(directory.path(), &["check", file]);
        assert_eq!(code(&output), 1, "{file}");
        assert!(
            stderr(&output).contains(reason),
            "{file}: {}",
            stderr(&output)
        );
        assert!(!stderr(&output).contains("canary"));
    }
}

#[test]
fn bad_lines_are_told_beside_the_findings_and_exit_1() {
    let output = check_env("SECRET_KEY=short\nnonsense\nA = b\n");
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("SECRET_KEY on line 1 has 5 characters"));
    assert!(stderr(&output).contains("stdin line 2 is not of the form KEY=value"));
    assert!(stderr(&output).contains("stdin line 3 has a space before `=`"));
}

#[test]
fn a_canary_shows_nowhere() {
    const CANARY: &str = "canary-4711";
    let inputs = [
        format!(
            "SECRET_KEY={CANARY}\nSMTP_PASSWORD='{CANARY} $$'\n{CANARY}\n{CANARY}=1\nA='{CANARY}"
        ),
        format!("{{\"SECRET_KEY\": \"{CANARY}\", \"{CANARY}!\": 1, \"B\": [\"{CANARY}\"]}}"),
        format!("{{\"SECRET_KEY\": {CANARY}}}"),
        format!("SECRET_KEY = \"{CANARY}\"\nB = {CANARY}\nC = \"{CANARY}"),
        format!("param secretKey = '{CANARY}'\nparam b = {CANARY}\n{CANARY}"),
    ];
    for input in &inputs {
        for format in ["env", "json", "toml", "bicepparam", "github"] {
            for json in [&[][..], &["--json"]] {
                let arguments = [&["check", "-", "--format", format][..], json].concat();
                let output = piped(PROGRAM, &arguments, input.as_bytes());
                let shown = stdout(&output) + &stderr(&output);
                assert!(!shown.contains("4711"), "{format}: {shown}");
            }
        }
    }
}

#[test]
fn generated_values_never_reach_stderr() {
    let directory = tempfile::tempdir().unwrap();
    let output = secrets_in(directory.path(), &["gen", "--out", "x.env"]);
    let text = fs::read_to_string(directory.path().join("x.env")).unwrap();
    let again = secrets_in(directory.path(), &["gen", "--out", "x.env"]);
    let checked = secrets_in(directory.path(), &["check", "x.env"]);
    for output in [&output, &again, &checked] {
        let shown = stdout(output) + &stderr(output);
        assert!(
            assignments(&text)
                .iter()
                .all(|(_, value)| !shown.contains(value))
        );
    }
}

#[test]
fn the_random_source_of_the_system_is_uniform_over_the_alphabet() {
    // 61 degrees of freedom: a fair source exceeds 170 about once in 10^11 runs; `byte % 62` over
    // this many characters scores several hundred.
    const VALUES: usize = 1300;
    let mut counts = [0u32; 128];
    let mut total = 0u32;
    let mut source = dify_infra_cli::secrets_command::SystemRandom;
    for _ in 0..VALUES {
        let kind = dify_infra_core::secrets::SecretKind::SecretKey;
        let value = dify_infra_core::secrets::generate(kind, &mut source).unwrap();
        for byte in secrecy::ExposeSecret::expose_secret(&value).bytes() {
            counts[usize::from(byte)] += 1;
            total += 1;
        }
    }
    let expected = f64::from(total) / 62.0;
    let alphanumeric = (0..128u8).filter(u8::is_ascii_alphanumeric);
    let deviation = |byte: u8| (f64::from(counts[usize::from(byte)]) - expected).powi(2);
    let statistic = alphanumeric.map(deviation).sum::<f64>() / expected;
    assert!(statistic < 170.0, "{statistic}");
}

#[test]
fn rotate_changes_the_named_values_alone_and_keeps_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    secrets_in(here, &["gen", "--out", "dify.secrets.env"]);
    let file = here.join("dify.secrets.env");
    let before = format!(
        "# kept by the platform team\n{}",
        fs::read_to_string(&file).unwrap()
    );
    fs::write(&file, &before).unwrap();

    let arguments = [
        "rotate",
        "dify.secrets.env",
        "sandbox-api-key",
        "POSTGRES_PASSWORD",
    ];
    let rotated = secrets_in(here, &arguments);
    assert_eq!(code(&rotated), 0, "{}", stderr(&rotated));
    let after = fs::read_to_string(&file).unwrap();
    let changed: Vec<&str> = before
        .lines()
        .zip(after.lines())
        .filter(|(one, other)| one != other)
        .map(|(one, _)| one.split('=').next().unwrap())
        .collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(changed.contains(&"SANDBOX_API_KEY") && changed.contains(&"POSTGRES_PASSWORD"));
    assert_eq!(before.lines().count(), after.lines().count());
    let previous = here.join("dify.secrets.env.previous");
    assert_eq!(fs::read_to_string(&previous).unwrap(), before);
    assert_private(&file);
    assert_private(&previous);
    assert_eq!(
        stdout(&rotated),
        "SANDBOX_API_KEY: restarts sandbox, api, worker; both sides get it in one run\n\
         POSTGRES_PASSWORD: restarts postgres, plugin-daemon, migration, api, worker, beat; the server \
         has it first: connections fail until every app has its new revision\n"
    );
    let said = format!("{}{}", stdout(&rotated), stderr(&rotated));
    let values = before
        .lines()
        .chain(after.lines())
        .filter_map(|line| line.split_once('='));
    for (name, value) in values {
        assert!(!said.contains(value), "{name} is shown");
    }
    assert_eq!(code(&secrets_in(here, &["check", "dify.secrets.env"])), 0);

    let json = secrets_in(
        here,
        &["rotate", "dify.secrets.env", "plugin-daemon-key", "--json"],
    );
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(report["rotated"][0]["restarts"][0], "plugin-daemon");
    assert_eq!(fs::read_to_string(&previous).unwrap(), after);
}

#[cfg(unix)]
fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
}

#[cfg(not(unix))]
fn assert_private(_: &Path) {}

#[test]
fn rotate_refuses_what_would_lose_data_or_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    secrets_in(
        here,
        &["gen", "secret-key", "sandbox-api-key", "--out", "a.env"],
    );
    secrets_in(here, &["gen", "--format", "json", "--out", "a.json"]);
    let before = fs::read_to_string(here.join("a.env")).unwrap();
    for (arguments, exit, part) in [
        (
            &["rotate", "a.env", "SECRET_KEY"][..],
            1,
            "stored credentials",
        ),
        (&["rotate", "a.env", "fingerprint-key"], 64, "opens nothing"),
        (
            &["rotate", "a.env", "postgres-password"],
            1,
            "has no POSTGRES_PASSWORD",
        ),
        (&["rotate", "a.env", "sandbox"], 64, "did you mean"),
        (&["rotate", "a.env"], 64, "NAME"),
        (&["rotate", "a.json", "sandbox-api-key"], 1, "an env file"),
        (
            &["rotate", "missing.env", "sandbox-api-key"],
            1,
            "could not be read",
        ),
    ] {
        let output = secrets_in(here, arguments);
        assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(part),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    assert_eq!(fs::read_to_string(here.join("a.env")).unwrap(), before);
    assert!(!here.join("a.env.previous").exists());
    let forced = secrets_in(here, &["rotate", "a.env", "SECRET_KEY", "--force"]);
    assert_eq!(code(&forced), 0, "{}", stderr(&forced));
    assert_ne!(fs::read_to_string(here.join("a.env")).unwrap(), before);
}
