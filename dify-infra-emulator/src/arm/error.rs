//! Refusals in Azure Resource Manager's shape.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::engine::operations::with_retry_after;

/// A refusal: status, code and message, with or without the `error` envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArmError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    pub(crate) rule: Option<&'static str>,
    bare: bool,
    retry_after: Option<SignedDuration>,
}

impl ArmError {
    /// A refusal in the documented envelope.
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            target: None,
            rule: None,
            bare: false,
            retry_after: None,
        }
    }

    /// A refusal with status 400.
    pub(crate) fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A refusal with status 404.
    pub(crate) fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// A refusal with status 409.
    pub(crate) fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// Names the property that is wrong.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.target = Some(path.to_owned());
        self
    }

    /// Leaves the `error` envelope away, as Container Apps does for a busy app
    /// (microsoft/azure-container-apps#175).
    pub(crate) fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Says when to come again, for something that takes this long.
    pub(crate) fn retry_after(mut self, duration: SignedDuration) -> Self {
        self.retry_after = Some(duration);
        self
    }

    /// Remembers the rule behind the refusal, for the request log.
    pub(crate) fn because_of(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// The error object alone.
    pub(crate) fn object(&self) -> Value {
        let mut object = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            object["target"] = json!(target);
        }
        object
    }

    /// The answer that carries this refusal.
    pub(crate) fn into_answer(self) -> Answer {
        let body = if self.bare {
            self.object()
        } else {
            json!({ "error": self.object() })
        };
        let answer = Answer::of(self.status, body);
        let answer = match self.rule {
            Some(rule) => answer.refused_by(rule),
            None => answer,
        };
        let answer = match self.retry_after {
            Some(duration) => with_retry_after(answer, duration),
            None => answer,
        };
        if self.status == StatusCode::UNAUTHORIZED {
            answer.header(
                "www-authenticate",
                "Bearer authorization_uri=\"https://login.microsoftonline.com/common\", \
                 error=\"invalid_token\"",
            )
        } else {
            answer
        }
    }
}
