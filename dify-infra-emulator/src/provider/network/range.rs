//! Ranges of IPv4 addresses, as networks and subnets have them.

use std::fmt;
use std::net::Ipv4Addr;

/// A range such as `10.0.0.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    pub(crate) length: u8,
}

impl Range {
    /// Reads a range whose host bits are zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let first = u32::from(address.parse::<Ipv4Addr>().ok()?);
        let length: u8 = length.parse().ok().filter(|length| *length <= 32)?;
        let range = Self { first, length };
        (first & range.host_bits() == 0).then_some(range)
    }

    fn host_bits(self) -> u32 {
        u32::MAX.checked_shr(self.length.into()).unwrap_or(0)
    }

    fn last(self) -> u32 {
        self.first | self.host_bits()
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// The addresses that Azure leaves to resources: all but the first four and the last.
    pub(crate) fn usable(self) -> impl Iterator<Item = Ipv4Addr> {
        (self.first.saturating_add(4)..self.last()).map(Ipv4Addr::from)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Ipv4Addr::from(self.first), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn reads_ranges_without_host_bits() {
        for text in ["10.0.0.0/16", "0.0.0.0/0", "10.0.0.1/32"] {
            assert_eq!(range(text).to_string(), text);
        }
        for text in ["10.0.0.1/16", "10.0.0.0", "10.0.0.0/33", "fd00::/48", ""] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn compares_ranges_and_counts_what_azure_leaves() {
        assert!(range("10.0.0.0/16").contains(range("10.0.3.0/24")));
        assert!(!range("10.0.0.0/16").contains(range("10.1.0.0/24")));
        assert!(range("10.0.0.0/24").overlaps(range("10.0.0.128/25")));
        assert!(!range("10.0.0.0/24").overlaps(range("10.0.1.0/24")));
        let free: Vec<_> = range("10.0.0.0/29").usable().collect();
        assert_eq!(
            free,
            [
                Ipv4Addr::new(10, 0, 0, 4),
                Ipv4Addr::new(10, 0, 0, 5),
                Ipv4Addr::new(10, 0, 0, 6),
            ]
        );
    }
}
