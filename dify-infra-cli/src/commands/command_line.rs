//! Command lines for people: what to type to mean the same deployment and the same Azure.

use std::path::Path;

use clap::ValueEnum as _;

use crate::args::{ApplyArguments, Auth, DestroyArguments, Target};
use crate::settings::{Settings, TIME_SCALE, Verbosity};

/// The most that are written at the same time when nothing is said.
const MAX_PARALLEL: u16 = 16;

/// What says which deployment and which Azure are meant: ` prod.toml --target embedded`; empty when the
/// defaults say it.
pub(super) fn about(settings: &Settings, file: &Path) -> String {
    let mut words = Vec::new();
    if file != Path::new("dify.toml") {
        words.push(quoted(&file.display().to_string()));
    }
    if settings.target == Target::Embedded {
        words.push("--target embedded".to_owned());
    }
    if let Some(cloud) = settings.cloud {
        words.push(format!("--cloud {}", cloud.name()));
    }
    if let Some(endpoint) = &settings.endpoint {
        words.push(format!("--endpoint {}", quoted(endpoint)));
    }
    if let Some(subscription) = &settings.subscription {
        words.push(format!("--subscription {subscription}"));
    }
    if let Some(auth) = settings.credentials.auth.to_possible_value()
        && settings.credentials.auth != Auth::Auto
    {
        words.push(format!("--auth {}", auth.get_name()));
    }
    if let Some(secrets) = &settings.secrets {
        words.push(format!(
            "--secrets {}",
            quoted(&secrets.display().to_string())
        ));
    }
    joined(&words)
}

/// The `apply` that goes on where another one ended. A saved plan is left out: it has been carried out
/// in part, so it holds no more.
pub(super) fn apply(settings: &Settings, file: &Path, arguments: &ApplyArguments) -> String {
    let mut words = Vec::new();
    if arguments.prune {
        words.push("--prune".to_owned());
    }
    if arguments.max_parallel != MAX_PARALLEL {
        words.push(format!("--max-parallel {}", arguments.max_parallel));
    }
    if let Some(limit) = arguments.wait_for_dns {
        words.push(format!("--wait-for-dns={}s", limit.as_secs()));
    }
    if arguments.allow_destructive {
        words.push("--allow-destructive".to_owned());
    }
    if arguments.yes {
        words.push("--yes".to_owned());
    }
    line(settings, "apply", file, &words)
}

/// The `destroy` that goes on where another one ended.
pub(super) fn destroy(settings: &Settings, arguments: &DestroyArguments) -> String {
    let mut words = Vec::new();
    if arguments.include_data {
        words.push("--include-data".to_owned());
    }
    if let Some(name) = &arguments.confirm {
        words.push(format!("--confirm {}", quoted(name)));
    }
    if arguments.yes {
        words.push("--yes".to_owned());
    }
    line(settings, "destroy", &arguments.file.file, &words)
}

/// A whole command line; `words` are the command's own flags.
pub(super) fn line(settings: &Settings, command: &str, file: &Path, words: &[String]) -> String {
    let mut how = Vec::new();
    let time_scale = settings.time_scale;
    if (time_scale - TIME_SCALE).abs() > f64::EPSILON && settings.target == Target::Embedded {
        how.push(format!("--time-scale {time_scale}"));
    }
    if settings.json {
        how.push("--json".to_owned());
    }
    let verbosity = match settings.verbosity {
        Verbosity::Quiet => Some("--quiet"),
        Verbosity::Normal => None,
        Verbosity::Verbose => Some("-v"),
        Verbosity::Debug => Some("-vv"),
    };
    how.extend(verbosity.map(str::to_owned));
    let about = about(settings, file);
    format!(
        "dify-infra {command}{about}{}{}",
        joined(words),
        joined(&how)
    )
}

fn joined(words: &[String]) -> String {
    words
        .iter()
        .fold(String::new(), |text, word| text + " " + word)
}

/// A word as a shell takes it for one.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "-_./:@+,=".contains(one);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, GlobalArguments, parse};

    fn repeats(flags: &GlobalArguments, file: &str) -> String {
        let settings = Settings::resolve(flags, &|_| None).unwrap();
        about(&settings, Path::new(file))
    }

    #[test]
    fn what_comes_next_is_about_the_same_file_and_the_same_azure() {
        let id = "11111111-1111-4111-8111-111111111111";
        let flags = GlobalArguments {
            endpoint: Some("http://127.0.0.1:7700".to_owned()),
            subscription: Some(id.to_owned()),
            secrets: Some("my secrets.env".into()),
            ..GlobalArguments::default()
        };
        assert_eq!(
            repeats(&flags, "-"),
            format!(
                " - --endpoint http://127.0.0.1:7700 --subscription {id} --secrets 'my secrets.env'"
            )
        );
        let embedded = GlobalArguments {
            target: Some(Target::Embedded),
            ..GlobalArguments::default()
        };
        assert_eq!(
            repeats(&embedded, "it's/prod.toml"),
            " 'it'\\''s/prod.toml' --target embedded"
        );
    }

    #[test]
    fn defaults_need_not_be_repeated() {
        assert_eq!(repeats(&GlobalArguments::default(), "dify.toml"), "");
    }

    /// A line that is read as arguments, and written anew, is the same line.
    #[test]
    fn the_line_to_go_on_with_has_every_flag_that_was_given() {
        for words in [
            "apply",
            "apply prod.toml --target embedded --prune --max-parallel 2 --wait-for-dns=90s \
             --allow-destructive --yes --time-scale 5 --json -v",
            "apply --cloud AzureChina --auth client-secret --secrets s.env",
            "destroy --target embedded --include-data --confirm dify-dev --yes --quiet",
        ] {
            let words = format!("dify-infra {words}");
            let arguments = parse(words.split_whitespace()).unwrap();
            let settings = Settings::resolve(&arguments.global, &|_| None).unwrap();
            let again = match &arguments.command {
                Command::Apply(own) => {
                    let file = own.file.clone().unwrap_or_else(|| "dify.toml".into());
                    apply(&settings, &file, own)
                }
                Command::Destroy(own) => destroy(&settings, own),
                other => panic!("{other:?}"),
            };
            let words: Vec<&str> = words.split_whitespace().collect();
            assert_eq!(again, words.join(" "));
        }
    }
}
