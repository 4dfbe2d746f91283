//! What a run is doing: live lines on a terminal, plain lines elsewhere, nothing with `--quiet`.

mod live;
mod plain;

use std::collections::BTreeSet;
use std::time::Duration;

use dify_infra_azure::apply::{Event, EventSink};
use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;

use super::Ui;
use crate::settings::Verbosity;
use live::Live;
use plain::Plain;

/// Shows the events of a run.
#[derive(Debug)]
pub(crate) struct Progress<'a>(View<'a>);

#[derive(Debug)]
enum View<'a> {
    Hidden,
    Plain(Plain<'a>),
    Live(Live),
}

impl<'a> Progress<'a> {
    /// Live lines when a person sits at a terminal; plain ones in a log, and where requests are
    /// logged between them.
    pub(crate) fn new(ui: &'a Ui) -> Self {
        let view = match ui.verbosity() {
            Verbosity::Quiet => View::Hidden,
            Verbosity::Normal if ui.stderr_is_terminal() => View::Live(Live::new(ui.has_colour())),
            _ => View::Plain(Plain::new(ui)),
        };
        Self(view)
    }

    /// Says a line without disturbing what is shown.
    pub(crate) fn say(&self, ui: &Ui, text: &str) {
        match &self.0 {
            View::Live(live) => live.above(text),
            View::Hidden | View::Plain(_) => ui.say(text),
        }
    }

    /// Ends the live lines.
    pub(crate) fn finish(&self) {
        if let View::Live(live) = &self.0 {
            live.finish();
        }
    }
}

impl EventSink for Progress<'_> {
    fn event(&self, event: &Event) {
        match &self.0 {
            View::Hidden => {}
            View::Plain(plain) => plain.event(event),
            View::Live(live) => live.event(event),
        }
    }
}

/// What is happening, as `creating`.
fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        _ => "looking at",
    }
}

/// What has happened, as `created`.
fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        _ => "left as it is",
    }
}

/// A resource's type for people: the last word of `Microsoft.App/containerApps`.
pub(crate) fn kind(id: &ResourceId) -> String {
    id.resource_type()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A duration as a person reads it: `3.2s`, `48s`, `4m 07s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0..=9 => format!("{:.1}s", duration.as_secs_f64()),
        10..=59 => format!("{whole}s"),
        _ => format!("{}m {:02}s", whole / 60, whole % 60),
    }
}

/// What a resource waits for, in few words: the first names, and how many more.
fn waited_for(on: &[ResourceId]) -> String {
    let names: Vec<String> = on
        .iter()
        .map(ResourceId::label)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    match names.as_slice() {
        [] => "its turn".to_owned(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let shown = |millis| seconds(Duration::from_millis(millis));
        assert_eq!(shown(3_249), "3.2s");
        assert_eq!(shown(48_900), "48s");
        assert_eq!(shown(247_000), "4m 07s");
    }

    #[test]
    fn children_are_named_under_their_parent() {
        let group = ResourceId::resource_group("s", "g");
        let server = group.provider("Microsoft.DBforPostgreSQL/flexibleServers", "pg");
        let database = server.child("databases", "dify");
        assert_eq!(
            (database.label().as_str(), kind(&database).as_str()),
            ("pg/dify", "databases")
        );
        assert_eq!(server.label(), "pg");
    }

    #[test]
    fn long_waits_are_summed_up() {
        let group = ResourceId::resource_group("s", "g");
        let apps: Vec<ResourceId> = ["a", "b", "c", "d"]
            .iter()
            .map(|name| group.provider("Microsoft.App/containerApps", name))
            .collect();
        assert_eq!(waited_for(&apps), "a, b and 2 more");
        assert_eq!(waited_for(&[]), "its turn");
    }
}
