//! Tables: columns aligned with spaces, nothing drawn.

/// A table of texts, which may hold colours.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub(crate) fn row<Cell: Into<String>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The lines, each column as wide as its widest cell but the last, two spaces between.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width(cell))
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or_default())
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                line.push_str(cell);
                if column + 1 < row.len() {
                    let space = widths[column] - self::width(cell) + 2;
                    line.extend(std::iter::repeat_n(' ', space));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Characters that are seen of a text.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text)
        .to_string()
        .chars()
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::{GREEN, styled};

    #[test]
    fn columns_are_aligned_whatever_their_colour() {
        let mut table = Table::new();
        table.row([styled(GREEN, "passed"), "beat".to_owned()]);
        table.row(["not run".to_owned(), "über".to_owned(), "why".to_owned()]);
        let text = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(text, "passed   beat\nnot run  über  why\n");
    }

    #[test]
    fn an_empty_table_is_an_empty_text() {
        assert_eq!(Table::new().render(), "");
    }
}
