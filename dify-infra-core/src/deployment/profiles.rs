//! Machines of the environment's own.

use std::collections::BTreeMap;

use super::Deployment;

/// A kind of machine that the environment has for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkloadProfile {
    /// Azure's name of the size: `D4`.
    pub size: String,
    /// The least number of machines.
    pub min: u32,
    /// The greatest number of machines.
    pub max: u32,
}

impl WorkloadProfile {
    /// The sizes that Azure has everywhere
    /// (<https://learn.microsoft.com/azure/container-apps/workload-profiles-overview>).
    pub const SIZES: [&str; 8] = ["D4", "D8", "D16", "D32", "E4", "E8", "E16", "E32"];

    /// Cores of a machine.
    pub fn cores(&self) -> u32 {
        self.size
            .trim_start_matches(char::is_alphabetic)
            .parse()
            .unwrap_or_default()
    }
}

impl Deployment {
    /// The machines of the environment's own, by name.
    pub fn workload_profiles(&self) -> &BTreeMap<String, WorkloadProfile> {
        &self.workload_profiles
    }

    /// Machines of the environment's own at the greatest scale.
    pub(crate) fn most_machines(&self) -> u32 {
        self.workload_profiles.values().map(|one| one.max).sum()
    }
}
