//! Sets of characters that the parts of a name may be made of.

/// What a set holds beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Nothing,
    LettersAndDigits,
    Everything,
}

/// A set of characters; built in constants, asked in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alphabet {
    /// Bit n stands for the ASCII character n.
    ascii: u128,
    beyond: Beyond,
}

impl Alphabet {
    pub(super) const LOWER: Self = Self::range(b'a', b'z');
    pub(super) const DIGIT: Self = Self::range(b'0', b'9');
    pub(super) const LETTER: Self = Self::LOWER.and(Self::range(b'A', b'Z'));
    pub(super) const LOWER_OR_DIGIT: Self = Self::LOWER.and(Self::DIGIT);
    pub(super) const ALPHANUMERIC: Self = Self::LETTER.and(Self::DIGIT);
    /// Every character that can be printed, and every one beyond ASCII.
    pub(super) const PRINTABLE: Self = Self {
        ascii: Self::range(b' ', b'~').ascii,
        beyond: Beyond::Everything,
    };

    /// The characters from `first` to `last`, both included.
    pub(super) const fn range(first: u8, last: u8) -> Self {
        let mut ascii = 0;
        let mut byte = first;
        while byte <= last {
            ascii |= 1 << byte;
            byte += 1;
        }
        Self {
            ascii,
            beyond: Beyond::Nothing,
        }
    }

    /// The ASCII characters of `characters`.
    const fn of(characters: &str) -> Self {
        let bytes = characters.as_bytes();
        let mut ascii = 0;
        let mut index = 0;
        while index < bytes.len() {
            ascii |= 1 << bytes[index];
            index += 1;
        }
        Self {
            ascii,
            beyond: Beyond::Nothing,
        }
    }

    /// This set and another one, which holds ASCII alone.
    const fn and(self, other: Self) -> Self {
        Self {
            ascii: self.ascii | other.ascii,
            beyond: self.beyond,
        }
    }

    /// This set and the ASCII characters of `characters`.
    pub(super) const fn with(self, characters: &str) -> Self {
        self.and(Self::of(characters))
    }

    /// This set without the ASCII characters of `characters`.
    pub(super) const fn without(self, characters: &str) -> Self {
        Self {
            ascii: self.ascii & !Self::of(characters).ascii,
            beyond: self.beyond,
        }
    }

    /// This set and the letters and digits of every script.
    pub(super) const fn with_every_script(self) -> Self {
        Self {
            ascii: self.ascii,
            beyond: Beyond::LettersAndDigits,
        }
    }

    /// Whether the set holds `character`.
    pub(super) fn contains(self, character: char) -> bool {
        if character.is_ascii() {
            return self.ascii >> u32::from(character) & 1 == 1;
        }
        match self.beyond {
            Beyond::Nothing => false,
            Beyond::LettersAndDigits => character.is_alphanumeric(),
            Beyond::Everything => !character.is_control(),
        }
    }

    /// Every ASCII character of the set, in order.
    pub(super) fn ascii(self) -> impl Iterator<Item = char> {
        (0_u8..128)
            .map(char::from)
            .filter(move |character| self.contains(*character))
    }

    /// The set as a class of a regular expression; none when it goes beyond ASCII.
    pub(super) fn pattern(self) -> Option<String> {
        if self.beyond != Beyond::Nothing {
            return None;
        }
        let mut class = String::from("[");
        let mut rest = self.ascii().peekable();
        while let Some(first) = rest.next() {
            let mut last = first;
            while rest
                .next_if(|next| u32::from(*next) == u32::from(last) + 1)
                .is_some_and(|next| {
                    last = next;
                    true
                })
            {}
            push_range(&mut class, first, last);
        }
        class.push(']');
        Some(class)
    }
}

/// Writes a run of neighbouring characters; punctuation is escaped one by one.
fn push_range(class: &mut String, first: char, last: char) {
    if first.is_ascii_alphanumeric() && u32::from(last) > u32::from(first) + 1 {
        class.extend([first, '-', last]);
        return;
    }
    for character in first..=last {
        if matches!(character, '-' | '\\' | ']' | '[' | '^') {
            class.push('\\');
        }
        class.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_it_was_built_from() {
        let set = Alphabet::LOWER_OR_DIGIT.with("-_").without("x");
        for character in ['a', 'z', '0', '9', '-', '_'] {
            assert!(set.contains(character), "{character}");
        }
        for character in ['x', 'A', ' ', '\0', '\u{7f}', 'é', '開'] {
            assert!(!set.contains(character), "{character:?}");
        }
        assert!(Alphabet::LETTER.with_every_script().contains('開'));
        assert!(!Alphabet::LETTER.with_every_script().contains('\u{200b}'));
        assert!(!Alphabet::PRINTABLE.contains('\u{85}'));
    }

    #[test]
    fn writes_itself_as_a_regular_expression() {
        assert_eq!(
            Alphabet::LOWER_OR_DIGIT.with("-").pattern().unwrap(),
            r"[\-0-9a-z]"
        );
        assert_eq!(
            Alphabet::range(b'2', b'3').with("_").pattern().unwrap(),
            "[23_]"
        );
        assert_eq!(Alphabet::PRINTABLE.pattern(), None);
    }
}
