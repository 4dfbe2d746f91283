//! Rules about the application gateway: what it stands in front of, and that limits fit together.

use super::rule::{Family, Rule, Sample};
use crate::deployment::{
    Deployment, FirewallMode, FrontDoor, Gateway, INGRESS_REQUEST_SECONDS, NetworkPlace, Profile,
    SubnetUse, has_zones,
};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

const ERROR: Rule = Rule::of(Family::Net, Severity::Error);

/// A gateway of a dev deployment, without what the samples change.
macro_rules! sample {
    ($($more:literal),* $(,)?) => {
        Sample::part(concat!(
            "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
             certificate = \"https://contoso.vault.azure.net/secrets/dify\"\n\
             vault = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
             providers/Microsoft.KeyVault/vaults/contoso\"",
            $($more),*
        ))
    };
}

/// A gateway of production.
macro_rules! prod {
    ($($more:literal),* $(,)?) => {
        Sample::file(concat!(
            "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"japaneast\"\n\n[azure]\n\
             resource_group = \"dify-prod-rg\"\n\n[public]\norigin = \"https://dify.example.com\"\n\n\
             [gateway]\ncertificate = \"https://contoso.vault.azure.net/secrets/dify\"\n\
             vault = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
             providers/Microsoft.KeyVault/vaults/contoso\"\n",
            $($more),*
        ))
    };
}

const ORIGIN: Rule = Rule {
    id: "NET030",
    title: "A gateway listens for the public origin",
    why: "The gateway answers one host over https, and Dify's links lead there. Without an origin \
          there is no host to listen for, and one over http or on another port would have no \
          listener.",
    source: "learn.microsoft.com application-gateway/multiple-site-overview",
    fix: "Write `origin = \"https://<host>\"` under `[public]`.",
    bad: Sample::part(
        "[gateway]\ncertificate = \"https://contoso.vault.azure.net/secrets/dify\"\n\
         identity = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway\"",
    ),
    good: sample!(),
    check: Some(origin),
    ..ERROR
};

pub(crate) const CERTIFICATE: Rule = Rule {
    id: "NET031",
    title: "The gateway's certificate is a secret of a key vault",
    why: "Key Vault keeps a certificate under three addresses, and only that of the secret has the \
          private key. The gateway fails after minutes when it is given another one.",
    source: "learn.microsoft.com application-gateway/key-vault-certs, \
             key-vault/certificates/about-certificates",
    fix: "Write https://<vault>.vault.azure.net/secrets/<name>.",
    bad: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
         certificate = \"https://contoso.vault.azure.net/certificates/dify\"\n\
         identity = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway\"",
    ),
    good: sample!(),
    ..ERROR
};

const RENEWAL: Rule = Rule {
    id: "NET032",
    title: "The gateway takes renewed certificates",
    why: "Every four hours a gateway asks the vault for a newer version of the certificate, but only \
          when its id names none. With a version it serves that one until it has expired.",
    source: "learn.microsoft.com application-gateway/key-vault-certs",
    fix: "Remove the version from the end of the id.",
    bad: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
         certificate = \"https://contoso.vault.azure.net/secrets/dify/\
         0123456789abcdef0123456789abcdef\"\n\
         identity = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway\"",
    ),
    good: sample!(),
    check: Some(renewal),
    ..Rule::of(Family::Net, Severity::Warning)
};

pub(crate) const READER: Rule = Rule {
    id: "NET033",
    title: "Somebody may read the gateway's certificate",
    why: "A gateway reads its certificate with a user-assigned identity, which needs the role \"Key \
          Vault Secrets User\" on the vault. Azure refuses the gateway otherwise, after everything \
          else is made.",
    source: "learn.microsoft.com application-gateway/key-vault-certs; \
             MicrosoftDocs/azure-docs#33157",
    fix: "Give the id of the vault as `gateway.vault`, or that of an identity which has the role as \
          `gateway.identity`.",
    bad: Sample::part(
        "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
         certificate = \"https://contoso.vault.azure.net/secrets/dify\"",
    ),
    good: sample!(),
    ..ERROR
};

const AROUND: Rule = Rule {
    id: "NET034",
    title: "Nobody passes by the gateway",
    why: "An environment with a public address answers everybody who asks it directly, whatever \
          the firewall in front would refuse; and what it sees of a gateway then is a public \
          address, which can't be told from a stranger's.",
    source: "learn.microsoft.com container-apps/waf-app-gateway",
    fix: "Remove `front_door = \"public\"`: with a gateway the environment is internal.",
    bad: sample!("\n\n[network]\nfront_door = \"public\""),
    good: sample!("\n\n[network]\nfront_door = \"internal\""),
    check: Some(around),
    ..ERROR
};

pub(crate) const INSTANCES: Rule = Rule {
    id: "NET035",
    title: "A gateway has up to 125 instances",
    why: "Azure takes 0 to 125 instances at least and 2 to 125 at most, and refuses a range whose \
          ends are the wrong way round.",
    source: "learn.microsoft.com azure-resource-manager/management/azure-subscription-service-limits; \
             Azure/bicep-types-az ApplicationGatewayAutoscaleConfiguration",
    fix: "Give a `min` that is not above `max`, and a `max` from 2 to 125.",
    bad: sample!("\ninstances = { min = 3, max = 2 }"),
    good: sample!("\ninstances = { min = 2, max = 3 }"),
    ..ERROR
};

pub(crate) const SUBNET: Rule = Rule {
    id: "NET036",
    title: "A gateway has a subnet with an address for each instance",
    why: "A gateway shares its subnet with nothing, and takes an address for each instance beside \
          the five that Azure keeps. One that is too small stops the scaling when it is needed \
          most. The front door believes who asks from there, so it must know the range.",
    source: "learn.microsoft.com application-gateway/configuration-infrastructure",
    fix: "Give the id of the subnet as `network.subnets.gateway`, and its range as \
          `gateway.subnet_range`; a /24 has room for everything.",
    bad: Sample::part(concat!(
        "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
         certificate = \"https://contoso.vault.azure.net/secrets/dify\"\n\
         identity = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway\"\n\
         subnet_range = \"10.0.0.0/29\"\n\n[network]\n",
        "existing = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke\"\n\
         subnets.apps = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke/subnets/apps\"\n\
         subnets.gateway = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke/subnets/gateway\"",
        "\n\n# ten instances and five addresses of Azure need a /28\n[gateway.instances]\nmax = 10"
    )),
    good: Sample::part(concat!(
        "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
         certificate = \"https://contoso.vault.azure.net/secrets/dify\"\n\
         identity = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.ManagedIdentity/userAssignedIdentities/gateway\"\n\
         subnet_range = \"10.0.0.0/24\"\n\n[network]\n",
        "existing = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke\"\n\
         subnets.apps = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke/subnets/apps\"\n\
         subnets.gateway = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
         providers/Microsoft.Network/virtualNetworks/spoke/subnets/gateway\""
    )),
    check: Some(subnet),
    ..ERROR
};

const ZONES: Rule = Rule {
    id: "NET037",
    title: "Production's gateway is in several zones",
    why: "The gateway is the only way in. With all instances in one zone it is gone with that zone, \
          whatever is redundant behind it, and zones can't be added later.",
    source: "learn.microsoft.com reliability/reliability-application-gateway-v2",
    fix: "Remove `gateway.zones`, or name two zones or more.",
    bad: prod!("zones = [\"1\"]\n"),
    good: prod!("zones = [\"1\", \"2\"]\n"),
    check: Some(zones),
    ..Rule::of(Family::Net, Severity::Warning)
};

const DETECTION: Rule = Rule {
    id: "NET038",
    title: "Production's firewall refuses attacks",
    why: "In detection the firewall writes down what it would refuse, and lets it pass. That is for \
          the time in which its rules are fitted to what users send.",
    source: "learn.microsoft.com web-application-firewall/ag/ag-overview",
    fix: "Write `mode = \"prevention\"`, or allow this rule with the date on which you will.",
    bad: prod!("mode = \"detection\"\n"),
    good: prod!("mode = \"prevention\"\n"),
    check: Some(detection),
    ..Rule::of(Family::Net, Severity::Warning)
};

const PROMPTS: Rule = Rule {
    id: "NET039",
    title: "The firewall lets prompts pass",
    why: "Prompts, code nodes and documents hold SQL, HTML and shell commands as a matter of course. \
          Rules that look for them in the values of arguments answer such requests with 403, and \
          users see an application that fails with some words and works with others.",
    source: "learn.microsoft.com web-application-firewall/ag/application-gateway-waf-configuration",
    fix: "Remove `inspect_arguments`, or try it with `mode = \"detection\"` first.",
    bad: sample!("\ninspect_arguments = true"),
    good: sample!("\ninspect_arguments = true\nmode = \"detection\""),
    check: Some(prompts),
    ..Rule::of(Family::Net, Severity::Warning)
};

/// Those about reachability.
pub(super) const RULES: [&Rule; 10] = [
    &ORIGIN,
    &CERTIFICATE,
    &RENEWAL,
    &READER,
    &AROUND,
    &INSTANCES,
    &SUBNET,
    &ZONES,
    &DETECTION,
    &PROMPTS,
];

pub(super) const TIMEOUT: Rule = Rule {
    id: "LIM020",
    title: "The gateway waits as long as what is behind it",
    why: "The ingress of the environment gives a silent answer 240 seconds. A gateway that waits \
          shorter answers 504 in its place, while Dify goes on working for nobody.",
    source: "learn.microsoft.com container-apps/ingress-overview, \
             application-gateway/configuration-http-settings",
    fix: "Remove `gateway.request_timeout`, or give 240 or more.",
    bad: sample!("\nrequest_timeout = 30"),
    good: sample!("\nrequest_timeout = 240"),
    allowable: true,
    check: Some(timeout),
    ..Rule::of(Family::Lim, Severity::Error)
};

pub(super) const BODIES: Rule = Rule {
    id: "LIM021",
    title: "The gateway takes the bodies that the front door takes",
    why: "A firewall in prevention answers 413 for a body beyond its own limits, whatever nginx and \
          Dify allow: uploads and long conversations fail without a word in Dify's logs.",
    source: "learn.microsoft.com web-application-firewall/ag/\
             application-gateway-waf-request-size-limits",
    fix: "Remove `max_file_upload` and `max_request_body`, or lower `max_body_size` of the routes.",
    bad: sample!("\nmax_file_upload = \"50M\""),
    good: sample!("\nmax_file_upload = \"200M\""),
    allowable: true,
    check: Some(bodies),
    ..Rule::of(Family::Lim, Severity::Error)
};

fn path(key: &str) -> KeyPath {
    KeyPath::of("gateway").key(key)
}

fn origin(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    if deployment.gateway().is_none() {
        return;
    }
    let message = match &deployment.public().origin {
        None => "a gateway needs `public.origin`, the host that it listens for".to_owned(),
        // Plain http has a rule of its own, which is a warning where nothing ends TLS.
        Some(origin) if !origin.is_https() => {
            format!("the gateway answers https, and the origin is `{origin}`")
        }
        Some(origin) if origin.as_url().port().get() != 443 => {
            format!("the gateway listens on port 443, and the origin is `{origin}`")
        }
        Some(_) => return,
    };
    diagnostics.push(ORIGIN.finding(KeyPath::of("public.origin"), message));
}

fn renewal(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let versioned = |gateway: &&Gateway| gateway.certificate.is_versioned();
    if let Some(gateway) = deployment.gateway().filter(versioned) {
        let message = "the certificate's id names a version, which no renewal replaces";
        let help = format!("write \"{}\"", gateway.certificate.versionless());
        let finding = RENEWAL.finding(path("certificate"), message);
        diagnostics.push(finding.with_help(help));
    }
}

fn around(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_public = deployment
        .network()
        .is_some_and(|network| network.front_door == FrontDoor::Public);
    if deployment.gateway().is_some() && is_public {
        let message = "the environment answers the internet itself, beside the gateway";
        diagnostics.push(AROUND.finding(KeyPath::of("network.front_door"), message));
    }
}

/// Of an existing network; the subnets of our own have a rule together.
fn subnet(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(gateway) = deployment.gateway() else {
        return;
    };
    let place = deployment.network().map(|network| &network.place);
    let longest = deployment.longest_prefix(SubnetUse::Gateway);
    let is_small = gateway.subnet.prefix_length() > longest || !gateway.subnet.is_ipv4();
    if matches!(place, Some(NetworkPlace::Existing(_))) && is_small {
        let message = format!(
            "{} has too few addresses for {} instances: they need a /{longest}",
            gateway.subnet, gateway.instances.max
        );
        diagnostics.push(SUBNET.finding(path("subnet_range"), message));
    }
}

fn zones(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(gateway) = deployment.gateway() else {
        return;
    };
    let is_prod = deployment.profile() == Profile::Prod;
    if is_prod && has_zones(deployment.location()) && gateway.zones.len() < 2 {
        let message = match gateway.zones.as_slice() {
            [one] => format!("all instances of the gateway are in zone {one}"),
            _ => "the gateway is in no zones of the file's choice".to_owned(),
        };
        diagnostics.push(ZONES.finding(path("zones"), message));
    }
}

fn detection(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_prod = deployment.profile() == Profile::Prod;
    let detects = |gateway: &&Gateway| gateway.mode == FirewallMode::Detection;
    if is_prod && deployment.gateway().is_some_and(|one| detects(&one)) {
        let message = "the firewall of production lets attacks pass";
        diagnostics.push(DETECTION.finding(path("mode"), message));
    }
}

fn prompts(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let refuses =
        |gateway: &Gateway| gateway.inspects_arguments && gateway.mode == FirewallMode::Prevention;
    if deployment.gateway().is_some_and(refuses) {
        let message = "the firewall refuses prompts and code that look like attacks";
        diagnostics.push(PROMPTS.finding(path("inspect_arguments"), message));
    }
}

fn timeout(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(gateway) = deployment.gateway() else {
        return;
    };
    let waits = gateway.request_timeout;
    if waits < INGRESS_REQUEST_SECONDS {
        let message = format!(
            "the gateway gives a silent answer {waits} seconds, and the ingress behind it \
             {INGRESS_REQUEST_SECONDS}"
        );
        diagnostics.push(TIMEOUT.finding(path("request_timeout"), message));
    }
}

fn bodies(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(gateway) = deployment.gateway() else {
        return;
    };
    // In detection the firewall refuses nothing for its size.
    if gateway.mode == FirewallMode::Detection {
        return;
    }
    let largest = deployment.routes().largest_body();
    let limits = [
        ("max_file_upload", "files", Some(gateway.max_file_upload)),
        ("max_request_body", "other bodies", gateway.max_request_body),
    ];
    for (key, what, limit) in limits {
        let Some(limit) = limit.filter(|limit| *limit < largest) else {
            continue;
        };
        let message = format!(
            "the firewall refuses {what} beyond {}, and the front door takes {}",
            size(limit),
            size(largest)
        );
        diagnostics.push(BODIES.finding(path(key), message));
    }
}

/// A size in the notation of the file.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{}M", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}K", bytes >> 10),
        _ => bytes.to_string(),
    }
}
