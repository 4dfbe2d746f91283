//! Properties that every value keeps, whatever it is made from.

use std::fmt::Display;
use std::str::FromStr;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

/// Reads a text; if that works, writing and reading again must give the same value.
fn survives<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = InvalidValue> + Display + PartialEq + std::fmt::Debug,
    T: Serialize + DeserializeOwned,
{
    match text.parse::<T>() {
        Ok(value) => {
            prop_assert_eq!(&value.to_string().parse::<T>().unwrap(), &value);
            let json = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), &value);
        }
        Err(error) => {
            prop_assert!(!error.reason().is_empty() && !error.remedy().is_empty());
            prop_assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
    Ok(())
}

fn every_type_survives(text: &str) -> Result<(), TestCaseError> {
    survives::<Port>(text)?;
    survives::<ExposedPort>(text)?;
    survives::<Cpu>(text)?;
    survives::<Memory>(text)?;
    survives::<Cidr>(text)?;
    survives::<HttpUrl>(text)?;
    survives::<PublicOrigin>(text)?;
    survives::<ImageReference>(text)?;
    survives::<DifyVersion>(text)
}

/// Texts that come near to one of the types.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,6}",
        r"[0-9]{1,3}(\.[0-9]{0,3})?(Gi|Mi|G|)",
        r"([0-9]{1,3}\.){3}[0-9]{1,3}(/[0-9]{0,3})?",
        "[0-9a-f:]{0,20}/[0-9]{1,3}",
        r"(https?|HTTP)://[a-zA-Z0-9._\[\]:-]{0,20}(:[0-9]{0,6})?(/[a-z%0-9.~]{0,6}){0,3}",
        r"https?://\PC{0,20}",
        r"([a-z0-9.]{1,8}(:[0-9]{2})?/)?[a-z._/-]{0,20}(:[\w.-]{0,9})?(@sha256:[0-9a-f]{64})?",
        r"v?[0-9]{1,2}(\.[0-9]{1,2}){1,3}(-(fix\.|rc|beta\.)[0-9]{0,2})?",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        every_type_survives(&text)?;
    }

    #[test]
    fn what_is_accepted_reads_back_equal(text in near()) {
        every_type_survives(&text)?;
    }

    #[test]
    fn every_pair_of_the_consumption_profile_is_one_to_two(
        quarters in 1..600_u16,
        halves in 1..60_u32,
    ) {
        let cpu = Cpu::try_from(f64::from(quarters) / 4.0);
        let memory: Memory = format!("{}Gi", f64::from(halves) / 2.0).parse().unwrap();
        let Ok(cpu) = cpu else {
            prop_assert!(quarters > 512);
            return Ok(());
        };
        let right = u32::from(quarters) == halves && quarters <= 16;
        prop_assert_eq!(ConsumptionSize::try_new(cpu, memory).is_ok(), right);
    }

    #[test]
    fn a_corrected_range_is_always_right(bits in any::<u32>(), length in 0..=32_u8) {
        let text = format!("{}/{length}", std::net::Ipv4Addr::from(bits));
        if let Err(error) = text.parse::<Cidr>() {
            let right = error.remedy().trim_start_matches("write ");
            prop_assert!(right.parse::<Cidr>().is_ok(), "{}", error);
        }
    }
}

#[cfg(feature = "schema")]
#[test]
fn json_schemas_have_the_form_of_the_file() {
    let size = serde_json::to_value(schemars::schema_for!(ConsumptionSize)).unwrap();
    assert_eq!(size["properties"]["cpu"]["multipleOf"], 0.25);
    let replicas = serde_json::to_value(schemars::schema_for!(ReplicaRange)).unwrap();
    assert_eq!(replicas["properties"]["max"]["maximum"], 1000);
    assert_eq!(replicas["required"], serde_json::json!(["min", "max"]));
}
