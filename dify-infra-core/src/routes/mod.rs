//! Which service answers which public path, and within which limits.
//!
//! A [`RouteTable`] is built from the [`Location`]s of a Dify release and can be asked, without any
//! nginx, what nginx will do with a request: [`RouteTable::resolve`] follows nginx's own rules for
//! normalising a request target and for choosing a location. The nginx file is rendered from the
//! same table, so what the model answers and what runs cannot drift apart. [`RouteTable::handle`]
//! goes further and says for a whole [`PublicRequest`] what nginx does: whether it refuses it, and
//! with which headers a back-end gets it.
//!
//! ```
//! use dify_infra_core::routes::{RequestPath, RouteTable};
//!
//! let table = RouteTable::dify_1_16_0();
//! let path = RequestPath::parse("/v1//chat-messages?stream=1")?;
//! let location = table.resolve(&path).location().expect("a back-end answers");
//! assert_eq!(location.target.service, "api");
//! assert_eq!(location.target.port, 5001);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod headers;
mod location;
mod path;
mod request;
mod settings;
mod table;

pub(crate) use self::headers::plain_headers;
pub use self::headers::{ForwardedHeader, HeaderSource};
pub use self::location::{Location, Matching, Target};
pub use self::path::{InvalidTarget, RequestPath};
pub use self::request::{Forwarded, Outcome, PublicRequest, Refusal};
pub use self::settings::{HttpSettings, TlsTermination};
pub use self::table::{Answer, RouteError, RouteTable};
pub(crate) use self::table::{check_location, check_private_path};

/// The path that nginx itself answers with `200 ok`, for probes of the platform and of a gateway.
pub const HEALTH_PATH: &str = "/nginx-health";

/// The only service that may answer the paths of [`PRIVATE_PATHS`]: it has nothing behind them.
pub const WEB_SERVICE: &str = "web";

/// Paths that back-ends serve for each other or for operators, never for the public.
///
/// `/inner/api` is the API that the plugin daemon calls, `/plugin` and `/debug` are the plugin
/// daemon's management and profiling, `/metrics` belongs to either (langgenius/dify 1.16.0,
/// `docker/nginx/conf.d/default.conf.template`: none of them has a location, so all fall to web).
pub const PRIVATE_PATHS: [&str; 4] = ["/inner/api", "/metrics", "/debug", "/plugin"];
