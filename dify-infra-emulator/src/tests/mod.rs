//! Tests of behaviour.
