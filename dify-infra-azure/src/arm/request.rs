//! Requests and answers as values.

use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use ::url::Url;
use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::error_body::ArmError;
use crate::Error;
use crate::auth::AccessToken;
use crate::cloud::Cloud;
use crate::error::Subject;
use crate::http::redact::Scrubber;
use crate::http::{Exhausted, RequestIds};

/// One request to ARM, before a token is added.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// What errors are about: for a poll, the request that started the operation.
    pub(crate) subject: Subject,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
    /// Whether sending it twice does what sending it once does.
    pub(crate) idempotent: bool,
    /// Whether an answer may be about an operation that ended, so that "busy" in it is news and
    /// not a reason to ask again.
    pub(crate) is_poll: bool,
    /// The secrets that its body holds, to be kept out of error texts.
    pub(crate) scrubber: Scrubber,
}

impl Call {
    /// A request about the resource (or list) at `path`, which may have a query.
    ///
    /// # Errors
    ///
    /// When `path` is not an absolute path without `..`, or the version is empty.
    pub(crate) fn new(
        cloud: &Cloud,
        method: Method,
        path: &str,
        api_version: &str,
    ) -> Result<Self, Error> {
        let url = resource_url(cloud, path, api_version)?;
        Ok(Self::at(method, url, path))
    }

    /// A request to a URL that Azure gave, on behalf of the resource at `path`.
    pub(crate) fn at(method: Method, url: Url, path: &str) -> Self {
        let resource = path.split('?').next().unwrap_or_default().to_owned();
        let idempotent = method != Method::POST;
        Self {
            subject: Subject {
                method: method.clone(),
                resource,
            },
            method,
            url,
            body: Bytes::new(),
            idempotent,
            is_poll: false,
            scrubber: Scrubber::default(),
        }
    }

    /// A look at how far this request's operation is, at a URL that Azure gave.
    pub(crate) fn poll(&self, url: Url) -> Self {
        Self {
            method: Method::GET,
            subject: self.subject.clone(),
            url,
            body: Bytes::new(),
            idempotent: true,
            is_poll: true,
            scrubber: self.scrubber.clone(),
        }
    }

    /// Whether it only looks, and is no part of an operation that Azure has begun.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD) && !self.is_poll
    }

    pub(crate) fn with_body(mut self, body: &Value) -> Self {
        self.scrubber = Scrubber::from_body(&self.subject.resource, body);
        self.body = Bytes::from(body.to_string());
        self
    }

    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The HTTP request of one attempt.
    ///
    /// # Errors
    ///
    /// When the token is not a header value.
    pub(crate) fn to_http(
        &self,
        token: &AccessToken,
        client_request_id: &str,
    ) -> Result<Request<Bytes>, Error> {
        let bearer = format!("Bearer {}", token.secret.expose_secret());
        let mut authorization = HeaderValue::try_from(bearer)
            .map_err(|_| Error::invalid("the token has characters that no header can have"))?;
        authorization.set_sensitive(true);
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(self.url.as_str())
            .header("accept", "application/json")
            .header("authorization", authorization)
            .header("x-ms-client-request-id", client_request_id)
            .header("x-ms-return-client-request-id", "true");
        if !self.body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        request.body(self.body.clone()).map_err(|_| {
            Error::invalid(format!(
                "`{}` can't be part of a URL",
                self.subject.resource
            ))
        })
    }
}

/// The URL of an ARM path, with its api-version.
fn resource_url(cloud: &Cloud, path: &str, api_version: &str) -> Result<Url, Error> {
    let id = path.split('?').next().unwrap_or_default();
    let wrong = |why| Err(Error::invalid(format!("`{id}` is not an ARM id: it {why}")));
    if !id.starts_with('/') || id.starts_with("//") {
        return wrong("does not begin with a single `/`");
    }
    // `..` would be resolved away and name another resource than the one that was checked.
    if id.split('/').any(|segment| matches!(segment, "." | "..")) || id.contains('\\') {
        return wrong("has a `.`, a `..` or a `\\` in it");
    }
    if path.contains('#')
        || path
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() && c != ' ')
    {
        return wrong("has a `#`, a line break or the like in it");
    }
    if api_version.is_empty() {
        return Err(Error::invalid(format!(
            "no api-version was given for `{id}`"
        )));
    }
    let Ok(mut url) = cloud.endpoint().join(path) else {
        return wrong("can't be part of a URL");
    };
    url.query_pairs_mut()
        .append_pair("api-version", api_version);
    Ok(url)
}

/// An answer of any status.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
    pub(crate) ids: RequestIds,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let ids = RequestIds::from_headers(&headers);
        Self {
            status,
            headers,
            body,
            ids,
        }
    }

    /// Removes the scrubber's secrets from a body that is text.
    pub(crate) fn scrubbed(mut self, scrubber: &Scrubber) -> Self {
        if let Ok(text) = std::str::from_utf8(&self.body) {
            self.body = Bytes::from(scrubber.scrub(text));
        }
        self
    }

    /// The body as JSON; `None` when it is empty, `null` or not JSON at all.
    pub(crate) fn lenient_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body)
            .ok()
            .filter(|value: &Value| !value.is_null())
    }

    /// The body as JSON; `None` when it is empty or `null`.
    ///
    /// # Errors
    ///
    /// When there is a body that is not JSON.
    pub(crate) fn json(&self, call: &Call) -> Result<Option<Value>, Error> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Null) => Ok(None),
            Ok(value) => Ok(Some(value)),
            // serde_json quotes the offending text in some errors, so it is not passed on.
            Err(_) => Err(Error::protocol(
                &call.subject,
                format!(
                    "was answered with {} and {} bytes that are not JSON; is this an ARM endpoint?",
                    self.status.as_u16(),
                    self.body.len()
                ),
            )
            .with_ids(self.ids.clone())),
        }
    }

    /// What ARM says in a refusal, without the secrets of the request.
    pub(crate) fn arm_error(&self, call: &Call) -> Option<ArmError> {
        Some(ArmError::from_body(&self.lenient_json()?)?.scrubbed(&call.scrubber))
    }

    /// This refusal as an error.
    pub(crate) fn refusal(&self, call: &Call, exhausted: Option<Exhausted>) -> Error {
        Error::refused(&call.subject, self.status, self.arm_error(call), exhausted)
            .with_ids(self.ids.clone())
    }
}

/// Names a resource as people do: its type and name, and its resource group.
///
/// What has no such short name is given back as it is.
pub(crate) fn label(id: &str) -> String {
    let segments: Vec<&str> = id
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let group = segments
        .iter()
        .position(|segment| segment.eq_ignore_ascii_case("resourceGroups"))
        .and_then(|at| segments.get(at + 1));
    let provider = segments
        .iter()
        .rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let resource = provider
        .and_then(|at| segments.get(at + 2..))
        .unwrap_or_default()
        .join("/");
    match (resource.is_empty(), group) {
        (false, Some(group)) => format!("{resource} in resource group `{group}`"),
        (true, Some(group)) if provider.is_none() => {
            let rest = segments.get(4..).unwrap_or_default().join("/");
            let separator = if rest.is_empty() { "" } else { " of " };
            format!("{rest}{separator}resource group `{group}`")
        }
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ::http::Method;
    use serde_json::json;

    use super::{Call, label};
    use crate::auth::AccessToken;
    use crate::cloud::Cloud;

    fn call(path: &str) -> Result<Call, crate::Error> {
        Call::new(&Cloud::public(), Method::PUT, path, "2026-01-01")
    }

    #[test]
    fn adds_the_version_and_keeps_the_query() {
        let url = |path| call(path).unwrap().url.to_string();
        assert_eq!(
            url("/subscriptions/s"),
            "https://management.azure.com/subscriptions/s?api-version=2026-01-01"
        );
        assert_eq!(
            url("/subscriptions/s/resources?$filter=tagName eq 'a'"),
            "https://management.azure.com/subscriptions/s/resources?$filter=tagName%20eq%20%27a%27&api-version=2026-01-01"
        );
    }

    #[test]
    fn refuses_ids_that_could_mean_another_resource_or_host() {
        for id in [
            "",
            "subscriptions/s",
            "//evil.example/s",
            "/a/../b",
            "/a/./b",
            "/a\\b",
            "/a#b",
            "/a\nb",
            "https://evil.example/",
        ] {
            assert!(call(id).is_err(), "{id}");
        }
        assert!(Call::new(&Cloud::public(), Method::GET, "/a", "").is_err());
    }

    #[test]
    fn the_token_is_marked_sensitive() {
        let call = call("/a").unwrap().with_body(&json!({"x": 1}));
        let token = AccessToken::new("canary", None);
        let request = call.to_http(&token, "id-1").unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer canary");
        assert_eq!(request.headers()["x-ms-client-request-id"], "id-1");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert!(!format!("{request:?}").contains("canary"));
        assert!(call.to_http(&AccessToken::new("a\nb", None), "id").is_err());
    }

    #[test]
    fn labels_read_like_a_person_would_say() {
        let group = "/subscriptions/s/resourceGroups/rg";
        assert_eq!(label(group), "resource group `rg`");
        assert_eq!(
            label(&format!("{group}/resources")),
            "resources of resource group `rg`"
        );
        assert_eq!(
            label(&format!(
                "{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/p/databases/d"
            )),
            "flexibleServers/p/databases/d in resource group `rg`"
        );
        assert_eq!(
            label("/subscriptions/s/providers/Microsoft.App"),
            "/subscriptions/s/providers/Microsoft.App"
        );
        assert_eq!(label(""), "");
    }
}
