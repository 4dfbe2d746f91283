//! From Azure resources to an [`Inventory`]: the same for a template, a live group and our own file.

mod apps;
mod data;
mod settings;
mod summary;

use super::inventory::{
    Environment, Fact, Gateway, Inventory, Platform, RegistryAccount, RoleAssignment, Subnet,
};
use super::node::{Node, Tree};
use super::place::Place;
use super::seen::Seen;

/// An Azure resource with what can be seen of its body.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// The type, as `Microsoft.App/containerApps`.
    pub(crate) kind: String,
    /// The name; a child's begins with its parent's and a slash.
    pub(crate) name: Seen,
    /// The symbolic name in its template.
    pub(crate) symbol: Option<String>,
    /// The body.
    pub(crate) body: Node,
}

impl Resource {
    /// Something that is there and can't be seen.
    pub(crate) fn unseen(why: &str, place: &Place) -> Self {
        Self {
            kind: String::new(),
            name: Seen::default(),
            symbol: None,
            body: super::arm_unseen(why, place),
        }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    fn place(&self) -> &Place {
        &self.body.place
    }

    /// The last part of the name.
    fn own_name(&self) -> Seen {
        self.name.split('/').pop().unwrap_or_default()
    }

    /// The first part of the name: the parent's, for a child.
    fn first_name(&self) -> Seen {
        self.name.split('/').into_iter().next().unwrap_or_default()
    }

    /// What others write to wait for it: `/providers/Type/name`.
    fn path(&self) -> Seen {
        let names = self.name.split('/');
        let mut segments = self.kind.split('/');
        let mut path =
            Seen::from("/providers/").and(&Seen::from(segments.next().unwrap_or_default()));
        for (segment, name) in segments.zip(names) {
            path = path
                .and(&Seen::from(format!("/{segment}/").as_str()))
                .and(&name);
        }
        path
    }
}

/// A property that is a text.
fn text_fact(body: &Node, path: &str) -> Fact<String> {
    match body.at(path) {
        None => Fact::Absent,
        Some(node) => match &node.tree {
            Tree::Unseen(unseen) => Fact::Unseen(unseen.clone(), node.place.clone()),
            _ => match node.seen() {
                Some(seen) => match (seen.literal(), seen.unseen_parts().next()) {
                    (Some(text), _) => Fact::Known(text.to_owned(), node.place.clone()),
                    (None, Some(unseen)) => Fact::Unseen(unseen.clone(), node.place.clone()),
                    (None, None) => Fact::Absent,
                },
                None => Fact::Absent,
            },
        },
    }
}

/// The same in lower case, for words of Azure.
fn word_fact(body: &Node, path: &str) -> Fact<String> {
    match text_fact(body, path) {
        Fact::Known(text, place) => Fact::Known(text.to_ascii_lowercase(), place),
        other => other,
    }
}

fn seen_fact(body: &Node, path: &str) -> Fact<Seen> {
    match body.at(path) {
        None => Fact::Absent,
        Some(node) => match node.seen() {
            Some(seen) => Fact::Known(seen, node.place.clone()),
            None => Fact::Absent,
        },
    }
}

fn number_fact(body: &Node, path: &str) -> Fact<f64> {
    of_node(body.at(path), Node::number)
}

fn bool_fact(body: &Node, path: &str) -> Fact<bool> {
    of_node(body.at(path), Node::boolean)
}

fn of_node<T>(node: Option<&Node>, read: impl Fn(&Node) -> Option<T>) -> Fact<T> {
    let Some(node) = node else {
        return Fact::Absent;
    };
    if let Some(value) = read(node) {
        return Fact::Known(value, node.place.clone());
    }
    match node
        .seen()
        .and_then(|seen| seen.unseen_parts().next().cloned())
    {
        Some(unseen) => Fact::Unseen(unseen, node.place.clone()),
        None => Fact::Absent,
    }
}

/// An inventory of resources, in any order.
pub(crate) fn inventory(resources: &[Resource]) -> Inventory {
    let mut inventory = Inventory::new(Platform::ContainerApps);
    for resource in resources {
        if let Some(unseen) = resource.body.whole_unseen() {
            let why = unseen.origin().to_owned();
            inventory.not_seen(resource.place(), why);
            inventory.complete = false;
        }
        if runs_elsewhere(resource) {
            let why = format!(
                "{} runs containers of Dify, and this type of resource is not read",
                resource.kind
            );
            inventory.not_seen(resource.place(), why);
            inventory.complete = false;
        }
        apps::add(&mut inventory, resource);
        settings::add(&mut inventory, resource);
        summary::add(&mut inventory, resource);
        platform(&mut inventory, resource);
    }
    data::add(&mut inventory, resources);
    inventory
}

/// Whether a resource of another kind than apps and jobs names an image of Dify, or holds a compose file
/// (learn.microsoft.com app-service/configure-custom-container).
fn runs_elsewhere(resource: &Resource) -> bool {
    fn names_image(node: &Node) -> bool {
        let is_image = |text: &Seen| {
            text.contains("langgenius/dify-") || text.beginning().starts_with("COMPOSE|")
        };
        match &node.tree {
            Tree::Text(text) => is_image(text),
            Tree::List(items) => items.iter().any(names_image),
            Tree::Object(members) => members.iter().any(|(_, value)| names_image(value)),
            _ => false,
        }
    }
    const OTHERS: [&str; 4] = [
        "Microsoft.ContainerInstance/containerGroups",
        "Microsoft.Web/sites",
        "Microsoft.Web/sites/config",
        "Microsoft.Web/sites/slots",
    ];
    OTHERS.iter().any(|kind| resource.is(kind)) && names_image(&resource.body)
}

fn platform(inventory: &mut Inventory, resource: &Resource) {
    let (body, place) = (&resource.body, resource.place().clone());
    if resource.is("Microsoft.App/managedEnvironments") {
        inventory.environments.push(Environment {
            name: resource.name.clone(),
            subnet: seen_fact(body, "properties/vnetConfiguration/infrastructureSubnetId"),
            internal: bool_fact(body, "properties/vnetConfiguration/internal"),
            workload_profiles: !body.items_at("properties/workloadProfiles").is_empty(),
            profiles_seen: body.at("properties/workloadProfiles").is_none_or(|list| {
                let is_known = |it: &Node| {
                    let keys = ["name", "workloadProfileType"];
                    keys.iter().all(|key| it.literal_at(key).is_some())
                };
                list.whole_unseen().is_none() && list.items().iter().all(is_known)
            }),
            profile_types: body
                .items_at("properties/workloadProfiles")
                .iter()
                .filter_map(|it| {
                    let kind = it.literal_at("workloadProfileType")?;
                    Some((it.literal_at("name")?.to_owned(), kind.to_owned()))
                })
                .collect(),
            logs: word_fact(body, "properties/appLogsConfiguration/destination"),
            place,
        });
    } else if resource.is("Microsoft.Network/virtualNetworks") {
        for subnet in body.items_at("properties/subnets") {
            let name = subnet.get("name").and_then(Node::seen).unwrap_or_default();
            let id = resource.path().and(&Seen::from("/subnets/")).and(&name);
            inventory
                .subnets
                .push(subnet_of(subnet, id, name, resource.name.clone()));
        }
    } else if resource.is("Microsoft.Network/virtualNetworks/subnets") {
        let name = resource.own_name();
        let network = resource.first_name();
        inventory
            .subnets
            .push(subnet_of(body, resource.path(), name, network));
    } else if resource.is("Microsoft.ContainerRegistry/registries") {
        inventory.registries.push(RegistryAccount {
            admin_user: bool_fact(body, "properties/adminUserEnabled"),
            place,
        });
    } else if resource.is("Microsoft.Network/applicationGateways")
        || resource.is("Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies")
    {
        inventory.gateways.push(gateway_of(body));
    } else if resource.is("Microsoft.Authorization/roleAssignments") {
        let role = body.at("properties/roleDefinitionId").and_then(Node::seen);
        inventory.role_assignments.push(RoleAssignment {
            role: role.unwrap_or_default(),
            place,
        });
    }
}

/// The limits of an application gateway or a firewall policy.
fn gateway_of(body: &Node) -> Gateway {
    let settings = body.items_at("properties/backendHttpSettingsCollection");
    let timeout = |it: &Node| {
        let timeout = it.at("properties/requestTimeout")?;
        Some((timeout.number()?, timeout.place.clone()))
    };
    // A firewall that looks at no bodies, or only reports, lets all of them through.
    let refuses = |it: &Node| {
        let is_off = |key: &str| it.get(key).and_then(Node::boolean) == Some(false);
        let reports = it
            .literal_at("mode")
            .or_else(|| it.literal_at("firewallMode"));
        !is_off("fileUploadEnforcement")
            && !is_off("requestBodyCheck")
            && !is_off("enabled")
            && !it
                .literal_at("state")
                .is_some_and(|it| it.eq_ignore_ascii_case("disabled"))
            && !reports.is_some_and(|it| it.eq_ignore_ascii_case("detection"))
    };
    let firewall = body
        .at("properties/policySettings")
        .or_else(|| body.at("properties/webApplicationFirewallConfiguration"));
    let certificates = body.at("properties/sslCertificates");
    let reads_vault = certificates.is_some_and(|it| {
        let of_vault = |it: &Node| it.at("properties/keyVaultSecretId").is_some();
        it.whole_unseen().is_some() || it.items().iter().any(of_vault)
    });
    Gateway {
        reads_vault,
        timeouts: settings.iter().filter_map(timeout).collect(),
        upload: firewall
            .filter(|it| refuses(it))
            .map_or(Fact::Absent, |it| number_fact(it, "fileUploadLimitInMb")),
        place: body.place.clone(),
    }
}

fn subnet_of(body: &Node, id: Seen, name: Seen, network: Seen) -> Subnet {
    let prefix = match seen_fact(body, "properties/addressPrefix") {
        Fact::Absent => match body.items_at("properties/addressPrefixes") {
            [only] => of_node(Some(only), Node::seen),
            _ => Fact::Absent,
        },
        fact => fact,
    };
    let delegations = body.items_at("properties/delegations").iter();
    let delegations = delegations.filter_map(|it| it.literal_at("properties/serviceName"));
    Subnet {
        id,
        name,
        network,
        prefix,
        delegations: delegations.map(str::to_owned).collect(),
        place: body.place.clone(),
    }
}
