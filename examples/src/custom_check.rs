//! Rules of one's own beside the built-in ones: what a company asks of every deployment.

use std::io::Write;

use dify_infra_core::check::check_file;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::diagnostic::{Diagnostic, Diagnostics, KeyPath, Severity};

/// Every image comes from our registry, where it was scanned.
fn images_are_scanned(deployment: &Deployment, registry: &str, found: &mut Diagnostics) {
    for service in deployment
        .services()
        .filter(|service| service.image.registry() != registry)
    {
        let path = KeyPath::of("images.registry");
        let message = format!(
            "{} runs {}, which nobody has scanned",
            service.kind, service.image
        );
        let help = format!("copy the image and write `registry = \"{registry}\"` under [images]");
        found.push(Diagnostic::new("ACME001", Severity::Error, path, message).with_help(help));
    }
}

/// Somebody pays for it.
fn has_a_cost_centre(deployment: &Deployment, found: &mut Diagnostics) {
    let is_cost_centre = |name: &str| name.eq_ignore_ascii_case("costCenter");
    if !deployment
        .azure()
        .tags
        .keys()
        .any(|name| is_cost_centre(name.as_str()))
    {
        let path = KeyPath::of("azure.tags");
        let message = "nobody is named who pays for the deployment";
        let help = "write `tags = { costCenter = \"...\" }` under [azure]";
        found.push(Diagnostic::new("ACME002", Severity::Warning, path, message).with_help(help));
    }
}

/// Every built-in rule and our own, each finding with its place; a file that breaks a built-in rule gets no further.
///
/// # Errors
///
/// When the file breaks a built-in rule of severity error.
pub fn check(file: &str, registry: &str) -> Result<Diagnostics, Diagnostics> {
    let resolved = check_file(file)?;
    let mut found = resolved.diagnostics.clone();
    images_are_scanned(&resolved.deployment, registry, &mut found);
    has_a_cost_centre(&resolved.deployment, &mut found);
    resolved.locate(&mut found);
    Ok(found)
}

/// Checks a deployment file and writes every finding down.
///
/// # Errors
///
/// When `out` can't be written to.
pub fn run(file: &str, registry: &str, out: &mut dyn Write) -> anyhow::Result<Diagnostics> {
    let found = check(file, registry).unwrap_or_else(|broken| broken);
    for finding in &found {
        writeln!(
            out,
            "{}[{}] {}",
            finding.severity, finding.code, finding.path
        )?;
        writeln!(out, "  {}", finding.message)?;
        if let Some(help) = &finding.help {
            writeln!(out, "  help: {help}")?;
        }
    }
    Ok(found)
}
