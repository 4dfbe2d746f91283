//! The variables through which services find each other and the data layer. They are derived from
//! the deployment, and a file that sets one of them cuts a connection.

use super::{blb, dbx, key, net, red, rule::Rule, sec, ssr, url, ver};
use crate::catalogue::{ImageKind, Release, ServiceFacts, ServiceKind};

/// Variables of some images that belong to one piece of wiring.
struct Wiring {
    images: &'static [ImageKind],
    names: &'static [&'static str],
    rule: &'static Rule,
    /// What decides the value instead, as it follows "it follows from".
    from: &'static str,
}

const API: &[ImageKind] = &[ImageKind::Api];
const WEB: &[ImageKind] = &[ImageKind::Web];
const SANDBOX: &[ImageKind] = &[ImageKind::Sandbox];
const DAEMON: &[ImageKind] = &[ImageKind::PluginDaemon];

const WIRINGS: &[Wiring] = &[
    Wiring {
        images: API,
        names: &[
            "SECRET_KEY",
            "CODE_EXECUTION_API_KEY",
            "PLUGIN_DAEMON_KEY",
            "INNER_API_KEY_FOR_PLUGIN",
        ],
        rule: &key::PAIR,
        from: "the secrets file",
    },
    Wiring {
        images: SANDBOX,
        names: &["API_KEY"],
        rule: &key::PAIR,
        from: "the secrets file",
    },
    Wiring {
        images: DAEMON,
        names: &["SERVER_KEY", "DIFY_INNER_API_KEY"],
        rule: &key::PAIR,
        from: "the secrets file",
    },
    Wiring {
        images: API,
        names: &["INIT_PASSWORD"],
        rule: &sec::INIT_PASSWORD,
        from: "the secrets file",
    },
    Wiring {
        images: &[ImageKind::Api, ImageKind::PluginDaemon],
        names: &[
            "DB_DATABASE",
            "DB_EXTRAS",
            "DB_HOST",
            "DB_PASSWORD",
            "DB_PORT",
            "DB_SSL_MODE",
            "DB_TYPE",
            "DB_USERNAME",
            "PGVECTOR_DATABASE",
            "PGVECTOR_HOST",
            "PGVECTOR_PASSWORD",
            "PGVECTOR_PORT",
            "PGVECTOR_USER",
        ],
        rule: &dbx::WIRED,
        from: "the PostgreSQL server",
    },
    Wiring {
        images: &[ImageKind::Api, ImageKind::PluginDaemon],
        names: &[
            "CELERY_BACKEND",
            "CELERY_BROKER_URL",
            "CELERY_USE_SENTINEL",
            "EVENT_BUS_REDIS_URL",
            "PUBSUB_REDIS_URL",
            "REDIS_DB",
            "REDIS_HOST",
            "REDIS_PASSWORD",
            "REDIS_PORT",
            "REDIS_SSL_CA_CERTS",
            "REDIS_SSL_CERT_REQS",
            "REDIS_USERNAME",
            "REDIS_USE_CLUSTERS",
            "REDIS_USE_SENTINEL",
            "REDIS_USE_SSL",
        ],
        rule: &red::WIRED,
        from: "the Redis instance",
    },
    Wiring {
        images: &[ImageKind::Api, ImageKind::PluginDaemon],
        names: &[
            "AZURE_BLOB_ACCOUNT_KEY",
            "AZURE_BLOB_ACCOUNT_NAME",
            "AZURE_BLOB_ACCOUNT_URL",
            "AZURE_BLOB_CONTAINER_NAME",
            "AZURE_BLOB_STORAGE_ACCOUNT_URL",
            "AZURE_BLOB_STORAGE_CONNECTION_STRING",
            "AZURE_BLOB_STORAGE_CONTAINER_NAME",
            "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY",
            "PLUGIN_STORAGE_OSS_BUCKET",
            "PLUGIN_STORAGE_TYPE",
            "STORAGE_TYPE",
        ],
        rule: &blb::WIRED,
        from: "the storage account",
    },
    Wiring {
        images: &[ImageKind::Api, ImageKind::Web],
        names: &[
            "APP_API_URL",
            "APP_WEB_URL",
            "CONSOLE_API_URL",
            "CONSOLE_WEB_URL",
            "ENDPOINT_URL_TEMPLATE",
            "FILES_URL",
            "NEXT_PUBLIC_SOCKET_URL",
            "SERVICE_API_URL",
            "TRIGGER_URL",
        ],
        rule: &url::DERIVED,
        from: "the public origin",
    },
    Wiring {
        images: &[ImageKind::Api, ImageKind::Web, ImageKind::PluginDaemon],
        names: &[
            "CODE_EXECUTION_ENDPOINT",
            "DIFY_INNER_API_URL",
            "INTERNAL_FILES_URL",
            "PLUGIN_DAEMON_URL",
            "SERVER_CONSOLE_API_URL",
        ],
        rule: &url::DERIVED,
        from: "the names of the services",
    },
    Wiring {
        images: API,
        names: &[
            "SSRF_PROXY_ALL_URL",
            "SSRF_PROXY_HTTPS_URL",
            "SSRF_PROXY_HTTP_URL",
        ],
        rule: &ssr::WIRED,
        from: "the proxy",
    },
    Wiring {
        images: SANDBOX,
        names: &["HTTPS_PROXY", "HTTP_PROXY", "SOCKS5_PROXY"],
        rule: &ssr::WIRED,
        from: "the proxy",
    },
    Wiring {
        images: API,
        names: &["DIFY_BIND_ADDRESS", "DIFY_PORT"],
        rule: &net::PORT,
        from: "the release",
    },
    Wiring {
        images: WEB,
        names: &["HOSTNAME", "PORT"],
        rule: &net::PORT,
        from: "the release",
    },
    Wiring {
        images: SANDBOX,
        names: &["ENABLE_NETWORK", "SANDBOX_PORT"],
        rule: &net::PORT,
        from: "the release",
    },
    Wiring {
        images: DAEMON,
        names: &[
            "PLUGIN_REMOTE_INSTALLING_HOST",
            "PLUGIN_REMOTE_INSTALLING_PORT",
            "SERVER_HOST",
            "SERVER_PORT",
        ],
        rule: &net::PORT,
        from: "the release",
    },
    Wiring {
        images: API,
        names: &["MIGRATION_ENABLED", "MODE"],
        rule: &ver::MODE,
        from: "the service",
    },
    Wiring {
        images: DAEMON,
        names: &["PLATFORM"],
        rule: &ver::MODE,
        from: "the image",
    },
];

/// The rule that a file breaks by setting `name` on a service, and what decides the value instead.
pub(super) fn of(facts: &ServiceFacts, name: &str) -> Option<(&'static Rule, &'static str)> {
    let wiring = WIRINGS
        .iter()
        .find(|wiring| wiring.images.contains(&facts.image) && wiring.names.contains(&name));
    match wiring {
        Some(wiring) => Some((wiring.rule, wiring.from)),
        None if facts.environment.contains_key(name) => Some((&ver::MODE, "the service")),
        None => None,
    }
}

/// Whether a release's service gets a variable from dify-infra, so that a file may not set it.
pub(crate) fn sets_itself(release: &Release, service: ServiceKind, name: &str) -> bool {
    let facts = release.service(service);
    facts.is_some_and(|facts| of(facts, name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn every_wired_variable_is_one_that_the_image_reads() {
        let release = Catalogue::builtin().default_release();
        for wiring in WIRINGS {
            for name in wiring.names {
                let read = ServiceKind::ALL
                    .into_iter()
                    .filter(|kind| wiring.images.contains(&kind.image()))
                    .any(|kind| release.variables(kind).get(name).is_some());
                let later = ServiceKind::ALL.into_iter().any(|kind| {
                    let newest = &Catalogue::builtin().releases()[0];
                    newest.variables(kind).get(name).is_some()
                });
                assert!(read || later, "{name}");
            }
        }
    }

    #[test]
    fn every_required_variable_is_wired_or_has_a_reason() {
        // Read by the images, required on Azure, and yet for the file to decide.
        let free = [
            "VECTOR_STORE",
            "PLUGIN_REMOTE_INSTALLING_ENABLED",
            "PLUGIN_WORKING_PATH",
        ];
        let release = Catalogue::builtin().default_release();
        for facts in release.services() {
            for variable in release.variables(facts.kind).required() {
                let name = variable.name.as_str();
                assert!(
                    of(facts, name).is_some() || free.contains(&name),
                    "{}: {name}",
                    facts.kind
                );
            }
        }
    }
}
