//! References to container images.

use std::fmt;
use std::str::FromStr;

use super::text::{json_schema, text_value};
use super::url::redacted;
use super::{InvalidValue, host};

const WHAT: &str = "image reference";
const EXAMPLE: &str =
    "write it like docker.io/langgenius/dify-api:1.16.0, with @sha256:<64 digits> to pin it";
const DOCKER_HUB: &str = "docker.io";
/// Other names under which Docker Hub answers.
const DOCKER_HUB_ALIASES: [&str; 3] = [
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
];
const LONGEST_REPOSITORY: usize = 255;
const LONGEST_TAG: usize = 128;
const DIGEST_DIGITS: usize = 64;

/// An image: registry, repository, and a tag or a digest or both.
///
/// Short forms are read as Docker reads them and written in full, which is what Container Apps
/// stores: `nginx` is `docker.io/library/nginx`. The grammar is that of
/// github.com/distribution/reference, with sha256 digests alone.
///
/// ```
/// use dify_infra_core::values::ImageReference;
///
/// let image: ImageReference = "langgenius/dify-api:1.16.0".parse()?;
/// assert_eq!(image.to_string(), "docker.io/langgenius/dify-api:1.16.0");
/// let mirrored = image.with_registry("myregistry.azurecr.io")?;
/// assert_eq!(mirrored.to_string(), "myregistry.azurecr.io/langgenius/dify-api:1.16.0");
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    registry: Box<str>,
    repository: Box<str>,
    tag: Option<Box<str>>,
    digest: Option<Box<str>>,
}

impl ImageReference {
    /// The host of the registry, with its port if it has one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path of the image in its registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; none means `latest`, unless there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Whether it is on Docker Hub, where pulls without an account are rationed.
    pub fn is_on_docker_hub(&self) -> bool {
        &*self.registry == DOCKER_HUB
    }

    /// The same repository, tag and digest in another registry.
    ///
    /// `registry` may go on with a path, which is put before the repository.
    ///
    /// # Errors
    ///
    /// When `registry` is no host with an optional port and path.
    pub fn with_registry(&self, registry: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str| {
            InvalidValue::of_text(
                "registry",
                &redacted(registry),
                reason,
                "write it like myregistry.azurecr.io",
            )
        };
        if registry.contains('@') {
            return Err(refuse("it holds a user name or a password before '@'"));
        }
        let (host, path) = registry
            .split_once('/')
            .map_or((registry, None), |(host, path)| (host, Some(path)));
        let registry = canonical_registry(host).map_err(|reason| refuse(&reason))?;
        let repository = match path {
            Some(path) => format!("{path}/{}", self.repository),
            None => self.repository.to_string(),
        };
        if let Some(reason) = wrong_repository(&repository) {
            return Err(refuse(&reason));
        }
        Ok(Self {
            registry: registry.into(),
            repository: repository.into(),
            ..self.clone()
        })
    }

    /// The same image with another tag and without a digest.
    ///
    /// # Errors
    ///
    /// When `tag` is no tag: 1 to 128 letters, digits, `_`, `.` and `-`, not starting with the
    /// last two.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidValue> {
        if let Some(reason) = wrong_tag(tag) {
            return Err(InvalidValue::of_text(
                "image tag",
                tag,
                reason,
                "write it like 1.16.0",
            ));
        }
        Ok(Self {
            tag: Some(tag.into()),
            digest: None,
            ..self.clone()
        })
    }
}

impl ImageReference {
    /// The same image with the digest that its tag must have. Container Apps takes both
    /// (microsoft/azure-container-apps#803).
    ///
    /// ```
    /// use dify_infra_core::values::ImageReference;
    ///
    /// let image: ImageReference = "nginx:1.30.4".parse()?;
    /// let digest = format!("sha256:{}", "0a".repeat(32));
    /// let pinned = image.with_digest(&digest)?;
    /// assert_eq!(pinned.to_string(), format!("docker.io/library/nginx:1.30.4@{digest}"));
    /// # Ok::<(), dify_infra_core::values::InvalidValue>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When `digest` is not `sha256:` and 64 lower-case hexadecimal digits.
    pub fn with_digest(&self, digest: &str) -> Result<Self, InvalidValue> {
        if let Some(reason) = wrong_digest(digest) {
            return Err(InvalidValue::of_text(
                "image digest",
                digest,
                reason,
                "write it like sha256: and 64 hexadecimal digits",
            ));
        }
        Ok(Self {
            digest: Some(digest.into()),
            ..self.clone()
        })
    }

    /// The same image, found by its tag alone.
    #[must_use]
    pub fn without_digest(&self) -> Self {
        Self {
            digest: None,
            ..self.clone()
        }
    }
}

impl FromStr for ImageReference {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: String| InvalidValue::of_text(WHAT, text, reason, EXAMPLE);
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        if text.contains("://") {
            let reason = "it begins with a scheme";
            return Err(InvalidValue::of_text(
                WHAT,
                &redacted(text),
                reason,
                EXAMPLE,
            ));
        }
        let (name, digest) = split_off(text, text.find('@'));
        let after_path = name.rfind('/').map_or(0, |slash| slash + 1);
        let colon = name[after_path..].find(':').map(|index| index + after_path);
        let (name, tag) = split_off(name, colon);
        let (registry, repository) = split_registry(name).map_err(refuse)?;
        let problem = wrong_repository(&repository)
            .or_else(|| tag.and_then(wrong_tag))
            .or_else(|| digest.and_then(wrong_digest));
        if let Some(reason) = problem {
            return Err(refuse(reason));
        }
        Ok(Self {
            registry: registry.into(),
            repository: repository.into(),
            tag: tag.map(Into::into),
            digest: digest.map(Into::into),
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

/// Splits at the one-byte separator at `index`, and drops that.
fn split_off(text: &str, index: Option<usize>) -> (&str, Option<&str>) {
    match index {
        Some(index) => (&text[..index], Some(&text[index + 1..])),
        None => (text, None),
    }
}

/// Tells the registry from the repository as Docker does: by a dot, a port, or `localhost`.
fn split_registry(name: &str) -> Result<(String, String), String> {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            let registry = canonical_registry(first)?;
            let bare = registry == DOCKER_HUB && !rest.contains('/');
            let repository = if bare {
                format!("library/{rest}")
            } else {
                rest.to_owned()
            };
            Ok((registry, repository))
        }
        Some(_) => Ok((DOCKER_HUB.to_owned(), name.to_owned())),
        None => Ok((DOCKER_HUB.to_owned(), format!("library/{name}"))),
    }
}

fn canonical_registry(registry: &str) -> Result<String, String> {
    if let Some(upper) = registry.chars().find(char::is_ascii_uppercase) {
        return Err(format!("the registry has the upper-case letter {upper:?}"));
    }
    let (host, port) = host::split_port(registry)?;
    let host = host::canonical(host)?;
    if DOCKER_HUB_ALIASES.contains(&host.as_str()) {
        return Ok(DOCKER_HUB.to_owned());
    }
    if host != "localhost" && !host.contains('.') && !host.starts_with('[') && port.is_none() {
        return Err(format!(
            "the registry {host:?} has neither a dot nor a port"
        ));
    }
    Ok(port.map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// What is wrong with a repository, or nothing.
fn wrong_repository(repository: &str) -> Option<String> {
    if repository.len() > LONGEST_REPOSITORY {
        let length = repository.len();
        return Some(format!(
            "the repository has {length} characters, {LONGEST_REPOSITORY} fit"
        ));
    }
    if let Some(upper) = repository.chars().find(char::is_ascii_uppercase) {
        return Some(format!(
            "the repository has the upper-case letter {upper:?}"
        ));
    }
    let wrong = repository
        .split('/')
        .find(|part| !is_repository_part(part))?;
    Some(format!(
        "the repository's part {wrong:?} is not made of lower-case letters and digits with \
         '.', '_', '__' or '-' between them"
    ))
}

/// Whether letters and digits stand at both ends and around every separator.
fn is_repository_part(part: &str) -> bool {
    let word = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let separators = part.split(word).filter(|separator| !separator.is_empty());
    let known = |separator: &str| {
        matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
    };
    part.starts_with(word) && part.ends_with(word) && separators.into_iter().all(known)
}

/// What is wrong with a tag, or nothing.
fn wrong_tag(tag: &str) -> Option<String> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    if tag.is_empty() {
        return Some("the tag is empty".to_owned());
    }
    if let Some(wrong) = tag.chars().find(|character| !allowed(*character)) {
        return Some(format!("the tag has the character {wrong:?}"));
    }
    if tag.starts_with(['.', '-']) {
        return Some("the tag starts with '.' or '-'".to_owned());
    }
    (tag.len() > LONGEST_TAG)
        .then(|| format!("the tag has {} characters, {LONGEST_TAG} fit", tag.len()))
}

/// What is wrong with a digest, or nothing.
fn wrong_digest(digest: &str) -> Option<String> {
    let Some(digits) = digest.strip_prefix("sha256:") else {
        return Some("the digest does not begin with sha256:".to_owned());
    };
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.bytes().all(hexadecimal) {
        return Some("the digest has other than lower-case hexadecimal digits".to_owned());
    }
    (digits.len() != DIGEST_DIGITS).then(|| {
        format!(
            "the digest has {} digits instead of {DIGEST_DIGITS}",
            digits.len()
        )
    })
}

text_value!(ImageReference);
json_schema!(ImageReference, "ImageReference", {
    "type": "string",
    "description": "registry/repository[:tag][@sha256:digest]",
    "minLength": 1,
});

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> ImageReference {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn digest() -> String {
        format!("sha256:{}", "0a".repeat(32))
    }

    #[test]
    fn reads_short_forms_as_docker_does() {
        for (text, right) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:latest", "docker.io/library/nginx:latest"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/ubuntu/squid", "docker.io/ubuntu/squid"),
            (
                "langgenius/dify-plugin-daemon:0.6.3-local",
                "docker.io/langgenius/dify-plugin-daemon:0.6.3-local",
            ),
            ("localhost/a", "localhost/a"),
            ("localhost:5000/a:b", "localhost:5000/a:b"),
            ("registry:5000/a", "registry:5000/a"),
            (
                "mcr.microsoft.com/azure-cli:2.9",
                "mcr.microsoft.com/azure-cli:2.9",
            ),
            ("a__b/c.d-e--f_g", "docker.io/a__b/c.d-e--f_g"),
        ] {
            assert_eq!(image(text).to_string(), right);
        }
    }

    #[test]
    fn keeps_tag_and_digest_apart() {
        let pinned = image(&format!("a.example:5000/b/c:1.0@{}", digest()));
        assert_eq!(pinned.registry(), "a.example:5000");
        assert_eq!(pinned.repository(), "b/c");
        assert_eq!(pinned.tag(), Some("1.0"));
        assert_eq!(pinned.digest(), Some(digest().as_str()));
        let retagged = pinned.with_tag("2.0").unwrap();
        assert_eq!(retagged.to_string(), "a.example:5000/b/c:2.0");
        assert!(pinned.with_tag("").is_err());
        assert_eq!(image("a.example:5000/b").tag(), None);
    }

    #[test]
    fn says_which_part_is_wrong() {
        let long = "a".repeat(256);
        let long_tag = format!("a:{}", "b".repeat(129));
        for (text, reason) in [
            ("", "empty"),
            ("https://a.example/b", "scheme"),
            ("Nginx", "upper-case letter 'N'"),
            ("A.example/b", "upper-case letter 'A'"),
            ("a.example/", "part \"\""),
            ("/a", "part \"\""),
            ("a/b/", "part \"\""),
            ("a//b", "part \"\""),
            ("a/-b", "part \"-b\""),
            ("a/b___c", "part"),
            ("a/b..c", "part"),
            ("a/é", "part"),
            ("a:", "tag is empty"),
            ("a:-b", "tag starts with"),
            ("a:b:c", "tag has the character ':'"),
            ("a:é", "tag has the character"),
            (long_tag.as_str(), "tag has 129"),
            (long.as_str(), "repository has"),
            ("a@sha512:00", "sha256"),
            ("a@sha256:00", "2 digits instead of 64"),
            ("a@sha256:0G", "hexadecimal"),
            ("a@", "sha256"),
            ("a.example:0/b", "port"),
            ("a..example/b", "empty part"),
        ] {
            let error = text.parse::<ImageReference>().unwrap_err();
            assert!(error.reason().contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn never_repeats_the_password_of_a_url() {
        let text = "https://user:hunter2@a.example/b";
        let error = text.parse::<ImageReference>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let error = image("a")
            .with_registry("user:hunter2@a.example")
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn moves_to_another_registry() {
        let sandbox = image("langgenius/dify-sandbox:0.2.15");
        assert_eq!(
            sandbox
                .with_registry("contoso.azurecr.io/mirror")
                .unwrap()
                .to_string(),
            "contoso.azurecr.io/mirror/langgenius/dify-sandbox:0.2.15"
        );
        assert!(sandbox.is_on_docker_hub());
        assert!(
            !sandbox
                .with_registry("contoso.azurecr.io")
                .unwrap()
                .is_on_docker_hub()
        );
        for registry in [
            "",
            "registry",
            "https://contoso.azurecr.io",
            "R.azurecr.io",
            "contoso.azurecr.io/",
            "r.io/A",
        ] {
            assert!(sandbox.with_registry(registry).is_err(), "{registry}");
        }
    }
}
