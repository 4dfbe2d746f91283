//! Defaults of older images that are carried along.

use super::super::inventory::Inventory;
use super::super::report::Findings;
use super::label;
use crate::catalogue::Catalogue;
use crate::check::carried_along;
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const CARRIED: Rule = Rule {
    id: "VER112",
    title: "No default of an older image is carried along",
    why: "The sandbox has its Python at another place since 0.2.13: with the path that older ones had, every \
          code node fails.",
    source: "langgenius/dify-sandbox 0.2.13 internal/static/config.go",
    fix: "Remove the variable: the image knows its own default.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      PYTHON_PATH: /usr/local/bin/python3",
    ),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      PYTHON_PATH: /opt/python/bin/python3",
    ),
    audit: Some(carried),
    ..Rule::of(Family::Ver, Severity::Error)
};

fn carried(inventory: &Inventory, found: &mut Findings) {
    let release = Catalogue::builtin().default_release();
    for (workload, container) in inventory.containers() {
        let (Some(kind), Some(version)) = (container.role.variables_of(), container.version) else {
            continue;
        };
        let table = release.variables(kind).at(version);
        for seen in &container.variables {
            let known = table.get(&seen.name).zip(seen.value.literal());
            let former = known.and_then(|(variable, value)| {
                Some((variable, variable.carried_along(value, version)?))
            });
            if let Some((variable, former)) = former {
                let now = variable.default.as_deref();
                let what = carried_along(&seen.name, former, version, now);
                let message = format!("{what} (`{}`)", label(workload, container));
                found.push(&seen.place, message);
            }
        }
    }
}
