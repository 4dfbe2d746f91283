//! The secrets file of a deployment: found, completed, and kept before any value is used.
//!
//! Order of sources: the file, what live apps still hold, newly generated. Whatever is not in the
//! file yet is written to it, synced, before the first write to Azure.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use dify_infra_azure::secrets::{self as library, Completed, SecretsFileError, other_group};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::plan::Snapshot;
use dify_infra_core::resource::Kind;
use dify_infra_core::secrets::{Finding, SecretKind, SecretName, Secrets};
use secrecy::{ExposeSecret as _, SecretString};

use crate::input::{is_stream, read_limited, shown};
use crate::secrets_command::{keep_out_of_version_control, open_to_others};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::Ui;
use crate::ui::errors::Problem;

/// A secrets file, there or not.
#[derive(Debug)]
pub(crate) struct SecretsFile {
    file: library::SecretsFile,
    /// Whether the person named it, so that it is theirs to write.
    is_named: bool,
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
                let file = library::SecretsFile::absent(path);
                return Ok(Self { file, is_named });
            }
            Err(error) => return Err(unreadable(&path, &error).into()),
        };
        if !is_named {
            refuse_another_group(&path, text.expose_secret(), deployment)?;
        }
        if let Some(warning) = open_to_others(&path).filter(|_| !is_stream(&path)) {
            ui.warn(warning);
        }
        let file = library::SecretsFile::from_text(path, text, deployment);
        match &file {
            Ok(file) => warn(ui, file.path(), file.warnings()),
            Err(SecretsFileError::Unusable { path, warnings, .. }) => warn(ui, path, warnings),
            Err(_) => {}
        }
        let file = file.map_err(explained)?;
        Ok(Self { file, is_named })
    }

    /// Where the file is, or will be.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// What the file holds; nothing when it is not there.
    pub(crate) fn secrets(&self) -> Option<&Secrets> {
        self.file.secrets()
    }

    /// Says what a plan without the file means for the secrets of apps that are there.
    pub(crate) fn tell_absence(&self, ui: &Ui, session: &Session, snapshot: &Snapshot) {
        let has_apps = session
            .graph
            .nodes()
            .any(|node| node.kind() == Kind::ContainerApp && snapshot.body(node.id()).is_some());
        if self.secrets().is_none() && has_apps && session.deployment.key_vault().is_some() {
            ui.say(format!(
                "no secrets file at {}: what is in the key vault counts as kept",
                self.path().display()
            ));
        } else if self.secrets().is_none() && has_apps {
            ui.say(format!(
                "no secrets file at {}: secrets count as kept; apply would read them back from \
                 the apps",
                self.path().display()
            ));
        }
    }

    /// Warns of values that only a person can give and that are nowhere: neither in the file, nor in an
    /// app, nor in the key vault. An apply would stop for want of them.
    pub(crate) fn tell_missing(&self, ui: &Ui, session: &Session, snapshot: &Snapshot) {
        let Session {
            deployment, graph, ..
        } = session;
        let mut missing = self.file.lacking(deployment, graph, snapshot);
        let live = live_names(session, snapshot);
        missing.retain(|name| name.kind().is_none() && !live.contains(name.as_str()));
        if missing.is_empty() {
            return;
        }
        let names = lines(&missing);
        ui.warn(format!(
            "{} lacks {}, and apply stops without: add {names}",
            shown(self.path()),
            in_words(&missing)
        ));
    }

    /// Says which secrets of the deployment the file does not hold; whether they are elsewhere, in apps or in
    /// the key vault, only Azure knows.
    pub(crate) fn tell_lacking(&self, ui: &Ui, deployment: &Deployment) {
        let missing = self.file.lacking_offline(deployment);
        if !missing.is_empty() {
            ui.say(format!(
                "{} lacks {}: plan and apply look for what is missing in Azure",
                shown(self.path()),
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
        let Session {
            client,
            deployment,
            graph,
            ..
        } = session;
        self.refuse_what_is_not_ours(&self.file.lacking(deployment, graph, snapshot))?;
        let completed = self.file.complete(client, deployment, graph, snapshot);
        completed.await.map_err(explained)
    }

    /// Fills in what the file lacks from the system's randomness alone, without a look at what runs
    /// in Azure. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// When the person has to give a value, in a file of theirs or one that only they know.
    pub(crate) fn complete_offline(&self, deployment: &Deployment) -> anyhow::Result<Completed> {
        self.refuse_what_is_not_ours(&self.file.lacking_offline(deployment))?;
        self.file.complete_offline(deployment).map_err(explained)
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
        let problem = Problem::new(format!(
            "{} lacks {}",
            shown(self.path()),
            in_words(missing)
        ));
        let problem = if own.is_empty() {
            problem
        } else {
            problem.hint(format!("add {}", lines(&own)))
        };
        Err(if kinds.is_empty() {
            problem
        } else {
            let target = if is_stream(self.path()) {
                String::new()
            } else {
                format!(" >> {}", self.path().display())
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
        let is_new = !(completed.recovered.is_empty() && completed.generated.is_empty());
        self.file.save(completed, deployment)?;
        if is_new
            && self.secrets().is_none()
            && let Some(advice) = keep_out_of_version_control(self.path())
        {
            ui.hint(advice);
        }
        Ok(())
    }
}

/// `<name>-<environment>.secrets.env` beside the deployment file.
fn default_path(deployment: &Deployment, directory: &Path) -> PathBuf {
    let name = library::SecretsFile::name_of(deployment);
    if directory == Path::new(".") {
        PathBuf::from(name)
    } else {
        directory.join(name)
    }
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

/// Tells of values with a risk.
fn warn(ui: &Ui, path: &Path, warnings: &[Finding]) {
    for finding in warnings {
        ui.warn(format!(
            "{}: {} {}",
            shown(path),
            finding.secret,
            finding.problem
        ));
    }
}

/// What is wrong with a secrets file, with what to type.
fn explained(error: SecretsFileError) -> anyhow::Error {
    match error {
        SecretsFileError::Invalid { path, source } => {
            let message = format!("the secrets file {} can't be read", shown(&path));
            anyhow::Error::new(source).context(message)
        }
        SecretsFileError::Unusable { path, errors, .. } => unusable(&path, &errors).into(),
        SecretsFileError::Unrecovered {
            path,
            holder,
            source,
        } => {
            let message = format!(
                "{} lacks secrets that {} may hold, and they can't be read",
                shown(&path),
                holder.name()
            );
            let problem = Problem::new(message).hint(
                "bring the secrets file back, or sign in with the right to list the apps' secrets \
                 (Microsoft.App/containerApps/listSecrets/action)",
            );
            anyhow::Error::new(*source).context(problem)
        }
        SecretsFileError::ServerPassword {
            path,
            server,
            administrator,
        } => {
            let message = format!(
                "the server {server} exists, and its password for {administrator} is not known"
            );
            let hint = format!("add POSTGRES_PASSWORD=VALUE to {}", shown(&path));
            Problem::new(message).hint(hint).into()
        }
        SecretsFileError::NoValue { path, names } => no_value(&path, &names).into(),
        other => other.into(),
    }
}

fn unusable(path: &Path, errors: &[Finding]) -> Problem {
    let sentences: Vec<String> = errors
        .iter()
        .map(|one| format!("{} {}", one.secret, one.problem))
        .collect();
    let message = format!("{} must not be used: {}", shown(path), sentences.join("; "));
    let problem = Problem::new(message);
    match errors.first() {
        Some(first) => problem.hint(first.help()),
        None => problem,
    }
}

/// The problem of secrets that only the person knows.
fn no_value(path: &Path, names: &BTreeSet<SecretName>) -> Problem {
    let has = if names.len() == 1 { "has" } else { "have" };
    let message = format!(
        "the deployment file refers to {}, which {has} no value",
        in_words(names)
    );
    let hint = format!("add {} to {}", lines(names), path.display());
    Problem::new(message).hint(if path.exists() {
        hint
    } else {
        format!(
            "run `dify-secrets gen --out {}`, then {hint}",
            path.display()
        )
    })
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

/// Refuses the default file when it says that it is another deployment's; one that is named is meant.
fn refuse_another_group(path: &Path, text: &str, deployment: &Deployment) -> Result<(), Problem> {
    let own = deployment.azure().resource_group.as_str();
    let Some(theirs) = other_group(text, deployment) else {
        return Ok(());
    };
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
