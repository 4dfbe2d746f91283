//! Runs that write to Azure: how they are watched, stopped and reported.

use std::time::Duration;

use dify_infra_azure::apply::{
    ApplyError, ApplyOptions, ApplyReport, Cancellation, Outcome, OutcomeResult,
};
use dify_infra_core::plan::Action;
use serde_json::{Value, json};

use crate::interrupt::{Ended, stoppable};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::errors::{self, Problem};
use crate::ui::progress::{Progress, seconds};
use crate::ui::{BOLD, CYAN, GREEN, RED, Ui, YELLOW, styled};

/// The choices of a run, in the time of the Azure that it is about.
pub(super) fn options(session: &Session, settings: &Settings) -> ApplyOptions {
    let options = ApplyOptions::new().with_journal(session.journals());
    if session.is_real() {
        return options;
    }
    let pause = options.look_every.as_secs_f64() / settings.time_scale;
    options.with_look_every(Duration::from_secs_f64(pause.clamp(0.01, 5.0)))
}

/// Watches a run to its end. Ctrl-C stops it, a second one abandons it; `again` is the command line
/// that goes on then.
pub(super) async fn watch<Run>(
    ui: &Ui,
    start: impl FnOnce(Cancellation) -> Run,
    progress: &Progress<'_>,
    again: &str,
) -> anyhow::Result<ApplyReport>
where
    Run: Future<Output = Result<ApplyReport, ApplyError>>,
{
    let (switch, cancellation) = Cancellation::new();
    let told = || {
        let line = "stopping: what runs is finished, nothing new is started; Ctrl-C again leaves \
                    at once";
        progress.say(ui, &styled(YELLOW, line));
    };
    let ended = stoppable(start(cancellation), switch, told).await;
    progress.finish();
    match ended {
        Ended::Finished(report) => Ok(report?),
        Ended::Abandoned => Err(
            Problem::new("the run was left while Azure was still at work")
                .hint(format!("`{again}` looks at Azure and goes on from there"))
                .into(),
        ),
    }
}

/// Says what stands in the way of a run, each with its remedy.
pub(super) fn show_problems(ui: &Ui, problems: &[dify_infra_azure::preflight::Problem]) {
    for problem in problems {
        ui.line(format!("{}: {}", styled(RED, "error"), problem.what));
        ui.line(format!("{}: {}", styled(CYAN, "hint"), problem.remedy));
    }
}

/// Says how a run ended: failures with their reasons and remedies, the sum, and the command line that
/// goes on.
pub(super) fn conclude(ui: &Ui, again: &str, report: &ApplyReport) {
    for (id, error) in report.failures() {
        ui.line(format!(
            "{}: {}: {}",
            styled(RED, "error"),
            styled(BOLD, id.label()),
            chain(error)
        ));
        let first: &(dyn std::error::Error + 'static) = error;
        let causes = std::iter::successors(Some(first), |error| error.source());
        for hint in errors::hints(causes) {
            ui.line(format!("{}: {hint}", styled(crate::ui::CYAN, "hint")));
        }
    }
    ui.say(format!("{} in {}", sum(report), seconds(report.elapsed)));
    if report.is_success() {
        return;
    }
    ui.hint(if report.cancelled {
        format!("`{again}` goes on")
    } else {
        format!("when the cause is mended, `{again}` goes on from there")
    });
    if let Some(journal) = &report.journal {
        ui.hint(format!("the journal of this run is {}", journal.display()));
    }
}

/// An error and its causes on one line.
fn chain(error: &ApplyError) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// `done: 31 created`, `stopped: 3 created, 28 not started`.
fn sum(report: &ApplyReport) -> String {
    let count = |wanted: &dyn Fn(&Outcome) -> bool| {
        report
            .outcomes
            .iter()
            .filter(|outcome| wanted(outcome))
            .count()
    };
    let done = |action: Action| {
        count(&|one| one.action == action && matches!(one.result, OutcomeResult::Done))
    };
    let parts = [
        (done(Action::Create), "created"),
        (done(Action::Update), "updated"),
        (done(Action::Replace), "replaced"),
        (done(Action::Delete), "deleted"),
        (
            count(&|one| matches!(one.result, OutcomeResult::Failed(_))),
            "failed",
        ),
        (
            count(&|one| matches!(one.result, OutcomeResult::Skipped(_))),
            if report.cancelled {
                "not started"
            } else {
                "skipped"
            },
        ),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let word = match (report.is_success(), report.cancelled) {
        (true, _) => styled(GREEN, "done"),
        (false, true) => styled(YELLOW, "stopped"),
        (false, false) => styled(RED, "failed"),
    };
    if parts.is_empty() {
        format!("{word}: nothing")
    } else {
        format!("{word}: {}", parts.join(", "))
    }
}

/// A run as data.
pub(super) fn as_json(report: &ApplyReport) -> Value {
    let outcome = |one: &Outcome| {
        let (result, message) = match &one.result {
            OutcomeResult::Done => ("done", None),
            OutcomeResult::Failed(error) => ("failed", Some(error.sentence())),
            OutcomeResult::Skipped(because) => ("skipped", Some(because.clone())),
            _ => ("unknown", None),
        };
        json!({
            "id": one.id,
            "type": one.id.resource_type(),
            "action": one.action,
            "result": result,
            "message": message,
            "started": one.started.as_secs_f64(),
            "seconds": one.elapsed.as_secs_f64(),
        })
    };
    json!({
        "format": 1,
        "run": report.run,
        "success": report.is_success(),
        "cancelled": report.cancelled,
        "seconds": report.elapsed.as_secs_f64(),
        "resources": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
    })
}
