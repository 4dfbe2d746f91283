//! Limits and times that all locations share.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

/// Where the TLS of the public ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum TlsTermination {
    /// Before nginx: an ingress or a gateway, which says in `X-Forwarded-Proto` what the public
    /// uses, and is the only one that reaches nginx.
    #[default]
    InFront,
    /// Nowhere: the public speaks plain HTTP to nginx itself, so that `X-Forwarded-Proto` is a
    /// client's own word, and not believed.
    Nowhere,
}

/// What nginx allows a request, whatever location it belongs to.
///
/// The defaults are those of Dify's own front door (langgenius/dify 1.16.0,
/// `docker/nginx/proxy.conf.template` and `nginx.conf.template`); nginx's would cut uploads at 1
/// MiB and silent answers after a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Largest request body, in bytes; more is answered with 413.
    pub client_max_body_size: u64,
    /// Longest line of a request's head, in bytes with its line end: a longer request line is
    /// answered with 414, a longer header with 400.
    pub large_client_header_buffer: u64,
    /// How long a back-end may take to accept a connection, in whole seconds.
    pub connect_timeout: Duration,
    /// How long a back-end may be silent within an answer, in whole seconds.
    pub read_timeout: Duration,
    /// How long a back-end may refuse to take more of a request, in whole seconds.
    pub send_timeout: Duration,
    /// How long an idle connection of a client stays open, in whole seconds.
    pub keepalive_timeout: Duration,
    /// How long an address of a back-end is believed before it is looked up again, in whole
    /// seconds. A back-end that moves is unreachable for this long at most.
    pub address_lifetime: Duration,
    /// Whether answers are collected before they are passed on. Off, because the tokens of a
    /// streamed answer would arrive late and in blocks.
    pub response_buffering: bool,
    /// Where the TLS of the public ends, and with it who says which scheme the public uses.
    pub tls: TlsTermination,
    /// Networks from which `X-Forwarded-For` is believed: the platform's ingress, and the subnet of
    /// a gateway in front of it when there is one.
    pub trusted_proxies: Vec<IpNet>,
    /// Subnet of an application gateway in front of the platform's ingress, from which
    /// `X-Original-Host` is believed: the gateway asks under the name that Azure gives to the
    /// app, and says in this header for which host the public asked
    /// (<https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works#modifications-to-the-request>).
    pub gateway: Option<IpNet>,
}

impl Default for HttpSettings {
    /// The limits of Dify's own front door, behind the ingress of Container Apps: it connects from
    /// 100.64.0.0/10 (microsoft/azure-container-apps#1416, #1494).
    fn default() -> Self {
        Self {
            client_max_body_size: 100 * 1024 * 1024,
            large_client_header_buffer: 16 * 1024,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_hours(1),
            send_timeout: Duration::from_hours(1),
            keepalive_timeout: Duration::from_secs(65),
            address_lifetime: Duration::from_secs(10),
            response_buffering: false,
            tls: TlsTermination::InFront,
            trusted_proxies: vec![Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10).into()],
            gateway: None,
        }
    }
}

impl HttpSettings {
    /// The same behind an application gateway that asks from `subnet`.
    #[must_use]
    pub fn behind_gateway(mut self, subnet: IpNet) -> Self {
        self.gateway = Some(subnet);
        self.trusted_proxies.push(subnet);
        self
    }

    /// The durations with the names they are known by, for checks over all of them.
    pub(super) fn durations(&self) -> [(&'static str, Duration); 5] {
        [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("send_timeout", self.send_timeout),
            ("keepalive_timeout", self.keepalive_timeout),
            ("address_lifetime", self.address_lifetime),
        ]
    }
}
