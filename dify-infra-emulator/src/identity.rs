//! What clients ask before their first request to Resource Manager: where everything is, and a token.
//!
//! No credential is checked: every secret gets a token. What is checked is what a client gets wrong
//! by itself: the tenant, the kind of grant, a missing id, and tokens that have expired.
//!
//! Shapes: learn.microsoft.com `entra/identity-platform/v2-oauth2-client-creds-grant-flow` and
//! `v2-protocols-oidc`; `/metadata/endpoints` as `az cloud register` reads it (Azure/azure-cli,
//! `azure/cli/core/cloud.py`).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::settings::Settings;

/// What tokens of this emulator have for a signature; tokens of other makers are not looked into.
const SIGNATURE: &str = "dify-infra-emulator";

/// Answers a request for discovery or a token; none when the path is something else.
pub(crate) fn answer(settings: &Settings, call: &Call) -> Option<Answer> {
    let parts: Vec<String> = call
        .segments
        .iter()
        .map(|part| part.to_ascii_lowercase())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let get = call.method == Method::GET;
    match parts.as_slice() {
        ["metadata", "endpoints"] if get => Some(Answer::ok(endpoints(settings, call))),
        ["common", "discovery", "instance"] if get => Some(Answer::ok(instance(settings, call))),
        [tenant, ".well-known", "openid-configuration"] if get => {
            Some(openid(settings, call, tenant, false))
        }
        [tenant, "v2.0", ".well-known", "openid-configuration"] if get => {
            Some(openid(settings, call, tenant, true))
        }
        [_, "discovery", "keys"] | [_, "discovery", "v2.0", "keys"] if get => {
            Some(Answer::ok(json!({ "keys": [] })))
        }
        [tenant, "oauth2", "token"] | [tenant, "oauth2", "v2.0", "token"]
            if call.method == Method::POST =>
        {
            Some(token(settings, call, tenant))
        }
        _ => None,
    }
}

fn instance(settings: &Settings, call: &Call) -> Value {
    let tenant = &settings.tenant;
    json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}/v2.0/.well-known/openid-configuration", call.base),
        "api-version": "1.1",
        "metadata": [],
    })
}

/// Which host answers for what. Everything that this emulator has is itself; the rest are names that
/// lead nowhere.
fn endpoints(settings: &Settings, call: &Call) -> Value {
    let base = &call.base;
    let cloud = json!({
        "name": "DifyInfraEmulator",
        "portal": "https://portal.invalid",
        "authentication": {
            "loginEndpoint": base,
            "audiences": [base, "https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": settings.tenant,
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        "graph": "https://graph.invalid/",
        "graphAudience": "https://graph.invalid/",
        "microsoftGraphResourceId": "https://graph.invalid/",
        "gallery": "https://gallery.invalid/",
        "batch": "https://batch.invalid/",
        "media": "https://media.invalid/",
        "sqlManagement": "https://sqlmanagement.invalid/",
        "vmImageAliasDoc": "https://aliases.invalid/aliases.json",
        "activeDirectoryDataLake": "https://datalake.invalid/",
        "appInsightsResourceId": "https://api.applicationinsights.invalid",
        "appInsightsTelemetryChannelResourceId": "https://dc.applicationinsights.invalid/v2/track",
        "appServiceResourceId": "https://appservice.invalid",
        "attestationResourceId": "https://attest.invalid",
        "azmirrorStorageAccountResourceId": "null",
        "logAnalyticsResourceId": "https://api.loganalytics.invalid",
        "ossrdbmsResourceId": "https://ossrdbms-aad.database.windows.net",
        "synapseAnalyticsResourceId": "https://dev.azuresynapse.invalid",
        "suffixes": {
            "acrLoginServer": "azurecr.io",
            "attestationEndpoint": "attest.invalid",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.invalid",
            "azureDataLakeStoreFileSystem": "azuredatalakestore.invalid",
            "keyVaultDns": "vault.azure.net",
            "mariadbServerEndpoint": "mariadb.database.azure.com",
            "mhsmDns": "managedhsm.azure.net",
            "mysqlServerEndpoint": "mysql.database.azure.com",
            "postgresqlServerEndpoint": "postgres.database.azure.com",
            "sqlServerHostname": "database.windows.net",
            "storage": "core.windows.net",
            "storageSyncEndpointSuffix": "afs.azure.net",
            "synapseAnalytics": "dev.azuresynapse.net",
        },
    });
    // the older version answers a list of clouds, the newer one the cloud alone
    if call
        .query("api-version")
        .is_some_and(|version| version < "2020")
    {
        json!([cloud])
    } else {
        cloud
    }
}

/// Whether a name in a path stands for the tenant.
fn is_tenant(settings: &Settings, name: &str) -> bool {
    name.eq_ignore_ascii_case(&settings.tenant)
        || ["common", "organizations", "adfs"].contains(&name)
}

fn openid(settings: &Settings, call: &Call, tenant: &str, second: bool) -> Answer {
    if !is_tenant(settings, tenant) {
        return unknown_tenant(tenant);
    }
    let (base, tenant) = (&call.base, &settings.tenant);
    let (version, issuer) = if second {
        ("oauth2/v2.0", format!("{base}/{tenant}/v2.0"))
    } else {
        ("oauth2", format!("{base}/{tenant}/"))
    };
    Answer::ok(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/{tenant}/{version}/authorize"),
        "token_endpoint": format!("{base}/{tenant}/{version}/token"),
        "device_authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/{tenant}/{version}/logout"),
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid", "appid"],
        "tenant_region_scope": "AS",
        "cloud_instance_name": "localhost",
    }))
}

fn token(settings: &Settings, call: &Call, tenant: &str) -> Answer {
    if !is_tenant(settings, tenant) {
        return unknown_tenant(tenant);
    }
    let form = call.form();
    let given = |name: &str| {
        form.get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    };
    let Some(grant) = given("grant_type") else {
        return missing("grant_type");
    };
    let needed: &[&str] = match grant {
        "client_credentials" => &["client_id"],
        "refresh_token" => &["client_id", "refresh_token"],
        "password" => &["client_id", "username", "password"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => &["client_id", "assertion"],
        other => {
            let text =
                format!("AADSTS70003: The app requested an unsupported grant type '{other}'.");
            return refused("unsupported_grant_type", 70003, &text);
        }
    };
    if let Some(name) = needed.iter().find(|name| given(name).is_none()) {
        return missing(name);
    }
    let secret = ["client_secret", "client_assertion"];
    if grant == "client_credentials" && secret.iter().all(|name| given(name).is_none()) {
        let text = "AADSTS7000216: 'client_assertion', 'client_secret' or 'request' is required for \
                    the 'client_credentials' grant type.";
        return refused("invalid_request", 7_000_216, text);
    }
    let audience = given("resource")
        .or_else(|| given("scope"))
        .unwrap_or(&call.base);
    Answer::ok(grant_of(settings, call, &form, (grant, audience)))
}

fn grant_of(
    settings: &Settings,
    call: &Call,
    form: &BTreeMap<String, String>,
    (grant, audience): (&str, &str),
) -> Value {
    let client = form.get("client_id").map_or("", String::as_str);
    let now = call.now.as_second();
    let expires = now + settings.token_seconds;
    let user = grant == "password" || grant == "refresh_token";
    let claims = json!({
        "aud": audience.trim_end_matches("/.default"),
        "iss": format!("{}/{}/", call.base, settings.tenant),
        "iat": now,
        "nbf": now,
        "exp": expires,
        "appid": client,
        "idtyp": if user { "user" } else { "app" },
        "oid": settings.dice.guid(&format!("principal/{client}")),
        "sub": settings.dice.guid(&format!("principal/{client}")),
        "tid": settings.tenant,
        "ver": "1.0",
    });
    let access = encode(&claims);
    let mut answer = json!({
        "token_type": "Bearer",
        "expires_in": settings.token_seconds,
        "ext_expires_in": settings.token_seconds,
        "expires_on": expires.to_string(),
        "not_before": now.to_string(),
        "resource": audience.trim_end_matches("/.default"),
        "access_token": access,
    });
    if user {
        answer["refresh_token"] = json!(format!("refresh-{}", settings.dice.hex("refresh", 32)));
        answer["scope"] = json!(audience);
        answer["id_token"] = json!(encode(&json!({
            "aud": client,
            "iss": format!("{}/{}/v2.0", call.base, settings.tenant),
            "iat": now,
            "exp": expires,
            "oid": settings.dice.guid("principal/user"),
            "sub": settings.dice.guid("principal/user"),
            "preferred_username": form.get("username").map_or("user@embedded", String::as_str),
            "tid": settings.tenant,
            "ver": "2.0",
        })));
    }
    answer
}

fn encode(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "typ": "JWT", "alg": "RS256", "kid": "embedded" });
    format!(
        "{}.{}.{}",
        part(&head),
        part(claims),
        URL_SAFE_NO_PAD.encode(SIGNATURE)
    )
}

/// The moment at which a token of this emulator expires, in seconds; none for any other text.
pub(crate) fn expiry(token: &str) -> Option<i64> {
    let mut parts = token.split('.').skip(1);
    let (claims, signature) = (parts.next()?, parts.next()?);
    if signature != URL_SAFE_NO_PAD.encode(SIGNATURE) {
        return None;
    }
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims["exp"].as_i64()
}

fn missing(name: &str) -> Answer {
    let text =
        format!("AADSTS900144: The request body must contain the following parameter: '{name}'.");
    refused("invalid_request", 900_144, &text)
}

fn unknown_tenant(tenant: &str) -> Answer {
    let text = format!(
        "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID \
         and are signing into the correct cloud."
    );
    refused("invalid_request", 90002, &text)
}

/// A refusal in the shape of RFC 6749, with Entra's own members.
fn refused(code: &str, number: u32, text: &str) -> Answer {
    Answer::of(
        StatusCode::BAD_REQUEST,
        json!({ "error": code, "error_description": text, "error_codes": [number] }),
    )
}
