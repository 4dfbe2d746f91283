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
    /// A body that is not JSON; its type stands among the headers.
    pub(crate) raw: Option<Bytes>,
    pub(crate) rule: Option<&'static str>,
}

impl Answer {
    /// An answer with a body.
    pub(crate) fn of(status: StatusCode, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Some(body),
            raw: None,
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
            raw: None,
            rule: None,
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers
            .push((HeaderName::from_static(name), value.into()));
        self
    }

    /// Adds a header whose name is made at run time; a name that HTTP can't carry is left out.
    pub(crate) fn named_header(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            self.headers.push((name, value.into()));
        }
        self
    }

    /// The same answer with another status; one that HTTP does not have changes nothing.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap_or(self.status);
        self
    }

    /// An answer whose body is not JSON.
    pub(crate) fn raw(status: StatusCode, content_type: &str, body: Bytes) -> Self {
        Self {
            raw: Some(body),
            ..Self::empty(status).header("content-type", content_type)
        }
    }

    /// Remembers the rule that refused the request.
    pub(crate) fn refused_by(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The code of an error, with or without the envelope.
    pub(crate) fn code(&self) -> Option<&str> {
        if self.status.is_success() {
            return None;
        }
        let body = self.body.as_ref()?;
        body.get("error").unwrap_or(body).get("code")?.as_str()
    }

    /// The HTTP response. A header value that HTTP cannot carry is left out.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let is_json = self.body.is_some();
        let bytes = match self.raw {
            Some(raw) => raw,
            None => self
                .body
                .map_or_else(Bytes::new, |body| Bytes::from(body.to_string())),
        };
        let mut response = Response::new(bytes);
        *response.status_mut() = self.status;
        if is_json {
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
