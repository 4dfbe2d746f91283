//! `dify-infra plan`: what apply would change.

use dify_infra_azure::observe;
use dify_infra_core::audit;
use dify_infra_core::diagnostic::Diagnostics;
use dify_infra_core::plan::{self, Fingerprints, Options, Plan, Snapshot, fingerprints};

use dify_infra_core::spec::Document;

use super::saved_plan;
use crate::args::PlanArguments;
use crate::exit::Exit;
use crate::input::is_stream;
use crate::secrets_file::SecretsFile;
use crate::session::Session;
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &PlanArguments,
) -> anyhow::Result<Exit> {
    if settings.json && arguments.out.as_deref().is_some_and(is_stream) {
        let rule = "stdout has the JSON of --json already; leave one of them out";
        return Err(UsageError::new("--out", "-", rule).into());
    }
    let session = Session::open(ui, settings, &arguments.file.file).await?;
    let secrets = SecretsFile::open(ui, settings, &session)?;
    let known = secrets.secrets().and_then(fingerprints);
    let mut snapshot = session.observe(ui).await;
    secrets.tell_absence(ui, &session, &snapshot);
    secrets.tell_missing(ui, &session, &snapshot);
    let plan = make(&session, &mut snapshot, known.as_ref(), arguments.prune).await;
    let old = old_secrets(&session, &snapshot)?;
    let is_saved_to_stdout = arguments.out.as_deref().is_some_and(is_stream);
    if settings.json {
        let mut shown = serde_json::to_value(&plan)?;
        shown["findings"] = serde_json::to_value(old.iter().collect::<Vec<_>>())?;
        ui.json(&shown)?;
    } else if is_saved_to_stdout {
        ui.say(crate::ui::plan::render(&plan).trim_end());
    } else {
        ui.data(&crate::ui::plan::render(&plan))?;
    }
    if !settings.json {
        crate::ui::diagnostics::show(ui, &session.input, &old);
    }
    if let Some(path) = &arguments.out {
        let origin = saved_plan::origin(&session, arguments.prune, known.is_some());
        saved_plan::save(ui, path, origin, (&plan, &snapshot))?;
    }
    Ok(judge(&plan, arguments.detailed_exitcode))
}

/// What Azure alone tells of the deployment: secrets of its vault that are too old.
fn old_secrets(session: &Session, snapshot: &Snapshot) -> anyhow::Result<Diagnostics> {
    let now = jiff::Timestamp::now().as_second();
    let mut found = audit::old_secrets(&session.deployment, &session.graph, snapshot, now);
    if found.iter().next().is_some() {
        let document = Document::parse(&session.input.text)?;
        document.locate(&mut found);
    }
    Ok(found)
}

/// Plans, then reads the old texts of rendered files that would change, to show what changes.
pub(super) async fn make(
    session: &Session,
    snapshot: &mut Snapshot,
    known: Option<&Fingerprints>,
    prune: bool,
) -> Plan {
    let options = Options::new().with_fingerprints(known).with_prune(prune);
    let first = plan::plan(&session.graph, snapshot, options);
    observe::read_files(&session.client, &session.graph, &first, snapshot).await;
    plan::plan(&session.graph, snapshot, options)
}

/// A plan that can't be carried out is a failure, never "no changes".
fn judge(plan: &Plan, detailed: bool) -> Exit {
    if !plan.is_applyable() {
        Exit::Failed
    } else if detailed && !plan.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    }
}
