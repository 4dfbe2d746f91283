//! Who calls whom: every URL that a container has, and what it leads to.

use std::collections::HashMap;

use super::super::inventory::{Container, Fact, Inventory, Platform, Workload};
use super::super::place::Place;
use super::super::recognise::Role;
use super::super::seen::{Seen, SeenUrl};
use super::super::type_and_name;
use super::nginx::forwards;
use super::squid::Squid;
use super::{API, DAEMON, NGINX, PROXY, SANDBOX, WEB, WEBSOCKET, label};
use crate::values::AzureCloud;

/// A URL that a container calls another by.
pub(crate) struct Call<'a> {
    /// Who calls; nothing for a file that no workload is seen to read.
    pub(crate) caller: Option<&'a Workload>,
    /// The variable that says so; empty for a file.
    pub(crate) variable: &'static str,
    /// What says so, as "`CODE_EXECUTION_ENDPOINT` of `api`".
    pub(crate) what: String,
    /// Where it says so.
    pub(crate) place: Place,
    pub(crate) url: SeenUrl,
    /// The ports that the target's first container listens on, where they are known.
    pub(crate) ports: Option<Vec<u16>>,
    /// The roles that answer what is asked.
    pub(crate) wanted: &'static [Role],
    pub(crate) target: Target<'a>,
}

/// What a host name leads to.
pub(crate) enum Target<'a> {
    /// A workload, and how it is named.
    Workload(&'a Workload, Naming),
    /// A name that could only be that of a workload, and is that of none.
    Nobody,
    /// The container itself.
    Itself,
    /// Another container that shares the caller's network: of the same app, or by `network_mode`.
    Beside(&'a Container),
    /// Another place, or a name that can't be seen.
    Elsewhere,
}

/// How a host names an app.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By its bare name.
    Short,
    /// `app.internal.<domain>`.
    Internal,
    /// `app.<domain>`, as written by hand.
    External,
    /// As Azure answers it.
    Answered,
}

const APPLICATION: &[Role] = &[
    API,
    WEBSOCKET,
    super::WORKER,
    super::BEAT,
    Role::Application,
];

/// Which variables of which containers call whom.
const CALLS: &[(&[Role], &str, &[Role])] = &[
    (APPLICATION, "CODE_EXECUTION_ENDPOINT", &[SANDBOX]),
    (APPLICATION, "SSRF_PROXY_HTTP_URL", &[PROXY]),
    (APPLICATION, "SSRF_PROXY_HTTPS_URL", &[PROXY]),
    (APPLICATION, "SSRF_PROXY_ALL_URL", &[PROXY]),
    (APPLICATION, "PLUGIN_DAEMON_URL", &[DAEMON]),
    (APPLICATION, "INTERNAL_FILES_URL", &[API, WEBSOCKET, NGINX]),
    (&[DAEMON], "DIFY_INNER_API_URL", &[API, NGINX]),
    (&[WEB], "SERVER_CONSOLE_API_URL", &[API, NGINX]),
    (&[SANDBOX], "HTTP_PROXY", &[PROXY]),
    (&[SANDBOX], "HTTPS_PROXY", &[PROXY]),
];

/// Every call that can be seen.
pub(crate) fn calls(inventory: &Inventory) -> Vec<Call<'_>> {
    let names = Names::of(inventory);
    let mut known = HashMap::new();
    let mut ports = |target: &Target<'_>| {
        let Target::Workload(target, _) = target else {
            return None;
        };
        let first = target.containers.first()?;
        let ports = known
            .entry(std::ptr::from_ref(*target))
            .or_insert_with(|| ports_of(inventory, target, first));
        ports.clone()
    };
    let mut calls = Vec::new();
    for (workload, container) in inventory.containers() {
        for (roles, name, wanted) in CALLS {
            if !roles.contains(&container.role) {
                continue;
            }
            let Some(variable) = container.variable(name) else {
                continue;
            };
            let Some(url) = variable.value.url() else {
                continue;
            };
            let target = match names.target_of(Some(workload), &url.host) {
                Target::Itself => beside(inventory, (workload, container), &url),
                target => target,
            };
            calls.push(Call {
                caller: Some(workload),
                variable: name,
                what: format!("`{name}` of `{}`", label(workload, container)),
                place: variable.place.clone(),
                url,
                ports: ports(&target),
                wanted,
                target,
            });
        }
    }
    for (caller, forward) in forwards(inventory) {
        let url = Seen::from(forward.url.as_str()).url();
        let Some(url) = url.filter(|_| forward.is_http) else {
            continue;
        };
        let nginx = caller.and_then(|it| it.containers.iter().find(|it| it.role == NGINX));
        let what = match caller {
            Some(caller) => format!("nginx of `{}`", caller.name.shown()),
            None => "nginx".to_owned(),
        };
        let target = match (names.target_of(caller, &url.host), caller.zip(nginx)) {
            (Target::Itself, Some(nginx)) => beside(inventory, nginx, &url),
            (target, _) => target,
        };
        calls.push(Call {
            caller,
            variable: "",
            what,
            place: forward.place(),
            url,
            ports: ports(&target),
            target,
            wanted: BEHIND_NGINX,
        });
    }
    calls
}

/// What answers a container at its own address. Containers of one app share the network
/// (learn.microsoft.com container-apps/containers), as do compose services with `network_mode: service:name`.
fn beside<'a>(
    inventory: &'a Inventory,
    (workload, container): (&'a Workload, &'a Container),
    url: &SeenUrl,
) -> Target<'a> {
    let home = network_of(inventory, workload);
    if home.network.mode.as_deref().is_some_and(|it| it != "none") {
        // The host, or a container that no file tells of, may answer on any port.
        return Target::Elsewhere;
    }
    let sharing = inventory
        .workloads
        .iter()
        .filter(|it| std::ptr::eq(network_of(inventory, it), home))
        .flat_map(|it| &it.containers);
    let mut is_sure = true;
    for other in sharing.filter(|it| !std::ptr::eq(*it, container)) {
        match listens_on(inventory, other) {
            Some(port) if url.effective_port() == Some(port) => return Target::Beside(other),
            Some(_) => {}
            None => is_sure &= matches!(other.role, super::WORKER | super::BEAT),
        }
    }
    if is_sure {
        Target::Itself
    } else {
        Target::Elsewhere
    }
}

/// The workload whose network a workload uses: its own, or the one that `network_mode: service:name` leads to.
pub(super) fn network_of<'a>(inventory: &'a Inventory, workload: &'a Workload) -> &'a Workload {
    let mut home = workload;
    for _ in 0..MOST_SHARED {
        let mode = home.network.mode.as_deref().unwrap_or_default();
        let Some(name) = mode.strip_prefix("service:") else {
            break;
        };
        let mut all = inventory.workloads.iter();
        let Some(next) = all.find(|it| it.name.literal() == Some(name)) else {
            break;
        };
        home = next;
    }
    home
}

/// Services that share a network, one with the next, at most.
const MOST_SHARED: usize = 8;

/// What an nginx of Dify has behind it: the sandbox and the proxy are for the inside alone.
const BEHIND_NGINX: &[Role] = &[
    API,
    WEBSOCKET,
    WEB,
    DAEMON,
    NGINX,
    Role::AgentBackend,
    Role::LocalSandbox,
    Role::Postgres,
    Role::Redis,
];

/// Whether two workloads are known to be in different environments.
pub(super) fn are_apart(one: &Workload, other: &Workload) -> bool {
    let name = |it: &Workload| {
        let (_, name) = type_and_name(it.environment.as_ref()?)?;
        Some(name.literal()?.to_ascii_lowercase())
    };
    name(one)
        .zip(name(other))
        .is_some_and(|(one, other)| one != other)
}

/// Characters of a host name at most (RFC 1035).
const LONGEST_NAME: usize = 253;

/// The workloads by all their names: a large template has thousands, and each calls others.
pub(super) struct Names<'a> {
    inventory: &'a Inventory,
    /// By what tells a name from others, unseen parts included.
    exact: HashMap<Vec<u8>, usize>,
    /// By name in lower case, and by alias.
    shown: HashMap<String, usize>,
    /// By name in lower case and environment.
    near: HashMap<(String, Vec<u8>), usize>,
}

impl<'a> Names<'a> {
    pub(super) fn of(inventory: &'a Inventory) -> Self {
        let mut names = Self {
            inventory,
            exact: HashMap::new(),
            shown: HashMap::new(),
            near: HashMap::new(),
        };
        for (index, workload) in inventory.workloads.iter().enumerate() {
            names
                .exact
                .entry(workload.name.canonical())
                .or_insert(index);
            let lower = workload.name.shown().to_ascii_lowercase();
            if let Some(environment) = &workload.environment {
                let near = (lower.clone(), environment.canonical());
                names.near.entry(near).or_insert(index);
            }
            names.shown.entry(lower).or_insert(index);
            for alias in &workload.aliases {
                names.shown.entry(alias.clone()).or_insert(index);
            }
        }
        names
    }

    /// The workload of a name: the one in the caller's environment, when there is one.
    fn named(&self, caller: Option<&Workload>, name: &Seen) -> Option<&'a Workload> {
        let environment = caller.and_then(|it| it.environment.as_ref());
        let near = environment.and_then(|it| {
            let name = name.shown().to_ascii_lowercase();
            self.near.get(&(name, it.canonical()))
        });
        if let Some(near) = near {
            return self.inventory.workloads.get(*near);
        }
        let made = || self.by_container_name(name.literal()?);
        let exact = self.exact.get(&name.canonical());
        let shown = name.literal().and_then(|name| self.shown.get(name));
        let first = exact
            .into_iter()
            .chain(shown)
            .min()
            .copied()
            .or_else(made)?;
        self.inventory.workloads.get(first)
    }

    /// The service whose container compose calls so: project, service and number joined by hyphens, formerly by
    /// underscores (docs.docker.com compose/how-tos/project-name). What the project is called nobody can tell.
    fn by_container_name(&self, name: &str) -> Option<usize> {
        let is_likely = self.inventory.platform == Platform::Compose && name.len() <= LONGEST_NAME;
        let stem = name.trim_end_matches(|it: char| it.is_ascii_digit());
        if !is_likely || stem.len() == name.len() {
            return None;
        }
        let stem = stem.strip_suffix(['-', '_'])?;
        let mut starts = stem.match_indices(['-', '_']).filter(|(at, _)| *at > 0);
        starts.find_map(|(at, _)| {
            let service = &stem[at + 1..];
            let index = *self.shown.get(service)?;
            let workload = self.inventory.workloads.get(index)?;
            let is_made = !workload.network.has_own_name
                && workload.name.shown().eq_ignore_ascii_case(service);
            is_made.then_some(index)
        })
    }

    /// What a host leads to, whoever calls it.
    pub(super) fn target(&self, host: &Seen) -> Target<'a> {
        target(self, None, host)
    }

    /// What a host leads to for a caller.
    pub(super) fn target_of(&self, caller: Option<&Workload>, host: &Seen) -> Target<'a> {
        target(self, caller, host)
    }
}

fn target<'a>(names: &Names<'a>, caller: Option<&Workload>, host: &Seen) -> Target<'a> {
    if matches!(
        host.literal(),
        Some("localhost" | "127.0.0.1" | "[::1]" | "0.0.0.0")
    ) {
        return Target::Itself;
    }
    let Some((first, rest)) = host.split_once('.') else {
        return match names.named(caller, host) {
            Some(workload) => Target::Workload(workload, Naming::Short),
            // A name without a dot can only be of this deployment; one that is unseen may be any.
            None if host.literal().is_some_and(|it| !it.is_empty()) => Target::Nobody,
            None => Target::Elsewhere,
        };
    };
    if names.inventory.platform == Platform::Compose {
        return match names.named(caller, host) {
            Some(workload) => Target::Workload(workload, Naming::Short),
            None => Target::Elsewhere,
        };
    }
    let of_environment = AzureCloud::ALL
        .iter()
        .any(|cloud| rest.end().ends_with(cloud.container_apps_suffix()))
        || rest
            .unseen_parts()
            .any(|it| it.origin().to_ascii_lowercase().contains("domain"));
    if !of_environment {
        return Target::Elsewhere;
    }
    let naming = if rest
        .unseen_parts()
        .any(|it| it.origin() == "domain of the app")
    {
        Naming::Answered
    } else if rest.beginning().starts_with("internal.") {
        Naming::Internal
    } else {
        Naming::External
    };
    match names.named(caller, &first) {
        Some(workload) => Target::Workload(workload, naming),
        None if first.literal().is_some() => Target::Nobody,
        None => Target::Elsewhere,
    }
}

/// The port that a container listens on first.
pub(super) fn listens_on(inventory: &Inventory, container: &Container) -> Option<u16> {
    let is_here = |it: &&Workload| {
        let mut containers = it.containers.iter();
        containers.any(|it| std::ptr::eq(it, container))
    };
    let workload = inventory.workloads.iter().find(is_here)?;
    ports_of(inventory, workload, container)?.first().copied()
}

/// The ports that a container listens on: from its file, its variables, or its image's.
pub(super) fn ports_of(
    inventory: &Inventory,
    workload: &Workload,
    container: &Container,
) -> Option<Vec<u16>> {
    let (name, default) = match container.role {
        API | WEBSOCKET => ("DIFY_PORT", 5001),
        WEB => ("PORT", 3000),
        SANDBOX => ("SANDBOX_PORT", 8194),
        DAEMON => ("SERVER_PORT", 5002),
        PROXY => {
            let squid = Squid::of(inventory, workload);
            return Some(squid.map_or_else(|| vec![3128], |it| it.ports()));
        }
        _ => return None,
    };
    let port = match container.variable(name) {
        None => container.variables_complete.then_some(default),
        Some(variable) => variable.value.literal()?.parse().ok(),
    };
    Some(vec![port?])
}

/// Whether a workload speaks tcp behind a known ingress; nothing when that can't be seen.
pub(super) fn speaks_tcp(workload: &Workload) -> Option<bool> {
    workload.ingress.known()?.is_tcp()
}

/// A workload that is known to have no ingress.
pub(super) fn has_no_ingress(workload: &Workload) -> bool {
    matches!(workload.ingress, Fact::Absent)
}
