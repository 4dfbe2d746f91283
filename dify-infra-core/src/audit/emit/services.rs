//! Sizes, replicas and variables of services.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::recognise::Role;
use super::super::rules::sounds_secret;
use super::draft::{Draft, quoted};
use super::is_there;
use super::stores::{self, Store};
use crate::catalogue::{Read, ServiceKind, Variable as Known};
use crate::check::{holds_credential, sets_itself};
use crate::deployment::{Deployment, Service};
use crate::graph::{ResourceNames, Target, lower};
use crate::secrets::SecretName;
use crate::values::{ConsumptionSize, Cpu, Memory};

/// Writes what differs from what the file leads to without it.
pub(super) fn write(inventory: &Inventory, base: &Deployment, store: &Store, draft: &mut Draft) {
    let derived = derived(base);
    let nothing = BTreeMap::new();
    let mut missing = Vec::new();
    let mut others = false;
    for service in base.services() {
        if !is_there(inventory, service.kind) {
            missing.push(service.kind.key());
            continue;
        }
        let Some((workload, container)) = inventory.of(Role::Service(service.kind)).next() else {
            continue;
        };
        size(service, container, draft);
        replicas(service, base, workload, draft);
        let ours = derived.get(&service.kind).unwrap_or(&nothing);
        for variable in &container.variables {
            if store.leaves_out(&variable.name) {
                others |= !variable.value.is_empty();
            } else if variable.name != stores::VARIABLE {
                set(service.kind, base, ours, variable, draft);
            }
        }
    }
    if others {
        draft.note("variables of stores that the file does not use, as `S3_` and `QDRANT_`");
    }
    store.write(inventory, base, draft, |kind, variable, draft| {
        let ours = derived.get(&kind).unwrap_or(&nothing);
        set(kind, base, ours, variable, draft);
    });
    if !missing.is_empty() {
        draft.note(&format!(
            "added, since it is missing: {}",
            missing.join(", ")
        ));
    }
}

/// The plain variables that each service gets by itself.
fn derived(base: &Deployment) -> BTreeMap<ServiceKind, BTreeMap<String, Option<String>>> {
    let target = Target::new(base, None);
    let names = ResourceNames::new(base, &target);
    let Ok(graph) = lower(base, &target) else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for node in graph.nodes() {
        let service = base
            .services()
            .find(|it| names.app(it.kind) == node.id().name());
        let list = node.body().pointer("/properties/template/containers/0/env");
        if let (Some(service), Some(list)) = (service, list.and_then(Value::as_array)) {
            let variables = list.iter().filter_map(|it| {
                let name = it.get("name")?.as_str()?.to_owned();
                let value = it.get("value").and_then(Value::as_str).map(str::to_owned);
                Some((name, value))
            });
            all.insert(service.kind, variables.collect());
        }
    }
    all
}

fn size(service: &Service, container: &Container, draft: &mut Draft) {
    let cpu = container.cpu.known().and_then(|it| Cpu::try_from(*it).ok());
    let memory = container
        .memory
        .known()
        .and_then(|it| it.parse::<Memory>().ok());
    let Some(cpu) = cpu else {
        return;
    };
    let fits = memory.and_then(|memory| ConsumptionSize::try_new(cpu, memory).ok());
    let smallest = |it: &ConsumptionSize| it.cpu() == cpu;
    let size = fits.or_else(|| ConsumptionSize::all().find(smallest));
    let Some(size) = size.filter(|size| *size != service.size) else {
        return;
    };
    let table = format!("services.{}", service.kind);
    draft.set(&table, "cpu", number(size.cpu().as_f64()));
    draft.text(&table, "memory", &size.memory().to_string());
    if fits.is_none() {
        draft.because("the memory that belongs to these cores");
    }
}

fn replicas(service: &Service, base: &Deployment, workload: &Workload, draft: &mut Draft) {
    let whole = |fact: &super::super::inventory::Fact<f64>| {
        let number = fact.known().copied()?;
        let is_count = number.fract() == 0.0 && (0.0..=1000.0).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was looked at"
        )]
        is_count.then_some(number as u32)
    };
    let (Some(min), Some(max)) = (whole(&workload.min_replicas), whole(&workload.max_replicas))
    else {
        return;
    };
    let limits = base
        .release()
        .service(service.kind)
        .map(|it| &it.replica_limits);
    let (mut least, mut most) = (min, max);
    if let Some(limits) = limits {
        let highest = limits.max.unwrap_or(u32::MAX);
        least = least.clamp(limits.min, highest);
        most = most.clamp(least.max(1), highest);
    }
    let ours = (
        u32::from(service.replicas.min()),
        u32::from(service.replicas.max()),
    );
    if (least, most) != ours {
        let table = format!("services.{}", service.kind);
        draft.set(
            &table,
            "replicas",
            format!("{{ min = {least}, max = {most} }}"),
        );
        if (least, most) != (min, max) {
            draft.because(&format!("was {min} to {max}"));
        }
    }
}

/// A variable of one's own: what dify-infra sets, what no image reads and what says the default is not.
fn set(
    kind: ServiceKind,
    base: &Deployment,
    ours: &BTreeMap<String, Option<String>>,
    variable: &Variable,
    draft: &mut Draft,
) {
    let name = variable.name.as_str();
    if sets_itself(base.release(), kind, name) || variable.value.is_empty() {
        return;
    }
    let known = match base.release().variables(kind).is_read(name) {
        Read::Yes(known) if sets_itself(base.release(), kind, &known.name) => return,
        Read::Yes(known) => known,
        Read::RenamedTo { right_name, .. } if !sets_itself(base.release(), kind, right_name) => {
            return draft.note(&format!(
                "`{kind}` does not read `{name}`: it is called `{right_name}`"
            ));
        }
        // What nobody reads does nothing, so nothing is lost.
        _ => return,
    };
    let literal = variable.value.literal();
    if literal.is_some() && known.default.as_deref() == literal && !ours.contains_key(name) {
        return;
    }
    if ours.get(name).is_some_and(|it| it.as_deref() == literal) {
        return;
    }
    let table = format!("services.{kind}.env");
    let is_secret = known.secret || sounds_secret(name) || variable.value.has_secret();
    match literal.filter(|it| is_plain(it, is_secret, variable)) {
        Some(value) => plain(kind, (&table, name), value, known, draft),
        None if is_secret && !ours.contains_key(name) => {
            let secret = SecretName::from_env_key(name);
            if let Ok(secret) = secret {
                let value = format!("{{ secret = {} }}", quoted(secret.as_str()));
                draft.set(&table, name, value);
                draft.because("put its value into the secrets file");
            }
        }
        None if is_secret => {}
        None => draft.note(&format!("`{name}` of `{kind}`: its value can't be seen")),
    }
}

fn is_plain(value: &str, is_secret: bool, variable: &Variable) -> bool {
    use super::super::inventory::Source;
    !is_secret && !holds_credential(value) && !matches!(variable.source, Source::Secret(_))
}

fn plain(
    kind: ServiceKind,
    (table, name): (&str, &str),
    value: &str,
    known: &Known,
    draft: &mut Draft,
) {
    if known.check_value(value).is_err() {
        draft.note(&format!(
            "`{name}` of `{kind}`: the image does not accept its value"
        ));
        return;
    }
    draft.text(table, name, value);
}

/// A number of TOML with a point.
fn number(value: f64) -> String {
    format!("{value:?}")
}
