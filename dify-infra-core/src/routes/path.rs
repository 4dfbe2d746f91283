//! Request targets as nginx reads them.

use std::fmt;

/// The path of a request after nginx has normalised it: what locations are compared with.
///
/// Percent-encoding is decoded once, slashes in a row become one, query and fragment are cut
/// (nginx's `merge_slashes on`, which is its default). The bytes need not be UTF-8: a client may
/// encode any.
///
/// A path with `.` or `..` as a folder is refused. nginx would resolve it for its own choice and pass
/// it on as it came: `/metrics/../e/x` would be chosen as `/e/x` and arrive as something below
/// `/metrics`. No client needs such paths, since browsers and libraries resolve them before sending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestPath(Vec<u8>);

/// Why nginx answers a request target with 400 instead of looking for a location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTarget {
    /// Neither `/path` nor `scheme://host/path`.
    #[error("a request target starts with `/` or is a URL, but this is `{0}`")]
    NotAPath(String),
    /// A space, a control character or an encoded NUL.
    #[error("a request target holds no spaces, control characters or %00")]
    ForbiddenCharacter,
    /// A `%` without two hexadecimal digits after it.
    #[error("a `%` in a request target is followed by two hexadecimal digits")]
    BadEncoding,
    /// A folder called `.` or `..`, encoded or not.
    #[error("a path with `.` or `..` means one thing to nginx and another to a back-end")]
    DotSegment,
}

impl RequestPath {
    /// Normalises a request target, given as `/path?query` or as a whole URL.
    ///
    /// # Errors
    ///
    /// When nginx would refuse the target with 400: see [`InvalidTarget`].
    ///
    /// ```
    /// use dify_infra_core::routes::RequestPath;
    ///
    /// assert_eq!(RequestPath::parse("/a//b%2fc/%64?e")?.as_bytes(), b"/a/b/c/d");
    /// assert_eq!(RequestPath::parse("https://dify.example.com")?.as_bytes(), b"/");
    /// # Ok::<(), dify_infra_core::routes::InvalidTarget>(())
    /// ```
    pub fn parse(target: &str) -> Result<Self, InvalidTarget> {
        if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(InvalidTarget::ForbiddenCharacter);
        }
        let origin_form =
            without_authority(target).ok_or_else(|| InvalidTarget::NotAPath(target.to_owned()))?;
        let end = origin_form.find(['?', '#']).unwrap_or(origin_form.len());
        resolve_segments(&decode(&origin_form.as_bytes()[..end])?)
    }

    /// The normalised path; it starts with `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RequestPath {
    /// Writes the path as a request target that is read as this very path.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in &self.0 {
            if byte.is_ascii_graphic() && !b"%?#".contains(&byte) {
                write!(formatter, "{}", char::from(byte))?;
            } else {
                write!(formatter, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Cuts `scheme://authority` off; a URL without a path means `/`.
fn without_authority(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let (scheme, rest) = target.split_once("://")?;
    let path = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_host = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte));
    (is_scheme && is_host).then_some(if path.starts_with('/') { path } else { "/" })
}

/// Decodes percent-encoding once.
fn decode(path: &[u8]) -> Result<Vec<u8>, InvalidTarget> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = hexadecimal(rest.next())?;
        let low = hexadecimal(rest.next())?;
        match high << 4 | low {
            0 => return Err(InvalidTarget::ForbiddenCharacter),
            byte => decoded.push(byte),
        }
    }
    Ok(decoded)
}

/// The value of a hexadecimal digit.
fn hexadecimal(digit: Option<&u8>) -> Result<u8, InvalidTarget> {
    digit
        .and_then(|&byte| char::from(byte).to_digit(16))
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(InvalidTarget::BadEncoding)
}

/// Merges slashes and refuses `.` and `..`, after decoding: `%2e%2e%2f` is a folder too.
fn resolve_segments(decoded: &[u8]) -> Result<RequestPath, InvalidTarget> {
    let mut path = Vec::with_capacity(decoded.len());
    for segment in decoded.split(|&byte| byte == b'/').skip(1) {
        match segment {
            b"." | b".." => return Err(InvalidTarget::DotSegment),
            b"" => {}
            name => {
                path.push(b'/');
                path.extend_from_slice(name);
            }
        }
    }
    if decoded.ends_with(b"/") {
        path.push(b'/');
    }
    Ok(RequestPath(path))
}

#[cfg(test)]
mod tests {
    use super::{InvalidTarget, RequestPath};

    fn parsed(target: &str) -> Result<String, InvalidTarget> {
        RequestPath::parse(target).map(|path| path.to_string())
    }

    #[test]
    fn normalises_as_nginx_does() {
        for (target, normal) in [
            ("/", "/"),
            ("//", "/"),
            ("/api//x///y", "/api/x/y"),
            ("/api/", "/api/"),
            ("/a/...", "/a/..."),
            ("/a/.b", "/a/.b"),
            ("/%61pi", "/api"),
            ("/api%2Fx", "/api/x"),
            ("/%25%3f%23%20%c3", "/%25%3F%23%20%C3"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/a?b=/../..", "/a"),
            ("/a?/./", "/a"),
            ("/a/..;/b", "/a/..;/b"),
            ("/a/..%3f", "/a/..%3F"),
            ("/a#b/..", "/a"),
            ("/A+b", "/A+b"),
            ("http://host/a//b", "/a/b"),
            ("http://[::1]:80?x", "/"),
        ] {
            assert_eq!(parsed(target).as_deref(), Ok(normal), "{target}");
        }
    }

    #[test]
    fn refuses_what_nginx_answers_with_400() {
        for (target, error) in [
            ("/..", InvalidTarget::DotSegment),
            ("/.", InvalidTarget::DotSegment),
            ("/a/../../b", InvalidTarget::DotSegment),
            ("/a/b/..", InvalidTarget::DotSegment),
            ("/a/./b", InvalidTarget::DotSegment),
            ("/%2e%2E/x", InvalidTarget::DotSegment),
            ("/x%2f..%2Finner?x", InvalidTarget::DotSegment),
            ("/x/.%2e#y", InvalidTarget::DotSegment),
            ("/%", InvalidTarget::BadEncoding),
            ("/%4", InvalidTarget::BadEncoding),
            ("/%zz", InvalidTarget::BadEncoding),
            ("/%00", InvalidTarget::ForbiddenCharacter),
            ("/a b", InvalidTarget::ForbiddenCharacter),
            ("/a\n", InvalidTarget::ForbiddenCharacter),
            ("", InvalidTarget::NotAPath(String::new())),
            ("*", InvalidTarget::NotAPath("*".to_owned())),
            ("api/x", InvalidTarget::NotAPath("api/x".to_owned())),
            ("http:///x", InvalidTarget::NotAPath("http:///x".to_owned())),
            (
                "http://u@h/",
                InvalidTarget::NotAPath("http://u@h/".to_owned()),
            ),
        ] {
            assert_eq!(parsed(target), Err(error), "{target}");
        }
    }

    #[test]
    fn a_normal_path_stays_as_it_is() {
        proptest::proptest!(|(target in "/([a-zA-Z0-9./_-]|%[0-9a-f]{2}){0,40}")| {
            if let Ok(path) = RequestPath::parse(&target) {
                proptest::prop_assert_eq!(RequestPath::parse(&path.to_string()), Ok(path));
            }
        });
    }
}
