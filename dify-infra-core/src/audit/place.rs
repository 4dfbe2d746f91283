//! Where a value of a deployment stands: a document, a path in it, and a line where there are lines.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// The place of a value: `template.json` at `$.resources[2].name`, or a line of a compose file.
///
/// Places share what they have in common, so that every value of a large template can have one.
///
/// ```
/// use dify_infra_core::audit::Place;
///
/// let place = Place::document("template.json").key("resources").index(2).key("name");
/// assert_eq!(place.to_string(), "template.json $.resources[2].name");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    document: Arc<str>,
    path: Option<Arc<Step>>,
    line: Option<(usize, usize)>,
    /// Whether the path is shown beside the line.
    shows_path: bool,
}

#[derive(PartialEq, Eq)]
struct Step {
    above: Option<Arc<Self>>,
    segment: Segment,
}

#[derive(PartialEq, Eq)]
enum Segment {
    Key(Box<str>),
    Index(usize),
}

impl Place {
    /// The whole of a document: a file's name, or the id of a live resource.
    pub fn document(name: &str) -> Self {
        Self {
            document: name.into(),
            path: None,
            line: None,
            shows_path: false,
        }
    }

    /// The place of a key of this object.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.step(Segment::Key(key.into()))
    }

    /// The place of an item of this list, from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Segment::Index(index))
    }

    /// The same place with its line and column, both from 1.
    #[must_use]
    pub fn at_line(mut self, line: usize, column: usize) -> Self {
        self.line = Some((line, column));
        self
    }

    /// The same place with its line and column in a JSON text, shown with the path.
    #[must_use]
    pub(super) fn in_json(self, line: usize, column: usize) -> Self {
        Self {
            shows_path: true,
            ..self.at_line(line, column)
        }
    }

    fn step(&self, segment: Segment) -> Self {
        Self {
            document: Arc::clone(&self.document),
            path: Some(Arc::new(Step {
                above: self.path.clone(),
                segment,
            })),
            line: None,
            shows_path: false,
        }
    }

    /// The document's name.
    pub fn document_name(&self) -> &str {
        &self.document
    }

    /// The line, from 1, in documents that have lines.
    pub fn line(&self) -> Option<usize> {
        self.line.map(|(line, _)| line)
    }

    /// The column, from 1, in documents that have lines.
    pub fn column(&self) -> Option<usize> {
        self.line.map(|(_, column)| column)
    }

    /// Keys and indices, outermost first.
    fn segments(&self) -> Vec<&Segment> {
        let mut steps = Vec::new();
        let mut step = self.path.as_ref();
        while let Some(this) = step {
            steps.push(&this.segment);
            step = this.above.as_ref();
        }
        steps.reverse();
        steps
    }

    /// The path as a JSON pointer: `/resources/2/name`.
    pub(super) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in self.segments() {
            pointer.push('/');
            match segment {
                Segment::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Segment::Index(index) => {
                    let _ = write!(pointer, "{index}");
                }
            }
        }
        pointer
    }

    /// The path as JSON path: `$.resources[2].name`.
    pub fn path(&self) -> String {
        let mut path = String::from("$");
        for segment in self.segments() {
            match segment {
                Segment::Key(key) if is_plain(key) => {
                    path.push('.');
                    path.push_str(key);
                }
                Segment::Key(key) => {
                    path.push_str("['");
                    path.push_str(&key.replace('\'', "\\'"));
                    path.push_str("']");
                }
                Segment::Index(index) => {
                    let _ = write!(path, "[{index}]");
                }
            }
        }
        path
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.document)?;
        if let Some((line, column)) = self.line {
            write!(formatter, ":{line}:{column}")?;
        }
        if self.path.is_some() && (self.line.is_none() || self.shows_path) {
            write!(formatter, " {}", self.path())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Place({self})")
    }
}

/// Line and column of a place, both from 1, as findings are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct LineAndColumn {
    line: usize,
    column: usize,
}

impl Place {
    pub(super) fn span(&self) -> Option<LineAndColumn> {
        self.line
            .map(|(line, column)| LineAndColumn { line, column })
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("document", &*self.document)?;
        map.serialize_entry("path", &self.path())?;
        map.serialize_entry("span", &self.span())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_quoted() {
        let place = Place::document("t").key("a-b").key("c").index(0);
        assert_eq!(place.path(), "$['a-b'].c[0]");
    }

    #[test]
    fn a_line_is_shown_instead_of_the_path() {
        let place = Place::document("docker-compose.yaml")
            .key("services")
            .at_line(3, 5);
        assert_eq!(place.to_string(), "docker-compose.yaml:3:5");
        assert_eq!(place.path(), "$.services");
    }
}
