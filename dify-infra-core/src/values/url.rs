//! URLs of HTTP services, and the origins that browsers compare.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::text::{json_schema, text_value};
use super::{InvalidValue, Port, host};

/// The protocol of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The port that is meant when none is written: 80 or 443.
    pub const fn default_port(self) -> Port {
        let number = match self {
            Self::Http => NonZeroU16::MIN.saturating_add(79),
            Self::Https => NonZeroU16::MIN.saturating_add(442),
        };
        Port::from_non_zero(number)
    }

    /// The scheme as a URL begins with it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An `http` or `https` URL without user, query, fragment and trailing slash.
///
/// That is the form in which Dify joins its URLs with paths of its own. Scheme and host are kept
/// in lower case, and the scheme's own port is left out, so equal URLs are equal texts. Host
/// names are ASCII; the `_` of Docker Compose service names is allowed. Errors never repeat a
/// password or a query.
///
/// ```
/// use dify_infra_core::values::HttpUrl;
///
/// let url: HttpUrl = "HTTPS://Dify.example.com:443/console".parse()?;
/// assert_eq!(url.to_string(), "https://dify.example.com/console");
/// assert_eq!(url.join("/api")?.path(), "/console/api");
/// let error = "https://dify.example.com/".parse::<HttpUrl>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"https://dify.example.com/\" is not an HTTP URL: it ends with '/'; \
///      write \"https://dify.example.com\""
/// );
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl {
    scheme: Scheme,
    host: Box<str>,
    port: Option<Port>,
    path: Box<str>,
}

impl HttpUrl {
    /// The protocol.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the protocol is `https`.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The host in lower case, IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as an address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        host::address(&self.host)
    }

    /// The port, written or not.
    pub fn port(&self) -> Port {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// The path: empty, or beginning with `/` and not ending with it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// This URL with `path` behind its own.
    ///
    /// # Errors
    ///
    /// When `path` does not begin with `/`, ends with it, or holds what no path may.
    pub fn join(&self, path: &str) -> Result<Self, InvalidValue> {
        let text = format!("{self}{path}");
        if !path.starts_with('/') {
            return Err(refuse(
                &text,
                "the added path does not begin with '/'",
                "put a '/' before it",
            ));
        }
        text.parse()
    }
}

impl FromStr for HttpUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (scheme, rest) = split_scheme(text)?;
        refuse_extras(text, rest)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let example = "write it like https://dify.example.com or http://10.0.0.4:8080";
        let (host, port) =
            host::split_port(authority).map_err(|reason| refuse(text, &reason, example))?;
        let host = host::canonical(host).map_err(|reason| refuse(text, &reason, example))?;
        refuse_path(text, path)?;
        Ok(Self {
            scheme,
            host: host.into(),
            port: port.filter(|port| *port != scheme.default_port()),
            path: path.into(),
        })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme.as_str(), self.host)?;
        if let Some(port) = self.port {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(&self.path)
    }
}

/// Scheme, host and port under which people reach a deployment, exactly as a browser sends them
/// in `Origin`: no path, and the host is a name that public DNS can hold.
///
/// ```
/// use dify_infra_core::values::PublicOrigin;
///
/// let origin: PublicOrigin = "https://dify.example.com".parse()?;
/// assert_eq!(origin.url("/console/api")?.to_string(), "https://dify.example.com/console/api");
/// assert!("https://dify.example.com/console".parse::<PublicOrigin>().is_err());
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicOrigin(HttpUrl);

impl PublicOrigin {
    /// The origin as a URL.
    pub const fn as_url(&self) -> &HttpUrl {
        &self.0
    }

    /// The host in lower case.
    pub fn host(&self) -> &str {
        self.0.host()
    }

    /// Whether the protocol is `https`.
    pub fn is_https(&self) -> bool {
        self.0.is_https()
    }

    /// The URL of `path` under this origin.
    ///
    /// # Errors
    ///
    /// When `path` does not begin with `/`, ends with it, or holds what no path may.
    pub fn url(&self, path: &str) -> Result<HttpUrl, InvalidValue> {
        self.0.join(path)
    }
}

impl TryFrom<HttpUrl> for PublicOrigin {
    type Error = InvalidValue;

    fn try_from(url: HttpUrl) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str, remedy: String| {
            InvalidValue::of_text("public origin", &url.to_string(), reason, remedy)
        };
        if !url.path.is_empty() {
            let right = HttpUrl {
                path: "".into(),
                scheme: Scheme::Https,
                ..url.clone()
            };
            return Err(refuse("it has a path", format!("write \"{right}\"")));
        }
        if url.host.contains('_') {
            let remedy = "use a name that public DNS can hold".to_owned();
            return Err(refuse("the host has the character '_'", remedy));
        }
        Ok(Self(url))
    }
}

impl FromStr for PublicOrigin {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let parsed = text.parse::<HttpUrl>().and_then(Self::try_from);
        let (Err(_), Some((right, path))) = (&parsed, origin_of(text)) else {
            return parsed;
        };
        let reason = if path == "/" {
            "it ends with '/'"
        } else {
            "it has a path"
        };
        let remedy = format!("write \"{right}\"");
        Err(InvalidValue::of_text("public origin", text, reason, remedy))
    }
}

/// What of a URL with a path is an origin that works, with TLS, and the rest; nothing when more is wrong
/// with it.
fn origin_of(text: &str) -> Option<(PublicOrigin, &str)> {
    let (_, rest) = text.split_once("://").filter(|_| !text.contains('@'))?;
    let (host, path) = rest.split_at(rest.find(['/', '?', '#'])?);
    let url: HttpUrl = format!("https://{host}").parse().ok()?;
    Some((url.try_into().ok()?, path))
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn refuse(text: &str, reason: &str, remedy: &str) -> InvalidValue {
    InvalidValue::of_text("HTTP URL", &redacted(text), reason, remedy)
}

/// Masks what may be secret in a URL, however broken it is: the user part, query and fragment.
pub(super) fn redacted(text: &str) -> String {
    let (scheme, rest) = match text.find("://") {
        Some(index) => text.split_at(index + 3),
        None => ("", text),
    };
    // A password may hold '/', '?' and '#', so the last '@' anywhere ends the part that is masked.
    let (user, rest) = match rest.rfind('@') {
        Some(index) => ("***", &rest[index..]),
        None => ("", rest),
    };
    match rest.find(['?', '#']) {
        Some(index) => format!("{scheme}{user}{}***", &rest[..=index]),
        None => format!("{scheme}{user}{rest}"),
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), InvalidValue> {
    let remedy = "begin it with https:// or http://";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(refuse(text, "it has no scheme", remedy));
    };
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(refuse(text, "its scheme is neither http nor https", remedy))
    }
}

/// Refuses the parts that such a URL never has.
fn refuse_extras(text: &str, rest: &str) -> Result<(), InvalidValue> {
    if rest.contains('@') {
        let reason = "it holds a user name or a password before '@'";
        return Err(refuse(
            text,
            reason,
            "keep credentials in a secret of their own",
        ));
    }
    if rest.contains('?') {
        return Err(refuse(
            text,
            "it has a query",
            "leave out everything from '?' on",
        ));
    }
    if rest.contains('#') {
        return Err(refuse(
            text,
            "it has a fragment",
            "leave out everything from '#' on",
        ));
    }
    Ok(())
}

/// Refuses a path that does not survive being joined with another one.
fn refuse_path(text: &str, path: &str) -> Result<(), InvalidValue> {
    if path.is_empty() {
        return Ok(());
    }
    if path.ends_with('/') {
        let right = format!("write {:?}", text.trim_end_matches('/'));
        return Err(refuse(text, "it ends with '/'", &right));
    }
    if let Some(wrong) = path
        .chars()
        .find(|character| !is_path_character(*character))
    {
        let reason = format!("its path has the character {wrong:?}");
        return Err(refuse(text, &reason, "percent-encode it"));
    }
    let escapes = path.split('%').skip(1);
    let hexadecimal = |byte: &u8| byte.is_ascii_hexdigit();
    if escapes
        .map(str::as_bytes)
        .any(|tail| tail.len() < 2 || !tail[..2].iter().all(hexadecimal))
    {
        let remedy = "write a percent sign itself as %25";
        return Err(refuse(
            text,
            "its path has a '%' without two hexadecimal digits",
            remedy,
        ));
    }
    if path
        .split('/')
        .skip(1)
        .any(|segment| matches!(segment, "" | "." | ".."))
    {
        let reason = "its path has an empty part, '.' or '..'";
        return Err(refuse(text, reason, "write the path that is meant"));
    }
    Ok(())
}

/// The characters of RFC 3986 paths, without `@`.
fn is_path_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/%-._~!$&'()*+,;=:".contains(character)
}

text_value!(HttpUrl);
text_value!(PublicOrigin);
json_schema!(HttpUrl, "HttpUrl", {
    "type": "string",
    "description": "An http or https URL without user, query, fragment and trailing slash",
    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#@]*[^/?#@])?$",
});
json_schema!(PublicOrigin, "PublicOrigin", {
    "type": "string",
    "description": "Scheme, host and port, such as https://dify.example.com",
    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+$",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> InvalidValue {
        text.parse::<HttpUrl>().unwrap_err()
    }

    #[test]
    fn writes_one_form_of_each_url() {
        for (text, right) in [
            ("http://a", "http://a"),
            ("HTTP://A:80", "http://a"),
            ("http://a:443", "http://a:443"),
            ("https://a:0443/x", "https://a/x"),
            ("http://[0::1]:8080/a/b", "http://[::1]:8080/a/b"),
            ("http://plugin_daemon:5002", "http://plugin_daemon:5002"),
            ("https://a/%41~b.c", "https://a/%41~b.c"),
        ] {
            assert_eq!(text.parse::<HttpUrl>().unwrap().to_string(), right);
        }
    }

    #[test]
    fn says_which_part_is_wrong() {
        for (text, reason) in [
            ("", "no scheme"),
            ("dify.example.com", "no scheme"),
            ("ftp://a", "scheme is neither"),
            ("http://", "host is missing"),
            ("http:///x", "host is missing"),
            ("http://:80", "host is missing"),
            ("http://a b", "host has the character ' '"),
            ("http://a:", "port"),
            ("http://a:0", "port"),
            ("http://a:65536", "port"),
            ("http://a/", "ends with '/'"),
            ("http://a/b//", "ends with '/'"),
            ("http://a//b", "empty part"),
            ("http://a/../b", "'..'"),
            ("http://a/b c", "path has the character ' '"),
            ("http://a/é", "path has the character"),
            ("http://a/%4", "without two hexadecimal digits"),
            ("http://a/%é1", "path has the character"),
            ("http://a?b", "query"),
            ("http://a#b", "fragment"),
            ("http://u@a", "user name or a password"),
            ("http://a/x\n", "path has the character '\\n'"),
        ] {
            let error = error(text);
            assert!(error.reason().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn never_repeats_a_password_or_a_query() {
        for text in [
            "https://user:hunter2@a",
            "https://user:hun/hunter2?x@a",
            "user:hunter2@a",
            "ftp://hunter2@a",
            "https://a/?sig=hunter2",
            "https://a b/x#hunter2",
            "https://u:p@x@a?hunter2",
        ] {
            let error = error(text);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        let origin: PublicOrigin = "https://Dify.example.com:443".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&origin).unwrap(),
            "\"https://dify.example.com\""
        );
        let error = "https://a.example/console"
            .parse::<PublicOrigin>()
            .unwrap_err();
        assert_eq!(error.remedy(), "write \"https://a.example\"");
        assert!("http://ssrf_proxy:3128".parse::<PublicOrigin>().is_err());
        assert!(origin.url("api").is_err() && origin.url("/").is_err());
    }

    #[test]
    fn knows_ports_and_addresses() {
        let url: HttpUrl = "https://[fd00::1]".parse().unwrap();
        assert_eq!(url.port().get(), 443);
        assert_eq!(url.address(), Some("fd00::1".parse().unwrap()));
        let url: HttpUrl = "http://a:8080".parse().unwrap();
        assert_eq!((url.port().get(), url.address()), (8080, None));
        assert_eq!(Scheme::Http.default_port().get(), 80);
    }
}
