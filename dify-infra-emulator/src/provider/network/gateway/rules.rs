//! The rules of application gateways and of their firewall policies.

use crate::rules::Rule;

/// Every rule of gateways and firewall policies.
pub(crate) const RULES: &[Rule] = &[
    WAF_RULE_SET,
    WAF_LIMITS,
    WAF_IN_USE,
    GATEWAY_SKU,
    GATEWAY_RETIRED,
    GATEWAY_CAPACITY,
    GATEWAY_SUBNET,
    GATEWAY_DELEGATION,
    GATEWAY_MANAGED,
    GATEWAY_SUBNET_FULL,
    GATEWAY_ADDRESS,
    GATEWAY_FIREWALL,
    GATEWAY_NO_FIREWALL,
    GATEWAY_FIREWALL_KEPT,
    GATEWAY_IDENTITY,
    GATEWAY_CERTIFICATE,
    GATEWAY_READABLE,
    GATEWAY_NAMES,
    GATEWAY_REFERENCE,
    GATEWAY_PRIORITY,
    GATEWAY_RULE,
    GATEWAY_RULE_LISTENER,
    GATEWAY_LISTENER,
    GATEWAY_LISTENER_PORT,
    GATEWAY_PROBE,
    GATEWAY_PROBE_HOST,
    GATEWAY_PROBE_PROTOCOL,
    GATEWAY_TIMEOUT,
];

pub(in super::super) const WAF_RULE_SET: Rule = Rule::known(
    "WAF-RULE-SET",
    "A firewall policy has one rule set of OWASP or Microsoft's default, of a version that exists.",
    "learn.microsoft.com web-application-firewall/ag/application-gateway-crs-rulegroups-rules",
);
pub(in super::super) const WAF_LIMITS: Rule = Rule::known(
    "WAF-LIMITS",
    "Bodies are limited to 8-2000 KB and files to 1-4000 MB with CRS 3.2 or DRS, to 128 KB and 750 \
     MB with older rule sets.",
    "learn.microsoft.com azure-resource-manager/management/azure-subscription-service-limits, \
     azure-application-gateway-limits",
);
pub(in super::super) const WAF_IN_USE: Rule = Rule::guessed(
    "WAF-IN-USE",
    "A firewall policy can't be deleted while a gateway has it.",
    "learn.microsoft.com web-application-firewall/ag/policy-overview",
);
pub(in super::super) const GATEWAY_SKU: Rule = Rule::known(
    "AGW-SKU",
    "The name of a gateway's size belongs to its tier.",
    "Azure/azure-cli#7472",
)
.with_known_code();
pub(in super::super) const GATEWAY_RETIRED: Rule = Rule::known(
    "AGW-SKU-RETIRED",
    "Gateways of the sizes Standard and WAF can't be created any more.",
    "MicrosoftDocs/azure-dev-docs#1388; hashicorp/terraform-provider-azurerm#27222",
)
.with_known_code();
pub(in super::super) const GATEWAY_CAPACITY: Rule = Rule::known(
    "AGW-CAPACITY",
    "A gateway has either a capacity of 1-125 or a range of 0-125 to 2-125 instances.",
    "Azure/bicep-types-az ApplicationGatewayAutoscaleConfiguration; learn.microsoft.com \
     azure-resource-manager/management/azure-subscription-service-limits",
);
pub(in super::super) const GATEWAY_SUBNET: Rule = Rule::known(
    "AGW-SUBNET",
    "A gateway is in one subnet of its region that holds gateways alone.",
    "learn.microsoft.com application-gateway/configuration-infrastructure; public deployment logs",
)
.with_known_code();
pub(in super::super) const GATEWAY_DELEGATION: Rule = Rule::known(
    "AGW-SUBNET-DELEGATED",
    "The subnet of a gateway is delegated to no other service.",
    "learn.microsoft.com troubleshoot azure application-gateway, deployment, scaling and deletion failures",
)
.with_known_code();
pub(in super::super) const GATEWAY_MANAGED: Rule = Rule::known(
    "AGW-SUBNET-RULES",
    "A security group of a gateway's subnet admits the service GatewayManager to the ports 65200-65535.",
    "learn.microsoft.com application-gateway/configuration-infrastructure; learn.microsoft.com troubleshoot azure application-gateway, deployment, scaling and deletion failures",
)
.with_known_code();
pub(in super::super) const GATEWAY_SUBNET_FULL: Rule = Rule::known(
    "AGW-SUBNET-FULL",
    "The subnet of a gateway has an address for each of its instances; from which size on Azure refuses is a guess.",
    "learn.microsoft.com troubleshoot azure application-gateway, deployment, scaling and deletion failures",
)
.with_known_code();
pub(in super::super) const GATEWAY_ADDRESS: Rule = Rule::known(
    "AGW-ADDRESS",
    "The public address of a gateway of version 2 has the size Standard.",
    "Azure/azure-cli#12059",
)
.with_known_code();
pub(in super::super) const GATEWAY_FIREWALL: Rule = Rule::known(
    "AGW-FIREWALL",
    "A gateway of the size WAF_v2 has a firewall policy.",
    "public deployment logs; learn.microsoft.com web-application-firewall/ag/policy-overview",
)
.with_known_code();
pub(in super::super) const GATEWAY_NO_FIREWALL: Rule = Rule::known(
    "AGW-NO-FIREWALL",
    "A gateway of another size than WAF_v2 has no firewall policy.",
    "public deployment logs; learn.microsoft.com web-application-firewall/ag/policy-overview",
)
.with_known_code();
pub(in super::super) const GATEWAY_FIREWALL_KEPT: Rule = Rule::known(
    "AGW-FIREWALL-KEPT",
    "A gateway that has a firewall policy can get another one and can't lose it.",
    "pagopa-archive/io-infrastructure-live-new#267; hashicorp/terraform-provider-azurerm#11039",
)
.with_known_code();
pub(in super::super) const GATEWAY_IDENTITY: Rule = Rule::known(
    "AGW-IDENTITY",
    "A gateway with a certificate in a key vault has one user-assigned identity.",
    "learn.microsoft.com application-gateway/key-vault-certs; public deployment logs",
)
.with_known_code();
pub(in super::super) const GATEWAY_CERTIFICATE: Rule = Rule::known(
    "AGW-CERTIFICATE",
    "A keyVaultSecretId is https://<vault>.vault.azure.net/secrets/<name>, with or without a version.",
    "learn.microsoft.com application-gateway/key-vault-certs",
);
pub(in super::super) const GATEWAY_READABLE: Rule = Rule::known(
    "AGW-CERTIFICATE-READABLE",
    "A gateway's identity can read its certificate when the write begins; otherwise the operation \
     fails, and the gateway with it.",
    "MicrosoftDocs/azure-docs#33157; mspnp/aks-baseline#242",
)
.with_known_code();
pub(in super::super) const GATEWAY_NAMES: Rule = Rule::known(
    "AGW-NAMES",
    "Each part of a gateway has a name of its own in its list.",
    "learn.microsoft.com templates/microsoft.network/applicationgateways",
);
pub(in super::super) const GATEWAY_REFERENCE: Rule = Rule::known(
    "AGW-REFERENCE",
    "A part of a gateway that another part refers to is in the same body.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-not-found",
)
.with_known_code();
pub(in super::super) const GATEWAY_PRIORITY: Rule = Rule::known(
    "AGW-PRIORITY",
    "Each request routing rule has a priority of its own.",
    "aztfm/terraform-azurerm-application-gateway#10; learn.microsoft.com \
     application-gateway/multiple-site-overview",
)
.with_known_code();
pub(in super::super) const GATEWAY_RULE: Rule = Rule::known(
    "AGW-RULE",
    "A request routing rule has a listener, and leads to a pool with settings, to a redirect or to a path map.",
    "learn.microsoft.com application-gateway/configuration-request-routing-rules",
);
pub(in super::super) const GATEWAY_RULE_LISTENER: Rule = Rule::known(
    "AGW-RULE-LISTENER",
    "Each request routing rule has a listener of its own.",
    "aztfm/terraform-azurerm-application-gateway#9; hashicorp/terraform-provider-azurerm#8767",
)
.with_known_code();
pub(in super::super) const GATEWAY_LISTENER: Rule = Rule::known(
    "AGW-LISTENER",
    "A listener has an address, a port, and for https alone a certificate.",
    "learn.microsoft.com application-gateway/configuration-listeners",
);
pub(in super::super) const GATEWAY_LISTENER_PORT: Rule = Rule::known(
    "AGW-LISTENER-PORT",
    "Listeners of one port differ in their hosts.",
    "Azure/application-gateway-kubernetes-ingress#692",
)
.with_known_code();
pub(in super::super) const GATEWAY_PROBE: Rule = Rule::known(
    "AGW-PROBE",
    "A probe has a path, not both a host and that of the settings, 1-86400 seconds and a threshold of 1-20.",
    "learn.microsoft.com application-gateway/application-gateway-probe-overview; Azure/bicep-types-az ApplicationGatewayProbePropertiesFormat",
);
pub(in super::super) const GATEWAY_PROBE_HOST: Rule = Rule::known(
    "AGW-PROBE-HOST",
    "A probe has a host unless it takes that of the settings.",
    "public deployment logs; learn.microsoft.com application-gateway/application-gateway-probe-overview",
)
.with_known_code();
pub(in super::super) const GATEWAY_PROBE_PROTOCOL: Rule = Rule::known(
    "AGW-PROBE-PROTOCOL",
    "A probe speaks the protocol of the settings that use it.",
    "Azure/application-gateway-kubernetes-ingress#851, #1048",
)
.with_known_code();
pub(in super::super) const GATEWAY_TIMEOUT: Rule = Rule::known(
    "AGW-TIMEOUT",
    "A request may take 1-86400 seconds.",
    "Azure/bicep-types-az ApplicationGatewayBackendHttpSettingsPropertiesFormat",
);
