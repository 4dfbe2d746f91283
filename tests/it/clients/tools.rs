//! Running the clients.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use dify_infra_emulator::server::{Running, Server};
use dify_infra_emulator::{Authority, DEFAULT_SUBSCRIPTION, Emulator, EmulatorBuilder};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use super::find::find;

/// An emulator behind https, with what a client needs to trust it.
pub(crate) struct Secure {
    pub(crate) running: Running,
    pub(crate) folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Secure {
    pub(crate) fn start(builder: EmulatorBuilder) -> Self {
        let runtime = runtime();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let emulator = Arc::new(builder.build().unwrap());
        let running = runtime.block_on(async {
            let server = Server::bind(emulator, ([127, 0, 0, 1], 0).into());
            server.await.unwrap().with_tls(&authority).unwrap().start()
        });
        Self {
            running,
            folder,
            runtime,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        self.running.endpoint()
    }

    /// A program that reaches this emulator and nothing else: every other host is behind a proxy that
    /// is not there.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let certificate = self.folder.path().join("ca.pem");
        let mut command = Command::new(program);
        command
            .env("REQUESTS_CA_BUNDLE", &certificate)
            .env("SSL_CERT_FILE", &certificate)
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("NO_PROXY", "localhost,127.0.0.1")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(self.running.stop());
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// An emulator whose operations take no noticeable time.
pub(crate) fn quick() -> EmulatorBuilder {
    Emulator::builder().time_scale(5000.0).seed(5)
}

/// Sends a request without a server.
pub(crate) fn ask(emulator: &Emulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        bytes::Bytes::new()
    } else {
        body.to_string().into()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!(
            "https://management.azure.com/subscriptions/{DEFAULT_SUBSCRIPTION}{path}"
        ))
        .header("authorization", "Bearer any")
        .body(body)
        .unwrap();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let response = emulator.handle(now, request);
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

/// What a program wrote, or a panic with all of it when it failed.
#[track_caller]
pub(crate) fn succeeded(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}\nstdout:\n{}\nstderr:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A server of somebody else that runs until this is dropped.
pub(crate) struct Guest(Child);

impl Guest {
    /// Starts it and waits for a line that contains a text.
    pub(crate) fn start(command: &mut Command, ready: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut lines = BufReader::new(stdout).lines();
        let is_ready = lines.any(|line| line.is_ok_and(|line| line.contains(ready)));
        // what it says later is read away, so that it is never held up
        std::thread::spawn(move || lines.for_each(drop));
        let guest = Self(child);
        assert!(is_ready, "it ended before it was ready");
        guest
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
