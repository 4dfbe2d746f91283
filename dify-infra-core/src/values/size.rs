//! CPU and memory of a container, and the pairs of them that the Consumption profile knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use super::text::{json_schema, text_value};

/// The most quarters of a vCPU that one replica of the Consumption profile can have.
const CONSUMPTION_QUARTERS: u16 = 16;
/// The most quarters of a vCPU in an environment without workload profiles.
const CONSUMPTION_ONLY_QUARTERS: u16 = 8;
/// 2 Gi for each vCPU, so half a Gi for each quarter.
const HUNDREDTHS_PER_QUARTER: u32 = 50;
/// More than the largest node of any workload profile.
const MOST_CPU: u16 = 128;
const MOST_MEMORY: u32 = 1024;

/// Processor time in steps of a quarter vCPU; a JSON number such as `0.25`.
///
/// ```
/// use dify_infra_core::values::Cpu;
///
/// assert_eq!(Cpu::try_from(0.25)?, "0.25".parse()?);
/// assert!(Cpu::try_from(0.3).is_err());
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpu {
    quarters: u16,
}

impl Cpu {
    const WHAT: &str = "number of vCPUs";
    const REMEDY: &str = "use steps of 0.25, such as 0.25, 0.5 or 1";

    /// The number of vCPUs; exact, since quarters are.
    pub fn as_f64(self) -> f64 {
        f64::from(self.quarters) / 4.0
    }

    /// The number of quarters of a vCPU.
    pub const fn quarters(self) -> u16 {
        self.quarters
    }
}

impl TryFrom<f64> for Cpu {
    type Error = InvalidValue;

    fn try_from(cpu: f64) -> Result<Self, InvalidValue> {
        (1..=MOST_CPU * 4)
            .map(|quarters| Self { quarters })
            .find(|candidate| (candidate.as_f64() - cpu).abs() < f64::EPSILON)
            .ok_or_else(|| {
                let within = cpu > 0.0 && cpu <= f64::from(MOST_CPU);
                let reason = if within {
                    "it is not a multiple of 0.25"
                } else {
                    "it is out of range"
                };
                InvalidValue::of(Self::WHAT, &cpu, reason, Self::REMEDY)
            })
    }
}

impl FromStr for Cpu {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.parse::<f64>() {
            Ok(cpu) if plain_number(text) => Self::try_from(cpu),
            _ => Err(InvalidValue::of_text(
                Self::WHAT,
                text,
                "it is not a plain number",
                Self::REMEDY,
            )),
        }
    }
}

impl From<Cpu> for f64 {
    fn from(cpu: Cpu) -> Self {
        cpu.as_f64()
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.as_f64())
    }
}

/// Memory in Gi with at most two decimals; a text such as `1.5Gi`.
///
/// ```
/// use dify_infra_core::values::Memory;
///
/// assert_eq!("1.50Gi".parse::<Memory>()?.to_string(), "1.5Gi");
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    hundredths: u32,
}

impl Memory {
    const WHAT: &str = "memory size";

    /// The size in hundredths of a Gi, exact.
    pub const fn hundredths(self) -> u32 {
        self.hundredths
    }
}

impl FromStr for Memory {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse =
            |reason: &str, remedy: &str| InvalidValue::of_text(Self::WHAT, text, reason, remedy);
        let usual = "write a number of Gi with at most two decimals, such as \"1.5Gi\"";
        let Some(number) = text.strip_suffix("Gi") else {
            let remedy = in_gi(text).map(|right| format!("write \"{right}\""));
            return Err(refuse(
                "its unit is not Gi",
                remedy.as_deref().unwrap_or(usual),
            ));
        };
        let hundredths = hundredths(number).ok_or_else(|| refuse("its number is wrong", usual))?;
        if hundredths == 0 || hundredths > MOST_MEMORY * 100 {
            let remedy = format!("use more than 0Gi and at most {MOST_MEMORY}Gi");
            return Err(refuse("it is out of range", &remedy));
        }
        Ok(Self { hundredths })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        match (rest, rest % 10) {
            (0, _) => write!(formatter, "{whole}Gi"),
            (_, 0) => write!(formatter, "{whole}.{}Gi", rest / 10),
            _ => write!(formatter, "{whole}.{rest:02}Gi"),
        }
    }
}

/// CPU and memory that the Consumption profile runs: 1 vCPU to 2 Gi, from 0.25 to 4 vCPU.
///
/// The rule is about the sum over all containers of a replica
/// (learn.microsoft.com container-apps/containers; Azure/bicep#10821).
///
/// ```
/// use dify_infra_core::values::ConsumptionSize;
///
/// let size = ConsumptionSize::try_new("0.5".parse()?, "1Gi".parse()?)?;
/// assert_eq!(size.to_string(), "0.5 vCPU with 1Gi");
/// let error = ConsumptionSize::try_new("1".parse()?, "3Gi".parse()?).unwrap_err();
/// assert!(error.to_string().ends_with("use 1 vCPU with 2Gi or 1.5 vCPU with 3Gi"));
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsumptionSize {
    cpu: Cpu,
    memory: Memory,
}

/// The form of a size in a file and in ARM.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Wire {
    cpu: Cpu,
    memory: Memory,
}

impl ConsumptionSize {
    /// Checks that CPU and memory belong together.
    ///
    /// # Errors
    ///
    /// When they do not; the error lists the nearest pairs that do.
    pub fn try_new(cpu: Cpu, memory: Memory) -> Result<Self, InvalidValue> {
        let size = Self { cpu, memory };
        if Self::all().any(|pair| pair == size) {
            return Ok(size);
        }
        let reason = "the Consumption profile gives 2Gi to each vCPU, from 0.25 to 4 vCPU";
        let near: Vec<_> = size.neighbours().iter().map(ToString::to_string).collect();
        let remedy = format!("use {}", near.join(" or "));
        Err(InvalidValue::of("Consumption size", &size, reason, remedy))
    }

    /// Every pair, smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=CONSUMPTION_QUARTERS).map(Self::from_quarters)
    }

    /// The processor time.
    pub const fn cpu(self) -> Cpu {
        self.cpu
    }

    /// The memory.
    pub const fn memory(self) -> Memory {
        self.memory
    }

    /// Whether an environment without workload profiles runs it too; those end at 2 vCPU.
    pub const fn fits_consumption_only_environment(self) -> bool {
        self.cpu.quarters <= CONSUMPTION_ONLY_QUARTERS
    }

    fn from_quarters(quarters: u16) -> Self {
        let hundredths = u32::from(quarters) * HUNDREDTHS_PER_QUARTER;
        Self {
            cpu: Cpu { quarters },
            memory: Memory { hundredths },
        }
    }

    /// The pairs with this CPU, and with this memory or those around it.
    fn neighbours(self) -> Vec<Self> {
        let below = self.memory.hundredths / HUNDREDTHS_PER_QUARTER;
        let above = self.memory.hundredths.div_ceil(HUNDREDTHS_PER_QUARTER);
        let clamp = |quarters: u32| {
            u16::try_from(quarters)
                .unwrap_or(u16::MAX)
                .clamp(1, CONSUMPTION_QUARTERS)
        };
        let mut quarters = vec![clamp(self.cpu.quarters.into()), clamp(below), clamp(above)];
        quarters.sort_unstable();
        quarters.dedup();
        quarters.into_iter().map(Self::from_quarters).collect()
    }
}

impl TryFrom<Wire> for ConsumptionSize {
    type Error = InvalidValue;

    fn try_from(wire: Wire) -> Result<Self, InvalidValue> {
        Self::try_new(wire.cpu, wire.memory)
    }
}

impl From<ConsumptionSize> for Wire {
    fn from(size: ConsumptionSize) -> Self {
        Self {
            cpu: size.cpu,
            memory: size.memory,
        }
    }
}

impl fmt::Display for ConsumptionSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} vCPU with {}", self.cpu, self.memory)
    }
}

/// Whether a text is digits with at most one point between them: no sign, exponent or infinity.
fn plain_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// A plain number of at most two decimals in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    if !plain_number(text) {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 2 {
        return None;
    }
    let parts: u32 = format!("{fraction:0<2}").parse().ok()?;
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(100)?
        .checked_add(parts)
}

/// What a size in another unit is in Gi, where that is a valid size.
fn in_gi(text: &str) -> Option<Memory> {
    let exact = |number: u32, divisor: u32| {
        number.is_multiple_of(divisor).then(|| Memory {
            hundredths: number / divisor,
        })
    };
    let right = if let Some(number) = text.strip_suffix("Mi") {
        exact(hundredths(number)?, 1024)
    } else {
        let number = text.strip_suffix("GiB").or_else(|| text.strip_suffix("GB"));
        let number = number.or_else(|| text.strip_suffix('G')).unwrap_or(text);
        hundredths(number).map(|hundredths| Memory { hundredths })
    };
    right.filter(|memory| memory.to_string().parse::<Memory>().is_ok())
}

text_value!(Memory);
json_schema!(Cpu, "Cpu", { "type": "number", "minimum": 0.25, "multipleOf": 0.25 });
json_schema!(Memory, "Memory", {
    "type": "string",
    "description": "Memory in Gi with at most two decimals, such as 1.5Gi",
    "pattern": r"^[0-9]+(\.[0-9]{1,2}0*)?Gi$",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn size(cpu: &str, memory: &str) -> Result<ConsumptionSize, InvalidValue> {
        ConsumptionSize::try_new(cpu.parse()?, memory.parse()?)
    }

    #[test]
    fn takes_cpu_in_quarters_alone() {
        for (text, number) in [("0.25", 0.25), ("1", 1.0), ("1.0", 1.0), ("128", 128.0)] {
            let cpu: Cpu = text.parse().unwrap();
            assert_eq!(cpu, Cpu::try_from(number).unwrap());
            assert_eq!(cpu.to_string().parse::<Cpu>().unwrap(), cpu);
        }
        for text in [
            "", "0", "0.1", "-1", "+1", "1e0", "500m", ".5", "1.", "128.25", "NaN", "inf",
        ] {
            assert!(text.parse::<Cpu>().is_err(), "{text}");
        }
        for number in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            f64::MIN_POSITIVE,
        ] {
            assert!(Cpu::try_from(number).is_err(), "{number}");
        }
    }

    #[test]
    fn writes_cpu_as_a_number_and_memory_as_a_text() {
        let size = size("0.25", "0.5Gi").unwrap();
        let json = serde_json::to_string(&size).unwrap();
        assert_eq!(json, r#"{"cpu":0.25,"memory":"0.5Gi"}"#);
        assert_eq!(
            serde_json::from_str::<ConsumptionSize>(&json).unwrap(),
            size
        );
        assert_eq!(serde_json::from_str::<Cpu>("1").unwrap().quarters(), 4);
        assert_eq!(
            toml::from_str::<Wire>("cpu = 2\nmemory = \"4Gi\"")
                .unwrap()
                .cpu
                .quarters(),
            8
        );
    }

    #[test]
    fn reads_memory_of_two_decimals() {
        for (text, canonical) in [
            ("1Gi", "1Gi"),
            ("1.0Gi", "1Gi"),
            ("0.25Gi", "0.25Gi"),
            ("1.500Gi", "1.5Gi"),
            ("2.05Gi", "2.05Gi"),
            ("1024Gi", "1024Gi"),
        ] {
            assert_eq!(text.parse::<Memory>().unwrap().to_string(), canonical);
        }
        for text in [
            "",
            "Gi",
            "0Gi",
            "-1Gi",
            "1.005Gi",
            "1 Gi",
            "1gi",
            "1e1Gi",
            "1024.01Gi",
        ] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }

    #[test]
    fn offers_the_same_memory_in_gi() {
        for (text, right) in [
            ("512Mi", "\"0.5Gi\""),
            ("1536Mi", "\"1.5Gi\""),
            ("2GB", "\"2Gi\""),
            ("2G", "\"2Gi\""),
            ("0.5", "\"0.5Gi\""),
        ] {
            let error = text.parse::<Memory>().unwrap_err();
            assert_eq!(error.remedy(), format!("write {right}"), "{text}");
        }
        for text in ["500Mi", "0Mi", "99999999999Mi", "many", "4294967295G"] {
            let error = text.parse::<Memory>().unwrap_err();
            assert!(
                error.remedy().starts_with("write a number of Gi"),
                "{error}"
            );
        }
    }

    #[test]
    fn knows_the_sixteen_pairs() {
        let pairs: Vec<_> = ConsumptionSize::all()
            .map(|size| size.to_string())
            .collect();
        assert_eq!(pairs.len(), 16);
        assert_eq!(pairs[0], "0.25 vCPU with 0.5Gi");
        assert_eq!(pairs[15], "4 vCPU with 8Gi");
        assert!(
            size("2", "4Gi")
                .unwrap()
                .fits_consumption_only_environment()
        );
        assert!(
            !size("2.25", "4.5Gi")
                .unwrap()
                .fits_consumption_only_environment()
        );
    }

    #[test]
    fn lists_the_neighbouring_pairs() {
        for (cpu, memory, remedy) in [
            ("0.5", "2Gi", "use 0.5 vCPU with 1Gi or 1 vCPU with 2Gi"),
            (
                "0.5",
                "1.2Gi",
                "use 0.5 vCPU with 1Gi or 0.75 vCPU with 1.5Gi",
            ),
            ("8", "16Gi", "use 4 vCPU with 8Gi"),
            ("0.25", "0.25Gi", "use 0.25 vCPU with 0.5Gi"),
        ] {
            assert_eq!(size(cpu, memory).unwrap_err().remedy(), remedy);
        }
    }
}
