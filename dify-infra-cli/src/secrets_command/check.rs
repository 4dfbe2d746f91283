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
    let mut judged = Vec::new();
    for file in &arguments.files {
        judged.push(Judged::of(file, arguments.format)?);
    }
    let shared = shared(&judged);
    let report = match (arguments.json, judged.as_slice()) {
        (true, [only]) => json(&Report::of(&only.findings))?,
        (true, files) => json(&Reports::of(files, &shared))?,
        (false, [only]) => text_report(&only.findings),
        (false, files) => {
            let of_files = files.iter().filter(|it| !it.findings.is_empty());
            let of_files =
                of_files.map(|it| format!("{}:\n{}", it.source.shown, text_report(&it.findings)));
            of_files
                .chain(shared.iter().map(Shared::paragraph))
                .collect()
        }
    };
    put(report.as_bytes()).context("the findings could not be written to stdout")?;
    for file in &judged {
        file.source
            .summarise(&file.checker, &file.parsed, &file.findings);
    }
    if !shared.is_empty() {
        let values = count(shared.len(), "value");
        say(&format!(
            "{values} in more than one file: {}",
            count(shared.len(), "error")
        ));
    }
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    Ok(if judged.iter().any(|it| it.has_bad_lines) {
        Exit::Failed
    } else if !shared.is_empty() || judged.iter().any(|it| it.findings.iter().any(is_error)) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// A file with what was found in it.
struct Judged<'a> {
    source: Source<'a>,
    checker: Checker,
    parsed: ParsedSecrets,
    findings: Vec<Finding>,
    has_bad_lines: bool,
}

impl<'a> Judged<'a> {
    fn of(file: &'a Path, format: Option<Format>) -> Result<Self, Failure> {
        let source = Source::new(file);
        let text = source.read()?;
        let name = file.to_string_lossy();
        let format = format.unwrap_or_else(|| Format::detect(&name, text.expose_secret()));
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
            let shown = &source.shown;
            return Err(anyhow::anyhow!("{shown}, read in the format {format}, {reason}").into());
        }
        let checker = checker(format);
        Ok(Self {
            findings: checker.check_parsed(&parsed),
            has_bad_lines: !problems.is_empty(),
            source,
            checker,
            parsed,
        })
    }
}

/// A value that stands in two files.
#[derive(Serialize)]
struct Shared {
    secret: String,
    file: String,
    line: Option<usize>,
    other_secret: String,
    other_file: String,
    other_line: Option<usize>,
}

impl Shared {
    fn paragraph(&self) -> String {
        let on =
            |line: Option<usize>| line.map_or(String::new(), |line| format!(" on line {line}"));
        format!(
            "error: {}{} of {} has the same value as {}{} of {}\n  help: give each environment secrets of \
             its own: `dify-secrets rotate {} {}`\n",
            self.secret,
            on(self.line),
            self.file,
            self.other_secret,
            on(self.other_line),
            self.other_file,
            self.other_file,
            self.other_secret,
        )
    }
}

/// The values that stand in more than one file.
fn shared(files: &[Judged<'_>]) -> Vec<Shared> {
    let mut all = Vec::new();
    for (at, one) in files.iter().enumerate() {
        for other in &files[at + 1..] {
            let names = one.checker.shared(&one.parsed, &other.parsed);
            all.extend(names.into_iter().map(|(name, theirs)| Shared {
                line: one.parsed.line(&name),
                secret: name.env_key(),
                file: one.source.shown.clone(),
                other_line: other.parsed.line(&theirs),
                other_secret: theirs.env_key(),
                other_file: other.source.shown.clone(),
            }));
        }
    }
    all
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
            bail!("{shown} is larger than 1 MiB, so it is not a file of secrets");
        }
        // The error of the conversion holds the bytes, so it is dropped.
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => bail!("{shown} is not UTF-8 text"),
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
struct Reports<'a> {
    format: u8,
    files: Vec<ReportedFile<'a>>,
    shared: &'a [Shared],
}

#[derive(Serialize)]
struct ReportedFile<'a> {
    file: &'a str,
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

impl Report {
    fn of(findings: &[Finding]) -> Self {
        Self {
            format: 1,
            findings: reported(findings),
        }
    }
}

impl<'a> Reports<'a> {
    fn of(files: &'a [Judged<'_>], shared: &'a [Shared]) -> Self {
        let of_file = |it: &'a Judged<'_>| ReportedFile {
            file: &it.source.shown,
            findings: reported(&it.findings),
        };
        Self {
            format: 1,
            files: files.iter().map(of_file).collect(),
            shared,
        }
    }
}

fn reported(findings: &[Finding]) -> Vec<ReportedFinding> {
    let one = |finding: &Finding| ReportedFinding {
        secret: finding.secret.to_string(),
        severity: finding.severity.to_string(),
        problem: finding.problem.to_string(),
        help: finding.help(),
        line: finding.line,
    };
    findings.iter().map(one).collect()
}

fn json(report: &impl Serialize) -> anyhow::Result<String> {
    // By way of a value, whose objects are sorted, as the JSON of all commands.
    Ok(serde_json::to_string_pretty(&serde_json::to_value(report)?)? + "\n")
}
