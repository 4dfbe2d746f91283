//! Where images and packages come from.

use super::super::{DAEMON, label, on_azure};
use super::NOTE;
use crate::audit::inventory::Inventory;
use crate::audit::recognise::image_parts;
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

pub(super) const RATIONED: Rule = Rule {
    id: "NET116",
    title: "Images don't depend on Docker Hub's ration",
    why: "Docker Hub rations pulls without an account by address, and the addresses of Container Apps \
          are shared: a new replica may wait for hours with \"429 Too Many Requests\".",
    source: "microsoft/azure-container-apps#1670; Azure/azure-cli#29300",
    fix: "Copy the images to a registry of your own with `az acr import`, or log in to docker.io.",
    bad: Sample::resources("[]"),
    good: Sample::resources(
        r#"[{"$all": "Microsoft.App/containerApps", "properties": {"configuration": {"registries": [{"server": "docker.io", "username": "me", "passwordSecretRef": "hub"}]}}}, {"$all": "Microsoft.App/jobs", "properties": {"configuration": {"registries": [{"server": "docker.io", "username": "me", "passwordSecretRef": "hub"}]}}}]"#,
    ),
    audit: Some(rationed),
    ..NOTE
};

pub(super) const PACKAGES: Rule = Rule {
    id: "NET119",
    title: "The plugin daemon knows where to get packages",
    why: "Every start of the daemon installs the packages of every plugin anew. From 0.6.3 it looks for \
          the nearest mirror by itself and may choose a far one; in a closed network it needs one of \
          your own.",
    source: "aws-samples/dify-self-hosted-on-aws#69; langgenius/dify-plugin-daemon 0.6.3",
    fix: "Set `PIP_MIRROR_AUTO_DETECT=false`, or `PIP_MIRROR_URL` to your own index.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PIP_MIRROR_AUTO_DETECT: !reset null",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PIP_MIRROR_AUTO_DETECT: \"false\"",
    ),
    audit: Some(packages),
    ..NOTE
};

fn rationed(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let mut count = 0;
    let mut first = None;
    for (workload, container) in inventory.containers() {
        let Some(literal) = container
            .image
            .known()
            .and_then(crate::audit::Seen::literal)
        else {
            continue;
        };
        let repository = image_parts(&literal.into()).repository;
        let registry = repository.split('/').next().unwrap_or_default();
        let elsewhere = repository.contains('/') && registry.contains(['.', ':']);
        let hub = !elsewhere || registry.ends_with("docker.io");
        let logged_in = workload
            .registries
            .iter()
            .any(|it| it.server.contains("docker.io"));
        if hub && !logged_in {
            count += 1;
            first.get_or_insert(container.image.place().unwrap_or(&container.place));
        }
    }
    if let Some(place) = first {
        let message =
            format!("the images of {count} containers come from Docker Hub without an account");
        found.push(place, message);
    }
}

fn packages(inventory: &Inventory, found: &mut Findings) {
    let since = crate::catalogue::Version::new(0, 6, 3);
    for (workload, container) in inventory.of(DAEMON) {
        let new = container.version.is_some_and(|version| version >= since);
        let unset = super::super::lacks(container, "PIP_MIRROR_AUTO_DETECT")
            && super::super::lacks(container, "PIP_MIRROR_URL");
        if new && unset {
            let message = format!(
                "`{}` chooses its package index by itself",
                label(workload, container)
            );
            found.push(&container.place, message);
        }
    }
}
