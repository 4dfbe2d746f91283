//! Small programs that use dify-infra as a library, and the deployment files they use.
//!
//! Each program is a function that writes to what it is given, so that the test suite runs it; the
//! binary of the same name runs it on stdout.
//!
//! | program | shows |
//! |---|---|
//! | [`plan_offline`] | from a file to a plan without any Azure |
//! | [`build_without_a_file`] | a deployment put together in Rust |
//! | [`custom_check`] | a rule of one's own beside the built-in ones |
//! | [`deploy`] | load, check, plan, apply, outputs: the whole way in one function |
//! | [`apply_in_a_pipeline`] | plan, gate, apply, verify in a deploy pipeline of one's own |
//! | [`test_a_pipeline`] | a pipeline of somebody's own, tested with an Azure that fails on request |
//! | [`measure`] | what requests, waiting and starting cost, in numbers |

pub mod apply_in_a_pipeline;
pub mod build_without_a_file;
pub mod custom_check;
pub mod deploy;
pub mod measure;
pub mod plan_offline;
pub mod test_a_pipeline;

/// The deployment files beside the programs, by name.
pub const FILES: [(&str, &str); 10] = [
    ("minimal.toml", MINIMAL),
    ("dify-dev.toml", DIFY_DEV),
    ("own-registry.toml", OWN_REGISTRY),
    ("existing-data.toml", EXISTING_DATA),
    ("older-release.toml", OLDER_RELEASE),
    ("dify-prod.toml", DIFY_PROD),
    ("existing-network.toml", EXISTING_NETWORK),
    ("key-vault.toml", KEY_VAULT),
    ("identities.toml", IDENTITIES),
    ("dify-gateway.toml", DIFY_GATEWAY),
];

/// The fewest lines that deploy Dify.
pub const MINIMAL: &str = include_str!("../minimal.toml");

/// A commented file for a team.
pub const DIFY_DEV: &str = include_str!("../dify-dev.toml");

/// A domain, a registry and a mail server of one's own.
pub const OWN_REGISTRY: &str = include_str!("../own-registry.toml");

/// Data services that somebody else made.
pub const EXISTING_DATA: &str = include_str!("../existing-data.toml");

/// A release before the newest.
pub const OLDER_RELEASE: &str = include_str!("../older-release.toml");

/// Production: a network of its own, private data services, zones and standbys.
pub const DIFY_PROD: &str = include_str!("../dify-prod.toml");

/// Production in a network that somebody else made.
pub const EXISTING_NETWORK: &str = include_str!("../existing-network.toml");

/// Secrets in a key vault.
pub const KEY_VAULT: &str = include_str!("../key-vault.toml");

/// Images, secrets and files by identities.
pub const IDENTITIES: &str = include_str!("../identities.toml");

/// Production behind an application gateway with a web application firewall.
pub const DIFY_GATEWAY: &str = include_str!("../dify-gateway.toml");
