//! The Azure inside of the process that a folder has.

use std::path::Path;

use dify_infra_azure::embedded::EmbeddedAzure;
use dify_infra_emulator::{DEFAULT_TENANT, Emulator, EmulatorError};

/// The zone file with the public DNS of the embedded Azure, beside its state.
pub(crate) const ZONE_FILE: &str = "dns.zone";

/// Opens the Azure that is kept in a directory, or makes it.
///
/// # Errors
///
/// When the directory can't be used, holds damaged state, or another process uses it.
pub(crate) fn open(
    directory: &Path,
    subscription: &str,
    time_scale: f64,
) -> Result<EmbeddedAzure, EmulatorError> {
    let emulator = Emulator::builder()
        .state_directory(directory)
        .zone_file(directory.with_file_name(ZONE_FILE))
        .subscription(subscription, "Embedded Azure", DEFAULT_TENANT)
        .time_scale(time_scale)
        .build()?;
    Ok(EmbeddedAzure::new(emulator))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dify_infra_azure::embedded::ENDPOINT;
    use dify_infra_azure::http::HttpService as _;
    use http::Request;

    use super::*;

    const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

    #[tokio::test]
    async fn state_is_there_for_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let send = async |method: &str| {
            let service = open(directory.path(), SUBSCRIPTION, 60.0).unwrap();
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
