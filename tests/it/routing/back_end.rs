//! Back-ends that say who they are and what they were asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// Header by which a test asks for events instead of an echo: `chunked` or `closed`.
pub(super) const EVENTS: &str = "X-Test-Events";

/// Bodies count from 0 to this and begin again, so that bytes that were lost or moved are seen.
const PERIOD: u8 = 251;

/// Bytes of a body that are looked at together.
pub(super) const LONGEST_PIECE: usize = 64 * 1024;

/// Events of a stream; each is sent when the one before was let go.
pub(super) const EVENT_COUNT: usize = 4;

/// A service that answers on one address; it ends, with all its connections, with the value.
pub(super) struct BackEnd {
    gate: Arc<Semaphore>,
    task: AbortHandle,
}

impl BackEnd {
    /// Listens on `address`.
    pub(super) async fn start(service: &str, instance: &str, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let whoami = json!({ "service": service, "instance": instance, "port": address.port() });
        let its_gate = Arc::clone(&gate);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let (whoami, gate) = (whoami.clone(), Arc::clone(&its_gate));
                connections.spawn(async move {
                    drop(serve(connection, whoami, &gate).await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            gate,
            task: task.abort_handle(),
        }
    }

    /// Lets the next event of a stream go.
    pub(super) fn let_an_event_go(&self) {
        self.gate.add_permits(1);
    }

    /// Stops listening, and waits until nobody can connect any more.
    pub(super) async fn stop(self, address: SocketAddr) {
        self.task.abort();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The address of the service with this number.
pub(super) fn address(number: usize, port: u16) -> SocketAddr {
    let last = u8::try_from(number).unwrap();
    (Ipv4Addr::new(127, 0, 1, last), port).into()
}

async fn serve(connection: TcpStream, whoami: Value, gate: &Semaphore) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    let head = read_head(&mut connection).await?;
    let value = |name: &str| {
        let mut headers = head.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    if value("Upgrade").is_some() {
        return websocket(connection, &whoami, &head).await;
    }
    if let Some(kind) = value(EVENTS) {
        return events(connection, gate, kind == "chunked").await;
    }
    let (length, is_whole) = match (value("Content-Length"), value("Transfer-Encoding")) {
        (Some(length), _) => {
            let length = length.parse().unwrap_or(0);
            read_body(&mut connection, length).await?
        }
        (None, Some(_)) => read_chunks(&mut connection).await?,
        (None, None) => (0, true),
    };
    let body = echo(&whoami, &head, length, is_whole);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body.as_bytes()).await?;
    connection.shutdown().await
}

/// The head of a request.
struct Head {
    line: String,
    headers: Vec<(String, String)>,
}

fn echo(whoami: &Value, head: &Head, length: u64, is_whole: bool) -> String {
    json!({
        "service": whoami["service"],
        "instance": whoami["instance"],
        "port": whoami["port"],
        "line": head.line,
        "headers": head.headers,
        "length": length,
        "whole": is_whole,
    })
    .to_string()
}

async fn read_head(connection: &mut BufReader<TcpStream>) -> std::io::Result<Head> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if connection.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut lines = lines.into_iter();
    Ok(Head {
        line: lines.next().unwrap_or_default(),
        headers: lines
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect(),
    })
}

/// Answers with 101 and an echo, then repeats every byte.
async fn websocket(
    mut connection: BufReader<TcpStream>,
    whoami: &Value,
    head: &Head,
) -> std::io::Result<()> {
    let echo = echo(whoami, head, 0, true);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         X-Test-Echo: {echo}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await?;
    let mut bytes = [0; 1024];
    loop {
        let length = connection.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        connection.write_all(&bytes[..length]).await?;
    }
}

/// Sends one event for each that is let go, in chunks or with an end that only closing tells.
async fn events(
    mut connection: BufReader<TcpStream>,
    gate: &Semaphore,
    is_chunked: bool,
) -> std::io::Result<()> {
    let framing = if is_chunked {
        "Transfer-Encoding: chunked"
    } else {
        "Connection: close"
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    for number in 0..EVENT_COUNT {
        let Ok(permit) = gate.acquire().await else {
            return Ok(());
        };
        permit.forget();
        let event = format!("data: event {number}\n\n");
        let event = if is_chunked {
            format!("{:x}\r\n{event}\r\n", event.len())
        } else {
            event
        };
        connection.write_all(event.as_bytes()).await?;
        connection.flush().await?;
    }
    if is_chunked {
        connection.write_all(b"0\r\n\r\n").await?;
    }
    connection.shutdown().await
}

async fn read_body(
    connection: &mut BufReader<TcpStream>,
    length: u64,
) -> std::io::Result<(u64, bool)> {
    let (mut taken, mut is_whole) = (0, true);
    let mut bytes = vec![0; LONGEST_PIECE];
    while taken < length {
        let left = usize::try_from(length - taken).unwrap_or(usize::MAX);
        let most = bytes.len().min(left);
        let read = connection.read(&mut bytes[..most]).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        is_whole &= bytes[..read] == *piece(taken, read);
        taken += read as u64;
    }
    Ok((taken, is_whole))
}

async fn read_chunks(connection: &mut BufReader<TcpStream>) -> std::io::Result<(u64, bool)> {
    let (mut taken, mut is_whole) = (0, true);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let length = usize::from_str_radix(line.trim(), 16).ok();
        let length = length.filter(|length| *length <= LONGEST_PIECE);
        let length = length.ok_or(std::io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; length + 2];
        connection.read_exact(&mut chunk).await?;
        if length == 0 {
            return Ok((taken, is_whole));
        }
        is_whole &= chunk[..length] == *piece(taken, length);
        taken += length as u64;
    }
}

/// The bytes of a body from a place on, at most [`LONGEST_PIECE`] of them.
pub(super) fn piece(from: u64, length: usize) -> &'static [u8] {
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..PERIOD).cycle().take(LONGEST_PIECE + 256).collect());
    let start = usize::try_from(from % u64::from(PERIOD)).unwrap_or(0);
    &PATTERN[start..start + length]
}
