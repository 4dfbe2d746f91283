//! What the emulated cloud remembers, in memory and, if asked for, on disk.

pub(crate) mod blob;
pub(crate) mod deployment;
pub(crate) mod disk;
pub(crate) mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::arm::id::ResourceId;
use crate::error::EmulatorError;
use crate::store::blob::Blob;
use crate::store::deployment::{Deployment, Progress};
use crate::store::disk::{Disk, SecretLine};
use crate::store::model::{
    Change, Group, Operation, Registration, Reservation, Resource, SecretValue,
};

/// Finished operations that are kept for clients that still poll them.
const FINISHED_OPERATIONS: usize = 4096;

/// All state: tables by key, and the changes that the disk does not have yet.
#[derive(Debug, Default)]
pub(crate) struct Store {
    groups: BTreeMap<String, Group>,
    resources: BTreeMap<String, Resource>,
    operations: BTreeMap<String, Operation>,
    /// Ids of the operations that still run.
    running: BTreeSet<String>,
    /// Ids of the operations that ended, the oldest first.
    finished: std::collections::VecDeque<String>,
    registrations: BTreeMap<String, Registration>,
    reservations: BTreeMap<String, Reservation>,
    deployments: BTreeMap<String, Deployment>,
    /// By account, container and name.
    blobs: BTreeMap<String, Blob>,
    secrets: BTreeMap<u64, SecretValue>,
    counter: u64,
    pending: Vec<Change>,
    pending_secrets: Vec<SecretLine>,
    disk: Option<Disk>,
}

impl Store {
    /// Opens the state in a directory, or an empty state that lives in memory.
    pub(crate) fn open(directory: Option<&Path>) -> Result<Self, EmulatorError> {
        let mut store = Self::default();
        let Some(directory) = directory else {
            return Ok(store);
        };
        let (disk, saved) = Disk::open(directory)?;
        for line in saved.lines {
            store.counter = store.counter.max(line.counter);
            line.changes
                .into_iter()
                .for_each(|change| store.take_in(change));
        }
        store.secrets = saved.secrets;
        store.forget_unused_secrets();
        store.disk = Some(disk);
        store.compact()?;
        Ok(store)
    }

    /// A number that was never given out before, also not before a restart.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The number that comes next; a request that is refused does not take it.
    pub(crate) fn peek_number(&self) -> u64 {
        self.counter + 1
    }

    /// Makes a change; the disk has it after the next [`commit`](Self::commit).
    pub(crate) fn apply(&mut self, change: Change) {
        if self.disk.is_some() {
            self.pending.push(change.clone());
        }
        self.take_in(change);
    }

    /// Keeps a secret value and returns the number under which it is found.
    pub(crate) fn keep_secret(&mut self, value: SecretValue) -> u64 {
        let number = self.next_number();
        if self.disk.is_some() {
            self.pending_secrets.push(SecretLine {
                number,
                value: value.clone(),
            });
        }
        self.secrets.insert(number, value);
        number
    }

    /// Writes the pending changes as one line. The secret values go first, so that no resource on
    /// disk ever names a value that is not there.
    ///
    /// # Errors
    ///
    /// When a file of the state directory cannot be written.
    pub(crate) fn commit(&mut self) -> Result<(), EmulatorError> {
        let changes = std::mem::take(&mut self.pending);
        let secrets = std::mem::take(&mut self.pending_secrets);
        match &mut self.disk {
            Some(disk) if !changes.is_empty() || !secrets.is_empty() => {
                disk.append(&secrets, changes, self.counter)
            }
            _ => Ok(()),
        }
    }

    fn compact(&mut self) -> Result<(), EmulatorError> {
        let changes = self.snapshot();
        match &mut self.disk {
            Some(disk) => disk.rewrite(&self.secrets, changes, self.counter),
            None => Ok(()),
        }
    }

    fn snapshot(&self) -> Vec<Change> {
        let keyed = |key: &String| key.clone();
        let groups = self
            .groups
            .iter()
            .map(|(k, v)| Change::Group(keyed(k), Some(v.clone())));
        let resources = self
            .resources
            .values()
            .map(|v| Change::Resource(v.id.key(), Some(v.clone())));
        let operations = self
            .operations
            .iter()
            .map(|(k, v)| Change::Operation(keyed(k), Some(v.clone())));
        let registrations = self
            .registrations
            .iter()
            .map(|(k, v)| Change::Registration(keyed(k), v.clone()));
        let reservations = self
            .reservations
            .iter()
            .map(|(k, v)| Change::Reservation(keyed(k), Some(v.clone())));
        let deployments = self
            .deployments
            .iter()
            .map(|(k, v)| Change::Deployment(keyed(k), Some(Box::new(v.clone()))));
        let blobs = self
            .blobs
            .iter()
            .map(|(k, v)| Change::Blob(keyed(k), Some(Box::new(v.clone()))));
        groups
            .chain(blobs)
            .chain(deployments)
            .chain(resources)
            .chain(operations)
            .chain(registrations)
            .chain(reservations)
            .collect()
    }

    fn forget_unused_secrets(&mut self) {
        let of_resources = self.resources.values().flat_map(|resource| {
            let next = resource.next.iter().flat_map(|next| next.secrets.values());
            resource.secrets.values().chain(next)
        });
        let of_reservations = self
            .reservations
            .values()
            .flat_map(|held| held.secrets.values());
        let of_deployments = self.deployments.values().flat_map(Deployment::secrets);
        let used: BTreeSet<u64> = of_resources
            .chain(of_reservations)
            .copied()
            .chain(of_deployments)
            .collect();
        self.secrets.retain(|number, _| used.contains(number));
    }

    fn take_in(&mut self, change: Change) {
        match change {
            Change::Group(key, value) => put(&mut self.groups, key, value),
            Change::Resource(key, value) => put(&mut self.resources, key, value),
            Change::Operation(key, value) => self.take_in_operation(key, value),
            Change::Registration(key, value) => {
                self.registrations.insert(key, value);
            }
            Change::Reservation(key, value) => put(&mut self.reservations, key, value),
            Change::Blob(key, value) => put(&mut self.blobs, key, value.map(|blob| *blob)),
            Change::Deployment(key, value) => {
                put(&mut self.deployments, key, value.map(|value| *value));
            }
        }
    }

    fn take_in_operation(&mut self, key: String, value: Option<Operation>) {
        let runs = value.as_ref().is_some_and(Operation::is_running);
        if runs {
            self.running.insert(key.clone());
        } else if self.running.remove(&key) || !self.operations.contains_key(&key) {
            self.finished.push_back(key.clone());
        }
        put(&mut self.operations, key, value);
        while self.finished.len() > FINISHED_OPERATIONS {
            if let Some(oldest) = self.finished.pop_front() {
                self.operations.remove(&oldest);
            }
        }
    }

    // ---- reading ----

    /// A resource group.
    pub(crate) fn group(&self, key: &str) -> Option<&Group> {
        self.groups.get(key)
    }

    /// All resource groups of a subscription, by name.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// A resource, also one that clients can't see yet.
    pub(crate) fn resource(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.get(&id.key())
    }

    /// All resources whose key begins with a prefix.
    pub(crate) fn resources_below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = &'a Resource> + 'a {
        let range = self.resources.range(prefix.to_owned()..);
        range
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, resource)| resource)
    }

    /// Every resource.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    /// The direct children of one type.
    pub(crate) fn children<'a>(
        &'a self,
        parent: &ResourceId,
        kind: &str,
    ) -> impl Iterator<Item = &'a Resource> + 'a {
        let prefix = format!("{}/{}/", parent.key(), kind.to_ascii_lowercase());
        let range = self.resources.range(prefix.clone()..);
        range
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, resource)| resource)
            .filter({
                let parent = parent.key();
                move |child| child.id.parent().is_some_and(|own| own.key() == parent)
            })
    }

    /// An operation, running or ended.
    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.get(id)
    }

    /// A deployment of a template, by its key.
    pub(crate) fn deployment(&self, key: &str) -> Option<&Deployment> {
        self.deployments.get(key)
    }

    /// All deployments of templates, by key.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments.values()
    }

    /// The keys of the deployments that still run.
    pub(crate) fn running_deployments(&self) -> Vec<String> {
        let running = self
            .deployments
            .iter()
            .filter(|(_, deployment)| deployment.progress == Progress::Running);
        running.map(|(key, _)| key.clone()).collect()
    }

    /// Whether the state is kept in a directory.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// The same state once more, in memory alone.
    pub(crate) fn fork(&self) -> Self {
        Self {
            groups: self.groups.clone(),
            resources: self.resources.clone(),
            operations: self.operations.clone(),
            running: self.running.clone(),
            finished: self.finished.clone(),
            registrations: self.registrations.clone(),
            reservations: self.reservations.clone(),
            deployments: self.deployments.clone(),
            blobs: self.blobs.clone(),
            secrets: self.secrets.clone(),
            counter: self.counter,
            pending: Vec::new(),
            pending_secrets: Vec::new(),
            disk: None,
        }
    }

    /// The operations that still run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Operation> {
        self.running.iter().filter_map(|id| self.operations.get(id))
    }

    /// The registration of a provider that was asked for, by lower-case namespace.
    pub(crate) fn registration(&self, namespace: &str) -> Option<&Registration> {
        self.registrations.get(namespace)
    }

    /// What is held for the deleted resource of a key.
    pub(crate) fn reservations(&self) -> impl Iterator<Item = (&String, &Reservation)> {
        self.reservations.iter()
    }

    pub(crate) fn reservation(&self, key: &str) -> Option<&Reservation> {
        self.reservations.get(key)
    }

    /// A blob, by `account/container/name`.
    pub(crate) fn blob(&self, key: &str) -> Option<&Blob> {
        self.blobs.get(key)
    }

    /// All blobs whose key begins with a prefix.
    pub(crate) fn blobs_below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a Blob)> + 'a {
        let range = self.blobs.range(prefix.to_owned()..);
        range.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// A secret value.
    pub(crate) fn secret(&self, number: u64) -> Option<&SecretValue> {
        self.secrets.get(&number)
    }
}

fn put<T>(table: &mut BTreeMap<String, T>, key: String, value: Option<T>) {
    match value {
        Some(value) => {
            table.insert(key, value);
        }
        None => {
            table.remove(&key);
        }
    }
}
