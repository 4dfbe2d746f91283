//! Progress as lines of a log: each thing that happens once, nothing that moves.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dify_infra_azure::apply::Event;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;

use super::{doing, done, kind, seconds};
use crate::settings::Verbosity;
use crate::ui::{GREEN, RED, Ui, YELLOW, styled};

/// Progress as lines of a log.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    ui: &'a Ui,
    seen: Mutex<Seen>,
}

/// What was said of each resource, so that nothing is said twice.
#[derive(Debug, Default)]
struct Seen {
    actions: BTreeMap<ResourceId, Action>,
    said: BTreeMap<ResourceId, String>,
    planned: usize,
    ended: usize,
}

impl<'a> Plain<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self {
            ui,
            seen: Mutex::new(Seen::default()),
        }
    }

    /// Azure's own words for a state are for those who ask for more.
    pub(super) fn event(&self, event: &Event) {
        if matches!(event, Event::Progress { .. }) && self.ui.verbosity() < Verbosity::Verbose {
            return;
        }
        let line = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .line(event);
        if let Some(line) = line {
            self.ui.say(line);
        }
    }
}

impl Seen {
    /// The line for an event; nothing when it says nothing new.
    fn line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Planned { id, action } => {
                self.planned += 1;
                self.actions.insert(id.clone(), *action);
                None
            }
            // Of all that is waited for, the last is what a reader of a log wants to know.
            Event::Waiting { id, on } => match on.as_slice() {
                [last] if last.parent().is_some() => {
                    self.once(id, format!("waits for {}", last.label()))
                }
                _ => None,
            },
            Event::Started { id, action } => {
                self.actions.insert(id.clone(), *action);
                self.once(id, doing(*action).to_owned())
            }
            Event::Progress { id, state } => self.once(id, format!("is {state}")),
            Event::Finished { id, elapsed } => {
                let action = self.actions.get(id).copied().unwrap_or(Action::Update);
                let text = styled(GREEN, done(action));
                self.end(id, format!("{text} in {}", seconds(*elapsed)))
            }
            Event::Failed { id, message } => {
                self.end(id, format!("{}: {message}", styled(RED, "failed")))
            }
            // What a stopped run left out is counted at its end.
            Event::Skipped { because, .. } if because == dify_infra_azure::apply::STOPPED => None,
            Event::Skipped { id, because } => {
                self.once(id, format!("{}: {because}", styled(YELLOW, "skipped")))
            }
            _ => None,
        }
    }

    fn once(&mut self, id: &ResourceId, text: String) -> Option<String> {
        if self.said.get(id) == Some(&text) {
            return None;
        }
        let line = format!("{}{text}", self.start(id));
        self.said.insert(id.clone(), text);
        Some(line)
    }

    fn end(&mut self, id: &ResourceId, text: String) -> Option<String> {
        self.ended += 1;
        self.once(id, text)
    }

    /// `[ 3/31] dify-dev-api (containerApps) `.
    fn start(&self, id: &ResourceId) -> String {
        let width = self.planned.to_string().len();
        format!(
            "[{:>width$}/{}] {} ({}) ",
            self.ended,
            self.planned,
            id.label(),
            kind(id)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn id(name: &str) -> ResourceId {
        ResourceId::resource_group("s", "g").provider("Microsoft.App/containerApps", name)
    }

    fn lines(events: &[Event]) -> Vec<String> {
        let mut seen = Seen::default();
        let lines = events.iter().filter_map(|event| seen.line(event));
        lines
            .map(|line| anstream::adapter::strip_str(&line).to_string())
            .collect()
    }

    #[test]
    fn tells_what_happens_to_a_resource() {
        let said = lines(&[
            Event::Planned {
                id: id("api"),
                action: Action::Create,
            },
            Event::Waiting {
                id: id("api"),
                on: vec![id("environment")],
            },
            Event::Started {
                id: id("api"),
                action: Action::Create,
            },
            Event::Progress {
                id: id("api"),
                state: "InProgress".to_owned(),
            },
            Event::Finished {
                id: id("api"),
                elapsed: Duration::from_millis(3200),
            },
        ]);
        assert_eq!(
            said,
            [
                "[0/1] api (containerApps) waits for environment",
                "[0/1] api (containerApps) creating",
                "[0/1] api (containerApps) is InProgress",
                "[1/1] api (containerApps) created in 3.2s",
            ]
        );
    }

    #[test]
    fn a_wait_is_told_when_one_thing_is_left() {
        let group = ResourceId::resource_group("s", "g");
        let waits = |on: &[ResourceId]| Event::Waiting {
            id: id("api"),
            on: on.to_vec(),
        };
        let said = lines(&[
            waits(&[id("a"), id("b")]),
            waits(&[id("b")]),
            waits(&[group]),
        ]);
        assert_eq!(said, ["[0/0] api (containerApps) waits for b"]);
    }

    #[test]
    fn says_nothing_twice() {
        let progress = Event::Progress {
            id: id("api"),
            state: "InProgress".to_owned(),
        };
        assert_eq!(
            lines(&[progress.clone(), progress.clone(), progress]).len(),
            1
        );
    }

    #[test]
    fn tells_why_something_failed_or_was_left_out() {
        let said = lines(&[
            Event::Failed {
                id: id("api"),
                message: "quota is used up".to_owned(),
            },
            Event::Skipped {
                id: id("web"),
                because: "it needs api, which failed".to_owned(),
            },
        ]);
        assert!(said[0].ends_with("failed: quota is used up"), "{}", said[0]);
        assert!(
            said[1].ends_with("skipped: it needs api, which failed"),
            "{}",
            said[1]
        );
    }
}
