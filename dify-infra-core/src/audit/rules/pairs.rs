//! Pairs of variables that must be equal.

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::{filled, label, lacks};

/// Two variables that must be equal, and who has them.
pub(super) struct Pair {
    pub(super) one: (&'static [Role], &'static str),
    pub(super) other: (Role, &'static str),
    /// What the two values are, as it goes on in a sentence: `the key between API and sandbox`.
    pub(super) meaning: &'static str,
}

/// Finds sides that are missing or differ.
pub(super) fn check(pair: &Pair, inventory: &Inventory, found: &mut Findings) {
    let (roles, one_name) = pair.one;
    let (role, other_name) = pair.other;
    let ones: Vec<_> = inventory
        .containers()
        .filter(|(_, it)| roles.contains(&it.role))
        .collect();
    let others: Vec<_> = inventory.of(role).collect();
    let Some((other_workload, other)) = others.first() else {
        return;
    };
    if let Some((_, one)) = ones.first() {
        for (workload, container) in others.iter().copied() {
            missing(
                pair,
                (workload, container, other_name),
                (one, one_name),
                found,
            );
        }
    }
    for (workload, container) in ones {
        missing(
            pair,
            (workload, container, one_name),
            (other, other_name),
            found,
        );
        let (Some(mine), Some(theirs)) = (filled(container, one_name), filled(other, other_name))
        else {
            continue;
        };
        let sides = (label(workload, container), label(other_workload, other));
        compare(pair, (&sides.0, mine), (&sides.1, theirs), found);
    }
}

fn missing(
    pair: &Pair,
    (workload, container, name): (&Workload, &Container, &str),
    (other, other_name): (&Container, &str),
    found: &mut Findings,
) {
    if !lacks(container, name) {
        return;
    }
    let message = format!(
        "`{}` has no `{name}`, so it uses the published default for {}",
        label(workload, container),
        pair.meaning
    );
    found.push(container.place_of(name), message).see(
        other.place_of(other_name),
        format!("`{other_name}` of the other side"),
    );
}

fn compare(pair: &Pair, one: (&str, &Variable), other: (&str, &Variable), found: &mut Findings) {
    let (name, mine) = one;
    let (other_name, theirs) = other;
    let there = format!("`{}` of `{other_name}`", theirs.name);
    match mine.value.same(&theirs.value) {
        Some(true) => {}
        Some(false) => {
            let message = format!(
                "`{}` of `{name}` differs from `{}` of `{other_name}`: they are {}",
                mine.name, theirs.name, pair.meaning
            );
            found.push(&mine.place, message).see(&theirs.place, there);
        }
        None => {
            let message = format!(
                "whether `{}` of `{name}` equals `{}` of `{other_name}` can't be seen",
                mine.name, theirs.name
            );
            found.unsure(&mine.place, message).see(&theirs.place, there);
        }
    }
}
