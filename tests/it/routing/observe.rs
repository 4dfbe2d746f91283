//! What nginx did with a request, beside what the model says.

use std::fmt::Write as _;

use dify_infra_core::routes::{Forwarded, Outcome, PRIVATE_PATHS, RouteTable};
use serde_json::Value;

use super::client::{Answer, connect, read_until, send};
use super::corpus::Call;

/// A request as a back-end says that it arrived.
struct Seen(Value);

impl Seen {
    /// What a back-end wrote; nothing when the answer is nginx's own.
    fn of(answer: &Answer) -> Option<Self> {
        let text = match answer.header("X-Test-Echo") {
            Some(echo) => echo.as_bytes(),
            None => &answer.body,
        };
        let value: Value = serde_json::from_slice(text).ok()?;
        value["service"].is_string().then_some(Self(value))
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    /// All values of a header.
    fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.0["headers"].as_array().into_iter().flatten();
        headers
            .filter_map(|header| Some((header[0].as_str()?, header[1].as_str()?)))
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// Sends a call, and compares what came of it with the model: nothing, or how they differ.
pub(super) async fn disagreement(table: &RouteTable, call: &Call) -> Option<String> {
    let answer = answer_to(call).await;
    let seen = Seen::of(&answer);
    let mut problem = String::new();
    match table.handle(&call.request()) {
        Outcome::Refused(refusal) => {
            check(&mut problem, "status", &answer.status, &refusal.status());
            check(&mut problem, "reached a back-end", &seen.is_some(), &false);
        }
        Outcome::Health => {
            check(&mut problem, "status", &answer.status, &200);
            check(&mut problem, "body", answer.body.as_slice(), b"ok\n");
        }
        Outcome::Redirect { to } => {
            check(&mut problem, "status", &answer.status, &301);
            let location = answer.header("Location").unwrap_or_default();
            check(&mut problem, "Location", location, to.as_str());
        }
        Outcome::Forwarded(forwarded) => {
            if let Some(seen) = seen {
                compare(&mut problem, call, &forwarded, &answer, &seen);
            } else {
                let target = &forwarded.location.target;
                let _ = write!(
                    problem,
                    "; {} instead of {}:{}",
                    answer.status, target.service, target.port
                );
            }
        }
        _ => problem.push_str("; the model has an answer that the test does not know"),
    }
    (!problem.is_empty()).then(|| {
        let mut call = format!("{call:?}");
        call.truncate(400);
        format!("{call}{problem}")
    })
}

/// Sends a call; an answer of 101 is read to the end of its head.
async fn answer_to(call: &Call) -> Answer {
    if call.upgrade.is_none() {
        return send(call.peer, &call.head()).await;
    }
    let mut connection = connect(call.peer).await;
    tokio::io::AsyncWriteExt::write_all(&mut connection, &call.head())
        .await
        .unwrap();
    let head = read_until(&mut connection, "\r\n\r\n").await;
    if head.starts_with("HTTP/1.1 101 ") {
        let head = head.trim_end().to_owned();
        return Answer {
            status: 101,
            head,
            body: Vec::new(),
        };
    }
    drop(connection);
    // A request that asks for an upgrade and gets none is answered as any other; it is asked again
    // so that the whole body comes.
    send(call.peer, &call.head()).await
}

fn compare(
    problem: &mut String,
    call: &Call,
    forwarded: &Forwarded<'_>,
    answer: &Answer,
    seen: &Seen,
) {
    let target = &forwarded.location.target;
    check(problem, "service", seen.text("service"), &target.service);
    check(
        problem,
        "port",
        &seen.0["port"].as_u64().unwrap_or_default(),
        &u64::from(target.port),
    );
    let line = format!("{} {} HTTP/1.1", call.method, forwarded.target);
    check(problem, "request line", seen.text("line"), &line);
    let is_upgraded = forwarded.header("Upgrade").is_some();
    let status = if is_upgraded { 101 } else { 200 };
    check(problem, "status", &answer.status, &status);
    for header in &forwarded.headers {
        let wanted: Vec<&str> = header.value.as_deref().into_iter().collect();
        check(problem, header.name, &seen.header(header.name), &wanted);
    }
    let authorization = seen.header("Authorization");
    check(
        problem,
        "Authorization",
        &authorization,
        &vec!["Bearer app-1"],
    );
    if target.service != "web"
        && let Some(private) = private_path(&forwarded.target)
    {
        let _ = write!(problem, "; `{}` may read it as `{private}`", target.service);
    }
}

/// The private path that a back-end may read a target as, if it decodes it once.
fn private_path(target: &str) -> Option<&'static str> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let mut decoded = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|it| std::str::from_utf8(it).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(|_| first == b'%') {
            decoded.push(byte);
            rest = &after[2..];
        } else {
            decoded.push(first);
            rest = after;
        }
    }
    let decoded = String::from_utf8_lossy(&decoded).into_owned();
    let trimmed = format!("/{}", decoded.trim_start_matches('/'));
    let mut folders: Vec<&str> = Vec::new();
    for folder in trimmed
        .split('/')
        .filter(|folder| !folder.is_empty() && *folder != ".")
    {
        if folder == ".." {
            folders.pop();
        } else {
            folders.push(folder);
        }
    }
    let resolved = format!("/{}", folders.join("/"));
    PRIVATE_PATHS.into_iter().find(|private| {
        let is_below = |path: &str| {
            path.strip_prefix(private)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_below(&trimmed) || is_below(&resolved)
    })
}

/// Notes a difference between what was seen and what the model says.
fn check<T: PartialEq + std::fmt::Debug + ?Sized>(
    problem: &mut String,
    what: &str,
    seen: &T,
    wanted: &T,
) {
    if seen != wanted {
        let _ = write!(
            problem,
            "; {what} is {seen:?}, but the model says {wanted:?}"
        );
    }
}
