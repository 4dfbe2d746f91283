//! Paths of a compose project as paths of its folder.

use super::super::node::{Node, Tree};

/// A path of a folder, without `.` and `..` where that can be told: what leads out of the whole folder begins
/// with `../`.
pub(super) fn join(directory: &str, path: &str) -> String {
    if path.starts_with('/') || path.contains("://") {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|it| *it != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder of a file, empty for the whole.
pub(super) fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A compose file whose services name files by their paths in the whole folder.
pub(super) fn resolved(node: Node, directory: &str) -> Node {
    if directory.is_empty() {
        return node;
    }
    mapped(node, "services", |services| {
        let Tree::Object(members) = services.tree else {
            return services;
        };
        let members = members.into_iter();
        let members = members.map(|(name, it)| (name, service(it, directory)));
        Node::new(Tree::Object(members.collect()), services.place)
    })
}

fn service(node: Node, directory: &str) -> Node {
    let node = mapped(node, "extends", |it| {
        mapped(it, "file", |file| file_path(file, directory))
    });
    let node = mapped(node, "env_file", |it| {
        each(it, |item| match &item.tree {
            Tree::Object(_) => mapped(item, "path", |path| file_path(path, directory)),
            _ => file_path(item, directory),
        })
    });
    mapped(node, "volumes", |it| {
        each(it, |item| match &item.tree {
            Tree::Object(_) => mapped(item, "source", |source| bind(source, directory)),
            _ => bind(item, directory),
        })
    })
}

/// What stands under a key, changed.
fn mapped(node: Node, key: &str, change: impl FnOnce(Node) -> Node) -> Node {
    let Tree::Object(mut members) = node.tree else {
        return node;
    };
    let is_it = |name: &str| name == key || name.strip_prefix(super::yaml::OVERRIDE) == Some(key);
    if let Some((_, value)) = members.iter_mut().find(|(name, _)| is_it(name)) {
        let place = value.place.clone();
        let before = std::mem::replace(value, Node::new(Tree::Null, place));
        *value = change(before);
    }
    Node::new(Tree::Object(members), node.place)
}

/// A list item by item, or the only one.
fn each(node: Node, change: impl Fn(Node) -> Node) -> Node {
    match node.tree {
        Tree::List(items) => {
            let items = items.into_iter().map(change);
            Node::new(Tree::List(items.collect()), node.place)
        }
        tree => change(Node::new(tree, node.place)),
    }
}

/// A path of a file, unless a variable may make it an absolute one.
fn file_path(node: Node, directory: &str) -> Node {
    match node.literal() {
        Some(path) if !path.starts_with(['$', '~']) => {
            Node::text(&join(directory, path), node.place.clone())
        }
        _ => node,
    }
}

/// A path of the host; anything else is the name of a volume.
fn bind(node: Node, directory: &str) -> Node {
    match node.literal() {
        Some(text) if text.starts_with('.') => {
            let (path, rest) = match text.split_once(':') {
                Some((path, rest)) => (path, format!(":{rest}")),
                None => (text, String::new()),
            };
            let joined = join(directory, path);
            let start = if joined.starts_with("../") { "" } else { "./" };
            Node::text(&format!("{start}{joined}{rest}"), node.place.clone())
        }
        _ => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_the_folder_and_out_of_it() {
        for (directory, path, expected) in [
            ("", "./a.env", "a.env"),
            ("sub", "w.env", "sub/w.env"),
            ("sub/deep", "../../x/./y", "x/y"),
            ("sub", "../../x", "../x"),
            ("", "../../x", "../../x"),
            ("sub", "/etc/x", "/etc/x"),
            ("sub", "https://x/y", "https://x/y"),
        ] {
            assert_eq!(join(directory, path), expected, "{directory} {path}");
        }
        assert_eq!(folder("sub/w.yaml"), "sub");
        assert_eq!(folder("w.yaml"), "");
    }
}
