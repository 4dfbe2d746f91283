//! An Azure in the process that remembers every request, and that can be made to misbehave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::embedded::{EmbeddedAzure, client_builder};
use dify_infra_azure::http::{HttpError, HttpService};
use dify_infra_core::plan::DnsRecord as Wanted;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::{
    DnsRecord, DnsRecordType, Emulator, EmulatorBuilder, FaultKind, RequestMatcher,
};
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(40);

/// A request and its answer. It may hold secrets, which in these tests protect nothing.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    /// The path without the query.
    pub(crate) path: String,
    pub(crate) api_version: String,
    pub(crate) body: Option<Value>,
    /// None when the connection broke.
    pub(crate) status: Option<u16>,
    pub(crate) answer: Option<Value>,
    /// The path at which the state of what was begun can be asked.
    pub(crate) operation: Option<String>,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
}

impl Exchange {
    /// Whether the request was made to change something.
    pub(crate) fn is_write(&self) -> bool {
        let reads = [
            "/listsecrets",
            "/listkeys",
            "/sharedkeys",
            "/checknameavailability",
            "/listcustomhostnameanalysis",
        ];
        let path = self.path.to_ascii_lowercase();
        match self.method {
            Method::GET | Method::HEAD => false,
            Method::POST => !reads.iter().any(|end| path.ends_with(end)),
            _ => true,
        }
    }

    /// The last part of the path: the name of a resource or an action.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// `PUT dify-dev-api`.
    pub(crate) fn headline(&self) -> String {
        format!("{} {}", self.method, self.name())
    }

    /// The kind of the resource that the path names, if it names one.
    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::from_type(&ResourceId::parse(&self.path).ok()?.resource_type())
    }
}

/// An Azure that is watched.
#[derive(Debug)]
pub(crate) struct Azure {
    inner: EmbeddedAzure,
    exchanges: Mutex<Vec<Exchange>>,
    /// Faults by the number of the request that meets them, from 1.
    faults: Mutex<BTreeMap<usize, FaultKind>>,
    /// What this Azure was right before and right after each write, once asked for.
    moments: Mutex<Option<Vec<Moment>>>,
}

/// An Azure as a client that dies at a write leaves it.
#[derive(Debug)]
pub(crate) struct Moment {
    /// `before PUT dify-dev-api`.
    pub(crate) name: String,
    pub(crate) azure: Arc<Azure>,
}

impl Azure {
    /// An empty subscription.
    pub(crate) fn new() -> Arc<Self> {
        Self::with(Emulator::builder())
    }

    /// An Azure with options of its own.
    pub(crate) fn with(options: EmulatorBuilder) -> Arc<Self> {
        let emulator = EmbeddedAzure::new(options.build().unwrap());
        Self::around(emulator.starting_at(Timestamp::UNIX_EPOCH))
    }

    fn around(inner: EmbeddedAzure) -> Arc<Self> {
        Arc::new(Self {
            inner,
            exchanges: Mutex::default(),
            faults: Mutex::default(),
            moments: Mutex::default(),
        })
    }

    /// Another Azure in the state that this one is in.
    pub(crate) fn fork(&self) -> Arc<Self> {
        Self::around(self.inner.fork())
    }

    /// Keeps the state before and after each write from now on.
    pub(crate) fn keep_moments(&self) {
        *lock(&self.moments) = Some(Vec::new());
    }

    /// The kept states, in the order of the writes; none are kept from now on.
    pub(crate) fn take_moments(&self) -> Vec<Moment> {
        lock(&self.moments).take().unwrap_or_default()
    }

    fn keep_moment(&self, when: &str, exchange: &Exchange) {
        if let Some(moments) = &mut *lock(&self.moments)
            && exchange.is_write()
        {
            moments.push(Moment {
                name: format!("{when} {}", exchange.headline()),
                azure: self.fork(),
            });
        }
    }

    pub(crate) fn client(self: &Arc<Self>) -> ArmClient {
        let transport: Arc<dyn HttpService> = Arc::<Self>::clone(self);
        client_builder(transport).unwrap().build()
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.inner.emulator()
    }

    /// Sets public DNS records as a person does, in place of all others.
    pub(crate) fn set_dns(&self, records: &[Wanted]) {
        let records = records.iter().map(|record| {
            let kind = match record.kind {
                "A" => DnsRecordType::A,
                "CNAME" => DnsRecordType::Cname,
                _ => DnsRecordType::Txt,
            };
            DnsRecord::new(kind, &record.name, &record.value)
        });
        self.emulator().set_dns(records);
    }

    /// Every resource as a GET would answer it, by lower-case id.
    pub(crate) fn resources(&self) -> BTreeMap<String, Value> {
        self.emulator().resources(self.inner.now())
    }

    /// Plans faults for single requests, counted from the next one.
    pub(crate) fn plan_faults(&self, faults: impl IntoIterator<Item = (usize, FaultKind)>) {
        let made = self.exchanges().len();
        let faults = faults
            .into_iter()
            .map(|(number, kind)| (made + number, kind));
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults.collect();
    }

    /// Lets the next write whose path contains a text be accepted and then fail.
    pub(crate) fn fail_operation(&self, path: &str, message: &str) {
        let kind = FaultKind::FailedOperation {
            code: "TestFailure".to_owned(),
            message: message.to_owned(),
        };
        let matcher = RequestMatcher::any()
            .method(Method::PUT)
            .path_contains(path);
        self.emulator().fail_next(matcher, kind, 1);
    }

    /// Everything that was asked so far.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The writes since the last [`forget`](Self::forget), in the order in which they began.
    pub(crate) fn writes(&self) -> Vec<Exchange> {
        let mut writes: Vec<Exchange> = self
            .exchanges()
            .into_iter()
            .filter(Exchange::is_write)
            .collect();
        writes.sort_by_key(|exchange| exchange.started);
        writes
    }

    /// The writes as `PUT dify-dev-api`.
    pub(crate) fn headlines(&self) -> Vec<String> {
        self.writes().iter().map(Exchange::headline).collect()
    }

    fn plan_next(&self) -> usize {
        let exchanges = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exchanges.len() + 1
    }
}

#[async_trait::async_trait]
impl HttpService for Azure {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut exchange = Exchange {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            api_version: api_version(&request),
            body: serde_json::from_slice(request.body()).ok(),
            status: None,
            answer: None,
            operation: None,
            started: Instant::now(),
            ended: Instant::now(),
        };
        // The place is taken at the start, so that numbers are those of the order of sending.
        let number = self.plan_next();
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(exchange.clone());
        tokio::time::sleep(LATENCY / 2).await;
        let fault = self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&number);
        if let Some(kind) = fault {
            // Nothing is awaited until the request is looked at, so no other one meets the fault.
            self.emulator().fail_next(RequestMatcher::any(), kind, 1);
        }
        self.keep_moment("before", &exchange);
        let sent = self.inner.send(request).await;
        self.keep_moment("after", &exchange);
        tokio::time::sleep(LATENCY / 2).await;
        exchange.ended = Instant::now();
        if let Ok(response) = &sent {
            exchange.status = Some(response.status().as_u16());
            exchange.answer = serde_json::from_slice(response.body()).ok();
            exchange.operation = operation(response);
        }
        if let Some(place) = self
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(number - 1)
        {
            *place = exchange;
        }
        sent
    }
}

fn operation(response: &Response<Bytes>) -> Option<String> {
    let address = response
        .headers()
        .get("azure-asyncoperation")?
        .to_str()
        .ok()?;
    Some(address.parse::<http::Uri>().ok()?.path().to_owned())
}

fn api_version(request: &Request<Bytes>) -> String {
    let query = request.uri().query().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let version = pairs
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"));
    version
        .map(|(_, value)| value.to_owned())
        .unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
