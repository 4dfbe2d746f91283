//! A DNS server with the test's own zone: A, AAAA and PTR.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::spellings::{REVERSE, ZONE};

/// Where the namespace's `resolv.conf` says that it is.
pub(super) const ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), 53);

const PTR: u16 = 12;

/// Answers for as long as the process lives.
pub(super) fn start() {
    let socket = UdpSocket::bind(ADDRESS).unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length]) {
                drop(socket.send_to(&answer, client));
            }
        }
    });
}

/// Answers a query with one question (RFC 1035, section 4).
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = query.get(12..at + 4)?;
    let (exists, records) = records(&labels.join("."), kind);
    let code = u8::from(!exists) * 3;
    let count = u8::try_from(records.len()).ok()?;
    let mut reply = query.get(..2)?.to_vec();
    reply.extend([0x85, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    reply.extend(question);
    for record in records {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]);
        reply.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        reply.extend(record);
    }
    Some(reply)
}

/// Whether a name exists, and its records of a type.
fn records(name: &str, kind: u16) -> (bool, Vec<Vec<u8>>) {
    if kind == PTR {
        let found = REVERSE
            .iter()
            .find(|(address, _)| reversed(address) == name);
        let records = found.map(|(_, name)| encoded(name)).into_iter().collect();
        return (found.is_some(), records);
    }
    let Some((_, addresses)) = ZONE.iter().find(|(known, _)| *known == name) else {
        return (false, Vec::new());
    };
    let of_kind = |text: &&str| match (text.parse().unwrap(), kind) {
        (IpAddr::V4(address), 1) => Some(address.octets().to_vec()),
        (IpAddr::V6(address), 28) => Some(address.octets().to_vec()),
        _ => None,
    };
    (true, addresses.iter().filter_map(of_kind).collect())
}

fn reversed(address: &str) -> String {
    let mut parts: Vec<&str> = address.split('.').collect();
    parts.reverse();
    format!("{}.in-addr.arpa", parts.join("."))
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
