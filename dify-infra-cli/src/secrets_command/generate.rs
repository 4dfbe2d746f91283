//! `dify-secrets gen`.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::Context as _;
use dify_infra_core::secrets::{
    Format, RenderOptions, SecretKind, SecretName, Secrets, generate_for, render_with,
};
use secrecy::ExposeSecret as _;

use super::arguments::GenArguments;
use super::{
    Existing, Exit, Failure, SystemRandom, keep_out_of_version_control, put, say, write_private,
};

pub(super) fn run(arguments: &GenArguments) -> Result<Exit, Failure> {
    let kinds = kinds(&arguments.names)?;
    let file = arguments
        .out
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    let format = format(arguments, file)?;
    let secrets = make(&kinds)?;

    let mut options = RenderOptions::default();
    options.bicep_template.clone_from(&arguments.using);
    let text = render_with(&secrets, format, &options).context("the secrets were not written")?;
    let text = text.expose_secret().as_bytes();
    if let Some(path) = file {
        let existing = if arguments.force {
            Existing::Replace
        } else {
            Existing::Keep
        };
        write_private(path, text, existing)?;
        say(&format!(
            "{}: {} written",
            path.display(),
            count(secrets.len(), "secret")
        ));
        if let Some(advice) = keep_out_of_version_control(path) {
            say(&format!("hint: {advice}"));
        }
    } else {
        put(text).context("the secrets could not be written to stdout")?;
        if io::stdout().is_terminal() {
            say(
                "warning: these secrets are in your terminal's history now; prefer --out FILE or a pipe",
            );
        }
    }
    Ok(Exit::Done)
}

/// The secrets that the names mean, all if there is none.
pub(super) fn kinds(names: &[String]) -> Result<Vec<SecretKind>, Failure> {
    if names.is_empty() {
        return Ok(SecretKind::ALL.to_vec());
    }
    names.iter().map(|name| kind(name)).collect()
}

fn kind(text: &str) -> Result<SecretKind, Failure> {
    if let Some(kind) = SecretName::from_any(text).ok().and_then(|name| name.kind()) {
        return Ok(kind);
    }
    let usage = |message| Err(Failure::Usage(message));
    if text.contains('=') {
        // What follows may be a value, so it is not repeated.
        return usage("a NAME takes no value: dify-secrets makes the values".to_owned());
    }
    if let Some(kind) = SecretKind::of_variable(text) {
        let id = kind.id();
        return usage(format!(
            "{text} holds the same secret as {id}: generate that"
        ));
    }
    if let Some(kind) = SecretKind::nearest(text) {
        return usage(format!(
            "there is no secret {text}; did you mean {}?",
            kind.id()
        ));
    }
    let ids: Vec<&str> = SecretKind::ALL.iter().map(|kind| kind.id()).collect();
    usage(format!(
        "there is no secret {text}; there are {}",
        ids.join(", ")
    ))
}

fn format(arguments: &GenArguments, file: Option<&Path>) -> Result<Format, Failure> {
    let by_name = || {
        file.map_or(Format::Env, |path| {
            Format::detect(&path.to_string_lossy(), "")
        })
    };
    if let (None, Some(path)) = (arguments.format, file) {
        refuse_other_format(path)?;
    }
    let format = arguments.format.unwrap_or_else(by_name);
    if arguments.using.is_some() && format != Format::Bicepparam {
        let message = format!("--using is for --format bicepparam, and the format is {format}");
        return Err(Failure::Usage(message));
    }
    Ok(format)
}

/// Refuses a name that promises a format which there is not: the file would hold another one.
fn refuse_other_format(path: &Path) -> Result<(), Failure> {
    const OTHERS: [&str; 9] = [
        "yaml",
        "yml",
        "xml",
        "ini",
        "csv",
        "bicep",
        "tfvars",
        "ps1",
        "properties",
    ];
    let extension = path
        .extension()
        .map(|it| it.to_string_lossy().to_lowercase());
    match extension {
        Some(extension) if OTHERS.contains(&extension.as_str()) => Err(Failure::Usage(format!(
            "{} would not hold what its name says: the formats are env, json, toml, bicepparam and \
             github; name the file after one, or give --format",
            path.display()
        ))),
        _ => Ok(()),
    }
}

fn make(kinds: &[SecretKind]) -> Result<Secrets, Failure> {
    let mut secrets = Secrets::new();
    // The key of the fingerprints follows from SECRET_KEY, so it comes last.
    let mut kinds = kinds.to_vec();
    kinds.sort_by_key(|kind| *kind == SecretKind::FingerprintKey);
    for kind in &kinds {
        let value = generate_for(*kind, &secrets, &mut SystemRandom)
            .with_context(|| format!("{} could not be generated", kind.id()))?;
        secrets.insert(*kind, value);
    }
    Ok(secrets)
}

/// A number with its noun: `1 secret`, `2 secrets`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        match kind(text) {
            Err(Failure::Usage(message)) => message,
            _ => panic!("{text} was taken"),
        }
    }

    #[test]
    fn names_are_taken_in_both_spellings() {
        for kind_of_all in SecretKind::ALL {
            for spelling in [kind_of_all.id(), kind_of_all.env_key()] {
                assert!(matches!(kind(spelling), Ok(kind) if kind == *kind_of_all));
            }
        }
    }

    #[test]
    fn unknown_names_lead_to_known_ones() {
        assert!(message("sandbox-key").contains("did you mean sandbox-api-key?"));
        assert!(message("CODE_EXECUTION_API_KEY").contains("same secret as sandbox-api-key"));
        assert!(message("zzz").contains("there are secret-key, sandbox-api-key"));
        assert!(!message("SECRET_KEY=canary").contains("canary"));
    }
}
