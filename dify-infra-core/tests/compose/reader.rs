//! Reads a compose file as Compose does: YAML, then `${NAME}` and `$$`.

use std::collections::BTreeMap;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::render::{ComposeOptions, ComposeProject, compose};
use dify_infra_core::secrets::{RandomError, RandomSource, Secrets, generate_missing};
use yaml_rust2::{Yaml, YamlLoader};

/// The example files of this repository.
pub(crate) const EXAMPLES: [(&str, &str); 5] = [
    ("dify-dev", include_str!("../../../examples/dify-dev.toml")),
    (
        "existing-data",
        include_str!("../../../examples/existing-data.toml"),
    ),
    ("minimal", include_str!("../../../examples/minimal.toml")),
    (
        "older-release",
        include_str!("../../../examples/older-release.toml"),
    ),
    (
        "own-registry",
        include_str!("../../../examples/own-registry.toml"),
    ),
];

pub(crate) fn deployment(text: &str) -> Deployment {
    let resolved = Deployment::parse(text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    resolved.deployment
}

/// The seven lines that are enough, for a release.
pub(crate) fn minimal(release: &str) -> Deployment {
    deployment(&format!(
        "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
         dify = \"{release}\"\n[azure]\nresource_group = \"dify-dev-rg\"\n"
    ))
}

pub(crate) fn project(deployment: &Deployment) -> ComposeProject {
    compose(deployment, &ComposeOptions::default()).unwrap()
}

/// All secrets of a deployment: generated ones, and `own-<name>` for those that the file names.
pub(crate) fn secrets_of(deployment: &Deployment) -> Secrets {
    struct Counter(u64);
    impl RandomSource for Counter {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
            for byte in buffer {
                self.0 = self
                    .0
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *byte = self.0.to_be_bytes()[0];
            }
            Ok(())
        }
    }
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut Counter(1)).unwrap();
    for name in deployment.secret_names() {
        if name.kind().is_none() {
            secrets.insert(name.clone(), format!("own-{name}").into());
        }
    }
    secrets
}

/// A compose file, read.
pub(crate) struct Composed(Yaml);

impl Composed {
    pub(crate) fn read(text: &str) -> Self {
        let mut documents = YamlLoader::load_from_str(text).unwrap();
        assert_eq!(documents.len(), 1);
        Self(documents.remove(0))
    }

    pub(crate) fn names(&self, section: &str) -> Vec<&str> {
        let section = self.0[section].as_hash().unwrap();
        section.keys().map(|name| name.as_str().unwrap()).collect()
    }

    pub(crate) fn service(&self, name: &str) -> &Yaml {
        let service = &self.0["services"][name];
        assert!(!service.is_badvalue(), "there is no service {name}");
        service
    }

    pub(crate) fn network(&self, name: &str) -> &Yaml {
        &self.0["networks"][name]
    }

    /// The variables as they stand in the file.
    pub(crate) fn variables(&self, service: &str) -> BTreeMap<String, String> {
        let Some(environment) = self.service(service)["environment"].as_hash() else {
            return BTreeMap::new();
        };
        let text = |yaml: &Yaml| {
            yaml.as_str()
                .expect("a text, not a number or nothing")
                .to_owned()
        };
        environment
            .iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    /// A list of texts; empty when it is not there.
    pub(crate) fn list(&self, service: &str, key: &str) -> Vec<String> {
        let list = self.service(service)[key].as_vec();
        let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
        list.into_iter().flatten().map(text).collect()
    }

    /// What a service waits for, and until when.
    pub(crate) fn waits_for(&self, service: &str) -> BTreeMap<String, String> {
        let waits = self.service(service)["depends_on"].as_hash();
        let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
        let waits = waits.into_iter().flatten();
        waits
            .map(|(name, how)| (text(name), text(&how["condition"])))
            .collect()
    }
}

/// Replaces `${NAME:?…}` by the values of an env file, and `$$` by `$` (compose-spec,
/// "Interpolation").
pub(crate) fn interpolated(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else {
            let (reference, after) = after
                .strip_prefix('{')
                .and_then(|after| after.split_once('}'))
                .unwrap_or_else(|| panic!("compose refuses {text:?}"));
            let (name, _) = reference.split_once(":?").unwrap();
            result.push_str(&values[name]);
            rest = after;
        }
    }
    result + rest
}

/// The lines of an env file whose values need no quotes.
pub(crate) fn lines(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            let value = value
                .strip_prefix('\'')
                .map_or(value, |value| value.strip_suffix('\'').unwrap());
            assert!(!value.contains(['"', '\\', '\'']), "{name}");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}
