//! Reads a squid file that someone wrote.

mod access;
mod condition;
mod list;
mod ports;
mod settings;

use self::condition::{condition, variable};
use super::file::{AccessLine, Listener, Place, RemarkKind, SquidFile};
use super::lines::{Line, lines};

/// The largest text that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// More lines than this are not read.
const MOST_LINES: usize = 20_000;
/// How deep squid follows includes.
const DEEPEST: usize = 16;

/// Gives the texts of other files that a squid file names.
pub trait SquidSources {
    /// The files that an `include` names, which may be a pattern, in squid's order: each with its
    /// name and text.
    ///
    /// # Errors
    ///
    /// Why there is none, as what follows "includes x, ": nothing is guessed about what it would say.
    fn included(&self, pattern: &str) -> Result<Vec<(String, String)>, String>;

    /// The text of the file that a list takes its values from, a line each.
    ///
    /// # Errors
    ///
    /// Why there is none, as what follows "takes values from the file x, ".
    fn values(&self, path: &str) -> Result<String, String>;
}

/// No other files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoSources;

impl SquidSources for NoSources {
    fn included(&self, _: &str) -> Result<Vec<(String, String)>, String> {
        Err("whose text was not given".to_owned())
    }

    fn values(&self, _: &str) -> Result<String, String> {
        Err("which was not given".to_owned())
    }
}

/// Why a squid file is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableSquidFile {
    /// Too large.
    #[error(
        "the file has {bytes} bytes, and more than {LARGEST} are not read: no squid file needs them"
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Too many lines.
    #[error(
        "the file has more than {MOST_LINES} lines, which are not read: no squid file needs them"
    )]
    TooManyLines,
}

impl SquidFile {
    /// Reads the text of a squid file.
    ///
    /// Nothing is guessed: what is not understood becomes a remark with its line, and whatever
    /// depends on it is undecided. Files that are included are not seen.
    ///
    /// # Errors
    ///
    /// When the text is larger than 1 MiB or has more than 20000 lines.
    pub fn read(text: &str) -> Result<Self, UnreadableSquidFile> {
        Self::read_with(text, &NoSources)
    }

    /// Reads the text of a squid file, with the texts of other files that it names.
    ///
    /// # Errors
    ///
    /// As [`SquidFile::read`], for all texts together.
    pub fn read_with(text: &str, sources: &dyn SquidSources) -> Result<Self, UnreadableSquidFile> {
        let mut reader = Reader {
            file: Self::empty(),
            sources,
            left: MOST_LINES,
            branches: Vec::new(),
            quoted: false,
            lacks_part: false,
        };
        reader.read(None, text, 0)?;
        Ok(reader.finish())
    }
}

/// What an `if` says about the lines behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    Skipped,
    Unknown,
}

pub(super) struct Reader<'a> {
    pub(super) file: SquidFile,
    sources: &'a dyn SquidSources,
    left: usize,
    branches: Vec<Branch>,
    /// Whether words may be quoted, which is not understood here.
    quoted: bool,
    /// Whether a part of the file was not given: what is missing may stand there.
    lacks_part: bool,
}

impl Reader<'_> {
    fn read(
        &mut self,
        file: Option<&str>,
        text: &str,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if text.len() > LARGEST {
            return Err(UnreadableSquidFile::TooLarge { bytes: text.len() });
        }
        let outer = self.branches.len();
        for line in lines(text) {
            self.left = self
                .left
                .checked_sub(1)
                .ok_or(UnreadableSquidFile::TooManyLines)?;
            let place = Place {
                file: file.map(str::to_owned),
                line: line.number,
            };
            self.line(&line, &place, depth)?;
        }
        if self.branches.len() > outer {
            let place = Place {
                file: file.map(str::to_owned),
                line: text.split('\n').count(),
            };
            self.fatal(&place, "an `if` has no `endif`");
            self.branches.truncate(outer);
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &Line,
        place: &Place,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if line.too_long {
            self.doubt(
                place,
                "it is longer than the 8191 bytes that squid reads at once",
            );
            return Ok(());
        }
        let line_words = line.words();
        let Some((&name, rest)) = line_words.split_first() else {
            return Ok(());
        };
        if self.branch(name, rest, place) || self.branches.contains(&Branch::Skipped) {
            return Ok(());
        }
        if name == "include" {
            return self.included(rest, place, depth);
        }
        if self.quoted {
            let message = format!(
                "`{name}` stands behind `configuration_includes_quoted_values on`, which is not understood here"
            );
            self.doubt(place, &message);
            return Ok(());
        }
        if let Some(variable) = variable(&line.text) {
            self.fatal(
                place,
                format!("`{variable}` is nothing that squid replaces: fill the template in first"),
            );
        }
        self.directive(name, rest, line, place);
        Ok(())
    }

    /// Follows `if`, `else` and `endif`; whether the line was one of them.
    fn branch(&mut self, name: &str, rest: &[&str], place: &Place) -> bool {
        match (name, self.branches.last().copied()) {
            ("if", _) => {
                let branch = condition(rest);
                if branch == Branch::Unknown {
                    self.doubt(place, "its condition is not understood here");
                }
                self.branches.push(branch);
            }
            ("else", Some(branch)) => {
                self.branches.pop();
                self.branches.push(match branch {
                    Branch::Taken => Branch::Skipped,
                    Branch::Skipped => Branch::Taken,
                    Branch::Unknown => Branch::Unknown,
                });
            }
            ("endif", Some(_)) => {
                self.branches.pop();
            }
            ("else" | "endif", None) => self.fatal(place, format!("`{name}` has no `if`")),
            _ => return false,
        }
        true
    }

    fn included(
        &mut self,
        paths: &[&str],
        place: &Place,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if depth >= DEEPEST {
            self.fatal(place, "includes are nested more than 16 deep");
            return Ok(());
        }
        for path in paths {
            let reason = match self.sources.included(path) {
                Ok(files) => {
                    for (name, text) in files {
                        self.read(Some(&name), &text, depth + 1)?;
                    }
                    continue;
                }
                Err(reason) => reason,
            };
            self.lacks_part = true;
            let message = format!("includes {path}, {reason}");
            self.file
                .remark(RemarkKind::NotSeen, place, message.clone());
            self.file.access.push(AccessLine {
                action: None,
                terms: Vec::new(),
                place: place.clone(),
                text: format!("include {path}"),
                reason: None,
                doubt: Some(format!("{place} {message}")),
            });
        }
        Ok(())
    }

    fn directive(&mut self, name: &str, rest: &[&str], line: &Line, place: &Place) {
        match name {
            "acl" => self.list(rest, place),
            "http_access" => {
                if let Some(access) = self.access(rest, line, place) {
                    self.file.access.push(access);
                }
            }
            "always_direct" | "never_direct" => {
                if let Some(access) = self.access(rest, line, place) {
                    match name {
                        "always_direct" => self.file.always_direct.push(access),
                        _ => self.file.never_direct.push(access),
                    }
                }
            }
            "http_port" | "https_port" => self.port(rest, place),
            "cache_peer" => self.peer(rest, place),
            "cache_peer_access" => self.peer_access(rest, line, place),
            _ => self.setting(name, rest, line, place),
        }
    }

    /// Adds what squid would do by default, and puts the remarks into order.
    fn finish(mut self) -> SquidFile {
        if self.file.listeners.is_empty() {
            let listener = Listener {
                port: 3128,
                name: None,
                accelerates: false,
                by_host: false,
                site: None,
                direct: true,
                place: Place::default(),
            };
            self.file.listeners.push(listener);
        }
        self.file
            .remarks
            .sort_by(|one, other| one.place.cmp(&other.place));
        self.file
    }

    pub(super) fn in_doubt(&self) -> bool {
        self.branches.contains(&Branch::Unknown)
    }

    pub(super) fn fatal(&mut self, place: &Place, message: impl Into<String>) {
        self.file.remark(RemarkKind::Fatal, place, message);
    }

    pub(super) fn doubt(&mut self, place: &Place, message: &str) {
        self.file.remark(RemarkKind::NotUnderstood, place, message);
    }

    pub(super) fn ineffective(&mut self, place: &Place, message: &str) {
        self.file.remark(RemarkKind::Ineffective, place, message);
    }
}

#[cfg(test)]
mod tests;
