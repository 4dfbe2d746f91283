//! The table about public paths beyond those of the release.

use super::define::section;

section! {
    /// A public path and the service that answers it, beside those of the release.
    pub struct RouteSpec {
        /// Path as nginx compares it: decoded, beginning with `/`, without query.
        #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/[A-Za-z0-9/._~!&'()*+,;=:@-]*$"), length(max = 200)))]
        path: Option<String>,
        /// "prefix": longer paths belong to it too, character by character (`/hook` takes `/hooks`).
        /// "exact": the path alone. A prefix unless given.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["prefix", "exact"])))]
        r#match: Option<String>,
        /// Service that answers.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = super::schema::public_services())))]
        service: Option<String>,
        /// Whether a request may turn its connection into a WebSocket.
        upgrade: Option<bool>,
        /// Largest request body, such as "200M"; otherwise that of all routes, 100M.
        #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[1-9][0-9]*[kKmMgG]?$")))]
        max_body_size: Option<String>,
    }
}
