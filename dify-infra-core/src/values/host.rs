//! Hosts as URLs and image references write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Port;

/// Checks a host and gives its canonical form, or says what is wrong with it.
pub(super) fn canonical(host: &str) -> Result<String, String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner
            .strip_suffix(']')
            .and_then(|text| text.parse::<Ipv6Addr>().ok());
        return match address {
            Some(address) => Ok(format!("[{address}]")),
            None => Err(format!(
                "the host {host:?} is not an IPv6 address in brackets"
            )),
        };
    }
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if !host.is_ascii() {
        return Err("the host has letters beyond ASCII, which need their xn-- form".to_owned());
    }
    // A name that ends in a number is taken for an IPv4 address by every browser.
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty() {
        let address = host.parse::<Ipv4Addr>().map(|address| address.to_string());
        return address.map_err(|_| format!("the host {host:?} is not an IPv4 address"));
    }
    if host.len() > 253 {
        return Err(format!(
            "the host has {} characters, 253 are the most",
            host.len()
        ));
    }
    match host.split('.').find_map(wrong_label) {
        Some(reason) => Err(reason),
        None => Ok(host.to_ascii_lowercase()),
    }
}

/// What is wrong with one label of a host name, or nothing.
///
/// The `_` is no character of DNS host names but stands in service names of Docker Compose.
fn wrong_label(label: &str) -> Option<String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if label.is_empty() {
        return Some("the host has an empty part beside a '.'".to_owned());
    }
    if let Some(wrong) = label.chars().find(|character| !allowed(*character)) {
        return Some(format!("the host has the character {wrong:?}"));
    }
    if label.len() > 63 {
        return Some(format!(
            "the host has a part of {} characters, 63 are the most",
            label.len()
        ));
    }
    let edge = label.starts_with('-') || label.ends_with('-');
    edge.then(|| format!("the host's part {label:?} starts or ends with '-'"))
}

/// The address that a canonical host is, if it is one.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Splits `host[:port]`; the colons of an IPv6 address stay in its brackets.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<Port>), String> {
    let end_of_host = authority.find(']').map_or(0, |index| index + 1);
    let Some(colon) = authority[end_of_host..]
        .find(':')
        .map(|index| index + end_of_host)
    else {
        return Ok((authority, None));
    };
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    match port.parse() {
        Ok(port) => Ok((host, Some(port))),
        Err(_) => Err(format!("the port {port:?} is not a number from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_and_literals() {
        for (host, right) in [
            ("Dify.Example.COM", "dify.example.com"),
            ("localhost", "localhost"),
            ("ssrf_proxy", "ssrf_proxy"),
            ("127.0.0.1", "127.0.0.1"),
            ("[0:0::1]", "[::1]"),
            ("xn--zckzah.example", "xn--zckzah.example"),
        ] {
            assert_eq!(canonical(host).unwrap(), right);
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_host() {
        let long_label = "a".repeat(64);
        let long_name = ["a".repeat(63).as_str(); 4].join(".");
        for (host, reason) in [
            ("", "missing"),
            ("日本.example", "xn--"),
            ("1.2.3", "not an IPv4"),
            ("256.1.1.1", "not an IPv4"),
            ("[::1", "brackets"),
            ("[::1%25eth0]", "brackets"),
            ("a..b", "empty part"),
            ("example.com.", "empty part"),
            ("a b", "character ' '"),
            ("-a.example", "'-'"),
            (long_label.as_str(), "63"),
            (long_name.as_str(), "253"),
        ] {
            let error = canonical(host).unwrap_err();
            assert!(error.contains(reason), "{host}: {error}");
        }
    }

    #[test]
    fn splits_ports_off() {
        let port = |number: i64| Some(Port::try_from(number).unwrap());
        assert_eq!(split_port("a:80").unwrap(), ("a", port(80)));
        assert_eq!(split_port("[::1]:80").unwrap(), ("[::1]", port(80)));
        assert_eq!(split_port("[::1]").unwrap(), ("[::1]", None));
        for authority in ["a:", "a:0", "a:b", "a:80:80", "[::1]:"] {
            assert!(split_port(authority).is_err(), "{authority}");
        }
    }
}
