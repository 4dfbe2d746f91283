//! Private destinations that a deployment allows on purpose.

use std::fmt;

use ipnet::IpNet;

use super::ranges::{IPV4_FORMS, NEVER_EXCEPTED};

/// What an exception allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExceptionTarget {
    /// Addresses.
    Network(IpNet),
    /// A host by name, or with a leading dot also every host below it. Lower case.
    Domain(String),
}

impl fmt::Display for ExceptionTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(formatter),
            Self::Domain(domain) => domain.fmt(formatter),
        }
    }
}

/// A destination that is allowed although the deny list names it, with the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EgressException {
    target: ExceptionTarget,
    reason: String,
}

/// Why a destination cannot be an exception.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidException {
    /// Not an address range.
    #[error("`{0}` is not an address range: write it as `10.0.8.4/32` or `fd00::/64`")]
    NotANetwork(String),
    /// Bits after the prefix.
    #[error("`{given}` has bits set after its prefix: did you mean `{meant}`?")]
    HostBits {
        /// As given.
        given: IpNet,
        /// With these bits cut.
        meant: IpNet,
    },
    /// Prefix 0.
    #[error("`{0}` is every address: an exception names what it allows")]
    Everything(IpNet),
    /// IPv4 written as IPv6, which squid 5.7 reads as every IPv4 address.
    #[error("`{0}` is IPv4 in the form of IPv6: write it as IPv4")]
    MappedIpv4(IpNet),
    /// A range that must stay denied.
    #[error("`{network}` touches {protected}, which is {what}: no exception can open it")]
    Protected {
        /// As given.
        network: IpNet,
        /// The range it touches.
        protected: IpNet,
        /// What lives there.
        what: &'static str,
    },
    /// Not a host name.
    #[error("`{domain}` is not a domain that the proxy can compare: {problem}")]
    NotADomain {
        /// As given.
        domain: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No reason.
    #[error("the exception for `{0}` has no reason: say in a few words why it is needed")]
    NoReason(String),
}

impl EgressException {
    /// Allows the addresses of `network`, written as a CIDR.
    ///
    /// # Errors
    ///
    /// When `network` is no CIDR, has host bits, is every address, is IPv4 in IPv6 form or touches
    /// the metadata service, the wire server or the proxy itself, or when `reason` is empty.
    pub fn network(network: &str, reason: &str) -> Result<Self, InvalidException> {
        let parsed: IpNet = network
            .parse()
            .map_err(|_| InvalidException::NotANetwork(network.to_owned()))?;
        check_network(parsed)?;
        Self::new(ExceptionTarget::Network(parsed), reason)
    }

    /// Allows the host `domain`, or with a leading dot the domain and every host below it.
    ///
    /// Whatever address the name has is then reachable: name only hosts whose DNS you keep.
    ///
    /// # Errors
    ///
    /// When `domain` is not a host name with at least two labels, or `reason` is empty.
    pub fn domain(domain: &str, reason: &str) -> Result<Self, InvalidException> {
        if let Some(problem) = domain_problem(domain) {
            return Err(InvalidException::NotADomain {
                domain: domain.to_owned(),
                problem,
            });
        }
        Self::new(ExceptionTarget::Domain(domain.to_ascii_lowercase()), reason)
    }

    /// What is allowed.
    pub fn target(&self) -> &ExceptionTarget {
        &self.target
    }

    /// Why, in the words of the deployment file.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn new(target: ExceptionTarget, reason: &str) -> Result<Self, InvalidException> {
        if reason.trim().is_empty() {
            return Err(InvalidException::NoReason(target.to_string()));
        }
        Ok(Self {
            target,
            reason: reason.trim().to_owned(),
        })
    }
}

/// Refuses ranges that are wider, other or more dangerous than they look.
fn check_network(network: IpNet) -> Result<(), InvalidException> {
    if network.prefix_len() == 0 {
        return Err(InvalidException::Everything(network));
    }
    if network != network.trunc() {
        return Err(InvalidException::HostBits {
            given: network,
            meant: network.trunc(),
        });
    }
    for (protected, what) in NEVER_EXCEPTED {
        if network.contains(&protected) || protected.contains(&network) {
            return Err(InvalidException::Protected {
                network,
                protected,
                what,
            });
        }
    }
    if IPV4_FORMS.contains(&network) {
        return Err(InvalidException::MappedIpv4(network));
    }
    Ok(())
}

/// What keeps a text from being a domain for squid's `dstdomain`.
fn domain_problem(domain: &str) -> Option<&'static str> {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let labels: Vec<&str> = host.split('.').collect();
    let label_is_valid = |label: &&str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !labels.iter().all(label_is_valid) {
        return Some(
            "a domain is made of labels of at most 63 letters, digits, `-` and `_`, joined by dots \
             (no scheme, port, path or `*`)",
        );
    }
    if labels.len() < 2 {
        return Some("it has one label alone, which squid does not look up; give the full name");
    }
    let last = labels.last().copied().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        return Some("it is an address; give it as a range, for example `10.0.8.4/32`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{EgressException, ExceptionTarget, InvalidException};

    #[test]
    fn accepts_private_ranges_and_domains() {
        for network in [
            "10.0.8.4/32",
            "192.168.0.0/16",
            "fd00::/8",
            "100.100.0.0/17",
        ] {
            let exception = EgressException::network(network, "wiki").unwrap();
            assert_eq!(exception.target().to_string(), network);
        }
        let exception = EgressException::domain(".Corp.Example", " our own ").unwrap();
        assert_eq!(
            *exception.target(),
            ExceptionTarget::Domain(".corp.example".to_owned())
        );
        assert_eq!(exception.reason(), "our own");
    }

    #[test]
    fn never_opens_everything() {
        for network in ["0.0.0.0/0", "::/0"] {
            let error = EgressException::network(network, "x").unwrap_err();
            assert!(
                matches!(error, InvalidException::Everything(_)),
                "{network}: {error}"
            );
        }
    }

    #[test]
    fn never_opens_what_hands_out_credentials() {
        for network in [
            "169.254.169.254/32",
            "168.63.129.16/32",
            "127.0.0.1/32",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "168.0.0.0/6",
            "::1/128",
            "::/96",
            "fe80::/64",
        ] {
            let error = EgressException::network(network, "x").unwrap_err();
            assert!(
                matches!(error, InvalidException::Protected { .. }),
                "{network}: {error}"
            );
        }
    }

    #[test]
    fn refuses_ipv4_in_the_form_of_ipv6() {
        for network in [
            "::ffff:0:0/96",
            "::ffff:10.0.0.1/128",
            "::10.0.0.1/128",
            "::fffe:0:0/95",
        ] {
            let error = EgressException::network(network, "x").unwrap_err();
            assert!(
                matches!(error, InvalidException::MappedIpv4(_)),
                "{network}: {error}"
            );
        }
    }

    #[test]
    fn refuses_host_bits_and_says_what_was_meant() {
        let error = EgressException::network("10.0.8.4/24", "x").unwrap_err();
        assert!(error.to_string().contains("10.0.8.0/24"), "{error}");
    }

    #[test]
    fn refuses_what_is_not_a_domain() {
        for domain in [
            "",
            ".",
            ".com",
            "api",
            "10.0.0.1",
            "a.0x7f",
            "https://a.example",
            "a.example:80",
            "*.example.com",
            "a..example",
            "-n.example",
            "a.example\nhttp_access allow all",
            "\"file\".example",
            "a.example ",
            "é.example",
        ] {
            let error = EgressException::domain(domain, "x").unwrap_err();
            assert!(
                matches!(error, InvalidException::NotADomain { .. }),
                "{domain}: {error}"
            );
        }
    }

    #[test]
    fn wants_a_reason() {
        let error = EgressException::domain("a.example", " ").unwrap_err();
        assert_eq!(error, InvalidException::NoReason("a.example".to_owned()));
    }
}
