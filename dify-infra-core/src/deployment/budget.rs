//! What is opened to the PostgreSQL server at the greatest scale, against what it has.
//!
//! Every process of Dify keeps pools of its own, so connections multiply with processes and
//! replicas.

use std::convert::Infallible;
use std::fmt;

use super::{ConnectionPools, Deployment, Service, VariableValue};
use crate::catalogue::ServiceKind;

/// What is opened at the greatest scale, against what the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionBudget {
    /// Connections that the server has for users; nothing when its size is not known.
    pub usable: Option<u32>,
    /// The services that open some.
    pub users: Vec<ConnectionUser>,
}

/// A service that opens connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionUser {
    /// The service.
    pub service: ServiceKind,
    /// Its replicas at the greatest scale.
    pub replicas: u32,
    /// Processes of a replica.
    pub processes: u32,
    /// Connections of a process, overflow included; nothing when it opens as many as it likes.
    pub connections: Option<u32>,
}

impl ConnectionBudget {
    /// All connections that may be open at once; nothing when there is no limit.
    pub fn most(&self) -> Option<u32> {
        self.users
            .iter()
            .try_fold(0_u32, |sum, user| Some(sum.saturating_add(user.most()?)))
    }
}

impl ConnectionUser {
    /// All connections of the service; nothing when there is no limit.
    pub fn most(&self) -> Option<u32> {
        let processes = self.replicas.saturating_mul(self.processes);
        if processes == 0 {
            return Some(0);
        }
        Some(processes.saturating_mul(self.connections?))
    }
}

impl fmt::Display for ConnectionUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(most), Some(connections)) = (self.most(), self.connections) else {
            return write!(formatter, "any number by `{}`", self.service);
        };
        write!(formatter, "{most} by `{}` ({}", self.service, self.replicas)?;
        if self.processes != 1 {
            write!(formatter, " × {}", self.processes)?;
        }
        write!(formatter, " × {connections})")
    }
}

impl Deployment {
    /// What is opened to the PostgreSQL server at the greatest scale, against what it has.
    ///
    /// ```
    /// use dify_infra_core::deployment::Deployment;
    ///
    /// let resolved = Deployment::builder("dify", "dev")
    ///     .location("japaneast")
    ///     .resource_group("dify-dev-rg")
    ///     .build()?;
    /// let budget = resolved.deployment.connection_budget();
    /// assert_eq!(budget.usable, Some(35));
    /// assert!(budget.most() <= Some(35));
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn connection_budget(&self) -> ConnectionBudget {
        let pools = self.postgres.pools();
        let user = |service: &Service| {
            Some(ConnectionUser {
                service: service.kind,
                replicas: service.replicas.max().into(),
                processes: processes_of(service),
                connections: connections(service, pools)?,
            })
        };
        ConnectionBudget {
            usable: self.postgres.usable_connections(),
            users: self.services().filter_map(user).collect(),
        }
    }
}

/// Connections that a process may hold, if it has a limit; nothing for services without a database.
///
/// Each dataset object has a pool for vectors of its own, of which one is counted: how many are in use at once
/// depends on what is asked (langgenius/dify 1.16.0 `api/core/rag/datasource/vdb/pgvector`).
#[expect(
    clippy::option_option,
    reason = "without a database is something else than without a limit"
)]
fn connections(service: &Service, pools: ConnectionPools) -> Option<Option<u32>> {
    let number = |name, default: u32| number(service, name).unwrap_or(default.into());
    let tables = || {
        pooled(
            number("SQLALCHEMY_POOL_SIZE", pools.size),
            number("SQLALCHEMY_MAX_OVERFLOW", pools.overflow),
        )
    };
    let vectors = || number("PGVECTOR_MAX_CONNECTION", pools.pgvector).max(0);
    let all = match service.kind {
        kind if looks_up_vectors(kind) => tables().map(|it| it.saturating_add(vectors())),
        ServiceKind::ApiWebsocket | ServiceKind::WorkerBeat => tables(),
        ServiceKind::PluginDaemon => opened(number("DB_MAX_OPEN_CONNS", pools.daemon)),
        _ => return None,
    };
    Some(all.map(|it| u32::try_from(it).unwrap_or(u32::MAX)))
}

/// Connections of a pool of `SQLAlchemy`; nothing without a limit, which a size of 0 and an overflow of -1 mean
/// (docs.sqlalchemy.org core/pooling, `QueuePool`).
fn pooled(size: i64, overflow: i64) -> Option<i64> {
    (size > 0 && overflow >= 0).then(|| size.saturating_add(overflow))
}

/// Connections of a pool of Go; nothing without a limit, which 0 and less mean (pkg.go.dev database/sql,
/// `SetMaxOpenConns`).
fn opened(most: i64) -> Option<i64> {
    (most > 0).then_some(most)
}

/// Whether a service of the application keeps a pool for vectors: neither the scheduler nor the socket server
/// looks any up.
pub(crate) fn looks_up_vectors(kind: ServiceKind) -> bool {
    matches!(kind, ServiceKind::Api | ServiceKind::Worker)
}

fn processes_of(service: &Service) -> u32 {
    let plain = |name: &str| Ok::<_, Infallible>(service.plain_variable(name));
    let Ok(processes) = processes(service.kind, plain);
    processes
}

/// Processes of a replica that each keep pools, by the variables that decide it
/// (langgenius/dify 1.16.0 `api/docker/entrypoint.sh`).
///
/// # Errors
///
/// Whatever reading a variable that decides it does.
pub(crate) fn processes<'a, E>(
    kind: ServiceKind,
    variable: impl Fn(&str) -> Result<Option<&'a str>, E>,
) -> Result<u32, E> {
    // Of a number that is none, as of an empty text, the next one counts.
    let first = |names: &[&str]| {
        for name in names {
            let number = variable(name)?.and_then(|it| it.trim().parse().ok());
            if let Some(number) = number {
                return Ok(number);
            }
        }
        Ok(1)
    };
    match kind {
        ServiceKind::Api | ServiceKind::ApiWebsocket => first(&["SERVER_WORKER_AMOUNT"]),
        ServiceKind::Worker => {
            let filled = |name: &str| Ok(variable(name)?.filter(|it| !it.is_empty()));
            let pool = match filled("CELERY_WORKER_POOL")? {
                None => filled("CELERY_WORKER_CLASS")?,
                pool => pool,
            };
            // Green threads share the pools of their process; forked workers have their own.
            if pool != Some("prefork") {
                return Ok(1);
            }
            let scales = variable("CELERY_AUTO_SCALE")?;
            if scales.is_some_and(|it| it.eq_ignore_ascii_case("true")) {
                // As many as there are cores when nothing is said: at least one.
                return first(&["CELERY_MAX_WORKERS"]);
            }
            first(&["CELERY_WORKER_CONCURRENCY", "CELERY_WORKER_AMOUNT"])
        }
        _ => Ok(1),
    }
}

fn number(service: &Service, name: &str) -> Option<i64> {
    service.plain_variable(name)?.trim().parse().ok()
}

impl Service {
    /// The value that the file gives to a variable, when everyone may see it.
    pub(crate) fn plain_variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .find_map(|(known, value)| match value {
                VariableValue::Plain(text) if known.as_str() == name => Some(text.as_str()),
                _ => None,
            })
    }
}
