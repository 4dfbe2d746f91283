//! Resource ids: parsed, compared without regard to case, written in one form.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of a resource in a resource group.
///
/// Two ids are the same resource when their [`key`](Self::key)s are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ResourceId {
    pub(crate) subscription: String,
    pub(crate) group: String,
    pub(crate) namespace: String,
    /// Type and name of each level, the outermost first.
    levels: Vec<(String, String)>,
}

impl ResourceId {
    /// Makes an id; `levels` holds type and name of each level and is not empty.
    pub(crate) fn new(
        subscription: &str,
        group: &str,
        namespace: &str,
        levels: Vec<(String, String)>,
    ) -> Self {
        Self {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            namespace: namespace.to_owned(),
            levels,
        }
    }

    /// Parses an id of the form `/subscriptions/…/resourceGroups/…/providers/…`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.trim_matches('/').split('/').collect();
        let [
            subscriptions,
            subscription,
            groups,
            group,
            providers,
            namespace,
            rest @ ..,
        ] = parts.as_slice()
        else {
            return None;
        };
        let shape = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers");
        if !shape || rest.is_empty() || rest.len() % 2 != 0 || rest.contains(&"") {
            return None;
        }
        let levels = rest
            .chunks(2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect();
        Some(Self::new(subscription, group, namespace, levels))
    }

    /// The form by which ids are compared and stored: all lower case.
    pub(crate) fn key(&self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// The own name, without those of the parents.
    pub(crate) fn name(&self) -> &str {
        self.levels.last().map_or("", |(_, name)| name)
    }

    /// Where the levels of an extension begin: after the last pair of `providers` and a namespace.
    fn extension(&self) -> usize {
        let last = self
            .levels
            .iter()
            .rposition(|(kind, _)| kind.eq_ignore_ascii_case("providers"));
        last.map_or(0, |at| at + 1)
    }

    /// The namespace of the type: of an extension, such as a role assignment, its own.
    pub(crate) fn type_namespace(&self) -> &str {
        let before = self.extension().checked_sub(1);
        before.map_or(self.namespace.as_str(), |at| self.levels[at].1.as_str())
    }

    /// The full type, for example `Microsoft.App/containerApps/revisions`.
    pub(crate) fn type_name(&self) -> String {
        let own = &self.levels[self.extension()..];
        let types: Vec<&str> = own.iter().map(|(kind, _)| kind.as_str()).collect();
        format!("{}/{}", self.type_namespace(), types.join("/"))
    }

    /// The id of the resource that this one is a child or an extension of.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, mut outer) = self.levels.split_last()?;
        if let Some(((kind, _), above)) = outer.split_last()
            && kind.eq_ignore_ascii_case("providers")
        {
            outer = above;
        }
        (!outer.is_empty()).then(|| Self {
            levels: outer.to_vec(),
            ..self.clone()
        })
    }

    /// The id of the outermost resource.
    pub(crate) fn root(&self) -> Self {
        Self {
            levels: self.levels[..1].to_vec(),
            ..self.clone()
        }
    }

    /// The name of the outermost resource.
    pub(crate) fn root_name(&self) -> &str {
        self.levels.first().map_or("", |(_, name)| name)
    }

    /// The id of a child.
    pub(crate) fn child(&self, kind: &str, name: &str) -> Self {
        let mut levels = self.levels.clone();
        levels.push((kind.to_owned(), name.to_owned()));
        Self {
            levels,
            ..self.clone()
        }
    }

    /// Rewrites the type names into their usual spelling.
    pub(crate) fn with_type_spelling(mut self, full_type: &str) -> Self {
        let mut parts = full_type.split('/');
        let own = self.extension();
        if let Some(namespace) = parts.next() {
            match own.checked_sub(1) {
                Some(at) => namespace.clone_into(&mut self.levels[at].1),
                None => namespace.clone_into(&mut self.namespace),
            }
        }
        for ((kind, _), spelling) in self.levels[own..].iter_mut().zip(parts) {
            spelling.clone_into(kind);
        }
        self
    }

    /// Rewrites the names that already exist into the spelling of their creation.
    pub(crate) fn with_parent_spelling(mut self, parent: &Self) -> Self {
        self.subscription.clone_from(&parent.subscription);
        self.group.clone_from(&parent.group);
        for (own, known) in self.levels.iter_mut().zip(&parent.levels) {
            own.clone_from(known);
        }
        self
    }

    /// The key of the resource group.
    pub(crate) fn group_key(&self) -> String {
        group_key(&self.subscription, &self.group)
    }
}

/// The key of a resource group.
pub(crate) fn group_key(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourcegroups/{group}").to_ascii_lowercase()
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "/subscriptions/{}/resourceGroups/{}/providers/{}",
            self.subscription, self.group, self.namespace
        )?;
        self.levels
            .iter()
            .try_for_each(|(kind, name)| write!(formatter, "/{kind}/{name}"))
    }
}

impl TryFrom<String> for ResourceId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not the id of a resource"))
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "/subscriptions/S/resourceGroups/G/providers/Microsoft.App/containerApps/A";

    #[test]
    fn an_id_survives_parsing_and_writing() {
        let id = ResourceId::parse(APP).unwrap();
        assert_eq!(id.to_string(), APP);
        assert_eq!(id.type_name(), "Microsoft.App/containerApps");
        assert_eq!(id.name(), "A");
        assert_eq!(id.parent(), None);
    }

    #[test]
    fn case_does_not_matter_to_the_key() {
        let upper = ResourceId::parse(&APP.to_ascii_uppercase()).unwrap();
        assert_eq!(upper.key(), ResourceId::parse(APP).unwrap().key());
    }

    #[test]
    fn a_child_knows_its_parent_and_root() {
        let app = ResourceId::parse(APP).unwrap();
        let revision = app.child("revisions", "r");
        assert_eq!(revision.parent(), Some(app.clone()));
        assert_eq!(revision.root(), app);
    }

    #[test]
    fn an_extension_has_a_type_of_its_own_and_its_scope_above_it() {
        let text = format!("{APP}/providers/microsoft.authorization/roleassignments/R");
        let id = ResourceId::parse(&text).unwrap();
        assert_eq!(id.type_name(), "microsoft.authorization/roleassignments");
        assert_eq!(id.parent(), ResourceId::parse(APP));
        let spelled = id.with_type_spelling("Microsoft.Authorization/roleAssignments");
        assert_eq!(
            spelled.to_string(),
            format!("{APP}/providers/Microsoft.Authorization/roleAssignments/R")
        );
    }

    #[test]
    fn other_texts_are_not_ids() {
        for text in [
            "",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/g/providers/N/t",
            "x",
        ] {
            assert_eq!(ResourceId::parse(text), None, "{text}");
        }
    }
}
