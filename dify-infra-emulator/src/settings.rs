//! The options of an emulator, as its parts read them.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arm::call::Call;
use crate::dns::Dns;
use crate::random::Dice;

/// How the emulated cloud words its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Answers are worded one way, always.
    #[default]
    Plain,
    /// Answers are as unpleasant as Azure's may be: ids in another case, lists in another order on
    /// every GET, nulls and empty lists for what is not set, relative `Location` headers. What is
    /// done is a function of the seed and of the number of the request.
    Noisy,
}

/// How executions of jobs end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// Every execution succeeds.
    #[default]
    Succeeded,
    /// Every execution fails.
    Failed,
}

/// A kind of name that is unique over all of Azure, or over a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NameKind {
    /// Storage accounts: `<name>.blob.core.windows.net`.
    StorageAccount,
    /// PostgreSQL flexible servers: `<name>.postgres.database.azure.com`.
    PostgresServer,
    /// Azure Managed Redis: `<name>.<region>.redis.azure.net`.
    ManagedRedis,
    /// Key vaults: `<name>.vault.azure.net`.
    KeyVault,
    /// Container registries: `<name>.azurecr.io`.
    ContainerRegistry,
}

/// Which resource providers are registered when the emulator starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Registered {
    /// All of them.
    #[default]
    All,
    /// None but `Microsoft.Resources`.
    None,
    /// These namespaces, for example `Microsoft.App`.
    Only(Vec<String>),
}

impl From<bool> for Registered {
    fn from(all: bool) -> Self {
        if all { Self::All } else { Self::None }
    }
}

impl<S: Into<String>> FromIterator<S> for Registered {
    fn from_iter<I: IntoIterator<Item = S>>(namespaces: I) -> Self {
        Self::Only(namespaces.into_iter().map(Into::into).collect())
    }
}

impl Registered {
    /// Whether a namespace is registered from the start.
    pub(crate) fn includes(&self, namespace: &str) -> bool {
        namespace.eq_ignore_ascii_case("Microsoft.Resources")
            || namespace.eq_ignore_ascii_case("Microsoft.Authorization")
            || match self {
                Self::All => true,
                Self::None => false,
                Self::Only(list) => list.iter().any(|item| item.eq_ignore_ascii_case(namespace)),
            }
    }
}

/// A subscription of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The options of an emulator.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The subscriptions of the tenant; there is always a first one.
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) tenant: String,
    pub(crate) time_scale: f64,
    pub(crate) dice: Dice,
    pub(crate) registered: Registered,
    pub(crate) dialect: Dialect,
    pub(crate) page_size: usize,
    pub(crate) taken: BTreeSet<(NameKind, String)>,
    pub(crate) job_outcome: JobOutcome,
    pub(crate) permissions: Vec<Value>,
    /// Whether an image that its registry does not have stops an app.
    pub(crate) checks_images: bool,
    /// Whether requests that the permissions do not have are refused.
    pub(crate) enforces_permissions: bool,
    /// Seconds for which a token is good.
    pub(crate) token_seconds: i64,
    /// The public DNS.
    pub(crate) dns: Dns,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subscriptions: vec![Subscription {
                id: crate::DEFAULT_SUBSCRIPTION.to_owned(),
                name: "Embedded Azure".to_owned(),
            }],
            tenant: crate::DEFAULT_TENANT.to_owned(),
            time_scale: 1.0,
            dice: Dice::new(0),
            registered: Registered::All,
            dialect: Dialect::Plain,
            page_size: 100,
            taken: BTreeSet::new(),
            job_outcome: JobOutcome::Succeeded,
            permissions: vec![permission(&["*"], &[])],
            checks_images: false,
            enforces_permissions: false,
            // as for a service principal in Azure
            token_seconds: 3600,
            dns: Dns::default(),
        }
    }
}

/// An entry of the permissions list.
pub(crate) fn permission(actions: &[&str], not_actions: &[&str]) -> Value {
    json!({
        "actions": actions,
        "notActions": not_actions,
        "dataActions": [],
        "notDataActions": [],
    })
}

impl Settings {
    /// The subscription of an id.
    pub(crate) fn subscription(&self, id: &str) -> Option<&Subscription> {
        let mut all = self.subscriptions.iter();
        all.find(|one| one.id.eq_ignore_ascii_case(id))
    }

    /// The subscription that a request is about: the first one where its path names none that is there.
    pub(crate) fn subscription_of(&self, call: &Call) -> &Subscription {
        let named = match call.segments.as_slice() {
            [first, id, ..] if first.eq_ignore_ascii_case("subscriptions") => self.subscription(id),
            _ => None,
        };
        named.unwrap_or(&self.subscriptions[0])
    }

    /// A duration of the real cloud in the time of this one.
    pub(crate) fn scaled(&self, seconds: f64) -> SignedDuration {
        // the scale is checked at build time to be positive, so this is finite and not negative
        SignedDuration::try_from_secs_f64(seconds / self.time_scale).unwrap_or(SignedDuration::ZERO)
    }

    /// A duration of the real cloud with up to a tenth more or less, by purpose.
    pub(crate) fn jittered(&self, seconds: f64, purpose: &str) -> SignedDuration {
        let factor = 0.9 + 0.2 * self.dice.fraction(&format!("duration/{purpose}"));
        self.scaled(seconds * factor)
    }
}

/// How long a client should wait between two looks at something that takes this long: a tenth,
/// at least 5 ms and at most 15 s.
pub(crate) fn poll_hint(duration: SignedDuration) -> SignedDuration {
    let tenth = duration / 10;
    tenth.clamp(
        SignedDuration::from_millis(5),
        SignedDuration::from_secs(15),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poll_hint_is_a_tenth_within_its_bounds() {
        assert_eq!(
            poll_hint(SignedDuration::from_secs(60)),
            SignedDuration::from_secs(6)
        );
        assert_eq!(
            poll_hint(SignedDuration::from_secs(600)),
            SignedDuration::from_secs(15)
        );
        assert_eq!(
            poll_hint(SignedDuration::from_millis(3)),
            SignedDuration::from_millis(5)
        );
    }

    #[test]
    fn durations_are_divided_by_the_scale() {
        let settings = Settings {
            time_scale: 100.0,
            ..Settings::default()
        };
        assert_eq!(settings.scaled(300.0), SignedDuration::from_secs(3));
        let jittered = settings.jittered(300.0, "x").as_secs_f64();
        assert!((2.7..=3.3).contains(&jittered), "{jittered}");
    }

    #[test]
    fn registration_can_be_all_none_or_a_list() {
        assert!(Registered::from(true).includes("Microsoft.App"));
        assert!(!Registered::from(false).includes("Microsoft.App"));
        assert!(Registered::from(false).includes("microsoft.resources"));
        let list: Registered = ["Microsoft.App"].into_iter().collect();
        assert!(list.includes("microsoft.app") && !list.includes("Microsoft.Cache"));
    }
}
