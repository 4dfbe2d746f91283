//! What both CI systems offer to a job besides its runner: tokens about itself, and the pull request. Sign-ins
//! pass through here too, since the emulator checks no credentials.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dify_infra_emulator::DEFAULT_TENANT;
use serde_json::{Value, json};

use crate::served::Served;

/// Who may only look, and who may write.
pub(super) const READER: &str = "00000000-0000-4000-8000-00000000000a";
pub(super) const DEPLOYER: &str = "00000000-0000-4000-8000-00000000000b";

/// The token of a job that may write to pull requests, and of one that may not.
pub(super) const WRITER_TOKEN: &str = "canary-of-a-job-that-comments";
pub(super) const READER_TOKEN: &str = "canary-of-a-job-that-reads";

/// What lets a job ask for a token about itself.
pub(super) const REQUEST_TOKEN: &str = "canary-of-a-job-with-an-identity";

const COMMENTS: &str = "/api/repos/contoso/platform/issues/7/comments";
const ONE_COMMENT: &str = "/api/repos/contoso/platform/issues/comments/";
const THREADS: &str =
    "/contoso/a-project/_apis/git/repositories/a-repository/pullRequests/7/threads";

/// A request, read to its end.
#[derive(Debug)]
struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Asked {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method,
            path: path.to_owned(),
            query: pairs(query),
            body: String::from_utf8(body).unwrap(),
            headers,
        })
    }

    fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.headers.get("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The pairs of a query or a form.
fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = value.replace("%3A", ":").replace("%2F", "/");
            (name.to_owned(), value)
        })
        .collect()
}

/// What has been said so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The comments of the pull request at GitHub, the oldest first.
    pub(super) comments: Vec<Value>,
    /// The threads of the pull request at Azure Repos.
    pub(super) threads: Vec<Value>,
    /// Which applications have signed in.
    pub(super) sign_ins: Vec<String>,
    /// What was refused.
    pub(super) refused: Vec<String>,
}

/// The services, at a loopback address.
pub(super) struct StandIn {
    pub(super) address: String,
    pub(super) heard: Arc<Mutex<Heard>>,
}

impl StandIn {
    pub(super) fn start(azure: Arc<Served>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Heard::default()));
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(asked) = Asked::read(&stream) else {
                    continue;
                };
                let mut heard = told.lock().unwrap();
                let (status, body) = answer(&azure, &asked, &mut heard);
                if status >= 400 {
                    let line = format!("{} {}: {status} {body:?}", asked.method, asked.path);
                    heard.refused.push(line);
                }
                drop(heard);
                let length = body.len();
                let start = format!(
                    "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: \
                     {length}\r\nconnection: close\r\n\r\n"
                );
                // who hangs up does not want the answer
                let _ = stream.write_all(&[start.as_bytes(), &body].concat());
            }
        });
        Self { address, heard }
    }

    pub(super) fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }
}

fn answer(azure: &Served, asked: &Asked, heard: &mut Heard) -> (u16, Bytes) {
    let method = asked.method.as_str();
    let sign_in = format!("/{DEFAULT_TENANT}/oauth2/v2.0/token");
    let (status, body) = match (method, asked.path.as_str()) {
        ("POST", path) if path == sign_in => return sign_in_at(azure, asked, heard),
        ("GET", "/github/token") => token_of_github(asked),
        ("POST", "/devops/token") => token_of_devops(asked),
        (_, path) if path.starts_with("/api/") => at_github(asked, heard),
        (_, path) if path.starts_with(THREADS) => at_devops(asked, heard),
        _ => (404, json!({ "message": "Not Found" })),
    };
    (status, Bytes::from(body.to_string()))
}

fn denied() -> (u16, Value) {
    (401, json!({ "message": "Bad credentials" }))
}

/// <https://docs.github.com/actions/reference/security/oidc>
fn token_of_github(asked: &Asked) -> (u16, Value) {
    let audience = asked.query.get("audience").map(String::as_str);
    if asked.bearer() != Some(REQUEST_TOKEN) || audience != Some("api://AzureADTokenExchange") {
        return denied();
    }
    (200, json!({ "value": "of-github" }))
}

/// <https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create>
fn token_of_devops(asked: &Asked) -> (u16, Value) {
    let connection = asked.query.get("serviceConnectionId");
    let has_version = asked
        .query
        .get("api-version")
        .is_some_and(|one| one == "7.1");
    match connection {
        Some(connection) if has_version && asked.bearer() == Some(WRITER_TOKEN) => (
            200,
            json!({ "oidcToken": format!("of-devops-{connection}") }),
        ),
        _ => denied(),
    }
}

/// Whose token is exchanged for what: applications trust a repository, or one service connection. Who plans
/// gets the rights of a reader.
fn sign_in_at(azure: &Served, asked: &Asked, heard: &mut Heard) -> (u16, Bytes) {
    let form = pairs(&asked.body);
    let given = form.get("client_assertion").map_or("", String::as_str);
    let client = form.get("client_id").map_or("", String::as_str);
    let rights: &[&str] = match (client, given) {
        (READER, "of-github" | "of-devops-dify-plan-id") => &["*/read"],
        (DEPLOYER, "of-github" | "of-devops-dify-apply-id") => &["*"],
        _ => {
            let told = json!({ "error": "invalid_client", "error_description":
                format!("AADSTS700213: no federated identity of {client:?} takes {given:?}") });
            return (401, Bytes::from(told.to_string()));
        }
    };
    azure.emulator().set_permissions(&[(rights, &[])]);
    heard.sign_ins.push(client.to_owned());
    let request = http::Request::post(asked.path.as_str())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(asked.body.clone()))
        .unwrap();
    let answer = azure.emulator().handle(jiff::Timestamp::now(), request);
    (answer.status().as_u16(), answer.into_body())
}

/// Comments of issues (<https://docs.github.com/rest/issues/comments>), in pages.
fn at_github(asked: &Asked, heard: &mut Heard) -> (u16, Value) {
    if asked.bearer() != Some(WRITER_TOKEN) {
        return denied();
    }
    let number = |name: &str| asked.query[name].parse::<usize>().unwrap();
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", COMMENTS) => {
            let (page, size) = (number("page"), number("per_page"));
            let all = heard.comments.iter().skip((page - 1) * size).take(size);
            (200, all.cloned().collect())
        }
        ("POST", COMMENTS) => {
            let id = heard.comments.len() + 1;
            let comment =
                json!({ "id": id, "user": { "type": "Bot" }, "body": asked.json()["body"] });
            heard.comments.push(comment.clone());
            (201, comment)
        }
        ("PATCH", path) if path.starts_with(ONE_COMMENT) => {
            let id: usize = path[ONE_COMMENT.len()..].parse().unwrap();
            heard.comments[id - 1]["body"] = asked.json()["body"].clone();
            (200, heard.comments[id - 1].clone())
        }
        _ => (404, json!({ "message": "Not Found" })),
    }
}

/// Threads of pull requests
/// (<https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads>).
fn at_devops(asked: &Asked, heard: &mut Heard) -> (u16, Value) {
    let is_json = asked
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/json");
    let has_version = asked
        .query
        .get("api-version")
        .is_some_and(|one| one == "7.1");
    if asked.bearer() != Some(WRITER_TOKEN) {
        return denied();
    }
    if !(is_json && has_version) {
        return (400, json!({ "message": "no JSON, or no version" }));
    }
    let below: Vec<&str> = asked.path[THREADS.len()..].split('/').skip(1).collect();
    match (asked.method.as_str(), below.as_slice()) {
        ("GET", []) => (
            200,
            json!({ "value": heard.threads, "count": heard.threads.len() }),
        ),
        ("POST", []) => {
            let mut thread = asked.json();
            thread["id"] = json!(heard.threads.len() + 1);
            thread["comments"][0]["id"] = json!(1);
            heard.threads.push(thread.clone());
            (200, thread)
        }
        ("PATCH", [thread, "comments", "1"]) => {
            let thread = thread.parse::<usize>().unwrap() - 1;
            let comment = &mut heard.threads[thread]["comments"][0];
            comment["content"] = asked.json()["content"].clone();
            (200, comment.clone())
        }
        _ => (404, json!({ "message": "Not Found" })),
    }
}
