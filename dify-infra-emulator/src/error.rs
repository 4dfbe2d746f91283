//! What can go wrong with the emulator itself, as opposed to what it answers.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why an emulator or its server could not be started or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// Another process uses the state directory.
    #[error(
        "the state directory {} is in use by another process; end that process or choose another \
         directory",
        directory.display()
    )]
    StateInUse {
        /// The directory.
        directory: PathBuf,
    },
    /// A file of the state directory can't be read or written.
    #[error("the state file {} can't be read or written", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the state directory holds something else than the emulator writes.
    #[error(
        "line {line} of the state file {} can't be understood ({reason}); restore the file or \
         remove the directory to begin anew",
        path.display()
    )]
    DamagedState {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An option has a value that makes no sense.
    #[error("the option {option} can't be {value}: {rule}")]
    Option {
        /// The option.
        option: &'static str,
        /// The value that was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The server was asked to listen where other machines could reach it.
    #[error(
        "the emulator does not listen on {address}: it checks no credentials, so only loopback \
         addresses such as 127.0.0.1 are allowed"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// A certificate for the server could not be made.
    #[error("the server's certificate can't be made: {0}")]
    Certificate(String),
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
