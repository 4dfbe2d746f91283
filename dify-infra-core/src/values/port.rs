//! TCP ports.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use super::text::json_schema;

const WHAT: &str = "port";
const REMEDY: &str = "use a number from 1 to 65535";

/// A TCP port from 1 to 65535; a number in JSON and TOML.
///
/// ```
/// use dify_infra_core::values::Port;
///
/// assert_eq!(Port::try_from(5001)?.get(), 5001);
/// assert!(Port::try_from(0).is_err());
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u16")]
pub struct Port(NonZeroU16);

impl Port {
    /// A port that is known when the program is written, in a constant.
    pub const fn from_non_zero(number: NonZeroU16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<i64> for Port {
    type Error = InvalidValue;

    fn try_from(number: i64) -> Result<Self, InvalidValue> {
        u16::try_from(number)
            .ok()
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| InvalidValue::of(WHAT, &number, "it is out of range", REMEDY))
    }
}

impl FromStr for Port {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        // `u16` itself would take a sign, which no port is written with.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<i64>() {
            Ok(number) if digits => Self::try_from(number),
            _ => Err(InvalidValue::of_text(
                WHAT,
                text,
                "it is not such a number",
                REMEDY,
            )),
        }
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> Self {
        port.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A port on which an app with TCP ingress is reached: any but 80 and 443.
///
/// Container Apps keeps those two for HTTP ingress (microsoft/azure-container-apps#375).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u16")]
pub struct ExposedPort(Port);

impl ExposedPort {
    /// The number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The same port without the promise.
    pub const fn port(self) -> Port {
        self.0
    }
}

impl TryFrom<Port> for ExposedPort {
    type Error = InvalidValue;

    fn try_from(port: Port) -> Result<Self, InvalidValue> {
        match port.get() {
            80 | 443 => Err(InvalidValue::of(
                "port for TCP ingress",
                &port,
                "Container Apps keeps 80 and 443 for HTTP ingress",
                "use another one, such as the port that the container listens on",
            )),
            _ => Ok(Self(port)),
        }
    }
}

impl TryFrom<i64> for ExposedPort {
    type Error = InvalidValue;

    fn try_from(number: i64) -> Result<Self, InvalidValue> {
        Port::try_from(number)?.try_into()
    }
}

impl FromStr for ExposedPort {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.parse::<Port>()?.try_into()
    }
}

impl From<ExposedPort> for Port {
    fn from(port: ExposedPort) -> Self {
        port.0
    }
}

impl From<ExposedPort> for u16 {
    fn from(port: ExposedPort) -> Self {
        port.get()
    }
}

impl fmt::Display for ExposedPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

json_schema!(Port, "Port", { "type": "integer", "minimum": 1, "maximum": 65535 });
json_schema!(ExposedPort, "ExposedPort", {
    "type": "integer", "minimum": 1, "maximum": 65535, "not": { "enum": [80, 443] },
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_exactly_the_ports_there_are() {
        for number in [1, 80, 65535] {
            assert_eq!(i64::from(Port::try_from(number).unwrap().get()), number);
        }
        for number in [0, -1, 65536, i64::MAX, i64::MIN] {
            let error = Port::try_from(number).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{number} is not a port")),
                "{error}"
            );
        }
        for text in ["", "+5", "-5", " 5", "5a", "99999999999999999999"] {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }

    #[test]
    fn keeps_http_ports_from_tcp_ingress() {
        for number in [80, 443] {
            let error = ExposedPort::try_from(number).unwrap_err().to_string();
            assert!(error.contains("HTTP ingress"), "{error}");
        }
        for number in [1, 79, 81, 442, 444, 65535] {
            assert!(ExposedPort::try_from(number).is_ok(), "{number}");
        }
    }

    #[test]
    fn is_a_number_in_json() {
        assert_eq!(
            serde_json::to_string(&Port::try_from(5001).unwrap()).unwrap(),
            "5001"
        );
        assert_eq!(
            serde_json::from_str::<ExposedPort>("3128").unwrap().get(),
            3128
        );
        let error = serde_json::from_str::<Port>("70000")
            .unwrap_err()
            .to_string();
        assert!(error.contains("70000 is not a port"), "{error}");
        assert!(serde_json::from_str::<ExposedPort>("443").is_err());
    }
}
