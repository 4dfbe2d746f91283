//! What is opened to the PostgreSQL server at the greatest scale, against what it has.
//!
//! Every process of Dify keeps pools of its own, so connections multiply with processes and
//! replicas.

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
    /// Connections of a process, overflow included.
    pub connections: u32,
}

impl ConnectionBudget {
    /// All connections that may be open at once.
    pub fn most(&self) -> u32 {
        self.users
            .iter()
            .fold(0, |sum, user| sum.saturating_add(user.most()))
    }
}

impl ConnectionUser {
    /// All connections of the service.
    pub fn most(&self) -> u32 {
        self.replicas
            .saturating_mul(self.processes)
            .saturating_mul(self.connections)
    }
}

impl fmt::Display for ConnectionUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} by `{}` ({}",
            self.most(),
            self.service,
            self.replicas
        )?;
        if self.processes != 1 {
            write!(formatter, " × {}", self.processes)?;
        }
        write!(formatter, " × {})", self.connections)
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
    /// assert!(budget.most() <= 35);
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn connection_budget(&self) -> ConnectionBudget {
        let pools = self.postgres.pools();
        let user = |service: &Service| {
            Some(ConnectionUser {
                service: service.kind,
                replicas: service.replicas.max().into(),
                processes: processes(service),
                connections: connections(service, pools)?,
            })
        };
        ConnectionBudget {
            usable: self.postgres.usable_connections(),
            users: self.services().filter_map(user).collect(),
        }
    }
}

/// Connections that a process may hold; nothing for services without a database.
fn connections(service: &Service, pools: ConnectionPools) -> Option<u32> {
    let number = |name, default| number(service, name).unwrap_or(default);
    let tables = || {
        let size: u32 = number("SQLALCHEMY_POOL_SIZE", pools.size);
        size.saturating_add(number("SQLALCHEMY_MAX_OVERFLOW", pools.overflow))
    };
    match service.kind {
        ServiceKind::Api | ServiceKind::Worker => {
            Some(tables().saturating_add(number("PGVECTOR_MAX_CONNECTION", pools.pgvector)))
        }
        // Neither the scheduler nor the socket server looks up vectors.
        ServiceKind::ApiWebsocket | ServiceKind::WorkerBeat => Some(tables()),
        ServiceKind::PluginDaemon => Some(number("DB_MAX_OPEN_CONNS", pools.daemon)),
        _ => None,
    }
}

/// Processes of a replica that each keep pools (langgenius/dify 1.16.0 `api/docker/entrypoint.sh`).
fn processes(service: &Service) -> u32 {
    let number = |name| number(service, name);
    match service.kind {
        ServiceKind::Api | ServiceKind::ApiWebsocket => number("SERVER_WORKER_AMOUNT").unwrap_or(1),
        // Green threads share the pools of their process; forked workers have their own.
        ServiceKind::Worker if forks(service) => number("CELERY_WORKER_CONCURRENCY")
            .or_else(|| number("CELERY_MAX_WORKERS"))
            .or_else(|| number("CELERY_WORKER_AMOUNT"))
            .unwrap_or(1),
        _ => 1,
    }
}

fn forks(worker: &Service) -> bool {
    let pool = worker
        .plain_variable("CELERY_WORKER_POOL")
        .or_else(|| worker.plain_variable("CELERY_WORKER_CLASS"));
    pool == Some("prefork")
}

fn number(service: &Service, name: &str) -> Option<u32> {
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
