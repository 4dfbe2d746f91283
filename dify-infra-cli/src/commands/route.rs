//! `dify-infra route`: who answers a URL, why, and within which limits.

use dify_infra_core::deployment::{InvalidUrl, RouteAnswer, RouteLimits, RouteReport};
use dify_infra_core::routes::Matching;

use crate::args::RouteArguments;
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::{Settings, UsageError};
use crate::ui::table::Table;
use crate::ui::{BOLD, Ui, styled};

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &RouteArguments,
) -> anyhow::Result<Exit> {
    let deployment = Input::read(&arguments.file)?.deployment(ui)?;
    let report = deployment.route(&arguments.url).map_err(|error| {
        UsageError::new("URL", &shown(&arguments.url, &error), error.to_string())
    })?;
    if settings.json {
        ui.json(&report)?;
    } else {
        ui.data(&text(&report))?;
    }
    Ok(Exit::Done)
}

/// What was given, without a password that may stand in it.
fn shown(url: &str, error: &InvalidUrl) -> String {
    match error {
        InvalidUrl::UserName => "a URL with a user name".to_owned(),
        _ => url.to_owned(),
    }
}

fn text(report: &RouteReport) -> String {
    let mut table = Table::new();
    let mut row = |name: &str, value: String| table.row([styled(BOLD, name), value]);
    row("asked for", asked(report));
    match &report.answer {
        RouteAnswer::Service {
            service,
            app,
            port,
            location,
            matching,
            custom,
            since,
            why,
        } => {
            row("answered by", format!("{service}: app {app}, port {port}"));
            let mut from = match (custom, since) {
                (true, _) => "added by the file".to_owned(),
                (false, Some(release)) => format!("since Dify {release}"),
                (false, None) => "in every offered release".to_owned(),
            };
            from.insert_str(0, &format!("{} {location}, ", matching_word(*matching)));
            row("location", from);
            row("why", why.clone());
        }
        RouteAnswer::Health { status, why } => {
            row("answered by", format!("nginx itself, with {status}"));
            row("why", why.clone());
        }
        RouteAnswer::Redirect { status, to, why } => {
            row(
                "answered by",
                format!("nginx itself, with {status} to {to}"),
            );
            row("why", why.clone());
        }
        RouteAnswer::Refused { status, why } => {
            row(
                "answered by",
                format!("nginx itself, with the error {status}"),
            );
            row("why", why.clone());
        }
        _ => {}
    }
    for loser in &report.others {
        let matching = matching_word(loser.matching);
        row(
            "also fits",
            format!(
                "{matching} {} ({}): {}",
                loser.location, loser.service, loser.why
            ),
        );
    }
    if let Some(limits) = &report.limits {
        for (name, value) in limit_rows(limits) {
            row(name, value);
        }
    }
    for header in &report.headers {
        let value = header
            .value
            .clone()
            .unwrap_or_else(|| "(left out)".to_owned());
        row("header", format!("{}: {value}", header.name));
    }
    for note in &report.notes {
        row("note", note.clone());
    }
    table.render()
}

fn asked(report: &RouteReport) -> String {
    let host = report.host.asked.as_ref().or(report.host.origin.as_ref());
    format!("{}{}", host.map_or("", String::as_str), report.target)
}

fn matching_word(matching: Matching) -> &'static str {
    match matching {
        Matching::Prefix => "prefix",
        Matching::Exact => "exact",
    }
}

fn limit_rows(limits: &RouteLimits) -> [(&'static str, String); 4] {
    [
        (
            "request",
            format!(
                "a body up to {}, a request line up to {}",
                size(limits.body_bytes),
                size(limits.request_line_bytes)
            ),
        ),
        (
            "silence",
            format!(
                "{} s to connect, {} s within an answer, {} s within a request",
                limits.connect_seconds, limits.read_seconds, limits.send_seconds
            ),
        ),
        (
            "whole time",
            format!(
                "{} s, after which the ingress of Container Apps ends a request",
                limits.ingress_seconds
            ),
        ),
        (
            "answer",
            format!(
                "{}, {}",
                if limits.buffering {
                    "collected before it is passed on"
                } else {
                    "passed on as it comes"
                },
                if limits.websocket {
                    "may become a WebSocket"
                } else {
                    "never a WebSocket"
                }
            ),
        ),
    ]
}

/// A number of bytes in the largest unit that it is a whole number of.
fn size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes.trailing_zeros() >= shift {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_their_largest_whole_unit() {
        for (bytes, text) in [
            (100 << 20, "100 MiB"),
            (16 << 10, "16 KiB"),
            (1 << 30, "1 GiB"),
            (1000, "1000 bytes"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
