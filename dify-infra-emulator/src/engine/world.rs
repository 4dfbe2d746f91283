//! What a provider may look at while it decides.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::arm::id::ResourceId;
use crate::engine::Cloud;
use crate::provider::{self, Provider};
use crate::random::Dice;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::model::{Operation, Phase, Resource, SecretValue};

/// The emulated cloud at one moment, for reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'a> {
    pub(crate) store: &'a Store,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Timestamp,
}

impl Cloud {
    /// The cloud at a moment.
    pub(crate) fn world(&self, now: Timestamp) -> World<'_> {
        World {
            store: &self.store,
            settings: &self.settings,
            now,
        }
    }
}

impl<'a> World<'a> {
    /// The source of generated values.
    pub(crate) fn dice(self) -> Dice {
        self.settings.dice
    }

    /// A resource as clients see it: also one that its provider makes up, not one that is hidden.
    pub(crate) fn find(self, id: &ResourceId) -> Option<Cow<'a, Resource>> {
        let provider = provider::find(&id.type_name())?;
        match self.store.resource(id) {
            Some(resource) if is_visible(provider, resource) => Some(Cow::Borrowed(resource)),
            // while its first write runs, an implied resource still has its implied values
            _ => provider.implied(self, id).map(Cow::Owned),
        }
    }

    /// The children of one type as clients see them.
    pub(crate) fn children(self, parent: &ResourceId, kind: &str) -> Vec<Cow<'a, Resource>> {
        let child_type = format!("{}/{kind}", parent.type_name());
        let Some(provider) = provider::find(&child_type) else {
            return Vec::new();
        };
        let stored = self
            .store
            .children(parent, kind)
            .filter(|r| is_visible(provider, r));
        let mut children: Vec<Cow<'a, Resource>> = stored.map(Cow::Borrowed).collect();
        for implied in provider.implied_children(self, parent) {
            let key = implied.id.key();
            if children.iter().all(|child| child.id.key() != key) {
                children.push(Cow::Owned(implied));
            }
        }
        children
    }

    /// The operation that works on a resource.
    pub(crate) fn operation_of(self, resource: &Resource) -> Option<&'a Operation> {
        resource
            .operation
            .as_ref()
            .and_then(|id| self.store.operation(id))
    }

    /// A secret value of a resource, by its place in the body.
    pub(crate) fn secret(self, resource: &Resource, place: &str) -> Option<&'a str> {
        let number = resource.secrets.get(place)?;
        self.store.secret(*number).map(SecretValue::expose)
    }
}

/// Whether clients can see a resource: some providers show one only once it is complete.
fn is_visible(provider: &dyn Provider, resource: &Resource) -> bool {
    !(provider.definition().hidden_until_done && resource.phase == Phase::Creating)
}

/// The text at a place of a resource's whole body.
pub(crate) fn text_of(resource: &Resource, path: &str) -> Option<String> {
    let body: Value = resource.body();
    crate::arm::merge::text_at(&body, path).map(str::to_owned)
}
