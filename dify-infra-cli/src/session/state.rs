//! `.dify-infra/` beside the deployment file: journals of runs and the state of an embedded Azure.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// The name of the directory.
const NAME: &str = ".dify-infra";

/// A place for journals and an embedded Azure, made when it is first needed.
#[derive(Debug, Clone)]
pub(crate) struct StateDirectory(PathBuf);

impl StateDirectory {
    /// The directory beside the deployment file.
    pub(crate) fn beside(directory: &Path) -> Self {
        let is_current = directory == Path::new(".");
        Self(if is_current {
            PathBuf::from(NAME)
        } else {
            directory.join(NAME)
        })
    }

    /// Where the journals of a deployment are; those of an embedded Azure are kept apart, and so are
    /// those of a deployment of the same name in another resource group.
    pub(crate) fn journals(&self, group: &str, prefix: &str, is_embedded: bool) -> PathBuf {
        let target = if is_embedded { "embedded" } else { "azure" };
        let journals = self.0.join("journal").join(target);
        journals.join(group.to_ascii_lowercase()).join(prefix)
    }

    /// The file that is locked while a run writes to a deployment.
    pub(crate) fn lock(&self, owner: &str) -> PathBuf {
        self.0.join(format!("{owner}.lock"))
    }

    /// The name under which runs from here say in Azure that they are at work, made when it is first
    /// needed.
    ///
    /// # Errors
    ///
    /// When it can't be kept.
    pub(crate) fn run_name(&self, owner: &str) -> anyhow::Result<String> {
        let path = self.0.join(format!("{owner}.run"));
        let known = fs::read_to_string(&path).unwrap_or_default();
        let is_name = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_hexdigit());
        if is_name(known.trim()) {
            return Ok(known.trim().to_owned());
        }
        self.create()?;
        let name = dify_infra_azure::claim::new_name();
        fs::write(&path, format!("{name}\n"))
            .with_context(|| format!("{} can't be written", path.display()))?;
        Ok(name)
    }

    /// Where the embedded Azure is.
    pub(crate) fn azure(&self) -> PathBuf {
        self.0.join("azure")
    }

    /// Makes the directory, for its owner alone, with a `.gitignore` that keeps all of it out of
    /// version control.
    ///
    /// # Errors
    ///
    /// When the directory can't be made.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        let failed = || format!("the state directory {} can't be made", self.0.display());
        if self.0.is_dir() {
            return Ok(());
        }
        make_private(&self.0).with_context(failed)?;
        fs::write(self.0.join(".gitignore"), "*\n").with_context(failed)
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let state = StateDirectory::beside(place.path());
        state.create().unwrap();
        state.create().unwrap();
        let path = place.path().join(".dify-infra");
        assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
        let name = state.run_name("dify-dev").unwrap();
        assert_eq!(state.run_name("dify-dev").unwrap(), name);
        assert_ne!(state.run_name("dify-prod").unwrap(), name);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o700
            );
        }
    }
}
