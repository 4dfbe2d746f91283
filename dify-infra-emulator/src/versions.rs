//! The api-versions in which clients may speak.
//!
//! Each type has one version whose properties are known here (`Definition::api_versions`). Clients
//! speak others: `az`, Terraform and the SDKs each carry the version of the day they were made. A
//! published version of the namespace is therefore taken as well, and answered in the shape of the
//! known one; a property that the known version lacks is dropped then, as Azure does, instead of
//! being refused. A version that was never published is refused.
//!
//! The lists are the folders of Azure/bicep-types-az (`generated/<namespace>`) from about 2020 on, with
//! what the published Python packages and `az` speak beyond them.

/// Published versions by namespace, the oldest first.
const PUBLISHED: &[(&str, &[&str])] = &[
    (
        "Microsoft.App",
        &[
            "2022-03-01",
            "2022-06-01-preview",
            "2022-10-01",
            "2022-11-01-preview",
            "2023-04-01-preview",
            "2023-05-01",
            "2023-05-02-preview",
            "2023-08-01-preview",
            "2023-11-02-preview",
            "2024-02-02-preview",
            "2024-03-01",
            "2024-08-02-preview",
            "2024-10-02-preview",
            "2025-01-01",
            "2025-02-02-preview",
            "2025-07-01",
            "2025-10-02-preview",
            "2026-01-01",
            "2026-03-02-preview",
            "2026-07-01",
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL",
        &[
            "2021-06-01",
            "2022-12-01",
            "2023-03-01-preview",
            "2023-06-01-preview",
            "2023-12-01-preview",
            "2024-03-01-preview",
            "2024-08-01",
            "2024-11-01-preview",
            "2025-01-01-preview",
            "2025-06-01-preview",
            "2025-08-01",
            "2026-01-01-preview",
            "2026-04-01-preview",
            "2026-07-01-preview",
            "2026-10-01",
        ],
    ),
    (
        "Microsoft.Cache",
        &[
            "2022-01-01",
            "2023-07-01",
            "2023-08-01",
            "2023-11-01",
            "2024-02-01",
            "2024-03-01",
            "2024-10-01",
            "2024-11-01",
            "2025-04-01",
            "2025-07-01",
        ],
    ),
    (
        "Microsoft.Storage",
        &[
            "2019-06-01",
            "2021-01-01",
            "2021-02-01",
            "2021-04-01",
            "2021-06-01",
            "2021-08-01",
            "2021-09-01",
            "2022-05-01",
            "2022-09-01",
            "2023-01-01",
            "2023-04-01",
            "2023-05-01",
            "2024-01-01",
            "2025-01-01",
            "2025-06-01",
            "2025-08-01",
            "2026-04-01",
            "2026-06-01",
            "2026-09-01",
        ],
    ),
    (
        "Microsoft.OperationalInsights",
        &[
            "2020-08-01",
            "2020-10-01",
            "2021-06-01",
            "2021-12-01-preview",
            "2022-10-01",
            "2023-09-01",
            "2025-02-01",
            "2025-07-01",
            "2026-03-01",
        ],
    ),
    (
        "Microsoft.Network",
        &[
            "2018-09-01",
            "2020-01-01",
            "2020-04-01",
            "2020-06-01",
            "2021-08-01",
            "2022-01-01",
            "2022-05-01",
            "2022-07-01",
            "2022-09-01",
            "2022-11-01",
            "2023-02-01",
            "2023-04-01",
            "2023-05-01",
            "2023-06-01",
            "2023-09-01",
            "2023-11-01",
            "2024-01-01",
            "2024-03-01",
            "2024-05-01",
            "2024-06-01",
            "2024-07-01",
            "2024-10-01",
            "2025-01-01",
            "2025-03-01",
            "2025-05-01",
            "2025-07-01",
            "2025-09-01",
            "2026-01-01",
            "2026-03-01",
        ],
    ),
    (
        "Microsoft.KeyVault",
        &[
            "2019-09-01",
            "2021-10-01",
            "2022-07-01",
            "2022-11-01",
            "2023-02-01",
            "2023-07-01",
            "2024-11-01",
            "2025-05-01",
            "2026-02-01",
            "2026-03-01-preview",
            "2026-05-15",
        ],
    ),
    (
        "Microsoft.ManagedIdentity",
        &[
            "2018-11-30",
            "2022-01-31-preview",
            "2023-01-31",
            "2023-07-31-preview",
            "2024-11-30",
            "2025-01-31-preview",
            "2025-05-31-preview",
        ],
    ),
    (
        "Microsoft.Authorization",
        &[
            "2015-07-01",
            "2018-01-01-preview",
            "2018-09-01-preview",
            "2020-04-01-preview",
            "2020-08-01-preview",
            "2020-10-01-preview",
            "2022-04-01",
            "2022-05-01-preview",
        ],
    ),
    (
        "Microsoft.ContainerRegistry",
        &[
            "2019-05-01",
            "2021-09-01",
            "2022-12-01",
            "2023-07-01",
            "2023-11-01-preview",
            "2024-11-01-preview",
            "2025-03-01-preview",
            "2025-04-01",
            "2025-11-01",
            "2026-01-01-preview",
            "2026-03-01-preview",
        ],
    ),
    (
        "Microsoft.Resources",
        &[
            "2019-10-01",
            "2020-06-01",
            "2020-10-01",
            "2021-01-01",
            "2021-04-01",
            "2022-09-01",
            "2023-07-01",
            "2024-03-01",
            "2024-07-01",
            "2024-11-01",
            "2025-03-01",
            "2025-04-01",
            "2026-06-01",
        ],
    ),
];

/// The published versions of a namespace, in any case.
pub(crate) fn published(namespace: &str) -> &'static [&'static str] {
    PUBLISHED
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(namespace))
        .map_or(&[], |(_, versions)| versions)
}

/// All versions of a type that are taken, the newest first: the ones whose properties are known, and
/// the other published ones of its namespace.
pub(crate) fn taken(namespace: &str, known: &[&'static str]) -> Vec<&'static str> {
    let mut all: Vec<&str> = published(namespace).iter().chain(known).copied().collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::PROVIDERS;

    #[test]
    fn versions_are_dates_in_order_and_each_is_there_once() {
        for (namespace, versions) in PUBLISHED {
            assert!(
                versions.is_sorted_by(|a, b| a < b),
                "{namespace}: {versions:?}"
            );
            for version in *versions {
                let date: Result<jiff::civil::Date, _> = version[..10].parse();
                assert!(date.is_ok(), "{namespace} {version}");
            }
        }
    }

    #[test]
    fn every_namespace_with_a_type_has_a_list() {
        for definition in PROVIDERS.iter().map(|provider| provider.definition()) {
            assert!(
                !published(definition.namespace()).is_empty(),
                "{}",
                definition.name
            );
        }
    }
}
