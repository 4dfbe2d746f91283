//! `dify-infra audit` as people run it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dify-infra"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("AZURE_SUBSCRIPTION_ID")
        .output()
        .unwrap()
}

const PROFILES: [&str; 2] = ["dev", "prod"];

fn deployment(directory: &Path) {
    profile(directory, "dev");
}

fn profile(directory: &Path, profile: &str) {
    let text = format!(
        "name = \"dify\"\nenvironment = \"{profile}\"\nlocation = \"japaneast\"\n\n\
         [azure]\nresource_group = \"dify-{profile}-rg\"\n"
    );
    std::fs::write(directory.join("dify.toml"), text).unwrap();
}

/// Errors and warnings of an audit as JSON.
fn pressing(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    let findings = report["findings"].as_array().unwrap().clone();
    findings
        .into_iter()
        .filter(|it| it["severity"] != "note")
        .collect()
}

#[test]
fn our_own_templates_audit_clean() {
    for name in PROFILES {
        template_is_clean(name);
    }
}

fn template_is_clean(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    profile(directory.path(), name);
    let rendered = run(directory.path(), &["render", "--to", "arm"]);
    assert!(
        rendered.status.success(),
        "{}",
        String::from_utf8_lossy(&rendered.stderr)
    );
    std::fs::write(directory.path().join("main.json"), &rendered.stdout).unwrap();
    let audited = run(directory.path(), &["audit", "--arm", "main.json", "--json"]);
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    assert_eq!(audited.status.code(), Some(0));
}

#[test]
fn our_own_compose_projects_audit_clean() {
    for name in PROFILES {
        project_is_clean(name);
    }
}

fn project_is_clean(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    profile(directory.path(), name);
    let rendered = run(
        directory.path(),
        &["render", "--to", "compose", "--out", "compose"],
    );
    assert!(
        rendered.status.success(),
        "{}",
        String::from_utf8_lossy(&rendered.stderr)
    );
    let audited = run(
        directory.path(),
        &["audit", "--compose", "compose", "--json"],
    );
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    assert_eq!(audited.status.code(), Some(0));
}

#[test]
fn a_broken_folder_ends_with_a_table_and_exit_code_3() {
    let directory = tempfile::tempdir().unwrap();
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
                SECRET_KEY: ${SECRET_KEY:-sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U}\n";
    std::fs::write(directory.path().join("docker-compose.yaml"), text).unwrap();
    let audited = run(directory.path(), &["audit", "--compose", "."]);
    // The report is data: `audit … > report.txt` keeps it.
    let shown = String::from_utf8_lossy(&audited.stdout).into_owned();
    assert_eq!(audited.status.code(), Some(3), "{shown}");
    assert!(shown.contains("error[KEY105]"), "{shown}");
    assert!(shown.contains("--> docker-compose.yaml:5:7"), "{shown}");
    let table = shown
        .lines()
        .find(|line| line.starts_with("error  "))
        .unwrap_or_default();
    assert!(table.contains("KEY105"), "{shown}");
    assert!(!shown.contains("sk-9f73"), "{shown}");
    let said = String::from_utf8_lossy(&audited.stderr).into_owned();
    assert!(
        said.starts_with("hint: ") && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn what_is_no_template_and_what_is_no_folder_are_sentences() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("x.json"), "{").unwrap();
    for (arguments, expected) in [
        (["audit", "--arm", "x.json"], "is not valid JSON"),
        (
            ["audit", "--arm", "none.json"],
            "there is no ARM template none.json",
        ),
        (["audit", "--compose", "."], "no compose file"),
    ] {
        let output = run(directory.path(), &arguments);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
    let usage = run(directory.path(), &["audit"]);
    assert_eq!(usage.status.code(), Some(64));
}

#[test]
fn a_live_group_is_judged_by_the_same_rules() {
    let directory = tempfile::tempdir().unwrap();
    deployment(directory.path());
    let target = ["--target", "embedded", "--time-scale", "100000"];
    let mut apply = vec!["apply", "--yes", "--quiet"];
    apply.extend(target);
    let applied = run(directory.path(), &apply);
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let mut audit = vec!["audit", "--resource-group", "dify-dev-rg", "--json"];
    audit.extend(target);
    let audited = run(directory.path(), &audit);
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    let report: Value = serde_json::from_slice(&audited.stdout).unwrap();
    assert_eq!(report["recognised"], 10, "{report}");
    let canary = std::fs::read_to_string(directory.path().join("dify-dev.secrets.env")).unwrap();
    let secret = canary
        .lines()
        .find_map(|line| line.strip_prefix("SECRET_KEY="))
        .unwrap();
    assert!(!String::from_utf8_lossy(&audited.stdout).contains(secret));
    audit.retain(|it| *it != "--json");
    audit.push("--emit");
    let emitted = run(directory.path(), &audit);
    std::fs::write(directory.path().join("emitted.toml"), &emitted.stdout).unwrap();
    let check = run(directory.path(), &["check", "emitted.toml"]);
    let text = String::from_utf8(emitted.stdout).unwrap();
    assert_eq!(check.status.code(), Some(0), "{text}");
    assert!(text.contains("resource_group = \"dify-dev-rg\""), "{text}");
    assert!(!text.contains(secret));
}

/// The deployment files of `examples/`, each in a directory of its own.
fn examples() -> Vec<(String, tempfile::TempDir)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut examples = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "toml") || path.ends_with("Cargo.toml") {
            continue;
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::copy(&path, directory.path().join("dify.toml")).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        examples.push((name, directory));
    }
    assert!(examples.len() >= 10, "{}", examples.len());
    examples.sort_by(|one, other| one.0.cmp(&other.0));
    examples
}

/// Gives a value to every secret that only a person can give.
fn give_secrets(directory: &Path) {
    let text = std::fs::read_to_string(directory.join("dify.toml")).unwrap();
    let resolved = dify_infra_core::check::check_file(&text).unwrap();
    let file = format!("{}.secrets.env", resolved.deployment.prefix());
    let made = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
        .args(["gen", "--out", &file])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let mut values = std::fs::read_to_string(directory.join(&file)).unwrap();
    for after in text.split("secret = \"").skip(1) {
        let name = after
            .split('"')
            .next()
            .unwrap()
            .to_uppercase()
            .replace('-', "_");
        if !values.contains(&format!("{name}=")) {
            values += &name;
            values += "=Vq7mZ2vX9cR4tY8wB3nK6pL1sD5f\n";
        }
    }
    std::fs::write(directory.join(&file), values).unwrap();
}

/// The rules that a file allows, with its reasons.
fn allowed(directory: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(directory.join("dify.toml")).unwrap();
    let resolved = dify_infra_core::check::check_file(&text).unwrap();
    let rules = resolved.deployment.allowed_rules().iter();
    rules.map(|it| it.rule.clone()).collect()
}

/// Errors and warnings that the file does not allow.
fn alarms(directory: &Path, output: &Output) -> Vec<String> {
    let allowed = allowed(directory);
    let found = pressing(output);
    let is_alarm = |it: &&Value| !allowed.iter().any(|id| it["code"] == **id);
    found
        .iter()
        .filter(is_alarm)
        .map(ToString::to_string)
        .collect()
}

#[test]
fn no_example_gives_a_false_alarm_as_a_template_or_as_a_project() {
    let mut alarm = Vec::new();
    for (name, directory) in examples() {
        let at = directory.path();
        give_secrets(at);
        let rendered = run(at, &["render", "--to", "arm"]);
        assert!(rendered.status.success(), "{name}");
        std::fs::write(at.join("main.json"), &rendered.stdout).unwrap();
        let audited = run(at, &["audit", "--arm", "main.json", "--emit", "--json"]);
        for found in alarms(at, &audited) {
            alarm.push(format!("{name} as a template: {found}"));
        }
        let report: Value = serde_json::from_slice(&audited.stdout).unwrap();
        let emitted = report["emitted"].as_str().unwrap();
        std::fs::write(at.join("emitted.toml"), emitted).unwrap();
        let check = run(at, &["check", "emitted.toml"]);
        assert_eq!(check.status.code(), Some(0), "{name}: {emitted}");

        let rendered = run(at, &["render", "--to", "compose", "--out", "compose"]);
        assert!(
            rendered.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&rendered.stderr)
        );
        let audited = run(at, &["audit", "--compose", "compose", "--json"]);
        for found in alarms(at, &audited) {
            alarm.push(format!("{name} as a project: {found}"));
        }
    }
    assert!(alarm.is_empty(), "{alarm:#?}");
}

#[test]
fn findings_of_check_and_of_audit_are_one_kind_of_object() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    deployment(at);
    let file = std::fs::read_to_string(at.join("dify.toml")).unwrap();
    let broken = "\n[services.api.env]\nCODE_EXECUTION_ENDPOINT = \"http://dify-dev-sandbox:9999\"\n\
                  HTTP_REQUEST_MAX_READ_TIMEOUT = \"7200\"\n";
    std::fs::write(at.join("broken.toml"), format!("{file}{broken}")).unwrap();
    std::fs::write(at.join("docker-compose.yaml"), API).unwrap();
    let template =
        "{\"resources\": [{\"type\": \"Microsoft.App/containerApps\", \"name\": \"dify_web\"}]}";
    std::fs::write(at.join("main.json"), template).unwrap();
    for (arguments, list, document) in [
        (
            &["check", "broken.toml", "--json"][..],
            "diagnostics",
            "broken.toml",
        ),
        (
            &["audit", "--compose", ".", "--json"],
            "findings",
            "docker-compose.yaml",
        ),
        (
            &["audit", "--arm", "main.json", "--json"],
            "findings",
            "main.json",
        ),
    ] {
        let output = run(at, arguments);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = report[list].as_array().unwrap();
        assert!(!findings.is_empty(), "{report}");
        for finding in findings {
            let mut keys: Vec<&str> = finding
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            keys.retain(|key| *key != "related");
            keys.sort_unstable();
            let all = [
                "code", "document", "help", "message", "path", "severity", "span",
            ];
            assert_eq!(keys, all, "{finding}");
            assert_eq!(finding["document"], document, "{finding}");
            let related = finding["related"].as_array().into_iter().flatten();
            for place in std::iter::once(finding).chain(related) {
                let span = &place["span"];
                let is_span = span["line"].is_u64() && span["column"].is_u64();
                assert!(span.is_null() || is_span, "{finding}");
                assert!(
                    place["path"].is_string() && place["document"].is_string(),
                    "{finding}"
                );
            }
        }
        assert!(
            findings.iter().any(|it| it["span"]["line"].is_u64()),
            "{report}"
        );
    }
}

#[test]
fn a_repaired_file_is_on_stdout_and_the_findings_on_stderr() {
    let directory = tempfile::tempdir().unwrap();
    let compose = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
                   SECRET_KEY: sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U\n      LOG_LEVEL: DEBUG\n";
    std::fs::write(directory.path().join("compose.yaml"), compose).unwrap();
    let emitted = run(directory.path(), &["audit", "--compose", ".", "--emit"]);
    assert_eq!(emitted.status.code(), Some(3));
    let text = String::from_utf8(emitted.stdout).unwrap();
    assert!(
        text.contains("LOG_LEVEL = \"DEBUG\"") && !text.contains("sk-9f73"),
        "{text}"
    );
    std::fs::write(directory.path().join("dify.toml"), text).unwrap();
    assert_eq!(run(directory.path(), &["check"]).status.code(), Some(0));
}

const API: &str = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n";

/// How a run ended, and what it said on stderr.
fn said(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(directory, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_compose_file_is_named_by_its_bare_name_too() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("docker-compose.yaml"), API).unwrap();
    std::fs::write(directory.path().join(".env"), "A=1\n").unwrap();
    for path in ["docker-compose.yaml", "./docker-compose.yaml", "."] {
        let output = run(directory.path(), &["audit", "--compose", path, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{path}: {}", String::from_utf8_lossy(&output.stderr));
        });
        assert_eq!(report["recognised"], 1, "{path}: {report}");
    }
}

#[test]
fn a_file_of_variables_that_compose_refuses_is_no_missing_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("docker-compose.yaml"), API).unwrap();
    let env = directory.path().join(".env");
    for (bytes, expected) in [
        (
            b"A=1\nB=\xff\xfe\n".as_slice(),
            "it is not UTF-8 text from byte",
        ),
        (b"A=1\nBAD canary HERE\n", ".env:2: a name has a space"),
        (
            b"A=1\n\nB=\"canary\n",
            ".env:3: a value begins with a quote that nothing ends",
        ),
    ] {
        std::fs::write(&env, bytes).unwrap();
        let (code, said) = said(directory.path(), &["audit", "--compose", "."]);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains(expected) && !said.contains("canary"),
            "{said}"
        );
    }
    std::fs::remove_file(&env).unwrap();
    std::fs::write(directory.path().join("other"), "BAD canary HERE\n").unwrap();
    #[cfg(unix)]
    {
        // Compose follows a link to the variables of a stage.
        std::os::unix::fs::symlink("other", &env).unwrap();
        let (code, said) = said(directory.path(), &["audit", "--compose", "."]);
        assert_eq!(code, Some(1), "{said}");
    }
}

#[test]
fn nothing_of_dify_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let text = "services:\n  db:\n    image: postgres:15\n";
    std::fs::write(directory.path().join("compose.yaml"), text).unwrap();
    std::fs::write(directory.path().join("main.json"), "{\"resources\": []}").unwrap();
    for source in [["--compose", "."], ["--arm", "main.json"]] {
        for json in [&[][..], &["--json"]] {
            let arguments = [&["audit"][..], &source, json].concat();
            let (code, said) = said(directory.path(), &arguments);
            assert_eq!(code, Some(1), "{said}");
            let expected = format!("nothing in {} was recognised as a part of Dify", source[1]);
            assert!(said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn files_for_other_tools_lead_on() {
    let directory = tempfile::tempdir().unwrap();
    let bicep =
        "param location string\nresource a 'Microsoft.App/containerApps@2024-03-01' = {\n}\n";
    let terraform = "resource \"azurerm_container_app\" \"api\" {\n}\n";
    let plan = "{\"format_version\": \"1.2\", \"terraform_version\": \"1.9\"}";
    for (name, text, expected) in [
        (
            "main.bicep",
            bicep,
            "az bicep build --file main.bicep --stdout",
        ),
        (
            "bicep.txt",
            bicep,
            "az bicep build --file bicep.txt --stdout",
        ),
        ("main.tf", terraform, "dify-infra audit --resource-group"),
        ("plan.json", plan, "dify-infra audit --resource-group"),
        (
            "x.bicepparam",
            "using './main.bicep'\n",
            "az bicep build-params",
        ),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
        let (code, said) = said(directory.path(), &["audit", "--arm", name]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
}

#[test]
fn template_or_parameters_come_from_stdin() {
    use std::io::Write as _;
    use std::process::Stdio;

    let directory = tempfile::tempdir().unwrap();
    let template = r#"{"parameters": {"image": {"type": "string"}}, "resources": [
        {"type": "Microsoft.App/containerApps", "name": "api", "properties": {"template": {
            "containers": [{"name": "api", "image": "[parameters('image')]"}]}}}]}"#;
    let parameters = r#"{"parameters": {"image": {"value": "langgenius/dify-api:1.16.0"}}}"#;
    std::fs::write(directory.path().join("t.json"), template).unwrap();
    std::fs::write(directory.path().join("p.json"), parameters).unwrap();
    let piped = |arguments: &[&str], text: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dify-infra"))
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    for (arm, parameters_file, text) in [("-", "p.json", template), ("t.json", "-", parameters)] {
        let arguments = [
            "audit",
            "--json",
            "--arm",
            arm,
            "--parameters",
            parameters_file,
        ];
        let output = piped(&arguments, text);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        });
        assert_eq!(report["recognised"], 1, "{report}");
    }
    let both = ["audit", "--arm", "-", "--parameters", "-"];
    let (code, said) = said(directory.path(), &both);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("is read from stdin already"), "{said}");
}

#[test]
#[cfg(unix)]
fn files_without_an_end_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    deployment(directory.path());
    std::fs::write(directory.path().join("t.json"), "{\"resources\": []}").unwrap();
    for arguments in [
        &["audit", "--arm", "/dev/zero"][..],
        &["audit", "--arm", "t.json", "--parameters", "/dev/zero"],
        &["audit", "--compose", "/dev/zero"],
        &["apply", "--plan", "/dev/zero", "--target", "embedded"],
        &["plan", "--secrets", "/dev/zero", "--target", "embedded"],
    ] {
        let (code, said) = said(directory.path(), arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains("16 MiB"), "{arguments:?}: {said}");
    }
}

#[test]
fn flags_that_can_have_no_effect_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("docker-compose.yaml"), API).unwrap();
    for arguments in [
        &["audit", "--compose", ".", "--parameters", "x"][..],
        &["audit", "--resource-group", "rg", "--parameters", "x"],
        &["audit", "--arm", "x", "--profile", "y"],
        &["audit", "--resource-group", "bad name!"],
    ] {
        let (code, said) = said(directory.path(), arguments);
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
    }
    let (code, said) = said(
        directory.path(),
        &["audit", "--compose", ".", "--profile", "nope"],
    );
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no service has the profile `nope`"), "{said}");
}

#[test]
fn a_proxy_is_shown_with_what_becomes_of_destinations_and_the_line_that_decides() {
    let directory = tempfile::tempdir().unwrap();
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n  ssrf_proxy:\n    \
                image: ubuntu/squid:6.6-24.04_edge\n    volumes: [\"./squid.conf:/etc/squid/squid.conf\"]\n";
    let squid = "http_port 3128\nacl near src all\nacl private dst 10.0.0.0/8\n\
                 http_access allow near\nhttp_access deny private\n";
    std::fs::write(directory.path().join("docker-compose.yaml"), text).unwrap();
    std::fs::write(directory.path().join("squid.conf"), squid).unwrap();
    let output = run(directory.path(), &["audit", "--compose", "."]);
    let shown = String::from_utf8_lossy(&output.stdout);
    let line = |destination: &str| {
        let of_it = shown
            .lines()
            .find(|it| it.trim_start().starts_with(destination));
        of_it
            .unwrap_or_else(|| panic!("{destination}: {shown}"))
            .to_owned()
    };
    assert!(shown.contains("proxy policy of squid.conf:\n"), "{shown}");
    let metadata = line("metadata service  ");
    let expected =
        "allowed, and should be refused  line 4: http_access allow near  for every client";
    assert!(metadata.ends_with(expected), "{metadata}");
    assert!(shown.contains("are treated as they should be: -v shows them"));
    let of_public = |shown: &str| {
        let lines = shown.lines();
        lines
            .filter(|it| it.contains("public host, https  "))
            .count()
    };
    let before = of_public(&shown);
    let output = run(directory.path(), &["audit", "--compose", ".", "-v"]);
    let all = String::from_utf8_lossy(&output.stdout);
    assert_eq!((before, of_public(&all)), (1, 2), "{all}");
    assert!(!all.contains("-v shows them"));
    let output = run(directory.path(), &["audit", "--compose", ".", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["proxies"][0]["document"], "squid.conf");
    let requests = json["proxies"][0]["requests"].as_array().unwrap();
    let of_docker = |it: &&Value| it["client"] == "Docker, 172.16/12";
    let of = |destination: &str| {
        let mut all = requests.iter().filter(of_docker);
        all.find(|it| it["destination"] == destination).unwrap()
    };
    assert_eq!(of("10/8")["line"], 4);
    assert_eq!(of("10/8")["expected"], "refused");
    assert_eq!(of("public host, http")["expected"], "passes");
    assert_eq!(of("10/8")["decision"], of("public host, http")["decision"]);
}
