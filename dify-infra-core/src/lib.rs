//! The pure heart of dify-infra.

pub mod catalogue;
pub mod check;
pub mod deployment;
pub mod diagnostic;
pub mod diff;
pub mod egress;
pub mod expectation;
pub mod graph;
pub mod names;
pub mod plan;
pub mod render;
pub mod resource;
pub mod routes;
pub mod secrets;
pub mod spec;
pub mod values;
