//! `dify-infra images`: which images there are, and copies of them in an Azure registry.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use dify_infra_azure::apply::{Event, EventSink as _};
use dify_infra_azure::http::ReqwestService;
use dify_infra_azure::images::hub::Hub;
use dify_infra_azure::images::{
    self, ExistingTag, ImageCopy, ImportEvent, ImportOptions, ImportOutcome, ImportResult,
};
use dify_infra_core::catalogue::{ImageKind, ServiceKind};
use dify_infra_core::deployment::{DeployedImage, Deployment};
use dify_infra_core::graph::registry_id;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::ResourceId;
use dify_infra_core::values::ImageReference;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{FileArguments, ImportArguments};
use crate::exit::Exit;
use crate::input::Input;
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::errors::{self, AlreadyShown, Problem};
use crate::ui::progress::{Progress, seconds};
use crate::ui::table::Table;
use crate::ui::{BOLD, CYAN, DIM, GREEN, RED, Ui, YELLOW, styled};

/// Lists the images; offline.
pub(super) fn list(
    ui: &Ui,
    settings: &Settings,
    arguments: &FileArguments,
) -> anyhow::Result<Exit> {
    let deployment = Input::read(&arguments.file)?.deployment(ui)?;
    let images = deployment.images();
    if settings.json {
        let release = deployment.release().version().to_string();
        let images: Vec<Value> = images.iter().map(as_json).collect();
        ui.json(&json!({ "format": 1, "release": release, "images": images }))?;
    } else {
        ui.data(&table(&images).render())?;
    }
    Ok(Exit::Done)
}

fn as_json(one: &DeployedImage) -> Value {
    json!({
        "name": one.kind.key(),
        "image": one.image,
        "digest": one.image.digest(),
        "copy_of": one.copy_of,
        "used_by": services(&one.used_by),
    })
}

fn services(kinds: &[ServiceKind]) -> Vec<&'static str> {
    kinds.iter().copied().map(ServiceKind::key).collect()
}

fn table(images: &[DeployedImage]) -> Table {
    let mut table = Table::new();
    for one in images {
        let origin = one.copy_of.as_ref().map_or_else(
            || styled(DIM, "-"),
            |original| format!("copy of {original}"),
        );
        table.row([
            styled(BOLD, one.kind.key()),
            one.image.to_string(),
            services(&one.used_by).join(", "),
            origin,
        ]);
    }
    table
}

/// Has the registry copy the images.
pub(super) async fn import(
    ui: &Ui,
    settings: &Settings,
    arguments: &ImportArguments,
) -> anyhow::Result<Exit> {
    let session = Session::open(ui, settings, &arguments.file.file).await?;
    let registry = registry_of(&session)?;
    let wanted = wanted(&session.deployment)?;
    let copies = pin(ui, settings, &wanted).await?;
    let existing = if arguments.keep_existing {
        ExistingTag::Keep
    } else {
        ExistingTag::Replace
    };
    let options = ImportOptions {
        existing,
        login: settings.docker_hub.clone(),
    };
    if arguments.dry_run {
        return dry_run(ui, settings, &registry, &wanted, &copies);
    }
    if let Some(problem) = images::check(&session.client, &registry).await {
        return Err(Problem::new(problem.what).hint(problem.remedy).into());
    }
    let began = Instant::now();
    let count = copies.len();
    let progress = Progress::new(ui);
    for copy in &copies {
        progress.event(&Event::Planned {
            id: shown(&registry, &copy.target),
            action: Action::Create,
        });
    }
    let tell = |event: &ImportEvent<'_>| {
        if let Some(event) = as_progress(&registry, event) {
            progress.event(&event);
        }
    };
    let outcomes = images::import(&session.client, &registry, &copies, &options, &tell).await;
    progress.finish();
    let failed = outcomes.iter().filter(|one| is_failure(one)).count();
    let elapsed = began.elapsed();
    if settings.json {
        let images: Vec<Value> = outcomes.iter().map(outcome_as_json).collect();
        ui.json(&json!({
            "format": 1,
            "registry": registry,
            "success": failed == 0,
            "seconds": elapsed.as_secs_f64(),
            "images": images,
        }))?;
    } else if failed == 0 {
        ui.data(&digests(&wanted, &copies))?;
    }
    conclude(ui, &outcomes, settings.docker_hub.is_some());
    let word = if failed == 0 {
        styled(GREEN, "done")
    } else {
        styled(RED, "failed")
    };
    let there = count - failed;
    ui.say(format!(
        "{word}: {there} of {count} images in {}",
        seconds(elapsed)
    ));
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn registry_of(session: &Session) -> Result<ResourceId, Problem> {
    registry_id(&session.deployment, &session.target).ok_or_else(|| {
        Problem::new("the deployment file names no registry of Azure to copy the images into")
            .hint("write `registry = \"<name>.azurecr.io\"` under `[images]`")
    })
}

/// The images that are copies of the release's; those that the file replaces are their owner's.
fn wanted(deployment: &Deployment) -> Result<Vec<DeployedImage>, Problem> {
    let images = deployment.images().into_iter();
    let copies: Vec<DeployedImage> = images.filter(|one| one.copy_of.is_some()).collect();
    if copies.is_empty() {
        return Err(
            Problem::new("no image of the deployment is a copy of the release's")
                .hint("`[images.overrides]` replaces all of them; nothing is to be copied"),
        );
    }
    Ok(copies)
}

/// What is copied where, by digest.
async fn pin(
    ui: &Ui,
    settings: &Settings,
    wanted: &[DeployedImage],
) -> anyhow::Result<Vec<ImageCopy>> {
    let transport = ReqwestService::new().context("no request can be made from here")?;
    let hub = Hub::new(Arc::new(transport), settings.docker_hub.clone());
    let sources: Vec<_> = wanted
        .iter()
        .filter_map(|one| one.copy_of.clone())
        .collect();
    let busy = ui.busy("asking Docker Hub which digests the tags lead to");
    let pinned = hub.pin(&sources).await;
    drop(busy);
    match pinned {
        Ok(pinned) => Ok(pinned
            .into_iter()
            .zip(wanted)
            .map(|(source, one)| ImageCopy {
                source,
                target: one.image.without_digest(),
            })
            .collect()),
        Err(found) => {
            let mut hints: Vec<&str> = Vec::new();
            for error in found {
                if !hints.contains(&error.hint()) {
                    hints.push(error.hint());
                }
                let error = anyhow::Error::new(error);
                errors::show(ui, &error);
            }
            for hint in hints {
                ui.line(format!("{}: {hint}", styled(CYAN, "hint")));
            }
            Err(AlreadyShown::with(Exit::Failed).into())
        }
    }
}

fn dry_run(
    ui: &Ui,
    settings: &Settings,
    registry: &ResourceId,
    wanted: &[DeployedImage],
    copies: &[ImageCopy],
) -> anyhow::Result<Exit> {
    if settings.json {
        let images: Vec<Value> = copies.iter().map(copy_as_json).collect();
        ui.json(&json!({ "format": 1, "registry": registry, "dry_run": true, "images": images }))?;
        return Ok(Exit::Done);
    }
    for copy in copies {
        ui.say(format!("would copy {} to {}", copy.source, copy.target));
    }
    ui.data(&digests(wanted, copies))?;
    Ok(Exit::Done)
}

fn copy_as_json(copy: &ImageCopy) -> Value {
    json!({
        "image": copy.target,
        "source": copy.source,
        "digest": copy.source.digest(),
    })
}

fn outcome_as_json(outcome: &ImportOutcome) -> Value {
    let (result, message) = match &outcome.result {
        ImportResult::Imported => ("imported", None),
        ImportResult::Kept => ("kept", None),
        ImportResult::Failed(error) => ("failed", Some(error.to_string())),
        _ => ("unknown", None),
    };
    let mut value = copy_as_json(&outcome.copy);
    value["result"] = json!(result);
    value["message"] = json!(message);
    value["seconds"] = json!(outcome.elapsed.as_secs_f64());
    value
}

fn is_failure(outcome: &ImportOutcome) -> bool {
    matches!(outcome.result, ImportResult::Failed(_))
}

/// An image as progress shows it, below its registry: `contoso/dify-api:1.16.0`.
fn shown(registry: &ResourceId, target: &ImageReference) -> ResourceId {
    let repository = target.repository();
    let name = repository.rsplit('/').next().unwrap_or(repository);
    let tag = target.tag().unwrap_or("latest");
    registry.child("images", &format!("{name}:{tag}"))
}

fn as_progress(registry: &ResourceId, event: &ImportEvent<'_>) -> Option<Event> {
    Some(match event {
        ImportEvent::Started { target } => Event::Started {
            id: shown(registry, target),
            action: Action::Create,
        },
        ImportEvent::Ended {
            target,
            elapsed,
            failure: None,
        } => Event::Finished {
            id: shown(registry, target),
            elapsed: *elapsed,
        },
        ImportEvent::Ended {
            target,
            failure: Some(message),
            ..
        } => Event::Failed {
            id: shown(registry, target),
            message: message.clone(),
        },
        _ => return None,
    })
}

/// Every failure with its remedy, each remedy once.
fn conclude(ui: &Ui, outcomes: &[ImportOutcome], has_login: bool) {
    let mut hints: Vec<String> = Vec::new();
    let mut is_rationed = false;
    for outcome in outcomes {
        match &outcome.result {
            ImportResult::Kept => ui.say(format!(
                "{} {}: the registry has this tag, and `--keep-existing` says to leave it",
                outcome.copy.target,
                styled(YELLOW, "kept")
            )),
            ImportResult::Failed(error) => {
                let text = error.to_string();
                ui.line(format!(
                    "{}: {}: {text}",
                    styled(RED, "error"),
                    styled(BOLD, outcome.copy.target.to_string())
                ));
                is_rationed |= is_ration(&text);
                hints.extend(error.hint().filter(|hint| !hints.contains(hint)));
            }
            _ => {}
        }
    }
    if is_rationed && !has_login {
        hints.push(
            "Docker Hub rations copies without an account: set DOCKERHUB_USERNAME and \
             DOCKERHUB_TOKEN"
                .to_owned(),
        );
    }
    for hint in hints {
        ui.line(format!("{}: {hint}", styled(CYAN, "hint")));
    }
    if outcomes.iter().any(is_failure) {
        ui.hint("run the command again when the cause is mended: what is there is copied again in no time");
    }
}

/// "toomanyrequests: You have reached your pull rate limit."
/// (<https://learn.microsoft.com/azure/container-registry/buffer-gate-public-content>).
fn is_ration(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["toomanyrequests", "too many requests", "rate limit"]
        .iter()
        .any(|words| text.contains(words))
}

/// The table of the file that pins what was copied.
fn digests(wanted: &[DeployedImage], copies: &[ImageCopy]) -> String {
    let mut text = String::from("[images.digests]\n");
    let mut seen: Vec<ImageKind> = Vec::new();
    for (one, copy) in wanted.iter().zip(copies) {
        let Some(digest) = copy.source.digest().filter(|_| !seen.contains(&one.kind)) else {
            continue;
        };
        seen.push(one.kind);
        let (repository, tag) = (copy.source.repository(), copy.source.tag());
        let repository = repository.trim_start_matches("library/");
        let _ = writeln!(
            text,
            "\"{repository}:{}\" = \"{digest}\"",
            tag.unwrap_or("latest")
        );
    }
    text
}
