//! An Azure inside of the process: the emulator behind the transport of the real client.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use dify_infra_azure::http::{HttpError, HttpErrorKind, HttpService};
use dify_infra_emulator::{ConnectionReset, DEFAULT_TENANT, Emulator, EmulatorError};
use http::{Request, Response};
use jiff::Timestamp;

/// The address of the embedded Azure, in links that it answers; nothing listens there.
pub(crate) const ENDPOINT: &str = "https://embedded.azure.invalid";

/// The zone file with the public DNS of the embedded Azure, beside its state.
pub(crate) const ZONE_FILE: &str = "dns.zone";

/// The emulator as a transport: each request is made at the time of the system's clock.
#[derive(Debug)]
pub(crate) struct EmbeddedService(Arc<Emulator>);

impl EmbeddedService {
    /// Opens the Azure that is kept in a directory, or makes it.
    ///
    /// # Errors
    ///
    /// When the directory can't be used, holds damaged state, or another process uses it.
    pub(crate) fn open(
        directory: &Path,
        subscription: &str,
        time_scale: f64,
    ) -> Result<Self, EmulatorError> {
        let emulator = Emulator::builder()
            .state_directory(directory)
            .zone_file(directory.with_file_name(ZONE_FILE))
            .subscription(subscription, "Embedded Azure", DEFAULT_TENANT)
            .time_scale(time_scale)
            .build()?;
        Ok(Self(Arc::new(emulator)))
    }
}

#[async_trait::async_trait]
impl HttpService for EmbeddedService {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // Answering writes state to disk, which must not hold up the other tasks.
        let emulator = Arc::clone(&self.0);
        let answer =
            tokio::task::spawn_blocking(move || emulator.handle(Timestamp::now(), request)).await;
        let interrupted = |message: String| HttpError::new(HttpErrorKind::Interrupted, message);
        let response = answer.map_err(|error| interrupted(error.to_string()))?;
        if response.extensions().get::<ConnectionReset>().is_some() {
            return Err(interrupted(
                "the embedded Azure broke the connection".to_owned(),
            ));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

    #[tokio::test]
    async fn state_is_there_for_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let send = async |method: &str| {
            let service = EmbeddedService::open(directory.path(), SUBSCRIPTION, 60.0).unwrap();
            let address = format!(
                "{ENDPOINT}/subscriptions/{SUBSCRIPTION}/resourcegroups/dify?api-version=2025-04-01"
            );
            let body = Bytes::from(r#"{"location": "japaneast"}"#);
            let request = Request::builder()
                .method(method)
                .uri(address)
                .header("authorization", "Bearer any")
                .body(body)
                .unwrap();
            service.send(request).await.unwrap().status().as_u16()
        };
        assert_eq!(send("PUT").await, 201);
        assert_eq!(send("GET").await, 200);
    }
}
