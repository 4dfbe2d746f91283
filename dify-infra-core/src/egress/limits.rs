//! Memory, descriptors and times of the proxy.

use std::time::Duration;

/// What the proxy may use and how long it waits.
///
/// The defaults fit a container of 0.5 GiB: Dify's own file gives 256 MB to a cache that holds
/// nothing. Times are at least those of Dify's HTTP node (langgenius/dify 1.16.0,
/// `HTTP_REQUEST_MAX_CONNECT_TIMEOUT` 10 s, `_READ_TIMEOUT` and `_WRITE_TIMEOUT` 600 s), so that
/// the node's own limit is the one a user meets (langgenius/dify#41011).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyLimits {
    /// Memory for objects in transit, in MiB.
    pub memory_mebibytes: u32,
    /// Connections and files at once, counted on both sides of the proxy.
    pub file_descriptors: u32,
    /// How long a destination may take to accept a connection.
    pub connect_timeout: Duration,
    /// How long a destination may be silent.
    pub read_timeout: Duration,
    /// How long a destination may refuse to take more of a request.
    pub write_timeout: Duration,
    /// How long a client may take to send its request's headers.
    pub request_timeout: Duration,
    /// How long one client connection may last in all, downloads included.
    pub client_lifetime: Duration,
    /// How long a DNS answer is waited for.
    pub dns_timeout: Duration,
    /// How long requests may go on after the container is asked to stop.
    pub shutdown_lifetime: Duration,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            memory_mebibytes: 8,
            file_descriptors: 8192,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(11),
            write_timeout: Duration::from_mins(11),
            request_timeout: Duration::from_mins(2),
            client_lifetime: Duration::from_hours(1),
            dns_timeout: Duration::from_secs(10),
            shutdown_lifetime: Duration::from_secs(3),
        }
    }
}
