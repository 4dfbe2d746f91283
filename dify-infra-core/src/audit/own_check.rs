//! The rules about deployments over what a file leads to, with the file's own places.

use super::own::{names, of_deployment};
use super::place::Place;
use super::report::Finding;
use super::rules::age::OLD_SECRET;
use crate::catalogue::ServiceKind;
use crate::check::{allow_findings, spc};
use crate::deployment::{Deployment, Resolved};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Severity};
use crate::graph::{LowerError, ResourceGraph, ResourceNames, Target, lower};
use crate::routes::{Location, Matching};

/// Applies the rules about deployments to what a description leads to, with the keys that decide it.
///
/// Errors and warnings alone: what is only to be known, the rules about files say already. Findings that
/// the file allows come as notes with the reason, and so do allowances that nothing needs.
///
/// # Errors
///
/// When the deployment can't be turned into resources.
pub(crate) fn check_deployment(resolved: &Resolved) -> Result<Diagnostics, LowerError> {
    let deployment = &resolved.deployment;
    let target = Target::new(deployment, None);
    let graph = lower(deployment, &target)?;
    let places = FilePlaces {
        deployment,
        graph: &graph,
        names: ResourceNames::new(deployment, &target),
    };
    let report = super::audit(&of_deployment(deployment, &graph));
    let mut diagnostics: Diagnostics = report
        .findings
        .iter()
        .map(|finding| places.diagnostic(finding))
        .collect();
    let is_note = |it: &Diagnostic| it.severity == Severity::Note;
    let notes: Vec<String> = diagnostics
        .iter()
        .filter(|it| is_note(it))
        .map(|it| it.code.clone())
        .collect();
    diagnostics.retain(|it| !is_note(it));
    for allowed in deployment.allowed_rules() {
        // How old a secret is, Azure alone knows.
        let is_about_deployments = crate::check::rule(&allowed.rule)
            .is_some_and(|rule| rule.is_of_deployed() && rule.id != OLD_SECRET.id);
        let is_used = allow_findings(allowed, &mut diagnostics) || notes.contains(&allowed.rule);
        if is_about_deployments && !is_used {
            diagnostics.push(spc::unused_allowance(allowed));
        }
    }
    resolved.point_at_overrides(&mut diagnostics);
    resolved.locate(&mut diagnostics);
    Ok(diagnostics)
}

/// Which key of the file decides a value of a resource.
struct FilePlaces<'a> {
    deployment: &'a Deployment,
    graph: &'a ResourceGraph,
    names: ResourceNames,
}

impl FilePlaces<'_> {
    /// A finding with places of the file. What the file says stands first, since that alone can be changed in it.
    fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let mut path = self.key_path(&finding.place);
        let mut related: Vec<_> = finding
            .related
            .iter()
            .map(|it| {
                (
                    self.key_path(&it.place),
                    format!("{} ({})", it.message, it.place),
                )
            })
            .collect();
        // A variable has a key of its own only where the file sets it.
        let is_said = |it: &KeyPath| it.to_string().contains(".env.");
        if let Some(route) = self.body_size_of_route(&finding.location) {
            path = route;
        } else if !is_said(&path)
            && path.to_string().starts_with("services")
            && let Some(said) = related.iter_mut().find(|(it, _)| is_said(it))
        {
            std::mem::swap(&mut path, &mut said.0);
            said.1 = format!("the other side ({})", finding.place);
        }
        let message = format!("{} ({})", finding.message, finding.place);
        let rule = crate::check::rule(finding.code);
        let help = rule.and_then(crate::check::Rule::help_in_file);
        let diagnostic = Diagnostic::new(finding.code, finding.severity, path, message)
            .with_help(help.unwrap_or_else(|| finding.help.clone()));
        related.into_iter().fold(diagnostic, |it, (path, message)| {
            it.with_related(path, message)
        })
    }

    /// The key that limits bodies at a location of nginx, when it is that of a route of the file.
    fn body_size_of_route(&self, location: &str) -> Option<KeyPath> {
        let (path, matching) = match location.strip_prefix("= ") {
            Some(path) => (path, Matching::Exact),
            None => (location, Matching::Prefix),
        };
        let is_it = |it: &Location| {
            it.path == path && it.matching == matching && it.max_body_size.is_some()
        };
        let mut routes = self.deployment.placed_routes();
        let (index, _) = routes.find(|(_, it)| is_it(it))?;
        Some(KeyPath::of("routes").index(index).key("max_body_size"))
    }

    /// The key of the file for a place in our graph; the file itself when no one key decides it.
    fn key_path(&self, place: &Place) -> KeyPath {
        let (kind, name) = place
            .document_name()
            .split_once(' ')
            .unwrap_or((place.document_name(), ""));
        let table = match kind.split('/').nth(1).unwrap_or_default() {
            "applicationGateways" if place.pointer().ends_with("/requestTimeout") => {
                "gateway.request_timeout"
            }
            "ApplicationGatewayWebApplicationFirewallPolicies"
                if place.pointer().ends_with("/fileUploadLimitInMb") =>
            {
                "gateway.max_file_upload"
            }
            "applicationGateways" | "ApplicationGatewayWebApplicationFirewallPolicies" => "gateway",
            "containerApps" => return self.of_service(name, place),
            "flexibleServers" => "data.postgres",
            "redisEnterprise" | "redis" | "Redis" => "data.redis",
            "storageAccounts" => "data.storage",
            "vaults" => "secrets",
            "virtualNetworks" | "networkSecurityGroups" | "privateEndpoints" => "network",
            "workspaces" => "logs",
            "registries" => "images",
            _ => "",
        };
        KeyPath::of(table)
    }

    fn of_service(&self, app: &str, place: &Place) -> KeyPath {
        let service = self
            .deployment
            .services()
            .find(|it| app == self.names.app(it.kind));
        let Some(service) = service else {
            return KeyPath::root();
        };
        let table = KeyPath::of("services").key(service.kind.key());
        let pointer = place.pointer();
        if let Some(name) = self.variable(app, &pointer) {
            let is_in_file = service.variables.keys().any(|it| it.as_str() == name);
            return if is_in_file {
                table.key("env").key(name)
            } else {
                of_derived(service.kind, name).unwrap_or(table)
            };
        }
        let keys = [
            ("/resources/cpu", "cpu"),
            ("/resources/memory", "memory"),
            ("/resources", "memory"),
            ("/image", "image"),
            ("/scale", "replicas"),
        ];
        let key = keys.iter().find(|(part, _)| pointer.contains(part));
        key.map_or(table.clone(), |(_, key)| table.key(key))
    }

    /// The name of the variable that a place in an app's body is about.
    fn variable(&self, app: &str, pointer: &str) -> Option<&str> {
        let (containers, rest) = pointer.split_once("/env/")?;
        let index = rest.split('/').next()?;
        let node = self.graph.nodes().find(|node| {
            node.id().resource_type() == "Microsoft.App/containerApps" && names(node.id()) == app
        })?;
        let name = format!("{containers}/env/{index}/name");
        node.body().pointer(&name)?.as_str()
    }
}

/// The table that a variable follows from which the file does not set itself.
fn of_derived(service: ServiceKind, name: &str) -> Option<KeyPath> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let table = if starts(&["DB_", "PGVECTOR_", "SQLALCHEMY_"]) {
        "data.postgres"
    } else if starts(&["REDIS_", "CELERY_", "EVENT_BUS_", "PUBSUB_"]) {
        "data.redis"
    } else if starts(&["AZURE_BLOB_", "STORAGE_TYPE", "PLUGIN_STORAGE_"]) {
        "data.storage"
    } else if starts(&[
        "CONSOLE_",
        "APP_WEB_",
        "SERVICE_API_",
        "TRIGGER_",
        "NEXT_PUBLIC_",
    ]) {
        "public"
    } else if starts(&["NGINX_"]) && service == ServiceKind::Nginx {
        "routes"
    } else {
        return None;
    };
    Some(KeyPath::of(table))
}
