//! A client that sends exactly the bytes it is given.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Name of the back-end that answered.
    pub(crate) fn service(&self) -> &str {
        self.body.lines().next().unwrap_or("")
    }

    /// The first line of the request as the back-end saw it.
    pub(crate) fn request_line(&self) -> &str {
        self.body.lines().nth(1).unwrap_or("")
    }

    /// All values of a header as the back-end saw it.
    pub(crate) fn seen(&self, header: &str) -> Vec<&str> {
        self.body
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.eq_ignore_ascii_case(header))
            .map(|(_, value)| value)
            .collect()
    }
}

/// Opens a connection that gives up instead of waiting for ever.
pub(crate) fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(connection)
}

/// Sends a request line with headers (each ending with `\r\n`) and reads the whole answer.
pub(crate) fn send(address: SocketAddr, line: &str, headers: &str) -> std::io::Result<Answer> {
    let mut connection = connect(address)?;
    // In one piece: nginx hangs up as soon as it has read a line that it refuses.
    let request = format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes)?;
    Ok(Answer::read(&bytes))
}

/// Asks for `target` under the public name of the deployment.
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    send(
        address,
        &format!("GET {target}"),
        "Host: dify.example.com\r\n",
    )
    .unwrap()
}

/// Reads until `wanted` has arrived.
pub(crate) fn read_until(connection: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 512];
    while !text.contains(wanted) {
        let length = connection.read(&mut bytes).unwrap();
        assert!(length > 0, "closed after {text:?}, without {wanted:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}
