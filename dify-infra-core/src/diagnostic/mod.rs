//! Findings about a deployment: what is wrong, where, why, and how to mend it.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The deployment can't be made, or would not work.
    Error,
    /// It would work, and something about it is likely to hurt.
    Warning,
    /// Something to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A place in the deployment file by keys: `services.api.env.LOG_LEVEL`, `checks.allow[0].rule`.
///
/// ```
/// use dify_infra_core::diagnostic::KeyPath;
///
/// let path = KeyPath::root().key("checks").key("allow").index(0).key("rule");
/// assert_eq!(path.to_string(), "checks.allow[0].rule");
/// assert_eq!(path.parent().map(|parent| parent.to_string()).as_deref(), Some("checks.allow[0]"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyPath {
    segments: Vec<Segment>,
}

/// One step of a [`KeyPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a table.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

impl KeyPath {
    /// The file itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of plain keys joined by `.`, as rules write them: `data.postgres.sku`.
    pub fn of(path: &str) -> Self {
        path.split('.')
            .filter(|key| !key.is_empty())
            .fold(Self::root(), |path, key| path.key(key))
    }

    /// The path to a key of this table.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The path to an item of this list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The path to what holds this place; nothing for the file itself.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.segments.split_last()?;
        Some(Self {
            segments: above.to_vec(),
        })
    }

    fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.segments.push(segment);
        path
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Key(key) if position > 0 => write!(formatter, ".{key}")?,
                Segment::Key(key) => formatter.write_str(key)?,
                Segment::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for KeyPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A piece of the deployment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte.
    #[serde(skip)]
    pub start: usize,
    /// One past the last byte.
    #[serde(skip)]
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte, in characters, from 1.
    pub column: usize,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable id of the rule, as `LIM004`; `dify-infra explain LIM004` tells its story.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file, once whoever shows it has said which.
    pub document: Option<String>,
    /// Where in the file.
    pub path: KeyPath,
    /// What is wrong and why, as a sentence.
    pub message: String,
    /// How to mend it, as a sentence.
    pub help: Option<String>,
    /// Where in the text; nothing when the deployment was not read from a file.
    pub span: Option<Span>,
    /// The other sides of a disagreement, each with what stands there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedPlace>,
    /// Whether it is about the key itself, which is pointed at then, and not about its value.
    #[serde(skip)]
    pub(crate) is_about_key: bool,
}

/// Another place that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RelatedPlace {
    /// The file, once whoever shows it has said which.
    pub document: Option<String>,
    /// Where in the file.
    pub path: KeyPath,
    /// What stands there.
    pub message: String,
    /// Where in the text; nothing when the deployment was not read from a file.
    pub span: Option<Span>,
}

impl Diagnostic {
    /// A finding of the severity given.
    pub fn new(code: &str, severity: Severity, path: KeyPath, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            document: None,
            path,
            message: message.into(),
            help: None,
            span: None,
            related: Vec::new(),
            is_about_key: false,
        }
    }

    /// An error.
    pub fn error(code: &str, path: KeyPath, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, path, message)
    }

    /// A warning.
    pub fn warning(code: &str, path: KeyPath, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, path, message)
    }

    /// A note.
    pub fn note(code: &str, path: KeyPath, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, path, message)
    }

    /// The same finding, about the key that the path ends with and not about its value.
    #[must_use]
    pub(crate) fn about_key(mut self) -> Self {
        self.is_about_key = true;
        self
    }

    /// The same finding with a way to mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same finding, said of this file.
    #[must_use]
    pub fn in_document(mut self, document: &str) -> Self {
        self.document = Some(document.to_owned());
        for related in &mut self.related {
            related.document = Some(document.to_owned());
        }
        self
    }

    /// The same finding with another place that it is about.
    #[must_use]
    pub fn with_related(mut self, path: KeyPath, message: impl Into<String>) -> Self {
        self.related.push(RelatedPlace {
            document: None,
            path,
            message: message.into(),
            span: None,
        });
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]", self.severity, self.code)?;
        match self.span {
            Some(span) => write!(formatter, " at line {}, column {}", span.line, span.column)?,
            None if self.path.segments().is_empty() => {}
            None => write!(formatter, " at {}", self.path)?,
        }
        write!(formatter, ": {}", self.message)?;
        for related in &self.related {
            match related.span {
                Some(span) => write!(formatter, "; line {}, column {}", span.line, span.column)?,
                None => write!(formatter, "; {}", related.path)?,
            }
            write!(formatter, ": {}", related.message)?;
        }
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Findings, all at once: errors first, and those of one severity in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.items.iter()
    }

    /// The findings, to change them.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Diagnostic> {
        self.items.iter_mut()
    }

    /// Keeps the findings for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.items.retain(keep);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.items
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Puts errors first, then warnings, then notes, each in the order of the file; of one severity, what
    /// has no place in the file comes first.
    pub fn sort(&mut self) {
        self.items.sort_by(|one, other| {
            let place = |diagnostic: &Diagnostic| diagnostic.span.map(|span| span.start);
            (one.severity, place(one), &one.code).cmp(&(other.severity, place(other), &other.code))
        });
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        self.items.extend(more);
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(items: I) -> Self {
        Self {
            items: items.into_iter().collect(),
        }
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<'a> IntoIterator for &'a mut Diagnostics {
    type Item = &'a mut Diagnostic;
    type IntoIter = std::slice::IterMut<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter_mut()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.items.iter().enumerate() {
            if position > 0 {
                writeln!(formatter)?;
            }
            diagnostic.fmt(formatter)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
