//! Address ranges.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::InvalidValue;
use super::text::{json_schema, text_value};

/// A range of addresses such as `10.0.0.0/16`, whose host bits are all zero.
///
/// ```
/// use dify_infra_core::values::Cidr;
///
/// let network: Cidr = "10.0.0.0/16".parse()?;
/// assert!(network.contains(&"10.0.4.0/23".parse()?));
/// let error = "10.0.4.1/23".parse::<Cidr>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"10.0.4.1/23\" is not an address range: it is an address inside of one; \
///      write 10.0.4.0/23"
/// );
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// The range as a type of the `ipnet` crate, for arithmetic.
    pub const fn network(&self) -> IpNet {
        self.0
    }

    /// The number of leading bits that all addresses share.
    pub fn prefix_length(&self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether the range is of IPv4 addresses.
    pub const fn is_ipv4(&self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }

    /// Whether every address of `other` is in this range.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether `address` is in this range.
    pub fn contains_address(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the two ranges share an address.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl FromStr for Cidr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str, remedy: String| {
            InvalidValue::of_text("address range", text, reason, remedy)
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            let remedy = format!("write {} for this one address", IpNet::from(address));
            return Err(refuse("it has no prefix length", remedy));
        }
        let network: IpNet = text.parse().map_err(|_| {
            refuse(
                "it is not an address with a prefix length",
                "write it like 10.0.0.0/16 or fd00::/48".to_owned(),
            )
        })?;
        if network != network.trunc() {
            return Err(refuse(
                "it is an address inside of one",
                format!("write {}", network.trunc()),
            ));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

text_value!(Cidr);
json_schema!(Cidr, "Cidr", {
    "type": "string",
    "description": "An address range such as 10.0.0.0/16",
    "pattern": "^[0-9A-Fa-f:.]+/[0-9]{1,3}$",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn takes_both_families_and_every_prefix_length() {
        for text in [
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.0.0.1/32",
            "::/0",
            "fd00::/48",
            "::1/128",
        ] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/-1",
            "::/129",
            "10.0.0.0 /8",
            "/8",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn gives_the_corrected_range() {
        for (text, right) in [
            ("10.0.1.0/16", "write 10.0.0.0/16"),
            ("fd00::1/48", "write fd00::/48"),
            ("10.0.0.4", "write 10.0.0.4/32 for this one address"),
            ("::1", "write ::1/128 for this one address"),
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap_err().remedy(), right);
        }
    }

    #[test]
    fn compares_ranges() {
        let network = cidr("10.0.0.0/16");
        assert!(network.overlaps(&cidr("10.0.0.0/8")) && network.overlaps(&cidr("10.0.255.0/24")));
        assert!(!network.overlaps(&cidr("10.1.0.0/16")) && !network.overlaps(&cidr("::/0")));
        assert!(network.contains_address("10.0.3.4".parse().unwrap()));
        assert!(!network.contains(&cidr("10.0.0.0/15")));
    }
}
