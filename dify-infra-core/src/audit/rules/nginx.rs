//! What nginx forwards to, by its configuration files.

use std::collections::{HashMap, HashSet};

use super::super::inventory::{FileKind, Inventory, TextFile};
use super::super::seen::Seen;
use super::files;

/// An address that nginx forwards to.
pub(super) struct Forward<'a> {
    pub(super) file: &'a TextFile,
    /// The line of the file, from 0.
    pub(super) line: usize,
    /// `http://host:port`, variables filled in.
    pub(super) url: String,
}

impl Forward<'_> {
    /// The host, as it is written.
    pub(super) fn host(&self) -> Seen {
        let url = Seen::from(self.url.as_str()).url();
        url.map(|it| it.host).unwrap_or_default()
    }
}

/// A statement of nginx, or the beginning of a block.
struct Statement<'a> {
    words: Vec<&'a str>,
    /// The line of its first word, from 0.
    line: usize,
}

/// Steps from a variable to what it stands for at most, and characters of an address.
const MOST_STEPS: usize = 4;
const LONGEST: usize = 1024;

/// Every address behind `proxy_pass` and in `upstream` that can be told: with what `set` gives to variables, and
/// without those that only nginx knows when it runs.
pub(super) fn forwards(inventory: &Inventory) -> Vec<Forward<'_>> {
    let all: Vec<_> = files(inventory, FileKind::Nginx)
        .map(|file| (file, statements(&file.text)))
        .collect();
    // An upstream of one file is used in others; its own servers are told instead.
    let upstreams: HashSet<&str> = all
        .iter()
        .flat_map(|(_, statements)| statements)
        .filter_map(|it| match it.words.as_slice() {
            ["upstream", name] => Some(*name),
            _ => None,
        })
        .collect();
    let mut forwards = Vec::new();
    for (file, statements) in &all {
        let mut set = HashMap::new();
        for statement in statements {
            let url = match statement.words.as_slice() {
                ["set", name, value] => {
                    set.insert(name.trim_start_matches('$'), unquoted(value));
                    continue;
                }
                [.., "proxy_pass", value] => filled(unquoted(value), &set),
                ["server", value, ..] => {
                    filled(unquoted(value), &set).map(|it| format!("http://{it}"))
                }
                _ => continue,
            };
            let Some(url) = url else { continue };
            let Some((_, address)) = url.split_once("://") else {
                continue;
            };
            let host = address.split(['/', ':']).next().unwrap_or_default();
            if host.is_empty() || host == "unix" || upstreams.contains(host) {
                continue;
            }
            forwards.push(Forward {
                file,
                line: statement.line,
                url,
            });
        }
    }
    forwards
}

fn unquoted(value: &str) -> &str {
    value.trim_matches(['"', '\''])
}

/// A value with what its variables were set to before; nothing when one is not known.
fn filled(value: &str, set: &HashMap<&str, &str>) -> Option<String> {
    let mut value = value.to_owned();
    for _ in 0..MOST_STEPS {
        let Some((before, after)) = value.split_once('$') else {
            return Some(value);
        };
        let end = after.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let (name, rest) = after.split_at(end.unwrap_or(after.len()));
        value = format!("{before}{}{rest}", set.get(name)?);
        if value.len() > LONGEST {
            return None;
        }
    }
    (!value.contains('$')).then_some(value)
}

fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut all = Vec::new();
    let mut words = Vec::new();
    let mut first = 0;
    for (number, line) in text.lines().enumerate() {
        for (index, piece) in without_comment(line).split([';', '{', '}']).enumerate() {
            if index > 0 && !words.is_empty() {
                all.push(Statement {
                    words: std::mem::take(&mut words),
                    line: first,
                });
            }
            for word in piece.split_whitespace() {
                if words.is_empty() {
                    first = number;
                }
                words.push(word);
            }
        }
    }
    all
}

/// A line up to a `#` that begins a word.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, character) in line.char_indices() {
        if character == '#' && (before.is_whitespace() || ";{}".contains(before)) {
            return &line[..at];
        }
        before = character;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Place, Platform};

    #[test]
    fn what_nginx_forwards_to_is_read_as_nginx_does() {
        let text = "# proxy_pass http://comment:1;\nupstream pool { server api:5001 weight=2; server unix:/run/x; }\n\
                    map $http_upgrade $connection { default upgrade; '' close; }\n\
                    server {\n  listen 80; server_name x;\n  location / {\n    set $port 3000;\n    \
                    set $up http://web:$port;\n    proxy_pass $up; # not http://here:1\n  }\n  \
                    location /a { proxy_pass\n      http://pool/x; }\n  location /b { proxy_pass http://$host; }\n  \
                    location /c { set $up api:5002; proxy_pass http://$up/c; }\n  \
                    location /d { proxy_pass http://${API}:5001; }\n  set $a $a$a$a; \
                    location /e { proxy_pass http://$a; } }\n";
        let mut inventory = Inventory::new(Platform::Compose);
        inventory.files.push(TextFile {
            kind: FileKind::Nginx,
            text: text.to_owned(),
            place: Place::document("nginx.conf"),
            workload: None,
        });
        let told: Vec<_> = forwards(&inventory)
            .into_iter()
            .map(|it| (it.line, it.url))
            .collect();
        let expected = [
            (1, "http://api:5001"),
            (8, "http://web:3000"),
            (13, "http://api:5002/c"),
        ];
        assert_eq!(told, expected.map(|(line, url)| (line, url.to_owned())));
    }
}
