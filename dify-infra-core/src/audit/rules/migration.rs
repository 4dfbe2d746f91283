//! Who migrates the database, and which one.

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::{filled, label, on_azure, services_of_application};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const MIGRATION: Rule = Rule {
    id: "VER107",
    title: "Somebody migrates the database, and nobody else",
    why: "Without a container or job whose `MIGRATION_ENABLED` is exactly `true` there are no tables: \
          \"relation dify_setups does not exist\". `MODE=migration` alone starts the API's server, and a job never \
          ends. With several, the ones that don't get the lock start at once.",
    source: "kei1-dev/azure-dify troubleshooting guide; langgenius/dify 1.16.0 api/docker/entrypoint.sh",
    fix: "Run one job with `MODE=migration` and `MIGRATION_ENABLED=true` before the others, or set it on \
          the API alone.",
    bad: Sample::compose("services:\n  api:\n    environment:\n      MIGRATION_ENABLED: \"false\""),
    good: Sample::compose("services:\n  api:\n    environment:\n      MIGRATION_ENABLED: \"true\""),
    audit: Some(migration),
    ..Rule::of(Family::Ver, Severity::Error)
};

pub(super) const SAME_DATABASE: Rule = Rule {
    id: "DBX115",
    title: "The migration works on the application's database",
    why: "A job that migrates another database succeeds, and the application finds no table, or old ones.",
    source: "langgenius/dify 1.16.0 api/docker/entrypoint.sh (flask upgrade-db reads the same `DB_*`)",
    fix: "Give the job the API's `DB_HOST`, `DB_PORT` and `DB_DATABASE`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/jobs", "name": "dify-dev-migration", "properties": {"template": {"containers": [{"name": "migration", "env": [{"name": "DB_DATABASE", "value": "postgres"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/jobs", "name": "dify-dev-migration", "properties": {"template": {"containers": [{"name": "migration", "env": [{"name": "DB_DATABASE", "value": "dify"}]}]}}}]"#,
    ),
    audit: Some(same_database),
    ..Rule::of(Family::Dbx, Severity::Error)
};

const NAME: &str = "MIGRATION_ENABLED";

/// The jobs that are there for the migration. `MODE=job` runs one command and ends: it is a migration when that is one.
fn jobs(inventory: &Inventory) -> impl Iterator<Item = (&Workload, &Container)> {
    inventory
        .of(Role::Migration)
        .filter(|(_, it)| it.literal("MODE") != Some("job") || upgrades_by_command(it))
}

fn upgrades_by_command(container: &Container) -> bool {
    container.literal("MODE") == Some("job")
        && container.command.iter().any(|it| it.contains("upgrade-db"))
}

/// Whether the switch says exactly what the entrypoint asks for; nothing when it can't be seen.
fn is_on(container: &Container) -> Option<bool> {
    match container.variable(NAME) {
        Some(variable) => variable.value.literal().map(|it| it == "true"),
        None => container.variables_complete.then_some(false),
    }
}

fn migration(inventory: &Inventory, found: &mut Findings) {
    let mut is_unsure = false;
    let mut is_told = false;
    let mut migrating: Vec<(&Workload, &Container, Option<&Variable>)> = Vec::new();
    for (workload, container) in jobs(inventory) {
        let name = label(workload, container);
        let on = is_on(container);
        if upgrades_by_command(container) {
            migrating.push((workload, container, None));
        } else if on == Some(false) {
            let said = match container.variable(NAME) {
                Some(it) => format!("`{NAME}` is `{}`, not `true`", it.value.shown()),
                None => format!("it has no `{NAME}`"),
            };
            let message = format!("`{name}` migrates nothing and starts the API instead: {said}");
            found.push(container.place_of(NAME), message);
            is_told = true;
        } else {
            let mode = container.variable("MODE");
            let other = mode.map_or(container.variables_complete, |it| {
                it.value.literal().is_some_and(|it| it != "migration")
            });
            if other {
                let message = format!(
                    "`{name}` migrates and then starts the API, so that the job never ends"
                );
                found
                    .push(container.place_of("MODE"), message)
                    .with_help("set `MODE=migration` on the job");
            }
            is_unsure |= on.is_none();
            migrating.push((workload, container, container.variable(NAME)));
        }
    }
    let others = inventory
        .application()
        .filter(|(_, it)| it.role != Role::Migration);
    for (workload, container) in others {
        match is_on(container) {
            Some(true) => migrating.push((workload, container, container.variable(NAME))),
            Some(false) => {}
            None => is_unsure = true,
        }
    }
    let first = inventory.application().next();
    if let Some((_, first)) = first
        && migrating.is_empty()
        && !is_unsure
        && !is_told
        && !inventory.may_hide_services()
    {
        found.push(first.place_of(NAME), "nobody migrates the database");
    }
    // The workers of compose files share one set; only one of them gets the lock. On Azure each has its own.
    if let Some(((workload, container, variable), others)) = migrating.split_first()
        && on_azure(inventory)
    {
        let one = label(workload, container);
        let place = variable.map_or(&container.place, |it| &it.place);
        for (other_workload, other, variable) in others {
            let message = format!(
                "`{}` migrates the database as well as `{one}`",
                label(other_workload, other)
            );
            found
                .warn(variable.map_or(&other.place, |it| &it.place), message)
                .with_help(format!("remove `{NAME}`, or set it to `false`"))
                .see(place, format!("`{one}`"));
        }
    }
}

fn same_database(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in jobs(inventory) {
        for name in ["DB_HOST", "DB_PORT", "DB_DATABASE"] {
            let Some(mine) = filled(container, name) else {
                continue;
            };
            let mut others = services_of_application(inventory)
                .filter_map(|(workload, it)| Some((workload, it, filled(it, name)?)));
            let Some((other_workload, other, theirs)) = others.next() else {
                continue;
            };
            if mine.value.same(&theirs.value) == Some(false) {
                let one = label(other_workload, other);
                let message = format!(
                    "`{name}` of `{}` differs from that of `{one}`",
                    label(workload, container)
                );
                found
                    .push(&mine.place, message)
                    .see(&theirs.place, format!("`{name}` of `{one}`"));
            }
        }
    }
}
