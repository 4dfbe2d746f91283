//! Plans in files: written by `plan --out`, carried out by `apply --plan` while they hold.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dify_infra_core::plan::{Origin, Plan, SavedPlan, SavedPlanError, Snapshot};

use super::command_line::quoted;
use crate::input::{self, is_stream, read_limited};
use crate::session::Session;
use crate::ui::Ui;
use crate::ui::errors::Problem;

/// How many reasons are told before the rest is counted.
const SHOWN: usize = 12;

/// Where a plan of this session comes from.
pub(super) fn origin(session: &Session, prune: bool, secrets_compared: bool) -> Origin {
    Origin {
        dify_infra: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: session.graph.owner().to_owned(),
        endpoint: session.client.cloud().endpoint().to_string(),
        subscription: session.target.subscription().to_owned(),
        resource_group: session.graph.group().name().to_owned(),
        file: session.input.shown.clone(),
        file_sha256: Origin::hash_of(&session.input.text),
        prune,
        secrets_compared,
    }
}

/// Writes a plan; who reads the file meanwhile sees the old one or the new one, never a part.
pub(super) fn save(
    ui: &Ui,
    path: &Path,
    origin: Origin,
    (plan, snapshot): (&Plan, &Snapshot),
) -> anyhow::Result<()> {
    let failed = || format!("the plan {} can't be written", path.display());
    let text = SavedPlan::new(origin, plan, snapshot)?.to_json()?;
    if is_stream(path) {
        return Ok(ui.data(&text)?);
    }
    refuse_what_is_no_plan(path)?;
    write_whole(path, &text).with_context(failed)?;
    let shown = quoted(&path.display().to_string());
    if plan.is_applyable() {
        ui.say(format!(
            "the plan is in {shown}; `dify-infra apply --plan {shown}` carries it out while it holds"
        ));
    } else {
        ui.warn(format!(
            "the plan in {shown} is for reading alone: it can't be applied"
        ));
    }
    Ok(())
}

/// Refuses to write over something else: `--out dify.toml` is a slip that would cost the deployment file.
fn refuse_what_is_no_plan(path: &Path) -> Result<(), Problem> {
    let is_file = fs::metadata(path).is_ok_and(|there| there.is_file());
    if !is_file {
        return Ok(());
    }
    let shown = path.display();
    let is_plan = read_limited(path).is_ok_and(|text| {
        text.trim().is_empty()
            || !matches!(SavedPlan::parse(&text), Err(SavedPlanError::NotAPlan(_)))
    });
    if is_plan {
        return Ok(());
    }
    Err(
        Problem::new(format!("{shown} is not a plan, so it was left as it is"))
            .hint("give --out a new file, such as plan.json"),
    )
}

/// Writes beside the file and renames. What is no file, such as `/dev/stdout`, is written to as it is.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, text);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The error is told; that nothing is left behind is tried.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A plan that is to be carried out.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) plan: SavedPlan,
    /// How people know it.
    shown: String,
    /// How a shell knows it.
    path: String,
}

impl Loaded {
    /// Reads a plan that can be carried out.
    ///
    /// # Errors
    ///
    /// When there is no such file, it is no plan, or a plan that could not be applied when it was made.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = input::shown(path);
        let text = read_limited(path).map_err(|error| {
            let problem = match error.kind() {
                io::ErrorKind::NotFound => {
                    let out = quoted(&shown);
                    return Problem::new(format!("there is no plan {shown}"))
                        .hint(format!("`dify-infra plan --out {out}` makes it"));
                }
                io::ErrorKind::IsADirectory => {
                    Problem::new(format!("{shown} is a directory, not a plan"))
                }
                _ => Problem::new(format!("the plan {shown} can't be read: {error}")),
            };
            problem.hint("`dify-infra plan --out plan.json` makes one")
        })?;
        // What is no plan is something else of the person's: no command is named that writes over it.
        let plan = SavedPlan::parse(&text).with_context(|| {
            Problem::new(format!("{shown} can't be applied"))
                .hint("`dify-infra plan --out plan.json` makes a plan anew")
        })?;
        if !plan.is_applyable() {
            let problem = Problem::new(format!(
                "the plan {shown} could not be applied when it was made, so nothing was written"
            ));
            return Err(problem
                .hint("mend what it marks with `?` or `!`, then plan again")
                .into());
        }
        let path = quoted(&path.display().to_string());
        Ok(Self { plan, shown, path })
    }

    /// The deployment file: the one that is named, else the one that the plan was made from.
    ///
    /// # Errors
    ///
    /// When the plan was made from a text on stdin, and no file is named.
    pub(super) fn file(&self, named: Option<&Path>) -> Result<PathBuf, Problem> {
        match named {
            Some(path) => Ok(path.to_owned()),
            None if self.plan.origin.file == "stdin" => Err(Problem::new(format!(
                "the plan {} was made from a deployment file on stdin",
                self.shown
            ))
            .hint(format!(
                "name the file: `dify-infra apply FILE --plan {}`",
                self.path
            ))),
            None => Ok(PathBuf::from(&self.plan.origin.file)),
        }
    }

    /// Refuses to apply a plan to something else than it was made for.
    ///
    /// # Errors
    ///
    /// When the deployment, the Azure or the file is another one.
    pub(super) fn check_origin(&self, session: &Session) -> Result<(), Problem> {
        let origin = &self.plan.origin;
        let now = self::origin(session, origin.prune, origin.secrets_compared);
        self.refuse("is not for this", &origin.mismatches(&now))
    }

    /// Refuses a plan that does not hold any more.
    ///
    /// # Errors
    ///
    /// When something in Azure has changed since, or the plan that would be made now is another one.
    pub(super) fn check_holds(&self, plan: &Plan, snapshot: &Snapshot) -> Result<(), Problem> {
        self.refuse("is stale", &self.plan.changed_since(snapshot))?;
        let version = env!("CARGO_PKG_VERSION");
        let made_by = &self.plan.origin.dify_infra;
        let mut differences = self.plan.differs_from(plan);
        if !differences.is_empty() && made_by != version {
            differences.push(format!(
                "dify-infra {made_by} made it, and this is {version}"
            ));
        }
        self.refuse("is not what would be done now", &differences)
    }

    fn refuse(&self, what: &str, reasons: &[String]) -> Result<(), Problem> {
        if reasons.is_empty() {
            return Ok(());
        }
        let mut shown = reasons[..reasons.len().min(SHOWN)].join("; ");
        if reasons.len() > SHOWN {
            shown = format!("{shown}; and {} more", reasons.len() - SHOWN);
        }
        let plan = &self.shown;
        let origin = &self.plan.origin;
        let mut problem = Problem::new(format!(
            "the plan {plan} {what}, so nothing was written: {shown}"
        ));
        let file = match origin.file.as_str() {
            "stdin" => "-".to_owned(),
            file => quoted(file),
        };
        problem = problem.hint(format!(
            "plan again and have it reviewed: `dify-infra plan {file} --out {}`",
            self.path
        ));
        Err(problem)
    }
}
