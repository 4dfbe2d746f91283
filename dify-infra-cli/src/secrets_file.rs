//! The secrets file of a deployment: found, completed, and kept before any value is used.
//!
//! Order of sources: the file, what live apps still hold, newly generated. Whatever is not in the
//! file yet is written to it, synced, before the first write to Azure.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dify_infra_azure::secrets::{held_in_vault, recover};
use dify_infra_core::deployment::{Deployment, Origin};
use dify_infra_core::plan::Snapshot;
use dify_infra_core::resource::Kind;
use dify_infra_core::secrets::{
    Checker, Finding, Format, ParsedSecrets, Problem as SecretProblem, SecretKind, SecretName,
    Secrets, Severity, generate_for, parse, render,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::input::{is_stream, read_limited, shown};
use crate::secrets_command::{
    Existing, SystemRandom, keep_out_of_version_control, open_to_others, write_private,
};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::Ui;
use crate::ui::errors::Problem;

/// A secrets file, there or not.
#[derive(Debug)]
pub(crate) struct SecretsFile {
    path: PathBuf,
    /// Whether the person named it, so that it is theirs to write.
    is_named: bool,
    /// What it holds; nothing when it is not there.
    found: Option<Found>,
}

#[derive(Debug)]
struct Found {
    text: SecretString,
    secrets: Secrets,
}

/// All secrets of a deployment, and where they come from.
#[derive(Debug)]
pub(crate) struct Completed {
    /// The values.
    pub secrets: Secrets,
    /// Those that live apps held and the file did not.
    pub recovered: Vec<SecretName>,
    /// Those that were made just now.
    pub generated: Vec<SecretName>,
}

impl SecretsFile {
    /// Reads the file that was named, or the deployment's own beside the deployment file.
    ///
    /// # Errors
    ///
    /// When a named file is missing, when a file can't be read, or holds values that must not be
    /// used: published ones, weak ones, ones that break their consumer.
    pub(crate) fn open(ui: &Ui, settings: &Settings, session: &Session) -> anyhow::Result<Self> {
        let directory = session.input.directory();
        Self::open_beside(ui, settings, &session.deployment, directory)
    }

    /// As [`open`](Self::open), for commands that ask Azure nothing; `directory` is that of the
    /// deployment file.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_beside(
        ui: &Ui,
        settings: &Settings,
        deployment: &Deployment,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let (path, is_named) = match &settings.secrets {
            Some(path) => (path.clone(), true),
            None => (default_path(deployment, directory), false),
        };
        let text = match read_limited(&path) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
                return Ok(Self {
                    path,
                    is_named,
                    found: None,
                });
            }
            Err(error) => return Err(unreadable(&path, &error).into()),
        };
        if !is_named {
            refuse_another_group(&path, text.expose_secret(), deployment)?;
        }
        let format = Format::detect(&path.to_string_lossy(), text.expose_secret());
        let parsed = parse(text.expose_secret(), format)
            .with_context(|| format!("the secrets file {} can't be read", shown(&path)))?;
        if let Some(warning) = open_to_others(&path).filter(|_| !is_stream(&path)) {
            ui.warn(warning);
        }
        judge(ui, &path, &parsed, deployment)?;
        Ok(Self {
            path,
            is_named,
            found: Some(Found {
                text,
                secrets: parsed.into_secrets(),
            }),
        })
    }

    /// Where the file is, or will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds; nothing when it is not there.
    pub(crate) fn secrets(&self) -> Option<&Secrets> {
        self.found.as_ref().map(|found| &found.secrets)
    }

    /// Says what a plan without the file means for the secrets of apps that are there.
    pub(crate) fn tell_absence(&self, ui: &Ui, session: &Session, snapshot: &Snapshot) {
        let has_apps = session
            .graph
            .nodes()
            .any(|node| node.kind() == Kind::ContainerApp && snapshot.body(node.id()).is_some());
        if self.found.is_none() && has_apps && session.deployment.key_vault().is_some() {
            ui.say(format!(
                "no secrets file at {}: what is in the key vault counts as kept",
                self.path.display()
            ));
        } else if self.found.is_none() && has_apps {
            ui.say(format!(
                "no secrets file at {}: secrets count as kept; apply would read them back from \
                 the apps",
                self.path.display()
            ));
        }
    }

    /// Warns of values that only a person can give and that are nowhere: neither in the file, nor in an
    /// app, nor in the key vault. An apply would stop for want of them.
    pub(crate) fn tell_missing(&self, ui: &Ui, session: &Session, snapshot: &Snapshot) {
        let known = self.secrets().cloned().unwrap_or_default();
        let mut missing = lacking(&needed(session, snapshot, &known), &known);
        let live = live_names(session, snapshot);
        missing.retain(|name| name.kind().is_none() && !live.contains(name.as_str()));
        if missing.is_empty() {
            return;
        }
        let names = lines(&missing);
        ui.warn(format!(
            "{} lacks {}, and apply stops without: add {names}",
            shown(&self.path),
            in_words(&missing)
        ));
    }

    /// Says which secrets of the deployment the file does not hold; whether they are elsewhere, in apps or in
    /// the key vault, only Azure knows.
    pub(crate) fn tell_lacking(&self, ui: &Ui, deployment: &Deployment) {
        let known = self.secrets().cloned().unwrap_or_default();
        let missing = lacking(&deployment.secret_names(), &known);
        if !missing.is_empty() {
            ui.say(format!(
                "{} lacks {}: plan and apply look for what is missing in Azure",
                shown(&self.path),
                in_words(&missing)
            ));
        }
    }

    /// Fills in what the file lacks: from live apps, then from the system's randomness. Nothing is
    /// written yet.
    ///
    /// # Errors
    ///
    /// When the person has to give a value, in a file of theirs or one that only they know, or when
    /// live apps may hold a value that can't be read.
    pub(crate) async fn complete(
        &self,
        session: &Session,
        snapshot: &Snapshot,
    ) -> anyhow::Result<Completed> {
        let mut secrets = self.secrets().cloned().unwrap_or_default();
        let wanted = needed(session, snapshot, &secrets);
        let missing = lacking(&wanted, &secrets);
        self.refuse_what_is_not_ours(&missing)?;
        let mut recovered = Vec::new();
        if !missing.is_empty() {
            let live = recover(&session.client, &session.graph, snapshot, &missing).await;
            if let Some((id, error)) = live.unreadable.into_iter().next() {
                let message = format!(
                    "{} lacks secrets that {} may hold, and they can't be read",
                    shown(&self.path),
                    id.name()
                );
                return Err(
                    anyhow::Error::new(error).context(Problem::new(message).hint(
                        "bring the secrets file back, or sign in with the right to list the apps' \
                     secrets (Microsoft.App/containerApps/listSecrets/action)",
                    )),
                );
            }
            for (name, value) in live.secrets.iter() {
                secrets.insert(name.clone(), value.clone());
                recovered.push(name.clone());
            }
        }
        if wanted.contains(&SecretName::from(SecretKind::PostgresPassword)) {
            refuse_made_up_password(&session.deployment, &secrets, &self.path)?;
        }
        let generated = fill(&mut secrets, &wanted, &self.path)?;
        Ok(Completed {
            secrets,
            recovered,
            generated,
        })
    }

    /// Fills in what the file lacks from the system's randomness alone, without a look at what runs
    /// in Azure. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// When the person has to give a value, in a file of theirs or one that only they know.
    pub(crate) fn complete_offline(&self, deployment: &Deployment) -> anyhow::Result<Completed> {
        let mut secrets = self.secrets().cloned().unwrap_or_default();
        let wanted = deployment.secret_names();
        self.refuse_what_is_not_ours(&lacking(&wanted, &secrets))?;
        refuse_made_up_password(deployment, &secrets, &self.path)?;
        let generated = fill(&mut secrets, &wanted, &self.path)?;
        Ok(Completed {
            secrets,
            recovered: Vec::new(),
            generated,
        })
    }

    /// A named file must be complete, since it is not ours to write.
    fn refuse_what_is_not_ours(&self, missing: &BTreeSet<SecretName>) -> Result<(), Problem> {
        if !self.is_named || missing.is_empty() {
            return Ok(());
        }
        let kinds: Vec<&str> = missing
            .iter()
            .filter_map(SecretName::kind)
            .map(SecretKind::id)
            .collect();
        let own: BTreeSet<SecretName> = missing
            .iter()
            .filter(|name| name.kind().is_none())
            .cloned()
            .collect();
        let problem = Problem::new(format!("{} lacks {}", shown(&self.path), in_words(missing)));
        let problem = if own.is_empty() {
            problem
        } else {
            problem.hint(format!("add {}", lines(&own)))
        };
        Err(if kinds.is_empty() {
            problem
        } else {
            let target = if is_stream(&self.path) {
                String::new()
            } else {
                format!(" >> {}", self.path.display())
            };
            problem.hint(format!(
                "make what is missing and keep it: `dify-secrets gen {}{target}`",
                kinds.join(" ")
            ))
        })
    }

    /// Writes what the file lacks, so that it is on the disk when this returns; lines that are there
    /// stay as they are.
    ///
    /// # Errors
    ///
    /// When the file can't be written; then no value may be used.
    pub(crate) fn save(
        &self,
        ui: &Ui,
        completed: &Completed,
        deployment: &Deployment,
    ) -> anyhow::Result<()> {
        let added: BTreeSet<&SecretName> = completed
            .recovered
            .iter()
            .chain(&completed.generated)
            .collect();
        if added.is_empty() {
            return Ok(());
        }
        let values = completed
            .secrets
            .iter()
            .filter(|(name, _)| added.contains(name));
        let values: Secrets = values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let lines = render(&values, Format::Env)?;
        let (before, existing) = match &self.found {
            Some(found) => (with_line_end(found.text.expose_secret()), Existing::Replace),
            None => (header(deployment), Existing::Keep),
        };
        let text = SecretString::from(before + lines.expose_secret());
        write_private(&self.path, text.expose_secret().as_bytes(), existing)
            .context("the secrets were not kept, so nothing was done with them")?;
        if self.found.is_none()
            && let Some(advice) = keep_out_of_version_control(&self.path)
        {
            ui.hint(advice);
        }
        Ok(())
    }
}

/// `<name>-<environment>.secrets.env` beside the deployment file.
fn default_path(deployment: &Deployment, directory: &Path) -> PathBuf {
    let name = format!("{}.secrets.env", deployment.prefix());
    if directory == Path::new(".") {
        PathBuf::from(name)
    } else {
        directory.join(name)
    }
}

/// The secrets whose values this run may need: all but those that the key vault holds.
fn needed(session: &Session, snapshot: &Snapshot, known: &Secrets) -> BTreeSet<SecretName> {
    let held = held_in_vault(&session.graph, snapshot);
    let mut wanted = session.deployment.secret_names();
    wanted.retain(|name| !held.contains(name));
    let signing = SecretName::from(SecretKind::SecretKey);
    if held.contains(&signing) && !known.contains(signing) {
        // It follows from SECRET_KEY. Another one in each run would make all values look new.
        wanted.remove(&SecretName::from(SecretKind::FingerprintKey));
    }
    wanted
}

fn lacking(wanted: &BTreeSet<SecretName>, secrets: &Secrets) -> BTreeSet<SecretName> {
    wanted
        .iter()
        .filter(|name| !secrets.contains((*name).clone()))
        .cloned()
        .collect()
}

/// The names of the secrets that the live apps have.
fn live_names(session: &Session, snapshot: &Snapshot) -> BTreeSet<String> {
    let apps = session
        .graph
        .nodes()
        .filter_map(|node| snapshot.body(node.id()));
    let secrets = apps.filter_map(|body| {
        body.pointer("/properties/configuration/secrets")?
            .as_array()
    });
    let names = secrets
        .flatten()
        .filter_map(|secret| secret.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

/// What to write into a secrets file: `SMTP_PASSWORD=VALUE and REGISTRY_PASSWORD=VALUE`.
fn lines(names: &BTreeSet<SecretName>) -> String {
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("{}=VALUE", name.env_key()))
        .collect();
    match lines.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => lines.concat(),
    }
}

/// The password of a server that someone else made can't be generated.
fn refuse_made_up_password(
    deployment: &Deployment,
    secrets: &Secrets,
    path: &Path,
) -> Result<(), Problem> {
    let Origin::Existing(server) = &deployment.postgres().origin else {
        return Ok(());
    };
    if secrets.contains(SecretKind::PostgresPassword) {
        return Ok(());
    }
    let message = format!(
        "the server {server} exists, and its password for {} is not known",
        deployment.postgres().administrator
    );
    let hint = format!("add POSTGRES_PASSWORD=VALUE to {}", shown(path));
    Err(Problem::new(message).hint(hint))
}

/// Makes what is still missing; a secret that only the person knows is refused.
fn fill(
    secrets: &mut Secrets,
    wanted: &BTreeSet<SecretName>,
    path: &Path,
) -> anyhow::Result<Vec<SecretName>> {
    let missing = lacking(wanted, secrets);
    let own: BTreeSet<SecretName> = missing
        .iter()
        .filter(|name| name.kind().is_none())
        .cloned()
        .collect();
    if !own.is_empty() {
        let has = if own.len() == 1 { "has" } else { "have" };
        let message = format!(
            "the deployment file refers to {}, which {has} no value",
            in_words(&own)
        );
        let hint = format!("add {} to {}", lines(&own), path.display());
        let hint = if path.exists() {
            hint
        } else {
            format!(
                "run `dify-secrets gen --out {}`, then {hint}",
                path.display()
            )
        };
        return Err(Problem::new(message).hint(hint).into());
    }
    let mut generated = Vec::new();
    // The key of the fingerprints follows from SECRET_KEY, so it comes last.
    let mut missing: Vec<SecretName> = missing.into_iter().collect();
    missing.sort_by_key(|name| name.kind() == Some(SecretKind::FingerprintKey));
    for name in missing {
        if let Some(kind) = name.kind() {
            let value = generate_for(kind, secrets, &mut SystemRandom)?;
            secrets.insert(name.clone(), value);
            generated.push(name);
        }
    }
    Ok(generated)
}

/// Refuses values that must not be used, and tells of those with a risk.
fn judge(
    ui: &Ui,
    path: &Path,
    parsed: &ParsedSecrets,
    deployment: &Deployment,
) -> Result<(), Problem> {
    let checker = Checker::new().with_postgres_login(deployment.postgres().administrator.as_str());
    let findings = checker.check_parsed(parsed);
    let wanted = deployment.secret_names();
    // What is missing is filled in later, or refused with a better reason. Names that nothing
    // refers to are not used.
    let used = findings.iter().filter(|one| {
        let is_ours = one.secret.kind().is_some();
        !matches!(one.problem, SecretProblem::Missing) && (is_ours || wanted.contains(&one.secret))
    });
    // How good the password of somebody else's server is, is not ours to decide; a published one is
    // nobody's.
    let is_refused = |one: &&Finding| {
        let is_published = matches!(one.problem, SecretProblem::Published { .. });
        one.severity == Severity::Error && (one.secret.kind().is_some() || is_published)
    };
    let (errors, warnings): (Vec<&Finding>, Vec<&Finding>) = used.partition(is_refused);
    for finding in warnings {
        ui.warn(format!(
            "{}: {} {}",
            shown(path),
            finding.secret,
            finding.problem
        ));
    }
    let Some(first) = errors.first() else {
        return Ok(());
    };
    let sentences: Vec<String> = errors
        .iter()
        .map(|one| format!("{} {}", one.secret, one.problem))
        .collect();
    let message = format!("{} must not be used: {}", shown(path), sentences.join("; "));
    Err(Problem::new(message).hint(first.help()))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    let shown = shown(path);
    match error.kind() {
        io::ErrorKind::NotFound => Problem::new(format!("there is no secrets file {shown}"))
            .hint(format!("make one with `dify-secrets gen --out {shown}`")),
        io::ErrorKind::IsADirectory => {
            Problem::new(format!("{shown} is a directory, not a secrets file"))
        }
        _ => Problem::new(format!("the secrets file {shown} can't be read: {error}")),
    }
}

/// The comment that says whose secrets a file holds: two deployments of one name, in two regions say, have
/// secrets of their own.
const GROUP: &str = "# Resource group: ";

fn header(deployment: &Deployment) -> String {
    format!(
        "# Secrets of the Dify deployment {}, made by dify-infra. Keep this file: it is the\n\
         # only place with all of them. It is read by `dify-infra` and `dify-secrets`.\n{GROUP}{}\n",
        deployment.prefix(),
        deployment.azure().resource_group
    )
}

/// Refuses the default file when it says that it is another deployment's; one that is named is meant.
fn refuse_another_group(path: &Path, text: &str, deployment: &Deployment) -> Result<(), Problem> {
    let own = deployment.azure().resource_group.as_str();
    let theirs = text.lines().find_map(|line| line.strip_prefix(GROUP));
    let Some(theirs) = theirs.map(str::trim) else {
        return Ok(());
    };
    if theirs.eq_ignore_ascii_case(own) {
        return Ok(());
    }
    let (shown, prefix) = (shown(path), deployment.prefix());
    Err(Problem::new(format!(
        "{shown} holds the secrets of {prefix} in resource group {theirs}, and this file deploys {prefix} to {own}"
    ))
    .hint(format!(
        "give it a secrets file of its own: `--secrets {prefix}.{own}.secrets.env`, or put the deployment \
         files into folders of their own"
    ))
    .hint(format!(
        "when the deployment moves to {own} and keeps its secrets, name the file: `--secrets {shown}`"
    )))
}

fn with_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}

fn in_words(names: &BTreeSet<SecretName>) -> String {
    let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => format!("the secret {one}"),
        [first @ .., last] => format!("the secrets {} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
