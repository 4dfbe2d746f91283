//! The env file, and the two secrets that a compose project has and Azure has not.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use secrecy::{ExposeSecret as _, SecretString};

use super::{COMPOSE_ENV_FILE, ComposeError, ComposeProject};
use crate::deployment::AppSecret;
use crate::render::RenderedFile;
use crate::render::compose::file::Value;
use crate::render::dotenv;
use crate::resource::text::resolve_text;
use crate::resource::{Part, Text, TextEncoding};
use crate::secrets::{SecretKind, SecretName, Secrets};

/// What every line of ours in the env file begins with. Compose prefers a variable of the shell to a
/// line of the file, and a shell may well have a `SECRET_KEY`.
const PREFIX: &str = "DIFY_";

/// Redis and Azurite have keys that Azure would make: they follow from `SECRET_KEY`, so that nothing
/// but the secrets file has to be kept.
const REDIS_PASSWORD: &str = "local-redis-password";
const STORAGE_KEY: &str = "local-storage-key";

pub(super) fn redis_password() -> Text {
    local(REDIS_PASSWORD)
}

pub(super) fn storage_key() -> Text {
    local(STORAGE_KEY)
}

fn local(name: &str) -> Text {
    name.parse()
        .map(|name| Text::secret(&name))
        .unwrap_or_default()
}

/// Whether a secret follows from another one.
pub(super) fn is_derived(name: &SecretName) -> bool {
    [REDIS_PASSWORD, STORAGE_KEY].contains(&name.as_str())
}

impl ComposeProject {
    /// Refers to a secret of a container: the line that holds it is made when it is not there yet.
    pub(super) fn refer(&mut self, secret: &AppSecret) -> Value {
        let name = match secret.value.parts() {
            [Part::Secret(name, TextEncoding::Plain)] => name.env_key(),
            _ => secret.name.as_str().replace('-', "_").to_ascii_uppercase(),
        };
        self.line(&name, secret.value.clone())
    }

    /// Refers to a secret under its own name.
    pub(super) fn secret(&mut self, name: &SecretName) -> Value {
        self.line(&name.env_key(), Text::secret(name))
    }

    /// Refers to the password of Redis.
    pub(super) fn redis_password(&mut self) -> Value {
        self.line("LOCAL_REDIS_PASSWORD", redis_password())
    }

    /// Refers to the key of the storage account.
    pub(super) fn storage_key(&mut self) -> Value {
        self.line("LOCAL_STORAGE_KEY", storage_key())
    }

    fn line(&mut self, name: &str, value: Text) -> Value {
        let name = format!("{PREFIX}{name}");
        let reference = Value::from_env_file(&name);
        self.lines.insert(name, value);
        reference
    }
}

/// Writes the env file.
pub(super) fn env_file(
    project: &str,
    lines: &BTreeMap<String, Text>,
    secrets: &Secrets,
) -> Result<RenderedFile, ComposeError> {
    let mut text = String::from(
        "# Secrets of the compose project, made by dify-infra from the deployment's secrets file.\n",
    );
    let mut add = |name: &str, value: &str| match dotenv::line(name, value) {
        Ok(line) => {
            text.push_str(&line);
            Ok(())
        }
        Err(reason) => Err(ComposeError::ImpossibleValue {
            name: name.to_owned(),
            reason: reason.to_string(),
        }),
    };
    add("COMPOSE_PROJECT_NAME", project)?;
    for (name, value) in lines {
        for secret in value.secret_names() {
            if value_of(secret, secrets).is_none() {
                return Err(ComposeError::MissingSecret(secret.clone()));
            }
        }
        let lookup = |part: &Part| match part {
            Part::Secret(name, _) => {
                value_of(name, secrets).map(|value| value.expose_secret().to_owned())
            }
            Part::Literal(_) | Part::Output(..) => None,
        };
        let value =
            resolve_text(value, &lookup).ok_or_else(|| ComposeError::UnknownValue(name.clone()))?;
        add(name, &value)?;
    }
    Ok(RenderedFile {
        name: COMPOSE_ENV_FILE.to_owned(),
        text,
        mode: 0o600,
        sensitive: true,
    })
}

fn value_of(name: &SecretName, secrets: &Secrets) -> Option<SecretString> {
    match name.as_str() {
        REDIS_PASSWORD => Some(HEXLOWER.encode(&derive(secrets, REDIS_PASSWORD)?).into()),
        STORAGE_KEY => Some(BASE64.encode(&derive(secrets, STORAGE_KEY)?).into()),
        _ => secrets.get(name).cloned(),
    }
}

/// 32 bytes that follow from `SECRET_KEY` and nothing else.
fn derive(secrets: &Secrets, purpose: &str) -> Option<[u8; 32]> {
    let key = secrets.get(SecretKind::SecretKey)?.expose_secret();
    let text = format!("dify-infra compose {purpose} 1");
    Some(hmac_sha256::HMAC::mac(text.as_bytes(), key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_key_depends_on_it_and_on_the_purpose() {
        let with = |key: &str| {
            let mut secrets = Secrets::new();
            secrets.insert(SecretKind::SecretKey, key.into());
            [REDIS_PASSWORD, STORAGE_KEY].map(|name| {
                let value = value_of(&name.parse().unwrap(), &secrets).unwrap();
                value.expose_secret().to_owned()
            })
        };
        let [redis, storage] = with("one");
        assert_eq!(with("one"), [redis.clone(), storage.clone()]);
        assert_ne!(with("two"), [redis.clone(), storage.clone()]);
        // printf 'dify-infra compose local-redis-password 1' | openssl dgst -sha256 -hmac one
        assert_eq!(redis.len(), 64);
        assert!(redis.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(BASE64.decode(storage.as_bytes()).unwrap().len(), 32);
        assert_ne!(
            HEXLOWER.encode(&BASE64.decode(storage.as_bytes()).unwrap()),
            redis
        );
    }
}
