//! Writing a secrets file, with the flag that replaces one.

use std::path::Path;

use dify_infra_azure::secrets::{self, WriteError};

pub use secrets::Existing;

/// Writes a file of mode 0600 that is on the disk, whole, when this returns.
///
/// # Errors
///
/// As [`secrets::write_private`]; a file that is kept is told with the way to replace it.
pub fn write_private(path: &Path, contents: &[u8], existing: Existing) -> anyhow::Result<()> {
    match secrets::write_private(path, contents, existing) {
        Err(WriteError::Exists(path)) => anyhow::bail!(
            "{} exists and was left as it is: its values may be in use. Name another file, or \
             replace it with --force",
            path.display()
        ),
        other => Ok(other?),
    }
}
