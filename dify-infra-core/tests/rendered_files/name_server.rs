//! A DNS server that knows the names it is told, and answers "no such name" to all others.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::place::own_address;

type Names = Arc<Mutex<BTreeMap<String, Ipv4Addr>>>;

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    names: Names,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((own_address(), 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let names = Names::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (known, stopped) = (Arc::clone(&names), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut query) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let answer = answer(&query[..length], &known.lock().unwrap());
                drop(answer.map(|answer| socket.send_to(&answer, client)));
            }
        });
        Self {
            address,
            names,
            stop,
            thread: Some(thread),
        }
    }

    /// Says where `name` is from now on.
    pub(crate) fn set(&self, name: &str, address: Ipv4Addr) {
        self.names.lock().unwrap().insert(name.to_owned(), address);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let woken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.send_to(&[0], self.address));
        drop(woken);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Answers a query with one question (RFC 1035, section 4).
fn answer(query: &[u8], names: &BTreeMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(std::str::from_utf8(query.get(at..at + length)?).ok()?);
        at += length;
    }
    let question = query.get(12..at + 4)?;
    let address = names.get(&labels.join("."));
    let is_address_query = question.ends_with(&[0, 1, 0, 1]);
    let (code, answers) = (
        u8::from(address.is_none()) * 3,
        address.filter(|_| is_address_query),
    );
    let mut reply = query[..2].to_vec();
    reply.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(answers.is_some()),
        0,
        0,
        0,
        0,
    ]);
    reply.extend(question);
    if let Some(address) = answers {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
