//! The text of a deployment file and where each of its keys stands.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::check::spc;
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Span};

/// Syntax errors that are reported at most: one slip can lead the parser astray many times.
const MOST_SYNTAX_ERRORS: usize = 20;

/// A deployment file as it was written: its text, and the span of every key and value in it.
///
/// ```
/// use dify_infra_core::diagnostic::KeyPath;
/// use dify_infra_core::spec::Document;
///
/// let document = Document::parse("[azure]\nresource_group = \"rg\"\n")?;
/// let span = document.value_span(&KeyPath::of("azure.resource_group")).unwrap();
/// assert_eq!((span.line, span.column), (2, 18));
/// assert_eq!(&document.text()[span.start..span.end], "\"rg\"");
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
#[derive(Clone)]
pub struct Document {
    text: String,
    /// The first byte of every line.
    lines: Vec<usize>,
    entries: BTreeMap<KeyPath, Entry>,
}

/// Where one value stands.
#[derive(Debug, Clone)]
struct Entry {
    /// Nothing for an item of a list.
    key: Option<Range<usize>>,
    value: Range<usize>,
    /// Whether the value holds others, so that its key says more than its many lines.
    holds_others: bool,
}

impl fmt::Debug for Document {
    /// How much it is, without its text: somebody may have written a secret into it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Document")
            .field("bytes", &self.text.len())
            .field("keys", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Document {
    /// Reads the TOML syntax of `text`, whatever its keys are.
    ///
    /// # Errors
    ///
    /// When the text is not TOML: every syntax error with its place, under `SPC001`.
    pub fn parse(text: &str) -> Result<Self, Diagnostics> {
        Self::parse_with_table(text).map(|(document, _)| document)
    }

    /// Reads the syntax of `text` and gives its values too.
    pub(super) fn parse_with_table(text: &str) -> Result<(Self, DeTable<'_>), Diagnostics> {
        let mut document = Self {
            text: text.to_owned(),
            lines: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(position, _)| position + 1))
                .collect(),
            entries: BTreeMap::new(),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(document.syntax_errors(&errors));
        }
        let table = table.into_inner();
        document.add_table(&KeyPath::root(), &table);
        Ok((document, table))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every key and list item of the file, in the order of their names.
    pub fn paths(&self) -> impl Iterator<Item = &KeyPath> {
        self.entries.keys()
    }

    /// Where the key stands that `path` ends with; nothing for list items and absent keys.
    pub fn key_span(&self, path: &KeyPath) -> Option<Span> {
        Some(self.span(self.entries.get(path)?.key.clone()?))
    }

    /// Where the value of `path` stands; nothing when the file does not have it.
    pub fn value_span(&self, path: &KeyPath) -> Option<Span> {
        Some(self.span(self.entries.get(path)?.value.clone()))
    }

    /// The keys of a table, in the order of the text, each with its place from key to value.
    pub(crate) fn items(&self, table: &KeyPath) -> Vec<(&KeyPath, Range<usize>)> {
        let of_table = self.entries.iter().filter_map(|(path, entry)| {
            let is_item = path.parent().as_ref() == Some(table);
            let key = entry.key.as_ref().filter(|_| is_item)?;
            Some((path, key.start..entry.value.end))
        });
        let mut items: Vec<_> = of_table.collect();
        items.sort_by_key(|(_, place)| place.start);
        items
    }

    /// The outermost key whose value a position stands in: `services` of `services = { api = { cpu = 1 } }`. Headers
    /// of tables are no keys with values.
    pub(crate) fn outermost_key(&self, path: &KeyPath) -> Option<Span> {
        let position = self.entries.get(path)?.key.as_ref()?.start;
        let above = std::iter::successors(Some(path.clone()), KeyPath::parent);
        let entries = above.filter_map(|path| self.entries.get(&path));
        let is_inline = |entry: &Entry| {
            let value = self.text.get(entry.value.clone());
            value.is_some_and(|it| it.starts_with('{')) && entry.value.contains(&position)
        };
        let is_itself = |entry: &Entry| entry.key.as_ref().is_some_and(|key| key.start == position);
        let around = entries.filter(|entry| is_itself(entry) || is_inline(entry));
        let keys = around.filter_map(|entry| entry.key.clone());
        keys.min_by_key(|key| key.start).map(|key| self.span(key))
    }

    /// The place to point at for a finding about `path`: its value, the key of a table, or what is
    /// nearest when the file does not have it.
    pub fn place(&self, path: &KeyPath) -> Span {
        if let Some(entry) = self.entries.get(path) {
            let key = entry.key.clone().filter(|_| entry.holds_others);
            return self.span(key.unwrap_or_else(|| entry.value.clone()));
        }
        let parents = std::iter::successors(path.parent(), KeyPath::parent);
        let mut nearest = parents.filter_map(|parent| self.entries.get(&parent));
        match nearest.find(|entry| !self.is_of_dotted_key(entry)) {
            Some(entry) => {
                let key = entry.key.clone().filter(|_| entry.holds_others);
                self.span(key.unwrap_or_else(|| entry.value.clone()))
            }
            None => self.span(0..0),
        }
    }

    /// Whether an entry is a table that only `[data.postgres]` or `data.postgres = …` makes: its key
    /// there belongs to another table.
    fn is_of_dotted_key(&self, entry: &Entry) -> bool {
        let after = entry.key.as_ref().and_then(|key| self.text.get(key.end..));
        after.is_some_and(|after| {
            after
                .trim_start_matches([' ', '\t', '"', '\''])
                .starts_with('.')
        })
    }

    /// Gives every finding without a place the one of its path, and sorts them all.
    pub fn locate(&self, diagnostics: &mut Diagnostics) {
        for diagnostic in diagnostics.iter_mut() {
            if diagnostic.span.is_none() {
                let key = self
                    .key_span(&diagnostic.path)
                    .filter(|_| diagnostic.is_about_key);
                // What the file does not have at all has no place in it.
                let place = key.unwrap_or_else(|| self.place(&diagnostic.path));
                diagnostic.span = Some(place).filter(|it| it.end > 0);
            }
            for related in &mut diagnostic.related {
                related.span = Some(self.place(&related.path)).filter(|it| it.end > 0);
            }
        }
        diagnostics.sort();
    }

    /// The line and column of a piece of the text.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let inside = |position: usize| self.text.floor_char_boundary(position.min(self.text.len()));
        let (start, end) = (inside(range.start), inside(range.end.max(range.start)));
        let line = self.lines.partition_point(|first| *first <= start).max(1);
        let column = self.text[self.lines[line - 1]..start].chars().count() + 1;
        Span {
            start,
            end,
            line,
            column,
        }
    }

    fn add_table(&mut self, path: &KeyPath, table: &DeTable<'_>) {
        for (key, value) in table {
            self.add(path.key(key.get_ref()), Some(key.span()), value);
        }
    }

    fn add(&mut self, path: KeyPath, key: Option<Range<usize>>, value: &Spanned<DeValue<'_>>) {
        let holds_others = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(&path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(path.index(index), None, item);
                }
            }
            _ => {}
        }
        self.entries.insert(
            path,
            Entry {
                key,
                value: value.span(),
                holds_others,
            },
        );
    }

    fn syntax_errors(&self, errors: &[toml::de::Error]) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let mut last_line = 0;
        for error in errors.iter().take(MOST_SYNTAX_ERRORS) {
            let end = self.text.len()..self.text.len();
            let span = self.span(error.span().unwrap_or(end));
            // What follows on the same line is mostly the same slip, seen again.
            if span.line != last_line {
                diagnostics.push(syntax_error(error, span));
            }
            last_line = span.line;
        }
        diagnostics.sort();
        diagnostics
    }
}

fn syntax_error(error: &toml::de::Error, span: Span) -> Diagnostic {
    let message = format!("the file is not TOML here: {}", error.message());
    let mut diagnostic = spc::SYNTAX.finding(KeyPath::root(), message);
    diagnostic.span = Some(span);
    diagnostic.with_help("correct the syntax; the keys are checked once the file can be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(document: &Document, path: &KeyPath) -> (usize, usize) {
        let span = document.place(path);
        (span.line, span.column)
    }

    #[test]
    fn knows_the_place_of_every_key_value_and_item() {
        let text = "name = \"dify\"\n\n[checks]\nallow = [{ rule = \"A\" }, { rule = \"B\" }]\n";
        let document = Document::parse(text).unwrap();
        let rule = KeyPath::of("checks.allow").index(1).key("rule");
        let span = document.value_span(&rule).unwrap();
        assert_eq!(&text[span.start..span.end], "\"B\"");
        assert_eq!((span.line, span.column), (4, 35));
        let key = document.key_span(&rule).unwrap();
        assert_eq!(&text[key.start..key.end], "rule");
        assert_eq!(
            document.key_span(&KeyPath::of("checks.allow").index(1)),
            None
        );
    }

    #[test]
    fn points_at_the_table_that_lacks_a_key() {
        let document = Document::parse("name = \"dify\"\n[azure]\n[services.api]\n").unwrap();
        assert_eq!(
            position(&document, &KeyPath::of("azure.resource_group")),
            (2, 2)
        );
        assert_eq!(
            position(&document, &KeyPath::of("services.api.cpu")),
            (3, 11)
        );
        assert_eq!(position(&document, &KeyPath::of("location")), (1, 1));
    }

    #[test]
    fn counts_columns_in_characters() {
        let document = Document::parse("a = { 開発 = \"x\", b = 1 }\n").unwrap_err();
        // A bare key takes ASCII alone: the error itself stands at the sixth byte and character.
        let span = document.iter().next().unwrap().span.unwrap();
        assert_eq!((span.line, span.column), (1, 7));
        let document = Document::parse("a = { \"開発\" = \"x\", b = 1 }\n").unwrap();
        assert_eq!(position(&document, &KeyPath::of("a.b")), (1, 23));
    }

    #[test]
    fn reports_each_syntax_error_with_its_line() {
        let diagnostics = Document::parse("name = dify\nb = 1\nc = [1,,2]\n").unwrap_err();
        let lines: Vec<_> = diagnostics
            .iter()
            .map(|it| (it.code.as_str(), it.span.unwrap().line))
            .collect();
        assert_eq!(lines, [("SPC001", 1), ("SPC001", 3)], "{diagnostics}");
    }

    #[test]
    fn refuses_a_key_that_is_given_twice() {
        let diagnostics = Document::parse("a = 1\na = 2\n").unwrap_err();
        assert!(
            diagnostics.to_string().contains("duplicate key"),
            "{diagnostics}"
        );
        assert_eq!(diagnostics.iter().next().unwrap().span.unwrap().line, 2);
    }

    #[test]
    fn an_empty_file_has_a_place_to_point_at() {
        let document = Document::parse("").unwrap();
        assert_eq!(position(&document, &KeyPath::of("name")), (1, 1));
    }
}
