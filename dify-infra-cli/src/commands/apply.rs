//! `dify-infra apply`: check, plan, confirm, preflight, keep the secrets, write, report.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dify_infra_azure::apply::{Applier, ApplyOptions, ApplyReport, LastRun, last_run};
use dify_infra_azure::claim::{Claim, ClaimError, claim, is_needed};
use dify_infra_azure::outputs::{Outputs, RecordState, outputs};
use dify_infra_azure::preflight::preflight;
use dify_infra_azure::secrets::Completed;
use dify_infra_core::plan::{Change, Plan, RiskLevel, Snapshot, fingerprints};
use serde_json::json;

use super::saved_plan::Loaded;
use super::{azure_run, command_line, dns_records, plan};
use crate::args::ApplyArguments;
use crate::exit::Exit;
use crate::secrets_file::SecretsFile;
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::progress::Progress;
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, Ui, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &ApplyArguments,
) -> anyhow::Result<Exit> {
    let saved = arguments.plan.as_deref().map(Loaded::read).transpose()?;
    let path = file_of(saved.as_ref(), arguments)?;
    let session = Session::open(ui, settings, &path).await?;
    if let Some(saved) = &saved {
        saved.check_origin(&session)?;
    }
    let prune = saved
        .as_ref()
        .map_or(arguments.prune, |saved| saved.plan.origin.prune);
    let _lock = session.lock()?;
    let repeated = command_line::about(settings, &path);
    let again = command_line::apply(settings, &path, arguments);
    if arguments.resume {
        tell_last_run(ui, &session);
    }
    let file = SecretsFile::open(ui, settings, &session)?;
    let mut snapshot = session.observe(ui).await;
    let completed = match file.complete(&session, &snapshot).await {
        Ok(completed) => completed,
        Err(error) => {
            // A value may be missing for what can't be read at all, and that is the better reason.
            refuse_unplannable(ui, &session, &file, (&mut snapshot, prune)).await?;
            return Err(error);
        }
    };
    let known = fingerprints(&completed.secrets);
    let plan = plan::make(&session, &mut snapshot, known.as_ref(), prune).await;
    let is_asked = saved.is_none() && !arguments.yes;
    show(ui, &plan, is_asked);
    if let Some(saved) = &saved {
        saved.check_holds(&plan, &snapshot)?;
    }
    if !plan.is_applyable() {
        // What keeps everything from being read, such as a wrong subscription, is told first.
        check_ahead(ui, &session, &plan).await?;
        return Err(not_applyable(&plan).into());
    }
    let waits = arguments
        .wait_for_dns
        .filter(|_| !dns_records::ids(&plan).is_empty());
    let is_idle = plan.is_empty();
    let claim = if is_idle && waits.is_none() {
        None
    } else {
        refuse_destructive(&plan, arguments, session.deployment.key_vault().is_some())?;
        // A saved plan was agreed to when it was reviewed.
        if is_asked && !is_confirmed(ui)? {
            return Err(Problem::new("not applied: nothing was changed").into());
        }
        // Before any value is kept: who comes second has none that could be taken for the right ones.
        begin(ui, &session, &plan).await?
    };
    keep_secrets(ui, &session, &file, &completed)?;
    let run = Run {
        ui,
        settings,
        session: &session,
        completed: &completed,
        again: &again,
        options: azure_run::options(&session, settings)
            .with_max_parallel(usize::from(arguments.max_parallel))
            .with_prune(prune),
    };
    let mut report = None;
    if !is_idle {
        report = Some(run.carry_out(&plan, &snapshot, claim.as_ref()).await?);
        if let Some(claim) = claim {
            claim.release().await;
        }
        snapshot = session.observe(ui).await;
    }
    let (plan, report) = if is_idle && waits.is_none() {
        (plan, report)
    } else {
        run.go_on(plan, &mut snapshot, report, waits).await?
    };
    finish(
        ui,
        settings,
        &Ended {
            session,
            file,
            snapshot,
            repeated,
            report,
            plan,
        },
    )
}

/// The plan, however quiet the program is to be when somebody is about to be asked about it.
fn show(ui: &Ui, plan: &Plan, is_asked: bool) {
    let shown = crate::ui::plan::render(plan);
    if is_asked {
        ui.say_before_asking(shown.trim_end());
    } else {
        ui.say(shown.trim_end());
    }
}

/// What comes before the first write of a plan: what would stop it, and what keeps out others.
async fn begin(ui: &Ui, session: &Session, plan: &Plan) -> anyhow::Result<Option<Claim>> {
    if plan.is_empty() {
        return Ok(None);
    }
    check_ahead(ui, session, plan).await?;
    if !is_needed(&session.graph, plan) {
        return Ok(None);
    }
    Ok(Some(claimed(ui, session, plan).await?))
}

/// What carrying out plans takes.
struct Run<'a> {
    ui: &'a Ui,
    settings: &'a Settings,
    session: &'a Session,
    completed: &'a Completed,
    /// The command line that goes on.
    again: &'a str,
    options: ApplyOptions,
}

impl Run<'_> {
    async fn carry_out(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        claim: Option<&Claim>,
    ) -> anyhow::Result<ApplyReport> {
        let Self { ui, session, .. } = self;
        let progress = Progress::new(ui);
        let applier = Applier::new(&session.client, &session.graph)
            .with_options(self.options.clone())
            .with_events(&progress);
        let secrets = &self.completed.secrets;
        let report = azure_run::watch(
            ui,
            |cancellation| {
                let applier = applier.with_cancellation(cancellation);
                Box::pin(async move {
                    let work = applier.apply(plan, snapshot, secrets);
                    match claim {
                        Some(claim) => claim.while_held(work).await,
                        None => work.await,
                    }
                })
            },
            &progress,
            self.again,
        )
        .await?;
        azure_run::conclude(ui, self.again, &report);
        Ok(report)
    }

    /// Goes on with what waited for DNS records, and with nothing else, as far as they are there.
    async fn go_on(
        &self,
        first: Plan,
        snapshot: &mut Snapshot,
        report: Option<ApplyReport>,
        mut waits: Option<Duration>,
    ) -> anyhow::Result<(Plan, Option<ApplyReport>)> {
        let Self { ui, session, .. } = self;
        let mut report = report;
        let mut open = dns_records::ids(&first);
        let is_over = |report: &Option<ApplyReport>| {
            report.as_ref().is_some_and(|report| !report.is_success())
        };
        if open.is_empty() || is_over(&report) {
            return Ok((first, report));
        }
        let known = fingerprints(&self.completed.secrets);
        loop {
            let prune = self.options.prune;
            let plan = plan::make(session, snapshot, known.as_ref(), prune).await;
            let rest = plan.limited_to(&open);
            if rest.is_applyable() && !rest.is_empty() {
                ui.say(crate::ui::plan::render(&rest).trim_end());
                let next = self.carry_out(&rest, snapshot, None).await?;
                report = Some(dns_records::joined(report, next));
                *snapshot = session.observe(ui).await;
                // Once is enough: what still differs afterwards is for the next run.
                open.retain(|id| rest.change(id).is_none_or(|one| !one.action.writes()));
                if is_over(&report) {
                    return Ok((plan, report));
                }
                continue;
            }
            let limit = waits.take().filter(|_| !dns_records::ids(&plan).is_empty());
            let Some(limit) = limit else {
                return Ok((plan, report));
            };
            if !dns_records::for_records(ui, self.settings, session, snapshot, limit).await? {
                return Ok((plan, report));
            }
        }
    }
}

/// The deployment file that is meant.
fn file_of(saved: Option<&Loaded>, arguments: &ApplyArguments) -> Result<PathBuf, Problem> {
    let named = arguments.file.as_deref();
    match saved {
        Some(saved) => saved.file(named),
        None => Ok(named.unwrap_or(Path::new("dify.toml")).to_owned()),
    }
}

/// What there is after a run, or after finding nothing to do.
struct Ended {
    session: Session,
    file: SecretsFile,
    snapshot: Snapshot,
    repeated: String,
    report: Option<ApplyReport>,
    /// What there would be to do now, when that was looked at; else the plan of the run.
    plan: Plan,
}

fn tell_last_run(ui: &Ui, session: &Session) {
    let Some(last) = last_run(&session.journals()) else {
        ui.say("there is no journal of an earlier run: this is a plain apply");
        return;
    };
    let LastRun {
        run,
        finished,
        open,
        outcome,
        ..
    } = last;
    let outcome = outcome.unwrap_or_else(|| "it was cut off".to_owned());
    ui.say(format!(
        "last run {run}: {outcome}, {} resources finished",
        finished.len()
    ));
    for id in open {
        ui.say(format!(
            "  was at work on {}",
            id.rsplit('/').next().unwrap_or(&id)
        ));
    }
}

/// Refuses a plan that could not be applied even with all secrets.
async fn refuse_unplannable(
    ui: &Ui,
    session: &Session,
    file: &SecretsFile,
    (snapshot, prune): (&mut Snapshot, bool),
) -> Result<(), Problem> {
    let known = file.secrets().and_then(fingerprints);
    let plan = plan::make(session, snapshot, known.as_ref(), prune).await;
    if plan.is_applyable() {
        return Ok(());
    }
    ui.say(crate::ui::plan::render(&plan).trim_end());
    check_ahead(ui, session, &plan).await?;
    Err(not_applyable(&plan))
}

/// Why a plan can't be carried out. What it is was shown with the plan.
fn not_applyable(plan: &Plan) -> Problem {
    let problem = Problem::new("nothing was written, since the plan can't be applied");
    if plan.is_complete() {
        return problem.hint("mend what is marked with `!` above, then run apply again");
    }
    problem.hint("mend what is marked with `?` above, then run apply again")
}

/// Neither `--yes` nor a reviewed plan is a wish to lose data.
fn refuse_destructive(
    plan: &Plan,
    arguments: &ApplyArguments,
    has_vault: bool,
) -> Result<(), Problem> {
    if arguments.allow_destructive {
        return Ok(());
    }
    let destructive = |change: &&Change| change.risk.level == RiskLevel::Destructive;
    let Some(change) = plan.changes().iter().find(destructive) else {
        return Ok(());
    };
    let message = format!("nothing was written: {}", change.risk.note);
    let then = if has_vault {
        "what is in the key vault counts as kept"
    } else {
        "apply reads the values back from the apps"
    };
    Err(Problem::new(message).hint(format!(
        "if the secrets file beside the deployment file is not the one that the deployment was made \
         with, bring that one back or remove this one, and {then}; if the loss is meant, give \
         --allow-destructive"
    )))
}

/// Asks the person, when there is one; a run without one needs `--yes`.
fn is_confirmed(ui: &Ui) -> Result<bool, Problem> {
    if !ui.is_interactive() {
        return Err(Problem::new("there is nobody to confirm the plan")
            .hint("give --yes to apply without asking"));
    }
    let answer = ui.ask("Apply this plan? Only `yes` goes on:");
    Ok(answer.is_some_and(|answer| answer.eq_ignore_ascii_case("yes")))
}

/// Looks for what would stop the run, before its first write.
async fn check_ahead(ui: &Ui, session: &Session, plan: &Plan) -> Result<(), Problem> {
    let busy = ui.busy("checking rights, providers and names");
    let found = preflight(&session.client, &session.graph, plan).await;
    drop(busy);
    if found.is_empty() {
        return Ok(());
    }
    azure_run::show_problems(ui, &found);
    let count = found.len();
    let plural = if count == 1 { "this" } else { "these" };
    Err(Problem::new(format!(
        "nothing was written, since {plural} would stop the run"
    )))
}

/// Keeps out first runs from other folders, which would make secrets of their own.
async fn claimed(ui: &Ui, session: &Session, plan: &Plan) -> anyhow::Result<Claim> {
    let name = session.state.run_name(session.graph.owner())?;
    let busy = ui.busy("looking for another run of this deployment");
    let found = claim(&session.client, &session.graph, plan, &name).await;
    drop(busy);
    match found {
        Ok(claim) => {
            if !claim.is_kept() {
                ui.warn(
                    "these credentials may not do Microsoft.Resources/deployments/write, so nothing keeps \
                     out a run from another folder; two first runs at once would mix their secrets",
                );
            }
            Ok(claim)
        }
        Err(error @ ClaimError::Held { .. }) => {
            let problem = Problem::new(error.to_string());
            Err(match error.hint() {
                Some(hint) => problem.hint(hint).into(),
                None => problem.into(),
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts every value where it can be read back, before it is used.
fn keep_secrets(
    ui: &Ui,
    session: &Session,
    file: &SecretsFile,
    completed: &Completed,
) -> anyhow::Result<()> {
    file.save(ui, completed, &session.deployment)?;
    let path = file.path().display();
    if !completed.recovered.is_empty() {
        let count = completed.recovered.len();
        ui.say(format!(
            "secrets: {count} read back from the running apps, kept in {path}"
        ));
    }
    if !completed.generated.is_empty() {
        let count = completed.generated.len();
        ui.say(format!("secrets: {count} generated, kept in {path}"));
    }
    Ok(())
}

/// What the deployment offers on stdout, what people should know of it on stderr, and the exit code.
fn finish(ui: &Ui, settings: &Settings, ended: &Ended) -> anyhow::Result<Exit> {
    let Ended {
        session,
        snapshot,
        report,
        ..
    } = ended;
    let offers = outputs(
        &session.deployment,
        &session.target,
        &session.graph,
        snapshot,
    );
    let is_success = report.as_ref().is_none_or(ApplyReport::is_success);
    dns_records::tell(ui, session, snapshot, &ended.plan, &ended.repeated);
    if settings.json {
        let run = report.as_ref().map(azure_run::as_json);
        let waiting = dns_records::as_json(session, snapshot, &ended.plan);
        ui.json(&json!({ "format": 1, "run": run, "waiting": waiting, "outputs": offers }))?;
    } else if is_success {
        let owner = session.graph.owner();
        ui.say(format!("\n{} is deployed\n", styled(BOLD, owner)));
        ui.data(&offered(ended, &offers))?;
        ui.say(advice(ended, &offers).trim_end());
    }
    Ok(if is_success { Exit::Done } else { Exit::Failed })
}

/// Where the deployment is found: names and values.
fn offered(ended: &Ended, offers: &Outputs) -> String {
    let file = ended.file.path();
    let secrets = file.is_file().then(|| file.display().to_string());
    let values = [
        ("public URL", offers.public_url.clone()),
        ("first account", offers.install_url.clone()),
        ("resource group", Some(offers.resource_group.clone())),
        ("secrets", secrets),
        ("key vault", offers.key_vault.clone()),
    ];
    let mut table = Table::new();
    for (name, value) in values {
        if let Some(value) = value {
            table.row([styled(BOLD, name), value]);
        }
    }
    table.render()
}

/// What people should know of the deployment, and what can be done next.
fn advice(ended: &Ended, offers: &Outputs) -> String {
    let Ended { session, file, .. } = ended;
    let has_file = file.path().is_file();
    let mut text = String::new();
    if has_file {
        text += "\nkeep the secrets file\n";
    }
    if offers.install_url.is_some() {
        // With secrets in a vault there may be no file: then nothing else has the value.
        let holder = match &offers.key_vault {
            Some(vault) if !has_file => {
                format!("the secret init-password of the key vault {vault}")
            }
            _ => "INIT_PASSWORD of the secrets file".to_owned(),
        };
        let _ = writeln!(text, "the first account is asked for {holder}");
    }
    let open = offers.dns_records.iter();
    for record in open.filter(|record| record.state != RecordState::Set) {
        let _ = writeln!(text, "set DNS: {record}");
    }
    if !session.is_real() {
        let note = "this Azure keeps resources and runs no containers: nothing answers at the URL";
        let _ = writeln!(text, "{}", styled(DIM, note));
    }
    text + &next_steps(&ended.repeated)
}

/// What can be done next, with everything that says which deployment and which Azure are meant.
fn next_steps(arguments: &str) -> String {
    let steps = [
        ("verify", "proves it from Azure's answers"),
        ("plan", "says what has changed since"),
        ("destroy", "removes the apps and keeps the data"),
    ];
    let mut table = Table::new();
    for (command, does) in steps {
        table.row([
            format!("  dify-infra {command}{arguments}"),
            does.to_owned(),
        ]);
    }
    format!("\nnext:\n{}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_next_has_the_same_arguments() {
        let words = " prod.toml --target embedded";
        assert!(next_steps(words).contains(&format!("dify-infra destroy{words}  removes")));
    }
}
