//! One run that writes at a time: a lock beside the deployment file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::ui::errors::Problem;

/// The right to write to a deployment from this directory; given back when it is dropped, or when
/// the process ends in any way.
#[derive(Debug)]
pub(crate) struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of the deployment `owner`, without waiting.
    ///
    /// # Errors
    ///
    /// When another process has it, or the file can't be used.
    pub(super) fn take(path: &Path, owner: &str) -> anyhow::Result<Self> {
        let failed = || format!("the lock {} can't be taken", path.display());
        // The file stays when the lock goes: removing it could remove that of the next run.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(&mut file, owner).into()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(failed)?;
        Ok(Self { _file: file })
    }
}

/// Names the process that has the lock, if it can be read.
fn taken(file: &mut File, owner: &str) -> Problem {
    let mut text = String::new();
    let process = match file.read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!(" (process {})", text.trim()),
        _ => String::new(),
    };
    Problem::new(format!(
        "nothing was changed: another run{process} is at work on {owner}"
    ))
    .hint("wait until it has ended, then run the same command again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_by_the_first_ones_process_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dify-dev.lock");
        let first = RunLock::take(&path, "dify-dev").unwrap();
        let error = RunLock::take(&path, "dify-dev").unwrap_err().to_string();
        let process = format!("(process {})", std::process::id());
        assert!(error.contains(&process), "{error}");
        drop(first);
        RunLock::take(&path, "dify-dev").unwrap();
    }
}
