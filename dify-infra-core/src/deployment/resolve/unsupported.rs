//! What the file's format knows and this version of the program does not do yet.

use super::Resolver;
use crate::check::{azr, spc};
use crate::diagnostic::KeyPath;
use crate::spec::SCHEMA_VERSION;

impl Resolver<'_> {
    /// Reports every setting that would have to be left out.
    pub(super) fn refuse_unsupported(&mut self) {
        self.refuse_other_formats();
        self.refuse_production();
        let spec = self.spec;
        let network = &spec.network;
        let store = spec.secrets.store.as_deref();
        let store = self.word("secrets.store", store, &["app", "key-vault"]);
        let settings = [
            (
                "public.certificate",
                spec.public.certificate.is_some(),
                CERTIFICATE,
            ),
            (
                "network.address_space",
                network.address_space.is_some(),
                NETWORK,
            ),
            ("network.existing", network.existing.is_some(), NETWORK),
            ("network.subnets", !network.subnets.is_empty(), NETWORK),
            (
                "network.private_endpoints",
                network.private_endpoints == Some(true),
                ENDPOINTS,
            ),
            (
                "network.private_dns_zones",
                network.private_dns_zones.is_some(),
                ENDPOINTS,
            ),
            ("secrets.store", store == Some("key-vault"), VAULT),
            ("secrets.identity", spec.secrets.identity.is_some(), VAULT),
        ];
        for (path, _, help) in settings.into_iter().filter(|(_, is_used, _)| *is_used) {
            self.not_yet(path, &format!("`{path}` is"), help);
        }
    }

    fn refuse_other_formats(&mut self) {
        let Some(version) = self
            .spec
            .schema
            .filter(|version| *version != SCHEMA_VERSION)
        else {
            return;
        };
        let message =
            format!("the file is of format {version}; this version reads {SCHEMA_VERSION}");
        let help = format!("write `schema = {SCHEMA_VERSION}`, or use a newer dify-infra");
        self.report(
            spc::INVALID_VALUE
                .finding(KeyPath::of("schema"), message)
                .with_help(help),
        );
    }

    fn refuse_production(&mut self) {
        let (profile, environment) = (
            self.spec.profile.as_deref(),
            self.spec.environment.as_deref(),
        );
        match (profile, environment) {
            (Some("prod"), _) => self.not_yet("profile", "the profile `prod` is", PRODUCTION),
            (None, Some("prod")) => {
                self.not_yet(
                    "environment",
                    "the profile `prod`, which this implies, is",
                    PRODUCTION,
                );
            }
            _ => {}
        }
    }

    fn not_yet(&mut self, path: &str, what: &str, help: &str) {
        let message = format!("{what} not supported by this version of dify-infra yet");
        self.report(
            azr::NOT_YET
                .finding(KeyPath::of(path), message)
                .with_help(help),
        );
    }
}

const PRODUCTION: &str = "use `profile = \"dev\"` and give sizes and replicas yourself, knowing \
    that the data services keep their public endpoints";

const NETWORK: &str = "remove it: the environment gets a network of Azure's own";

const ENDPOINTS: &str = "remove it: PostgreSQL is open to what runs in Azure, and storage and Redis are \
    guarded by their keys";

const VAULT: &str = "use `store = \"app\"` and no identity: secrets are kept in the container \
    apps, where nobody can read them without the right to";

const CERTIFICATE: &str = "remove it, and bind the domain and its certificate to the front door in \
    the portal";
