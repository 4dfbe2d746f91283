//! Answers before they become HTTP responses.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;

/// Status, headers and JSON body of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Option<Value>,
    pub(crate) rule: Option<&'static str>,
}

impl Answer {
    /// An answer with a body.
    pub(crate) fn of(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
            rule: None,
        }
    }

    /// Status 200 with a body.
    pub(crate) fn ok(body: Value) -> Self {
        Self::of(StatusCode::OK, body)
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: None,
            rule: None,
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers
            .push((HeaderName::from_static(name), value.into()));
        self
    }

    /// Remembers the rule that refused the request.
    pub(crate) fn refused_by(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The HTTP response. A header value that HTTP cannot carry is left out.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let bytes = self
            .body
            .map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let has_body = !bytes.is_empty();
        let mut response = Response::new(bytes);
        *response.status_mut() = self.status;
        if has_body {
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/json; charset=utf-8"),
            );
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
