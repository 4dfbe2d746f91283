//! Values that can't be told: where they come from, and which of them are equal.

use crate::audit::node::{Node, Tree};
use crate::audit::place::Place;
use crate::audit::seen::Unseen;

pub(crate) fn unseen(origin: &str, place: &Place) -> Node {
    let identity = format!("{origin} {place} {}", place.path());
    let value = Unseen::with_identity(origin, identity.as_bytes());
    Node::new(Tree::Unseen(value), place.clone())
}

/// A member of an unseen value.
pub(super) fn below(unseen: &Unseen, name: &str) -> Unseen {
    let mut identity = unseen.identity().to_vec();
    identity.push(b'.');
    identity.extend(name.to_ascii_lowercase().bytes());
    let value = Unseen::with_identity(&format!("{}.{name}", unseen.origin()), &identity);
    if unseen.is_secret() {
        value.secret()
    } else {
        value
    }
}

/// What a call gives whose value can't be told: equal calls give equal values.
pub(super) fn call_unseen(name: &str, lower: &str, arguments: &[Node]) -> Unseen {
    let mut identity = lower.as_bytes().to_vec();
    let mut secret = lower.starts_with("list") || lower == "getsecret";
    let mut origins = Vec::new();
    for argument in arguments {
        identity.push(0);
        hash(argument, &mut identity);
        if let Some(text) = argument.seen() {
            secret |= text.has_secret();
        }
        origins.push(shown(argument));
    }
    let value = Unseen::with_identity(&format!("{name}({})", origins.join(", ")), &identity);
    if secret { value.secret() } else { value }
}

/// What may be shown of an argument: never a literal, which may be a secret's default.
fn shown(argument: &Node) -> String {
    match &argument.tree {
        Tree::Unseen(unseen) => unseen.origin().to_owned(),
        Tree::Text(text) => text
            .unseen_parts()
            .next()
            .map_or_else(|| "…".to_owned(), |part| part.origin().to_owned()),
        Tree::Number(number) => number.to_string(),
        _ => "…".to_owned(),
    }
}

fn hash(node: &Node, into: &mut Vec<u8>) {
    match &node.tree {
        Tree::Null => into.push(b'n'),
        Tree::Bool(value) => into.extend([b'b', u8::from(*value)]),
        Tree::Number(number) => into.extend(number.to_le_bytes()),
        Tree::Text(text) => into.extend(text.canonical()),
        Tree::Unseen(unseen) => into.extend(unseen.identity()),
        Tree::List(items) => items.iter().for_each(|item| hash(item, into)),
        Tree::Object(members) => {
            for (key, value) in members {
                into.extend(key.as_bytes());
                hash(value, into);
            }
        }
    }
}

/// What a value weighs beside its text: it has a place, and lists of it are copied.
const NODE_WEIGHT: usize = 16;

/// Takes the size of a value from a budget, and stops when it is used up.
pub(super) fn weigh(node: &Node, budget: &mut usize) {
    *budget = budget.saturating_sub(NODE_WEIGHT);
    match &node.tree {
        Tree::Text(text) => *budget = budget.saturating_sub(text.weight()),
        Tree::List(items) => {
            for item in items {
                if *budget == 0 {
                    return;
                }
                weigh(item, budget);
            }
        }
        Tree::Object(members) => {
            for (_, item) in members {
                if *budget == 0 {
                    return;
                }
                weigh(item, budget);
            }
        }
        _ => {}
    }
}
