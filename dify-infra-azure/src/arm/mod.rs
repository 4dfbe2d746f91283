//! Azure Resource Manager: one client, its long-running operations and its errors.

mod client;
pub(crate) mod codes;
mod error_body;
mod observer;
mod operation;
mod page;
mod poll;
mod provider;
mod remedy;
mod request;
mod send;
#[cfg(test)]
mod tests;

pub use self::client::{ArmClient, ArmClientBuilder};
pub use self::error_body::ArmError;
pub use self::observer::{RequestEvent, RequestObserver};
pub use self::operation::{Operation, PollSchedule, Progress};
pub use self::provider::{ProviderStatus, RegistrationState, ResourceTypeStatus, Subscription};
pub(crate) use self::remedy::remedy;
pub(crate) use self::request::label;
