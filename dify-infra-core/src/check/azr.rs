//! Rules about Azure's control plane.

use super::rule::{Family, Rule, Sample};
use crate::deployment::{Deployment, Origin};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::spec::nearest;
use crate::values::AzureCloud;

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&EXPANDED, &TAGS, &REGION, &OFFERED];

pub(super) const EXPANDED: Rule = Rule {
    id: "AZR002",
    title: "Values reach the container as they are written",
    why: "Container Apps makes `$` of `$$` in values and expands `$(NAME)`.",
    source: "kubernetes.io define-interdependent-environment-variables; seen on Container Apps",
    fix: "Write the value without `$$` and `$(`.",
    bad: Sample::part("[services.api.env]\nSMTP_USERNAME = \"a$(b)\""),
    good: Sample::part("[services.api.env]\nSMTP_USERNAME = \"a-b\""),
    ..Rule::of(Family::Azr, Severity::Warning)
};

pub(crate) const TAGS: Rule = Rule {
    id: "AZR003",
    title: "Tags fit every resource and leave ours alone",
    why: "The tag `dify-infra-deployment` says whose a resource is; another value would make \
          strangers of our own resources. Azure takes 50 tags, with names of up to 128 characters \
          on a storage account.",
    source: "learn.microsoft.com azure-resource-manager/management/tag-resources",
    fix: "Use other names, shorter ones or fewer.",
    bad: Sample::part("tags = { dify-infra-deployment = \"mine\" }"),
    good: Sample::part("tags = { costCenter = \"42\" }"),
    ..Rule::of(Family::Azr, Severity::Error)
};

const REGION: Rule = Rule {
    id: "AZR004",
    title: "The region is one that Azure has",
    why: "A misspelt region is found out by Azure alone, with the first write.",
    source: "learn.microsoft.com reliability/regions-list, read in 2026; newer regions may be missing",
    fix: "Write the region's programmatic name, as `az account list-locations` prints it.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneasst\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"Japan East\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n",
    ),
    check: Some(region),
    ..Rule::of(Family::Azr, Severity::Warning)
};

const OFFERED: Rule = Rule {
    id: "AZR005",
    title: "The cloud of the region offers what the file asks for",
    why: "Azure Government and Azure in China lack services of public Azure. Managed Redis is one: \
          Microsoft's tables of private DNS zones have it for public Azure alone, so its private \
          endpoint has no zone there. Whether a region offers a service at all is asked before the \
          first write.",
    source: "learn.microsoft.com private-link/private-endpoint-dns, tables Government and China",
    fix: "Name a Managed Redis that is there as `data.redis.existing`, or deploy to public Azure.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"usgovvirginia\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"usgovvirginia\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n\n[data.redis]\nexisting = \"contoso-cache\"\n",
    ),
    allowable: true,
    check: Some(offered),
    ..Rule::of(Family::Azr, Severity::Error)
};

fn offered(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let cloud = AzureCloud::of(deployment.location());
    let made = deployment.redis().origin == Origin::Managed;
    if cloud == AzureCloud::Public || !made {
        return;
    }
    let message = if deployment.private_endpoints().is_some() {
        format!(
            "{cloud} has no private DNS zone of Managed Redis, so its endpoint would have no name"
        )
    } else {
        format!("{cloud} is not known to offer Managed Redis")
    };
    let finding = OFFERED.finding(KeyPath::of("data.redis"), message);
    diagnostics.push(finding);
}

/// The regions of Microsoft's clouds.
const REGIONS: [&str; 70] = [
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "chilecentral",
    "chinaeast",
    "chinaeast2",
    "chinaeast3",
    "chinanorth",
    "chinanorth2",
    "chinanorth3",
    "denmarkeast",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "usdodcentral",
    "usdodeast",
    "usgovarizona",
    "usgovtexas",
    "usgovvirginia",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
];

fn region(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let location = deployment.location();
    if REGIONS.contains(&location.as_str()) {
        return;
    }
    let near = nearest(location.as_str(), REGIONS);
    let near = near
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default();
    let message = format!(
        "`{}` is not a region that is known here{near}",
        location.written()
    );
    diagnostics.push(REGION.finding(KeyPath::of("location"), message));
}
