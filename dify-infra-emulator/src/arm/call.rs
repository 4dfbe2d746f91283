//! A request as the front door sees it: decoded path, query and the caller's headers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use jiff::Timestamp;
use jsonc_parser::ParseOptions;
use serde_json::Value;

use crate::arm::error::ArmError;

/// One request, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path as it was sent.
    pub(crate) path: String,
    /// The decoded segments of the path.
    pub(crate) segments: Vec<String>,
    query: Vec<(String, String)>,
    /// Scheme and authority, for example `https://management.azure.com`.
    pub(crate) base: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
    /// The how-manieth request of this emulator it is.
    pub(crate) number: u64,
}

impl Call {
    /// Decodes a request.
    pub(crate) fn new(now: Timestamp, number: u64, request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        Self {
            segments: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(decode)
                .collect(),
            query: parts.uri.query().map(decode_query).unwrap_or_default(),
            base: base_of(&parts.uri, &parts.headers),
            method: parts.method,
            headers: parts.headers,
            path,
            body,
            now,
            number,
        }
    }

    /// The same request with another method and body.
    pub(crate) fn with_body(&self, method: Method, body: &Value) -> Self {
        Self {
            method,
            body: Bytes::from(body.to_string()),
            ..self.clone()
        }
    }

    /// The value of a query parameter; names compare without regard to case.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All query parameters, decoded.
    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.query.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The address of this request with one query parameter set.
    pub(crate) fn address_with(&self, name: &str, value: &str) -> String {
        let others = self
            .query
            .iter()
            .filter(|(key, _)| !key.eq_ignore_ascii_case(name));
        let mut query: Vec<String> = others
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect();
        query.push(format!("{}={}", encode(name), encode(value)));
        format!("{}{}?{}", self.base, self.path, query.join("&"))
    }

    /// The JSON object in the body.
    pub(crate) fn json(&self) -> Result<Value, ArmError> {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) if body.is_object() => Ok(body),
            Ok(_) => Err(invalid_body("the body is not a JSON object")),
            // serde_json's message has a position and what was expected, no value of a string
            Err(error) if error.is_syntax() || error.is_eof() => {
                Err(invalid_body(&error.to_string()))
            }
            Err(_) => Err(invalid_body("the body is not JSON")),
        }
    }

    /// The JSON object in the body, in the form that Resource Manager takes for templates: also with
    /// comments, names without quotes, single quotes and trailing commas. `az` relies on it: it puts
    /// the text of a template as it is behind a bare `template:` (azure-cli
    /// `command_modules/resource/custom.py`, `JsonCTemplatePolicy`).
    pub(crate) fn lenient_json(&self) -> Result<Value, ArmError> {
        let strict = match self.json() {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        let text = std::str::from_utf8(&self.body)
            .map_err(|_| invalid_body("the body is not text in UTF-8"))?;
        let options = ParseOptions {
            allow_missing_commas: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            ..ParseOptions::default()
        };
        match jsonc_parser::parse_to_serde_value::<Value>(
            text.trim_start_matches('\u{feff}'),
            &options,
        ) {
            Ok(body) if body.is_object() => Ok(body),
            Ok(_) => Err(strict),
            // the kind alone: the whole message quotes the text, which may hold a secret
            Err(error) => Err(invalid_body(&format!(
                "{} at line {}, column {}",
                error.kind(),
                error.line_display(),
                error.column_display()
            ))),
        }
    }

    /// The fields of a form in the body.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        decode_query(&String::from_utf8_lossy(&self.body))
            .into_iter()
            .collect()
    }

    /// The JSON object in the body, or an empty one when there is no body.
    pub(crate) fn json_or_empty(&self) -> Result<Value, ArmError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        self.json()
    }
}

fn invalid_body(reason: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidRequestContent",
        format!("The request content was invalid and could not be deserialized: '{reason}'."),
    )
}

fn base_of(uri: &Uri, headers: &HeaderMap) -> String {
    let host = headers
        .get(http::header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = uri.authority().map(http::uri::Authority::as_str).or(host);
    let scheme = uri.scheme_str().unwrap_or("https");
    format!("{scheme}://{}", authority.unwrap_or("management.azure.com"))
}

fn decode_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

/// Decodes percent-encoding; what is not UTF-8 afterwards is replaced.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let value = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(bytes[index]));
        index += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Percent-encodes everything but the unreserved characters and `$`.
fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~$".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // writing to a String does not fail
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(uri: &str) -> Call {
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        Call::new(Timestamp::UNIX_EPOCH, 1, request)
    }

    #[test]
    fn query_parameters_are_decoded_and_found_in_any_case() {
        let call =
            call("https://arm/subscriptions?Api-Version=2025-04-01&$filter=tagName%20eq%20%27a%27");
        assert_eq!(call.query("api-version"), Some("2025-04-01"));
        assert_eq!(call.query("$FILTER"), Some("tagName eq 'a'"));
    }

    #[test]
    fn the_next_address_keeps_the_other_parameters() {
        let call = call("http://127.0.0.1:80/subscriptions?api-version=1&$filter=a%20b");
        let address = call.address_with("$skiptoken", "2-1");
        assert_eq!(
            address,
            "http://127.0.0.1:80/subscriptions?api-version=1&$filter=a%20b&$skiptoken=2-1"
        );
    }

    #[test]
    fn broken_percent_signs_stay_as_they_are() {
        assert_eq!(decode("100%25%"), "100%%");
        assert_eq!(decode("%zz"), "%zz");
    }
}
