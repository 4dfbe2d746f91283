//! Names of one's own on an app, and what Azure says of a name beforehand.

use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, list_at, text_at};
use crate::dns::DnsRecordType;
use crate::engine::world::{World, text_of};
use crate::provider::managed_environment::{environment_key, environment_of};
use crate::provider::{Action, ActionOutcome, Draft};
use crate::rules::Rule;
use crate::store::model::{Phase, Resource};

/// The rules of names on apps.
pub(crate) const RULES: &[Rule] = &[OWNERSHIP, CERTIFICATE, CONFLICT, NAME];

const OWNERSHIP: Rule = Rule::known(
    "ACA-DOMAIN-OWNERSHIP",
    "A name is put on an app of a public environment, with or without a certificate, once the TXT \
     record asuid.<name> holds the app's customDomainVerificationId.",
    "Azure/azure-cli#28680; microsoft/azure-container-apps#525; that an internal environment is not \
     asked for it: Azure/azure-cli#29128",
)
.with_known_code();
const CERTIFICATE: Rule = Rule::guessed(
    "ACA-DOMAIN-CERTIFICATE",
    "A name that is bound with SNI has a certificate of the app's environment that has succeeded.",
    "Azure/bicep-types-az microsoft.app CustomDomain; public deployment logs say \
     \"Certificate is not in succeeded provisioning state\"",
);
const CONFLICT: Rule = Rule::known(
    "ACA-DOMAIN-CONFLICT",
    "A name is on one app of an environment.",
    "Azure/bicep-types-az microsoft.app CustomHostnameAnalysisResult; the error code is a guess",
);
const NAME: Rule = Rule::guessed(
    "ACA-DOMAIN-NAME",
    "A name has two labels or more of letters, digits and hyphens, and stands once in the list.",
    "learn.microsoft.com container-apps/custom-domains-certificates",
);

const PATH: &str = "properties.configuration.ingress.customDomains";

/// Checks the names of a draft.
pub(super) fn check(
    world: World<'_>,
    environment: &Resource,
    draft: &Draft<'_>,
) -> Result<(), ArmError> {
    let domains = list_at(&draft.body, PATH);
    for (index, domain) in domains.iter().enumerate() {
        let name = text_at(domain, "name").unwrap_or_default();
        let path = format!("{PATH}[{index}]");
        let is_repeated = domains[..index].iter().any(|other| is_named(other, name));
        if is_repeated || !is_host(name) {
            return Err(NAME
                .refuse(
                    "InvalidCustomHostName",
                    format!("'{name}' is not a custom host name. {}", NAME.text),
                )
                .at(&path));
        }
        check_conflict(world, environment, draft, name).map_err(|error| error.at(&path))?;
        check_certificate(world, environment, domain).map_err(|error| error.at(&path))?;
        let known = draft.old(PATH).and_then(Value::as_array);
        let is_known = known.is_some_and(|known| known.iter().any(|one| is_named(one, name)));
        if !is_known {
            check_ownership(world, environment, name).map_err(|error| error.at(&path))?;
        }
    }
    Ok(())
}

fn is_named(domain: &Value, name: &str) -> bool {
    text_at(domain, "name").is_some_and(|own| own.eq_ignore_ascii_case(name))
}

fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.contains('.') && name.len() <= 253 && name.split('.').all(is_label)
}

/// The app of an environment, other than this one, that has a name.
fn holder<'a>(
    world: World<'a>,
    environment: &Resource,
    own: &ResourceId,
    name: &str,
) -> Option<&'a Resource> {
    let own = own.key();
    apps_with(world, environment, name).find(|app| app.id.key() != own)
}

/// The apps of an environment that have a name.
pub(crate) fn apps_with<'a>(
    world: World<'a>,
    environment: &Resource,
    name: &str,
) -> impl Iterator<Item = &'a Resource> {
    let (environment, name) = (environment.id.key(), name.to_owned());
    world.store.resources().filter(move |app| {
        environment_key(app).as_deref() == Some(environment.as_str())
            && list_at(&app.desired, PATH)
                .iter()
                .any(|domain| is_named(domain, &name))
    })
}

/// The app on which a certificate is used.
pub(crate) fn user_of<'a>(world: World<'a>, certificate: &ResourceId) -> Option<&'a Resource> {
    let id = certificate.to_string();
    let mut all = world.store.resources();
    all.find(|app| {
        let mut domains = list_at(&app.desired, PATH).iter();
        domains.any(|domain| {
            text_at(domain, "certificateId").is_some_and(|own| own.eq_ignore_ascii_case(&id))
        })
    })
}

fn check_conflict(
    world: World<'_>,
    environment: &Resource,
    draft: &Draft<'_>,
    name: &str,
) -> Result<(), ArmError> {
    let Some(holder) = holder(world, environment, draft.id, name) else {
        return Ok(());
    };
    let message = format!(
        "Custom domain '{name}' is on the container app '{}' of the environment already.",
        holder.id.name()
    );
    Err(CONFLICT.refuse("CustomDomainInUse", message))
}

fn check_certificate(
    world: World<'_>,
    environment: &Resource,
    domain: &Value,
) -> Result<(), ArmError> {
    let binding = text_at(domain, "bindingType").unwrap_or("Disabled");
    let certificate = text_at(domain, "certificateId").filter(|id| !id.is_empty());
    let Some(certificate) = certificate else {
        if binding.eq_ignore_ascii_case("SniEnabled") {
            return Err(CERTIFICATE.refuse("CertificateMissing", CERTIFICATE.text));
        }
        return Ok(());
    };
    let id = ResourceId::parse(certificate);
    let is_here = |id: &ResourceId| {
        id.parent()
            .is_some_and(|parent| parent.key() == environment.id.key())
    };
    let found = id.filter(is_here);
    let found = found.and_then(|id| world.store.resource(&id));
    match found {
        Some(found) if found.phase == Phase::Succeeded => Ok(()),
        Some(_) => {
            let message =
                format!("Certificate '{certificate}' is not in succeeded provisioning state.");
            Err(CERTIFICATE.refuse("CertificateNotSucceeded", message))
        }
        None => {
            let message = format!("Certificate '{certificate}' is not in the app's environment.");
            Err(CERTIFICATE.refuse("CertificateNotFound", message))
        }
    }
}

fn is_internal(environment: &Resource) -> bool {
    at(
        &environment.desired,
        "properties.vnetConfiguration.internal",
    ) == Some(&json!(true))
}

/// The text by which Azure knows the owner of a name.
fn verification(environment: &Resource) -> String {
    let path = "properties.customDomainConfiguration.customDomainVerificationId";
    text_of(environment, path).unwrap_or_default()
}

fn check_ownership(world: World<'_>, environment: &Resource, name: &str) -> Result<(), ArmError> {
    if is_internal(environment) || is_owned(world, environment, name)? {
        return Ok(());
    }
    Err(OWNERSHIP.refuse(
        "InvalidCustomHostNameValidation",
        missing_text(environment, name),
    ))
}

fn is_owned(world: World<'_>, environment: &Resource, name: &str) -> Result<bool, ArmError> {
    let wanted = verification(environment);
    let texts = world
        .settings
        .dns
        .find(DnsRecordType::Txt, &format!("asuid.{name}"))?;
    Ok(texts.iter().any(|text| text.eq_ignore_ascii_case(&wanted)))
}

/// The words of the live service.
fn missing_text(environment: &Resource, name: &str) -> String {
    format!(
        "A TXT record pointing from asuid.{name} to {} was not found.",
        verification(environment)
    )
}

/// Answers `listCustomHostNameAnalysis`: what DNS says of a name, and whether it may be put on the
/// app (Azure/azure-rest-api-specs `ContainerApps_ListCustomHostNameAnalysis` example).
pub(super) fn analysis(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let name = action.call.query("customHostname").unwrap_or_default();
    let environment = environment_of(&action.resource.desired).and_then(ResourceId::parse);
    let environment = environment.and_then(|id| world.store.resource(&id));
    let Some(environment) = environment else {
        return Ok(ActionOutcome::done(Answer::ok(json!({ "hostName": name }))));
    };
    let dns = &world.settings.dns;
    let is_here = list_at(&action.resource.desired, PATH)
        .iter()
        .any(|domain| is_named(domain, name));
    let test = if is_internal(environment) {
        "Skipped"
    } else if is_owned(world, environment, name)? {
        "Passed"
    } else {
        "Failed"
    };
    let holder = holder(world, environment, &action.resource.id, name);
    let mut answer = json!({
        "hostName": name,
        "isHostnameAlreadyVerified": is_here,
        "customDomainVerificationTest": test,
        "hasConflictOnManagedEnvironment": holder.is_some(),
        "conflictWithEnvironmentCustomDomain": false,
        "cNameRecords": dns.find(DnsRecordType::Cname, name)?,
        "txtRecords": dns.find(DnsRecordType::Txt, name)?,
        "aRecords": dns.find(DnsRecordType::A, name)?,
        "alternateCNameRecords": dns.find(DnsRecordType::Cname, &format!("asuid.{name}"))?,
        "alternateTxtRecords": dns.find(DnsRecordType::Txt, &format!("asuid.{name}"))?,
    });
    if let Some(holder) = holder {
        answer["conflictingContainerAppResourceId"] = json!(holder.id.to_string());
    }
    if test == "Failed" {
        answer["customDomainVerificationFailureInfo"] = json!({
            "code": "InvalidCustomHostNameValidation",
            "message": missing_text(environment, name),
        });
    }
    Ok(ActionOutcome::done(Answer::ok(answer)))
}
