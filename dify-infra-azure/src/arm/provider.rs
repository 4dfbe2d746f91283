//! Resource providers and subscriptions: what can be known before the first write.

use serde::Deserialize;
use serde_json::Value;

use super::client::ArmClient;
use crate::Error;

const PROVIDERS: &str = "2021-04-01";
const SUBSCRIPTIONS: &str = "2022-12-01";

/// Whether a namespace is registered in a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// Its types can be created.
    Registered,
    /// It is being registered; that takes minutes.
    Registering,
    /// It was never registered, or is so no more.
    NotRegistered,
    /// It is being unregistered.
    Unregistering,
    /// A word that was unknown when this was written, or none.
    Other(String),
}

impl RegistrationState {
    fn from_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "registered" => Self::Registered,
            "registering" => Self::Registering,
            "notregistered" | "unregistered" => Self::NotRegistered,
            "unregistering" => Self::Unregistering,
            _ => Self::Other(word.to_owned()),
        }
    }
}

/// One namespace in one subscription, such as `Microsoft.App`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// The namespace.
    pub namespace: String,
    /// Whether its types can be created.
    pub registration_state: RegistrationState,
    /// Its types.
    pub types: Vec<ResourceTypeStatus>,
}

/// One resource type and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceTypeStatus {
    /// The type without its namespace, such as `containerApps`.
    pub resource_type: String,
    /// Display names of regions (`Japan East`); empty for types without a region.
    pub locations: Vec<String>,
    /// The api-versions that the region-independent front end accepts.
    pub api_versions: Vec<String>,
}

impl ProviderStatus {
    /// The type of this name, in any case.
    pub fn resource_type(&self, name: &str) -> Option<&ResourceTypeStatus> {
        self.types
            .iter()
            .find(|known| known.resource_type.eq_ignore_ascii_case(name))
    }
}

impl ResourceTypeStatus {
    /// Says whether the type is served in `location`, by name (`japaneast`) or display name.
    pub fn is_served_in(&self, location: &str) -> bool {
        self.locations.is_empty()
            || self
                .locations
                .iter()
                .any(|known| bare(known) == bare(location))
    }
}

/// `Japan East` and `japaneast` are the same place.
fn bare(location: &str) -> String {
    location
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A subscription that the caller can see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// Its GUID.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// `Enabled`, `Disabled`, `Warned`, `PastDue` or `Deleted`.
    pub state: String,
    /// The tenant that it belongs to.
    pub tenant_id: String,
}

// The wire: every field may be absent or null.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProvider {
    namespace: Option<String>,
    registration_state: Option<String>,
    resource_types: Option<Vec<WireType>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireType {
    resource_type: Option<String>,
    locations: Option<Vec<String>>,
    api_versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubscription {
    subscription_id: Option<String>,
    display_name: Option<String>,
    state: Option<String>,
    tenant_id: Option<String>,
}

impl ProviderStatus {
    fn from_wire(wire: WireProvider, namespace: &str) -> Self {
        let types = wire
            .resource_types
            .unwrap_or_default()
            .into_iter()
            .map(|wire| ResourceTypeStatus {
                resource_type: wire.resource_type.unwrap_or_default(),
                locations: wire.locations.unwrap_or_default(),
                api_versions: wire.api_versions.unwrap_or_default(),
            });
        Self {
            namespace: wire.namespace.unwrap_or_else(|| namespace.to_owned()),
            registration_state: RegistrationState::from_word(
                &wire.registration_state.unwrap_or_default(),
            ),
            types: types.collect(),
        }
    }
}

impl ArmClient {
    /// Reads whether a namespace is registered, and where its types are served.
    ///
    /// Needs no more than a role on a group of the subscription.
    ///
    /// # Errors
    ///
    /// When Azure refuses, as for a namespace that does not exist.
    pub async fn provider(
        &self,
        subscription: &str,
        namespace: &str,
    ) -> Result<ProviderStatus, Error> {
        let path = format!("/subscriptions/{subscription}/providers/{namespace}");
        let body = self.get(&path, PROVIDERS).await?.ok_or_else(|| {
            Error::invalid(format!(
                "`{namespace}` is not a resource provider of this cloud"
            ))
        })?;
        Ok(ProviderStatus::from_wire(decode(body, &path)?, namespace))
    }

    /// Asks to register a namespace; watch [`ArmClient::provider`] until it is `Registered`.
    ///
    /// # Errors
    ///
    /// When Azure refuses: it needs a role on the subscription itself.
    pub async fn register_provider(
        &self,
        subscription: &str,
        namespace: &str,
    ) -> Result<ProviderStatus, Error> {
        let path = format!("/subscriptions/{subscription}/providers/{namespace}");
        let body = self.post_action(&path, "register", PROVIDERS, None).await?;
        Ok(ProviderStatus::from_wire(decode(body, &path)?, namespace))
    }

    /// Lists the subscriptions that the caller can see.
    ///
    /// # Errors
    ///
    /// When Azure refuses.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, Error> {
        let path = "/subscriptions";
        let items = self.list(path, SUBSCRIPTIONS).await?;
        items
            .into_iter()
            .map(|item| decode(item, path).map(subscription))
            .collect()
    }
}

fn subscription(wire: WireSubscription) -> Subscription {
    Subscription {
        id: wire.subscription_id.unwrap_or_default(),
        name: wire.display_name.unwrap_or_default(),
        state: wire.state.unwrap_or_default(),
        tenant_id: wire.tenant_id.unwrap_or_default(),
    }
}

fn decode<T: serde::de::DeserializeOwned>(body: Value, path: &str) -> Result<T, Error> {
    serde_json::from_value(body).map_err(|_| {
        Error::invalid(format!(
            "the answer about `{path}` has fields of another kind than ARM's"
        ))
    })
}
