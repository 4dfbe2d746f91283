//! Sizes, replicas, connections, body sizes and timeouts.

use super::super::inventory::{Container, Fact, FileKind, Inventory, Workload, WorkloadKind};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::dbx::server_of;
use super::{
    API, BEAT, DAEMON, NGINX, PROXY, SANDBOX, filled, label, number_or, on_azure,
    services_of_application,
};
use crate::check::rule::{Family, Rule, Sample};
use crate::deployment::sku::PostgresSku;
use crate::diagnostic::Severity;
use crate::values::{ConsumptionSize, Cpu, Memory};

const ERROR: Rule = Rule::of(Family::Lim, Severity::Error);
const WARNING: Rule = Rule::of(Family::Lim, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &ONE_BEAT,
    &ONE_DAEMON,
    &SIZE,
    &CONNECTIONS,
    &BODIES,
    &TIMEOUTS,
    &NEVER_STARTS,
    &ASLEEP,
    &PROXY_MEMORY,
    &PROBES,
    &PACKAGES,
    &STREAMS,
];

/// Seconds after which the environment's http entry cuts a request.
const INGRESS_SECONDS: f64 = 240.0;

/// Replicas at most when nothing is said (learn.microsoft.com container-apps/scale-app).
const DEFAULT_MOST: f64 = 10.0;

const ONE_BEAT: Rule = Rule {
    id: "LIM101",
    title: "There is exactly one scheduler",
    why: "Two beats run every timed task twice, none runs it never.",
    source: "docs.celeryq.dev periodic-tasks; saendu/dify-azure PROJECT.md",
    fix: "Run one `MODE=beat` container with `minReplicas` and `maxReplicas` 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker-beat", "properties": {"template": {"scale": {"maxReplicas": 2}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(one_beat),
    ..ERROR
};

const ONE_DAEMON: Rule = Rule {
    id: "LIM102",
    title: "There is exactly one plugin daemon",
    why: "Daemons redirect calls to each other by address, which Container Apps does not carry; and with \
          none nothing works until plugins are installed anew.",
    source: "langgenius/dify-plugin-daemon internal/cluster; langgenius/dify-plugin-daemon#574, #577",
    fix: "Set `minReplicas` and `maxReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"scale": {"maxReplicas": 3}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(one_daemon),
    ..ERROR
};

const SIZE: Rule = Rule {
    id: "LIM103",
    title: "CPU and memory are a pair that Container Apps knows",
    why: "The Consumption profile gives 2 Gi to each vCPU of a replica and refuses every other sum.",
    source: "Azure/bicep#14569, #10821; Azure/bicep-types-az#1924; learn.microsoft.com container-apps/containers",
    fix: "Use pairs such as 0.5 and 1Gi, 1 and 2Gi, 2 and 4Gi.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "resources": {"cpu": 1, "memory": "1Gi"}}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(size),
    ..ERROR
};

const CONNECTIONS: Rule = Rule {
    id: "LIM104",
    title: "PostgreSQL has a connection for everyone who may ask for one",
    why: "Each process keeps a pool of its own: 30 and 10 more by default, times replicas. A server that \
          has none left answers \"remaining connection slots are reserved\", and everything fails at once.",
    source: "langgenius/dify#22695; learn.microsoft.com postgresql/concepts-limits",
    fix: "Lower `SQLALCHEMY_POOL_SIZE`, `SQLALCHEMY_MAX_OVERFLOW` and `DB_MAX_OPEN_CONNS`, or use a larger \
          server.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "SQLALCHEMY_POOL_SIZE", "value": "100"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(connections),
    ..ERROR
};

const BODIES: Rule = Rule {
    id: "LIM105",
    title: "nginx lets through what the API takes",
    why: "nginx refuses bodies above `client_max_body_size`, 1 MB unless it is set, with 413: uploads fail \
          that the API would take.",
    source: "langgenius/dify#20869, #12376; langgenius/dify-plugin-daemon#405",
    fix: "Set `client_max_body_size 100M` or more.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./small-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose("services:\n  nginx:\n    environment: {}"),
    audit: Some(bodies),
    ..ERROR
};

const TIMEOUTS: Rule = Rule {
    id: "LIM106",
    title: "The proxy waits as long as the node that asks",
    why: "An HTTP node may be told to wait for ten minutes; squid gives up after two, and the node reports \
          a gateway error.",
    source: "langgenius/dify#41011, #32483, PR #41049",
    fix: "Set `read_timeout` of squid (or `SSRF_READ_TIMEOUT`) to at least `HTTP_REQUEST_MAX_READ_TIMEOUT`.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      HTTP_REQUEST_MAX_READ_TIMEOUT: \"7200\"",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      HTTP_REQUEST_MAX_READ_TIMEOUT: \"60\"",
    ),
    audit: Some(timeouts),
    ..WARNING
};

const NEVER_STARTS: Rule = Rule {
    id: "LIM107",
    title: "What nothing wakes stays awake",
    why: "An app without ingress and without scale rule that may have no replicas goes to none and never \
          comes back: tasks pile up.",
    source: "microsoft/azure-container-apps#276, #135; DFE-Digital/terraform-azurerm-container-apps-hosting#99",
    fix: "Set `minReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"scale": {"minReplicas": 0, "rules": []}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(never_starts),
    ..ERROR
};

const ASLEEP: Rule = Rule {
    id: "LIM108",
    title: "Sandbox and proxy stay awake",
    why: "The API gives up connecting to the sandbox after ten seconds, and a cold start takes longer: the \
          first code node after a pause fails.",
    source: "langgenius/dify 1.16.0 api/configs/feature (CODE_EXECUTION_CONNECT_TIMEOUT)",
    fix: "Set `minReplicas` to 1.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"template": {"scale": {"minReplicas": 0}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(asleep),
    ..WARNING
};

const PROXY_MEMORY: Rule = Rule {
    id: "LIM109",
    title: "squid's cache fits its container",
    why: "The official file asks for 256 MB of cache; with half a Gi nothing is left for requests, and the \
          container is killed under load.",
    source: "langgenius/dify 1.16.0 docker/ssrf_proxy/squid.conf.template",
    fix: "Turn the cache off with `cache deny all` and `cache_mem 0`, or give the container 1Gi.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"template": {"containers": [{"name": "ssrf-proxy", "resources": {"cpu": 0.25, "memory": "0.5Gi"}}]}, "configuration": {"secrets": [{"name": "file-squid-conf", "value": "http_port 3128\ncache_mem 256 MB\nhttp_access deny all"}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(proxy_memory),
    ..WARNING
};

const PROBES: Rule = Rule {
    id: "LIM110",
    title: "Services say whether they are well",
    why: "Without probes a container counts as ready when its process runs: traffic goes to an API that \
          is still migrating, and one that hangs is never restarted.",
    source: "learn.microsoft.com container-apps/health-probes; none of nine public deployments has one",
    fix: "Add probes: `/health` on 5001 and 8194, `/health/check` on 5002, tcp on 3128.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "probes": null}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(probes),
    ..WARNING
};

const PACKAGES: Rule = Rule {
    id: "LIM111",
    title: "API and plugin daemon take packages of one size",
    why: "The API's limit is 15 MiB unless it is set, the daemon's 50: packages between the two fail \
          half-way, with 413 or without a word.",
    source: "langgenius/dify-plugin-daemon#405; langgenius/dify 1.16.0 api/configs/feature",
    fix: "Set `PLUGIN_MAX_PACKAGE_SIZE` on api and worker and `MAX_PLUGIN_PACKAGE_SIZE` on the daemon to \
          the same number.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"15728640\"",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"52428800\"",
    ),
    audit: Some(packages),
    ..WARNING
};

const STREAMS: Rule = Rule {
    id: "LIM112",
    title: "No stream is meant to last longer than the front door lets it",
    why: "The environment's http entry cuts every request after 240 seconds; a longer timeout behind it \
          promises what can't be kept.",
    source: "microsoft/azure-container-apps#597, #616, #1543, #1637",
    fix: "Keep workflows below four minutes, or use premium ingress with a longer idle timeout.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "APP_MAX_EXECUTION_TIME", "value": "1200"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(streams),
    ..Rule::of(Family::Lim, Severity::Note)
};

/// Lowest and highest number of replicas, as far as they can be seen.
fn replicas(workload: &Workload) -> (Option<f64>, Option<f64>) {
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

fn place_of_scale(workload: &Workload) -> &super::super::Place {
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
    let unknown = inventory
        .containers()
        .any(|(_, it)| it.role == Role::Application);
    if inventory.of(BEAT).next().is_none()
        && inventory.complete
        && !unknown
        && let Some((_, api)) = inventory.of(API).next()
    {
        found.warn(&api.place, "there is no scheduler, so no timed task is run");
    }
}

fn one_daemon(inventory: &Inventory, found: &mut Findings) {
    exactly_one(inventory, found, DAEMON);
}

fn size(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let mut sum = (0_u32, 0_u32);
        let mut place = None;
        for container in &workload.containers {
            let (Fact::Known(cpu, at), Fact::Known(memory, _)) =
                (&container.cpu, &container.memory)
            else {
                place = None;
                break;
            };
            let (Ok(cpu), Ok(memory)) = (Cpu::try_from(*cpu), memory.parse::<Memory>()) else {
                let message = format!(
                    "`{}` has {cpu} vCPU and {memory}",
                    label(workload, container)
                );
                found.push(at, message);
                place = None;
                break;
            };
            sum = (
                sum.0 + u32::from(cpu.quarters()),
                sum.1 + memory.hundredths(),
            );
            place = Some(at);
        }
        let Some(place) = place.filter(|_| on_azure(inventory)) else {
            continue;
        };
        let fits = ConsumptionSize::all()
            .any(|it| (u32::from(it.cpu().quarters()), it.memory().hundredths()) == sum);
        if !fits {
            let message = format!(
                "`{}` has {} vCPU and {}Gi in all, which is no pair",
                workload.name.shown(),
                f64::from(sum.0) / 4.0,
                f64::from(sum.1) / 100.0
            );
            found.push(place, message);
        }
    }
}

fn connections(inventory: &Inventory, found: &mut Findings) {
    for server in &inventory.postgres {
        let Some(usable) = server
            .sku
            .known()
            .and_then(|sku| PostgresSku::find(sku))
            .map(PostgresSku::usable_connections)
        else {
            continue;
        };
        let mut most = 0.0;
        let mut told = Vec::new();
        for (workload, container) in inventory.containers() {
            let Some(connections) = connections_of(container) else {
                continue;
            };
            let host = filled(container, "DB_HOST").map(|it| server_of(inventory, &it.value));
            let own = match host {
                Some(Some(it)) => std::ptr::eq(it, server),
                _ => inventory.postgres.len() == 1,
            };
            let Some(replicas) = replicas(workload)
                .1
                .filter(|_| own && workload.kind != WorkloadKind::Job)
            else {
                continue;
            };
            most += connections * replicas;
            told.push(format!(
                "{} × {} by `{}`",
                replicas,
                connections,
                label(workload, container)
            ));
        }
        if most > f64::from(usable) {
            let message = format!(
                "up to {most} connections may be opened, but the server has {usable}: {}",
                told.join(", ")
            );
            found.push(server.sku.place().unwrap_or(&server.place), message);
        }
    }
}

/// Connections that a replica may open; nothing when it opens none or that can't be seen.
fn connections_of(container: &Container) -> Option<f64> {
    if container.role == DAEMON {
        return number_or(container, "DB_MAX_OPEN_CONNS", 30.0);
    }
    if !container.role.is_application() || container.role == Role::Migration {
        return None;
    }
    let pool = number_or(container, "SQLALCHEMY_POOL_SIZE", 30.0)?;
    let overflow = number_or(container, "SQLALCHEMY_MAX_OVERFLOW", 10.0)?;
    let processes = match container.role {
        API => number_or(container, "SERVER_WORKER_AMOUNT", 1.0)?,
        _ => 1.0,
    };
    let vectors = if container.literal("VECTOR_STORE") == Some("pgvector") && container.role != BEAT
    {
        number_or(container, "PGVECTOR_MAX_CONNECTION", 5.0)?
    } else {
        0.0
    };
    Some((pool + overflow + vectors) * processes)
}

/// Megabytes that `client_max_body_size` says; 0 is no limit.
fn body_limit(text: &str) -> Option<f64> {
    let value = text
        .split([';', '{', '}'])
        .find_map(|statement| statement.trim().strip_prefix("client_max_body_size"))?
        .trim()
        .to_ascii_lowercase();
    let (number, unit) = match value.char_indices().last()? {
        (at, 'm') => (&value[..at], 1.0),
        (at, 'g') => (&value[..at], 1024.0),
        (at, 'k') => (&value[..at], 1.0 / 1024.0),
        _ => (value.as_str(), 1.0 / 1_048_576.0),
    };
    let number: f64 = number.parse().ok()?;
    Some(if number == 0.0 {
        f64::INFINITY
    } else {
        number * unit
    })
}

fn bodies(inventory: &Inventory, found: &mut Findings) {
    let files: Vec<_> = inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Nginx)
        .collect();
    let Some(file) = files.iter().find(|it| it.text.contains("proxy_pass")) else {
        return;
    };
    let from_variable = inventory
        .of(NGINX)
        .find_map(|(_, it)| it.literal("NGINX_CLIENT_MAX_BODY_SIZE"))
        .and_then(|value| body_limit(&format!("client_max_body_size {value}")));
    let limit = files
        .iter()
        .find_map(|it| body_limit(&it.text))
        .or(from_variable)
        .unwrap_or(1.0);
    let Some((_, api)) = inventory.of(API).next() else {
        return;
    };
    // Files of a knowledge base have 15 MB, batches are of one file each; packages 15 MiB.
    let upload = number_or(api, "UPLOAD_FILE_SIZE_LIMIT", 15.0);
    let package =
        number_or(api, "PLUGIN_MAX_PACKAGE_SIZE", 15.0 * 1_048_576.0).map(|it| it / 1_048_576.0);
    let most = upload.into_iter().chain(package).fold(0.0, f64::max);
    if limit < most {
        let message = format!("nginx takes bodies of {limit} MB, but the API files of {most} MB");
        let name = if upload == Some(most) {
            "UPLOAD_FILE_SIZE_LIMIT"
        } else {
            "PLUGIN_MAX_PACKAGE_SIZE"
        };
        let other = format!("{name} of the API: {most} MB");
        found
            .push(&file.place, message)
            .see(api.place_of(name), other);
    }
}

/// Seconds of a timeout in a squid file; squid's own default where there is none.
fn squid_timeout(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix(name))?;
    let mut words = line.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next().unwrap_or("seconds") {
        word if word.starts_with("min") => 60.0,
        word if word.starts_with("hour") => 3600.0,
        _ => 1.0,
    };
    Some(number * unit)
}

fn timeouts(inventory: &Inventory, found: &mut Findings) {
    let file = inventory.files.iter().find(|it| it.kind == FileKind::Squid);
    let from_variable = inventory.of(PROXY).find_map(|(_, it)| {
        it.literal("SSRF_READ_TIMEOUT")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    // Dify's own file says two minutes, squid without one fifteen.
    let squid = file
        .and_then(|it| squid_timeout(&it.text, "read_timeout "))
        .or(from_variable)
        .or(file.map(|_| 900.0));
    let Some(squid) = squid else {
        return;
    };
    for (workload, container) in services_of_application(inventory) {
        let Some(variable) = filled(container, "HTTP_REQUEST_MAX_READ_TIMEOUT") else {
            continue;
        };
        let node = variable
            .value
            .literal()
            .and_then(|it| it.parse::<f64>().ok());
        if let Some(node) = node.filter(|node| *node > squid) {
            let message = format!(
                "HTTP nodes of `{}` may wait for {node} seconds, but squid gives up after {squid}",
                label(workload, container)
            );
            let finding = found.push(&variable.place, message);
            if let Some(file) = file {
                finding.see(&file.place, "squid's timeout");
            }
        }
    }
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

fn proxy_memory(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(PROXY) {
        let memory = container
            .memory
            .known()
            .and_then(|it| it.parse::<Memory>().ok());
        let small = memory.is_some_and(|memory| memory.hundredths() < 100);
        let file = inventory.files.iter().find(|it| it.kind == FileKind::Squid);
        let cache = file.map(|file| {
            let line = file
                .text
                .lines()
                .find_map(|line| line.trim().strip_prefix("cache_mem "));
            let number = line.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
            number.unwrap_or(256.0)
        });
        if small && cache.is_some_and(|cache| cache >= 200.0) {
            let message = format!(
                "squid of `{}` asks for 256 MB of cache",
                label(workload, container)
            );
            found.push(
                container.memory.place().unwrap_or(&container.place),
                message,
            );
        }
    }
}

fn probes(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let listening = [
        API,
        DAEMON,
        SANDBOX,
        PROXY,
        NGINX,
        super::WEB,
        super::WEBSOCKET,
    ];
    for (workload, container) in inventory.containers() {
        if listening.contains(&container.role) && container.probes_seen && container.probes == 0 {
            let message = format!("`{}` has no probe", label(workload, container));
            found.push(&container.place, message);
        }
    }
}

fn packages(inventory: &Inventory, found: &mut Findings) {
    let Some((_, daemon)) = inventory.of(DAEMON).next() else {
        return;
    };
    let Some(daemons) = number_or(daemon, "MAX_PLUGIN_PACKAGE_SIZE", 52_428_800.0) else {
        return;
    };
    for (workload, container) in inventory.of(API) {
        let own = number_or(container, "PLUGIN_MAX_PACKAGE_SIZE", 15_728_640.0);
        if let Some(own) = own.filter(|own| (own - daemons).abs() > 0.5) {
            let message = format!(
                "`{}` takes packages of {own} bytes, the plugin daemon of {daemons}",
                label(workload, container)
            );
            let place = container.place_of("PLUGIN_MAX_PACKAGE_SIZE");
            found.push(place, message).see(
                daemon.place_of("MAX_PLUGIN_PACKAGE_SIZE"),
                "the plugin daemon",
            );
        }
    }
}

fn streams(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (workload, container) in inventory.of(API) {
        for name in [
            "APP_MAX_EXECUTION_TIME",
            "GUNICORN_TIMEOUT",
            "WORKFLOW_MAX_EXECUTION_TIME",
        ] {
            let Some(variable) = filled(container, name) else {
                continue;
            };
            let seconds = variable
                .value
                .literal()
                .and_then(|it| it.parse::<f64>().ok());
            if let Some(seconds) = seconds.filter(|it| *it > INGRESS_SECONDS) {
                let message = format!(
                    "`{name}` of `{}` is {seconds} seconds; the front door cuts a request after 240",
                    label(workload, container)
                );
                found.push(&variable.place, message);
            }
        }
    }
}
