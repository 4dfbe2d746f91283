//! Which files belong to a compose project, and the services of all of them: files over files, files that are
//! included, services that extend those of other files.
//!
//! As compose-spec/compose-go v2 loads them (loader/include.go, loader/extends.go): paths of an included or
//! extended file are those of its own folder, and an included file has variables of its own folder besides.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::super::inventory::Inventory;
use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::dotenv::dotenv;
use super::interpolate::{Entries, interpolate, note_missing};
use super::{ComposeInput, InvalidCompose, merge, paths, yaml};

/// Services that a service extends, one after the other, at most.
const MOST_EXTENDED: usize = 16;

/// Files that are included at most, and how deep includes may stand in each other.
const MOST_INCLUDED: usize = 64;
const DEEPEST: usize = 8;

/// The file of variables that compose reads by itself.
const VARIABLES: &str = ".env";

/// A service with what it extends below it.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) node: Node,
    /// The variables of the file that it stands in.
    pub(super) entries: Rc<Entries>,
}

/// Everything of a project.
#[derive(Default)]
pub(super) struct Project {
    pub(super) services: Vec<Service>,
    /// Named volumes of each of its files.
    pub(super) volumes: Vec<Node>,
    /// Networks of each of them.
    pub(super) networks: Vec<Node>,
}

/// What a project is read with.
pub(super) struct Loader<'a> {
    input: &'a ComposeInput<'a>,
    inventory: &'a mut Inventory,
    names: HashSet<String>,
    included: usize,
    project: Project,
    /// Files that were read, by path and folder: thousands of services may extend one.
    read: HashMap<(String, String), Rc<Node>>,
}

/// Reads the files of a project, `entries` being the variables of its folder.
pub(super) fn load<'a>(
    input: &'a ComposeInput<'a>,
    entries: Entries,
    inventory: &'a mut Inventory,
) -> Result<Project, InvalidCompose> {
    let mut loader = Loader {
        input,
        inventory,
        names: HashSet::new(),
        included: 0,
        project: Project::default(),
        read: HashMap::new(),
    };
    let is_there = |name: &&&str| input.files.contains_key(**name);
    if !input.compose.iter().any(|name| is_there(&name)) {
        let first = input.compose.first().unwrap_or(&"docker-compose.yaml");
        return Err(InvalidCompose::Missing {
            file: (*first).to_owned(),
        });
    }
    let files: Vec<String> = input.compose.iter().map(|it| (*it).to_owned()).collect();
    let place = Place::document(VARIABLES);
    loader.documents(&files, "", &Rc::new(entries), &place, &mut Vec::new())?;
    Ok(loader.project)
}

impl Loader<'_> {
    fn not_seen(&mut self, place: &Place, why: &str) {
        self.inventory.complete = false;
        self.inventory.not_seen(place, why);
    }

    /// Files that lie over each other, with all that they include; `stack` is what includes them.
    fn documents(
        &mut self,
        files: &[String],
        directory: &str,
        entries: &Rc<Entries>,
        place: &Place,
        stack: &mut Vec<String>,
    ) -> Result<(), InvalidCompose> {
        let mut merged: Option<Node> = None;
        for file in files {
            if !self.input.files.contains_key(file) {
                self.not_seen(
                    place,
                    &format!("the compose file {file}, which was not found in the folder"),
                );
                continue;
            }
            let node = (*self.read(file, directory)?).clone();
            merged = Some(match merged {
                Some(below) => merge::over(below, node),
                None => merge::plain(node),
            });
        }
        let Some(merged) = merged else {
            return Ok(());
        };
        note_missing(&merged, entries, self.inventory);
        self.project.volumes.extend(merged.get("volumes").cloned());
        self.project
            .networks
            .extend(merged.get("networks").cloned());
        let services = merged.get("services").map(Node::members);
        for (name, node) in services.unwrap_or_default() {
            if !self.names.insert(name.clone()) {
                self.not_seen(
                    &node.place,
                    &format!("the service `{name}` once more, which another file has already: compose refuses both"),
                );
                continue;
            }
            let node = self.extended(&merged, node, name, 0)?;
            self.project.services.push(Service {
                name: name.clone(),
                node,
                entries: Rc::clone(entries),
            });
        }
        if let Some(include) = merged.get("include") {
            stack.push(files.first().cloned().unwrap_or_default());
            for item in include.items() {
                self.include(item, directory, entries, stack)?;
            }
            stack.pop();
        }
        Ok(())
    }

    /// One item of `include`: a path, or paths with a folder and variables of their own.
    fn include(
        &mut self,
        item: &Node,
        directory: &str,
        entries: &Rc<Entries>,
        stack: &mut Vec<String>,
    ) -> Result<(), InvalidCompose> {
        self.included += 1;
        if self.included > MOST_INCLUDED || stack.len() > DEEPEST {
            self.not_seen(
                &item.place,
                "files that are included beyond the limits of an audit",
            );
            return Ok(());
        }
        let path = item.get("path").unwrap_or(item);
        let files = texts(path, entries);
        let Some(files) = files.filter(|it| !it.is_empty()) else {
            self.not_seen(
                &item.place,
                "a file that is included, since its path can't be told",
            );
            return Ok(());
        };
        let files: Vec<String> = files.iter().map(|it| paths::join(directory, it)).collect();
        if stack.contains(&files[0]) {
            self.not_seen(&item.place, &format!("{}, which includes itself", files[0]));
            return Ok(());
        }
        let below = match item.get("project_directory").map(|it| texts(it, entries)) {
            Some(Some(folder)) if folder.len() == 1 => paths::join(directory, &folder[0]),
            Some(_) => {
                self.not_seen(
                    &item.place,
                    "a file that is included, since its folder can't be told",
                );
                return Ok(());
            }
            None => paths::folder(&files[0]).to_owned(),
        };
        let variables = match item.get("env_file") {
            Some(node) => {
                let files = texts(node, entries).unwrap_or_default();
                files.iter().map(|it| paths::join(directory, it)).collect()
            }
            None => vec![paths::join(&below, VARIABLES)],
        };
        let is_named = item.get("env_file").is_some();
        let mut all = (**entries).clone();
        for file in variables {
            let Some(text) = self.input.files.get(&file) else {
                if is_named {
                    self.not_seen(&item.place, &format!("the file of variables {file}"));
                }
                continue;
            };
            // What the including project sets counts more.
            for (name, entry) in dotenv(&file, text, &all)? {
                all.entry(name).or_insert(entry);
            }
        }
        self.documents(&files, &below, &Rc::new(all), &item.place, stack)
    }

    /// A file with its paths as paths of the whole folder.
    fn read(&mut self, file: &str, directory: &str) -> Result<Rc<Node>, InvalidCompose> {
        let key = (file.to_owned(), directory.to_owned());
        if let Some(known) = self.read.get(&key) {
            return Ok(Rc::clone(known));
        }
        let text = self
            .input
            .files
            .get(file)
            .ok_or_else(|| InvalidCompose::Missing {
                file: file.to_owned(),
            })?;
        let refuse = |reason: String| InvalidCompose::NoYaml {
            file: file.to_owned(),
            reason,
        };
        let node = yaml::read(file, text).map_err(refuse)?;
        let is_object =
            |key: &str| matches!(node.get(key).map(|it| &it.tree), Some(Tree::Object(_)));
        if !is_object("services") && node.get("include").is_none() {
            return Err(refuse("it has no `services`".to_owned()));
        }
        let node = Rc::new(paths::resolved(node, directory));
        self.read.insert(key, Rc::clone(&node));
        Ok(node)
    }

    /// A service with what it extends below it.
    fn extended(
        &mut self,
        document: &Node,
        node: &Node,
        name: &str,
        depth: usize,
    ) -> Result<Node, InvalidCompose> {
        let Some(extends) = node.get("extends") else {
            return Ok(node.clone());
        };
        let service = extends.literal().or_else(|| extends.literal_at("service"));
        let (Some(service), true) = (service, depth < MOST_EXTENDED) else {
            return Ok(node.clone());
        };
        let other = match extends.literal_at("file") {
            Some(file) => {
                let file = paths::join("", file);
                if !self.input.files.contains_key(&file) {
                    let why =
                        format!("{file}, which `{name}` extends: it was not found in the folder");
                    self.not_seen(&extends.place, &why);
                    return Ok(node.clone());
                }
                Some(self.read(&file, paths::folder(&file))?)
            }
            None => None,
        };
        let document = other.as_deref().unwrap_or(document);
        let Some(base) = document.get("services").and_then(|it| it.get(service)) else {
            let why = format!("`{service}`, which `{name}` extends: no such service is there");
            self.not_seen(&extends.place, &why);
            return Ok(node.clone());
        };
        let base = self.extended(document, base, service, depth + 1)?;
        Ok(merge::over(base, node.clone()))
    }
}

/// The texts of a text or a list of texts, variables replaced; nothing when one of them can't be seen.
fn texts(node: &Node, entries: &Entries) -> Option<Vec<String>> {
    let one = |it: &Node| {
        interpolate(it.literal()?, entries)
            .0
            .literal()
            .map(str::to_owned)
    };
    match &node.tree {
        Tree::List(items) => items.iter().map(one).collect(),
        _ => Some(vec![one(node)?]),
    }
}
