//! What becomes of a URL: who answers it, why, and within which limits.

mod asked;

use std::fmt::Write as _;

use serde::Serialize;

use self::asked::{Asked, after_scheme};
use super::{Deployment, INGRESS_REQUEST_SECONDS};
use crate::catalogue::ServiceKind;
use crate::routes::{
    ForwardedHeader, HEALTH_PATH, HeaderSource, InvalidTarget, Location, Matching, Outcome,
    PublicRequest, RequestPath, TlsTermination,
};
use crate::values::AzureCloud;

/// Whether a name is one that Azure gives to container apps.
fn is_azure_name(host: &str) -> bool {
    let ends = AzureCloud::ALL.map(AzureCloud::container_apps_suffix);
    ends.iter().any(|end| {
        host.strip_suffix(end)
            .is_some_and(|rest| rest.ends_with('.'))
    })
}

/// What a client's address is shown as: it is another for every request.
const CLIENT: &str = "<address of the client>";

/// What a host is shown as that is known after apply.
const FRONT_DOOR: &str = "<front door>";

/// The host that is asked in place of one that is known after apply: the model of nginx takes names
/// alone. No name ends so (RFC 2606).
const STAND_IN: &str = "front-door.invalid";

/// Why a text is no URL of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// Neither a path nor a URL of http, https, ws or wss.
    #[error(
        "give a URL of http, https, ws or wss, such as https://dify.example.com/v1, or a path of \
         the deployment that begins with `/`"
    )]
    NoUrl,
    /// A URL with a user name before the host.
    #[error("leave the user name out: browsers don't send it, and nothing here shows passwords")]
    UserName,
}

/// What becomes of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteReport {
    /// Version of this format: 1.
    pub format: u32,
    /// The path with its query, as it is sent.
    pub target: String,
    /// Whether the host is one under which the deployment answers.
    pub host: Host,
    /// The path as nginx compares it with locations; nothing when it can't be read.
    pub path: Option<String>,
    /// What nginx does.
    pub answer: RouteAnswer,
    /// Other locations that would take the path, the next best first.
    pub others: Vec<RouteLoser>,
    /// The limits that hold where a service answers.
    pub limits: Option<RouteLimits>,
    /// The headers that nginx decides about, as the service gets them.
    pub headers: Vec<ForwardedHeader>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// The host of a URL beside that of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Host {
    /// Scheme and host of the URL, with the scheme of the handshake, http or https, for a WebSocket;
    /// nothing for a path alone.
    pub asked: Option<String>,
    /// The deployment's origin, when the file has one.
    pub origin: Option<String>,
    /// How they compare.
    pub verdict: HostVerdict,
}

/// How the host of a URL compares with that of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HostVerdict {
    /// It is the origin, or no host was given.
    Origin,
    /// It is the origin's host under the other scheme or another port.
    OriginOtherwise,
    /// It is the name that Azure gives to the front door.
    FrontDoor,
    /// It belongs to something else.
    Other,
    /// The file names no origin, so that nothing is known before `apply`.
    Unknown,
}

/// What nginx does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteAnswer {
    /// A service answers.
    Service {
        /// Key of the service.
        service: String,
        /// Its container app.
        app: String,
        /// Port of the container and of the app.
        port: u16,
        /// Path of the location that took the request.
        location: String,
        /// How the location compares paths.
        matching: Matching,
        /// Whether the file added the location.
        custom: bool,
        /// First release that has it, when that is known.
        since: Option<String>,
        /// Why this location and no other, as a sentence.
        why: String,
    },
    /// nginx answers itself, for probes.
    Health {
        /// Status: 200.
        status: u16,
        /// Why, as a sentence.
        why: String,
    },
    /// nginx redirects.
    Redirect {
        /// Status: 301.
        status: u16,
        /// Path and query to ask for instead.
        to: String,
        /// Why, as a sentence.
        why: String,
    },
    /// nginx refuses.
    Refused {
        /// Status.
        status: u16,
        /// Why, as a sentence.
        why: String,
    },
}

/// A location that would take a path if another did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteLoser {
    /// Its path.
    pub location: String,
    /// How it compares paths.
    pub matching: Matching,
    /// Key of its service.
    pub service: String,
    /// Why it does not answer, as a sentence.
    pub why: String,
}

/// Limits of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RouteLimits {
    /// Largest body, in bytes.
    pub body_bytes: u64,
    /// Longest request line, in bytes.
    pub request_line_bytes: u64,
    /// Seconds that a service may take to accept a connection.
    pub connect_seconds: u64,
    /// Seconds that a service may be silent within an answer.
    pub read_seconds: u64,
    /// Seconds that a service may refuse to take more of a request.
    pub send_seconds: u64,
    /// Seconds after which the platform's ingress ends a request, whatever nginx allows.
    pub ingress_seconds: u64,
    /// Seconds that the application gateway waits for a silent answer, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_seconds: Option<u64>,
    /// Whether answers are collected before they are passed on.
    pub buffering: bool,
    /// Whether the connection may become a WebSocket.
    pub websocket: bool,
}

impl Deployment {
    /// Says what becomes of a request for a URL, or for a path of the deployment.
    ///
    /// ```
    /// use dify_infra_core::deployment::{Deployment, RouteAnswer};
    ///
    /// let resolved = Deployment::builder("dify", "dev")
    ///     .location("japaneast")
    ///     .resource_group("dify-dev-rg")
    ///     .origin("https://dify.example.com")
    ///     .build()?;
    /// let report = resolved.deployment.route("https://dify.example.com/v1/chat-messages")?;
    /// let RouteAnswer::Service { app, port, .. } = report.answer else {
    ///     panic!("a service answers")
    /// };
    /// assert_eq!((app.as_str(), port), ("dify-dev-api", 5001));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is neither a path nor a URL of http, https, ws or wss, or has a user name in it.
    pub fn route(&self, url: &str) -> Result<RouteReport, InvalidUrl> {
        let asked = Asked::parse(url)?;
        let host = self.compare(&asked);
        let known = host.asked.as_deref().or(host.origin.as_deref());
        let request = PublicRequest {
            forwarded_proto: Some(self.public_scheme(&asked)),
            upgrade: asked.is_websocket.then_some("websocket"),
            ..PublicRequest::get(
                &asked.target,
                known.and_then(after_scheme).unwrap_or(STAND_IN),
            )
        };
        let outcome = self.routes.handle(&request);
        let path = RequestPath::parse(&asked.target).ok();
        let winner = match &outcome {
            Outcome::Forwarded(forwarded) => Some(forwarded.location),
            _ => None,
        };
        Ok(RouteReport {
            format: 1,
            path: path.as_ref().map(ToString::to_string),
            answer: self.answer(&outcome, path.as_ref()),
            others: path.map_or_else(Vec::new, |path| self.losers(&path, &outcome)),
            limits: winner.map(|location| self.limits(location)),
            headers: winner
                .map_or_else(Vec::new, |location| self.shown_headers(location, &request)),
            notes: self.notes(&asked, &host, &outcome),
            target: asked.target,
            host,
        })
    }

    fn answer(&self, outcome: &Outcome<'_>, path: Option<&RequestPath>) -> RouteAnswer {
        match outcome {
            Outcome::Forwarded(forwarded) => {
                let location = forwarded.location;
                RouteAnswer::Service {
                    service: location.target.service.clone(),
                    app: self.app(&location.target.service),
                    port: location.target.port,
                    location: location.path.clone(),
                    matching: location.matching,
                    custom: location.custom,
                    since: location.since.clone(),
                    why: why_it_won(location, path),
                }
            }
            Outcome::Health => RouteAnswer::Health {
                status: 200,
                why: format!("nginx answers `{HEALTH_PATH}` itself, for probes"),
            },
            Outcome::Redirect { to } => RouteAnswer::Redirect {
                status: 301,
                why: format!(
                    "only a slash is missing to the location `{}`",
                    to.split('?').next().unwrap_or_default()
                ),
                to: to.clone(),
            },
            Outcome::Refused(refusal) => RouteAnswer::Refused {
                status: refusal.status(),
                why: refusal.to_string(),
            },
        }
    }

    fn losers(&self, path: &RequestPath, outcome: &Outcome<'_>) -> Vec<RouteLoser> {
        let winner = match outcome {
            Outcome::Forwarded(forwarded) => Some(forwarded.location),
            _ => None,
        };
        let candidates = self.routes.candidates(path).into_iter();
        candidates
            .filter(|location| winner != Some(*location))
            .map(|location| RouteLoser {
                location: location.path.clone(),
                matching: location.matching,
                service: location.target.service.clone(),
                why: match winner {
                    Some(winner) if winner.matching == Matching::Exact => {
                        "an exact location goes before every prefix".to_owned()
                    }
                    Some(winner) => format!("`{}` is longer", winner.path),
                    None => "nginx answers itself".to_owned(),
                },
            })
            .collect()
    }

    fn limits(&self, location: &Location) -> RouteLimits {
        let settings = self.routes.settings();
        RouteLimits {
            body_bytes: self.routes.max_body_size(location),
            request_line_bytes: settings.large_client_header_buffer,
            connect_seconds: settings.connect_timeout.as_secs(),
            read_seconds: settings.read_timeout.as_secs(),
            send_seconds: settings.send_timeout.as_secs(),
            ingress_seconds: INGRESS_REQUEST_SECONDS.into(),
            gateway_seconds: self
                .gateway
                .as_ref()
                .map(|gateway| gateway.request_timeout.into()),
            buffering: settings.response_buffering,
            websocket: location.upgrade,
        }
    }

    /// The headers of a request that came through the ingress, without what differs each time.
    fn shown_headers(
        &self,
        location: &Location,
        request: &PublicRequest<'_>,
    ) -> Vec<ForwardedHeader> {
        let mut headers = self.routes.forwarded_headers(location, request);
        for (header, (_, source)) in headers.iter_mut().zip(location.headers()) {
            if source == HeaderSource::ClientAddress {
                header.value = Some(CLIENT.to_owned());
            } else if request.host == STAND_IN {
                let value = header.value.take();
                header.value = value.map(|value| value.replacen(STAND_IN, FRONT_DOOR, 1));
            }
        }
        headers
    }

    fn compare(&self, asked: &Asked) -> Host {
        let origin = self.public.origin.as_ref();
        let verdict = match (&asked.origin, origin) {
            (None, _) => HostVerdict::Origin,
            (Some(asked), Some(origin)) if *asked == origin.to_string() => HostVerdict::Origin,
            (Some(_), _) if self.is_front_door(asked) => HostVerdict::FrontDoor,
            (Some(_), Some(origin)) if asked.host_name() == Some(origin.host()) => {
                HostVerdict::OriginOtherwise
            }
            (Some(_), Some(_)) => HostVerdict::Other,
            (Some(_), None) => HostVerdict::Unknown,
        };
        Host {
            asked: asked.origin.clone(),
            origin: origin.map(ToString::to_string),
            verdict,
        }
    }

    /// Whether the host is the name that Azure gives to the app of nginx.
    fn is_front_door(&self, asked: &Asked) -> bool {
        let start = format!("{}.", self.app(ServiceKind::Nginx.key()));
        asked
            .host_name()
            .is_some_and(|host| host.starts_with(&start) && is_azure_name(host))
    }

    fn app(&self, service: &str) -> String {
        let suffix = service
            .parse::<ServiceKind>()
            .map_or(service, |kind| kind.app_suffix());
        format!("{}-{suffix}", self.prefix)
    }

    fn public_scheme<'a>(&self, asked: &'a Asked) -> &'a str {
        let is_plain = self
            .public
            .origin
            .as_ref()
            .is_some_and(|origin| !origin.is_https());
        match asked.scheme() {
            Some(scheme) => scheme,
            None if is_plain => "http",
            None => "https",
        }
    }

    fn notes(&self, asked: &Asked, host: &Host, outcome: &Outcome<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        match host.verdict {
            HostVerdict::Origin => {}
            HostVerdict::OriginOtherwise => notes.push(format!(
                "`{}` is not the deployment's origin `{}`: scheme or port differ",
                host.asked.as_deref().unwrap_or_default(),
                host.origin.as_deref().unwrap_or_default()
            )),
            HostVerdict::FrontDoor => notes.push(
                "the host is the name that Azure gives to the front door; links that Dify makes \
                 have the deployment's origin"
                    .to_owned(),
            ),
            HostVerdict::Other => notes.push(format!(
                "`{}` is not the deployment's origin `{}`: {} for a host that \
                 it does not know; the answer holds for the path under the origin",
                host.asked.as_deref().unwrap_or_default(),
                host.origin.as_deref().unwrap_or_default(),
                match self.gateway {
                    Some(_) => "the gateway has no listener",
                    None => "the ingress answers 404",
                }
            )),
            HostVerdict::Unknown => notes.push(
                "the file has no `public.origin`, so the front door answers under the name that \
                 Azure gives it: whether it is this one is known after `apply`"
                    .to_owned(),
            ),
        }
        let is_behind_tls = self.routes.settings().tls == TlsTermination::InFront;
        if asked.scheme() == Some("http") && is_behind_tls {
            let first = self.gateway.as_ref().map_or("ingress", |_| "gateway");
            let mut note =
                format!("the {first} redirects http to https before nginx sees the request");
            if asked.is_websocket {
                note.push_str(", and clients of WebSockets don't follow it: use wss");
            }
            notes.push(note);
        }
        if let Outcome::Forwarded(forwarded) = outcome
            && asked.is_websocket
            && !forwarded.location.upgrade
        {
            notes.push(format!(
                "connections to `{}` never become WebSockets: nginx leaves the header `Upgrade` \
                 out, so that the handshake is answered as a plain request and fails",
                forwarded.location.path
            ));
        }
        if asked.has_fragment {
            notes.push("what stands behind `#` stays in the browser".to_owned());
        }
        if let Outcome::Refused(crate::routes::Refusal::Target(InvalidTarget::DotSegment)) = outcome
        {
            notes.push(
                "browsers and most libraries resolve `.` and `..` themselves before they send"
                    .to_owned(),
            );
        }
        if let Outcome::Forwarded(forwarded) = outcome
            && let Some(note) = self.private_note(forwarded.location, &asked.target)
        {
            notes.push(note);
        }
        notes
    }

    /// That a path which a back-end serves for others stays inside.
    fn private_note(&self, location: &Location, target: &str) -> Option<String> {
        let path = RequestPath::parse(target).ok()?.to_string();
        let private = self.release.unrouted().iter().find(|private| {
            let rest = path.strip_prefix(&private.path);
            private.service.key() != location.target.service
                && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })?;
        let mut note = format!(
            "`{}` of `{}` is never public: ",
            private.path, private.service
        );
        let _ = write!(note, "{}", private.why.trim_end_matches('.'));
        Some(note)
    }
}

/// Why a location was chosen.
fn why_it_won(location: &Location, path: Option<&RequestPath>) -> String {
    let path = path.map(ToString::to_string).unwrap_or_default();
    match location.matching {
        Matching::Exact => format!("the exact location `{}` is the path itself", location.path),
        Matching::Prefix if location.path == "/" => {
            format!("no longer location is a prefix of `{path}`")
        }
        Matching::Prefix => format!("`{}` is the longest prefix of `{path}`", location.path),
    }
}

#[cfg(test)]
mod tests;
