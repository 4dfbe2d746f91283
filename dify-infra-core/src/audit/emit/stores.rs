//! Where knowledge is kept: in PostgreSQL, which the file makes, or in a store outside that stays as it is.

use super::super::inventory::{Container, Inventory};
use super::super::recognise::Role;
use super::draft::Draft;
use crate::catalogue::ServiceKind;
use crate::deployment::Deployment;
use crate::values::AzureCloud;

/// The variable that chooses the store.
pub(super) const VARIABLE: &str = "VECTOR_STORE";

/// Characters of a store's name at most.
const LONGEST_NAME: usize = 32;

/// The services that must agree on the store (rule DBX005).
const READERS: [ServiceKind; 4] = [
    ServiceKind::Api,
    ServiceKind::ApiWebsocket,
    ServiceKind::Worker,
    ServiceKind::WorkerBeat,
];

/// What the names of variables of object stores begin with; the file has one of Azure's (`.env.example` of
/// langgenius/dify 1.16.0, as below).
const OBJECT_STORES: [&str; 11] = [
    "S3_",
    "GOOGLE_STORAGE_",
    "ALIYUN_OSS_",
    "TENCENT_COS_",
    "OCI_",
    "HUAWEI_OBS_",
    "VOLCENGINE_TOS_",
    "BAIDU_OBS_",
    "SUPABASE_",
    "CLICKZETTA_VOLUME_",
    "OPENDAL_",
];

/// The same of vector stores.
const VECTOR_STORES: [&str; 28] = [
    "WEAVIATE_",
    "QDRANT_",
    "MILVUS_",
    "MYSCALE_",
    "RELYT_",
    "TENCENT_VECTOR_DB_",
    "BAIDU_VECTOR_DB_",
    "CHROMA_",
    "TIDB_",
    "ANALYTICDB_",
    "ORACLE_",
    "OPENSEARCH_",
    "ELASTICSEARCH_",
    "LINDORM_",
    "COUCHBASE_",
    "OCEANBASE_",
    "OPENGAUSS_",
    "VIKINGDB_",
    "UPSTASH_",
    "TABLESTORE_",
    "VASTBASE_",
    "HUAWEI_CLOUD_",
    "MATRIXONE_",
    "ALIBABACLOUD_MYSQL_",
    "IRIS_",
    "HOLOGRES_",
    "CLICKZETTA_",
    "PGVECTO_RS_",
];

/// What becomes of the store.
pub(super) enum Store {
    /// It is what a file leads to by itself.
    Pgvector,
    /// It stays: its name, and what the names of its variables begin with.
    Stays(String, String),
    /// It is a part of the deployment that no file describes.
    Goes,
}

impl Store {
    /// Looks at what the API uses, else the worker.
    pub(super) fn of(inventory: &Inventory, draft: &mut Draft) -> Self {
        let Some(container) = reader(inventory) else {
            return Self::Pgvector;
        };
        let Some(variable) = container.variable(VARIABLE) else {
            return Self::Pgvector;
        };
        // Whatever is no name may be a secret that stands in the wrong place.
        let is_name = |it: &&str| {
            let is_part = |it: u8| it.is_ascii_alphanumeric() || b"_-".contains(&it);
            it.len() <= LONGEST_NAME && it.bytes().all(is_part)
        };
        let Some(name) = variable.value.literal().filter(is_name) else {
            draft.note("which vector store is used can't be seen: the file uses pgvector");
            return Self::Pgvector;
        };
        if matches!(name, "" | "pgvector") {
            return Self::Pgvector;
        }
        let prefix = format!("{}_", name.to_ascii_uppercase().replace('-', "_"));
        let is_outside = container
            .variables
            .iter()
            .filter(|it| it.name.starts_with(&prefix))
            .any(|it| {
                it.value
                    .literal()
                    .is_some_and(|it| is_outside(inventory, it))
            });
        if is_outside {
            Self::Stays(name.to_owned(), prefix)
        } else {
            draft.note(&format!(
                "the vector store `{name}` becomes pgvector: knowledge bases have to be indexed again"
            ));
            Self::Goes
        }
    }

    /// Whether a variable is of a store that the file does not use.
    pub(super) fn leaves_out(&self, variable: &str) -> bool {
        let is_used = match self {
            Self::Stays(_, prefix) => variable.starts_with(prefix.as_str()),
            Self::Pgvector | Self::Goes => false,
        };
        let mut all = OBJECT_STORES.iter().chain(&VECTOR_STORES);
        !is_used && all.any(|prefix| variable.starts_with(prefix))
    }

    /// Names the store in every service that must know it, those that the file adds included; calls `add` for
    /// the store's variables in these.
    pub(super) fn write(
        &self,
        inventory: &Inventory,
        base: &Deployment,
        draft: &mut Draft,
        mut add: impl FnMut(ServiceKind, &super::super::inventory::Variable, &mut Draft),
    ) {
        let Self::Stays(name, prefix) = self else {
            return;
        };
        for kind in READERS.into_iter().filter(|it| base.service(*it).is_some()) {
            draft.text(&format!("services.{kind}.env"), VARIABLE, name);
            if super::is_there(inventory, kind) {
                continue;
            }
            let variables = reader(inventory).map(|it| &it.variables);
            for variable in variables.into_iter().flatten() {
                if variable.name.starts_with(prefix.as_str()) {
                    add(kind, variable, draft);
                }
            }
        }
    }
}

fn reader(inventory: &Inventory) -> Option<&Container> {
    let mut readers = READERS.iter().copied().map(Role::Service);
    readers.find_map(|role| Some(inventory.of(role).next()?.1))
}

/// Whether an address is that of another place: a whole name, of no part of the deployment.
fn is_outside(inventory: &Inventory, address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let is_name = host.contains('.')
        && host
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it));
    let is_local = ["127.", "0.", "host.docker."]
        .iter()
        .any(|it| host.starts_with(it));
    let is_app = AzureCloud::ALL
        .iter()
        .any(|cloud| host.ends_with(cloud.container_apps_suffix()));
    let is_number = host.parse::<f64>().is_ok();
    let is_part = inventory
        .workloads
        .iter()
        .any(|it| it.name.literal() == Some(host) || it.aliases.iter().any(|it| it == host));
    is_name && !is_number && !is_local && !is_app && !is_part
}
