//! `Microsoft.OperationalInsights/workspaces`: 200 with `Creating`, keys, and names that stay held.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, set_at};
use crate::engine::world::World;
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Effects, Provider, Seconds, StateWords, Style,
};
use crate::rules::Rule;
use crate::store::model::{Reservation, Resource, SecretValue};
use crate::types;

/// The rules of workspaces.
pub(crate) const RULES: &[Rule] = &[NAME, RETENTION, SOFT_DELETE];

const NAME: Rule = Rule::known(
    "LOG-NAME",
    "A workspace's name has 4-63 letters, digits and hyphens, no hyphen at the ends.",
    "Azure/bicep-types-az Microsoft.OperationalInsights/workspaces name pattern",
);
const RETENTION: Rule = Rule::guessed(
    "LOG-RETENTION",
    "Logs are retained for 30 to 730 days; the Free tier for 7.",
    "learn.microsoft.com azure-monitor/logs/data-retention-configure",
);
const SOFT_DELETE: Rule = Rule::guessed(
    "LOG-SOFT-DELETE",
    "A deleted workspace is kept for 14 days, and creating it again brings it back; ?force=true \
     forgets it.",
    "learn.microsoft.com azure-monitor/logs/delete-workspace",
);

/// Days for which a deleted workspace can be recovered.
const SOFT_DELETE_DAYS: i64 = 14;

static DEFINITION: Definition = Definition {
    name: "Microsoft.OperationalInsights/workspaces",
    // the older one is that of public templates which ask for the keys
    api_versions: &["2022-10-01", "2026-03-01"],
    table: Some(types::workspace),
    check_name,
    create: Some(Style::STATE),
    update: Some(Style::STATE),
    patch: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    created_status: StatusCode::OK,
    seconds: Seconds {
        create: 30.0,
        update: 10.0,
        delete: 0.0,
    },
    states: Some(&StateWords {
        creating: &["Creating", "ProvisioningAccount"],
        ..StateWords::USUAL
    }),
    tracked: true,
    ..Definition::READ_ONLY
};

/// Log Analytics workspaces.
pub(crate) struct Workspace;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (4..=63).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    Err(NAME.refuse(
        "InvalidParameter",
        format!("The workspace name '{name}' is not valid. {}", NAME.text),
    ))
}

impl Provider for Workspace {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let body = &mut draft.body;
        for (path, value) in [
            ("properties.sku.name", json!("PerGB2018")),
            ("properties.retentionInDays", json!(30)),
            (
                "properties.publicNetworkAccessForIngestion",
                json!("Enabled"),
            ),
            ("properties.publicNetworkAccessForQuery", json!("Enabled")),
            (
                "properties.features.enableLogAccessUsingOnlyResourcePermissions",
                json!(true),
            ),
            ("properties.workspaceCapping.dailyQuotaGb", json!(-1.0)),
        ] {
            default_at(body, path, value);
        }
        let days = at(body, "properties.retentionInDays").and_then(serde_json::Value::as_i64);
        let free = crate::arm::merge::text_at(body, "properties.sku.name") == Some("Free");
        if !days.is_some_and(|days| (30..=730).contains(&days) || (free && days == 7)) {
            return Err(RETENTION
                .refuse(
                    "InvalidParameter",
                    format!("'retentionInDays' is not valid. {}", RETENTION.text),
                )
                .at("properties.retentionInDays"));
        }
        if draft.existing.is_none() {
            create_keys(world, draft);
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        if resource.outputs.is_null() {
            let purpose = format!("{}/{}", resource.id.key(), resource.facts["unique"]);
            let recovered = resource.facts.get("recovered").cloned();
            resource.outputs = recovered.unwrap_or_else(|| {
                json!({ "properties": {
                    "customerId": world.dice().guid(&format!("customer/{purpose}")),
                    "createdDate": world.now.to_string(),
                }})
            });
        }
        let outputs = &mut resource.outputs;
        set_at(
            outputs,
            "properties.modifiedDate",
            json!(world.now.to_string()),
        );
        set_at(
            outputs,
            "properties.sku.lastSkuUpdate",
            json!(resource.created.to_string()),
        );
        set_at(
            outputs,
            "properties.workspaceCapping.dataIngestionStatus",
            json!("RespectQuota"),
        );
    }

    fn finished(&self, _world: World<'_>, resource: &mut Resource) -> Effects {
        Effects {
            reservations: vec![(resource.id.key(), None)],
            ..Effects::default()
        }
    }

    fn deleted(&self, world: World<'_>, resource: &Resource) -> Effects {
        let forget = resource.facts["force"] == json!(true);
        // a reservation counts in the cloud's own time, which the time scale speeds up
        let kept = world
            .settings
            .scaled(SignedDuration::from_hours(24 * SOFT_DELETE_DAYS).as_secs_f64());
        let reservation = (!forget).then(|| Reservation {
            until: world.now.saturating_add(kept).unwrap_or(world.now),
            outputs: resource.outputs.clone(),
            secrets: resource.secrets.clone(),
            created: resource.created,
        });
        Effects {
            reservations: vec![(resource.id.key(), reservation)],
            ..Effects::default()
        }
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        // `listKeys` is the older name; templates can call functions that begin with `list` alone
        if !["sharedkeys", "listkeys"].contains(&action.name) {
            return None;
        }
        let key = |place: &str| world.secret(action.resource, place).unwrap_or_default();
        let body = json!({
            "primarySharedKey": key("generated.primary"),
            "secondarySharedKey": key("generated.secondary"),
        });
        Some(Ok(ActionOutcome::done(Answer::ok(body))))
    }
}

/// Recovers the keys of a deleted workspace of the same name, or makes new ones.
fn create_keys(world: World<'_>, draft: &mut Draft<'_>) {
    let key = draft.id.key();
    let held = world
        .store
        .reservation(&key)
        .filter(|held| held.until > world.now);
    draft.facts = json!({ "unique": draft.unique });
    if let Some(held) = held {
        draft.facts["recovered"] = held.outputs.clone();
        draft.kept.extend(held.secrets.clone());
        return;
    }
    for place in ["generated.primary", "generated.secondary"] {
        let value = world
            .dice()
            .key(&format!("{place}/{key}/{}", draft.unique), 64);
        draft
            .secrets
            .insert(place.to_owned(), SecretValue::new(value));
    }
}
