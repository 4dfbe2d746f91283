//! Where secrets are kept in Azure, and with which identity they are read.

use super::Resolver;
use crate::check::spc;
use crate::deployment::{IdentityOrigin, KeyVault, Profile, SecretStore};
use crate::diagnostic::KeyPath;
use crate::resource::{Kind, ResourceId};

impl Resolver<'_> {
    pub(super) fn secret_store(&mut self, profile: Profile) -> SecretStore {
        let spec = &self.spec.secrets;
        let store = self.word(
            "secrets.store",
            spec.store.as_deref(),
            &["app", "key-vault"],
        );
        if store != Some("key-vault") {
            let unused = [
                ("secrets.existing", spec.existing.is_some()),
                ("secrets.identity", spec.identity.is_some()),
                ("secrets.retention_days", spec.retention_days.is_some()),
                ("secrets.purge_protection", spec.purge_protection.is_some()),
            ];
            for (path, _) in unused.into_iter().filter(|(_, is_given)| *is_given) {
                let message = format!("`{path}` has no effect without a key vault");
                let finding = spc::NO_EFFECT.finding(KeyPath::of(path), message);
                self.report(finding.with_help("write `store = \"key-vault\"`, or remove it"));
            }
            return SecretStore::App;
        }
        if spec.existing.is_some() {
            let unused = [
                ("secrets.retention_days", spec.retention_days.is_some()),
                ("secrets.purge_protection", spec.purge_protection.is_some()),
            ];
            self.warn_without_effect("vault", &unused);
        }
        let is_production = profile == Profile::Prod;
        let days = if is_production { 90 } else { 7 };
        let existing = spec.existing.as_deref();
        let id = existing
            .filter(|text| text.starts_with('/'))
            .and_then(|text| self.id_of("secrets.existing", Kind::Vault, text));
        let name = id.as_ref().map(ResourceId::name).or(existing);
        SecretStore::KeyVault(KeyVault {
            origin: self.origin("secrets.existing", name),
            id,
            identity: self.identity_origin("secrets.identity", spec.identity.as_deref()),
            retention_days: self.number(
                "secrets.retention_days",
                spec.retention_days,
                days,
                7..=90,
            ),
            purge_protection: spec.purge_protection.unwrap_or(is_production),
        })
    }

    /// An identity that is named by its id, or one that is made.
    pub(super) fn identity_origin(&mut self, path: &str, id: Option<&str>) -> IdentityOrigin {
        let id = id.and_then(|id| self.id_of(path, Kind::UserAssignedIdentity, id));
        id.map_or(IdentityOrigin::Managed, IdentityOrigin::Existing)
    }

    /// The id of a resource of one type.
    pub(super) fn id_of(&mut self, path: &str, kind: Kind, text: &str) -> Option<ResourceId> {
        let path = KeyPath::of(path);
        match ResourceId::parse(text) {
            Ok(id) if Kind::from_type(&id.resource_type()) == Some(kind) => Some(id),
            Ok(id) => {
                let message = format!("`{path}` is the id of a {}", id.resource_type());
                let finding = spc::INVALID_VALUE.finding(path, message);
                self.report(
                    finding.with_help(format!("give the id of a {}", kind.resource_type())),
                );
                None
            }
            Err(error) => {
                self.refuse(&spc::INVALID_VALUE, path, &error);
                None
            }
        }
    }
}
