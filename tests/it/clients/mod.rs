//! Clients that others wrote, against the emulator: `az`, Microsoft's Python packages, and Azurite as
//! a second opinion about blobs.

mod answers;
mod az;
mod az_commands;
mod blobs;
mod examples;
mod find;
mod load;
mod python;
mod tools;
mod workflows;
