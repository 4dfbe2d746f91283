//! Ids of resources, and what Azure makes of their names: what `resourceId` and `reference` give.

use super::super::node::{Node, Tree};
use super::super::seen::{Seen, Unseen};

/// `resourceId` and its relatives: an id as far as it can be told.
pub(super) fn ids(name: &str, arguments: &[Node]) -> Option<Tree> {
    let base = match name {
        "resourceid" => "resource group",
        "subscriptionresourceid" => "subscription",
        "tenantresourceid" => "tenant",
        "extensionresourceid" => {
            let (base, rest) = arguments.split_first()?;
            return Some(Tree::Text(base.seen()?.and(&path(rest)?)));
        }
        _ => return None,
    };
    // Subscription and group may come first: the type is the first argument with a slash in it.
    let start = arguments
        .iter()
        .position(|it| it.literal().is_some_and(|text| text.contains('/')))?;
    let mut origin = format!("id of the {base}");
    for scope in &arguments[..start] {
        let shown = scope.seen()?.shown();
        origin = format!("{origin} {shown}");
    }
    let base = Seen::unseen(Unseen::new(&origin));
    Some(Tree::Text(base.and(&path(&arguments[start..])?)))
}

/// `/providers/Type/name/subtype/name`.
fn path(arguments: &[Node]) -> Option<Seen> {
    let (kind, names) = arguments.split_first()?;
    let mut segments = kind.literal()?.split('/');
    let mut path = Seen::from("/providers/").and(&Seen::from(segments.next()?));
    let mut names = names.iter();
    for segment in segments {
        path = path.and(&Seen::from(format!("/{segment}").as_str()));
        if let Some(name) = names.next() {
            path = path.and(&Seen::from("/")).and(&name.seen()?);
        }
    }
    Some(path)
}

/// Type and name (`parent/child`) of the resource that an id names.
pub(crate) fn type_and_name(id: &Seen) -> Option<(String, Seen)> {
    let segments = id.split('/');
    let provider = segments.iter().rposition(|segment| {
        segment
            .literal()
            .is_some_and(|it| it.eq_ignore_ascii_case("providers"))
    })?;
    let mut kind = segments.get(provider + 1)?.literal()?.to_owned();
    let mut name = Seen::default();
    for pair in segments[provider + 2..].chunks(2) {
        kind.push('/');
        kind.push_str(pair.first()?.literal()?);
        if let Some(part) = pair.get(1) {
            if name != Seen::default() {
                name = name.and(&Seen::from("/"));
            }
            name = name.and(part);
        }
    }
    (kind.contains('/') && name != Seen::default()).then_some((kind, name))
}

/// A property of a resource, where Azure derives it from the name; unseen otherwise.
///
/// Host names as in learn.microsoft.com postgresql/concepts-networking-public, storage-account-overview
/// and azure-cache-for-redis, and the environment's domain as in container-apps/ingress-overview.
pub(crate) fn reference(kind: &str, name: &Seen, path: &[String]) -> Tree {
    let mut path: Vec<String> = path.iter().map(|step| step.to_ascii_lowercase()).collect();
    if path.first().is_some_and(|first| first == "properties") {
        path.remove(0);
    }
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    let suffixed = |suffix: &str| Tree::Text(name.clone().and(&Seen::from(suffix)));
    match (kind.to_ascii_lowercase().as_str(), steps.as_slice()) {
        ("microsoft.dbforpostgresql/flexibleservers", ["fullyqualifieddomainname"]) => {
            suffixed(".postgres.database.azure.com")
        }
        ("microsoft.cache/redis", ["hostname"]) => suffixed(".redis.cache.windows.net"),
        ("microsoft.cache/redis", ["sslport"]) => Tree::Number(6380.0),
        ("microsoft.cache/redis", ["port"]) => Tree::Number(6379.0),
        ("microsoft.cache/redisenterprise", ["hostname"]) => {
            let region = Unseen::new("region of the Redis instance");
            let middle = Seen::from(".").and(&Seen::unseen(region));
            Tree::Text(
                name.clone()
                    .and(&middle)
                    .and(&Seen::from(".redis.azure.net")),
            )
        }
        ("microsoft.storage/storageaccounts", ["primaryendpoints", "blob"]) => Tree::Text(
            Seen::from("https://")
                .and(name)
                .and(&Seen::from(".blob.core.windows.net/")),
        ),
        ("microsoft.containerregistry/registries", ["loginserver"]) => suffixed(".azurecr.io"),
        ("microsoft.keyvault/vaults", ["vaulturi"]) => Tree::Text(
            Seen::from("https://")
                .and(name)
                .and(&Seen::from(".vault.azure.net/")),
        ),
        ("microsoft.app/containerapps", ["configuration", "ingress", "fqdn"]) => {
            // Whether `.internal` stands in it is the app's own affair: the name is right by itself.
            let rest = Unseen::new("domain of the app");
            Tree::Text(name.clone().and(&Seen::from(".")).and(&Seen::unseen(rest)))
        }
        ("microsoft.app/managedenvironments", ["defaultdomain"]) => {
            Tree::Unseen(Unseen::new("domain of the environment"))
        }
        (kind, steps) => {
            let mut identity = format!("reference {kind} {}", steps.join(".")).into_bytes();
            identity.extend(name.canonical());
            let origin = format!("{} of {}", steps.join("."), name.shown());
            let secret = steps.last().is_some_and(|last| {
                last.contains("connectionstring")
                    || last.contains("key")
                    || last.contains("password")
            });
            let value = Unseen::with_identity(&origin, &identity);
            Tree::Unseen(if secret { value.secret() } else { value })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Place;

    #[test]
    fn an_id_gives_type_and_name_back() {
        let place = Place::document("t");
        let arguments: Vec<Node> = ["Microsoft.App/containerApps/authConfigs", "api", "current"]
            .iter()
            .map(|text| Node::text(text, place.clone()))
            .collect();
        let Some(Tree::Text(id)) = ids("resourceid", &arguments) else {
            panic!("no id")
        };
        let (kind, name) = type_and_name(&id).unwrap();
        assert_eq!(kind, "Microsoft.App/containerApps/authConfigs");
        assert_eq!(name.literal(), Some("api/current"));
    }
}
