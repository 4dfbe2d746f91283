//! Azure Resource Manager over REST, for dify-infra.
//!
//! The crate is layered, and each layer can be used without the ones above it:
//!
//! ```text
//!   arm    ArmClient: one send, long-running operations, paging, error bodies
//!   auth   TokenProvider: where the bearer token comes from, cached
//!   http   HttpService: one request, one answer; redaction, retry budget
//! ```
//!
//! Resources are ARM ids (`&str`) and [`serde_json::Value`] here: what a body means is not this
//! layer's business.
//!
//! # Example
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use dify_infra_azure::arm::ArmClient;
//! use dify_infra_azure::auth::StaticToken;
//! use dify_infra_azure::cloud::Cloud;
//! use dify_infra_azure::http::ReqwestService;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let arm = ArmClient::new(
//!     Cloud::custom("http://127.0.0.1:8080")?,
//!     Arc::new(ReqwestService::new()?),
//!     Arc::new(StaticToken::new("a token for the emulator")),
//! );
//! let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dify-dev-rg";
//! match arm.get(group, "2025-04-01").await? {
//!     Some(body) => println!("in {}", body["location"]),
//!     None => println!("not created yet"),
//! }
//! # Ok(())
//! # }
//! ```

pub mod apply;
pub mod arm;
pub mod auth;
pub mod claim;
pub mod cloud;
pub mod domain;
pub mod error;
pub mod http;
pub mod images;
pub mod inventory;
pub mod observe;
pub mod outputs;
pub mod preflight;
pub mod secrets;
pub mod verify;

pub use error::{Error, ErrorKind};
