//! What `check` finds, and that it shows no value.

use std::fs;

use crate::{PROGRAM, assignments, check_env, code, piped, secrets, secrets_in, stderr, stdout};

#[test]
fn every_format_passes_check() {
    for format in ["env", "json", "toml", "bicepparam", "github"] {
        let made = secrets(&["gen", "--format", format]);
        // On stdin the first line tells the format, too.
        for arguments in [&["check", "-", "--format", format][..], &["check", "-"]] {
            let output = piped(PROGRAM, arguments, &made.stdout);
            assert_eq!(code(&output), 0, "{format}: {}", stderr(&output));
            assert_eq!(stdout(&output), "", "{format}");
            assert!(stderr(&output).contains("7 secrets, 0 errors, 0 warnings"));
        }
    }
}

#[test]
fn check_refuses_every_published_value() {
    let values = include_str!("../data/published-values.json");
    let values: Vec<String> = serde_json::from_str(values).unwrap();
    assert!(values.len() >= 50);
    let list = include_str!("../../../dify-infra-core/data/published-secrets.json");
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
fn check_finds_what_two_environments_share() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for name in ["dev.secrets.env", "prod.secrets.env"] {
        let made = secrets_in(directory.path(), &["gen", "--out", name]);
        assert_eq!(code(&made), 0, "{}", stderr(&made));
    }
    let both = ["check", "dev.secrets.env", "prod.secrets.env"];
    let apart = secrets_in(directory.path(), &both);
    assert_eq!(code(&apart), 0, "{}{}", stdout(&apart), stderr(&apart));
    let dev = fs::read_to_string(at("dev.secrets.env")).unwrap();
    let value = assignments(&dev)
        .into_iter()
        .find(|(name, _)| *name == "SECRET_KEY")
        .unwrap()
        .1;
    let prod = fs::read_to_string(at("prod.secrets.env")).unwrap();
    let prod: String = prod
        .lines()
        .map(|line| match line.strip_prefix("SECRET_KEY=") {
            Some(_) => format!("SECRET_KEY={value}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    fs::write(at("prod.secrets.env"), prod).unwrap();
    let shared = secrets_in(directory.path(), &both);
    assert_eq!(code(&shared), 3, "{}", stderr(&shared));
    assert!(stderr(&shared).ends_with("1 value in more than one file: 1 error\n"));
    let report = stdout(&shared);
    assert!(
        report.contains("of dev.secrets.env has the same value as SECRET_KEY on line")
            && report.contains("dify-secrets rotate prod.secrets.env SECRET_KEY"),
        "{report}"
    );
    assert!(!report.contains(value), "a value is shown");
    let json = secrets_in(directory.path(), &[&both[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["files"].as_array().unwrap().len(), 2);
    assert_eq!(report["shared"][0]["other_secret"], "SECRET_KEY");
    assert_eq!(report["shared"].as_array().unwrap().len(), 1);
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
        ("binary.env", "not UTF-8"),
        ("empty.env", "holds no secrets"),
        ("large.env", "larger than 1 MiB"),
        ("broken.json", "broken.json line 1 is not valid JSON"),
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
