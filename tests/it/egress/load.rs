//! How squid with our file holds up: 500 requests at once, again and again.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::client;
use super::proxy::Squid;

const AT_ONCE: u8 = 250;
const EACH: u8 = 10;

/// What came of the requests.
pub(super) struct Load {
    pub(super) requests: usize,
    pub(super) succeeded: usize,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) took: Duration,
    /// The most memory that squid had, in bytes.
    pub(super) memory: u64,
}

/// Keeps 500 clients asking, half of them through tunnels.
pub(super) async fn run(squid: &Squid) -> Load {
    let begin = Instant::now();
    let proxy = squid.address;
    let mut clients = Vec::new();
    for number in 0..2 * u16::from(AT_ONCE) {
        let [high, low] = number.to_be_bytes();
        let from = IpAddr::V4(Ipv4Addr::new(100, 100, high, low));
        clients.push(tokio::spawn(async move {
            let (method, target) = match number % 2 {
                0 => ("GET", "http://public.test/"),
                _ => ("CONNECT", "public.test:443"),
            };
            let mut took = Vec::new();
            for _ in 0..EACH {
                let start = Instant::now();
                let answer = client::ask(proxy, from, method, target).await;
                let reached =
                    answer.is_ok_and(|answer| answer.status == 200 && answer.reached.is_some());
                took.push((reached, start.elapsed()));
            }
            took
        }));
    }
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    let mut times: Vec<Duration> = all.iter().map(|(_, took)| *took).collect();
    times.sort();
    Load {
        requests: all.len(),
        succeeded: all.iter().filter(|(reached, _)| *reached).count(),
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        took: begin.elapsed(),
        memory: squid.most_memory(),
    }
}
