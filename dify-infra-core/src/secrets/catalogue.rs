//! The catalogue of generated secrets: each with its consumers and what they can take.
//!
//! A secret that two services share is one entry with several consumers, so the two sides of a
//! pair can't differ. Values that follow from others (the Celery broker URL, the storage connection
//! string) or that Azure makes (the Redis key) are not here.

/// A secret that dify-infra generates for a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecretKind {
    /// Signs sessions and file URLs.
    SecretKey,
    /// Between the API and the sandbox.
    SandboxApiKey,
    /// From the API to the plugin daemon.
    PluginDaemonKey,
    /// From the plugin daemon back to the API.
    InnerApiKey,
    /// Password of the PostgreSQL administrator.
    PostgresPassword,
    /// Asked once, before the first account of an installation is made.
    InitPassword,
    /// Key of the fingerprints by which changed secrets are noticed.
    FingerprintKey,
}

/// Where one secret goes: a variable (or property) of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// The service's name, such as `plugin-daemon`; `postgres` is the server itself.
    pub service: &'static str,
    /// The environment variable, or the ARM property for `postgres`.
    pub variable: &'static str,
}

/// The characters that a generated value is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alphabet {
    /// `A-Z`, `a-z` and `0-9`: 62 characters, safe in URLs, DSNs, shells and headers.
    Alphanumeric,
    /// The same without `0 O 1 I l i o`, for values that a person types: 55 characters.
    Typed,
}

/// What a consumer does with a value, which decides the characters that break it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// Only ever an environment variable, used as bytes.
    Environment,
    /// Sent in an HTTP header.
    Header,
    /// Written into a database DSN or URL.
    ConnectionString,
    /// Typed into a form by a person.
    Form,
}

/// Everything that is known about one generated secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretDefinition {
    /// Kebab-case name, also that of the app secret in Azure.
    pub id: &'static str,
    /// Key in env files, JSON and TOML.
    pub env_key: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// Who gets it; none if it is sent nowhere.
    pub consumers: &'static [Consumer],
    /// Further variables of Dify, its daemon and its compose files that hold the same secret.
    pub aliases: &'static [&'static str],
    /// Whether the variables of [`aliases`](Self::aliases) must be equal to work at all.
    pub paired: bool,
    /// Characters of generated values.
    pub alphabet: Alphabet,
    /// Length of generated values, in characters.
    pub length: usize,
    /// Shortest value that is accepted from elsewhere, in characters.
    pub minimum_length: usize,
    /// Least estimated entropy that is accepted from elsewhere, in bits.
    pub minimum_bits: u32,
    /// Longest value that every consumer takes, in characters.
    pub maximum_length: Option<usize>,
    /// What its consumers do with it.
    pub placement: Placement,
    /// Where the limits come from.
    pub source: &'static str,
}

const fn consumer(service: &'static str, variable: &'static str) -> Consumer {
    Consumer { service, variable }
}

const SECRET_KEY: SecretDefinition = SecretDefinition {
    id: "secret-key",
    env_key: "SECRET_KEY",
    description: "Signs sessions and file URLs; a change logs everybody out",
    consumers: &[
        consumer("api", "SECRET_KEY"),
        consumer("api-websocket", "SECRET_KEY"),
        consumer("worker", "SECRET_KEY"),
        consumer("beat", "SECRET_KEY"),
        consumer("migration", "SECRET_KEY"),
    ],
    aliases: &[],
    paired: false,
    alphabet: Alphabet::Alphanumeric,
    length: 64,
    minimum_length: 32,
    minimum_bits: 112,
    maximum_length: None,
    placement: Placement::Environment,
    source: "langgenius/dify docker/.env.example asks for `openssl rand -base64 42` (336 bits)",
};

const SANDBOX_API_KEY: SecretDefinition = SecretDefinition {
    id: "sandbox-api-key",
    env_key: "SANDBOX_API_KEY",
    description: "Lets the API run code in the sandbox",
    consumers: &[
        consumer("sandbox", "API_KEY"),
        consumer("api", "CODE_EXECUTION_API_KEY"),
        consumer("worker", "CODE_EXECUTION_API_KEY"),
    ],
    aliases: &["CODE_EXECUTION_API_KEY"],
    paired: true,
    alphabet: Alphabet::Alphanumeric,
    length: 48,
    minimum_length: 20,
    minimum_bits: 96,
    maximum_length: None,
    placement: Placement::Header,
    source: "sent as X-Api-Key: langgenius/dify api/configs/feature/__init__.py",
};

const PLUGIN_DAEMON_KEY: SecretDefinition = SecretDefinition {
    id: "plugin-daemon-key",
    env_key: "PLUGIN_DAEMON_KEY",
    description: "Lets the API call the plugin daemon",
    consumers: &[
        consumer("plugin-daemon", "SERVER_KEY"),
        consumer("api", "PLUGIN_DAEMON_KEY"),
        consumer("worker", "PLUGIN_DAEMON_KEY"),
    ],
    aliases: &["SERVER_KEY", "DIFY_AGENT_PLUGIN_DAEMON_API_KEY"],
    source: "sent as X-Api-Key: langgenius/dify-plugin-daemon internal/types/app/config.go",
    ..SANDBOX_API_KEY
};

const INNER_API_KEY: SecretDefinition = SecretDefinition {
    id: "inner-api-key",
    env_key: "INNER_API_KEY_FOR_PLUGIN",
    description: "Lets the plugin daemon call the API back",
    consumers: &[
        consumer("plugin-daemon", "DIFY_INNER_API_KEY"),
        consumer("api", "INNER_API_KEY_FOR_PLUGIN"),
        consumer("worker", "INNER_API_KEY_FOR_PLUGIN"),
    ],
    aliases: &[
        "DIFY_INNER_API_KEY",
        "PLUGIN_DIFY_INNER_API_KEY",
        "DIFY_AGENT_INNER_API_KEY",
    ],
    source: "sent as X-Inner-Api-Key: langgenius/dify-plugin-daemon internal/types/app/config.go",
    ..SANDBOX_API_KEY
};

const POSTGRES_PASSWORD: SecretDefinition = SecretDefinition {
    id: "postgres-password",
    env_key: "POSTGRES_PASSWORD",
    description: "Password of the PostgreSQL administrator, with which Dify connects",
    consumers: &[
        consumer("postgres", "administratorLoginPassword"),
        consumer("api", "DB_PASSWORD"),
        consumer("api", "PGVECTOR_PASSWORD"),
        consumer("worker", "DB_PASSWORD"),
        consumer("worker", "PGVECTOR_PASSWORD"),
        consumer("beat", "DB_PASSWORD"),
        consumer("migration", "DB_PASSWORD"),
        consumer("plugin-daemon", "DB_PASSWORD"),
    ],
    aliases: &["DB_PASSWORD", "PGVECTOR_PASSWORD"],
    paired: false,
    alphabet: Alphabet::Alphanumeric,
    length: 32,
    minimum_length: 16,
    minimum_bits: 64,
    maximum_length: Some(128),
    placement: Placement::ConnectionString,
    source: "learn.microsoft.com, creating an Azure Database for PostgreSQL flexible server: 8 to 128 \
             characters of three categories, no part of the login; and the plugin daemon's DSN is \
             unquoted (langgenius/dify-plugin-daemon internal/types/app/config.go)",
};

const INIT_PASSWORD: SecretDefinition = SecretDefinition {
    id: "init-password",
    env_key: "INIT_PASSWORD",
    description: "Asked once, before the first account is made; without it, whoever comes first owns Dify",
    consumers: &[consumer("api", "INIT_PASSWORD")],
    aliases: &[],
    paired: false,
    alphabet: Alphabet::Typed,
    length: 20,
    minimum_length: 12,
    minimum_bits: 48,
    maximum_length: Some(30),
    placement: Placement::Form,
    source: "langgenius/dify api/controllers/console/init_validate.py: max_length=30",
};

const FINGERPRINT_KEY: SecretDefinition = SecretDefinition {
    id: "fingerprint-key",
    env_key: "DIFY_INFRA_FINGERPRINT_KEY",
    description: "Key of the fingerprints that show which secrets changed; it is sent nowhere",
    consumers: &[],
    aliases: &[],
    paired: false,
    alphabet: Alphabet::Alphanumeric,
    length: 48,
    minimum_length: 32,
    minimum_bits: 112,
    maximum_length: None,
    placement: Placement::Environment,
    source: "RFC 2104 section 3: a key at least as long as the hash, 256 bits",
};

impl SecretKind {
    /// Every generated secret, in the order in which people meet them.
    pub const ALL: &'static [Self] = &[
        Self::SecretKey,
        Self::SandboxApiKey,
        Self::PluginDaemonKey,
        Self::InnerApiKey,
        Self::PostgresPassword,
        Self::InitPassword,
        Self::FingerprintKey,
    ];

    /// What is known about this secret.
    ///
    /// ```
    /// use dify_infra_core::secrets::SecretKind;
    ///
    /// let definition = SecretKind::SandboxApiKey.definition();
    /// assert_eq!(definition.consumers[0].service, "sandbox");
    /// assert_eq!(definition.consumers[0].variable, "API_KEY");
    /// ```
    pub const fn definition(self) -> &'static SecretDefinition {
        match self {
            Self::SecretKey => &SECRET_KEY,
            Self::SandboxApiKey => &SANDBOX_API_KEY,
            Self::PluginDaemonKey => &PLUGIN_DAEMON_KEY,
            Self::InnerApiKey => &INNER_API_KEY,
            Self::PostgresPassword => &POSTGRES_PASSWORD,
            Self::InitPassword => &INIT_PASSWORD,
            Self::FingerprintKey => &FINGERPRINT_KEY,
        }
    }

    /// Kebab-case name, such as `sandbox-api-key`.
    pub const fn id(self) -> &'static str {
        self.definition().id
    }

    /// Key in env files, such as `SANDBOX_API_KEY`.
    pub const fn env_key(self) -> &'static str {
        self.definition().env_key
    }

    /// The secret that a mistyped name most likely means, if any comes close.
    ///
    /// ```
    /// use dify_infra_core::secrets::SecretKind;
    ///
    /// assert_eq!(SecretKind::nearest("sandbox-key"), Some(SecretKind::SandboxApiKey));
    /// assert_eq!(SecretKind::nearest("SECERT_KEY"), Some(SecretKind::SecretKey));
    /// assert_eq!(SecretKind::nearest("weather"), None);
    /// ```
    pub fn nearest(text: &str) -> Option<Self> {
        /// Jaro-Winkler similarity below which two names have nothing in common.
        const SIMILAR: f64 = 0.85;
        let kebab = text.to_ascii_lowercase().replace('_', "-");
        let similarity = |kind: &Self| strsim::jaro_winkler(&kebab, kind.id());
        let scored = Self::ALL.iter().map(|kind| (similarity(kind), *kind));
        let (best, kind) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (best >= SIMILAR).then_some(kind)
    }

    /// The secret that a variable of Dify holds: `CODE_EXECUTION_API_KEY` is the sandbox's key.
    pub fn of_variable(variable: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| {
            kind.env_key() == variable || kind.definition().aliases.contains(&variable)
        })
    }
}

impl SecretDefinition {
    /// Entropy of a generated value, in whole bits.
    ///
    /// ```
    /// use dify_infra_core::secrets::SecretKind;
    ///
    /// // What `openssl rand -base64 42` gives, and more.
    /// assert!(SecretKind::SecretKey.definition().bits() >= 336);
    /// ```
    pub fn bits(&self) -> u32 {
        // `2^bits <= size^length`: counted in sixteenths of a bit, rounded down, without floats.
        let size = u128::try_from(self.alphabet.characters().len()).unwrap_or(1);
        let sixteenths = size.pow(16).ilog2();
        u32::try_from(self.length).unwrap_or(0) * sixteenths / 16
    }
}

impl Alphabet {
    /// Its characters, each once.
    pub const fn characters(self) -> &'static [u8] {
        match self {
            Self::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Typed => b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_and_variables_are_unique() {
        let mut seen = BTreeSet::new();
        for kind in SecretKind::ALL {
            let definition = kind.definition();
            assert!(seen.insert(definition.id));
            assert!(seen.insert(definition.env_key));
            assert!(definition.aliases.iter().all(|alias| seen.insert(alias)));
        }
    }

    #[test]
    fn alphabets_hold_each_character_once_and_none_that_needs_quotes() {
        for alphabet in [Alphabet::Alphanumeric, Alphabet::Typed] {
            let characters = alphabet.characters();
            let distinct: BTreeSet<_> = characters.iter().collect();
            assert_eq!(distinct.len(), characters.len());
            assert!(characters.iter().all(u8::is_ascii_alphanumeric));
        }
        assert_eq!(Alphabet::Alphanumeric.characters().len(), 62);
        assert_eq!(Alphabet::Typed.characters().len(), 55);
        assert!(
            !Alphabet::Typed
                .characters()
                .iter()
                .any(|c| b"0O1Ilio".contains(c))
        );
    }

    #[test]
    fn generated_values_fit_their_own_limits() {
        for kind in SecretKind::ALL {
            let definition = kind.definition();
            assert!(definition.length >= definition.minimum_length);
            assert!(
                definition
                    .maximum_length
                    .is_none_or(|most| definition.length <= most)
            );
            assert!(
                definition.bits() >= definition.minimum_bits,
                "{}",
                definition.id
            );
        }
    }

    #[test]
    fn strength_is_what_each_purpose_needs() {
        let bits = |kind: SecretKind| kind.definition().bits();
        assert!(bits(SecretKind::SecretKey) >= 336);
        assert!(bits(SecretKind::FingerprintKey) >= 256);
        assert!(bits(SecretKind::SandboxApiKey) >= 256);
        assert_eq!(bits(SecretKind::PostgresPassword), 190);
        assert_eq!(bits(SecretKind::InitPassword), 115);
    }

    #[test]
    fn both_sides_of_a_pair_are_found_by_their_variables() {
        for (variable, kind) in [
            ("CODE_EXECUTION_API_KEY", SecretKind::SandboxApiKey),
            ("SERVER_KEY", SecretKind::PluginDaemonKey),
            ("DIFY_INNER_API_KEY", SecretKind::InnerApiKey),
            ("DB_PASSWORD", SecretKind::PostgresPassword),
            ("SECRET_KEY", SecretKind::SecretKey),
        ] {
            assert_eq!(SecretKind::of_variable(variable), Some(kind));
        }
        assert_eq!(SecretKind::of_variable("API_KEY"), None);
    }
}
