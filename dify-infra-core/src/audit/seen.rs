//! Texts of a deployment as far as they can be seen.
//!
//! `concat('rediss://:', listKeys(...).primaryKey, '@', host, ':6380/0')` is known but for one part:
//! its scheme, port and database can be judged although its password can't. A [`Seen`] is such a text.

use std::fmt;
use std::sync::Arc;

/// Stands for an unseen part while a text is taken apart; these are private-use characters.
const FIRST_STAND_IN: u32 = 0xF_0000;

/// Unseen parts of one text at most; a text with more counts as unseen as a whole.
const MOST_PARTS: usize = 1000;

/// Characters of an origin at most: what follows from much would be told at length.
const LONGEST_ORIGIN: usize = 160;

/// A value that can't be seen, and what is known of it: what it comes from.
///
/// Two unseen values with the same identity are equal, whatever they are.
#[derive(Clone)]
pub struct Unseen {
    origin: Arc<str>,
    identity: [u8; 16],
    secret: bool,
}

impl Unseen {
    /// A value of which only its origin is known, as `parameters('key')`.
    pub fn new(origin: &str) -> Self {
        Self::with_identity(origin, origin.as_bytes())
    }

    /// A value whose identity is more than what is shown of its origin.
    pub fn with_identity(origin: &str, identity: &[u8]) -> Self {
        let hash = hmac_sha256::Hash::hash(identity);
        let end = origin
            .char_indices()
            .nth(LONGEST_ORIGIN)
            .map_or(origin.len(), |(end, _)| end);
        let origin = &origin[..end];
        let mut short = [0; 16];
        short.copy_from_slice(&hash[..16]);
        Self {
            origin: origin.into(),
            identity: short,
            secret: false,
        }
    }

    /// The same value, known to be a secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// What it comes from, in words or as an expression.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is known to be a secret.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// What tells it from other unseen values.
    pub(crate) fn identity(&self) -> &[u8] {
        &self.identity
    }
}

impl PartialEq for Unseen {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Unseen {}

impl fmt::Debug for Unseen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Unseen({})", self.origin)
    }
}

/// One piece of a [`Seen`] text.
#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Unseen(Unseen),
}

/// A text as far as it can be seen; it may be a secret, so neither `Debug` nor `Display` shows it.
///
/// ```
/// use dify_infra_core::audit::{Seen, Unseen};
///
/// let key = Seen::unseen(Unseen::new("listKeys('redis').primaryKey").secret());
/// let broker = Seen::from("rediss://:").and(&key).and(&Seen::from("@cache:6380/0"));
/// assert_eq!(broker.url().unwrap().port, Some(6380));
/// assert_eq!(broker.same(&broker.clone()), Some(true));
/// assert_eq!(broker.same(&Seen::from("x")), None);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Seen {
    pieces: Vec<Piece>,
}

impl Seen {
    /// A text of which nothing is seen.
    pub fn unseen(value: Unseen) -> Self {
        Self {
            pieces: vec![Piece::Unseen(value)],
        }
    }

    /// This text followed by another.
    #[must_use]
    pub fn and(mut self, next: &Self) -> Self {
        for piece in &next.pieces {
            match (self.pieces.last_mut(), piece) {
                (Some(Piece::Literal(last)), Piece::Literal(more)) => last.push_str(more),
                _ => self.pieces.push(piece.clone()),
            }
        }
        self
    }

    /// The whole text, when all of it is seen.
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.literal() == Some("")
    }

    /// The unseen pieces.
    pub fn unseen_parts(&self) -> impl Iterator<Item = &Unseen> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Unseen(unseen) => Some(unseen),
            Piece::Literal(_) => None,
        })
    }

    /// Whether a piece of it is known to be a secret.
    pub fn has_secret(&self) -> bool {
        self.unseen_parts().any(Unseen::is_secret)
    }

    /// Whether two texts are equal; nothing when that can't be told.
    pub fn same(&self, other: &Self) -> Option<bool> {
        if self == other {
            return Some(true);
        }
        (self.literal().is_some() && other.literal().is_some()).then_some(false)
    }

    /// The literal beginning.
    pub fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// The literal end.
    pub fn end(&self) -> &str {
        match self.pieces.last() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether any literal piece holds `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Literal(literal) => literal.contains(text),
            Piece::Unseen(_) => false,
        })
    }

    /// The text with each literal piece changed, and each unseen one renamed to say so.
    pub(crate) fn map(&self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Piece::Literal(change(text)),
            Piece::Unseen(unseen) => {
                let origin = format!("{name}({})", unseen.origin);
                let mut identity = name.as_bytes().to_vec();
                identity.extend(unseen.identity);
                let mut mapped = Unseen::with_identity(&origin, &identity);
                mapped.secret = unseen.secret;
                Piece::Unseen(mapped)
            }
        });
        Self {
            pieces: pieces.collect(),
        }
    }

    /// Parts of the text as they can be shown: unseen ones by their origin in braces. Whether the
    /// text may be shown at all is for the caller to know.
    pub fn shown(&self) -> String {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Unseen(unseen) => format!("{{{}}}", unseen.origin),
        });
        pieces.collect()
    }

    /// What tells this text from others, for hashing.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => {
                    bytes.push(b'L');
                    bytes.extend(text.len().to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
                Piece::Unseen(unseen) => {
                    bytes.push(b'U');
                    bytes.extend(unseen.identity);
                }
            }
        }
        bytes
    }

    /// How much memory the text takes, about.
    pub(crate) fn weight(&self) -> usize {
        let of = |piece: &Piece| match piece {
            Piece::Literal(text) => text.len(),
            Piece::Unseen(unseen) => unseen.origin.len() + 16,
        };
        self.pieces.iter().map(of).sum()
    }

    /// Splits at the first `separator` of a literal piece.
    pub fn split_once(&self, separator: char) -> Option<(Self, Self)> {
        let folded = self.folded()?;
        let (before, after) = folded.split_once(separator)?;
        Some((self.unfold(before), self.unfold(after)))
    }

    /// Splits at every `separator` of a literal piece.
    pub fn split(&self, separator: char) -> Vec<Self> {
        match self.folded() {
            Some(folded) => folded
                .split(separator)
                .map(|part| self.unfold(part))
                .collect(),
            None => vec![self.clone()],
        }
    }

    /// The text as a URL; nothing when it has no `://`.
    pub fn url(&self) -> Option<SeenUrl> {
        let folded = self.folded()?;
        let (scheme, rest) = folded.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(past_raw_password(scheme, rest, end));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (host, None),
        };
        let split = user.map(|user| user.split_once(':').unwrap_or((user, "")));
        let password = user.and_then(|user| user.split_once(':')).map(|(_, it)| it);
        Some(SeenUrl {
            scheme: self.unfold(scheme).shown().to_ascii_lowercase(),
            has_user: user.is_some(),
            user: split.map(|(user, _)| self.unfold(user)).unwrap_or_default(),
            password: password.map(|password| self.unfold(password)),
            host: self.unfold(host).lower(),
            port: port.and_then(|port| port.parse().ok()),
            has_port: port.is_some(),
            path: self.unfold(path),
        })
    }

    fn lower(&self) -> Self {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Piece::Literal(text.to_ascii_lowercase()),
            Piece::Unseen(unseen) => Piece::Unseen(unseen.clone()),
        });
        Self {
            pieces: pieces.collect(),
        }
    }

    /// The text with a stand-in for each unseen piece; nothing when that is not possible.
    fn folded(&self) -> Option<String> {
        if self.pieces.len() > MOST_PARTS {
            return None;
        }
        let mut text = String::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => {
                    if literal.contains(|c: char| u32::from(c) >= FIRST_STAND_IN) {
                        return None;
                    }
                    text.push_str(literal);
                }
                Piece::Unseen(_) => {
                    text.push(char::from_u32(FIRST_STAND_IN + u32::try_from(index).ok()?)?);
                }
            }
        }
        Some(text)
    }

    fn unfold(&self, folded: &str) -> Self {
        let mut text = Self::default();
        let mut literal = String::new();
        for character in folded.chars() {
            let index = u32::from(character)
                .checked_sub(FIRST_STAND_IN)
                .and_then(|index| usize::try_from(index).ok());
            match index.and_then(|index| self.pieces.get(index)) {
                Some(Piece::Unseen(unseen)) => {
                    text = text.and(&Self::from(std::mem::take(&mut literal).as_str()));
                    text.pieces.push(Piece::Unseen(unseen.clone()));
                }
                _ => literal.push(character),
            }
        }
        text.and(&Self::from(literal.as_str()))
    }
}

/// Where the host of a URL ends: a password with a raw `/`, `?` or `#` is a mistake, but none that may make the rest of
/// the password a host or a path, which are shown.
fn past_raw_password(scheme: &str, rest: &str, end: usize) -> usize {
    let Some(at) = rest.rfind('@').filter(|at| *at > end) else {
        return end;
    };
    let authority = &rest[..end];
    let is_host = match authority.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty() && !host.contains(':') && port.chars().all(|it| it.is_ascii_digit())
        }
        None => !authority.is_empty(),
    };
    // The path of a page may have an `@`, that of a database none.
    let is_page = matches!(scheme, "http" | "https" | "ws" | "wss");
    if is_page && is_host || authority.contains('@') {
        return end;
    }
    let after = &rest[at..];
    at + after.find(['/', '?', '#']).unwrap_or(after.len())
}

impl From<&str> for Seen {
    fn from(text: &str) -> Self {
        let pieces = if text.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Literal(text.to_owned())]
        };
        Self { pieces }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.literal().is_some();
        write!(
            formatter,
            "Seen(whole: {whole}, {} pieces)",
            self.pieces.len()
        )
    }
}

/// A URL as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenUrl {
    /// The scheme in lower case.
    pub scheme: String,
    /// Whether there is a user name or password.
    pub has_user: bool,
    /// The user name; empty when there is none.
    pub user: Seen,
    /// The password.
    pub password: Option<Seen>,
    /// The host in lower case.
    pub host: Seen,
    /// The port, when it is written and seen.
    pub port: Option<u16>,
    /// Whether a port is written at all.
    pub has_port: bool,
    /// Path, query and fragment.
    pub path: Seen,
}

impl SeenUrl {
    /// The port that is called: the one written, or the scheme's; nothing when it can't be seen.
    pub fn effective_port(&self) -> Option<u16> {
        if self.has_port {
            return self.port;
        }
        match self.scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            "redis" | "rediss" => Some(6379),
            "postgresql" | "postgres" => Some(5432),
            _ => None,
        }
    }

    /// Scheme, host and port, which hold no secret.
    pub fn shown(&self) -> String {
        let port = match (self.has_port, self.port) {
            (true, Some(port)) => format!(":{port}"),
            (true, None) => ":?".to_owned(),
            (false, _) => String::new(),
        };
        format!("{}://{}{port}", self.scheme, self.host.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Seen {
        Seen::unseen(Unseen::new("parameters('key')").secret())
    }

    #[test]
    fn equality_is_told_only_when_it_is_known() {
        assert_eq!(key().same(&key()), Some(true));
        assert_eq!(key().same(&Seen::from("a")), None);
        assert_eq!(Seen::from("a").same(&Seen::from("b")), Some(false));
        assert_eq!(
            key().same(&Seen::unseen(Unseen::new("parameters('other')"))),
            None
        );
    }

    #[test]
    fn a_url_is_taken_apart_around_what_is_unseen() {
        let host = Seen::unseen(Unseen::new("host"));
        let url = Seen::from("rediss://:")
            .and(&key())
            .and(&Seen::from("@"))
            .and(&host)
            .and(&Seen::from(":10000/0"));
        let url = url.url().unwrap();
        assert_eq!(url.scheme, "rediss");
        assert_eq!(url.password, Some(key()));
        assert_eq!(url.host, host);
        assert_eq!(url.effective_port(), Some(10000));
        assert_eq!(url.path.literal(), Some("/0"));
        assert_eq!(url.shown(), "rediss://{host}:10000");
    }

    #[test]
    fn a_raw_slash_in_a_password_makes_it_no_host_and_no_path() {
        for (text, host, path, password) in [
            ("redis://:a+b/c@cache:6380/0", "cache", "/0", Some("a+b/c")),
            ("redis://:a:b#c@cache:6380/1", "cache", "/1", Some("a:b#c")),
            ("redis://:a?b@cache/0", "cache", "/0", Some("a?b")),
            ("http://user:a:b/c@proxy:3128", "proxy", "", Some("a:b/c")),
            ("http://:a/b@proxy:3128", "proxy", "", Some("a/b")),
            ("https://host:8443/@scope/x", "host", "/@scope/x", None),
            ("https://host/a@b", "host", "/a@b", None),
            ("redis://:ab@cache/0?x=a@b", "cache", "/0?x=a@b", Some("ab")),
        ] {
            let url = Seen::from(text).url().unwrap();
            assert_eq!(url.host.literal(), Some(host), "{text}");
            assert_eq!(url.path.literal(), Some(path), "{text}");
            let known = url.password.as_ref().and_then(Seen::literal);
            assert_eq!(known, password, "{text}");
        }
    }

    #[test]
    fn nothing_shows_the_text_by_accident() {
        let text = Seen::from("canary-4711");
        assert!(!format!("{text:?}").contains("canary"));
    }

    #[test]
    fn splits_outside_of_unseen_parts() {
        let host = Seen::from("api.").and(&Seen::unseen(Unseen::new("a.b")));
        let (first, rest) = host.split_once('.').unwrap();
        assert_eq!(first.literal(), Some("api"));
        assert_eq!(rest.unseen_parts().count(), 1);
    }
}
