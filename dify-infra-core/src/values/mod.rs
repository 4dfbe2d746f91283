//! Values that can't be wrong: ports, sizes, ranges, URLs, images and versions.
//!
//! Each type checks at its border and can be trusted behind it. Errors say what is wrong with a
//! value and what to write instead, with the corrected value wherever there is one.
//!
//! ```
//! use dify_infra_core::values::Cidr;
//!
//! let error = "10.0.1.0/16".parse::<Cidr>().unwrap_err();
//! assert_eq!(error.remedy(), "write 10.0.0.0/16");
//! ```

mod cidr;
mod cloud;
mod error;
mod host;
mod image;
mod port;
mod probe;
mod quantity;
mod replicas;
mod size;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod url;
mod version;

pub use cidr::Cidr;
pub use cloud::AzureCloud;
pub use error::InvalidValue;
pub use image::ImageReference;
pub use port::{ExposedPort, Port};
pub use probe::{ProbeKind, ProbeTiming};
pub use quantity::{Bytes, Seconds};
pub use replicas::{ReplicaRange, SingleReplica};
pub use size::{ConsumptionSize, Cpu, Memory};
pub use url::{HttpUrl, PublicOrigin, Scheme};
pub use version::DifyVersion;
