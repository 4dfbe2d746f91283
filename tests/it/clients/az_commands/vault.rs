//! Key vaults, identities and roles.

use super::{Step, step};

pub(super) const VAULTS: &[Step] = &[
    step("group create --name az-vault --location japaneast", &[], "a group for a vault"),
    step("identity create --resource-group az-vault --name az-identity --location japaneast", &[("/type", "Microsoft.ManagedIdentity/userAssignedIdentities")], "an identity with ids of its own").keeping(&[("/principalId", "PRINCIPAL")]),
    step("identity show --resource-group az-vault --name az-identity", &[], "an identity is read"),
    step("identity list --resource-group az-vault", &[("/0/name", "az-identity")], "identities"),
    step("keyvault create --resource-group az-vault --name az-dify-vault --location japaneast --enable-rbac-authorization true --retention-days 7", &[("/properties/provisioningState", "Succeeded"), ("/properties/enableSoftDelete", "true")], "a vault; `az` looks for a deleted one of its name first").by_program(),
    step("keyvault show --name az-dify-vault", &[("/properties/sku/name", "standard")], "a vault, found by `az` among the resources of the subscription"),
    step("keyvault list --resource-group az-vault", &[("/0/name", "az-dify-vault")], "vaults"),
    step("role definition list --name \"Key Vault Secrets User\"", &[("/0/name", "4633458b-17de-408a-b874-0445c86b69e6")], "a built-in role by its name"),
    step("role assignment create --role \"Key Vault Secrets User\" --assignee-object-id $PRINCIPAL --assignee-principal-type ServicePrincipal --scope /subscriptions/$SUBSCRIPTION/resourceGroups/az-vault/providers/Microsoft.KeyVault/vaults/az-dify-vault", &[("/principalType", "ServicePrincipal")], "a role at a resource, for the identity").keeping(&[("/id", "ASSIGNMENT")]),
    step("role assignment list --scope /subscriptions/$SUBSCRIPTION/resourceGroups/az-vault/providers/Microsoft.KeyVault/vaults/az-dify-vault --fill-principal-name false", &[("/0/roleDefinitionName", "Key Vault Secrets User")], "assignments at a scope; names of accounts would need Microsoft Graph"),
    step("role assignment delete --ids $ASSIGNMENT", &[], "an assignment is deleted"),
    step("keyvault update --resource-group az-vault --name az-dify-vault --set tags.stage=dev", &[("/tags/stage", "dev")], "a vault is changed"),
    step("keyvault delete --resource-group az-vault --name az-dify-vault", &[], "a vault is deleted and kept"),
    step("keyvault list-deleted", &[("/0/name", "az-dify-vault")], "deleted vaults of the subscription"),
    step("keyvault show-deleted --name az-dify-vault", &[], "a deleted vault"),
    step("keyvault create --resource-group az-vault --name az-dify-vault --location japaneast", &[], "its name is taken as long as it is kept").refused("deleted state"),
    step("keyvault recover --name az-dify-vault", &[("/properties/provisioningState", "Succeeded")], "it comes back"),
    step("keyvault delete --resource-group az-vault --name az-dify-vault", &[], "it is deleted again"),
    step("keyvault purge --name az-dify-vault", &[], "it is gone for good"),
    step("keyvault list-deleted", &[("", "[]")], "nothing is kept any more"),
    step("identity delete --resource-group az-vault --name az-identity", &[], "an identity is deleted"),
];
