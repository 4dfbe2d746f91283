//! Azure Resource Manager resources as typed, pure data.
//!
//! A struct per resource type holds exactly the fields that dify-infra manages; what it serialises
//! to is what is sent and what is compared (desired ⊆ live). [`AnyResource`] is the closed set of
//! them at the border of the [graph](crate::graph). Values that are only known once another
//! resource exists, and every secret, are [`Text`]s: templates that serialise to a marker, which
//! [`resolve`](text::resolve) replaces at the last moment before a request.

/// A type is the resource of a kind: with its id, and with what it names in `after` when it has that.
macro_rules! resource {
    ($name:ident, $kind:ident $(, $after:ident)?) => {
        impl $crate::resource::Resource for $name {
            const KIND: $crate::resource::Kind = $crate::resource::Kind::$kind;

            fn id(&self) -> &$crate::resource::ResourceId {
                &self.id
            }

            $(
                fn $after(&self) -> &[$crate::resource::ResourceId] {
                    &self.$after
                }
            )?
        }
    };
}

mod any;
pub mod authorization;
pub mod container_apps;
pub mod domain;
pub mod gateway;
mod id;
pub mod identity;
mod kind;
pub mod monitor;
pub mod network;
pub mod postgres;
pub mod redis;
pub mod registry;
pub mod resources;
pub mod storage;
pub mod text;
pub mod vault;

pub use any::{AnyResource, Resource};
pub use id::{InvalidResourceId, ResourceId};
pub use kind::{Kind, Lane, Layer};
pub use text::{OutputReference, Part, Text, TextEncoding};

/// The tag that marks a resource as belonging to one deployment; its value is
/// `<name>-<environment>`.
pub const OWNER_TAG: &str = "dify-infra-deployment";

/// The tag of a container app that lists the variables which the file added to it, joined by
/// commas: one that leaves the file is then known to be ours, and goes.
pub const VARIABLES_TAG: &str = "dify-infra-variables";

/// The tag of the front door that holds the name which the file had put on it: one that leaves the
/// file is then known to be ours, and goes.
pub const DOMAIN_TAG: &str = "dify-infra-domain";

/// The tag of a container app or job that carries the fingerprint of the generated secrets it was
/// given; never the values.
pub const FINGERPRINT_TAG: &str = "dify-infra-secrets";
