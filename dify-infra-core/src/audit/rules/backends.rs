//! Which of Dify's many backends a container is told to use: the settings of all others are read by nobody.
//!
//! Names are those of langgenius/dify 1.16.0 `api/configs/middleware/{storage,vdb}` and `api/extensions/ext_mail.py`,
//! of dify-plugin-daemon 0.6.3 `internal/types/app/config.go` for its storage.

use super::super::inventory::Container;

/// The prefix of a backend's settings, and the values that select the backend.
type Backend = (&'static str, &'static [&'static str]);

/// The variables that select one backend of a kind, and all of the kind.
const KINDS: &[(&[&str], &[Backend])] = &[
    (
        &["STORAGE_TYPE", "PLUGIN_STORAGE_TYPE"],
        &[
            ("ALIYUN_OSS_", &["aliyun-oss", "aliyun_oss"]),
            ("AZURE_BLOB_", &["azure-blob", "azure_blob"]),
            ("BAIDU_OBS_", &["baidu-obs"]),
            ("CLICKZETTA_VOLUME_", &["clickzetta-volume"]),
            ("GOOGLE_STORAGE_", &["google-storage"]),
            ("HUAWEI_OBS_", &["huawei-obs", "huawei_obs"]),
            ("OCI_", &["oci-storage"]),
            ("S3_", &["s3", "aws_s3"]),
            ("SUPABASE_", &["supabase"]),
            ("TENCENT_COS_", &["tencent-cos", "tencent_cos"]),
            ("VOLCENGINE_TOS_", &["volcengine-tos", "volcengine_tos"]),
        ],
    ),
    (
        &["VECTOR_STORE"],
        &[
            ("ALIBABACLOUD_MYSQL_", &["alibabacloud_mysql"]),
            ("ANALYTICDB_", &["analyticdb"]),
            ("BAIDU_VECTOR_DB_", &["baidu"]),
            ("CHROMA_", &["chroma"]),
            ("CLICKZETTA_", &["clickzetta"]),
            ("COUCHBASE_", &["couchbase"]),
            ("ELASTICSEARCH_", &["elasticsearch", "elasticsearch-ja"]),
            ("HOLOGRES_", &["hologres"]),
            ("HUAWEI_CLOUD_", &["huawei_cloud"]),
            ("IRIS_", &["iris"]),
            ("LINDORM_", &["lindorm"]),
            ("MATRIXONE_", &["matrixone"]),
            ("MILVUS_", &["milvus"]),
            ("MYSCALE_", &["myscale"]),
            ("OCEANBASE_", &["oceanbase", "seekdb"]),
            ("OPENGAUSS_", &["opengauss"]),
            ("OPENSEARCH_", &["opensearch"]),
            ("ORACLE_", &["oracle"]),
            ("PGVECTO_RS_", &["pgvecto-rs"]),
            ("PGVECTOR_", &["pgvector", "timescaledb"]),
            ("QDRANT_", &["qdrant"]),
            ("RELYT_", &["relyt"]),
            ("TABLESTORE_", &["tablestore"]),
            ("TENCENT_VECTOR_DB_", &["tencent"]),
            ("TIDB_", &["tidb_vector", "tidb_on_qdrant"]),
            ("UPSTASH_VECTOR_", &["upstash"]),
            ("VASTBASE_", &["vastbase"]),
            ("VIKINGDB_", &["vikingdb"]),
            ("WEAVIATE_", &["weaviate"]),
        ],
    ),
    (
        &["MAIL_TYPE"],
        &[
            ("RESEND_", &["resend"]),
            ("SENDGRID_", &["sendgrid"]),
            ("SMTP_", &["smtp"]),
        ],
    ),
];

/// Whether a variable sets a backend that its container is known not to use.
pub(super) fn is_unused(container: &Container, name: &str) -> bool {
    KINDS.iter().any(|(selecting, backends)| {
        let selected: Vec<Option<&str>> = selecting
            .iter()
            .filter_map(|name| container.variable(name))
            .map(|variable| variable.value.literal())
            .collect();
        // The longest prefix: `CLICKZETTA_VOLUME_` is of a storage, `CLICKZETTA_` of a vector store.
        let of_name = backends
            .iter()
            .filter(|(prefix, _)| name.starts_with(prefix));
        let Some((prefix, values)) = of_name.max_by_key(|(prefix, _)| prefix.len()) else {
            return false;
        };
        let is_of_another_kind = KINDS
            .iter()
            .flat_map(|(_, backends)| *backends)
            .any(|(other, _)| other.len() > prefix.len() && name.starts_with(other));
        let is_selected = |it: Option<&str>| {
            it.is_none_or(|it| values.iter().any(|value| it.eq_ignore_ascii_case(value)))
        };
        !is_of_another_kind && !selected.is_empty() && !selected.iter().copied().any(is_selected)
    })
}
