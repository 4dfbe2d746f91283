//! Who may use the data plane: the account's keys, a bearer token, or a shared access signature.
//!
//! Keys are checked, since a wrong or an old one is what a deployment gets wrong. A bearer token is
//! taken as everywhere here; of a shared access signature only the end is checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::arm::call::Call;
use crate::arm::merge::{at, text_at};
use crate::blob::container::reads;
use crate::blob::{BlobCall, BlobError, error};
use crate::engine::Cloud;
use crate::identity;
use crate::provider::storage::account::KEYS;
use crate::store::model::Resource;

/// Refuses who may not.
pub(crate) fn check(cloud: &Cloud, request: &BlobCall<'_>) -> Result<(), BlobError> {
    let Some(account) = cloud.store.resource(&request.account) else {
        return Err(error::NO_ANONYMOUS);
    };
    let given = request.header("authorization").unwrap_or_default();
    let (scheme, value) = given.split_once(' ').unwrap_or((given, ""));
    match scheme.to_ascii_lowercase().as_str() {
        "sharedkey" => check_key(cloud, request, account, value),
        "bearer" => match identity::expiry(value.trim()) {
            Some(end) if end <= request.now().as_second() => Err(error::AUTHENTICATION_FAILED),
            _ if value.trim().is_empty() => Err(error::AUTHENTICATION_FAILED),
            _ => Ok(()),
        },
        "" if !request.query("sig").is_empty() => check_signature_end(request),
        "" if is_public(cloud, request) => Ok(()),
        "" => Err(error::NO_ANONYMOUS),
        _ => Err(error::AUTHENTICATION_FAILED),
    }
}

fn check_key(
    cloud: &Cloud,
    request: &BlobCall<'_>,
    account: &Resource,
    value: &str,
) -> Result<(), BlobError> {
    if at(&account.desired, "properties.allowSharedKeyAccess") == Some(&json!(false)) {
        return Err(error::KEYS_NOT_PERMITTED);
    }
    let (name, signature) = value.split_once(':').unwrap_or_default();
    let text = string_to_sign(request.call, name);
    let signed_by = |place: &str| {
        let key = cloud.world(request.now()).secret(account, place)?;
        let key = STANDARD.decode(key).ok()?;
        let signed = hmac_sha256::HMAC::mac(text.as_bytes(), key);
        Some(STANDARD.encode(signed) == signature)
    };
    let right = name == request.account_name()
        && KEYS
            .iter()
            .any(|(_, place)| signed_by(place).unwrap_or(false));
    if right {
        Ok(())
    } else {
        Err(error::AUTHENTICATION_FAILED)
    }
}

/// What a caller signs with the account's key (learn.microsoft.com rest/api/storageservices
/// `authorize-with-shared-key`).
fn string_to_sign(call: &Call, account: &str) -> String {
    let header = |name: &str| call.header(name).unwrap_or_default();
    let length = match header("content-length") {
        "0" => "",
        length => length,
    };
    let date = if header("x-ms-date").is_empty() {
        header("date")
    } else {
        ""
    };
    let mut lines: Vec<String> = [
        call.method.as_str(),
        header("content-encoding"),
        header("content-language"),
        length,
        header("content-md5"),
        header("content-type"),
        date,
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
    ]
    .map(str::to_owned)
    .to_vec();
    let mut own: Vec<String> = call
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            format!("{name}:{}", value.trim())
        })
        .collect();
    own.sort();
    lines.extend(own);
    lines.push(format!("/{account}{}", call.path));
    let mut query: Vec<String> = call
        .query_pairs()
        .map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()))
        .collect();
    query.sort();
    lines.extend(query);
    lines.join("\n")
}

fn check_signature_end(request: &BlobCall<'_>) -> Result<(), BlobError> {
    let end: Option<jiff::Timestamp> = request.query("se").parse().ok();
    match end {
        Some(end) if end <= request.now() => Err(error::AUTHENTICATION_FAILED),
        _ => Ok(()),
    }
}

fn is_public(cloud: &Cloud, request: &BlobCall<'_>) -> bool {
    let container = cloud.store.resource(&request.container_id());
    let access = container
        .and_then(|container| text_at(&container.desired, "properties.publicAccess"))
        .unwrap_or("None");
    reads(&request.call.method)
        && (access == "Container" || (access == "Blob" && request.blob.is_some()))
}
