//! What nginx forwards to by its configuration files, and which settings are in force there.

mod tokens;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use self::tokens::{Statement as Raw, statements};
pub(super) use self::tokens::{bytes, seconds};
use super::super::inventory::{FileKind, Inventory, TextFile, Workload};
use super::super::place::Place;
use super::super::seen::Seen;
use super::{at_line, files};

/// An address that nginx forwards to.
#[derive(Clone)]
pub(super) struct Forward<'a> {
    pub(super) file: &'a TextFile,
    /// The line of the file, from 0.
    pub(super) line: usize,
    /// `http://host:port`, variables filled in; up to the first that only nginx knows when it runs.
    pub(super) url: String,
    /// Whether all of it is known.
    pub(super) is_whole: bool,
    /// Whether the name is looked up while nginx runs, and not when it starts alone.
    pub(super) is_looked_up_again: bool,
    /// Whether it is spoken http to, and not handed raw bytes.
    pub(super) is_http: bool,
}

impl Forward<'_> {
    /// The host, as it is written; the part of it that is known.
    pub(super) fn host(&self) -> Seen {
        let url = Seen::from(self.url.as_str()).url();
        url.map(|it| it.host).unwrap_or_default()
    }

    /// Where it is written.
    pub(super) fn place(&self) -> Place {
        at_line(self.file, self.line)
    }
}

/// A `proxy_pass`, with all addresses that it may lead to.
pub(super) struct Pass<'a> {
    /// Its index among the statements.
    statement: usize,
    pub(super) place: Place,
    pub(super) forwards: Vec<Forward<'a>>,
}

/// What a directive says.
pub(super) struct Setting<'s> {
    pub(super) value: &'s str,
    pub(super) place: Place,
}

/// The files of one nginx, put together: those that others include stand where they are included.
pub(super) struct Nginx<'a> {
    /// The workload that reads them.
    pub(super) workload: Option<&'a Workload>,
    statements: Vec<Statement<'a>>,
    /// The last statement of a name in a block.
    last: HashMap<(Option<usize>, String), usize>,
    upstreams: HashMap<String, Vec<usize>>,
}

/// A statement, or the beginning of a block.
struct Statement<'a> {
    words: Vec<Cow<'a, str>>,
    file: &'a TextFile,
    /// The line of its first word, from 0.
    line: usize,
    /// The block that it stands in.
    block: Option<usize>,
}

/// Steps from a variable to what it stands for at most, and characters of an address.
const MOST_STEPS: usize = 4;
const LONGEST: usize = 1024;

/// Statements of one nginx at most, and how deep files may include each other: a hostile one could include another
/// a thousand times, which includes a third a thousand times.
const MOST_STATEMENTS: usize = 200_000;
const DEEPEST: usize = 8;

/// Every nginx whose files can be seen.
pub(super) fn all(inventory: &Inventory) -> Vec<Nginx<'_>> {
    let mut by_workload: BTreeMap<Option<usize>, Vec<&TextFile>> = BTreeMap::new();
    for file in files(inventory, FileKind::Nginx) {
        by_workload.entry(file.workload).or_default().push(file);
    }
    let one = |(workload, files): (Option<usize>, Vec<_>)| {
        let workload = workload.and_then(|it| inventory.workloads.get(it));
        Nginx::read(workload, &files)
    };
    by_workload.into_iter().map(one).collect()
}

/// Every address behind `proxy_pass` and in `upstream` that can be told: with what `set` gives to variables, and
/// without those that only nginx knows when it runs. Each with the workload whose nginx it is.
pub(super) fn forwards(inventory: &Inventory) -> Vec<(Option<&Workload>, Forward<'_>)> {
    let mut forwards = Vec::new();
    for nginx in all(inventory) {
        let whole = nginx.forwards().into_iter().filter(|it| it.is_whole);
        forwards.extend(whole.map(|it| (nginx.workload, it)));
    }
    forwards
}

impl<'a> Nginx<'a> {
    fn read(workload: Option<&'a Workload>, files: &[&'a TextFile]) -> Self {
        let texts: Vec<_> = files.iter().map(|it| statements(&it.text)).collect();
        let includes = Includes::of(files, &texts);
        let mut nginx = Self {
            workload,
            statements: Vec::new(),
            last: HashMap::new(),
            upstreams: HashMap::new(),
        };
        let has_http = |file: &usize| {
            texts[*file]
                .iter()
                .any(|it| it.block.is_none() && it.words[0] == "http")
        };
        let mut roots: Vec<usize> = (0..files.len())
            .filter(|file| !includes.included.contains(file))
            .collect();
        // Where the main file can be seen, what nobody is seen to include stands in its `http`.
        roots.sort_by_key(|file| !has_http(file));
        for root in roots {
            let http = nginx
                .statements
                .iter()
                .position(|it| it.block.is_none() && it.words[0] == "http");
            let block = http.filter(|_| !has_http(&root));
            nginx.add(files, &texts, &includes, (root, block, 0));
        }
        nginx.upstreams = nginx.servers_of_upstreams();
        nginx
    }

    /// Adds the statements of a file to a block.
    fn add(
        &mut self,
        files: &[&'a TextFile],
        texts: &[Vec<Raw<'a>>],
        includes: &Includes,
        (file, block, depth): (usize, Option<usize>, usize),
    ) {
        let mut places = Vec::with_capacity(texts[file].len());
        for (index, raw) in texts[file].iter().enumerate() {
            if self.statements.len() >= MOST_STATEMENTS {
                return;
            }
            let block = raw.block.map_or(block, |it| Some(places[it]));
            let own = self.statements.len();
            places.push(own);
            if let Some(key) = key_of(&raw.words) {
                if let Some((name, _)) = key.split_once(' ') {
                    self.last.insert((block, name.to_owned()), own);
                }
                self.last.insert((block, key), own);
            }
            self.statements.push(Statement {
                words: raw.words.clone(),
                file: files[file],
                line: raw.line,
                block,
            });
            for included in includes
                .by_statement
                .get(&(file, index))
                .into_iter()
                .flatten()
            {
                if depth < DEEPEST {
                    self.add(files, texts, includes, (*included, block, depth + 1));
                }
            }
        }
    }

    fn servers_of_upstreams(&self) -> HashMap<String, Vec<usize>> {
        let mut upstreams: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, statement) in self.statements.iter().enumerate() {
            if statement.words[0] == "upstream" && statement.words.len() > 1 {
                upstreams.entry(statement.words[1].to_string()).or_default();
            }
            let block = statement.block.map(|it| &self.statements[it].words);
            if let (Some([kind, name]), [word, _, ..]) =
                (block.map(Vec::as_slice), statement.words.as_slice())
                && kind == "upstream"
                && word == "server"
            {
                upstreams.entry(name.to_string()).or_default().push(index);
            }
        }
        upstreams
    }

    /// Every address behind `proxy_pass` and in `upstream`, each line once, in the order of the files.
    fn forwards(&self) -> Vec<Forward<'a>> {
        let mut known = HashSet::new();
        let mut forwards = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let block = statement.block.map(|it| &self.statements[it].words[0]);
            let found = match statement.words.as_slice() {
                [word, value] if word == "proxy_pass" => self.addresses(index, value),
                [word, ..] if word == "server" && block.is_some_and(|it| it == "upstream") => {
                    self.server(index, None).into_iter().collect()
                }
                _ => continue,
            };
            for forward in found {
                let place = (std::ptr::from_ref(forward.file), forward.line);
                if known.insert((place, forward.url.clone())) {
                    forwards.push(forward);
                }
            }
        }
        forwards
    }

    /// Every `proxy_pass`.
    pub(super) fn passes(&self) -> Vec<Pass<'a>> {
        let passes = self.statements.iter().enumerate();
        let passes = passes.filter_map(|(index, statement)| match statement.words.as_slice() {
            [word, value] if word == "proxy_pass" => Some(Pass {
                statement: index,
                place: at_line(statement.file, statement.line),
                forwards: self.addresses(index, value),
            }),
            _ => None,
        });
        passes.collect()
    }

    /// What a `proxy_pass` leads to: an address, or the servers of an upstream.
    fn addresses(&self, index: usize, value: &str) -> Vec<Forward<'a>> {
        let (text, is_whole) = self.filled(index, value);
        let is_http = self
            .blocks(index)
            .all(|it| self.statements[it].words[0] != "stream");
        let (scheme, address) = match text.split_once("://") {
            Some((scheme, address)) => (scheme, address),
            None if is_http => return Vec::new(),
            None => ("tcp", text.as_str()),
        };
        let host = address.split(['/', ':']).next().unwrap_or_default();
        if let Some(servers) = self.upstreams.get(host).filter(|_| is_whole) {
            let servers = servers.iter();
            return servers
                .filter_map(|it| self.server(*it, Some(scheme)))
                .collect();
        }
        if host.is_empty() || host == "unix" {
            return Vec::new();
        }
        let statement = &self.statements[index];
        vec![Forward {
            file: statement.file,
            line: statement.line,
            url: format!("{scheme}://{address}"),
            is_whole,
            is_looked_up_again: value.contains('$'),
            is_http,
        }]
    }

    /// A server of an upstream.
    fn server(&self, index: usize, scheme: Option<&str>) -> Option<Forward<'a>> {
        let statement = &self.statements[index];
        let (address, is_whole) = self.filled(index, &statement.words[1]);
        let is_http = self
            .blocks(index)
            .all(|it| self.statements[it].words[0] != "stream");
        let scheme = scheme.unwrap_or(if is_http { "http" } else { "tcp" });
        (!address.is_empty() && !address.starts_with("unix:")).then(|| Forward {
            file: statement.file,
            line: statement.line,
            url: format!("{scheme}://{address}"),
            is_whole,
            is_looked_up_again: statement.words.iter().any(|it| it == "resolve"),
            is_http,
        })
    }

    /// A value with what its variables are set to where it stands: up to the first that is not known, and whether
    /// that is all of it.
    fn filled(&self, index: usize, value: &str) -> (String, bool) {
        let mut value = value.to_owned();
        for _ in 0..MOST_STEPS {
            let Some((before, after)) = value.split_once('$') else {
                return (value, true);
            };
            let (name, rest) = variable(after);
            let known = self.at(index, &format!("set {name}"));
            let Some(known) = known.and_then(|it| self.statements[it].words.get(2)) else {
                break;
            };
            value = format!("{before}{known}{rest}");
            if value.len() > LONGEST {
                break;
            }
        }
        let known = value.find('$').unwrap_or(value.len()).min(LONGEST);
        let is_whole = known == value.len();
        let known = (0..=known).rev().find(|it| value.is_char_boundary(*it));
        value.truncate(known.unwrap_or_default());
        (value, is_whole)
    }

    /// The blocks around a statement, innermost first.
    fn blocks(&self, index: usize) -> impl Iterator<Item = usize> {
        let outer = |it: &usize| self.statements[*it].block;
        std::iter::successors(self.statements[index].block, outer)
    }

    /// The statement of this key that is in force at another: that of the innermost block with one.
    fn at(&self, index: usize, key: &str) -> Option<usize> {
        let blocks = self.blocks(index).map(Some).chain([None]);
        let mut found = blocks.filter_map(|block| self.last.get(&(block, key.to_owned())));
        found.next().copied()
    }

    /// The value of a directive that is in force where a request is handed on.
    pub(super) fn setting(&self, pass: &Pass<'_>, name: &str) -> Option<Setting<'_>> {
        let statement = &self.statements[self.at(pass.statement, name)?];
        Some(Setting {
            value: statement.words.get(1).map_or("", |it| it),
            place: at_line(statement.file, statement.line),
        })
    }

    /// The value of the `Host` header that is sent: nothing for the target's own. A block with any
    /// `proxy_set_header` has none of those around it.
    pub(super) fn host_header(&self, pass: &Pass<'_>) -> Option<&str> {
        let any = self.at(pass.statement, "proxy_set_header")?;
        let block = self.statements[any].block;
        let own = *self
            .last
            .get(&(block, "proxy_set_header host".to_owned()))?;
        self.statements[own].words.get(2).map(|it| &**it)
    }

    /// The location that a `proxy_pass` stands in, as `/v1` or `= /health`.
    pub(super) fn location(&self, pass: &Pass<'_>) -> Option<String> {
        let mut locations = self
            .blocks(pass.statement)
            .map(|it| &self.statements[it].words);
        let words = locations.find(|it| it[0] == "location")?;
        Some(words[1..].join(" "))
    }
}

/// The name of a variable behind its `$`, also as `{name}`, and what follows it.
fn variable(text: &str) -> (&str, &str) {
    let in_braces = text.strip_prefix('{').and_then(|it| it.split_once('}'));
    in_braces.unwrap_or_else(|| {
        let end = text.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        text.split_at(end.unwrap_or(text.len()))
    })
}

/// What statements are asked for by: those that others inherit.
fn key_of(words: &[Cow<'_, str>]) -> Option<String> {
    match words {
        [word, name, _] if word == "set" => Some(format!("set {}", name.trim_start_matches('$'))),
        [word, name, ..] if word == "proxy_set_header" => {
            Some(format!("proxy_set_header {}", name.to_ascii_lowercase()))
        }
        [word, _, ..] if ["client_max_body_size", "proxy_read_timeout"].contains(&&**word) => {
            Some(word.to_string())
        }
        _ => None,
    }
}

/// Which files include which.
struct Includes {
    /// The files that an `include` names: by its file and its index there.
    by_statement: HashMap<(usize, usize), Vec<usize>>,
    included: HashSet<usize>,
}

/// Files that one nginx has at most for its includes to be followed.
const MOST_FILES: usize = 200;

impl Includes {
    fn of(files: &[&TextFile], texts: &[Vec<Raw<'_>>]) -> Self {
        let mut includes = Self {
            by_statement: HashMap::new(),
            included: HashSet::new(),
        };
        let paths: Vec<_> = files
            .iter()
            .map(|it| path_of(it))
            .take(MOST_FILES)
            .collect();
        for (file, text) in texts.iter().enumerate().take(MOST_FILES) {
            for (index, statement) in text.iter().enumerate() {
                let [word, pattern] = statement.words.as_slice() else {
                    continue;
                };
                if word != "include" {
                    continue;
                }
                let fits = |it: &usize| *it != file && is_named(&paths[*it], pattern);
                let found: Vec<usize> = (0..paths.len()).filter(fits).collect();
                includes.included.extend(&found);
                if !found.is_empty() {
                    includes.by_statement.insert((file, index), found);
                }
            }
        }
        // Files that include each other in a circle: nginx would not start, and all are read as they are.
        if includes.included.len() == files.len() {
            includes.included.clear();
        }
        includes
    }
}

/// Where nginx sees a file: the image fills templates in, and puts those of one folder into another
/// (nginxinc/docker-nginx `20-envsubst-on-templates.sh`; langgenius/dify 1.16.0 `docker/nginx/docker-entrypoint.sh`).
fn path_of(file: &TextFile) -> String {
    let path = file.path.as_deref().unwrap_or(file.place.document_name());
    let path = path.strip_suffix(".template").unwrap_or(path);
    path.replacen("/etc/nginx/templates/", "/etc/nginx/conf.d/", 1)
}

/// Whether a path is one that an `include` names; where it begins is known for whole paths alone.
fn is_named(path: &str, pattern: &str) -> bool {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (own_folder, own_name) = path.rsplit_once('/').unwrap_or(("", path));
    let same_folder = folder == own_folder
        || !folder.starts_with('/') && own_folder.ends_with(folder)
        || own_folder.is_empty() && !name.contains('*')
        || !own_folder.is_empty() && !own_folder.starts_with('/') && folder.ends_with(own_folder);
    let same_name = match name.split_once('*') {
        Some((start, end)) => {
            let end = end.rsplit('*').next().unwrap_or_default();
            own_name.len() >= start.len() + end.len()
                && own_name.starts_with(start)
                && own_name.ends_with(end)
        }
        None => own_name == name,
    };
    same_folder && same_name
}

#[cfg(test)]
mod tests;
