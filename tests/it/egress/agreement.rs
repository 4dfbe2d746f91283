//! Asks the real squid and the evaluator the same, and compares every answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dify_infra_core::egress::{Decision, ProxyRequest, SquidFile, Verdict, Way};
use tokio::sync::Semaphore;

use super::client::{self, Answer};
use super::proxy::{Logged, Squid};
use super::spellings::{self, Spelling};

/// How many requests are under way at once.
const AT_ONCE: usize = 64;

/// Ranges that clients come from: a name, and the first two numbers of the addresses.
pub(super) const CLIENTS: [(&str, [u8; 2]); 6] = [
    ("100.100/16, the platform's ingress", [100, 100]),
    ("10/8, the environment's subnet", [10, 20]),
    ("172.16/12, Docker", [172, 18]),
    ("192.168/16, a neighbour", [192, 168]),
    ("169.254/16, link-local", [169, 254]),
    ("52.x, the internet", [52, 140]),
];

/// One request with what both sides say.
pub(super) struct Case {
    pub(super) client: &'static str,
    pub(super) spelling: Spelling,
    pub(super) verdict: Verdict,
    pub(super) answer: Answer,
    pub(super) logged: Logged,
    pub(super) took: Duration,
}

impl Case {
    /// What squid did, in the evaluator's words.
    pub(super) fn real(&self) -> Decision {
        let of_squid = self.logged.result.starts_with("NONE");
        match (self.logged.result.as_str(), self.logged.status) {
            ("TCP_DENIED", 403) => Decision::Denied,
            (_, 501) if of_squid => Decision::Unsupported,
            (_, 400 | 405 | 411 | 414) if of_squid => Decision::BadRequest,
            _ if self.has_no_address() => Decision::Unresolvable,
            _ => Decision::Allowed,
        }
    }

    /// Squid says it in one of three ways when a name that its rules let pass has no address.
    fn has_no_address(&self) -> bool {
        let errors = ["ERR_DNS_FAIL", "ERR_CANNOT_FORWARD", "ERR_READ_ERROR"];
        let error = self.answer.error.as_deref();
        let nowhere = self.verdict.way == Some(Way::Nowhere);
        !nowhere && !self.logged.tried && error.is_some_and(|error| errors.contains(&error))
    }

    /// Whether an origin was reached where the evaluator says that the request goes.
    fn landed(&self) -> bool {
        let Some(reached) = self.answer.reached else {
            return true;
        };
        let port = self
            .verdict
            .destination
            .as_deref()
            .and_then(|place| place.rsplit(':').next());
        match &self.verdict.way {
            Some(Way::Direct(addresses)) => {
                addresses
                    .iter()
                    .any(|address| is_reached(*address, reached.ip()))
                    && port == Some(reached.port().to_string().as_str())
            }
            Some(Way::Peer { .. }) => true,
            _ => false,
        }
    }

    pub(super) fn agrees(&self) -> bool {
        self.real() == self.verdict.decision && self.landed()
    }

    pub(super) fn told(&self) -> String {
        format!(
            "{} {:?} from {}: squid {} ({}/{} tried {} {:?} {:?}), evaluator {} ({:?}; {}; {:?})",
            self.spelling.method,
            self.spelling.target,
            self.client,
            self.real(),
            self.logged.result,
            self.logged.status,
            self.logged.tried,
            self.answer.error,
            self.answer.reached,
            self.verdict.decision,
            self.verdict.destination,
            self.verdict.reason,
            self.verdict.way,
        )
    }
}

/// The kernel takes "any address" for the machine itself.
fn is_reached(address: IpAddr, reached: IpAddr) -> bool {
    address == reached || address.is_unspecified() && reached.is_loopback()
}

/// Sends every spelling from every range, and asks the evaluator about each.
pub(super) async fn cases(squid: &Squid, file: &SquidFile, ranges: &[usize]) -> Vec<Case> {
    let names = spellings::names();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = Vec::new();
    for (client, [a, b]) in ranges.iter().map(|range| CLIENTS[*range]) {
        for (number, spelling) in spellings::all().into_iter().enumerate() {
            let [high, low] = u16::try_from(number + 256).unwrap().to_be_bytes();
            let from = IpAddr::V4(Ipv4Addr::new(a, b, high, low));
            let proxy = squid.address;
            let permits = Arc::clone(&permits);
            running.push(tokio::spawn(async move {
                let _permit = permits.acquire().await.unwrap();
                let start = Instant::now();
                let asked = client::ask(proxy, from, spelling.method, &spelling.target).await;
                (client, from, spelling, asked, start.elapsed())
            }));
        }
    }
    let mut asked = Vec::new();
    for task in running {
        asked.push(task.await.unwrap());
    }
    let log = squid.log(asked.len());
    let mut cases = Vec::new();
    for (client, from, spelling, answer, took) in asked {
        let answer = answer.unwrap_or_else(|error| panic!("{spelling:?} from {from}: {error}"));
        let logged = log.get(&from).cloned();
        let logged = logged
            .unwrap_or_else(|| panic!("{spelling:?} from {from} is not in the log: {answer:?}"));
        let request = ProxyRequest::new(from, spelling.method, &spelling.target);
        let verdict = file.evaluate(&request, &names);
        cases.push(Case {
            client,
            spelling,
            verdict,
            answer,
            logged,
            took,
        });
    }
    cases
}

/// Fails with every case in which the two differ, and prints how many came to what.
#[expect(clippy::print_stdout, reason = "what a test found is told")]
pub(super) fn compare(title: &str, cases: &[Case]) {
    let mut counts: BTreeMap<(&str, Decision), usize> = BTreeMap::new();
    for case in cases {
        *counts.entry((case.client, case.real())).or_default() += 1;
    }
    println!("{title}: {} requests to the real squid", cases.len());
    for (client, _) in CLIENTS {
        let of_client = counts.iter().filter(|((one, _), _)| *one == client);
        let told: Vec<String> = of_client
            .map(|((_, decision), count)| format!("{count} {decision}"))
            .collect();
        println!("  {client}: {}", told.join(", "));
    }
    if let Some(slowest) = cases.iter().max_by_key(|case| case.took) {
        let Spelling { method, target, .. } = &slowest.spelling;
        println!("  slowest: {method} {target:?} in {:?}", slowest.took);
    }
    let differ: Vec<String> = cases
        .iter()
        .filter(|case| !case.agrees())
        .map(Case::told)
        .collect();
    assert!(
        differ.is_empty(),
        "{title}: {} of {} differ\n{}",
        differ.len(),
        cases.len(),
        differ.join("\n")
    );
}

/// Follows redirects to places that our file denies: each is a new request, and judged as one.
pub(super) async fn redirects(squid: &Squid, file: &SquidFile) {
    let targets = [
        "http://169.254.169.254/metadata/instance",
        "http://2852039166/",
        "http://private.test/",
        "http://[::ffff:10.99.0.10]/",
        "http://public.test:6379/",
        "http://www.public.test/",
    ];
    for (number, target) in targets.into_iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let first = IpAddr::V4(Ipv4Addr::new(10, 21, 0, number));
        let second = IpAddr::V4(Ipv4Addr::new(10, 21, 1, number));
        let redirecting = format!("http://public.test/?redirect={target}");
        let answer = client::ask(squid.address, first, "GET", &redirecting)
            .await
            .unwrap();
        // Where a peer takes the request, there is no redirect to follow.
        let location = answer.location.unwrap_or_else(|| target.to_owned());
        assert_eq!(location, target);
        client::ask(squid.address, second, "GET", &location)
            .await
            .unwrap();
        let denied = squid.logged(second).result == "TCP_DENIED";
        let request = ProxyRequest::get(second, &location);
        let verdict = file.evaluate(&request, &spellings::names());
        assert_eq!(
            denied,
            verdict.decision == Decision::Denied,
            "{location}: {verdict:?}"
        );
    }
}
