//! Progress on a terminal: one line a resource, a total, and above them what is done.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dify_infra_azure::apply::{Event, STOPPED};
use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{doing, done, kind, seconds, waited_for};
use crate::ui::{DIM, GREEN, RED, YELLOW, styled};

/// How often elapsed times and spinners move.
const TICK: Duration = Duration::from_millis(120);

/// Widest name that others are aligned with, in characters.
const WIDEST: usize = 50;

/// Characters of a line beside the name: sign, verb, time and a few of the message.
const BESIDE_NAME: usize = 34;

/// Columns from which a line has room for the resource's type too.
const ROOMY: usize = 100;

/// Rows that waiting resources leave to those that run, the total and the prompt.
const RESERVED_ROWS: usize = 12;

/// Progress on a terminal.
#[derive(Debug)]
pub(super) struct Live {
    lines: MultiProgress,
    total: ProgressBar,
    has_colour: bool,
    columns: usize,
    rows: usize,
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
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let (columns, rows) = size.map_or((80, 24), |(width, height)| {
            (usize::from(width.0), usize::from(height.0))
        });
        Self {
            lines,
            total,
            has_colour,
            columns,
            rows,
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
            // What a stopped run left out is summed up in one line at its end.
            Event::Skipped { id, because } if because == STOPPED => self.forget(id),
            Event::Skipped { id, because } => {
                self.ended(id, &self.coloured(YELLOW, "- skipped  "), because);
            }
            _ => {}
        }
    }

    fn planned(&self, id: &ResourceId, action: Action) {
        let mut state = self.state();
        let widest = WIDEST.min(self.columns.saturating_sub(BESIDE_NAME)).max(12);
        state.width = state.width.max(id.label().chars().count()).min(widest);
        let fits = state.bars.len() + RESERVED_ROWS < self.rows;
        let bar = if fits {
            self.lines.add(ProgressBar::new_spinner())
        } else {
            ProgressBar::hidden()
        };
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
        let name = shortened(&id.label(), width);
        bar.set_prefix(format!("{:<9} {name:<width$}", doing(action)));
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
            let name = shortened(&id.label(), width);
            line.bar
                .set_prefix(format!("{:<9} {name:<width$}", "waiting"));
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
        let name = shortened(&id.label(), width);
        if self.columns < ROOMY {
            return self.above(&format!("{sign} {name:<width$}  {text}"));
        }
        let kind = self.coloured(DIM, format!("{:<22}", kind(id)));
        self.above(&format!("{sign} {name:<width$}  {kind} {text}"));
    }

    /// Takes a line out that nothing was done for; it is neither done nor counted.
    fn forget(&self, id: &ResourceId) {
        let mut state = self.state();
        if let Some(line) = state.bars.remove(id) {
            line.bar.finish_and_clear();
            self.lines.remove(&line.bar);
        }
        self.sum(&state);
    }

    fn sum(&self, state: &State) {
        self.total.set_position(state.ended);
        let waiting = state.bars.len() - state.running;
        self.total
            .set_message(format!("{} running, {waiting} waiting, ", state.running));
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

/// A name of at most `width` characters: the end tells resources of one deployment apart, so the
/// start makes way.
fn shortened(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let tail: String = name
        .chars()
        .skip(length - width.saturating_sub(1))
        .collect();
    format!("…{tail}")
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
    fn a_long_name_keeps_its_end() {
        assert_eq!(shortened("dify-dev-postgres/dify", 10), "…gres/dify");
        assert_eq!(shortened("short", 10), "short");
    }

    #[test]
    fn what_a_stopped_run_left_out_is_not_counted() {
        let live = Live::new(false);
        live.event(&Event::Planned {
            id: id("a"),
            action: Action::Create,
        });
        live.event(&Event::Skipped {
            id: id("a"),
            because: STOPPED.to_owned(),
        });
        let state = live.state();
        assert_eq!((state.ended, state.bars.len()), (0, 0));
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
