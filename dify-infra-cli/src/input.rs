//! The deployment file.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use dify_infra_core::check::check_file;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::diagnostic::Diagnostics;

use crate::exit::Exit;
use crate::ui::Ui;
use crate::ui::errors::{AlreadyShown, Problem};
use crate::ui::{diagnostics, mask};

/// Most bytes that are read of a file: a device or a pipe may have no end.
const LARGEST: u64 = 16 << 20;

/// What `source` has, or one byte more than [`LARGEST`].
fn up_to_limit(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a path stands for stdin, or stdout.
pub(crate) fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// How people know what a path leads to, when it is read.
pub(crate) fn shown(path: &Path) -> String {
    if is_stream(path) {
        "stdin".into()
    } else {
        path.display().to_string()
    }
}

/// The text of a file, or of stdin for `-`, read no further than a file of ours can go.
///
/// # Errors
///
/// When it can't be read, is not UTF-8 text, or has more than 16 MiB. The error holds nothing of the text.
pub(crate) fn read_limited(path: &Path) -> io::Result<String> {
    let bytes = if is_stream(path) {
        up_to_limit(io::stdin())?
    } else {
        fs::File::open(path).and_then(up_to_limit)?
    };
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 16 MiB",
        ));
    }
    decoded(bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, format!("it {why}")))
}

/// The bytes as text, or why they are none, without any of them: they may be secrets.
fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if is_utf_16 || bytes.iter().take(4).any(|byte| *byte == 0) {
        return Err(
            "is not UTF-8 text but UTF-16, as `>` of Windows PowerShell writes it: save it as UTF-8"
                .to_owned(),
        );
    }
    String::from_utf8(bytes).map_err(|error| {
        let error = error.utf8_error();
        let before = error.valid_up_to();
        // The error of the conversion holds the bytes, so it is dropped.
        format!("is not UTF-8 text from byte {before} on: save it as UTF-8")
    })
}

/// The deployment file as it was read.
#[derive(Debug)]
pub(crate) struct Input {
    /// The name that people know it by.
    pub shown: String,
    /// Its text.
    pub text: String,
    directory: PathBuf,
}

impl Input {
    /// Reads the file; `-` is stdin.
    ///
    /// # Errors
    ///
    /// When there is no such file, it can't be read as text, or it has more than 16 MiB.
    pub(crate) fn read(path: &Path) -> Result<Self, Problem> {
        Self::read_as(path, "deployment file")
    }

    /// Reads a file of another kind, which problems name.
    ///
    /// # Errors
    ///
    /// When there is no such file, it can't be read as text, or it has more than 16 MiB.
    pub(crate) fn read_as(path: &Path, kind: &str) -> Result<Self, Problem> {
        let shown = shown(path);
        let text = read_limited(path).map_err(|error| unreadable(&shown, kind, &error))?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self {
            shown,
            text,
            directory,
        })
    }

    /// The same file with another text, for showing.
    pub(crate) fn with_text(&self, text: String) -> Self {
        Self {
            text,
            shown: self.shown.clone(),
            directory: self.directory.clone(),
        }
    }

    #[cfg(test)]
    pub(crate) fn from_text(shown: &str, text: &str) -> Self {
        Self {
            shown: shown.to_owned(),
            text: text.to_owned(),
            directory: PathBuf::from("."),
        }
    }

    /// The directory that the file is in: secrets and state are kept there.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Proves the file right, for commands that go on with it. Findings are shown; with errors among
    /// them the command ends.
    ///
    /// # Errors
    ///
    /// When the file has errors; they were shown.
    pub(crate) fn deployment(&self, ui: &Ui) -> Result<Deployment, AlreadyShown> {
        match self.parse() {
            Ok((deployment, findings)) => {
                diagnostics::show_pressing(ui, self, &findings);
                Ok(deployment)
            }
            Err(findings) => {
                diagnostics::show(ui, self, &findings);
                Err(AlreadyShown {
                    exit: Exit::Diagnostics,
                    findings: mask::findings(&self.shown, &self.text, &findings),
                })
            }
        }
    }

    /// The deployment with its warnings and notes.
    ///
    /// # Errors
    ///
    /// When the file has errors: all findings.
    pub(crate) fn parse(&self) -> Result<(Deployment, Diagnostics), Diagnostics> {
        let resolved = check_file(&self.text)?;
        Ok((resolved.deployment, resolved.diagnostics))
    }
}

fn unreadable(shown: &str, kind: &str, error: &io::Error) -> Problem {
    let is_deployment = kind == "deployment file";
    let article = match kind.chars().next() {
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an",
        _ => "a",
    };
    match error.kind() {
        io::ErrorKind::NotFound => {
            let problem = Problem::new(format!("there is no {kind} {shown}"));
            if is_deployment {
                problem.hint("write one with `dify-infra init > dify.toml`, or name yours")
            } else {
                problem
            }
        }
        io::ErrorKind::IsADirectory => {
            let problem = Problem::new(format!("{shown} is a directory, not {article} {kind}"));
            let inside = Path::new(shown).join("dify.toml");
            match (is_deployment, inside.is_file()) {
                (false, _) => problem,
                (true, true) => problem.hint(format!("name the file in it: {}", inside.display())),
                (true, false) => problem.hint("name a file; `dify-infra init > FILE` writes one"),
            }
        }
        io::ErrorKind::FileTooLarge => {
            let message = format!("{shown} has more than 16 MiB, so it is not {article} {kind}");
            Problem::new(message).hint("name the file that was meant")
        }
        io::ErrorKind::InvalidData => Problem::new(format!(
            "{shown} can't be read as {article} {kind}: {error}"
        )),
        io::ErrorKind::PermissionDenied => {
            Problem::new(format!("{shown} can't be read: you have no right to"))
                .hint(format!("`ls -l {shown}` shows who has"))
        }
        _ => Problem::new(format!("{shown} can't be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_leads_to_init() {
        let directory = tempfile::tempdir().unwrap();
        let error = Input::read(&directory.path().join("dify.toml")).unwrap_err();
        assert!(error.to_string().starts_with("there is no deployment file"));
        let hints = crate::ui::errors::hints(std::iter::once(
            &error as &(dyn std::error::Error + 'static),
        ));
        assert!(hints[0].contains("dify-infra init"), "{hints:?}");
    }

    #[test]
    fn a_directory_and_bytes_are_sentences() {
        let directory = tempfile::tempdir().unwrap();
        let error = Input::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
        let hint = |error: &Problem| {
            crate::ui::errors::hints(std::iter::once(error as &(dyn std::error::Error + 'static)))
                .join("; ")
        };
        assert!(!hint(&error).contains("dify.toml"), "{}", hint(&error));
        let inside = directory.path().join("dify.toml");
        fs::write(&inside, "").unwrap();
        let error = Input::read(directory.path()).unwrap_err();
        assert!(
            hint(&error).contains(inside.to_str().unwrap()),
            "{}",
            hint(&error)
        );
        let path = directory.path().join("x.toml");
        for (bytes, part) in [
            (&b"name = \"\xfc\"\n"[..], "not UTF-8 text from byte 8 on"),
            (b"\xff\xfen\0a\0", "UTF-16, as `>` of Windows PowerShell"),
            (b"n\0a\0m\0", "UTF-16, as `>` of Windows PowerShell"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = Input::read(&path).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn the_directory_of_a_bare_name_is_the_current_one() {
        assert_eq!(
            Input::from_text("dify.toml", "").directory(),
            Path::new(".")
        );
    }
}
