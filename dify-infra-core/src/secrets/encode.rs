//! Percent-encoding of secrets that become a part of a URL.

use std::fmt::Write as _;

/// Encodes a value for the user-info part, or any other component, of a URL.
///
/// Everything but the unreserved characters of RFC 3986 §2.3 is encoded, which is right in every
/// component. `CELERY_BROKER_URL=rediss://:<key>@<host>` needs it: Azure's Redis keys end in `=`.
///
/// ```
/// use dify_infra_core::secrets::percent_encode;
///
/// assert_eq!(percent_encode("p@ss/w=rd"), "p%40ss%2Fw%3Drd");
/// assert_eq!(percent_encode("a-b_c.d~e9"), "a-b_c.d~e9");
/// ```
pub fn percent_encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Decodes what [`percent_encode`] writes; anything malformed stays as it is.
pub(super) fn percent_decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let hexadecimal = value.get(position + 1..position + 3);
        let byte = hexadecimal.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[position], byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                position += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                position += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn encoded_values_have_no_reserved_characters_and_decode_back(value in any::<String>()) {
            let encoded = percent_encode(&value);
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
            prop_assert!(encoded.chars().all(unreserved));
            prop_assert_eq!(percent_decode(&encoded), value);
        }
    }

    #[test]
    fn every_character_that_breaks_a_url_is_encoded() {
        for character in "@:/?#[]!$&'()*+,;= %\"\\".chars() {
            let encoded = percent_encode(&character.to_string());
            assert_eq!(encoded, format!("%{:02X}", u32::from(character)));
        }
    }

    #[test]
    fn malformed_escapes_stay_as_they_are() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
    }
}
