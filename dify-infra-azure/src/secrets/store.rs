//! The secrets file of a deployment: read, completed, and kept before any value is used.
//!
//! Order of sources: the file, what live apps still hold, newly generated.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use dify_infra_core::deployment::{Deployment, Origin};
use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::Snapshot;
use dify_infra_core::resource::ResourceId;
use dify_infra_core::secrets::{
    Checker, Finding, Format, ParseError, ParsedSecrets, Problem, RandomError, RenderError,
    SecretKind, SecretName, Secrets, Severity, generate_for, parse, render,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::private::{Existing, WriteError, write_private};
use super::random::SystemRandom;
use super::{held_in_vault, recover};
use crate::Error;
use crate::arm::ArmClient;

/// A secrets file can't be used, completed or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsFileError {
    /// It can't be read as text.
    #[error("the secrets file {} can't be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its text is none of the formats.
    #[error("the secrets file {} can't be read", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: ParseError,
    },
    /// It says that it is another deployment's.
    #[error(
        "{} holds the secrets of a deployment in resource group {theirs}, and this one goes to {own}; give it a \
         secrets file of its own",
        .path.display()
    )]
    OtherGroup {
        /// The file.
        path: PathBuf,
        /// The resource group that it names.
        theirs: String,
        /// The deployment's.
        own: String,
    },
    /// It holds values that must not be used: published ones, weak ones, ones that break their consumer.
    #[error("{} must not be used: {}", .path.display(), sentences(.errors))]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        errors: Vec<Finding>,
        /// What else is worth knowing of it.
        warnings: Vec<Finding>,
    },
    /// Live apps may hold what the file lacks, and can't be asked.
    #[error(
        "{} lacks secrets that {} may hold, and they can't be read; bring the secrets file back, or sign in with \
         the right to list the apps' secrets (Microsoft.App/containerApps/listSecrets/action)",
        .path.display(), .holder.name()
    )]
    Unrecovered {
        /// The file.
        path: PathBuf,
        /// The app or job.
        holder: ResourceId,
        /// Why it can't be asked.
        source: Box<Error>,
    },
    /// The password of a server that somebody else made can't be generated.
    #[error(
        "the server {server} exists, and its password for {administrator} is not known; add \
         POSTGRES_PASSWORD=VALUE to {}",
        .path.display()
    )]
    ServerPassword {
        /// The file.
        path: PathBuf,
        /// The server.
        server: String,
        /// Who signs in.
        administrator: String,
    },
    /// The deployment refers to secrets that only a person knows.
    #[error("the deployment refers to secrets that have no value; add {} to {}", lines(.names), .path.display())]
    NoValue {
        /// The file.
        path: PathBuf,
        /// The secrets.
        names: BTreeSet<SecretName>,
    },
    /// No value could be made.
    #[error("a secret could not be made")]
    Random(#[from] RandomError),
    /// A value can't be written in the format of the file.
    #[error("the secrets were not kept, so nothing was done with them")]
    Render(#[from] RenderError),
    /// The file can't be written.
    #[error("the secrets were not kept, so nothing was done with them")]
    Write(#[from] WriteError),
}

fn sentences(errors: &[Finding]) -> String {
    let sentences = errors
        .iter()
        .map(|one| format!("{} {}", one.secret, one.problem));
    sentences.collect::<Vec<_>>().join("; ")
}

/// What to write into a secrets file: `SMTP_PASSWORD=VALUE and REGISTRY_PASSWORD=VALUE`.
fn lines(names: &BTreeSet<SecretName>) -> String {
    let lines = names.iter().map(|name| format!("{}=VALUE", name.env_key()));
    lines.collect::<Vec<_>>().join(" and ")
}

/// All secrets of a deployment, and where they come from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Completed {
    /// The values.
    pub secrets: Secrets,
    /// Those that live apps held and the file did not.
    pub recovered: Vec<SecretName>,
    /// Those that were made just now.
    pub generated: Vec<SecretName>,
}

/// The secrets file of a deployment, there or not.
///
/// ```no_run
/// # use dify_infra_azure::arm::ArmClient;
/// # use dify_infra_azure::secrets::{SecretsFile, SecretsFileError};
/// # use dify_infra_core::deployment::Deployment;
/// # use dify_infra_core::graph::ResourceGraph;
/// # use dify_infra_core::plan::Snapshot;
/// # async fn run(
/// #     client: &ArmClient,
/// #     deployment: &Deployment,
/// #     graph: &ResourceGraph,
/// #     snapshot: &Snapshot,
/// # ) -> Result<(), SecretsFileError> {
/// let file = SecretsFile::open("dify-dev.secrets.env", deployment)?;
/// let completed = file.complete(client, deployment, graph, snapshot).await?;
/// // From here on the values may be used: they are on the disk.
/// file.save(&completed, deployment)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SecretsFile {
    path: PathBuf,
    /// What it holds; nothing when it is not there.
    found: Option<Found>,
}

#[derive(Debug)]
struct Found {
    text: SecretString,
    secrets: Secrets,
    warnings: Vec<Finding>,
}

impl SecretsFile {
    /// Where the file of a deployment is unless somebody says otherwise: `<name>-<environment>.secrets.env`.
    pub fn name_of(deployment: &Deployment) -> String {
        format!("{}.secrets.env", deployment.prefix())
    }

    /// Reads the file of a deployment; one that is not there yet is made by [`save`](Self::save).
    ///
    /// # Errors
    ///
    /// When it can't be read, says that it is another deployment's, or holds values that must not be used:
    /// published ones, weak ones, ones that break their consumer.
    pub fn open(
        path: impl Into<PathBuf>,
        deployment: &Deployment,
    ) -> Result<Self, SecretsFileError> {
        let path = path.into();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::absent(path)),
            Err(source) => return Err(SecretsFileError::Unreadable { path, source }),
        };
        if let Some(theirs) = other_group(text.expose_secret(), deployment) {
            let own = deployment.azure().resource_group.as_str().to_owned();
            let theirs = theirs.to_owned();
            return Err(SecretsFileError::OtherGroup { path, theirs, own });
        }
        Self::from_text(path, text, deployment)
    }

    /// A file that is not there yet.
    pub fn absent(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            found: None,
        }
    }

    /// A file that was read already, or comes from elsewhere, whatever deployment it names.
    ///
    /// # Errors
    ///
    /// When it has none of the formats, or holds values that must not be used.
    pub fn from_text(
        path: impl Into<PathBuf>,
        text: SecretString,
        deployment: &Deployment,
    ) -> Result<Self, SecretsFileError> {
        let path = path.into();
        let format = Format::detect(&path.to_string_lossy(), text.expose_secret());
        let parsed = match parse(text.expose_secret(), format) {
            Ok(parsed) => parsed,
            Err(source) => return Err(SecretsFileError::Invalid { path, source }),
        };
        let (errors, warnings) = judge(&parsed, deployment);
        if !errors.is_empty() {
            return Err(SecretsFileError::Unusable {
                path,
                errors,
                warnings,
            });
        }
        let found = Found {
            text,
            secrets: parsed.into_secrets(),
            warnings,
        };
        let found = Some(found);
        Ok(Self { path, found })
    }

    /// Where the file is, or will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds; nothing when it is not there.
    pub fn secrets(&self) -> Option<&Secrets> {
        self.found.as_ref().map(|found| &found.secrets)
    }

    /// What is worth knowing of its values, and keeps nobody from using them.
    pub fn warnings(&self) -> &[Finding] {
        self.found.as_ref().map_or(&[], |found| &found.warnings)
    }

    /// The secrets that a run needs values of and the file lacks: not those that the key vault holds.
    pub fn lacking(
        &self,
        deployment: &Deployment,
        graph: &ResourceGraph,
        snapshot: &Snapshot,
    ) -> BTreeSet<SecretName> {
        let known = self.secrets().cloned().unwrap_or_default();
        lacking(&needed(deployment, graph, snapshot, &known), &known)
    }

    /// The secrets of the deployment that the file lacks.
    pub fn lacking_offline(&self, deployment: &Deployment) -> BTreeSet<SecretName> {
        let known = self.secrets().cloned().unwrap_or_default();
        lacking(&deployment.secret_names(), &known)
    }

    /// Fills in what the file lacks: from live apps, then from the system's randomness. Nothing is written
    /// yet, and no value may be used before [`save`](Self::save).
    ///
    /// # Errors
    ///
    /// When only a person can give a value, when live apps may hold one that can't be read, or when the
    /// system has no randomness.
    pub async fn complete(
        &self,
        client: &ArmClient,
        deployment: &Deployment,
        graph: &ResourceGraph,
        snapshot: &Snapshot,
    ) -> Result<Completed, SecretsFileError> {
        let mut secrets = self.secrets().cloned().unwrap_or_default();
        let wanted = needed(deployment, graph, snapshot, &secrets);
        let missing = lacking(&wanted, &secrets);
        let mut recovered = Vec::new();
        if !missing.is_empty() {
            let live = recover(client, graph, snapshot, &missing).await;
            if let Some((holder, error)) = live.unreadable.into_iter().next() {
                return Err(SecretsFileError::Unrecovered {
                    path: self.path.clone(),
                    holder,
                    source: Box::new(error),
                });
            }
            for (name, value) in live.secrets.iter() {
                secrets.insert(name.clone(), value.clone());
                recovered.push(name.clone());
            }
        }
        self.fill(deployment, secrets, &wanted, recovered)
    }

    /// Fills in what the file lacks from the system's randomness alone, without a look at what runs in Azure.
    /// Nothing is written yet.
    ///
    /// # Errors
    ///
    /// When only a person can give a value, or the system has no randomness.
    pub fn complete_offline(&self, deployment: &Deployment) -> Result<Completed, SecretsFileError> {
        let secrets = self.secrets().cloned().unwrap_or_default();
        self.fill(deployment, secrets, &deployment.secret_names(), Vec::new())
    }

    /// Makes what is still missing; a secret that only a person knows is refused.
    fn fill(
        &self,
        deployment: &Deployment,
        mut secrets: Secrets,
        wanted: &BTreeSet<SecretName>,
        recovered: Vec<SecretName>,
    ) -> Result<Completed, SecretsFileError> {
        let password = SecretName::from(SecretKind::PostgresPassword);
        let missing = lacking(wanted, &secrets);
        if let Origin::Existing(server) = &deployment.postgres().origin
            && missing.contains(&password)
        {
            return Err(SecretsFileError::ServerPassword {
                path: self.path.clone(),
                server: server.to_string(),
                administrator: deployment.postgres().administrator.clone(),
            });
        }
        let names: BTreeSet<SecretName> = missing
            .iter()
            .filter(|name| name.kind().is_none())
            .cloned()
            .collect();
        if !names.is_empty() {
            let path = self.path.clone();
            return Err(SecretsFileError::NoValue { path, names });
        }
        let mut generated = Vec::new();
        // The key of the fingerprints follows from SECRET_KEY, so it comes last.
        let mut missing: Vec<SecretName> = missing.into_iter().collect();
        missing.sort_by_key(|name| name.kind() == Some(SecretKind::FingerprintKey));
        for name in missing {
            if let Some(kind) = name.kind() {
                let value = generate_for(kind, &secrets, &mut SystemRandom)?;
                secrets.insert(name.clone(), value);
                generated.push(name);
            }
        }
        Ok(Completed {
            secrets,
            recovered,
            generated,
        })
    }

    /// Writes what the file lacks, so that it is on the disk when this returns; lines that are there stay as
    /// they are. A new file is for its owner alone (mode 0600).
    ///
    /// # Errors
    ///
    /// When the file can't be written; then no value may be used.
    pub fn save(
        &self,
        completed: &Completed,
        deployment: &Deployment,
    ) -> Result<(), SecretsFileError> {
        let added: BTreeSet<&SecretName> = completed
            .recovered
            .iter()
            .chain(&completed.generated)
            .collect();
        if added.is_empty() {
            return Ok(());
        }
        let values = completed.secrets.iter();
        let values: Secrets = values
            .filter(|(name, _)| added.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let lines = render(&values, Format::Env)?;
        let (before, existing) = match &self.found {
            Some(found) => (with_line_end(found.text.expose_secret()), Existing::Replace),
            None => (header(deployment), Existing::Keep),
        };
        let text = SecretString::from(before + lines.expose_secret());
        write_private(&self.path, text.expose_secret().as_bytes(), existing)?;
        Ok(())
    }
}

/// The secrets whose values a run may need: all but those that the key vault holds.
fn needed(
    deployment: &Deployment,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    known: &Secrets,
) -> BTreeSet<SecretName> {
    let held = held_in_vault(graph, snapshot);
    let mut wanted = deployment.secret_names();
    wanted.retain(|name| !held.contains(name));
    let signing = SecretName::from(SecretKind::SecretKey);
    if held.contains(&signing) && !known.contains(signing) {
        // It follows from SECRET_KEY. Another one in each run would make all values look new.
        wanted.remove(&SecretName::from(SecretKind::FingerprintKey));
    }
    wanted
}

fn lacking(wanted: &BTreeSet<SecretName>, secrets: &Secrets) -> BTreeSet<SecretName> {
    let missing = wanted
        .iter()
        .filter(|name| !secrets.contains((*name).clone()));
    missing.cloned().collect()
}

/// Values that must not be used, and those with a risk.
fn judge(parsed: &ParsedSecrets, deployment: &Deployment) -> (Vec<Finding>, Vec<Finding>) {
    let checker = Checker::new().with_postgres_login(deployment.postgres().administrator.as_str());
    let wanted = deployment.secret_names();
    let mut used = checker.check_parsed(parsed);
    // What is missing is filled in later, or refused with a better reason. Names that nothing refers to are
    // not used.
    used.retain(|one| {
        let is_ours = one.secret.kind().is_some();
        !matches!(one.problem, Problem::Missing) && (is_ours || wanted.contains(&one.secret))
    });
    // How good the password of somebody else's server is, is not ours to decide; a published one is nobody's.
    used.into_iter().partition(|one| {
        let is_published = matches!(one.problem, Problem::Published { .. });
        one.severity == Severity::Error && (one.secret.kind().is_some() || is_published)
    })
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

/// The resource group that a secrets file names, when it is not the deployment's.
pub fn other_group<'a>(text: &'a str, deployment: &Deployment) -> Option<&'a str> {
    let own = deployment.azure().resource_group.as_str();
    let theirs = text.lines().find_map(|line| line.strip_prefix(GROUP))?;
    Some(theirs.trim()).filter(|theirs| !theirs.eq_ignore_ascii_case(own))
}

fn with_line_end(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}
