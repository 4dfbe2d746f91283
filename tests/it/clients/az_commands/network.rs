//! Networks, private endpoints and private DNS.

use super::{Step, step};

pub(super) const NETWORKS: &[Step] = &[
    step(
        "group create --name az-network --location japaneast",
        &[],
        "a group for networks",
    ),
    step(
        "network vnet create --resource-group az-network --name az-vnet --location japaneast \
         --address-prefixes 10.8.0.0/16",
        &[("/newVNet/provisioningState", "Succeeded")],
        "a network",
    ).by_program(),
    step(
        "network vnet subnet create --resource-group az-network --vnet-name az-vnet --name apps \
         --address-prefixes 10.8.0.0/23 --delegations Microsoft.App/environments",
        &[("/delegations/0/serviceName", "Microsoft.App/environments")],
        "a delegated subnet",
    ),
    step(
        "network vnet subnet create --resource-group az-network --vnet-name az-vnet --name endpoints \
         --address-prefixes 10.8.4.0/24",
        &[("/provisioningState", "Succeeded")],
        "another subnet of the same network",
    ),
    step(
        "network vnet subnet list --resource-group az-network --vnet-name az-vnet",
        &[("/0/name", "apps")],
        "subnets",
    ),
    step(
        "storage account create --resource-group az-network --name azdifyprivate --location japaneast --sku Standard_LRS",
        &[("/provisioningState", "Succeeded")],
        "an account to connect privately",
    ),
    step(
        "network private-endpoint create --resource-group az-network --name az-endpoint --vnet-name az-vnet \
         --subnet endpoints --connection-name blob --group-id blob --private-connection-resource-id \
         /subscriptions/$SUBSCRIPTION/resourceGroups/az-network/providers/Microsoft.Storage/storageAccounts/azdifyprivate",
        &[("/provisioningState", "Succeeded")],
        "a private endpoint, approved at once",
    ),
    step(
        "network private-endpoint show --resource-group az-network --name az-endpoint",
        &[(
            "/privateLinkServiceConnections/0/privateLinkServiceConnectionState/status",
            "Approved",
        )],
        "the state of its connection",
    ),
    step("network private-dns zone create --resource-group az-network --name privatelink.blob.core.windows.net", &[("/provisioningState", "Succeeded")], "a private zone, followed by `Azure-AsyncOperation`"),
    step("network private-dns link vnet create --resource-group az-network --zone-name privatelink.blob.core.windows.net --name az-link --virtual-network az-vnet --registration-enabled false", &[("/virtualNetworkLinkState", "Completed")], "the zone is linked to the network"),
    step("network private-dns link vnet list --resource-group az-network --zone-name privatelink.blob.core.windows.net", &[("/0/name", "az-link")], "links of a zone"),
    step("network private-endpoint dns-zone-group create --resource-group az-network --endpoint-name az-endpoint --name default --private-dns-zone privatelink.blob.core.windows.net --zone-name blob", &[("/provisioningState", "Succeeded")], "the endpoint writes its address into the zone"),
    step("network private-endpoint dns-zone-group show --resource-group az-network --endpoint-name az-endpoint --name default", &[("/privateDnsZoneConfigs/0/recordSets/0/recordType", "A")], "the records of an endpoint"),
    step("network vnet subnet delete --resource-group az-network --vnet-name az-vnet --name endpoints", &[], "a subnet that something is in is not deleted").refused("InUseSubnetCannotBeDeleted"),
    step("network nsg create --resource-group az-network --name az-nsg --location japaneast", &[("/NewNSG/provisioningState", "Succeeded")], "a security group with the rules that every group has"),
    step("network nsg rule create --resource-group az-network --nsg-name az-nsg --name https --priority 100 --access Allow --protocol Tcp --direction Inbound --destination-port-ranges 443", &[("/priority", "100")], "a rule as a resource of its own"),
    step("network nsg rule create --resource-group az-network --nsg-name az-nsg --name again --priority 100 --access Deny --protocol Tcp --direction Inbound --destination-port-ranges 80", &[], "two rules of a direction have different priorities").refused("SecurityRuleConflict"),
    step("network nsg rule update --resource-group az-network --nsg-name az-nsg --name https --priority 200", &[("/priority", "200")], "a rule is changed"),
    step("network nsg rule list --resource-group az-network --nsg-name az-nsg", &[("/0/name", "https")], "rules"),
    step("network vnet subnet update --resource-group az-network --vnet-name az-vnet --name apps --network-security-group az-nsg", &[("/provisioningState", "Succeeded")], "a subnet gets the group"),
    step("network nsg show --resource-group az-network --name az-nsg", &[("/securityRules/0/name", "https")], "a group with its rules and subnets"),
    step("network nsg rule delete --resource-group az-network --nsg-name az-nsg --name https", &[], "a rule is deleted"),
    step("network private-endpoint delete --resource-group az-network --name az-endpoint", &[], "an endpoint is deleted"),
    step("network private-dns link vnet delete --resource-group az-network --zone-name privatelink.blob.core.windows.net --name az-link --yes", &[], "a link is deleted"),
    step("network private-dns zone delete --resource-group az-network --name privatelink.blob.core.windows.net --yes", &[], "a zone without links is deleted"),
    step("network vnet delete --resource-group az-network --name az-vnet", &[], "a network goes with its subnets"),
];
