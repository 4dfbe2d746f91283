//! The wanted body of a resource, completed with what only a look at Azure tells.
//!
//! Outputs that already exist are filled in, and apps and jobs get the tags that stand for what
//! Azure does not show: a hash of their rendered files and a fingerprint per secret.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::{Map, Value};

use super::Snapshot;
use super::domain::{domain_of, own_domain, path_of, remove_domains, validation};
use crate::catalogue::{Catalogue, Read};
use crate::graph::Node;
use crate::resource::text::{resolve, texts};
use crate::resource::{
    AnyResource, DOMAIN_TAG, FINGERPRINT_TAG, Kind, OWNER_TAG, OutputReference, Part, VARIABLES_TAG,
};
use crate::secrets::{SecretKind, SecretName, Secrets, fingerprint};

/// The tag of an app that carries a hash of its rendered files (nginx, squid).
pub const FILES_TAG: &str = "dify-infra-files";

/// Fingerprints of the deployment's secrets, by name: 16 hexadecimal characters of an HMAC.
pub type Fingerprints = BTreeMap<SecretName, String>;

/// The fingerprints of a set of secrets under its own `fingerprint-key`; nothing without that key.
pub fn fingerprints(secrets: &Secrets) -> Option<Fingerprints> {
    let own = SecretName::from(SecretKind::FingerprintKey);
    let key = secrets.get(own.clone())?;
    let others = secrets.iter().filter(|(name, _)| **name != own);
    let pairs = others.map(|(name, value)| {
        (
            name.clone(),
            fingerprint(key, name, value).as_str().to_owned(),
        )
    });
    Some(pairs.collect())
}

/// The tag that carries the fingerprint of one secret.
pub fn fingerprint_tag(name: &SecretName) -> String {
    format!("{FINGERPRINT_TAG}-{name}")
}

/// The wanted body of a node, with outputs that exist filled in and the tags of apps and jobs.
/// Without the fingerprint of a secret (no secrets file), its live tag is kept.
pub fn desired(node: &Node, snapshot: &Snapshot, fingerprints: Option<&Fingerprints>) -> Value {
    let mut body = resolve(node.body(), &|part| match part {
        Part::Output(OutputReference::Property { resource, pointer }, _) => {
            snapshot.output(resource, pointer)
        }
        _ => None,
    });
    if matches!(
        node.kind(),
        Kind::ContainerApp | Kind::Job | Kind::PostgresServer | Kind::VaultSecret
    ) {
        let tags = state_tags(node, snapshot, fingerprints);
        if let Some(Value::Object(own)) = body.get_mut("tags") {
            own.extend(tags);
        }
    }
    if node.kind() == Kind::ManagedCertificate {
        choose_validation(&mut body, node, snapshot);
    }
    if node.kind() == Kind::Vault {
        keep_tenant(&mut body, snapshot.body(node.id()));
    }
    body
}

/// How a certificate was validated stays; of one that is made, what DNS has decides.
fn choose_validation(body: &mut Value, node: &Node, snapshot: &Snapshot) {
    let pointer = "/properties/domainControlValidation";
    let live = snapshot.body(node.id());
    let live = live.and_then(|live| live.pointer(pointer)).cloned();
    let host = body.pointer("/properties/subjectName");
    let host = host.and_then(Value::as_str).unwrap_or_default();
    let chosen = live.or_else(|| validation(snapshot.dns(host)).map(Value::from));
    if let (Some(chosen), Some(place)) = (chosen, body.pointer_mut(pointer)) {
        *place = chosen;
    }
}

/// While the identity that names the tenant is made anew, the tenant is that of the live vault.
fn keep_tenant(body: &mut Value, live: Option<&Value>) {
    let pointer = "/properties/tenantId";
    let known = live.and_then(|live| live.pointer(pointer)).cloned();
    if let (Some(wanted), Some(known)) = (body.pointer_mut(pointer), known)
        && !wanted.is_string()
    {
        *wanted = known;
    }
}

fn state_tags(
    node: &Node,
    snapshot: &Snapshot,
    fingerprints: Option<&Fingerprints>,
) -> Map<String, Value> {
    let mut tags = Map::new();
    if let Some(hash) = files_hash(node.body()) {
        tags.insert(FILES_TAG.to_owned(), Value::from(hash));
    }
    let live = snapshot.body(node.id());
    if let (AnyResource::ContainerApp(app), Some(live)) = (node.resource(), live)
        && app.binds_host
        && let Some(name) = own_domain(live)
    {
        // It changes with the name itself.
        tags.insert(DOMAIN_TAG.to_owned(), Value::from(name));
    }
    let live = live.and_then(|body| body.get("tags"));
    for name in secrets_of(node.body()) {
        let tag = fingerprint_tag(&name);
        // What has no value here is kept.
        let value = fingerprints
            .and_then(|known| known.get(&name).cloned().map(Value::from))
            .or_else(|| live.and_then(|tags| tags.get(&tag)).cloned());
        tags.extend(value.map(|value| (tag, value)));
    }
    tags
}

/// The deployment's secrets that a body names.
pub fn secrets_of(body: &Value) -> BTreeSet<SecretName> {
    texts(body)
        .iter()
        .flat_map(|text| text.secret_names().cloned().collect::<Vec<_>>())
        .collect()
}

/// The rendered files of an app: its secrets whose value is a plain text, by secret name.
pub fn files_of(body: &Value) -> BTreeMap<&str, &str> {
    let secrets = body
        .pointer("/properties/configuration/secrets")
        .and_then(Value::as_array);
    let pairs = secrets.into_iter().flatten().filter_map(|secret| {
        Some((
            secret.get("name")?.as_str()?,
            secret.get("value")?.as_str()?,
        ))
    });
    pairs.collect()
}

/// What an app or a job has because an earlier file asked for it, and that is not wanted any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Obsolete {
    /// Variables: by the app's own list of those that a file added, and those that an earlier or a
    /// later release of the image reads and this one does not, which do nothing here, whoever set them.
    pub variables: Vec<String>,
    /// Secrets, by the fingerprints that the app carries, and the keys of the storage account.
    pub secrets: Vec<String>,
    /// Registries whose login used such a secret, by server.
    pub logins: Vec<String>,
    /// Identities of the deployment, by the names that it gives them.
    pub identities: Vec<String>,
    /// Names of one's own, by the app's own note of the one that a file had put on it.
    pub domains: Vec<String>,
}

/// Secrets that hold keys of the storage account, which have no fingerprint.
const STORAGE_SECRETS: [&str; 2] = ["azure-storage-connection-string", "azure-storage-key"];

/// The ends of the names of a deployment's identities, after the name of the deployment.
const IDENTITY_NAMES: [&str; 2] = ["-identity", "-storage-identity"];

impl Obsolete {
    /// What is obsolete in a live body beside the wanted one.
    pub fn of(wanted: &Value, live: &Value) -> Self {
        const ENV: &str = "/properties/template/containers/0/env";
        const SECRETS: &str = "/properties/configuration/secrets";
        let tags = live.get("tags").and_then(Value::as_object);
        let listed = tags
            .and_then(|tags| tags.get(VARIABLES_TAG))
            .and_then(Value::as_str);
        let listed = listed.unwrap_or_default().split(',').map(str::to_owned);
        let prefix = format!("{FINGERPRINT_TAG}-");
        let marked = tags.into_iter().flatten();
        let marked = marked.filter_map(|(tag, _)| tag.strip_prefix(&prefix).map(str::to_owned));
        let gone = |pointer: &'static str| {
            let (wanted, present) = (names_at(wanted, pointer), names_at(live, pointer));
            move |name: &String| present.contains(name) && !wanted.contains(name)
        };
        let keys = STORAGE_SECRETS.map(str::to_owned);
        let secrets: BTreeSet<String> = marked.chain(keys).filter(gone(SECRETS)).collect();
        let using = live.pointer(ENV).and_then(Value::as_array);
        let using = using.into_iter().flatten().filter_map(|variable| {
            let secret = variable.get("secretRef")?.as_str()?;
            let name = variable.get("name")?.as_str()?;
            secrets.contains(secret).then(|| name.to_owned())
        });
        let mut variables: BTreeSet<String> = listed.chain(using).filter(gone(ENV)).collect();
        variables.extend(unread(wanted).into_iter().flat_map(|is_unread| {
            let names = names_at(live, ENV).into_iter();
            names.filter(move |name| is_unread(name)).filter(gone(ENV))
        }));
        let domain = own_domain(live)
            .filter(|name| own_domain(wanted).is_none() && domain_of(live, name).is_some());
        Self {
            domains: domain.map(str::to_owned).into_iter().collect(),
            variables: variables.into_iter().collect(),
            logins: obsolete_logins(wanted, live, &secrets),
            secrets: secrets.into_iter().collect(),
            identities: obsolete_identities(wanted, live),
        }
    }

    /// Where in a live body the obsolete things stand.
    pub(super) fn paths(&self, live: &Value) -> Vec<String> {
        let text = |value: &Value, key: &str| {
            value
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let container = live.pointer("/properties/template/containers/0");
        let container = container.map(|one| text(one, "name")).unwrap_or_default();
        let variables = self
            .variables
            .iter()
            .map(|name| format!("properties.template.containers[{container}].env[{name}]"));
        let logins = self
            .logins
            .iter()
            .map(|server| format!("properties.configuration.registries[{server}]"));
        let secrets = self
            .secrets
            .iter()
            .map(|name| format!("properties.configuration.secrets[{name}]"));
        let identities = self
            .identities
            .iter()
            .map(|id| format!("identity.userAssignedIdentities[{id}]"));
        variables
            .chain(logins)
            .chain(secrets)
            .chain(identities)
            .chain(self.domains.iter().map(|name| path_of(name)))
            .collect()
    }

    /// Takes everything obsolete out of a body, and the registry logins that use such a secret.
    pub fn remove_from(&self, body: &mut Value) {
        remove_domains(body, &self.domains);
        let is_one = |names: &[String], item: &Value, key: &str| {
            let name = item.get(key).and_then(Value::as_str).unwrap_or_default();
            names.iter().any(|gone| gone == name)
        };
        for (pointer, names, key) in [
            (
                "/properties/template/containers/0/env",
                &self.variables,
                "name",
            ),
            ("/properties/configuration/secrets", &self.secrets, "name"),
            (
                "/properties/configuration/registries",
                &self.logins,
                "server",
            ),
        ] {
            if let Some(items) = body.pointer_mut(pointer).and_then(Value::as_array_mut) {
                items.retain(|item| !is_one(names, item, key));
            }
        }
        self.remove_identities(body);
    }

    fn remove_identities(&self, body: &mut Value) {
        let is_one = |id: &str| {
            self.identities
                .iter()
                .any(|gone| gone.eq_ignore_ascii_case(id))
        };
        let settings = body.pointer_mut("/properties/configuration/identitySettings");
        if let Some(items) = settings.and_then(Value::as_array_mut) {
            items.retain(|item| {
                let id = item.get("identity").and_then(Value::as_str);
                !id.is_some_and(is_one)
            });
        }
        let Some(Value::Object(assigned)) = body.pointer_mut("/identity/userAssignedIdentities")
        else {
            return;
        };
        assigned.retain(|id, _| !is_one(id));
        if !self.identities.is_empty() && assigned.is_empty() {
            body["identity"] = serde_json::json!({ "type": "None" });
        }
    }
}

/// Logins at registries that nothing is pulled from any more; one that is pulled from in another way
/// loses its login as it gets that way.
fn obsolete_logins(wanted: &Value, live: &Value, secrets: &BTreeSet<String>) -> Vec<String> {
    let logins = |body: &Value| {
        let list = body.pointer("/properties/configuration/registries");
        list.and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |login: &Value, key: &str| {
        let text = login.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let wanted: BTreeSet<String> = logins(wanted)
        .iter()
        .map(|login| text(login, "server"))
        .collect();
    let gone = logins(live).into_iter().filter(|login| {
        secrets.contains(&text(login, "passwordSecretRef"))
            && !wanted.contains(&text(login, "server"))
    });
    gone.map(|login| text(&login, "server")).collect()
}

/// Identities that a live body carries, that have a name of the deployment's own, and that are not
/// wanted any more. They go with the role that they had, and Azure refuses an app that names one
/// which is gone.
fn obsolete_identities(wanted: &Value, live: &Value) -> Vec<String> {
    let assigned = |body: &Value| {
        let ids = body.pointer("/identity/userAssignedIdentities");
        let ids = ids.and_then(Value::as_object).cloned().unwrap_or_default();
        ids.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    let group = live.get("id").and_then(Value::as_str).and_then(group_of);
    let owner = live
        .get("tags")
        .and_then(|tags| tags.get(OWNER_TAG)?.as_str());
    let (Some(group), Some(owner)) = (group, owner) else {
        return Vec::new();
    };
    let ours = IDENTITY_NAMES.map(|end| {
        format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{owner}{end}")
    });
    let wanted = assigned(wanted);
    let is_among = |ids: &[String], id: &str| ids.iter().any(|one| one.eq_ignore_ascii_case(id));
    assigned(live)
        .into_iter()
        .filter(|id| is_among(&ours, id) && !is_among(&wanted, id))
        .collect()
}

/// The resource group of an id: what stands before its provider.
fn group_of(id: &str) -> Option<&str> {
    let at = id.to_ascii_lowercase().find("/providers/")?;
    id.get(..at)
}

/// Whether the image of a wanted app leaves a name alone that its other releases read; nothing for
/// an image that the catalogue does not know.
fn unread(wanted: &Value) -> Option<impl Fn(&str) -> bool + Copy> {
    let image = wanted.pointer("/properties/template/containers/0/image")?;
    let table = Catalogue::builtin().variables_of_image(image.as_str()?)?;
    Some(move |name: &str| {
        matches!(
            table.is_read(name),
            Read::NotYet { .. } | Read::NoLonger { .. }
        )
    })
}

fn names_at(body: &Value, pointer: &str) -> BTreeSet<String> {
    let items = body.pointer(pointer).and_then(Value::as_array);
    let names = items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

/// Tags of our own that a live resource has and that are not wanted any more.
pub fn obsolete_tags(wanted: &Value, live: &Value) -> Vec<String> {
    let tags = |body: &Value| body.get("tags").and_then(Value::as_object).cloned();
    let wanted = tags(wanted).unwrap_or_default();
    let ours = tags(live)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| name);
    let is_obsolete = |name: &String| {
        name.starts_with("dify-infra-")
            && !wanted.keys().any(|known| known.eq_ignore_ascii_case(name))
    };
    ours.filter(is_obsolete).collect()
}

/// A hash of the rendered files: 16 hexadecimal characters of SHA-256.
fn files_hash(body: &Value) -> Option<String> {
    let files = files_of(body);
    let mut hash = hmac_sha256::Hash::new();
    for (name, text) in &files {
        for word in [name, text] {
            hash.update(word.len().to_le_bytes());
            hash.update(word);
        }
    }
    (!files.is_empty()).then(|| HEXLOWER.encode(&hash.finalize()[..8]))
}

/// The suffix of the revision that an update makes: 10 letters and digits of a hash over the
/// template, the tags that stand for files and secrets, and the revision before it. With the
/// latter, going back to an earlier state makes a new name, since Azure refuses one used before.
pub fn revision_suffix(body: &Value, live: Option<&Value>) -> String {
    let before = live.and_then(|live| live.pointer("/properties/latestRevisionName"));
    let template = body.pointer("/properties/template");
    let content = serde_json::json!([template, body.get("tags"), before]).to_string();
    let hash = hmac_sha256::Hash::hash(content.as_bytes());
    let letters = BASE32_NOPAD.encode(&hash[..7]).to_ascii_lowercase();
    format!("r{}", &letters[..9])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_suffix_differs_after_each_revision() {
        let body = json!({ "properties": { "template": { "containers": [] } } });
        let live = json!({ "properties": { "latestRevisionName": "api--r1" } });
        let first = revision_suffix(&body, None);
        assert_ne!(first, revision_suffix(&body, Some(&live)));
        assert_eq!(first, revision_suffix(&body, None));
        assert!(first.len() == 10 && first.starts_with('r'), "{first}");
    }

    #[test]
    fn the_hash_of_files_tells_names_and_texts_apart() {
        let body = |pairs: &[(&str, &str)]| {
            let secrets: Vec<_> = pairs
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
            json!({ "properties": { "configuration": { "secrets": secrets } } })
        };
        let one = files_hash(&body(&[("a", "bc")]));
        assert_ne!(one, files_hash(&body(&[("ab", "c")])));
        assert_eq!(files_hash(&body(&[])), None);
    }

    #[test]
    fn fingerprints_leave_their_own_key_out() {
        let mut secrets = Secrets::new();
        secrets.insert(SecretKind::SecretKey, "value".into());
        assert_eq!(fingerprints(&secrets), None);
        secrets.insert(SecretKind::FingerprintKey, "key".into());
        let known = fingerprints(&secrets).unwrap();
        let names: Vec<&str> = known.keys().map(SecretName::as_str).collect();
        assert_eq!(names, ["secret-key"]);
    }
}
