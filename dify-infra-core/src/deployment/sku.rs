//! Sizes of the data services: which exist, and what follows from them.

use std::sync::LazyLock;

/// Connections that the server keeps for itself (learn.microsoft.com postgresql/concepts-limits).
pub(crate) const RESERVED_CONNECTIONS: u32 = 15;

/// Redis sizes that can do without sharding: 25 GB and less, none of them Flash
/// (learn.microsoft.com redis/architecture).
pub(crate) const REDIS_UNSHARDED: [&str; 12] = [
    "Balanced_B0",
    "Balanced_B1",
    "Balanced_B3",
    "Balanced_B5",
    "Balanced_B10",
    "Balanced_B20",
    "MemoryOptimized_M10",
    "MemoryOptimized_M20",
    "ComputeOptimized_X3",
    "ComputeOptimized_X5",
    "ComputeOptimized_X10",
    "ComputeOptimized_X20",
];

/// What the names of all sizes of Azure Managed Redis begin with.
const REDIS_FAMILIES: [&str; 4] = [
    "Balanced_B",
    "MemoryOptimized_M",
    "ComputeOptimized_X",
    "FlashOptimized_A",
];

/// Redundancies of a general purpose v2 storage account.
pub(crate) const STORAGE: [&str; 6] = [
    "Standard_LRS",
    "Standard_ZRS",
    "Standard_GRS",
    "Standard_RAGRS",
    "Standard_GZRS",
    "Standard_RAGZRS",
];

/// Disks of PostgreSQL, in GiB: those of Premium SSD.
pub(crate) const POSTGRES_DISKS: [u32; 12] = [
    32, 64, 128, 256, 512, 1024, 2048, 4095, 4096, 8192, 16384, 32767,
];

/// A compute size of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresSku {
    /// As `Standard_B1ms`.
    pub(crate) name: String,
    /// As `Burstable`.
    pub(crate) tier: &'static str,
    /// `max_connections` of a server that is created with it.
    connections: u32,
}

impl PostgresSku {
    /// The size of a name, whose case does not matter.
    pub(crate) fn find(name: &str) -> Option<&'static Self> {
        Self::all()
            .iter()
            .find(|sku| sku.name.eq_ignore_ascii_case(name))
    }

    /// Every size.
    pub(crate) fn all() -> &'static [Self] {
        static ALL: LazyLock<Vec<PostgresSku>> = LazyLock::new(all);
        &ALL
    }

    /// Connections that are left for users.
    pub(crate) fn usable_connections(&self) -> u32 {
        self.connections.saturating_sub(RESERVED_CONNECTIONS)
    }
}

/// Whether a text is the name of a Managed Redis size, sharded or not.
pub(crate) fn is_redis_size(name: &str) -> bool {
    REDIS_FAMILIES.iter().any(|family| {
        let number = name.strip_prefix(family).unwrap_or_default();
        !number.is_empty() && number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Sizes and connections as in learn.microsoft.com postgresql/flexible-server/concepts-limits and concepts-compute.
/// Newer series, as `Standard_D2ds_v6`, are not in the table of connections.
fn all() -> Vec<PostgresSku> {
    let burstable = [
        ("B1ms", 50),
        ("B2s", 429),
        ("B2ms", 859),
        ("B4ms", 1718),
        ("B8ms", 3437),
        ("B12ms", 5000),
        ("B16ms", 5000),
        ("B20ms", 5000),
    ];
    let burstable = burstable.map(|(name, connections)| PostgresSku {
        name: format!("Standard_{name}"),
        tier: "Burstable",
        connections,
    });
    let mut skus = Vec::from(burstable);
    skus.extend(series('D', "GeneralPurpose", 859));
    skus.extend(series('E', "MemoryOptimized", 1718));
    skus
}

/// The sizes of a series; connections double with the cores up to 5000.
fn series(letter: char, tier: &'static str, of_two_cores: u32) -> Vec<PostgresSku> {
    let connections = |cores: u32| match (of_two_cores, cores) {
        (859, 2) => 859,
        (859, 4) | (1718, 2) => 1718,
        (859, 8) | (1718, 4) => 3437,
        _ => 5000,
    };
    let generations = [("s_v3", 64), ("ds_v4", 64), ("ds_v5", 96), ("ads_v5", 96)];
    let cores = [2, 4, 8, 16, 20, 32, 48, 64, 96];
    generations
        .into_iter()
        .flat_map(|(generation, most)| {
            // 20 cores have memory optimized sizes alone, and not the oldest ones.
            let has_twenty = letter == 'E' && generation != "s_v3";
            cores
                .into_iter()
                .filter(move |cores| *cores <= most && (*cores != 20 || has_twenty))
                .map(move |cores| PostgresSku {
                    name: format!("Standard_{letter}{cores}{generation}"),
                    tier,
                    connections: connections(cores),
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_tier_and_connections_of_a_size() {
        for (name, tier, usable) in [
            ("Standard_B1ms", "Burstable", 35),
            ("Standard_B2s", "Burstable", 414),
            ("Standard_B2ms", "Burstable", 844),
            ("Standard_D2ds_v5", "GeneralPurpose", 844),
            ("standard_d4ds_v5", "GeneralPurpose", 1703),
            ("Standard_D8s_v3", "GeneralPurpose", 3422),
            ("Standard_D16ads_v5", "GeneralPurpose", 4985),
            ("Standard_E2ds_v5", "MemoryOptimized", 1703),
            ("Standard_E20ds_v4", "MemoryOptimized", 4985),
            ("Standard_E20ds_v5", "MemoryOptimized", 4985),
            ("Standard_E20ads_v5", "MemoryOptimized", 4985),
            ("Standard_E96ads_v5", "MemoryOptimized", 4985),
        ] {
            let sku = PostgresSku::find(name).unwrap();
            assert_eq!(
                (sku.tier, sku.usable_connections()),
                (tier, usable),
                "{name}"
            );
        }
        for none in ["Standard_D96s_v3", "Standard_D20ds_v5", "Standard_E20s_v3"] {
            assert_eq!(PostgresSku::find(none), None, "{none}");
        }
        assert_eq!(PostgresSku::find("B1ms"), None);
    }

    #[test]
    fn tells_redis_sizes_from_other_texts() {
        assert!(REDIS_UNSHARDED.into_iter().all(is_redis_size));
        assert!(is_redis_size("Balanced_B1000") && is_redis_size("FlashOptimized_A250"));
        assert!(!is_redis_size("Balanced_B") && !is_redis_size("Basic_C0"));
    }
}
