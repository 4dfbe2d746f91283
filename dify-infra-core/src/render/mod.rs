//! Files that containers are started with, rendered from the model.
//!
//! Nothing here writes to a disk: a [`RenderedFile`] is a name and a text, which become a secret
//! volume of a container app, a file of a compose project or a line of a diff. Every value from
//! outside passes through a builder that quotes it, so none can add a directive.
//!
//! Container Apps has been seen to turn `$$` into `$` and may expand `$(NAME)` in secret values, as
//! Kubernetes does for variables; no rendered file contains either.

mod arm;
mod compose;
mod directive;
mod dotenv;
mod environment;
mod nginx;
mod squid;
mod text;
mod yaml;

pub use self::arm::arm_template;
pub use self::compose::{
    COMPOSE_ENV_FILE, COMPOSE_FILE, ComposeError, ComposeOptions, ComposeProject, compose,
};
pub use self::directive::UnquotableText;
pub use self::dotenv::keep_env_lines;
pub use self::environment::{environment_files, mounted_files};
pub use self::nginx::{
    NGINX_DIRECTORY, NGINX_RUNTIME_DIRECTORY, NginxInput, NginxPaths, nginx_command,
};
pub use self::squid::{SQUID_COMMAND, SQUID_DIRECTORY};
pub(crate) use self::squid::{
    SQUID_HOSTNAME, access_line as squid_access_line, list_name as squid_list_name,
};

use std::fmt;

use crate::egress::EgressPolicy;

/// A file as a container sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Name without directory, for example `nginx.conf`.
    pub name: String,
    /// The whole content; ends with a newline.
    pub text: String,
    /// Unix permissions where the medium has them; a secret volume does not need them.
    pub mode: u32,
    /// Whether the text holds secrets, so that it must not be shown.
    pub sensitive: bool,
}

impl fmt::Debug for RenderedFile {
    /// Leaves out the text of a file that holds secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.sensitive {
            "[withheld]"
        } else {
            self.text.as_str()
        };
        formatter
            .debug_struct("RenderedFile")
            .field("name", &self.name)
            .field("text", &text)
            .field("mode", &format_args!("{:#o}", self.mode))
            .field("sensitive", &self.sensitive)
            .finish()
    }
}

impl RenderedFile {
    /// A file that may be shown and read by all, and run when it says by what.
    fn public(name: &str, text: String) -> Self {
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        Self {
            name: name.to_owned(),
            text,
            mode,
            sensitive: false,
        }
    }
}

/// Why a file cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A service of the routes that the deployment does not have.
    #[error(
        "the routes send `{path}` to service `{service}`, for which no host was given: deploy the \
         service or remove the location"
    )]
    MissingHost {
        /// First location that wants the service.
        path: String,
        /// The service's key.
        service: String,
    },
    /// A host that is neither an app name nor a DNS name.
    #[error(
        "`{host}` cannot be the host of service `{service}`: a host is made of letters, digits, \
         `-`, `_` and dots"
    )]
    InvalidHost {
        /// The service's key.
        service: String,
        /// The host as given.
        host: String,
    },
    /// A directory that cannot stand in a file or a command.
    #[error(
        "`{0}` cannot be a directory of the container: give an absolute path of letters, digits, \
         `.`, `-`, `_` and `/`"
    )]
    InvalidDirectory(String),
    /// A value that the file's syntax has no way to write.
    #[error("a value cannot be written into `{file}`")]
    Unquotable {
        /// The file's name.
        file: &'static str,
        /// Which value and why.
        #[source]
        source: UnquotableText,
    },
}

/// Renders `nginx.conf` and `start-nginx.sh`, to be mounted in one directory.
///
/// The container's command is [`nginx_command`] of the same paths. The script finds out what only
/// the container knows (the nameserver and the search domain) and starts nginx. nginx starts whether
/// or not its back-ends exist, and follows them when their addresses change.
///
/// ```
/// use std::collections::BTreeMap;
/// use dify_infra_core::{render, routes::RouteTable};
///
/// let routes = RouteTable::dify_1_16_0();
/// let hosts: BTreeMap<String, String> = routes
///     .services()
///     .iter()
///     .map(|service| (service.to_string(), format!("dify-dev-{service}")))
///     .collect();
/// let files = render::nginx(&render::NginxInput::new(&routes, &hosts))?;
/// let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
/// assert_eq!(names, ["nginx.conf", "start-nginx.sh"]);
/// # Ok::<(), render::RenderError>(())
/// ```
///
/// # Errors
///
/// When a service of the routes has no host, or a host or directory is malformed.
pub fn nginx(input: &NginxInput<'_>) -> Result<Vec<RenderedFile>, RenderError> {
    nginx::render(input)
}

/// Renders `squid.conf`, to be mounted in [`SQUID_DIRECTORY`]; the command is [`SQUID_COMMAND`].
///
/// ```
/// use dify_infra_core::{egress::EgressPolicy, render};
///
/// let file = render::squid(&EgressPolicy::default_policy())?;
/// assert!(file.text.contains("http_access deny denied_destinations"));
/// # Ok::<(), render::RenderError>(())
/// ```
///
/// # Errors
///
/// When the policy holds a value that squid's syntax cannot express.
pub fn squid(policy: &EgressPolicy) -> Result<RenderedFile, RenderError> {
    squid::render(policy)
}

#[cfg(test)]
mod tests {
    use super::RenderedFile;

    #[test]
    fn debug_withholds_the_text_of_a_sensitive_file() {
        let file = RenderedFile::public(".env", "KEY=canary\n".to_owned());
        assert!(format!("{file:?}").contains("canary"));
        let file = RenderedFile {
            sensitive: true,
            mode: 0o600,
            ..file
        };
        assert!(!format!("{file:?}").contains("canary"));
    }
}
