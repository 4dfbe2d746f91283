//! Rules about releases, images and the history of variables.

use std::collections::BTreeSet;

use super::rule::{Family, Rule, Sample};
use crate::catalogue::{ImageKind, ServiceKind};
use crate::deployment::{Deployment, Service};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// Tags that mean another image tomorrow.
const MOVING_TAGS: [&str; 7] = [
    "latest", "main", "master", "edge", "nightly", "dev", "stable",
];

const ERROR: Rule = Rule::of(Family::Ver, Severity::Error);
const WARNING: Rule = Rule::of(Family::Ver, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &RELEASE,
    &OTHER_TAG,
    &SIBLINGS,
    &NOT_READ,
    &HISTORY,
    &VALUE,
    &MOVING_TAG,
    &SERVICE_NOT_IN_RELEASE,
    &REFUSED_SERVICE,
    &MODE,
    &DAEMON_TAG,
];

pub(crate) const RELEASE: Rule = Rule {
    id: "VER001",
    title: "The release of Dify is one whose facts are known",
    why: "Images, variables, routes and health paths differ from release to release; a set that \
          was never shipped together fails in ways that nobody has seen before.",
    source: "langgenius/dify docker/docker-compose.yaml of each release; langgenius/dify#35125",
    fix: "Name one of the offered releases, or leave `dify` out for the default.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"latest\"\n\n\
         [azure]\nresource_group = \"rg\"\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.16.0\"\n\n\
         [azure]\nresource_group = \"rg\"\n",
    ),
    ..ERROR
};

const OTHER_TAG: Rule = Rule {
    id: "VER002",
    title: "Images are those that were shipped together",
    why: "API, sandbox and plugin daemon change their contract with each other; other mixes than \
          the released ones have broken code nodes and plugins.",
    source: "langgenius/dify#35125; aws-samples/dify-self-hosted-on-aws#87, #120",
    fix: "Use the tag of the release, or change `dify` to the release that has this one.",
    bad: Sample::part("[images.overrides]\nsandbox = \"langgenius/dify-sandbox:0.2.10\""),
    good: Sample::part("[images.overrides]\nsandbox = \"contoso.azurecr.io/dify-sandbox:0.2.15\""),
    check: Some(other_tag),
    ..WARNING
};

const DAEMON_TAG: Rule = Rule {
    id: "VER011",
    title: "The plugin daemon's tag says `-local`",
    why: "The daemon is pushed as `<version>-local` and `<version>-serverless` alone: a bare \
          version is an image that does not exist, and the app never starts.",
    source: "langgenius/dify-plugin-daemon .github/workflows/build-push.yml",
    fix: "Add `-local` to the tag.",
    bad: Sample::part(
        "[images.overrides]\nplugin_daemon = \"langgenius/dify-plugin-daemon:0.6.3\"",
    ),
    good: Sample::part(
        "[images.overrides]\nplugin_daemon = \"langgenius/dify-plugin-daemon:0.6.3-local\"",
    ),
    check: Some(daemon_tag),
    ..Rule::of(Family::Ver, Severity::Error)
};

const SIBLINGS: Rule = Rule {
    id: "VER003",
    title: "API, worker and beat run the same image",
    why: "They share tables, task names and message formats: a worker of another build drops tasks \
          that it does not know.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml: one image, several modes",
    fix: "Set the image once, under `images.overrides.api`.",
    bad: Sample::part("[services.worker]\nimage = \"contoso.azurecr.io/own/dify-api:1.16.0\""),
    good: Sample::part("[images.overrides]\napi = \"contoso.azurecr.io/own/dify-api:1.16.0\""),
    check: Some(siblings),
    ..WARNING
};

pub(super) const NOT_READ: Rule = Rule {
    id: "VER004",
    title: "Every variable is one that its image reads",
    why: "A name that nobody reads looks like a setting and does nothing: the default holds, \
          often a public one.",
    source: "langgenius/dify 1.16.0 api/configs; langgenius/dify-sandbox, langgenius/dify-plugin-daemon",
    fix: "Remove the variable.",
    bad: Sample::part("[services.api.env]\nLOGLEVEL = \"DEBUG\""),
    good: Sample::part("[services.api.env]\nLOG_LEVEL = \"DEBUG\""),
    ..WARNING
};

pub(super) const HISTORY: Rule = Rule {
    id: "VER005",
    title: "Every variable is one of this release",
    why: "Variables come and go with releases; one that is too new or too old is ignored.",
    source: "langgenius/dify release history; langgenius/dify#17786, #18621",
    fix: "Remove the variable, or change the release.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.11.4\"\n\n\
         [azure]\nresource_group = \"rg\"\n\n[services.api.env]\nREDIS_KEY_PREFIX = \"dify\"\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.16.0\"\n\n\
         [azure]\nresource_group = \"rg\"\n\n[services.api.env]\nREDIS_KEY_PREFIX = \"dify\"\n",
    ),
    ..WARNING
};

pub(super) const VALUE: Rule = Rule {
    id: "VER006",
    title: "Every value is one that its image accepts",
    why: "The image stops at a value of a wrong type, or takes it for something else without a \
          word: `True` is not `true` everywhere.",
    source: "langgenius/dify 1.16.0 api/configs (pydantic); langgenius/dify-plugin-daemon (envconfig)",
    fix: "Write a value that the image accepts.",
    bad: Sample::part("[services.api.env]\nSERVER_WORKER_AMOUNT = \"two\""),
    good: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\n\n[services.api.env]\nSERVER_WORKER_AMOUNT = 2",
    ),
    allowable: true,
    ..ERROR
};

const MOVING_TAG: Rule = Rule {
    id: "VER007",
    title: "Tags stay what they are",
    why: "What `latest` means changes under a running deployment: replicas of one revision then \
          run different code, and a restart upgrades without a migration.",
    source: "learn.microsoft.com container-registry-image-tag-version",
    fix: "Name a version, or pin a digest with `@sha256:`.",
    bad: Sample::part("[images.overrides]\nweb = \"langgenius/dify-web:latest\""),
    good: Sample::part("[images.overrides]\nweb = \"contoso.azurecr.io/dify-web:1.16.0\""),
    check: Some(moving_tag),
    ..WARNING
};

pub(crate) const SERVICE_NOT_IN_RELEASE: Rule = Rule {
    id: "VER008",
    title: "Every service is one of this release",
    why: "An older release does not have the code that the service would run.",
    source: "langgenius/dify docker/docker-compose.yaml of each release",
    fix: "Remove the table, or change `dify` to a release that has the service.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.13.3\"\n\n\
         [azure]\nresource_group = \"rg\"\n\n[services.api_websocket]\ncpu = 1\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.16.0\"\n\n\
         [azure]\nresource_group = \"rg\"\n\n[services.api_websocket]\ncpu = 1\n",
    ),
    ..ERROR
};

pub(crate) const REFUSED_SERVICE: Rule = Rule {
    id: "VER009",
    title: "Every service is one whose facts are known",
    why: "A service whose variables nobody has read can only be deployed by guessing.",
    source: "this project: see the release catalogue",
    fix: "Remove the table; the service comes with a later version of dify-infra.",
    bad: Sample::part("[services.agent_backend]\ncpu = 1"),
    good: Sample::part(""),
    ..ERROR
};

pub(super) const MODE: Rule = Rule {
    id: "VER010",
    title: "The role of a container is not changed by a variable",
    why: "One image is API, worker, beat and migration, by its `MODE`. The database is migrated \
          by a job of its own before they start; a container that migrates too races with it.",
    source: "langgenius/dify 1.16.0 api/docker/entrypoint.sh",
    fix: "Remove the variable.",
    bad: Sample::part("[services.worker.env]\nMIGRATION_ENABLED = \"true\""),
    good: Sample::part(""),
    ..ERROR
};

/// The services that run an image of their own, with the path that decides it; one for each image.
fn with_own_image(deployment: &Deployment) -> impl Iterator<Item = &Service> {
    let mut seen = BTreeSet::new();
    deployment
        .services()
        .filter(move |service| seen.insert((service.kind.image(), service.image.clone())))
}

fn image_path(kind: ServiceKind) -> KeyPath {
    KeyPath::of("services").key(kind.key()).key("image")
}

fn other_tag(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let fixed = |service: &&Service| !is_moving(service) && !is_bare_daemon(service);
    for service in with_own_image(deployment).filter(fixed) {
        let released = deployment.release().image(service.kind.image());
        let Some(tag) = service.image.tag().filter(|tag| *tag != released.tag) else {
            continue;
        };
        let message = format!(
            "`{}` has the tag `{tag}`; Dify {} was released with `{}`",
            service.image,
            deployment.release().version(),
            released.tag
        );
        diagnostics.push(OTHER_TAG.finding(image_path(service.kind), message));
    }
}

/// Whether an image is one of the daemon's own repository under a tag that is never pushed.
fn is_bare_daemon(service: &Service) -> bool {
    let released = |tag: &str| tag.ends_with("-local") || tag.ends_with("-serverless");
    service.kind == ServiceKind::PluginDaemon
        && service
            .image
            .to_string()
            .contains("langgenius/dify-plugin-daemon")
        && service.image.digest().is_none()
        && service.image.tag().is_some_and(|tag| !released(tag))
}

fn daemon_tag(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for service in with_own_image(deployment).filter(|service| is_bare_daemon(service)) {
        let message = format!(
            "`{}` was never pushed: its tag lacks `-local`",
            service.image
        );
        diagnostics.push(DAEMON_TAG.finding(image_path(service.kind), message));
    }
}

fn siblings(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(api) = deployment.service(ServiceKind::Api) else {
        return;
    };
    let others = deployment
        .services()
        .filter(|service| service.kind.image() == ImageKind::Api);
    for service in others.filter(|service| service.image != api.image) {
        let message = format!(
            "`{}` runs `{}`, but api runs `{}`",
            service.kind, service.image, api.image
        );
        diagnostics.push(SIBLINGS.finding(image_path(service.kind), message));
    }
}

fn is_moving(service: &Service) -> bool {
    let image = &service.image;
    image.digest().is_none() && image.tag().is_none_or(|tag| MOVING_TAGS.contains(&tag))
}

fn moving_tag(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for service in with_own_image(deployment).filter(|service| is_moving(service)) {
        let tag = service.image.tag().unwrap_or("latest");
        let message = format!("`{}`: `{tag}` may be another image tomorrow", service.image);
        diagnostics.push(MOVING_TAG.finding(image_path(service.kind), message));
    }
}
