//! Block blobs.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::arm::answer::Answer;
use crate::blob::container::reads;
use crate::blob::{
    BlobCall, BlobError, accepted, block, conditions, container_of, error, http_date, lease,
};
use crate::engine::Cloud;
use crate::store::blob::{Blob, Content};
use crate::store::model::Change;

/// Headers that a blob keeps, and the ones that set them.
const KEPT: [(&str, &str); 6] = [
    ("content-type", "x-ms-blob-content-type"),
    ("content-encoding", "x-ms-blob-content-encoding"),
    ("content-language", "x-ms-blob-content-language"),
    ("content-disposition", "x-ms-blob-content-disposition"),
    ("cache-control", "x-ms-blob-cache-control"),
    ("content-md5", "x-ms-blob-content-md5"),
];

/// Answers a request for a blob.
pub(crate) fn answer(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    container_of(cloud, request)?;
    match (request.call.method.as_str(), request.query("comp")) {
        ("PUT", "") => put(cloud, request),
        ("GET" | "HEAD", "" | "metadata") => get(cloud, request),
        ("DELETE", "") => delete(cloud, request),
        ("PUT", "metadata") => set_metadata(cloud, request),
        ("PUT", "properties") => set_headers(cloud, request),
        ("PUT", "lease") => act_on_lease(cloud, request),
        ("PUT", "block") => block::put(cloud, request),
        ("PUT", "blocklist") => block::put_list(cloud, request),
        ("GET", "blocklist") => block::list(cloud, request),
        (_, "" | "metadata" | "properties" | "lease" | "block" | "blocklist") => Err(error::METHOD),
        _ => Err(error::UNSUPPORTED),
    }
}

/// The committed blob of a request.
fn find(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Blob, BlobError> {
    let found = cloud.store.blob(&request.key());
    found
        .filter(|blob| blob.is_committed)
        .cloned()
        .ok_or(error::BLOB_NOT_FOUND)
}

/// Checks conditions and lease of a request against what is there.
pub(crate) fn admit(request: &BlobCall<'_>, found: Option<&Blob>) -> Result<(), BlobError> {
    let committed = found.filter(|blob| blob.is_committed);
    conditions::check(
        request,
        committed.map(|blob| (blob.etag.as_str(), blob.modified)),
    )?;
    let lease = found.and_then(|blob| blob.lease.as_ref());
    lease::check(request, lease, (!reads(&request.call.method), false))
}

/// Headers that a request gives a blob; `with_own` also those of the request's own body.
pub(crate) fn given_headers(request: &BlobCall<'_>, with_own: bool) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for (name, setter) in KEPT {
        let own = request.header(name).filter(|_| with_own);
        if let Some(value) = request.header(setter).or(own) {
            headers.insert(name.to_owned(), value.to_owned());
        }
    }
    headers
        .entry("content-type".to_owned())
        .or_insert_with(|| "application/octet-stream".to_owned());
    headers
}

/// Keeps a blob that was changed, with a new entity tag.
pub(crate) fn keep(cloud: &mut Cloud, request: &BlobCall<'_>, mut blob: Blob) -> Answer {
    blob.etag = request.new_etag();
    blob.modified = request.now();
    // a write forgets a lease that has ended
    if !lease::state_of(blob.lease.as_ref(), request.now()).is_locked() {
        blob.lease = None;
    }
    let answer = accepted(200)
        .header("etag", blob.etag.clone())
        .header("last-modified", http_date(blob.modified))
        .header("x-ms-request-server-encrypted", "true");
    let change = Change::Blob(request.key(), Some(Box::new(blob)));
    cloud.store.apply(change);
    answer
}

fn put(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    match request.header("x-ms-blob-type") {
        Some("BlockBlob") if request.header("x-ms-copy-source").is_none() => {}
        Some("BlockBlob" | "PageBlob" | "AppendBlob") => return Err(error::UNSUPPORTED),
        Some(_) => return Err(error::INVALID_HEADER),
        None => return Err(error::MISSING_HEADER),
    }
    let old = cloud.store.blob(&request.key()).cloned();
    admit(request, old.as_ref())?;
    let blob = Blob {
        content: Content(request.call.body.clone()),
        headers: given_headers(request, true),
        metadata: request.metadata(),
        etag: String::new(),
        created: created_of(old.as_ref(), request),
        modified: request.now(),
        lease: old.and_then(|old| old.lease),
        blocks: Vec::new(),
        uncommitted: BTreeMap::new(),
        is_committed: true,
    };
    Ok(keep(cloud, request, blob).status(201))
}

/// A blob that is written over keeps the time of its creation.
pub(crate) fn created_of(old: Option<&Blob>, request: &BlobCall<'_>) -> jiff::Timestamp {
    old.filter(|old| old.is_committed)
        .map_or(request.now(), |old| old.created)
}

fn get(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let blob = find(cloud, request)?;
    admit(request, Some(&blob))?;
    let size = blob.content.0.len();
    let head = request.call.method == Method::HEAD || request.query("comp") == "metadata";
    let asked = request
        .header("x-ms-range")
        .or_else(|| request.header("range"))
        .filter(|_| !head);
    let range = match asked.map(|text| range_of(text, size)).transpose() {
        Ok(range) => range.flatten(),
        Err(error) => {
            let refusal = error.into_answer(request.call);
            return Ok(refusal.header("content-range", format!("bytes */{size}")));
        }
    };
    let mut answer = match range {
        Some((start, end)) => body(
            StatusCode::PARTIAL_CONTENT,
            blob.content.0.slice(start..end),
        )
        .header("content-range", format!("bytes {start}-{}/{size}", end - 1)),
        None if head => accepted(200),
        None => body(StatusCode::OK, blob.content.0.clone()),
    };
    if request.call.method == Method::HEAD {
        answer = answer.header("content-length", size.to_string());
    }
    Ok(described(answer, &blob, request))
}

/// Adds all that is known of a blob.
fn described(answer: Answer, blob: &Blob, request: &BlobCall<'_>) -> Answer {
    let mut answer = answer
        .header("etag", blob.etag.clone())
        .header("last-modified", http_date(blob.modified))
        .header("x-ms-creation-time", http_date(blob.created))
        .header("x-ms-blob-type", "BlockBlob")
        .header("accept-ranges", "bytes")
        .header("x-ms-server-encrypted", "true");
    for (name, value) in &blob.headers {
        answer = answer.named_header(name, value.clone());
    }
    for (name, value) in &blob.metadata {
        answer = answer.named_header(&format!("x-ms-meta-{name}"), value.clone());
    }
    lease::with_lease(answer, blob.lease.as_ref(), request.now())
}

fn body(status: StatusCode, bytes: Bytes) -> Answer {
    Answer {
        raw: Some(bytes),
        ..Answer::empty(status)
    }
}

/// First and one after the last byte of a range, none when the text is not one; a range that
/// begins behind the end is refused.
fn range_of(text: &str, size: usize) -> Result<Option<(usize, usize)>, BlobError> {
    let parsed = text.strip_prefix("bytes=").and_then(|range| {
        let (start, end) = range.split_once('-')?;
        let start: usize = start.parse().ok()?;
        let end = if end.is_empty() {
            size
        } else {
            end.parse::<usize>().ok()?.saturating_add(1)
        };
        Some((start, end.min(size)))
    });
    match parsed {
        Some((start, end)) if start < end => Ok(Some((start, end))),
        Some(_) => Err(error::INVALID_RANGE),
        None => Ok(None),
    }
}

fn delete(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let blob = find(cloud, request)?;
    admit(request, Some(&blob))?;
    cloud.store.apply(Change::Blob(request.key(), None));
    Ok(accepted(202).header("x-ms-delete-type-permanent", "true"))
}

fn set_metadata(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let mut blob = find(cloud, request)?;
    admit(request, Some(&blob))?;
    blob.metadata = request.metadata();
    Ok(keep(cloud, request, blob))
}

fn set_headers(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let mut blob = find(cloud, request)?;
    admit(request, Some(&blob))?;
    blob.headers = given_headers(request, false);
    Ok(keep(cloud, request, blob))
}

fn act_on_lease(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let mut blob = find(cloud, request)?;
    conditions::check(request, Some((blob.etag.as_str(), blob.modified)))?;
    let dice = cloud.settings.dice;
    let (answer, lease) = lease::act(request, blob.lease.as_ref(), dice)?;
    blob.lease = lease;
    // a lease leaves tag and time as they are
    let answer = answer
        .header("etag", blob.etag.clone())
        .header("last-modified", http_date(blob.modified));
    let change = Change::Blob(request.key(), Some(Box::new(blob)));
    cloud.store.apply(change);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_where_the_blob_does() {
        assert_eq!(range_of("bytes=0-3", 10), Ok(Some((0, 4))));
        assert_eq!(range_of("bytes=5-", 10), Ok(Some((5, 10))));
        assert_eq!(range_of("bytes=5-99", 10), Ok(Some((5, 10))));
        assert_eq!(range_of("bytes=10-12", 10), Err(error::INVALID_RANGE));
        assert_eq!(range_of("bytes=-5", 10), Ok(None));
    }
}
