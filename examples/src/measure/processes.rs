//! How long programs take to start, and to make secrets.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Processes that are started of each kind; the one in the middle counts.
const RUNS: usize = 21;

/// Writes down the cold start of `dify-infra`, and `dify-secrets gen` beside `openssl rand`, for
/// programs in `directory`. What is not there is said to be skipped.
///
/// # Errors
///
/// When a program is there and fails, or `out` can't be written to.
pub fn processes(directory: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let program = |name: &str| directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let (infra, secrets) = (program("dify-infra"), program("dify-secrets"));
    if !infra.is_file() || !secrets.is_file() {
        writeln!(
            out,
            "cold start: skipped, `cargo build -p dify-infra-cli` makes the programs"
        )?;
        return Ok(());
    }
    let start = median(&infra, &["--version"])?;
    writeln!(
        out,
        "cold start: dify-infra --version takes {} (median of {RUNS})",
        millis(start)
    )?;
    let ours = median(&secrets, &["gen"])?;
    let Some(openssl) = find("openssl") else {
        writeln!(
            out,
            "dify-secrets gen takes {}; no openssl to compare",
            millis(ours)
        )?;
        return Ok(());
    };
    let theirs = median(&openssl, &["rand", "-base64", "42"])?;
    writeln!(
        out,
        "dify-secrets gen (7 secrets) takes {}, openssl rand (1 value) {}: ratio {:.2}",
        millis(ours),
        millis(theirs),
        ours.as_secs_f64() / theirs.as_secs_f64()
    )?;
    Ok(())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

fn median(program: &Path, arguments: &[&str]) -> anyhow::Result<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let began = Instant::now();
        let status = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("{} can't be started", program.display()))?;
        times.push(began.elapsed());
        ensure!(
            status.success(),
            "{} {} failed",
            program.display(),
            arguments.join(" ")
        );
    }
    times.sort();
    Ok(times[RUNS / 2])
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
