//! Values of address lists, with squid's own idea of what they cover.
//!
//! Follows `acl_ip_data::FactoryParse` and `ACLIP::parse` (`src/acl/Ip.cc`) of squid 5.7.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::address::{address, bits, numeric};

/// More values than this in one list are not read.
const MOST_VALUES: usize = 4096;

/// Addresses from one to another, in the one order that squid keeps for both families: what a value of
/// a list covers, since a mask cuts bits at the end alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::egress) struct Span {
    pub(in crate::egress) first: u128,
    pub(in crate::egress) last: u128,
}

/// What came of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Added {
    /// It is in the list.
    Taken,
    /// Squid drops it, since it overlaps an earlier value; whether that covers it wholly.
    Dropped { covered: bool },
    /// Bits are set behind the prefix, or the prefix is 0: it covers other addresses than it seems.
    Odd,
    /// Squid would look the name up when it starts.
    Name,
    /// Squid does not start with it.
    Refused,
    /// The list is too long to be read.
    TooMany,
}

/// The addresses of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AddressList {
    everything: bool,
    /// In order; none overlaps another.
    spans: Vec<Span>,
}

impl AddressList {
    /// The list of every address.
    pub(super) fn everything() -> Self {
        Self {
            everything: true,
            spans: Vec::new(),
        }
    }

    /// Adds a network of a policy; policies hold no networks that overlap.
    pub(super) fn with_network(mut self, network: IpNet) -> Self {
        self.add(&network.to_string());
        self
    }

    /// Adds a value as it stands in a file.
    ///
    /// A value that overlaps an earlier one is dropped, even if it is the larger of the two: squid
    /// warns of it and denies less than the file says.
    pub(super) fn add(&mut self, value: &str) -> Added {
        let everything = [
            "all",
            "0/0",
            "0.0.0.0/0",
            "0.0.0.0/0.0.0.0",
            "0.0.0.0-255.255.255.255",
            "0.0.0.0-0.0.0.0/0",
        ];
        if everything.contains(&value) {
            self.everything = true;
            return Added::Taken;
        }
        if self.spans.len() >= MOST_VALUES {
            return Added::TooMany;
        }
        let (span, odd) = match read(value) {
            Read::Span(span, odd) => (span, odd),
            Read::Name => return Added::Name,
            Read::Refused => return Added::Refused,
        };
        // The first that does not end before the new one begins.
        let at = self.spans.partition_point(|known| known.last < span.first);
        if let Some(known) = self.spans.get(at).filter(|known| known.first <= span.last) {
            return Added::Dropped {
                covered: known.first <= span.first && span.last <= known.last,
            };
        }
        self.spans.insert(at, span);
        if odd { Added::Odd } else { Added::Taken }
    }

    /// Whether the list has no value.
    pub(super) fn is_empty(&self) -> bool {
        !self.everything && self.spans.is_empty()
    }

    /// Whether an address is in the list.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.everything || {
            let address = bits(address);
            let at = self.spans.partition_point(|span| span.last < address);
            self.spans.get(at).is_some_and(|span| span.first <= address)
        }
    }

    /// Whether every address is in the list.
    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    /// What its values cover, in order; one that is every address has none.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }
}

impl Span {
    /// The addresses of a network.
    pub(in crate::egress) fn of(network: IpNet) -> Self {
        Self {
            first: bits(network.network()),
            last: bits(network.broadcast()),
        }
    }

    /// One address.
    pub(in crate::egress) fn only(address: IpAddr) -> Self {
        let first = bits(address.to_canonical());
        Self { first, last: first }
    }

    /// Whether all of another is in it.
    pub(in crate::egress) fn holds(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Its ends as addresses.
    pub(in crate::egress) fn ends(&self) -> (IpAddr, IpAddr) {
        (address(self.first), address(self.last))
    }
}

/// `10.0.0.0-10.255.255.255`, and one address alone.
impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.ends();
        if first == last {
            return first.fmt(formatter);
        }
        write!(formatter, "{first}-{last}")
    }
}

enum Read {
    Span(Span, bool),
    Name,
    Refused,
}

/// Reads `address`, `address/prefix`, `first-last` or `first-last/prefix`.
fn read(value: &str) -> Read {
    let is_v4 = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-/".contains(&byte));
    let is_v6 = value.contains(':')
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || b":-/".contains(&byte));
    if !is_v4 && !is_v6 {
        let (name, _) = value.split_once('/').unwrap_or((value, ""));
        // With a dotted tail, IPv4 in IPv6 is read by the C library, without a prefix.
        return match numeric(name) {
            Some(address) if !value.contains('/') => single(bits(address)),
            None if name.contains(|letter: char| letter.is_ascii_alphabetic())
                && !name.contains(':') =>
            {
                Read::Name
            }
            _ => Read::Refused,
        };
    }
    let (addresses, prefix) = match value.split_once('/') {
        Some((addresses, prefix)) => (addresses, Some(prefix)),
        None => (value, None),
    };
    let (first, last) = match addresses.split_once('-') {
        Some((first, last)) => (first, Some(last)),
        None => (addresses, None),
    };
    let mask = match prefix.map(|prefix| read_mask(prefix, is_v4)) {
        None => u128::MAX,
        Some(Some(mask)) => mask,
        Some(None) => return Read::Refused,
    };
    let (Some(start), last) = (numeric(first), last.map(numeric)) else {
        return Read::Refused;
    };
    let first = bits(start);
    match last {
        None => Read::Span(
            Span {
                first: first & mask,
                last: first | !mask,
            },
            first & mask != first || prefix == Some("0"),
        ),
        Some(Some(last)) => {
            let last = bits(last);
            let span = Span {
                first: first & mask,
                last: last.max(first) | !mask,
            };
            Read::Span(span, first & mask != first || last & mask != last)
        }
        Some(None) => Read::Refused,
    }
}

fn single(address: u128) -> Read {
    let span = Span {
        first: address,
        last: address,
    };
    Read::Span(span, false)
}

/// The mask of a prefix length or of a dotted netmask. A length of 0 is squid's "no mask": one
/// address, where people mean all of them.
fn read_mask(prefix: &str, is_v4: bool) -> Option<u128> {
    let bits_behind = |length: u32| {
        let width = if is_v4 { 32 } else { 128 };
        let cleared = u32::checked_sub(width, length)?;
        Some(match length {
            0 => u128::MAX,
            _ => u128::MAX.checked_shl(cleared).unwrap_or(0),
        })
    };
    if prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return bits_behind(prefix.parse().ok()?);
    }
    let IpAddr::V4(mask) = numeric(prefix)? else {
        return None;
    };
    bits_behind(mask.to_bits().leading_ones())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(values: &[&str]) -> (AddressList, Vec<Added>) {
        let mut list = AddressList::default();
        let added = values.iter().map(|value| list.add(value)).collect();
        (list, added)
    }

    fn holds(values: &[&str], address: &str) -> bool {
        list(values).0.contains(address.parse().unwrap())
    }

    #[test]
    fn a_larger_range_after_a_smaller_one_is_dropped() {
        let (list, added) = list(&["10.1.0.0/16", "10.0.0.0/8", "10.1.2.0/24"]);
        assert_eq!(
            added,
            [
                Added::Taken,
                Added::Dropped { covered: false },
                Added::Dropped { covered: true }
            ]
        );
        assert!(!list.contains("10.2.0.1".parse().unwrap()));
    }

    #[test]
    fn prefix_zero_is_everything_in_one_spelling_alone() {
        assert!(holds(&["0.0.0.0/0"], "fd00::1"));
        assert!(!holds(&["::/0"], "fd00::1"));
        assert!(holds(&["10.0.0.1/0"], "10.0.0.1") && !holds(&["10.0.0.1/0"], "10.0.0.2"));
    }

    #[test]
    fn mapped_forms_cover_ipv4() {
        assert!(holds(&["::ffff:0:0/96"], "8.8.8.8"));
        assert!(holds(&["::ffff:10.0.0.1"], "10.0.0.1"));
        assert!(!holds(&["::/96"], "8.8.8.8"));
        assert!(holds(&["::/64"], "8.8.8.8"));
    }

    #[test]
    fn ranges_masks_and_short_forms() {
        assert!(holds(&["10.0.0.5-10.0.0.9"], "10.0.0.7"));
        assert!(!holds(&["10.0.0.5-10.0.0.9"], "10.0.0.10"));
        assert!(holds(&["10.0.0.0/255.0.0.0"], "10.9.9.9"));
        assert!(holds(&["10/8"], "0.0.0.10") && !holds(&["10/8"], "10.0.0.1"));
        assert!(holds(&["fd00::-fd00::ff"], "fd00::7"));
    }

    #[test]
    fn what_squid_refuses_or_looks_up() {
        for value in [
            "1.2.3.400",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.0/x.y",
            "-",
            "/8",
        ] {
            assert_eq!(list(&[value]).1, [Added::Refused], "{value}");
        }
        assert_eq!(list(&["db.example.com"]).1, [Added::Name]);
        assert_eq!(list(&["10.0.0.9/24"]).1, [Added::Odd]);
        assert_eq!(list(&["::/0"]).1, [Added::Odd]);
    }
}
