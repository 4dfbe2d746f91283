//! The blob data plane: containers, block blobs, leases and conditions, as Azurite and Azure do them.
//!
//! An account is reached by path (`/account/container/blob`, as in Azurite) or by host
//! (`account.blob.…`). Containers are those of Resource Manager: what is made on one side is seen
//! on the other. Page and append blobs, copies, snapshots, versions and tiers are not here.
//!
//! Sources: learn.microsoft.com rest/api/storageservices (`put-blob`, `get-blob`, `lease-blob`,
//! `lease-container`, `put-block-list`, `list-blobs`, `status-and-error-codes2`), and Azurite, whose
//! answers to the same calls the project's tests compare.

mod access;
mod block;
mod conditions;
mod container;
mod error;
mod lease;
mod list;
mod object;
mod xml;

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::id::ResourceId;
use crate::engine::Cloud;
use crate::store::Store;
use crate::store::model::{Change, Phase, Resource};

pub(crate) use crate::blob::error::BlobError;

/// The newest version of the protocol that is spoken here.
const VERSION: &str = "2021-12-02";

/// A request to the data plane.
pub(crate) struct BlobCall<'a> {
    call: &'a Call,
    /// The account's id.
    account: ResourceId,
    container: Option<String>,
    blob: Option<String>,
}

impl BlobCall<'_> {
    fn account_name(&self) -> &str {
        self.account.name()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.call.header(name).filter(|text| !text.is_empty())
    }

    fn query(&self, name: &str) -> &str {
        self.call.query(name).unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.call.now
    }

    fn container_name(&self) -> &str {
        self.container.as_deref().unwrap_or_default()
    }

    fn container_id(&self) -> ResourceId {
        self.account
            .child("blobServices", "default")
            .child("containers", self.container_name())
    }

    /// The key of the blob in the store.
    fn key(&self) -> String {
        let blob = self.blob.as_deref().unwrap_or_default();
        format!("{}{blob}", self.prefix())
    }

    /// What the keys of all blobs of the container begin with.
    fn prefix(&self) -> String {
        format!("{}/{}/", self.account_name(), self.container_name())
    }

    /// Metadata in headers, by lower-case name.
    fn metadata(&self) -> BTreeMap<String, String> {
        let headers = self.call.headers.iter();
        headers
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix("x-ms-meta-")?;
                Some((name.to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect()
    }

    /// An entity tag that was never given out before.
    fn new_etag(&self) -> String {
        let time = u64::try_from(self.now().subsec_nanosecond()).unwrap_or(0);
        let number = self.call.number.wrapping_mul(0x1_0000) ^ time;
        format!("\"0x{number:015X}\"")
    }
}

/// Answers a request to the data plane; none when the request is for something else.
pub(crate) fn answer(cloud: &mut Cloud, call: &Call) -> Option<Answer> {
    let first = call.segments.first().map_or("", String::as_str);
    if ["subscriptions", "tenants", "providers"]
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
    {
        return None;
    }
    let request = taken_apart(cloud, call)?;
    let answer = access::check(cloud, &request)
        .and_then(|()| routed(cloud, &request))
        .unwrap_or_else(|error| error.into_answer(call));
    let version = request.header("x-ms-version").unwrap_or(VERSION).to_owned();
    Some(
        answer
            .header("x-ms-version", version)
            .header("date", http_date(call.now)),
    )
}

/// Takes the address apart: by host if it names an account, else by path.
fn taken_apart<'a>(cloud: &Cloud, call: &'a Call) -> Option<BlobCall<'a>> {
    let host = call.base.split("://").nth(1).unwrap_or_default();
    let by_host = host.split_once(".blob.").map(|(account, _)| account);
    let mut segments = call.segments.iter().map(String::as_str);
    let account = match by_host {
        Some(account) => account,
        None => segments.next()?,
    };
    let id = account_of(cloud, account)?;
    let container = segments.next().map(str::to_owned);
    let rest: Vec<&str> = segments.collect();
    Some(BlobCall {
        call,
        account: id,
        container,
        blob: (!rest.is_empty()).then(|| rest.join("/")),
    })
}

fn account_of(cloud: &Cloud, name: &str) -> Option<ResourceId> {
    let found = cloud.store.resources().find(|resource| {
        resource.id.name() == name
            && resource.id.type_name() == "Microsoft.Storage/storageAccounts"
            && resource.phase != Phase::Creating
    });
    found.map(|account| account.id.clone())
}

fn routed(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    match (&request.container, &request.blob) {
        (None, _) => list::account(cloud, request),
        (Some(_), None) => container::answer(cloud, request),
        (Some(_), Some(_)) => object::answer(cloud, request),
    }
}

/// The container of a request, which must be there.
fn container_of(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Resource, BlobError> {
    let found = cloud.store.resource(&request.container_id()).cloned();
    found.ok_or(error::CONTAINER_NOT_FOUND)
}

/// Removes the blobs of an account or a container that goes away.
pub(crate) fn remove_with(store: &mut Store, id: &ResourceId) {
    let prefix = match id.type_name().as_str() {
        "Microsoft.Storage/storageAccounts" => format!("{}/", id.name()),
        "Microsoft.Storage/storageAccounts/blobServices/containers" => {
            format!("{}/{}/", id.root_name(), id.name())
        }
        _ => return,
    };
    let keys: Vec<String> = store
        .blobs_below(&prefix)
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        store.apply(Change::Blob(key, None));
    }
}

/// A time as HTTP headers have it.
fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn accepted(status: u16) -> Answer {
    Answer::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
}
