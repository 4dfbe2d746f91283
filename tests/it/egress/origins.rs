//! Origins at every address: they say at which one they were reached.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Ports that something listens on; all others refuse connections.
pub(super) const PORTS: [u16; 11] = [22, 25, 80, 443, 444, 3000, 5001, 5432, 6379, 8080, 10000];

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Listens on all of [`PORTS`] of every address of the namespace.
pub(super) async fn start() {
    for port in PORTS {
        let place = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let listener = TcpListener::bind(place).await.unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
    }
}

/// Answers one request: with a redirect if it asks for one, else with the address that it reached.
async fn serve(mut connection: TcpStream) {
    let Ok(place) = connection.local_addr() else {
        return;
    };
    let mut request = Vec::new();
    let mut bytes = [0; 4096];
    while !is_whole(&request) {
        match tokio::time::timeout(PATIENCE, connection.read(&mut bytes)).await {
            Ok(Ok(length)) if length > 0 => request.extend_from_slice(&bytes[..length]),
            Ok(_) => return,
            // Who waits for a greeting, as FTP does, is told that there is none.
            Err(_) => {
                drop(connection.write_all(b"500 not here\r\n").await);
                return;
            }
        }
    }
    // Something else than HTTP, as TLS: hang up.
    if !request.first().is_some_and(u8::is_ascii_uppercase) {
        return;
    }
    let text = String::from_utf8_lossy(&request);
    let path = text.split(' ').nth(1).unwrap_or_default();
    let place = SocketAddr::new(place.ip().to_canonical(), place.port());
    let (head, body) = match path.split_once("redirect=") {
        Some((_, to)) => (format!("302 Found\r\nLocation: {to}"), String::new()),
        None => ("200 OK".to_owned(), format!("reached {place}\n")),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    drop(connection.write_all(answer.as_bytes()).await);
    drop(connection.shutdown().await);
}

/// Whether a request has its whole head, or is none of HTTP.
fn is_whole(request: &[u8]) -> bool {
    let is_http = request.first().is_none_or(u8::is_ascii_uppercase);
    !is_http || request.windows(4).any(|window| window == b"\r\n\r\n")
}
