//! The graph as a picture: Mermaid and DOT texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Management, Node, ResourceGraph};
use crate::resource::{Layer, ResourceId};

impl ResourceGraph {
    /// The graph as a Mermaid flowchart, as GitHub and many editors draw it.
    ///
    /// An arrow leads from a resource to what waits for it. Arrows that follow from others are left
    /// out: what waits for a database waits for its server as well.
    pub fn to_mermaid(&self) -> String {
        let picture = Picture::new(self);
        let mut text = String::from("flowchart LR\n");
        for (number, node) in picture.nodes.iter().enumerate() {
            let (name, kind) = (mermaid_text(&node.id().label()), short_type(node.id()));
            let _ = writeln!(text, "  n{number}[\"{name}<br/><small>{kind}</small>\"]");
        }
        for (from, to) in &picture.arrows {
            let _ = writeln!(text, "  n{from} --> n{to}");
        }
        text.push_str("  classDef data fill:#e8f1fb,stroke:#3a6ea5,color:#111\n");
        text.push_str("  classDef existing fill:#fff,stroke:#777,stroke-dasharray:4,color:#111\n");
        for (class, numbers) in picture.classes() {
            let names: Vec<String> = numbers.iter().map(|number| format!("n{number}")).collect();
            let _ = writeln!(text, "  class {} {class}", names.join(","));
        }
        text
    }

    /// The graph in the DOT language of Graphviz: `dify-infra graph --format dot | dot -Tsvg`.
    ///
    /// The arrows are those of [`to_mermaid`](Self::to_mermaid).
    pub fn to_dot(&self) -> String {
        let picture = Picture::new(self);
        let mut text = String::from("digraph deployment {\n  rankdir=LR;\n");
        text.push_str("  node [shape=box, fontname=\"sans-serif\"];\n");
        for (number, node) in picture.nodes.iter().enumerate() {
            let (name, kind) = (dot_text(&node.id().label()), short_type(node.id()));
            let style = match class(node) {
                Some("existing") => ", style=dashed",
                Some(_) => ", style=filled, fillcolor=\"#e8f1fb\"",
                None => "",
            };
            let _ = writeln!(text, "  n{number} [label=\"{name}\\n{kind}\"{style}];");
        }
        for (from, to) in &picture.arrows {
            let _ = writeln!(text, "  n{from} -> n{to};");
        }
        text.push_str("}\n");
        text
    }
}

/// Numbered nodes in the order of work, and the arrows between them.
struct Picture<'a> {
    nodes: Vec<&'a Node>,
    arrows: BTreeSet<(usize, usize)>,
}

impl<'a> Picture<'a> {
    fn new(graph: &'a ResourceGraph) -> Self {
        let nodes = graph.in_order();
        let numbers: BTreeMap<&ResourceId, usize> = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node.id(), number))
            .collect();
        let mut above: Vec<BTreeSet<usize>> = Vec::with_capacity(nodes.len());
        let mut arrows = BTreeSet::new();
        for (number, node) in nodes.iter().enumerate() {
            let direct: BTreeSet<usize> = node
                .dependencies()
                .iter()
                .filter_map(|id| numbers.get(id).copied())
                .collect();
            let implied: BTreeSet<usize> = direct
                .iter()
                .flat_map(|needed| above[*needed].iter().copied())
                .collect();
            arrows.extend(direct.difference(&implied).map(|needed| (*needed, number)));
            above.push(&direct | &implied);
        }
        Self { nodes, arrows }
    }

    fn classes(&self) -> BTreeMap<&'static str, Vec<usize>> {
        let mut classes: BTreeMap<&'static str, Vec<usize>> = BTreeMap::new();
        for (number, node) in self.nodes.iter().enumerate() {
            if let Some(class) = class(node) {
                classes.entry(class).or_default().push(number);
            }
        }
        classes
    }
}

fn class(node: &Node) -> Option<&'static str> {
    match (node.management(), node.kind().layer()) {
        (Management::Existing, _) => Some("existing"),
        (Management::Managed, Layer::Data) => Some("data"),
        (Management::Managed, Layer::Application) => None,
    }
}

/// The type without its namespace: `flexibleServers/databases`.
fn short_type(id: &ResourceId) -> String {
    let full = id.resource_type();
    full.split_once('/')
        .map_or_else(|| full.clone(), |(_, short)| short.to_owned())
}

/// A text inside a quoted Mermaid label, whose entities begin with `#`.
fn mermaid_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '#' => safe.push_str("#35;"),
            '&' => safe.push_str("#amp;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            '"' => safe.push_str("#quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A text inside a quoted DOT string.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::container_apps::JobExecution;

    fn id(name: &str) -> ResourceId {
        let group = ResourceId::resource_group("s", "g");
        group
            .provider("Microsoft.App/jobs", "job")
            .child("executions", name)
    }

    fn graph() -> ResourceGraph {
        let node = |name: &str, after: &[&str]| {
            let after = after.iter().map(|name| id(name)).collect();
            let resource = JobExecution {
                id: id(name),
                after,
                image: String::new(),
            };
            (resource.into(), Management::Managed)
        };
        let all = vec![
            node("a", &[]),
            node("b<1>", &["a"]),
            node("c", &["a", "b<1>"]),
        ];
        ResourceGraph::new("o", ResourceId::resource_group("s", "g"), all).unwrap()
    }

    #[test]
    fn leaves_out_arrows_that_follow_from_others() {
        let text = graph().to_mermaid();
        let arrows: Vec<&str> = text.lines().filter(|line| line.contains("-->")).collect();
        assert_eq!(arrows, ["  n0 --> n1", "  n1 --> n2"]);
    }

    #[test]
    fn labels_say_name_and_type_and_are_escaped() {
        let text = graph().to_mermaid();
        assert!(
            text.contains("n1[\"job/b#lt;1#gt;<br/><small>jobs/executions</small>\"]"),
            "{text}"
        );
        assert!(
            graph()
                .to_dot()
                .contains("n1 [label=\"job/b<1>\\njobs/executions\"];")
        );
    }

    #[test]
    fn dot_has_the_same_arrows() {
        let text = graph().to_dot();
        assert!(text.contains("  n0 -> n1;\n  n1 -> n2;\n}"), "{text}");
    }
}
