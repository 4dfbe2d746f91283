//! Login, groups, lists and deployments.

use super::{Step, step};

pub(super) const LOGIN: &[Step] = &[
    step(
        "cloud register --name emulator --endpoint-resource-manager $ENDPOINT",
        &[],
        "`/metadata/endpoints` tells everything that `az` wants to know of a cloud",
    ),
    step("cloud set --name emulator", &[], "the cloud is complete"),
    step(
        "login --service-principal --username any --password any --tenant $TENANT",
        &[
            ("/0/state", "Enabled"),
            ("/0/user/type", "servicePrincipal"),
        ],
        "OpenID configuration, token, tenants and subscriptions",
    ),
];

pub(super) const GROUPS: &[Step] = &[
    step(
        "account show",
        &[
            ("/environmentName", "emulator"),
            ("/tenantId", "00000000-0000-4000-8000-0000000000d2"),
        ],
        "the subscription that was found at login",
    ),
    step(
        "account get-access-token",
        &[("/tokenType", "Bearer")],
        "a token with its end",
    ),
    step(
        "account list-locations",
        &[("/0/type", "Region")],
        "regions",
    ),
    step(
        "provider show --namespace Microsoft.App",
        &[("/registrationState", "Registered")],
        "types with their regions and api-versions",
    ),
    step(
        "provider register --namespace Microsoft.App --wait",
        &[],
        "a namespace is registered",
    ),
    step("provider list", &[], "all namespaces"),
    step(
        "group create --name az-groups --location japaneast --tags owner=dify",
        &[
            ("/properties/provisioningState", "Succeeded"),
            ("/tags/owner", "dify"),
        ],
        "a group with tags",
    )
    .by_program(),
    step(
        "group list --tag owner=dify",
        &[("/0/name", "az-groups")],
        "groups by tag",
    ),
    step(
        "group show --name az-groups",
        &[("/location", "japaneast")],
        "one group",
    ),
    step(
        "group update --name az-groups --set tags.stage=dev",
        &[("/tags/stage", "dev"), ("/tags/owner", "dify")],
        "a group is read, changed and written",
    ),
    step(
        "monitor log-analytics workspace create --resource-group az-groups --workspace-name az-logs",
        &[("/provisioningState", "Succeeded")],
        "a type that answers `Creating` with status 200",
    ),
    step(
        "monitor log-analytics workspace get-shared-keys --resource-group az-groups --workspace-name az-logs",
        &[],
        "keys by an action",
    ),
    step(
        "resource list --resource-group az-groups",
        &[("/0/type", "Microsoft.OperationalInsights/workspaces")],
        "all resources of a group",
    ),
    step(
        "resource show --resource-group az-groups --name az-logs --resource-type Microsoft.OperationalInsights/workspaces",
        &[("/properties/provisioningState", "Succeeded")],
        "any resource, in the version that `providers` tells",
    ),
    step(
        "resource tag --resource-group az-groups --name az-logs --resource-type Microsoft.OperationalInsights/workspaces --tags cost=42",
        &[("/tags/cost", "42")],
        "tags of any resource",
    ),
    step(
        "tag update --resource-id /subscriptions/$SUBSCRIPTION/resourceGroups/az-groups --operation merge --tags stage=prod",
        &[
            ("/properties/tags/stage", "prod"),
            ("/properties/tags/owner", "dify"),
        ],
        "tags of a group, some of them changed",
    ),
    step(
        "tag list --resource-id /subscriptions/$SUBSCRIPTION/resourceGroups/az-groups/providers/Microsoft.OperationalInsights/workspaces/az-logs",
        &[("/properties/tags/cost", "42")],
        "tags of a resource",
    ),
    step(
        "resource list --query \"[?name=='az-logs'].name | [0]\"",
        &[("", "az-logs")],
        "all resources of the subscription",
    ),
    step(
        "resource list --tag cost=42",
        &[("/0/name", "az-logs")],
        "resources by tag, in the whole subscription",
    ),
    step(
        "monitor log-analytics workspace update --resource-group az-groups --workspace-name az-logs --retention-time 60",
        &[("/retentionInDays", "60")],
        "a workspace is changed",
    ),
    step(
        "monitor log-analytics workspace list --resource-group az-groups",
        &[("/0/name", "az-logs")],
        "workspaces",
    ),
    step(
        "monitor log-analytics workspace delete --resource-group az-groups --workspace-name az-logs --yes --force true",
        &[],
        "a workspace is deleted for good",
    ),
    step(
        "rest --method put --url /subscriptions/$SUBSCRIPTION/resourcegroups/az-rest?api-version=2025-04-01 --body $BODY",
        &[("/properties/provisioningState", "Succeeded")],
        "any request, with the token of `az`",
    ),
    step(
        "rest --method get --url /subscriptions/$SUBSCRIPTION/resourcegroups/az-rest?api-version=2025-04-01",
        &[("/location", "japaneast")],
        "any answer",
    ),
    step(
        "group delete --name az-groups --yes",
        &[],
        "a deletion is followed by its `Location`",
    ),
    step(
        "group exists --name az-groups",
        &[("", "false")],
        "the group is gone",
    ),
];

pub(super) const DEPLOYMENTS: &[Step] = &[
    step("group create --name dify-dev-rg --location japaneast --tags dify-infra-deployment=dify-dev", &[], "the group that the template is for"),
    step("deployment group validate --resource-group dify-dev-rg --name reviewed --template-file $TEMPLATE --parameters @$PARAMETERS", &[("/properties/provisioningState", "Succeeded")], "what `dify-infra render --to arm` writes is a valid template; `az` sends it as it stands in the file, comments and all"),
    step("deployment group what-if --resource-group dify-dev-rg --name reviewed --template-file $TEMPLATE --parameters @$PARAMETERS --no-pretty-print --query \"{all: length(changes), other: length(changes[?changeType!='Create'])}\"", &[("/other", "0")], "what a deployment would make, from `Location`"),
    step("deployment group create --resource-group dify-dev-rg --name reviewed --template-file $TEMPLATE --parameters @$PARAMETERS", &[("/properties/provisioningState", "Succeeded"), ("/properties/parameters/postgresPassword/type", "SecureString")], "all of it is made, in the order of its dependencies; values of secure parameters are withheld").by_program(),
    step("deployment group show --resource-group dify-dev-rg --name reviewed", &[("/properties/mode", "Incremental")], "a deployment with its outputs and what it made"),
    step("deployment group list --resource-group dify-dev-rg", &[("/0/name", "reviewed")], "deployments of a group"),
    step("deployment operation group list --resource-group dify-dev-rg --name reviewed", &[("/0/properties/provisioningState", "Succeeded")], "the operations of a deployment"),
    step("deployment group export --resource-group dify-dev-rg --name reviewed", &[("/contentVersion", "1.0.0.0")], "its template"),
    step("deployment group wait --resource-group dify-dev-rg --name reviewed --created", &[], "`az` waits for a deployment"),
    step("resource list --tag dify-infra-deployment=dify-dev", &[], "what was made carries the tag of the deployment"),
    step("containerapp show --resource-group dify-dev-rg --name dify-dev-api", &[("/properties/provisioningState", "Succeeded")], "an app of the template"),
    step("containerapp job start --resource-group dify-dev-rg --name dify-dev-migration", &[], "the migration, as the template says"),
    step("deployment group create --resource-group dify-dev-rg --name wrong --template-file $WRONG", &[], "a template that is wrong is refused with its reason").refused("InvalidTemplate"),
    step("deployment group delete --resource-group dify-dev-rg --name reviewed", &[], "a deployment is forgotten; what it made stays"),
];
