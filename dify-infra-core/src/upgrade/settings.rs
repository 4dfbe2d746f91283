//! Settings of a file under another release: what is renamed, what nobody reads any more.

use std::collections::BTreeSet;

use serde::Serialize;

use super::edit::{Edit, commented_out, line_end, line_start, own_lines, without_items};
use crate::catalogue::{Image, ImageKind, Read, Release, ServiceKind};
use crate::check::{carried_along, sets_itself};
use crate::deployment::{Deployment, VariableValue};
use crate::diagnostic::{KeyPath, Span};
use crate::spec::Document;
use crate::values::ImageReference;

/// A setting of the file that the wanted release treats differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// Where it stands in the file.
    pub path: KeyPath,
    /// Where it stands in the text.
    pub span: Option<Span>,
    /// What happens to it, as a sentence.
    pub message: String,
    /// What was done about it.
    pub treatment: Treatment,
}

/// What was done about a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Treatment {
    /// It is changed in the edited file.
    Edited,
    /// It is a comment in the edited file.
    CommentedOut,
    /// It is as it was: a person must decide.
    Left,
}

/// Lists of queues: a worker serves those alone.
const QUEUES: [&str; 2] = ["CELERY_QUEUES", "CELERY_WORKER_QUEUES"];

/// The settings that change, and the edits of the text.
pub(super) fn settings(
    before: &Deployment,
    document: &Document,
    to: &Release,
) -> (Vec<Setting>, Vec<Edit>) {
    let mut reader = Reader {
        before,
        document,
        to,
        settings: Vec::new(),
        edits: Vec::new(),
        inline: BTreeSet::new(),
    };
    reader.release();
    reader.images();
    reader.digests();
    for service in before.services() {
        for (name, value) in &service.variables {
            let plain = match value {
                VariableValue::Plain(text) => Some(text.as_str()),
                VariableValue::Secret(_) => None,
            };
            reader.variable(service.kind, name.as_str(), plain);
        }
    }
    reader.inline_tables();
    (reader.settings, reader.edits)
}

struct Reader<'a> {
    before: &'a Deployment,
    document: &'a Document,
    to: &'a Release,
    settings: Vec<Setting>,
    edits: Vec<Edit>,
    /// Keys that go out of inline tables.
    inline: BTreeSet<KeyPath>,
}

impl Reader<'_> {
    /// The line `dify = …`: its value changes; a file without one gets it behind its location.
    fn release(&mut self) {
        let path = KeyPath::of("dify");
        let version = format!("\"{}\"", self.to.version());
        if let Some(span) = self.document.value_span(&path) {
            let range = span.start..span.end;
            self.edits.push(Edit {
                range,
                text: version,
            });
            return;
        }
        let location = self.document.value_span(&KeyPath::of("location"));
        let text = self.document.text();
        let after = location.map_or(0, |span| span.end);
        let end = line_end(text, after);
        self.edits.push(Edit {
            range: end..end,
            text: format!("\ndify = {version}"),
        });
        self.settings.push(Setting {
            path,
            span: None,
            message: format!(
                "the file names no release, so it had the default, {}",
                self.before.release().version()
            ),
            treatment: Treatment::Edited,
        });
    }

    /// Images that the file names: a tag of the old release becomes that of the new one.
    fn images(&mut self) {
        let overrides = KeyPath::of("images.overrides");
        let own = ServiceKind::ALL.map(|kind| {
            let path = KeyPath::of("services").key(kind.key()).key("image");
            (path, kind.image())
        });
        let paths = ImageKind::ALL
            .map(|kind| (overrides.key(kind.key()), kind))
            .into_iter()
            .chain(own);
        for (path, kind) in paths {
            if let Some(span) = self.document.value_span(&path) {
                self.image(path, span, kind);
            }
        }
    }

    /// Digests of the old release's images: under the new one they pin nothing.
    fn digests(&mut self) {
        let table = KeyPath::of("images.digests");
        let release = self.before.release();
        let kept: BTreeSet<String> = self.to.images().map(Image::reference).collect();
        let old: BTreeSet<String> = release.images().map(Image::reference).collect();
        for name in old.difference(&kept) {
            let path = table.key(name);
            if self.document.value_span(&path).is_none() {
                continue;
            }
            let message = format!(
                "`{name}` is an image of Dify {}; `dify-infra images import` prints the digests of {}",
                release.version(),
                self.to.version()
            );
            let why = format!("Dify {} has another image:", self.to.version());
            self.take_out(path, message, &why);
        }
    }

    fn image(&mut self, path: KeyPath, span: Span, kind: ImageKind) {
        let (before, after) = (self.before.release().image(kind), self.to.image(kind));
        if before.tag == after.tag {
            return;
        }
        let written = &self.document.text()[span.start..span.end];
        let Ok(image) = written.trim_matches(['"', '\'']).parse::<ImageReference>() else {
            return;
        };
        let tag = format!(":{}", before.tag);
        let position = written.rfind(&tag);
        let (message, treatment) = if image.digest().is_some() {
            let message = format!(
                "`{image}` is pinned by its digest: name the image of {kind}:{}",
                after.tag
            );
            (message, Treatment::Left)
        } else if let (true, Some(position)) = (image.tag() == Some(before.tag.as_str()), position)
        {
            let start = span.start + position + 1;
            self.edits.push(Edit {
                range: start..start + before.tag.len(),
                text: after.tag.clone(),
            });
            let message = format!("`{image}` becomes the one with the tag `{}`", after.tag);
            (message, Treatment::Edited)
        } else {
            let message = format!(
                "`{image}` has a tag of your own; Dify {} ships `{}`",
                self.to.version(),
                after.tag
            );
            (message, Treatment::Left)
        };
        self.settings.push(Setting {
            path,
            span: Some(span),
            message,
            treatment,
        });
    }

    fn variable(&mut self, kind: ServiceKind, name: &str, value: Option<&str>) {
        let path = KeyPath::of("services").key(kind.key()).key("env").key(name);
        let table = self.to.variables(kind);
        let old = self.before.release().variables(kind);
        let version = self.to.version();
        match table.is_read(name) {
            Read::Yes(variable) => {
                let right = variable.name_at(table.version());
                let was = variable.name_at(old.version());
                if right != name && was == name {
                    let message = format!(
                        "`{name}` is called `{right}` in Dify {version}; the old name is still read"
                    );
                    self.rename(kind, path, right, message);
                    return;
                }
                let now = table.version();
                let works = |value| variable.carried_along(value, old.version()).is_none();
                let former = value.filter(|value| works(value));
                if let Some(former) = former.and_then(|it| variable.carried_along(it, now)) {
                    let is = variable.default.as_deref();
                    let message = carried_along(name, former, now, is);
                    let why = format!("Images up to {} alone have this:", former.until);
                    self.take_out(path, message, &why);
                } else if QUEUES.contains(&name) && self.to != self.before.release() {
                    self.queues(kind, name, path);
                }
            }
            Read::RenamedTo { right_name, why } => {
                let message =
                    format!("`{kind}` does not read `{name}`: {why}; write `{right_name}`");
                self.rename(kind, path, right_name, message);
            }
            Read::NoLonger { until, why } => {
                let message = format!("`{kind}` reads `{name}` up to {until} only: {why}");
                self.comment_out(path, message);
            }
            Read::NotYet { since } => {
                let message = format!(
                    "`{name}` comes with {since}; `{kind}` of Dify {version} does not read it"
                );
                self.comment_out(path, message);
            }
            // Nobody ever read it: `check` says so, before and after.
            Read::No { .. } => {}
        }
    }

    /// A list of queues that stays what it was while releases add some.
    fn queues(&mut self, kind: ServiceKind, name: &str, path: KeyPath) {
        let version = self.to.version();
        let message = format!(
            "`{kind}` serves the queues of `{name}` alone: tasks of queues that Dify {version} adds wait for ever; \
             compare it with the list in api/docker/entrypoint.sh of {version}, or remove it"
        );
        let span = self.document.key_span(&path);
        self.settings.push(Setting {
            path,
            span,
            message,
            treatment: Treatment::Left,
        });
    }

    fn rename(&mut self, kind: ServiceKind, path: KeyPath, right: &str, message: String) {
        let table = KeyPath::of("services").key(kind.key()).key("env");
        let is_free = self.document.value_span(&table.key(right)).is_none();
        let is_ours = sets_itself(self.to, kind, right);
        let span = self.document.key_span(&path);
        let treatment = match span {
            Some(span) if is_free && !is_ours => {
                self.edits.push(Edit {
                    range: span.start..span.end,
                    text: right.to_owned(),
                });
                Treatment::Edited
            }
            _ => Treatment::Left,
        };
        self.settings.push(Setting {
            path,
            span,
            message,
            treatment,
        });
    }

    fn comment_out(&mut self, path: KeyPath, message: String) {
        let why = format!("Dify {} does not read this:", self.to.version());
        self.take_out(path, message, &why);
    }

    /// Makes comments of a key's lines; out of an inline table it goes into a comment above.
    fn take_out(&mut self, path: KeyPath, message: String, why: &str) {
        let span = self.document.key_span(&path);
        let value = self.document.value_span(&path);
        let text = self.document.text();
        let lines = span
            .zip(value)
            .and_then(|(key, value)| own_lines(text, key.start, value.end));
        let outermost = self.document.outermost_key(&path);
        let treatment = match (lines, span.zip(value), outermost) {
            (Some(lines), ..) => {
                let commented = commented_out(&text[lines.clone()], why);
                self.edits.push(Edit {
                    range: lines,
                    text: commented,
                });
                Treatment::CommentedOut
            }
            (None, Some((key, value)), Some(outermost)) => {
                let start = line_start(text, outermost.start);
                let item = commented_out(&text[key.start..value.end], why);
                self.edits.push(Edit {
                    range: start..start,
                    text: format!("{item}\n"),
                });
                self.inline.insert(path.clone());
                Treatment::CommentedOut
            }
            _ => Treatment::Left,
        };
        self.settings.push(Setting {
            path,
            span,
            message,
            treatment,
        });
    }

    /// Takes the keys out of their inline tables, all of one table together: they share its commas.
    fn inline_tables(&mut self) {
        let tables: BTreeSet<KeyPath> = self.inline.iter().filter_map(KeyPath::parent).collect();
        for table in tables {
            let Some(braces) = self.document.value_span(&table) else {
                continue;
            };
            let items = self.document.items(&table).into_iter();
            let items: Vec<_> = items
                .map(|(path, place)| (place, self.inline.contains(path)))
                .collect();
            self.edits
                .extend(without_items(braces.start..braces.end, &items));
        }
    }
}
