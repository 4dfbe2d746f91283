//! The property tables of the types that can be written, one file each in `types/`.

use std::sync::LazyLock;

use crate::table::Table;

macro_rules! tables {
    ($($name:ident => $file:literal,)*) => {
        $(
            #[doc = concat!("The table in `", $file, "`.")]
            pub(crate) fn $name() -> &'static Table {
                static TABLE: LazyLock<Table> =
                    LazyLock::new(|| Table::read(include_str!($file)));
                &TABLE
            }
        )*

        /// Every table with its text.
        #[cfg(test)]
        pub(crate) const TEXTS: &[(&str, &str)] = &[$(($file, include_str!($file)),)*];
    };
}

tables! {
    resource_group => "types/resource_group.json",
    workspace => "types/workspace.json",
    managed_environment => "types/managed_environment.json",
    environment_certificate => "types/environment_certificate.json",
    managed_certificate => "types/managed_certificate.json",
    environment_storage => "types/environment_storage.json",
    container_app => "types/container_app.json",
    job => "types/job.json",
    postgres_server => "types/postgres_server.json",
    postgres_database => "types/postgres_database.json",
    postgres_configuration => "types/postgres_configuration.json",
    postgres_firewall_rule => "types/postgres_firewall_rule.json",
    redis_enterprise => "types/redis_enterprise.json",
    redis_enterprise_database => "types/redis_enterprise_database.json",
    redis => "types/redis.json",
    virtual_network => "types/virtual_network.json",
    subnet => "types/subnet.json",
    network_security_group => "types/network_security_group.json",
    public_ip_address => "types/public_ip_address.json",
    web_application_firewall_policy => "types/web_application_firewall_policy.json",
    application_gateway => "types/application_gateway.json",
    private_endpoint => "types/private_endpoint.json",
    private_dns_zone_group => "types/private_dns_zone_group.json",
    private_dns_zone => "types/private_dns_zone.json",
    virtual_network_link => "types/virtual_network_link.json",
    storage_account => "types/storage_account.json",
    blob_service => "types/blob_service.json",
    blob_container => "types/blob_container.json",
    registry => "types/registry.json",
    vault => "types/vault.json",
    vault_secret => "types/vault_secret.json",
    user_assigned_identity => "types/user_assigned_identity.json",
    role_assignment => "types/role_assignment.json",
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn scalars(json: &Value, found: &mut Vec<String>) {
        match json {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| scalars(item, found)),
            Value::Object(members) => members.values().for_each(|value| scalars(value, found)),
            _ => found.push("not a shape".to_owned()),
        }
    }

    #[test]
    fn every_table_is_made_of_known_shapes() {
        for (file, text) in TEXTS {
            let json: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}"));
            let mut found = Vec::new();
            scalars(&json["members"], &mut found);
            assert!(!found.is_empty(), "{file} has no members");
            for shape in found {
                let kind = shape.split([' ', '=']).next().unwrap_or_default();
                assert!(
                    ["string", "boolean", "integer", "number", "any"].contains(&kind),
                    "{file}: {shape}"
                );
            }
        }
    }
}
