//! What `gen` writes, and what a shell makes of it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::{ENV_KEYS, PROGRAM, assignments, code, secrets, secrets_in, shell, stderr, stdout};

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
fn bicepparam_names_its_template() {
    let output = secrets(&["gen", "--format", "bicepparam", "--using", "main.bicep"]);
    assert!(stdout(&output).starts_with("using 'main.bicep'\n\nparam fingerprintKey = '"));
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
