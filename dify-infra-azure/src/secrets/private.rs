//! Writing a file of secrets: whole or not at all, for its owner alone, never over another by accident.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What to do when the file exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail.
    Keep,
    /// Put the new file in its place.
    Replace,
}

/// A file of secrets was not written; what was there is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path leads somewhere else.
    #[error("{} is a symbolic link: secrets are written to plain files only, name its target", .0.display())]
    Link(PathBuf),
    /// The path is a directory, a device or a pipe.
    #[error("{} is no regular file: secrets are written to plain files only", .0.display())]
    NoFile(PathBuf),
    /// The file is there and was to be kept.
    #[error("{} exists and was left as it is: its values may be in use; name another file, or replace it", .0.display())]
    Exists(PathBuf),
    /// The disk refuses.
    #[error("{} {failed}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed, as the end of a sentence about the file.
        failed: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl WriteError {
    fn io(path: &Path, failed: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            failed,
            source,
        }
    }
}

/// Writes a file of mode 0600 that is on the disk, whole, when this returns.
///
/// The content goes to a new file beside it first, so that a crash leaves either the old file, or
/// the new one, or none; the directory is synced as well.
///
/// # Errors
///
/// When the path exists and is to be kept, is a symbolic link or no regular file, or when the disk
/// refuses. The target is then as it was.
pub fn write_private(path: &Path, contents: &[u8], existing: Existing) -> Result<(), WriteError> {
    refuse_unsuitable(path, existing)?;
    let temporary = Temporary::create(path, contents).map_err(WriteError::io(
        path,
        "could not be written: its directory takes no file",
    ))?;
    match existing {
        Existing::Replace => fs::rename(&temporary.path, path)
            .map_err(WriteError::io(path, "could not be replaced"))?,
        Existing::Keep => link(&temporary.path, path, contents)?,
    }
    drop(temporary);
    let synced = sync_directory(path);
    synced.map_err(WriteError::io(
        path,
        "was written, but its directory could not be synced",
    ))
}

fn refuse_unsuitable(path: &Path, existing: Existing) -> Result<(), WriteError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(WriteError::io(path, "could not be looked at")(error)),
    };
    if metadata.is_symlink() {
        return Err(WriteError::Link(path.to_owned()));
    }
    if !metadata.is_file() {
        return Err(WriteError::NoFile(path.to_owned()));
    }
    if existing == Existing::Keep {
        return Err(WriteError::Exists(path.to_owned()));
    }
    Ok(())
}

/// Gives the complete file its name, which fails if the name is taken: no moment lies between.
fn link(temporary: &Path, path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    let outcome = match fs::hard_link(temporary, path) {
        // Some file systems have no hard links. Creating exclusively overwrites nothing either.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => create(path, contents),
        other => other,
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(WriteError::Exists(path.to_owned()))
        }
        other => other.map_err(WriteError::io(path, "could not be written")),
    }
}

/// Creates a file that must not exist, with its content on the disk; removes it if that fails.
fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = open_new(path)?;
    let written = file.write_all(contents).and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(unix)]
fn open_new(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // A strict umask may have taken the owner's own bits.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A complete file beside the target, removed when it goes out of scope under its own name.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn create(target: &Path, contents: &[u8]) -> io::Result<Self> {
        let name = target
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{:016x}.tmp", rand::random::<u64>()));
        let path = directory(target).join(hidden);
        create(&path, contents)?;
        Ok(Self { path })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename it is gone, which is the aim.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn leaves_nothing_but_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.env");
        write_private(&path, b"one", Existing::Keep).unwrap();
        assert!(write_private(&path, b"two", Existing::Keep).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write_private(&path, b"three", Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(directory.path()), ["a.env"]);
    }

    #[test]
    fn the_name_is_taken_only_if_it_is_free() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&path, "old").unwrap();
        fs::write(&other, "new").unwrap();
        let error = link(&other, &path, b"new").unwrap_err();
        assert!(error.to_string().contains("was left as it is"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn without_hard_links_the_file_is_created_exclusively() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        // A missing source stands for a file system that refuses links.
        link(&directory.path().join("missing"), &path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let error = link(&directory.path().join("missing"), &path, b"newer").unwrap_err();
        assert!(error.to_string().contains("was left as it is"));
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_missing_directory_is_a_sentence() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing/a.env");
        let error = write_private(&path, b"x", Existing::Keep).unwrap_err();
        assert!(
            error.to_string().contains("could not be written"),
            "{error}"
        );
    }
}
