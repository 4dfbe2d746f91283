//! `dify-secrets check`.

#[cfg(unix)]
use std::fs;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context as _, bail};
use dify_infra_core::secrets::{
    Checker, Finding, Format, LineProblem, ParsedSecrets, Severity, parse_leniently,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::arguments::CheckArguments;
use super::generate::count;
use super::{Exit, Failure, put, say};

/// Larger files hold something else; reading a device by mistake ends here too. In bytes.
const LARGEST: u64 = 1 << 20;

pub(super) fn run(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let source = Source::new(&arguments.file);
    let text = source.read()?;
    let name = arguments.file.to_string_lossy();
    let format = arguments
        .format
        .unwrap_or_else(|| Format::detect(&name, text.expose_secret()));
    let (parsed, problems) = parse_leniently(text.expose_secret(), format);
    source.warn_if_others_can_read();
    for LineProblem { line, message } in &problems {
        say(&format!("error: {} line {line} {message}", source.shown));
    }
    if parsed.secrets().is_empty() {
        let reason = if problems.is_empty() {
            "holds no secrets"
        } else {
            "could not be read"
        };
        return Err(anyhow::anyhow!("{} {reason} as {format}", source.shown).into());
    }

    let checker = checker(format);
    let findings = checker.check_parsed(&parsed);
    let report = if arguments.json {
        json(&findings)?
    } else {
        text_report(&findings)
    };
    put(report.as_bytes()).context("the findings could not be written to stdout")?;
    source.summarise(&checker, &parsed, &findings);
    Ok(if !problems.is_empty() {
        Exit::Failed
    } else if findings
        .iter()
        .any(|finding| finding.severity == Severity::Error)
    {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// Env files may be Dify's own, with hundreds of settings; the other formats hold secrets alone.
fn checker(format: Format) -> Checker {
    match format {
        Format::Env => Checker::new().with_other_settings(),
        _ => Checker::new(),
    }
}

/// The file to check, or stdin.
struct Source<'a> {
    path: Option<&'a Path>,
    shown: String,
}

impl<'a> Source<'a> {
    fn new(file: &'a Path) -> Self {
        if file == Path::new("-") {
            Self {
                path: None,
                shown: "stdin".to_owned(),
            }
        } else {
            Self {
                path: Some(file),
                shown: file.display().to_string(),
            }
        }
    }

    fn read(&self) -> anyhow::Result<SecretString> {
        let shown = &self.shown;
        let unreadable = || format!("{shown} could not be read");
        let bytes = match self.path {
            Some(path) => read_limited(File::open(path).with_context(unreadable)?),
            None => read_limited(io::stdin().lock()),
        };
        let bytes = bytes.with_context(unreadable)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST {
            bail!("{shown} is larger than 1 MiB, so it is no file of secrets");
        }
        // The error of the conversion holds the bytes, so it is dropped.
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => bail!("{shown} is no UTF-8 text"),
        }
    }

    fn warn_if_others_can_read(&self) {
        if let Some(warning) = self.path.and_then(open_to_others) {
            say(&format!("warning: {warning}"));
        }
    }

    fn summarise(&self, checker: &Checker, parsed: &ParsedSecrets, findings: &[Finding]) {
        let (judged, others): (Vec<_>, Vec<_>) = parsed
            .secrets()
            .names()
            .partition(|name| checker.judges(name));
        let of = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let secrets = count(judged.len(), "secret");
        let errors = count(of(Severity::Error), "error");
        let warnings = count(of(Severity::Warning), "warning");
        say(&format!("{}: {secrets}, {errors}, {warnings}", self.shown));
        if !others.is_empty() {
            let others = count(others.len(), "other setting");
            say(&format!(
                "note: {others} looked at for published values alone"
            ));
        }
    }
}

/// A warning about a file that is not for its owner alone.
#[cfg(unix)]
pub(crate) fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;

    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mode = metadata.permissions().mode() & 0o777;
    let shown = path.display();
    (mode & 0o077 != 0)
        .then(|| format!("others can use {shown} (mode {mode:04o}): run `chmod 600 {shown}`"))
}

#[cfg(not(unix))]
pub(crate) fn open_to_others(_: &Path) -> Option<String> {
    None
}

fn read_limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text_report(findings: &[Finding]) -> String {
    findings.iter().map(paragraph).collect()
}

fn paragraph(finding: &Finding) -> String {
    let Finding {
        severity, problem, ..
    } = finding;
    let key = finding.secret.env_key();
    let line = finding
        .line
        .map_or(String::new(), |line| format!(" on line {line}"));
    format!(
        "{severity}: {key}{line} {problem}\n  help: {}\n",
        finding.help()
    )
}

#[derive(Serialize)]
struct Report {
    format: u8,
    findings: Vec<ReportedFinding>,
}

#[derive(Serialize)]
struct ReportedFinding {
    secret: String,
    severity: String,
    problem: String,
    help: String,
    line: Option<usize>,
}

fn json(findings: &[Finding]) -> anyhow::Result<String> {
    let reported = |finding: &Finding| ReportedFinding {
        secret: finding.secret.to_string(),
        severity: finding.severity.to_string(),
        problem: finding.problem.to_string(),
        help: finding.help(),
        line: finding.line,
    };
    let report = Report {
        format: 1,
        findings: findings.iter().map(reported).collect(),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}
