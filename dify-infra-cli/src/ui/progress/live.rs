//! Progress on a terminal: one line a resource, a total, and above them what is done.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dify_infra_azure::apply::Event;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{doing, done, kind, seconds, waited_for};
use crate::ui::{DIM, GREEN, RED, YELLOW, styled};

/// How often elapsed times and spinners move.
const TICK: Duration = Duration::from_millis(120);

/// Widest name that others are aligned with, in characters.
const WIDEST: usize = 50;

/// Progress on a terminal.
#[derive(Debug)]
pub(super) struct Live {
    lines: MultiProgress,
    total: ProgressBar,
    has_colour: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bars: BTreeMap<ResourceId, Line>,
    width: usize,
    running: usize,
    ended: u64,
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    action: Action,
    is_running: bool,
}

impl Live {
    pub(super) fn new(has_colour: bool) -> Self {
        let lines = MultiProgress::new();
        // The total stands first: when the terminal is too low for all lines, the last ones go.
        let total = lines.add(ProgressBar::new(0));
        total.set_style(style("  {pos} of {len} done, {msg}{elapsed}"));
        total.enable_steady_tick(TICK);
        Self {
            lines,
            total,
            has_colour,
            state: Mutex::new(State::default()),
        }
    }

    /// A line above the moving ones, that stays.
    pub(super) fn above(&self, line: &str) {
        let line = if self.has_colour {
            line.to_owned()
        } else {
            anstream::adapter::strip_str(line).to_string()
        };
        // Nothing is left to do when the terminal is gone.
        let _ = self.lines.println(line);
    }

    pub(super) fn finish(&self) {
        for line in std::mem::take(&mut self.state().bars).into_values() {
            line.bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }

    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Planned { id, action } => self.planned(id, *action),
            Event::Waiting { id, on } => {
                let text = format!("for {}", waited_for(&self.at_work(on)));
                self.waiting(id, &text);
            }
            Event::Started { id, action } => self.started(id, *action),
            Event::Progress { id, state } => self.message(id, state),
            Event::Finished { id, elapsed } => {
                let action = self
                    .state()
                    .bars
                    .get(id)
                    .map_or(Action::Update, |line| line.action);
                let sign = self.coloured(GREEN, format!("✓ {:<9}", done(action)));
                self.ended(id, &sign, &seconds(*elapsed));
            }
            Event::Failed { id, message } => {
                self.ended(id, &self.coloured(RED, "✗ failed   "), message);
            }
            Event::Skipped { id, because } => {
                self.ended(id, &self.coloured(YELLOW, "- skipped  "), because);
            }
            _ => {}
        }
    }

    fn planned(&self, id: &ResourceId, action: Action) {
        let mut state = self.state();
        state.width = state.width.max(id.label().chars().count()).min(WIDEST);
        let bar = self.lines.add(ProgressBar::new_spinner());
        bar.set_style(style("  · {prefix}         {wide_msg}"));
        state.bars.insert(
            id.clone(),
            Line {
                bar,
                action,
                is_running: false,
            },
        );
        self.total.inc_length(1);
    }

    /// The line moves up to the others that run, and begins to count.
    fn started(&self, id: &ResourceId, action: Action) {
        let mut state = self.state();
        let (position, width) = (state.running + 1, state.width);
        let Some(line) = state.bars.get_mut(id) else {
            return;
        };
        self.lines.remove(&line.bar);
        let bar = self.lines.insert(position, ProgressBar::new_spinner());
        bar.set_style(style("  {spinner} {prefix} {elapsed:>6}  {wide_msg}"));
        bar.set_prefix(format!("{:<9} {:<width$}", doing(action), id.label()));
        bar.set_message(self.coloured(DIM, kind(id)));
        bar.enable_steady_tick(TICK);
        *line = Line {
            bar,
            action,
            is_running: true,
        };
        state.running += 1;
        self.sum(&state);
    }

    fn waiting(&self, id: &ResourceId, text: &str) {
        let state = self.state();
        let width = state.width;
        if let Some(line) = state.bars.get(id) {
            line.bar
                .set_prefix(format!("{:<9} {:<width$}", "waiting", id.label()));
            line.bar.set_message(self.coloured(DIM, text));
        }
    }

    /// Those of the resources that are being worked on; all of them when none is.
    fn at_work(&self, ids: &[ResourceId]) -> Vec<ResourceId> {
        let state = self.state();
        let is_running = |id: &&ResourceId| state.bars.get(*id).is_some_and(|one| one.is_running);
        let running: Vec<ResourceId> = ids.iter().filter(is_running).cloned().collect();
        if running.is_empty() {
            ids.to_vec()
        } else {
            running
        }
    }

    fn message(&self, id: &ResourceId, text: &str) {
        if let Some(line) = self.state().bars.get(id) {
            line.bar.set_message(text.to_owned());
        }
    }

    fn ended(&self, id: &ResourceId, sign: &str, text: &str) {
        let mut state = self.state();
        if let Some(line) = state.bars.remove(id) {
            line.bar.finish_and_clear();
            self.lines.remove(&line.bar);
            state.running -= usize::from(line.is_running);
        }
        state.ended += 1;
        let width = state.width;
        self.sum(&state);
        drop(state);
        let kind = self.coloured(DIM, format!("{:<22}", kind(id)));
        self.above(&format!("{sign} {:<width$}  {kind} {text}", id.label()));
    }

    fn sum(&self, state: &State) {
        self.total.set_position(state.ended);
        self.total
            .set_message(format!("{} running, ", state.running));
    }

    fn coloured(&self, style: anstyle::Style, text: impl std::fmt::Display) -> String {
        if self.has_colour {
            styled(style, text)
        } else {
            text.to_string()
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line's template; one that indicatif can't read would show the default.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ResourceId {
        ResourceId::resource_group("s", "g").provider("Microsoft.App/containerApps", name)
    }

    #[test]
    fn counts_what_runs_and_what_has_ended() {
        let live = Live::new(false);
        for name in ["a", "b"] {
            live.event(&Event::Planned {
                id: id(name),
                action: Action::Create,
            });
        }
        live.event(&Event::Started {
            id: id("a"),
            action: Action::Create,
        });
        assert_eq!((live.state().running, live.total.length()), (1, Some(2)));
        live.event(&Event::Finished {
            id: id("a"),
            elapsed: Duration::from_secs(1),
        });
        live.event(&Event::Skipped {
            id: id("b"),
            because: "stopped".to_owned(),
        });
        let state = live.state();
        assert_eq!((state.running, state.ended, state.bars.len()), (0, 2, 0));
    }

    #[test]
    fn every_template_can_be_read() {
        for template in [
            "  {pos} of {len} done, {msg}{elapsed}",
            "  · {prefix}         {wide_msg}",
            "  {spinner} {prefix} {elapsed:>6}  {wide_msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
