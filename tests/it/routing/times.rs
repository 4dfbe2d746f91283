//! The times of the model end what they are there to end.
//!
//! Each runs alone: one time is a second and all others are as they always are, many times longer than
//! the test waits. What ends has been ended by that one.

use std::net::SocketAddr;
use std::time::Duration;

use dify_infra_core::routes::HttpSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::back_end::BackEnd;
use super::behaviour::{self, body};
use super::client::{Answer, PATIENCE, connect, read_until, send, send_all};
use super::corpus::Call;
use super::front_door::{Files, FrontDoor};
use super::name_server::NameServer;
use super::scenario::Summary;

/// What a time is cut to.
const SHORT: Duration = Duration::from_secs(1);

/// More than the sockets between nginx and a back-end hold.
const LONG_BODY: u64 = 60_000_000;

/// A time of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Connect,
    Read,
    Send,
    Keepalive,
}

impl Time {
    pub(super) const ALL: [Self; 4] = [Self::Connect, Self::Read, Self::Send, Self::Keepalive];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Read => "read",
            Self::Send => "send",
            Self::Keepalive => "keepalive",
        }
    }

    pub(super) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|it| it.name() == name).unwrap()
    }

    /// The settings with this time cut short.
    pub(super) fn of_a_second(self, settings: HttpSettings) -> HttpSettings {
        let long = Duration::from_hours(1);
        let time = |which| if self == which { SHORT } else { long };
        HttpSettings {
            connect_timeout: time(Self::Connect),
            read_timeout: time(Self::Read),
            send_timeout: time(Self::Send),
            keepalive_timeout: time(Self::Keepalive),
            ..settings
        }
    }
}

/// Puts a time to the test.
pub(super) async fn hold(time: Time, files: &Files, shell: &[String]) -> Summary {
    let door = FrontDoor::start(files, shell).await;
    let names = NameServer::start("127.0.0.53".parse().unwrap()).await;
    let api = behaviour::address_of(&files.routes, "api");
    names.set(&behaviour::full_name("api"), behaviour::ip(api));
    let began = Instant::now();
    match time {
        Time::Connect => connecting_ends(api).await,
        Time::Read => silence_ends(api).await,
        Time::Send => sending_ends(api).await,
        Time::Keepalive => idling_ends(api).await,
    }
    assert!(began.elapsed() >= SHORT, "{time:?}: {:?}", began.elapsed());
    assert!(door.is_healthy().await);
    Summary {
        urls: 1,
        agreements: 1,
        behaviour: vec![format!("{} time out", time.name())],
        disagreements: Vec::new(),
    }
}

async fn get() -> Answer {
    let call = Call::get("/v1/x");
    send(call.peer, &call.head()).await
}

/// Nobody accepts, and the queue of those who want to be accepted is full.
async fn connecting_ends(api: SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(api).unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut queue = Vec::new();
    let soon = Duration::from_millis(300);
    while let Ok(connected) = timeout(soon, TcpStream::connect(api)).await {
        queue.push(connected.unwrap());
    }
    assert_eq!(get().await.status, 504);
}

/// A back-end that takes a request and says nothing, and one that falls silent within its answer.
async fn silence_ends(api: SocketAddr) {
    let listener = TcpListener::bind(api).await.unwrap();
    let (answer, _kept) = tokio::join!(get(), listener.accept());
    assert_eq!(answer.status, 504);

    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this";
    let falls_silent = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        connection
    };
    let (answer, _kept) = tokio::join!(get(), falls_silent);
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"only this"[..])
    );
}

/// A back-end that takes a connection and reads nothing of it.
async fn sending_ends(api: SocketAddr) {
    let listener = TcpListener::bind(api).await.unwrap();
    let call = Call {
        method: "POST",
        ..Call::get("/v1/x")
    };
    let head = String::from_utf8(call.head()).unwrap();
    let length = format!("\r\nContent-Length: {LONG_BODY}\r\n\r\n");
    let head = head.replace("\r\n\r\n", &length);
    let sending = send_all(call.peer, head.as_bytes(), body(LONG_BODY, false));
    let (answer, _kept) = tokio::join!(sending, listener.accept());
    assert_eq!(answer.status, 504);
}

/// A client that asks once and then leaves its connection open.
async fn idling_ends(api: SocketAddr) {
    let _api = BackEnd::start("api", "first", api).await;
    let call = Call::get("/v1/x");
    let head = String::from_utf8(call.head()).unwrap();
    let head = head.replace("Connection: close", "Connection: keep-alive");
    let mut connection = connect(call.peer).await;
    for _ in 0..2 {
        connection.write_all(head.as_bytes()).await.unwrap();
        read_until(&mut connection, "\"whole\":true}").await;
    }
    let ended = timeout(PATIENCE, connection.read(&mut [0; 1])).await;
    assert_eq!(ended.unwrap().unwrap(), 0);
}
