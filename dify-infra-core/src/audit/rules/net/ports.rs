//! What an ingress opens: transport, exposed and target ports.

use std::collections::BTreeMap;

use super::super::calls::ports_of;
use super::super::{DAEMON, filled};
use super::{ERROR, WARNING};
use crate::audit::inventory::{Fact, Ingress, Inventory, Workload, to_port};
use crate::audit::recognise::Role;
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

pub(super) const HTTP_ONLY: Rule = Rule {
    id: "NET107",
    title: "A tcp ingress has tcp's settings alone",
    why: "Traffic labels, `allowInsecure`, CORS and sticky sessions belong to http; Azure refuses the \
          app that has them with tcp.",
    source: "microsoft/azure-container-apps#540, #375, #1787",
    fix: "Remove the setting, or use `transport: http`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"allowInsecure": true}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"allowInsecure": false}}}}]"#,
    ),
    audit: Some(http_only),
    ..ERROR
};

pub(super) const EXPOSED_PORT: Rule = Rule {
    id: "NET108",
    title: "Exposed ports are tcp's, and not those of http",
    why: "`exposedPort` without `transport: tcp` is refused, and 80 and 443 are taken by the \
          environment's own http entry.",
    source: "learn.microsoft.com container-apps/ingress-overview",
    fix: "Expose the container's own port with `transport: tcp`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"exposedPort": 80}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"exposedPort": 8194}}}}]"#,
    ),
    audit: Some(exposed_port),
    ..ERROR
};

pub(super) const EXTERNAL_TCP: Rule = Rule {
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": false}}}}]"#,
    ),
    audit: Some(external_tcp),
    ..ERROR
};

pub(super) const DUPLICATE_PORT: Rule = Rule {
    id: "NET110",
    title: "No two apps expose one external port",
    why: "External tcp ports are unique in an environment; the second app is refused.",
    source: "learn.microsoft.com container-apps/ingress-overview",
    fix: "Give each its own exposed port, or make them internal.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": true, "exposedPort": 3128}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"ingress": {"external": true}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": true, "exposedPort": 8194}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"ingress": {"external": true}}}}]"#,
    ),
    audit: Some(duplicate_port),
    ..ERROR
};

pub(super) const TARGET_PORT: Rule = Rule {
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"targetPort": 3000}}}}]"#,
    ),
    audit: Some(target_port),
    ..ERROR
};

pub(super) const DEBUG_PORT: Rule = Rule {
    id: "NET118",
    title: "The debugging address that users are shown is reachable",
    why: "`PLUGIN_REMOTE_INSTALL_HOST` is what the console shows to plugin developers. When the daemon's \
          port 5003 is exposed nowhere, debugging fails with a connection error.",
    source: "langgenius/dify 1.16.0 api/configs; langgenius/dify-plugin-daemon internal/types/app/config.go",
    fix: "Remove `PLUGIN_REMOTE_INSTALL_HOST` and set `PLUGIN_REMOTE_INSTALLING_ENABLED=false`, or \
          expose 5003 for developers alone.",
    fix_in_file: Some(
        "Remove `PLUGIN_REMOTE_INSTALL_HOST`: the daemon's debugging is off, and its port is closed.",
    ),
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "PLUGIN_REMOTE_INSTALL_HOST", "value": "debug.example.com"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "PLUGIN_REMOTE_INSTALL_HOST", "value": "debug.example.com"}]}]}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": {"additionalPortMappings": [{"external": false, "targetPort": 5003}]}}}}]"#,
    ),
    audit: Some(debug_port),
    ..WARNING
};

/// Apps with an ingress that can be seen.
fn ingresses(inventory: &Inventory) -> impl Iterator<Item = (&Workload, &Ingress)> {
    let all = inventory.workloads.iter();
    all.filter_map(|it| Some((it, it.ingress.known()?)))
}

fn http_only(inventory: &Inventory, found: &mut Findings) {
    for (workload, ingress) in ingresses(inventory) {
        if ingress.is_tcp() == Some(true) {
            for (what, place) in &ingress.http_only {
                let message = format!("the tcp ingress of `{}` has {what}", workload.name.shown());
                found.push(place, message);
            }
        }
    }
}

fn exposed_port(inventory: &Inventory, found: &mut Findings) {
    for (workload, ingress) in ingresses(inventory) {
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
    for (workload, ingress) in ingresses(inventory) {
        if ingress.is_tcp() != Some(true) || ingress.is_external() != Some(true) {
            continue;
        }
        let environment = inventory.environments.iter().find(|it| {
            let Some(id) = &workload.environment else {
                return inventory.environments.len() == 1;
            };
            let named = crate::audit::type_and_name(id);
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
    for (workload, ingress) in ingresses(inventory) {
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
                .map(crate::audit::Seen::canonical);
            if let Some((other, there)) = taken.get(&(environment.clone(), port)) {
                let message = format!("`{name}` and `{other}` both expose port {port}");
                found.push(&place, message).see(there, format!("`{other}`"));
            } else {
                taken.insert((environment, port), (name, place));
            }
        }
    }
}

fn target_port(inventory: &Inventory, found: &mut Findings) {
    for (workload, ingress) in ingresses(inventory) {
        let [container] = workload.containers.as_slice() else {
            continue;
        };
        let Fact::Known(target, place) = &ingress.target_port else {
            continue;
        };
        let ports = ports_of(inventory, workload, container).unwrap_or_default();
        let is_right = to_port(*target).is_some_and(|it| ports.contains(&it));
        if let Some(own) = ports.first().filter(|_| !is_right) {
            let message = format!(
                "the ingress of `{}` leads to port {target}, but the {} listens on {own}",
                workload.name.shown(),
                container.role.as_str()
            );
            found
                .push(place, message)
                .see(&container.place, "the container");
        }
    }
}

fn debug_port(inventory: &Inventory, found: &mut Findings) {
    let shown = inventory
        .application()
        .find_map(|(_, it)| filled(it, "PLUGIN_REMOTE_INSTALL_HOST"));
    let Some(shown) = shown else {
        return;
    };
    let exposed = inventory.of(DAEMON).any(|(workload, _)| {
        let by_ingress = workload.ingress.known().is_some_and(|ingress| {
            ingress.tcp_port() == Some(5003)
                || ingress.additional.iter().any(|it| it.target == Some(5003))
        });
        by_ingress || workload.published.iter().any(|it| it.target == 5003)
    });
    // On a host of one's own something else may forward the port; localhost is what compose's own file says.
    let is_local = shown.value.literal() == Some("localhost");
    let daemon = inventory.of(DAEMON).next();
    if let Some((_, daemon)) = daemon.filter(|_| !exposed && !is_local) {
        let message =
            "users are shown a debugging address, but port 5003 of the daemon is exposed nowhere";
        found
            .push(&shown.place, message)
            .see(&daemon.place, "the plugin daemon");
    }
}
