//! `[workload_profiles]`: which machines there are, and who runs on which.

use std::collections::BTreeMap;

use super::Resolver;
use crate::catalogue::ServiceKind;
use crate::check::{lim, spc};
use crate::deployment::{Service, WorkloadProfile};
use crate::diagnostic::KeyPath;
use crate::names::EnvironmentLabel;
use crate::spec::{WorkloadProfileSpec, in_words, missing_key, nearest};

/// The name of the machines that are shared.
const CONSUMPTION: &str = "Consumption";

impl Resolver<'_> {
    pub(super) fn workload_profiles(&mut self) -> BTreeMap<String, WorkloadProfile> {
        let mut profiles = BTreeMap::new();
        for (name, spec) in &self.spec.workload_profiles {
            let path = format!("workload_profiles.{name}");
            if name.eq_ignore_ascii_case(CONSUMPTION) {
                let message = "`Consumption` is the name of the machines that are shared";
                let finding = spc::INVALID_VALUE.finding(KeyPath::of(&path), message);
                self.report(finding.with_help("choose another name"));
            }
            self.parse::<EnvironmentLabel>(&spc::INVALID_VALUE, KeyPath::of(&path), Some(name));
            if let Some(profile) = self.workload_profile(&path, spec) {
                profiles.insert(name.clone(), profile);
            }
        }
        profiles
    }

    fn workload_profile(
        &mut self,
        path: &str,
        spec: &WorkloadProfileSpec,
    ) -> Option<WorkloadProfile> {
        let size = format!("{path}.size");
        if spec.size.is_none() {
            let help = "give the size of a machine: `size = \"D4\"`";
            self.report(missing_key(KeyPath::of(&size)).with_help(help));
        }
        let size = self.word(&size, spec.size.as_deref(), &WorkloadProfile::SIZES)?;
        let least = format!("{path}.min");
        let min = self.number(&least, spec.min, 1, 0..=1000);
        let most = format!("{path}.max");
        let max = self.number(&most, spec.max, min.max(3), 1..=1000);
        if max < min {
            let message = format!("`{path}` has at most {max} machines and at least {min}");
            self.report(lim::REPLICAS.finding(KeyPath::of(&most), message));
        }
        Some(WorkloadProfile {
            size: size.to_owned(),
            min,
            max: max.max(min),
        })
    }

    /// Every service runs on machines that there are, and that it fits on.
    pub(super) fn refuse_misfits(
        &mut self,
        services: &BTreeMap<ServiceKind, Service>,
        profiles: &BTreeMap<String, WorkloadProfile>,
    ) {
        for service in services.values() {
            let Some(name) = &service.workload_profile else {
                continue;
            };
            let path = KeyPath::of("services")
                .key(service.kind.key())
                .key("workload_profile");
            let Some(profile) = profiles.get(name) else {
                let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        format!("describe it: `[workload_profiles.{name}]` with `size = \"D4\"`")
                    }
                    None => format!("there are {}", in_words(&known, "and")),
                };
                let message = format!("there is no workload profile `{name}`");
                self.report(spc::INVALID_VALUE.finding(path, message).with_help(help));
                continue;
            };
            let cores = f64::from(service.size.cpu());
            if cores > f64::from(profile.cores()) {
                let message = format!(
                    "`{}` takes {cores} vCPU, and a machine of `{name}` has {}",
                    service.kind,
                    profile.cores()
                );
                self.report(lim::SIZE.finding(path, message));
            }
        }
    }
}
