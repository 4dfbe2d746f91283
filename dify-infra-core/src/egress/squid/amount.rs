//! Times and sizes (`parseTimeLine`, `parseBytesLine64`, `src/cache_cf.cc`, of squid 5.7).

const TIMES: [(&str, u64); 9] = [
    ("second", 1),
    ("minute", 60),
    ("hour", 3_600),
    ("day", 86_400),
    ("week", 604_800),
    ("fortnight", 1_209_600),
    ("month", 2_592_000),
    ("year", 31_557_600),
    ("decade", 315_576_000),
];

const SIZES: [(&str, u64); 4] = [
    ("bytes", 1),
    ("KB", 1 << 10),
    ("MB", 1 << 20),
    ("GB", 1 << 30),
];

/// The seconds of `5 minutes`.
pub(super) fn seconds(words: &[&str]) -> Option<u64> {
    amount(words, &TIMES)
}

/// The bytes of `256 MB`.
pub(super) fn bytes(words: &[&str]) -> Option<u64> {
    amount(words, &SIZES)
}

/// A number with the unit behind it; without one it is the first.
fn amount(words: &[&str], units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = match words {
        [number] => (number, units.first()?.1),
        [number, unit, ..] => (number, unit_of(unit, units)?),
        [] => return None,
    };
    // What stands behind the digits is left out: `256MB` are 256 bytes.
    let end = number.find(|it: char| !it.is_ascii_digit() && it != '.');
    let number = &number[..end.unwrap_or(number.len())];
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let fraction = &fraction[..fraction.len().min(6)];
    let of_one = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let part = match fraction {
        "" => 0,
        digits => digits.parse::<u64>().ok()?.checked_mul(unit)? / of_one,
    };
    whole.checked_add(part)
}

/// A unit by its beginning, in either case.
fn unit_of(word: &str, units: &[(&str, u64)]) -> Option<u64> {
    let begins = |name: &str| {
        word.get(..name.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    units
        .iter()
        .find(|(name, _)| begins(name))
        .map(|(_, unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_as_squid_reads_them() {
        let words = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
        let table = [
            ("660 seconds", Some(660)),
            ("2 minutes", Some(120)),
            ("1 hour", Some(3_600)),
            ("1.5 Hours", Some(5_400)),
            ("2 days", Some(172_800)),
            ("90", Some(90)),
            ("5 min", None),
            ("${READ_TIMEOUT}", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(&words(text)), expected, "{text}");
        }
        let table = [
            ("256 MB", Some(256 << 20)),
            ("1 GB", Some(1 << 30)),
            ("1.5 gb", Some(3 << 29)),
            ("1048576 KB", Some(1 << 30)),
            ("4096 bytes", Some(4096)),
            ("0", Some(0)),
            ("256MB", Some(256)),
            ("18446744073709551615 GB", None),
            ("8 potatoes", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(&words(text)), expected, "{text}");
        }
    }
}
