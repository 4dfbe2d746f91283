//! Values that look random and are a function of the seed: two runs with one seed agree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A source of values, each named by its purpose; it has no state of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    seed: u64,
}

impl Dice {
    /// Makes the dice of one seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn bytes(self, purpose: &str, round: u64) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_be_bytes());
        hasher.update(round.to_be_bytes());
        hasher.update(purpose.as_bytes());
        hasher.finalize().into()
    }

    /// A whole number.
    pub(crate) fn number(self, purpose: &str) -> u64 {
        let bytes = self.bytes(purpose, 0);
        bytes[..8]
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    }

    /// A number from 0 up to, and without, 1.
    pub(crate) fn fraction(self, purpose: &str) -> f64 {
        let thousandths = u32::try_from(self.number(purpose) % 10_000).unwrap_or(0);
        f64::from(thousandths) / 10_000.0
    }

    /// Heads or tails.
    pub(crate) fn coin(self, purpose: &str) -> bool {
        self.number(purpose).is_multiple_of(2)
    }

    /// Lower-case hexadecimal digits.
    pub(crate) fn hex(self, purpose: &str, length: usize) -> String {
        self.text(purpose, length, b"0123456789abcdef")
    }

    /// Lower-case letters and digits, the first a letter.
    pub(crate) fn word(self, purpose: &str, length: usize) -> String {
        let first = self.text(
            &format!("{purpose}/first"),
            1,
            b"abcdefghijklmnopqrstuvwxyz",
        );
        let rest = length.saturating_sub(1);
        first + &self.text(purpose, rest, b"abcdefghijklmnopqrstuvwxyz0123456789")
    }

    fn text(self, purpose: &str, length: usize, alphabet: &[u8]) -> String {
        (0_u64..)
            .flat_map(|round| self.bytes(purpose, round))
            .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
            .take(length)
            .collect()
    }

    /// A GUID of version 4's shape.
    pub(crate) fn guid(self, purpose: &str) -> String {
        let digits = self.hex(purpose, 30);
        format!(
            "{}-{}-4{}-a{}-{}",
            &digits[0..8],
            &digits[8..12],
            &digits[12..15],
            &digits[15..18],
            &digits[18..30]
        )
    }

    /// A key in base64 of as many bytes as asked for.
    pub(crate) fn key(self, purpose: &str, length: usize) -> String {
        let bytes: Vec<u8> = (0_u64..)
            .flat_map(|round| self.bytes(purpose, round))
            .take(length)
            .collect();
        STANDARD.encode(bytes)
    }

    /// One of the choices, which may not be empty.
    pub(crate) fn pick<'a>(self, purpose: &str, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.number(purpose) % choices.len() as u64).unwrap_or(0);
        choices[index]
    }

    /// Puts the items into another order.
    pub(crate) fn shuffle<T>(self, purpose: &str, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let draw = self.number(&format!("{purpose}/{last}")) % (last as u64 + 1);
            items.swap(last, usize::try_from(draw).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_value_and_another_seed_another() {
        assert_eq!(Dice::new(1).guid("a"), Dice::new(1).guid("a"));
        assert_ne!(Dice::new(1).guid("a"), Dice::new(2).guid("a"));
        assert_ne!(Dice::new(1).guid("a"), Dice::new(1).guid("b"));
    }

    #[test]
    fn guids_and_keys_have_the_shape_of_azures() {
        let guid = Dice::new(7).guid("x");
        assert_eq!(guid.len(), 36);
        assert_eq!(
            guid.split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert_eq!(Dice::new(7).key("x", 64).len(), 88);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..40).collect();
        Dice::new(3).shuffle("list", &mut items);
        assert_ne!(items, (0..40).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..40).collect::<Vec<_>>());
    }
}
