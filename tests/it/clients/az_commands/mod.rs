//! The commands of `az` that are proven, with what each proves.

mod apps;
mod data;
mod management;
mod network;
mod vault;

/// A command, what of its answer must be so, and what that proves.
pub(crate) struct Step {
    /// As it is written in a shell, with `$NAME` for what is not known before.
    pub(crate) command: &'static str,
    /// JSON pointers with the text or JSON that must stand there.
    pub(crate) expect: &'static [(&'static str, &'static str)],
    pub(crate) proves: &'static str,
    /// JSON pointers into the answer with the name under which later commands have what is there.
    pub(crate) keeps: &'static [(&'static str, &'static str)],
    /// What `az` must complain about; it succeeds otherwise.
    pub(crate) refused: Option<&'static str>,
    /// Whether it is run by the program `az` rather than by its code in a process that goes on.
    pub(crate) by_program: bool,
}

const fn step(
    command: &'static str,
    expect: &'static [(&'static str, &'static str)],
    proves: &'static str,
) -> Step {
    Step {
        command,
        expect,
        proves,
        keeps: &[],
        refused: None,
        by_program: false,
    }
}

impl Step {
    const fn by_program(self) -> Self {
        Self {
            by_program: true,
            ..self
        }
    }

    const fn keeping(self, keeps: &'static [(&'static str, &'static str)]) -> Self {
        Self { keeps, ..self }
    }

    const fn refused(self, code: &'static str) -> Self {
        Self {
            refused: Some(code),
            ..self
        }
    }
}

/// What comes first, once, by the program.
pub(crate) const LOGIN: &[Step] = management::LOGIN;

/// Commands that need one another, in order; the lanes need nothing of each other.
pub(crate) const LANES: &[(&str, &[Step])] = &[
    ("groups and lists", management::GROUPS),
    ("vaults, identities, roles", vault::VAULTS),
    ("storage", data::STORAGE),
    ("Managed Redis", data::REDIS),
    ("PostgreSQL", data::POSTGRES),
    ("networks", network::NETWORKS),
    ("deployments", management::DEPLOYMENTS),
    ("Container Apps", apps::APPS),
];
