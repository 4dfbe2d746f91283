//! Configuration files of nginx and squid that stand in variables or commands: for want of files of their
//! own, people write them when the container starts.

use super::inventory::{Container, TextFile};
use super::place::Place;
use super::text_file_kind;

/// The files that the containers of a workload carry in their variables and commands.
pub(super) fn texts(containers: &[Container], workload: usize) -> Vec<TextFile> {
    let mut files = Vec::new();
    let mut add = |text: &str, place: &Place| {
        if let Some(kind) = text_file_kind("", Some(text)) {
            files.push(TextFile {
                kind,
                text: text.to_owned(),
                path: None,
                place: place.clone(),
                workload: Some(workload),
            });
        }
    };
    for container in containers {
        for variable in &container.variables {
            if let Some(text) = variable.value.literal().filter(|it| it.contains('\n')) {
                add(text, &variable.place);
            }
        }
        for word in container.command.iter().filter_map(|it| it.literal()) {
            for text in here_documents(word) {
                add(&text, &container.place);
            }
        }
    }
    files
}

/// The texts between `<<WORD` and a line that is `WORD`, as a shell reads them.
fn here_documents(script: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        let Some((_, after)) = line.split_once("<<") else {
            continue;
        };
        let after = after.trim_start_matches('-').trim_start();
        let word: String = after
            .trim_start_matches(['\'', '"', '\\'])
            .chars()
            .take_while(|it| it.is_ascii_alphanumeric() || *it == '_')
            .collect();
        if word.is_empty() {
            continue;
        }
        let text: Vec<&str> = lines.by_ref().take_while(|it| it.trim() != word).collect();
        found.push(text.join("\n"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::here_documents;

    #[test]
    fn a_script_gives_what_it_writes() {
        let script = "set -e\ncat > /etc/squid/squid.conf <<'EOF'\nhttp_port 3128\nhttp_access deny all\nEOF\n\
                      exec squid -N <<X\nopen";
        assert_eq!(
            here_documents(script),
            ["http_port 3128\nhttp_access deny all", "open"]
        );
    }
}
