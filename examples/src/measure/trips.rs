//! Counting requests, and those that waited for another.

use std::sync::{Mutex, PoisonError};

use dify_infra_azure::arm::{RequestEvent, RequestObserver};
use tokio::time::Instant;

/// Remembers when each request began and ended.
#[derive(Debug, Default)]
pub struct Trips(Mutex<Vec<(Instant, Instant)>>);

impl RequestObserver for Trips {
    fn request_ended(&self, event: &RequestEvent<'_>) {
        let ended = event.started + event.elapsed;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((event.started, ended));
    }
}

impl Trips {
    /// Forgets all requests.
    pub fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The most requests of which each began only after the one before had ended.
    pub fn sequential(&self) -> usize {
        let mut requests = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // Taking the one that ends first each time leaves the most room for the rest.
        requests.sort_by_key(|(_, ended)| *ended);
        let mut free: Option<Instant> = None;
        let mut count = 0;
        for (started, ended) in requests {
            if free.is_none_or(|free| started >= free) {
                free = Some(ended);
                count += 1;
            }
        }
        count
    }
}
