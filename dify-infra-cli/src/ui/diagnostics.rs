//! Findings about a deployment file, as rustc shows them: file, line, column, the place itself, help.

use std::io;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use dify_infra_core::diagnostic::{Diagnostic, Diagnostics, RelatedPlace, Severity, Span};

use super::mask::Masked;
use super::{BOLD, Ui, styled};
use crate::input::Input;

/// Shows every finding and how many there were on stderr, beside what a command writes.
pub(crate) fn show(ui: &Ui, input: &Input, diagnostics: &Diagnostics) {
    let masked = Masked::new(&input.text);
    for diagnostic in diagnostics {
        if diagnostic.severity == Severity::Error {
            ui.line(render(input, &masked, diagnostic));
        } else {
            ui.say(render(input, &masked, diagnostic));
        }
    }
    if !diagnostics.is_empty() {
        ui.say(sum_of(input, diagnostics));
    }
}

/// Writes every finding and how many there were to stdout, for commands whose output they are.
///
/// # Errors
///
/// When stdout can't be written.
pub(crate) fn write(ui: &Ui, input: &Input, diagnostics: &Diagnostics) -> io::Result<()> {
    let masked = Masked::new(&input.text);
    for diagnostic in diagnostics {
        ui.data(&(render(input, &masked, diagnostic) + "\n"))?;
    }
    if diagnostics.is_empty() {
        return Ok(());
    }
    ui.data(&(sum_of(input, diagnostics) + "\n"))
}

/// Shows errors and warnings, to whoever goes on to something else; notes only to those who want to know
/// more.
pub(crate) fn show_pressing(ui: &Ui, input: &Input, diagnostics: &Diagnostics) {
    let (notes, pressing): (Vec<Diagnostic>, Vec<Diagnostic>) = diagnostics
        .iter()
        .cloned()
        .partition(|one| one.severity == Severity::Note);
    show(ui, input, &pressing.into_iter().collect());
    if !notes.is_empty() {
        let sum = sum(&notes.into_iter().collect());
        let shown = &input.shown;
        ui.detail(format!("{shown}: {sum}; `dify-infra check` shows them"));
    }
}

fn sum_of(input: &Input, diagnostics: &Diagnostics) -> String {
    format!("{}: {}", styled(BOLD, &input.shown), sum(diagnostics))
}

/// One finding, with an empty line after it.
fn render(input: &Input, masked: &Masked<'_>, diagnostic: &Diagnostic) -> String {
    let source = masked.source(diagnostic);
    let diagnostic = &masked.finding(diagnostic);
    let level = level(diagnostic.severity);
    let title = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.as_str());
    let help = diagnostic
        .help
        .as_deref()
        .map(|help| Level::HELP.message(help));
    let primary = diagnostic.span.filter(|span| !is_nowhere(*span));
    // The other sides of a disagreement: in the text where they have a place of their own in it.
    let (in_text, elsewhere): (Vec<_>, Vec<_>) = diagnostic.related.iter().partition(|related| {
        let own = related.span.filter(|span| !is_nowhere(*span));
        primary.is_some() && own.is_some() && own != primary
    });
    let elsewhere: Vec<String> = elsewhere.into_iter().map(|it| note(input, it)).collect();
    let notes = elsewhere
        .iter()
        .map(|text| Level::NOTE.message(text.as_str()));
    let group = if let Some(span) = primary {
        let annotations_of = |spans: &[(Span, Option<&str>)], kind: AnnotationKind| {
            // The lines alone: a snippet reads its whole text, and there may be thousands of findings.
            let first = spans.iter().map(|(it, _)| it.start).min();
            let last = spans.iter().map(|(it, _)| it.end).max();
            let lines = lines_around(source, first.unwrap_or_default()..last.unwrap_or_default());
            let line = spans.iter().map(|(it, _)| it.line).min().unwrap_or(1);
            // The end of a line that Windows writes is two characters, of which one would be drawn.
            let text = source[lines.clone()].replace('\r', " ");
            let marks = spans.iter().enumerate().map(|(index, (span, label))| {
                let at = |place: usize| place.clamp(lines.start, lines.end) - lines.start;
                let start = at(span.start);
                let kind = if index == 0 {
                    kind
                } else {
                    AnnotationKind::Context
                };
                let mark = kind.span(start..at(span.end).max(start + 1));
                match label {
                    Some(label) => mark.label((*label).to_owned()),
                    None => mark,
                }
            });
            let marks: Vec<_> = marks.collect();
            Snippet::source(text)
                .line_start(line)
                .path(input.shown.clone())
                .annotations(marks)
        };
        // What is on the same line is drawn there, anything else under a place of its own.
        let labelled = in_text
            .iter()
            .filter_map(|it| Some((it.span?, Some(it.message.as_str()))));
        let (near, far): (Vec<_>, Vec<_>) = labelled.partition(|(it, _)| it.line == span.line);
        let mut here = vec![(span, None)];
        here.extend(near);
        Group::with_title(title)
            .element(annotations_of(&here, AnnotationKind::Primary))
            .elements(
                far.iter()
                    .map(|it| annotations_of(&[*it], AnnotationKind::Primary)),
            )
            .elements(notes)
            .elements(help)
    } else {
        let place = place(input, diagnostic);
        Group::with_title(title)
            .element(Origin::path(place))
            .elements(notes)
            .elements(help)
    };
    let renderer = Renderer::styled().decor_style(DecorStyle::Ascii);
    renderer.render(&[group]) + "\n"
}

/// The other side of a disagreement that is not drawn: a default of the release, say, or a key of the file
/// when the finding itself has no place in it.
fn note(input: &Input, related: &RelatedPlace) -> String {
    let place = related.span.filter(|span| !is_nowhere(*span));
    let place = place.map(|at| format!("{}:{}:{}: ", input.shown, at.line, at.column));
    let place = place.unwrap_or_default();
    if related.path.segments().is_empty() {
        format!("{place}{}", related.message)
    } else {
        format!("{place}{}: {}", related.path, related.message)
    }
}

/// The whole lines that a piece of a text is in.
fn lines_around(text: &str, piece: Range<usize>) -> Range<usize> {
    let whole = |place: usize| text.floor_char_boundary(place);
    let start = text[..whole(piece.start)]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let last = whole(piece.end);
    let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
    start..end
}

/// Whether a place stands for keys that the file does not have at all: nothing of the text is
/// worth showing for them.
fn is_nowhere(span: Span) -> bool {
    span.start == 0 && span.end == 0
}

/// Where a finding without a place in the text belongs.
fn place(input: &Input, diagnostic: &Diagnostic) -> String {
    if diagnostic.path.segments().is_empty() {
        input.shown.clone()
    } else {
        format!("{} ({})", input.shown, diagnostic.path)
    }
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// `2 errors, 1 warning`; empty without any.
fn sum(diagnostics: &Diagnostics) -> String {
    let count = |severity: Severity| {
        let found = diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count();
        let plural = if found == 1 { "" } else { "s" };
        (found > 0).then(|| format!("{found} {severity}{plural}"))
    };
    let all = [Severity::Error, Severity::Warning, Severity::Note];
    all.into_iter()
        .filter_map(count)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use dify_infra_core::diagnostic::KeyPath;

    use super::*;
    use crate::settings::Verbosity;

    const TEXT: &str = "schema = 1\nname = \"dify\"\nlocaton = \"japaneast\"\n";

    fn render(input: &Input, diagnostic: &Diagnostic) -> String {
        super::render(input, &Masked::new(&input.text), diagnostic)
    }

    fn input() -> Input {
        Input::from_text("dify.toml", TEXT)
    }

    fn finding() -> Diagnostic {
        let start = TEXT.find("locaton").unwrap();
        let mut finding =
            Diagnostic::error("SPC001", KeyPath::of("locaton"), "unknown key `locaton`")
                .with_help("did you mean `location`?");
        finding.span = Some(Span {
            start,
            end: start + 7,
            line: 3,
            column: 1,
        });
        finding
    }

    #[test]
    fn shows_code_place_text_and_help() {
        let shown = anstream::adapter::strip_str(&render(&input(), &finding())).to_string();
        for part in [
            "error[SPC001]: unknown key `locaton`",
            "--> dify.toml:3:1",
            "3 | locaton = \"japaneast\"",
            "^^^^^^^",
            "help: did you mean `location`?",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }

    #[test]
    fn lines_as_windows_ends_them_are_shown_as_others() {
        let text = TEXT.replace('\n', "\r\n");
        let mut finding = finding();
        let start = text.find("locaton").unwrap();
        finding.span = Some(Span {
            start,
            end: start + 7,
            line: 3,
            column: 1,
        });
        let shown = render(&Input::from_text("dify.toml", &text), &finding);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        let line = shown.lines().find(|line| line.starts_with("3 |")).unwrap();
        assert_eq!(line.trim_end(), "3 | locaton = \"japaneast\"");
    }

    #[test]
    fn a_disagreement_shows_both_places() {
        let mut finding = finding()
            .with_related(KeyPath::of("name"), "the other side")
            .with_related(KeyPath::of("public.origin"), "a default");
        let start = TEXT.find("\"dify\"").unwrap();
        finding.related[0].span = Some(Span {
            start,
            end: start + 6,
            line: 2,
            column: 8,
        });
        let shown = anstream::adapter::strip_str(&render(&input(), &finding)).to_string();
        for part in [
            "--> dify.toml:3:1",
            "::: dify.toml:2:8",
            "2 | name = \"dify\"",
            "the other side",
            "note: public.origin: a default",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
    }

    #[test]
    fn a_finding_without_a_place_names_its_path() {
        let finding = Diagnostic::warning("NET001", KeyPath::of("public.origin"), "no origin");
        let shown = anstream::adapter::strip_str(&render(&input(), &finding)).to_string();
        assert!(shown.contains("warning[NET001]: no origin"), "{shown}");
        assert!(shown.contains("dify.toml (public.origin)"), "{shown}");
    }

    #[test]
    fn a_place_at_the_end_of_the_text_does_not_panic() {
        let mut finding = finding();
        let end = TEXT.len();
        finding.span = Some(Span {
            start: end,
            end,
            line: 4,
            column: 1,
        });
        assert!(render(&input(), &finding).contains("SPC001"));
    }

    #[test]
    fn counts_what_was_found_where_it_is_shown() {
        let warning = Diagnostic::warning("NET001", KeyPath::root(), "w");
        let all: Diagnostics = [finding(), finding(), warning].into_iter().collect();
        let sum = "dify.toml: 2 errors, 1 warning\n";
        let (ui, stdout, stderr) = Ui::captured(Verbosity::Normal);
        show(&ui, &input(), &all);
        assert!(stderr.text().ends_with(sum), "{}", stderr.text());
        assert_eq!(stdout.text(), "");
        let (ui, stdout, stderr) = Ui::captured(Verbosity::Quiet);
        write(&ui, &input(), &all).unwrap();
        assert!(stdout.text().ends_with(sum), "{}", stdout.text());
        assert!(stdout.text().contains("error[SPC001]"), "{}", stdout.text());
        assert_eq!(stderr.text(), "");
    }

    #[test]
    fn notes_are_told_to_those_who_go_on_only_when_they_ask() {
        let note = Diagnostic::note("NET001", KeyPath::root(), "n");
        let all: Diagnostics = [note].into_iter().collect();
        let (ui, _, stderr) = Ui::captured(Verbosity::Normal);
        show_pressing(&ui, &input(), &all);
        assert_eq!(stderr.text(), "");
        let (ui, _, stderr) = Ui::captured(Verbosity::Verbose);
        show_pressing(&ui, &input(), &all);
        assert!(stderr.text().contains("1 note"), "{}", stderr.text());
    }
}
