//! [`HttpService`] over reqwest and rustls.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use ::http::{Request, Response, Uri};
use ::reqwest::redirect::Policy;
use ::reqwest::{Client, ClientBuilder};
use bytes::Bytes;

use super::{HttpError, HttpErrorKind, HttpService, is_loopback};

/// Sends requests over the network.
///
/// * TLS by rustls; plain http only to this machine.
/// * Redirects are not followed: ARM sends none, and a token must not travel to another host.
/// * Proxies of the environment are used, but never for this machine.
/// * Connections are kept and shared; cloning is cheap.
#[derive(Clone, Debug)]
pub struct ReqwestService {
    remote: Client,
    loopback: Client,
}

/// Settings of a [`ReqwestService`].
#[derive(Clone, Debug)]
pub struct ReqwestServiceBuilder {
    connect_timeout: Duration,
    timeout: Duration,
    idle_connections: usize,
    user_agent: String,
}

impl Default for ReqwestServiceBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(2),
            idle_connections: 32,
            user_agent: concat!("dify-infra/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl ReqwestServiceBuilder {
    /// Sets how long opening a connection may take (10 seconds).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long a whole request may take, its answer included (2 minutes).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many idle connections are kept for a host (32).
    #[must_use]
    pub fn idle_connections(mut self, count: usize) -> Self {
        self.idle_connections = count;
        self
    }

    /// Sets the `User-Agent` (`dify-infra/<version>`).
    #[must_use]
    pub fn user_agent(mut self, value: impl Into<String>) -> Self {
        self.user_agent = value.into();
        self
    }

    /// Builds the service.
    ///
    /// # Errors
    ///
    /// When the TLS backend can't start or the user agent is not a header value.
    pub fn build(&self) -> Result<ReqwestService, HttpError> {
        Ok(ReqwestService {
            remote: finish(self.client())?,
            loopback: finish(self.client().no_proxy())?,
        })
    }

    fn client(&self) -> ClientBuilder {
        Client::builder()
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            .pool_max_idle_per_host(self.idle_connections)
            .user_agent(&self.user_agent)
            .redirect(Policy::none())
            .referer(false)
    }
}

fn finish(builder: ClientBuilder) -> Result<Client, HttpError> {
    builder.build().map_err(|error| {
        HttpError::new(HttpErrorKind::Refused, "the HTTP client can't start")
            .with_source(error.without_url())
    })
}

impl ReqwestService {
    /// Makes a service with the default settings.
    ///
    /// # Errors
    ///
    /// When the TLS backend can't start.
    pub fn new() -> Result<Self, HttpError> {
        Self::builder().build()
    }

    /// Starts from the default settings.
    pub fn builder() -> ReqwestServiceBuilder {
        ReqwestServiceBuilder::default()
    }

    fn client_for(&self, request: &Request<Bytes>) -> Result<&Client, HttpError> {
        let refuse = |message: String| Err(HttpError::new(HttpErrorKind::Refused, message));
        let Some(host) = request.uri().host() else {
            return refuse("the request names no host".to_owned());
        };
        match request.uri().scheme_str() {
            _ if is_loopback(host) => Ok(&self.loopback),
            Some("https") => Ok(&self.remote),
            _ => refuse(format!(
                "plain http to `{host}` is refused, since anyone on the way could read the \
                 token; use https (http is for this machine alone)"
            )),
        }
    }
}

#[async_trait::async_trait]
impl HttpService for ReqwestService {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client_for(&request)?;
        let host = with_port(request.uri());
        let request = ::reqwest::Request::try_from(request).map_err(|e| explain(e, &host))?;
        let mut answer = client
            .execute(request)
            .await
            .map_err(|e| explain(e, &host))?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        *response.body_mut() = answer.bytes().await.map_err(|e| interrupted(e, &host))?;
        Ok(response)
    }
}

/// Where a request goes: host and port, the scheme's own too, since that is what a firewall sees.
fn with_port(uri: &Uri) -> String {
    let scheme = if uri.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let host = uri.host().unwrap_or_default();
    format!("{host}:{}", uri.port_u16().unwrap_or(scheme))
}

/// Sorts an error of sending by what may have happened, without its URL.
fn explain(error: ::reqwest::Error, host: &str) -> HttpError {
    let error = error.without_url();
    let (kind, message) = if error.is_builder() {
        (
            HttpErrorKind::Refused,
            "the request could not be built".to_owned(),
        )
    } else if error.is_connect() {
        return unconnected(&error, host);
    } else if error.is_timeout() {
        (
            HttpErrorKind::Timeout,
            format!("`{host}` did not answer in time"),
        )
    } else if error.is_request() || error.is_body() {
        (
            HttpErrorKind::Interrupted,
            format!("the connection to `{host}` broke"),
        )
    } else {
        (
            HttpErrorKind::Protocol,
            format!("`{host}` answered with something else than HTTP"),
        )
    };
    HttpError::new(kind, message).with_source(error)
}

/// Says why there is no connection. The layers of clients between it and the reason are left out.
fn unconnected(error: &::reqwest::Error, host: &str) -> HttpError {
    let mut chain: Vec<&(dyn StdError + 'static)> = vec![error];
    let mut next = StdError::source(error);
    while let Some(cause) = next {
        chain.push(cause);
        next = cause.source();
    }
    let texts: Vec<String> = chain.iter().map(ToString::to_string).collect();
    let says = |words: &str| texts.iter().any(|text| text.contains(words));
    let kind = chain
        .iter()
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    let why = match kind {
        _ if says("proxy authorization required") => "the proxy wants a sign-in",
        _ if says("dns error") => "its name is not known here",
        _ if says("certificate") => "its certificate is not trusted here",
        _ if error.is_timeout() => "nothing answers there, not even with a refusal",
        Some(io::ErrorKind::ConnectionRefused) => "nothing listens there",
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "no route leads there"
        }
        _ => "the attempt failed",
    };
    // What failed is then the way to the proxy, whose name only the environment has.
    let way = if says("tunnel error") {
        " through the proxy"
    } else {
        ""
    };
    let message = format!("could not connect to `{host}`{way}: {why}");
    let error = HttpError::new(HttpErrorKind::Connect, message);
    match texts.last() {
        Some(innermost) => error.with_source(innermost.clone()),
        None => error,
    }
}

/// Sorts an error of reading the body: the head was HTTP, so the rest was cut off.
fn interrupted(error: ::reqwest::Error, host: &str) -> HttpError {
    let (kind, message) = if error.is_timeout() {
        (
            HttpErrorKind::Timeout,
            format!("`{host}` did not finish its answer in time"),
        )
    } else {
        (
            HttpErrorKind::Interrupted,
            format!("the answer of `{host}` was cut off"),
        )
    };
    HttpError::new(kind, message).with_source(error.without_url())
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::time::Duration;

    use ::http::Request;
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use wiremock::matchers::{body_string, header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::{HttpErrorKind, HttpService, ReqwestService};

    fn get(uri: &str) -> Request<Bytes> {
        Request::get(uri).body(Bytes::new()).unwrap()
    }

    /// A server that reads a request, writes `answer` and hangs up.
    async fn server_that_says(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let _ = socket.read(&mut buffer).await;
                let _ = socket.write_all(answer).await;
            }
        });
        format!("http://{address}/")
    }

    #[tokio::test]
    async fn sends_method_query_headers_and_body() {
        let server = MockServer::start().await;
        Mock::given(method("PUT"))
            .and(path("/a"))
            .and(query_param("api-version", "1"))
            .and(header("x-probe", "yes"))
            .and(header(
                "user-agent",
                concat!("dify-infra/", env!("CARGO_PKG_VERSION")),
            ))
            .and(body_string("hello"))
            .respond_with(ResponseTemplate::new(418).insert_header("x-answer", "1"))
            .expect(1)
            .mount(&server)
            .await;
        let request = Request::put(format!("{}/a?api-version=1", server.uri()))
            .header("x-probe", "yes")
            .body(Bytes::from_static(b"hello"))
            .unwrap();
        let answer = ReqwestService::new().unwrap().send(request).await.unwrap();
        assert_eq!(answer.status(), 418);
        assert_eq!(answer.headers()["x-answer"], "1");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let server = MockServer::start().await;
        let location = format!("{}/elsewhere", server.uri());
        Mock::given(path("/"))
            .respond_with(ResponseTemplate::new(302).insert_header("location", location))
            .mount(&server)
            .await;
        let service = ReqwestService::new().unwrap();
        let answer = service
            .send(get(&format!("{}/", server.uri())))
            .await
            .unwrap();
        assert_eq!(answer.status(), 302);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn plain_http_to_another_machine_is_refused() {
        let service = ReqwestService::new().unwrap();
        let error = service
            .send(get("http://management.azure.com/?k=canary"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Refused);
        assert!(error.to_string().contains("use https"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_closed_port_is_a_connect_error_without_the_url() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let service = ReqwestService::new().unwrap();
        let error = service
            .send(get(&format!("http://{address}/?sig=canary")))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Connect);
        assert!(error.source().is_some());
        assert!(!format!("{error:?} {error}").contains("canary"));
    }

    #[tokio::test]
    async fn silence_is_a_timeout() {
        let server = MockServer::start().await;
        Mock::given(path("/"))
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
            .mount(&server)
            .await;
        let service = ReqwestService::builder()
            .timeout(Duration::from_millis(100))
            .build()
            .unwrap();
        let error = service
            .send(get(&format!("{}/", server.uri())))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Timeout);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_interrupted() {
        let service = ReqwestService::new().unwrap();
        for answer in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        ] {
            let error = service
                .send(get(&server_that_says(answer).await))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), HttpErrorKind::Interrupted, "{error:?}");
        }
    }
}
