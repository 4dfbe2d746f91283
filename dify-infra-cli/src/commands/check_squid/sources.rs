//! Files that a squid file names, as far as they lie beside it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use dify_infra_core::egress::SquidSources;
use glob::{MatchOptions, Pattern, glob_with};

/// Most bytes that are read of all files together, however often they name each other.
const LARGEST: u64 = 4 << 20;

/// Most files that are read.
const MOST_FILES: u32 = 256;

/// As `glob(3)`, by which squid finds what it includes (`parseManyConfigFiles`, `src/cache_cf.cc`).
const AS_SQUID: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The directory of a squid file, and what is below.
///
/// A path that leads elsewhere is not followed: what this machine has there need not be what squid
/// reads where it runs, and who checks a file of someone else does not show it other files.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    directory: &'a Path,
    bytes_left: Cell<u64>,
    files_left: Cell<u32>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(directory: &'a Path) -> Self {
        Self {
            directory,
            bytes_left: Cell::new(LARGEST),
            files_left: Cell::new(MOST_FILES),
        }
    }

    /// The path without what leads out of the directory by links or `..`.
    fn inside(&self, path: &Path) -> Result<PathBuf, String> {
        let real = |path: &Path| path.canonicalize().map_err(|error| unreadable(&error));
        let found = real(path)?;
        if !found.starts_with(real(self.directory)?) {
            return Err(
                "which leads out of the file's own directory and is not followed".to_owned(),
            );
        }
        Ok(found)
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        let path = self.inside(path)?;
        let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Err("which is not a file".to_owned());
        }
        let files_left = self.files_left.get().checked_sub(1);
        let files_left = files_left.ok_or("which is one file too many to be read")?;
        self.files_left.set(files_left);
        let left = self.bytes_left.get();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(left + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(&error))?;
        let left = left.checked_sub(bytes.len() as u64);
        self.bytes_left
            .set(left.ok_or("which is too large to be read")?);
        String::from_utf8(bytes).map_err(|_| "which is not UTF-8 text".to_owned())
    }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "which is not there".to_owned(),
        _ => format!("which can't be read: {error}"),
    }
}

impl SquidSources for Beside<'_> {
    fn included(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let directory = self.directory.to_string_lossy();
        let place = if pattern.starts_with('/') {
            pattern.to_owned()
        } else {
            format!("{}/{pattern}", Pattern::escape(&directory))
        };
        let paths = glob_with(&place, AS_SQUID)
            .map_err(|error| format!("which is not a valid pattern: {}", error.msg))?;
        let mut files = Vec::new();
        for path in paths.take(MOST_FILES as usize + 1) {
            let path = path.map_err(|error| unreadable(error.error()))?;
            let text = self.read(&path)?;
            let name = path.strip_prefix(self.directory).unwrap_or(&path);
            files.push((name.display().to_string(), text));
        }
        if files.is_empty() {
            return Err("which names no file that is there".to_owned());
        }
        Ok(files)
    }

    fn values(&self, path: &str) -> Result<String, String> {
        self.read(&self.directory.join(path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn patterns_find_what_squid_would_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let part = folder.path().join("conf.d");
        fs::create_dir(&part).unwrap();
        for name in ["b.conf", "a.conf", ".hidden.conf", "c.txt"] {
            fs::write(part.join(name), name).unwrap();
        }
        let beside = Beside::new(folder.path());
        let all = beside.included("conf.d/*.conf").unwrap();
        let pair = |name: &str| (format!("conf.d/{name}"), name.to_owned());
        assert_eq!(all, [pair("a.conf"), pair("b.conf")]);
        let absolute = format!("{}/[a]*", part.display());
        assert_eq!(beside.included(&absolute).unwrap(), [pair("a.conf")]);
        assert_eq!(beside.values("conf.d/c.txt").unwrap(), "c.txt");
        for missing in [
            "conf.d/*.list",
            "none.conf",
            "conf.d",
            "[",
            "conf.d/a.conf/x",
        ] {
            assert!(beside.included(missing).is_err(), "{missing}");
        }
    }

    #[test]
    fn nothing_outside_of_the_directory_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(folder.path().join("secret"), "canary").unwrap();
        let beside = Beside::new(&inner);
        let outside = folder.path().join("secret").display().to_string();
        for path in [
            "../secret",
            "../secre*",
            &outside,
            "/etc/passwd",
            "/dev/zero",
        ] {
            let reason = beside.included(path).unwrap_err();
            assert!(!reason.contains("canary"), "{path}: {reason}");
            assert!(beside.values(path).is_err(), "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&outside, inner.join("link")).unwrap();
            assert!(beside.included("link").is_err());
        }
    }

    #[test]
    fn reading_ends_however_files_name_each_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large"), vec![b'x'; 3 << 20]).unwrap();
        let beside = Beside::new(folder.path());
        assert!(beside.values("large").is_ok());
        assert!(beside.values("large").is_err());
        fs::write(folder.path().join("small"), "").unwrap();
        let beside = Beside::new(folder.path());
        let read = (0..1000).filter(|_| beside.values("small").is_ok()).count();
        assert_eq!(read, 256);
    }
}
