//! What error codes mean to a client: busy, gone, taken, asleep.

use super::error_body::ArmError;

/// Another operation is at work; the same request succeeds later. Each is retried.
const BUSY: &[&str] = &[
    // microsoft/azure-container-apps#175, #1112, #1657; ContainerAppOperationInProgress is what
    // overlapping `az containerapp update`s of many public pipelines got
    "ContainerAppLockConflict",
    "ManagedEnvironmentOperationInProgress",
    "MaintenanceConfigurationLockConflict",
    "ContainerAppOperationInProgress",
    "ContainerAppsJobOperationInProgress",
    // Altinn/dialogporten#3663, Azure/bicep-registry-modules#4451
    "ServerIsBusy",
    "ServerBusy",
    // pulumi/pulumi-azure-native#699, Azure/bicep#5132
    "AnotherOperationInProgress",
    // kubernetes-sigs/cluster-api-provider-azure#4385, hashicorp/terraform#7986
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    "ReferencedResourceNotProvisioned",
    // learn.microsoft.com/rest/api/storagerp/srp_error_codes_common
    "StorageAccountOperationInProgress",
    "StorageAccountBeingCreated",
    "StorageAccountIsNotProvisioned",
];

/// A person or a policy of the subscription stands in the way: waiting does not help, so these
/// win over whatever else a body says and are never retried.
///
/// `ScopeLocked` is a management lock ("Lock your resources to protect your infrastructure",
/// learn.microsoft.com): 409, though nothing is in progress. `ReadOnlyDisabledSubscription` is
/// 409 too.
const HELD: &[&str] = &["ScopeLocked", "ReadOnlyDisabledSubscription"];

/// Codes that say no more than the status; the message has the news.
const GENERIC: &[&str] = &[
    "BadRequest",
    "Conflict",
    "DeploymentFailed",
    "Failed",
    "Forbidden",
    "InternalError",
    "InternalServerError",
    "InvalidTemplateDeployment",
    "MultipleErrorsOccurred",
    "NotFound",
    "OperationFailed",
    "ResourceDeploymentFailure",
    "RetryableError",
    "ValidationForMultipleResourcesFailed",
];

/// 404s that mean "the request is wrong", not "there is none yet".
const WRONG_PLACE: &[&str] = &["SubscriptionNotFound", "TenantNotFound"];

/// Global names that somebody holds.
pub(crate) const TAKEN: &[&str] = &[
    // learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-storage-account-name
    "StorageAccountAlreadyTaken",
    // PostgreSQL and MySQL: "Specified server name is already used by another server."
    "ServerNameAlreadyExists",
    // Key Vault: Azure/azure-powershell#15115
    "VaultAlreadyExists",
    // Redis: Azure/azure-service-operator#852
    "NameNotAvailable",
    // Container Registry: MicrosoftDocs/azure-dev-docs#1303
    "AlreadyInUse",
];

fn is_in(code: &str, list: &[&str]) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(code))
}

fn has(error: &ArmError, list: &[&str]) -> bool {
    error.codes().any(|code| is_in(code, list))
}

pub(crate) fn is_generic(code: &str) -> bool {
    is_in(code, GENERIC)
}

/// Says whether the same request succeeds once something else has finished.
///
/// Beside the list: providers that answer a plain `Conflict` say it only in their message
/// (Azure Cache for Redis, App Service).
pub(crate) fn is_busy(error: &ArmError) -> bool {
    if is_held(error) {
        return false;
    }
    let says_so = |error: &ArmError| {
        let code = error.code.as_deref().unwrap_or_default();
        let message = error
            .message
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        is_in(code, &["Conflict", "ConflictError"])
            && ["another operation", "is in progress", "is busy"]
                .iter()
                .any(|words| message.contains(words))
    };
    has(error, BUSY) || error.all().into_iter().any(says_so)
}

/// Says whether a management lock or the like holds the resource.
pub(crate) fn is_held(error: &ArmError) -> bool {
    has(error, HELD)
}

/// Says whether a 404 means that the resource, its parent or its group does not exist.
///
/// A 404 without a code of ARM's is not that: a wrong endpoint or a proxy answers so, and to
/// take it for "nothing there" would plan to create everything.
pub(crate) fn is_absence(error: &ArmError) -> bool {
    let absent = |code: &str| {
        let code = code.to_ascii_lowercase();
        code.ends_with("notfound") || code.ends_with("notexist") || code.ends_with("notexists")
    };
    error.codes().any(absent) && !has(error, WRONG_PLACE)
}

/// Says whether a global name is taken, be it by a resource of the same subscription.
pub(crate) fn is_name_taken(error: &ArmError) -> bool {
    has(error, TAKEN) || has(error, &["StorageAccountAlreadyExists"])
}

/// Says whether a deleted resource still holds the name and could be recovered or purged.
///
/// Key Vault: 409 `ConflictError` "A vault with the same name already exists in deleted state"
/// (alan-turing-institute/data-safe-haven#2523), 409 `VaultAlreadyExists` for vaults of others.
/// Other services: 409 `FlagMustBeSetForRestore`.
pub(crate) fn is_soft_deleted(error: &ArmError) -> bool {
    let asleep = |error: &ArmError| {
        let message = error
            .message
            .as_deref()
            .unwrap_or_default()
            .to_ascii_lowercase();
        message.contains("deleted state")
            || message.contains("soft-deleted")
            || message.contains("soft deleted")
    };
    has(error, &["FlagMustBeSetForRestore"]) || error.all().into_iter().any(asleep)
}

/// Says whether a role that was assigned a short while ago may not have an effect yet, or an
/// account made a short while ago is not known everywhere.
///
/// The texts are those of the live service, which are the same for a missing role, a firewall and a
/// secret that is not there: microsoft/azure-container-apps#1159, #930 (secrets),
/// microsoft/azure-container-apps#1174 (images); MicrosoftDocs/azure-docs#33157,
/// mspnp/aks-baseline#242 (certificates of gateways);
/// learn.microsoft.com/azure/role-based-access-control/troubleshooting (principals).
pub(crate) fn may_wait_for_role(error: &ArmError) -> bool {
    let unreadable = |error: &ArmError| {
        let message = error.message.as_deref().unwrap_or_default();
        let message = message.to_ascii_lowercase();
        message.contains("using managed identity")
            && (message.contains("unable to get value") || message.contains("unable to pull image"))
    };
    let certificate = "ApplicationGatewayKeyVaultSecretException";
    has(error, &["PrincipalNotFound", certificate]) || error.all().into_iter().any(unreadable)
}

#[cfg(test)]
mod tests {
    use super::{ArmError, is_absence, is_busy, is_soft_deleted, may_wait_for_role};

    fn error(code: &str, message: &str) -> ArmError {
        ArmError {
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            ..ArmError::default()
        }
    }

    #[test]
    fn a_lock_of_a_person_is_not_busy() {
        assert!(is_busy(&error("containerapplockconflict", "")));
        assert!(!is_busy(&error("ScopeLocked", "The scope is locked.")));
        let mut mixed = error("Conflict", "another operation is in progress");
        assert!(is_busy(&mixed));
        mixed.details.push(error("ScopeLocked", ""));
        assert!(!is_busy(&mixed));
    }

    #[test]
    fn a_plain_conflict_is_busy_only_if_it_says_so() {
        assert!(is_busy(&error(
            "Conflict",
            "The cache is busy processing a previous request."
        )));
        assert!(!is_busy(&error("Conflict", "The name is in use.")));
        assert!(!is_busy(&error("BadRequest", "another operation")));
    }

    #[test]
    fn absence_is_told_from_a_wrong_request() {
        for code in [
            "ResourceNotFound",
            "ResourceGroupNotFound",
            "ParentResourceNotFound",
            "ContainerNotFound",
            "NotFound",
            "ConfigurationNotExists",
        ] {
            assert!(is_absence(&error(code, "")), "{code}");
        }
        for code in [
            "SubscriptionNotFound",
            "InvalidResourceType",
            "NoRegisteredProviderFound",
            "InvalidResourceNamespace",
            "",
        ] {
            assert!(!is_absence(&error(code, "")), "{code}");
        }
    }

    #[test]
    fn an_identity_that_can_not_read_yet_is_waited_for() {
        let code = "InvalidParameterValueInContainerTemplate";
        let text = "Field 'configuration.secrets' is invalid with details: 'Invalid value: \"key\": \
                    Unable to get value using Managed identity /subscriptions/s for secret key.'";
        assert!(may_wait_for_role(&error(code, text)));
        assert!(may_wait_for_role(&error("PrincipalNotFound", "")));
        let certificate = "ApplicationGatewayKeyVaultSecretException";
        assert!(may_wait_for_role(&error(certificate, "Access denied")));
        assert!(!may_wait_for_role(&error(code, "Field 'cpu' is invalid")));
    }

    #[test]
    fn a_vault_in_deleted_state_is_soft_deleted() {
        assert!(is_soft_deleted(&error(
            "ConflictError",
            "A vault with the same name already exists in deleted state."
        )));
        assert!(is_soft_deleted(&error("FlagMustBeSetForRestore", "")));
        assert!(!is_soft_deleted(&error("ConflictError", "in use")));
    }
}
