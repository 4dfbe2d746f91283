//! Many files: what one of them proves of what it leads to isn't proven again for its twins.

use std::collections::VecDeque;
use std::error::Error;

use super::spc::INVALID_VALUE;
use super::twins::repeats;
use crate::deployment::{Azure, Deployment, Public, Resolved, VariableValue};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath};
use crate::graph::LowerError;
use crate::names::DeploymentName;
use crate::values::PublicOrigin;

/// How many kinds of deployments are remembered: memory stays flat whatever is checked.
const MOST_KINDS: usize = 64;

/// Characters of a name by which a text is taken to mention it. Derived names begin with the deployment's
/// name and may be cut, never to fewer.
const SHORTEST_MENTION: usize = 3;

/// Checks deployment files, as [`check_file`](super::check_file) does, and remembers which kinds of
/// deployments lead to nothing that breaks a rule.
///
/// Every file is read and every rule about files is applied to it. The rules about what a file leads to
/// compare names with names and look at settings; they can't tell two deployments apart that differ in their
/// own names, their place in Azure and an ordinary public host alone: a file can't set the variables through
/// which services find each other, so all of them follow the names. So a fleet of many deployments of a few
/// kinds is proven as fast as its files are read.
///
/// ```
/// use dify_infra_core::check::{Checker, Sample};
///
/// let mut checker = Checker::new();
/// for tenant in ["ada", "grace"] {
///     let file = Sample::BASE.replace("name = \"dify\"", &format!("name = \"{tenant}\""));
///     let resolved = checker.check_file(&file)?;
///     assert_eq!(resolved.deployment.name().as_str(), tenant);
/// }
/// assert_eq!(checker.kinds(), 1);
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
#[derive(Debug)]
pub struct Checker {
    /// Deployments without a finding, the one last seen first.
    proven: VecDeque<Deployment>,
    /// How many of them are kept.
    most: usize,
}

impl Default for Checker {
    fn default() -> Self {
        Self {
            proven: VecDeque::new(),
            most: MOST_KINDS,
        }
    }
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many kinds of deployments it remembers.
    pub fn kinds(&self) -> usize {
        self.proven.len()
    }

    /// Reads a deployment file and applies every rule: to the file, and to what it leads to.
    ///
    /// # Errors
    ///
    /// As [`check_file`](super::check_file): all findings, when one of them is an error.
    pub fn check_file(&mut self, text: &str) -> Result<Resolved, Diagnostics> {
        self.check(Deployment::parse(text)?)
    }

    /// Applies the rules about what a deployment leads to, as [`Resolved::check`] does.
    ///
    /// # Errors
    ///
    /// As [`Resolved::check`]: all findings, when one of them is an error.
    pub fn check(&mut self, mut resolved: Resolved) -> Result<Resolved, Diagnostics> {
        if resolved.is_checked {
            return Ok(resolved);
        }
        resolved.is_checked = true;
        if self.is_proven(&resolved.deployment) {
            return Ok(resolved);
        }
        let found = crate::audit::check_deployment(&resolved);
        let mut found = match found {
            Ok(found) => found,
            Err(error) => {
                resolved.diagnostics.push(impossible(&error));
                return Err(resolved.diagnostics);
            }
        };
        if found.is_empty() {
            self.remember(&resolved.deployment);
        }
        found.retain(|finding| !repeats(finding, &resolved.diagnostics));
        let has_errors = found.has_errors();
        resolved.diagnostics.extend(found);
        resolved.diagnostics.sort();
        if has_errors {
            return Err(resolved.diagnostics);
        }
        Ok(resolved)
    }

    fn is_proven(&mut self, deployment: &Deployment) -> bool {
        if !is_ordinary(deployment) {
            return false;
        }
        let is_twin = |known: &Deployment| are_twins(known, deployment);
        let Some(at) = self.proven.iter().position(is_twin) else {
            return false;
        };
        if let Some(known) = self.proven.remove(at) {
            self.proven.push_front(known);
        }
        true
    }

    fn remember(&mut self, deployment: &Deployment) {
        if is_ordinary(deployment) {
            self.proven.truncate(self.most.saturating_sub(1));
            self.proven.push_front(deployment.clone());
        }
    }
}

/// The finding about a deployment that can't be turned into resources, with all causes.
fn impossible(error: &LowerError) -> Diagnostic {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    INVALID_VALUE.finding(KeyPath::root(), message)
}

/// Whether no text of the file can be compared with a name of the deployment's own: only then does nothing
/// depend on what the names are.
fn is_ordinary(deployment: &Deployment) -> bool {
    let own = folded(deployment.name().as_str());
    let own = own.get(..SHORTEST_MENTION).unwrap_or(&own);
    let host = deployment.public().origin.as_ref();
    let host = host.map_or("", PublicOrigin::host);
    let values = deployment.services().flat_map(|it| it.variables.values());
    let mut texts = values.filter_map(|value| match value {
        VariableValue::Plain(text) => Some(folded(text)),
        VariableValue::Secret(_) => None,
    });
    let host_text = folded(host);
    let mentions =
        |text: &String| text.contains(own) || (!host_text.is_empty() && text.contains(&host_text));
    !texts.any(|text| mentions(&text)) && is_ordinary_host(host, deployment.name())
}

/// Whether a public host can be taken neither for an app of the deployment, nor for a name of Azure's, nor
/// for the machine itself.
fn is_ordinary_host(host: &str, name: &DeploymentName) -> bool {
    let mut labels = host.split('.');
    let first = labels.next().unwrap_or_default();
    let is_special = |label: &str| {
        let label = label.to_ascii_lowercase();
        matches!(
            label.as_str(),
            "internal" | "localhost" | "azurecontainerapps"
        )
    };
    let is_address = host.starts_with('[') || host.ends_with(|it: char| it.is_ascii_digit());
    let may_be_app =
        first.len() > name.as_str().len() && folded(first).starts_with(&folded(name.as_str()));
    host.is_empty()
        || (host.contains('.') && !is_address && !may_be_app && !host.split('.').any(is_special))
}

/// A text as names are made of it: letters and digits, in lower case.
fn folded(text: &str) -> String {
    let characters = text.chars().filter(char::is_ascii_alphanumeric);
    characters.map(|it| it.to_ascii_lowercase()).collect()
}

/// Whether two deployments differ in nothing but their own names, their place in Azure and the name of their
/// public host. Every field is named, so that a new one is thought about here.
fn are_twins(one: &Deployment, other: &Deployment) -> bool {
    let Deployment {
        name: _,
        environment: _,
        prefix: _,
        profile,
        location,
        release,
        azure,
        public,
        registry,
        network,
        gateway,
        secret_store,
        workload_profiles,
        postgres,
        redis,
        storage,
        logs,
        services,
        migration,
        routes,
        custom_routes,
        route_positions,
        egress,
        allowed,
    } = one;
    let Azure {
        subscription: _,
        resource_group: _,
        suffix: _,
        tags,
    } = azure;
    let Public {
        origin,
        certificate,
    } = public;
    let scheme_and_port = |origin: &Option<PublicOrigin>| {
        let origin = origin.as_ref().map(PublicOrigin::as_url);
        origin.map(|url| (url.is_https(), url.port()))
    };
    *profile == other.profile
        && release.version() == other.release.version()
        && *location == other.location
        && *tags == other.azure.tags
        && scheme_and_port(origin) == scheme_and_port(&other.public.origin)
        && *certificate == other.public.certificate
        && *services == other.services
        && *registry == other.registry
        && *network == other.network
        && *gateway == other.gateway
        && *secret_store == other.secret_store
        && *workload_profiles == other.workload_profiles
        && *postgres == other.postgres
        && *redis == other.redis
        && *storage == other.storage
        && *logs == other.logs
        && *migration == other.migration
        && *egress == other.egress
        && *routes == other.routes
        && *custom_routes == other.custom_routes
        && *route_positions == other.route_positions
        && *allowed == other.allowed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::catalogue::{Catalogue, ServiceKind};
    use crate::check::{check_file, sets_itself};
    use crate::names::EnvironmentVariableName;

    const NAMES: [&str; 4] = ["ada", "ada-api", "grace", "dify"];
    const LABELS: [&str; 3] = ["dev", "prod", "api"];
    const ORIGINS: [&str; 8] = [
        "",
        "https://dify.example.com",
        "https://chat.contoso.com",
        "http://dify.example.com",
        "https://ada-dev-nginx.example.com",
        "https://ada.internal.example.com",
        "https://dify.blue.japaneast.azurecontainerapps.io",
        "https://dify.example.com:8443",
    ];
    /// Some lead to no finding, some to findings about the file, some to findings about what it leads to.
    const SETTINGS: [&str; 10] = [
        "",
        "[services.api.env]\nLOG_LEVEL = \"DEBUG\"\n",
        "[services.api.env]\nSMTP_SERVER = \"ada-dev-nginx\"\n",
        "[services.api.env]\nWEAVIATE_ENDPOINT = \"http://grace-prod-sandbox:8194\"\n",
        "[services.worker.env]\nCODE_EXECUTION_ENDPOINT = \"http://sandbox:8194\"\n",
        "[services.api.env]\nMAIL_TYPE = \"smtp\"\nSMTP_PASSWORD = \"difyai123456\"\n",
        "[services.api.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 4000\n",
        "[services.api]\nreplicas = 40\n",
        "[services.worker.env]\nCELERY_WORKER_AMOUNT = 90\n",
        "[[allow]]\nrule = \"NET101\"\nreason = \"a trial\"\n",
    ];

    fn file() -> impl Strategy<Value = String> {
        let parts = (
            select(&NAMES[..]),
            select(&LABELS[..]),
            select(&ORIGINS[..]),
            select(&SETTINGS[..]),
        );
        parts.prop_map(|(name, label, origin, settings)| {
            let public = if origin.is_empty() {
                String::new()
            } else {
                format!("[public]\norigin = \"{origin}\"\n")
            };
            let profile = if label == "api" {
                "profile = \"dev\"\n"
            } else {
                ""
            };
            format!(
                "name = \"{name}\"\nenvironment = \"{label}\"\n{profile}location = \"japaneast\"\n\
                 [azure]\nresource_group = \"rg-{name}\"\n{public}{settings}"
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever was checked before, a file has the findings that it has alone.
        #[test]
        fn memory_changes_no_answer(files in proptest::collection::vec(file(), 2..7)) {
            let mut checker = Checker::new();
            for text in &files {
                let alone = check_file(text).map(|it| it.diagnostics);
                let after_others = checker.check_file(text).map(|it| it.diagnostics);
                prop_assert_eq!(alone, after_others, "{}", text);
            }
        }
    }

    #[test]
    fn twins_are_proven_once() {
        let mut checker = Checker::new();
        for index in 0..5 {
            let file = format!(
                "name = \"tenant{index}\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n[azure]\n\
                 resource_group = \"rg-{index}\"\n[public]\norigin = \"https://t{index}.example.com\"\n"
            );
            checker.check_file(&file).unwrap();
        }
        assert_eq!(checker.kinds(), 1);
    }

    #[test]
    fn what_mentions_the_own_name_is_proven_each_time() {
        let file = |name: &str| {
            format!(
                "name = \"{name}\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n[azure]\n\
                 resource_group = \"rg\"\n[services.api.env]\nSMTP_SERVER = \"ada-dev-mail\"\n"
            )
        };
        let mut checker = Checker::new();
        checker.check_file(&file("ada")).unwrap();
        assert_eq!(checker.kinds(), 0);
        checker.check_file(&file("grace")).unwrap();
        assert_eq!(checker.kinds(), 1);
    }

    #[test]
    fn findings_about_what_a_file_leads_to_are_told_for_each_twin() {
        let settings = "[services.api.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 4000\n";
        let mut checker = Checker::new();
        for name in ["ada", "grace", "ada"] {
            let file = format!(
                "name = \"{name}\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n[azure]\n\
                 resource_group = \"rg\"\n{settings}"
            );
            let found = checker.check_file(&file);
            let found = found.map_or_else(|found| found, |it| it.diagnostics);
            let about_deployments = |code: &str| {
                crate::check::rule(code).is_some_and(crate::check::Rule::is_of_deployed)
            };
            assert!(
                found.iter().any(|it| about_deployments(&it.code)),
                "{found:?}"
            );
        }
    }

    /// Every file that a rule gives as an example, under another name.
    fn samples(name: &str) -> Vec<String> {
        let own = format!("name = \"{name}\"");
        crate::check::rules()
            .flat_map(|rule| [&rule.bad, &rule.good])
            .filter(|sample| sample.is_file())
            .map(|sample| sample.to_file().replace("name = \"dify\"", &own))
            .collect()
    }

    #[test]
    fn every_sample_is_judged_alike_behind_its_twin() {
        let mut checker = Checker::new();
        for (first, second) in samples("ada").iter().zip(samples("grace")) {
            let _ = checker.check_file(first);
            let after = checker.check_file(&second).map(|it| it.diagnostics);
            assert_eq!(
                after,
                check_file(&second).map(|it| it.diagnostics),
                "{second}"
            );
        }
        assert!(checker.kinds() > 20, "{}", checker.kinds());
    }

    #[test]
    fn twins_are_equal_but_for_what_is_their_own() {
        let all = samples("ada");
        let all: Vec<Deployment> = all
            .iter()
            .filter_map(|text| Some(Deployment::parse(text).ok()?.deployment))
            .collect();
        let alike = |of: &Deployment, own: &Deployment| Deployment {
            name: own.name.clone(),
            environment: own.environment.clone(),
            prefix: own.prefix.clone(),
            azure: Azure {
                tags: of.azure.tags.clone(),
                ..own.azure.clone()
            },
            public: Public {
                certificate: of.public.certificate.clone(),
                ..own.public.clone()
            },
            ..of.clone()
        };
        let mut strangers = 0;
        for (at, one) in all.iter().enumerate() {
            for other in &all[at..] {
                if are_twins(one, other) {
                    assert_eq!(alike(one, other), *other);
                } else {
                    strangers += 1;
                }
            }
        }
        assert!(strangers > 1000, "{strangers}");
    }

    /// What no wiring keeps a file from setting may hold the name of an app, and no rule minds whose.
    #[test]
    fn no_variable_that_a_file_can_set_makes_the_names_matter() {
        let value = VariableValue::Plain("http://ada-dev-sandbox:8194".to_owned());
        let release = Catalogue::builtin().default_release();
        let codes = |name: &str, service: ServiceKind| {
            let base = crate::check::Sample::BASE.replace("\"dify\"", &format!("\"{name}\""));
            let mut resolved = Deployment::parse(&base).unwrap();
            let table = release.variables(service);
            let free = table.iter().map(|it| it.name.as_str());
            let free = free.filter(|name| !sets_itself(release, service, name));
            let free = free.map(|it| (EnvironmentVariableName::parse(it).unwrap(), value.clone()));
            let services = &mut resolved.deployment.services;
            services.get_mut(&service).unwrap().variables.extend(free);
            let found = crate::audit::check_deployment(&resolved).unwrap();
            let found = found.iter();
            found
                .map(|it| (it.code.clone(), it.path.to_string()))
                .collect::<Vec<_>>()
        };
        for service in [ServiceKind::Api, ServiceKind::Worker, ServiceKind::Web] {
            assert_eq!(
                codes("ada", service),
                codes("grace", service),
                "{service:?}"
            );
        }
    }

    #[test]
    fn memory_stays_flat() {
        let mut checker = Checker {
            most: 3,
            ..Checker::new()
        };
        for index in 0..5 {
            let file = format!(
                "name = \"ada\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n[azure]\n\
                 resource_group = \"rg\"\ntags = {{ kind = \"{index}\" }}\n"
            );
            checker.check_file(&file).unwrap();
        }
        assert_eq!(checker.kinds(), 3);
    }
}
