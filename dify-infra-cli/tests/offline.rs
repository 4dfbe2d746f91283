//! Whole runs of the binary for the commands that ask Azure nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const MINIMAL: &str = "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\n\
    location = \"japaneast\"\ndify = \"1.16.0\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the binary in a directory, with nothing of this machine's settings.
fn run(directory: &Path, arguments: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_dify-infra"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap();
    Ran {
        code: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn with_file(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("dify.toml"), text).unwrap();
    directory
}

#[test]
fn what_init_writes_passes_check() {
    let directory = tempfile::tempdir().unwrap();
    let init = run(directory.path(), &["init"]);
    assert_eq!((init.code, init.stderr.as_str()), (Some(0), ""));
    fs::write(directory.path().join("dify.toml"), &init.stdout).unwrap();
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    assert!(!check.stdout.contains("error"), "{}", check.stdout);
}

#[test]
fn check_shows_every_problem_at_once_with_its_place() {
    let directory = with_file(
        &MINIMAL
            .replace("location", "locaton")
            .replace("resource_group", "resource_grup"),
    );
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, Some(3), "{}", check.stderr);
    for part in [
        "dify.toml:4:1",
        "dify.toml:8:1",
        "locaton",
        "`location`",
        "error[",
        " errors",
    ] {
        assert!(
            check.stdout.contains(part),
            "{part} is not in\n{}",
            check.stdout
        );
    }
    assert!(!check.stderr.contains("error"), "{}", check.stderr);
    assert!(
        !check.stdout.contains('\u{1b}'),
        "there is colour without a terminal"
    );
    let quiet = run(directory.path(), &["check", "--quiet"]);
    assert_eq!(quiet.stdout, check.stdout);
    assert_eq!(quiet.stderr, "");
    let coloured = run(directory.path(), &["check", "--color", "always"]);
    assert!(coloured.stdout.contains('\u{1b}'), "{}", coloured.stdout);
}

#[test]
fn check_as_json_has_code_severity_path_and_span() {
    let directory = with_file(&MINIMAL.replace("location", "locaton"));
    let check = run(directory.path(), &["check", "--json"]);
    assert_eq!((check.code, check.stderr.as_str()), (Some(3), ""));
    let report: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!(report["format"], 1);
    let all = report["diagnostics"].as_array().unwrap();
    let first = all.iter().find(|one| one["path"] == "locaton").unwrap();
    assert_eq!(first["severity"], "error");
    assert_eq!(
        (&first["span"]["line"], &first["span"]["column"]),
        (&4.into(), &1.into())
    );
    assert!(
        first["code"].is_string() && first["message"].is_string(),
        "{first}"
    );
}

#[test]
fn several_files_are_checked_at_once_and_each_has_its_answer() {
    let directory = with_file(MINIMAL);
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    write("twin.toml", &MINIMAL.replace("\"dify\"", "\"twin\""));
    write("wrong.toml", &MINIMAL.replace("location", "locaton"));
    let good = run(directory.path(), &["check", "dify.toml", "twin.toml"]);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    assert!(
        good.stderr.contains("2 files: none with errors"),
        "{}",
        good.stderr
    );
    let all = ["check", "wrong.toml", "absent.toml", "dify.toml"];
    let mixed = run(directory.path(), &all);
    assert_eq!(mixed.code, Some(3), "{}", mixed.stderr);
    assert!(mixed.stdout.contains("wrong.toml:"), "{}", mixed.stdout);
    for part in [
        "there is no deployment file absent.toml",
        "3 files: 1 with errors, 1 can't be read",
    ] {
        assert!(
            mixed.stderr.contains(part),
            "{part:?} is not in {}",
            mixed.stderr
        );
    }
    let absent = run(directory.path(), &["check", "absent.toml", "dify.toml"]);
    assert_eq!(absent.code, Some(1), "{}", absent.stderr);
    let json = run(directory.path(), &[&all[..], &["--json"]].concat());
    assert_eq!((json.code, json.stderr.as_str()), (Some(3), ""));
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    let of = |name: &str| files.iter().find(|it| it["file"] == name).unwrap();
    assert!(
        !of("wrong.toml")["diagnostics"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert!(of("absent.toml")["error"].is_string());
    assert!(of("dify.toml")["error"].is_null());
}

#[test]
fn no_output_of_a_finding_shows_a_secret_that_stands_in_the_file() {
    let directory = with_file(&format!(
        "{MINIMAL}\n[public]\norigin = \"https://user:hunter2canary@dify.example.com\"\n\n\
         [services.api.env]\nSMTP_PASSWORD = \"hunter2canary\"\n\
         CODE_EXECUTION_API_KEY = \"hunter2canary\"\nCUSTOM_TOKEN = [\"hunter2canary\"]\n"
    ));
    let broken = with_file(&format!("{MINIMAL}[a]\nSMTP_PASSWORD = hunter2canary\n"));
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["check", "-vv"],
        &["plan", "--target", "embedded"],
        &["plan", "--target", "embedded", "--json"],
        &["render", "--to", "env"],
        &["graph"],
    ] {
        for directory in [&directory, &broken] {
            let ran = run(directory.path(), arguments);
            assert_eq!(ran.code, Some(3), "{arguments:?}: {}", ran.stderr);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(!all.contains("canary"), "{arguments:?}: {all}");
        }
    }
    let shown = run(directory.path(), &["check"]).stdout;
    let place = "SMTP_PASSWORD = \"*************\"\n   |                 ^^^^^^^^^^^^^^^";
    assert!(shown.contains(place), "{shown}");
}

#[test]
fn a_missing_file_is_a_sentence_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, Some(1));
    assert_eq!(
        check.stderr,
        "error: there is no deployment file dify.toml\n\
         hint: write one with `dify-infra init > dify.toml`, or name yours\n"
    );
}

#[test]
fn explain_tells_a_rule_and_lists_all() {
    let directory = tempfile::tempdir().unwrap();
    let list = run(directory.path(), &["explain"]);
    assert_eq!(list.code, Some(0));
    let id = list.stdout.split_whitespace().next().unwrap();
    let one = run(directory.path(), &["explain", &id.to_lowercase()]);
    assert_eq!(one.code, Some(0), "{}", one.stderr);
    assert!(
        one.stdout.contains(id) && one.stdout.contains("why:"),
        "{}",
        one.stdout
    );
    let misspelt = format!("{}Z", &id[..id.len() - 1]);
    let wrong = run(directory.path(), &["explain", &misspelt]);
    assert_eq!(wrong.code, Some(64));
    assert!(wrong.stderr.contains("did you mean"), "{}", wrong.stderr);
    let json = run(directory.path(), &["explain", id, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["format"], &json["id"]), (&1.into(), &id.into()));
}

#[test]
fn wrong_usage_exits_with_64() {
    let directory = with_file(MINIMAL);
    for arguments in [
        &["frobnicate"][..],
        &["plan", "--max-parallel", "2"],
        &["check", "--quiet", "--verbose"],
        &["render", "--to", "bicep"],
        &["graph", "--subscription", "mine"],
        &["apply", "--time-scale", "0"],
        &["init", "--location", "japan east!"],
        &["init", "--json"],
        &["graph", "--json"],
        &["render", "--to", "nginx", "--json"],
        &["explain", "LIM999"],
        &["explain", "LIM999", "--json"],
        &["upgrade", "--to", "9.9.9"],
        &["emulate", "--listen", "0.0.0.0:0"],
        &["emulate", "--listen", "nonsense"],
        &["render", "--to", "compose", "--force"],
        &["plan", "--output", "plan.json"],
    ] {
        let ran = run(directory.path(), arguments);
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn renders_what_apply_would_use() {
    let directory = with_file(MINIMAL);
    let nginx = run(
        directory.path(),
        &["render", "--to", "nginx", "--out", "out"],
    );
    assert_eq!(nginx.code, Some(0), "{}", nginx.stderr);
    let file = fs::read_to_string(directory.path().join("out/nginx.conf")).unwrap();
    assert!(file.contains("dify-dev-api"), "{file}");
    assert!(directory.path().join("out/start-nginx.sh").exists());
    let squid = run(directory.path(), &["render", "--to", "squid"]);
    assert!(
        squid.stdout.contains("http_access deny"),
        "{}",
        squid.stdout
    );
}

#[test]
fn environments_name_secrets_and_never_hold_one() {
    let directory = with_file(MINIMAL);
    let env = run(directory.path(), &["render", "--to", "env"]);
    assert_eq!(env.code, Some(0), "{}", env.stderr);
    assert!(
        env.stdout.contains("# ---- dify-dev-api.env ----"),
        "{}",
        env.stdout
    );
    assert!(
        env.stdout
            .contains("CODE_EXECUTION_API_KEY=${secret:sandbox-api-key}")
    );
    assert!(
        env.stdout
            .contains("DB_HOST='${output:dify-dev-postgres-<suffix>/properties/")
    );
}

#[test]
fn the_arm_template_takes_secrets_and_the_suffix_as_parameters() {
    let directory = with_file(MINIMAL);
    let arm = run(directory.path(), &["render", "--to", "arm"]);
    assert_eq!(arm.code, Some(0), "{}", arm.stderr);
    let template: serde_json::Value = serde_json::from_str(&arm.stdout).unwrap();
    assert_eq!(
        template["parameters"]["postgresPassword"]["type"],
        "secureString"
    );
    assert_eq!(template["parameters"]["suffix"]["type"], "string");
    assert!(!arm.stdout.contains("$text") && !arm.stdout.contains("<suffix>"));
    let id = "11111111-1111-4111-8111-111111111111";
    let named = run(
        directory.path(),
        &["render", "--to", "arm", "--subscription", id],
    );
    let template: serde_json::Value = serde_json::from_str(&named.stdout).unwrap();
    assert_eq!(template["parameters"]["suffix"], serde_json::Value::Null);
}

#[test]
fn draws_the_graph_in_both_languages() {
    let directory = with_file(MINIMAL);
    let mermaid = run(directory.path(), &["graph"]);
    assert!(
        mermaid.stdout.starts_with("flowchart LR\n"),
        "{}",
        mermaid.stderr
    );
    let dot = run(directory.path(), &["graph", "--format", "dot"]);
    assert!(
        dot.stdout.starts_with("digraph deployment {\n"),
        "{}",
        dot.stderr
    );
}

#[test]
fn two_subscriptions_are_refused() {
    let id = |digit: &str| "11111111-1111-4111-8111-111111111111".replace('1', digit);
    let file = format!("{MINIMAL}subscription = \"{}\"\n", id("1"));
    let directory = with_file(&file);
    let ran = run(directory.path(), &["graph", "--subscription", &id("2")]);
    assert_eq!(ran.code, Some(64), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the deployment file says"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let directory = with_file(MINIMAL);
    let binary = env!("CARGO_BIN_EXE_dify-infra");
    let script = format!("set -o pipefail; '{binary}' explain | head -n 1 > /dev/null");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(directory.path())
        .output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn route_says_who_answers_a_url_and_why() {
    let directory = with_file(&format!(
        "{MINIMAL}\n[public]\norigin = \"https://dify.example.com\"\n"
    ));
    let route = run(
        directory.path(),
        &["route", "https://dify.example.com/v1/chat-messages"],
    );
    assert_eq!(route.code, Some(0), "{}", route.stderr);
    for part in [
        "api: app dify-dev-api, port 5001",
        "`/v1` is the longest prefix of `/v1/chat-messages`",
        "`/v1` is longer",
        "a body up to 100 MiB",
        "X-Forwarded-Proto: https",
    ] {
        assert!(route.stdout.contains(part), "{part}:\n{}", route.stdout);
    }
    let json = run(directory.path(), &["route", "dify.toml", "/e", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["format"], 1);
    assert_eq!(report["answer"]["kind"], "redirect");
    assert_eq!(report["answer"]["to"], "/e/");
}

#[test]
fn route_answers_a_path_of_a_deployment_without_an_origin() {
    let directory = with_file(MINIMAL);
    let socket = run(directory.path(), &["route", "wss://x.example/socket.io/"]);
    assert_eq!(socket.code, Some(0), "{}", socket.stderr);
    assert!(
        socket.stdout.contains("Upgrade: websocket"),
        "{}",
        socket.stdout
    );
    let route = run(directory.path(), &["route", "/v1/chat-messages"]);
    assert_eq!(route.code, Some(0), "{}", route.stderr);
    for part in ["api: app dify-dev-api, port 5001", "Host: <front door>"] {
        assert!(route.stdout.contains(part), "{part}:\n{}", route.stdout);
    }
}

#[test]
fn a_mistake_in_a_route_is_shown_where_it_is() {
    let directory = with_file(&format!(
        "{MINIMAL}\n[[routes]]\npath = \"hooks\"\nservice = \"api\"\n"
    ));
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, Some(3), "{}", check.stderr);
    assert!(
        check.stdout.contains("path = \"hooks\"\n"),
        "{}",
        check.stdout
    );
}

#[test]
fn a_file_without_an_end_is_refused() {
    let directory = with_file(MINIMAL);
    for arguments in [
        &["check", "/dev/zero"][..],
        &["check", "--squid", "/dev/zero"],
    ] {
        let check = run(directory.path(), arguments);
        assert_eq!(check.code, Some(1), "{}", check.stderr);
        let refused = "/dev/zero has more than 16 MiB, so it is not a ";
        assert!(check.stderr.contains(refused), "{}", check.stderr);
    }
}

#[test]
fn check_squid_says_what_a_file_lets_through_and_which_line_decides() {
    let directory = with_file(MINIMAL);
    let file = directory.path().join("squid.conf");
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let arguments = [&["check", "--squid", "squid.conf"][..], more].concat();
        run(directory.path(), &arguments)
    };
    let open = "http_port 3128\nsnmp_community hunter2canary\nacl near src 10.0.0.0/8\n\
                http_access allow near\n";
    let bad = check(open, &[]);
    assert_eq!(bad.code, Some(3), "{}", bad.stderr);
    let metadata = "http://169.254.169.254/metadata/instance";
    assert!(
        bad.stdout
            .lines()
            .any(|line| line.contains(metadata) && line.contains("line 4: http_access allow near")),
        "{}",
        bad.stdout
    );
    assert!(bad.stdout.contains("error[SSR005]"), "{}", bad.stdout);
    assert!(bad.stdout.contains("squid.conf:4:1"), "{}", bad.stdout);
    let json = check(open, &["--json"]);
    assert_eq!(json.code, Some(3));
    for said in [&bad.stdout, &bad.stderr, &json.stdout, &json.stderr] {
        assert!(!said.contains("hunter2canary"), "{said}");
    }
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["format"], 1);
    assert_eq!(report["starts"], true);
    let rows = report["requests"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["target"] == metadata
            && row["decision"] == "allowed"
            && row["line"] == 4),
        "{}",
        json.stdout
    );

    let ours = run(directory.path(), &["render", "--to", "squid"]).stdout;
    let good = check(&ours, &[]);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    assert!(good.stderr.contains("no findings"), "{}", good.stderr);
    let gap = ours.replace(" dst 10.0.0.0/8", " dst 10.0.0.0/9");
    let json = check(&gap, &["--json"]);
    assert_eq!(json.code, Some(3), "{}", json.stderr);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["open_ranges"][0]["first"], "10.128.0.0");
    assert_eq!(report["open_ranges"][0]["last"], "10.255.255.255");
    let empty = check("", &[]);
    assert_eq!(empty.code, Some(3), "{}", empty.stderr);
    assert!(empty.stdout.contains("http_port"), "{}", empty.stdout);
    std::fs::write(&file, b"http_port 3128\n\xff\n").unwrap();
    let binary = run(directory.path(), &["check", "--squid", "squid.conf"]);
    assert_eq!(binary.code, Some(1), "{}", binary.stderr);
    assert!(
        binary.stderr.contains("not UTF-8 text"),
        "{}",
        binary.stderr
    );
}

#[test]
fn check_squid_follows_includes_and_takes_what_it_does_not_know_for_no_pass() {
    let directory = with_file(MINIMAL);
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    let check = || run(directory.path(), &["check", "--squid", "squid.conf"]);
    let ours = run(directory.path(), &["render", "--to", "squid"]).stdout;
    write(
        "squid.conf",
        "http_port 3128\ninclude conf.d/*.conf\nhttp_access deny all\n",
    );
    let missing = check();
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    for part in ["SSR007", "conf.d/*.conf, which names no file", "not proven"] {
        assert!(missing.stdout.contains(part), "{part}: {}", missing.stdout);
    }

    std::fs::create_dir(directory.path().join("conf.d")).unwrap();
    write("conf.d/rules.conf", &ours.replace("http_port 3128\n", ""));
    let found = check();
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert!(
        found.stdout.contains("conf.d/rules.conf line "),
        "{}",
        found.stdout
    );

    write("inner.txt", "169.254.0.0/16 # metadata\n10.0.0.0/8\n");
    write(
        "squid.conf",
        "http_port 3128\nacl inner dst \"inner.txt\"\nhttp_access deny inner\n\
         http_access allow all\n",
    );
    let open = check();
    assert_eq!(open.code, Some(3), "{}", open.stderr);
    let denied = "http://169.254.169.254/metadata/instance";
    let denied = open.stdout.lines().find(|line| line.contains(denied));
    assert!(denied.unwrap().contains("denied"), "{}", open.stdout);
    assert!(!open.stdout.contains("not proven"), "{}", open.stdout);
    write(
        "squid.conf",
        "http_port 3128\nacl night time 10:00-11:00\nhttp_access allow night\n",
    );
    let unknown = check();
    assert_eq!(unknown.code, Some(3), "{}", unknown.stderr);
}

#[test]
fn route_says_that_a_host_is_not_the_deployment_s() {
    let directory = with_file(&format!(
        "{MINIMAL}\n[public]\norigin = \"https://dify.example.com\"\n"
    ));
    let route = run(directory.path(), &["route", "https://other.example/v1"]);
    assert_eq!(route.code, Some(0), "{}", route.stderr);
    assert!(
        route.stdout.contains("is not the deployment's origin"),
        "{}",
        route.stdout
    );
    let wrong = run(directory.path(), &["route", "https://u:hunter2canary@x/"]);
    assert_eq!(wrong.code, Some(64), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("hunter2canary"), "{}", wrong.stderr);
}

#[test]
fn upgrade_reports_on_stderr_and_writes_the_file_on_stdout() {
    let old = MINIMAL.replace("dify = \"1.16.0\"", "dify = \"1.14.2\"  # pinned");
    let directory = with_file(&old);
    let ran = run(directory.path(), &["upgrade", "--to", "1.16.0"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, old.replace("1.14.2", "1.16.0"));
    for part in [
        "Dify 1.14.2 → 1.16.0",
        "plugin_daemon: 0.6.1-local → 0.6.3-local",
        "dify-dev-migration",
    ] {
        assert!(
            ran.stderr.contains(part),
            "{part} is not in\n{}",
            ran.stderr
        );
    }
    let json = run(directory.path(), &["upgrade", "--to", "1.16.0", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!(json["to"], "1.16.0");
    assert_eq!(json["text"], old.replace("1.14.2", "1.16.0"));
    assert_eq!(
        fs::read_to_string(directory.path().join("dify.toml")).unwrap(),
        old
    );
}

#[test]
fn upgrade_refuses_the_way_back_and_unknown_releases() {
    let directory = with_file(MINIMAL);
    let back = run(directory.path(), &["upgrade", "--to", "1.14.2"]);
    assert_eq!((back.code, back.stdout.as_str()), (Some(1), ""));
    assert!(
        back.stderr.contains("no release takes a migration back"),
        "{}",
        back.stderr
    );
    let unknown = run(directory.path(), &["upgrade", "--to", "latest"]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("offered are"), "{}", unknown.stderr);
}

#[test]
fn check_names_both_places_of_a_disagreement() {
    let directory = with_file(&format!(
        "{MINIMAL}\n[services.api.env]\nUPLOAD_FILE_SIZE_LIMIT = 900\n\n[services.nginx]\ncpu = 0.5\n"
    ));
    let ran = run(directory.path(), &["check"]);
    for part in [
        "--> dify.toml:11:26",
        "::: dify.toml:13:11",
        "the api of 900 MB",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let json = run(directory.path(), &["check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let findings = json["diagnostics"].as_array().unwrap();
    let finding = findings.iter().find(|it| it["code"] == "LIM105").unwrap();
    assert_eq!(finding["path"], "services.api.env.UPLOAD_FILE_SIZE_LIMIT");
    assert_eq!(finding["span"]["line"], 11);
    assert_eq!(finding["related"][0]["path"], "services.nginx");
}

#[test]
fn check_judges_the_secrets_file_that_it_is_given() {
    let directory = with_file(MINIMAL);
    let made = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
        .args(["gen", "--out", "all.env"])
        .current_dir(directory.path())
        .env_clear()
        .status();
    assert!(made.unwrap().success());
    let whole = run(directory.path(), &["check", "--secrets", "all.env"]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert!(!whole.stderr.contains("lacks"), "{}", whole.stderr);

    let path = directory.path().join("all.env");
    let text = fs::read_to_string(&path).unwrap();
    let without: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("SANDBOX_API_KEY="))
        .collect();
    fs::write(&path, without.join("\n")).unwrap();
    let part = run(directory.path(), &["check", "--secrets", "all.env"]);
    assert_eq!(part.code, Some(0), "{}", part.stderr);
    let said = "all.env lacks the secret sandbox-api-key";
    assert!(part.stderr.contains(said), "{}", part.stderr);

    // The value that Dify publishes in docker/.env.example.
    fs::write(&path, "SANDBOX_API_KEY=dify-sandbox\n").unwrap();
    let bad = run(directory.path(), &["check", "--secrets", "all.env"]);
    assert_eq!(bad.code, Some(1), "{}", bad.stderr);
    let said = "sandbox-api-key is public";
    assert!(bad.stderr.contains(said), "{}", bad.stderr);

    let missing = run(directory.path(), &["check", "--secrets", "none.env"]);
    assert_eq!(missing.code, Some(1), "{}", missing.stderr);
    let many = ["check", "dify.toml", "dify.toml", "--secrets", "all.env"];
    let many = run(directory.path(), &many);
    assert_eq!(many.code, Some(1), "{}", many.stderr);
    assert!(many.stderr.contains("several files"), "{}", many.stderr);
}

#[test]
fn a_region_that_azure_does_not_have_is_told_by_init() {
    let directory = tempfile::tempdir().unwrap();
    let init = run(directory.path(), &["init", "--location", "japaneasst"]);
    assert_eq!(init.code, Some(0), "{}", init.stderr);
    assert!(init.stdout.contains("japaneasst"), "{}", init.stdout);
    assert!(
        init.stderr.contains("warning") && init.stderr.contains("`japaneast`"),
        "{}",
        init.stderr
    );
}

#[test]
fn manual_pages_are_written_for_every_command_of_both_programs() {
    let directory = tempfile::tempdir().unwrap();
    let written = run(directory.path(), &["man", "pages"]);
    assert_eq!((written.code, written.stdout.as_str()), (Some(0), ""));
    for page in [
        "dify-infra.1",
        "dify-infra-plan.1",
        "dify-infra-images-import.1",
    ] {
        let text = std::fs::read_to_string(directory.path().join("pages").join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let main = run(directory.path(), &["man"]);
    assert!(main.stdout.contains(".TH dify-infra 1"), "{}", main.stdout);
    let secrets = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
        .args(["man", "pages"])
        .current_dir(directory.path())
        .status()
        .unwrap();
    assert!(secrets.success());
    assert!(directory.path().join("pages/dify-secrets-gen.1").exists());
}

#[test]
fn completion_offers_rules_and_formats() {
    let directory = tempfile::tempdir().unwrap();
    let script = run(directory.path(), &["completions", "bash"]).stdout;
    assert!(script.contains("LIM004"), "no rule is offered");
    let secrets = Command::new(env!("CARGO_BIN_EXE_dify-secrets"))
        .args(["completions", "bash"])
        .output()
        .unwrap();
    let script = String::from_utf8(secrets.stdout).unwrap();
    assert!(script.contains("bicepparam"), "no format is offered");
}

#[test]
fn a_command_that_is_not_there_yet_names_another_way() {
    let directory = tempfile::tempdir().unwrap();
    for (command, instead) in [
        ("logs", "az containerapp logs show"),
        ("undo", "dify-infra apply"),
        ("cost", "pricing"),
    ] {
        let ran = run(directory.path(), &[command]);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(64), ""));
        for part in ["not there yet", instead] {
            assert!(ran.stderr.contains(part), "{command}: {}", ran.stderr);
        }
    }
}
