//! The real nginx does what the model of routes says, in every release and both TLS situations.
//!
//! Each situation runs in a process of its own, in namespaces of its own: nginx listens on port 80,
//! its files and `/etc/resolv.conf` are where a container has them, and nothing can leave.

mod back_end;
mod behaviour;
mod client;
mod corpus;
mod front_door;
mod name_server;
mod namespace;
mod nginx_file;
mod observe;
mod property;
mod scenario;
mod times;

use std::fmt::Write as _;
use std::io::Write as _;

use dify_infra_core::catalogue::Catalogue;

use namespace::Run;
use scenario::{Scenario, Summary};
use times::Time;

/// URLs that each situation must compare at least.
const LEAST_URLS: usize = 150;

#[test]
fn requests_land_where_the_model_says_in_every_release() {
    if !namespace::is_possible() {
        return;
    }
    let scenarios = scenarios();
    let runs: Vec<(Scenario, Run)> = scenarios
        .into_iter()
        .map(|scenario| {
            let run = Run::start("routing::inside", &scenario.to_text());
            (scenario, run)
        })
        .collect();
    let mut table = String::from("\nnginx against the model of routes\n");
    let _ = writeln!(
        table,
        "{:<14}{:<10}{:<14}{:>6}{:>12}  behaviour",
        "release", "TLS", "shell", "URLs", "agreements"
    );
    let mut problems = Vec::new();
    for (scenario, run) in runs {
        match run.result() {
            Ok(text) => {
                let summary: Summary = Summary::from_text(&text);
                let _ = writeln!(
                    table,
                    "{:<14}{:<10}{:<14}{:>6}{:>12}  {}",
                    scenario.release,
                    scenario.tls_word(),
                    scenario.shell.join(" "),
                    summary.urls,
                    summary.agreements,
                    summary.behaviour.join(", ")
                );
                if summary.urls < LEAST_URLS && scenario.time.is_none() {
                    problems.push(format!("{scenario:?}: only {} URLs", summary.urls));
                }
                problems.extend(summary.disagreements);
            }
            Err(output) => problems.push(format!("{scenario:?} failed:\n{output}")),
        }
    }
    // Not through `print`, which shows nothing of a test that passes.
    drop(std::io::stderr().write_all(table.as_bytes()));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What runs inside of the namespaces that the test above makes.
#[test]
#[ignore = "runs in the namespaces that another test makes"]
fn inside() {
    let text = namespace::task().unwrap();
    let scenario = Scenario::from_text(&text);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let summary = runtime.block_on(scenario.run());
    namespace::report(&summary.to_text());
}

/// Every release of the catalogue in both TLS situations; the default release, behind TLS, with the
/// very files, command and times that `apply` delivers; and the default release with each of its times
/// cut short.
fn scenarios() -> Vec<Scenario> {
    let catalogue = Catalogue::builtin();
    let default = catalogue.default_release().version();
    let shells = [vec!["/bin/sh"], vec!["dash"], vec!["busybox", "sh"]];
    let mut scenarios = Vec::new();
    for release in catalogue.releases() {
        for is_behind_tls in [true, false] {
            let is_default = release.version() == default;
            let as_delivered = is_default && is_behind_tls;
            let shell = if as_delivered {
                &shells[0]
            } else {
                &shells[1 + scenarios.len() % 2]
            };
            scenarios.push(Scenario {
                release: release.version().to_string(),
                is_behind_tls,
                as_delivered,
                silent_name_server: is_default && !is_behind_tls,
                shell: shell.iter().map(|&word| word.to_owned()).collect(),
                time: None,
            });
        }
    }
    let times = Time::ALL.into_iter().map(|time| Scenario {
        release: default.to_string(),
        is_behind_tls: true,
        as_delivered: false,
        silent_name_server: false,
        shell: vec!["/bin/sh".to_owned()],
        time: Some(time),
    });
    scenarios.extend(times);
    scenarios
}
