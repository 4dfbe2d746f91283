//! What happens during a run, as it happens.

use std::time::Duration;

use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;

/// Something that happened to one resource.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The resource is part of the run; told for all of them before anything starts.
    Planned {
        /// The resource.
        id: ResourceId,
        /// What will happen to it.
        action: Action,
    },
    /// The resource waits; told again whenever what it waits for changes.
    Waiting {
        /// The resource.
        id: ResourceId,
        /// What it waits for.
        on: Vec<ResourceId>,
    },
    /// Work on the resource starts.
    Started {
        /// The resource.
        id: ResourceId,
        /// What happens to it.
        action: Action,
    },
    /// Azure says how far it is.
    Progress {
        /// The resource.
        id: ResourceId,
        /// Azure's word, as `InProgress`.
        state: String,
    },
    /// The resource is as wanted.
    Finished {
        /// The resource.
        id: ResourceId,
        /// Time since it started.
        elapsed: Duration,
    },
    /// The resource could not be brought to what is wanted.
    Failed {
        /// The resource.
        id: ResourceId,
        /// Why, with the remedy.
        message: String,
    },
    /// The resource was not touched, since something it needs failed or the run was cancelled.
    Skipped {
        /// The resource.
        id: ResourceId,
        /// Why.
        because: String,
    },
}

/// Receives the events of a run. Called on the task that runs the work, so it must be quick.
pub trait EventSink: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> EventSink for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}
