//! Names, ports and reachability.

use std::collections::BTreeMap;

use super::super::inventory::{Fact, FileKind, Inventory, WorkloadKind, to_port};
use super::super::recognise::{Role, image_parts};
use super::super::report::Findings;
use super::calls::{self, Call, Naming, Target, calls, listens_on};
use super::{DAEMON, label, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;
use crate::values::Cidr;

const ERROR: Rule = Rule::of(Family::Net, Severity::Error);
const WARNING: Rule = Rule::of(Family::Net, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &NOBODY,
    &CALLED_PORT,
    &NO_INGRESS,
    &REDIRECTED,
    &TCP_BY_FQDN,
    &EXTERNAL_NAME,
    &HTTP_ONLY,
    &EXPOSED_PORT,
    &EXTERNAL_TCP,
    &DUPLICATE_PORT,
    &APP_NAME,
    &SUBNET,
    &TARGET_PORT,
    &HOST_HEADER,
    &OLD_ADDRESS,
    &RATIONED,
    &WRONG_SERVICE,
    &DEBUG_PORT,
    &PACKAGES,
    &NO_SCHEME,
];

/// Characters of an app's name at most.
const LONGEST_NAME: usize = 32;

const NOBODY: Rule = Rule {
    id: "NET101",
    title: "Every internal URL leads to a service that exists",
    why: "A name that no app has is found out at the first request only: \"name or service not known\", \
          or 404 \"Container App stopped or does not exist\".",
    source: "microsoft/azure-container-apps#1298, #1315; kei1-dev/azure-dify troubleshooting guide",
    fix: "Use the name of the app that is meant; underscores of compose names are no part of app names.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: http://dify-sandbox:8194",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: http://sandbox:8194",
    ),
    audit: Some(|inventory, found| each(inventory, found, nobody)),
    ..ERROR
};

const CALLED_PORT: Rule = Rule {
    id: "NET102",
    title: "Every internal URL has the port that is listened on",
    why: "An http ingress listens on 80 and 443 whatever the container's port is; a tcp ingress on its \
          exposed port alone. Every other port times out.",
    source: "microsoft/azure-container-apps#540; langgenius/dify#6244; nikawang/dify-azure-terraform#1",
    fix: "Give internal services `transport: tcp` with `exposedPort`, and call that port by the app's name.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"transport": "Tcp"}}}}]"#,
    ),
    audit: Some(|inventory, found| each(inventory, found, called_port)),
    ..ERROR
};

const NO_INGRESS: Rule = Rule {
    id: "NET103",
    title: "Whoever is called has an ingress",
    why: "An app without ingress has no name in its environment: nobody can reach it.",
    source: "microsoft/azure-container-apps#276, #135; DFE-Digital/terraform-azurerm-container-apps-hosting#99",
    fix: "Give the app an internal ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": null}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(|inventory, found| each(inventory, found, no_ingress)),
    ..ERROR
};

const REDIRECTED: Rule = Rule {
    id: "NET104",
    title: "Plain http is not redirected",
    why: "An http ingress answers plain http with a redirect to https unless `allowInsecure` is set; \
          a POST becomes a GET on the way, and the body is lost.",
    source: "learn.microsoft.com container-apps/ingress-overview; kei1-dev/azure-dify",
    fix: "Set `allowInsecure: true` on the internal app, or use a tcp ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null}}, "template": {"containers": [{"name": "api"}]}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DIFY_INNER_API_URL", "value": "http://dify-dev-api"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(|inventory, found| each(inventory, found, redirected)),
    ..ERROR
};

const TCP_BY_FQDN: Rule = Rule {
    id: "NET105",
    title: "A tcp app is called by its bare name",
    why: "The `.internal.` name of a tcp app resolves to the environment's http entry, which does not \
          answer on its port: the call hangs.",
    source: "microsoft/azure-container-apps#540; learn.microsoft.com container-apps/connect-apps",
    fix: "Write `http://<app name>:<exposed port>`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PLUGIN_DAEMON_URL", "value": "http://dify-dev-plugin-daemon.internal.kindsea-1.japaneast.azurecontainerapps.io:5002"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PLUGIN_DAEMON_URL", "value": "http://dify-dev-plugin-daemon:5002"}]}]}}}]"#,
    ),
    audit: Some(|inventory, found| each(inventory, found, tcp_by_fqdn)),
    ..ERROR
};

const EXTERNAL_NAME: Rule = Rule {
    id: "NET106",
    title: "An internal app is called by its internal name",
    why: "Without `.internal` the name is that of an app which answers the internet, and there is none: \
          404 \"Container App stopped or does not exist\".",
    source: "learn.microsoft.com container-apps/connect-apps; microsoft/azure-container-apps#1315",
    fix: "Write `<app name>.internal.<domain>` for http apps, or the bare name.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PLUGIN_DAEMON_URL", "value": "http://dify-dev-plugin-daemon.kindsea-1.japaneast.azurecontainerapps.io:5002"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(|inventory, found| each(inventory, found, external_name)),
    ..ERROR
};

const HTTP_ONLY: Rule = Rule {
    id: "NET107",
    title: "A tcp ingress has tcp's settings alone",
    why: "Traffic labels, `allowInsecure`, CORS and sticky sessions belong to http; Azure refuses the \
          app that has them with tcp.",
    source: "microsoft/azure-container-apps#540, #375, #1787",
    fix: "Remove the setting, or use `transport: http`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"allowInsecure": true}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(http_only),
    ..ERROR
};

const EXPOSED_PORT: Rule = Rule {
    id: "NET108",
    title: "Exposed ports are tcp's, and not those of http",
    why: "`exposedPort` without `transport: tcp` is refused, and 80 and 443 are taken by the \
          environment's own http entry.",
    source: "learn.microsoft.com container-apps/ingress-overview",
    fix: "Expose the container's own port with `transport: tcp`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"exposedPort": 80}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(exposed_port),
    ..ERROR
};

const EXTERNAL_TCP: Rule = Rule {
    id: "NET109",
    title: "External tcp has a network of its own",
    why: "Azure refuses an external tcp ingress in an environment without a virtual network; and with \
          one, the whole internet reaches the port.",
    source: "learn.microsoft.com container-apps/ingress-overview",
    fix: "Set `external: false`; for what the internet is meant to reach put the environment into a \
          virtual network.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": true}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(external_tcp),
    ..ERROR
};

const DUPLICATE_PORT: Rule = Rule {
    id: "NET110",
    title: "No two apps expose one external port",
    why: "External tcp ports are unique in an environment; the second app is refused.",
    source: "learn.microsoft.com container-apps/ingress-overview",
    fix: "Give each its own exposed port, or make them internal.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": true, "exposedPort": 3128}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"ingress": {"external": true}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(duplicate_port),
    ..ERROR
};

const APP_NAME: Rule = Rule {
    id: "NET111",
    title: "App names are ones that Container Apps takes",
    why: "Names have 2 to 32 small letters, digits and hyphens. `plugin_daemon` and `ssrf_proxy` of \
          compose are refused, and an nginx that forwards to them does not start.",
    source: "microsoft/azure-container-apps#1103; Azure/azure-cli-extensions#5555; nikawang/dify-azure-terraform#13",
    fix: "Use hyphens, and shorten the prefix.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "$name": "dify_web"}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(app_name),
    ..ERROR
};

const SUBNET: Rule = Rule {
    id: "NET112",
    title: "The environment's subnet is large enough and delegated",
    why: "With workload profiles the subnet has at least 32 addresses and is delegated to \
          Microsoft.App/environments; without them it has 512 and no delegation. Azure refuses it \
          late, and a subnet can't grow while it is used. Overlapping subnets are refused, too.",
    source: "microsoft/azure-container-apps#425, #1220; hashicorp/terraform-provider-azurerm#29400, #23776",
    fix: "With workload profiles use a /27 or larger with the delegation \
          `Microsoft.App/environments`; without them a /23 or larger without a delegation.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/28", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/27", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
    ),
    audit: Some(subnet),
    ..ERROR
};

const TARGET_PORT: Rule = Rule {
    id: "NET113",
    title: "The ingress leads to the port that the container listens on",
    why: "Azure connects to the target port whatever the container does: the app becomes ready without \
          probes and answers nothing, or never becomes ready with them.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml; microsoft/azure-container-apps#540",
    fix: "Set `targetPort` to 5001 for the API, 3000 for web, 8194 for the sandbox, 5002 for the plugin \
          daemon and 3128 for the proxy.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"targetPort": 80}}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(target_port),
    ..ERROR
};

const HOST_HEADER: Rule = Rule {
    id: "NET114",
    title: "nginx tells an http ingress the app's own host",
    why: "The environment finds the app by the Host header. An nginx that passes the visitor's host on \
          gets 404 for every request.",
    source: "microsoft/azure-container-apps#1298, #1315",
    fix: "Set `proxy_set_header Host` to the target's name, or give the target a tcp ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null, "allowInsecure": true}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "location / { proxy_set_header Host $host; proxy_pass http://dify-dev-web; resolver 1.1.1.1; }"}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(host_header),
    ..ERROR
};

const OLD_ADDRESS: Rule = Rule {
    id: "NET115",
    title: "nginx looks names up again",
    why: "nginx resolves a name in `proxy_pass` or `upstream` once, when it starts. A service that is \
          restarted under another address gives 502 until nginx is restarted as well.",
    source: "langgenius/dify#40448, #40808, PR #39155",
    fix: "Set a `resolver` and put the upstream into a variable: `proxy_pass $upstream;`.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./old-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose("services:\n  nginx:\n    environment: {}"),
    audit: Some(old_address),
    ..WARNING
};

const RATIONED: Rule = Rule {
    id: "NET116",
    title: "Images don't depend on Docker Hub's ration",
    why: "Docker Hub rations pulls without an account by address, and the addresses of Container Apps \
          are shared: a new replica may wait for hours with \"429 Too Many Requests\".",
    source: "microsoft/azure-container-apps#1670; Azure/azure-cli#29300",
    fix: "Copy the images to a registry of your own with `az acr import`, or log in to docker.io.",
    bad: Sample::resources("[]"),
    good: Sample::resources(
        r#"[{"$all": "Microsoft.App/containerApps", "properties": {"configuration": {"registries": [{"server": "docker.io", "username": "me", "passwordSecretRef": "hub"}]}}}, {"$all": "Microsoft.App/jobs", "properties": {"configuration": {"registries": [{"server": "docker.io", "username": "me", "passwordSecretRef": "hub"}]}}}]"#,
    ),
    audit: Some(rationed),
    ..Rule::of(Family::Net, Severity::Note)
};

const WRONG_SERVICE: Rule = Rule {
    id: "NET117",
    title: "Every URL leads to the service that is meant",
    why: "A URL that leads to another service of Dify is answered, with an error that says nothing of \
          the mistake.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml",
    fix: "Use the name of the service that the variable is about.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      PLUGIN_DAEMON_URL: http://sandbox:8194",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      PLUGIN_DAEMON_URL: http://plugin_daemon:5002",
    ),
    audit: Some(|inventory, found| each(inventory, found, wrong_service)),
    ..ERROR
};

const DEBUG_PORT: Rule = Rule {
    id: "NET118",
    title: "The debugging address that users are shown is reachable",
    why: "`PLUGIN_REMOTE_INSTALL_HOST` is what the console shows to plugin developers. When the daemon's \
          port 5003 is exposed nowhere, debugging fails with a connection error.",
    source: "langgenius/dify 1.16.0 api/configs; langgenius/dify-plugin-daemon internal/types/app/config.go",
    fix: "Remove `PLUGIN_REMOTE_INSTALL_HOST` and set `PLUGIN_REMOTE_INSTALLING_ENABLED=false`, or \
          expose 5003 for developers alone.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "PLUGIN_REMOTE_INSTALL_HOST", "value": "debug.example.com"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(debug_port),
    ..WARNING
};

const PACKAGES: Rule = Rule {
    id: "NET119",
    title: "The plugin daemon knows where to get packages",
    why: "Every start of the daemon installs the packages of every plugin anew. From 0.6.3 it looks for \
          the nearest mirror by itself and may choose a far one; in a closed network it needs one of \
          your own.",
    source: "aws-samples/dify-self-hosted-on-aws#69; langgenius/dify-plugin-daemon 0.6.3",
    fix: "Set `PIP_MIRROR_AUTO_DETECT=false`, or `PIP_MIRROR_URL` to your own index.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PIP_MIRROR_AUTO_DETECT: !reset null",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PIP_MIRROR_AUTO_DETECT: \"false\"",
    ),
    audit: Some(packages),
    ..Rule::of(Family::Net, Severity::Note)
};

const NO_SCHEME: Rule = Rule {
    id: "NET120",
    title: "Internal addresses are URLs",
    why: "An address without `http://` is refused by the client that gets it, at the first call.",
    source: "langgenius/dify#18257; langgenius/dify-sandbox internal/static/config.go",
    fix: "Write `http://name:port`.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: sandbox:8194",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: http://sandbox:8194",
    ),
    audit: Some(no_scheme),
    ..ERROR
};

fn each(
    inventory: &Inventory,
    found: &mut Findings,
    look: fn(&Inventory, &Call<'_>, &mut Findings),
) {
    for call in calls(inventory) {
        look(inventory, &call, found);
    }
}

/// `CODE_EXECUTION_ENDPOINT` of `api`.
fn what(call: &Call<'_>) -> String {
    format!(
        "`{}` of `{}`",
        call.variable.name,
        label(call.workload, call.container)
    )
}

fn nobody(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let missing = match call.target {
        Target::Nobody => inventory.complete,
        Target::Itself => true,
        _ => false,
    };
    if missing {
        let message = if matches!(call.target, Target::Itself) {
            format!(
                "{} leads to the container itself ({})",
                what(call),
                call.url.shown()
            )
        } else {
            format!(
                "{} leads to `{}`, which is no service",
                what(call),
                call.url.host.shown()
            )
        };
        found.push(&call.variable.place, message);
    }
}

fn called_port(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    let Some(port) = call.url.effective_port() else {
        return;
    };
    let name = target.name.shown();
    if !on_azure(inventory) {
        let Some(container) = target.containers.first() else {
            return;
        };
        if let Some(own) = listens_on(inventory, container).filter(|own| *own != port) {
            let message = format!(
                "{} calls port {port}, but `{name}` listens on {own}",
                what(call)
            );
            found
                .push(&call.variable.place, message)
                .see(&container.place, format!("`{name}`"));
        }
        return;
    }
    let Some(ingress) = target.ingress.known() else {
        return;
    };
    let additional = ingress
        .additional
        .iter()
        .any(|it| it.exposed.or(it.target) == Some(port));
    let (right, open) = match ingress.is_tcp() {
        Some(true) => match ingress.tcp_port() {
            Some(own) => (own == port, format!("its tcp ingress listens on {own}")),
            None => return,
        },
        Some(false) => (
            port == 80 || port == 443,
            "its http ingress listens on 80 and 443 alone".to_owned(),
        ),
        None => return,
    };
    if !right && !additional {
        let message = format!("{} calls port {port} of `{name}`, but {open}", what(call));
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.variable.place, message)
            .see(place, "the ingress");
    }
}

fn no_ingress(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    if on_azure(inventory) && calls::has_no_ingress(target) {
        let message = format!(
            "{} calls `{}`, which has no ingress",
            what(call),
            target.name.shown()
        );
        found
            .push(&call.variable.place, message)
            .see(&target.place, "the app without ingress");
    }
}

fn redirected(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    let Some(ingress) = target.ingress.known() else {
        return;
    };
    let insecure = match &ingress.allow_insecure {
        Fact::Known(insecure, _) => *insecure,
        Fact::Absent => false,
        Fact::Unseen(..) => return,
    };
    let plain = call.url.scheme == "http" && call.url.effective_port() == Some(80);
    if ingress.is_tcp() == Some(false) && plain && !insecure {
        let name = target.name.shown();
        let message = format!(
            "{} calls `{name}` over plain http, which its ingress redirects to https",
            what(call)
        );
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.variable.place, message)
            .see(place, "the ingress");
    }
}

fn tcp_by_fqdn(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, naming) = call.target else {
        return;
    };
    if calls::speaks_tcp(target) == Some(true) && naming == Naming::Internal {
        let name = target.name.shown();
        let message = format!(
            "{} calls the tcp app `{name}` by its `.internal.` name",
            what(call)
        );
        found.push(&call.variable.place, message);
    }
}

fn external_name(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, naming) = call.target else {
        return;
    };
    let external = target
        .ingress
        .known()
        .and_then(super::super::inventory::Ingress::is_external);
    if naming == Naming::External && external == Some(false) {
        let name = target.name.shown();
        let message = format!("{} omits `.internal` in the name of `{name}`", what(call));
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.variable.place, message)
            .see(place, "an internal ingress");
    }
}

fn wrong_service(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    let known: Vec<Role> = target
        .containers
        .iter()
        .map(|it| it.role)
        .filter(|role| !matches!(role, Role::Other | Role::Application))
        .collect();
    if !known.is_empty() && !known.iter().any(|role| call.wanted.contains(role)) {
        let message = format!(
            "{} leads to `{}`, which is the {}",
            what(call),
            target.name.shown(),
            known[0].as_str()
        );
        found.push(&call.variable.place, message);
    }
}

fn no_scheme(inventory: &Inventory, found: &mut Findings) {
    const NAMES: [&str; 6] = [
        "CODE_EXECUTION_ENDPOINT",
        "PLUGIN_DAEMON_URL",
        "SSRF_PROXY_HTTP_URL",
        "SSRF_PROXY_HTTPS_URL",
        "DIFY_INNER_API_URL",
        "INTERNAL_FILES_URL",
    ];
    for (workload, container) in inventory
        .containers()
        .filter(|(_, it)| it.role != Role::Other)
    {
        for name in NAMES {
            let Some(variable) = super::filled(container, name) else {
                continue;
            };
            let wrong = variable.value.url().is_none() && variable.value.literal().is_some();
            if wrong {
                let message = format!("`{name}` of `{}` is no URL", label(workload, container));
                found.push(&variable.place, message);
            }
        }
    }
}

fn http_only(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        if ingress.is_tcp() == Some(true) {
            for (what, place) in &ingress.http_only {
                let message = format!("the tcp ingress of `{}` has {what}", workload.name.shown());
                found.push(place, message);
            }
        }
    }
}

fn exposed_port(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        let Fact::Known(port, place) = &ingress.exposed_port else {
            continue;
        };
        let name = workload.name.shown();
        if ingress.is_tcp() == Some(false) {
            found.push(
                place,
                format!("`{name}` has an exposed port, but no tcp ingress"),
            );
        } else if matches!(to_port(*port), None | Some(80 | 443)) {
            found.push(place, format!("`{name}` can't expose the port {port}"));
        }
    }
}

fn external_tcp(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        if ingress.is_tcp() != Some(true) || ingress.is_external() != Some(true) {
            continue;
        }
        let environment = inventory.environments.iter().find(|it| {
            let Some(id) = &workload.environment else {
                return inventory.environments.len() == 1;
            };
            let named = super::super::type_and_name(id);
            named.is_some_and(|(_, name)| name.same(&it.name) == Some(true))
                || inventory.environments.len() == 1
        });
        let place = ingress.external.place().unwrap_or(&workload.place);
        let name = workload.name.shown();
        match environment {
            Some(it) if it.subnet.is_absent() => {
                let message = format!("the tcp ingress of `{name}` is external without a network");
                found.push(place, message).see(&it.place, "the environment");
            }
            // Services of Dify are judged by what they are (`SEC114`).
            _ if workload.containers.iter().any(|it| it.role != Role::Other) => {}
            Some(it) if it.internal.is(&true) => {}
            _ => {
                let message = format!("the internet reaches the tcp port of `{name}`");
                found.warn(place, message);
            }
        }
    }
}

fn duplicate_port(inventory: &Inventory, found: &mut Findings) {
    let mut taken = BTreeMap::new();
    for workload in &inventory.workloads {
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        let mut ports = Vec::new();
        if ingress.is_tcp() == Some(true) && ingress.is_external() == Some(true) {
            ports.extend(
                ingress
                    .tcp_port()
                    .zip(ingress.exposed_port.place().cloned()),
            );
        }
        let more = ingress.additional.iter().filter(|it| it.external);
        ports.extend(more.filter_map(|it| Some((it.exposed.or(it.target)?, it.place.clone()))));
        for (port, place) in ports {
            let name = workload.name.shown();
            let environment = workload
                .environment
                .as_ref()
                .map(super::super::Seen::canonical);
            if let Some((other, there)) = taken.get(&(environment.clone(), port)) {
                let message = format!("`{name}` and `{other}` both expose port {port}");
                found.push(&place, message).see(there, format!("`{other}`"));
            } else {
                taken.insert((environment, port), (name, place));
            }
        }
    }
}

fn app_name(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        if workload.kind == WorkloadKind::ComposeService {
            continue;
        }
        let Some(name) = workload.name.literal() else {
            continue;
        };
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let problem = if name.len() > LONGEST_NAME {
            Some(format!(
                "has {} characters; {LONGEST_NAME} are allowed",
                name.len()
            ))
        } else if let Some(wrong) = name.chars().find(|c| !letters(*c)) {
            Some(format!("has `{wrong}` in it"))
        } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') {
            Some("must begin with a letter and not end with a hyphen".to_owned())
        } else if name.contains("--") {
            Some("has two hyphens in a row".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            found.push(
                &workload.place.key("name"),
                format!("the name `{name}` {problem}"),
            );
        }
    }
    underscores_of_nginx(inventory, found);
}

/// Hosts with underscores in an nginx file of Container Apps.
fn underscores_of_nginx(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for file in inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Nginx)
    {
        for host in forwarded_hosts(&file.text) {
            if host.contains('_') && !host.contains('$') {
                let message = format!("nginx forwards to `{host}`, which can't be an app's name");
                found.push(&file.place, message);
            }
        }
    }
}

/// Hosts behind `proxy_pass` and `server` of an nginx file.
fn forwarded_hosts(text: &str) -> Vec<&str> {
    let mut hosts = Vec::new();
    for statement in text.split([';', '{', '}']) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let ([.., "proxy_pass", value] | ["server", value, ..]) = words.as_slice() else {
            continue;
        };
        let host = value.split_once("://").map_or(*value, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if !host.is_empty() {
            hosts.push(host);
        }
    }
    hosts
}

fn host_header(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let names = calls::Names::of(inventory);
    for file in inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Nginx)
    {
        let passes_on = ["Host $host", "Host $http_host", "Host $server_name"]
            .iter()
            .any(|header| file.text.contains(header));
        for host in forwarded_hosts(&file.text) {
            let Target::Workload(target, _) = names.target(&host.into()) else {
                continue;
            };
            if passes_on && calls::speaks_tcp(target) == Some(false) {
                let message =
                    format!("nginx passes the visitor's host on to the http app `{host}`");
                found
                    .push(&file.place, message)
                    .see(&target.place, format!("`{host}`"));
            }
        }
    }
}

fn old_address(inventory: &Inventory, found: &mut Findings) {
    let files = inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Nginx);
    let all: Vec<_> = files.collect();
    let resolves = all
        .iter()
        .any(|it| it.text.split_whitespace().any(|word| word == "resolver"));
    for file in all {
        let fixed = forwarded_hosts(&file.text)
            .into_iter()
            .find(|host| !host.contains('$') && !host.starts_with("unix") && *host != "localhost");
        if let Some(host) = fixed.filter(|_| !resolves) {
            let message = format!("nginx looks `{host}` up once, when it starts");
            found.push(&file.place, message);
        }
    }
}

fn rationed(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let mut count = 0;
    let mut first = None;
    for (workload, container) in inventory.containers() {
        let Some(literal) = container
            .image
            .known()
            .and_then(super::super::Seen::literal)
        else {
            continue;
        };
        let repository = image_parts(&literal.into()).repository;
        let registry = repository.split('/').next().unwrap_or_default();
        let elsewhere = repository.contains('/') && registry.contains(['.', ':']);
        let hub = !elsewhere || registry.ends_with("docker.io");
        let logged_in = workload
            .registries
            .iter()
            .any(|it| it.server.contains("docker.io"));
        if hub && !logged_in {
            count += 1;
            first.get_or_insert(container.image.place().unwrap_or(&container.place));
        }
    }
    if let Some(place) = first {
        let message =
            format!("the images of {count} containers come from Docker Hub without an account");
        found.push(place, message);
    }
}

fn target_port(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let [container] = workload.containers.as_slice() else {
            continue;
        };
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        let (Fact::Known(target, place), Some(own)) =
            (&ingress.target_port, listens_on(inventory, container))
        else {
            continue;
        };
        if to_port(*target) != Some(own) {
            let message = format!(
                "the ingress of `{}` leads to port {target}, but the {} listens on {own}",
                workload.name.shown(),
                container.role.as_str()
            );
            found.push(place, message);
        }
    }
}

fn debug_port(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let shown = inventory
        .application()
        .find_map(|(_, it)| super::filled(it, "PLUGIN_REMOTE_INSTALL_HOST"));
    let Some(shown) = shown else {
        return;
    };
    let exposed = inventory.of(DAEMON).any(|(workload, _)| {
        workload.ingress.known().is_some_and(|ingress| {
            ingress.tcp_port() == Some(5003)
                || ingress.additional.iter().any(|it| it.target == Some(5003))
        })
    });
    if !exposed && inventory.of(DAEMON).next().is_some() {
        let message =
            "users are shown a debugging address, but port 5003 of the daemon is exposed nowhere";
        found.push(&shown.place, message);
    }
}

fn packages(inventory: &Inventory, found: &mut Findings) {
    let since = crate::catalogue::Version::new(0, 6, 3);
    for (workload, container) in inventory.of(DAEMON) {
        let new = container.version.is_some_and(|version| version >= since);
        let unset = super::lacks(container, "PIP_MIRROR_AUTO_DETECT")
            && super::lacks(container, "PIP_MIRROR_URL");
        if new && unset {
            let message = format!(
                "`{}` chooses its package index by itself",
                label(workload, container)
            );
            found.push(&container.place, message);
        }
    }
}

fn subnet(inventory: &Inventory, found: &mut Findings) {
    for environment in &inventory.environments {
        let Fact::Known(id, place) = &environment.subnet else {
            continue;
        };
        let Some((_, name)) = super::super::type_and_name(id) else {
            continue;
        };
        let own = inventory.subnets.iter().find(|it| {
            let full = it.network.clone().and(&"/".into()).and(&it.name);
            full.same(&name) == Some(true)
        });
        let Some(subnet) = own else {
            continue;
        };
        let (longest, delegated) = if environment.workload_profiles {
            (27, true)
        } else {
            (23, false)
        };
        let prefix = subnet
            .prefix
            .known()
            .and_then(|it| it.literal()?.parse::<Cidr>().ok());
        if let Some(prefix) = prefix.filter(|it| it.prefix_length() > longest) {
            let at = subnet.prefix.place().unwrap_or(&subnet.place);
            let (which, help) = if environment.workload_profiles {
                ("with", "use a /27 or larger")
            } else {
                (
                    "without",
                    "use a /23 or larger, or give the environment workload profiles, for which a /27 is enough",
                )
            };
            let message = format!(
                "the subnet is a /{}; an environment {which} workload profiles needs a /{longest} or larger",
                prefix.prefix_length()
            );
            found
                .push(at, message)
                .with_help(help)
                .see(place, "the environment");
        }
        let has = subnet
            .delegations
            .iter()
            .any(|it| it.eq_ignore_ascii_case("Microsoft.App/environments"));
        if has != delegated {
            let message = if delegated {
                "the environment's subnet is not delegated to Microsoft.App/environments"
            } else {
                "an environment without workload profiles can't use a delegated subnet"
            };
            let help = if delegated {
                "delegate the subnet to `Microsoft.App/environments`"
            } else {
                "remove the delegation, or give the environment workload profiles"
            };
            found
                .push(&subnet.place, message)
                .with_help(help)
                .see(place, "the environment");
        }
    }
    overlaps(inventory, found);
}

fn overlaps(inventory: &Inventory, found: &mut Findings) {
    // A hostile template may have thousands of subnets: neighbours in one network are enough.
    for (index, one) in inventory.subnets.iter().enumerate().take(500) {
        for other in inventory.subnets[index + 1..].iter().take(500) {
            let range =
                |it: &super::super::Subnet| it.prefix.known()?.literal()?.parse::<Cidr>().ok();
            let (Some(a), Some(b)) = (range(one), range(other)) else {
                continue;
            };
            let same = one.network.same(&other.network) == Some(true)
                && one.name.same(&other.name) != Some(true);
            if same && a.overlaps(&b) {
                let message = format!(
                    "the subnets `{}` and `{}` overlap",
                    one.name.shown(),
                    other.name.shown()
                );
                found
                    .push(&other.place, message)
                    .see(&one.place, "the other subnet");
            }
        }
    }
}
