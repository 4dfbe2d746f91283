//! Which containers may get a token of an identity: over every release and every use of identities.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

use dify_infra_core::catalogue::Catalogue;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::resource::Kind;
use serde_json::Value;

const EXISTING: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shared-rg/\
                        providers/Microsoft.ManagedIdentity/userAssignedIdentities/dify";

/// The ways in which an identity can be used for one thing.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    No,
    Own,
    Existing,
}

const USES: [Use; 3] = [Use::No, Use::Own, Use::Existing];

fn table(name: &str, switch: &str, wanted: Use) -> String {
    match wanted {
        Use::No => String::new(),
        Use::Own => format!("\n[{name}]\n{switch}\n"),
        Use::Existing => format!("\n[{name}]\n{switch}\nidentity = \"{EXISTING}\"\n"),
    }
}

/// The graph; nothing when the release can't do what is asked.
fn graph(release: &str, (images, secrets, storage): (Use, Use, Use)) -> Option<ResourceGraph> {
    let file = format!(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"{release}\"\n\n\
         [azure]\nresource_group = \"dify-dev-rg\"\n{}{}{}",
        table("images", "registry = \"contoso.azurecr.io\"", images),
        table("secrets", "store = \"key-vault\"", secrets),
        table("data.storage", "access = \"identity\"", storage),
    );
    let deployment = match Deployment::parse(&file) {
        Ok(resolved) => resolved.deployment,
        Err(found) => {
            let codes: Vec<&str> = found.iter().map(|one| one.code.as_str()).collect();
            assert!(codes.contains(&"BLB005"), "{found}");
            return None;
        }
    };
    let target = Target::new(&deployment, None);
    Some(lower(&deployment, &target).unwrap())
}

/// The containers that get tokens of the identities of their app.
fn with_tokens(graph: &ResourceGraph) -> Vec<String> {
    let mut found = Vec::new();
    for node in graph.nodes() {
        if !matches!(node.kind(), Kind::ContainerApp | Kind::Job) {
            continue;
        }
        let body = node.body();
        let carried = body.pointer("/identity/userAssignedIdentities");
        let carried = carried.and_then(Value::as_object).into_iter().flatten();
        let settings = body.pointer("/properties/configuration/identitySettings");
        let settings = settings.and_then(Value::as_array);
        for (id, _) in carried {
            let setting = settings
                .into_iter()
                .flatten()
                .find(|setting| setting["identity"] == id.as_str())
                .unwrap_or_else(|| panic!("{}: nothing is said of {id}", node.id()));
            match setting["lifecycle"].as_str().unwrap() {
                "None" => {}
                "Main" => found.push(node.id().name().to_owned()),
                other => panic!("{}: {other}", node.id()),
            }
        }
    }
    found
}

#[test]
fn no_container_but_those_that_keep_files_gets_a_token() {
    let (mut graphs, mut refused) = (0, 0);
    for release in Catalogue::builtin().releases() {
        let release = release.version().to_string();
        for images in USES {
            for secrets in USES {
                for storage in USES {
                    let Some(graph) = graph(&release, (images, secrets, storage)) else {
                        refused += 1;
                        continue;
                    };
                    graphs += 1;
                    let found = with_tokens(&graph);
                    assert_eq!(found.is_empty(), storage == Use::No, "{release}: {found:?}");
                    for never in ["sandbox", "ssrf-proxy", "nginx", "web"] {
                        let name = format!("dify-dev-{never}");
                        assert!(!found.contains(&name), "{release}: {name} gets a token");
                    }
                }
            }
        }
    }
    assert!(
        graphs > 100 && refused > 0,
        "{graphs} graphs, {refused} refused"
    );
}

#[test]
fn an_identity_that_signs_in_to_storage_may_do_nothing_else() {
    let graph = graph("1.16.0", (Use::Own, Use::Own, Use::Own)).unwrap();
    let identities = graph.nodes();
    let identities = identities.filter(|node| node.kind() == Kind::UserAssignedIdentity);
    let names: Vec<&str> = identities.map(|node| node.id().name()).collect();
    assert_eq!(names, ["dify-dev-identity", "dify-dev-storage-identity"]);
    let keys = "/keys/0/value";
    for node in graph.nodes() {
        assert!(
            !node.body().to_string().contains(keys),
            "{} asks for the key",
            node.id()
        );
    }
    let scopes = graph
        .nodes()
        .filter(|node| node.kind() == Kind::RoleAssignment);
    let scopes: Vec<String> = scopes
        .map(|node| node.id().parent().unwrap().resource_type())
        .collect();
    let containers = scopes
        .iter()
        .filter(|one| one.ends_with("blobServices/containers"));
    assert_eq!((containers.count(), scopes.len()), (2, 4), "{scopes:?}");
}
