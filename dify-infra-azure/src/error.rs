//! The one error of this crate.
//!
//! Opaque, with a coarse [`ErrorKind`] and predicates by meaning, so that callers match neither
//! numbers nor texts. `Display` is one sentence: which request, which resource, and the
//! innermost code and message of Azure; [`Error::hint`] is what a person can do. No text in it
//! holds a token, a URL's query, or a secret of the request's body.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use ::http::{Method, StatusCode};

use crate::arm::{ArmError, codes, label, remedy};
use crate::auth::AuthError;
use crate::http::{Exhausted, HttpError, RequestIds};

/// What went wrong, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no token, or it was refused (401).
    Authentication,
    /// The caller may not do this (403).
    Denied,
    /// The resource, its parent or its group does not exist (404).
    NotFound,
    /// Another operation is at work on the resource, and retrying did not help.
    Busy,
    /// The state of the resource forbids it (409, 412): a taken name, a lock, a precondition.
    Conflict,
    /// Too many requests (429), and retrying did not help.
    Throttled,
    /// The request is wrong (400 and the other 4xx), or was found wrong before it was sent.
    Invalid,
    /// Azure failed (408, 5xx), and retrying did not help.
    Service,
    /// The request was accepted, and the operation ended in Failed.
    OperationFailed,
    /// The request was accepted, and somebody canceled the operation.
    OperationCanceled,
    /// The operation did not end before its deadline; Azure may still finish it.
    DeadlineExceeded,
    /// No answer arrived.
    Transport,
    /// An answer arrived that is not ARM's, or that asks for something unsafe.
    Protocol,
}

/// A request to Azure that failed.
///
/// ```no_run
/// # async fn run(arm: dify_infra_azure::arm::ArmClient, id: &str) {
/// if let Err(error) = arm.get(id, "2026-01-01").await {
///     eprintln!("error: {error}");
///     if let Some(hint) = error.hint() {
///         eprintln!("hint: {hint}");
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    subject: Option<Subject>,
    what: String,
    status: Option<StatusCode>,
    arm: Option<ArmError>,
    ids: RequestIds,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The request that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) method: Method,
    /// The ARM id, or the path of a list; never a query.
    pub(crate) resource: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, label(&self.resource))
    }
}

impl Error {
    fn new(kind: ErrorKind, subject: Option<Subject>, what: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            subject,
            what: what.into(),
            status: None,
            arm: None,
            ids: RequestIds::default(),
            source: None,
        }))
    }

    /// An answer that is a refusal, after the retries that it allowed.
    pub(crate) fn refused(
        subject: &Subject,
        status: StatusCode,
        arm: Option<ArmError>,
        exhausted: Option<Exhausted>,
    ) -> Self {
        let said = arm.as_ref().map_or_else(
            || {
                let reason = status.canonical_reason().unwrap_or("(unknown status)");
                format!(" {reason}, without an error of Azure Resource Manager in the answer")
            },
            cause,
        );
        let limit = exhausted.map_or_else(String::new, |limit| format!(" ({limit})"));
        let what = format!("failed with {}{said}{limit}", status.as_u16());
        let kind = kind_of(status, arm.as_ref());
        let mut error = Self::new(kind, Some(subject.clone()), what);
        error.0.status = Some(status);
        error.0.arm = arm;
        error
    }

    /// An operation that was accepted and ended badly; `word` is Azure's word for its state.
    pub(crate) fn operation(
        kind: ErrorKind,
        subject: &Subject,
        word: &str,
        arm: Option<ArmError>,
    ) -> Self {
        let said = arm
            .as_ref()
            .map_or_else(|| ", without saying why".to_owned(), cause);
        let what = format!("was accepted and ended in `{word}`{said}");
        let mut error = Self::new(kind, Some(subject.clone()), what);
        error.0.arm = arm;
        error
    }

    /// No answer, after the retries that it allowed.
    pub(crate) fn transport(
        subject: &Subject,
        source: HttpError,
        exhausted: Option<Exhausted>,
    ) -> Self {
        let fate = if source.kind().may_have_been_acted_on() {
            "got no answer, and may have been acted on"
        } else {
            "was not sent"
        };
        let limit = exhausted.map_or_else(String::new, |limit| format!(" ({limit})"));
        let what = format!("{fate}{limit}");
        Self::new(ErrorKind::Transport, Some(subject.clone()), what).with_source(source)
    }

    /// No token to send the request with.
    pub(crate) fn token(subject: &Subject, source: AuthError) -> Self {
        let what = "was not sent, for want of a token";
        Self::new(ErrorKind::Authentication, Some(subject.clone()), what).with_source(source)
    }

    /// No token, before there is a request to send with it; `host` is who would have seen it.
    pub(crate) fn no_token(host: &str, source: AuthError) -> Self {
        let what = format!("there is no token for {host}");
        Self::new(ErrorKind::Authentication, None, what).with_source(source)
    }

    /// An answer that is not ARM's, or asks for something unsafe; `what` goes on after the
    /// request's name.
    pub(crate) fn protocol(subject: &Subject, what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, Some(subject.clone()), what)
    }

    /// A request that can't be made at all; `what` is the whole sentence.
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, None, what)
    }

    /// An operation that did not end in time.
    pub(crate) fn deadline(subject: &Subject, word: &str, limit: Duration) -> Self {
        let what = format!(
            "is still `{word}` after {} s; Azure goes on with it, so look again later",
            limit.as_secs()
        );
        Self::new(ErrorKind::DeadlineExceeded, Some(subject.clone()), what)
    }

    pub(crate) fn with_ids(mut self, ids: RequestIds) -> Self {
        self.0.ids = ids;
        self
    }

    fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The innermost code of Azure, such as `ContainerAppLockConflict`.
    pub fn code(&self) -> Option<&str> {
        self.0.arm.as_ref()?.innermost().code.as_deref()
    }

    /// The innermost message of Azure.
    pub fn message(&self) -> Option<&str> {
        self.0.arm.as_ref()?.innermost().message.as_deref()
    }

    /// Everything that Azure said, from the outermost error to the innermost.
    pub fn arm_error(&self) -> Option<&ArmError> {
        self.0.arm.as_ref()
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// The ARM id (or the path) that the request was about.
    pub fn resource(&self) -> Option<&str> {
        self.0
            .subject
            .as_ref()
            .map(|subject| subject.resource.as_str())
    }

    /// `x-ms-request-id` of the last answer.
    pub fn request_id(&self) -> Option<&str> {
        self.0.ids.request.as_deref()
    }

    /// `x-ms-correlation-request-id` of the last answer: what support and the activity log
    /// search by.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.ids.correlation.as_deref()
    }

    /// All ids of the last answer.
    pub fn ids(&self) -> &RequestIds {
        &self.0.ids
    }

    /// What a person can do about it, if it is known.
    pub fn hint(&self) -> Option<String> {
        let arm = self.0.arm.as_ref()?;
        remedy(arm, self.resource().unwrap_or_default())
    }

    /// The resource, its parent or its group does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// The state of the resource forbids it: [`ErrorKind::Conflict`] or [`ErrorKind::Busy`].
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Conflict | ErrorKind::Busy)
    }

    /// Another operation is at work; the same request succeeds later.
    pub fn is_busy(&self) -> bool {
        self.says(codes::is_busy)
    }

    /// A role of an identity, or the identity itself, may not be known everywhere yet: the same
    /// request may succeed some minutes later.
    pub fn may_wait_for_role(&self) -> bool {
        self.says(codes::may_wait_for_role)
    }

    /// A management lock or a disabled subscription stands in the way; only a person helps.
    pub fn is_locked(&self) -> bool {
        self.says(codes::is_held)
    }

    /// The caller may not do this, or is not known at all.
    pub fn is_denied(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Denied | ErrorKind::Authentication)
    }

    /// Too many requests.
    pub fn is_throttled(&self) -> bool {
        self.0.kind == ErrorKind::Throttled
    }

    /// A deleted resource still holds the name, and could be recovered or purged.
    pub fn is_soft_deleted(&self) -> bool {
        self.says(codes::is_soft_deleted)
    }

    /// The name is unique in all of Azure, and taken.
    pub fn is_name_taken(&self) -> bool {
        self.says(codes::is_name_taken)
    }

    /// The namespace of the resource's type is not registered in the subscription.
    pub fn is_unregistered_provider(&self) -> bool {
        self.has_code("MissingSubscriptionRegistration")
    }

    /// A role or an identity made a moment ago is not known everywhere yet: minutes help.
    ///
    /// That is `PrincipalNotFound`, and an app that can't read its Key Vault secret
    /// (microsoft/azure-container-apps#1159). The latter also has lasting causes, so a caller
    /// repeats it only if it has just given the role.
    pub fn may_be_propagating(&self) -> bool {
        let unreadable = |arm: &ArmError| {
            arm.all().into_iter().any(|error| {
                let message = error.message.as_deref().unwrap_or_default();
                message.contains("Unable to get value using Managed identity")
            })
        };
        self.has_code("PrincipalNotFound") || self.says(unreadable)
    }

    /// Says whether any of Azure's errors, however deep, has this code (in any case).
    pub fn has_code(&self, code: &str) -> bool {
        self.says(|arm| arm.codes().any(|known| known.eq_ignore_ascii_case(code)))
    }

    fn says(&self, question: impl Fn(&ArmError) -> bool) -> bool {
        self.0.arm.as_ref().is_some_and(question)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.subject {
            Some(subject) => write!(f, "{subject} {}", self.0.what),
            None => f.write_str(&self.0.what),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

/// ` Code: message`, on one line.
fn cause(arm: &ArmError) -> String {
    let inner = arm.innermost();
    let words: Vec<_> = inner
        .message
        .as_deref()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    match (&inner.code, words.join(" ")) {
        (Some(code), message) if message.is_empty() => format!(" {code}"),
        (Some(code), message) => format!(" {code}: {message}"),
        (None, message) => format!(": {message}"),
    }
}

fn kind_of(status: StatusCode, arm: Option<&ArmError>) -> ErrorKind {
    let busy = arm.is_some_and(codes::is_busy);
    match status.as_u16() {
        401 => ErrorKind::Authentication,
        403 => ErrorKind::Denied,
        404 if arm.is_some_and(codes::is_absence) => ErrorKind::NotFound,
        429 => ErrorKind::Throttled,
        408 | 500..=599 => ErrorKind::Service,
        _ if busy => ErrorKind::Busy,
        409 | 412 => ErrorKind::Conflict,
        400..=499 => ErrorKind::Invalid,
        _ => ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use ::http::{Method, StatusCode};
    use serde_json::json;

    use super::{ArmError, Error, ErrorKind, Subject};

    const APP: &str =
        "/subscriptions/s/resourceGroups/dify-rg/providers/Microsoft.App/containerApps/api";

    fn refused(status: u16, code: &str, message: &str) -> Error {
        let subject = Subject {
            method: Method::PUT,
            resource: APP.to_owned(),
        };
        let arm = ArmError::from_body(&json!({"error": {"code": code, "message": message}}));
        Error::refused(&subject, StatusCode::from_u16(status).unwrap(), arm, None)
    }

    #[test]
    fn reads_as_one_sentence() {
        let error = refused(
            409,
            "ContainerAppLockConflict",
            "Cannot modify\r\n container app",
        );
        assert_eq!(
            error.to_string(),
            "PUT containerApps/api in resource group `dify-rg` failed with 409 \
             ContainerAppLockConflict: Cannot modify container app"
        );
        assert_eq!(error.code(), Some("ContainerAppLockConflict"));
        assert_eq!(error.status(), Some(409));
        assert_eq!(error.resource(), Some(APP));
    }

    #[test]
    fn an_answer_that_is_not_arms_says_so() {
        let subject = Subject {
            method: Method::GET,
            resource: APP.to_owned(),
        };
        let error = Error::refused(&subject, StatusCode::NOT_FOUND, None, None);
        assert!(
            error
                .to_string()
                .contains("404 Not Found, without an error of Azure"),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.is_not_found());
    }

    #[test]
    fn predicates_go_by_meaning() {
        let error = refused(409, "ContainerAppLockConflict", "");
        assert!(error.is_busy() && error.is_conflict() && !error.is_locked());
        let error = refused(409, "ScopeLocked", "");
        assert!(error.is_locked() && error.is_conflict() && !error.is_busy());
        let error = refused(403, "AuthorizationFailed", "");
        assert!(error.is_denied());
        let error = refused(404, "ResourceGroupNotFound", "");
        assert!(error.is_not_found());
        let error = refused(404, "SubscriptionNotFound", "");
        assert!(!error.is_not_found());
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let error = refused(429, "TooManyRequests", "");
        assert!(error.is_throttled());
        let error = refused(409, "MissingSubscriptionRegistration", "");
        assert!(error.is_unregistered_provider() && !error.is_busy());
        let error = refused(409, "StorageAccountAlreadyTaken", "");
        assert!(error.is_name_taken());
        assert!(refused(400, "PrincipalNotFound", "").may_be_propagating());
        assert!(!refused(400, "BadRequest", "").may_be_propagating());
    }

    #[test]
    fn is_cheap_to_return() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
