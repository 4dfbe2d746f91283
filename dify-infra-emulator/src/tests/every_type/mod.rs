//! What holds for every type of a deployment, development and production: one resource of each, and
//! tables of what each type answers.

mod lists;
mod outputs;
mod samples;
mod secrets;
mod spellings;
mod styles;
mod writes;

pub(super) use samples::sample;
