//! Making values: uniform over an alphabet, from a source of randomness that the caller brings.

use std::error::Error as StdError;

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};
use thiserror::Error;

use super::catalogue::{Alphabet, SecretKind};
use super::name::SecretName;
use super::set::Secrets;

/// A source of cryptographic randomness: the operating system's in programs, a fixed one in tests.
pub trait RandomSource {
    /// Fills the whole buffer.
    ///
    /// # Errors
    ///
    /// When the source has no randomness to give. A value is never made from less.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// Randomness could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RandomError {
    /// The source failed.
    #[error("the source of randomness failed, so no secret was generated")]
    Source(#[source] Box<dyn StdError + Send + Sync>),
    /// The source gave bytes, but nothing that looks random.
    #[error(
        "the source of randomness keeps giving the same bytes, so no secret was generated: it is broken"
    )]
    Stuck,
}

/// Separates the key of the fingerprints from every other use of `SECRET_KEY`.
const FINGERPRINT_KEY: &[u8] = b"dify-infra fingerprint-key 1";

/// How often a value is drawn anew before the source counts as broken.
///
/// One PostgreSQL password in about 50 is refused; 100 in a row happen once in 10^169 runs.
const ATTEMPTS: usize = 100;

/// Bytes taken at once; enough for most values in one call.
const BLOCK: usize = 128;

/// Login names that deployments commonly use. A password may hold no three characters in a row of
/// its login (learn.microsoft.com, creating an Azure Database for PostgreSQL flexible server).
const LIKELY_LOGINS: &[&str] = &["difyadmin", "postgres", "pgadmin", "dbadmin", "azureuser"];

/// Makes one value of a catalogued secret.
///
/// Every character is drawn uniformly (a byte that would favour some characters is thrown away). A
/// value that its consumer would refuse is thrown away whole and drawn anew, which keeps the rest
/// uniform; patching characters in would not.
///
/// # Errors
///
/// When the source fails, or gives the same bytes over and over.
pub fn generate(
    kind: SecretKind,
    random: &mut dyn RandomSource,
) -> Result<SecretString, RandomError> {
    let definition = kind.definition();
    for _ in 0..ATTEMPTS {
        let mut value = draw(definition.alphabet, definition.length, random)?;
        if is_acceptable(kind, &value) {
            return Ok(value.into());
        }
        value.zeroize();
    }
    Err(RandomError::Stuck)
}

/// Makes a value for one secret of a set: as [`generate`], but the key of the fingerprints follows
/// from `SECRET_KEY` when the set has that. A secrets file that was lost and read back from the
/// running apps then has the same fingerprints, and nothing looks changed.
///
/// # Errors
///
/// As [`generate`].
pub fn generate_for(
    kind: SecretKind,
    secrets: &Secrets,
    random: &mut dyn RandomSource,
) -> Result<SecretString, RandomError> {
    match secrets.get(SecretKind::SecretKey) {
        Some(secret_key) if kind == SecretKind::FingerprintKey => {
            let mac = hmac_sha256::HMAC::mac(FINGERPRINT_KEY, secret_key.expose_secret());
            Ok(data_encoding::HEXLOWER.encode(&mac).into())
        }
        _ => generate(kind, random),
    }
}

/// Adds a value for every catalogued secret that the set lacks, and says which; what is there stays.
///
/// # Errors
///
/// As [`generate`]; the set then has the values that were made before.
pub fn generate_missing(
    secrets: &mut Secrets,
    random: &mut dyn RandomSource,
) -> Result<Vec<SecretName>, RandomError> {
    let mut made = Vec::new();
    for kind in secrets.missing() {
        let value = generate_for(kind, secrets, random)?;
        secrets.insert(kind, value);
        made.push(kind.into());
    }
    Ok(made)
}

/// Draws characters uniformly by rejection: bytes from the largest multiple of the alphabet's size
/// upwards are skipped, since a remainder would make the first characters likelier.
fn draw(
    alphabet: Alphabet,
    length: usize,
    random: &mut dyn RandomSource,
) -> Result<String, RandomError> {
    let characters = alphabet.characters();
    let limit = 256 - 256 % characters.len();
    let mut value = String::with_capacity(length);
    let mut block = [0u8; BLOCK];
    for _ in 0..ATTEMPTS {
        random.fill(&mut block)?;
        let usable = block
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|index| *index < limit);
        let drawn = usable.map(|index| char::from(characters[index % characters.len()]));
        value.extend(drawn.take(length - value.len()));
        if value.len() == length {
            block.zeroize();
            return Ok(value);
        }
    }
    Err(RandomError::Stuck)
}

/// Whether the consumers of a secret take the value.
fn is_acceptable(kind: SecretKind, value: &str) -> bool {
    match kind {
        SecretKind::PostgresPassword => {
            let shares = |login: &&str| shares_part_with_login(value, login);
            password_categories(value) >= 3 && !LIKELY_LOGINS.iter().any(shares)
        }
        // A source that is stuck on one byte shows here for all other kinds.
        _ => value.bytes().any(|byte| byte != value.as_bytes()[0]),
    }
}

/// How many of the four categories of Azure's password rule a value has.
pub(super) fn password_categories(value: &str) -> usize {
    let has = |test: fn(char) -> bool| usize::from(value.chars().any(test));
    has(|c| c.is_ascii_uppercase())
        + has(|c| c.is_ascii_lowercase())
        + has(|c| c.is_ascii_digit())
        + has(|c| !c.is_ascii_alphanumeric())
}

/// Whether a password holds three or more consecutive alphanumeric characters of the login name.
pub(super) fn shares_part_with_login(password: &str, login: &str) -> bool {
    let password = password.to_ascii_lowercase();
    let login: Vec<char> = login.to_ascii_lowercase().chars().collect();
    login.windows(3).any(|part| {
        part.iter().all(|c| c.is_alphanumeric()) && password.contains(&String::from_iter(part))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret;

    use super::*;

    /// Deterministic and well mixed: SHA-256 of a counter.
    #[derive(Default)]
    pub(crate) struct Seeded(pub u64);

    impl RandomSource for Seeded {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
            for chunk in buffer.chunks_mut(32) {
                self.0 += 1;
                let block = hmac_sha256::Hash::hash(&self.0.to_le_bytes());
                chunk.copy_from_slice(&block[..chunk.len()]);
            }
            Ok(())
        }
    }

    struct Constant(u8);

    impl RandomSource for Constant {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    struct Failing;

    impl RandomSource for Failing {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), RandomError> {
            Err(RandomError::Source("no entropy".into()))
        }
    }

    #[test]
    fn values_have_length_and_alphabet_of_their_kind() {
        let mut random = Seeded(1);
        for kind in SecretKind::ALL {
            for _ in 0..200 {
                let value = generate(*kind, &mut random).unwrap();
                let value = value.expose_secret();
                assert_eq!(value.len(), kind.definition().length);
                let alphabet = kind.definition().alphabet.characters();
                assert!(value.bytes().all(|byte| alphabet.contains(&byte)));
            }
        }
    }

    #[test]
    fn postgres_passwords_satisfy_azure() {
        let mut random = Seeded(2);
        for _ in 0..2000 {
            let value = generate(SecretKind::PostgresPassword, &mut random).unwrap();
            let value = value.expose_secret();
            assert!(password_categories(value) >= 3);
            assert!(!shares_part_with_login(value, "difyadmin"));
        }
    }

    #[test]
    fn the_login_rule_counts_three_characters_in_a_row() {
        assert!(shares_part_with_login("xxDIFyy", "difyadmin"));
        assert!(!shares_part_with_login("xxdi-fyxx", "difyadmin"));
        assert!(!shares_part_with_login("a-b", "a-b-c"));
    }

    #[test]
    fn every_byte_value_leads_to_equally_many_characters() {
        // All 256 bytes in order, over and over: a modulo would favour the first characters.
        struct EveryByte(u8);
        impl RandomSource for EveryByte {
            fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
                for byte in buffer {
                    *byte = self.0;
                    self.0 = self.0.wrapping_add(1);
                }
                Ok(())
            }
        }
        for alphabet in [Alphabet::Alphanumeric, Alphabet::Typed] {
            let size = alphabet.characters().len();
            let cycle = 256 / size * size;
            let value = draw(alphabet, cycle, &mut EveryByte(0)).unwrap();
            let mut counts: BTreeMap<char, usize> = BTreeMap::new();
            value
                .chars()
                .for_each(|c| *counts.entry(c).or_default() += 1);
            assert_eq!(counts.len(), size);
            assert!(counts.values().all(|count| *count == 256 / size));
        }
    }

    #[test]
    fn characters_are_uniform_over_a_large_sample() {
        // 61 degrees of freedom: the statistic is beyond 150 once in 10^9 samples. A plain
        // `byte % 62` draws eight characters 5 times for every 4 of the others and scores thousands.
        const DRAWN: u32 = 620_000;
        let value = draw_long(Alphabet::Alphanumeric, DRAWN as usize);
        assert!(chi_squared(&value) < 150.0, "{}", chi_squared(&value));
        let biased: String = draw_with_modulo(DRAWN as usize);
        assert!(
            chi_squared(&biased) > 1000.0,
            "the bound can fail: {}",
            chi_squared(&biased)
        );
    }

    fn draw_long(alphabet: Alphabet, length: usize) -> String {
        let mut random = Seeded(3);
        (0..length / 1000)
            .map(|_| draw(alphabet, 1000, &mut random).unwrap())
            .collect()
    }

    fn draw_with_modulo(length: usize) -> String {
        let characters = Alphabet::Alphanumeric.characters();
        let mut bytes = vec![0u8; length];
        Seeded(4).fill(&mut bytes).unwrap();
        bytes
            .iter()
            .map(|byte| char::from(characters[usize::from(*byte) % 62]))
            .collect()
    }

    fn chi_squared(value: &str) -> f64 {
        let mut counts = [0u32; 128];
        value
            .bytes()
            .for_each(|byte| counts[usize::from(byte)] += 1);
        let expected = f64::from(u32::try_from(value.len()).unwrap()) / 62.0;
        let characters = Alphabet::Alphanumeric.characters();
        let deviation = |byte: &u8| (f64::from(counts[usize::from(*byte)]) - expected).powi(2);
        characters.iter().map(deviation).sum::<f64>() / expected
    }

    #[test]
    fn a_broken_source_is_an_error_and_never_a_value() {
        for kind in SecretKind::ALL {
            for byte in [0, 7, 247, 248, 255] {
                let outcome = generate(*kind, &mut Constant(byte));
                assert!(
                    matches!(outcome, Err(RandomError::Stuck)),
                    "{kind:?} {byte}"
                );
            }
            assert!(matches!(
                generate(*kind, &mut Failing),
                Err(RandomError::Source(_))
            ));
        }
    }

    #[test]
    fn generate_missing_keeps_what_is_there() {
        let mut secrets = Secrets::new();
        secrets.insert(SecretKind::SecretKey, "mine".into());
        let made = generate_missing(&mut secrets, &mut Seeded(5)).unwrap();
        assert_eq!(made.len(), SecretKind::ALL.len() - 1);
        assert_eq!(
            secrets.get(SecretKind::SecretKey).unwrap().expose_secret(),
            "mine"
        );
        assert!(
            generate_missing(&mut secrets, &mut Seeded(6))
                .unwrap()
                .is_empty()
        );
    }
}
