//! TODO: module docs.
