//! What the proxies of a foreign deployment let through: a table of destinations for each squid file.

use dify_infra_core::audit::ProxyPolicy;
use dify_infra_core::egress::{Expected, ReportRow};
use serde_json::Value;

use crate::commands::check_squid::{as_json as request, colour, decider};
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, GREEN, styled};

/// A destination with all clients of the same fate.
struct Fate<'a> {
    row: &'a ReportRow,
    clients: Vec<&'a str>,
}

/// One line for each destination that is not treated as it should be, for every destination when all are asked for;
/// clients with the same answer share it.
pub(super) fn text(policy: &ProxyPolicy, all_rows: bool) -> String {
    let head = styled(BOLD, format!("proxy policy of {}", policy.place));
    let report = match &policy.report {
        Ok(report) => report,
        Err(why) => return format!("{head}: {why}\n\n"),
    };
    let mut table = Table::new();
    let all = clients(&report.rows);
    let fates = fates(&report.rows);
    let is_right = |fate: &&Fate<'_>| colour(fate.row) == GREEN;
    let right = fates.iter().filter(is_right).count();
    let shown = fates.iter().filter(|fate| all_rows || !is_right(fate));
    for fate in shown {
        let clients = if fate.clients.len() == all {
            "every client".to_owned()
        } else {
            fate.clients.join(", ")
        };
        let row = fate.row;
        table.row([
            format!("  {}", row.destination),
            format!("{} {}", row.request.method, row.request.target),
            styled(colour(row), decision(row)),
            styled(DIM, decider(row)),
            styled(DIM, format!("for {clients}")),
        ]);
    }
    let rest = match right {
        _ if all_rows => String::new(),
        0 => String::new(),
        right => styled(
            DIM,
            format!("  {right} destinations are treated as they should be: -v shows them\n"),
        ),
    };
    format!("{head}:\n{}{rest}\n", table.render())
}

/// What becomes of a request, and what should where that is another thing.
fn decision(row: &ReportRow) -> String {
    let decision = row.verdict.decision.as_str();
    if colour(row) == GREEN {
        return decision.to_owned();
    }
    let should = match row.expected {
        Expected::Passes => "pass",
        _ => "be refused",
    };
    format!("{decision}, and should {should}")
}

/// How many clients ask.
fn clients(rows: &[ReportRow]) -> usize {
    let mut clients: Vec<&str> = rows.iter().map(|row| row.client).collect();
    clients.sort_unstable();
    clients.dedup();
    clients.len()
}

fn fates(rows: &[ReportRow]) -> Vec<Fate<'_>> {
    let mut fates: Vec<Fate<'_>> = Vec::new();
    for row in rows {
        let is_same = |fate: &Fate<'_>| {
            let known = fate.row;
            known.destination == row.destination
                && decision(known) == decision(row)
                && decider(known) == decider(row)
        };
        match fates.iter_mut().find(|fate| is_same(fate)) {
            Some(fate) => fate.clients.push(row.client),
            None => fates.push(Fate {
                row,
                clients: vec![row.client],
            }),
        }
    }
    // The destinations of one client stand in the order of the table; those of another follow their own.
    let order = |fate: &Fate<'_>| {
        let same = |it: &ReportRow| it.destination == fate.row.destination;
        rows.iter().position(same)
    };
    fates.sort_by_key(order);
    fates
}

/// A policy as data: where the file stands, and each request with the line that decides.
pub(super) fn as_json(policy: &ProxyPolicy) -> Value {
    let mut json = serde_json::to_value(&policy.place).unwrap_or_default();
    match &policy.report {
        Ok(report) => {
            json["starts"] = report.starts.into();
            json["undecided"] = report.undecided().count().into();
            json["requests"] = report.rows.iter().map(request).collect();
        }
        Err(why) => json["not_judged"] = why.as_str().into(),
    }
    json
}
