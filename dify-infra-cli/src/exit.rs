//! How a run of `dify-infra` ends.

use std::process::ExitCode;

/// The exit codes of `dify-infra`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything is done, or there was nothing to do.
    Done = 0,
    /// Something failed: the person has to act.
    Failed = 1,
    /// `plan --detailed-exitcode` found changes.
    Changes = 2,
    /// The deployment file has errors: of every command that reads it.
    Diagnostics = 3,
    /// The command line makes no sense, or names what does not exist in any deployment.
    Usage = 64,
}

impl Exit {
    /// Every code with its meaning, for the help and the reference.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Done, "done, or nothing to do"),
        (
            Self::Failed,
            "failed: a file, Azure or a person stood in the way; (`verify`) a check failed; (`audit`) nothing \
             was recognised as a part of Dify",
        ),
        (
            Self::Changes,
            "`plan --detailed-exitcode`: there are changes",
        ),
        (
            Self::Diagnostics,
            "the deployment file has errors, or what `audit` looked at",
        ),
        (
            Self::Usage,
            "wrong usage: an argument or a variable can't be what it is, alone or beside another or the file; \
             or it names a rule, release or secret that there is not. Nothing is done, and \
             nothing is on stdout, with --json too",
        ),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn every_code_is_listed_once_in_order() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 64]);
    }
}
