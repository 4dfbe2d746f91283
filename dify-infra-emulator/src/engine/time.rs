//! The passing of time: what operations do when they end.

use jiff::Timestamp;

use crate::blob;
use crate::deployments;
use crate::engine::Cloud;
use crate::engine::operations::Begin;
use crate::provider::{self, Effects};
use crate::store::model::{Change, Operation, Outcome, Phase, Registration, Resource, Work};

impl Cloud {
    /// Ends every operation whose time has come, the earliest first.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        while let Some(operation) = self.next_due(now) {
            let at = operation.ends;
            self.end(operation);
            deployments::run::drive(self, at);
        }
    }

    fn next_due(&self, now: Timestamp) -> Option<Operation> {
        let due = self
            .store
            .running()
            .filter(|operation| operation.ends <= now);
        due.min_by(|a, b| a.ends.cmp(&b.ends).then_with(|| a.id.cmp(&b.id)))
            .cloned()
    }

    fn end(&mut self, mut operation: Operation) {
        let failure = operation.planned_failure.take();
        let judged = |cloud: &Self| {
            cloud
                .fails(&operation)
                .or_else(|| cloud.late_failure(&operation))
        };
        operation.outcome = match failure.or_else(|| judged(self)) {
            Some((code, message)) => Outcome::Failed { code, message },
            None => Outcome::Succeeded,
        };
        let key = operation.id.clone();
        self.store
            .apply(Change::Operation(key, Some(operation.clone())));
        let failed = operation.outcome != Outcome::Succeeded;
        match operation.work {
            Work::Create | Work::Update => self.end_write(&operation, failed),
            Work::Delete if failed => self.set_phase(&operation, Phase::Failed),
            Work::Delete => self.end_delete(&operation),
            Work::DeleteGroup => self.end_group(&operation, failed),
            Work::Register if !failed => self.end_registration(&operation),
            Work::Register | Work::Act | Work::Rest => {}
        }
    }

    /// Why a write fails by its provider's own judgement, when it does.
    fn fails(&self, operation: &Operation) -> Option<(String, String)> {
        if operation.work != Work::Create {
            return None;
        }
        let resource = self.target(operation)?;
        let provider = provider::find(&resource.id.type_name())?;
        provider.ends_badly(self.world(operation.ends), &resource)
    }

    /// What a provider finds wrong only after it has taken a write.
    fn late_failure(&self, operation: &Operation) -> Option<(String, String)> {
        let is_write = matches!(operation.work, Work::Create | Work::Update);
        let resource = self.target(operation).filter(|_| is_write)?;
        let provider = provider::find(&resource.id.type_name())?;
        provider.late_failure(self.world(operation.started), &resource)
    }

    fn target(&self, operation: &Operation) -> Option<Resource> {
        operation
            .resource
            .as_ref()
            .and_then(|id| self.store.resource(id))
            .cloned()
    }

    fn end_write(&mut self, operation: &Operation, failed: bool) {
        let Some(mut resource) = self.target(operation) else {
            return;
        };
        resource.operation = None;
        resource.modified = operation.ends;
        if failed {
            self.end_failed_write(operation, resource);
            return;
        }
        if let Some(next) = resource.next.take() {
            resource.desired = next.desired;
            resource.secrets = next.secrets;
        }
        resource.phase = Phase::Succeeded;
        self.finish(resource, operation.ends);
        self.rest_after(operation);
    }

    /// Lets the provider complete a resource, and applies what follows from it.
    pub(crate) fn finish(&mut self, mut resource: Resource, at: Timestamp) {
        let effects = match provider::find(&resource.id.type_name()) {
            Some(provider) => provider.finished(self.world(at), &mut resource),
            None => Effects::default(),
        };
        self.store
            .apply(Change::Resource(resource.id.key(), Some(resource)));
        self.apply_effects(effects);
    }

    /// Applies what follows for other resources.
    pub(crate) fn apply_effects(&mut self, effects: Effects) {
        for resource in effects.resources {
            self.store
                .apply(Change::Resource(resource.id.key(), Some(resource)));
        }
        for key in effects.removed {
            self.store.apply(Change::Resource(key, None));
        }
        for (key, reservation) in effects.reservations {
            self.store.apply(Change::Reservation(key, reservation));
        }
    }

    fn end_failed_write(&mut self, operation: &Operation, mut resource: Resource) {
        let hidden = resource.next.take().is_some();
        let key = resource.id.key();
        let gone = provider::find(&resource.id.type_name())
            .is_some_and(|provider| provider.definition().gone_on_failure);
        if (hidden || gone) && operation.work == Work::Create {
            self.store.apply(Change::Resource(key, None));
            return;
        }
        // a change that was not visible yet leaves the old version as it was
        resource.phase = if hidden {
            Phase::Succeeded
        } else {
            Phase::Failed
        };
        self.store.apply(Change::Resource(key, Some(resource)));
    }

    /// Some providers stay busy for a moment after they reported success.
    fn rest_after(&mut self, operation: &Operation) {
        let Some(id) = &operation.resource else {
            return;
        };
        let seconds =
            provider::find(&id.type_name()).map_or(0.0, |p| p.definition().rest_after_create);
        if operation.work == Work::Create && seconds > 0.0 {
            let begin = Begin {
                work: Work::Rest,
                target: operation.target.clone(),
                resource: Some(id.clone()),
                lane: operation.lane.clone(),
                seconds,
                result: None,
            };
            self.begin(operation.ends, begin);
        }
    }

    fn set_phase(&mut self, operation: &Operation, phase: Phase) {
        if let Some(mut resource) = self.target(operation) {
            resource.phase = phase;
            resource.operation = None;
            self.store
                .apply(Change::Resource(resource.id.key(), Some(resource)));
        }
    }

    fn end_delete(&mut self, operation: &Operation) {
        if let Some(resource) = self.target(operation) {
            self.remove(&resource, operation.ends);
        }
    }

    /// Removes a resource and its children, at once.
    pub(crate) fn remove(&mut self, resource: &Resource, at: Timestamp) {
        if let Some(provider) = provider::find(&resource.id.type_name()) {
            let effects = provider.deleted(self.world(at), resource);
            self.apply_effects(effects);
        }
        self.remove_below(&format!("{}/", resource.id.key()));
        blob::remove_with(&mut self.store, &resource.id);
        self.store.apply(Change::Resource(resource.id.key(), None));
    }

    fn remove_below(&mut self, prefix: &str) {
        let keys: Vec<String> = self
            .store
            .resources_below(prefix)
            .map(|resource| resource.id.key())
            .collect();
        for key in keys {
            self.store.apply(Change::Resource(key, None));
        }
    }

    fn end_group(&mut self, operation: &Operation, failed: bool) {
        if failed {
            if let Some(mut group) = self.store.group(&operation.target).cloned() {
                group.deleting = false;
                self.store
                    .apply(Change::Group(operation.target.clone(), Some(group)));
            }
            return;
        }
        let prefix = format!("{}/", operation.target);
        let roots: Vec<Resource> = self
            .store
            .resources_below(&prefix)
            .filter(|resource| resource.id.parent().is_none())
            .cloned()
            .collect();
        for resource in &roots {
            self.remove(resource, operation.ends);
        }
        self.remove_below(&prefix);
        let deployments: Vec<String> = self
            .store
            .deployments()
            .filter(|deployment| deployment.id.group_key() == operation.target)
            .map(|deployment| deployment.id.key())
            .collect();
        for key in deployments {
            self.store.apply(Change::Deployment(key, None));
        }
        self.store
            .apply(Change::Group(operation.target.clone(), None));
    }

    fn end_registration(&mut self, operation: &Operation) {
        if let Some(found) = self.store.registration(&operation.target) {
            let registered = Registration {
                registered: true,
                ..found.clone()
            };
            self.store
                .apply(Change::Registration(operation.target.clone(), registered));
        }
    }
}
