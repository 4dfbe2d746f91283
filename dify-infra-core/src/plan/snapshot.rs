//! What was seen in Azure before planning.

use std::collections::BTreeMap;

use serde_json::Value;

use super::DnsAnswer;
use crate::resource::ResourceId;

/// What is known of one resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Azure says that it does not exist.
    Absent,
    /// Its GET answer. Of a job execution: an object with `image`, `status` and `execution`.
    Present(Value),
    /// It could not be read, and why, as a sentence.
    Unreadable(String),
}

/// A resource that the group lists and the graph may not know.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedResource {
    /// Its id.
    pub id: ResourceId,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Everything that was seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    resources: BTreeMap<ResourceId, Observed>,
    listed: Vec<ListedResource>,
    files: BTreeMap<ResourceId, BTreeMap<String, String>>,
    deleted: BTreeMap<ResourceId, Value>,
    dns: BTreeMap<String, DnsAnswer>,
}

impl Snapshot {
    /// A snapshot in which nothing was seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records what was seen of a resource.
    pub fn insert(&mut self, id: ResourceId, observed: Observed) {
        self.resources.insert(id, observed);
    }

    /// Records the resources of the group that carry our tag.
    pub fn set_listed(&mut self, listed: Vec<ListedResource>) {
        self.listed = listed;
    }

    /// Records the rendered files that an app holds now, by secret name; only known when the
    /// caller may read the app's secrets.
    pub fn set_files(&mut self, id: ResourceId, files: BTreeMap<String, String>) {
        self.files.insert(id, files);
    }

    /// Records what Azure says of a resource that was deleted and whose name it still holds: a key
    /// vault's `deletedVaults` answer.
    pub fn set_deleted(&mut self, id: ResourceId, body: Value) {
        self.deleted.insert(id, body);
    }

    /// What Azure says of a deleted resource whose name it still holds.
    pub fn deleted(&self, id: &ResourceId) -> Option<&Value> {
        self.deleted.get(id)
    }

    /// Records what was learnt of a name that is to be put on an app.
    pub fn set_dns(&mut self, host: &str, answer: DnsAnswer) {
        self.dns.insert(host.to_ascii_lowercase(), answer);
    }

    /// What was learnt of a name.
    pub fn dns(&self, host: &str) -> Option<&DnsAnswer> {
        self.dns.get(&host.to_ascii_lowercase())
    }

    /// Everything that was learnt of names, by name.
    pub fn names(&self) -> impl Iterator<Item = (&str, &DnsAnswer)> {
        self.dns
            .iter()
            .map(|(host, answer)| (host.as_str(), answer))
    }

    /// What was seen of a resource.
    pub fn get(&self, id: &ResourceId) -> Option<&Observed> {
        self.resources.get(id)
    }

    /// The GET answer of a resource, when it is there.
    pub fn body(&self, id: &ResourceId) -> Option<&Value> {
        match self.get(id) {
            Some(Observed::Present(body)) => Some(body),
            _ => None,
        }
    }

    /// The resources of the group that carry our tag.
    pub fn listed(&self) -> &[ListedResource] {
        &self.listed
    }

    /// The text of a rendered file that an app holds now.
    pub fn file(&self, id: &ResourceId, secret: &str) -> Option<&str> {
        self.files.get(id)?.get(secret).map(String::as_str)
    }

    /// The text at a JSON pointer of a resource's GET answer.
    pub fn output(&self, id: &ResourceId, pointer: &str) -> Option<String> {
        match self.body(id)?.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Everything that was seen, by id.
    pub fn resources(&self) -> impl Iterator<Item = (&ResourceId, &Observed)> {
        self.resources.iter()
    }
}
