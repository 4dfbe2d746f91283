//! Functions that look at their arguments before they evaluate all of them, or at the loop around.

use serde_json::Value;

use super::super::expression::Expression;
use super::Evaluator;
use super::unknown::{call_unseen, unseen};
use crate::audit::node::{Node, Tree};
use crate::audit::place::Place;

impl Evaluator<'_> {
    pub(super) fn choose(
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

    pub(super) fn all_or_any(
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

    pub(super) fn coalesce(
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

    pub(super) fn copy_index(
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
    pub(super) fn json(
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
}
