//! Conditional headers (learn.microsoft.com rest/api/storageservices
//! `specifying-conditional-headers-for-blob-service-operations`).

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::blob::container::reads;
use crate::blob::{BlobCall, BlobError, error};

/// Refuses a request whose conditions do not hold for what is there; none is there yet before a
/// creation.
pub(crate) fn check(
    request: &BlobCall<'_>,
    found: Option<(&str, Timestamp)>,
) -> Result<(), BlobError> {
    let reads = reads(&request.call.method);
    let not_changed = if reads {
        error::NOT_MODIFIED
    } else {
        error::CONDITION
    };
    let names = |header: &str, etag: &str| {
        let mut named = header.split(',').map(str::trim);
        named.any(|one| one == "*" || one.trim_matches('"') == etag.trim_matches('"'))
    };
    if let Some(wanted) = request.header("if-match")
        && !found.is_some_and(|(etag, _)| names(wanted, etag))
    {
        return Err(error::CONDITION);
    }
    if let (Some(unwanted), Some((etag, _))) = (request.header("if-none-match"), found)
        && names(unwanted, etag)
    {
        let exists = unwanted.trim() == "*" && !reads;
        return Err(if exists {
            error::BLOB_EXISTS
        } else {
            not_changed
        });
    }
    let Some((_, modified)) = found else {
        return Ok(());
    };
    let time = |name: &str| request.header(name).map(parse_date).transpose();
    // headers have whole seconds
    if time("if-modified-since")?.is_some_and(|since| modified.as_second() <= since.as_second()) {
        return Err(not_changed);
    }
    if time("if-unmodified-since")?.is_some_and(|since| modified.as_second() > since.as_second()) {
        return Err(error::CONDITION);
    }
    Ok(())
}

fn parse_date(text: &str) -> Result<Timestamp, BlobError> {
    strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text)
        .and_then(|parsed| parsed.to_datetime())
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| error::INVALID_HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_http_writes_them() {
        let read = parse_date("Sun, 22 Nov 2026 04:00:01 GMT").unwrap();
        assert_eq!(read.to_string(), "2026-11-22T04:00:01Z");
        assert_eq!(parse_date("yesterday"), Err(error::INVALID_HEADER));
    }
}
