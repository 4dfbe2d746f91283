//! Evaluates the expressions of a template, lazily and within limits.

use serde_json::{Map, Value};

use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::seen::{Seen, Unseen};
use super::expression::{self, Expression};
use super::scope::{Nested, Scope};
use super::{derive, functions, limits};

/// Everything that is known while a template is evaluated.
pub(super) struct Evaluator<'a> {
    pub(super) scopes: Vec<Scope<'a>>,
    work: usize,
    /// Whether a limit was met, so that something is missing.
    pub(super) exhausted: bool,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(template: &'a Map<String, Value>, place: Place) -> Self {
        Self {
            scopes: vec![Scope::new(template, place, 0)],
            work: 0,
            exhausted: false,
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

    fn choose(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let [condition, yes, no] = arguments else {
            return unseen("an expression that is not understood", place);
        };
        let condition = self.expression(scope, condition, place, depth + 1);
        match condition.tree {
            Tree::Bool(true) => self.expression(scope, yes, place, depth + 1),
            Tree::Bool(false) => self.expression(scope, no, place, depth + 1),
            _ => {
                let yes = self.expression(scope, yes, place, depth + 1);
                let no = self.expression(scope, no, place, depth + 1);
                Node::new(
                    Tree::Unseen(call_unseen("if", "if", &[condition, yes, no])),
                    place.clone(),
                )
            }
        }
    }

    fn all_or_any(
        &mut self,
        scope: usize,
        name: &str,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let decides = name == "or";
        let mut values = Vec::new();
        for argument in arguments {
            let value = self.expression(scope, argument, place, depth + 1);
            if matches!(value.tree, Tree::Bool(truth) if truth == decides) {
                return Node::new(Tree::Bool(decides), place.clone());
            }
            values.push(value);
        }
        if values
            .iter()
            .all(|value| matches!(value.tree, Tree::Bool(_)))
        {
            return Node::new(Tree::Bool(!decides), place.clone());
        }
        Node::new(
            Tree::Unseen(call_unseen(name, name, &values)),
            place.clone(),
        )
    }

    fn coalesce(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        for argument in arguments {
            let value = self.expression(scope, argument, place, depth + 1);
            if !value.is_null() {
                return value;
            }
        }
        Node::new(Tree::Null, place.clone())
    }

    fn copy_index(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let mut name = None;
        let mut offset = 0.0;
        for argument in arguments {
            let value = self.expression(scope, argument, place, depth + 1);
            match &value.tree {
                Tree::Number(number) => offset = *number,
                Tree::Text(text) => name = text.literal().map(str::to_owned),
                _ => {}
            }
        }
        let loops = &self.scopes[scope].loops;
        let found = match &name {
            Some(name) => loops
                .iter()
                .rev()
                .find(|(it, _)| it.eq_ignore_ascii_case(name)),
            None => loops.last(),
        };
        #[expect(clippy::cast_precision_loss, reason = "a loop has at most 800 turns")]
        match found {
            Some((_, index)) => Node::new(Tree::Number(*index as f64 + offset), place.clone()),
            None => unseen("copyIndex() outside of a loop", place),
        }
    }

    /// `json('...')`: a text that is JSON, of which numbers such as `json('0.5')` are the most.
    fn json(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        place: &Place,
        depth: usize,
    ) -> Node {
        let Some(first) = arguments.first() else {
            return unseen("an expression that is not understood", place);
        };
        let text = self.expression(scope, first, place, depth + 1);
        let parsed = text
            .literal()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        match parsed {
            Some(value) => Node::from_json(&value, place),
            None => Node::new(
                Tree::Unseen(call_unseen("json", "json", &[text])),
                place.clone(),
            ),
        }
    }

    /// `reference(...)` and the members below it.
    fn reference(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        path: &[String],
        place: &Place,
        depth: usize,
    ) -> Node {
        let Some(first) = arguments.first() else {
            return unseen("an expression that is not understood", place);
        };
        let target = self.expression(scope, first, place, depth + 1);
        let Some(target) = target.seen() else {
            return unseen("a reference that can't be told", place);
        };
        if path
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case("outputs"))
            && let Some(node) = self.output_of_nested(scope, &target, &path[1..], place, depth)
        {
            return node;
        }
        let (kind, name) = match derive::type_and_name(&target) {
            Some(found) => found,
            None => match self.symbolic(scope, &target, place, depth) {
                Some(found) => found,
                None => (String::new(), target),
            },
        };
        Node::new(derive::reference(&kind, &name, path), place.clone())
    }

    /// Type and name of the resource with a symbolic name.
    fn symbolic(
        &mut self,
        scope: usize,
        symbol: &Seen,
        place: &Place,
        depth: usize,
    ) -> Option<(String, Seen)> {
        let symbol = symbol.literal()?;
        let resources = self.scopes[scope].template.get("resources")?.as_object()?;
        let resource = resources.get(symbol)?.as_object()?;
        let kind = resource.get("type")?.as_str()?.to_owned();
        let name = self.value(scope, resource.get("name")?, place, depth + 1);
        Some((kind, name.seen()?))
    }

    fn output_of_nested(
        &mut self,
        scope: usize,
        target: &Seen,
        path: &[String],
        place: &Place,
        depth: usize,
    ) -> Option<Node> {
        let name = match derive::type_and_name(target) {
            Some((kind, name)) if kind.eq_ignore_ascii_case(super::DEPLOYMENTS) => name.canonical(),
            Some(_) => return None,
            None => Vec::new(),
        };
        let nested = self.nested(scope, depth);
        let position = nested.iter().position(|it| {
            it.name == name || it.symbol.is_some() && it.symbol.as_deref() == target.literal()
        })?;
        let inner = self.enter(scope, position, depth)?;
        let (output, below) = path.split_first()?;
        let (own, definition) = self.scopes[inner].member("outputs", output)?;
        let key = format!("outputs:{}", own.to_ascii_lowercase());
        if !self.scopes[inner].busy.insert(key.clone()) {
            return Some(unseen("an output that refers to itself", place));
        }
        let place_of = self.scopes[inner]
            .place
            .key("outputs")
            .key(own)
            .key("value");
        let value = definition
            .get("value")
            .map(|value| self.value(inner, value, &place_of, depth + 1));
        self.scopes[inner].busy.remove(&key);
        let mut value = value?;
        for step in below.iter().skip(1) {
            value = value.get(step)?.clone();
        }
        Some(value)
    }

    /// The deployments inside of a template.
    pub(super) fn nested(&mut self, scope: usize, depth: usize) -> Vec<Nested<'a>> {
        if let Some(nested) = &self.scopes[scope].nested {
            return nested.clone();
        }
        let mut found = Vec::new();
        for (symbol, resource, place) in self.scopes[scope].resources() {
            let kind = resource
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !kind.eq_ignore_ascii_case(super::DEPLOYMENTS) || resource.contains_key("copy") {
                continue;
            }
            let name = resource
                .get("name")
                .map(|name| self.value(scope, name, &place, depth + 1));
            let name = name.and_then(|name| name.seen()).unwrap_or_default();
            found.push(Nested {
                name: name.canonical(),
                symbol: symbol.map(str::to_owned),
                resource,
                place,
                scope: None,
            });
        }
        self.scopes[scope].nested = Some(found.clone());
        found
    }

    /// The scope of a deployment inside of a template: made once.
    pub(super) fn enter(&mut self, scope: usize, position: usize, depth: usize) -> Option<usize> {
        let nested = self.nested(scope, depth).get(position)?.clone();
        if let Some(inner) = nested.scope {
            return Some(inner);
        }
        let inner = self.open(scope, nested.resource, &nested.place, depth)?;
        if let Some(all) = &mut self.scopes[scope].nested {
            all[position].scope = Some(inner);
        }
        Some(inner)
    }

    /// A new scope for the template in a deployment resource; nothing when it is not inline.
    pub(super) fn open(
        &mut self,
        scope: usize,
        resource: &'a Map<String, Value>,
        place: &Place,
        depth: usize,
    ) -> Option<usize> {
        let properties = resource.get("properties")?.as_object()?;
        let template = properties.get("template")?.as_object()?;
        let level = self.scopes[scope].depth + 1;
        if level > limits::MOST_NESTED || self.scopes.len() > 10_000 {
            self.exhausted = true;
            return None;
        }
        let place = place.key("properties");
        let is_inner = properties
            .get("expressionEvaluationOptions")
            .and_then(|options| options.get("scope"))
            .and_then(Value::as_str)
            .is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
        let mut inner = Scope::new(template, place.key("template"), level);
        if is_inner {
            let parameters = properties.get("parameters").and_then(Value::as_object);
            for (name, parameter) in parameters.into_iter().flatten() {
                let place = place.key("parameters").key(name);
                let given = match parameter.get("value") {
                    Some(value) => self.value(scope, value, &place.key("value"), depth + 1),
                    None => Node::new(
                        Tree::Unseen(
                            Unseen::with_identity(
                                &format!("a vault's secret for the parameter {name}"),
                                parameter.to_string().as_bytes(),
                            )
                            .secret(),
                        ),
                        place,
                    ),
                };
                inner.given.insert(name.to_ascii_lowercase(), given);
            }
        } else {
            inner.declared_in = Some(self.scopes[scope].declared_in.unwrap_or(scope));
        }
        self.scopes.push(inner);
        Some(self.scopes.len() - 1)
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

pub(crate) fn unseen(origin: &str, place: &Place) -> Node {
    let identity = format!("{origin} {place} {}", place.path());
    let value = Unseen::with_identity(origin, identity.as_bytes());
    Node::new(Tree::Unseen(value), place.clone())
}

/// A member of an unseen value.
fn below(unseen: &Unseen, name: &str) -> Unseen {
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
fn call_unseen(name: &str, lower: &str, arguments: &[Node]) -> Unseen {
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
fn weigh(node: &Node, budget: &mut usize) {
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

/// The arguments of the `reference` at the bottom of a chain of members, and the chain.
fn reference_path<'e>(of: &'e Expression, last: &str) -> Option<(&'e [Expression], Vec<String>)> {
    let mut path = vec![last.to_owned()];
    let mut at = of;
    loop {
        match at {
            Expression::Member(inner, name) => {
                path.push(name.clone());
                at = inner;
            }
            Expression::Call { name, arguments } if name.eq_ignore_ascii_case("reference") => {
                path.reverse();
                return Some((arguments, path));
            }
            _ => return None,
        }
    }
}
