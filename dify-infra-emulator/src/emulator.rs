//! The emulator: options, the request handler, and what tests may look at.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::dialect;
use crate::dns::DnsRecord;
use crate::engine::Cloud;
use crate::engine::view::view;
use crate::error::EmulatorError;
use crate::faults::{FaultKind, Faults, RandomFaults, RequestMatcher};
use crate::front;
use crate::log::{RequestLog, RequestRecord};
use crate::random::Dice;
use crate::settings::{
    Dialect, JobOutcome, NameKind, Registered, Settings, Subscription, permission,
};
use crate::store::Store;
use crate::throttle::{Class, Left, Throttle};

/// An Azure Resource Manager in the process.
///
/// It is a state machine without a clock: each request comes with the time at which it is made, and
/// operations that should have ended by then have ended. It can be shared between threads.
///
/// ```
/// use bytes::Bytes;
/// use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
/// use http::Request;
///
/// let emulator = Emulator::new();
/// let request = Request::put(format!(
///     "https://management.azure.com/subscriptions/{DEFAULT_SUBSCRIPTION}\
///      /resourcegroups/dify-dev-rg?api-version=2025-04-01"
/// ))
/// .header("authorization", "Bearer any")
/// .body(Bytes::from(r#"{"location": "japaneast"}"#))?;
/// let response = emulator.handle(jiff::Timestamp::UNIX_EPOCH, request);
/// assert_eq!(response.status(), 201);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Debug)]
pub struct Emulator {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    cloud: Cloud,
    faults: Faults,
    random_faults: Option<RandomFaults>,
    throttle: Option<Throttle>,
    listener: Option<Listener>,
    reader: Option<Reader>,
    log: RequestLog,
    requests: u64,
    /// The latest time at which a request was made.
    latest: Option<Timestamp>,
    /// The last failure to write the state; requests are refused from then on.
    broken: Option<String>,
}

/// What is told of every request.
#[derive(Clone)]
struct Listener(Arc<dyn Fn(&RequestRecord) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener")
    }
}

/// A function that is told of an answer and its body.
type ReadAnswer = dyn Fn(&RequestRecord, &Bytes) + Send + Sync;

/// What is told of every answer with its body.
#[derive(Clone)]
struct Reader(Arc<ReadAnswer>);

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Reader")
    }
}

/// The options of an [`Emulator`], from [`Emulator::builder`].
#[derive(Clone, Debug, Default)]
pub struct EmulatorBuilder {
    settings: Settings,
    directory: Option<PathBuf>,
    fault_seed: Option<u64>,
    is_throttling: bool,
    listener: Option<Listener>,
    reader: Option<Reader>,
}

impl EmulatorBuilder {
    /// Keeps the state in a directory, which is made if it is not there. Without it the state lives
    /// in memory.
    #[must_use]
    pub fn state_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Divides every duration and waiting time by this number; 1 by default.
    #[must_use]
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.settings.time_scale = scale;
        self
    }

    /// Sets id and name of the first subscription and the id of the tenant.
    #[must_use]
    pub fn subscription(mut self, id: &str, name: &str, tenant: &str) -> Self {
        self.settings.subscriptions[0] = Subscription {
            id: id.to_owned(),
            name: name.to_owned(),
        };
        tenant.clone_into(&mut self.settings.tenant);
        self
    }

    /// Adds another subscription of the same tenant, with groups, registrations and quotas of its own;
    /// the caller has the same rights in all of them.
    #[must_use]
    pub fn another_subscription(mut self, id: &str, name: &str) -> Self {
        self.settings.subscriptions.push(Subscription {
            id: id.to_owned(),
            name: name.to_owned(),
        });
        self
    }

    /// Sets which providers are registered from the start: `true` for all, `false` for none, or a
    /// [`Registered`] list. All of them by default.
    #[must_use]
    pub fn providers_registered(mut self, registered: impl Into<Registered>) -> Self {
        self.settings.registered = registered.into();
        self
    }

    /// Sets the seed of all that looks random: keys, domains, jitter of durations, noise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.dice = Dice::new(seed);
        self
    }

    /// Sets how answers are worded.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.settings.dialect = dialect;
        self
    }

    /// Sets how many items a page of a list has; 100 by default.
    #[must_use]
    pub fn page_size(mut self, items: usize) -> Self {
        self.settings.page_size = items;
        self
    }

    /// Makes a name that must be unique in Azure belong to somebody else.
    #[must_use]
    pub fn taken_name(mut self, kind: NameKind, name: &str) -> Self {
        self.settings
            .taken
            .insert((kind, name.to_ascii_lowercase()));
        self
    }

    /// Sets how executions of jobs end.
    #[must_use]
    pub fn job_outcome(mut self, outcome: JobOutcome) -> Self {
        self.settings.job_outcome = outcome;
        self
    }

    /// Replaces the caller's rights as the permissions list shows them; each entry has actions and
    /// the ones that it does not include. Everything is allowed by default. The rights are shown,
    /// not enforced.
    #[must_use]
    pub fn permissions(mut self, entries: &[(&[&str], &[&str])]) -> Self {
        self.settings.permissions = entries
            .iter()
            .map(|(actions, not_actions)| permission(actions, not_actions))
            .collect();
        self
    }

    /// Lets about one request in sixteen meet a fault, drawn from this seed: throttling, errors of the
    /// service, broken connections before and after the request was carried out, half an answer, a late
    /// answer, an expired token, an operation that fails in the end. Requests for tokens meet none.
    #[must_use]
    pub fn random_faults(mut self, seed: u64) -> Self {
        self.fault_seed = Some(seed);
        self
    }

    /// Sets whether callers are throttled as Azure throttles them, in scaled time; they are not by
    /// default.
    #[must_use]
    pub fn throttling(mut self, is_throttling: bool) -> Self {
        self.is_throttling = is_throttling;
        self
    }

    /// Tells a function of every request right after its answer was made. It must not call the
    /// emulator, which waits for it.
    #[must_use]
    pub fn on_request(mut self, listener: impl Fn(&RequestRecord) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener(Arc::new(listener)));
        self
    }

    /// Sets for how many seconds a token is good; an hour by default.
    #[must_use]
    pub fn token_seconds(mut self, seconds: u32) -> Self {
        self.settings.token_seconds = i64::from(seconds);
        self
    }

    /// Takes the records of the public DNS from a zone file
    /// ([`DnsRecord::parse_zone`]), which is read whenever DNS is asked; a file that is not there has
    /// none.
    #[must_use]
    pub fn zone_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.dns.zone_file = Some(path.into());
        self
    }

    /// Tells a function of every answer with its body, to record or to judge what a client is told. A
    /// body may hold the values of `listKeys` and its like, and of tokens. The function must not call
    /// the emulator, which waits for it.
    #[must_use]
    pub fn on_answer(
        mut self,
        reader: impl Fn(&RequestRecord, &Bytes) + Send + Sync + 'static,
    ) -> Self {
        self.reader = Some(Reader(Arc::new(reader)));
        self
    }

    /// Refuses what the caller's [`permissions`](Self::permissions) do not have, with
    /// `AuthorizationFailed`.
    #[must_use]
    pub fn enforce_permissions(mut self) -> Self {
        self.settings.enforces_permissions = true;
        self
    }

    /// Refuses apps and jobs whose image was not imported into the registry that they name, as far
    /// as that registry is one of the subscription. Nothing can be pushed to a registry here, so
    /// they are not looked at by default.
    #[must_use]
    pub fn check_images(mut self) -> Self {
        self.settings.checks_images = true;
        self
    }

    /// Makes the emulator.
    ///
    /// # Errors
    ///
    /// When the time scale is not a positive number, the page size is 0, two subscriptions have one
    /// id, or the state directory can't be read, is damaged, or is in use by another process.
    pub fn build(self) -> Result<Emulator, EmulatorError> {
        let scale = self.settings.time_scale;
        if !(scale.is_finite() && scale > 0.0) {
            let rule = "it is a number above 0";
            return Err(EmulatorError::Option {
                option: "time_scale",
                value: scale.to_string(),
                rule,
            });
        }
        if self.settings.page_size == 0 {
            let rule = "a page has at least one item";
            return Err(EmulatorError::Option {
                option: "page_size",
                value: "0".to_owned(),
                rule,
            });
        }
        let all = &self.settings.subscriptions;
        if let Some((_, twice)) = all.iter().enumerate().find(|(place, one)| {
            let before = all.iter().take(*place);
            before
                .into_iter()
                .any(|other| other.id.eq_ignore_ascii_case(&one.id))
        }) {
            return Err(EmulatorError::Option {
                option: "another_subscription",
                value: twice.id.clone(),
                rule: "each subscription has an id of its own",
            });
        }
        let store = Store::open(self.directory.as_deref())?;
        let cloud = Cloud {
            store,
            settings: self.settings,
            planned_failure: None,
        };
        let mut inner = Inner::of(cloud);
        inner.random_faults = self.fault_seed.map(RandomFaults::new);
        inner.throttle = self.is_throttling.then(|| Throttle::new(scale));
        inner.listener = self.listener;
        inner.reader = self.reader;
        Ok(Emulator {
            inner: Mutex::new(inner),
        })
    }
}

impl Default for Emulator {
    fn default() -> Self {
        let settings = Settings::default();
        let inner = Inner::of(Cloud {
            store: Store::default(),
            settings,
            planned_failure: None,
        });
        Self {
            inner: Mutex::new(inner),
        }
    }
}

impl Emulator {
    /// An Azure of its own in the state that this one is in, in memory: whatever is done to one, the
    /// other does not see. A test goes on from one moment in several ways with it. Planned faults,
    /// listeners and the log of requests are not taken along.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inner = self.lock();
        let cloud = Cloud {
            store: inner.cloud.store.fork(),
            settings: inner.cloud.settings.clone(),
            planned_failure: None,
        };
        Self {
            inner: Mutex::new(Inner {
                cloud,
                faults: Faults::default(),
                random_faults: None,
                throttle: None,
                listener: None,
                reader: None,
                log: RequestLog::default(),
                requests: inner.requests,
                latest: inner.latest,
                broken: None,
            }),
        }
    }

    /// Makes an emulator that lives in memory, with every option at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to choose options.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request that is made at a time.
    ///
    /// Time does not go back: threads may come in another order than they looked at their clock, and
    /// clocks are set. A request that seems to be earlier than the one before it is made at that
    /// one's time.
    ///
    /// The address may be absolute or only a path; links in answers are made from its scheme and
    /// authority, else from the `Host` header. A response with a
    /// [`ConnectionReset`](crate::ConnectionReset) among its extensions is not an answer: a test
    /// ordered that the connection breaks.
    pub fn handle(&self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.lock().handle(now, request)
    }

    /// How many times as fast as Azure's its time passes.
    pub fn time_scale(&self) -> f64 {
        self.lock().cloud.settings.time_scale
    }

    /// Whether it keeps its state in a directory, so that an answer may wait for the disk.
    pub fn has_state_directory(&self) -> bool {
        self.lock().cloud.store.is_on_disk()
    }

    /// Lets the next `times` requests that match meet a fault.
    pub fn fail_next(&self, matcher: RequestMatcher, kind: FaultKind, times: u32) {
        self.lock().faults.plan(matcher, kind, times);
    }

    /// How many requests will still meet a fault that was ordered.
    pub fn faults_left(&self) -> u32 {
        self.lock().faults.left()
    }

    /// Takes back every fault that was ordered and not met yet.
    pub fn forget_faults(&self) {
        self.lock().faults = Faults::default();
    }

    /// Sets how executions of jobs that start from now on end.
    pub fn set_job_outcome(&self, outcome: JobOutcome) {
        self.lock().cloud.settings.job_outcome = outcome;
    }

    /// Replaces the caller's rights, as [`EmulatorBuilder::permissions`] does, and enforces them
    /// from now on.
    pub fn set_permissions(&self, entries: &[(&[&str], &[&str])]) {
        let mut inner = self.lock();
        inner.cloud.settings.permissions = entries
            .iter()
            .map(|(actions, not_actions)| permission(actions, not_actions))
            .collect();
        inner.cloud.settings.enforces_permissions = true;
    }

    /// Replaces the records of the public DNS; those of a zone file stay.
    pub fn set_dns(&self, records: impl IntoIterator<Item = DnsRecord>) {
        self.lock().cloud.settings.dns.records = records.into_iter().collect();
    }

    /// How many requests were made.
    pub fn request_count(&self) -> u64 {
        self.lock().requests
    }

    /// The requests that were made, the oldest first; at most the last 65,536.
    pub fn request_log(&self) -> Vec<RequestRecord> {
        self.lock().log.all()
    }

    /// Every resource at a time, by lower-case id, as a GET would answer it: no secret is in it.
    /// Resources of which clients see nothing yet are included.
    pub fn resources(&self, now: Timestamp) -> BTreeMap<String, Value> {
        let mut inner = self.lock();
        inner.cloud.advance(now);
        let world = inner.cloud.world(now);
        world
            .store
            .resources()
            .map(|resource| (resource.id.key(), view(world, resource)))
            .collect()
    }

    /// The time at which the last of the running operations ends, or none when nothing runs: a test
    /// that goes on from there has waited for everything.
    pub fn idle_at(&self) -> Option<Timestamp> {
        self.lock()
            .cloud
            .store
            .running()
            .map(|operation| operation.ends)
            .max()
    }
}

impl Inner {
    fn of(cloud: Cloud) -> Self {
        Self {
            cloud,
            faults: Faults::default(),
            random_faults: None,
            throttle: None,
            listener: None,
            reader: None,
            log: RequestLog::default(),
            requests: 0,
            latest: None,
            broken: None,
        }
    }

    fn handle(&mut self, now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
        self.requests += 1;
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        let call = Call::new(now, self.requests, request);
        let ordered = self.faults.take(&call);
        let fault = ordered.or_else(|| self.random_faults.and_then(|faults| faults.draw(&call)));
        let (remaining, answer) = self.throttled(&call, fault.as_ref());
        let record = RequestRecord {
            number: call.number,
            at: now,
            method: call.method.clone(),
            path: call.path.clone(),
            status: answer.status,
            code: answer.code().map(str::to_owned),
            rule: answer.rule,
            fault: fault.is_some(),
        };
        if let Some(Listener(listener)) = &self.listener {
            listener(&record);
        }
        let answer = self.with_headers(&call, remaining, answer);
        let mut response = answer.into_response();
        if let Some(Reader(reader)) = &self.reader {
            reader(&record, response.body());
        }
        self.log.add(record);
        if let Some(fault) = fault {
            fault.mark(response.extensions_mut());
        }
        response
    }

    /// Answers unless the caller has made too many requests; with how many are left.
    fn throttled(&mut self, call: &Call, fault: Option<&FaultKind>) -> (Left, Answer) {
        let is_arm = call
            .segments
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
        let subscription = &self.cloud.settings.subscription_of(call).id;
        let taken = match &mut self.throttle {
            Some(throttle) if is_arm => throttle.take(call, subscription),
            _ => Ok(Left::untouched(Class::of(&call.method))),
        };
        match taken {
            Ok(left) => (left, self.answer_with(call, fault)),
            Err(refusal) => (Left { own: 0, all: 0 }, refusal),
        }
    }

    fn answer_with(&mut self, call: &Call, fault: Option<&FaultKind>) -> Answer {
        if let Some(answer) = fault.and_then(FaultKind::answer) {
            return answer;
        }
        if let Some(FaultKind::FailedOperation { code, message }) = fault {
            self.cloud.planned_failure = Some((code.clone(), message.clone()));
        }
        let answer = self.answer(call);
        self.cloud.planned_failure = None;
        answer
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if let Some(reason) = &self.broken {
            return internal_error(reason);
        }
        self.cloud.advance(call.now);
        let answer = front::answer(&mut self.cloud, call).unwrap_or_else(ArmError::into_answer);
        if let Err(error) = self.cloud.store.commit() {
            let reason = format!("{error}; the emulator's state is no longer kept");
            tracing::error!(%reason, "the state was not written");
            let answer = internal_error(&reason);
            self.broken = Some(reason);
            return answer;
        }
        self.reworded(call, answer)
    }

    fn reworded(&self, call: &Call, mut answer: Answer) -> Answer {
        if self.cloud.settings.dialect == Dialect::Plain {
            return answer;
        }
        let is_error = answer.status.is_client_error();
        let dice = self.cloud.settings.dice;
        match &mut answer.body {
            Some(body) if is_error && dice.coin(&format!("nested/{}", call.number)) => {
                dialect::nest_error(body);
            }
            Some(body) if call.method == Method::GET && !is_error => {
                dialect::reword(dice, call.number, body);
            }
            _ => {}
        }
        answer
    }

    /// The headers that every answer of Azure Resource Manager has.
    fn with_headers(&self, call: &Call, remaining: Left, answer: Answer) -> Answer {
        let dice = self.cloud.settings.dice;
        let request = dice.guid(&format!("request/{}", call.number));
        let given = call
            .header("x-ms-correlation-request-id")
            .map(str::to_owned);
        let correlation = given.unwrap_or_else(|| request.clone());
        let stamp = call.now.strftime("%Y%m%dT%H%M%SZ");
        let class = Class::of(&call.method);
        let routing = format!("JAPANEAST:{stamp}:{request}");
        let answer = answer
            .header("x-ms-request-id", request)
            .header("x-ms-correlation-request-id", correlation)
            .header("x-ms-routing-request-id", routing)
            .header(class.header(), remaining.own.to_string())
            .header(class.global_header(), remaining.all.to_string());
        match call.header("x-ms-client-request-id") {
            Some(id) => answer.header("x-ms-client-request-id", id.to_owned()),
            None => answer,
        }
    }
}

fn internal_error(reason: &str) -> Answer {
    ArmError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalServerError",
        reason,
    )
    .into_answer()
}
