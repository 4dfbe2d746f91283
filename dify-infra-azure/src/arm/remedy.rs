//! Remedies: what a person can do about an error code.
//!
//! Each entry cites where the code was seen or is documented.

use super::codes;
use super::error_body::ArmError;

/// What a remedy may know: the error's own words and the request's resource.
struct Case<'e> {
    error: &'e ArmError,
    message: &'e str,
    resource: &'e str,
}

type Remedy = fn(&Case<'_>) -> String;

/// Code to remedy; the first entry with a code of the error's tree answers.
const TABLE: &[(&[&str], Remedy)] = &[
    // learn.microsoft.com/azure/role-based-access-control/troubleshooting
    (
        &["AuthorizationFailed", "LinkedAuthorizationFailed"],
        missing_right,
    ),
    // learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    (&["MissingSubscriptionRegistration"], unregistered),
    // learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
    (&["SubscriptionNotFound", "InvalidSubscriptionId"], |case| {
        format!(
            "check the subscription id in `{}`; `az account list -o table` shows those that you \
             can see, and `az login --tenant <tenant>` signs in to another tenant",
            case.resource
        )
    }),
    // Same page: the token is of another tenant than the subscription.
    (&["InvalidAuthenticationTokenTenant"], |_| {
        "the token is of another tenant than the subscription: sign in with `az login --tenant \
         <tenant of the subscription>` (`az account show -s <subscription> --query tenantId`)"
            .to_owned()
    }),
    (
        &[
            "ExpiredAuthenticationToken",
            "InvalidAuthenticationToken",
            "AuthenticationFailed",
        ],
        |_| "sign in again (`az login`), and check this machine's clock".to_owned(),
    ),
    // learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy
    (&["RequestDisallowedByPolicy"], policy),
    // learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
    (&["ScopeLocked"], |case| {
        format!(
            "somebody put a lock there on purpose: `az lock list` shows it; ask its owner before \
             it is removed (locked is `{}`, its group or its subscription)",
            case.resource
        )
    }),
    (
        &["ReadOnlyDisabledSubscription", "SubscriptionDisabled"],
        |_| {
            "the subscription is disabled (spending limit, expired offer or payment): its account \
         owner can reactivate it in the portal"
                .to_owned()
        },
    ),
    // Cited where the list is.
    (codes::TAKEN, |_| {
        "the name is unique in all of Azure and somebody has it (perhaps your own deleted \
         resource): choose another suffix (`[azure] suffix = \"...\"`) or name"
            .to_owned()
    }),
    (&["StorageAccountAlreadyExists"], |_| {
        "a storage account of this name is in the same subscription, in another group or region: \
         name it as `existing`, or choose another suffix"
            .to_owned()
    }),
    // learn.microsoft.com/azure/postgresql/how-to-request-quota-increase
    (&["LocationIsOfferRestricted"], |_| {
        "this subscription may not create PostgreSQL servers in this region: choose another \
         region, or ask for access with a support request (type: service and subscription limits)"
            .to_owned()
    }),
    // learn.microsoft.com/azure/container-apps/quotas; GET .../locations/{l}/usages
    (
        &[
            "MaxNumberOfRegionalEnvironmentsInSubExceeded",
            "MaxNumberOfGlobalEnvironmentsInSubExceeded",
            "MaxNumberOfEnvironmentsInSubExceeded",
        ],
        |_| {
            "the subscription has no Container Apps environment left: use an `existing` one, another \
         region (if the regional limit was hit), or ask for quota in the portal under Quotas"
            .to_owned()
        },
    ),
    // Azure Managed Redis: Azure-Samples/ai-hub-gateway-solution-accelerator#148
    (
        &[
            "InsufficientCapacity",
            "SkuNotAvailable",
            "AllocationFailed",
        ],
        |_| {
            "the region has no capacity of this size now: choose another size or region; a cache \
         that failed to be created must be deleted before the next try"
                .to_owned()
        },
    ),
    // learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-resource-quota
    (&["QuotaExceeded"], |_| {
        "ask for quota in the portal under Quotas, or choose a smaller size".to_owned()
    }),
    // A principal just created is not in every replica of the directory yet:
    // learn.microsoft.com/azure/role-based-access-control/troubleshooting
    (&["PrincipalNotFound"], |_| {
        "a fresh identity takes minutes to be known everywhere: try again, with `principalType` \
         in the role assignment"
            .to_owned()
    }),
    // microsoft/azure-container-apps#1159, #930, #739
    (
        &["InvalidParameterValueInContainerTemplate"],
        container_template,
    ),
    // "Failed to provision revision for container app ...": Azure/reddog-containerapps#12
    (&["ContainerAppOperationError"], |case| {
        if case.message.contains("MANIFEST_UNKNOWN") {
            return container_template(case);
        }
        "the new revision did not start: the usual causes are an image or tag that can't be \
         pulled, a probe that fails, or an environment without free addresses or cores; the \
         app's system log has the reason"
            .to_owned()
    }),
    // microsoft/azure-container-apps#1208, #868
    (&["ManagedEnvironmentNotProvisioned"], |_| {
        "the environment itself is not in state Succeeded: look at its provisioningState and \
         deploymentErrors; a failed one must be created again"
            .to_owned()
    }),
    (&["ResourceGroupBeingDeleted"], |_| {
        "the resource group is being deleted: wait until it is gone, then apply again".to_owned()
    }),
    (
        &[
            "InvalidResourceType",
            "InvalidResourceNamespace",
            "InvalidApiVersionParameter",
            "NoRegisteredProviderFound",
        ],
        |_| {
            "this cloud or region does not serve the type in this api-version: `az provider show -n \
         <namespace>` lists what it serves"
            .to_owned()
        },
    ),
    // MicrosoftDocs/azure-docs#33157
    (&["ApplicationGatewayKeyVaultSecretException"], |_| {
        "the gateway's identity can't read its certificate: give it the role \"Key Vault Secrets \
         User\" on the vault (a fresh role takes up to 10 minutes), and check that the certificate \
         is there and enabled, and that the vault's firewall lets trusted services in"
            .to_owned()
    }),
    // learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    (
        &["TooManyRequests", "SubscriptionRequestsThrottled"],
        |_| {
            "Azure limits requests for each subscription, principal and region: run fewer things at \
         once (`--max-parallel`), or wait a minute"
            .to_owned()
        },
    ),
];

/// The remedy for an error, if one is known.
pub(crate) fn remedy(error: &ArmError, resource: &str) -> Option<String> {
    let case = Case {
        error,
        message: error.innermost().message.as_deref().unwrap_or_default(),
        resource,
    };
    // A soft-deleted vault comes under codes that mean "taken" as well, and can be had back.
    if codes::is_soft_deleted(error) {
        return Some(soft_deleted(&case));
    }
    let known = |names: &[&str]| {
        error
            .codes()
            .any(|code| names.iter().any(|name| name.eq_ignore_ascii_case(code)))
    };
    let entry = TABLE.iter().find(|(names, _)| known(names));
    entry
        .map(|(_, write)| write(&case))
        .or_else(|| redis_retirement(&case))
}

/// The words between `before` and the next `'`.
fn quoted<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let start = text.find(before)? + before.len();
    let rest = text.get(start..)?;
    rest.split('\'').next().filter(|word| !word.is_empty())
}

/// "... does not have authorization to perform action 'A' over scope 'S' or the scope ..."
fn missing_right(case: &Case<'_>) -> String {
    let action = quoted(case.message, "perform action '");
    let scope = quoted(case.message, "over scope '").unwrap_or(case.resource);
    let lower = action.unwrap_or_default().to_ascii_lowercase();
    let role = if lower.starts_with("microsoft.authorization/") {
        "Role Based Access Control Administrator"
    } else {
        "Contributor"
    };
    let right = action.map_or_else(String::new, |action| format!(" (for `{action}`)"));
    let at = if lower.ends_with("/register/action") {
        "on the subscription"
    } else {
        "there"
    };
    format!(
        "ask an owner of `{scope}` for the role \"{role}\" {at}{right}; a role that was given \
         just now works after a few minutes and a new `az login`"
    )
}

fn unregistered(case: &Case<'_>) -> String {
    let namespace = quoted(case.message, "namespace '")
        .or_else(|| {
            let (_, rest) = case.resource.split_once("/providers/")?;
            rest.split('/').next().filter(|name| !name.is_empty())
        })
        .unwrap_or("<namespace>");
    format!(
        "run `az provider register -n {namespace}` (it needs a role on the subscription, not \
         only on the group) and wait until `az provider show -n {namespace}` says Registered"
    )
}

fn policy(case: &Case<'_>) -> String {
    let names: Vec<_> = case
        .error
        .all()
        .into_iter()
        .flat_map(|error| error.policies.clone())
        .collect();
    let which = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    format!(
        "a policy of the subscription forbids it{which}: change the file to what it allows, or \
         ask the policy's owner for an exemption"
    )
}

fn container_template(case: &Case<'_>) -> String {
    if case.message.contains("MANIFEST_UNKNOWN") {
        // Azure-Samples/call-center-voice-agent-accelerator#3
        return "the registry does not have this image or tag: `dify-infra images import` has an \
                Azure registry copy all images of the release"
            .to_owned();
    }
    if case.message.contains("unable to pull image") {
        return "the app's identity can't pull the image: give it the role AcrPull on the registry \
                (a fresh role takes up to 10 minutes), and check that the image and its tag are \
                there and that the registry can be reached from the environment"
            .to_owned();
    }
    if case.message.contains("using Managed identity") {
        return "the app's identity can't read the Key Vault secret: give it the role \"Key Vault \
                Secrets User\" on the vault (a fresh role takes up to 10 minutes), and check the \
                secret's URI and the vault's firewall"
            .to_owned();
    }
    "Container Apps refused a value of the template; the message names the field (an image that \
     can't be pulled is named so too: check its name, tag and registry credentials)"
        .to_owned()
}

fn soft_deleted(case: &Case<'_>) -> String {
    let lower = case.resource.to_ascii_lowercase();
    if lower.contains("/microsoft.keyvault/vaults") {
        let name = case.resource.rsplit('/').next().unwrap_or("<name>");
        return format!(
            "a deleted vault still has the name: `az keyvault recover -n {name}` brings it back, \
             `az keyvault purge -n {name}` ends it (unless it has purge protection)"
        );
    }
    "a deleted resource still has the name: recover or purge it, or choose another suffix"
        .to_owned()
}

/// 400 `BadRequest` with only the text to go by (MicrosoftLearning/mslearn-azure-ai#200).
fn redis_retirement(case: &Case<'_>) -> Option<String> {
    let retiring = case.message.contains("AzureCacheForRedisRetirement")
        || (case.message.contains("Azure Cache for Redis") && case.message.contains("retiring"));
    retiring.then(|| {
        "this tenant can't create an Azure Cache for Redis any more: use Azure Managed Redis \
         (the default: leave `[data.redis] sku` out or take a `Balanced_*` one)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ArmError, TABLE, remedy};

    const APP: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/a";

    fn hint(code: &str, message: &str, resource: &str) -> String {
        let body = json!({"error": {"code": code, "message": message}});
        remedy(&ArmError::from_body(&body).unwrap(), resource).unwrap_or_default()
    }

    #[test]
    fn every_code_stands_once() {
        let mut codes: Vec<_> = TABLE.iter().flat_map(|(names, _)| names.iter()).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn a_missing_right_names_action_scope_and_role() {
        let text = hint(
            "AuthorizationFailed",
            "The client 'x' with object id 'y' does not have authorization to perform action \
             'Microsoft.App/containerApps/write' over scope '/subscriptions/s/resourceGroups/g' \
             or the scope is invalid.",
            APP,
        );
        assert!(
            text.contains("`/subscriptions/s/resourceGroups/g`"),
            "{text}"
        );
        assert!(text.contains("\"Contributor\""), "{text}");
        assert!(
            text.contains("`Microsoft.App/containerApps/write`"),
            "{text}"
        );
        let text = hint(
            "AuthorizationFailed",
            "perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/x'",
            APP,
        );
        assert!(
            text.contains("Role Based Access Control Administrator"),
            "{text}"
        );
    }

    #[test]
    fn an_unregistered_provider_gives_the_command() {
        let message = "The subscription is not registered to use namespace 'Microsoft.App'. See";
        let text = hint(
            "MissingSubscriptionRegistration",
            message,
            "/subscriptions/s",
        );
        assert!(
            text.contains("az provider register -n Microsoft.App`"),
            "{text}"
        );
        let text = hint("MissingSubscriptionRegistration", "", APP);
        assert!(
            text.contains("az provider register -n Microsoft.App`"),
            "{text}"
        );
    }

    #[test]
    fn a_soft_deleted_vault_is_told_from_a_taken_name() {
        let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv1";
        let message = "A vault with the same name already exists in deleted state.";
        assert!(hint("ConflictError", message, vault).contains("az keyvault recover -n kv1"));
        let text = hint(
            "VaultAlreadyExists",
            "The vault name 'kv1' is already in use.",
            vault,
        );
        assert!(text.contains("unique in all of Azure"), "{text}");
    }

    #[test]
    fn the_retired_cache_is_recognised_by_its_text() {
        let message = "Azure Cache for Redis is retiring, create Azure Managed Redis instance \
                       instead. Learn more: https://aka.ms/AzureCacheForRedisRetirement";
        assert!(hint("BadRequest", message, APP).contains("Azure Managed Redis"));
        assert_eq!(hint("BadRequest", "something else", APP), "");
    }

    #[test]
    fn an_unreadable_vault_secret_names_the_role() {
        let message = "Field 'configuration.secrets' is invalid with details: 'Invalid value: \
                       \"x\": Unable to get value using Managed identity y for secret x.'";
        let text = hint("InvalidParameterValueInContainerTemplate", message, APP);
        assert!(text.contains("Key Vault Secrets User"), "{text}");
    }

    #[test]
    fn a_code_deep_inside_is_found() {
        let body = json!({"error": {"code": "DeploymentFailed", "details": [
            {"code": "Conflict", "message": "{\"code\":\"ScopeLocked\",\"message\":\"no\"}"}]}});
        let text = remedy(&ArmError::from_body(&body).unwrap(), APP).unwrap();
        assert!(text.contains("az lock list"), "{text}");
    }
}
