//! `Microsoft.Network`: an application gateway, its firewall's policy and its public address.

use std::collections::BTreeMap;

use serde::Serialize;

use super::identity::AssignedIdentities;
use super::network::Reference;
use super::{ResourceId, Text};

/// A public address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublicIpAddress {
    /// The address's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `Standard`: a gateway of version 2 takes no other
    /// (<https://learn.microsoft.com/azure/application-gateway/configuration-frontend-ip>).
    pub sku: PublicIpAddressSku,
    /// Zones, which are those of what has the address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What is managed of its properties.
    pub properties: PublicIpAddressProperties,
}

/// The size class of a [`PublicIpAddress`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PublicIpAddressSku {
    /// `Standard`.
    pub name: String,
    /// `Regional`.
    pub tier: String,
}

/// The managed properties of a [`PublicIpAddress`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicIpAddressProperties {
    /// `Static`: a DNS record leads to it.
    #[serde(rename = "publicIPAllocationMethod")]
    pub allocation_method: String,
    /// `IPv4`.
    #[serde(rename = "publicIPAddressVersion")]
    pub version: String,
}

/// Where a GET answer of a [`PublicIpAddress`] has the address.
pub const IP_ADDRESS: &str = "/properties/ipAddress";

/// What a web application firewall looks for, and what it does about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirewallPolicy {
    /// The policy's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: FirewallPolicyProperties,
}

/// The managed properties of a [`FirewallPolicy`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirewallPolicyProperties {
    /// Mode and limits.
    pub policy_settings: PolicySettings,
    /// The rules of Microsoft, and what they leave out.
    pub managed_rules: ManagedRules,
}

/// Mode and limits of a [`FirewallPolicy`]
/// (<https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-waf-request-size-limits>).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySettings {
    /// `Enabled`.
    pub state: String,
    /// `Prevention` or `Detection`.
    pub mode: String,
    /// Whether rules look into bodies.
    pub request_body_check: bool,
    /// How deep they look, in KiB.
    #[serde(rename = "requestBodyInspectLimitInKB")]
    pub request_body_inspect_limit: u64,
    /// Whether bodies that are no files are refused beyond the limit.
    pub request_body_enforcement: bool,
    /// The limit of bodies that are no files, in KiB.
    #[serde(rename = "maxRequestBodySizeInKb")]
    pub max_request_body_size: u64,
    /// Whether files are refused beyond the limit.
    pub file_upload_enforcement: bool,
    /// The limit of files, in MiB.
    #[serde(rename = "fileUploadLimitInMb")]
    pub file_upload_limit: u64,
}

/// The rules of Microsoft in a [`FirewallPolicy`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedRules {
    /// The sets.
    pub managed_rule_sets: Vec<RuleSet>,
    /// Parts of requests that they leave out; an empty list takes earlier ones away.
    pub exclusions: Vec<Exclusion>,
}

/// A set of rules, by name and version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleSet {
    /// `Microsoft_DefaultRuleSet`.
    pub rule_set_type: String,
    /// The version.
    pub rule_set_version: String,
}

/// A part of requests that some rules leave out
/// (<https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-waf-configuration>).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exclusion {
    /// Which part: `RequestArgValues` are the values of the query, of forms and of JSON fields.
    pub match_variable: String,
    /// `EqualsAny`: all of them.
    pub selector_match_operator: String,
    /// `*`, as Azure writes it with `EqualsAny`.
    pub selector: String,
    /// The sets whose rules leave it out.
    pub exclusion_managed_rule_sets: Vec<RuleSet>,
}

/// An application gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApplicationGateway {
    /// The gateway's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What must be there before although the body does not name it: the role of its identity.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Zones that the instances are spread over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// The identity that reads the certificate.
    pub identity: Option<AssignedIdentities>,
    /// What is managed of its properties.
    pub properties: ApplicationGatewayProperties,
}

/// The managed properties of an [`ApplicationGateway`]. Its parts refer to each other by ids below
/// the gateway's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationGatewayProperties {
    /// The size class.
    pub sku: GatewaySku,
    /// How many instances there are.
    pub autoscale_configuration: Autoscale,
    /// Versions and ciphers of TLS.
    pub ssl_policy: SslPolicy,
    /// Whether clients may speak HTTP/2.
    pub enable_http2: bool,
    /// The subnet of the instances.
    #[serde(rename = "gatewayIPConfigurations")]
    pub gateway_ip_configurations: Vec<Part<SubnetReference>>,
    /// The public address.
    #[serde(rename = "frontendIPConfigurations")]
    pub frontend_ip_configurations: Vec<Part<FrontendAddress>>,
    /// The ports.
    pub frontend_ports: Vec<Part<Port>>,
    /// The certificates.
    pub ssl_certificates: Vec<Part<SslCertificate>>,
    /// Where requests go.
    pub backend_address_pools: Vec<Part<BackendPool>>,
    /// How they go there.
    pub backend_http_settings_collection: Vec<Part<BackendHttpSettings>>,
    /// How it is known that somebody is there.
    pub probes: Vec<Part<GatewayProbe>>,
    /// Host names and ports that are answered.
    pub http_listeners: Vec<Part<HttpListener>>,
    /// Where clients are sent.
    pub redirect_configurations: Vec<Part<RedirectConfiguration>>,
    /// What becomes of the requests of a listener.
    pub request_routing_rules: Vec<Part<RequestRoutingRule>>,
    /// The firewall's policy.
    pub firewall_policy: Reference,
    /// What holds for all requests.
    pub global_configuration: GlobalConfiguration,
}

/// A named part of an [`ApplicationGateway`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part<Properties> {
    /// The name, which stands at the end of its id.
    pub name: String,
    /// What it says.
    pub properties: Properties,
}

impl<Properties> Part<Properties> {
    /// A part of this name.
    pub fn new(name: &str, properties: Properties) -> Self {
        Self {
            name: name.to_owned(),
            properties,
        }
    }
}

/// The size class of an [`ApplicationGateway`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GatewaySku {
    /// `WAF_v2`.
    pub name: String,
    /// `WAF_v2`.
    pub tier: String,
}

/// How many instances an [`ApplicationGateway`] has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Autoscale {
    /// The least number.
    pub min_capacity: u32,
    /// The greatest number.
    pub max_capacity: u32,
}

/// The TLS of an [`ApplicationGateway`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SslPolicy {
    /// `Predefined`.
    pub policy_type: String,
    /// Azure's name of the policy.
    pub policy_name: String,
}

/// The subnet of a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubnetReference {
    /// The subnet.
    pub subnet: Reference,
}

/// The public address of a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontendAddress {
    /// The address.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Reference,
}

/// A port that is listened on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Port {
    /// The port.
    pub port: u16,
}

/// A certificate in a key vault.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SslCertificate {
    /// Its secret id; without a version the gateway asks for a newer one every four hours
    /// (<https://learn.microsoft.com/azure/application-gateway/key-vault-certs>).
    pub key_vault_secret_id: String,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendPool {
    /// The addresses.
    pub backend_addresses: Vec<BackendAddress>,
}

/// One address of a [`BackendPool`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendAddress {
    /// The address.
    pub ip_address: Text,
}

/// How requests go to a [`BackendPool`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendHttpSettings {
    /// The port.
    pub port: u16,
    /// `Https`.
    pub protocol: String,
    /// `Disabled`: any replica answers any request.
    pub cookie_based_affinity: String,
    /// Seconds for which a silent answer is waited for.
    pub request_timeout: u32,
    /// The host under which the back-end is asked, also in the handshake of TLS.
    pub host_name: Text,
    /// Whether the host is the back-end's address.
    pub pick_host_name_from_backend_address: bool,
    /// The probe.
    pub probe: Reference,
}

/// How it is known that a back-end is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayProbe {
    /// `Https`.
    pub protocol: String,
    /// The path.
    pub path: String,
    /// Seconds between two questions.
    pub interval: u32,
    /// Seconds for which an answer is waited for.
    pub timeout: u32,
    /// Failures in a row after which the back-end counts as away.
    pub unhealthy_threshold: u32,
    /// Whether it is asked under the host of the settings.
    pub pick_host_name_from_backend_http_settings: bool,
    /// What a good answer is.
    #[serde(rename = "match")]
    pub expected: ProbeMatch,
}

/// The good answers to a [`GatewayProbe`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeMatch {
    /// Status codes.
    pub status_codes: Vec<String>,
}

/// A host and a port that are answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpListener {
    /// The address.
    #[serde(rename = "frontendIPConfiguration")]
    pub frontend_ip_configuration: Reference,
    /// The port.
    pub frontend_port: Reference,
    /// `Http` or `Https`.
    pub protocol: String,
    /// The hosts.
    pub host_names: Vec<String>,
    /// The certificate, for `Https`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_certificate: Option<Reference>,
    /// Whether clients must name the host in the handshake of TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_server_name_indication: Option<bool>,
}

/// Where clients are sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedirectConfiguration {
    /// `Permanent`: status 301.
    pub redirect_type: String,
    /// The listener that answers there.
    pub target_listener: Reference,
    /// Whether the path stays.
    pub include_path: bool,
    /// Whether the query stays.
    pub include_query_string: bool,
}

/// What becomes of the requests of a listener.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRoutingRule {
    /// `Basic`.
    pub rule_type: String,
    /// The place among the rules; each must have one of its own.
    pub priority: u32,
    /// The listener.
    pub http_listener: Reference,
    /// Where they go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_address_pool: Option<Reference>,
    /// How they go there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_http_settings: Option<Reference>,
    /// Where their clients are sent instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_configuration: Option<Reference>,
}

/// What holds for all requests of an [`ApplicationGateway`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GlobalConfiguration {
    /// Whether requests are collected before they are passed on; a firewall does so in any case.
    pub enable_request_buffering: bool,
    /// Whether answers are collected before they are passed on: never, since the tokens of a
    /// streamed answer would arrive late and in blocks
    /// (<https://learn.microsoft.com/azure/application-gateway/proxy-buffers>).
    pub enable_response_buffering: bool,
}

resource!(PublicIpAddress, PublicIpAddress);
resource!(FirewallPolicy, FirewallPolicy);
resource!(ApplicationGateway, ApplicationGateway, after);
