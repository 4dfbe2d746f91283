//! Lines and columns of places in JSON texts: one pass over a text for all places that are asked for.

use std::collections::HashMap;

use super::place::Place;

/// Gives every place in one of the texts its line and column. What a text lacks, since it was made up from
/// several of its parts, stands where the nearest value around it stands.
pub(super) fn tell<'a>(texts: &[(String, String)], places: impl Iterator<Item = &'a mut Place>) {
    if texts.is_empty() {
        return;
    }
    let mut of: Vec<Vec<(&mut Place, String)>> = texts.iter().map(|_| Vec::new()).collect();
    for place in places.filter(|it| it.line().is_none()) {
        let named = |(name, _): &(String, String)| name == place.document_name();
        if let Some(index) = texts.iter().position(named) {
            let pointer = place.pointer();
            of[index].push((place, pointer));
        }
    }
    for ((_, text), places) in texts.iter().zip(of) {
        if places.is_empty() {
            continue;
        }
        let mut scanner = Scanner::new(text, places.iter().map(|(_, pointer)| pointer.as_str()));
        scanner.value(Some(0));
        for (place, pointer) in places {
            if let Some((line, column)) = scanner.nearest(&pointer) {
                *place = place.clone().in_json(line, column);
            }
        }
    }
}

/// A part of the tree of all places that are asked for.
#[derive(Default)]
struct Wanted {
    below: HashMap<String, usize>,
    at: Option<(usize, usize)>,
}

/// Walks a text that is known to be JSON; what is not asked for is passed over.
struct Scanner<'t> {
    text: &'t str,
    position: usize,
    line: usize,
    line_start: usize,
    /// The place that was last noted and its column: a whole template may stand on one line.
    noted: (usize, usize),
    wanted: Vec<Wanted>,
}

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> impl Iterator<Item = String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~"))
}

impl<'t> Scanner<'t> {
    fn new<'p>(text: &'t str, pointers: impl Iterator<Item = &'p str>) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut wanted = vec![Wanted::default()];
        for pointer in pointers {
            let mut node = 0;
            for step in steps(pointer) {
                let next = wanted.len();
                node = *wanted[node].below.entry(step).or_insert(next);
                if node == next {
                    wanted.push(Wanted::default());
                }
            }
        }
        Self {
            text,
            position: 0,
            line: 1,
            line_start: 0,
            noted: (0, 1),
            wanted,
        }
    }

    fn nearest(&self, pointer: &str) -> Option<(usize, usize)> {
        let mut node = 0;
        let mut found = self.wanted[0].at;
        for step in steps(pointer) {
            node = *self.wanted[node].below.get(&step)?;
            found = self.wanted[node].at.or(found);
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek().filter(u8::is_ascii_whitespace) {
            self.position += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.position;
            }
        }
    }

    fn note(&mut self, node: Option<usize>) {
        if let Some(node) = node {
            let (from, column) = match self.noted {
                (place, column) if place >= self.line_start => (place, column),
                _ => (self.line_start, 1),
            };
            let between = self.text.get(from..self.position);
            let column = column + between.map_or(0, |it| it.chars().count());
            self.noted = (self.position, column);
            self.wanted[node].at = Some((self.line, column));
        }
    }

    /// The text between quotes as it is written; the quotes are passed.
    fn string(&mut self) -> &'t str {
        let start = self.position + 1;
        self.position = start;
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.position += 2,
                b'"' => break,
                _ => self.position += 1,
            }
        }
        let end = self.position.min(self.text.len());
        self.position = end + 1;
        self.text.get(start..end).unwrap_or_default()
    }

    /// A value; serde has refused texts that are nested too deeply for this before.
    fn value(&mut self, node: Option<usize>) {
        self.space();
        if node == Some(0) {
            self.note(node);
        }
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                self.position += 1;
                self.members(node, open == b'{');
            }
            Some(b'"') => {
                self.string();
            }
            _ => {
                let ends = |byte: u8| byte.is_ascii_whitespace() || b",]}".contains(&byte);
                while self.peek().is_some_and(|byte| !ends(byte)) {
                    self.position += 1;
                }
            }
        }
    }

    fn members(&mut self, node: Option<usize>, is_object: bool) {
        let mut index = 0_usize;
        loop {
            self.space();
            match self.peek() {
                None => return,
                Some(b'}' | b']') => {
                    self.position += 1;
                    return;
                }
                Some(b',') => {
                    self.position += 1;
                    continue;
                }
                _ => {}
            }
            let before = (self.position, self.line, self.line_start);
            let key = is_object.then(|| self.string());
            let after = (self.position, self.line, self.line_start);
            // Most of a template is asked for by nobody.
            let below = node.filter(|it| !self.wanted[*it].below.is_empty());
            let below = below.and_then(|it| {
                let below = &self.wanted[it].below;
                let found = match key {
                    None => below.get(&index.to_string()),
                    Some(key) if key.contains('\\') => {
                        let key: String = serde_json::from_str(&format!("\"{key}\"")).ok()?;
                        below.get(&key)
                    }
                    Some(key) => below.get(key),
                };
                found.copied()
            });
            (self.position, self.line, self.line_start) = before;
            self.note(below);
            (self.position, self.line, self.line_start) = after;
            if is_object {
                self.space();
                if self.peek() == Some(b':') {
                    self.position += 1;
                }
            }
            self.value(below);
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, place: Place) -> String {
        let mut place = place;
        let texts = [("t.json".to_owned(), text.to_owned())];
        tell(&texts, std::iter::once(&mut place));
        place.to_string()
    }

    #[test]
    fn keys_and_items_have_lines_and_columns() {
        let text =
            "{\n  \"a\": [1, {\"b c\": \"x\\\"y\"}],\n  \"\\u0064\": {\"é\": 1, \"e\": 2}\n}";
        let root = Place::document("t.json");
        assert_eq!(told(text, root.key("a")), "t.json:2:3 $.a");
        assert_eq!(
            told(text, root.key("a").index(1).key("b c")),
            "t.json:2:13 $.a[1]['b c']"
        );
        assert_eq!(told(text, root.key("d").key("e")), "t.json:3:22 $.d.e");
        assert_eq!(told(text, root.clone()), "t.json:1:1");
    }

    #[test]
    fn columns_go_on_through_one_line_and_begin_anew_in_the_next() {
        let text = "{\"é\": 1, \"b\": {\"c\": 2}, \"d\":\n 3,   \"e\": 4}";
        let root = Place::document("t.json");
        let mut places = [
            root.key("é"),
            root.key("b").key("c"),
            root.key("d"),
            root.key("e"),
        ];
        let texts = [("t.json".to_owned(), text.to_owned())];
        tell(&texts, places.iter_mut());
        let told: Vec<_> = places.iter().map(|it| (it.line(), it.column())).collect();
        let wanted =
            [(1, 2), (1, 16), (1, 25), (2, 7)].map(|(line, column)| (Some(line), Some(column)));
        assert_eq!(told, wanted);
    }

    #[test]
    fn what_is_not_there_stands_where_what_holds_it_stands() {
        let text = "{\n  \"a\": {\n    \"b\": 1\n  }\n}";
        let place = Place::document("t.json").key("a").key("c").key("d");
        assert_eq!(told(text, place), "t.json:2:3 $.a.c.d");
        let other = Place::document("other").key("a");
        assert_eq!(told(text, other), "other $.a");
    }

    #[test]
    fn nothing_that_is_no_json_panics() {
        for text in [
            "", "{", "[\"", "{\"a", "{\"a\":", "\\", "[[[", "{]", "é\"\\",
        ] {
            told(text, Place::document("t.json").key("a").index(0));
        }
    }
}
