//! Leases on blobs and containers (learn.microsoft.com rest/api/storageservices `lease-blob`).
//!
//! A lease lasts real seconds whatever the scale of time is: its length is the caller's choice.

use jiff::{SignedDuration, Timestamp};

use crate::arm::answer::Answer;
use crate::blob::{BlobCall, BlobError, accepted, error};
use crate::random::Dice;
use crate::store::blob::Lease;

/// What a lease is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseState {
    Available,
    Leased,
    Expired,
    Breaking,
    Broken,
}

impl LeaseState {
    /// The word in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Leased => "leased",
            Self::Expired => "expired",
            Self::Breaking => "breaking",
            Self::Broken => "broken",
        }
    }

    /// Whether writes need the lease's id.
    pub(crate) fn is_locked(self) -> bool {
        matches!(self, Self::Leased | Self::Breaking)
    }

    /// The word for whether it is locked.
    pub(crate) fn status(self) -> &'static str {
        if self.is_locked() {
            "locked"
        } else {
            "unlocked"
        }
    }
}

/// The state of what may be a lease.
pub(crate) fn state_of(lease: Option<&Lease>, now: Timestamp) -> LeaseState {
    let Some(lease) = lease else {
        return LeaseState::Available;
    };
    if let Some(broken_at) = lease.broken_at {
        return if broken_at <= now {
            LeaseState::Broken
        } else {
            LeaseState::Breaking
        };
    }
    if lease.until.is_some_and(|until| until <= now) {
        LeaseState::Expired
    } else {
        LeaseState::Leased
    }
}

/// Adds the lease of a blob or a container to an answer.
pub(crate) fn with_lease(answer: Answer, lease: Option<&Lease>, now: Timestamp) -> Answer {
    let state = state_of(lease, now);
    let answer = answer
        .header("x-ms-lease-status", state.status())
        .header("x-ms-lease-state", state.word());
    match lease {
        Some(lease) if state == LeaseState::Leased => {
            let duration = lease.seconds.map_or("infinite", |_| "fixed");
            answer.header("x-ms-lease-duration", duration)
        }
        _ => answer,
    }
}

/// Refuses a write (or, with an id, a read) that the lease does not allow. Containers have other codes.
pub(crate) fn check(
    request: &BlobCall<'_>,
    lease: Option<&Lease>,
    (writes, is_container): (bool, bool),
) -> Result<(), BlobError> {
    let state = state_of(lease, request.now());
    let (mismatch, none) = if is_container {
        (error::LEASE_ID_CONTAINER, error::LEASE_NONE_CONTAINER)
    } else {
        (error::LEASE_ID_BLOB, error::LEASE_NONE_BLOB)
    };
    match (request.header("x-ms-lease-id"), lease) {
        (None, _) if writes && state.is_locked() => Err(error::LEASE_MISSING),
        (None, _) => Ok(()),
        (Some(_), None) => Err(none),
        (Some(id), Some(lease)) if !lease.id.eq_ignore_ascii_case(id) => Err(mismatch),
        (Some(_), Some(_)) if state.is_locked() => Ok(()),
        (Some(_), Some(_)) => Err(error::LEASE_LOST),
    }
}

/// The answer to a lease operation, and the lease that is there afterwards.
type Acted = Result<(Answer, Option<Lease>), BlobError>;

/// Carries out a lease operation.
pub(crate) fn act(request: &BlobCall<'_>, lease: Option<&Lease>, dice: Dice) -> Acted {
    let action = request
        .header("x-ms-lease-action")
        .ok_or(error::MISSING_HEADER)?;
    match action.to_ascii_lowercase().as_str() {
        "acquire" => acquire(request, lease, dice),
        "renew" => renew(request, lease),
        "change" => change(request, lease),
        "release" => release(request, lease),
        "break" => break_it(request, lease),
        _ => Err(error::INVALID_HEADER),
    }
}

fn acquire(request: &BlobCall<'_>, lease: Option<&Lease>, dice: Dice) -> Acted {
    let seconds: i64 = request
        .header("x-ms-lease-duration")
        .ok_or(error::MISSING_HEADER)?
        .parse()
        .map_err(|_| error::INVALID_HEADER)?;
    if seconds != -1 && !(15..=60).contains(&seconds) {
        return Err(error::INVALID_HEADER);
    }
    let proposed = request.header("x-ms-proposed-lease-id");
    let same =
        lease.is_some_and(|lease| proposed.is_some_and(|id| id.eq_ignore_ascii_case(&lease.id)));
    match state_of(lease, request.now()) {
        LeaseState::Leased if !same => return Err(error::LEASE_PRESENT),
        LeaseState::Breaking if same => return Err(error::LEASE_BREAKING),
        LeaseState::Breaking => return Err(error::LEASE_PRESENT),
        _ => {}
    }
    let id = proposed.map_or_else(
        || dice.guid(&format!("lease/{}", request.call.number)),
        str::to_owned,
    );
    let lease = started(request.now(), id, (seconds > 0).then_some(seconds));
    let answer = accepted(201).header("x-ms-lease-id", lease.id.clone());
    Ok((answer, Some(lease)))
}

fn started(now: Timestamp, id: String, seconds: Option<i64>) -> Lease {
    let end = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok();
    Lease {
        id,
        seconds,
        until: seconds.and_then(end),
        broken_at: None,
    }
}

/// The lease that a request names.
fn named<'a>(request: &BlobCall<'_>, lease: Option<&'a Lease>) -> Result<&'a Lease, BlobError> {
    let id = request
        .header("x-ms-lease-id")
        .ok_or(error::MISSING_HEADER)?;
    let lease = lease.ok_or(error::LEASE_ID_OPERATION)?;
    if lease.id.eq_ignore_ascii_case(id) {
        Ok(lease)
    } else {
        Err(error::LEASE_ID_OPERATION)
    }
}

fn renew(request: &BlobCall<'_>, lease: Option<&Lease>) -> Acted {
    let lease = named(request, lease)?;
    let state = state_of(Some(lease), request.now());
    if matches!(state, LeaseState::Breaking | LeaseState::Broken) {
        return Err(error::LEASE_BROKEN);
    }
    let renewed = started(request.now(), lease.id.clone(), lease.seconds);
    let answer = accepted(200).header("x-ms-lease-id", renewed.id.clone());
    Ok((answer, Some(renewed)))
}

fn change(request: &BlobCall<'_>, lease: Option<&Lease>) -> Acted {
    let proposed = request
        .header("x-ms-proposed-lease-id")
        .ok_or(error::MISSING_HEADER)?;
    let Some(found) = lease else {
        return Err(error::LEASE_NONE_OPERATION);
    };
    match state_of(lease, request.now()) {
        LeaseState::Leased => {}
        LeaseState::Breaking => return Err(error::LEASE_BREAKING_CHANGE),
        _ => return Err(error::LEASE_NONE_OPERATION),
    }
    // a caller that does not know whether its change arrived may repeat it
    if !found.id.eq_ignore_ascii_case(proposed) {
        named(request, lease)?;
    }
    let changed = Lease {
        id: proposed.to_owned(),
        ..found.clone()
    };
    let answer = accepted(200).header("x-ms-lease-id", changed.id.clone());
    Ok((answer, Some(changed)))
}

fn release(request: &BlobCall<'_>, lease: Option<&Lease>) -> Acted {
    named(request, lease)?;
    Ok((accepted(200), None))
}

fn break_it(request: &BlobCall<'_>, lease: Option<&Lease>) -> Acted {
    let now = request.now();
    let Some(found) = lease else {
        return Err(error::LEASE_NONE_OPERATION);
    };
    let asked: Option<i64> = request
        .header("x-ms-lease-break-period")
        .map(|text| text.parse().map_err(|_| error::INVALID_HEADER))
        .transpose()?;
    if asked.is_some_and(|seconds| !(0..=60).contains(&seconds)) {
        return Err(error::INVALID_HEADER);
    }
    let remaining = found
        .broken_at
        .or(found.until)
        .map(|end| end.duration_since(now).as_secs().max(0));
    let seconds = match state_of(lease, now) {
        LeaseState::Broken | LeaseState::Expired => 0,
        // an infinite lease is broken at once when no period is asked for
        _ => match (asked, remaining) {
            (Some(asked), Some(remaining)) => asked.min(remaining),
            (Some(asked), None) => asked,
            (None, Some(remaining)) => remaining,
            (None, None) => 0,
        },
    };
    let broken_at = now
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(now);
    let broken = Lease {
        broken_at: Some(broken_at),
        ..found.clone()
    };
    let answer = accepted(202).header("x-ms-lease-time", seconds.to_string());
    Ok((answer, Some(broken)))
}
