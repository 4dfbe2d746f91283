//! What PostgreSQL offers in a region: `az postgres flexible-server` asks for it before it creates
//! or changes a server.
//!
//! Shape: Azure/azure-rest-api-specs postgresql `CapabilitiesByLocation`; sizes and their cores:
//! learn.microsoft.com postgresql/flexible-server/concepts-compute. The list of sizes is shorter than
//! Azure's; what a PUT accepts does not depend on it.

use serde_json::{Value, json};

use crate::provider::postgres::server::SIZES;

/// A size with its cores and its memory per core in MB.
type Size = (&'static str, i64, i64);

/// Tier, its default size, and its sizes.
const TIERS: &[(&str, &str, &[Size])] = &[
    (
        "Burstable",
        "Standard_B1ms",
        &[
            ("Standard_B1ms", 1, 2048),
            ("Standard_B2s", 2, 2048),
            ("Standard_B2ms", 2, 4096),
            ("Standard_B4ms", 4, 4096),
            ("Standard_B8ms", 8, 4096),
        ],
    ),
    (
        "GeneralPurpose",
        "Standard_D2ds_v5",
        &[
            ("Standard_D2s_v3", 2, 4096),
            ("Standard_D4s_v3", 4, 4096),
            ("Standard_D2ds_v4", 2, 4096),
            ("Standard_D4ds_v4", 4, 4096),
            ("Standard_D2ds_v5", 2, 4096),
            ("Standard_D4ds_v5", 4, 4096),
            ("Standard_D8ds_v5", 8, 4096),
            ("Standard_D16ds_v5", 16, 4096),
        ],
    ),
    (
        "MemoryOptimized",
        "Standard_E2ds_v5",
        &[
            ("Standard_E2s_v3", 2, 8192),
            ("Standard_E2ds_v4", 2, 8192),
            ("Standard_E2ds_v5", 2, 8192),
            ("Standard_E4ds_v5", 4, 8192),
            ("Standard_E8ds_v5", 8, 8192),
        ],
    ),
];

/// The versions of PostgreSQL, the oldest first.
const MAJOR_VERSIONS: [&str; 8] = ["11", "12", "13", "14", "15", "16", "17", "18"];

/// The one entry of the list of capabilities.
pub(crate) fn described() -> Value {
    let feature = |name: &str, enabled: bool| json!({ "name": name, "status": if enabled { "Enabled" } else { "Disabled" } });
    let versions: Vec<Value> = MAJOR_VERSIONS
        .iter()
        .enumerate()
        .map(|(index, version)| {
            json!({
                "name": version,
                "supportedVersionsToUpgrade": MAJOR_VERSIONS[index + 1..],
            })
        })
        .collect();
    json!({
        "name": "FlexibleServerCapabilities",
        "supportedServerEditions": TIERS.iter().map(edition).collect::<Vec<_>>(),
        "supportedServerVersions": versions,
        "supportedFeatures": [
            feature("FastProvisioning", false),
            feature("ZoneRedundantHa", true),
            feature("ZoneRedundantHaAndGeoBackup", true),
            feature("GeoBackup", true),
            feature("OnlineResize", true),
            feature("OfferRestricted", false),
            feature("StorageAutoGrowth", true),
            feature("IndexTuning", true),
        ],
        "fastProvisioningSupported": "Disabled",
        "geoBackupSupported": "Enabled",
        "zoneRedundantHaSupported": "Enabled",
        "zoneRedundantHaAndGeoBackupSupported": "Enabled",
        "storageAutoGrowthSupported": "Enabled",
        "onlineResizeSupported": "Enabled",
        "restricted": "Disabled",
    })
}

fn edition((tier, default, sizes): &(&str, &str, &[(&str, i64, i64)])) -> Value {
    let skus: Vec<Value> = sizes
        .iter()
        .map(|(name, cores, memory)| {
            json!({
                "name": name,
                "vCores": cores,
                "supportedIops": 640 * cores,
                "supportedMemoryPerVcoreMb": memory,
                "supportedZones": ["1", "2", "3"],
                "supportedHaMode": if *tier == "Burstable" { json!([]) } else { json!(["SameZone", "ZoneRedundant"]) },
                "supportedFeatures": [],
            })
        })
        .collect();
    let storage: Vec<Value> = SIZES
        .iter()
        .map(|(gib, tier, iops)| {
            json!({
                "supportedIops": iops,
                "storageSizeMb": gib * 1024,
                "defaultIopsTier": tier,
                "supportedIopsTiers": SIZES
                    .iter()
                    .filter(|(size, _, _)| size >= gib)
                    .map(|(_, tier, iops)| json!({ "name": tier, "iops": iops }))
                    .collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": tier,
        "defaultSkuName": default,
        "supportedServerSkus": skus,
        "supportedStorageEditions": [{
            "name": "ManagedDisk",
            "defaultStorageSizeMb": 32 * 1024,
            "supportedStorageMb": storage,
        }],
    })
}
