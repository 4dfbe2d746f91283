//! Errors for the person at the keyboard: the sentence, its causes, and what can be done.

use std::error::Error as StdError;
use std::fmt;

use dify_infra_core::diagnostic::Diagnostic;
use serde_json::{Value, json};

use super::{CYAN, RED, Ui, styled};
use crate::exit::Exit;
use crate::settings::UsageError;

/// An error of the commands themselves, with what can be done about it.
#[derive(Debug)]
pub(crate) struct Problem {
    message: String,
    hints: Vec<String>,
}

impl Problem {
    /// A problem; the message is a sentence without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// The same problem with something that can be done.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Problem {}

/// Stops a command whose reason has been shown already.
#[derive(Debug)]
pub(crate) struct AlreadyShown {
    pub exit: Exit,
    /// What was found, masked, for whoever asked for JSON.
    pub findings: Vec<Diagnostic>,
}

impl AlreadyShown {
    /// Ends with a code; what there is to find is on stdout or stderr already.
    pub(crate) fn with(exit: Exit) -> Self {
        Self {
            exit,
            findings: Vec::new(),
        }
    }
}

impl fmt::Display for AlreadyShown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the reason was shown above")
    }
}

impl StdError for AlreadyShown {}

/// Shows an error, its causes and every hint of any of them.
pub(crate) fn show(ui: &Ui, error: &anyhow::Error) {
    let mut causes = error.chain();
    let mut last = causes.next().map(ToString::to_string).unwrap_or_default();
    ui.line(format!("{}: {last}", styled(RED, "error")));
    for cause in causes {
        let text = cause.to_string();
        // Some libraries repeat their cause in their own text.
        if !last.contains(&text) {
            ui.line(format!("  caused by: {text}"));
        }
        last = text;
    }
    for hint in all_hints(error) {
        ui.line(format!("{}: {hint}", styled(CYAN, "hint")));
    }
}

/// An error for a program: `{"format": 1, "error": {"message", "causes", "hints"}}`; findings about
/// the deployment file as `check --json` has them.
pub(crate) fn as_json(error: &anyhow::Error) -> Value {
    if let Some(shown) = error.downcast_ref::<AlreadyShown>() {
        return json!({ "format": 1, "diagnostics": shown.findings });
    }
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    json!({ "format": 1, "error": {
        "message": error.to_string(),
        "causes": causes,
        "hints": all_hints(error),
    } })
}

/// The hints of the outermost problem, then those of its causes, each once.
fn all_hints(error: &anyhow::Error) -> Vec<String> {
    // A problem that was laid over another error as its context is not an item of the chain.
    let outer = error.downcast_ref::<Problem>();
    let mut all = outer.map_or_else(Vec::new, |problem| problem.hints.clone());
    for hint in hints(error.chain()) {
        if !all.contains(&hint) {
            all.push(hint);
        }
    }
    all
}

/// What can be done about an error or any of its causes, each once.
pub(crate) fn hints<'a>(chain: impl Iterator<Item = &'a (dyn StdError + 'static)>) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for error in chain {
        let found: Vec<String> = if let Some(problem) = error.downcast_ref::<Problem>() {
            problem.hints.clone()
        } else if let Some(usage) = error.downcast_ref::<UsageError>() {
            usage.hint().map(str::to_owned).into_iter().collect()
        } else {
            let azure = error.downcast_ref::<dify_infra_azure::Error>();
            azure.and_then(azure_hint).into_iter().collect()
        };
        for hint in found {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
    }
    hints
}

/// The remedy of an Azure error, with the id that support asks for.
fn azure_hint(error: &dify_infra_azure::Error) -> Option<String> {
    let id = error
        .correlation_id()
        .map(|id| format!("the correlation id for support is {id}"));
    match (error.hint(), id) {
        (Some(hint), _) => Some(hint),
        (None, id) => id,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;
    use crate::settings::Verbosity;

    #[test]
    fn shows_the_chain_and_the_hints() {
        let (ui, _, stderr) = Ui::captured(Verbosity::Normal);
        let problem = Problem::new("the file is missing").hint("run `dify-infra init`");
        let error = Err::<(), _>(problem)
            .context("the deployment can't be read")
            .unwrap_err();
        show(&ui, &error);
        assert_eq!(
            stderr.text(),
            "error: the deployment can't be read\n  caused by: the file is missing\n\
             hint: run `dify-infra init`\n"
        );
    }

    #[test]
    fn a_problem_around_another_error_keeps_its_hint() {
        let (ui, _, stderr) = Ui::captured(Verbosity::Normal);
        let error = Err::<(), _>(std::io::Error::other("no disk"))
            .context(Problem::new("it can't be read").hint("look for it"))
            .unwrap_err();
        show(&ui, &error);
        assert_eq!(
            stderr.text(),
            "error: it can't be read\n  caused by: no disk\nhint: look for it\n"
        );
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let (ui, _, stderr) = Ui::captured(Verbosity::Normal);
        let error = Err::<(), _>(Problem::new("no route"))
            .context("failed: no route")
            .unwrap_err();
        show(&ui, &error);
        assert_eq!(stderr.text(), "error: failed: no route\n");
    }
}
