//! Resource ids: `/subscriptions/…/resourceGroups/…/providers/…`, compared as Azure compares them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use thiserror::Error;

/// The id of an Azure resource or resource group.
///
/// Two ids are equal when they differ in letter case alone: providers answer ids in other
/// cases than they were sent, and Azure treats them as the same
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>).
///
/// ```
/// use dify_infra_core::resource::ResourceId;
///
/// let group = ResourceId::resource_group("00000000-0000-0000-0000-000000000000", "dify-dev-rg");
/// let server = group.provider("Microsoft.DBforPostgreSQL/flexibleServers", "dify-dev-postgres");
/// let database = server.child("databases", "dify");
/// assert_eq!(database.resource_type(), "Microsoft.DBforPostgreSQL/flexibleServers/databases");
/// assert_eq!(database.parent(), Some(server));
/// assert_eq!(ResourceId::parse(&database.to_string().to_uppercase())?, database);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ResourceId {
    text: String,
}

/// The reason why a text is not a resource id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a resource id: {reason}; expected /subscriptions/ID/resourceGroups/NAME, optionally with /providers/NAMESPACE/TYPE/NAME"
)]
pub struct InvalidResourceId {
    text: String,
    reason: &'static str,
}

impl ResourceId {
    /// The id of a resource group.
    pub fn resource_group(subscription: &str, group: &str) -> Self {
        Self {
            text: format!("/subscriptions/{subscription}/resourceGroups/{group}"),
        }
    }

    /// The id of a top-level resource in this resource group, for a type such as
    /// `Microsoft.App/containerApps`.
    #[must_use]
    pub fn provider(&self, resource_type: &str, name: &str) -> Self {
        Self {
            text: format!("{}/providers/{resource_type}/{name}", self.text),
        }
    }

    /// The id of a child of this resource: `child("databases", "dify")`.
    #[must_use]
    pub fn child(&self, segment: &str, name: &str) -> Self {
        Self {
            text: format!("{}/{segment}/{name}", self.text),
        }
    }

    /// Reads an id in any letter case; a trailing slash is dropped.
    ///
    /// # Errors
    ///
    /// When the text does not start with `/subscriptions/ID/resourceGroups/NAME`, has an empty
    /// segment, or has a provider part without pairs of type and name.
    pub fn parse(text: &str) -> Result<Self, InvalidResourceId> {
        let refuse = |reason| {
            Err(InvalidResourceId {
                text: text.to_owned(),
                reason,
            })
        };
        let trimmed = text.trim_end_matches('/');
        let Some(rest) = trimmed.strip_prefix('/') else {
            return refuse("it does not start with `/`");
        };
        let segments: Vec<&str> = rest.split('/').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return refuse("it has an empty segment");
        }
        let keyword = |at: usize, word: &str| {
            segments
                .get(at)
                .is_some_and(|segment| segment.eq_ignore_ascii_case(word))
        };
        if !keyword(0, "subscriptions") || !keyword(2, "resourceGroups") || segments.len() < 4 {
            return refuse("it does not name a subscription and a resource group");
        }
        if segments.len() > 4
            && (!keyword(4, "providers") || segments.len() < 8 || !segments.len().is_multiple_of(2))
        {
            return refuse("the part after the resource group is not a provider's resource");
        }
        Ok(Self {
            text: trimmed.to_owned(),
        })
    }

    /// The id as text, in the letter case it was made with.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The last segment: the resource's own name.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The name for people: a child's with its parents', `my-server/my-database`, since children of
    /// different resources may share a name.
    pub fn label(&self) -> String {
        let segments = self.segments();
        let names: Vec<&str> = segments
            .iter()
            .enumerate()
            .skip(7)
            .step_by(2)
            // What follows `providers` is a namespace and no name.
            .filter(|(at, _)| !is_providers(&segments, at - 1))
            .map(|(_, name)| *name)
            .collect();
        if names.is_empty() {
            self.name().to_owned()
        } else {
            names.join("/")
        }
    }

    /// The type, as `Microsoft.App/containerApps`; for a resource group
    /// `Microsoft.Resources/resourceGroups`.
    pub fn resource_type(&self) -> String {
        let segments = self.segments();
        // An extension, such as a role assignment, has a provider of its own after its scope's.
        let provider = (4..segments.len())
            .step_by(2)
            .rfind(|at| is_providers(&segments, *at));
        let after = provider.and_then(|at| segments.get(at + 1..));
        let Some((namespace, pairs)) = after.and_then(<[_]>::split_first) else {
            return "Microsoft.Resources/resourceGroups".to_owned();
        };
        let mut words = vec![*namespace];
        words.extend(pairs.iter().step_by(2));
        words.join("/")
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        self.text.split('/').nth(2).unwrap_or_default()
    }

    /// The resource group's name.
    pub fn group_name(&self) -> &str {
        self.text.split('/').nth(4).unwrap_or_default()
    }

    /// The id of the resource group that holds this resource.
    #[must_use]
    pub fn group(&self) -> Self {
        Self::resource_group(self.subscription(), self.group_name())
    }

    /// The resource above: a server for its database, the resource group for a top-level resource,
    /// nothing for a resource group.
    pub fn parent(&self) -> Option<Self> {
        let segments = self.segments();
        match segments.len() {
            0..=4 => None,
            5..=8 => Some(self.group()),
            length => {
                let is_extension = is_providers(&segments, length - 4);
                let above = length - if is_extension { 4 } else { 2 };
                Some(Self {
                    text: format!("/{}", segments[..above].join("/")),
                })
            }
        }
    }

    /// Whether this is the id of something below a top-level resource.
    pub fn is_child(&self) -> bool {
        self.segments().len() > 8
    }

    /// Whether `other` stands above this id at any depth.
    pub fn is_below(&self, other: &Self) -> bool {
        let (own, above) = (self.text.as_bytes(), other.text.as_bytes());
        own.len() > above.len()
            && own[above.len()] == b'/'
            && own[..above.len()].eq_ignore_ascii_case(above)
    }

    fn segments(&self) -> Vec<&str> {
        self.text.trim_start_matches('/').split('/').collect()
    }
}

/// Whether the segment at a place is the word before a provider's namespace.
fn is_providers(segments: &[&str], at: usize) -> bool {
    segments
        .get(at)
        .is_some_and(|segment| segment.eq_ignore_ascii_case("providers"))
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for ResourceId {}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        lower_bytes(self).cmp(lower_bytes(other))
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        lower_bytes(self).for_each(|byte| state.write_u8(byte));
        // No id is the beginning of another one's bytes.
        state.write_u8(0xff);
    }
}

/// The id's bytes in lower case, without a copy: graphs compare ids all the time.
fn lower_bytes(id: &ResourceId) -> impl Iterator<Item = u8> {
    id.text.bytes().map(|byte| byte.to_ascii_lowercase())
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/api";

    #[test]
    fn takes_an_id_apart() {
        let id = ResourceId::parse(APP).unwrap();
        assert_eq!(id.name(), "api");
        assert_eq!(id.group_name(), "g");
        assert_eq!(id.subscription(), "s");
        assert_eq!(id.resource_type(), "Microsoft.App/containerApps");
        assert_eq!(id.parent(), Some(ResourceId::resource_group("s", "g")));
        assert_eq!(id.group().parent(), None);
        assert!(!id.is_child());
        assert!(id.child("revisions", "r").is_child());
        assert!(id.child("revisions", "r").is_below(&id));
        assert!(!id.is_below(&id));
        assert_eq!(id.label(), "api");
        assert_eq!(
            id.child("revisions", "r").child("replicas", "p").label(),
            "api/r/p"
        );
        assert_eq!(id.group().label(), "g");
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in [
            "",
            "subscriptions/s",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups//providers",
        ] {
            assert!(ResourceId::parse(text).is_err(), "{text}");
        }
        let half = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps";
        assert!(ResourceId::parse(half).is_err());
    }

    #[test]
    fn orders_and_hashes_without_letter_case() {
        let one = ResourceId::parse(APP).unwrap();
        let other = ResourceId::parse(&APP.to_uppercase()).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.cmp(&other), Ordering::Equal);
        assert_eq!(std::collections::HashSet::from([one, other]).len(), 1);
    }
}
