//! A loopback HTTP server around an emulator.
//!
//! ```
//! use std::sync::Arc;
//! use dify_infra_emulator::{Emulator, server::Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = Server::bind(Arc::new(Emulator::new()), ([127, 0, 0, 1], 0).into()).await?;
//! println!("http://{}", server.local_address());
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let serving = tokio::spawn(server.serve_until(async { stopped.await.unwrap_or(()) }));
//! let _ = stop.send(());
//! serving.await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use http::uri::{Parts, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::emulator::Emulator;
use crate::error::EmulatorError;
use crate::faults::ConnectionReset;

/// A listening server; its requests are made at the time of the system's clock.
#[derive(Debug)]
pub struct Server {
    emulator: Arc<Emulator>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address is not a loopback address or can't be listened on.
    pub async fn bind(emulator: Arc<Emulator>, address: SocketAddr) -> Result<Self, EmulatorError> {
        if !address.ip().is_loopback() {
            return Err(EmulatorError::NotLoopback { address });
        }
        let failed = |source| EmulatorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            emulator,
            listener,
            address,
        })
    }

    /// The address that clients connect to.
    pub fn local_address(&self) -> SocketAddr {
        self.address
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
                        connections.spawn(serve_connection(Arc::clone(&self.emulator), stream));
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
}

/// Why a connection is cut.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("a test ordered that the connection breaks")]
    Ordered,
    #[error("the body of the request did not arrive")]
    Body(#[source] hyper::Error),
}

async fn serve_connection(emulator: Arc<Emulator>, stream: TcpStream) {
    let service = service_fn(move |request| answer(Arc::clone(&emulator), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    emulator: Arc<Emulator>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(Cut::Body)?.to_bytes();
    head.uri = with_scheme(head.uri, head.headers.get(http::header::HOST));
    let response = emulator.handle(Timestamp::now(), Request::from_parts(head, body));
    if response.extensions().get::<ConnectionReset>().is_some() {
        // an error of the service makes hyper close the connection without an answer
        return Err(Cut::Ordered);
    }
    Ok(response.map(Full::new))
}

/// The absolute form of a request's address, so that links in answers lead back here over http.
fn with_scheme(uri: Uri, host: Option<&http::HeaderValue>) -> Uri {
    let mut parts: Parts = uri.clone().into_parts();
    let host = host
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse().ok());
    parts.authority = parts.authority.or(host);
    parts.scheme = Some(Scheme::HTTP);
    Uri::from_parts(parts).unwrap_or(uri)
}
