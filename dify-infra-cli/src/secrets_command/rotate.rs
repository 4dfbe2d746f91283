//! `dify-secrets rotate`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use dify_infra_core::secrets::{
    Format, ParsedSecrets, SecretKind, SecretName, Secrets, generate_for, is_compose_env, parse,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::arguments::RotateArguments;
use super::generate::{count, kinds};
use super::{Existing, Exit, Failure, SystemRandom, put, say, write_private};

pub(super) fn run(arguments: &RotateArguments) -> Result<Exit, Failure> {
    let mut kinds = kinds(&arguments.names)?;
    kinds.sort_unstable();
    kinds.dedup();
    refuse(&kinds, arguments.force)?;
    if arguments.file == Path::new("-") {
        let message = "FILE can't be `-`: the new values are kept in a file; name it";
        return Err(Failure::Usage(message.to_owned()));
    }

    let path = &arguments.file;
    let old = read(path)?;
    let parsed = parsed(path, &old)?;
    let (new, values) = rotated(path, &old, &parsed, &kinds)?;
    let previous = previous(path);
    // The old values stay readable until the new ones are: a crash in between leaves both.
    write_private(&previous, old.expose_secret().as_bytes(), Existing::Replace)?;
    write_private(path, new.expose_secret().as_bytes(), Existing::Replace)?;

    let report = if arguments.json {
        json_report(&kinds, &previous)
    } else {
        text_report(&kinds)
    };
    put(report.as_bytes()).context("the report could not be written to stdout")?;
    say(&format!(
        "{}: {} changed, the old {} in {}",
        path.display(),
        count(values.len(), "secret"),
        if values.len() == 1 {
            "one is"
        } else {
            "ones are"
        },
        previous.display()
    ));
    say(&format!(
        "hint: `dify-infra plan` shows what restarts, `dify-infra apply` carries it out; remove {} when \
         `dify-infra plan` is empty again",
        previous.display()
    ));
    Ok(Exit::Done)
}

/// What must not be rotated in passing.
fn refuse(kinds: &[SecretKind], force: bool) -> Result<(), Failure> {
    if kinds.contains(&SecretKind::FingerprintKey) {
        let message = "DIFY_INFRA_FINGERPRINT_KEY opens nothing: it is how a plan notices changed secrets, and \
                       with a new one every app would look changed";
        return Err(Failure::Usage(message.to_owned()));
    }
    if kinds.contains(&SecretKind::SecretKey) && !force {
        // langgenius/dify#21393, #192: credentials of model providers and tools could not be read any
        // more after it changed.
        let message = "a new SECRET_KEY ends all sessions and signed links, and what Dify has encrypted \
                       with the old one, such as stored credentials, can't be read any more; when it \
                       has leaked, say --force and enter the credentials again";
        return Err(anyhow!(message).into());
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<SecretString> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("{shown} could not be read"))?;
    // The error of the conversion holds the bytes, so it is dropped.
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => bail!("{shown} is not UTF-8 text"),
    }
}

fn parsed(path: &Path, text: &SecretString) -> anyhow::Result<ParsedSecrets> {
    let shown = path.display();
    let format = Format::detect(&path.to_string_lossy(), text.expose_secret());
    if is_compose_env(text.expose_secret()) {
        bail!(
            "{shown} was rendered from a secrets file: rotate that one, then render the project anew with \
             `dify-infra render --to compose --out DIR --force`"
        );
    }
    if format != Format::Env {
        bail!(
            "{shown} is written as {format}; a secrets file that is kept is an env file, and the other \
             formats are made from it"
        );
    }
    parse(text.expose_secret(), format).with_context(|| format!("{shown} can't be used"))
}

/// The text with new values in the old ones' places, and nothing else changed.
fn rotated(
    path: &Path,
    old: &SecretString,
    parsed: &ParsedSecrets,
    kinds: &[SecretKind],
) -> anyhow::Result<(SecretString, Secrets)> {
    let mut lines: Vec<String> = old
        .expose_secret()
        .split_inclusive('\n')
        .map(str::to_owned)
        .collect();
    let mut values = Secrets::new();
    for kind in kinds {
        let name = SecretName::from(*kind);
        let place = parsed.line(&name).and_then(|line| line.checked_sub(1));
        let Some(line) = place.and_then(|place| lines.get_mut(place)) else {
            bail!(
                "{} has no {}: `dify-infra apply` makes what is missing",
                path.display(),
                kind.env_key()
            );
        };
        let value = generate_for(*kind, &values, &mut SystemRandom)
            .with_context(|| format!("{} could not be generated", kind.id()))?;
        let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
        let key = line.split('=').next().unwrap_or_default();
        *line = format!("{key}={}{end}", value.expose_secret());
        values.insert(*kind, value);
    }
    let new = SecretString::from(lines.concat());
    prove(&new, parsed.secrets(), &values)
        .with_context(|| format!("{} was left as it is", path.display()))?;
    Ok((new, values))
}

/// That the new text has the new values, and the old ones of everything else.
fn prove(new: &SecretString, old: &Secrets, values: &Secrets) -> anyhow::Result<()> {
    let read =
        parse(new.expose_secret(), Format::Env).context("it would not be readable any more")?;
    let read = read.secrets();
    let is_right = |name: &SecretName| {
        let wanted = values.get(name.clone()).or_else(|| old.get(name.clone()));
        let is = read.get(name.clone());
        wanted.map(ExposeSecret::expose_secret) == is.map(ExposeSecret::expose_secret)
    };
    let changed = values.iter().all(|(name, value)| {
        let before = old.get(name.clone());
        before.is_none_or(|before| before.expose_secret() != value.expose_secret())
    });
    if read.len() != old.len() || !old.names().all(is_right) || !changed {
        bail!("a value spans several lines, so it can't be replaced line by line");
    }
    Ok(())
}

/// Where the old values are kept: `dify-dev.secrets.env.previous`.
fn previous(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".previous");
    PathBuf::from(name)
}

/// Who restarts for a secret, in the order in which apply does it: the called before their callers.
fn restarts(kind: SecretKind) -> Vec<&'static str> {
    let rank = |service: &str| match service {
        "postgres" => 0,
        "sandbox" | "plugin-daemon" => 1,
        "migration" => 2,
        _ => 3,
    };
    let consumers = kind.definition().consumers.iter();
    let mut services: Vec<&str> = Vec::new();
    for consumer in consumers {
        if !services.contains(&consumer.service) {
            services.push(consumer.service);
        }
    }
    services.sort_by_key(|service| rank(service));
    services
}

fn cost(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::SecretKey => {
            "sessions and signed links end; stored credentials have to be entered again"
        }
        SecretKind::PostgresPassword => {
            "the server has it first: connections fail until every app has its new revision"
        }
        SecretKind::InitPassword => "it is asked before the first account is made, and never again",
        _ => "both sides get it in one run",
    }
}

fn text_report(kinds: &[SecretKind]) -> String {
    let line = |kind: &SecretKind| {
        format!(
            "{}: restarts {}; {}\n",
            kind.env_key(),
            restarts(*kind).join(", "),
            cost(*kind)
        )
    };
    kinds.iter().map(line).collect()
}

fn json_report(kinds: &[SecretKind], previous: &Path) -> String {
    let rotated = kinds.iter().map(|kind| {
        json!({
            "name": kind.env_key(),
            "restarts": restarts(*kind),
            "note": cost(*kind),
        })
    });
    let report = json!({
        "format": 1,
        "rotated": rotated.collect::<Vec<_>>(),
        "previous": previous.display().to_string(),
    });
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# of the team\nSECRET_KEY=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\
                        export SANDBOX_API_KEY='bbbbbbbbbbbbbbbbbbbbbbbbbbbb'\nSMTP_PASSWORD=\"x y\"";

    fn rotate(kinds: &[SecretKind]) -> anyhow::Result<(SecretString, Secrets)> {
        let text = SecretString::from(FILE);
        let path = Path::new("dify-dev.secrets.env");
        let parsed = parsed(path, &text)?;
        rotated(path, &text, &parsed, kinds)
    }

    #[test]
    fn only_the_named_value_changes() {
        let (new, values) = rotate(&[SecretKind::SandboxApiKey]).unwrap();
        let value = values
            .get(SecretKind::SandboxApiKey)
            .unwrap()
            .expose_secret();
        let expected = FILE.replace("'bbbbbbbbbbbbbbbbbbbbbbbbbbbb'", value);
        assert_eq!(new.expose_secret(), expected);
    }

    #[test]
    fn a_secret_that_is_not_there_is_not_made() {
        let error = rotate(&[SecretKind::InnerApiKey]).unwrap_err().to_string();
        assert!(error.contains("has no INNER_API_KEY_FOR_PLUGIN"), "{error}");
    }

    #[test]
    fn the_called_restart_before_their_callers() {
        assert_eq!(
            restarts(SecretKind::SandboxApiKey),
            ["sandbox", "api", "worker"]
        );
        let password = restarts(SecretKind::PostgresPassword);
        assert_eq!(
            password,
            [
                "postgres",
                "plugin-daemon",
                "migration",
                "api",
                "worker",
                "beat"
            ]
        );
    }

    #[test]
    fn what_loses_data_is_refused() {
        assert!(refuse(&[SecretKind::SecretKey], false).is_err());
        assert!(refuse(&[SecretKind::SecretKey], true).is_ok());
        assert!(refuse(&[SecretKind::FingerprintKey], true).is_err());
        assert!(refuse(&[SecretKind::PostgresPassword], false).is_ok());
    }
}
