//! Images: sets that were shipped together, tags that exist, versions that work.

use super::super::inventory::Inventory;
use super::super::recognise::Role;
use super::super::report::{Finding, Findings};
use super::{API, BEAT, DAEMON, SANDBOX, WEB, WEBSOCKET, WORKER, dify_version, label};
use crate::catalogue::{ServiceKind, Version, shipped_with};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Ver, Severity::Error);
const WARNING: Rule = Rule::of(Family::Ver, Severity::Warning);

pub(super) const SHIPPED: Rule = Rule {
    id: "VER102",
    title: "The images were shipped together",
    why: "API, daemon and sandbox speak an inner protocol that changes between releases: a set that \
          nobody ever ran together fails in ways that nobody has seen.",
    source: "langgenius/dify#35125, PR #40134; aws-samples/dify-self-hosted-on-aws#87, #120; langgenius/dify-plugin-daemon#476",
    fix: "Use the image set of one Dify release, as its docker-compose.yaml has it.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    image: langgenius/dify-plugin-daemon:0.4.1-local",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    image: langgenius/dify-plugin-daemon:0.6.3-local",
    ),
    audit: Some(shipped),
    ..WARNING
};

pub(super) const PINNED: Rule = Rule {
    id: "VER105",
    title: "Every image has a version",
    why: "`latest` is another program tomorrow: a restart upgrades one container and leaves the others.",
    source: "facts of nine public Azure deployments, all with `latest`; langgenius/dify#35125",
    fix: "Write a tag, or a digest.",
    bad: Sample::compose("services:\n  nginx:\n    image: nginx:latest"),
    good: Sample::compose("services:\n  nginx:\n    image: nginx:1.30.4"),
    audit: Some(pinned),
    ..WARNING
};

pub(super) const FLAVOUR: Rule = Rule {
    id: "VER106",
    title: "The plugin daemon's tag exists",
    why: "The daemon is pushed as `-local` and `-serverless` alone: a bare version can't be pulled, and \
          the container waits for its image for ever.",
    source: "langgenius/dify-plugin-daemon .github/workflows/build-push.yml",
    fix: "Add `-local` to the tag.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    image: langgenius/dify-plugin-daemon:0.6.3",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    image: langgenius/dify-plugin-daemon:0.6.3-local",
    ),
    audit: Some(flavour),
    ..ERROR
};

pub(super) const OLD: Rule = Rule {
    id: "VER109",
    title: "The web image has no known hole",
    why: "Web images before 1.10.1-fix.1 carry the React server components hole CVE-2025-55182, by which \
          a request runs code in the container.",
    source: "CVE-2025-55182; langgenius/dify 1.10.1-fix.1 release notes",
    fix: "Upgrade to 1.10.1-fix.1 or later.",
    bad: Sample::compose("services:\n  web:\n    image: langgenius/dify-web:1.9.2"),
    good: Sample::compose("services:\n  web:\n    image: langgenius/dify-web:1.16.0"),
    audit: Some(old),
    ..ERROR
};

pub(super) const RUNS_CODE: Rule = Rule {
    id: "VER110",
    title: "The sandbox fits its host's kernel",
    why: "Sandboxes before 0.2.13 refuse system calls that newer kernels' libraries need: every code node \
          fails with \"operation not permitted\", and Container Apps takes no seccomp profile of yours.",
    source: "langgenius/dify#38105, #15032, #4344; microsoft/azure-container-apps#1232",
    fix: "Use the sandbox of Dify 1.14.0 or later, 0.2.15, and run a code node after the deployment.",
    bad: Sample::compose("services:\n  sandbox:\n    image: langgenius/dify-sandbox:0.2.10"),
    good: Sample::compose("services:\n  sandbox:\n    image: langgenius/dify-sandbox:0.2.15"),
    audit: Some(runs_code),
    ..WARNING
};

pub(super) const PLACEHOLDER: Rule = Rule {
    id: "VER111",
    title: "No app falls back to a sample image",
    why: "A template that starts with Microsoft's sample image puts it back with every deployment that does not \
          say otherwise: the app answers with a greeting instead of Dify.",
    source: "CMeeg/nextjs-aca#5, #7; Azure/azure-dev#9249; Azure/azure-cli#32012",
    fix: "Make the image a parameter without a default.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "image": "mcr.microsoft.com/azuredocs/containerapps-helloworld:latest"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$parameter": {"webImage": {"type": "string"}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "image": "[parameters('webImage')]"}]}}}]"#,
    ),
    audit: Some(placeholder),
    ..WARNING
};

fn shipped(inventory: &Inventory, found: &mut Findings) {
    let Some(version) = dify_version(inventory) else {
        return;
    };
    for (workload, container) in inventory.containers() {
        let same_line =
            [API, WORKER, BEAT, WEBSOCKET, WEB, Role::Migration].contains(&container.role);
        let place = container.image.place().unwrap_or(&container.place);
        let name = label(workload, container);
        if same_line && let Some(own) = container.version.filter(|own| *own != version) {
            let message = format!("`{name}` is {own}, but the application is {version}");
            see_version(found.push(place, message), inventory, version);
        }
    }
    let before_plugins = version < Version::new(1, 0, 0);
    for (role, kind) in [
        (DAEMON, ServiceKind::PluginDaemon),
        (SANDBOX, ServiceKind::Sandbox),
    ] {
        let with = shipped_with(version, kind);
        for (workload, container) in inventory.of(role) {
            let Some(own) = container.version else {
                continue;
            };
            let name = label(workload, container);
            let message = match with {
                Some(with) if with != own => {
                    format!("`{name}` is {own}, but Dify {version} was shipped with {with}")
                }
                None if role == DAEMON && before_plugins => {
                    format!("`{name}` is a plugin daemon, and Dify {version} knows no plugins")
                }
                _ => continue,
            };
            let place = container.image.place().unwrap_or(&container.place);
            see_version(found.push(place, message), inventory, version);
        }
    }
}

/// Names the image that says which version of Dify it is.
fn see_version(finding: &mut Finding, inventory: &Inventory, version: Version) {
    let mut all = inventory.containers();
    let line = [API, WORKER, BEAT, WEBSOCKET, WEB];
    let of_it = all.find(|(_, it)| line.contains(&it.role) && it.version == Some(version));
    if let Some((workload, container)) = of_it {
        let place = container.image.place().unwrap_or(&container.place);
        finding.see(
            place,
            format!("`{}` is {version}", label(workload, container)),
        );
    }
}

fn pinned(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let Some(image) = container.image.known() else {
            continue;
        };
        if container.role == Role::Other || container.digest || image.literal().is_none() {
            continue;
        }
        let tag = container.tag.as_deref();
        if matches!(tag, None | Some("latest" | "main" | "edge" | "stable")) {
            let message = format!(
                "the image of `{}` has {}",
                label(workload, container),
                tag.map_or("no tag".to_owned(), |tag| format!("the tag `{tag}`"))
            );
            found.push(container.image.place().unwrap_or(&container.place), message);
        }
    }
}

fn flavour(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        let Some(tag) = container.tag.as_deref() else {
            continue;
        };
        if container.version.is_some() && !tag.ends_with("-local") && !tag.ends_with("-serverless")
        {
            let message = format!(
                "the tag `{tag}` of `{}` was never pushed",
                label(workload, container)
            );
            found.push(container.image.place().unwrap_or(&container.place), message);
        }
    }
}

fn old(inventory: &Inventory, found: &mut Findings) {
    let Ok(mended) = "1.10.1-fix.1".parse::<Version>() else {
        return;
    };
    for (workload, container) in inventory.of(WEB) {
        if let Some(version) = container.version.filter(|it| *it < mended) {
            let message = format!("`{}` is {version}", label(workload, container));
            found.push(container.image.place().unwrap_or(&container.place), message);
        }
    }
}

fn runs_code(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(SANDBOX) {
        if let Some(version) = container.version.filter(|it| *it < Version::new(0, 2, 13)) {
            let message = format!("`{}` is {version}", label(workload, container));
            found.push(container.image.place().unwrap_or(&container.place), message);
        }
    }
}

/// Sample images, by what their repositories end with.
const SAMPLES: [&str; 4] = [
    "k8se/quickstart",
    "k8se/quickstart-jobs",
    "azuredocs/containerapps-helloworld",
    "azuredocs/aci-helloworld",
];

fn placeholder(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let repository = container.image.known().map(super::super::image_repository);
        if repository.is_some_and(|it| SAMPLES.iter().any(|sample| it.ends_with(sample))) {
            let message = format!(
                "`{}` runs a sample of Microsoft",
                label(workload, container)
            );
            found.push(container.image.place().unwrap_or(&container.place), message);
        }
    }
}
