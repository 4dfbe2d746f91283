//! One life of a deployment: what each command prints, how it exits, and what it leaves behind.

use std::fs;

use serde_json::{Value, json};

use crate::azure::Azure;
use crate::place::{DIFY_DEV, Place};

#[test]
fn from_an_empty_directory_to_nothing_left() {
    let place = Place::new("");
    let file = place.infra(&["init"]).exits(0).stdout;
    place.write("dify.toml", &file);
    place.infra(&["check"]).exits(0);
    place.infra(&["plan"]).exits(0);
    place.infra(&["plan", "--detailed-exitcode"]).exits(2);
    assert!(place.infra(&["apply"]).exits(1).stderr.contains("--yes"));

    let applied = place.infra(&["apply", "--yes"]).exits(0);
    assert!(
        applied.stderr.contains("dify-dev is deployed"),
        "{}",
        applied.stderr
    );
    assert!(
        applied.stdout.contains("https://dify-dev-nginx."),
        "{}",
        applied.stdout
    );
    assert!(
        applied.stderr.contains("done: 25 created"),
        "{}",
        applied.stderr
    );

    let plan = place.infra(&["plan", "--detailed-exitcode"]).exits(0);
    assert!(plan.stdout.starts_with("no changes: "), "{}", plan.stdout);
    let quiet = place.infra(&["apply", "--yes", "--quiet"]).exits(0);
    assert_eq!(quiet.stderr, "");
    let names: Vec<&str> = quiet
        .stdout
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(
        names,
        ["public URL", "first account", "resource group", "secrets"]
    );
    place.infra(&["verify"]).exits(0);

    let destroyed = place.infra(&["destroy", "--yes"]).exits(0);
    for part in [
        "stays:",
        "the data stays and costs as before",
        "`dify-infra destroy --target embedded --include-data` deletes it",
    ] {
        assert!(destroyed.stderr.contains(part), "{}", destroyed.stderr);
    }
    place.infra(&["verify"]).exits(1);
    place.infra(&["apply", "--yes"]).exits(0);
    place.infra(&["verify"]).exits(0);

    let refused = place
        .infra(&["destroy", "--include-data", "--yes"])
        .exits(1);
    assert!(
        refused.stderr.contains("--confirm dify-dev"),
        "{}",
        refused.stderr
    );
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
    let emptied = place
        .infra(&["destroy", "--include-data", "--confirm", "dify-dev"])
        .exits(0);
    let rest = place.infra(&["destroy", "--yes"]).exits(0);
    for told in [&emptied.stderr, &rest.stderr] {
        assert!(
            told.contains("az group delete --name dify-dev-rg"),
            "{told}"
        );
    }
    for kind in [
        "Microsoft.App/containerApps",
        "Microsoft.Storage/storageAccounts",
    ] {
        assert_eq!(Azure::of(&place).ids(kind), Vec::<String>::new());
    }
    assert!(
        place.path().join("dify-dev.secrets.env").is_file(),
        "the secrets file stays"
    );
}

#[test]
fn a_changed_field_is_one_change_and_then_none() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let secrets = place.read("dify-dev.secrets.env");
    place.edit(
        "[services.sandbox]\ncpu = 0.5",
        "[services.sandbox]\ncpu = 1.0",
    );

    let plan = place
        .infra(&["plan", "--json", "--detailed-exitcode"])
        .exits(2)
        .json();
    assert_eq!(
        (&plan["format"], &plan["complete"], &plan["applyable"]),
        (&json!(1), &json!(true), &json!(true))
    );
    let summary = json!({
        "create": 0, "update": 1, "replace": 0, "delete": 0, "no_change": 24, "unknown": 0, "waiting": 0,
    });
    assert_eq!(plan["summary"], summary);
    let changes = plan["changes"].as_array().unwrap();
    let [change] = changes
        .iter()
        .filter(|one| one["action"] == "update")
        .collect::<Vec<_>>()[..]
    else {
        panic!("{changes:#?}")
    };
    assert_eq!(change["type"], "Microsoft.App/containerApps");
    assert!(
        change["id"]
            .as_str()
            .unwrap()
            .ends_with("/dify-dev-sandbox")
    );
    assert_eq!(change["risk"]["level"], "restart");
    assert!(change["reason"].is_string());
    let path = "properties.template.containers[sandbox].resources.cpu";
    assert_eq!(
        change["diff"][0],
        json!({ "path": path, "before": 0.5, "after": 1.0 })
    );

    let applied = place.infra(&["apply", "--yes", "--json"]).exits(0).json();
    let resources = applied["run"]["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 1, "{resources:#?}");
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
    assert_eq!(place.read("dify-dev.secrets.env"), secrets);
}

#[test]
fn outputs_verify_and_render_say_what_they_should() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);

    let outputs = place.infra(&["outputs", "--json"]).exits(0).json();
    assert_eq!(outputs["resource_group"], "dify-dev-rg");
    let url = outputs["public_url"].as_str().unwrap();
    assert!(place.infra(&["outputs"]).exits(0).stdout.contains(url));

    let report = place
        .infra(&["verify", "--json", "--junit", "verify.xml"])
        .exits(0)
        .json();
    let count = |status: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks
            .iter()
            .filter(|check| check["status"] == status)
            .count()
    };
    assert!(
        count("passed") > 40 && count("failed") == 0 && count("not_run") > 0,
        "{report:#}"
    );
    let xml = place.read("verify.xml");
    assert_eq!(
        xml.matches("<testcase ").count(),
        report["checks"].as_array().unwrap().len()
    );
    assert_eq!(xml.matches("<skipped ").count(), count("not_run"));

    for (format, file) in [
        ("nginx", "nginx.conf"),
        ("squid", "squid.conf"),
        ("env", "dify-dev-api.env"),
        ("arm", "azuredeploy.json"),
    ] {
        place
            .infra(&["render", "--to", format, "--out", "rendered"])
            .exits(0);
        let there = place
            .files()
            .iter()
            .any(|path| path.ends_with(format!("rendered/{file}")));
        assert!(there || format == "arm", "{file}: {:?}", place.files());
    }
    let template = place.infra(&["render", "--to", "arm"]).exits(0).json();
    assert!(
        template["resources"].is_array() || template["resources"].is_object(),
        "{template:#}"
    );
}

#[test]
fn errors_of_the_file_are_told_all_at_once_and_nothing_is_done() {
    let place = Place::new("name = \"Dify\"\nenviroment = \"dev\"\nlocation = \"japaneast\"\n");
    let check = place.infra(&["check", "--json"]).exits(3).json();
    let paths: Vec<&str> = check["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["severity"] == "error")
        .map(|one| one["path"].as_str().unwrap())
        .collect();
    for path in ["name", "enviroment", "azure.resource_group"] {
        assert!(paths.contains(&path), "{paths:?}");
    }
    place.infra(&["apply", "--yes"]).exits(3);
    // A program that asked for JSON is told as much, by every command that reads the file.
    for command in ["plan", "verify", "outputs", "apply", "destroy"] {
        let told = place.infra(&[command, "--json"]).exits(3).json();
        assert_eq!(told, check, "{command}");
    }
    let told = place
        .infra(&["plan", "nowhere.toml", "--json"])
        .exits(1)
        .json();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("nowhere.toml"), "{told}");
    assert_eq!(place.files().len(), 1, "{:?}", place.files());
    place.infra(&["aply"]).exits(64);
}

#[test]
fn a_lost_secrets_file_is_read_back_from_the_apps() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let values = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let before = place.read("dify-dev.secrets.env");
    fs::remove_file(place.path().join("dify-dev.secrets.env")).unwrap();

    // Nothing is known of the secrets, so they are kept.
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
    let in_azure = Azure::of(&place).app_secrets();
    place.edit(
        "LOG_LEVEL = \"INFO\"\n\n[services.worker.env]",
        "LOG_LEVEL = \"DEBUG\"\n\n[services.worker.env]",
    );
    let applied = place.infra(&["apply", "--yes"]).exits(0);
    // The edited app alone: the values are the same, and so are their fingerprints.
    assert!(
        applied.stderr.contains("done: 1 updated"),
        "{}",
        applied.stderr
    );
    let mut after = values(&place.read("dify-dev.secrets.env"));
    let mut expected = values(&before);
    after.sort();
    expected.sort();
    assert_eq!(after, expected);
    assert_eq!(Azure::of(&place).app_secrets(), in_azure);
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
}

#[cfg(unix)]
#[test]
fn the_secrets_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    for path in place.files() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let holds_secrets = path.to_string_lossy().contains("secret");
        assert!(
            !holds_secrets || mode == 0o600,
            "{} has mode {mode:o}",
            path.display()
        );
    }
}

#[test]
fn a_journal_tells_of_the_run_and_holds_no_body() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let journals: Vec<_> = place
        .files()
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "journal"))
        .collect();
    let [journal] = &journals[..] else {
        panic!("{journals:?}")
    };
    let text = fs::read_to_string(journal).unwrap();
    let entries: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |event: &str| entries.iter().filter(|one| one["event"] == event).count();
    assert_eq!(
        (count("planned"), count("started"), count("finished")),
        (25, 25, 25)
    );
    assert_eq!(entries.last().unwrap()["outcome"], "succeeded");
    assert!(!text.contains("properties"), "{text}");
    let resumed = place.infra(&["apply", "--yes", "--resume"]).exits(0);
    assert!(
        resumed.stderr.contains("succeeded, 25 resources finished"),
        "{}",
        resumed.stderr
    );
}

#[test]
fn another_secret_key_takes_more_than_a_yes() {
    let place = Place::new(DIFY_DEV);
    place.infra(&["apply", "--yes"]).exits(0);
    let secrets = place.read("dify-dev.secrets.env");
    let fresh = place.secrets(&["gen", "secret-key"]).exits(0).stdout;
    let kept = secrets
        .lines()
        .filter(|line| !line.starts_with("SECRET_KEY="));
    let kept: Vec<&str> = kept.collect();
    place.write(
        "dify-dev.secrets.env",
        &format!("{}\n{fresh}", kept.join("\n")),
    );

    let plan = place.infra(&["plan", "--out", "plan.json"]).exits(0).stdout;
    assert!(plan.contains("risk (destructive): "), "{plan}");
    let in_azure = Azure::of(&place).app_secrets();
    for arguments in [&["apply", "--yes"][..], &["apply", "--plan", "plan.json"]] {
        let refused = place.infra(arguments).exits(1).stderr;
        for part in ["nothing was written", "credentials", "--allow-destructive"] {
            assert!(refused.contains(part), "{refused}");
        }
    }
    assert_eq!(Azure::of(&place).app_secrets(), in_azure);
    let meant = ["apply", "--plan", "plan.json", "--allow-destructive"];
    place.infra(&meant).exits(0);
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_secret_that_nobody_has_given_is_told_with_the_plan() {
    let place = Place::new(DIFY_DEV);
    place.edit(
        "[services.worker.env]",
        "SMTP_PASSWORD = { secret = \"smtp-password\" }\nMAIL_TYPE = \"smtp\"\n\n[services.worker.env]",
    );
    let told = |ran: &crate::place::Ran| ran.stderr.contains("SMTP_PASSWORD=VALUE");
    let before = place.infra(&["plan"]).exits(0);
    assert!(told(&before), "{}", before.stderr);
    place
        .secrets(&["gen", "--out", "dify-dev.secrets.env"])
        .exits(0);
    assert!(told(&place.infra(&["plan"]).exits(0)));
    let refused = place.infra(&["apply", "--yes"]).exits(1);
    assert!(told(&refused), "{}", refused.stderr);
    let secrets = place.read("dify-dev.secrets.env");
    place.write(
        "dify-dev.secrets.env",
        &(secrets + "SMTP_PASSWORD=Kp3-xw9Lq7vTz\n"),
    );
    assert!(!told(&place.infra(&["plan"]).exits(0)));
}
