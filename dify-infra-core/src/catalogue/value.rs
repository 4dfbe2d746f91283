//! Checks a value against what the image accepts.
//!
//! The check accepts whatever the image accepts and refuses what would stop it or would silently
//! mean something else (`MIGRATION_ENABLED=True` migrates nothing).

use super::variable::{Variable, VariableType};

/// Units of a Go duration, longest first so that `ms` is not read as `m`.
const DURATION_UNITS: [&str; 8] = ["ns", "us", "\u{b5}s", "\u{3bc}s", "ms", "s", "m", "h"];

/// A value that the image would refuse or misunderstand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// The variable.
    pub name: String,
    /// The value; `None` when the variable is a secret.
    pub given: Option<String>,
    /// What the image accepts, such as `a whole number above 0`.
    pub expected: String,
}

impl std::fmt::Display for InvalidValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.given {
            Some(given) => write!(formatter, "{} cannot be `{given}`", self.name)?,
            None => write!(formatter, "{} has a value that does not fit", self.name)?,
        }
        write!(formatter, ": the image accepts {}", self.expected)
    }
}

impl std::error::Error for InvalidValue {}

impl Variable {
    /// Checks a value against what the image accepts.
    ///
    /// # Errors
    ///
    /// When the image would stop at the value, or take it for something else than it says. The
    /// error does not hold the value of a secret.
    pub fn check_value(&self, value: &str) -> Result<(), InvalidValue> {
        if (value.is_empty() && self.format.empty) || self.accepts(value) {
            return Ok(());
        }
        Err(InvalidValue {
            name: self.name.clone(),
            given: (!self.secret).then(|| value.to_owned()),
            expected: self.expected(),
        })
    }

    fn accepts(&self, value: &str) -> bool {
        match self.kind {
            VariableType::String | VariableType::List => true,
            VariableType::Integer => self
                .parse_integer(value)
                .is_some_and(|it| self.in_range(it)),
            VariableType::Float => self.parse_float(value).is_some_and(|it| self.in_range(it)),
            VariableType::Boolean => self.accepts_boolean(value),
            VariableType::Enumeration => {
                self.allowed.iter().any(|allowed| allowed == value)
                    || self.default.as_deref() == Some(value)
            }
            VariableType::Url => self.accepts_url(value),
            VariableType::IntegerList => value.split(',').all(|item| item.parse::<i64>().is_ok()),
            VariableType::Duration => is_duration(value),
            VariableType::Json => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(),
        }
    }

    fn accepts_boolean(&self, value: &str) -> bool {
        let syntax = &self.format.syntax;
        if !self.allowed.is_empty() {
            return self.allowed.iter().any(|allowed| allowed == value);
        }
        syntax.booleans.iter().any(|spelling| {
            spelling == value || (syntax.ignore_case && spelling.eq_ignore_ascii_case(value))
        })
    }

    fn accepts_url(&self, value: &str) -> bool {
        let Some((scheme, rest)) = value.split_once("://") else {
            return false;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host_and_port = authority.rsplit('@').next().unwrap_or_default();
        self.format
            .schemes
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(scheme))
            && !value.contains(char::is_whitespace)
            && is_host_and_port(host_and_port)
    }

    /// The number as a float: every bound in the catalogue is far below 2^53.
    #[expect(
        clippy::cast_precision_loss,
        reason = "bounds are small, so only small values matter"
    )]
    fn parse_integer(&self, value: &str) -> Option<f64> {
        if !self.format.syntax.lenient_numbers {
            return value.parse::<i64>().ok().map(|number| number as f64);
        }
        let value = value.trim();
        let whole = value.split_once('.').map_or(value, |(whole, fraction)| {
            let is_zero = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
            if is_zero { whole } else { value }
        });
        whole.parse::<i64>().ok().map(|number| number as f64)
    }

    fn parse_float(&self, value: &str) -> Option<f64> {
        let value = if self.format.syntax.lenient_numbers {
            value.trim()
        } else {
            value
        };
        value
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    }

    fn in_range(&self, number: f64) -> bool {
        let format = &self.format;
        format.above.is_none_or(|above| number > above)
            && format.at_least.is_none_or(|at_least| number >= at_least)
            && format.at_most.is_none_or(|at_most| number <= at_most)
    }

    fn expected(&self) -> String {
        match self.kind {
            VariableType::String | VariableType::List => "any text".to_owned(),
            VariableType::Integer => format!("a whole number{}", self.range()),
            VariableType::Float => format!("a number{}", self.range()),
            VariableType::Boolean if self.allowed.is_empty() => {
                format!("one of {}", self.format.syntax.booleans.join(", "))
            }
            VariableType::Boolean => format!("exactly {}", self.allowed.join(" or ")),
            VariableType::Enumeration => format!("one of {}", quoted(&self.allowed)),
            VariableType::Url => {
                format!(
                    "an absolute URL with {}://",
                    self.format.schemes.join(":// or ")
                )
            }
            VariableType::IntegerList => "whole numbers separated by commas".to_owned(),
            VariableType::Duration => "a duration such as 30s, 5m or 1h30m".to_owned(),
            VariableType::Json => "a JSON document".to_owned(),
        }
    }

    fn range(&self) -> String {
        let format = &self.format;
        let bounds = [
            ("above", format.above),
            ("from", format.at_least),
            ("up to", format.at_most),
        ];
        bounds
            .into_iter()
            .filter_map(|(word, bound)| bound.map(|it| format!(" {word} {it}")))
            .collect()
    }
}

/// The values with empty ones made visible.
fn quoted(values: &[String]) -> String {
    let shown = values
        .iter()
        .map(|value| if value.is_empty() { "(empty)" } else { value });
    shown.collect::<Vec<_>>().join(", ")
}

fn is_host_and_port(text: &str) -> bool {
    // The colons of an IPv6 address stand inside brackets.
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether Go's `time.ParseDuration` accepts the text.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let unit_at = rest
            .find(|it: char| !it.is_ascii_digit() && it != '.')
            .unwrap_or(rest.len());
        let (number, unit_and_more) = rest.split_at(unit_at);
        let Some(more) = DURATION_UNITS
            .iter()
            .find_map(|unit| unit_and_more.strip_prefix(unit))
        else {
            return false;
        };
        if number.parse::<f64>().is_err() {
            return false;
        }
        rest = more;
    }
    true
}
