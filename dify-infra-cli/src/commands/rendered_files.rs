//! Rendered files on the disk.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use dify_infra_core::render::RenderedFile;

use crate::ui::Ui;
use crate::ui::errors::Problem;

/// Makes the directory that files are written into.
///
/// # Errors
///
/// When it can't be made, such as where a file has its name.
pub(super) fn make(directory: &Path) -> anyhow::Result<()> {
    let shown = directory.display();
    if directory.exists() && !directory.is_dir() {
        let problem = Problem::new(format!("{shown} is a file, and --out names a directory"));
        return Err(problem
            .hint("name a directory; it is made when it is not there")
            .into());
    }
    fs::create_dir_all(directory).with_context(|| format!("the directory {shown} can't be made"))
}

/// Writes files that containers read as users of their own, whatever the umask is, and says so.
///
/// # Errors
///
/// When one can't be written; the others before it are there.
pub(super) fn write<'a>(
    ui: &Ui,
    directory: &Path,
    files: impl IntoIterator<Item = &'a RenderedFile>,
) -> anyhow::Result<()> {
    for file in files {
        let path = directory.join(&file.name);
        let failed = || format!("{} can't be written", path.display());
        fs::write(&path, &file.text).with_context(failed)?;
        set_mode(&path, file.mode).with_context(failed)?;
        ui.say(format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
