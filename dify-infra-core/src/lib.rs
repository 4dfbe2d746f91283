//! Describes a [Dify](https://github.com/langgenius/dify) deployment on Azure as typed values, and
//! proves it right before anything is created. Pure: no IO, no clock, no environment.
//!
//! ```text
//!  dify.toml ──parse──▶ Spec ──resolve──▶ Deployment ──lower──▶ ResourceGraph ─┐
//!  builder   ──────────▶         │            │                                ├─plan──▶ Plan
//!                                │            ├─render─▶ nginx, squid, env, ARM │
//!                                └─check─▶ Diagnostics          Snapshot ──────┘
//! ```
//!
//! # From a file to a plan
//!
//! ```
//! use dify_infra_core::check::check_file;
//! use dify_infra_core::graph::{Target, lower};
//! use dify_infra_core::plan::{Observed, Options, Snapshot, plan};
//!
//! // Every rule is applied: those about the file, and those about what it leads to.
//! let resolved = check_file(
//!     r#"
//!     schema = 1
//!     name = "dify"
//!     environment = "dev"
//!     location = "japaneast"
//!     [azure]
//!     resource_group = "dify-dev-rg"
//!     "#,
//! )?;
//! let target = Target::new(&resolved.deployment, None);
//! let graph = lower(&resolved.deployment, &target)?;
//!
//! // Azure has nothing yet.
//! let mut snapshot = Snapshot::new();
//! for node in graph.nodes() {
//!     snapshot.insert(node.id().clone(), Observed::Absent);
//! }
//! let plan = plan(&graph, &snapshot, Options::default());
//! assert_eq!(plan.summary().create, graph.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | module | what it holds |
//! |---|---|
//! | [`spec`] | the deployment file as it is written, with spans |
//! | [`deployment`] | the proven model, and the builder that needs no file |
//! | [`check`] | every rule, with its story |
//! | [`audit`] | what others deployed, under the same rules |
//! | [`upgrade`] | what changes between two releases, and the file for the newer one |
//! | [`catalogue`] | releases of Dify: images, variables, ports, routes |
//! | [`names`], [`values`] | types that can't hold a wrong name or value |
//! | [`secrets`] | which secrets there are, how they are made and checked |
//! | [`routes`], [`egress`], [`render`] | what nginx routes, what squid lets out, and their files |
//! | [`resource`], [`graph`] | typed ARM resources and what each needs first |
//! | [`diff`], [`plan`] | what differs from Azure, and what apply would do |

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests compare embedded data with files and start real programs"
    )
)]

/// The page of the crate, whose program is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod audit;
pub mod catalogue;
pub mod check;
pub mod deployment;
pub mod diagnostic;
pub mod diff;
pub mod egress;
pub mod graph;
pub mod names;
pub mod plan;
pub mod render;
pub mod resource;
pub mod routes;
pub mod secrets;
pub mod spec;
pub mod upgrade;
pub mod values;
