//! `dify-infra audit`: the rules over what others deployed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dify_infra_core::audit::{
    ComposeInput, Finding, Inventory, Report, TemplateInput, audit, from_compose, from_resources,
    from_template,
};
use dify_infra_core::diagnostic::Severity;
use serde_json::json;

use crate::args::AuditArguments;
use crate::exit::Exit;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::table::Table;
use crate::ui::{BOLD, GREEN, RED, Ui, YELLOW, styled};

/// Names of compose files, as compose looks for them, and of the ones that lie over them.
const COMPOSE_FILES: [(&str, &str); 4] = [
    ("compose.yaml", "compose.override.yaml"),
    ("compose.yml", "compose.override.yml"),
    ("docker-compose.yaml", "docker-compose.override.yaml"),
    ("docker-compose.yml", "docker-compose.override.yml"),
];

/// Bytes of a file of a compose folder at most; larger ones are no configuration.
const LARGEST_FILE: u64 = 8 * 1024 * 1024;

/// Files of a compose folder at most, and how deep they may stand in it.
const MOST_FILES: usize = 2_000;
const DEEPEST: usize = 4;

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &AuditArguments,
) -> anyhow::Result<Exit> {
    let inventory = if let Some(file) = &arguments.source.arm {
        template(file, arguments.parameters.as_deref())?
    } else if let Some(directory) = &arguments.source.compose {
        compose(directory, &arguments.profile)?
    } else {
        live(ui, settings, arguments).await?
    };
    let report = audit(&inventory);
    if settings.json {
        let count = |severity| report.count(severity);
        ui.json(&json!({
            "format": 1,
            "findings": report.findings,
            "not_seen": report.not_seen,
            "left_out": report.left_out,
            "recognised": report.recognised,
            "summary": {
                "error": count(Severity::Error),
                "warning": count(Severity::Warning),
                "note": count(Severity::Note),
            },
        }))?;
    } else {
        show(ui, &report);
    }
    Ok(if report.has_errors() {
        Exit::Diagnostics
    } else {
        Exit::Done
    })
}

fn template(file: &Path, parameters: Option<&Path>) -> anyhow::Result<Inventory> {
    let name = file.display().to_string();
    let text = read(file)?;
    let given = match parameters {
        Some(file) => Some((file.display().to_string(), read(file)?)),
        None => None,
    };
    let input = TemplateInput {
        template: (&name, &text),
        parameters: given
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    };
    Ok(from_template(input)?)
}

fn read(file: &Path) -> Result<String, Problem> {
    fs::read_to_string(file)
        .map_err(|error| Problem::new(format!("{} can't be read: {error}", file.display())))
}

fn compose(directory: &Path, profiles: &[String]) -> anyhow::Result<Inventory> {
    let (directory, chosen) = if directory.is_file() {
        let above = directory.parent().unwrap_or(Path::new("."));
        (above, directory.file_name().and_then(|name| name.to_str()))
    } else {
        (directory, None)
    };
    let mut files = BTreeMap::new();
    collect(directory, Path::new(""), 0, &mut files)
        .with_context(|| format!("the folder {} can't be read", directory.display()))?;
    let present = COMPOSE_FILES
        .iter()
        .find(|(name, _)| files.contains_key(*name));
    let names: Vec<&str> = match (chosen, present) {
        (Some(name), _) => vec![name],
        (None, Some((name, over))) => {
            let over = files.contains_key(*over).then_some(*over);
            std::iter::once(*name).chain(over).collect()
        }
        (None, None) => {
            let problem = Problem::new(format!(
                "there is no compose file in {}",
                directory.display()
            ));
            return Err(problem
                .hint("name the folder that has docker-compose.yaml")
                .into());
        }
    };
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    Ok(from_compose(ComposeInput {
        compose: &names,
        files: &files,
        profiles: &profiles,
    })?)
}

/// Reads the texts of a folder by their paths in it; links are not followed.
fn collect(
    directory: &Path,
    below: &Path,
    depth: usize,
    files: &mut BTreeMap<String, String>,
) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory.join(below))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if files.len() >= MOST_FILES {
            return Ok(());
        }
        let path: PathBuf = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && depth < DEEPEST && !hidden {
            // A folder of data that belongs to another user is no configuration.
            let _ = collect(directory, &path, depth + 1, files);
        } else if kind.is_file()
            && entry.metadata()?.len() <= LARGEST_FILE
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            let name: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            files.insert(name.join("/"), text);
        }
    }
    Ok(())
}

async fn live(
    ui: &Ui,
    settings: &Settings,
    arguments: &AuditArguments,
) -> anyhow::Result<Inventory> {
    let group = arguments
        .source
        .resource_group
        .as_deref()
        .unwrap_or_default();
    let (client, subscription) = crate::session::connect_for_group(ui, settings).await?;
    let busy = ui.busy("reading the resource group");
    let resources =
        dify_infra_azure::inventory::read_group(&client, subscription.as_str(), group).await;
    drop(busy);
    let resources =
        resources.with_context(|| format!("the resource group {group} can't be read"))?;
    Ok(from_resources(&resources))
}

fn show(ui: &Ui, report: &Report) {
    for finding in &report.findings {
        if finding.severity == Severity::Error {
            ui.line(text(finding));
        } else {
            ui.say(text(finding));
        }
    }
    for not_seen in &report.not_seen {
        ui.say(format!(
            "{} at {}: {}",
            styled(BOLD, "not seen"),
            not_seen.place,
            not_seen.why
        ));
    }
    if report.recognised == 0 {
        ui.warn("no container was recognised as a part of Dify; rules that are about Dify had nothing to look at");
    }
    let mut table = Table::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let rules = report.findings.iter().filter(|it| it.severity == severity);
        let mut rules: Vec<&str> = rules.map(|it| it.code).collect();
        rules.dedup();
        let count = report.count(severity).to_string();
        table.row([severity.to_string(), count, rules.join(" ")]);
    }
    ui.say(format!("\n{}", table.render()));
    if report.left_out > 0 {
        ui.say(format!("{} more findings were left out", report.left_out));
    }
    match report.findings.first() {
        Some(first) => ui.hint(format!(
            "`dify-infra explain {}` tells why a rule exists",
            first.code
        )),
        None => ui.say(styled(GREEN, "no findings")),
    }
}

/// A finding as rustc shows its own: what, where, the other places, help.
fn text(finding: &Finding) -> String {
    let style = match finding.severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
        Severity::Note => BOLD,
    };
    let head = styled(style, format!("{}[{}]", finding.severity, finding.code));
    let mut text = format!("{head}: {}\n  --> {}\n", finding.message, finding.place);
    for related in &finding.related {
        let _ = writeln!(text, "  ::: {}: {}", related.place, related.message);
    }
    text + &format!("  = help: {}\n", finding.help)
}
