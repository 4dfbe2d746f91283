//! The real squid, started as the container starts it.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dify_infra_core::render::{SQUID_COMMAND, SQUID_DIRECTORY};
use tempfile::TempDir;

/// A line of the access log.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    /// As `TCP_DENIED`.
    pub(super) result: String,
    pub(super) status: u16,
    /// Whether an address was tried.
    pub(super) tried: bool,
}

/// A squid that ends with the value.
pub(super) struct Squid {
    child: Child,
    folder: TempDir,
    pub(super) address: SocketAddr,
}

impl Squid {
    /// Starts squid with the text of a file, and waits until it listens.
    pub(super) fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("squid.conf"), text).unwrap();
        let place = folder.path().to_str().unwrap();
        let [shell, option, command] = SQUID_COMMAND;
        let errors = File::create(folder.path().join("errors")).unwrap();
        let child = Command::new(shell)
            .args([option, &command.replace(SQUID_DIRECTORY, place)])
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("log")).unwrap())
            .stderr(errors)
            .spawn()
            .unwrap();
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 99, 99, 99)), 3128);
        let mut squid = Self {
            child,
            folder,
            address,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            let ended = squid.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{}",
                squid.errors()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        squid
    }

    /// The most memory that squid had at once, in bytes.
    pub(super) fn most_memory(&self) -> u64 {
        // The shell has become squid (`exec`), which has no other processes (`-N`).
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        assert!(status.starts_with("Name:\tsquid\n"), "{status}");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: u64 = most
            .and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok())
            .unwrap();
        kibibytes << 10
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    /// What the access log says of each client, once it has `wanted` of them.
    pub(super) fn log(&self, wanted: usize) -> BTreeMap<IpAddr, Logged> {
        self.log_when(|logged| logged.len() >= wanted)
    }

    /// What the access log says of a client.
    pub(super) fn logged(&self, client: IpAddr) -> Logged {
        self.log_when(|logged| logged.contains_key(&client))[&client].clone()
    }

    fn log_when(
        &self,
        is_enough: impl Fn(&BTreeMap<IpAddr, Logged>) -> bool,
    ) -> BTreeMap<IpAddr, Logged> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            let logged: BTreeMap<IpAddr, Logged> = text.lines().filter_map(read).collect();
            if is_enough(&logged) || Instant::now() > deadline {
                return logged;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Reads a line of squid's own format.
fn read(line: &str) -> Option<(IpAddr, Logged)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (result, status) = words.get(3)?.split_once('/')?;
    let logged = Logged {
        result: result.to_owned(),
        status: status.parse().ok()?,
        tried: !words.get(8)?.ends_with("/-"),
    };
    Some((words.get(2)?.parse().ok()?, logged))
}

impl Drop for Squid {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
