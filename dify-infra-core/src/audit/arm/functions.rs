//! The plain functions of template expressions, over values that may be unseen.
//!
//! As in learn.microsoft.com azure-resource-manager/templates/template-functions. A function that is
//! not here, or whose arguments can't be seen, gives an unseen value: never a guess.

use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::seen::Seen;

/// Items that a function makes at most; Azure's own limit for `range` and copies.
const MOST_ITEMS: usize = 10_000;

/// Characters that a function makes at most.
const LONGEST_TEXT: usize = 1_000_000;

/// The value of a call; nothing when it can't be told.
pub(crate) fn call(name: &str, arguments: &[Node], place: &Place) -> Option<Tree> {
    texts(name, arguments, place)
        .or_else(|| lists(name, arguments, place))
        .or_else(|| numbers(name, arguments))
        .or_else(|| logic(name, arguments))
}

fn text(arguments: &[Node], index: usize) -> Option<&str> {
    arguments.get(index)?.literal()
}

fn number(arguments: &[Node], index: usize) -> Option<f64> {
    match arguments.get(index)?.tree {
        Tree::Number(number) => Some(number),
        _ => None,
    }
}

/// A number that counts something.
fn count(arguments: &[Node], index: usize) -> Option<usize> {
    let number = number(arguments, index)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is looked at"
    )]
    ((0.0..=1e6).contains(&number)).then_some(number as usize)
}

fn of_text(text: impl Into<String>) -> Option<Tree> {
    let text = text.into();
    (text.len() <= LONGEST_TEXT).then(|| Tree::Text(Seen::from(text.as_str())))
}

#[expect(clippy::cast_precision_loss, reason = "lengths are small")]
#[expect(clippy::unnecessary_wraps, reason = "as the arms that call it")]
fn of_count(count: usize) -> Option<Tree> {
    Some(Tree::Number(count as f64))
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one arm each")]
fn texts(name: &str, arguments: &[Node], place: &Place) -> Option<Tree> {
    match name {
        "concat" if arguments.iter().any(|it| matches!(it.tree, Tree::List(_))) => {
            let mut all = Vec::new();
            for argument in arguments {
                let Tree::List(items) = &argument.tree else {
                    return None;
                };
                all.extend(items.iter().cloned());
            }
            (all.len() <= MOST_ITEMS).then_some(Tree::List(all))
        }
        "concat" => joined(arguments.iter().map(Node::seen)),
        "format" => format(arguments),
        "tolower" => Some(Tree::Text(
            arguments.first()?.seen()?.map("toLower", str::to_lowercase),
        )),
        "toupper" => Some(Tree::Text(
            arguments.first()?.seen()?.map("toUpper", str::to_uppercase),
        )),
        "trim" => of_text(text(arguments, 0)?.trim()),
        "string" => match &arguments.first()?.tree {
            Tree::List(_) | Tree::Object(_) | Tree::Null => None,
            _ => Some(Tree::Text(arguments[0].seen()?)),
        },
        "replace" => {
            let (old, new) = (text(arguments, 1)?, text(arguments, 2)?);
            if old.is_empty() {
                return None;
            }
            match arguments.first()?.literal() {
                Some(text) if text.len().saturating_mul(new.len().max(1)) <= LONGEST_TEXT => {
                    of_text(text.replace(old, new))
                }
                Some(_) => None,
                None => {
                    let name = format!("replace '{old}' in ");
                    Some(Tree::Text(
                        arguments
                            .first()?
                            .seen()?
                            .map(&name, |text| text.replace(old, new)),
                    ))
                }
            }
        }
        "substring" => {
            let start = count(arguments, 1)?;
            let characters = text(arguments, 0)?.chars().skip(start);
            match arguments.get(2) {
                Some(_) => of_text(characters.take(count(arguments, 2)?).collect::<String>()),
                None => of_text(characters.collect::<String>()),
            }
        }
        "split" => {
            let separator = text(arguments, 1)?.chars().next()?;
            if text(arguments, 1)?.chars().count() != 1 {
                return None;
            }
            let parts = arguments.first()?.seen()?.split(separator);
            let nodes = parts
                .into_iter()
                .map(|part| Node::new(Tree::Text(part), place.clone()));
            Some(Tree::List(nodes.collect()))
        }
        "join" => {
            let between = Seen::from(text(arguments, 1)?);
            let Tree::List(items) = &arguments.first()?.tree else {
                return None;
            };
            let mut all = Seen::default();
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    all = all.and(&between);
                }
                all = all.and(&item.seen()?);
            }
            Some(Tree::Text(all))
        }
        "startswith" => compare(arguments, |text, part| text.starts_with(part)),
        "endswith" => compare(arguments, |text, part| text.ends_with(part)),
        "indexof" | "lastindexof" => {
            let (text, part) = (
                text(arguments, 0)?.to_lowercase(),
                text(arguments, 1)?.to_lowercase(),
            );
            let found = if name == "indexof" {
                text.find(&part)
            } else {
                text.rfind(&part)
            };
            match found {
                Some(byte) => of_count(text[..byte].chars().count()),
                None => Some(Tree::Number(-1.0)),
            }
        }
        "padleft" => {
            let width = count(arguments, 1)?;
            let filler = text(arguments, 2)
                .and_then(|text| text.chars().next())
                .unwrap_or(' ');
            let text = arguments.first()?.seen()?.literal()?.to_owned();
            let missing = width.min(LONGEST_TEXT).saturating_sub(text.chars().count());
            of_text(std::iter::repeat_n(filler, missing).collect::<String>() + &text)
        }
        "base64" => of_text(data_encoding::BASE64.encode(text(arguments, 0)?.as_bytes())),
        "base64tostring" => {
            let bytes = data_encoding::BASE64
                .decode(text(arguments, 0)?.as_bytes())
                .ok()?;
            of_text(String::from_utf8(bytes).ok()?)
        }
        "uri" => {
            let (base, rest) = (arguments.first()?.seen()?, arguments.get(1)?.seen()?);
            if !base.end().ends_with('/') || rest.beginning().starts_with('/') {
                return None;
            }
            Some(Tree::Text(base.and(&rest)))
        }
        "uricomponent" => {
            let seen = arguments.first()?.seen()?;
            Some(Tree::Text(
                seen.map("uriComponent", crate::secrets::percent_encode),
            ))
        }
        _ => None,
    }
}

fn compare(arguments: &[Node], holds: impl Fn(&str, &str) -> bool) -> Option<Tree> {
    let (text, part) = (text(arguments, 0)?, text(arguments, 1)?);
    Some(Tree::Bool(holds(
        &text.to_lowercase(),
        &part.to_lowercase(),
    )))
}

fn joined(parts: impl Iterator<Item = Option<Seen>>) -> Option<Tree> {
    let mut all = Seen::default();
    for part in parts {
        all = all.and(&part?);
    }
    Some(Tree::Text(all))
}

/// `format('{0}-{1}', a, b)`; alignment and number formats are not understood.
fn format(arguments: &[Node]) -> Option<Tree> {
    let pattern = text(arguments, 0)?;
    let mut all = Seen::default();
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        all = all.and(&Seen::from(before));
        let doubled = after.starts_with("{{") || after.starts_with("}}");
        if doubled {
            all = all.and(&Seen::from(&after[..1]));
            rest = &after[2..];
            continue;
        }
        let (index, tail) = after.strip_prefix('{')?.split_once('}')?;
        let index: usize = index.parse().ok()?;
        all = all.and(&arguments.get(index.checked_add(1)?)?.seen()?);
        rest = tail;
    }
    Some(Tree::Text(all.and(&Seen::from(rest))))
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one arm each")]
fn lists(name: &str, arguments: &[Node], place: &Place) -> Option<Tree> {
    let first = arguments.first();
    match name {
        "createarray" => Some(Tree::List(arguments.to_vec())),
        "array" => match &first?.tree {
            Tree::List(items) => Some(Tree::List(items.clone())),
            Tree::Unseen(_) => None,
            _ => Some(Tree::List(vec![first?.clone()])),
        },
        "createobject" => {
            let mut members = Vec::new();
            for pair in arguments.chunks(2) {
                let [key, value] = pair else { return None };
                members.push((key.literal()?.to_owned(), value.clone()));
            }
            Some(Tree::Object(members))
        }
        "union" | "shallowmerge" => union(name, arguments),
        "length" => match &first?.tree {
            Tree::List(items) => of_count(items.len()),
            Tree::Object(members) => of_count(members.len()),
            Tree::Text(text) => of_count(text.literal()?.chars().count()),
            _ => None,
        },
        "empty" => match &first?.tree {
            Tree::Null => Some(Tree::Bool(true)),
            Tree::List(items) => Some(Tree::Bool(items.is_empty())),
            Tree::Object(members) => Some(Tree::Bool(members.is_empty())),
            Tree::Text(text) => {
                let known = text.literal().map(str::is_empty);
                let begun = !text.beginning().is_empty() || !text.end().is_empty();
                Some(Tree::Bool(known.or(begun.then_some(false))?))
            }
            _ => None,
        },
        "first" | "last" => match &first?.tree {
            Tree::List(items) => {
                let item = if name == "first" {
                    items.first()
                } else {
                    items.last()
                };
                item.map(|item| item.tree.clone())
            }
            Tree::Text(text) => {
                let text = text.literal()?;
                let character = if name == "first" {
                    text.chars().next()
                } else {
                    text.chars().last()
                };
                of_text(character.map(String::from).unwrap_or_default())
            }
            _ => None,
        },
        "skip" => {
            let skipped = count(arguments, 1)?;
            match &first?.tree {
                Tree::List(items) => {
                    Some(Tree::List(items.iter().skip(skipped).cloned().collect()))
                }
                Tree::Text(text) => {
                    of_text(text.literal()?.chars().skip(skipped).collect::<String>())
                }
                _ => None,
            }
        }
        "take" => {
            let taken = count(arguments, 1)?;
            match &first?.tree {
                Tree::List(items) => Some(Tree::List(items.iter().take(taken).cloned().collect())),
                Tree::Text(text) => {
                    of_text(text.literal()?.chars().take(taken).collect::<String>())
                }
                _ => None,
            }
        }
        "range" => {
            let (start, length) = (number(arguments, 0)?, count(arguments, 1)?);
            if length > MOST_ITEMS {
                return None;
            }
            let mut items = Vec::with_capacity(length);
            let mut next = start;
            for _ in 0..length {
                items.push(Node::new(Tree::Number(next), place.clone()));
                next += 1.0;
            }
            Some(Tree::List(items))
        }
        "contains" => contains(arguments),
        "flatten" => {
            let mut all = Vec::new();
            for item in first?.items() {
                let Tree::List(items) = &item.tree else {
                    return None;
                };
                all.extend(items.iter().cloned());
            }
            (all.len() <= MOST_ITEMS && matches!(first?.tree, Tree::List(_)))
                .then_some(Tree::List(all))
        }
        "items" => {
            let Tree::Object(members) = &first?.tree else {
                return None;
            };
            let item = |(key, value): &(String, Node)| {
                let key = ("key".to_owned(), Node::text(key, place.clone()));
                Node::new(
                    Tree::Object(vec![key, ("value".to_owned(), value.clone())]),
                    place.clone(),
                )
            };
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|one, other| one.0.cmp(&other.0));
            Some(Tree::List(sorted.into_iter().map(item).collect()))
        }
        "intersection" => {
            let (Tree::List(one), Tree::List(other)) = (&first?.tree, &arguments.get(1)?.tree)
            else {
                return None;
            };
            if arguments.len() != 2 || one.len().saturating_mul(other.len()) > MOST_ITEMS {
                return None;
            }
            let mut both = Vec::new();
            for item in one {
                let mut any = false;
                for candidate in other {
                    any |= same(item, candidate)?;
                }
                both.extend(any.then(|| item.clone()));
            }
            Some(Tree::List(both))
        }
        _ => None,
    }
}

fn union(name: &str, arguments: &[Node]) -> Option<Tree> {
    let arguments = match (name, arguments) {
        ("shallowmerge", [only]) => only.items(),
        _ => arguments,
    };
    if arguments.iter().all(|it| matches!(it.tree, Tree::List(_))) {
        let mut all: Vec<Node> = Vec::new();
        for item in arguments.iter().flat_map(Node::items) {
            let known =
                item.literal().is_some() && all.iter().any(|it| it.literal() == item.literal());
            if !known {
                all.push(item.clone());
            }
            if all.len() > 2_000 {
                return None;
            }
        }
        return Some(Tree::List(all));
    }
    let mut merged: Vec<(String, Node)> = Vec::new();
    for argument in arguments {
        let Tree::Object(members) = &argument.tree else {
            return None;
        };
        for (key, value) in members {
            merge(&mut merged, key, value, name == "union");
        }
    }
    Some(Tree::Object(merged))
}

/// Puts a member into an object; `union` merges objects below, `shallowMerge` replaces them.
fn merge(into: &mut Vec<(String, Node)>, key: &str, value: &Node, deep: bool) {
    let Some((_, existing)) = into
        .iter_mut()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
    else {
        into.push((key.to_owned(), value.clone()));
        return;
    };
    match (&mut existing.tree, &value.tree) {
        (Tree::Object(before), Tree::Object(members)) if deep => {
            for (key, value) in members {
                merge(before, key, value, deep);
            }
        }
        _ => *existing = value.clone(),
    }
}

fn contains(arguments: &[Node]) -> Option<Tree> {
    let wanted = arguments.get(1)?;
    match &arguments.first()?.tree {
        Tree::Text(text) => Some(Tree::Bool(text.literal()?.contains(wanted.literal()?))),
        Tree::Object(members) => {
            let wanted = wanted.literal()?;
            Some(Tree::Bool(
                members
                    .iter()
                    .any(|(key, _)| key.eq_ignore_ascii_case(wanted)),
            ))
        }
        Tree::List(items) => {
            let mut any = false;
            for item in items {
                any |= same(item, wanted)?;
            }
            Some(Tree::Bool(any))
        }
        _ => None,
    }
}

/// Whether two values are equal; nothing when that can't be told.
fn same(one: &Node, other: &Node) -> Option<bool> {
    match (&one.tree, &other.tree) {
        (Tree::Null, Tree::Null) => Some(true),
        (Tree::Bool(one), Tree::Bool(other)) => Some(one == other),
        (Tree::Number(one), Tree::Number(other)) => Some((one - other).abs() < f64::EPSILON),
        (Tree::Text(one), Tree::Text(other)) => one.same(other),
        (Tree::Unseen(one), Tree::Unseen(other)) if one == other => Some(true),
        (Tree::Unseen(_), _) | (_, Tree::Unseen(_)) | (Tree::Object(_), Tree::Object(_)) => None,
        (Tree::List(one), Tree::List(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .try_fold(true, |all, (one, other)| Some(all && same(one, other)?)),
        _ => Some(false),
    }
}

fn numbers(name: &str, arguments: &[Node]) -> Option<Tree> {
    let whole = |value: f64| value.is_finite().then_some(Tree::Number(value.trunc()));
    let two = || Some((number(arguments, 0)?, number(arguments, 1)?));
    match name {
        "int" => whole(arguments.first()?.number()?),
        "add" => two().and_then(|(a, b)| whole(a + b)),
        "sub" => two().and_then(|(a, b)| whole(a - b)),
        "mul" => two().and_then(|(a, b)| whole(a * b)),
        "div" => two().and_then(|(a, b)| whole(a / b)),
        "mod" => two().and_then(|(a, b)| whole(a % b)),
        "min" | "max" => {
            let items: &[Node] = match arguments {
                [only] => only.items(),
                several => several,
            };
            let mut best: Option<f64> = None;
            for item in items {
                let Tree::Number(number) = item.tree else {
                    return None;
                };
                let keep = best.map_or(number, |best| {
                    if name == "min" {
                        best.min(number)
                    } else {
                        best.max(number)
                    }
                });
                best = Some(keep);
            }
            best.map(Tree::Number)
        }
        _ => None,
    }
}

fn logic(name: &str, arguments: &[Node]) -> Option<Tree> {
    let truth = |index: usize| match arguments.get(index)?.tree {
        Tree::Bool(value) => Some(value),
        _ => None,
    };
    let order = |holds: fn(f64, f64) -> bool| {
        Some(Tree::Bool(holds(
            number(arguments, 0)?,
            number(arguments, 1)?,
        )))
    };
    match name {
        "true" => Some(Tree::Bool(true)),
        "false" => Some(Tree::Bool(false)),
        "null" => Some(Tree::Null),
        "bool" => Some(Tree::Bool(match &arguments.first()?.tree {
            Tree::Bool(value) => *value,
            Tree::Number(number) => *number != 0.0,
            Tree::Text(text) => match text.literal()?.to_ascii_lowercase().as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return None,
            },
            _ => return None,
        })),
        "not" => Some(Tree::Bool(!truth(0)?)),
        "equals" => {
            let (one, other) = (arguments.first()?, arguments.get(1)?);
            same(one, other).map(Tree::Bool)
        }
        "less" => order(|a, b| a < b),
        "lessorequals" => order(|a, b| a <= b),
        "greater" => order(|a, b| a > b),
        "greaterorequals" => order(|a, b| a >= b),
        _ => None,
    }
}
