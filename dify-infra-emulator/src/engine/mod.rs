//! The machinery under the providers: reads, writes, operations and the passing of time.

pub(crate) mod act;
pub(crate) mod groups;
pub(crate) mod operations;
pub(crate) mod read;
pub(crate) mod tags;
pub(crate) mod time;
pub(crate) mod view;
pub(crate) mod world;
pub(crate) mod write;

use crate::settings::Settings;
use crate::store::Store;

/// The emulated cloud: what it remembers and how it is set.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    /// How the operation that the current request begins will fail, if a test asked for it.
    pub(crate) planned_failure: Option<(String, String)>,
}
