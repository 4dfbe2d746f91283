//! What rules cost: 10,000 deployment files checked, and a template of 5 MB audited.
//!
//! `cargo bench -p dify-infra-core --bench rules [-- FILES]` prints figures beside the goals. Nothing
//! depends on them: another machine has others.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement needs a clock, the system's word on memory and somewhere to say it; the \
              library has none of them"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dify_infra_core::audit::{TemplateInput, audit, from_template};
use dify_infra_core::check::Checker;
use dify_infra_core::deployment::Deployment;

/// How long either may take.
const GOAL: Duration = Duration::from_secs(1);

/// How much memory may grow while the files are checked, in KiB.
const FLAT: u64 = 2048;

fn main() {
    let count = std::env::args().find_map(|it| it.parse().ok());
    let count: usize = count.unwrap_or(10_000);
    let files: Vec<String> = (0..count).map(file).collect();
    // What is made once, the catalogue and the tables of rules, is made here.
    let mut warm = Checker::new();
    files
        .iter()
        .take(20)
        .for_each(|text| prove(&mut warm, text));
    let before = peak_kib();
    let took = time(|| {
        for text in &files {
            black_box(Deployment::parse(text).is_ok());
        }
    });
    say(&format!("{count} files under the rules about files"), took);
    let mut checker = Checker::new();
    let took = time(|| {
        for text in &files {
            prove(&mut checker, text);
        }
    });
    let kinds = checker.kinds();
    say(
        &format!("{count} files of {kinds} kinds under all rules, what they lead to included"),
        took,
    );
    let alone = &files[..count.min(files.len()).div_ceil(20)];
    let took = time(|| {
        for text in alone {
            prove(&mut Checker::new(), text);
        }
    });
    let each = took / u32::try_from(alone.len()).unwrap_or(u32::MAX);
    println!(
        "{} files, each as if it were alone: {:.2} s, {each:.1?} each",
        alone.len(),
        took.as_secs_f64(),
    );
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        let grown = after.saturating_sub(before);
        let verdict = if grown <= FLAT { "flat" } else { "NOT FLAT" };
        println!("  peak memory {before} KiB before, {after} KiB after: {verdict}");
    }
    judge("apps", &template(5_000_000));
    judge("small servers", &servers(5_000_000));
    judge(
        "one app with many variables and secrets",
        &large_app(5_000_000),
    );
}

/// Lifts and judges one template.
fn judge(shape: &str, text: &str) {
    let mut sum = (0, 0);
    let took = time(|| {
        let input = TemplateInput {
            template: ("template.json", text),
            parameters: None,
        };
        let report = audit(&from_template(input).expect("a template"));
        sum = (report.recognised, report.findings.len() + report.left_out);
    });
    let (apps, findings) = sum;
    say(
        &format!(
            "a template of {} bytes ({shape}), {apps} containers, {findings} findings",
            text.len()
        ),
        took,
    );
}

/// Reads a file, proves it, and applies every rule to it and to what it leads to.
fn prove(checker: &mut Checker, text: &str) {
    black_box(checker.check_file(text).expect("a file without errors"));
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn say(what: &str, took: Duration) {
    let (took, goal) = (took.as_secs_f64(), GOAL.as_secs_f64());
    println!(
        "{what}: {took:.2} s, {:.2} of the goal of {goal} s",
        took / goal
    );
}

/// A tenant's file: a name, a resource group and an address of its own, and one of some kinds of settings.
fn file(index: usize) -> String {
    let environment = if index.is_multiple_of(2) {
        "dev"
    } else {
        "prod"
    };
    let mut text = format!(
        "name = \"d{index}\"\nenvironment = \"{environment}\"\nlocation = \"japaneast\"\n\n\
         [azure]\nresource_group = \"rg-{index}\"\n"
    );
    if index.is_multiple_of(3) {
        let _ = write!(
            text,
            "\n[public]\norigin = \"https://tenant{index}.example.com\"\n"
        );
    }
    if index.is_multiple_of(5) {
        let steps = 100 * (index % 7 + 1);
        let _ = write!(
            text,
            "\n[services.api.env]\nLOG_LEVEL = \"DEBUG\"\nWORKFLOW_MAX_EXECUTION_STEPS = {steps}\n"
        );
    }
    text
}

/// A template of at least so many bytes: apps that call each other, with expressions, each wrong in
/// several ways.
fn template(bytes: usize) -> String {
    let mut resources = String::new();
    let mut index = 0;
    while resources.len() < bytes {
        let separator = if index == 0 { "" } else { ",\n" };
        let port = 2000 + index % 30_000;
        let _ = write!(
            resources,
            r#"{separator}{{"type": "Microsoft.App/containerApps", "apiVersion": "2025-01-01",
  "name": "[format('{{0}}-api-{index}', parameters('prefix'))]", "location": "[parameters('location')]",
  "properties": {{"environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'env')]",
    "configuration": {{"ingress": {{"external": false, "targetPort": 5001, "transport": "tcp", "exposedPort": {port}}},
      "secrets": [{{"name": "secret-key", "value": "[parameters('secretKey')]"}}]}},
    "template": {{"containers": [{{"name": "api", "image": "langgenius/dify-api:1.16.0",
      "resources": {{"cpu": "[json('0.5')]", "memory": "1Gi"}},
      "env": [{{"name": "MODE", "value": "api"}}, {{"name": "SECRET_KEY", "secretRef": "secret-key"}},
        {{"name": "CODE_EXECUTION_ENDPOINT", "value": "[concat('http://', parameters('prefix'), '-sandbox-{index}:8194')]"}},
        {{"name": "DB_HOST", "value": "[concat(variables('server'), '.postgres.database.azure.com')]"}}]}}],
      "scale": {{"minReplicas": 1, "maxReplicas": 2}}}}}}}}"#
        );
        index += 1;
    }
    format!(
        r#"{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"contentVersion": "1.0.0.0",
"parameters": {{"prefix": {{"type": "string", "defaultValue": "dify"}},
  "location": {{"type": "string", "defaultValue": "japaneast"}}, "secretKey": {{"type": "securestring"}}}},
"variables": {{"server": "[concat(parameters('prefix'), '-pg')]"}},
"resources": [{resources}]}}"#
    )
}

/// A template of at least so many bytes: servers with a database and a setting each.
fn servers(bytes: usize) -> String {
    let mut resources = String::new();
    let mut index = 0;
    while resources.len() < bytes {
        let separator = if index == 0 { "" } else { ",\n" };
        let _ = write!(
            resources,
            r#"{separator}{{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "s{index}"}},
{{"type": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "name": "s{index}/d"}},
{{"type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "name": "s{index}/c"}}"#
        );
        index += 1;
    }
    format!(r#"{{"resources": [{resources}]}}"#)
}

/// A template of at least so many bytes: one app whose variables come from as many secrets.
fn large_app(bytes: usize) -> String {
    let (mut secrets, mut variables) = (String::new(), String::new());
    let mut index = 0;
    while secrets.len() + variables.len() < bytes {
        let separator = if index == 0 { "" } else { ",\n" };
        let _ = write!(
            secrets,
            r#"{separator}{{"name": "secret-{index}", "value": "value-{index}"}}"#
        );
        let _ = write!(
            variables,
            r#"{separator}{{"name": "VARIABLE_{index}", "secretRef": "secret-{index}"}}"#
        );
        index += 1;
    }
    format!(
        r#"{{"resources": [{{"type": "Microsoft.App/containerApps", "name": "api", "properties": {{
"configuration": {{"secrets": [{secrets}]}}, "template": {{"containers": [{{"name": "api",
"image": "langgenius/dify-api:1.16.0", "env": [{variables}]}}]}}}}}}]}}"#
    )
}

/// The most memory that this process had so far.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
