//! The table of all locations, and what it answers.

use super::{
    HEALTH_PATH, HttpSettings, Location, Matching, PRIVATE_PATHS, RequestPath, WEB_SERVICE,
};

/// Longest path of a location: nginx keeps the length of a location's name in one byte.
const MAX_PATH: usize = 200;

/// Longest key of a service, which is the longest name of a container app.
const MAX_SERVICE_KEY: usize = 32;

/// All locations of a front door with their common settings; holds no contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// Sorted by descending length of path, so that the first prefix that fits is the longest.
    locations: Vec<Location>,
    settings: HttpSettings,
}

/// What nginx does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer<'table> {
    /// Answers itself, with 200: the path is [`HEALTH_PATH`].
    Health,
    /// Redirects with 301 to the same path with a slash at its end.
    ///
    /// nginx does so for a path that lacks only the slash of a location, when no location is called
    /// exactly so: `/e` becomes `/e/`.
    Redirect {
        /// The path to ask for instead.
        path: &'table str,
    },
    /// Hands the request to the location's target.
    Location(&'table Location),
}

impl<'table> Answer<'table> {
    /// The location that answers, if a back-end does.
    pub fn location(&self) -> Option<&'table Location> {
        match self {
            Self::Location(location) => Some(location),
            Self::Health | Self::Redirect { .. } => None,
        }
    }
}

/// Why a list of locations is not a route table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A path that nginx would never compare equal, or that needs no such characters.
    #[error(
        "location `{path}` {problem}: write the path decoded, starting with `/`, without query, \
         `//`, `.` or `..`"
    )]
    InvalidPath {
        /// The path as given.
        path: String,
        /// What is wrong with it, as the predicate of a sentence.
        problem: &'static str,
    },
    /// A service key that cannot name a service.
    #[error(
        "location `{path}` goes to service `{service}`, but a service key is made of at most 32 \
         lower-case letters and digits in words joined by one `-` or `_`, and starts with a letter"
    )]
    InvalidService {
        /// The location's path.
        path: String,
        /// The key as given.
        service: String,
    },
    /// Port 0.
    #[error("location `{path}` goes to port 0: give the port that the container listens on")]
    InvalidPort {
        /// The location's path.
        path: String,
    },
    /// Two locations for the same path and matching.
    #[error("location `{path}` is listed twice: keep one of them")]
    Duplicate {
        /// The path of both.
        path: String,
    },
    /// A path that nginx keeps for itself.
    #[error("location `{path}` is taken: nginx answers it itself for health probes")]
    Reserved {
        /// The location's path.
        path: String,
    },
    /// No prefix `/`.
    #[error("no location takes `/`: add a prefix location `/` for the web service")]
    NoCatchAll,
    /// A location that would publish what only back-ends may call.
    #[error(
        "location `{path}` would publish `{private}` of service `{service}`: only `web` may answer \
         there"
    )]
    PublishesPrivatePath {
        /// The location's path.
        path: String,
        /// The private path that it takes.
        private: &'static str,
        /// The service that would answer.
        service: String,
    },
    /// A limit of 0, which nginx reads as "no limit" or "at once".
    #[error("setting `{name}` is {problem}")]
    InvalidSetting {
        /// The setting's field.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl RouteTable {
    /// Builds a table; the order of `locations` does not matter, as it does not to nginx.
    ///
    /// # Errors
    ///
    /// When a path, service, port or setting is malformed, a location is listed twice or is
    /// [`HEALTH_PATH`], none takes `/`, or one would publish a path of [`PRIVATE_PATHS`].
    pub fn new(mut locations: Vec<Location>, settings: HttpSettings) -> Result<Self, RouteError> {
        check_settings(&settings)?;
        for location in &locations {
            check_location(location)?;
        }
        locations.sort_by(|one, other| {
            let key = |location: &Location| {
                (
                    std::cmp::Reverse(location.path.len()),
                    location.path.clone(),
                    location.matching as u8,
                )
            };
            key(one).cmp(&key(other))
        });
        for pair in locations.windows(2) {
            if pair[0].path == pair[1].path && pair[0].matching == pair[1].matching {
                return Err(RouteError::Duplicate {
                    path: pair[0].path.clone(),
                });
            }
        }
        if !locations.iter().any(is_catch_all) {
            return Err(RouteError::NoCatchAll);
        }
        check_private_paths(&locations)?;
        Ok(Self {
            locations,
            settings,
        })
    }

    /// The table of Dify 1.16.0 (`docker/nginx/conf.d/default.conf.template`), for tests and
    /// examples that need one without a release catalogue.
    pub fn dify_1_16_0() -> Self {
        let locations = vec![
            Location::prefix("/console/api", "api", 5001),
            Location::prefix("/api", "api", 5001),
            Location::prefix("/v1", "api", 5001),
            Location::prefix("/openapi", "api", 5001).since("1.15.0"),
            Location::prefix("/files", "api", 5001),
            Location::prefix("/mcp", "api", 5001).since("1.6.0"),
            Location::prefix("/triggers", "api", 5001).since("1.10.0"),
            Location::prefix("/socket.io/", "api-websocket", 5001)
                .with_upgrade()
                .since("1.14.0"),
            Location::prefix("/e/", "plugin-daemon", 5002)
                .with_hook_url()
                .since("1.0.0"),
            Location::prefix("/explore", WEB_SERVICE, 3000),
            Location::prefix("/", WEB_SERVICE, 3000),
        ];
        Self::new(locations, HttpSettings::default())
            .unwrap_or_else(|error| unreachable!("a test builds this very table: {error}"))
    }

    /// The same locations under other limits.
    ///
    /// # Errors
    ///
    /// When a setting is one that nginx reads otherwise than it looks.
    pub fn with_settings(&self, settings: HttpSettings) -> Result<Self, RouteError> {
        Self::new(self.locations.clone(), settings)
    }

    /// Says what nginx does with a request for `path`.
    ///
    /// An exact location goes first, then the longest prefix, as in nginx's
    /// `ngx_http_core_find_location`.
    pub fn resolve(&self, path: &RequestPath) -> Answer<'_> {
        let path = path.as_bytes();
        if path == HEALTH_PATH.as_bytes() {
            return Answer::Health;
        }
        let named_so = |location: &&Location| location.path.as_bytes() == path;
        let exact = self
            .locations
            .iter()
            .filter(named_so)
            .find(|l| l.matching == Matching::Exact);
        if let Some(location) = exact {
            return Answer::Location(location);
        }
        if !self.locations.iter().any(|location| named_so(&location))
            && let Some(path) = self.with_slash(path)
        {
            return Answer::Redirect { path };
        }
        match self.locations.iter().find(|location| location.takes(path)) {
            Some(location) => Answer::Location(location),
            None => {
                unreachable!("`new` requires a location for `/`, and every path starts with it")
            }
        }
    }

    /// Every location that would take `path`, the one that does so first: why the others lost.
    pub fn candidates(&self, path: &RequestPath) -> Vec<&Location> {
        let mut takers: Vec<&Location> = self
            .locations
            .iter()
            .filter(|location| location.takes(path.as_bytes()))
            .collect();
        takers.sort_by_key(|location| location.matching != Matching::Exact);
        takers
    }

    /// The locations, longest path first.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Limits and times that all locations share.
    pub fn settings(&self) -> &HttpSettings {
        &self.settings
    }

    /// The largest request body that a location takes, in bytes.
    pub fn max_body_size(&self, location: &Location) -> u64 {
        location
            .max_body_size
            .unwrap_or(self.settings.client_max_body_size)
    }

    /// The largest request body that any location takes, in bytes: what stands in front of nginx
    /// must let it through.
    pub fn largest_body(&self) -> u64 {
        let own = self.locations.iter().filter_map(|it| it.max_body_size);
        own.fold(self.settings.client_max_body_size, u64::max)
    }

    /// Keys of the services that the table sends requests to, each once, in order.
    pub fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = self
            .locations
            .iter()
            .map(|location| location.target.service.as_str())
            .collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// The path of a location that is `path` and a slash.
    fn with_slash(&self, path: &[u8]) -> Option<&str> {
        let wanted = [path, b"/"].concat();
        self.locations
            .iter()
            .map(|location| location.path.as_str())
            .find(|candidate| candidate.as_bytes() == wanted)
    }
}

/// Whether nothing can miss the location.
fn is_catch_all(location: &Location) -> bool {
    location.path == "/" && location.matching == Matching::Prefix
}

/// Refuses settings that nginx reads otherwise than they look.
fn check_settings(settings: &HttpSettings) -> Result<(), RouteError> {
    if settings.client_max_body_size == 0 {
        return Err(RouteError::InvalidSetting {
            name: "client_max_body_size",
            problem: "0, which nginx reads as no limit at all: give a number of bytes",
        });
    }
    if !(1024..=1 << 20).contains(&settings.large_client_header_buffer) {
        return Err(RouteError::InvalidSetting {
            name: "large_client_header_buffer",
            problem: "not from 1024 to 1048576 bytes",
        });
    }
    for (name, duration) in settings.durations() {
        if duration.as_secs() == 0 || duration.subsec_nanos() != 0 {
            let problem = "not a whole number of seconds from 1 on";
            return Err(RouteError::InvalidSetting { name, problem });
        }
    }
    Ok(())
}

/// Checks one location by itself.
pub(crate) fn check_location(location: &Location) -> Result<(), RouteError> {
    let path = location.path.clone();
    if let Some(problem) = path_problem(&path) {
        return Err(RouteError::InvalidPath { path, problem });
    }
    if !is_service_key(&location.target.service) {
        return Err(RouteError::InvalidService {
            path,
            service: location.target.service.clone(),
        });
    }
    if location.target.port == 0 {
        return Err(RouteError::InvalidPort { path });
    }
    if location.max_body_size == Some(0) {
        return Err(RouteError::InvalidSetting {
            name: "max_body_size",
            problem: "0, which nginx reads as no limit at all: give a number of bytes",
        });
    }
    if path == HEALTH_PATH {
        return Err(RouteError::Reserved { path });
    }
    Ok(())
}

/// What keeps a location's path from being one that nginx can match.
fn path_problem(path: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!&'()*+,;=:@".contains(&byte);
    if !path.starts_with('/') {
        return Some("does not start with `/`");
    }
    if path.len() > MAX_PATH {
        return Some("is longer than 200 characters");
    }
    if !path.bytes().all(allowed) {
        return Some("holds a character that a location's path may not have");
    }
    match RequestPath::parse(path) {
        Ok(normal) if normal.as_bytes() == path.as_bytes() => None,
        _ => Some("is not in its normal form"),
    }
}

/// Whether `key` is short and made of words joined by single `-` or `_`.
///
/// Keys become nginx variables; with this rule two keys never become the same one.
fn is_service_key(key: &str) -> bool {
    key.len() <= MAX_SERVICE_KEY
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.split(['-', '_']).all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// Refuses locations through which a back-end's private path could be reached.
fn check_private_paths(locations: &[Location]) -> Result<(), RouteError> {
    locations.iter().try_for_each(check_private_path)
}

/// Refuses a location through which a back-end's private path could be reached.
pub(crate) fn check_private_path(location: &Location) -> Result<(), RouteError> {
    if location.target.service == WEB_SERVICE {
        return Ok(());
    }
    match PRIVATE_PATHS
        .into_iter()
        .find(|private| location.touches(private))
    {
        None => Ok(()),
        Some(private) => Err(RouteError::PublishesPrivatePath {
            path: location.path.clone(),
            private,
            service: location.target.service.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
