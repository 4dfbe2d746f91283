//! Subnets: size, delegation and overlaps.

use super::ERROR;
use crate::audit::inventory::{Fact, Inventory};
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};
use crate::values::Cidr;

pub(super) const SUBNET: Rule = Rule {
    id: "NET112",
    title: "The environment's subnet is large enough and delegated",
    why: "With workload profiles the subnet has at least 32 addresses and is delegated to \
          Microsoft.App/environments; without them it has 512 and no delegation. Azure refuses it \
          late, and a subnet can't grow while it is used. Overlapping subnets are refused, too.",
    source: "microsoft/azure-container-apps#425, #1220; hashicorp/terraform-provider-azurerm#29400, #23776",
    fix: "With workload profiles use a /27 or larger with the delegation \
          `Microsoft.App/environments`; without them a /23 or larger without a delegation.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/28", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/27", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
    ),
    audit: Some(subnet),
    ..ERROR
};

fn subnet(inventory: &Inventory, found: &mut Findings) {
    for environment in &inventory.environments {
        let Fact::Known(id, place) = &environment.subnet else {
            continue;
        };
        let Some((_, name)) = crate::audit::type_and_name(id) else {
            continue;
        };
        let own = inventory.subnets.iter().find(|it| {
            let full = it.network.clone().and(&"/".into()).and(&it.name);
            full.same(&name) == Some(true)
        });
        let Some(subnet) = own else {
            continue;
        };
        let (longest, delegated) = if environment.workload_profiles {
            (27, true)
        } else {
            (23, false)
        };
        let prefix = subnet
            .prefix
            .known()
            .and_then(|it| it.literal()?.parse::<Cidr>().ok());
        if let Some(prefix) = prefix.filter(|it| it.prefix_length() > longest) {
            let at = subnet.prefix.place().unwrap_or(&subnet.place);
            let (which, help) = if environment.workload_profiles {
                ("with", "use a /27 or larger")
            } else {
                (
                    "without",
                    "use a /23 or larger, or give the environment workload profiles, for which a /27 is enough",
                )
            };
            let message = format!(
                "the subnet is a /{}; an environment {which} workload profiles needs a /{longest} or larger",
                prefix.prefix_length()
            );
            found
                .push(at, message)
                .with_help(help)
                .see(place, "the environment");
        }
        let has = subnet
            .delegations
            .iter()
            .any(|it| it.eq_ignore_ascii_case("Microsoft.App/environments"));
        if has != delegated {
            let message = if delegated {
                "the environment's subnet is not delegated to Microsoft.App/environments"
            } else {
                "an environment without workload profiles can't use a delegated subnet"
            };
            let help = if delegated {
                "delegate the subnet to `Microsoft.App/environments`"
            } else {
                "remove the delegation, or give the environment workload profiles"
            };
            found
                .push(&subnet.place, message)
                .with_help(help)
                .see(place, "the environment");
        }
    }
    overlaps(inventory, found);
}

fn overlaps(inventory: &Inventory, found: &mut Findings) {
    // A hostile template may have thousands of subnets: neighbours in one network are enough.
    for (index, one) in inventory.subnets.iter().enumerate().take(500) {
        for other in inventory.subnets[index + 1..].iter().take(500) {
            let range =
                |it: &crate::audit::Subnet| it.prefix.known()?.literal()?.parse::<Cidr>().ok();
            let (Some(a), Some(b)) = (range(one), range(other)) else {
                continue;
            };
            let same = one.network.same(&other.network) == Some(true)
                && one.name.same(&other.name) != Some(true);
            if same && a.overlaps(&b) {
                let message = format!(
                    "the subnets `{}` and `{}` overlap",
                    one.name.shown(),
                    other.name.shown()
                );
                found
                    .push(&other.place, message)
                    .see(&one.place, "the other subnet");
            }
        }
    }
}
