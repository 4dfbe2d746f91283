//! What Container Apps itself refuses, or never wakes.

use super::super::inventory::{Fact, Ingress, Inventory, Workload, WorkloadKind};
use super::super::report::Findings;
use super::super::type_and_name;
use super::{DAEMON, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const LIMIT: Rule = Rule::of(Family::Lim, Severity::Error);

pub(super) const AWAKE: Rule = Rule {
    id: "LIM120",
    title: "An app that is called by tcp keeps a replica",
    why: "An app with an internal tcp ingress does not wake when it is called by its name: from no replicas every call \
          of it ends in a refused connection.",
    source: "microsoft/azure-container-apps#540; microsoft/azure-container-apps#1504",
    fix: "Set `minReplicas` to 1 or more; without it the number is 0.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"scale": {"minReplicas": 0}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"scale": {"minReplicas": 1}}}}]"#,
    ),
    audit: Some(awake),
    ..LIMIT
};

pub(super) const ORDER: Rule = Rule {
    id: "LIM117",
    title: "The lowest number of replicas is not above the highest",
    why: "Azure refuses an app whose `minReplicas` is above its `maxReplicas`; without one the highest is 10.",
    source: "learn.microsoft.com container-apps/scale-app",
    fix: "Raise `maxReplicas`, or lower `minReplicas`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"minReplicas": 5, "maxReplicas": 2}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"minReplicas": 2, "maxReplicas": 2}}}}]"#,
    ),
    audit: Some(order),
    ..LIMIT
};

pub(super) const COUNTED: Rule = Rule {
    id: "LIM118",
    title: "Scale rules count what the ingress carries",
    why: "A tcp ingress sees connections and no requests: a rule of the kind `http` counts nothing there, so that the \
          app stays at its lowest number of replicas under any load. The same holds the other way round.",
    source: "learn.microsoft.com container-apps/scale-app; microsoft/azure-container-apps#655",
    fix: "Write a rule `tcp` with `concurrentConnections` for a tcp ingress, `http` with `concurrentRequests` for the \
          others.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"rules": [{"name": "requests", "http": {"metadata": {"concurrentRequests": "10"}}}]}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"rules": [{"name": "requests", "tcp": {"metadata": {"concurrentConnections": "10"}}}]}}}}]"#,
    ),
    audit: Some(counted),
    ..Rule::of(Family::Lim, Severity::Warning)
};

pub(super) const CORES: Rule = Rule {
    id: "LIM119",
    title: "All replicas together fit into the environment's quota",
    why: "A managed environment runs 100 cores unless Azure has granted more. Above it new replicas stay pending just \
          when the load is highest.",
    source: "learn.microsoft.com container-apps/quotas",
    fix: "Lower `maxReplicas` or `cpu`, or ask Azure for more cores.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "resources": {"cpu": 4, "memory": "8Gi"}}], "scale": {"maxReplicas": 30}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "resources": {"cpu": 4, "memory": "8Gi"}}], "scale": {"maxReplicas": 3}}}}]"#,
    ),
    audit: Some(cores),
    ..Rule::of(Family::Lim, Severity::Note)
};

pub(super) const PORTS: Rule = Rule {
    id: "NET122",
    title: "An app has five additional ports at most",
    why: "Azure refuses an app with more than five `additionalPortMappings`.",
    source: "learn.microsoft.com container-apps/ingress-overview (additional TCP ports)",
    fix: "Remove the ports that nobody calls, or put them before an app of their own.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": {"additionalPortMappings": [{"targetPort": 6000}, {"targetPort": 6001}, {"targetPort": 6002}, {"targetPort": 6003}, {"targetPort": 6004}, {"targetPort": 6005}]}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": {"additionalPortMappings": [{"targetPort": 6000}, {"targetPort": 6001}, {"targetPort": 6002}, {"targetPort": 6003}, {"targetPort": 6004}]}}}}]"#,
    ),
    audit: Some(ports),
    ..Rule::of(Family::Net, Severity::Error)
};

pub(super) const PROFILE: Rule = Rule {
    id: "AZR109",
    title: "Every workload profile that is named is one of the environment's",
    why: "Azure refuses an app whose `workloadProfileName` its environment does not have.",
    source: "learn.microsoft.com container-apps/workload-profiles-overview",
    fix: "Add the profile to the environment's `workloadProfiles`, or name one that is there.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"workloadProfileName": "large"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"workloadProfileName": "Consumption"}}]"#,
    ),
    audit: Some(profile),
    ..Rule::of(Family::Azr, Severity::Error)
};

fn apps(inventory: &Inventory) -> impl Iterator<Item = &Workload> {
    inventory
        .workloads
        .iter()
        .filter(|it| it.kind == WorkloadKind::App)
}

fn awake(inventory: &Inventory, found: &mut Findings) {
    for workload in apps(inventory) {
        // Of the daemon LIM102 speaks.
        let is_daemon = workload.containers.iter().any(|it| it.role == DAEMON);
        let Some(ingress) = workload.ingress.known().filter(|_| !is_daemon) else {
            continue;
        };
        let is_internal_tcp =
            ingress.is_tcp() == Some(true) && ingress.is_external() == Some(false);
        let least = match &workload.min_replicas {
            Fact::Known(least, _) => *least,
            Fact::Absent => 0.0,
            Fact::Unseen(..) => continue,
        };
        if is_internal_tcp && least < 1.0 {
            let message = format!(
                "`{}` may have no replica, and no call by tcp wakes it",
                workload.name.shown()
            );
            let place = workload.min_replicas.place().unwrap_or(&workload.place);
            let ingress = workload.ingress.place().unwrap_or(&workload.place);
            found.push(place, message).see(ingress, "its ingress");
        }
    }
}

fn order(inventory: &Inventory, found: &mut Findings) {
    for workload in apps(inventory) {
        let Fact::Known(least, place) = &workload.min_replicas else {
            continue;
        };
        let most = match &workload.max_replicas {
            Fact::Known(most, _) => *most,
            Fact::Absent => 10.0,
            Fact::Unseen(..) => continue,
        };
        if *least > most {
            let message = format!(
                "`{}` has at least {least} replicas and at most {most}",
                workload.name.shown()
            );
            let other = workload.max_replicas.place().unwrap_or(&workload.place);
            found.push(place, message).see(other, "the highest number");
        }
    }
}

fn counted(inventory: &Inventory, found: &mut Findings) {
    for workload in apps(inventory) {
        let Some(is_tcp) = workload.ingress.known().and_then(Ingress::is_tcp) else {
            continue;
        };
        let carried = if is_tcp { "tcp" } else { "http" };
        for (kind, place) in workload.counted.iter().filter(|it| it.0 != carried) {
            let message = format!(
                "a scale rule of `{}` counts {kind}, and its ingress carries {carried}",
                workload.name.shown()
            );
            let ingress = workload.ingress.place().unwrap_or(&workload.place);
            found.push(place, message).see(ingress, "its ingress");
        }
    }
}

/// Cores of a managed environment unless Azure grants more (learn.microsoft.com container-apps/quotas).
const QUOTA: f64 = 100.0;

fn cores(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let needed = |workload: &Workload| {
        let is_shared = match &workload.profile {
            Fact::Absent => true,
            Fact::Known(name, _) => name.eq_ignore_ascii_case("Consumption"),
            Fact::Unseen(..) => false,
        };
        let cpu: f64 = workload
            .containers
            .iter()
            .filter_map(|it| it.cpu.known())
            .sum();
        let most = match &workload.max_replicas {
            Fact::Known(most, _) => *most,
            Fact::Absent => 10.0,
            Fact::Unseen(..) => 1.0,
        };
        if is_shared { cpu * most } else { 0.0 }
    };
    let largest = apps(inventory)
        .map(|it| (it, needed(it)))
        .max_by(|one, other| one.1.total_cmp(&other.1));
    let total: f64 = apps(inventory).map(needed).sum();
    if let Some((workload, own)) = largest.filter(|_| total > QUOTA) {
        let place = workload.max_replicas.place().unwrap_or(&workload.place);
        let message = format!(
            "all replicas together may use {total} cores, {own} of them those of `{}`; the quota is {QUOTA} unless \
             Azure has granted more",
            workload.name.shown()
        );
        found.push(place, message);
    }
}

/// Additional ports of an app at most (learn.microsoft.com container-apps/ingress-overview).
const MOST_PORTS: usize = 5;

fn ports(inventory: &Inventory, found: &mut Findings) {
    for workload in apps(inventory) {
        let ports = workload.ingress.known().map(|it| it.additional.as_slice());
        if let Some(sixth) = ports.and_then(|it| it.get(MOST_PORTS)) {
            let message = format!(
                "`{}` has {} additional ports",
                workload.name.shown(),
                ports.map_or(0, <[_]>::len)
            );
            found.push(&sixth.place, message);
        }
    }
}

fn profile(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let Fact::Known(name, place) = &workload.profile else {
            continue;
        };
        let named = workload.environment.as_ref().and_then(type_and_name);
        let environment = named.and_then(|(_, name)| {
            let mut all = inventory.environments.iter();
            all.find(|it| it.name.same(&name) == Some(true))
        });
        let Some(environment) = environment.filter(|it| it.profiles_seen) else {
            continue;
        };
        let mut known = environment.profile_types.iter();
        let is_plain = !environment.workload_profiles && name.eq_ignore_ascii_case("Consumption");
        if !is_plain && !known.any(|(it, _)| it.eq_ignore_ascii_case(name)) {
            let message = format!(
                "`{}` runs on the workload profile `{name}`, which its environment does not have",
                workload.name.shown()
            );
            found
                .push(place, message)
                .see(&environment.place, "the environment");
        }
    }
}
