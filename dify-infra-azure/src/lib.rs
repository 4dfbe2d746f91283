#![cfg_attr(feature = "embedded", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "embedded"),
    doc = "Azure Resource Manager over REST, for dify-infra. The README has the layers and an example, which needs \
           the feature `embedded`."
)]

pub mod apply;
pub mod arm;
pub mod auth;
pub mod claim;
pub mod cloud;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
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
