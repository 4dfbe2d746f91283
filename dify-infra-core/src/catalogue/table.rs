//! The variables of one image, seen from one version of it.

use std::collections::BTreeMap;

use super::release::Source;
use super::service::ImageKind;
use super::suggest::nearest;
use super::variable::Variable;
use super::version::Version;

/// Everything that is known about the variables of one image, over all its versions.
#[derive(Debug)]
pub(super) struct VariableFile {
    pub(super) image: ImageKind,
    pub(super) source: Source,
    /// By name. Variables that the image no longer reads have an `until`.
    pub(super) variables: BTreeMap<String, Variable>,
    /// From alias to the variable's name. A variable of that very name wins.
    pub(super) aliases: BTreeMap<String, String>,
    /// Names that no version reads though people set them. A trailing `*` stands for any rest.
    pub(super) not_read: BTreeMap<String, NotRead>,
}

/// Why a name that people set is not read.
#[derive(Debug, Clone)]
pub(super) struct NotRead {
    pub(super) right_name: Option<String>,
    pub(super) why: String,
}

/// The variables that the image of one release reads.
#[derive(Debug, Clone, Copy)]
pub struct VariableTable<'a> {
    file: &'a VariableFile,
    version: Version,
}

/// Whether an image reads a name.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Read<'a> {
    /// It does, under this name or as an alias of the variable.
    Yes(&'a Variable),
    /// It never did; the setting that was meant has another name.
    RenamedTo {
        /// The name that the image reads.
        right_name: &'a str,
        /// Who knows the wrong name.
        why: &'a str,
    },
    /// A later version of the image does.
    NotYet {
        /// The first version that reads it.
        since: Version,
    },
    /// An earlier version of the image did.
    NoLonger {
        /// The last version that read it.
        until: Version,
        /// What became of it.
        why: &'a str,
    },
    /// It does not.
    No {
        /// Why people set it all the same; `None` for a name nobody has met.
        why: Option<&'a str>,
        /// A name that is read and looks like it.
        nearest: Option<&'a str>,
    },
}

impl Read<'_> {
    /// Whether the image reads the name.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

impl<'a> VariableTable<'a> {
    pub(super) fn new(file: &'a VariableFile, version: Version) -> Self {
        Self { file, version }
    }

    /// What another version of the same image reads.
    ///
    /// ```
    /// use dify_infra_core::catalogue::{Catalogue, Read, ServiceKind};
    ///
    /// let table = Catalogue::builtin().default_release().variables(ServiceKind::PluginDaemon);
    /// let older = table.at("0.6.1".parse()?);
    /// assert!(table.is_read("PIP_MIRROR_AUTO_DETECT").is_yes());
    /// assert!(matches!(older.is_read("PIP_MIRROR_AUTO_DETECT"), Read::NotYet { .. }));
    /// # Ok::<(), dify_infra_core::catalogue::InvalidVersion>(())
    /// ```
    #[must_use]
    pub fn at(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The image whose variables these are.
    pub fn image(&self) -> ImageKind {
        self.file.image
    }

    /// The version of the image, in the image's own version line. For nginx and the proxy, whose
    /// tables do not change, the Dify version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the table comes from.
    pub fn source(&self) -> &'a Source {
        &self.file.source
    }

    /// The variables that the image reads, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'a Variable> + use<'a> {
        let version = self.version;
        self.file
            .variables
            .values()
            .filter(move |variable| variable.is_read_by(version))
    }

    /// The variables without which a deployment on Azure does not work; see
    /// [`Variable::required_when`] for the circumstances.
    pub fn required(&self) -> impl Iterator<Item = &'a Variable> + use<'a> {
        self.iter().filter(|variable| variable.required)
    }

    /// The variable that the image reads under this name, or as an alias.
    pub fn get(&self, name: &str) -> Option<&'a Variable> {
        match self.known(name) {
            Some(Read::Yes(variable)) => Some(variable),
            _ => None,
        }
    }

    /// Whether the image reads this name, and if not, what was probably meant.
    pub fn is_read(&self, name: &str) -> Read<'a> {
        self.known(name).unwrap_or_else(|| Read::No {
            why: None,
            nearest: self.nearest(name),
        })
    }

    /// The same without a look for names that are near, which takes a comparison with each; nothing
    /// for names that nobody has met.
    pub(crate) fn known(&self, name: &str) -> Option<Read<'a>> {
        self.by_name(name)
            .or_else(|| self.by_alias(name))
            .or_else(|| self.by_mistake(name))
    }

    fn by_name(&self, name: &str) -> Option<Read<'a>> {
        let variable = self.file.variables.get(name)?;
        if let Some(since) = variable.since.filter(|since| self.version < *since) {
            return Some(Read::NotYet { since });
        }
        Some(match variable.until.filter(|until| *until < self.version) {
            Some(until) => Read::NoLonger {
                until,
                why: &variable.meaning,
            },
            None => Read::Yes(variable),
        })
    }

    fn by_alias(&self, name: &str) -> Option<Read<'a>> {
        let target = self.file.aliases.get(name)?;
        let variable = self.file.variables.get(target)?;
        let alias = variable.aliases.iter().find(|alias| alias.name == name)?;
        match alias.since.filter(|since| self.version < *since) {
            Some(since) => Some(Read::NotYet { since }),
            None => self.by_name(target),
        }
    }

    fn by_mistake(&self, name: &str) -> Option<Read<'a>> {
        let exact = self.file.not_read.get(name);
        let known = exact.or_else(|| {
            let mut patterns = self.file.not_read.iter();
            patterns.find_map(|(pattern, known)| {
                let prefix = pattern.strip_suffix('*')?;
                name.starts_with(prefix).then_some(known)
            })
        })?;
        Some(match &known.right_name {
            Some(right_name) => Read::RenamedTo {
                right_name,
                why: &known.why,
            },
            None => Read::No {
                why: Some(&known.why),
                nearest: None,
            },
        })
    }

    fn nearest(&self, name: &str) -> Option<&'a str> {
        nearest(name, self.iter().map(|variable| variable.name.as_str()))
    }
}
