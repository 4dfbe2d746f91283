//! What the deployment is called, where it lives, how people reach it.

use std::collections::BTreeMap;

use super::Resolver;
use crate::catalogue::{Catalogue, Release, ServiceKind};
use crate::check::{azr, net, spc, url, ver};
use crate::deployment::{Azure, Profile, Public};
use crate::diagnostic::KeyPath;
use crate::names::{
    DeploymentName, DeploymentPrefix, EnvironmentLabel, Location, ResourceGroupName, TagName,
    TagValue,
};
use crate::spec::missing_key;

/// What the names of our own tags begin with.
const OUR_TAGS: &str = "dify-infra";

/// Tags that we add: the owner and those of later versions.
const TAGS_OF_OURS: usize = 5;

/// The last part of the migration job's name, which shares the prefix with the services.
const MIGRATION: &str = "migration";

/// Name, environment and what follows from them.
pub(super) struct Identity {
    pub(super) name: DeploymentName,
    pub(super) environment: EnvironmentLabel,
    pub(super) prefix: DeploymentPrefix,
    pub(super) profile: Profile,
    pub(super) location: Location,
}

impl Resolver<'_> {
    pub(super) fn release(&mut self) -> &'static Release {
        let catalogue = Catalogue::builtin();
        let Some(version) = self.spec.dify.as_deref() else {
            return catalogue.default_release();
        };
        match catalogue.release(version) {
            Ok(release) => release,
            Err(error) => {
                let wanted = error.nearest.unwrap_or(error.default);
                let help = format!("write `dify = \"{wanted}\"`");
                let message = error.to_string();
                self.report(
                    ver::RELEASE
                        .finding(KeyPath::of("dify"), message)
                        .with_help(help),
                );
                catalogue.default_release()
            }
        }
    }

    pub(super) fn identity(&mut self, release: &Release) -> Option<Identity> {
        let spec = self.spec;
        let name = self.parse(
            &spc::INVALID_VALUE,
            KeyPath::of("name"),
            spec.name.as_deref(),
        );
        let environment = self.parse(
            &spc::INVALID_VALUE,
            KeyPath::of("environment"),
            spec.environment.as_deref(),
        );
        let location = self.parse(
            &spc::INVALID_VALUE,
            KeyPath::of("location"),
            spec.location.as_deref(),
        );
        let is_given = name.is_some() && environment.is_some();
        let name = or_parsed(name, "dify")?;
        let environment = or_parsed(environment, "dev")?;
        let mut services: Vec<_> = release
            .services()
            .map(|service| service.kind.app_suffix())
            .collect();
        services.push(MIGRATION);
        let prefix = match DeploymentPrefix::try_new(&name, &environment, &services) {
            Ok(prefix) => prefix,
            Err(error) => {
                if is_given {
                    self.refuse(&net::PREFIX, KeyPath::of("name"), &error);
                }
                let short = ("d".parse().ok()?, "d".parse().ok()?);
                DeploymentPrefix::try_new(&short.0, &short.1, &services).ok()?
            }
        };
        let profile = self.profile();
        let location = or_parsed(location, "japaneast")?;
        Some(Identity {
            name,
            environment,
            prefix,
            profile,
            location,
        })
    }

    fn profile(&mut self) -> Profile {
        let (profile, environment) = (
            self.spec.profile.as_deref(),
            self.spec.environment.as_deref(),
        );
        let by_name = |name| match name {
            "dev" => Some(Profile::Dev),
            "prod" => Some(Profile::Prod),
            _ => None,
        };
        if profile.is_some() {
            let word = self.word("profile", profile, &["dev", "prod"]);
            return word.and_then(by_name).unwrap_or(Profile::Dev);
        }
        let Some(environment) = environment else {
            return Profile::Dev;
        };
        by_name(environment).unwrap_or_else(|| {
            let finding = missing_key(KeyPath::of("profile"));
            self.report(finding.with_help(
                "say which set of defaults holds: `profile = \"dev\"`; only the environments dev \
                 and prod imply theirs",
            ));
            Profile::Dev
        })
    }

    pub(super) fn azure(&mut self) -> Option<Azure> {
        let azure = &self.spec.azure;
        let rule = &spc::INVALID_VALUE;
        let group = KeyPath::of("azure.resource_group");
        let group: Option<ResourceGroupName> =
            self.parse(rule, group, azure.resource_group.as_deref());
        Some(Azure {
            subscription: self.parse(
                rule,
                KeyPath::of("azure.subscription"),
                azure.subscription.as_deref(),
            ),
            resource_group: or_parsed(group, "dify-dev-rg")?,
            suffix: self.parse(rule, KeyPath::of("azure.suffix"), azure.suffix.as_deref()),
            tags: self.tags(),
        })
    }

    fn tags(&mut self) -> BTreeMap<TagName, TagValue> {
        let mut tags = BTreeMap::new();
        for (name, value) in &self.spec.azure.tags {
            let path = KeyPath::of("azure.tags").key(name);
            let value = self.parse::<TagValue>(&spc::INVALID_VALUE, path.clone(), Some(value));
            let Some(name) = self.parse_key::<TagName>(path.clone(), name) else {
                continue;
            };
            if name.as_str().to_ascii_lowercase().starts_with(OUR_TAGS) {
                let message = format!("tags that begin with `{OUR_TAGS}` are set by dify-infra");
                self.report(azr::TAGS.finding(path, message).about_key());
            } else if !name.fits_storage_account() {
                let message = format!(
                    "the name of a tag has more than {} characters, which a storage account \
                     refuses",
                    TagName::STORAGE_ACCOUNT_MAXIMUM
                );
                self.report(azr::TAGS.finding(path, message).about_key());
            } else if let Some(value) = value {
                tags.insert(name, value);
            }
        }
        let most = TagName::PER_RESOURCE - TAGS_OF_OURS;
        if tags.len() > most {
            let message = format!("{} tags are too many: {most} fit beside ours", tags.len());
            self.report(azr::TAGS.finding(KeyPath::of("azure.tags"), message));
        }
        tags
    }

    pub(super) fn public(&mut self) -> Public {
        let origin = self.spec.public.origin.as_deref();
        Public {
            origin: self.parse(&url::ORIGIN, KeyPath::of("public.origin"), origin),
            certificate: self.certificate(),
        }
    }
}

/// The value, or a stand-in with which the rest can still be looked at.
fn or_parsed<T: std::str::FromStr>(value: Option<T>, stand_in: &str) -> Option<T> {
    value.or_else(|| stand_in.parse().ok())
}

/// The services' keys, for suggestions.
pub(super) fn service_keys(release: &Release) -> Vec<&'static str> {
    release
        .services()
        .map(|service| ServiceKind::key(service.kind))
        .collect()
}
