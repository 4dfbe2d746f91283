//! One service of a compose file.

use std::collections::HashMap;

use super::super::embedded;
use super::super::inventory::{
    Container, Fact, Inventory, Mount, Probe, PublishedPort, SecretUses, ServiceNetwork, Source,
    TextFile, Variable, Volume, Workload, WorkloadKind,
};
use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::recognise::{image_parts, role_of};
use super::super::seen::{Seen, Unseen};
use super::super::text_file_kind;
use super::dotenv::dotenv;
use super::interpolate::{self, Entries, Entry, interpolate};
use super::{ComposeInput, InvalidCompose, file_place, paths};

/// What a service is read with.
pub(super) struct Context<'a> {
    pub(super) input: &'a ComposeInput<'a>,
    pub(super) project: &'a Entries,
    /// Named volumes of the files.
    pub(super) volumes: &'a [Node],
    /// Networks of the files.
    pub(super) networks: &'a [Node],
}

/// Reads a service.
pub(super) fn workload(
    context: &Context<'_>,
    inventory: &mut Inventory,
    name: &str,
    node: &Node,
) -> Result<Workload, InvalidCompose> {
    let (variables, variables_complete) = variables(context, inventory, node)?;
    let image = match node.get("image") {
        Some(image) => Fact::Known(text(context, image), image.place.clone()),
        None => Fact::Absent,
    };
    if image.is_absent()
        && let Some(build) = node.get("build")
    {
        inventory.not_seen(
            &build.place,
            format!(
                "what `{name}` runs, since its image is built: name it by `image` to have it judged"
            ),
        );
    }
    let parts = image.known().map(image_parts);
    let mounts = mounts(context, node);
    files(context, inventory, &mounts, &variables);
    let command: Vec<Seen> = ["entrypoint", "command"]
        .iter()
        .filter_map(|key| node.get(key))
        .flat_map(|it| words(context, it))
        .collect();
    let container = Container {
        name: name.to_owned(),
        role: role_of(&image, &variables, &command, false),
        place: node.place.clone(),
        tag: parts.as_ref().and_then(|it| it.tag.clone()),
        digest: parts.as_ref().is_some_and(|it| it.digest),
        version: parts.and_then(|it| it.version),
        image,
        variables,
        variables_complete,
        cpu: number(context, node, "cpus"),
        memory: Fact::Absent,
        probes: node.get("healthcheck").map_or(Vec::new(), |it| {
            vec![Probe {
                path: None,
                port: None,
                place: it.place.clone(),
            }]
        }),
        probes_seen: true,
        command,
        mounts: mounts.clone(),
    };
    let texts = embedded::texts(std::slice::from_ref(&container), inventory.workloads.len());
    inventory.files.extend(texts);
    let replicas = match number(context, node, "scale") {
        Fact::Absent => match node.at("deploy/replicas") {
            Some(_) => number_at(context, node.at("deploy/replicas")),
            None => Fact::Known(1.0, node.place.clone()),
        },
        fact => fact,
    };
    Ok(Workload {
        kind: WorkloadKind::ComposeService,
        name: Seen::from(name),
        aliases: aliases(context, node),
        network: network(context, node),
        place: node.place.clone(),
        environment: None,
        profile: Fact::Absent,
        ingress: Fact::Absent,
        min_replicas: replicas.clone(),
        max_replicas: replicas,
        scale_rules: false,
        counted: Vec::new(),
        containers_complete: true,
        secrets_complete: true,
        containers: vec![container],
        secrets: Vec::new(),
        registries: Vec::new(),
        identity: None,
        volumes: mounts.iter().map(|mount| volume(context, mount)).collect(),
        published: node
            .items_at("ports")
            .iter()
            .filter_map(|port| published(context, port))
            .collect(),
        uses: SecretUses::default(),
    })
}

fn text(context: &Context<'_>, node: &Node) -> Seen {
    match node.literal() {
        Some(text) => interpolate(text, context.project).0,
        None => node.seen().unwrap_or_default(),
    }
}

fn words(context: &Context<'_>, node: &Node) -> Vec<Seen> {
    match &node.tree {
        Tree::List(items) => items.iter().map(|item| text(context, item)).collect(),
        _ => vec![text(context, node)],
    }
}

fn number(context: &Context<'_>, node: &Node, key: &str) -> Fact<f64> {
    number_at(context, node.get(key))
}

fn number_at(context: &Context<'_>, node: Option<&Node>) -> Fact<f64> {
    let Some(node) = node else {
        return Fact::Absent;
    };
    let seen = text(context, node);
    let parsed = seen.literal().map(str::parse);
    match (parsed, seen.unseen_parts().next()) {
        (Some(Ok(number)), _) => Fact::Known(number, node.place.clone()),
        (_, Some(unseen)) => Fact::Unseen(unseen.clone(), node.place.clone()),
        _ => Fact::Absent,
    }
}

/// Variables of files first, those of the service over them.
fn variables(
    context: &Context<'_>,
    inventory: &mut Inventory,
    node: &Node,
) -> Result<(Vec<Variable>, bool), InvalidCompose> {
    let mut complete = true;
    let mut variables = Variables::default();
    for (path, place, required) in env_files(context, node) {
        match context.input.files.get(&paths::join("", &path)) {
            Some(file) => {
                for (name, Entry { value, place }) in dotenv(&path, file, context.project)? {
                    variables.set(name, value, Source::File, place);
                }
            }
            None if required => {
                complete = false;
                inventory.not_seen(&place, format!("the file of variables {path}"));
            }
            None => {}
        }
    }
    for (name, value) in node
        .get("environment")
        .map(Node::members)
        .unwrap_or_default()
    {
        let place = value.place.clone();
        let (seen, from_file) = match &value.tree {
            // A name alone takes its value from the shell, or from .env.
            Tree::Null => match context.project.get(name) {
                Some(entry) => (entry.value.clone(), true),
                None => (
                    Seen::unseen(Unseen::new(&format!("${{{name}}}, which no file sets"))),
                    true,
                ),
            },
            _ => match value.literal() {
                Some(text) => interpolate(text, context.project),
                None => (value.seen().unwrap_or_default(), false),
            },
        };
        let source = match value.literal() {
            _ if from_file => Source::File,
            Some(text) if interpolate::refers(text) => Source::Default,
            _ => Source::Plain,
        };
        variables.set(name.clone(), seen, source, place);
    }
    Ok((variables.list, complete))
}

/// Variables in the order in which they were first set; a file may have thousands.
#[derive(Default)]
struct Variables {
    list: Vec<Variable>,
    places: HashMap<String, usize>,
}

impl Variables {
    /// Sets a variable, over an earlier value of it.
    fn set(&mut self, name: String, value: Seen, source: Source, place: Place) {
        let variable = Variable {
            name,
            value,
            source,
            place,
        };
        let next = self.list.len();
        let at = *self.places.entry(variable.name.clone()).or_insert(next);
        if at == next {
            self.list.push(variable);
        } else {
            self.list[at] = variable;
        }
    }
}

/// Paths of the files of variables, where each is named, and whether compose insists on it.
fn env_files(context: &Context<'_>, node: &Node) -> Vec<(String, Place, bool)> {
    let Some(list) = node.get("env_file") else {
        return Vec::new();
    };
    let items = match &list.tree {
        Tree::List(items) => items.iter().collect(),
        _ => vec![list],
    };
    let one = |item: &Node| {
        let path = item.get("path").unwrap_or(item);
        let required = item.get("required").and_then(Node::boolean) != Some(false);
        let path = text(context, path).literal()?.to_owned();
        Some((path, item.place.clone(), required))
    };
    items.into_iter().filter_map(one).collect()
}

fn aliases(context: &Context<'_>, node: &Node) -> Vec<String> {
    let networks = node.get("networks").map(Node::members).unwrap_or_default();
    let named = networks
        .iter()
        .flat_map(|(_, network)| network.items_at("aliases"));
    let mut aliases: Vec<String> = named
        .filter_map(|alias| text(context, alias).literal().map(str::to_owned))
        .collect();
    let own = ["container_name", "hostname"]
        .iter()
        .filter_map(|key| node.get(key));
    aliases.extend(own.filter_map(|it| text(context, it).literal().map(str::to_owned)));
    aliases
}

/// The networks of a service by the names that docker knows them by: two keys may be of one network.
fn network(context: &Context<'_>, node: &Node) -> ServiceNetwork {
    let mode = node.get("network_mode").map(|it| text(context, it).shown());
    let list = node.get("networks");
    let mut keys: Vec<String> = list
        .map(Node::members)
        .unwrap_or_default()
        .iter()
        .map(|(key, _)| key.clone())
        .collect();
    let items = list.map(Node::items).unwrap_or_default().iter();
    keys.extend(items.map(|it| text(context, it).shown()));
    if keys.is_empty() && mode.is_none() {
        keys.push("default".to_owned());
    }
    let named = |key: String| {
        let mut all = context.networks.iter();
        let named = all.find_map(|it| it.get(&key)?.get("name"));
        named.map_or(key, |it| text(context, it).shown())
    };
    ServiceNetwork {
        mode,
        names: keys.into_iter().map(named).collect(),
        has_own_name: node.get("container_name").is_some(),
    }
}

fn published(context: &Context<'_>, node: &Node) -> Option<PublishedPort> {
    let place = node.place.clone();
    if let Some(target) = node.get("target") {
        let target = text(context, target).literal()?.parse().ok()?;
        node.get("published")?;
        let host = node
            .get("host_ip")
            .and_then(|it| text(context, it).literal().map(str::to_owned));
        return Some(PublishedPort {
            host,
            target,
            place,
        });
    }
    let seen = text(context, node);
    let literal = seen.literal()?;
    let literal = literal.split_once('/').map_or(literal, |(ports, _)| ports);
    let (before, target) = literal.rsplit_once(':')?;
    let host = before.rsplit_once(':').map(|(host, _)| host.to_owned());
    let target = target.parse().ok()?;
    Some(PublishedPort {
        host,
        target,
        place,
    })
}

fn mounts(context: &Context<'_>, node: &Node) -> Vec<Mount> {
    let one = |item: &Node| {
        let place = item.place.clone();
        if let Some(target) = item.get("target") {
            let volume = item.get("source").map(|it| text(context, it).shown());
            return Some(Mount {
                volume: volume.unwrap_or_default(),
                path: text(context, target).literal()?.to_owned(),
                place,
            });
        }
        let seen = text(context, item);
        let (volume, rest) = seen.literal()?.split_once(':')?;
        let path = rest.split_once(':').map_or(rest, |(path, _)| path);
        Some(Mount {
            volume: volume.to_owned(),
            path: path.to_owned(),
            place,
        })
    };
    node.items_at("volumes").iter().filter_map(one).collect()
}

fn volume(context: &Context<'_>, mount: &Mount) -> Volume {
    let named = context
        .volumes
        .iter()
        .find_map(|volumes| volumes.get(&mount.volume));
    let driver = named
        .and_then(|it| it.literal_at("driver_opts/type"))
        .unwrap_or_default();
    let kind = match driver {
        "cifs" | "smb" | "smb3" => "AzureFile",
        _ if mount.volume.starts_with(['.', '/', '~']) => "bind",
        _ => "volume",
    };
    Volume {
        name: mount.volume.clone(),
        kind: kind.to_owned(),
    }
}

/// Configuration of nginx and squid that is mounted from the folder.
fn files(
    context: &Context<'_>,
    inventory: &mut Inventory,
    mounts: &[Mount],
    variables: &[Variable],
) {
    for mount in mounts {
        let path = paths::join("", &mount.volume);
        let directory = format!("{path}/");
        for (file, content) in context.input.files {
            if *file != path && !file.starts_with(&directory) {
                continue;
            }
            let script = file
                .rsplit('.')
                .next()
                .is_some_and(|ending| ending.eq_ignore_ascii_case("sh"));
            let Some(kind) = text_file_kind(file, Some(content)).filter(|_| !script) else {
                continue;
            };
            if inventory
                .files
                .iter()
                .any(|known| known.place.document_name() == file)
            {
                continue;
            }
            let below = file.strip_prefix(path.as_str()).unwrap_or_default();
            inventory.files.push(TextFile {
                kind,
                text: filled(content, variables),
                path: Some(format!("{}{below}", mount.path.trim_end_matches('/'))),
                place: file_place(file),
                workload: Some(inventory.workloads.len()),
            });
        }
    }
}

/// Dify's templates of nginx and squid are filled in by their containers with `${NAME}`; `$name` is
/// nginx's own.
fn filled(content: &str, variables: &[Variable]) -> String {
    let values: HashMap<&str, &str> = variables
        .iter()
        .filter_map(|it| Some((it.name.as_str(), it.value.literal()?)))
        .collect();
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        text.push_str(before);
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
        let after = reference[2..].trim_start_matches(is_name);
        let name = &reference[2..reference.len() - after.len()];
        let value = after.strip_prefix('}').and(values.get(name));
        let read = if let Some(value) = value {
            text.push_str(value);
            name.len() + 3
        } else {
            text.push_str("${");
            2
        };
        rest = &reference[read..];
    }
    text + rest
}
