//! The rules about what anybody deployed; their numbers begin with 101.

pub(crate) mod age;
mod azr;
mod backends;
mod blb;
mod broker;
pub(super) mod calls;
mod carried;
mod dbx;
mod disclosure;
mod exposure;
mod identities;
mod images;
mod key;
mod lim;
mod logins;
mod migration;
mod net;
mod nginx;
mod pairs;
mod platform;
mod privilege;
mod red;
mod sec;
mod siblings;
mod squid;
mod ssr;
mod switches;
mod url;
mod ver;

pub(super) use blb::account_of_connection;

use super::inventory::{
    Container, FileKind, Inventory, Platform, Source, TextFile, Variable, Workload,
};
use super::place::Place;
use super::recognise::Role;
use super::report::Finding;
use crate::catalogue::{ServiceKind, Version};
use crate::check::Rule;

/// The rule about several deployments at once.
pub(super) const SHARED_KEY: &str = "KEY110";

/// Every family's rules.
pub(crate) const FAMILIES: [&[&Rule]; 11] = [
    azr::RULES,
    blb::RULES,
    dbx::RULES,
    key::RULES,
    lim::RULES,
    net::RULES,
    red::RULES,
    sec::RULES,
    ssr::RULES,
    url::RULES,
    ver::RULES,
];

const API: Role = Role::Service(ServiceKind::Api);
const WEBSOCKET: Role = Role::Service(ServiceKind::ApiWebsocket);
const WORKER: Role = Role::Service(ServiceKind::Worker);
const BEAT: Role = Role::Service(ServiceKind::WorkerBeat);
const WEB: Role = Role::Service(ServiceKind::Web);
const NGINX: Role = Role::Service(ServiceKind::Nginx);
const SANDBOX: Role = Role::Service(ServiceKind::Sandbox);
const PROXY: Role = Role::Service(ServiceKind::SsrfProxy);
const DAEMON: Role = Role::Service(ServiceKind::PluginDaemon);

/// Whether a variable's name sounds like that of a secret.
pub(super) fn sounds_secret(name: &str) -> bool {
    sec::sounds_secret(name)
}

/// Whether the name of a parameter or output, as `redisKey`, sounds like that of a secret itself.
pub(super) fn names_secret(name: &str) -> bool {
    let name = sec::as_variable(name);
    let is_about_one = [
        "_NAME",
        "_URI",
        "_URL",
        "_ID",
        "_HOST",
        "_ENDPOINT",
        "_IDENTITY",
    ];
    sec::sounds_secret(&name) && !is_about_one.iter().any(|end| name.ends_with(end))
}

/// Whether it is on Azure Container Apps.
fn on_azure(inventory: &Inventory) -> bool {
    inventory.platform == Platform::ContainerApps
}

/// The version of Dify, from the api's image or any other that carries it.
pub(super) fn dify_version(inventory: &Inventory) -> Option<Version> {
    let of = |role: Role| inventory.of(role).find_map(|(_, it)| it.version);
    [API, WORKER, BEAT, WEBSOCKET, WEB].into_iter().find_map(of)
}

/// Whether Dify is at least this version; false when it can't be seen.
fn at_least(inventory: &Inventory, version: Version) -> bool {
    dify_version(inventory).is_some_and(|it| it >= version)
}

/// Whether Dify is known to be older than a version.
fn is_before(inventory: &Inventory, version: Version) -> bool {
    dify_version(inventory).is_some_and(|it| it < version)
}

/// `app` when it has one container, else `app/container`.
fn label(workload: &Workload, container: &Container) -> String {
    let name = workload.name.shown();
    if workload.containers.len() > 1 {
        format!("{name}/{}", container.name)
    } else {
        name
    }
}

/// The files of a program that can be seen.
fn files(inventory: &Inventory, kind: FileKind) -> impl Iterator<Item = &TextFile> {
    inventory.files.iter().filter(move |it| it.kind == kind)
}

/// Where a line of a file stands, by its number from 0: in a document of its own it has that line, in a value of
/// another document it has the value's place.
fn at_line(file: &TextFile, line: usize) -> Place {
    if file.place.pointer().is_empty() && file.place.line().is_none() {
        file.place.clone().at_line(line + 1, 1)
    } else {
        file.place.clone()
    }
}

/// The variables of the application that hold it together; the migration alone needs few of them.
fn services_of_application(inventory: &Inventory) -> impl Iterator<Item = (&Workload, &Container)> {
    inventory
        .containers()
        .filter(|(_, it)| is_service_of_application(it))
}

fn is_service_of_application(container: &Container) -> bool {
    let role = container.role;
    role.is_application() && !matches!(role, Role::Migration | Role::Application)
}

/// A variable that is set and not known to be empty.
fn filled<'a>(container: &'a Container, name: &str) -> Option<&'a Variable> {
    container.variable(name).filter(|it| !it.value.is_empty())
}

/// Names the secret of the app that a variable has its value from.
fn see_value(finding: &mut Finding, workload: &Workload, variable: &Variable) {
    let Source::Secret(name) = &variable.source else {
        return;
    };
    if let Some(secret) = workload.secrets.iter().find(|it| it.name == *name) {
        let place = secret.value.place().unwrap_or(&secret.place);
        finding.see(place, "its value");
    }
}

/// Whether it is certain that a variable is missing or empty.
fn lacks(container: &Container, name: &str) -> bool {
    match container.variable(name) {
        Some(variable) => variable.value.is_empty(),
        None => container.variables_complete,
    }
}

/// Whether a variable says yes in one of the spellings that Dify's programs take.
fn is_true(container: &Container, name: &str) -> Option<bool> {
    let text = container.literal(name)?.to_ascii_lowercase();
    match text.as_str() {
        "true" | "1" | "t" | "yes" | "y" | "on" => Some(true),
        "false" | "0" | "f" | "no" | "n" | "off" | "" => Some(false),
        _ => None,
    }
}

/// A variable that is a whole number; its default when it is not set.
fn number_or(container: &Container, name: &str, default: f64) -> Option<f64> {
    match container.variable(name) {
        None => container.variables_complete.then_some(default),
        Some(variable) => match variable.value.literal()? {
            "" => Some(default),
            text => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
        },
    }
}
