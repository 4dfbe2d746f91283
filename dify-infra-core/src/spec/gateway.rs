//! The table about the application gateway in front of everything.

use super::define::section;

section! {
    /// An Application Gateway with a web application firewall in front: the only way in from the
    /// internet. It needs `public.origin`.
    pub struct GatewaySpec {
        /// The certificate of the origin: its secret id in a key vault, such as
        /// `https://contoso.vault.azure.net/secrets/dify`. Without a version at its end the gateway
        /// takes each renewal by itself.
        #[cfg_attr(feature = "schema", schemars(url))]
        certificate: Option<String>,
        /// Id of the key vault that has the certificate; the identity that is made gets the role
        /// "Key Vault Secrets User" on it.
        vault: Option<String>,
        /// Id of a user-assigned identity that already may read the certificate. Without it one is
        /// made and given the role.
        identity: Option<String>,
        /// How many instances there are, at least and at most.
        instances: Option<InstancesSpec>,
        /// Zones that instances and address are spread over, such as `["1", "2", "3"]`; fixed when
        /// they are made. The profile prod takes all three where the region has zones.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("items" = { "type": "string", "enum": ["1", "2", "3"] }))
        )]
        zones: Option<Vec<String>>,
        /// "prevention": the firewall refuses what looks like an attack. "detection": it writes it
        /// down.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["prevention", "detection"])))]
        mode: Option<String>,
        /// Whether the firewall judges the values of arguments and JSON fields too. They are prompts,
        /// code and documents, which look like attacks to its rules; without this it judges the
        /// rest of each request.
        inspect_arguments: Option<bool>,
        /// Seconds for which a silent answer is waited for, 1 to 86400.
        #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 86400)))]
        request_timeout: Option<u32>,
        /// Largest body that is no upload of a file, such as 2000K; without it the firewall sets no
        /// bound.
        max_request_body: Option<String>,
        /// Largest upload of a file, such as 100M; without it what the largest route takes.
        max_file_upload: Option<String>,
        /// Address range of the gateway's subnet, such as 10.0.0.0/24, when the network exists: whoever
        /// asks from there is believed about the public host.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::Cidr>"))]
        subnet_range: Option<String>,
    }
}

section! {
    /// How many instances a gateway has.
    pub struct InstancesSpec {
        /// The least number.
        #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 125)))]
        min: Option<u32>,
        /// The greatest number.
        #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 125)))]
        max: Option<u32>,
    }
}
