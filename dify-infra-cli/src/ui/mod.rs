//! The only writer to stdout and stderr: data goes to the one, everything for people to the other.
//!
//! Texts are made with colours in them; the printer takes them out for a stream that can't show
//! them. What is printed must be understood without colour.

pub(crate) mod diagnostics;
pub(crate) mod errors;
pub(crate) mod mask;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod table;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::settings::Verbosity;

/// The style of errors and deletions.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// The style of what was made or passed.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// The style of warnings and changes.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// The style of hints.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default().bold();
/// The style of what matters less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The style of names and headings.
pub(crate) const BOLD: Style = Style::new().bold();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Takes `--color` from the arguments before they are read: what is wrong with them is printed in colour
/// too. Whether the word is one is for the definitions to say.
pub(crate) fn choose_colour(arguments: &[OsString]) {
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let given = match word.to_str() {
            Some("--color") => words.next().and_then(|word| word.to_str()),
            Some(word) => word.strip_prefix("--color="),
            None => None,
        };
        match given {
            Some("always") => ColorChoice::Always.write_global(),
            Some("never") => ColorChoice::Never.write_global(),
            _ => {}
        }
    }
}

/// The printer.
pub(crate) struct Ui {
    stdout: Stream,
    stderr: Stream,
    verbosity: Verbosity,
    is_interactive: bool,
    stderr_is_terminal: bool,
    has_written_data: AtomicBool,
}

struct Stream {
    writer: Mutex<Box<dyn Write + Send>>,
    has_colour: bool,
}

impl fmt::Debug for Ui {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ui")
            .field("verbosity", &self.verbosity)
            .finish_non_exhaustive()
    }
}

impl Ui {
    /// The printer of the process. `--color`, `NO_COLOR`, `CLICOLOR_FORCE` and whether a stream is a terminal
    /// decide about colour.
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        let has_colour = |choice: ColorChoice| !matches!(choice, ColorChoice::Never);
        let stderr = io::stderr();
        Self {
            stdout: Stream::new(
                Box::new(io::stdout()),
                has_colour(AutoStream::choice(&io::stdout())),
            ),
            stderr: Stream::new(
                Box::new(io::stderr()),
                has_colour(AutoStream::choice(&stderr)),
            ),
            verbosity,
            is_interactive: io::stdin().is_terminal() && stderr.is_terminal(),
            stderr_is_terminal: stderr.is_terminal(),
            has_written_data: AtomicBool::new(false),
        }
    }

    /// A printer into memory, without colour and without anyone to ask.
    #[cfg(test)]
    pub(crate) fn captured(verbosity: Verbosity) -> (Self, Captured, Captured) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let ui = Self {
            stdout: Stream::new(Box::new(stdout.clone()), false),
            stderr: Stream::new(Box::new(stderr.clone()), false),
            verbosity,
            is_interactive: false,
            stderr_is_terminal: false,
            has_written_data: AtomicBool::new(false),
        };
        (ui, stdout, stderr)
    }

    /// How much is said on stderr.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether there is a person at a terminal who can be asked.
    pub(crate) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Whether lines on stderr can be drawn anew.
    pub(crate) fn stderr_is_terminal(&self) -> bool {
        self.stderr_is_terminal
    }

    /// Whether stderr shows colours.
    pub(crate) fn has_colour(&self) -> bool {
        self.stderr.has_colour
    }

    /// Writes data to stdout as it is. A reader that closed the pipe has seen enough.
    ///
    /// # Errors
    ///
    /// When stdout can't be written for any other reason.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        self.has_written_data.store(true, Ordering::Relaxed);
        match self.stdout.write(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| {
                let sentence = format!("the output can't be written to stdout: {error}");
                io::Error::new(error.kind(), sentence)
            }),
        }
    }

    /// Whether anything was written to stdout.
    pub(crate) fn has_written_data(&self) -> bool {
        self.has_written_data.load(Ordering::Relaxed)
    }

    /// Writes a value as indented JSON to stdout, its keys in alphabetical order as everywhere.
    ///
    /// # Errors
    ///
    /// When stdout can't be written.
    pub(crate) fn json(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        // By way of a value, whose objects are sorted: structs have the order of their fields otherwise.
        let text = serde_json::to_string_pretty(&serde_json::to_value(value)?)? + "\n";
        Ok(self.data(&text)?)
    }

    /// Says a line to the person, unless they want quiet.
    pub(crate) fn say(&self, line: impl fmt::Display) {
        if self.verbosity > Verbosity::Quiet {
            self.line(line);
        }
    }

    /// Says what a person is about to be asked about, however quiet the program is to be: nobody can
    /// agree to what was not shown.
    pub(crate) fn say_before_asking(&self, line: impl fmt::Display) {
        if self.is_interactive {
            self.line(line);
        } else {
            self.say(line);
        }
    }

    /// Says what is being done, to a person who wants to see it.
    pub(crate) fn detail(&self, line: impl fmt::Display) {
        if self.verbosity > Verbosity::Normal {
            self.line(styled(DIM, line));
        }
    }

    /// Says what may hurt.
    pub(crate) fn warn(&self, line: impl fmt::Display) {
        self.say(format!("{}: {line}", styled(YELLOW.bold(), "warning")));
    }

    /// Says what can be done.
    pub(crate) fn hint(&self, line: impl fmt::Display) {
        self.say(format!("{}: {line}", styled(CYAN, "hint")));
    }

    /// Says something in any case: errors, and questions.
    pub(crate) fn line(&self, line: impl fmt::Display) {
        // Nothing is left to do when the terminal is gone.
        let _ = self.stderr.write(&format!("{line}\n"));
    }

    /// Shows that something takes its time, until the answer is dropped; only on a terminal.
    pub(crate) fn busy(&self, what: &str) -> Busy {
        if !self.stderr_is_terminal || self.verbosity != Verbosity::Normal {
            return Busy(None);
        }
        let spinner = indicatif::ProgressBar::new_spinner().with_message(what.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(120));
        Busy(Some(spinner))
    }

    /// Asks for a line; nothing without a person to ask, or at the end of the input.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        if !self.is_interactive {
            return None;
        }
        self.stderr
            .write(&format!("{} ", styled(BOLD, question)))
            .ok()?;
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer).unwrap_or_default();
        if !answer.ends_with('\n') {
            // The end of the input leaves the cursor after the question.
            self.line("");
        }
        (read > 0).then(|| answer.trim().to_owned())
    }
}

/// Something takes its time as long as this lives.
#[derive(Debug)]
#[must_use = "the sign goes away when this is dropped"]
pub(crate) struct Busy(Option<indicatif::ProgressBar>);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(spinner) = &self.0 {
            spinner.finish_and_clear();
        }
    }
}

impl Stream {
    fn new(writer: Box<dyn Write + Send>, has_colour: bool) -> Self {
        Self {
            writer: Mutex::new(writer),
            has_colour,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut writer = self.lock();
        if self.has_colour {
            writer.write_all(text.as_bytes())?;
        } else {
            write!(writer, "{}", anstream::adapter::strip_str(text))?;
        }
        writer.flush()
    }
}

/// What was printed, in tests.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Captured(std::sync::Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[cfg(test)]
impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_words_for_people_do_not_mix() {
        let (ui, stdout, stderr) = Ui::captured(Verbosity::Normal);
        ui.data("{}\n").unwrap();
        ui.warn("look out");
        assert_eq!(
            (stdout.text().as_str(), stderr.text().as_str()),
            ("{}\n", "warning: look out\n")
        );
    }

    #[test]
    fn quiet_leaves_errors_alone() {
        let (ui, _, stderr) = Ui::captured(Verbosity::Quiet);
        ui.say("working");
        ui.warn("look out");
        ui.line("error: broken");
        assert_eq!(stderr.text(), "error: broken\n");
    }

    #[test]
    fn details_are_for_those_who_ask() {
        let (ui, _, stderr) = Ui::captured(Verbosity::Normal);
        ui.detail("GET");
        assert_eq!(stderr.text(), "");
        let (ui, _, stderr) = Ui::captured(Verbosity::Verbose);
        ui.detail("GET");
        assert_eq!(stderr.text(), "GET\n");
    }
}
