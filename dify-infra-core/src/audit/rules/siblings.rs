//! Settings that all of the application must share: what one service writes another one looks for.

use std::collections::BTreeSet;

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::super::seen::Seen;
use super::{API, BEAT, WEBSOCKET, WORKER, dify_version, filled, label, lacks};
use crate::catalogue::{Catalogue, Release, ServiceKind, Version};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const KEYS: Rule = Rule {
    id: "RED110",
    title: "All of the application uses one prefix and one kind of channel",
    why: "`REDIS_KEY_PREFIX` stands before Celery's queues too: a task that the API puts under one prefix is never \
          seen by a worker with another. What the worker publishes on one kind of channel, an API that listens on \
          another never hears: the answer stays empty.",
    source: "langgenius/dify PR #35139; langgenius/dify 1.16.0 api/configs/middleware/cache/redis_pubsub_config.py",
    fix: "Set `REDIS_KEY_PREFIX` and `EVENT_BUS_REDIS_CHANNEL_TYPE` alike on api, websocket, worker and beat, or on \
          none.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      REDIS_KEY_PREFIX: other"),
    good: Sample::compose("services:\n  worker:\n    environment:\n      REDIS_KEY_PREFIX: \"\""),
    audit: Some(keys),
    ..Rule::of(Family::Red, Severity::Error)
};

pub(super) const VECTORS: Rule = Rule {
    id: "DBX114",
    title: "All of the application finds its vector store at one address",
    why: "The worker writes what the API searches. One that lacks the address of the store that it is told to use, or \
          has another, leaves every knowledge base empty, or fails at its first document.",
    source: "langgenius/dify#18119, #23454; langgenius/dify 1.16.0 api/configs/middleware/vdb",
    fix: "Give api, websocket, worker and beat the same settings of the store that `VECTOR_STORE` names.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      PGVECTOR_DATABASE: dify_vectors",
    ),
    good: Sample::compose("services:\n  worker:\n    environment:\n      PGVECTOR_DATABASE: dify"),
    audit: Some(vectors),
    ..Rule::of(Family::Dbx, Severity::Error)
};

pub(super) const FILES: Rule = Rule {
    id: "BLB108",
    title: "API and worker find their files in one place",
    why: "The worker reads what the API stored: with another bucket, endpoint or directory it finds no file, and no \
          document is indexed.",
    source: "langgenius/dify#17786, #18621; langgenius/dify 1.16.0 api/configs/middleware/storage",
    fix: "Give api, websocket, worker and beat the same settings of the storage that `STORAGE_TYPE` names.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      OPENDAL_FS_ROOT: files"),
    good: Sample::compose("services:\n  worker:\n    environment:\n      OPENDAL_FS_ROOT: storage"),
    audit: Some(files),
    ..Rule::of(Family::Blb, Severity::Error)
};

pub(super) const TASKS: Rule = Rule {
    id: "VER113",
    title: "The worker can do what the API hands to it",
    why: "The API only notes that a mail is to be sent or a document to be read; the worker does it, with its own \
          settings. Without `MAIL_TYPE` it drops invitations without a word; with another `ETL_TYPE` it reads other \
          kinds of documents than the API takes.",
    source: "langgenius/dify 1.16.0 api/tasks/mail_invite_member_task.py, api/core/rag/extractor/extract_processor.py",
    fix: "Give the worker the API's settings of mail, documents and keywords.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      MAIL_TYPE: smtp\n      SMTP_SERVER: smtp.example.com",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      MAIL_TYPE: smtp\n      SMTP_SERVER: smtp.example.com\n  worker:\n    environment:\n      MAIL_TYPE: smtp\n      SMTP_SERVER: smtp.example.com",
    ),
    audit: Some(tasks),
    ..Rule::of(Family::Ver, Severity::Warning)
};

pub(super) const QUEUES: Rule = Rule {
    id: "VER114",
    title: "Somebody serves every queue",
    why: "A worker with a list of its own serves that list alone. Releases bring new queues: with a list from before \
          1.13 no workflow that streams ever starts, with one from before 1.10 no trigger fires, and nothing is \
          logged.",
    source: "langgenius/dify#32213, #32183; langgenius/dify 1.10.0 and 1.13.0 release notes; \
             langgenius/dify 1.16.0 api/docker/entrypoint.sh",
    fix: "Remove `CELERY_QUEUES` and `CELERY_WORKER_QUEUES`, so that the worker serves the release's own list; when \
          workers share the queues, name each one somewhere.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_QUEUES: dataset,mail,ops_trace,app_deletion",
    ),
    good: Sample::compose("services:\n  worker:\n    environment:\n      CELERY_QUEUES: \"\""),
    audit: Some(queues),
    ..Rule::of(Family::Ver, Severity::Error)
};

/// What must be alike, and for whom.
struct Shared<'a> {
    /// The names, each with others that the image reads for the same.
    names: Vec<Vec<String>>,
    /// Who fails without them.
    needed_by: &'a [Role],
    /// Who has them too, and fails only if they differ.
    read_by: &'a [Role],
}

fn release(inventory: &Inventory) -> &'static Release {
    let catalogue = Catalogue::builtin();
    let known = |version| {
        let mut releases = catalogue.releases().iter();
        releases.find(|release| release.version() <= version)
    };
    dify_version(inventory)
        .and_then(known)
        .unwrap_or_else(|| catalogue.default_release())
}

/// A variable under any of its names; the newest counts.
fn any<'a>(container: &'a Container, names: &[String]) -> Option<&'a Variable> {
    names.iter().rev().find_map(|name| filled(container, name))
}

/// Compares what is shared with what the API has: what is not set has the image's default.
fn compare(inventory: &Inventory, shared: &Shared<'_>, found: &mut Findings) {
    let table = release(inventory).variables(ServiceKind::Api);
    let Some((api_workload, api)) = inventory.of(API).next() else {
        return;
    };
    let api_name = label(api_workload, api);
    for (workload, container) in inventory.containers() {
        let is_needed = shared.needed_by.contains(&container.role);
        if std::ptr::eq(container, api) || !(is_needed || shared.read_by.contains(&container.role))
        {
            continue;
        }
        let mut missing = Vec::new();
        for names in &shared.names {
            let Some(name) = names.last() else {
                continue;
            };
            let known = names.iter().find_map(|name| table.get(name));
            let default = known.and_then(|it| it.default.as_deref());
            let default = Seen::from(default.unwrap_or_default());
            let is_default = |it: &Variable| it.value.same(&default) == Some(true);
            let is_secret = known.is_some_and(|it| it.secret);
            let is_unset = |it: &Container| names.iter().all(|name| lacks(it, name));
            match (any(container, names), any(api, names)) {
                (Some(mine), Some(theirs))
                    if !is_secret && mine.value.same(&theirs.value) == Some(false) =>
                {
                    let message = format!(
                        "`{}` of `{}` differs from that of `{api_name}`",
                        mine.name,
                        label(workload, container)
                    );
                    found
                        .push(&mine.place, message)
                        .see(&theirs.place, format!("`{}` of `{api_name}`", theirs.name));
                }
                // What pgvector lacks VER104 and DBX106 tell.
                (None, Some(theirs))
                    if is_unset(container)
                        && !is_default(theirs)
                        && !theirs.name.starts_with("PGVECTOR_") =>
                {
                    missing.push(theirs);
                }
                (Some(mine), None) if is_unset(api) && !is_default(mine) => {
                    let message = format!(
                        "`{}` has `{name}`, and `{api_name}` has not",
                        label(workload, container)
                    );
                    found
                        .push(&mine.place, message)
                        .see(api.place_of(name), format!("`{api_name}`"));
                }
                _ => {}
            }
        }
        if let Some(first) = missing.first() {
            let names: Vec<_> = missing.iter().map(|it| format!("`{}`", it.name)).collect();
            let message = format!(
                "`{}` lacks what `{api_name}` has: {}",
                label(workload, container),
                names.join(", ")
            );
            let finding = if is_needed {
                found.push(&container.place, message)
            } else {
                found.warn(&container.place, message)
            };
            finding.see(&first.place, format!("`{}` of `{api_name}`", first.name));
        }
    }
}

/// Settings by which a service is tuned, which may differ.
const TUNING: [&str; 9] = [
    "TIMEOUT",
    "CONNECTION",
    "POOL_SIZE",
    "OVERFLOW",
    "BATCH_SIZE",
    "RETRIES",
    "EF_SEARCH",
    "_MS",
    "_IN_SECONDS",
];

/// All variables that any service of the application has under these beginnings.
fn under(inventory: &Inventory, beginnings: &[&str]) -> Vec<Vec<String>> {
    let services = super::services_of_application(inventory);
    let variables = services.flat_map(|(_, it)| &it.variables);
    let is_tuning = |name: &str| TUNING.iter().any(|end| name.ends_with(end));
    let names: BTreeSet<&str> = variables
        .map(|it| it.name.as_str())
        .filter(|name| beginnings.iter().any(|it| name.starts_with(it)) && !is_tuning(name))
        .collect();
    names.into_iter().map(|it| vec![it.to_owned()]).collect()
}

fn keys(inventory: &Inventory, found: &mut Findings) {
    let version = dify_version(inventory);
    // Older releases read neither (langgenius/dify 1.12.0 and 1.14.0 release notes).
    let is_read = |since: Version| version.is_none_or(|it| it >= since);
    if is_read(Version::new(1, 14, 0)) {
        let prefix = Shared {
            names: vec![vec!["REDIS_KEY_PREFIX".to_owned()]],
            needed_by: &[WEBSOCKET, WORKER, BEAT],
            read_by: &[],
        };
        compare(inventory, &prefix, found);
    }
    if is_read(Version::new(1, 12, 0)) {
        let names = ["PUBSUB_REDIS_CHANNEL_TYPE", "EVENT_BUS_REDIS_CHANNEL_TYPE"];
        let channels = Shared {
            names: vec![names.map(str::to_owned).to_vec()],
            needed_by: &[WEBSOCKET, WORKER],
            read_by: &[],
        };
        compare(inventory, &channels, found);
    }
}

/// With what the settings of a store or storage begin: its name, but for these.
fn beginnings(kind: &str) -> Vec<String> {
    let own = match kind {
        "tencent" => "TENCENT_VECTOR_DB_",
        "baidu" => "BAIDU_VECTOR_DB_",
        "elasticsearch-ja" => "ELASTICSEARCH_",
        "seekdb" => "OCEANBASE_",
        "oci-storage" => "OCI_",
        "local" => "STORAGE_LOCAL_",
        "tidb_on_qdrant" => return vec!["TIDB_".to_owned()],
        _ => return vec![format!("{}_", kind.to_ascii_uppercase().replace('-', "_"))],
    };
    vec![own.to_owned()]
}

/// The one kind that all services with the variable name; nothing when they differ, which another rule tells.
fn chosen<'a>(inventory: &'a Inventory, name: &str) -> Option<&'a str> {
    let mut kinds = super::services_of_application(inventory)
        .filter_map(|(_, it)| filled(it, name)?.value.literal());
    let first = kinds.next()?;
    kinds.all(|it| it == first).then_some(first)
}

fn vectors(inventory: &Inventory, found: &mut Findings) {
    const NAME: &str = "VECTOR_STORE";
    let Some(store) = chosen(inventory, NAME) else {
        return;
    };
    let beginnings = beginnings(store);
    let mut beginnings: Vec<&str> = beginnings.iter().map(String::as_str).collect();
    let names = under(inventory, &beginnings);
    let is_known = release(inventory)
        .variables(ServiceKind::Api)
        .iter()
        .any(|it| beginnings.iter().any(|start| it.name.starts_with(start)));
    if names.is_empty() && is_known && store != "pgvector" {
        for (workload, container) in inventory.of(API).chain(inventory.of(WORKER)) {
            if container.variables_complete {
                let message = format!(
                    "`{}` uses the vector store `{store}`, and nothing says where it is",
                    label(workload, container)
                );
                found.push(container.place_of(NAME), message);
            }
        }
        return;
    }
    beginnings.push("VECTOR_INDEX_NAME_PREFIX");
    let shared = Shared {
        names: under(inventory, &beginnings),
        needed_by: &[WORKER],
        read_by: &[WEBSOCKET, BEAT],
    };
    compare(inventory, &shared, found);
}

fn files(inventory: &Inventory, found: &mut Findings) {
    // Of Azure's blobs BLB101 and BLB105 speak.
    let kind = chosen(inventory, "STORAGE_TYPE").filter(|it| *it != "azure-blob");
    let Some(kind) = kind else {
        return;
    };
    let beginnings = beginnings(kind);
    let beginnings: Vec<&str> = beginnings.iter().map(String::as_str).collect();
    let shared = Shared {
        names: under(inventory, &beginnings),
        needed_by: &[WORKER],
        read_by: &[WEBSOCKET, BEAT],
    };
    compare(inventory, &shared, found);
}

fn tasks(inventory: &Inventory, found: &mut Findings) {
    let mut beginnings = vec![
        "MAIL_TYPE",
        "MAIL_DEFAULT_SEND_FROM",
        "ETL_TYPE",
        "KEYWORD_STORE",
    ];
    for (name, kind, own) in [
        ("MAIL_TYPE", "smtp", "SMTP_"),
        ("MAIL_TYPE", "resend", "RESEND_"),
        ("MAIL_TYPE", "sendgrid", "SENDGRID_"),
        ("ETL_TYPE", "Unstructured", "UNSTRUCTURED_"),
    ] {
        let mut apis = inventory.of(API);
        if apis.any(|(_, it)| it.literal(name) == Some(kind)) {
            beginnings.push(own);
        }
    }
    let shared = Shared {
        names: under(inventory, &beginnings),
        needed_by: &[WORKER],
        read_by: &[],
    };
    compare(inventory, &shared, found);
}

/// Queues that the application puts tasks into, with the release that brought each (api/docker/entrypoint.sh of
/// langgenius/dify, community edition).
const QUEUE_NAMES: [(&str, Version); 14] = [
    ("dataset", Version::new(1, 0, 0)),
    ("mail", Version::new(1, 0, 0)),
    ("ops_trace", Version::new(1, 0, 0)),
    ("app_deletion", Version::new(1, 0, 0)),
    ("plugin", Version::new(1, 10, 0)),
    ("workflow_storage", Version::new(1, 10, 0)),
    ("conversation", Version::new(1, 10, 0)),
    ("pipeline", Version::new(1, 10, 0)),
    ("priority_pipeline", Version::new(1, 10, 0)),
    ("workflow", Version::new(1, 10, 0)),
    ("schedule_poller", Version::new(1, 10, 0)),
    ("schedule_executor", Version::new(1, 10, 0)),
    ("triggered_workflow_dispatcher", Version::new(1, 10, 0)),
    ("workflow_based_app_execution", Version::new(1, 13, 0)),
];

/// The variable with a worker's list of queues; the second wins.
fn list_of(container: &Container) -> Option<&Variable> {
    let own = filled(container, "CELERY_WORKER_QUEUES");
    own.or_else(|| filled(container, "CELERY_QUEUES"))
}

fn queues(inventory: &Inventory, found: &mut Findings) {
    let Some(version) = dify_version(inventory) else {
        return;
    };
    let workers: Vec<(&Workload, &Container)> = inventory.of(WORKER).collect();
    let lists: Option<Vec<(&Variable, &str)>> = workers
        .iter()
        .map(|(_, it)| {
            let list = list_of(it)?;
            Some((list, list.value.literal()?))
        })
        .collect();
    // One without a list serves all; what an unseen list has can't be told.
    let Some(lists) = lists else {
        return;
    };
    let is_started_otherwise =
        |it: &Container| it.command.iter().any(|word| word.contains("celery"));
    let Some((first, _)) = lists.first() else {
        return;
    };
    if workers.iter().any(|(_, it)| is_started_otherwise(it)) || inventory.may_hide_services() {
        return;
    }
    let served: BTreeSet<&str> = lists
        .iter()
        .flat_map(|(_, list)| list.split(',').map(str::trim))
        .collect();
    let starving: Vec<String> = QUEUE_NAMES
        .iter()
        .filter(|(name, since)| *since <= version && !served.contains(name))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    if !starving.is_empty() {
        let message = format!("no worker serves {}", starving.join(", "));
        let finding = found.push(&first.place, message);
        for (list, _) in lists.iter().skip(1) {
            finding.see(&list.place, format!("`{}` of another worker", list.name));
        }
    }
}
