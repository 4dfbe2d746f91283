//! The application gateway in front of the environment, with its firewall, address and identity.

use std::collections::BTreeMap;

use super::super::Management;
use super::{Context, apps};
use crate::deployment::gateway::{REQUEST_BODY_KIB, RULE_SET};
use crate::deployment::{CertificateReader, Gateway, IdentityOrigin, SubnetUse};
use crate::resource::authorization::{Role, RoleAssignment};
use crate::resource::gateway::{
    ApplicationGateway, ApplicationGatewayProperties, Autoscale, BackendAddress,
    BackendHttpSettings, BackendPool, Exclusion, FirewallPolicy, FirewallPolicyProperties,
    FrontendAddress, GatewayProbe, GatewaySku, GlobalConfiguration, HttpListener, ManagedRules,
    Part, PolicySettings, Port, ProbeMatch, PublicIpAddress, PublicIpAddressProperties,
    PublicIpAddressSku, RedirectConfiguration, RequestRoutingRule, RuleSet, SslCertificate,
    SslPolicy, SubnetReference,
};
use crate::resource::identity::{AssignedIdentities, UserAssignedIdentity};
use crate::resource::network::Reference;
use crate::resource::vault::{Vault, VaultProperties, VaultSku};
use crate::resource::{AnyResource, ResourceId, Text};
use crate::routes::HEALTH_PATH;

/// The size class: the only one that has a firewall
/// (<https://learn.microsoft.com/azure/application-gateway/overview-v2>).
const SKU: &str = "WAF_v2";

/// TLS 1.2 and later; what Azure takes by default since 2023
/// (<https://learn.microsoft.com/azure/application-gateway/application-gateway-ssl-policy-overview>).
const TLS_POLICY: &str = "AppGwSslPolicy20220101";

/// The names of the gateway's parts.
const HTTP: &str = "http";
const HTTPS: &str = "https";
const PUBLIC: &str = "public";
const FRONT_DOOR: &str = "front-door";

/// Everything about the gateway; nothing without one.
pub(super) fn resources(context: &Context<'_>) -> Vec<(AnyResource, Management)> {
    let Some(settings) = context.deployment.gateway() else {
        return Vec::new();
    };
    let Some(origin) = &context.deployment.public().origin else {
        return Vec::new();
    };
    let Some(subnet) = context.subnet(SubnetUse::Gateway) else {
        return Vec::new();
    };
    let (identity, management) = identity(context, settings);
    let role = reader_role(context, settings);
    let gateway = ApplicationGateway {
        id: context.gateway(),
        after: role.iter().map(|role| role.id.clone()).collect(),
        location: context.location(),
        tags: context.tags.clone(),
        zones: settings.zones.clone(),
        identity: AssignedIdentities::of(std::slice::from_ref(&identity.id)),
        properties: properties(context, settings, origin.host(), &subnet),
    };
    let managed = [
        Some(AnyResource::from(address(context, settings))),
        Some(firewall(context, settings).into()),
        role.map(AnyResource::from),
        Some(gateway.into()),
    ];
    let managed = managed.into_iter().flatten();
    let existing = [
        Some((identity.into(), management)),
        vault(context, settings).map(|vault| (vault.into(), Management::Existing)),
    ];
    existing
        .into_iter()
        .flatten()
        .chain(managed.map(|resource| (resource, Management::Managed)))
        .collect()
}

fn identity(context: &Context<'_>, settings: &Gateway) -> (UserAssignedIdentity, Management) {
    let origin = settings.reader.origin();
    let management = match origin {
        IdentityOrigin::Managed => Management::Managed,
        IdentityOrigin::Existing(_) => Management::Existing,
    };
    let identity = UserAssignedIdentity {
        id: context.gateway_identity(&origin),
        location: context.location(),
        tags: context.tags.clone(),
    };
    (identity, management)
}

/// The vault of somebody else that has the certificate. Nothing of it is written or compared, but it
/// must be there.
fn vault(context: &Context<'_>, settings: &Gateway) -> Option<Vault> {
    let CertificateReader::OnVault(id) = &settings.reader else {
        return None;
    };
    Some(Vault {
        id: id.clone(),
        location: context.location(),
        tags: BTreeMap::new(),
        properties: VaultProperties {
            tenant_id: Text::default(),
            sku: VaultSku {
                family: "A".to_owned(),
                name: "standard".to_owned(),
            },
            enable_rbac_authorization: true,
            public_network_access: "Enabled".to_owned(),
            soft_delete_retention_in_days: 90,
            enable_purge_protection: None,
        },
    })
}

/// The role of an identity of our own on the vault of the certificate.
fn reader_role(context: &Context<'_>, settings: &Gateway) -> Option<RoleAssignment> {
    let vault = match &settings.reader {
        CertificateReader::OnDeploymentVault => context.vault(),
        CertificateReader::OnVault(id) => id.clone(),
        CertificateReader::Existing(_) => return None,
    };
    let identity = context.gateway_identity(&IdentityOrigin::Managed);
    Some(RoleAssignment::new(
        &vault,
        &identity,
        Role::KeyVaultSecretsUser,
    ))
}

fn address(context: &Context<'_>, settings: &Gateway) -> PublicIpAddress {
    PublicIpAddress {
        id: context.gateway_address(),
        location: context.location(),
        tags: context.tags.clone(),
        sku: PublicIpAddressSku {
            name: "Standard".to_owned(),
            tier: "Regional".to_owned(),
        },
        zones: settings.zones.clone(),
        properties: PublicIpAddressProperties {
            allocation_method: "Static".to_owned(),
            version: "IPv4".to_owned(),
        },
    }
}

fn rule_set() -> RuleSet {
    let (name, version) = RULE_SET;
    RuleSet {
        rule_set_type: name.to_owned(),
        rule_set_version: version.to_owned(),
    }
}

/// The firewall's policy.
///
/// A prompt is text in which SQL, HTML and shell commands are ordinary, and a workflow is code. Rules
/// that look for them in the values of arguments refuse both, so these values are left out unless
/// the file says otherwise; paths, headers, cookies and names of arguments are judged.
///
/// Bodies that are no files may be as large as nginx takes them, which is more than the firewall can
/// be told, so that it sets no limit of its own unless the file has one. It looks as deep into them
/// as it can.
fn firewall(context: &Context<'_>, settings: &Gateway) -> FirewallPolicy {
    let limit = settings.request_body_kibibytes();
    let most = REQUEST_BODY_KIB.1;
    let exclusion = Exclusion {
        match_variable: "RequestArgValues".to_owned(),
        selector_match_operator: "EqualsAny".to_owned(),
        selector: "*".to_owned(),
        exclusion_managed_rule_sets: vec![rule_set()],
    };
    let exclusions = if settings.inspects_arguments {
        Vec::new()
    } else {
        vec![exclusion]
    };
    FirewallPolicy {
        id: context.gateway_firewall(),
        location: context.location(),
        tags: context.tags.clone(),
        properties: FirewallPolicyProperties {
            policy_settings: PolicySettings {
                state: "Enabled".to_owned(),
                mode: settings.mode.as_str().to_owned(),
                request_body_check: true,
                request_body_inspect_limit: limit.unwrap_or(most),
                request_body_enforcement: limit.is_some(),
                max_request_body_size: limit.unwrap_or(most),
                file_upload_enforcement: true,
                file_upload_limit: settings.file_upload_mebibytes(),
            },
            managed_rules: ManagedRules {
                managed_rule_sets: vec![rule_set()],
                exclusions,
            },
        },
    }
}

/// The parts of the gateway, which refer to each other.
struct Parts(ResourceId);

impl Parts {
    fn of(&self, collection: &str, name: &str) -> Reference {
        Reference::from(&self.0.child(collection, name))
    }

    fn listener(&self, name: &str, host: &str) -> HttpListener {
        let is_https = name == HTTPS;
        HttpListener {
            frontend_ip_configuration: self.of("frontendIPConfigurations", PUBLIC),
            frontend_port: self.of("frontendPorts", name),
            protocol: if is_https { "Https" } else { "Http" }.to_owned(),
            host_names: vec![host.to_owned()],
            ssl_certificate: is_https.then(|| self.of("sslCertificates", PUBLIC)),
            require_server_name_indication: is_https.then_some(true),
        }
    }

    /// Plain http is sent to https for good, and https to the environment.
    fn rules(&self) -> Vec<Part<RequestRoutingRule>> {
        let rule = |name: &str, priority: u32| RequestRoutingRule {
            rule_type: "Basic".to_owned(),
            priority,
            http_listener: self.of("httpListeners", name),
            backend_address_pool: None,
            backend_http_settings: None,
            redirect_configuration: None,
        };
        let to_environment = RequestRoutingRule {
            backend_address_pool: Some(self.of("backendAddressPools", FRONT_DOOR)),
            backend_http_settings: Some(self.of("backendHttpSettingsCollection", FRONT_DOOR)),
            ..rule(HTTPS, 10)
        };
        let to_https = RequestRoutingRule {
            redirect_configuration: Some(self.of("redirectConfigurations", HTTPS)),
            ..rule(HTTP, 20)
        };
        vec![Part::new(HTTPS, to_environment), Part::new(HTTP, to_https)]
    }

    fn redirect(&self) -> RedirectConfiguration {
        RedirectConfiguration {
            redirect_type: "Permanent".to_owned(),
            target_listener: self.of("httpListeners", HTTPS),
            include_path: true,
            include_query_string: true,
        }
    }
}

fn properties(
    context: &Context<'_>,
    settings: &Gateway,
    host: &str,
    subnet: &ResourceId,
) -> ApplicationGatewayProperties {
    let parts = Parts(context.gateway());
    let certificate = SslCertificate {
        key_vault_secret_id: settings.certificate.to_string(),
    };
    // An internal environment has one address, and its ingress tells the apps apart by their
    // names (learn.microsoft.com container-apps/waf-app-gateway).
    let environment = BackendPool {
        backend_addresses: vec![BackendAddress {
            ip_address: Text::property(&context.environment(), "/properties/staticIp"),
        }],
    };
    let subnet = SubnetReference {
        subnet: Reference::from(subnet),
    };
    let address = FrontendAddress {
        public_ip_address: Reference::from(&context.gateway_address()),
    };
    ApplicationGatewayProperties {
        sku: GatewaySku {
            name: SKU.to_owned(),
            tier: SKU.to_owned(),
        },
        autoscale_configuration: Autoscale {
            min_capacity: settings.instances.min,
            max_capacity: settings.instances.max,
        },
        ssl_policy: SslPolicy {
            policy_type: "Predefined".to_owned(),
            policy_name: TLS_POLICY.to_owned(),
        },
        enable_http2: true,
        gateway_ip_configurations: vec![Part::new("subnet", subnet)],
        frontend_ip_configurations: vec![Part::new(PUBLIC, address)],
        frontend_ports: vec![
            Part::new(HTTPS, Port { port: 443 }),
            Part::new(HTTP, Port { port: 80 }),
        ],
        ssl_certificates: vec![Part::new(PUBLIC, certificate)],
        backend_address_pools: vec![Part::new(FRONT_DOOR, environment)],
        backend_http_settings_collection: vec![Part::new(
            FRONT_DOOR,
            backend(context, settings, &parts),
        )],
        probes: vec![Part::new(FRONT_DOOR, probe())],
        http_listeners: vec![
            Part::new(HTTPS, parts.listener(HTTPS, host)),
            Part::new(HTTP, parts.listener(HTTP, host)),
        ],
        redirect_configurations: vec![Part::new(HTTPS, parts.redirect())],
        request_routing_rules: parts.rules(),
        firewall_policy: Reference::from(&context.gateway_firewall()),
        global_configuration: GlobalConfiguration {
            enable_request_buffering: true,
            enable_response_buffering: false,
        },
    }
}

/// The environment is asked over https under the name of the app of nginx: its certificate is one of
/// a public authority, so nothing of it has to be uploaded
/// (<https://learn.microsoft.com/azure/application-gateway/ssl-overview>).
fn backend(context: &Context<'_>, settings: &Gateway, parts: &Parts) -> BackendHttpSettings {
    BackendHttpSettings {
        port: 443,
        protocol: "Https".to_owned(),
        cookie_based_affinity: "Disabled".to_owned(),
        request_timeout: settings.request_timeout,
        host_name: apps::front_door(context),
        pick_host_name_from_backend_address: false,
        probe: parts.of("probes", FRONT_DOOR),
    }
}

/// nginx answers the probe by itself: a gateway that took it away while Dify starts anew would
/// answer 502 for pages that nginx can still give.
fn probe() -> GatewayProbe {
    GatewayProbe {
        protocol: "Https".to_owned(),
        path: HEALTH_PATH.to_owned(),
        interval: 30,
        timeout: 30,
        unhealthy_threshold: 3,
        pick_host_name_from_backend_http_settings: true,
        expected: ProbeMatch {
            status_codes: vec!["200".to_owned()],
        },
    }
}
