//! A cautious estimate of how hard a value is to guess.
//!
//! It can't tell a random value from one that only looks so, and is not meant to: it finds the words,
//! runs and repetitions that people type.

use std::collections::BTreeSet;

/// Words that passwords of deployments are made of, in lowercase; digits in them are undone first.
const WORDS: &[&str] = &[
    "abcd",
    "access",
    "admin",
    "agent",
    "apikey",
    "azure",
    "change",
    "changeme",
    "cloud",
    "company",
    "daemon",
    "database",
    "default",
    "demo",
    "deploy",
    "dify",
    "difyai",
    "docker",
    "example",
    "fghj",
    "hello",
    "here",
    "inner",
    "internal",
    "iloveyou",
    "langgenius",
    "letmein",
    "local",
    "login",
    "master",
    "monkey",
    "my",
    "pass",
    "password",
    "please",
    "plugin",
    "postgres",
    "prod",
    "production",
    "qazwsx",
    "qwer",
    "qwerty",
    "qwertz",
    "redis",
    "replace",
    "root",
    "sandbox",
    "secret",
    "secure",
    "server",
    "service",
    "staging",
    "super",
    "system",
    "temp",
    "test",
    "token",
    "user",
    "welcome",
    "worker",
    "your",
    "zxcv",
    "asdf",
    "key",
];

/// Cost of a word: the list is short, spelling and place add a little. In hundredths of a bit.
const WORD: u32 = 1000;

/// Cost of a character that goes on with a run such as `123` or `aaa`, or joins words. In hundredths
/// of a bit.
const RUN: u32 = 100;

/// Estimated entropy of a value, in whole bits.
pub(super) fn estimate_bits(value: &str) -> u32 {
    let characters: Vec<char> = value.chars().collect();
    let unit = &characters[..period(&characters)];
    walk(unit).min(variety(unit)) / 100
}

/// Length of the part that the value repeats: 2 for `ababab`, the whole length for most values.
fn period(characters: &[char]) -> usize {
    let length = characters.len();
    let repeats =
        |period: &usize| (*period..length).all(|i| characters[i] == characters[i - period]);
    (1..=length / 2).find(repeats).unwrap_or(length)
}

/// Sum over words, runs and single characters, in hundredths of a bit.
fn walk(characters: &[char]) -> u32 {
    let plain: String = characters.iter().map(|c| undo_leet(*c)).collect();
    let plain: Vec<char> = plain.chars().collect();
    let each = pool(characters);
    let (mut total, mut position, mut after_word) = (0, 0, false);
    while position < characters.len() {
        let word = word_at(&plain[position..]);
        let separates = after_word && "-_. ".contains(characters[position]);
        let (cost, taken) = match word {
            Some(length) => (WORD, length),
            None if separates || continues_run(characters, position) => (RUN, 1),
            None => (each, 1),
        };
        total += cost;
        position += taken;
        after_word = word.is_some();
    }
    total
}

/// Length of the longest word that the characters begin with.
fn word_at(characters: &[char]) -> Option<usize> {
    let begins = |word: &&&str| {
        let mut rest = characters.iter();
        word.chars().all(|c| rest.next() == Some(&c))
    };
    WORDS.iter().filter(begins).map(|word| word.len()).max()
}

/// Whether a character takes the same step of at most one as the character before it did.
fn continues_run(characters: &[char], position: usize) -> bool {
    let Some([before, last, this]) = position.checked_sub(2).map(|i| &characters[i..=position])
    else {
        return false;
    };
    let step = |from: char, to: char| i64::from(u32::from(to)) - i64::from(u32::from(from));
    step(*before, *last) == step(*last, *this) && step(*last, *this).abs() <= 1
}

/// A letter for the digit or sign that stands for it in `p4$$w0rd`; all else in lowercase.
fn undo_leet(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other.to_ascii_lowercase(),
    }
}

/// Entropy of one character if all that the value could have had are equally likely, in hundredths
/// of a bit: the binary logarithm of the size of the smallest usual alphabet that holds them.
fn pool(characters: &[char]) -> u32 {
    let all = |test: fn(&char) -> bool| characters.iter().all(test);
    let lower_hexadecimal = |c: &char| c.is_ascii_digit() || ('a'..='f').contains(c);
    if all(char::is_ascii_digit) {
        332
    } else if characters.iter().all(lower_hexadecimal) {
        400
    } else if all(char::is_ascii_lowercase) || all(char::is_ascii_uppercase) {
        470
    } else if all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        517
    } else if all(char::is_ascii_alphanumeric) {
        595
    } else {
        657
    }
}

/// Upper bound by the number of different characters, in hundredths of a bit.
fn variety(characters: &[char]) -> u32 {
    let distinct: BTreeSet<&char> = characters.iter().collect();
    // `log2` to an eighth of a bit without floats; 94 characters to the eighth fit easily.
    let distinct = u128::try_from(distinct.len())
        .unwrap_or(u128::MAX)
        .clamp(1, 1 << 15);
    let each = distinct.pow(8).ilog2() * 100 / 8;
    u32::try_from(characters.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_weak() {
        for value in [
            "password",
            "P4$$w0rd123",
            "difyai123456",
            "Dify@1234",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabcabcabc",
            "12345678901234567890",
            "qwertyuiop",
            "changeme-please",
            "your-secret-key-here",
            "abcdefghijklmnopqrstuvwxyz",
            "1111111111111111",
            "",
        ] {
            assert!(
                estimate_bits(value) < 48,
                "{value}: {}",
                estimate_bits(value)
            );
        }
    }

    #[test]
    fn what_tools_generate_is_strong() {
        let hexadecimal = "9f86d081884c7d659a2feaa0c55ad015";
        assert!(
            (112..=128).contains(&estimate_bits(hexadecimal)),
            "{}",
            estimate_bits(hexadecimal)
        );
        let base64 = "q0Z1m8n5wK+JH3uVdXyP2/RtS7cEoLbA9fGhTiNjUWkQxYzC4rMvDs6B";
        assert!(estimate_bits(base64) > 250);
        assert!(estimate_bits("K7xq-9vTz_2RfW") >= 48);
    }

    #[test]
    fn more_characters_are_never_weaker_by_much() {
        let long = "Zk3vQ9xTb7LmRw2Yp5Ns8Jh4Gd6Fc".to_owned();
        assert!(estimate_bits(&long) > estimate_bits(&long[..12]));
    }

    #[test]
    fn repetitions_count_once() {
        assert_eq!(period(&"xyzxyzxy".chars().collect::<Vec<_>>()), 3);
        assert_eq!(period(&"xyzw".chars().collect::<Vec<_>>()), 4);
        assert_eq!(estimate_bits("Kx9#Kx9#Kx9#Kx9#"), estimate_bits("Kx9#"));
    }
}
