//! `dify-infra check --squid`: what a squid file lets through.

mod sources;

use std::path::Path;

use dify_infra_core::diagnostic::Severity;
use dify_infra_core::egress::{Expected, OpenRange, ReportRow, SquidFile, SquidReport};
use serde_json::{Value, json};

use self::sources::Beside;
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::table::Table;
use crate::ui::{DIM, GREEN, RED, Ui, YELLOW, diagnostics, styled};

pub(super) fn run(ui: &Ui, settings: &Settings, file: &Path) -> anyhow::Result<Exit> {
    let input = Input::read_as(file, "squid file")?;
    let read = SquidFile::read_with(&input.text, &Beside::new(input.directory()))
        .map_err(|error| Problem::new(format!("{} can't be judged: {error}", input.shown)))?;
    let report = SquidReport::of(&read, &input.text);
    let undecided = report.undecided().count();
    if settings.json {
        ui.json(&json!({
            "format": 1,
            "file": input.shown,
            "starts": report.starts,
            "undecided": undecided,
            "decided": report.is_decided(),
            "open_ranges": report.open_ranges.iter().map(range_as_json).collect::<Vec<_>>(),
            "requests": report.rows.iter().map(as_json).collect::<Vec<_>>(),
            "diagnostics": report
                .diagnostics
                .iter()
                .map(|it| it.clone().in_document(&input.shown))
                .collect::<Vec<_>>(),
        }))?;
    } else {
        ui.data(&table(&report.rows))?;
        diagnostics::write(ui, &without_logins(&input), &report.diagnostics)?;
        conclude(ui, &input, &report);
        if !report.is_decided() && report.starts {
            let what = match undecided {
                0 => "addresses".to_owned(),
                _ => format!("{undecided} requests"),
            };
            ui.data(&format!(
                "{}: {} is not proven: of {what} that must be refused it can't be said whether they \
                 are\n",
                styled(RED, "error"),
                input.shown
            ))?;
        }
    }
    Ok(if report.diagnostics.has_errors() || !report.is_decided() {
        Exit::Diagnostics
    } else {
        Exit::Done
    })
}

fn conclude(ui: &Ui, input: &Input, report: &SquidReport) {
    let worst = report
        .diagnostics
        .iter()
        .min_by_key(|finding| finding.severity);
    match worst {
        Some(finding) if finding.severity < Severity::Note => ui.hint(format!(
            "`dify-infra explain {}` tells why; `dify-infra render --to squid` writes a file that is right",
            finding.code
        )),
        // What is only to be known has been told.
        Some(_) => {}
        None => ui.say(format!("{}: {}", input.shown, styled(GREEN, "no findings"))),
    }
}

/// For each client a line for each destination and what becomes of it.
fn table(rows: &[ReportRow]) -> String {
    let mut table = Table::new();
    let mut client = "";
    for row in rows {
        if row.client != client {
            client = row.client;
            table.row([format!("from {client}, {}", row.request.client)]);
        }
        let decision = styled(colour(row), row.verdict.decision.as_str());
        table.row([
            format!("  {}", row.destination),
            format!("{} {}", row.request.method, row.request.target),
            decision,
            styled(DIM, decider(row)),
        ]);
    }
    table.render()
}

/// The line that decides, or why it is so without one.
pub(super) fn decider(row: &ReportRow) -> String {
    let line = row.verdict.decided_by.as_ref();
    let line = line.map(|decider| match decider.place.line {
        0 => decider.text.clone(),
        _ => format!("{}: {}", decider.place, decider.text),
    });
    line.unwrap_or_else(|| row.verdict.reason.clone())
}

pub(super) fn colour(row: &ReportRow) -> anstyle::Style {
    let decision = row.verdict.decision;
    match row.expected {
        Expected::Refused if !decision.is_refused() => RED,
        Expected::Passes if !decision.passes() => RED,
        Expected::BetterRefused if !decision.is_refused() => YELLOW,
        _ => GREEN,
    }
}

fn range_as_json(range: &OpenRange) -> Value {
    let place = range.place.as_ref();
    json!({
        "first": range.first,
        "last": range.last,
        "what": range.what,
        "decision": range.decision.as_str(),
        "file": place.and_then(|place| place.file.clone()),
        "line": place.map(|place| place.line).filter(|line| *line > 0),
        "method": range.request.method,
        "target": range.request.target,
        "client_address": range.request.client,
    })
}

pub(super) fn as_json(row: &ReportRow) -> Value {
    let decider = row.verdict.decided_by.as_ref();
    json!({
        "destination": row.destination,
        "method": row.request.method,
        "target": row.request.target,
        "client": row.client,
        "client_address": row.request.client,
        "expected": row.expected.as_str(),
        "decision": row.verdict.decision.as_str(),
        "reaches": row.verdict.destination,
        "file": decider.and_then(|decider| decider.place.file.clone()),
        "line": decider.map(|decider| decider.place.line).filter(|line| *line > 0),
        "text": decider.map(|decider| decider.text.clone()),
        "reason": row.verdict.reason,
    })
}

/// Directives, and types of lists, whose values are passwords.
const PASSWORDS: [&str; 2] = ["cachemgr_passwd", "snmp_community"];

/// The file for showing findings in it, with stars for passwords of peers, of the manager and of SNMP.
fn without_logins(input: &Input) -> Input {
    let hidden = |word: &str| "*".repeat(word.len());
    let line = |line: &str| {
        let mut is_password = false;
        let words = line.split_inclusive([' ', '\t']).map(|part| {
            let word = part.trim_end_matches([' ', '\t', '\r']);
            let shown = match word.split_once("login=") {
                Some((before, value)) => format!("{before}login={}", hidden(value)),
                None if is_password => hidden(word),
                None => word.to_owned(),
            };
            is_password |= PASSWORDS.contains(&word);
            shown + &part[word.len()..]
        });
        words.collect::<String>()
    };
    let text: Vec<String> = input.text.split('\n').map(line).collect();
    input.with_text(text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_stars_and_nothing_moves() {
        let text = "cache_peer a parent 1 0 login=me:word x\n cachemgr_passwd word all\n\
            cachemgr_passwd\tword\tall\nsnmp_community word\nacl s snmp_community word\n\
            cache_peer\ta parent 1 0\tlogin=me:word\tx\r\nacl a src 10.0.0.0/8";
        let hidden = without_logins(&Input::from_text("squid.conf", text)).text;
        assert!(!hidden.contains("word"), "{hidden}");
        assert_eq!(hidden.len(), text.len());
        let blanks = |text: &str| -> Vec<usize> {
            let at = text.match_indices(char::is_whitespace);
            at.map(|(at, _)| at).collect()
        };
        assert_eq!(blanks(&hidden), blanks(text));
        assert!(hidden.ends_with("acl a src 10.0.0.0/8"));
    }
}
