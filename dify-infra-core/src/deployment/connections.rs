//! Database connections: what a server offers, and how the processes share it.

use super::Postgres;
use super::sku::PostgresSku;

/// How many connections each process may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionPools {
    /// Connections that an API or worker process keeps (`SQLALCHEMY_POOL_SIZE`).
    pub size: u32,
    /// Connections that it may open beyond those (`SQLALCHEMY_MAX_OVERFLOW`).
    pub overflow: u32,
    /// Connections of the plugin daemon (`DB_MAX_OPEN_CONNS`).
    pub daemon: u32,
    /// Connections that an API or worker process opens for vectors (`PGVECTOR_MAX_CONNECTION`).
    pub pgvector: u32,
}

impl Postgres {
    /// Connections that the server leaves to applications; nothing for a size that is not listed.
    ///
    /// Total less the 15 that Azure reserves, fixed when the server is created
    /// (<https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-limits>).
    pub fn usable_connections(&self) -> Option<u32> {
        PostgresSku::find(&self.sku).map(PostgresSku::usable_connections)
    }

    /// The pools that fit the server. Dify's own defaults (30 and 10 for each process, 30 for the
    /// daemon) exhaust the smallest size at once (langgenius/dify#22695).
    pub fn pools(&self) -> ConnectionPools {
        match self.usable_connections() {
            // Ten replicas of API and worker fit a server of two cores.
            Some(usable) if (400..1700).contains(&usable) => ConnectionPools {
                size: 20,
                overflow: 10,
                daemon: 30,
                pgvector: 5,
            },
            Some(usable) if usable >= 1700 => ConnectionPools {
                size: 30,
                overflow: 10,
                daemon: 30,
                pgvector: 5,
            },
            _ => ConnectionPools {
                size: 3,
                overflow: 1,
                daemon: 6,
                pgvector: 1,
            },
        }
    }
}
