//! A back-end that says what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// A closed gate holds back the second event of a stream.
type Gate = Arc<(Mutex<bool>, Condvar)>;

pub(crate) struct BackEnd {
    address: SocketAddr,
    gate: Gate,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl BackEnd {
    /// Listens on `address`. Answers begin with `name`, then repeat the request's head.
    ///
    /// A path with `stream` gets two events, the second after [`Self::open_gate`], and in chunks if
    /// it says `chunked`; a request to become a WebSocket gets its bytes back.
    pub(crate) fn start(name: &str, address: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).unwrap();
        let (name, gate, stop) = (
            name.to_owned(),
            Gate::default(),
            Arc::new(AtomicBool::new(false)),
        );
        let (its_gate, stopped) = (Arc::clone(&gate), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (name, gate) = (name.clone(), Arc::clone(&its_gate));
                std::thread::spawn(move || connection.and_then(|c| serve(&c, &name, &gate)));
            }
        });
        Self {
            address: (address, port).into(),
            gate,
            stop,
            thread: Some(thread),
        }
    }

    /// Lets streams go on.
    pub(crate) fn open_gate(&self) {
        *self.gate.0.lock().unwrap() = true;
        self.gate.1.notify_all();
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.open_gate();
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn serve(mut connection: &TcpStream, name: &str, gate: &Gate) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let head = read_head(&mut reader)?;
    let lower = head.to_ascii_lowercase();
    if lower.contains("\r\nupgrade: websocket") {
        connection.write_all(
            b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )?;
        let mut bytes = [0; 16];
        let length = reader.read(&mut bytes)?;
        return connection.write_all(&bytes[..length]);
    }
    let line = lower.lines().next().unwrap_or("");
    if line.contains("stream") {
        return stream(connection, gate, line.contains("chunked"));
    }
    let length = lower
        .lines()
        .find_map(|line| {
            line.strip_prefix("content-length: ")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .unwrap_or(0);
    let taken = std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let body = format!("{name}\r\n{head}body: {taken}\r\n");
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Sends two events, in chunks or with an end that only closing tells.
fn stream(mut connection: &TcpStream, gate: &Gate, chunked: bool) -> std::io::Result<()> {
    let (encoding, first, second) = if chunked {
        let second = "e\r\ndata: second\n\n\r\n0\r\n\r\n";
        (
            "Transfer-Encoding: chunked",
            "d\r\ndata: first\n\n\r\n",
            second,
        )
    } else {
        ("Connection: close", "data: first\n\n", "data: second\n\n")
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{encoding}\r\n\r\n");
    connection.write_all(head.as_bytes())?;
    connection.write_all(first.as_bytes())?;
    let mut open = gate.0.lock().unwrap();
    while !*open {
        open = gate.1.wait(open).unwrap();
    }
    connection.write_all(second.as_bytes())
}

/// Reads up to the empty line.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
