//! The journal of a run: append-only JSON lines, for post-mortems and for a person who resumes.
//!
//! It is never believed over Azure: a resumed run looks at Azure again. It holds ids, states and
//! times, never a body and never a secret.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::event::Event;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: Mutex<File>,
    path: PathBuf,
}

impl Journal {
    /// Starts the journal of a run in a directory, which is made when it is not there.
    ///
    /// # Errors
    ///
    /// When the directory or the file can't be made, or a journal of this run exists.
    pub fn create(directory: &Path, run: &str) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{run}.jsonl"));
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)?;
        Ok(Self {
            file: Mutex::new(file),
            path,
        })
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends one entry. A journal that can't be written must not stop a run that is changing
    /// Azure, so the failure goes to the log.
    pub(crate) fn append(&self, mut entry: Value) {
        entry["at"] = Value::from(jiff::Timestamp::now().to_string());
        let mut line = entry.to_string();
        line.push('\n');
        let written = match self.file.lock() {
            Ok(mut file) => file.write_all(line.as_bytes()),
            Err(_) => return,
        };
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error, "the journal can't be written");
        }
    }

    /// Appends what an event says.
    pub(crate) fn event(&self, event: &Event) {
        let entry = match event {
            Event::Started { id, action } => {
                json!({ "event": "started", "id": id, "action": action })
            }
            Event::Finished { id, elapsed } => {
                json!({ "event": "finished", "id": id, "seconds": elapsed.as_secs_f64() })
            }
            Event::Failed { id, message } => {
                json!({ "event": "failed", "id": id, "message": message })
            }
            Event::Skipped { id, because } => {
                json!({ "event": "skipped", "id": id, "because": because })
            }
            Event::Planned { id, action } => {
                json!({ "event": "planned", "id": id, "action": action })
            }
            Event::Waiting { .. } | Event::Progress { .. } => return,
        };
        self.append(entry);
    }

    /// Appends the end of the run and makes sure that all of it is on the disk.
    pub(crate) fn end(&self, outcome: &str) {
        self.append(json!({ "event": "ended", "outcome": outcome }));
        if let Ok(file) = self.file.lock()
            && let Err(error) = file.sync_all()
        {
            tracing::warn!(path = %self.path.display(), %error, "the journal can't be synced");
        }
    }
}

/// What the newest journal of a directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastRun {
    /// The run.
    pub run: String,
    /// Resources that were finished.
    pub finished: Vec<String>,
    /// Resources that were started and neither finished nor failed: the run was cut off there.
    pub open: Vec<String>,
    /// How the run ended; nothing when it was cut off.
    pub outcome: Option<String>,
}

/// Reads the newest journal of a directory; nothing when there is none that can be read. A torn
/// last line, as a killed run leaves it, is passed over.
pub fn last_run(directory: &Path) -> Option<LastRun> {
    let entries = std::fs::read_dir(directory).ok()?;
    let journals = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        (path.extension()? == "jsonl").then_some(path)
    });
    // Run names start with their time, so the last one by name is the newest.
    let newest = journals.max()?;
    let text = std::fs::read_to_string(&newest).ok()?;
    let mut last = LastRun {
        run: newest.file_stem()?.to_str()?.to_owned(),
        finished: Vec::new(),
        open: Vec::new(),
        outcome: None,
    };
    for entry in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        note(&mut last, &entry);
    }
    Some(last)
}

fn note(last: &mut LastRun, entry: &Value) {
    let text = |key: &str| {
        entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let id = text("id");
    match text("event").as_str() {
        "started" => last.open.push(id),
        "finished" => {
            last.open.retain(|open| *open != id);
            last.finished.push(id);
        }
        "failed" => last.open.retain(|open| *open != id),
        "ended" => last.outcome = Some(text("outcome")),
        _ => {}
    }
}
