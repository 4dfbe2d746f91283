//! Addresses as squid reads them: everything that the C library takes for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that squid takes `host` for; nothing when it is a name.
///
/// Squid 5.7 asks `getaddrinfo` with `AI_NUMERICHOST` (`src/ip/Address.cc`, `lookupHostIP`), so short,
/// decimal, octal and hexadecimal forms of IPv4 are addresses, and IPv4 in its IPv6-mapped form is
/// IPv4.
pub(super) fn numeric(host: &str) -> Option<IpAddr> {
    if let Some(address) = loose_ipv4(host) {
        return Some(IpAddr::V4(address));
    }
    let (address, scope) = host.split_once('%').unwrap_or((host, ""));
    let address: Ipv6Addr = address.parse().ok()?;
    if host.contains('%') && !is_scope(address, scope) {
        return None;
    }
    Some(IpAddr::V6(address).to_canonical())
}

/// Whether the part behind `%` names an interface: a number, or for link-local addresses one of
/// those that a container has.
fn is_scope(address: Ipv6Addr, scope: &str) -> bool {
    let link_local = address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02;
    let interface = |name: &str| name == "lo" || name.strip_prefix("eth").is_some_and(is_number);
    is_number(scope) && scope.parse::<u32>().is_ok() || link_local && interface(scope)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// IPv4 as `inet_aton` of glibc reads it: one to four numbers, the last of which fills what is left.
fn loose_ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = text.split('.').collect();
    let (last, first) = parts.split_last()?;
    if first.len() > 3 {
        return None;
    }
    let mut address = 0u32;
    for (part, shift) in first.iter().zip([24, 16, 8]) {
        address |= number(part).filter(|value| *value <= 0xff)? << shift;
    }
    let room = u32::MAX.checked_shr(8 * u32::try_from(first.len()).ok()?)?;
    let last = number(last).filter(|value| *value <= room)?;
    Some(Ipv4Addr::from(address | last))
}

/// A number as C writes it: `0x` is hexadecimal, a leading `0` octal.
fn number(text: &str) -> Option<u32> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// An address as squid writes it into URLs and lists: IPv6 in brackets.
pub(super) fn as_host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The bits of an address in the one order that squid keeps for both families: IPv4 stands at
/// `::ffff:0:0/96`.
pub(super) fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address of [`bits`].
pub(super) fn address(bits: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_form_of_the_metadata_address() {
        let wanted: IpAddr = "169.254.169.254".parse().unwrap();
        for text in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0XA9FEA9FE",
            "025177524776",
            "0251.0376.0251.0376",
            "0xa9.0xfe.0xa9.0xfe",
            "169.16689662",
            "169.254.43518",
            "0xa9.254.0xa9fe",
            "0000251.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "0:0:0:0:0:FFFF:A9FE:A9FE",
        ] {
            assert_eq!(numeric(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_a_name() {
        for text in [
            "",
            ".",
            "example.com",
            "1.2.3.4.5",
            "1.2.3.256",
            "256.1",
            "4294967296",
            "08",
            "0x",
            "0xg",
            "1.2.3.",
            "1..2",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1.2.3.4a",
            "[::1]",
            "::1%",
            "::1%lo",
            "fe80::1%25lo",
            "fe80::1%99999999999",
            "１.2.3.4",
        ] {
            assert_eq!(numeric(text), None, "{text}");
        }
        for text in [
            "0",
            "00",
            "0x0",
            "1",
            "fe80::1%lo",
            "fe80::1%2",
            "::1%7",
            "1.2",
        ] {
            assert!(numeric(text).is_some(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_address_is_read_as_itself(bits in any::<u32>(), other in any::<u128>()) {
            let v4 = Ipv4Addr::from(bits);
            for text in [v4.to_string(), bits.to_string(), format!("{bits:#x}")] {
                prop_assert_eq!(numeric(&text), Some(IpAddr::V4(v4)));
            }
            let v6 = IpAddr::V6(Ipv6Addr::from(other)).to_canonical();
            prop_assert_eq!(numeric(&Ipv6Addr::from(other).to_string()), Some(v6));
        }

        #[test]
        fn nothing_makes_it_panic(text in ".{0,40}") {
            numeric(&text);
        }
    }
}
