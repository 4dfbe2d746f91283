//! `dify-infra destroy`: removes the apps; the data layer only when it is asked for by name.

use dify_infra_azure::apply::{Applier, destroyed};
use dify_infra_azure::preflight::{Users, users_of};
use dify_infra_core::graph::{Management, Node};
use dify_infra_core::plan::{Observed, Snapshot};
use dify_infra_core::resource::{Kind, Layer, ResourceId};
use serde_json::Value;

use super::{azure_run, command_line};
use crate::args::DestroyArguments;
use crate::exit::Exit;
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::progress::{Progress, kind};
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, RED, Ui, YELLOW, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &DestroyArguments,
) -> anyhow::Result<Exit> {
    let session = Session::open(ui, settings, &arguments.file.file).await?;
    let _lock = session.lock()?;
    let snapshot = session.observe(ui).await;
    refuse_unreadable(&snapshot)?;
    let going = destroyed(&session.graph, &snapshot, arguments.include_data);
    let is_asked = !arguments.yes && arguments.confirm.is_none();
    show(ui, &session, &snapshot, &going, is_asked);
    if going.is_empty() {
        ui.say("there is nothing to delete");
        tell_rest(ui, settings, &session, &snapshot, arguments);
        return Ok(Exit::Done);
    }
    refuse_what_others_use(ui, &session, &going).await?;
    confirm(ui, arguments, session.graph.owner())?;
    session.state.create()?;
    let progress = Progress::new(ui);
    let applier = Applier::new(&session.client, &session.graph)
        .with_options(azure_run::options(&session, settings))
        .with_events(&progress);
    let again = command_line::destroy(settings, arguments);
    let report = azure_run::watch(
        ui,
        |cancellation| {
            let applier = applier.with_cancellation(cancellation);
            let snapshot = &snapshot;
            Box::pin(async move { applier.destroy(snapshot, arguments.include_data).await })
        },
        &progress,
        &again,
    )
    .await?;
    azure_run::conclude(ui, &again, &report);
    if report.is_success() {
        tell_rest(ui, settings, &session, &snapshot, arguments);
    }
    if settings.json {
        ui.json(&azure_run::as_json(&report))?;
    }
    Ok(if report.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Says what is left, and what removes it.
fn tell_rest(
    ui: &Ui,
    settings: &Settings,
    session: &Session,
    snapshot: &Snapshot,
    arguments: &DestroyArguments,
) {
    let is_there = |node: &&Node| snapshot.body(node.id()).is_some();
    let mut data = session.graph.nodes().filter(|node| {
        node.management() == Management::Managed
            && node.kind().layer() == Layer::Data
            && node.kind() != Kind::ResourceGroup
    });
    if !arguments.include_data && data.any(|node| is_there(&node)) {
        let about = command_line::about(settings, &arguments.file.file);
        ui.hint(format!(
            "the data stays and costs as before; `dify-infra apply{about}` builds on it, and \
             `dify-infra destroy{about} --include-data` deletes it"
        ));
        return;
    }
    let mut groups = session.graph.nodes();
    let group = groups.find(|node| node.kind() == Kind::ResourceGroup);
    let Some(group) = group.filter(is_there) else {
        return;
    };
    let name = group.id().name();
    if session.is_real() {
        ui.hint(format!(
            "the resource group {name} stays, since others may use it; `az group delete --name {name} \
             --subscription {}` deletes it with everything that is in it",
            session.target.subscription()
        ));
    } else {
        ui.say(format!(
            "the resource group {name} stays; in Azure, `az group delete --name {name}` would delete \
             it with everything that is in it"
        ));
    }
}

/// What could not be looked at might be anything, so nothing is deleted around it.
fn refuse_unreadable(snapshot: &Snapshot) -> Result<(), Problem> {
    let unreadable = snapshot
        .resources()
        .find_map(|(id, observed)| match observed {
            Observed::Unreadable(reason) => Some((id, reason)),
            Observed::Absent | Observed::Present(_) => None,
        });
    match unreadable {
        None => Ok(()),
        Some((id, reason)) => Err(Problem::new(format!(
            "nothing was deleted: {} can't be read: {reason}",
            id.label()
        ))),
    }
}

/// What others keep their data in is not deleted, whoever made it.
async fn refuse_what_others_use(
    ui: &Ui,
    session: &Session,
    going: &[ResourceId],
) -> Result<(), Problem> {
    let found = users_of(&session.client, &session.graph, going).await;
    tell_unseen(ui, &found);
    if found.problems.is_empty() {
        return Ok(());
    }
    azure_run::show_problems(ui, &found.problems);
    Err(Problem::new(
        "nothing was deleted, since others would lose their data",
    ))
}

/// What could not be looked at may well be there: whoever goes on should know.
fn tell_unseen(ui: &Ui, users: &Users) {
    if let Some(why) = &users.unseen {
        ui.line(format!(
            "{}: apps of others may live on what is deleted here, and can't all be seen: {why}",
            styled(YELLOW, "warning")
        ));
        ui.hint("have somebody who may read the whole subscription run it, or ask who uses it");
    }
}

/// Lists what goes and what stays.
fn show(ui: &Ui, session: &Session, snapshot: &Snapshot, going: &[ResourceId], is_asked: bool) {
    let say = |line: String| {
        if is_asked {
            ui.say_before_asking(line);
        } else {
            ui.say(line);
        }
    };
    let list = |ids: &[&ResourceId]| {
        let mut table = Table::new();
        for id in ids {
            table.row([format!("  {}", id.label()), styled(DIM, kind(id))]);
        }
        table.render()
    };
    if !going.is_empty() {
        let ids: Vec<&ResourceId> = going.iter().collect();
        say(format!(
            "{}\n{}",
            styled(RED, "will be deleted:"),
            list(&ids).trim_end()
        ));
    }
    for id in going {
        if let Some(note) = soft_deletion(snapshot, id) {
            say(note);
        }
    }
    let stays = staying(session, snapshot, going);
    if !stays.is_empty() {
        say(format!(
            "{}\n{}",
            styled(BOLD, "stays:"),
            list(&stays).trim_end()
        ));
    }
}

/// What Azure keeps of a vault that is deleted.
fn soft_deletion(snapshot: &Snapshot, id: &ResourceId) -> Option<String> {
    if Kind::from_type(&id.resource_type()) != Some(Kind::Vault) {
        return None;
    }
    let days = snapshot.output(id, "/properties/softDeleteRetentionInDays");
    let days = days.unwrap_or_else(|| "90".to_owned());
    let properties = snapshot.body(id)?.get("properties")?;
    let is_protected = properties.get("enablePurgeProtection") == Some(&Value::Bool(true));
    let purge = if is_protected {
        "nobody can remove it sooner, since it is protected from purging".to_owned()
    } else {
        format!("`az keyvault purge --name {}` removes it sooner", id.name())
    };
    Some(format!(
        "the vault {} with its secrets stays deleted softly for {days} days and keeps its name; \
         an apply brings it back; {purge}",
        id.name()
    ))
}

/// Our top-level resources that are there and do not go.
fn staying<'a>(
    session: &'a Session,
    snapshot: &Snapshot,
    going: &[ResourceId],
) -> Vec<&'a ResourceId> {
    let nodes = session.graph.nodes().filter(|node| {
        node.management() == Management::Managed
            && !node.id().is_child()
            && snapshot.body(node.id()).is_some()
            && !going.contains(node.id())
    });
    nodes.map(Node::id).collect()
}

/// The data layer goes only with the deployment's name, typed or given.
fn confirm(ui: &Ui, arguments: &DestroyArguments, owner: &str) -> Result<(), Problem> {
    if let Some(given) = &arguments.confirm
        && given != owner
    {
        return Err(Problem::new(format!(
            "nothing was deleted: --confirm says {given}, and the deployment is {owner}"
        )));
    }
    if arguments.include_data && arguments.confirm.is_none() {
        return typed(ui, owner);
    }
    if arguments.yes || arguments.confirm.is_some() {
        return Ok(());
    }
    if !ui.is_interactive() {
        return Err(Problem::new("there is nobody to confirm the deletion")
            .hint("give --yes to delete without asking"));
    }
    match ui.ask("Delete these? Only `yes` goes on:") {
        Some(answer) if answer.eq_ignore_ascii_case("yes") => Ok(()),
        _ => Err(Problem::new("nothing was deleted")),
    }
}

fn typed(ui: &Ui, owner: &str) -> Result<(), Problem> {
    if !ui.is_interactive() {
        return Err(
            Problem::new("databases, caches and blobs go only when the name is given")
                .hint(format!("give --confirm {owner} with --include-data")),
        );
    }
    ui.line(styled(
        RED,
        "databases, caches and blobs are deleted for ever",
    ));
    match ui.ask(&format!("Type the deployment's name, {owner}, to go on:")) {
        Some(answer) if answer == owner => Ok(()),
        _ => Err(Problem::new("nothing was deleted")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::args::FileArguments;
    use crate::settings::Verbosity;

    fn arguments(include_data: bool, yes: bool, confirm: Option<&str>) -> DestroyArguments {
        DestroyArguments {
            file: FileArguments {
                file: PathBuf::from("dify.toml"),
            },
            include_data,
            yes,
            confirm: confirm.map(str::to_owned),
        }
    }

    fn is_confirmed(arguments: &DestroyArguments) -> bool {
        let (ui, ..) = Ui::captured(Verbosity::Normal);
        confirm(&ui, arguments, "dify-dev").is_ok()
    }

    #[test]
    fn apps_go_with_yes() {
        assert!(is_confirmed(&arguments(false, true, None)));
        assert!(!is_confirmed(&arguments(false, false, None)));
    }

    #[test]
    fn data_goes_only_with_the_name() {
        assert!(!is_confirmed(&arguments(true, true, None)));
        assert!(!is_confirmed(&arguments(true, true, Some("dify"))));
        assert!(is_confirmed(&arguments(true, true, Some("dify-dev"))));
    }

    #[test]
    fn a_wrong_name_stops_apps_too() {
        assert!(!is_confirmed(&arguments(false, true, Some("dify-prod"))));
    }
}
