//! A deployment put together in Rust: for tools that know what they want and have no file.

use std::io::Write;

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::deployment::{Deployment, Profile};
use dify_infra_core::diagnostic::{Diagnostics, Severity};
use dify_infra_core::graph::{ResourceNames, Target};

/// One deployment for each team, sized by the number of its people.
///
/// # Errors
///
/// When the team's name can't be part of the names of resources, or another rule is broken: every
/// finding at once, under the keys that a file would have.
pub fn for_team(team: &str, people: u32) -> Result<Deployment, Diagnostics> {
    let (postgres, workers) = if people > 50 {
        ("Standard_B2s", 3)
    } else {
        ("Standard_B1ms", 1)
    };
    let resolved = Deployment::builder("dify", team)
        .profile(Profile::Dev)
        .location("japaneast")
        .release("1.16.0")
        .resource_group(format!("dify-{team}-rg"))
        .tag("team", team)
        .postgres(|server| server.sku(postgres).backup_days(14))
        .service(ServiceKind::Worker, |worker| {
            worker.cpu(1.0).replicas(workers, workers + 1)
        })
        .service(ServiceKind::Api, |api| {
            api.env("LOG_LEVEL", "INFO")
                .secret_env("SMTP_PASSWORD", "smtp-password")
        })
        .build()?
        .check()?;
    Ok(resolved.deployment)
}

/// Writes down what two teams would get, and why a third gets nothing.
///
/// # Errors
///
/// When `out` can't be written to, or a team that should work does not.
pub fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    for (team, people) in [("sales", 12), ("support", 80)] {
        let deployment = for_team(team, people)?;
        let names = ResourceNames::new(&deployment, &Target::new(&deployment, None));
        writeln!(
            out,
            "{}: {} in {}, front door {}, database {} ({})",
            deployment.prefix(),
            deployment.release().version(),
            deployment.azure().resource_group,
            names.app(ServiceKind::Nginx),
            names.postgres,
            deployment.postgres().sku,
        )?;
    }
    if let Err(problems) = for_team("R&D", 5) {
        let errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        for problem in errors {
            writeln!(
                out,
                "{} {}: {}",
                problem.severity, problem.path, problem.message
            )?;
        }
    }
    Ok(())
}
