//! What an apply does about DNS records that a person sets: it looks, waits if that was asked for, and
//! goes on when they are there.

use std::collections::BTreeSet;
use std::time::Duration;

use dify_infra_azure::apply::{ApplyReport, Cancellation};
use dify_infra_azure::domain::{Patience, Waited, missing_records, wait};
use dify_infra_core::plan::{DnsRecord, Plan, Snapshot};
use dify_infra_core::resource::ResourceId;
use serde_json::{Value, json};

use crate::interrupt::{Ended, stoppable};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::{CYAN, Ui, YELLOW, styled};

/// The resources of a plan that wait for DNS records.
pub(super) fn ids(plan: &Plan) -> BTreeSet<ResourceId> {
    plan.waiting().map(|change| change.id.clone()).collect()
}

/// Waits until the records are there; whether they are.
///
/// # Errors
///
/// When the person does not want to wait any more.
pub(super) async fn for_records(
    ui: &Ui,
    settings: &Settings,
    session: &Session,
    snapshot: &mut Snapshot,
    limit: Duration,
) -> anyhow::Result<bool> {
    let (switch, cancellation) = Cancellation::new();
    let mut patience = Patience::new(limit);
    if !session.is_real() {
        let pause = patience.every.as_secs_f64() / settings.time_scale;
        patience = patience.with_pause(Duration::from_secs_f64(pause.clamp(0.05, 15.0)));
    }
    let tell = |missing: &[DnsRecord]| {
        ui.line(format!(
            "{}: these records are not there yet",
            styled(YELLOW, "waiting for DNS")
        ));
        for record in missing {
            ui.line(format!("  {record}"));
        }
    };
    let told = || ui.line(styled(YELLOW, "stopping: it is no longer waited for"));
    let work = wait(
        &session.client,
        &session.graph,
        snapshot,
        patience,
        (&tell, cancellation),
    );
    match stoppable(work, switch, told).await {
        Ended::Finished(Waited::Ready) => {
            ui.say("the DNS records are there");
            Ok(true)
        }
        Ended::Finished(Waited::TimedOut) => {
            ui.warn(format!(
                "the DNS records were not there within {} s",
                limit.as_secs()
            ));
            Ok(false)
        }
        Ended::Finished(Waited::Stopped) => Ok(false),
        Ended::Abandoned => {
            Err(Problem::new("left while it was waited for DNS; nothing is under way").into())
        }
    }
}

/// Says at the end of a run what it still waits for.
pub(super) fn tell(ui: &Ui, session: &Session, snapshot: &Snapshot, plan: &Plan, about: &str) {
    if plan.waiting().next().is_none() {
        return;
    }
    for change in plan.waiting() {
        let (name, reason) = (change.id.label(), &change.reason);
        ui.line(format!(
            "{}: {name}: {reason}",
            styled(YELLOW, "waiting for DNS")
        ));
    }
    if !missing_records(&session.graph, snapshot).is_empty() {
        ui.line(format!(
            "{}: set the records that `dify-infra outputs{about}` prints, then run \
             `dify-infra apply{about}` again; `--wait-for-dns` waits for them",
            styled(CYAN, "hint")
        ));
    }
}

/// What a run still waits for, as data.
pub(super) fn as_json(session: &Session, snapshot: &Snapshot, plan: &Plan) -> Value {
    let records = missing_records(&session.graph, snapshot);
    plan.waiting()
        .map(|change| {
            json!({
                "id": change.id,
                "type": change.id.resource_type(),
                "reason": change.reason,
                "records": records,
            })
        })
        .collect()
}

/// Two runs as one: what the second did comes after the first.
pub(super) fn joined(first: Option<ApplyReport>, second: ApplyReport) -> ApplyReport {
    match first {
        None => second,
        Some(first) => first.followed_by(second),
    }
}
