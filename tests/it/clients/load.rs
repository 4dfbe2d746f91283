//! Many resources and many clients at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};

use super::tools::runtime;

const RESOURCES: usize = 5000;
const CLIENTS: usize = 100;

/// A client with one connection, which it keeps.
struct Client(TcpStream);

impl Client {
    fn new(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        Self(stream)
    }

    /// Sends a request and reads the whole answer.
    fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let head = format!(
            "{method} /subscriptions/{DEFAULT_SUBSCRIPTION}{path} HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer any\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut part = vec![0_u8; 65536];
        loop {
            let read = self.0.read(&mut part).unwrap();
            assert!(read > 0, "the connection ended");
            bytes.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.to_owned());
            }
        }
    }
}

/// Memory of this process in kilobytes, where the system tells it.
fn memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn group(client: usize) -> String {
    format!("/resourcegroups/load-{client:03}")
}

fn workspace(client: usize, number: usize) -> String {
    format!(
        "{}/providers/Microsoft.OperationalInsights/workspaces/logs-{number:03}?api-version=2026-03-01",
        group(client)
    )
}

/// What one client does: its share of the resources is made, read and listed.
fn work(address: std::net::SocketAddr, number: usize) -> usize {
    let mut client = Client::new(address);
    let body = r#"{"location":"japaneast"}"#;
    let address = format!("{}?api-version=2025-04-01", group(number));
    assert_eq!(client.send("PUT", &address, body).0, 201);
    let share = RESOURCES / CLIENTS;
    for resource in 0..share {
        let (status, answer) = client.send("PUT", &workspace(number, resource), body);
        assert!((200..300).contains(&status), "{status}: {answer}");
    }
    for resource in 0..share {
        let (status, answer) = client.send("GET", &workspace(number, resource), "");
        assert_eq!(status, 200, "{answer}");
    }
    let address = format!("{}/resources?api-version=2025-04-01", group(number));
    let (status, answer) = client.send("GET", &address, "");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer.matches("\"id\"").count(), share, "{answer}");
    2 + 2 * share
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn many_resources_and_many_clients_meet_no_error() {
    let started = Instant::now();
    let emulator = Emulator::builder().time_scale(100_000.0).build().unwrap();
    let runtime = runtime();
    let azure = runtime.block_on(emulator.serve()).unwrap();
    let address = azure.local_address();
    Client::new(address).send("GET", "?api-version=2022-12-01", "");
    let start = started.elapsed();

    let before = memory();
    let began = Instant::now();
    let requests: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || work(address, number)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });
    let seconds = began.elapsed().as_secs_f64();
    let stored = azure.emulator().resources(jiff_now()).len();
    assert_eq!(stored, RESOURCES);
    assert_eq!(azure.emulator().request_count(), requests as u64 + 1);

    println!("first answer of a new server: {} ms", start.as_millis());
    println!(
        "{CLIENTS} clients, {RESOURCES} resources, {requests} requests: {:.0} requests a second",
        requests as f64 / seconds
    );
    if let (Some(before), Some(after)) = (before, memory()) {
        let each = after.saturating_sub(before) as f64 / RESOURCES as f64;
        println!("memory: {each:.1} KB a resource, its request log and history included");
    }
    runtime.block_on(azure.stop());
}

fn jiff_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
