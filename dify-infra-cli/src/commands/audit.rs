//! `dify-infra audit`: the rules over what others deployed.

mod folder;
mod proxies;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use dify_infra_core::audit::{
    Finding, Inventory, ProxyPolicy, Report, TemplateInput, audit, emit, from_resources,
    from_template, proxy_policies,
};
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::names::ResourceGroupName;
use serde_json::{Value, json};

use crate::args::AuditArguments;
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::{Settings, UsageError, Verbosity};
use crate::ui::errors::{self, Problem};
use crate::ui::table::Table;
use crate::ui::{BOLD, GREEN, RED, Ui, YELLOW, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &AuditArguments,
) -> anyhow::Result<Exit> {
    let mut inventory = if let Some(file) = &arguments.source.arm {
        template(file, arguments.parameters.as_deref())?
    } else if let Some(directory) = &arguments.source.compose {
        folder::compose(directory, &arguments.profile)?
    } else {
        live(ui, settings, arguments).await?
    };
    inventory.now = Some(jiff::Timestamp::now().as_second());
    let report = audit(&inventory);
    let policies = proxy_policies(&inventory);
    let emitted = arguments.emit.then(|| emit(&inventory, &report));
    if settings.json {
        let count = |severity| report.count(severity);
        let mut json = json!({
            "format": 1,
            "findings": report.findings,
            "not_seen": report.not_seen,
            "proxies": policies.iter().map(proxies::as_json).collect::<Vec<_>>(),
            "left_out": report.left_out,
            "recognised": report.recognised,
            "summary": {
                "error": count(Severity::Error),
                "warning": count(Severity::Warning),
                "note": count(Severity::Note),
            },
        });
        match &emitted {
            Some(Ok(emitted)) => json["emitted"] = emitted.text.as_str().into(),
            Some(Err(why)) => {
                json["emitted"] = Value::Null;
                json["not_emitted"] = why.to_string().into();
            }
            None => {}
        }
        ui.json(&json)?;
    } else {
        // The file is the data then, and the findings are for people.
        match &emitted {
            Some(emitted) => {
                ui.say(report_text(&report, &policies, ui.verbosity()).trim_end());
                if let Ok(emitted) = emitted {
                    ui.data(&emitted.text)?;
                }
            }
            None => ui.data(&report_text(&report, &policies, ui.verbosity()))?,
        }
        conclude(ui, &report);
    }
    if report.recognised == 0 {
        let problem = Problem::new(format!(
            "nothing in {} was recognised as a part of Dify, so no rule about Dify was applied",
            what(arguments)
        ));
        errors::show(ui, &problem.hint(
            "containers are told by their images, such as langgenius/dify-api; name what has them",
        ).into());
    }
    let refused = emitted.and_then(Result::err);
    if let Some(why) = &refused {
        let problem = Problem::new("no deployment file was written");
        errors::show(ui, &anyhow::Error::from(why.clone()).context(problem));
    }
    Ok(if report.has_errors() {
        Exit::Diagnostics
    } else if report.recognised == 0 || refused.is_some() {
        Exit::Failed
    } else {
        Exit::Done
    })
}

/// What is judged, as the person named it.
fn what(arguments: &AuditArguments) -> String {
    let source = &arguments.source;
    let path = source.arm.as_ref().or(source.compose.as_ref());
    match (path, &source.resource_group) {
        (Some(path), _) if path == Path::new("-") => "stdin".to_owned(),
        (Some(path), _) => path.display().to_string(),
        (None, Some(group)) => format!("the resource group {group}"),
        (None, None) => "it".to_owned(),
    }
}

fn template(file: &Path, parameters: Option<&Path>) -> anyhow::Result<Inventory> {
    if file == Path::new("-") && parameters == Some(Path::new("-")) {
        let rule = "the template is read from stdin already; name a file for one of them";
        return Err(UsageError::new("--parameters", "-", rule).into());
    }
    let template = read(file, "ARM template")?;
    let given = parameters
        .map(|file| read(file, "parameters file"))
        .transpose()?;
    let input = TemplateInput {
        template: (&template.shown, &template.text),
        parameters: given
            .as_ref()
            .map(|it| (it.shown.as_str(), it.text.as_str())),
    };
    Ok(from_template(input)?)
}

/// Reads a file that should be JSON for Resource Manager; `-` is stdin.
fn read(file: &Path, kind: &str) -> Result<Input, Problem> {
    let input = Input::read_as(file, kind)?;
    match foreign(&input) {
        Some(problem) => Err(problem),
        None => Ok(input),
    }
}

/// Refuses what another tool reads, with the way from there to here.
fn foreign(input: &Input) -> Option<Problem> {
    let name = input.shown.to_ascii_lowercase();
    let shown = &input.shown;
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_json = input
        .text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{');
    let has_line = |start: &str, word: &str| {
        let mut lines = input.text.lines();
        !is_json && lines.any(|it| it.starts_with(start) && it.contains(word))
    };
    if ends(&[".bicepparam"]) || has_line("using ", ".bicep'") {
        let problem = Problem::new(format!("{shown} is a Bicep parameters file, not JSON yet"));
        return Some(problem.hint(format!(
            "compile it: `az bicep build-params --file {shown} --stdout > parameters.json`"
        )));
    }
    if ends(&[".bicep"]) || has_line("resource ", " 'Microsoft.") || has_line("module ", " '") {
        let problem = Problem::new(format!(
            "{shown} is Bicep, which is judged when it is compiled"
        ));
        return Some(problem.hint(format!(
            "compile it: `az bicep build --file {shown} --stdout | dify-infra audit --arm -`"
        )));
    }
    let is_plan = is_json && input.text.contains("\"terraform_version\"");
    let is_terraform = ends(&[".tf", ".tf.json", ".tfvars", ".tfplan", ".tfstate"])
        || has_line("resource \"azurerm_", "{")
        || is_plan;
    is_terraform.then(|| {
        Problem::new(format!("{shown} belongs to Terraform, which is not read"))
            .hint("what it deployed can be judged live: `dify-infra audit --resource-group NAME`")
    })
}

async fn live(
    ui: &Ui,
    settings: &Settings,
    arguments: &AuditArguments,
) -> anyhow::Result<Inventory> {
    let group = arguments
        .source
        .resource_group
        .as_ref()
        .map(ResourceGroupName::as_str)
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

/// The report for people: what proxies let through, findings, what was not seen, how many there are.
fn report_text(report: &Report, policies: &[ProxyPolicy], verbosity: Verbosity) -> String {
    let all = verbosity >= Verbosity::Verbose;
    let mut shown: String = policies.iter().map(|it| proxies::text(it, all)).collect();
    for finding in &report.findings {
        shown += &text(finding);
        shown.push('\n');
    }
    for not_seen in &report.not_seen {
        let head = styled(BOLD, "not seen");
        let _ = writeln!(shown, "{head} at {}: {}", not_seen.place, not_seen.why);
    }
    let mut table = Table::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let rules = report.findings.iter().filter(|it| it.severity == severity);
        let mut rules: Vec<&str> = rules.map(|it| it.code).collect();
        rules.dedup();
        let count = match report.left_out_of(severity) {
            0 => report.count(severity).to_string(),
            more => format!("{} and {more} more", report.count(severity)),
        };
        table.row([severity.to_string(), count, rules.join(" ")]);
    }
    let _ = writeln!(shown, "\n{}", table.render());
    if report.left_out > 0 {
        let _ = writeln!(shown, "{} more findings were left out", report.left_out);
    }
    shown
}

/// Says what the report leads to.
fn conclude(ui: &Ui, report: &Report) {
    match report.findings.first() {
        Some(first) => ui.hint(format!(
            "`dify-infra explain {}` tells why a rule exists",
            first.code
        )),
        None if report.recognised > 0 => ui.say(styled(GREEN, "no findings")),
        None => {}
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
