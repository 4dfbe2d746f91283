//! Lists of containers and of blobs.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::StatusCode;

use crate::arm::answer::Answer;
use crate::blob::container::{etag_of, lease_of, metadata_of};
use crate::blob::xml::{element, escape};
use crate::blob::{BlobCall, BlobError, container_of, error, http_date, lease};
use crate::engine::Cloud;
use crate::store::blob::{Blob, Lease};

/// Items of a page when nothing else is asked for.
const PAGE: usize = 5000;

/// Answers a request for the account itself: the list of its containers.
pub(crate) fn account(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    if request.query("comp") != "list" {
        return Err(error::UNSUPPORTED);
    }
    let service = request.account.child("blobServices", "default");
    let prefix = request.query("prefix");
    let containers: Vec<_> = cloud
        .store
        .children(&service, "containers")
        .filter(|container| container.id.name().starts_with(prefix))
        .filter(|container| container.id.name() >= request.query("marker"))
        .collect();
    let size = page_size(request)?;
    let mut xml = opened(request, "Containers");
    for container in containers.iter().take(size) {
        xml.push_str("<Container>");
        element(&mut xml, "Name", container.id.name());
        xml.push_str("<Properties>");
        element(&mut xml, "Last-Modified", &http_date(container.modified));
        element(&mut xml, "Etag", etag_of(container));
        lease_elements(&mut xml, request, lease_of(container).as_ref());
        element(&mut xml, "HasImmutabilityPolicy", "false");
        element(&mut xml, "HasLegalHold", "false");
        xml.push_str("</Properties>");
        if request.query("include").contains("metadata") {
            metadata_element(&mut xml, metadata_of(container));
        }
        xml.push_str("</Container>");
    }
    let next = containers.get(size).map_or("", |next| next.id.name());
    Ok(closed(xml, "Containers", next))
}

/// Answers the list of blobs of a container; with a delimiter, names that go on behind it are one.
pub(crate) fn blobs(cloud: &Cloud, request: &BlobCall<'_>) -> Result<Answer, BlobError> {
    container_of(cloud, request)?;
    let start = request.prefix();
    let (prefix, delimiter) = (request.query("prefix"), request.query("delimiter"));
    let full = format!("{start}{prefix}");
    let committed = cloud
        .store
        .blobs_below(&full)
        .filter(|(_, blob)| blob.is_committed)
        .map(|(key, blob)| (&key[start.len()..], blob));
    let mut seen = BTreeSet::new();
    let mut items: Vec<(&str, Option<&Blob>)> = Vec::new();
    for (name, blob) in committed {
        let rest = &name[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(index) => {
                let group = &name[..prefix.len() + index + delimiter.len()];
                if seen.insert(group) {
                    items.push((group, None));
                }
            }
            None => items.push((name, Some(blob))),
        }
    }
    items.retain(|(name, _)| *name >= request.query("marker"));
    let size = page_size(request)?;
    let mut xml = opened(request, "Blobs");
    for (name, blob) in items.iter().take(size) {
        if let Some(blob) = blob {
            blob_element(&mut xml, request, name, blob);
        } else {
            xml.push_str("<BlobPrefix>");
            element(&mut xml, "Name", name);
            xml.push_str("</BlobPrefix>");
        }
    }
    let next = items.get(size).map_or("", |(name, _)| *name);
    Ok(closed(xml, "Blobs", next))
}

fn page_size(request: &BlobCall<'_>) -> Result<usize, BlobError> {
    match request.query("maxresults") {
        "" => Ok(PAGE),
        text => match text.parse::<usize>() {
            Ok(size) if size > 0 => Ok(size.min(PAGE)),
            _ => Err(error::INVALID_QUERY),
        },
    }
}

fn opened(request: &BlobCall<'_>, list: &str) -> String {
    let endpoint = format!("{}/{}/", request.call.base, request.account_name());
    let container = if list == "Blobs" {
        format!(" ContainerName=\"{}\"", escape(request.container_name()))
    } else {
        String::new()
    };
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults \
         ServiceEndpoint=\"{}\"{container}>",
        escape(&endpoint)
    );
    element(&mut xml, "Prefix", request.query("prefix"));
    element(&mut xml, "Marker", request.query("marker"));
    for (name, value) in [
        ("MaxResults", request.query("maxresults")),
        ("Delimiter", request.query("delimiter")),
    ] {
        if !value.is_empty() {
            element(&mut xml, name, value);
        }
    }
    xml.extend(["<", list, ">"]);
    xml
}

fn closed(mut xml: String, list: &str, next: &str) -> Answer {
    xml.extend(["</", list, ">"]);
    element(&mut xml, "NextMarker", next);
    xml.push_str("</EnumerationResults>");
    Answer::raw(StatusCode::OK, "application/xml", Bytes::from(xml))
}

fn lease_elements(xml: &mut String, request: &BlobCall<'_>, found: Option<&Lease>) {
    let state = lease::state_of(found, request.now());
    element(xml, "LeaseStatus", state.status());
    element(xml, "LeaseState", state.word());
}

fn metadata_element(xml: &mut String, metadata: impl IntoIterator<Item = (String, String)>) {
    xml.push_str("<Metadata>");
    for (name, value) in metadata {
        element(xml, &name, &value);
    }
    xml.push_str("</Metadata>");
}

fn blob_element(xml: &mut String, request: &BlobCall<'_>, name: &str, blob: &Blob) {
    xml.push_str("<Blob>");
    element(xml, "Name", name);
    xml.push_str("<Properties>");
    element(xml, "Creation-Time", &http_date(blob.created));
    element(xml, "Last-Modified", &http_date(blob.modified));
    element(xml, "Etag", blob.etag.trim_matches('"'));
    element(xml, "Content-Length", &blob.content.0.len().to_string());
    for (header, name) in [
        ("content-type", "Content-Type"),
        ("content-encoding", "Content-Encoding"),
        ("content-language", "Content-Language"),
        ("content-md5", "Content-MD5"),
        ("content-disposition", "Content-Disposition"),
        ("cache-control", "Cache-Control"),
    ] {
        let value = blob.headers.get(header).map_or("", String::as_str);
        element(xml, name, value);
    }
    element(xml, "BlobType", "BlockBlob");
    lease_elements(xml, request, blob.lease.as_ref());
    element(xml, "ServerEncrypted", "true");
    element(xml, "AccessTier", "Hot");
    element(xml, "AccessTierInferred", "true");
    xml.push_str("</Properties>");
    if request.query("include").contains("metadata") {
        metadata_element(xml, blob.metadata.clone());
    }
    xml.push_str("</Blob>");
}
