//! One compose file over another, as compose merges them (docs.docker.com reference/compose-file/merge):
//! mappings key by key, variables and ports as sets, everything else replaced.

use super::super::node::{Members, Node, Tree};
use super::yaml::{OVERRIDE, RESET};

/// Lists that are sets of things, which a file above adds to.
const ADDED: [&str; 9] = [
    "ports",
    "expose",
    "volumes",
    "env_file",
    "networks",
    "profiles",
    "depends_on",
    "external_links",
    "dns",
];

/// A file alone: what it resets is gone.
pub(super) fn plain(node: Node) -> Node {
    let empty = Node::new(Tree::Object(Vec::new()), node.place.clone());
    over(empty, node)
}

/// `above` over `below`.
pub(super) fn over(below: Node, above: Node) -> Node {
    let Node { tree, place } = above;
    let tree = match (below.tree, tree) {
        (Tree::Object(below), Tree::Object(above)) => Tree::Object(members(below, above)),
        (_, Tree::Object(above)) => Tree::Object(members(Vec::new(), above)),
        (_, tree) => tree,
    };
    Node::new(tree, place)
}

fn members(below: Vec<(String, Node)>, above: Vec<(String, Node)>) -> Vec<(String, Node)> {
    let mut members: Members = below.into_iter().collect();
    for (key, value) in above {
        if let Some(key) = key.strip_prefix(OVERRIDE) {
            members.set(key, plain(value));
            continue;
        }
        let before = members.take(&key);
        if matches!(&value.tree, Tree::Unseen(unseen) if unseen.origin() == RESET) {
            continue;
        }
        let value = match before {
            Some(before) => member(&key, before, value),
            None => plain_member(&key, value),
        };
        members.set(&key, value);
    }
    members.into_list()
}

fn member(key: &str, below: Node, above: Node) -> Node {
    if key == "environment" || key == "labels" {
        return over(by_name(below), by_name(above));
    }
    match (&below.tree, &above.tree) {
        (Tree::List(before), Tree::List(more)) if ADDED.contains(&key) => {
            let mut all = before.clone();
            all.extend(more.iter().cloned());
            Node::new(Tree::List(all), above.place)
        }
        (Tree::Object(_), Tree::Object(_)) => over(below, above),
        _ => plain_member(key, above),
    }
}

fn plain_member(key: &str, node: Node) -> Node {
    let node = if key == "environment" {
        by_name(node)
    } else {
        node
    };
    if matches!(node.tree, Tree::Object(_)) {
        plain(node)
    } else {
        node
    }
}

/// `- NAME=value` as `NAME: value`.
fn by_name(node: Node) -> Node {
    let Tree::List(items) = &node.tree else {
        return node;
    };
    let mut members: Vec<(String, Node)> = Vec::new();
    for item in items {
        let Some(text) = item.literal() else {
            continue;
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Node::text(value, item.place.clone())),
            None => (text, Node::new(Tree::Null, item.place.clone())),
        };
        members.push((name.to_owned(), value));
    }
    Node::new(Tree::Object(members), node.place.clone())
}
