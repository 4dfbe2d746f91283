//! Refusals of the data plane: a code in a header, and XML.

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::blob::xml::escape;

/// A refusal (learn.microsoft.com rest/api/storageservices `blob-service-error-codes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobError {
    status: u16,
    code: &'static str,
    message: &'static str,
}

macro_rules! errors {
    ($($name:ident = $status:literal $code:literal $message:literal;)*) => {
        $(pub(crate) const $name: BlobError = BlobError {
            status: $status,
            code: $code,
            message: $message,
        };)*
    };
}

errors! {
    AUTHENTICATION_FAILED = 403 "AuthenticationFailed" "Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly including the signature.";
    KEYS_NOT_PERMITTED = 403 "KeyBasedAuthenticationNotPermitted" "Key based authentication is not permitted on this storage account.";
    NO_ANONYMOUS = 404 "ResourceNotFound" "The specified resource does not exist.";
    CONTAINER_NOT_FOUND = 404 "ContainerNotFound" "The specified container does not exist.";
    CONTAINER_EXISTS = 409 "ContainerAlreadyExists" "The specified container already exists.";
    BLOB_NOT_FOUND = 404 "BlobNotFound" "The specified blob does not exist.";
    BLOB_EXISTS = 409 "BlobAlreadyExists" "The specified blob already exists.";
    INVALID_RANGE = 416 "InvalidRange" "The range specified is invalid for the current size of the resource.";
    INVALID_RESOURCE_NAME = 400 "InvalidResourceName" "The specified resource name contains invalid characters.";
    INVALID_HEADER = 400 "InvalidHeaderValue" "The value for one of the HTTP headers is not in the correct format.";
    MISSING_HEADER = 400 "MissingRequiredHeader" "An HTTP header that's mandatory for this request is not specified.";
    INVALID_QUERY = 400 "InvalidQueryParameterValue" "Value for one of the query parameters specified in the request URI is invalid.";
    INVALID_XML = 400 "InvalidXmlDocument" "The specified XML is not syntactically valid.";
    INVALID_BLOCK_LIST = 400 "InvalidBlockList" "The specified block list is invalid.";
    UNSUPPORTED = 501 "NotImplemented" "This emulator does not have the requested operation.";
    METHOD = 405 "UnsupportedHttpVerb" "The resource doesn't support the specified HTTP verb.";
    CONDITION = 412 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    NOT_MODIFIED = 304 "ConditionNotMet" "";
    LEASE_PRESENT = 409 "LeaseAlreadyPresent" "There is already a lease present.";
    LEASE_BREAKING = 409 "LeaseIsBreakingAndCannotBeAcquired" "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.";
    LEASE_BREAKING_CHANGE = 409 "LeaseIsBreakingAndCannotBeChanged" "The lease ID matched, but the lease is currently in breaking state and cannot be changed.";
    LEASE_BROKEN = 409 "LeaseIsBrokenAndCannotBeRenewed" "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.";
    LEASE_ID_OPERATION = 409 "LeaseIdMismatchWithLeaseOperation" "The lease ID specified did not match the lease ID for the resource with the specified lease operation.";
    LEASE_NONE_OPERATION = 409 "LeaseNotPresentWithLeaseOperation" "There is currently no lease on the resource.";
    LEASE_MISSING = 412 "LeaseIdMissing" "There is currently a lease on the resource and no lease ID was specified in the request.";
    LEASE_ID_BLOB = 412 "LeaseIdMismatchWithBlobOperation" "The lease ID specified did not match the lease ID for the blob.";
    LEASE_NONE_BLOB = 412 "LeaseNotPresentWithBlobOperation" "There is currently no lease on the blob.";
    LEASE_ID_CONTAINER = 412 "LeaseIdMismatchWithContainerOperation" "The lease ID specified did not match the lease ID for the container.";
    LEASE_NONE_CONTAINER = 412 "LeaseNotPresentWithContainerOperation" "There is currently no lease on the container.";
    LEASE_LOST = 412 "LeaseLost" "A lease ID was specified, but the lease for the resource has expired.";
}

impl BlobError {
    /// The answer that carries this refusal; one to HEAD, or "not modified", has no body.
    pub(crate) fn into_answer(self, call: &Call) -> Answer {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let answer = if call.method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
            Answer::empty(status)
        } else {
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}\n\
                 RequestId:{}\nTime:{}</Message></Error>",
                self.code,
                escape(self.message),
                call.number,
                call.now
            );
            Answer::raw(status, "application/xml", Bytes::from(text))
        };
        answer.header("x-ms-error-code", self.code)
    }
}
