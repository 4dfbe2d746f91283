//! A DNS server that knows the full names it is told, and can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// How questions are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// With what is known; "no such name" otherwise.
    Answering,
    /// With "server failure".
    Failing,
    /// Not at all.
    Silent,
}

struct State {
    names: BTreeMap<String, Ipv4Addr>,
    asked: BTreeSet<String>,
    mood: Mood,
}

/// The server; it ends with the process.
#[derive(Clone)]
pub(super) struct NameServer(Arc<Mutex<State>>);

impl NameServer {
    /// Listens on port 53 of `address`.
    pub(super) async fn start(address: Ipv4Addr) -> Self {
        let state = State {
            names: BTreeMap::new(),
            asked: BTreeSet::new(),
            mood: Mood::Answering,
        };
        let server = Self(Arc::new(Mutex::new(state)));
        let socket = UdpSocket::bind(SocketAddr::from((address, 53)))
            .await
            .unwrap();
        tokio::spawn(server.clone().serve(socket));
        server
    }

    async fn serve(self, socket: UdpSocket) {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question).await {
            if let Some(answer) = self.answer(&question[..length]) {
                drop(socket.send_to(&answer, client).await);
            }
        }
    }

    /// Says where `name` is from now on.
    pub(super) fn set(&self, name: &str, address: Ipv4Addr) {
        self.0
            .lock()
            .unwrap()
            .names
            .insert(name.to_owned(), address);
    }

    /// Changes how questions are answered.
    pub(super) fn set_mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// Every name that was asked for.
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().asked.clone()
    }

    /// Answers a query with one question (RFC 1035, section 4).
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = question(query)?;
        let question = query.get(12..end + 4)?;
        let mut state = self.0.lock().unwrap();
        state.asked.insert(name.clone());
        let address = state.names.get(&name).copied();
        let code = match state.mood {
            Mood::Silent => return None,
            Mood::Failing => 2,
            Mood::Answering if address.is_none() => 3,
            Mood::Answering => 0,
        };
        let is_address_query = question.ends_with(&[0, 1, 0, 1]);
        let address = address.filter(|_| code == 0 && is_address_query);
        let mut reply = query[..2].to_vec();
        let count = u8::from(address.is_some());
        reply.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
        reply.extend(question);
        if let Some(address) = address {
            // Kept for a minute by whoever believes the answer, so that nginx must not.
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            reply.extend(address.octets());
        }
        Some(reply)
    }
}

/// The name that is asked for, and where it ends.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(std::str::from_utf8(query.get(at..at + length)?).ok()?);
        at += length;
    }
}
