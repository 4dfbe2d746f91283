//! Reads a compose folder from the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dify_infra_core::audit::{ComposeInput, Inventory, compose_files, from_compose};

use crate::input::Input;
use crate::ui::errors::Problem;

/// Names of compose files, as compose looks for them, and of the ones that lie over them.
const COMPOSE_FILES: [(&str, &str); 4] = [
    ("compose.yaml", "compose.override.yaml"),
    ("compose.yml", "compose.override.yml"),
    ("docker-compose.yaml", "docker-compose.override.yaml"),
    ("docker-compose.yml", "docker-compose.override.yml"),
];

/// The file of variables that compose reads by itself.
const VARIABLES: &str = ".env";

/// Bytes of a file that is found in a compose folder at most; larger ones are no configuration.
const LARGEST_FILE: u64 = 8 * 1024 * 1024;

/// Files of a compose folder at most, their bytes, and how deep they may stand in it.
const MOST_FILES: usize = 2_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
const DEEPEST: usize = 4;

/// The inventory of a folder, or of a compose file and what stands beside it.
///
/// # Errors
///
/// When there is no compose file; when it, or the `.env` beside it, can't be read; when compose would
/// refuse one of them.
pub(super) fn compose(path: &Path, profiles: &[String]) -> anyhow::Result<Inventory> {
    let (directory, chosen) = if path.is_dir() || !path.exists() {
        (path, None)
    } else {
        let above = path.parent().filter(|it| !it.as_os_str().is_empty());
        let name = path.file_name().map(|it| it.to_string_lossy().into_owned());
        (above.unwrap_or(Path::new(".")), name)
    };
    let names = names(directory, chosen)?;
    let mut files = BTreeMap::new();
    // What compose itself opens is read in any case, and whatever is wrong with it is said.
    for (name, kind) in names
        .iter()
        .map(|name| (name.as_str(), "compose file"))
        .chain([(VARIABLES, "file of variables")])
    {
        let path = directory.join(name);
        // What `COMPOSE_FILE` names outside of the folder is not read: the audit says so.
        if name.starts_with("../") || name.starts_with('/') {
            continue;
        }
        if kind == "compose file" || fs::symlink_metadata(&path).is_ok() {
            files.insert(name.to_owned(), Input::read_as(&path, kind)?.text);
        }
    }
    collect(directory, Path::new(""), 0, &mut files)
        .with_context(|| format!("the folder {} can't be read", directory.display()))?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    Ok(from_compose(ComposeInput {
        compose: &names,
        files: &files,
        profiles: &profiles,
    })?)
}

/// The compose file that is named or found, and the one that lies over it.
fn names(directory: &Path, chosen: Option<String>) -> anyhow::Result<Vec<String>> {
    if let Some(name) = chosen {
        return Ok(vec![name]);
    }
    let variables = directory.join(VARIABLES);
    if fs::symlink_metadata(&variables).is_ok() {
        let variables = Input::read_as(&variables, "file of variables")?.text;
        if let Some(names) = compose_files(&variables)? {
            return Ok(names);
        }
    }
    fs::read_dir(directory)
        .with_context(|| format!("the folder {} can't be read", directory.display()))?;
    let is_there = |name: &str| directory.join(name).exists();
    let Some((name, over)) = COMPOSE_FILES.iter().find(|(name, _)| is_there(name)) else {
        let message = format!("there is no compose file in {}", directory.display());
        return Err(Problem::new(message)
            .hint("name the folder that has docker-compose.yaml")
            .into());
    };
    let over = Some(*over).filter(|over| is_there(over));
    Ok(std::iter::once(*name)
        .chain(over)
        .map(str::to_owned)
        .collect())
}

/// Reads the texts of a folder by their paths in it; links are not followed.
fn collect(
    directory: &Path,
    below: &Path,
    depth: usize,
    files: &mut BTreeMap<String, String>,
) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(directory.join(below))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let bytes: usize = files.values().map(String::len).sum();
        if files.len() >= MOST_FILES || bytes >= MOST_BYTES {
            return Ok(());
        }
        let path: PathBuf = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && depth < DEEPEST && !hidden {
            // A folder of data that belongs to another user is no configuration.
            let _ = collect(directory, &path, depth + 1, files);
        } else if kind.is_file() && entry.metadata()?.len() <= LARGEST_FILE {
            let name: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            let name = name.join("/");
            if files.contains_key(&name) {
                continue;
            }
            if let Ok(input) = Input::read_as(&entry.path(), "configuration file") {
                files.insert(name, input.text);
            }
        }
    }
    Ok(())
}
