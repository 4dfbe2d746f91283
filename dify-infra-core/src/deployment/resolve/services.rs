//! The services of the release: image, size, replicas, variables.

use std::collections::BTreeMap;

use super::Resolver;
use super::identity::service_keys;
use super::images::Images;
use crate::catalogue::{Release, ServiceFacts, ServiceKind, Size};
use crate::check::{lim, spc, ver};
use crate::deployment::{Migration, Profile, Service, VariableValue};
use crate::diagnostic::KeyPath;
use crate::names::EnvironmentVariableName;
use crate::spec::{ServiceSpec, VariableSpec, in_words, nearest};
use crate::values::{ConsumptionSize, Cpu, Memory, ReplicaRange};

/// MiB of memory that belong to a quarter of a vCPU.
const MEBIBYTES_PER_QUARTER: u32 = 512;

impl Resolver<'_> {
    /// Every service of the release; nothing when the catalogue has sizes that Azure does not.
    pub(super) fn services(
        &mut self,
        release: &Release,
        images: &Images,
        profile: Profile,
    ) -> Option<BTreeMap<ServiceKind, Service>> {
        self.refuse_unknown_services(release);
        let mut services = BTreeMap::new();
        for facts in release.services() {
            services.insert(facts.kind, self.service(facts, images, profile)?);
        }
        Some(services)
    }

    fn refuse_unknown_services(&mut self, release: &Release) {
        for key in self.spec.services.keys() {
            let path = KeyPath::of("services").key(key);
            let kind = key.parse::<ServiceKind>();
            if kind
                .as_ref()
                .is_ok_and(|kind| release.service(*kind).is_some())
            {
                continue;
            }
            let refused = release
                .refused_services()
                .iter()
                .find(|service| service.key == *key);
            let finding = if let Some(service) = refused {
                let message = format!("`{key}` can't be deployed yet: {}", service.reason);
                ver::REFUSED_SERVICE.finding(path, message)
            } else if kind.is_ok() {
                let message = format!("Dify {} has no service `{key}`", release.version());
                ver::SERVICE_NOT_IN_RELEASE.finding(path, message)
            } else {
                let keys = service_keys(release);
                let help = match nearest(key, keys.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the services are {}", in_words(&keys, "and")),
                };
                let message = format!("there is no service `{key}`");
                spc::UNKNOWN_KEY
                    .finding(path, message)
                    .about_key()
                    .with_help(help)
            };
            self.report(finding);
        }
    }

    fn service(
        &mut self,
        facts: &ServiceFacts,
        images: &Images,
        profile: Profile,
    ) -> Option<Service> {
        let default = match profile {
            Profile::Dev => facts.sizes.dev,
            Profile::Prod => facts.sizes.prod,
        };
        let absent = ServiceSpec::default();
        let spec = self.spec.services.get(facts.kind.key()).unwrap_or(&absent);
        let path = KeyPath::of("services").key(facts.kind.key());
        let image = self.parse(
            &spc::INVALID_VALUE,
            path.key("image"),
            spec.image.as_deref(),
        );
        Some(Service {
            kind: facts.kind,
            image: image.or_else(|| images.get(&facts.image).cloned())?,
            size: self.size(&path, spec, default)?,
            replicas: self.replicas(&path, spec, default)?,
            workload_profile: spec.workload_profile.clone(),
            variables: self.variables(&path.key("env"), &spec.env),
        })
    }

    /// CPU and memory: one of them is enough, as the other follows.
    fn size(
        &mut self,
        path: &KeyPath,
        spec: &ServiceSpec,
        default: Size,
    ) -> Option<ConsumptionSize> {
        let cpu = spec.cpu.map(Cpu::try_from).transpose();
        let memory = spec.memory.as_deref().map(str::parse::<Memory>).transpose();
        let default = size_of(default.millicores, default.memory_mebibytes)?;
        let (cpu, memory) = match (cpu, memory) {
            (Ok(cpu), Ok(memory)) => (cpu, memory),
            (cpu, memory) => {
                for (key, error) in [("cpu", cpu.err()), ("memory", memory.err())] {
                    if let Some(error) = error {
                        self.refuse(&lim::SIZE, path.key(key), &error);
                    }
                }
                return Some(default);
            }
        };
        let key = if memory.is_some() { "memory" } else { "cpu" };
        let size = match (cpu, memory) {
            (None, None) => return Some(default),
            (Some(cpu), Some(memory)) => ConsumptionSize::try_new(cpu, memory),
            (Some(cpu), None) => {
                let pair = ConsumptionSize::all().find(|pair| pair.cpu() == cpu);
                pair.map_or_else(|| ConsumptionSize::try_new(cpu, default.memory()), Ok)
            }
            (None, Some(memory)) => {
                let pair = ConsumptionSize::all().find(|pair| pair.memory() == memory);
                pair.map_or_else(|| ConsumptionSize::try_new(default.cpu(), memory), Ok)
            }
        };
        let size = size.map_err(|error| self.refuse(&lim::SIZE, path.key(key), &error));
        Some(size.unwrap_or(default))
    }

    /// The range of replicas; an end that is not given makes room for the other.
    fn replicas(
        &mut self,
        path: &KeyPath,
        spec: &ServiceSpec,
        default: Size,
    ) -> Option<ReplicaRange> {
        let default = (
            i64::from(default.replicas.min),
            i64::from(default.replicas.max),
        );
        let given = spec.replicas.as_ref();
        let ends = given.map_or((None, None), |given| (given.min, given.max));
        let (min, max) = match (ends.0.map(i64::from), ends.1.map(i64::from)) {
            (None, None) => default,
            (Some(min), Some(max)) => (min, max),
            (Some(min), None) => (min, min.max(default.1)),
            (None, Some(max)) => (max.min(default.0), max),
        };
        match ReplicaRange::try_new(min, max) {
            Ok(range) => Some(range),
            Err(error) => {
                self.refuse(&lim::REPLICAS, path.key("replicas"), &error);
                ReplicaRange::try_new(default.0, default.1).ok()
            }
        }
    }

    fn variables(
        &mut self,
        path: &KeyPath,
        env: &BTreeMap<String, VariableSpec>,
    ) -> BTreeMap<EnvironmentVariableName, VariableValue> {
        let mut variables = BTreeMap::new();
        for (name, value) in env {
            let path = path.key(name);
            let value = match value {
                VariableSpec::Text(text) => Some(VariableValue::Plain(text.clone())),
                VariableSpec::Secret(reference) => self
                    .secret(path.key("secret"), &reference.secret)
                    .map(VariableValue::Secret),
            };
            let name = self.parse_key(path, name);
            if let (Some(name), Some(value)) = (name, value) {
                variables.insert(name, value);
            }
        }
        variables
    }
}

/// The job that migrates the database, with the API's image.
pub(super) fn migration(
    release: &Release,
    services: &BTreeMap<ServiceKind, Service>,
) -> Option<Migration> {
    let job = release.migration();
    Some(Migration {
        image: services.get(&ServiceKind::Api)?.image.clone(),
        size: size_of(job.millicores, job.memory_mebibytes)?,
        timeout_seconds: job.timeout_seconds,
    })
}

/// A size of the catalogue.
fn size_of(millicores: u32, mebibytes: u32) -> Option<ConsumptionSize> {
    let pair =
        ConsumptionSize::all().find(|pair| u32::from(pair.cpu().quarters()) * 250 == millicores)?;
    let quarters = u32::from(pair.cpu().quarters());
    (quarters * MEBIBYTES_PER_QUARTER == mebibytes).then_some(pair)
}
