//! What rules cost: 10,000 deployment files checked, and a template of 5 MB audited.
//!
//! `cargo bench -p dify-infra-core --bench rules` prints figures beside the goals; nothing depends on
//! them, since another machine has others.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement needs a clock and the system's word on memory; the library has neither"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dify_infra_core::audit::{
    TemplateInput, audit, check_deployment, from_deployment, from_template,
};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::spec::Document;

const FILES: usize = 10_000;

fn main() {
    let files: Vec<String> = (0..FILES).map(file).collect();
    let warm = files.iter().take(100);
    warm.for_each(|text| std::hint::black_box(check(text)));
    let before = peak_kib();
    let start = Instant::now();
    for text in &files {
        std::hint::black_box(Deployment::parse(text).is_ok());
    }
    println!("parse {:?}", start.elapsed());
    let start = Instant::now();
    for text in &files {
        let d = Deployment::parse(text).unwrap().deployment;
        std::hint::black_box(from_deployment(&d).unwrap());
    }
    println!("parse+lower+lift {:?}", start.elapsed());
    let start = Instant::now();
    files.iter().for_each(|text| check(text));
    println!(
        "all {:?}; peak {before:?} -> {:?}",
        start.elapsed(),
        peak_kib()
    );
    let text = template(5_000_000);
    let start = Instant::now();
    let inventory = from_template(TemplateInput {
        template: ("t.json", &text),
        parameters: None,
    })
    .unwrap();
    let lifted = start.elapsed();
    let report = audit(&inventory);
    println!(
        "template {} B: lift {lifted:?} all {:?}, {} findings, left out {}; peak {:?}",
        text.len(),
        start.elapsed(),
        report.findings.len(),
        report.left_out,
        peak_kib()
    );
}

fn check(text: &str) {
    let resolved = Deployment::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let document = Document::parse(text).unwrap();
    let more = check_deployment(&resolved.deployment, &document).unwrap();
    assert!(!more.has_errors(), "{more}");
}

fn file(index: usize) -> String {
    let mut text = format!(
        "name = \"d{index}\"\nenvironment = \"{}\"\nlocation = \"japaneast\"\n\n[azure]\nresource_group = \"rg-{index}\"\n",
        if index.is_multiple_of(2) {
            "dev"
        } else {
            "prod"
        }
    );
    if index.is_multiple_of(3) {
        text.push_str("\n[public]\norigin = \"https://dify.example.com\"\n");
    }
    if index.is_multiple_of(5) {
        let _ = write!(
            text,
            "\n[services.api.env]\nLOG_LEVEL = \"DEBUG\"\nWORKFLOW_MAX_EXECUTION_STEPS = {}\n",
            100 + index
        );
    }
    text
}

fn template(bytes: usize) -> String {
    let mut resources = String::new();
    let mut index = 0;
    while resources.len() < bytes {
        let separator = if index == 0 { "" } else { ",\n" };
        let _ = write!(
            resources,
            r#"{separator}{{"type": "Microsoft.App/containerApps", "apiVersion": "2025-01-01",
  "name": "[format('{{0}}-api-{index}', parameters('prefix'))]", "location": "[parameters('location')]",
  "properties": {{"environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'env')]",
    "configuration": {{"ingress": {{"external": false, "targetPort": 5001, "transport": "tcp", "exposedPort": {}}},
      "secrets": [{{"name": "secret-key", "value": "[parameters('secretKey')]"}}]}},
    "template": {{"containers": [{{"name": "api", "image": "langgenius/dify-api:1.16.0",
      "resources": {{"cpu": "[json('0.5')]", "memory": "1Gi"}},
      "env": [{{"name": "MODE", "value": "api"}}, {{"name": "SECRET_KEY", "secretRef": "secret-key"}},
        {{"name": "CODE_EXECUTION_ENDPOINT", "value": "[concat('http://', parameters('prefix'), '-sandbox-{index}:8194')]"}},
        {{"name": "DB_HOST", "value": "[concat(variables('server'), '.postgres.database.azure.com')]"}}]}}],
      "scale": {{"minReplicas": 1, "maxReplicas": 2}}}}}}}}"#,
            2000 + index % 30000
        );
        index += 1;
    }
    format!(
        r#"{{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
"parameters": {{"prefix": {{"type": "string", "defaultValue": "dify"}}, "location": {{"type": "string", "defaultValue": "japaneast"}}, "secretKey": {{"type": "securestring"}}}},
"variables": {{"server": "[concat(parameters('prefix'), '-pg')]"}},
"resources": [{resources}]}}"#
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

#[expect(dead_code)]
fn ratio(took: Duration, goal: Duration) -> f64 {
    took.as_secs_f64() / goal.as_secs_f64()
}
