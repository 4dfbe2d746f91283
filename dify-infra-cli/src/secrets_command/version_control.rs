//! Keeping a secrets file out of version control.

use std::fs;
use std::path::{Path, PathBuf};

/// What to do when a new secrets file lies in a git work tree that does not ignore it.
///
/// Only plain `.gitignore` lines are understood: a name, or `*` and an ending. A person who
/// ignores it in another way reads one line too many.
pub(crate) fn advice(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let directory = fs::canonicalize(parent).ok()?;
    for place in directory.ancestors() {
        let ignored = fs::read_to_string(place.join(".gitignore")).unwrap_or_default();
        let is_beside = place == directory;
        if ignored.lines().any(|line| covers(line, name, is_beside)) {
            return None;
        }
        // A file in worktrees and submodules, a directory elsewhere.
        if place.join(".git").exists() {
            return Some(format!(
                "keep {} out of version control: add *.secrets.env to .gitignore",
                file.display()
            ));
        }
    }
    None
}

/// Whether a line of a `.gitignore` names the file; a line that begins with `/` speaks of its own
/// directory alone.
fn covers(line: &str, name: &str, is_beside: bool) -> bool {
    let line = line.trim();
    let pattern = match line.strip_prefix('/') {
        Some(_) if !is_beside => return false,
        Some(rest) => rest,
        None => line.strip_prefix("**/").unwrap_or(line),
    };
    match pattern.strip_prefix('*') {
        Some(ending) => !ending.contains(['*', '?', '[', '/']) && name.ends_with(ending),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_git_would_see_is_told_of() {
        let tree = tempfile::tempdir().unwrap();
        let below = tree.path().join("azure");
        fs::create_dir(&below).unwrap();
        let file = below.join("dify-dev.secrets.env");
        assert_eq!(advice(&file), None);
        fs::create_dir(tree.path().join(".git")).unwrap();
        let ignore = tree.path().join(".gitignore");
        for (lines, is_told) in [
            ("", true),
            ("target\n# *.secrets.env\n", true),
            ("!*.secrets.env\n", true),
            ("/dify-dev.secrets.env\n", true),
            ("*.secrets.env\n", false),
            ("dify-dev.secrets.env\n", false),
            ("**/*.env\n", false),
        ] {
            fs::write(&ignore, lines).unwrap();
            assert_eq!(advice(&file).is_some(), is_told, "{lines}");
        }
    }
}
