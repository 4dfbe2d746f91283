//! Containers: the same ones that Resource Manager has.

use http::Method;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::merge::{at, text_at};
use crate::blob::{
    BlobCall, BlobError, accepted, container_of, error, http_date, lease, list, remove_with,
};
use crate::engine::Cloud;
use crate::provider::storage::blob::check_container_name;
use crate::store::blob::Lease;
use crate::store::model::{Change, Resource};

/// Answers a request for a container.
pub(crate) fn answer(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    if request.query("restype") != "container" {
        // without it the path would be a blob of the root container, which is not here
        return Err(error::UNSUPPORTED);
    }
    match (request.call.method.as_str(), request.query("comp")) {
        ("PUT", "") => create(cloud, request),
        ("GET" | "HEAD", "" | "metadata") => properties(cloud, request),
        ("DELETE", "") => delete(cloud, request),
        ("PUT", "metadata") => set_metadata(cloud, request),
        ("PUT", "lease") => act_on_lease(cloud, request),
        ("GET", "list") => list::blobs(cloud, request),
        (_, "" | "metadata" | "lease" | "list") => Err(error::METHOD),
        _ => Err(error::UNSUPPORTED),
    }
}

fn create(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    if check_container_name(request.container_name()).is_err() {
        return Err(error::INVALID_RESOURCE_NAME);
    }
    if container_of(cloud, request).is_ok() {
        return Err(error::CONTAINER_EXISTS);
    }
    let public = match request.header("x-ms-blob-public-access") {
        Some("container") => "Container",
        Some("blob") => "Blob",
        None => "None",
        Some(_) => return Err(error::INVALID_HEADER),
    };
    let body = json!({ "properties": {
        "publicAccess": public,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": false,
        "metadata": request.metadata(),
    }});
    let container = Resource::complete(request.container_id(), body, request.now());
    Ok(keep(cloud, request, container, request.new_etag()).status(201))
}

/// Keeps a container that was changed.
fn keep(
    cloud: &mut Cloud,
    request: &BlobCall<'_>,
    mut container: Resource,
    etag: String,
) -> Answer {
    let lease = lease_of(&container);
    let state = lease::state_of(lease.as_ref(), request.now());
    container.outputs = json!({
        "etag": etag,
        "properties": {
            "deleted": false,
            "remainingRetentionDays": 0,
            "lastModifiedTime": container.modified.to_string(),
            "leaseStatus": capital(state.status()),
            "leaseState": capital(state.word()),
            "hasImmutabilityPolicy": false,
            "hasLegalHold": false,
        },
    });
    let answer = accepted(200)
        .header("etag", etag)
        .header("last-modified", http_date(container.modified));
    let key = container.id.key();
    cloud.store.apply(Change::Resource(key, Some(container)));
    answer
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// The lease of a container, which is noted beside what Resource Manager knows of it.
pub(crate) fn lease_of(container: &Resource) -> Option<Lease> {
    let noted = container.facts.get("lease")?.clone();
    serde_json::from_value(noted).ok()
}

/// The entity tag of a container.
pub(crate) fn etag_of(container: &Resource) -> &str {
    text_at(&container.outputs, "etag").unwrap_or_default()
}

/// The metadata of a container.
pub(crate) fn metadata_of(container: &Resource) -> Vec<(String, String)> {
    let pairs = at(&container.desired, "properties.metadata").and_then(Value::as_object);
    let pairs = pairs.into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn properties(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let container = container_of(cloud, request)?;
    let lease = lease_of(&container);
    lease::check(request, lease.as_ref(), (false, true))?;
    let mut answer = accepted(200)
        .header("etag", etag_of(&container))
        .header("last-modified", http_date(container.modified))
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-has-legal-hold", "false");
    for (name, value) in metadata_of(&container) {
        answer = answer.named_header(&format!("x-ms-meta-{name}"), value);
    }
    match text_at(&container.desired, "properties.publicAccess") {
        Some("Blob") => answer = answer.header("x-ms-blob-public-access", "blob"),
        Some("Container") => answer = answer.header("x-ms-blob-public-access", "container"),
        _ => {}
    }
    Ok(lease::with_lease(answer, lease.as_ref(), request.now()))
}

fn delete(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let container = container_of(cloud, request)?;
    lease::check(request, lease_of(&container).as_ref(), (true, true))?;
    remove_with(&mut cloud.store, &container.id);
    let gone = Change::Resource(container.id.key(), None);
    cloud.store.apply(gone);
    Ok(accepted(202))
}

fn set_metadata(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let mut container = container_of(cloud, request)?;
    // writes to a container need no lease id; a wrong one is refused all the same
    lease::check(request, lease_of(&container).as_ref(), (false, true))?;
    container.desired["properties"]["metadata"] = json!(request.metadata());
    container.modified = request.now();
    Ok(keep(cloud, request, container, request.new_etag()))
}

fn act_on_lease(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let mut container = container_of(cloud, request)?;
    let dice = cloud.settings.dice;
    let (answer, lease) = lease::act(request, lease_of(&container).as_ref(), dice)?;
    container.facts["lease"] = json!(lease);
    // a lease leaves tag and time as they are
    let etag = etag_of(&container).to_owned();
    let modified = http_date(container.modified);
    keep(cloud, request, container, etag.clone());
    Ok(answer
        .header("etag", etag)
        .header("last-modified", modified))
}

/// Whether a method reads.
pub(crate) fn reads(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}
