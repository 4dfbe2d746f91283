//! Tests of the catalogue's data and of the questions it answers.

mod files;
mod releases;
mod values;
mod variables;

use super::*;

fn release(version: &str) -> &'static Release {
    Catalogue::builtin().release(version).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}
