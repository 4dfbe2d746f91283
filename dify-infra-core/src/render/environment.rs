//! The variables of each container as env files for people and scripts, without a secret.

use std::fmt::Write as _;

use super::RenderedFile;
use crate::graph::{Node, ResourceGraph};
use crate::resource::container_apps::{Container, EnvironmentVariable, Secret};
use crate::resource::{AnyResource, OutputReference, Part, ResourceId, Text};

/// One env file for each app and job that has variables, named after it.
///
/// The lines are what apply sets. What is not known offline, or must not be known, stands as a
/// placeholder: `${secret:postgres-password}` for a secret of the app and
/// `${output:dify-dev-redis/properties/hostName}` for a value that a resource offers once it exists.
/// Comments at the top say what the secrets that apply derives are made of.
pub fn environment_files(graph: &ResourceGraph) -> Vec<RenderedFile> {
    let file = |id: &ResourceId, containers: &[Container], secrets: &[Secret]| {
        let variables: Vec<&EnvironmentVariable> = containers
            .iter()
            .flat_map(|container| &container.env)
            .collect();
        let name = format!("{}.env", id.name());
        (!variables.is_empty()).then(|| RenderedFile::public(&name, text(&variables, secrets)))
    };
    let files = graph.nodes().filter_map(|node| match node.resource() {
        AnyResource::ContainerApp(app) => {
            let properties = &app.properties;
            file(
                &app.id,
                &properties.template.containers,
                &properties.configuration.secrets,
            )
        }
        AnyResource::Job(job) => {
            let properties = &job.properties;
            file(
                &job.id,
                &properties.template.containers,
                &properties.configuration.secrets,
            )
        }
        _ => None,
    });
    files.collect()
}

/// The files that an app mounts, exactly as apply delivers them; empty for an app without.
pub fn mounted_files(graph: &ResourceGraph, app: &ResourceId) -> Vec<RenderedFile> {
    let Some(AnyResource::ContainerApp(app)) = graph.get(app).map(Node::resource) else {
        return Vec::new();
    };
    let secrets = &app.properties.configuration.secrets;
    let items = app
        .properties
        .template
        .volumes
        .iter()
        .flat_map(|volume| &volume.secrets);
    let files = items.filter_map(|item| {
        let secret = secrets
            .iter()
            .find(|secret| secret.name == item.secret_ref)?;
        Some(RenderedFile::public(
            &item.path,
            secret.text().literal()?.to_owned(),
        ))
    });
    files.collect()
}

fn text(variables: &[&EnvironmentVariable], secrets: &[Secret]) -> String {
    let mut text = String::new();
    for variable in variables {
        if let EnvironmentVariable::Secret {
            secret_reference, ..
        } = variable
            && let Some(secret) = secrets
                .iter()
                .find(|secret| secret.name == *secret_reference)
            && !is_secret_itself(secret)
        {
            let _ = writeln!(
                text,
                "# ${{secret:{}}} is {}",
                secret.name,
                shown(secret.text())
            );
        }
    }
    for variable in variables {
        let value = match variable {
            EnvironmentVariable::Plain { value, .. } => quoted(&shown(value)),
            EnvironmentVariable::Secret {
                secret_reference, ..
            } => {
                format!("${{secret:{secret_reference}}}")
            }
        };
        let _ = writeln!(text, "{}={value}", variable.name());
    }
    text
}

/// Whether an app's secret is one of the deployment's secrets under its own name.
fn is_secret_itself(secret: &Secret) -> bool {
    matches!(secret.text().parts(), [Part::Secret(name, _)] if name.as_str() == secret.name)
}

/// A text with placeholders for its unknown and secret parts.
fn shown(text: &Text) -> String {
    text.parts().iter().map(shown_part).collect()
}

fn shown_part(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.clone(),
        Part::Secret(name, _) => format!("${{secret:{name}}}"),
        Part::Output(OutputReference::Property { resource, pointer }, _) => {
            format!("${{output:{}{pointer}}}", resource.name())
        }
        Part::Output(
            OutputReference::Action {
                resource,
                action,
                pointer,
            },
            _,
        ) => {
            format!("${{secret:{}/{action}{pointer}}}", resource.name())
        }
    }
}

/// A value as a POSIX shell and most readers of env files take it.
fn quoted(value: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:@%+,=${}".contains(character);
    if value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKind;

    fn redis() -> ResourceId {
        ResourceId::resource_group("s", "g").provider("Microsoft.Cache/redisEnterprise", "cache")
    }

    fn plain(name: &str, value: impl Into<Text>) -> EnvironmentVariable {
        EnvironmentVariable::Plain {
            name: name.to_owned(),
            value: value.into(),
        }
    }

    fn reference(name: &str, secret: &str) -> EnvironmentVariable {
        let secret_reference = secret.to_owned();
        EnvironmentVariable::Secret {
            name: name.to_owned(),
            secret_reference,
        }
    }

    #[test]
    fn secrets_and_outputs_are_placeholders() {
        let broker = Text::from("rediss://:")
            .and(Text::action(&redis(), "listKeys", "/primaryKey"))
            .and("@")
            .and(Text::property(&redis(), "/properties/hostName"));
        let secrets = [
            Secret::in_app("celery-broker-url", broker),
            Secret::in_app("secret-key", Text::secret(&SecretKind::SecretKey.into())),
        ];
        let variables = [
            reference("CELERY_BROKER_URL", "celery-broker-url"),
            plain(
                "REDIS_HOST",
                Text::property(&redis(), "/properties/hostName"),
            ),
            reference("SECRET_KEY", "secret-key"),
        ];
        let lines = text(&variables.iter().collect::<Vec<_>>(), &secrets);
        assert_eq!(
            lines,
            "# ${secret:celery-broker-url} is \
             rediss://:${secret:cache/listKeys/primaryKey}@${output:cache/properties/hostName}\n\
             CELERY_BROKER_URL=${secret:celery-broker-url}\n\
             REDIS_HOST=${output:cache/properties/hostName}\n\
             SECRET_KEY=${secret:secret-key}\n"
        );
    }

    #[test]
    fn values_that_a_shell_would_split_are_quoted() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(
            quoted("https://x.example/e/{hook_id}"),
            "https://x.example/e/{hook_id}"
        );
    }
}
