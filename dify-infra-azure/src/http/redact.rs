//! What may be shown of requests and answers: an allow-list, so that what nobody thought of is
//! hidden.
//!
//! [`url()`], [`header`] and [`json`] show only what is named here and put `REDACTED` for the rest.
//! A [`Scrubber`] works the other way round, for texts that Azure writes: it knows the secrets
//! of one request and removes them from an error message that quotes the body
//! (`InvalidRequestContent` does).

use std::borrow::Cow;
use std::fmt;

use ::url::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in place of anything hidden.
pub const REDACTED: &str = "REDACTED";

/// Query parameters that carry no secret.
const QUERY: &[&str] = &[
    "api-version",
    "$filter",
    "$top",
    "$expand",
    "$select",
    "$orderby",
    "$skip",
    "recursive",
];

/// Headers that carry no secret.
const HEADERS: &[&str] = &[
    "accept",
    "content-length",
    "content-type",
    "date",
    "etag",
    "if-match",
    "if-none-match",
    "retry-after",
    "retry-after-ms",
    "server",
    "user-agent",
    "x-ms-client-request-id",
    "x-ms-correlation-request-id",
    "x-ms-failure-cause",
    "x-ms-ratelimit-remaining-subscription-deletes",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-resource-requests",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-request-id",
    "x-ms-retry-after-ms",
    "x-ms-return-client-request-id",
    "x-ms-routing-request-id",
];

/// Keys of JSON objects whose plain values carry no secret, in lower case.
const KEYS: &[&str] = &[
    "api-version",
    "apiversion",
    "capacity",
    "code",
    "cpu",
    "createmode",
    "displayname",
    "endtime",
    "environmentid",
    "exposedport",
    "external",
    "family",
    "hostname",
    "id",
    "image",
    "kind",
    "location",
    "managedby",
    "managedenvironmentid",
    "maxreplicas",
    "memory",
    "minreplicas",
    "name",
    "namespace",
    "percentcomplete",
    "port",
    "provisioningstate",
    "publicnetworkaccess",
    "registrationstate",
    "revisionsuffix",
    "scheme",
    "secretref",
    "starttime",
    "state",
    "status",
    "storagetype",
    "subscriptionid",
    "target",
    "targetport",
    "tenantid",
    "tier",
    "transport",
    "type",
    "version",
];

/// Shows a URL without user information, fragment and the values of unknown query parameters.
///
/// ```
/// use dify_infra_azure::http::redact;
///
/// let url = url::Url::parse("https://u:p@host/a?api-version=1&sig=abc")?;
/// assert_eq!(redact::url(&url), "https://host/a?api-version=1&sig=REDACTED");
/// # Ok::<(), url::ParseError>(())
/// ```
pub fn url(url: &Url) -> String {
    format!(
        "{}{}",
        url.origin().ascii_serialization(),
        path_and_query(url)
    )
}

/// Shows path and query of a URL like [`url()`], without its host.
pub fn path_and_query(url: &Url) -> String {
    let mut text = url.path().to_owned();
    let mut separator = '?';
    for (name, value) in url.query_pairs() {
        text.push(separator);
        separator = '&';
        let known = QUERY
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed));
        // A parameter without a value is all name, and then the name may be the secret.
        match (known, value.is_empty()) {
            (true, _) => text.extend([&name, "=", &value]),
            (false, false) => text.extend([&name, "=", REDACTED]),
            (false, true) => text.push_str(REDACTED),
        }
    }
    text
}

/// Shows a header's value if the header is known to carry no secret.
pub fn header<'v>(name: &str, value: &'v str) -> &'v str {
    let known = HEADERS
        .iter()
        .any(|allowed| name.eq_ignore_ascii_case(allowed));
    if known { value } else { REDACTED }
}

/// Copies a JSON value with the shape kept and every value hidden whose key is unknown.
///
/// Numbers under unknown keys are hidden too; `null`, `true` and `false` are kept. Of keys, only
/// those in maps with free keys could be secret, and Azure shows those as names anyway.
pub fn json(value: &Value) -> Value {
    json_under("", value)
}

fn json_under(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), json_under(key, value)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| json_under(key, item)).collect(),
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(_) | Value::Number(_) => {
            let known = KEYS
                .binary_search(&key.to_ascii_lowercase().as_str())
                .is_ok();
            if known {
                value.clone()
            } else {
                Value::from(REDACTED)
            }
        }
    }
}

/// Removes the secrets of one request from texts.
///
/// Finds them raw, escaped as in JSON and percent-encoded, and anything that looks like a token
/// (`eyJ...`).
#[derive(Clone, Default)]
pub struct Scrubber {
    // Longest first, so that a secret which holds another one goes as a whole.
    needles: Vec<SecretString>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} needles)", self.needles.len())
    }
}

/// Shorter values would tear holes into ordinary words; no generated secret is that short.
const SHORTEST: usize = 4;

impl Scrubber {
    /// Collects the secrets of a request body.
    ///
    /// A value is one when its key says so (`administratorLoginPassword`, `accountKey`,
    /// `connectionString`, ...), or is `value` inside a `secrets` list (container apps) or of a
    /// resource under `/secrets/` (Key Vault).
    pub fn from_body(resource: &str, body: &Value) -> Self {
        let mut scrubber = Self::default();
        let in_secrets = resource.to_ascii_lowercase().contains("/secrets/");
        scrubber.collect("", in_secrets, body);
        scrubber
    }

    fn collect(&mut self, key: &str, in_secrets: bool, value: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let inside = in_secrets || key.eq_ignore_ascii_case("secrets");
                    self.collect(key, inside, value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.collect(key, in_secrets, item);
                }
            }
            Value::String(text) if is_secret_key(key, in_secrets) => self.add(text),
            _ => {}
        }
    }

    /// Adds a secret.
    pub fn add(&mut self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let json = Value::from(secret).to_string();
        let escaped = json.trim_matches('"').to_owned();
        let percent = percent_encoded(secret);
        let form: String = ::url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [secret.to_owned(), escaped, percent, form] {
            if !self
                .needles
                .iter()
                .any(|known| known.expose_secret() == form)
            {
                self.needles.push(form.into());
            }
        }
        self.needles
            .sort_by_key(|needle| std::cmp::Reverse(needle.expose_secret().len()));
    }

    /// Removes the secrets, and whatever looks like a token, from `text`.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for needle in &self.needles {
            if text.contains(needle.expose_secret()) {
                text = text.replace(needle.expose_secret(), REDACTED).into();
            }
        }
        hide_tokens(&text)
    }
}

/// Ends of keys, in lower case, whose values are secrets.
const SECRET_ENDINGS: &[&str] = &[
    "password",
    "secret",
    "key",
    "token",
    "connectionstring",
    "credential",
    "sas",
    "pwd",
];

fn is_secret_key(key: &str, in_secrets: bool) -> bool {
    let key = key.to_ascii_lowercase();
    if in_secrets && key == "value" {
        return true;
    }
    key == "securevalue"
        || (SECRET_ENDINGS.iter().any(|ending| key.ends_with(ending)) && key != "publickey")
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    encoded
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16)
        .unwrap_or('0')
        .to_ascii_uppercase()
}

/// Hides what looks like a JSON web token: `eyJ`, then at least 17 more characters of base64url.
fn hide_tokens(text: &str) -> String {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "-_.=+/".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("eyJ") {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_token_char(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        shown.push_str(before);
        shown.push_str(if word.len() >= 20 { REDACTED } else { word });
        rest = after;
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{HEADERS, KEYS, Scrubber, header, json as redacted, url};

    const CANARY: &str = "c4n@ry \"s/e+cret\"&x";

    fn shown(text: &str) -> String {
        url(&text.parse().unwrap())
    }

    #[test]
    fn the_lists_are_lower_case_and_sorted() {
        assert!(KEYS.is_sorted());
        for name in KEYS.iter().chain(HEADERS) {
            assert_eq!(*name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn a_url_keeps_its_path_and_the_known_query() {
        assert_eq!(
            shown("https://user:pass@h:8443/a/b?api-version=2025-01-01&t=1&c=MII&$top=5#frag"),
            "https://h:8443/a/b?api-version=2025-01-01&t=REDACTED&c=REDACTED&$top=5"
        );
    }

    #[test]
    fn a_parameter_without_a_value_is_hidden_whole() {
        assert_eq!(shown("https://h/a?canary"), "https://h/a?REDACTED");
    }

    #[test]
    fn an_unknown_header_is_hidden() {
        assert_eq!(header("X-Ms-Request-Id", "1"), "1");
        assert_eq!(header("Authorization", "Bearer x"), "REDACTED");
        assert_eq!(header("location", "https://h/?sig=x"), "REDACTED");
        assert_eq!(header("x-new-thing", "x"), "REDACTED");
    }

    #[test]
    fn json_keeps_the_shape_and_the_known_keys() {
        let body = json!({
            "name": "api",
            "properties": {
                "provisioningState": "Succeeded",
                "administratorLoginPassword": "canary",
                "pin": 1234,
                "enabled": true,
                "gone": null,
                "secrets": [{"name": "db", "value": "canary"}],
                "list": ["canary", ["canary"]],
            },
        });
        assert_eq!(
            redacted(&body),
            json!({
                "name": "api",
                "properties": {
                    "provisioningState": "Succeeded",
                    "administratorLoginPassword": "REDACTED",
                    "pin": "REDACTED",
                    "enabled": true,
                    "gone": null,
                    "secrets": [{"name": "db", "value": "REDACTED"}],
                    "list": ["REDACTED", ["REDACTED"]],
                },
            })
        );
    }

    #[test]
    fn finds_the_secrets_of_every_body_we_send() {
        let app = json!({"properties": {"configuration": {"secrets": [
            {"name": "a", "value": CANARY}]}}});
        let server = json!({"properties": {"administratorLoginPassword": CANARY}});
        let vault = json!({"properties": {"value": CANARY}});
        let registry = json!({"properties": {"storage": {"accountKey": CANARY}}});
        let vault_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/\
                        secrets/x";
        for (id, body) in [
            ("/a", app),
            ("/a", server),
            (vault_id, vault),
            ("/a", registry),
        ] {
            let scrubber = Scrubber::from_body(id, &body);
            let message = format!("Error converting value {CANARY} to type");
            assert_eq!(
                scrubber.scrub(&message),
                "Error converting value REDACTED to type"
            );
        }
    }

    #[test]
    fn leaves_plain_variables_and_names_alone() {
        let body = json!({"properties": {
            "template": {"containers": [{"env": [{"name": "MODE", "value": "api-mode"}]}]},
            "configuration": {"secrets": [{"name": "db-password", "value": "hidden-value"}]},
        }});
        let scrubber = Scrubber::from_body("/a", &body);
        let message = "MODE api-mode uses db-password";
        assert_eq!(scrubber.scrub(message), message);
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let mut scrubber = Scrubber::default();
        scrubber.add(CANARY);
        let spellings = [
            CANARY.to_owned(),
            Value::from(CANARY).to_string(),
            "c4n%40ry%20%22s%2Fe%2Bcret%22%26x".to_owned(),
            "c4n%40ry+%22s%2Fe%2Bcret%22%26x".to_owned(),
        ];
        for spelling in spellings {
            let clean = scrubber.scrub(&spelling);
            assert!(!clean.contains("c4n"), "{spelling} -> {clean}");
        }
        assert!(!format!("{scrubber:?}").contains("c4n"));
    }

    #[test]
    fn tokens_are_hidden_without_being_known() {
        let scrubber = Scrubber::default();
        assert_eq!(
            scrubber.scrub("got 'eyJ0eXAiOiJKV1QiLCJhbGciOi.J9.x-y_z' and eyJ is short"),
            "got 'REDACTED' and eyJ is short"
        );
    }

    #[test]
    fn very_short_values_do_not_tear_holes() {
        let mut scrubber = Scrubber::default();
        scrubber.add("a");
        assert_eq!(scrubber.scrub("a banana"), "a banana");
    }
}
