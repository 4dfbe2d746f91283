//! `Microsoft.App/managedEnvironments/certificates` and `…/managedCertificates`.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, set_at, text_at};
use crate::dns::DnsRecordType;
use crate::engine::world::{World, text_of};
use crate::provider::container_app::domain::{apps_with, user_of};
use crate::provider::managed_environment::POLLING;
use crate::provider::{Definition, Draft, Provider, Seconds, StateWords, Style, vault};
use crate::rules::Rule;
use crate::store::model::Resource;
use crate::types;

/// The rules of certificates.
pub(crate) const RULES: &[Rule] = &[HOST_FIRST, POINTS_HERE, PUBLIC, IMMUTABLE, IN_USE, SOURCE];

const HOST_FIRST: Rule = Rule::known(
    "ACA-CERTIFICATE-HOST-FIRST",
    "A managed certificate is made for a name that is on an app of the environment already.",
    "RequireCustomHostnameInEnvironment in public deployment logs",
)
.with_known_code();
const POINTS_HERE: Rule = Rule::known(
    "ACA-CERTIFICATE-DNS",
    "A managed certificate is issued while the name is a CNAME of the app's own name, directly, or \
     for the validation HTTP an A record of the environment's address.",
    "microsoft/azure-container-apps#525; learn.microsoft.com \
     container-apps/custom-domains-managed-certificates; the error code is a guess",
);
const PUBLIC: Rule = Rule::known(
    "ACA-CERTIFICATE-PUBLIC",
    "A managed certificate needs an environment that is reached from the internet.",
    "microsoft/azure-container-apps#910, #1542; the error code is a guess",
);
const IMMUTABLE: Rule = Rule::known(
    "ACA-CERTIFICATE-IMMUTABLE",
    "Subject and validation of a managed certificate can't be changed.",
    "Azure/azure-rest-api-specs ManagedCertificates.json, 400 of CreateOrUpdate",
)
.with_known_code();
const IN_USE: Rule = Rule::known(
    "ACA-CERTIFICATE-IN-USE",
    "A certificate that is bound to a name can't be deleted.",
    "CertificateInUse in public deployment logs",
)
.with_known_code();
const SOURCE: Rule = Rule::known(
    "ACA-CERTIFICATE-SOURCE",
    "A certificate comes with its value, or from a vault of which an identity of the environment \
     can read it.",
    "learn.microsoft.com container-apps/key-vault-certificates-manage; the error code is a guess",
);

const CERTIFICATE_STATES: StateWords = StateWords {
    creating: &["Pending"],
    updating: &["Pending"],
    ..StateWords::USUAL
};

static MANAGED: Definition = Definition {
    name: "Microsoft.App/managedEnvironments/managedCertificates",
    api_versions: &["2026-01-01"],
    table: Some(types::managed_certificate),
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    patch: Some(Style::SYNC),
    patches_tags_alone: true,
    delete: Some(Style::SYNC),
    seconds: Seconds {
        create: 300.0,
        update: 5.0,
        delete: 0.0,
    },
    states: Some(&CERTIFICATE_STATES),
    polling: POLLING,
    tracked: true,
    system_data: true,
    display_location: true,
    ..Definition::READ_ONLY
};

static STORED: Definition = Definition {
    name: "Microsoft.App/managedEnvironments/certificates",
    api_versions: &["2026-01-01"],
    table: Some(types::environment_certificate),
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    patch: Some(Style::SYNC),
    patches_tags_alone: true,
    delete: Some(Style::SYNC),
    created_status: StatusCode::OK,
    states: Some(&CERTIFICATE_STATES),
    polling: POLLING,
    tracked: true,
    system_data: true,
    display_location: true,
    ..Definition::READ_ONLY
};

/// Certificates that Azure has issued and renews.
pub(crate) struct ManagedCertificate;

/// Certificates that a person brings, or that a vault has.
pub(crate) struct Certificate;

const SUBJECT: &str = "properties.subjectName";
const VALIDATION: &str = "properties.domainControlValidation";

fn environment_of<'a>(world: World<'a>, id: &ResourceId) -> Option<&'a Resource> {
    world.store.resource(&id.parent()?)
}

/// Why DNS does not let a certificate be issued, when it does not.
fn dns_problem(
    world: World<'_>,
    id: &ResourceId,
    body: &Value,
) -> Result<Option<ArmError>, ArmError> {
    let subject = text_at(body, SUBJECT).unwrap_or_default();
    let Some(environment) = environment_of(world, id) else {
        return Ok(None);
    };
    let Some(app) = apps_with(world, environment, subject).next() else {
        return Ok(Some(host_first(environment, subject)));
    };
    let dns = &world.settings.dns;
    let method = text_at(body, VALIDATION).unwrap_or("HTTP");
    let (kind, target) = if method.eq_ignore_ascii_case("CNAME") {
        let name = text_of(app, "properties.configuration.ingress.fqdn");
        (DnsRecordType::Cname, name)
    } else {
        (
            DnsRecordType::A,
            text_of(environment, "properties.staticIp"),
        )
    };
    let target = target.unwrap_or_default();
    let found = dns.find(kind, subject)?;
    if found
        .iter()
        .any(|value| value.eq_ignore_ascii_case(&target))
    {
        return Ok(None);
    }
    let message = match kind {
        DnsRecordType::Cname => format!(
            "Not found CNAME of hostname '{subject}' directly pointing to a default hostname."
        ),
        _ => format!("Not found A record of hostname '{subject}' pointing to {target}."),
    };
    Ok(Some(
        POINTS_HERE.refuse("InvalidDomainControlValidation", message),
    ))
}

fn host_first(environment: &Resource, subject: &str) -> ArmError {
    HOST_FIRST.refuse(
        "RequireCustomHostnameInEnvironment",
        format!(
            "Creating managed certificate requires hostname '{subject}' added as a custom hostname \
             to a container app or route in environment '{}'",
            environment.id.name()
        ),
    )
}

fn check_in_use(world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
    let Some(app) = user_of(world, &resource.id) else {
        return Ok(());
    };
    Err(IN_USE.refuse(
        "CertificateInUse",
        format!(
            "Certificate '{}' is used by the container app '{}'.",
            resource.id.name(),
            app.id.name()
        ),
    ))
}

impl Provider for ManagedCertificate {
    fn definition(&self) -> &'static Definition {
        &MANAGED
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        default_at(&mut draft.body, VALIDATION, json!("HTTP"));
        if draft.existing.is_some() {
            let same = |path: &str| {
                let text = |value: Option<&Value>| {
                    let text = value.and_then(Value::as_str).unwrap_or_default();
                    text.to_ascii_lowercase()
                };
                text(draft.old(path)) == text(at(&draft.body, path))
            };
            if same(SUBJECT) && same(VALIDATION) {
                return Ok(());
            }
            return Err(IMMUTABLE.refuse("ManagedCertNoUpdate", IMMUTABLE.text));
        }
        let environment = environment_of(world, draft.id);
        let internal = environment
            .and_then(|found| at(&found.desired, "properties.vnetConfiguration.internal"));
        if internal == Some(&json!(true)) {
            return Err(PUBLIC.refuse("ManagedCertificateNotSupported", PUBLIC.text));
        }
        match dns_problem(world, draft.id, &draft.body)? {
            Some(problem) => Err(problem.at(SUBJECT)),
            None => Ok(()),
        }
    }

    fn ends_badly(&self, world: World<'_>, resource: &Resource) -> Option<(String, String)> {
        // what a person does to the records while the certificate is being issued counts
        let problem = dns_problem(world, &resource.id, &resource.desired).ok()??;
        Some((problem.code, problem.message))
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> crate::provider::Effects {
        let token = world
            .dice()
            .word(&format!("token/{}", resource.id.key()), 32);
        set_at(
            &mut resource.outputs,
            "properties.validationToken",
            json!(token),
        );
        crate::provider::Effects::default()
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        check_in_use(world, resource)
    }
}

impl Provider for Certificate {
    fn definition(&self) -> &'static Definition {
        &STORED
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let path = "properties.certificateKeyVaultProperties";
        if at(&draft.body, path).is_none() {
            if draft.has_secret("properties.value") || draft.existing.is_some() {
                return Ok(());
            }
            return Err(SOURCE.refuse("InvalidCertificate", SOURCE.text).at(path));
        }
        let text = |name: &str| {
            let path = format!("{path}.{name}");
            text_at(&draft.body, &path).unwrap_or_default().to_owned()
        };
        let (url, reader) = (text("keyVaultUrl"), text("identity"));
        let environment = environment_of(world, draft.id);
        let readable = environment.is_some_and(|environment| {
            vault::reference::certificate_is_readable(world, &environment.desired, &url, &reader)
        });
        if readable {
            return Ok(());
        }
        let message = format!(
            "Unable to get the certificate '{url}' using Managed identity '{reader}'. {}",
            SOURCE.text
        );
        Err(SOURCE
            .refuse("CertificateKeyVaultReferenceInvalid", message)
            .at(path))
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> crate::provider::Effects {
        // what it is made of: changed tags do not make another certificate of it
        let value = world.secret(resource, "properties.value");
        let address = "properties.certificateKeyVaultProperties.keyVaultUrl";
        let source = value.or_else(|| text_at(&resource.desired, address));
        let purpose = format!("certificate/{}", source.unwrap_or_default());
        let thumbprint = json!(world.dice().hex(&purpose, 40));
        if at(&resource.outputs, "properties.thumbprint") == Some(&thumbprint) {
            return crate::provider::Effects::default();
        }
        let year = jiff::SignedDuration::from_hours(365 * 24);
        let ends = resource.modified.saturating_add(year);
        for (path, value) in [
            ("properties.thumbprint", thumbprint),
            ("properties.valid", json!(true)),
            ("properties.issueDate", json!(resource.modified.to_string())),
            (
                "properties.expirationDate",
                json!(ends.unwrap_or(resource.modified).to_string()),
            ),
        ] {
            set_at(&mut resource.outputs, path, value);
        }
        crate::provider::Effects::default()
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        check_in_use(world, resource)
    }
}
