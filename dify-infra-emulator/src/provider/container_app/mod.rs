//! `Microsoft.App/containerApps`.

pub(crate) mod domain;
pub(crate) mod ingress;
pub(crate) mod revisions;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::{World, text_of};
use crate::provider::identity;
use crate::provider::managed_environment::{POLLING, environment_of, stream_endpoint};
use crate::provider::template;
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Effects, Provider, Seconds, StateWords, Style,
};
use crate::rules::Rule;
use crate::store::model::Resource;
use crate::types;

/// The rules of apps beyond those of templates and of ingress.
pub(crate) const RULES: &[Rule] = &[BUSY, REVISION_SUFFIX, REVISION_NAME, SCALE, GRACE];

const BUSY: Rule = Rule::known(
    "ACA-APP-BUSY",
    "One operation at a time runs on an app.",
    "microsoft/azure-container-apps#175 (ContainerAppLockConflict, in 2022); public pipeline logs of 2026",
)
.with_known_code();
const REVISION_SUFFIX: Rule = Rule::known(
    "ACA-REVISION-SUFFIX",
    "A revision suffix has lower-case letters, digits and single hyphens, with a letter or digit \
     at both ends.",
    "Azure/azure-cli containerapp _validators.py",
);
const REVISION_NAME: Rule = Rule::guessed(
    "ACA-REVISION-NAME",
    "A changed template needs a revision suffix that no revision of the app has.",
    "learn.microsoft.com container-apps/revisions",
);
const SCALE: Rule = Rule::known(
    "ACA-SCALE",
    "minReplicas is 0-1000, maxReplicas 1-1000 and not less; a scale rule has a name of its own \
     and one kind.",
    "learn.microsoft.com container-apps/scale-app; \
     DFE-Digital/terraform-azurerm-container-apps-hosting#96",
);
const GRACE: Rule = Rule::known(
    "ACA-GRACE-PERIOD",
    "terminationGracePeriodSeconds of a template is 0-600.",
    "Azure/azure-rest-api-specs ContainerApps.json",
);

static DEFINITION: Definition = Definition {
    name: "Microsoft.App/containerApps",
    api_versions: &["2026-01-01"],
    table: Some(types::container_app),
    check_name: template::check_app_name,
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    patch: Some(Style::ACCEPTED_LOCATION),
    delete: Some(Style::ACCEPTED_LOCATION),
    seconds: Seconds {
        create: 45.0,
        update: 35.0,
        delete: 20.0,
    },
    states: Some(&APP_STATES),
    polling: POLLING,
    tracked: true,
    system_data: true,
    display_location: true,
    busy,
    // learn.microsoft.com container-apps/scale-app, as public templates quote it
    schema_code: Some("ContainerAppInvalidSchema"),
    merges_tags: true,
    ..Definition::READ_ONLY
};

/// The words of apps and jobs.
pub(crate) const APP_STATES: StateWords = StateWords {
    creating: &["InProgress"],
    updating: &["InProgress"],
    ..StateWords::USUAL
};

fn busy(id: &ResourceId) -> ArmError {
    let message = format!(
        "Cannot modify a container app '{}' because there is an active provisioning operation in \
         progress.",
        id.name()
    );
    BUSY.refuse_with(
        StatusCode::CONFLICT,
        "ContainerAppOperationInProgress",
        message,
    )
}

/// Container apps.
pub(crate) struct ContainerApp;

impl Provider for ContainerApp {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        template::check(world, draft)?;
        default_at(
            &mut draft.body,
            "properties.configuration.activeRevisionsMode",
            json!("Single"),
        );
        default_at(
            &mut draft.body,
            "properties.configuration.maxInactiveRevisions",
            json!(100),
        );
        check_scale(&mut draft.body)?;
        let environment = template::environment(world, &draft.body)?;
        ingress::check(world, &environment, draft)?;
        domain::check(world, &environment, draft)?;
        let id = environment.id.to_string();
        // the deprecated twin of environmentId is always answered too
        set_at(&mut draft.body, "properties.environmentId", json!(id));
        set_at(
            &mut draft.body,
            "properties.managedEnvironmentId",
            json!(id),
        );
        name_revision(world, draft)
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let old = std::mem::take(&mut resource.outputs);
        let mut outputs = Value::Object(Map::new());
        let revision = resource.facts["revision"].clone();
        set_at(&mut outputs, "properties.latestRevisionName", revision);
        let ready = at(&old, "properties.latestReadyRevisionName").cloned();
        if let Some(ready) = ready {
            set_at(&mut outputs, "properties.latestReadyRevisionName", ready);
        }
        set_at(
            &mut outputs,
            "properties.runningStatus",
            json!("Progressing"),
        );
        let endpoint = stream_endpoint(&resource.id, &resource.desired);
        set_at(
            &mut outputs,
            "properties.eventStreamEndpoint",
            json!(endpoint),
        );
        add_environment_outputs(world, resource, &mut outputs);
        add_identity(world, resource, &mut outputs);
        resource.outputs = outputs;
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        let revision = resource.facts["revision"].clone();
        set_at(
            &mut resource.outputs,
            "properties.latestReadyRevisionName",
            revision.clone(),
        );
        set_at(
            &mut resource.outputs,
            "properties.runningStatus",
            json!("Running"),
        );
        let domain = environment_domain(world, resource);
        if let (Some(fqdn), Some(domain)) = (ingress::revision_fqdn(resource), domain) {
            let fqdn = format!("{fqdn}.{domain}");
            set_at(
                &mut resource.outputs,
                "properties.latestRevisionFqdn",
                json!(fqdn),
            );
        }
        revisions::after_change(world, resource)
    }

    fn wants_secret(&self, place: &str, body: &Value) -> bool {
        template::wants_secret(place, body)
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        match action.name {
            "listsecrets" => Some(Ok(list_secrets(world, action.resource))),
            "listcustomhostnameanalysis" => Some(domain::analysis(world, action)),
            "getauthtoken" => Some(Ok(auth_token(world, action))),
            _ => None,
        }
    }
}

/// Answers `listSecrets`: the one place where values come back.
pub(crate) fn list_secrets(world: World<'_>, resource: &Resource) -> ActionOutcome {
    let secrets = list_at(&resource.desired, "properties.configuration.secrets").iter();
    let items: Vec<Value> = secrets
        .map(|secret| {
            let mut item = secret.clone();
            let place = template::secret_place(text_at(secret, "name").unwrap_or_default());
            if let Some(value) = world.secret(resource, &place) {
                item["value"] = json!(value);
            }
            item
        })
        .collect();
    ActionOutcome::done(Answer::ok(json!({ "value": items })))
}

fn auth_token(world: World<'_>, action: &Action<'_>) -> ActionOutcome {
    let id = &action.resource.id;
    let expires = world
        .now
        .saturating_add(jiff::SignedDuration::from_mins(30))
        .unwrap_or(world.now);
    ActionOutcome::done(Answer::ok(json!({
        "id": id.to_string(),
        "name": id.name(),
        "type": id.type_name(),
        "location": text_at(&action.resource.desired, "location"),
        "properties": {
            "token": world.dice().key(&format!("token/{}/{}", id.key(), action.unique), 48),
            "expires": expires.to_string(),
        },
    })))
}

/// The default domain of the environment of an app.
pub(crate) fn environment_domain(world: World<'_>, resource: &Resource) -> Option<String> {
    let id = ResourceId::parse(environment_of(&resource.desired)?)?;
    text_of(world.store.resource(&id)?, "properties.defaultDomain")
}

fn add_environment_outputs(world: World<'_>, resource: &Resource, outputs: &mut Value) {
    let id = environment_of(&resource.desired).and_then(ResourceId::parse);
    let Some(environment) = id.and_then(|id| world.store.resource(&id)) else {
        return;
    };
    if let (Some(host), Some(domain)) = (
        ingress::host(resource),
        text_of(environment, "properties.defaultDomain"),
    ) {
        set_at(
            outputs,
            "properties.configuration.ingress.fqdn",
            json!(format!("{host}.{domain}")),
        );
    }
    if let Some(ip) = text_of(environment, "properties.staticIp") {
        set_at(outputs, "properties.outboundIpAddresses", json!([ip]));
    }
    let path = "properties.customDomainConfiguration.customDomainVerificationId";
    if let Some(verification) = text_of(environment, path) {
        set_at(
            outputs,
            "properties.customDomainVerificationId",
            json!(verification),
        );
    }
}

/// Adds the ids that a managed identity gets.
pub(crate) fn add_identity(world: World<'_>, resource: &Resource, outputs: &mut Value) {
    let kind = text_at(&resource.desired, "identity.type").unwrap_or_default();
    let dice = world.dice();
    if kind.contains("SystemAssigned") {
        let principal = dice.guid(&format!("principal/{}", resource.id.key()));
        set_at(outputs, "identity.principalId", json!(principal));
        set_at(outputs, "identity.tenantId", json!(world.settings.tenant));
    }
    let assigned = at(&resource.desired, "identity.userAssignedIdentities");
    let mut entries = Map::new();
    for id in assigned
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
    {
        let key = id.to_ascii_lowercase();
        let found = identity::find(world, id);
        let own = |name: &str| {
            let known = found.and_then(|found| text_of(found, &format!("properties.{name}Id")));
            known.unwrap_or_else(|| dice.guid(&format!("{name}/{key}")))
        };
        let ids = json!({ "principalId": own("principal"), "clientId": own("client") });
        entries.insert(id.clone(), ids);
    }
    if !entries.is_empty() {
        outputs["identity"]["userAssignedIdentities"] = Value::Object(entries);
    }
}

fn check_scale(body: &mut Value) -> Result<(), ArmError> {
    for (name, value) in [
        ("minReplicas", 0),
        ("maxReplicas", 10),
        ("cooldownPeriod", 300),
        ("pollingInterval", 30),
    ] {
        default_at(
            body,
            &format!("properties.template.scale.{name}"),
            json!(value),
        );
    }
    let number = |name: &str| {
        at(body, &format!("properties.template.scale.{name}"))
            .and_then(Value::as_i64)
            .unwrap_or(0)
    };
    let (least, most) = (number("minReplicas"), number("maxReplicas"));
    let path = "properties.template.scale";
    if !(0..=1000).contains(&least) || !(1..=1000).contains(&most) || least > most {
        let message = format!(
            "minReplicas {least} and maxReplicas {most} are not valid. {}",
            SCALE.text
        );
        return Err(SCALE
            .refuse("ContainerAppInvalidScaleSpec", message)
            .at(path));
    }
    let grace =
        at(body, "properties.template.terminationGracePeriodSeconds").and_then(Value::as_i64);
    if grace.is_some_and(|seconds| !(0..=600).contains(&seconds)) {
        return Err(GRACE
            .refuse("InvalidParameterValueInContainerTemplate", GRACE.text)
            .at("properties.template.terminationGracePeriodSeconds"));
    }
    check_scale_rules(body)
}

fn check_scale_rules(body: &Value) -> Result<(), ArmError> {
    let mut names = std::collections::BTreeSet::new();
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    for (index, rule) in list_at(body, "properties.template.scale.rules")
        .iter()
        .enumerate()
    {
        let name = text_at(rule, "name").unwrap_or_default();
        let kinds = ["azureQueue", "custom", "http", "tcp"];
        let count = kinds.iter().filter(|kind| at(rule, kind).is_some()).count();
        let well_formed = !name.is_empty()
            && name.chars().all(inside)
            && name.starts_with(ends)
            && name.ends_with(ends);
        if !well_formed || !names.insert(name) || count != 1 {
            let message = format!("The scale rule '{name}' is not valid. {}", SCALE.text);
            let path = format!("properties.template.scale.rules[{index}]");
            return Err(SCALE
                .refuse("ContainerAppInvalidScaleRule", message)
                .at(&path));
        }
    }
    Ok(())
}

/// Decides the name of the revision that a write leads to: a changed template makes a new one.
fn name_revision(world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
    let suffix =
        text_at(&draft.body, "properties.template.revisionSuffix").filter(|s| !s.is_empty());
    if let Some(suffix) = suffix {
        check_suffix(suffix)?;
    }
    let old = draft.old("properties.template").map(canonical);
    let unchanged = old.is_some() && old == at(&draft.body, "properties.template").map(canonical);
    if unchanged && draft.facts["revision"].is_string() {
        return Ok(());
    }
    let app = draft.id.name();
    let name = if let Some(suffix) = suffix {
        format!("{app}--{suffix}")
    } else {
        let purpose = format!("revision/{}/{}", draft.id.key(), draft.unique);
        format!("{app}--{}", world.dice().word(&purpose, 7))
    };
    if world
        .store
        .resource(&draft.id.child("revisions", &name))
        .is_some()
    {
        return Err(REVISION_NAME
            .refuse(
                "ContainerAppRevisionAlreadyExists",
                format!(
                    "The revision '{name}' exists already. {}",
                    REVISION_NAME.text
                ),
            )
            .at("properties.template.revisionSuffix"));
    }
    draft.facts = json!({ "revision": name });
    Ok(())
}

/// A template with its named lists in one order: that of variables, volumes or rules means nothing.
fn canonical(template: &Value) -> Value {
    match template {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), canonical(value)))
            .collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            if items
                .iter()
                .all(|item| item.get("name").is_some() && item.get("image").is_none())
            {
                items.sort_by_key(|item| item["name"].to_string());
            }
            Value::Array(items)
        }
        scalar => scalar.clone(),
    }
}

fn check_suffix(suffix: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let right = suffix.chars().all(inside)
        && !suffix.starts_with('-')
        && !suffix.ends_with('-')
        && !suffix.contains("--");
    if right {
        return Ok(());
    }
    let message = format!(
        "Invalid revision suffix '{suffix}'. {}",
        REVISION_SUFFIX.text
    );
    Err(REVISION_SUFFIX
        .refuse("ContainerAppInvalidRevisionSuffix", message)
        .at("properties.template.revisionSuffix"))
}
