//! What nginx adds to a request.
//!
//! nginx runs with the rendered files, in network and process namespaces of its own: it can reach
//! nothing but the back-end of this program, and ends with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dify_infra_core::render::{self, NginxInput, NginxPaths, nginx_command};
use dify_infra_core::routes::RouteTable;

/// Requests one after another, of which the one in the middle counts.
const REQUESTS: usize = 2000;

/// Clients that ask at the same time.
const CLIENTS: usize = 8;

/// Bytes of an answer.
const ANSWER: usize = 1024;

const BACK_END: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1)), 5001);
const FRONT_DOOR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The flag by which a program that is in its own namespaces is told to measure.
pub const INSIDE: &str = "--front-door";

/// Runs `program` with [`INSIDE`] in namespaces of its own, and writes down what it prints. Where
/// that can't be done, says so.
///
/// # Errors
///
/// When the measurement fails, or `out` can't be written to.
pub fn front_door(program: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let namespaces = ["--net", "--pid", "--fork", "--kill-child"];
    let works = |command: &mut Command| {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let has_namespaces = works(Command::new("unshare").args(namespaces).arg("true"));
    if !has_namespaces || !works(Command::new("nginx").arg("-v")) {
        let is_required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
        ensure!(
            !is_required,
            "nginx or the right to make namespaces not found, but DIFY_INFRA_REQUIRE_REAL=1"
        );
        writeln!(
            out,
            "front door: skipped, it takes nginx and the right to make namespaces"
        )?;
        return Ok(());
    }
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(program)
        .arg(INSIDE)
        .stderr(Stdio::inherit())
        .output()
        .context("the measurement of the front door can't be started")?;
    ensure!(
        output.status.success(),
        "the measurement of the front door failed"
    );
    out.write_all(&output.stdout)?;
    Ok(())
}

/// Measures, in namespaces that the caller has made.
///
/// # Errors
///
/// When nginx does not start or an answer is not the back-end's, or `out` can't be written to.
pub fn measure_front_door(out: &mut dyn Write) -> anyhow::Result<()> {
    let listener = TcpListener::bind(BACK_END)?;
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(&connection));
        }
    });
    let _nginx = Nginx::start()?;
    let direct = median(BACK_END)?;
    let through = median(FRONT_DOOR)?;
    let ratio = through.as_secs_f64() / direct.as_secs_f64();
    writeln!(
        out,
        "front door: a request takes {} to the back-end and {} through nginx: ratio {ratio:.2} \
         (median of {REQUESTS}, {ANSWER} bytes each)",
        micros(direct),
        micros(through),
    )?;
    let (direct, through) = (throughput(BACK_END)?, throughput(FRONT_DOOR)?);
    writeln!(
        out,
        "  {CLIENTS} clients at once: {direct:.0} requests/s to the back-end, {through:.0} through \
         nginx: ratio {:.2}",
        direct / through
    )?;
    Ok(())
}

/// Answers every request of a connection.
fn answer_all(mut connection: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {ANSWER}\r\n\r\n");
    let answer = [head.as_bytes(), &[b'x'; ANSWER]].concat();
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        connection.write_all(&answer)?;
    }
}

/// A client with a connection that stays open.
struct Client {
    connection: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr) -> std::io::Result<Self> {
        let connection = TcpStream::connect(address)?;
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self {
            connection: BufReader::new(connection),
            answer: vec![0; ANSWER],
        })
    }

    /// Asks once and reads the whole answer.
    fn ask(&mut self) -> anyhow::Result<()> {
        let head =
            b"GET /v1/x HTTP/1.1\r\nHost: dify.example.com\r\nX-Forwarded-Proto: https\r\n\r\n";
        self.connection.get_mut().write_all(head)?;
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200 "), "the answer is {line:?}");
        while line != "\r\n" {
            line.clear();
            ensure!(
                self.connection.read_line(&mut line)? > 0,
                "the answer ends early"
            );
        }
        self.connection.read_exact(&mut self.answer)?;
        Ok(())
    }
}

fn median(address: SocketAddr) -> anyhow::Result<Duration> {
    let mut client = Client::new(address)?;
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        // nginx ends a connection after a thousand requests.
        if times.len() % 500 == 0 {
            client = Client::new(address)?;
        }
        let began = Instant::now();
        client.ask()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[REQUESTS / 2])
}

/// Answers in a second to clients that ask at once.
fn throughput(address: SocketAddr) -> anyhow::Result<f64> {
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            std::thread::spawn(move || -> anyhow::Result<()> {
                let mut client = Client::new(address)?;
                (0..REQUESTS / CLIENTS).try_for_each(|_| client.ask())
            })
        })
        .collect();
    for client in clients {
        client
            .join()
            .map_err(|_| anyhow::anyhow!("a client panicked"))??;
    }
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let requests = REQUESTS as f64;
    Ok(requests / began.elapsed().as_secs_f64())
}

/// A running nginx with its files; both are gone when it is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
}

impl Nginx {
    fn start() -> anyhow::Result<Self> {
        let routes = RouteTable::dify_1_16_0();
        let back_end = BACK_END.ip().to_string();
        let hosts: BTreeMap<String, String> = routes
            .services()
            .iter()
            .map(|service| ((*service).to_owned(), back_end.clone()))
            .collect();
        // A process id is the same in every namespace; the namespace's own number is not.
        let namespace = fs::read_link("/proc/self/ns/net")?;
        let number: String = namespace
            .to_string_lossy()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let folder = std::env::temp_dir().join(format!("front-door-{number}"));
        fs::create_dir_all(&folder)?;
        let place = folder.to_str().context("the temporary folder has a name")?;
        let mut input = NginxInput::new(&routes, &hosts);
        input.listen = FRONT_DOOR;
        input.paths = NginxPaths {
            files: place.to_owned(),
            runtime: format!("{place}/run"),
        };
        for file in render::nginx(&input)? {
            fs::write(folder.join(file.name), file.text)?;
        }
        let command = nginx_command(&input.paths);
        let process = Command::new(&command[0])
            .args(&command[1..])
            .env("DIFY_INFRA_NAMESERVERS", "127.0.0.1")
            .env("DIFY_INFRA_SEARCH_DOMAIN", "")
            .stdout(Stdio::null())
            .spawn()?;
        let nginx = Self { process, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(FRONT_DOOR).is_err() {
            ensure!(Instant::now() < deadline, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn micros(duration: Duration) -> String {
    format!("{} µs", duration.as_micros())
}
