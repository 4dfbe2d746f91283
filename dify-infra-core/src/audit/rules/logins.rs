//! Ways in to databases and to Redis: who says what of host, port, user and password.

use super::super::inventory::{Container, Inventory, Workload};
use super::super::place::Place;
use super::super::recognise::Role;
use super::super::report::Findings;
use super::super::seen::Seen;
use super::calls::{Names, Target};
use super::{DAEMON, filled, label, lacks};

/// A value with the place where it stands, and what it is called there.
pub(super) struct Told {
    pub(super) what: String,
    pub(super) value: Seen,
    pub(super) place: Place,
}

/// One container's way in to a server.
pub(super) struct Login<'a> {
    pub(super) workload: &'a Workload,
    pub(super) host: Told,
    pub(super) port: Option<Told>,
    pub(super) user: Option<Told>,
    pub(super) password: Option<Told>,
}

/// The variables of a way in: host, port, user and password, and what port and user are when none is set.
pub(super) struct WayIn {
    pub(super) host: &'static str,
    pub(super) port: (&'static str, &'static str),
    pub(super) user: (&'static str, &'static str),
    pub(super) password: &'static str,
}

pub(super) fn told(workload: &Workload, container: &Container, name: &str) -> Option<Told> {
    let variable = filled(container, name)?;
    Some(Told {
        what: format!("`{name}` of `{}`", label(workload, container)),
        value: variable.value.clone(),
        place: variable.place.clone(),
    })
}

/// The same, or the default when it is certain that none is set.
pub(super) fn or_default(
    workload: &Workload,
    container: &Container,
    (name, default): (&str, &str),
) -> Option<Told> {
    told(workload, container, name).or_else(|| {
        lacks(container, name).then(|| Told {
            what: format!(
                "`{name}` of `{}`, which is not set,",
                label(workload, container)
            ),
            value: Seen::from(default),
            place: container.place_of(name).clone(),
        })
    })
}

pub(super) fn way_in<'a>(
    workload: &'a Workload,
    container: &Container,
    names: &WayIn,
) -> Option<Login<'a>> {
    Some(Login {
        workload,
        host: told(workload, container, names.host)?,
        port: or_default(workload, container, names.port),
        user: or_default(workload, container, names.user),
        password: told(workload, container, names.password),
    })
}

/// Who uses a database or Redis: all of the application, its migration, and the plugin daemon.
pub(super) fn users(inventory: &Inventory) -> impl Iterator<Item = (&Workload, &Container)> {
    let is_user = |it: &Container| it.role.is_application() || it.role == DAEMON;
    inventory.containers().filter(move |(_, it)| is_user(it))
}

/// The container of a role that a host leads to.
pub(super) fn container_of<'a>(
    names: &Names<'a>,
    login: &Login<'_>,
    role: Role,
) -> Option<(&'a Workload, &'a Container)> {
    let Target::Workload(workload, _) = names.target_of(Some(login.workload), &login.host.value)
    else {
        return None;
    };
    let container = workload.containers.iter().find(|it| it.role == role)?;
    Some((workload, container))
}

/// Says that two passwords of one login differ, or that it can't be seen.
pub(super) fn compare(mine: &Told, theirs: &Told, is_same: Option<bool>, found: &mut Findings) {
    let finding = match is_same {
        Some(true) => return,
        Some(false) => found.push(
            &mine.place,
            format!(
                "{} differs from {}, and both are for one login",
                mine.what, theirs.what
            ),
        ),
        None => found.unsure(
            &mine.place,
            format!("whether {} equals {} can't be seen", mine.what, theirs.what),
        ),
    };
    finding.see(&theirs.place, theirs.what.clone());
}
