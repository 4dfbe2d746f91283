//! Rules about sizes, replicas and connections.

use super::gateway;
use super::rule::{Family, Rule, Sample};
use crate::catalogue::ServiceKind;
use crate::deployment::sku::PostgresSku;
use crate::deployment::{Deployment, Service};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::spec::in_words;

/// Cores that a managed environment runs at once until somebody asks Azure for more
/// (learn.microsoft.com container-apps/quotas).
const CORES_OF_ENVIRONMENT: u32 = 100;

const ERROR: Rule = Rule::of(Family::Lim, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &SIZE,
    &REPLICAS,
    &ONE_BEAT,
    &CONNECTIONS,
    &ONE_DAEMON,
    &AWAKE,
    &CORES,
    &gateway::TIMEOUT,
    &gateway::BODIES,
];

pub(crate) const SIZE: Rule = Rule {
    id: "LIM001",
    title: "CPU and memory are a pair that Container Apps knows",
    why: "The Consumption profile gives 2 Gi to each vCPU and refuses every other pair, but only \
          once the deployment is half made.",
    source: "learn.microsoft.com container-apps/containers; Azure/bicep#14569",
    fix: "Give cpu or memory alone, and the other follows.",
    bad: Sample::part("[services.api]\ncpu = 1\nmemory = \"4Gi\""),
    good: Sample::part("[services.api]\ncpu = 2\nmemory = \"4Gi\""),
    ..ERROR
};

pub(crate) const REPLICAS: Rule = Rule {
    id: "LIM002",
    title: "Replicas are a range from 0 to 1000",
    why: "Container Apps refuses a range whose ends are the wrong way round, and more than 1000.",
    source: "learn.microsoft.com container-apps/scale-app",
    fix: "Give a `min` that is not above `max`.",
    bad: Sample::part("[services.web]\nreplicas = { min = 3, max = 2 }"),
    good: Sample::part("[services.web]\nreplicas = { min = 2, max = 3 }"),
    ..ERROR
};

const ONE_BEAT: Rule = Rule {
    id: "LIM003",
    title: "There is exactly one scheduler",
    why: "Celery beat sends every timed task: two of them run each task twice, none runs it never.",
    source: "docs.celeryq.dev periodic-tasks: only a single scheduler may run at a time",
    fix: "Remove `replicas`; more work is done by more workers.",
    bad: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\n\n[services.worker_beat]\n\
         replicas = { min = 1, max = 2 }",
    ),
    good: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\n\n[services.worker]\n\
         replicas = { min = 1, max = 2 }",
    ),
    check: Some(|deployment, found| {
        exactly_one(deployment, ServiceKind::WorkerBeat, &ONE_BEAT, found);
    }),
    ..ERROR
};

const CONNECTIONS: Rule = Rule {
    id: "LIM004",
    title: "PostgreSQL has a connection for everyone who may ask for one",
    why: "Each process keeps a pool of its own, so connections multiply with replicas. A server \
          that has none left answers \"remaining connection slots are reserved\", and then \
          everything fails at once. The pool for vectors is counted once for each process; datasets that are \
          searched at the same time have one each.",
    source: "langgenius/dify#22695; learn.microsoft.com postgresql/concepts-limits",
    fix: "Use a larger `data.postgres.sku`, fewer replicas or smaller pools.",
    bad: Sample::part("[services.api.env]\nSQLALCHEMY_POOL_SIZE = 30"),
    good: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\n\n[services.api.env]\nSQLALCHEMY_POOL_SIZE = 30",
    ),
    allowable: true,
    check: Some(connections),
    ..ERROR
};

const ONE_DAEMON: Rule = Rule {
    id: "LIM005",
    title: "There is exactly one plugin daemon",
    why: "Replicas of the daemon redirect calls to each other by address, which Container Apps \
          does not carry; and each start rebuilds the environment of every plugin.",
    source: "langgenius/dify-plugin-daemon internal/cluster; langgenius/dify-plugin-daemon#574, #577",
    fix: "Remove `replicas` and give the one daemon more cpu.",
    bad: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\n\n[services.plugin_daemon]\n\
         replicas = { min = 1, max = 3 }",
    ),
    good: Sample::part("[services.plugin_daemon]\ncpu = 2"),
    allowable: true,
    check: Some(|deployment, found| {
        exactly_one(deployment, ServiceKind::PluginDaemon, &ONE_DAEMON, found);
    }),
    ..ERROR
};

const AWAKE: Rule = Rule {
    id: "LIM006",
    title: "Services that are called inside keep a replica",
    why: "An app with internal TCP ingress does not wake from zero replicas when it is called, \
          and Dify gives up connecting to sandbox and proxy after ten seconds.",
    source: "microsoft/azure-container-apps#540; langgenius/dify 1.16.0 api/configs/feature",
    fix: "Give `min = 1` or more.",
    bad: Sample::part("[services.sandbox]\nreplicas = { min = 0, max = 5 }"),
    good: Sample::part("[services.sandbox]\nreplicas = { min = 1, max = 5 }"),
    check: Some(awake),
    ..ERROR
};

const CORES: Rule = Rule {
    id: "LIM007",
    title: "All replicas together fit into the environment's quota",
    why: "A managed environment runs 100 cores unless Azure has granted more. Above it new \
          replicas stay pending just when the load is highest.",
    source: "learn.microsoft.com container-apps/quotas",
    fix: "Lower `max` or `cpu`, or ask Azure for more cores and allow this rule with that reason.",
    bad: Sample::part("[services.web]\ncpu = 4\nreplicas = { min = 1, max = 50 }"),
    good: Sample::part("[services.web]\ncpu = 1\nreplicas = { min = 1, max = 20 }"),
    check: Some(cores),
    ..Rule::of(Family::Lim, Severity::Warning)
};

fn replicas_path(service: &Service) -> KeyPath {
    KeyPath::of("services")
        .key(service.kind.key())
        .key("replicas")
}

fn exactly_one(
    deployment: &Deployment,
    kind: ServiceKind,
    rule: &Rule,
    diagnostics: &mut Diagnostics,
) {
    let wrong = |service: &&Service| (service.replicas.min(), service.replicas.max()) != (1, 1);
    if let Some(service) = deployment.service(kind).filter(wrong) {
        let message = format!(
            "`{kind}` must run exactly once, not with {} replicas",
            service.replicas
        );
        diagnostics.push(rule.finding(replicas_path(service), message));
    }
}

fn awake(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for service in deployment.services() {
        let Some(facts) = deployment.release().service(service.kind) else {
            continue;
        };
        let limits = &facts.replica_limits;
        if limits.is_exactly_one() || u32::from(service.replicas.min()) >= limits.min {
            continue;
        }
        let message = format!(
            "`{}` may fall to {} replicas: {}",
            service.kind,
            service.replicas.min(),
            limits.reason.trim_end_matches('.')
        );
        diagnostics.push(AWAKE.finding(replicas_path(service), message));
    }
}

fn connections(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let budget = deployment.connection_budget();
    let most = budget.most();
    let has_enough = |usable: u32| most.is_some_and(|most| most <= usable);
    // A server of unknown size has those of the smallest at least.
    let least = PostgresSku::find("Standard_B1ms").map_or(0, PostgresSku::usable_connections);
    if has_enough(budget.usable.unwrap_or(least)) {
        return;
    }
    let mut users: Vec<_> = budget
        .users
        .iter()
        .filter(|it| it.most() != Some(0))
        .collect();
    users.sort_by_key(|user| std::cmp::Reverse(user.most().unwrap_or(u32::MAX)));
    let users: Vec<_> = users.iter().map(ToString::to_string).collect();
    let users = in_words(&users, "and");
    let number = most.map_or("any number of".to_owned(), |most| format!("up to {most}"));
    let path = KeyPath::of("data.postgres.sku");
    let finding = if let Some(usable) = budget.usable {
        let sku = &deployment.postgres().sku;
        let message = format!(
            "{number} connections are opened to a server `{sku}` that has {usable}: {users}"
        );
        CONNECTIONS.finding(path, message)
    } else {
        let message = format!(
            "{number} connections are opened to a server of which it is not known how many it has: {users}"
        );
        let mut finding = CONNECTIONS.finding(path, message);
        if most.is_some() {
            finding.severity = Severity::Note;
        }
        finding
    };
    diagnostics.push(finding);
}

fn cores(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let quarters = |service: &Service| {
        u32::from(service.size.cpu().quarters()) * u32::from(service.replicas.max())
    };
    let most: u32 = deployment.services().map(quarters).sum();
    if most <= CORES_OF_ENVIRONMENT * 4 {
        return;
    }
    let message = format!(
        "all services at their greatest scale use {} cores; an environment has \
         {CORES_OF_ENVIRONMENT}",
        most.div_ceil(4)
    );
    diagnostics.push(CORES.finding(KeyPath::of("services"), message));
}
