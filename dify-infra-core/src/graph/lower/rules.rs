//! What may go into the subnets of our own network and out of them.
//!
//! Container Apps' own needs: <https://learn.microsoft.com/azure/container-apps/firewall-integration>.
//! Azure's DNS (168.63.129.16) is outside of these rules.

use ipnet::IpNet;

use crate::deployment::{AddressPlan, Deployment, FrontDoor, SubnetUse};
use crate::egress::ExceptionTarget;
use crate::resource::network::{SecurityRule, SecurityRuleProperties};

/// The ports of the data services: PostgreSQL, Redis, storage with vault and registry.
const DATA_PORTS: [&str; 3] = ["5432", "10000", "443"];

/// The ports of the environment's http ingress, as clients and as its load balancer use them.
const INGRESS_PORTS: [&str; 4] = ["80", "443", "31080", "31443"];

/// The tag of everything that is part of the network or connected with it.
const NETWORK: &str = "VirtualNetwork";

/// Where names may lead that the file lets the proxy through to
/// (<https://www.rfc-editor.org/rfc/rfc1918>).
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// The last place among the rules, before Azure's own.
const LAST: u16 = 4096;

/// The rules of a subnet.
pub(super) fn of(
    deployment: &Deployment,
    plan: &AddressPlan,
    subnet: SubnetUse,
) -> Vec<SecurityRule> {
    match subnet {
        SubnetUse::Apps => apps(deployment, plan),
        SubnetUse::Endpoints => endpoints(plan),
        SubnetUse::Gateway => gateway(plan),
    }
}

/// A rule on its way.
struct Draft(SecurityRule);

fn inbound(priority: u16, name: &str, description: &str) -> Draft {
    Draft::new(("Inbound", "Allow"), priority, name, description)
}

fn outbound(priority: u16, name: &str, description: &str) -> Draft {
    Draft::new(("Outbound", "Allow"), priority, name, description)
}

impl Draft {
    fn new(
        (direction, access): (&str, &str),
        priority: u16,
        name: &str,
        description: &str,
    ) -> Self {
        Self(SecurityRule {
            name: name.to_owned(),
            properties: SecurityRuleProperties {
                description: description.to_owned(),
                protocol: "*".to_owned(),
                source_port_range: "*".to_owned(),
                source_address_prefix: Some("*".to_owned()),
                source_address_prefixes: Vec::new(),
                destination_address_prefix: Some("*".to_owned()),
                destination_address_prefixes: Vec::new(),
                destination_port_range: Some("*".to_owned()),
                destination_port_ranges: Vec::new(),
                access: access.to_owned(),
                priority,
                direction: direction.to_owned(),
            },
        })
    }

    fn denied(mut self) -> Self {
        "Deny".clone_into(&mut self.0.properties.access);
        self
    }

    fn from(mut self, source: &str) -> Self {
        self.0.properties.source_address_prefix = Some(source.to_owned());
        self
    }

    fn to(mut self, destination: &str) -> Self {
        self.0.properties.destination_address_prefix = Some(destination.to_owned());
        self
    }

    fn towards(mut self, destinations: Vec<String>) -> Self {
        self.0.properties.destination_address_prefix = None;
        self.0.properties.destination_address_prefixes = destinations;
        self
    }

    /// Over TCP to these ports.
    fn tcp(mut self, ports: &[&str]) -> SecurityRule {
        let properties = &mut self.0.properties;
        "Tcp".clone_into(&mut properties.protocol);
        if let [only] = ports {
            properties.destination_port_range = Some((*only).to_owned());
        } else {
            properties.destination_port_range = None;
            properties.destination_port_ranges =
                ports.iter().map(|port| (*port).to_owned()).collect();
        }
        self.0
    }

    /// Over every protocol to every port.
    fn any(self) -> SecurityRule {
        self.0
    }
}

fn apps(deployment: &Deployment, plan: &AddressPlan) -> Vec<SecurityRule> {
    let own = plan.apps.to_string();
    let own = own.as_str();
    let is_public = deployment
        .network()
        .is_some_and(|network| network.front_door == FrontDoor::Public);
    let clients = match deployment.gateway() {
        // Whoever came another way would pass by the firewall of the gateway.
        Some(_) => plan.gateway.to_string(),
        // Microsoft says that requests from the internet pass by the subnet, and its staff that its
        // rules count (learn.microsoft.com container-apps/firewall-integration, answers/questions/
        // 2277906): open to everybody is right in both cases.
        None if is_public => "*".to_owned(),
        None => NETWORK.to_owned(),
    };
    let mut rules = vec![
        inbound(100, "AllowFrontDoor", "Clients of the front door")
            .from(&clients)
            .to(own)
            .tcp(&INGRESS_PORTS),
        inbound(
            110,
            "AllowEnvironmentIn",
            "Apps and the platform among themselves",
        )
        .from(own)
        .to(own)
        .any(),
        inbound(
            120,
            "AllowLoadBalancer",
            "Health probes of the environment's load balancer",
        )
        .from("AzureLoadBalancer")
        .to(own)
        .tcp(&["30000-32767"]),
        inbound(LAST, "DenyOthers", "Nothing else of the network comes in")
            .denied()
            .to(own)
            .any(),
        outbound(
            100,
            "AllowEnvironmentOut",
            "Apps and the platform among themselves",
        )
        .from(own)
        .to(own)
        .any(),
    ];
    if deployment.uses_subnet(SubnetUse::Endpoints) {
        rules.push(
            outbound(
                110,
                "AllowDataServices",
                "Private endpoints of the data services",
            )
            .from(own)
            .to(&plan.endpoints.to_string())
            .tcp(&DATA_PORTS),
        );
    }
    let platform = [
        (120, "AllowPlatformImages", "MicrosoftContainerRegistry"),
        (
            130,
            "AllowPlatformImageContent",
            "AzureFrontDoor.FirstParty",
        ),
        (140, "AllowIdentity", "AzureActiveDirectory"),
        (150, "AllowMonitoring", "AzureMonitor"),
    ];
    rules.extend(platform.map(|(priority, name, tag)| {
        outbound(priority, name, "Needed by Container Apps")
            .from(own)
            .to(tag)
            .tcp(&["443"])
    }));
    let allowed = allowed_networks(deployment);
    if !allowed.is_empty() {
        rules.push(
            outbound(
                200,
                "AllowExceptions",
                "Private destinations that the file allows",
            )
            .from(own)
            .towards(allowed)
            .any(),
        );
    }
    rules.push(
        outbound(
            LAST,
            "DenyNetwork",
            "Code of users reaches nothing else of the network",
        )
        .denied()
        .from(own)
        .to(NETWORK)
        .any(),
    );
    rules
}

/// The private addresses that the file lets the proxy through to. A host name can't stand in a
/// rule, so with one all private addresses are open, to code that passes by the proxy too: rule
/// SSR012 says so.
fn allowed_networks(deployment: &Deployment) -> Vec<String> {
    let exceptions = deployment.egress().exceptions();
    let networks = exceptions.iter().map(|exception| match exception.target() {
        ExceptionTarget::Network(network @ IpNet::V4(_)) => vec![network.to_string()],
        ExceptionTarget::Network(IpNet::V6(_)) => Vec::new(),
        ExceptionTarget::Domain(_) => PRIVATE.map(str::to_owned).to_vec(),
    });
    let mut networks: Vec<String> = networks.flatten().collect();
    networks.sort();
    networks.dedup();
    networks
}

fn endpoints(plan: &AddressPlan) -> Vec<SecurityRule> {
    let own = plan.endpoints.to_string();
    vec![
        inbound(100, "AllowApps", "Apps reach their data services")
            .from(&plan.apps.to_string())
            .to(&own)
            .tcp(&DATA_PORTS),
        inbound(LAST, "DenyOthers", "Nobody else reaches the data services")
            .denied()
            .to(&own)
            .any(),
    ]
}

/// What a gateway of version 2 needs: its clients, the ports by which Azure manages it, the probes
/// of Azure's load balancer, and everything outwards
/// (<https://learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups>).
fn gateway(plan: &AddressPlan) -> Vec<SecurityRule> {
    let own = plan.gateway.to_string();
    vec![
        inbound(100, "AllowClients", "Everybody reaches the listeners")
            .to(&own)
            .tcp(&["80", "443"]),
        inbound(110, "AllowGatewayManager", "Azure manages the gateway")
            .from("GatewayManager")
            .tcp(&["65200-65535"]),
        inbound(
            120,
            "AllowLoadBalancer",
            "Health probes of Azure's load balancer",
        )
        .from("AzureLoadBalancer")
        .any(),
        inbound(LAST, "DenyOthers", "Nothing else comes in")
            .denied()
            .any(),
    ]
}
