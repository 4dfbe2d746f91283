//! From a deployment file to a plan without any Azure: what a first apply would create.

use std::io::Write;

use dify_infra_core::check::check_file;
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::graph::{Target, lower};
use dify_infra_core::plan::{Observed, Options, Plan, Snapshot, plan};

/// Plans a first apply of a deployment file and writes it down.
///
/// # Errors
///
/// When the file has errors, or `out` can't be written to.
pub fn run(file: &str, out: &mut dyn Write) -> anyhow::Result<Plan> {
    let resolved = check_file(file)?;
    let findings = resolved.diagnostics.iter();
    for finding in findings.filter(|finding| finding.severity != Severity::Note) {
        writeln!(
            out,
            "{}[{}]: {}",
            finding.severity, finding.code, finding.message
        )?;
    }

    // Without a subscription, names that are unique in all of Azure end in `<suffix>`.
    let target = Target::new(&resolved.deployment, None);
    let graph = lower(&resolved.deployment, &target)?;

    // What a look at Azure would tell; here, that there is nothing yet.
    let mut snapshot = Snapshot::new();
    for node in graph.nodes() {
        snapshot.insert(node.id().clone(), Observed::Absent);
    }

    let plan = plan(&graph, &snapshot, Options::default());
    write!(out, "{plan}")?;
    Ok(plan)
}
