//! A loopback server around an emulator, over http or https.
//!
//! ```
//! use dify_infra_emulator::Emulator;
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let azure = Emulator::new().serve().await?;
//! println!("point clients at {}", azure.endpoint());
//! assert_eq!(azure.emulator().request_count(), 0);
//! azure.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::{Parts, Scheme};
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::emulator::Emulator;
use crate::error::EmulatorError;
use crate::faults::{ConnectionReset, LateAnswer, TruncatedBody};
use crate::tls::Authority;

/// Connections that may wait to be accepted: a hundred clients begin at once in a test.
const BACKLOG: u32 = 1024;

/// A listening server; its requests are made at the time of the system's clock.
pub struct Server {
    emulator: Arc<Emulator>,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("address", &self.address)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address is not a loopback address or can't be listened on.
    #[expect(
        clippy::unused_async,
        reason = "listening needs a runtime, which an async function makes plain"
    )]
    pub async fn bind(emulator: Arc<Emulator>, address: SocketAddr) -> Result<Self, EmulatorError> {
        if !address.ip().is_loopback() {
            return Err(EmulatorError::NotLoopback { address });
        }
        let failed = |source| EmulatorError::Listen { address, source };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            emulator,
            listener,
            address,
            tls: None,
        })
    }

    /// Speaks https, with a certificate of this authority for `localhost` and the loopback addresses.
    ///
    /// # Errors
    ///
    /// When no certificate can be made.
    pub fn with_tls(mut self, authority: &Authority) -> Result<Self, EmulatorError> {
        self.tls = Some(TlsAcceptor::from(authority.server_config()?));
        Ok(self)
    }

    /// The address that clients connect to.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the emulated Resource Manager. With https it names `localhost`, since some
    /// clients accept no bare address of a host there.
    pub fn endpoint(&self) -> String {
        match self.tls {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://{}", self.address),
        }
    }

    /// Answers requests until the future is ready, then closes all connections.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let emulator = Arc::clone(&self.emulator);
                        connections.spawn(serve_stream(emulator, stream, self.tls.clone()));
                    }
                    // for example too many open files: existing connections go on
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::task::yield_now().await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        connections.shutdown().await;
    }

    /// Answers requests in the background until the [`Running`] server is stopped or dropped.
    pub fn start(self) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let (emulator, address, endpoint) =
            (Arc::clone(&self.emulator), self.address, self.endpoint());
        let task = tokio::spawn(self.serve_until(async {
            // an error means that the handle was dropped, which stops as well
            let _ = stopped.await;
        }));
        Running {
            emulator,
            address,
            endpoint,
            stop: Some(stop),
            task: Some(task),
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    // a server that is started again right after its end takes its address again
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A server that answers in the background. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    emulator: Arc<Emulator>,
    address: SocketAddr,
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// The emulator behind the server, to look at its state or to order faults.
    pub fn emulator(&self) -> &Arc<Emulator> {
        &self.emulator
    }

    /// The address that clients connect to.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the emulated Resource Manager, as [`Server::endpoint`] tells it.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Closes all connections and waits until the server has ended.
    pub async fn stop(mut self) {
        self.stop.take();
        if let Some(task) = self.task.take() {
            // the task ends by itself; if it panicked, there is nothing left to stop
            let _ = task.await;
        }
    }
}

/// Why a connection is cut.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("a test ordered that the connection breaks")]
    Ordered,
    #[error("the body of the request did not arrive")]
    Body(#[source] hyper::Error),
}

async fn serve_stream(emulator: Arc<Emulator>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    // answers are small: waiting to fill a packet would delay each of them
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its packets back");
    }
    match tls {
        None => serve_connection(emulator, stream, Scheme::HTTP).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => serve_connection(emulator, stream, Scheme::HTTPS).await,
            Err(error) => tracing::info!(%error, "a client did not complete the TLS handshake"),
        },
    }
}

async fn serve_connection<S>(emulator: Arc<Emulator>, stream: S, scheme: Scheme)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(Arc::clone(&emulator), scheme.clone(), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    emulator: Arc<Emulator>,
    scheme: Scheme,
    request: Request<Incoming>,
) -> Result<Response<Delivery>, Cut> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(Cut::Body)?.to_bytes();
    head.uri = with_scheme(head.uri, scheme, head.headers.get(http::header::HOST));
    let response = emulator.handle(Timestamp::now(), Request::from_parts(head, body));
    let extensions = response.extensions();
    if extensions.get::<ConnectionReset>().is_some() {
        // an error of the service makes hyper close the connection without an answer
        return Err(Cut::Ordered);
    }
    let truncated = extensions.get::<TruncatedBody>().is_some();
    if let Some(LateAnswer(late)) = extensions.get::<LateAnswer>().copied() {
        tokio::time::sleep(late).await;
    }
    Ok(response.map(|bytes| Delivery {
        length: bytes.len(),
        bytes: (!bytes.is_empty()).then_some(bytes),
        truncated,
    }))
}

/// A body on its way to the client: whole, or broken off after its first half.
struct Delivery {
    bytes: Option<Bytes>,
    length: usize,
    truncated: bool,
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Some(bytes) = self.bytes.take() else {
            return Poll::Ready(self.truncated.then_some(Err(Cut::Ordered)));
        };
        let sent = if self.truncated {
            bytes.slice(..bytes.len() / 2)
        } else {
            bytes
        };
        Poll::Ready(Some(Ok(Frame::data(sent))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && !self.truncated
    }

    fn size_hint(&self) -> SizeHint {
        // a usize is never wider than 64 bits
        SizeHint::with_exact(u64::try_from(self.length).unwrap_or(u64::MAX))
    }
}

/// The absolute form of a request's address, so that links in answers lead back here.
fn with_scheme(uri: Uri, scheme: Scheme, host: Option<&http::HeaderValue>) -> Uri {
    let mut parts: Parts = uri.clone().into_parts();
    let host = host
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse().ok());
    parts.authority = parts.authority.or(host);
    parts.scheme = Some(scheme);
    Uri::from_parts(parts).unwrap_or(uri)
}

impl Emulator {
    /// Serves this emulator over http on a free loopback port, in the background.
    ///
    /// # Errors
    ///
    /// When no port can be listened on.
    pub async fn serve(self) -> Result<Running, EmulatorError> {
        let server = Server::bind(Arc::new(self), ([127, 0, 0, 1], 0).into()).await?;
        Ok(server.start())
    }

    /// Serves this emulator over https on a free loopback port, in the background.
    ///
    /// # Errors
    ///
    /// When no port can be listened on or no certificate can be made.
    pub async fn serve_tls(self, authority: &Authority) -> Result<Running, EmulatorError> {
        let server = Server::bind(Arc::new(self), ([127, 0, 0, 1], 0).into()).await?;
        Ok(server.with_tls(authority)?.start())
    }
}
