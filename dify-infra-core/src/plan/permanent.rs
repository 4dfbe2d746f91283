//! What of a resource can't be changed once it is made: said before it is.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::resource::Kind;

/// A value that stays as it is once the resource is made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Permanent {
    /// Where, as `properties.vnetConfiguration.internal`.
    pub path: String,
    /// What is chosen; nothing where leaving it out is the choice.
    pub value: Option<Value>,
    /// What that means, as a phrase.
    pub note: String,
}

impl fmt::Display for Permanent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(formatter, "{} = {value} ({})", self.path, self.note),
            None => write!(formatter, "no {} ({})", self.path, self.note),
        }
    }
}

/// Whether a deleted vault is safe from everybody: once on, it stays on.
const PURGE_PROTECTION: &str = "/properties/enablePurgeProtection";

/// The choices of a kind that hold for good, by JSON pointer, with what they mean. A choice whose
/// absence is one too comes with what that means.
///
/// Sources: `x-ms-mutability` and descriptions of Azure/azure-rest-api-specs;
/// <https://learn.microsoft.com/azure/postgresql/network/concepts-networking-private-link>;
/// <https://learn.microsoft.com/azure/redis/architecture>;
/// <https://learn.microsoft.com/azure/storage/common/redundancy-migration>;
/// <https://learn.microsoft.com/azure/reliability/reliability-application-gateway-v2>;
/// <https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview>.
fn choices(kind: Kind) -> &'static [(&'static str, &'static str, Option<&'static str>)] {
    match kind {
        Kind::ManagedEnvironment => &[
            (
                "/properties/vnetConfiguration/infrastructureSubnetId",
                "the network of the environment",
                Some("the environment stays outside of any network of yours"),
            ),
            (
                "/properties/vnetConfiguration/internal",
                "whether the front door is reached from the network alone",
                None,
            ),
            (
                "/properties/zoneRedundant",
                "whether replicas are spread over zones",
                None,
            ),
        ],
        Kind::PostgresServer => &[
            (
                "/properties/administratorLogin",
                "the administrator's login",
                None,
            ),
            (
                "/properties/network/delegatedSubnetResourceId",
                "the subnet of the server",
                Some("the server takes private endpoints and can't move into a subnet"),
            ),
            (
                "/properties/backup/geoRedundantBackup",
                "whether backups are kept in the paired region",
                None,
            ),
        ],
        Kind::RedisEnterprise => &[(
            "/properties/highAvailability",
            "a replica can be added later, never removed",
            None,
        )],
        Kind::RedisEnterpriseDatabase => &[(
            "/properties/clientProtocol",
            "whether connections are encrypted",
            None,
        )],
        Kind::StorageAccount => &[(
            "/sku/name",
            "in one zone or several: only a conversion of the account changes that",
            None,
        )],
        Kind::PublicIpAddress => &[(
            "/zones",
            "the zones of the address, which the DNS record leads to",
            Some("the address is in no zone of the file's choice"),
        )],
        Kind::ApplicationGateway => &[
            ("/properties/sku/tier", "the kind of gateway", None),
            (
                "/properties/gatewayIPConfigurations/0/properties/subnet/id",
                "the gateway's subnet",
                None,
            ),
            (
                "/zones",
                "the zones of the instances",
                Some("the instances are in no zones of the file's choice"),
            ),
        ],
        Kind::Subnet => &[(
            "/properties/addressPrefix",
            "the range, as soon as something is in the subnet",
            None,
        )],
        Kind::PrivateEndpoint => &[
            (
                "/properties/subnet/id",
                "the subnet of the private endpoint",
                None,
            ),
            (
                "/properties/privateLinkServiceConnections/0/properties/privateLinkServiceId",
                "what the private endpoint leads to",
                None,
            ),
        ],
        Kind::Vault => &[
            (
                "/properties/softDeleteRetentionInDays",
                "for how many days a deleted vault keeps its name and can be brought back",
                None,
            ),
            (
                PURGE_PROTECTION,
                "nobody can remove the deleted vault, or free its name, before these days are over",
                None,
            ),
        ],
        _ => &[],
    }
}

/// What is fixed already although the file asks for something else, and Azure refuses to be told so.
///
/// It stops nothing: purge protection may be somebody else's wish too, such as a policy of the
/// subscription that turns it on everywhere.
pub(super) fn fixed_already(kind: Kind, wanted: &Value, live: &Value) -> Vec<Permanent> {
    let is_on =
        |body: &Value| body.pointer(PURGE_PROTECTION).and_then(Value::as_bool) == Some(true);
    if kind != Kind::Vault || is_on(wanted) || !is_on(live) {
        return Vec::new();
    }
    vec![Permanent {
        path: path_of(PURGE_PROTECTION),
        value: Some(Value::Bool(true)),
        note: "it is on and can't be turned off again, though the file asks for none".to_owned(),
    }]
}

fn path_of(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// What a body that is about to be made decides for good.
pub(super) fn permanent(kind: Kind, wanted: &Value) -> Vec<Permanent> {
    let found = choices(kind).iter().filter_map(|(pointer, note, absent)| {
        let value = wanted.pointer(pointer);
        let note = if value.is_some() {
            Some(note)
        } else {
            absent.as_ref()
        };
        Some(Permanent {
            path: path_of(pointer),
            value: value.cloned(),
            note: (*note?).to_owned(),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choices_are_said_with_their_values() {
        let wanted = json!({ "properties": { "zoneRedundant": true,
            "vnetConfiguration": { "infrastructureSubnetId": "/s", "internal": false } } });
        let said: Vec<String> = permanent(Kind::ManagedEnvironment, &wanted)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "properties.vnetConfiguration.infrastructureSubnetId = \"/s\" (the network of the \
                 environment)",
                "properties.vnetConfiguration.internal = false (whether the front door is reached \
                 from the network alone)",
                "properties.zoneRedundant = true (whether replicas are spread over zones)",
            ]
        );
    }

    /// What Azure fixes and a plan does not name, and why nobody has to decide it.
    const NOT_CHOSEN: [(Kind, &str, &str); 11] = [
        (Kind::PublicIpAddress, "/sku", "always Standard"),
        (Kind::PostgresDatabase, "/properties/charset", "always UTF8"),
        (
            Kind::PostgresDatabase,
            "/properties/collation",
            "always one",
        ),
        (
            Kind::RedisEnterpriseDatabase,
            "/properties/port",
            "always 10000",
        ),
        (Kind::StorageAccount, "/kind", "always StorageV2"),
        (
            Kind::VirtualNetworkLink,
            "/properties/virtualNetwork",
            "follows the environment's subnet, which is named",
        ),
        (
            Kind::RoleAssignment,
            "/properties/principalId",
            "made anew without a loss",
        ),
        (
            Kind::RoleAssignment,
            "/properties/roleDefinitionId",
            "made anew without a loss",
        ),
        (
            Kind::ContainerApp,
            "/properties/environmentId",
            "of a fixed name in the same group",
        ),
        (
            Kind::Job,
            "/properties/environmentId",
            "of a fixed name in the same group",
        ),
        (
            Kind::ManagedCertificate,
            "/properties",
            "made anew for another name without a loss",
        ),
    ];

    #[test]
    fn whatever_azure_fixes_is_said_before_it_is_made_or_has_a_reason_not_to_be() {
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut reasons: Vec<_> = NOT_CHOSEN.iter().collect();
        for kind in Kind::ALL {
            // The region is one for the whole deployment and stands in the head of its file.
            let fixed = kind.immutable().iter().filter(|one| **one != "/location");
            for pointer in fixed {
                let is_said = choices(kind).iter().any(|(one, ..)| within(one, pointer));
                let is_reasoned =
                    |(of, one, _): &&(Kind, &str, &str)| *of == kind && within(pointer, one);
                assert_ne!(
                    is_said,
                    NOT_CHOSEN.iter().any(|one| is_reasoned(&one)),
                    "{kind:?} {pointer} is either a choice or has a reason not to be one"
                );
                reasons.retain(|one| !is_reasoned(one));
            }
        }
        assert!(reasons.is_empty(), "nothing needs {reasons:?}");
    }

    #[test]
    fn leaving_a_choice_out_is_one_too() {
        let said = permanent(Kind::PostgresServer, &json!({ "properties": {} }));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].value, None);
        assert!(permanent(Kind::ContainerApp, &json!({})).is_empty());
    }
}
