//! The state directory: an append-only log, the file of secret values, and the lock.
//!
//! Each request's changes are one line of `state.jsonl`, so that a process that is killed leaves a
//! whole line or a torn last one, which is ignored. `secret-values.jsonl` (mode 0600) is the
//! emulated cloud's own store of passwords and keys; no other file ever holds one. Lines are not
//! synced to the disk: a killed process loses nothing, a power failure may.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::EmulatorError;
use crate::store::model::{Change, SecretValue};

const STATE_FILE: &str = "state.jsonl";
const SECRETS_FILE: &str = "secret-values.jsonl";
const LOCK_FILE: &str = "lock";

/// One line of the state log.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StateLine {
    pub(crate) counter: u64,
    pub(crate) changes: Vec<Change>,
}

/// One line of the file of secret values.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SecretLine {
    pub(crate) number: u64,
    pub(crate) value: SecretValue,
}

/// What the directory held when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) lines: Vec<StateLine>,
    pub(crate) secrets: BTreeMap<u64, SecretValue>,
}

/// The open files of a state directory.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    state: File,
    secrets: File,
    /// Held for as long as the emulator lives; the system releases it with the process.
    _lock: File,
}

impl Disk {
    /// Opens a directory, making it if it is not there, and reads what it holds.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Saved), EmulatorError> {
        std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
        let lock = take_lock(directory)?;
        let saved = Saved {
            lines: read_lines(&directory.join(STATE_FILE))?,
            secrets: read_lines::<SecretLine>(&directory.join(SECRETS_FILE))?
                .into_iter()
                .map(|line| (line.number, line.value))
                .collect(),
        };
        let disk = Self {
            state: open_to_append(&directory.join(STATE_FILE))?,
            secrets: open_to_append(&directory.join(SECRETS_FILE))?,
            directory: directory.to_owned(),
            _lock: lock,
        };
        Ok((disk, saved))
    }

    /// Appends secret values, then one line of changes.
    pub(crate) fn append(
        &mut self,
        secrets: &[SecretLine],
        changes: Vec<Change>,
        counter: u64,
    ) -> Result<(), EmulatorError> {
        let path = self.directory.join(SECRETS_FILE);
        for line in secrets {
            write_line(&mut self.secrets, line).map_err(|error| failed(&path, error))?;
        }
        let path = self.directory.join(STATE_FILE);
        write_line(&mut self.state, &StateLine { counter, changes })
            .map_err(|error| failed(&path, error))
    }

    /// Replaces both files by what they amount to. Each replacement is atomic; the secret values
    /// go first and lose only what no line of the old or the new log names.
    pub(crate) fn rewrite(
        &mut self,
        secrets: &BTreeMap<u64, SecretValue>,
        changes: Vec<Change>,
        counter: u64,
    ) -> Result<(), EmulatorError> {
        let lines = secrets.iter().map(|(number, value)| SecretLine {
            number: *number,
            value: value.clone(),
        });
        self.secrets = replace(&self.directory.join(SECRETS_FILE), lines)?;
        let line = std::iter::once(StateLine { counter, changes });
        self.state = replace(&self.directory.join(STATE_FILE), line)?;
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> EmulatorError {
    EmulatorError::StateFile {
        path: path.to_owned(),
        source,
    }
}

fn take_lock(directory: &Path) -> Result<File, EmulatorError> {
    let path = directory.join(LOCK_FILE);
    let lock = open_to_append(&path)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EmulatorError::StateInUse {
            directory: directory.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(&path, error)),
    }
}

fn open_to_append(path: &Path) -> Result<File, EmulatorError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    private(&mut options);
    options.open(path).map_err(|error| failed(path, error))
}

/// Makes new files readable by their owner alone.
fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

fn write_line(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)
}

fn replace<L: Serialize>(
    path: &Path,
    lines: impl Iterator<Item = L>,
) -> Result<File, EmulatorError> {
    let fresh = path.with_extension("new");
    let write = || -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        private(&mut options);
        let mut file = options.open(&fresh)?;
        for line in lines {
            write_line(&mut file, &line)?;
        }
        std::fs::rename(&fresh, path)?;
        OpenOptions::new().append(true).open(path)
    };
    write().map_err(|error| failed(path, error))
}

/// Reads the lines of a file. A last line that is not whole is what a killed process leaves behind
/// and is ignored; anything else that can't be read is an error.
fn read_lines<L: DeserializeOwned>(path: &Path) -> Result<Vec<L>, EmulatorError> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(mut file) => file
            .read_to_end(&mut bytes)
            .map_err(|error| failed(path, error))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(path, error)),
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |last| last + 1);
    let lines = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|error| EmulatorError::DamagedState {
                path: path.to_owned(),
                line: index + 1,
                // the category alone: a message of serde could quote a secret value
                reason: format!("{:?} error at column {}", error.classify(), error.column()),
            })
        })
        .collect()
}
