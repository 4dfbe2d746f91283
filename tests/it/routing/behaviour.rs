//! What takes more than one request and one answer: streams, sockets, bodies, back-ends that go.

use std::net::SocketAddr;
use std::time::Duration;

use dify_infra_core::routes::{Location, Outcome, PublicRequest, RouteTable};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep};

use super::back_end::{BackEnd, EVENT_COUNT, EVENTS, LONGEST_PIECE, address, piece};
use super::client::{Answer, PATIENCE, connect, read_until, send, send_all};
use super::corpus::Call;
use super::front_door::{FrontDoor, SEARCH_DOMAIN, app};
use super::name_server::{Mood, NameServer};

/// Number of the address to which the API moves.
const NEW_PLACE: usize = 200;

/// Each event arrives before the next one is sent.
pub(super) async fn events_arrive_one_by_one(api: &BackEnd) {
    for kind in ["chunked", "closed"] {
        let call = Call::get("/v1/chat-messages");
        let mut connection = connect(call.peer).await;
        let head = String::from_utf8(call.head()).unwrap();
        let head = head.replace("\r\n\r\n", &format!("\r\n{EVENTS}: {kind}\r\n\r\n"));
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut events = Vec::new();
        for number in 0..EVENT_COUNT {
            api.let_an_event_go();
            let event = format!("data: event {number}\n\n");
            let text = read_until(&mut connection, &event).await;
            let next = format!("event {}", number + 1);
            assert!(!text.contains(&next), "{kind}: {text}");
            events.push(number);
        }
        assert_eq!(events.len(), EVENT_COUNT);
    }
}

/// Bytes go both ways where the model allows a WebSocket; says where.
pub(super) async fn sockets_carry_bytes(table: &RouteTable) -> Vec<String> {
    let mut paths = Vec::new();
    for location in table.locations().iter().filter(|it| it.upgrade) {
        let call = Call {
            upgrade: Some("websocket"),
            ..Call::get(format!("{}?transport=websocket", location.path))
        };
        let mut connection = connect(call.peer).await;
        connection.write_all(&call.head()).await.unwrap();
        let head = read_until(&mut connection, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for frame in ["one frame", "another frame"] {
            connection.write_all(frame.as_bytes()).await.unwrap();
            read_until(&mut connection, frame).await;
        }
        paths.push(location.path.clone());
    }
    paths
}

/// Bodies of 60 MB and 110 MB, with a length and in chunks, and those around the limit, are taken or
/// refused as the model says: by a location of the release, and by one of the file with its own limit.
pub(super) async fn bodies_are_limited(table: &RouteTable) -> usize {
    let limit = table.settings().client_max_body_size;
    let cases = [
        ("/console/api/files/upload", 60_000_000, false),
        ("/console/api/files/upload", 60_000_000, true),
        ("/console/api/files/upload", 110_000_000, false),
        ("/console/api/files/upload", 110_000_000, true),
        ("/v1/files/upload", 110_000_000, true),
        ("/files/x", limit, false),
        ("/files/x", limit + 1, false),
    ];
    for (target, length, is_chunked) in cases {
        body_is_as_modelled(table, target, length, is_chunked).await;
    }
    cases.len()
}

async fn body_is_as_modelled(table: &RouteTable, target: &str, length: u64, is_chunked: bool) {
    let call = Call {
        method: "POST",
        ..Call::get(target)
    };
    let request = PublicRequest {
        body: length,
        ..call.request()
    };
    let framing = if is_chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {length}")
    };
    let head = String::from_utf8(call.head()).unwrap();
    let head = head.replace("\r\n\r\n", &format!("\r\n{framing}\r\n\r\n"));
    let answer = send_all(call.peer, head.as_bytes(), body(length, is_chunked)).await;
    match table.handle(&request) {
        Outcome::Refused(refusal) => assert_eq!(answer.status, refusal.status(), "{target}"),
        Outcome::Forwarded(_) => {
            assert_eq!(answer.status, 200, "{target} with {length}");
            let seen: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(seen["length"], length, "{target}");
            assert_eq!(seen["whole"], true, "{target}: other bytes arrived");
        }
        other => panic!("{target}: {other:?}"),
    }
}

/// A body as the back-ends expect it, in pieces, which are chunks with their frames where it is chunked.
pub(super) fn body(length: u64, is_chunked: bool) -> impl Iterator<Item = Vec<u8>> {
    let step = LONGEST_PIECE as u64;
    let pieces = (0..length.div_ceil(step)).map(move |number| {
        let from = number * step;
        let bytes = piece(from, usize::try_from((length - from).min(step)).unwrap());
        if is_chunked {
            let frame = format!("{:x}\r\n", bytes.len());
            [frame.as_bytes(), bytes, b"\r\n"].concat()
        } else {
            bytes.to_vec()
        }
    });
    pieces.chain(is_chunked.then(|| b"0\r\n\r\n".to_vec()))
}

/// A back-end that is down is an error that passes, and one at a new address is found.
pub(super) async fn back_ends_go_and_come(
    table: &RouteTable,
    door: &FrontDoor,
    names: &NameServer,
    api: BackEnd,
) -> BackEnd {
    let port = port_of(table, "api");
    let old = address_of(table, "api");
    api.stop(old).await;
    await_status(502).await;
    assert!(door.is_healthy().await, "a back-end is down, nginx is not");
    let web = send_to("/apps").await;
    assert_eq!(web.status, 200, "the others answer while one is down");

    let again = BackEnd::start("api", "again", old).await;
    await_instance("again").await;

    let new = address(NEW_PLACE, port);
    let moved = BackEnd::start("api", "moved", new).await;
    names.set(&full_name("api"), ip(new));
    let told = Instant::now();
    // Both answer, so that what is asked for meanwhile is answered by one of them.
    await_instance("moved").await;
    let lifetime = table.settings().address_lifetime;
    let slack = Duration::from_secs(5);
    assert!(told.elapsed() < lifetime + slack, "{:?}", told.elapsed());
    again.stop(old).await;
    // Each worker of nginx looks names up for itself, so another one may have believed the old address.
    await_instance("moved").await;
    assert!(told.elapsed() < lifetime + slack, "{:?}", told.elapsed());
    moved
}

/// A DNS that fails is an error that passes.
pub(super) async fn dns_fails_and_recovers(door: &FrontDoor, names: &NameServer, mood: Mood) {
    names.set_mood(mood);
    await_status(502).await;
    assert!(door.is_healthy().await, "DNS is down, nginx is not");
    names.set_mood(Mood::Answering);
    await_status(200).await;
}

/// Asks until the API is answered with a status.
async fn await_status(wanted: u16) {
    await_answer(&format!("status {wanted}"), |answer| {
        answer.status == wanted
    })
    .await;
}

/// Asks until an instance of the API answers.
async fn await_instance(wanted: &str) {
    await_answer(wanted, |answer| instance(answer).as_deref() == Some(wanted)).await;
}

async fn await_answer(what: &str, is_wanted: impl Fn(&Answer) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = send_to("/v1/x").await;
        if is_wanted(&answer) {
            return;
        }
        let (status, instance) = (answer.status, instance(&answer));
        assert!(
            Instant::now() < deadline,
            "waited for {what}: still {status} {instance:?}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

async fn send_to(target: &str) -> Answer {
    let call = Call::get(target);
    send(call.peer, &call.head()).await
}

fn instance(answer: &Answer) -> Option<String> {
    let seen: Value = serde_json::from_slice(&answer.body).ok()?;
    Some(seen["instance"].as_str()?.to_owned())
}

/// The only name of a service that DNS knows.
pub(super) fn full_name(service: &str) -> String {
    format!("{}.{SEARCH_DOMAIN}", app(service))
}

fn port_of(table: &RouteTable, service: &str) -> u16 {
    let is_its = |location: &&Location| location.target.service == service;
    table.locations().iter().find(is_its).unwrap().target.port
}

/// Where a service listens at first.
pub(super) fn address_of(table: &RouteTable, service: &str) -> SocketAddr {
    let services = table.services();
    let number = services.iter().position(|known| *known == service).unwrap();
    address(number + 1, port_of(table, service))
}

/// The IPv4 address of a socket address.
pub(super) fn ip(address: SocketAddr) -> std::net::Ipv4Addr {
    match address.ip() {
        std::net::IpAddr::V4(address) => address,
        std::net::IpAddr::V6(address) => panic!("{address} is not one that the tests give"),
    }
}
