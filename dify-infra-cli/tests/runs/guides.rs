//! The guides in `docs/guides`: every command in them runs, each guide in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::place::{INFRA, Place};

/// A command block of a guide.
#[derive(Debug)]
struct Block {
    line: usize,
    script: String,
    /// Why it can't run, when it can't.
    not_run: Option<String>,
}

fn guides() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides");
    let mut guides: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    guides.sort();
    guides
}

/// The fenced blocks of a guide; only `sh` is known, with a reason when a block is not to run.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace();
                assert_eq!(words.next(), Some("sh"), "line {}: ```{info}", number + 1);
                let not_run = words.next().map(|word| {
                    let reason = word
                        .strip_prefix("not-run=")
                        .filter(|reason| !reason.is_empty());
                    reason
                        .unwrap_or_else(|| panic!("line {}: ```{info}", number + 1))
                        .to_owned()
                });
                open = Some(Block {
                    line: number + 1,
                    script: String::new(),
                    not_run,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.script.push_str(line);
                block.script.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

fn run(place: &Place, guide: &str, block: &Block) {
    let programs = Path::new(INFRA).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let output = place
        .command("bash")
        .args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            &block.script,
        ])
        .env("PATH", format!("{programs}:{path}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{guide}:{}: {}\n{}{}",
        block.line,
        block.script,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_command_of_every_guide_runs() {
    let (mut ran, mut not_run) = (0, Vec::new());
    for guide in guides() {
        let name = guide.file_name().unwrap().to_string_lossy().into_owned();
        let place = Place::new("");
        for block in blocks(&fs::read_to_string(&guide).unwrap()) {
            if let Some(reason) = &block.not_run {
                not_run.push(format!("{name}:{}: {reason}", block.line));
            } else {
                run(&place, &name, &block);
                ran += 1;
            }
        }
    }
    println!("{ran} blocks ran, {} did not: {not_run:#?}", not_run.len());
    assert!(ran >= 18, "{ran}");
    assert!(not_run.len() <= 6, "{not_run:#?}");
}

#[test]
fn the_links_of_the_guides_lead_somewhere() {
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let path = guide.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {target}", guide.display());
        }
    }
}

#[test]
fn the_rules_that_guides_name_exist() {
    let place = Place::new("");
    let known = place.infra(&["explain"]).exits(0).stdout;
    for guide in guides() {
        let text = fs::read_to_string(&guide).unwrap();
        for word in text.split('`') {
            let is_rule = word.len() == 6
                && word[..3].chars().all(|letter| letter.is_ascii_uppercase())
                && word[3..].chars().all(|digit| digit.is_ascii_digit());
            assert!(
                !is_rule || known.contains(word),
                "{}: {word}",
                guide.display()
            );
        }
    }
}
