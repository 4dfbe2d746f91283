//! Addresses and folders that no other test uses.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

/// The network `127.x.0.0/16` of this process: whoever listens on its last address has it, and the
/// kernel lets one do so.
static NETWORK: LazyLock<(u8, TcpListener)> = LazyLock::new(|| {
    let [.., first] = (std::process::id() % 250).to_be_bytes();
    let mut numbers = (first..=254).chain(1..=first.max(1));
    let claim = |number: u8| {
        let last = Ipv4Addr::new(127, number, 255, 254);
        Some((number, TcpListener::bind((last, 40_404)).ok()?))
    };
    let own = numbers.find_map(|number| claim(number.max(1)));
    own.expect("no process holds all 254 networks")
});

/// An address of the loopback network that belongs to the caller alone.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, NETWORK.0, high, low)
}

/// A folder that is removed with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
