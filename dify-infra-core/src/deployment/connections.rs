//! Database connections: what a server offers, and how the processes share it.

use super::Postgres;

/// How many connections each process may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionPools {
    /// Connections that an API or worker process keeps (`SQLALCHEMY_POOL_SIZE`).
    pub size: u32,
    /// Connections that it may open beyond those (`SQLALCHEMY_MAX_OVERFLOW`).
    pub overflow: u32,
    /// Connections of the plugin daemon (`DB_MAX_OPEN_CONNS`).
    pub daemon: u32,
}

impl Postgres {
    /// Connections that the server leaves to applications; nothing for a size that is not listed.
    ///
    /// Total less the 15 that Azure reserves, fixed when the server is created
    /// (<https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-limits>).
    pub fn usable_connections(&self) -> Option<u32> {
        let size = self.sku.strip_prefix("Standard_")?;
        match size {
            "B1ms" => return Some(35),
            "B2s" => return Some(414),
            "B2ms" => return Some(844),
            "B4ms" => return Some(1703),
            _ => {}
        }
        let cores: String = size
            .chars()
            .skip(1)
            .take_while(char::is_ascii_digit)
            .collect();
        match cores.parse::<u32>().ok()? {
            2 => Some(844),
            4 => Some(1703),
            8 => Some(3422),
            16.. => Some(4985),
            _ => None,
        }
    }

    /// The pools that fit the server. Dify's own defaults (30 and 10 for each process, 30 for the
    /// daemon) exhaust the smallest size at once (langgenius/dify#22695).
    pub fn pools(&self) -> ConnectionPools {
        match self.usable_connections() {
            Some(usable) if usable >= 400 => ConnectionPools {
                size: 30,
                overflow: 10,
                daemon: 30,
            },
            _ => ConnectionPools {
                size: 3,
                overflow: 1,
                daemon: 6,
            },
        }
    }
}
