//! From what people write to what is proven: every default filled in, every problem found.
//!
//! A value that can't be used is reported and replaced by its default, so that one mistake does
//! not hide another. A deployment comes out only when nothing was reported as an error.

mod certificate;
mod data;
mod gateway;
mod identity;
mod images;
mod network;
mod policy;
mod profiles;
mod routes;
mod secrets;
mod services;
#[cfg(test)]
mod tests;
mod unsupported;

pub(crate) use network::has_zones;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::Deployment;
use crate::catalogue::{ImageKind, ServiceKind};
use crate::check::{self, Rule, spc};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Segment, Severity};
use crate::spec::{Document, Spec, in_words, nearest};

/// A deployment that keeps the rules about its description, with what is worth knowing about it.
///
/// Reading a file or building one applies the rules that look at the description; it takes microseconds.
/// [`check`](Self::check) applies those that look at what it leads to as well: which app calls which, what
/// nginx and the proxy let through, what two services must agree on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resolved {
    /// The deployment.
    pub deployment: Deployment,
    /// Warnings and notes; no errors.
    pub diagnostics: Diagnostics,
    /// The file; nothing for what was put together in Rust.
    pub(crate) document: Option<Document>,
    /// Services whose image `images.overrides` decides.
    pub(crate) overridden: BTreeSet<ServiceKind>,
    /// Whether every rule has been applied.
    pub(crate) is_checked: bool,
}

impl Resolved {
    /// Applies the rules about what the deployment leads to, so that every rule has been applied; findings of
    /// a file have their places, and what the description allows comes as a note with the reason.
    ///
    /// It takes milliseconds, and the second time nothing. Of many deployments of a few kinds,
    /// [`Checker`](crate::check::Checker) proves each kind once.
    ///
    /// ```
    /// use dify_infra_core::deployment::Deployment;
    ///
    /// let resolved = Deployment::builder("dify", "dev")
    ///     .location("japaneast")
    ///     .resource_group("dify-dev-rg")
    ///     .build()?
    ///     .check()?;
    /// assert_eq!(resolved.deployment.prefix().as_str(), "dify-dev");
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When what the deployment leads to breaks a rule of severity error: all findings of all severities,
    /// those about the description included.
    pub fn check(self) -> Result<Self, Diagnostics> {
        check::Checker::new().check(self)
    }

    /// Gives findings of one's own their places in the file, and sorts them. Without a file they have none.
    pub fn locate(&self, diagnostics: &mut Diagnostics) {
        match &self.document {
            Some(document) => document.locate(diagnostics),
            None => diagnostics.sort(),
        }
    }

    /// Points at `images.overrides` where a service's image comes from there.
    pub(crate) fn point_at_overrides(&self, diagnostics: &mut Diagnostics) {
        point_at_overrides(diagnostics, &self.overridden);
    }
}

impl Deployment {
    /// Reads a deployment file and applies the rules about the file itself; findings have their places. The
    /// rules about what it leads to are applied by [`Resolved::check`], or by
    /// [`check_file`](crate::check::check_file), which does both.
    ///
    /// ```
    /// use dify_infra_core::deployment::Deployment;
    ///
    /// let resolved = Deployment::parse(
    ///     "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\n\
    ///      [azure]\nresource_group = \"dify-dev-rg\"\n",
    /// )?;
    /// assert_eq!(resolved.deployment.prefix().as_str(), "dify-dev");
    /// assert_eq!(resolved.deployment.release().version().to_string(), "1.16.0");
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is no deployment file or breaks a rule about files of severity error: all findings of
    /// all severities, errors first.
    pub fn parse(text: &str) -> Result<Resolved, Diagnostics> {
        let (mut resolved, document) = Self::parse_with_document(text)?;
        resolved.document = Some(document);
        Ok(resolved)
    }

    /// The same, with the document beside it.
    pub(crate) fn parse_with_document(text: &str) -> Result<(Resolved, Document), Diagnostics> {
        let mut reading = Spec::read(text)?;
        let (deployment, found) = resolve(&reading.spec);
        let reported = &reading.reported;
        reading
            .diagnostics
            .extend(found.into_iter().filter(|it| !reported.contains(&it.path)));
        let mut diagnostics = prove(deployment.as_ref(), reading.diagnostics);
        let mut overridden = overridden(&reading.spec);
        overridden.retain(|kind| !reading.reported.contains(&image_path(*kind)));
        point_at_overrides(&mut diagnostics, &overridden);
        reading.document.locate(&mut diagnostics);
        let resolved = conclude(deployment, diagnostics, overridden)?;
        Ok((resolved, reading.document))
    }

    /// Resolves a description and applies the rules about it; [`Resolved::check`] applies those about what it
    /// leads to.
    ///
    /// ```
    /// use dify_infra_core::deployment::Deployment;
    /// use dify_infra_core::spec::Spec;
    ///
    /// let mut spec = Spec::default();
    /// spec.name = Some("dify".to_owned());
    /// spec.environment = Some("dev".to_owned());
    /// spec.location = Some("japaneast".to_owned());
    /// let problems = Deployment::from_spec(&spec).unwrap_err();
    /// assert_eq!(problems.iter().next().unwrap().path.to_string(), "azure.resource_group");
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the description lacks what every deployment must have, or breaks a rule about descriptions of
    /// severity error: all findings of all severities.
    pub fn from_spec(spec: &Spec) -> Result<Resolved, Diagnostics> {
        let (deployment, found) = resolve(spec);
        let mut diagnostics = prove(deployment.as_ref(), found);
        let overridden = overridden(spec);
        point_at_overrides(&mut diagnostics, &overridden);
        diagnostics.sort();
        conclude(deployment, diagnostics, overridden)
    }
}

/// Applies the rules to what came of a file, and to what was found on the way.
fn prove(deployment: Option<&Deployment>, mut diagnostics: Diagnostics) -> Diagnostics {
    let Some(deployment) = deployment else {
        return diagnostics;
    };
    let codes: Vec<String> = diagnostics.iter().map(|found| found.code.clone()).collect();
    let met = |rule: &Rule| codes.iter().any(|code| code == rule.id);
    let is_broken = diagnostics.has_errors();
    let mut found = check::apply_rules(deployment);
    // Where a value was refused, a default stands that nobody asked for.
    let refused = diagnostics
        .iter()
        .filter(|it| it.severity == Severity::Error);
    let refused: BTreeSet<KeyPath> = refused.map(|it| it.path.clone()).collect();
    found.retain(|finding| !refused.contains(&finding.path));
    if met(&check::ver::RELEASE) {
        // Images and variables were compared with a release that nobody asked for.
        found.retain(|finding| !finding.code.starts_with("VER"));
    }
    if met(&check::ssr::EXCEPTION) {
        // Positions in the list have moved.
        found.retain(|finding| finding.path.segments().len() < 3 || !in_table(finding, "egress"));
    }
    if refused.iter().any(is_range) {
        // What the file says was compared with ranges that it does not say.
        found.retain(|finding| finding.code != check::net::ADDRESS_PLAN.id);
    }
    diagnostics.extend(found);
    check::apply_allowances(deployment, &mut diagnostics);
    if is_broken {
        // What a default broke or kept says nothing about an allowance.
        diagnostics.retain(|finding| finding.code != spc::UNUSED_ALLOWANCE.id);
    }
    diagnostics
}

/// Whether a key is one of the address plan.
fn is_range(path: &KeyPath) -> bool {
    let path = path.to_string();
    path == "network.address_space" || path.starts_with("network.subnets.")
}

fn in_table(finding: &Diagnostic, table: &str) -> bool {
    finding.path.segments().first() == Some(&Segment::Key(table.to_owned()))
}

/// The services whose image `images.overrides` decides.
fn overridden(spec: &Spec) -> BTreeSet<ServiceKind> {
    let overrides = &spec.images.overrides;
    if overrides.is_empty() {
        return BTreeSet::new();
    }
    let has_own = |kind: &ServiceKind| {
        let service = spec.services.get(kind.key());
        service.is_some_and(|service| service.image.is_some())
    };
    let mut kinds: BTreeSet<ServiceKind> = ServiceKind::ALL.into_iter().collect();
    kinds.retain(|kind| overrides.contains_key(kind.image().key()) && !has_own(kind));
    kinds
}

/// Points at `images.overrides` where a service's image comes from there.
fn point_at_overrides(diagnostics: &mut Diagnostics, overridden: &BTreeSet<ServiceKind>) {
    for kind in overridden {
        let path = image_path(*kind);
        for finding in diagnostics.iter_mut().filter(|it| it.path == path) {
            finding.path = override_path(kind.image());
        }
    }
}

fn image_path(kind: ServiceKind) -> KeyPath {
    KeyPath::of("services").key(kind.key()).key("image")
}

fn override_path(kind: ImageKind) -> KeyPath {
    KeyPath::of("images.overrides").key(kind.key())
}

/// A finding of an error of a name or value, which reads "what is wrong; what to do".
fn refusal(rule: &Rule, path: KeyPath, error: &impl Display) -> Diagnostic {
    let text = error.to_string();
    match text.rsplit_once("; ") {
        Some((problem, remedy)) => rule.finding(path, problem).with_help(remedy),
        None => rule.finding(path, text),
    }
}

fn conclude(
    deployment: Option<Deployment>,
    diagnostics: Diagnostics,
    overridden: BTreeSet<ServiceKind>,
) -> Result<Resolved, Diagnostics> {
    match deployment {
        Some(deployment) if !diagnostics.has_errors() => Ok(Resolved {
            deployment,
            diagnostics,
            document: None,
            overridden,
            is_checked: false,
        }),
        _ => Err(diagnostics),
    }
}

/// Makes the best of a description; what is wrong with it is in the findings.
fn resolve(spec: &Spec) -> (Option<Deployment>, Diagnostics) {
    let mut resolver = Resolver {
        spec,
        found: spec.missing_keys().into_iter().collect(),
    };
    let deployment = resolver.deployment();
    (deployment, resolver.found)
}

/// A description on its way to a deployment.
struct Resolver<'a> {
    spec: &'a Spec,
    found: Diagnostics,
}

impl Resolver<'_> {
    /// Nothing only when the release catalogue itself is broken.
    fn deployment(&mut self) -> Option<Deployment> {
        self.refuse_unsupported();
        let release = self.release();
        let identity = self.identity(release)?;
        let network = self.network(identity.profile, &identity.location);
        let (registry, images) = self.images(release, network.as_ref())?;
        let services = self.services(release, &images, identity.profile)?;
        let migration = services::migration(release, &services)?;
        let (mut routes, custom_routes, route_positions) = self.routes(release, &services)?;
        let defaults = data::Defaults::of(identity.profile, &identity.location);
        let postgres = self.postgres(&services, &defaults)?;
        let place = (identity.profile, &identity.location);
        let gateway = self.gateway(place, network.as_ref(), &routes);
        if let Some(gateway) = &gateway {
            let settings = routes
                .settings()
                .clone()
                .behind_gateway(gateway.subnet.network());
            routes = routes.with_settings(settings).ok()?;
        }
        let workload_profiles = self.workload_profiles();
        self.refuse_misfits(&services, &workload_profiles);
        Some(Deployment {
            name: identity.name,
            environment: identity.environment,
            prefix: identity.prefix,
            profile: identity.profile,
            location: identity.location,
            release,
            azure: self.azure()?,
            public: self.public_behind(gateway.as_ref()),
            registry,
            network,
            gateway,
            secret_store: self.secret_store(identity.profile),
            workload_profiles,
            postgres,
            routes,
            custom_routes,
            route_positions,
            redis: self.redis(&defaults),
            storage: self.storage(&defaults)?,
            logs: self.logs(&defaults),
            egress: self.egress(),
            allowed: self.allowed(),
            services,
            migration,
        })
    }

    fn report(&mut self, finding: Diagnostic) {
        self.found.push(finding);
    }

    /// Parses a text that may be absent; reports it when it breaks its type's rule.
    fn parse<T>(&mut self, rule: &Rule, path: KeyPath, text: Option<&str>) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let parsed = text?.parse::<T>();
        parsed.map_err(|error| self.refuse(rule, path, &error)).ok()
    }

    /// Reads the key that a path ends with; one that can't be used is reported.
    fn parse_key<T>(&mut self, path: KeyPath, key: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        let parsed = key.parse::<T>();
        let refused = |error| refusal(&spc::INVALID_VALUE, path, &error).about_key();
        parsed.map_err(|error| self.report(refused(error))).ok()
    }

    /// Reports a value whose error says what is wrong and what to write instead.
    fn refuse(&mut self, rule: &Rule, path: KeyPath, error: &impl Display) {
        self.report(refusal(rule, path, error));
    }

    /// A number within bounds, or the default.
    fn number(
        &mut self,
        path: &str,
        number: Option<u32>,
        default: u32,
        bounds: RangeInclusive<u32>,
    ) -> u32 {
        match number {
            None => default,
            Some(number) if bounds.contains(&number) => number,
            Some(number) => {
                let (least, most) = (bounds.start(), bounds.end());
                let message = format!("`{path}` is {number}, but must be from {least} to {most}");
                let help = format!("give a number from {least} to {most}");
                self.report(
                    spc::INVALID_VALUE
                        .finding(KeyPath::of(path), message)
                        .with_help(help),
                );
                default
            }
        }
    }

    /// One of several words, or nothing.
    fn word(
        &mut self,
        path: &str,
        word: Option<&str>,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let word = word?;
        let known = words.iter().copied().find(|known| *known == word);
        if known.is_none() {
            self.unknown_word(path, word, words);
        }
        known
    }

    fn unknown_word(&mut self, path: &str, word: &str, words: &[&str]) {
        const MOST_WORDS: usize = 12;
        let message = format!("{word:?} is not a value of `{path}`");
        let help = match nearest(word, words.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if words.len() > MOST_WORDS => {
                format!(
                    "use a name such as {:?}",
                    words.first().copied().unwrap_or_default()
                )
            }
            None => {
                let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
                format!("use {}", in_words(&words, "or"))
            }
        };
        self.report(
            spc::INVALID_VALUE
                .finding(KeyPath::of(path), message)
                .with_help(help),
        );
    }
}
