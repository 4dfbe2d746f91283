//! A client that sends exactly the bytes it is given, from the address it is given.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Where nginx listens: port 80 of every address of its namespace.
const FRONT_DOOR: ([u8; 4], u16) = ([198, 51, 100, 80], 80);

/// How long anything may take before the test gives up on it.
pub(super) const PATIENCE: Duration = Duration::from_secs(40);

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

/// Connects from an address of the namespace.
pub(super) async fn connect(from: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    let connecting = socket.connect(SocketAddr::from(FRONT_DOOR));
    timeout(PATIENCE, connecting).await.unwrap().unwrap()
}

/// Sends a request head alone.
pub(super) async fn send(from: IpAddr, head: &[u8]) -> Answer {
    send_all(from, head, std::iter::empty()).await
}

/// Sends a request head, and the pieces of a body while the answer may already come.
pub(super) async fn send_all(
    from: IpAddr,
    head: &[u8],
    body: impl Iterator<Item = Vec<u8>>,
) -> Answer {
    let (mut reader, mut writer) = connect(from).await.into_split();
    writer.write_all(head).await.unwrap();
    let sending = async {
        for piece in body {
            // nginx may hang up before it has read a body that it refuses.
            if writer.write_all(&piece).await.is_err() {
                break;
            }
        }
        writer
    };
    let receiving = async {
        let mut bytes = Vec::new();
        let mut piece = vec![0; 16 * 1024];
        loop {
            match reader.read(&mut piece).await {
                Ok(length) if length > 0 => bytes.extend_from_slice(&piece[..length]),
                _ => return bytes,
            }
            if is_whole(&bytes) {
                return bytes;
            }
        }
    };
    let both = async {
        tokio::pin!(sending);
        tokio::pin!(receiving);
        tokio::select! {
            bytes = &mut receiving => bytes,
            _writer = &mut sending => receiving.await,
        }
    };
    let bytes = timeout(PATIENCE, both).await.unwrap();
    parse(&bytes)
}

/// Whether the answer has arrived as far as its head says.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= end + 4 + length)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head,
        body: bytes.get(end + 4..).unwrap_or_default().to_vec(),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// Reads until `wanted` has arrived; all that came.
pub(super) async fn read_until(connection: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 1024];
    while !text.contains(wanted) {
        let reading = timeout(PATIENCE, connection.read(&mut bytes)).await;
        let length = reading
            .unwrap_or_else(|_| panic!("{wanted:?} did not come, only {text:?}"))
            .unwrap();
        assert!(length > 0, "closed after {text:?}, without {wanted:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}
