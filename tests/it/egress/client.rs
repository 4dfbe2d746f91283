//! A client that sends exactly what it is told to, from the address that it is told to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// What came back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Squid's own error, as `ERR_DNS_FAIL`.
    pub(super) error: Option<String>,
    pub(super) location: Option<String>,
    /// Where an origin was reached.
    pub(super) reached: Option<SocketAddr>,
}

/// Sends a request and, through a tunnel that opens, a second one.
pub(super) async fn ask(
    proxy: SocketAddr,
    from: IpAddr,
    method: &str,
    target: &str,
) -> std::io::Result<Answer> {
    let length = if ["POST", "PUT", "PATCH"].contains(&method) {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: any.test\r\n{length}Connection: close\r\n\r\n"
    );
    let asked = tokio::time::timeout(
        Duration::from_secs(40),
        exchange(proxy, from, method, &request),
    );
    asked
        .await
        .map_err(|_| std::io::Error::other("no answer in 40 s"))?
}

async fn exchange(
    proxy: SocketAddr,
    from: IpAddr,
    method: &str,
    request: &str,
) -> std::io::Result<Answer> {
    let socket = match from {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(from, 0))?;
    let mut connection = socket.connect(proxy).await?;
    connection.write_all(request.as_bytes()).await?;
    if !method.eq_ignore_ascii_case("CONNECT") {
        let mut bytes = Vec::new();
        read_to_end(&mut connection, &mut bytes).await?;
        return Ok(read(&bytes));
    }
    let mut bytes = head(&mut connection).await?;
    let tunnel = read(&bytes);
    if tunnel.status != 200 {
        // Read to its end: squid logs an answer that its client hangs up on as aborted.
        read_to_end(&mut connection, &mut bytes).await?;
        return Ok(tunnel);
    }
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    bytes.clear();
    read_to_end(&mut connection, &mut bytes).await?;
    Ok(Answer {
        reached: read(&bytes).reached,
        ..tunnel
    })
}

/// A peer that hangs up with what it has not read is an end like any other.
async fn read_to_end(connection: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    match connection.read_to_end(bytes).await {
        Err(error) if bytes.is_empty() && error.kind() != std::io::ErrorKind::ConnectionReset => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Reads up to the end of a head.
async fn head(connection: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = connection.read(&mut some).await?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&some[..length]);
    }
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let error = header("X-Squid-Error");
    Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .unwrap_or(0),
        error: error.and_then(|error| error.split(' ').next().map(str::to_owned)),
        location: header("Location"),
        reached: body
            .strip_prefix("reached ")
            .and_then(|place| place.trim().parse().ok()),
    }
}
