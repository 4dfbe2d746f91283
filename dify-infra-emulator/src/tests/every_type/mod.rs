//! What holds for every type of a deployment, development and production: one resource of each, and
//! tables of what each type answers.

mod samples;
mod styles;
