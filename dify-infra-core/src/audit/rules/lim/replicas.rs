//! How many replicas there are, and whether they are well.

use super::super::calls::ports_of;
use super::super::{API, BEAT, DAEMON, NGINX, PROXY, SANDBOX, WEB, WEBSOCKET, label, on_azure};
use super::{ERROR, WARNING};
use crate::audit::inventory::{Fact, Inventory, Workload, WorkloadKind};
use crate::audit::place::Place;
use crate::audit::recognise::Role;
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

pub(super) const WRONG_PROBE: Rule = Rule {
    id: "LIM113",
    title: "Probes ask what the service answers",
    why: "A probe on another port or path fails for ever: the container is restarted again and again, or no \
          replica becomes ready, and the reason is in no log of Dify.",
    source: "learn.microsoft.com container-apps/health-probes; basecamp/kamal#1917; langgenius/dify 1.16.0 \
             docker/docker-compose.yaml",
    fix: "Ask `/health` on 5001 and 8194, `/health/check` on 5002, and squid by tcp on 3128.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "probes": [{"type": "Readiness", "httpGet": {"path": "/", "port": 5002}}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "probes": [{"type": "Readiness", "httpGet": {"path": "/health/check", "port": 5002}}]}]}}}]"#,
    ),
    audit: Some(wrong_probe),
    ..ERROR
};

fn wrong_probe(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        if container.probes.is_empty() {
            continue;
        }
        let ports = ports_of(inventory, workload, container).unwrap_or_default();
        for probe in &container.probes {
            let name = label(workload, container);
            let role = container.role.as_str();
            // The daemon's debugging port answers tcp as well.
            let is_own = |port: &u16| ports.contains(port) || *port == 5003;
            let wrong = probe.port.filter(|port| !is_own(port));
            if let (Some(own), Some(port)) = (ports.first(), wrong) {
                let message = format!(
                    "a probe of `{name}` asks port {port}, but the {role} listens on {own}"
                );
                found
                    .push(&probe.place, message)
                    .see(&container.place, "the container");
            } else if let Some(path) = probe
                .path
                .as_deref()
                .filter(|it| !answers(container.role, it))
            {
                let message =
                    format!("a probe of `{name}` asks `{path}`, which the {role} does not answer");
                found.push(&probe.place, message);
            }
        }
    }
}

/// Whether a service answers a path with success.
fn answers(role: Role, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    match role {
        API | WEBSOCKET => ["/health", "/console/api/", "/v1"]
            .iter()
            .any(|start| path.starts_with(start)),
        SANDBOX => path == "/health",
        DAEMON => path == "/health/check",
        // squid takes a request without a host for an error of the client.
        PROXY => false,
        _ => true,
    }
}

/// Replicas at most when nothing is said (learn.microsoft.com container-apps/scale-app).
const DEFAULT_MOST: f64 = 10.0;

pub(super) const ONE_BEAT: Rule = Rule {
    id: "LIM101",
    title: "There is exactly one scheduler",
    why: "Two beats run every timed task twice, none runs it never.",
    source: "docs.celeryq.dev periodic-tasks; saendu/dify-azure PROJECT.md",
    fix: "Run one `MODE=beat` container with `minReplicas` and `maxReplicas` 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker-beat", "properties": {"template": {"scale": {"maxReplicas": 2}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker-beat", "properties": {"template": {"scale": {"minReplicas": 1, "maxReplicas": 1}}}}]"#,
    ),
    audit: Some(one_beat),
    ..ERROR
};

pub(super) const ONE_DAEMON: Rule = Rule {
    id: "LIM102",
    title: "There is exactly one plugin daemon",
    why: "Daemons redirect calls to each other by address, which Container Apps does not carry; and with \
          none nothing works until plugins are installed anew.",
    source: "langgenius/dify-plugin-daemon internal/cluster; langgenius/dify-plugin-daemon#574, #577",
    fix: "Set `minReplicas` and `maxReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"scale": {"maxReplicas": 3}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"scale": {"minReplicas": 1, "maxReplicas": 1}}}}]"#,
    ),
    audit: Some(one_daemon),
    ..ERROR
};

pub(super) const NEVER_STARTS: Rule = Rule {
    id: "LIM107",
    title: "What nothing wakes stays awake",
    why: "An app without ingress and without scale rule that may have no replicas goes to none and never \
          comes back: tasks pile up.",
    source: "microsoft/azure-container-apps#276, #135; DFE-Digital/terraform-azurerm-container-apps-hosting#99",
    fix: "Set `minReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"scale": {"minReplicas": 0, "rules": []}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"scale": {"minReplicas": 1, "rules": []}}}}]"#,
    ),
    audit: Some(never_starts),
    ..ERROR
};

pub(super) const ASLEEP: Rule = Rule {
    id: "LIM108",
    title: "Sandbox and proxy stay awake",
    why: "The API gives up connecting to the sandbox after ten seconds, and a cold start takes longer: the \
          first code node after a pause fails.",
    source: "langgenius/dify 1.16.0 api/configs/feature (CODE_EXECUTION_CONNECT_TIMEOUT)",
    fix: "Set `minReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"template": {"scale": {"minReplicas": 0}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"template": {"scale": {"minReplicas": 1}}}}]"#,
    ),
    audit: Some(asleep),
    ..WARNING
};

pub(super) const PROBES: Rule = Rule {
    id: "LIM110",
    title: "Services say whether they are well",
    why: "Without probes a container counts as ready when its process runs: traffic goes to an API that \
          is still migrating, and one that hangs is never restarted.",
    source: "learn.microsoft.com container-apps/health-probes; none of nine public deployments has one",
    fix: "Add probes: `/health` on 5001 and 8194, `/health/check` on 5002, tcp on 3128.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "probes": null}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "probes": [{"type": "Readiness", "httpGet": {"path": "/health", "port": 5001}}]}]}}}]"#,
    ),
    audit: Some(probes),
    ..WARNING
};

/// Lowest and highest number of replicas, as far as they can be seen.
pub(super) fn replicas(workload: &Workload) -> (Option<f64>, Option<f64>) {
    let of = |fact: &Fact<f64>, default: f64| match fact {
        Fact::Known(number, _) => Some(*number),
        Fact::Absent => Some(default),
        Fact::Unseen(..) => None,
    };
    (
        of(&workload.min_replicas, 0.0),
        of(&workload.max_replicas, DEFAULT_MOST),
    )
}

fn place_of_scale(workload: &Workload) -> &Place {
    let most = workload
        .max_replicas
        .place()
        .or_else(|| workload.min_replicas.place());
    most.unwrap_or(&workload.place)
}

fn exactly_one(inventory: &Inventory, found: &mut Findings, role: Role) {
    let all: Vec<_> = inventory.of(role).collect();
    for (workload, _) in &all {
        if workload.kind == WorkloadKind::Job {
            continue;
        }
        let (least, most) = replicas(workload);
        let name = workload.name.shown();
        if most.is_some_and(|most| (most - 1.0).abs() > f64::EPSILON) {
            let most = most.unwrap_or_default();
            found.push(
                place_of_scale(workload),
                format!("`{name}` may have {most} replicas"),
            );
        } else if least.is_some_and(|least| least < 1.0) {
            found.push(
                place_of_scale(workload),
                format!("`{name}` may have no replica"),
            );
        }
    }
    if let [(first, _), (second, container), ..] = all.as_slice() {
        let message = format!(
            "`{}` and `{}` are both the {}",
            first.name.shown(),
            second.name.shown(),
            role.as_str()
        );
        found
            .push(&container.place, message)
            .see(&first.place, "the first one");
    }
}

fn one_beat(inventory: &Inventory, found: &mut Findings) {
    exactly_one(inventory, found, BEAT);
    if inventory.of(BEAT).next().is_none()
        && !inventory.may_hide_services()
        && let Some((_, api)) = inventory.of(API).next()
    {
        found.warn(&api.place, "there is no scheduler, so no timed task is run");
    }
}

fn one_daemon(inventory: &Inventory, found: &mut Findings) {
    exactly_one(inventory, found, DAEMON);
}

fn never_starts(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for workload in inventory
        .workloads
        .iter()
        .filter(|it| it.kind == WorkloadKind::App)
    {
        let asleep = replicas(workload).0.is_some_and(|least| least < 1.0);
        if workload.ingress.is_absent() && !workload.scale_rules && asleep {
            let message = format!(
                "`{}` may have no replica, and nothing would wake it",
                workload.name.shown()
            );
            found.push(
                workload.min_replicas.place().unwrap_or(&workload.place),
                message,
            );
        }
    }
}

fn asleep(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (workload, container) in inventory.containers() {
        if [SANDBOX, PROXY].contains(&container.role)
            && replicas(workload).0.is_some_and(|least| least < 1.0)
        {
            let message = format!("`{}` may have no replica", workload.name.shown());
            found.push(
                workload.min_replicas.place().unwrap_or(&workload.place),
                message,
            );
        }
    }
}

fn probes(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let listening = [API, DAEMON, SANDBOX, PROXY, NGINX, WEB, WEBSOCKET];
    for (workload, container) in inventory.containers() {
        if listening.contains(&container.role)
            && container.probes_seen
            && container.probes.is_empty()
        {
            let message = format!("`{}` has no probe", label(workload, container));
            found.push(&container.place, message);
        }
    }
}
