//! Evaluates the expressions of a template, lazily and within limits.

mod control;
mod nested;
mod unknown;

use serde_json::{Map, Value};

use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::seen::Unseen;
use super::expression::{self, Expression};
use super::scope::Scope;
use super::{derive, functions, limits};
use nested::reference_path;
pub(crate) use unknown::unseen;
use unknown::{below, call_unseen, weigh};

/// Everything that is known while a template is evaluated.
pub(super) struct Evaluator<'a> {
    pub(super) scopes: Vec<Scope<'a>>,
    work: usize,
    /// Whether a limit was met, so that something is missing.
    pub(super) exhausted: bool,
    /// What was taken for granted, and where: conditions and counts that can't be seen.
    pub(super) granted: Vec<(Place, String)>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(template: &'a Map<String, Value>, place: Place) -> Self {
        Self {
            scopes: vec![Scope::new(template, place, 0)],
            work: 0,
            exhausted: false,
            granted: Vec::new(),
        }
    }

    /// Counts work; false when there was too much of it.
    fn afford(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_add(work);
        if self.work > limits::MOST_WORK {
            self.exhausted = true;
        }
        !self.exhausted
    }

    fn limit(&mut self, place: &Place) -> Node {
        self.exhausted = true;
        unseen("more than the limits of an audit", place)
    }

    /// The value of a piece of JSON.
    pub(super) fn value(
        &mut self,
        scope: usize,
        value: &'a Value,
        place: &Place,
        depth: usize,
    ) -> Node {
        if depth > limits::DEEPEST || !self.afford(1) {
            return self.limit(place);
        }
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.as_f64().unwrap_or_default()),
            Value::String(text) => return self.string(scope, text, place, depth),
            Value::Array(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    nodes.push(self.value(scope, item, &place.index(index), depth + 1));
                }
                Tree::List(nodes)
            }
            Value::Object(members) => return self.object(scope, members, place, depth),
        };
        Node::new(tree, place.clone())
    }

    /// An object; its property `copy` makes lists.
    pub(super) fn object(
        &mut self,
        scope: usize,
        members: &'a Map<String, Value>,
        place: &Place,
        depth: usize,
    ) -> Node {
        let mut nodes = Vec::with_capacity(members.len());
        for (key, value) in members {
            let below = place.key(key);
            if key == "copy"
                && let Value::Array(copies) = value
                && copies.iter().all(|copy| copy.get("input").is_some())
            {
                for (index, copy) in copies.iter().enumerate() {
                    nodes.extend(self.property_copy(scope, copy, &below.index(index), depth + 1));
                }
                continue;
            }
            let name = match expression::inside(key) {
                Some(_) => {
                    let name = self.string(scope, key, &below, depth + 1);
                    name.literal().unwrap_or(key).to_owned()
                }
                None => key.clone(),
            };
            nodes.push((name, self.value(scope, value, &below, depth + 1)));
        }
        Node::new(Tree::Object(nodes), place.clone())
    }

    /// `{ "name": ..., "count": ..., "input": ... }`.
    fn property_copy(
        &mut self,
        scope: usize,
        copy: &'a Value,
        place: &Place,
        depth: usize,
    ) -> Option<(String, Node)> {
        let name = copy.get("name")?.as_str()?;
        let input = copy.get("input")?;
        let input_place = place.key("input");
        let count = copy.get("count")?;
        let count = self.value(scope, count, &place.key("count"), depth + 1);
        let Some(count) = copies(&count) else {
            let text = format!("copy {name} whose count can't be seen");
            return Some((name.to_owned(), unseen(&text, place)));
        };
        let mut items = Vec::new();
        for index in 0..count {
            self.scopes[scope].loops.push((name.to_owned(), index));
            items.push(self.value(scope, input, &input_place, depth + 1));
            self.scopes[scope].loops.pop();
        }
        Some((name.to_owned(), Node::new(Tree::List(items), place.clone())))
    }

    /// A string: an expression, or itself.
    pub(super) fn string(
        &mut self,
        scope: usize,
        text: &'a str,
        place: &Place,
        depth: usize,
    ) -> Node {
        let Some(inner) = expression::inside(text) else {
            let text = match text.strip_prefix("[[") {
                Some(rest) if text.ends_with(']') => format!("[{rest}"),
                _ => text.to_owned(),
            };
            return Node::text(&text, place.clone());
        };
        match expression::parse(inner) {
            Some(expression) => {
                let node = self.expression(scope, &expression, place, depth + 1);
                // What stands in a variable keeps its place there; a plain value is where it is used.
                match node.tree {
                    Tree::List(_) | Tree::Object(_) => node,
                    tree => Node::new(tree, place.clone()),
                }
            }
            None => unseen("an expression that is not understood", place),
        }
    }

    fn expression(
        &mut self,
        scope: usize,
        expression: &Expression,
        place: &Place,
        depth: usize,
    ) -> Node {
        if depth > limits::DEEPEST || !self.afford(1) {
            return self.limit(place);
        }
        let node = match expression {
            Expression::Text(text) => Node::text(text, place.clone()),
            Expression::Number(number) => Node::new(Tree::Number(*number), place.clone()),
            Expression::Call { name, arguments } => self.call(scope, name, arguments, place, depth),
            Expression::Member(of, name) => self.member(scope, of, name, place, depth),
            Expression::Index(of, index) => self.index(scope, of, index, place, depth),
        };
        let mut budget = limits::LONGEST_TEXT;
        weigh(&node, &mut budget);
        if budget == 0 || !self.afford(limits::LONGEST_TEXT - budget) {
            return self.limit(place);
        }
        node
    }

    fn member(
        &mut self,
        scope: usize,
        of: &Expression,
        name: &str,
        place: &Place,
        depth: usize,
    ) -> Node {
        // The whole path below a `reference` decides what it is.
        if let Some((arguments, path)) = reference_path(of, name) {
            return self.reference(scope, arguments, &path, place, depth);
        }
        let base = self.expression(scope, of, place, depth + 1);
        match &base.tree {
            Tree::Object(_) => match base.get(name) {
                Some(node) => node.clone(),
                None => Node::new(Tree::Null, place.clone()),
            },
            Tree::Unseen(unseen) => Node::new(Tree::Unseen(below(unseen, name)), place.clone()),
            Tree::Text(text) if text.literal().is_none() => {
                let part = text.unseen_parts().next().map(|part| below(part, name));
                let tree = part.map_or(Tree::Null, Tree::Unseen);
                Node::new(tree, place.clone())
            }
            _ => unseen(
                &format!("a member {name} of something without members"),
                place,
            ),
        }
    }

    fn index(
        &mut self,
        scope: usize,
        of: &Expression,
        index: &Expression,
        place: &Place,
        depth: usize,
    ) -> Node {
        let base = self.expression(scope, of, place, depth + 1);
        let index = self.expression(scope, index, place, depth + 1);
        let position = match index.tree {
            Tree::Number(number) => copies(&Node::new(Tree::Number(number), place.clone())),
            _ => None,
        };
        match (&base.tree, position, index.literal()) {
            (Tree::List(items), Some(position), _) => match items.get(position) {
                Some(item) => item.clone(),
                None => unseen("an index behind the end of its list", place),
            },
            (Tree::Object(_), _, Some(key)) => match base.get(key) {
                Some(node) => node.clone(),
                None => Node::new(Tree::Null, place.clone()),
            },
            (Tree::Unseen(unseen), Some(position), _) => Node::new(
                Tree::Unseen(below(unseen, &position.to_string())),
                place.clone(),
            ),
            (Tree::Unseen(unseen), _, Some(key)) => {
                Node::new(Tree::Unseen(below(unseen, key)), place.clone())
            }
            _ => unseen("an item that can't be told", place),
        }
    }

    fn call(
        &mut self,
        scope: usize,
        name: &str,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "parameters" | "variables" => {
                return self.named(scope, &lower, arguments, place, depth);
            }
            "if" => return self.choose(scope, arguments, place, depth),
            "and" | "or" => return self.all_or_any(scope, &lower, arguments, place, depth),
            "coalesce" => return self.coalesce(scope, arguments, place, depth),
            "copyindex" => return self.copy_index(scope, arguments, place, depth),
            "reference" => return self.reference(scope, arguments, &[], place, depth),
            "json" => return self.json(scope, arguments, place, depth),
            _ => {}
        }
        let values: Vec<Node> = arguments
            .iter()
            .map(|argument| self.expression(scope, argument, place, depth + 1))
            .collect();
        if let Some(tree) = derive::ids(&lower, &values) {
            return Node::new(tree, place.clone());
        }
        match functions::call(&lower, &values, place) {
            Some(tree) => Node::new(tree, place.clone()),
            None => Node::new(
                Tree::Unseen(call_unseen(name, &lower, &values)),
                place.clone(),
            ),
        }
    }

    /// `parameters('x')` and `variables('x')`.
    fn named(
        &mut self,
        scope: usize,
        section: &str,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let name = match arguments {
            [only] => self.expression(scope, only, place, depth + 1),
            _ => return unseen("an expression that is not understood", place),
        };
        let Some(name) = name.literal() else {
            return unseen("a name that can't be seen", place);
        };
        let scope = self.scopes[scope].declared_in.unwrap_or(scope);
        let key = format!("{section}:{}", name.to_ascii_lowercase());
        if let Some(node) = self.scopes[scope].cache.get(&key) {
            return node.clone();
        }
        if !self.scopes[scope].busy.insert(key.clone()) {
            return unseen(
                &format!("{section}('{name}'), which refers to itself"),
                place,
            );
        }
        let node = if section == "parameters" {
            self.parameter(scope, name, place, depth)
        } else {
            self.variable(scope, name, place, depth)
        };
        self.scopes[scope].busy.remove(&key);
        // Inside of a loop a variable can't hold its index, so a value holds everywhere.
        self.scopes[scope].cache.insert(key, node.clone());
        node
    }

    fn parameter(&mut self, scope: usize, name: &str, place: &Place, depth: usize) -> Node {
        if let Some(given) = self.scopes[scope].given.get(&name.to_ascii_lowercase()) {
            return given.clone();
        }
        let origin = format!("parameters('{name}')");
        let Some((own, definition)) = self.scopes[scope].member("parameters", name) else {
            return unseen(&format!("{origin}, which is not declared"), place);
        };
        let below = self.scopes[scope]
            .place
            .key("parameters")
            .key(own)
            .key("defaultValue");
        if let Some(default) = definition.get("defaultValue") {
            return self.value(scope, default, &below, depth + 1);
        }
        let identity = format!("{scope}:{}", own.to_ascii_lowercase());
        let value = Unseen::with_identity(&origin, identity.as_bytes());
        let secure = super::is_secure(definition);
        let value = if secure { value.secret() } else { value };
        Node::new(Tree::Unseen(value), place.clone())
    }

    fn variable(&mut self, scope: usize, name: &str, place: &Place, depth: usize) -> Node {
        let origin = format!("variables('{name}')");
        if let Some((own, value)) = self.scopes[scope].member("variables", name) {
            let below = self.scopes[scope].place.key("variables").key(own);
            return self.value(scope, value, &below, depth + 1);
        }
        // `"variables": { "copy": [{ "name": ... }] }`
        let copies = self.scopes[scope]
            .section("variables")
            .and_then(|it| it.get("copy"));
        let place_of_copies = self.scopes[scope].place.key("variables").key("copy");
        if let Some(Value::Array(copies)) = copies {
            for (index, copy) in copies.iter().enumerate() {
                let is_it = copy.get("name").and_then(Value::as_str);
                if is_it.is_some_and(|it| it.eq_ignore_ascii_case(name)) {
                    let place = place_of_copies.index(index);
                    if let Some((_, node)) = self.property_copy(scope, copy, &place, depth + 1) {
                        return node;
                    }
                }
            }
        }
        unseen(&format!("{origin}, which is not declared"), place)
    }
}

/// A count of copies, or an index.
pub(super) fn copies(node: &Node) -> Option<usize> {
    let Tree::Number(number) = node.tree else {
        return None;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is looked at"
    )]
    ((0.0..=800.0).contains(&number) && number.fract() == 0.0).then_some(number as usize)
}
