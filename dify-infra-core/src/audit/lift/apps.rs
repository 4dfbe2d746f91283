//! Container apps and jobs.

use std::collections::HashMap;

use super::super::embedded;
use super::super::inventory::{
    Container, Fact, Identity, Ingress, Inventory, Mount, PortMapping, Probe, RegistryLogin,
    Secret, SecretUses, ServiceNetwork, Source, TextFile, Variable, Volume, Workload, WorkloadKind,
    to_port,
};
use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::recognise::{image_parts, is_image_told, role_of};
use super::super::seen::{Seen, Unseen};
use super::super::text_file_kind;
use super::{Resource, bool_fact, number_fact, seen_fact, text_fact, word_fact};

/// The secrets of an app by name: the first of a name counts.
struct ByName<'a>(HashMap<&'a str, &'a Secret>);

impl<'a> ByName<'a> {
    fn of(secrets: &'a [Secret]) -> Self {
        // What is inserted last stays.
        let reversed = secrets.iter().rev();
        Self(reversed.map(|it| (it.name.as_str(), it)).collect())
    }
}

/// Adds an app or a job; anything else is left alone.
pub(super) fn add(inventory: &mut Inventory, resource: &Resource) {
    let kind = if resource.is("Microsoft.App/containerApps") {
        WorkloadKind::App
    } else if resource.is("Microsoft.App/jobs") {
        WorkloadKind::Job
    } else {
        return;
    };
    let body = &resource.body;
    let configuration = body.at("properties/configuration");
    let secrets = list(inventory, configuration, "secrets");
    let mut secrets_complete = secrets.is_some();
    let secrets = secrets.unwrap_or_default();
    for secret in secrets {
        let name = secret.get("name").and_then(Node::literal);
        if name.is_none() {
            secrets_complete = false;
            inventory.not_seen(&secret.place, "a secret whose name can't be told");
        }
    }
    let secrets: Vec<Secret> = secrets
        .iter()
        .filter_map(|it| secret(it, &resource.name))
        .collect();
    let by_name = ByName::of(&secrets);
    let template = body.at("properties/template");
    let volumes = list(inventory, template, "volumes").unwrap_or_default();
    let is_job = kind == WorkloadKind::Job;
    let containers = list(inventory, template, "containers");
    let containers_complete = containers
        .is_some_and(|containers| containers.iter().all(|it| it.whole_unseen().is_none()));
    let containers: Vec<Container> = containers
        .unwrap_or_default()
        .iter()
        .map(|it| container(inventory, it, resource, &by_name, is_job))
        .collect();
    files(inventory, volumes, &containers, &by_name);
    let texts = embedded::texts(&containers, inventory.workloads.len());
    inventory.files.extend(texts);
    let environment = [
        "properties/environmentId",
        "properties/managedEnvironmentId",
    ]
    .iter()
    .find_map(|path| body.at(path)?.seen());
    let scale = template.and_then(|it| it.get("scale"));
    let scale_of = |name: &str| scale.map_or(Fact::Absent, |scale| number_fact(scale, name));
    let registries = configuration
        .map(|it| it.items_at("registries"))
        .unwrap_or_default();
    let workload = Workload {
        kind,
        name: resource.name.clone(),
        aliases: Vec::new(),
        network: ServiceNetwork::default(),
        place: resource.place().clone(),
        environment,
        profile: text_fact(body, "properties/workloadProfileName"),
        ingress: configuration.map_or(Fact::Absent, |it| ingress(it.get("ingress"))),
        min_replicas: scale_of("minReplicas"),
        max_replicas: scale_of("maxReplicas"),
        // Rules that can't be seen may be there.
        scale_rules: scale
            .and_then(|it| it.get("rules"))
            .is_some_and(|rules| rules.whole_unseen().is_some() || !rules.items().is_empty()),
        containers,
        counted: scale.map(counted).unwrap_or_default(),
        containers_complete,
        secrets,
        secrets_complete,
        registries: registries
            .iter()
            .filter_map(|it| {
                let server = it.get("server")?.seen()?;
                let text = |key: &str| it.get(key).and_then(Node::seen);
                Some(RegistryLogin {
                    server,
                    username: text("username").filter(|it| !it.is_empty()),
                    identity: text("identity").filter(|it| !it.is_empty()),
                })
            })
            .collect(),
        identity: identity(body, configuration),
        volumes: volumes.iter().filter_map(volume).collect(),
        published: Vec::new(),
        uses: secret_uses(body, volumes),
    };
    inventory.workloads.push(workload);
}

/// The items of a list of an app; nothing, which is said, when the list can't be seen.
fn list<'n>(inventory: &mut Inventory, above: Option<&'n Node>, key: &str) -> Option<&'n [Node]> {
    let Some(list) = above.and_then(|it| it.get(key)) else {
        return Some(&[]);
    };
    if let Some(unseen) = list.whole_unseen() {
        inventory.not_seen(&list.place, format!("{key}: {}", unseen.origin()));
        return None;
    }
    Some(list.items())
}

/// Scale rules that count requests or connections.
fn counted(scale: &Node) -> Vec<(&'static str, Place)> {
    let kind = |rule: &Node| {
        let mut kinds = ["http", "tcp"].into_iter();
        kinds.find_map(|kind| Some((kind, rule.get(kind)?.place.clone())))
    };
    scale.items_at("rules").iter().filter_map(kind).collect()
}

/// Which secrets an app refers to, wherever that stands in its body.
fn secret_uses(body: &Node, volumes: &[Node]) -> SecretUses {
    let mut uses = SecretUses {
        seen: true,
        ..SecretUses::default()
    };
    collect_uses(body, &mut uses);
    for volume in volumes {
        let is_secret = volume
            .literal_at("storageType")
            .is_some_and(|it| it.eq_ignore_ascii_case("Secret"));
        let items = volume.get("secrets");
        let names_none =
            items.is_none_or(|it| it.whole_unseen().is_none() && it.items().is_empty());
        if is_secret && names_none {
            let name = volume.literal_at("name").unwrap_or_default();
            uses.all.push((name.to_owned(), volume.place.clone()));
        }
    }
    uses
}

fn collect_uses(node: &Node, uses: &mut SecretUses) {
    uses.seen &= node.whole_unseen().is_none();
    for (key, value) in node.members() {
        // `secretRef`, `passwordSecretRef`; whatever else names a secret ends alike.
        let is_reference = key.to_ascii_lowercase().ends_with("secretref");
        match value.seen().filter(|_| is_reference) {
            Some(name) if name.literal().is_some() => uses.named.extend([name.shown()]),
            Some(_) => uses.seen = false,
            None if matches!(value.tree, Tree::Unseen(_)) && is_plain(key) => {}
            None => collect_uses(value, uses),
        }
    }
    for item in node.items() {
        collect_uses(item, uses);
    }
}

/// Whether what stands under a key is a text or a number, which refers to nothing even when it can't be seen.
fn is_plain(key: &str) -> bool {
    const MAY_REFER: [&str; 14] = [
        "properties",
        "configuration",
        "template",
        "containers",
        "initContainers",
        "env",
        "volumes",
        "secrets",
        "registries",
        "scale",
        "rules",
        "auth",
        "custom",
        "eventTriggerConfig",
    ];
    !MAY_REFER.iter().any(|it| it.eq_ignore_ascii_case(key))
}

fn secret(node: &Node, app: &Seen) -> Option<Secret> {
    let name = node.get("name")?.seen()?.shown();
    let vault_url = node.get("keyVaultUrl").and_then(Node::seen);
    let value = match (node.get("value"), &vault_url) {
        (Some(value), _) => match value.seen() {
            Some(seen) => Fact::Known(seen, value.place.clone()),
            None => Fact::Absent,
        },
        (None, Some(url)) => {
            // The same secret of a vault is the same value everywhere, whatever its version.
            let mut identity = b"vault ".to_vec();
            identity.extend(url.canonical());
            let origin = format!("vault secret {}", url.shown());
            let value = Unseen::with_identity(&origin, &identity).secret();
            Fact::Known(Seen::unseen(value), node.place.clone())
        }
        (None, None) => {
            let origin = format!("secret {name} of {}", app.shown());
            Fact::Unseen(Unseen::new(&origin).secret(), node.place.clone())
        }
    };
    Some(Secret {
        name,
        value,
        vault_url,
        identity: node.get("identity").and_then(Node::seen),
        place: node.place.clone(),
    })
}

fn container(
    inventory: &mut Inventory,
    node: &Node,
    resource: &Resource,
    secrets: &ByName<'_>,
    is_job: bool,
) -> Container {
    let list = node.get("env");
    let variables: Vec<Variable> = list
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|it| variable(it, secrets, &resource.name))
        .collect();
    let mut variables_complete = true;
    if let Some(unseen) = list.and_then(Node::whole_unseen) {
        variables_complete = false;
        inventory.not_seen(&node.place, format!("variables: {}", unseen.origin()));
    }
    let hidden = list.map(Node::items).unwrap_or_default().iter();
    for item in hidden.filter(|it| it.get("name").and_then(Node::literal).is_none()) {
        variables_complete = false;
        inventory.not_seen(&item.place, "a variable whose name can't be told");
    }
    let image = seen_fact(node, "image");
    if image.known().is_some_and(|it| !is_image_told(it)) {
        let place = image.place().unwrap_or(&node.place);
        inventory.not_seen(
            place,
            "an image whose name can't be told, and so what it is",
        );
    }
    let parts = image.known().map(image_parts);
    let probes = node.get("probes");
    let command: Vec<Seen> = node
        .items_at("command")
        .iter()
        .chain(node.items_at("args"))
        .filter_map(Node::seen)
        .collect();
    Container {
        name: node.literal_at("name").unwrap_or_default().to_owned(),
        role: role_of(&image, &variables, &command, is_job),
        place: node.place.clone(),
        tag: parts.as_ref().and_then(|it| it.tag.clone()),
        digest: parts.as_ref().is_some_and(|it| it.digest),
        version: parts.and_then(|it| it.version),
        image,
        variables,
        variables_complete,
        cpu: number_fact(node, "resources/cpu"),
        memory: text_fact(node, "resources/memory"),
        probes: probes.map_or(Vec::new(), |it| it.items().iter().map(probe).collect()),
        probes_seen: probes.is_none_or(|it| it.whole_unseen().is_none()),
        mounts: node
            .items_at("volumeMounts")
            .iter()
            .filter_map(|it| {
                Some(Mount {
                    volume: it.literal_at("volumeName")?.to_owned(),
                    path: it.literal_at("mountPath").unwrap_or_default().to_owned(),
                    place: it.place.clone(),
                })
            })
            .collect(),
        command,
    }
}

fn probe(node: &Node) -> Probe {
    let http = node.get("httpGet");
    let asked = http.or_else(|| node.get("tcpSocket"));
    let number = asked.and_then(|it| it.get("port")?.number());
    Probe {
        // A path that is there and can't be seen is not the root.
        path: http.and_then(|it| match it.get("path") {
            None => Some("/".to_owned()),
            Some(path) => path.literal().map(str::to_owned),
        }),
        port: number.and_then(to_port),
        place: asked.unwrap_or(node).place.clone(),
    }
}

fn variable(node: &Node, secrets: &ByName<'_>, app: &Seen) -> Option<Variable> {
    let name = node.literal_at("name")?.to_owned();
    let place = node.place.clone();
    if let Some(reference) = node.get("secretRef").and_then(Node::seen) {
        let reference = reference.shown();
        let secret = secrets.0.get(reference.as_str());
        let value = match secret.map(|it| &it.value) {
            Some(Fact::Known(value, _)) => value.clone(),
            Some(Fact::Unseen(unseen, _)) => Seen::unseen(unseen.clone()),
            Some(Fact::Absent) | None => {
                let origin = format!("secret {reference} of {}", app.shown());
                Seen::unseen(Unseen::new(&origin).secret())
            }
        };
        return Some(Variable {
            name,
            value,
            source: Source::Secret(reference),
            place,
        });
    }
    let value = node.get("value").and_then(Node::seen).unwrap_or_default();
    let place = node.get("value").map_or(place, |it| it.place.clone());
    Some(Variable {
        name,
        value,
        source: Source::Plain,
        place,
    })
}

fn ingress(node: Option<&Node>) -> Fact<Ingress> {
    let Some(node) = node else {
        return Fact::Absent;
    };
    if let Some(unseen) = node.whole_unseen() {
        return Fact::Unseen(unseen.clone(), node.place.clone());
    }
    if node.members().is_empty() {
        return Fact::Absent;
    }
    let mut http_only = Vec::new();
    for traffic in node.items_at("traffic") {
        if let Some(label) = traffic.get("label") {
            http_only.push(("traffic labels", label.place.clone()));
        }
    }
    let insecure = node
        .get("allowInsecure")
        .filter(|it| it.boolean() == Some(true));
    http_only.extend(insecure.map(|it| ("`allowInsecure`", it.place.clone())));
    for (key, words) in [
        ("corsPolicy", "CORS"),
        ("stickySessions", "sticky sessions"),
    ] {
        http_only.extend(node.get(key).map(|it| (words, it.place.clone())));
    }
    let ingress = Ingress {
        external: bool_fact(node, "external"),
        transport: word_fact(node, "transport"),
        target_port: number_fact(node, "targetPort"),
        exposed_port: match number_fact(node, "exposedPort") {
            // Azure answers 0 where none is set.
            Fact::Known(0.0, _) => Fact::Absent,
            fact => fact,
        },
        allow_insecure: bool_fact(node, "allowInsecure"),
        http_only,
        is_restricted: is_restricted(node),
        additional: node
            .items_at("additionalPortMappings")
            .iter()
            .map(|it| PortMapping {
                external: it.get("external").and_then(Node::boolean) == Some(true),
                target: it
                    .get("targetPort")
                    .and_then(Node::number)
                    .and_then(to_port),
                exposed: it
                    .get("exposedPort")
                    .and_then(Node::number)
                    .and_then(to_port),
                place: it.place.clone(),
            })
            .collect(),
    };
    Fact::Known(ingress, node.place.clone())
}

/// Whether an ingress lets some callers in alone. One rule that allows addresses refuses all others
/// (learn.microsoft.com container-apps/ip-restrictions).
fn is_restricted(node: &Node) -> bool {
    let is_word = |node: &Node, key: &str, word: &str| {
        node.literal_at(key)
            .is_some_and(|it| it.eq_ignore_ascii_case(word))
    };
    let allows: Vec<&Node> = node
        .items_at("ipSecurityRestrictions")
        .iter()
        .filter(|it| is_word(it, "action", "Allow"))
        .collect();
    let is_everybody = |it: &&Node| is_word(it, "ipAddressRange", "0.0.0.0/0");
    let by_address = !allows.is_empty() && !allows.iter().any(is_everybody);
    by_address || is_word(node, "clientCertificateMode", "require")
}

fn identity(body: &Node, configuration: Option<&Node>) -> Option<Identity> {
    let identity = body.get("identity")?;
    let kind = identity.get("type").and_then(Node::seen)?;
    let any = kind.literal() != Some("None");
    // Lifecycle `None` keeps the token from every container of the app.
    let settings = configuration
        .map(|it| it.items_at("identitySettings"))
        .unwrap_or_default();
    let none = |it: &Node| {
        it.literal_at("lifecycle")
            .is_some_and(|it| it.eq_ignore_ascii_case("none"))
    };
    let kept_away = !settings.is_empty() && settings.iter().all(none);
    let usable = any && !kept_away;
    Some(Identity {
        any,
        usable,
        place: identity.place.clone(),
    })
}

fn volume(node: &Node) -> Option<Volume> {
    Some(Volume {
        name: node.literal_at("name")?.to_owned(),
        kind: node
            .literal_at("storageType")
            .unwrap_or("EmptyDir")
            .to_owned(),
    })
}

/// Files of nginx and squid that reach their containers as secrets.
fn files(
    inventory: &mut Inventory,
    volumes: &[Node],
    containers: &[Container],
    secrets: &ByName<'_>,
) {
    for volume in volumes {
        let name = volume.literal_at("name");
        let mut mounts = containers.iter().flat_map(|it| &it.mounts);
        let mount = mounts.find(|it| name == Some(it.volume.as_str()));
        for item in volume.items_at("secrets") {
            let Some(name) = item.literal_at("secretRef") else {
                continue;
            };
            let Some(secret) = secrets.0.get(name) else {
                continue;
            };
            let Fact::Known(text, place) = &secret.value else {
                continue;
            };
            let path = item.literal_at("path").unwrap_or(name);
            if let (Some(text), Some(kind)) = (text.literal(), text_file_kind(path, text.literal()))
            {
                inventory.files.push(TextFile {
                    kind,
                    text: text.to_owned(),
                    path: mount.map(|it| format!("{}/{path}", it.path.trim_end_matches('/'))),
                    place: place.clone(),
                    workload: Some(inventory.workloads.len()),
                });
            }
        }
    }
}
