//! Whether a service that calls another reaches it: name, port, scheme and ingress.

use super::super::calls::{self, Call, Naming, Target};
use super::super::{API, BEAT, DAEMON, PROXY, SANDBOX, WEB, WEBSOCKET, filled, label, on_azure};
use super::ERROR;
use crate::audit::inventory::{Fact, Ingress, Inventory, Workload};
use crate::audit::recognise::Role;
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

pub(super) const NOBODY: Rule = Rule {
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
    call: Some(nobody),
    ..ERROR
};

pub(super) const CALLED_PORT: Rule = Rule {
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
    call: Some(called_port),
    ..ERROR
};

pub(super) const NO_INGRESS: Rule = Rule {
    id: "NET103",
    title: "Whoever is called has an ingress",
    why: "An app without ingress has no name in its environment: nobody can reach it.",
    source: "microsoft/azure-container-apps#276, #135; DFE-Digital/terraform-azurerm-container-apps-hosting#99",
    fix: "Give the app an internal ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": null}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"ingress": {"external": false, "transport": "Tcp", "targetPort": 5002, "exposedPort": 5002}}}}]"#,
    ),
    call: Some(no_ingress),
    ..ERROR
};

pub(super) const REDIRECTED: Rule = Rule {
    id: "NET104",
    title: "Plain http is not redirected",
    why: "An http ingress answers plain http with a redirect to https unless `allowInsecure` is set; \
          a POST becomes a GET on the way, and the body is lost.",
    source: "learn.microsoft.com container-apps/ingress-overview; kei1-dev/azure-dify",
    fix: "Set `allowInsecure: true` on the internal app, or use a tcp ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null}}, "template": {"containers": [{"name": "api"}]}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DIFY_INNER_API_URL", "value": "http://dify-dev-api"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null, "allowInsecure": true}}, "template": {"containers": [{"name": "api"}]}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DIFY_INNER_API_URL", "value": "http://dify-dev-api"}]}]}}}]"#,
    ),
    call: Some(redirected),
    ..ERROR
};

pub(super) const TCP_BY_FQDN: Rule = Rule {
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
    call: Some(tcp_by_fqdn),
    ..ERROR
};

pub(super) const EXTERNAL_NAME: Rule = Rule {
    id: "NET106",
    title: "An internal app is called by its internal name",
    why: "Without `.internal` the name is that of an app which answers the internet, and there is none: \
          404 \"Container App stopped or does not exist\".",
    source: "learn.microsoft.com container-apps/connect-apps; microsoft/azure-container-apps#1315",
    fix: "Write `<app name>.internal.<domain>` for http apps, or the bare name.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PLUGIN_DAEMON_URL", "value": "http://dify-dev-plugin-daemon.kindsea-1.japaneast.azurecontainerapps.io:5002"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PLUGIN_DAEMON_URL", "value": "http://dify-dev-plugin-daemon:5002"}]}]}}}]"#,
    ),
    call: Some(external_name),
    ..ERROR
};

pub(super) const WRONG_SERVICE: Rule = Rule {
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
    call: Some(wrong_service),
    ..ERROR
};

pub(super) const NO_SCHEME: Rule = Rule {
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

pub(super) const PLAIN_SERVICE: Rule = Rule {
    id: "NET121",
    title: "A service is called in the scheme that it speaks",
    why: "The services of Dify speak plain http on their own ports; only an http ingress adds TLS, on 443. \
          `https://` to a container's port or to a tcp ingress ends with \"wrong version number\".",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml; learn.microsoft.com container-apps/ingress-overview",
    fix: "Write `http://`.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: https://sandbox:8194",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_ENDPOINT: http://sandbox:8194",
    ),
    call: Some(plain_service),
    ..ERROR
};

fn plain_service(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    let speaks_plainly = target
        .containers
        .iter()
        .all(|it| [API, WEBSOCKET, WEB, SANDBOX, DAEMON, PROXY].contains(&it.role));
    let reached_as_it_is = !on_azure(inventory) || calls::speaks_tcp(target) == Some(true);
    if call.url.scheme == "https" && speaks_plainly && reached_as_it_is {
        let name = target.name.shown();
        let message = format!(
            "{} calls `{name}` over https, which speaks plain http",
            call.what
        );
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.place, message)
            .see(place, format!("`{name}`"));
    }
}

fn nobody(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    if let Target::Workload(target, naming) = call.target {
        elsewhere(call, target, naming, found);
        unconnected(inventory, call, target, found);
    }
    let missing = match call.target {
        Target::Nobody => inventory.complete,
        Target::Itself => true,
        _ => false,
    };
    if missing {
        let message = if matches!(call.target, Target::Itself) {
            format!(
                "{} leads to the container itself ({})",
                call.what,
                call.url.shown()
            )
        } else {
            format!(
                "{} leads to `{}`, which is no service",
                call.what,
                call.url.host.shown()
            )
        };
        found.push(&call.place, message);
    }
}

/// A call of an app that another environment keeps to itself: a bare name is known in its own environment alone, and
/// so is an internal ingress (learn.microsoft.com container-apps/ingress-overview, connect-apps).
fn elsewhere(call: &Call<'_>, target: &Workload, naming: Naming, found: &mut Findings) {
    let is_apart = call
        .caller
        .is_some_and(|caller| calls::are_apart(caller, target));
    let is_internal = target.ingress.known().and_then(Ingress::is_external) == Some(false);
    if is_apart && (naming == Naming::Short || naming != Naming::External && is_internal) {
        let name = target.name.shown();
        let message = format!("{} leads to `{name}` of another environment", call.what);
        found
            .push(&call.place, message)
            .see(&target.place, format!("`{name}`"))
            .with_help(
                "Put both into one environment, or make the app external and call its whole name.",
            );
    }
}

/// A call of a compose service that the caller shares no network with (docs.docker.com
/// compose/how-tos/networking, reference/compose-file/services: `network_mode`).
fn unconnected(inventory: &Inventory, call: &Call<'_>, target: &Workload, found: &mut Findings) {
    let Some(caller) = call.caller.filter(|_| !on_azure(inventory)) else {
        return;
    };
    // The scheduler hands tasks out and calls nobody; addresses of files are for plugins.
    let calls_itself = caller.containers.iter().any(|it| it.role != BEAT);
    if !calls_itself || call.variable == "INTERNAL_FILES_URL" {
        return;
    }
    let home = calls::network_of(inventory, caller);
    let name = target.name.shown();
    let mode = |it: &Workload| it.network.mode.clone().unwrap_or_default();
    let is_seen = |it: &Workload| !it.network.names.iter().any(|it| it.contains('{'));
    let (own, others) = (mode(home), mode(target));
    let why = if own == "none" {
        "its caller has no network".to_owned()
    } else if own == "host" {
        "its caller is in the host's network, where no service has a name".to_owned()
    } else if others == "none" {
        format!("`{name}` has no network")
    } else if others == "host" {
        format!("`{name}` is in the host's network, where it has no name")
    } else if let Some(service) = others.strip_prefix("service:") {
        format!("`{name}` is in the network of `{service}` and has no name of its own")
    } else if own.is_empty() && others.is_empty() && is_seen(home) && is_seen(target) {
        let shares = |it: &String| target.network.names.contains(it);
        if home.network.names.iter().any(shares) {
            return;
        }
        "no network has both".to_owned()
    } else {
        return;
    };
    let message = format!("{} leads to `{name}`, but {why}", call.what);
    found
        .push(&call.place, message)
        .see(&target.place, format!("`{name}`"))
        .with_help("Put both into one network under `networks`.");
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
        let ports = call.ports.as_deref().filter(|it| !it.contains(&port));
        if let Some([own, ..]) = ports {
            let message = format!(
                "{} calls port {port}, but `{name}` listens on {own}",
                call.what
            );
            found
                .push(&call.place, message)
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
        let message = format!("{} calls port {port} of `{name}`, but {open}", call.what);
        let place = target.ingress.place().unwrap_or(&target.place);
        found.push(&call.place, message).see(place, "the ingress");
    }
}

fn no_ingress(inventory: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, _) = call.target else {
        return;
    };
    if on_azure(inventory) && calls::has_no_ingress(target) {
        let message = format!(
            "{} calls `{}`, which has no ingress",
            call.what,
            target.name.shown()
        );
        found
            .push(&call.place, message)
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
            call.what
        );
        let place = target.ingress.place().unwrap_or(&target.place);
        found.push(&call.place, message).see(place, "the ingress");
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
            call.what
        );
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.place, message)
            .see(place, "the tcp ingress");
    }
}

fn external_name(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    let Target::Workload(target, naming) = call.target else {
        return;
    };
    let external = target.ingress.known().and_then(Ingress::is_external);
    if naming == Naming::External && external == Some(false) {
        let name = target.name.shown();
        let message = format!("{} omits `.internal` in the name of `{name}`", call.what);
        let place = target.ingress.place().unwrap_or(&target.place);
        found
            .push(&call.place, message)
            .see(place, "an internal ingress");
    }
}

fn wrong_service(_: &Inventory, call: &Call<'_>, found: &mut Findings) {
    if let Target::Beside(container) = call.target
        && !call.wanted.contains(&container.role)
    {
        let message = format!(
            "{} leads to `{}` beside it, which is the {}",
            call.what,
            container.name,
            container.role.as_str()
        );
        found
            .push(&call.place, message)
            .see(&container.place, format!("`{}`", container.name));
    }
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
            call.what,
            target.name.shown(),
            known[0].as_str()
        );
        found
            .push(&call.place, message)
            .see(&target.place, format!("`{}`", target.name.shown()));
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
            let Some(variable) = filled(container, name) else {
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
