//! Blocks, and the lists that make blobs of them.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http::StatusCode;

use crate::arm::answer::Answer;
use crate::blob::object::{admit, created_of, given_headers, keep};
use crate::blob::xml::{element, leaves};
use crate::blob::{BlobCall, BlobError, accepted, error, http_date};
use crate::engine::Cloud;
use crate::store::blob::{Blob, Content};
use crate::store::model::Change;

/// Keeps a block until a list names it.
pub(crate) fn put(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let id = request.query("blockid");
    if id.is_empty() {
        return Err(error::INVALID_QUERY);
    }
    let nothing = || Blob {
        content: Content::default(),
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        etag: request.new_etag(),
        created: request.now(),
        modified: request.now(),
        lease: None,
        blocks: Vec::new(),
        uncommitted: BTreeMap::new(),
        is_committed: false,
    };
    let found = cloud.store.blob(&request.key()).cloned();
    let mut blob = found.unwrap_or_else(nothing);
    admit(request, Some(&blob))?;
    blob.uncommitted
        .insert(id.to_owned(), Content(request.call.body.clone()));
    let change = Change::Blob(request.key(), Some(Box::new(blob)));
    cloud.store.apply(change);
    Ok(accepted(201).header("x-ms-request-server-encrypted", "true"))
}

/// Makes a blob of blocks.
pub(crate) fn put_list(cloud: &mut Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let old = cloud.store.blob(&request.key()).cloned();
    admit(request, old.as_ref())?;
    let text = String::from_utf8_lossy(&request.call.body).into_owned();
    let wanted = leaves(&text).ok_or(error::INVALID_XML)?;
    let mut content = BytesMut::new();
    let mut blocks = Vec::new();
    for (kind, id) in wanted.iter().filter(|(name, _)| name != "BlockList") {
        let bytes = old
            .as_ref()
            .and_then(|blob| block_of(blob, kind, id))
            .ok_or(error::INVALID_BLOCK_LIST)?;
        blocks.push((id.clone(), bytes.len()));
        content.extend_from_slice(&bytes);
    }
    let blob = Blob {
        content: Content(content.freeze()),
        headers: given_headers(request, false),
        metadata: request.metadata(),
        etag: String::new(),
        created: created_of(old.as_ref(), request),
        modified: request.now(),
        lease: old.and_then(|old| old.lease),
        blocks,
        uncommitted: BTreeMap::new(),
        is_committed: true,
    };
    Ok(keep(cloud, request, blob).status(201))
}

fn block_of(blob: &Blob, kind: &str, id: &str) -> Option<Bytes> {
    let uncommitted = || blob.uncommitted.get(id).map(|content| content.0.clone());
    let committed = || {
        let mut start = 0;
        for (name, size) in &blob.blocks {
            if name == id {
                return Some(blob.content.0.slice(start..start + size));
            }
            start += size;
        }
        None
    };
    match kind {
        "Latest" => uncommitted().or_else(committed),
        "Uncommitted" => uncommitted(),
        "Committed" => committed(),
        _ => None,
    }
}

/// Answers the blocks of a blob.
pub(crate) fn list(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    let found = cloud.store.blob(&request.key());
    let blob = found.ok_or(error::BLOB_NOT_FOUND)?;
    admit(request, Some(blob))?;
    let kind = match request.query("blocklisttype") {
        "" => "committed",
        kind => kind,
    };
    let mut xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>".to_owned();
    let committed = blob.blocks.iter().map(|(id, size)| (id.as_str(), *size));
    let uncommitted = blob
        .uncommitted
        .iter()
        .map(|(id, content)| (id.as_str(), content.0.len()));
    if kind == "committed" || kind == "all" {
        section(&mut xml, "CommittedBlocks", committed);
    }
    if kind == "uncommitted" || kind == "all" {
        section(&mut xml, "UncommittedBlocks", uncommitted);
    }
    xml.push_str("</BlockList>");
    let size = blob.content.0.len().to_string();
    let answer = Answer::raw(StatusCode::OK, "application/xml", Bytes::from(xml))
        .header("x-ms-blob-content-length", size);
    Ok(if blob.is_committed {
        answer
            .header("etag", blob.etag.clone())
            .header("last-modified", http_date(blob.modified))
    } else {
        answer
    })
}

fn section<'a>(xml: &mut String, name: &str, blocks: impl Iterator<Item = (&'a str, usize)>) {
    xml.extend(["<", name, ">"]);
    for (id, size) in blocks {
        xml.push_str("<Block>");
        element(xml, "Name", id);
        element(xml, "Size", &size.to_string());
        xml.push_str("</Block>");
    }
    xml.extend(["</", name, ">"]);
}
