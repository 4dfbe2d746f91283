//! A directory with a deployment file, and programs that run in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const INFRA: &str = env!("CARGO_BIN_EXE_dify-infra");
pub(crate) const SECRETS: &str = env!("CARGO_BIN_EXE_dify-secrets");

/// The commented example.
pub(crate) const DIFY_DEV: &str = include_str!("../../../examples/dify-dev.toml");

/// Production, with all that it asks for.
pub(crate) const DIFY_PROD: &str = include_str!("../../../examples/dify-prod.toml");

/// How many times faster than Azure the embedded one is, unless a test wants to see it work.
pub(crate) const TIME_SCALE: &str = "1200";

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// That the program ended with a code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A directory with a deployment file.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new(file: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("dify.toml", file);
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Changes one place of the deployment file.
    #[track_caller]
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = self.read("dify.toml");
        assert_eq!(
            text.matches(from).count(),
            1,
            "{from:?} must stand once in:\n{text}"
        );
        self.write("dify.toml", &text.replace(from, to));
    }

    /// A program in this directory, with nothing of this process's settings.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DIFY_INFRA_TARGET", "embedded")
            .env("DIFY_INFRA_TIME_SCALE", TIME_SCALE)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `dify-infra` to its end.
    pub(crate) fn infra(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(INFRA).args(arguments).output().unwrap())
    }

    /// Runs `dify-secrets` to its end.
    pub(crate) fn secrets(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(SECRETS).args(arguments).output().unwrap())
    }

    /// Every file below the directory.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}
