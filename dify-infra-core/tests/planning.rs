//! The planner on whole deployments: what it makes of a snapshot, and why.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the bans on IO are for the library"
)]

use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::plan::{
    Action, ListedResource, Observed, Options, Plan, RiskLevel, Snapshot, desired, plan,
};
use dify_infra_core::resource::{Kind, OWNER_TAG, ResourceId};
use serde_json::{Value, json};

const FILE: &str = r#"
schema = 1
name = "dify"
environment = "dev"
location = "japaneast"
[azure]
resource_group = "dify-dev-rg"
"#;

fn graph_of(text: &str) -> ResourceGraph {
    let resolved = Deployment::parse(text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let subscription = SubscriptionId::parse("6f1f1c1a-5c3e-4a3a-9a3f-0f7c2b8f3d11").unwrap();
    let target = Target::new(&resolved.deployment, Some(&subscription));
    lower(&resolved.deployment, &target).unwrap()
}

/// A snapshot in which every resource is as wanted, as far as a planner can tell.
fn as_wanted(graph: &ResourceGraph) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for node in graph.in_order() {
        let mut body = desired(node, &snapshot, None);
        match node.kind() {
            Kind::ManagedEnvironment => body["properties"]["defaultDomain"] = json!("d.example"),
            Kind::PostgresServer => {
                body["properties"]["fullyQualifiedDomainName"] = json!("pg.example");
            }
            Kind::RedisEnterprise => body["properties"]["hostName"] = json!("redis.example"),
            Kind::Workspace => body["properties"]["customerId"] = json!("c"),
            Kind::UserAssignedIdentity => {
                body["properties"] = json!({ "tenantId": "t", "principalId": "p" });
            }
            Kind::JobExecution => body["status"] = json!("Succeeded"),
            _ => {}
        }
        snapshot.insert(node.id().clone(), Observed::Present(body));
    }
    snapshot
}

fn absent(graph: &ResourceGraph) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for node in graph.nodes() {
        snapshot.insert(node.id().clone(), Observed::Absent);
    }
    snapshot
}

fn id_of(graph: &ResourceGraph, name: &str) -> ResourceId {
    graph
        .nodes()
        .find(|node| node.id().name() == name)
        .unwrap()
        .id()
        .clone()
}

fn changed(plan: &Plan) -> Vec<(String, Action)> {
    let written = plan
        .changes()
        .iter()
        .filter(|change| change.action != Action::NoChange);
    written
        .map(|change| (change.id.name().to_owned(), change.action))
        .collect()
}

fn position(plan: &Plan, name: &str) -> usize {
    plan.changes()
        .iter()
        .position(|change| change.id.name() == name)
        .unwrap()
}

#[test]
fn nothing_there_means_create_everything_in_an_order_that_works() {
    let graph = graph_of(FILE);
    let plan = plan(&graph, &absent(&graph), Options::default());
    assert_eq!(plan.summary().create, graph.len());
    assert!(plan.is_applyable() && !plan.is_empty());
    for (first, second) in [
        ("dify-dev-rg", "dify-dev-logs"),
        ("dify-dev-logs", "dify-dev-environment"),
        ("azure.extensions", "migration"),
        ("dify", "migration"),
        ("migration", "dify-dev-api"),
        ("migration", "dify-dev-worker-beat"),
        ("dify_plugin", "dify-dev-plugin-daemon"),
        ("dify-plugins", "dify-dev-plugin-daemon"),
    ] {
        assert!(
            position(&plan, first) < position(&plan, second),
            "{first} before {second}"
        );
    }
}

#[test]
fn what_the_file_allows_is_listed_in_the_plan() {
    let text = format!(
        "{}\n[checks]\nallow = [{{ rule = \"SSR001\", reason = \"our own staff alone\" }}]\n",
        dify_infra_core::check::Sample::BASE
    );
    let graph = graph_of(&text);
    let plan = plan(&graph, &absent(&graph), Options::default());
    let line = "allowed by the file: SSR001, our own staff alone";
    assert!(plan.to_string().contains(line), "{plan}");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["allowed"][0]["rule"], "SSR001");
    assert_eq!(json["allowed"][0]["reason"], "our own staff alone");
}

#[test]
fn a_first_deployment_waits_for_references_alone() {
    let graph = graph_of(FILE);
    let plan = plan(&graph, &absent(&graph), Options::default());
    let api = plan.change(&id_of(&graph, "dify-dev-api")).unwrap();
    let waits: Vec<&str> = api.needs.iter().map(ResourceId::name).collect();
    assert!(
        waits.contains(&"migration") && waits.contains(&"dify-dev-environment"),
        "{waits:?}"
    );
    assert!(!waits.contains(&"dify-dev-sandbox"), "{waits:?}");
}

#[test]
fn everything_as_wanted_means_no_changes() {
    let graph = graph_of(FILE);
    let plan = plan(&graph, &as_wanted(&graph), Options::default());
    assert_eq!(changed(&plan), []);
    assert!(plan.is_empty());
}

#[test]
fn a_changed_size_is_one_update_with_its_risk() {
    let live = as_wanted(&graph_of(FILE));
    let wanted = graph_of(&format!(
        "{FILE}\n[services.web]\ncpu = 1.0\nmemory = \"2Gi\"\n"
    ));
    let plan = plan(&wanted, &live, Options::default());
    assert_eq!(
        changed(&plan),
        [("dify-dev-web".to_owned(), Action::Update)]
    );
    let change = plan.change(&id_of(&wanted, "dify-dev-web")).unwrap();
    assert_eq!(change.risk.level, RiskLevel::Restart);
    let paths: Vec<&str> = change
        .differences
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "properties.template.containers[web].resources.cpu",
            "properties.template.containers[web].resources.memory",
        ]
    );
}

#[test]
fn an_upgrade_migrates_first_and_changes_callers_last() {
    let live = as_wanted(&graph_of(
        &FILE.replace("[azure]", "dify = \"1.14.2\"\n[azure]"),
    ));
    let wanted = graph_of(FILE);
    let mut live = live;
    // A job's run with the old image does not count as one with the new.
    live.insert(id_of(&wanted, "migration"), Observed::Absent);
    let plan = plan(&wanted, &live, Options::default());
    for (first, second) in [
        ("dify-dev-migration", "migration"),
        ("migration", "dify-dev-api"),
        ("migration", "dify-dev-worker"),
        ("dify-dev-plugin-daemon", "dify-dev-api"),
        ("dify-dev-plugin-daemon", "dify-dev-worker"),
        ("dify-dev-api", "dify-dev-web"),
    ] {
        assert!(
            position(&plan, first) < position(&plan, second),
            "{first} before {second}"
        );
        let waits = &plan.change(&id_of(&wanted, second)).unwrap().needs;
        assert!(
            waits.contains(&id_of(&wanted, first)),
            "{second} does not wait for {first}"
        );
    }
    let run = plan.change(&id_of(&wanted, "migration")).unwrap();
    assert!(run.reason.starts_with("run migration"), "{}", run.reason);
}

#[test]
fn what_could_not_be_read_is_unknown_and_stops_an_apply() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let api = id_of(&graph, "dify-dev-api");
    snapshot.insert(
        api.clone(),
        Observed::Unreadable("403 Forbidden".to_owned()),
    );
    let plan = plan(&graph, &snapshot, Options::default());
    assert_eq!(plan.change(&api).unwrap().action, Action::Unknown);
    assert_eq!(plan.change(&api).unwrap().reason, "403 Forbidden");
    assert!(!plan.is_complete() && !plan.is_applyable() && !plan.is_empty());
}

#[test]
fn a_resource_that_is_not_ours_is_never_taken_over() {
    let graph = graph_of(FILE);
    let api = id_of(&graph, "dify-dev-api");
    for (tags, words) in [
        (json!({}), "without the tag"),
        (
            json!({ OWNER_TAG: "other-prod" }),
            "belongs to the deployment other-prod",
        ),
    ] {
        let mut snapshot = as_wanted(&graph);
        let mut body = snapshot.body(&api).unwrap().clone();
        body["tags"] = tags;
        snapshot.insert(api.clone(), Observed::Present(body));
        let plan = plan(&graph, &snapshot, Options::default());
        let change = plan.change(&api).unwrap();
        assert_eq!(change.action, Action::Unknown);
        assert!(change.reason.contains(words), "{}", change.reason);
    }
}

#[test]
fn orphans_are_deleted_last_and_orphaned_data_is_kept() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let old_app = graph
        .group()
        .provider("Microsoft.App/containerApps", "dify-dev-old");
    let old_store = graph
        .group()
        .provider("Microsoft.Storage/storageAccounts", "difydevold");
    let listed = |id: &ResourceId| ListedResource {
        id: id.clone(),
        tags: [(OWNER_TAG.to_owned(), "dify-dev".to_owned())].into(),
    };
    snapshot.set_listed(vec![listed(&old_app), listed(&old_store)]);
    let plan = plan(&graph, &snapshot, Options::default());
    assert_eq!(
        changed(&plan),
        [("dify-dev-old".to_owned(), Action::Delete)]
    );
    assert!(plan.change(&old_store).unwrap().reason.contains("kept"));
}

#[test]
fn data_that_would_have_to_be_made_again_blocks_the_plan() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let server = graph
        .nodes()
        .find(|node| node.kind() == Kind::PostgresServer)
        .unwrap();
    let mut body = snapshot.body(server.id()).unwrap().clone();
    body["properties"]["administratorLogin"] = json!("someoneelse");
    snapshot.insert(server.id().clone(), Observed::Present(body));
    let plan = plan(&graph, &snapshot, Options::default());
    assert_eq!(plan.change(server.id()).unwrap().action, Action::Replace);
    assert!(!plan.is_applyable());
    assert!(
        plan.blocked()[0].contains("holds data"),
        "{:?}",
        plan.blocked()
    );
}

#[test]
fn a_store_made_anew_renews_its_key_in_everything_that_holds_it() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let account = graph
        .nodes()
        .find(|node| node.kind() == Kind::StorageAccount)
        .unwrap();
    snapshot.insert(account.id().clone(), Observed::Absent);
    let plan = plan(&graph, &snapshot, Options::default());
    for name in [
        "dify-dev-api",
        "dify-dev-worker",
        "dify-dev-plugin-daemon",
        "dify-dev-migration",
    ] {
        let change = plan.change(&id_of(&graph, name)).unwrap();
        assert_eq!(change.action, Action::Update, "{name}");
        assert!(change.needs.contains(account.id()), "{name}");
    }
    let sandbox = plan.change(&id_of(&graph, "dify-dev-sandbox")).unwrap();
    assert_eq!(sandbox.action, Action::NoChange);
}

#[test]
fn a_database_made_anew_is_migrated_again() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let server = graph
        .nodes()
        .find(|node| node.kind() == Kind::PostgresServer)
        .unwrap();
    for name in ["databases", "configurations", "firewallRules"] {
        for node in graph
            .nodes()
            .filter(|node| node.id().as_str().contains(name))
        {
            snapshot.insert(node.id().clone(), Observed::Absent);
        }
    }
    snapshot.insert(server.id().clone(), Observed::Absent);
    let plan = plan(&graph, &snapshot, Options::default());
    let run = plan.change(&id_of(&graph, "migration")).unwrap();
    assert_eq!(run.action, Action::Create);
    assert_eq!(run.reason, "run migration: the database is made anew");
}

#[test]
fn a_smaller_disk_is_refused_and_an_older_release_is_a_risk() {
    let live = as_wanted(&graph_of(&format!(
        "{FILE}\n[data.postgres]\nstorage = 64\n"
    )));
    let plan_of = |graph: &ResourceGraph, live: &Snapshot| plan(graph, live, Options::default());
    let smaller = plan_of(&graph_of(FILE), &live);
    assert!(!smaller.is_applyable());
    assert!(
        smaller.blocked()[0].contains("can't be made smaller"),
        "{:?}",
        smaller.blocked()
    );
    let older = graph_of(&FILE.replace("[azure]", "dify = \"1.14.2\"\n[azure]"));
    let plan = plan_of(&older, &as_wanted(&graph_of(FILE)));
    let api = plan.change(&id_of(&older, "dify-dev-api")).unwrap();
    assert_eq!(api.risk.level, RiskLevel::Irreversible);
}

#[test]
fn an_existing_cache_that_celery_can_not_use_is_refused() {
    let file = format!("{FILE}\n[data.redis]\nexisting = \"theirs\"\n");
    let graph = graph_of(&file);
    let mut snapshot = as_wanted(&graph);
    assert!(plan(&graph, &snapshot, Options::default()).is_empty());
    let database = graph
        .nodes()
        .find(|node| node.kind() == Kind::RedisEnterpriseDatabase)
        .unwrap();
    let mut body = snapshot.body(database.id()).unwrap().clone();
    body["properties"]["clusteringPolicy"] = json!("OSSCluster");
    snapshot.insert(database.id().clone(), Observed::Present(body));
    let plan = plan(&graph, &snapshot, Options::default());
    let change = plan.change(database.id()).unwrap();
    assert_eq!(change.action, Action::Unknown);
    assert!(
        change.reason.contains("clusteringPolicy"),
        "{}",
        change.reason
    );
}

#[test]
fn a_secret_and_a_login_that_left_the_file_go() {
    let with = format!(
        "{FILE}\n[images]\nregistry = \"registry.example.com\"\nusername = \"u\"\n\
         password = {{ secret = \"registry-password\" }}\n"
    );
    let without = format!("{FILE}\n[images]\nregistry = \"registry.example.com\"\n");
    let (old, new) = (graph_of(&with), graph_of(&without));
    let mut live = as_wanted(&old);
    for node in old.nodes().filter(|node| node.kind() == Kind::ContainerApp) {
        let mut body = live.body(node.id()).unwrap().clone();
        body["tags"]["dify-infra-secrets-registry-password"] = json!("0123456789abcdef");
        live.insert(node.id().clone(), Observed::Present(body));
    }
    let plan = plan(&new, &live, Options::default());
    let change = plan.change(&id_of(&new, "dify-dev-web")).unwrap();
    let paths: Vec<&str> = change
        .differences
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "properties.configuration.registries[registry.example.com]",
            "properties.configuration.secrets[registry-password]",
        ]
    );
    assert!(change.foreign.is_empty(), "{:?}", change.foreign);
}

#[test]
fn what_others_set_is_reported_and_kept_unless_pruned() {
    let graph = graph_of(FILE);
    let mut snapshot = as_wanted(&graph);
    let api = id_of(&graph, "dify-dev-api");
    let mut body = snapshot.body(&api).unwrap().clone();
    let env = body
        .pointer_mut("/properties/template/containers/0/env")
        .unwrap();
    env.as_array_mut()
        .unwrap()
        .push(json!({ "name": "THEIRS", "value": "1" }));
    snapshot.insert(api.clone(), Observed::Present(body));
    let kept = plan(&graph, &snapshot, Options::default());
    assert!(kept.is_empty());
    let foreign = &kept.change(&api).unwrap().foreign;
    assert_eq!(
        foreign,
        &["properties.template.containers[api].env[THEIRS]"]
    );
    let pruned = plan(&graph, &snapshot, Options::new().with_prune(true));
    assert_eq!(
        changed(&pruned),
        [("dify-dev-api".to_owned(), Action::Update)]
    );
}

#[test]
fn the_json_form_has_the_agreed_shape() {
    let graph = graph_of(FILE);
    let plan = plan(&graph, &absent(&graph), Options::default());
    let json: Value = serde_json::to_value(&plan).unwrap();
    assert_eq!(
        (&json["format"], &json["complete"], &json["applyable"]),
        (&json!(1), &json!(true), &json!(true))
    );
    let mut keys: Vec<&str> = json["summary"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "create",
            "delete",
            "no_change",
            "replace",
            "unknown",
            "update",
            "waiting"
        ]
    );
    let change = &json["changes"][0];
    for key in ["id", "type", "action", "reason", "risk", "diff"] {
        assert!(change.get(key).is_some(), "{key}");
    }
    let text = json.to_string();
    assert!(!text.contains("$text"), "a marker leaked into the plan");
}

#[test]
fn names_end_as_in_the_cloud_of_the_location() {
    let of = |location: &str| {
        let file = format!(
            "schema = 1\nname = \"dify\"\nenvironment = \"prod\"\nlocation = \"{location}\"\n[azure]\n\
             resource_group = \"dify-prod-rg\"\n[data.redis]\nexisting = \"contoso-cache\"\n[secrets]\n\
             store = \"key-vault\"\n"
        );
        let graph = graph_of(&file);
        let bodies: Vec<String> = graph
            .nodes()
            .map(|node| format!("{} {}", node.id(), node.body()))
            .collect();
        bodies.join("\n")
    };
    for (location, parts, others) in [
        (
            "usgovvirginia",
            [
                "/privatelink.postgres.database.usgovcloudapi.net ",
                "/privatelink.blob.core.usgovcloudapi.net ",
                "/privatelink.vaultcore.usgovcloudapi.net ",
                ".blob.core.usgovcloudapi.net\"",
                "EndpointSuffix=core.usgovcloudapi.net",
            ],
            ["azure.com", "windows.net", "azure.net"],
        ),
        (
            "China North 3",
            [
                "/privatelink.postgres.database.chinacloudapi.cn ",
                "/privatelink.blob.core.chinacloudapi.cn ",
                "/privatelink.vaultcore.azure.cn ",
                ".blob.core.chinacloudapi.cn\"",
                "EndpointSuffix=core.chinacloudapi.cn",
            ],
            ["azure.com", "windows.net", "azure.net"],
        ),
    ] {
        let text = of(location);
        for part in parts {
            assert!(text.contains(part), "{location}: {part}");
        }
        for other in others {
            assert!(!text.contains(other), "{location}: {other}");
        }
    }
}

#[test]
fn purge_protection_is_said_to_be_for_good_before_and_after() {
    let vault = |protection: bool| {
        format!("{FILE}[secrets]\nstore = \"key-vault\"\npurge_protection = {protection}\n")
    };
    let (on, off) = (graph_of(&vault(true)), graph_of(&vault(false)));
    let said = |plan: &Plan| {
        let text = plan.to_string();
        let lines = text.lines().filter(|line| line.contains("PurgeProtection"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = plan(&on, &absent(&on), Options::default());
    let [line] = &said(&first)[..] else {
        panic!("{first}")
    };
    assert!(
        line.contains("can't be changed later: properties.enablePurgeProtection = true"),
        "{line}"
    );
    assert!(
        first
            .to_string()
            .contains("can't be changed later: properties.softDeleteRetentionInDays = 7")
    );
    // Without, nothing is decided: it can be turned on at any time.
    assert_eq!(
        said(&plan(&off, &absent(&off), Options::default())),
        [""; 0]
    );

    let snapshot = as_wanted(&on);
    assert_eq!(said(&plan(&on, &snapshot, Options::default())), [""; 0]);
    let back = plan(&off, &snapshot, Options::default());
    let [line] = &said(&back)[..] else {
        panic!("{back}")
    };
    assert!(line.contains("can't be turned off again"), "{line}");
    let vault = on.nodes().find(|node| node.kind() == Kind::Vault).unwrap();
    assert_eq!(back.change(vault.id()).unwrap().action, Action::NoChange);
    assert!(back.is_applyable(), "{back}");
}

#[test]
fn an_existing_subnet_with_something_in_it_takes_no_environment() {
    let network = "/subscriptions/6f1f1c1a-5c3e-4a3a-9a3f-0f7c2b8f3d11/resourceGroups/hub/providers/\
                   Microsoft.Network/virtualNetworks/spoke";
    let subnet = format!("{network}/subnets/apps");
    let graph = graph_of(&format!(
        "{FILE}[network]\nexisting = \"{network}\"\nsubnets = {{ apps = \"{subnet}\" }}\n"
    ));
    let subnet = ResourceId::parse(&subnet).unwrap();
    let live = |list: &str, item: Value| {
        let service = json!({ "properties": { "serviceName": "Microsoft.App/environments" } });
        let mut body = json!({ "properties": {
            "addressPrefix": "10.1.0.0/24", "delegations": [service] } });
        body["properties"][list] = json!([item]);
        Observed::Present(body)
    };
    let link = json!({ "properties": { "link": "/subscriptions/s/resourceGroups/g/providers/\
        Microsoft.App/managedEnvironments/theirs" } });
    let kind = json!({ "properties": { "linkedResourceType": "Microsoft.App/environments" } });
    let endpoint = json!({ "id": "/subscriptions/s/resourceGroups/g/providers/\
        Microsoft.Network/privateEndpoints/theirs" });
    for (list, item, user) in [
        (
            "serviceAssociationLinks",
            &link,
            "theirs (Microsoft.App/managedEnvironments)",
        ),
        (
            "serviceAssociationLinks",
            &kind,
            "Microsoft.App/environments is in this one",
        ),
        (
            "privateEndpoints",
            &endpoint,
            "theirs (Microsoft.Network/privateEndpoints)",
        ),
    ] {
        let mut before = absent(&graph);
        before.insert(subnet.clone(), live(list, item.clone()));
        let change = plan(&graph, &before, Options::default());
        let change = change.change(&subnet).unwrap();
        assert_eq!(change.action, Action::Unknown, "{list}");
        assert!(change.reason.contains(user), "{}", change.reason);
        // Once our own is there, it is our own.
        let mut after = as_wanted(&graph);
        after.insert(subnet.clone(), live(list, item.clone()));
        let change = plan(&graph, &after, Options::default());
        assert_eq!(change.change(&subnet).unwrap().action, Action::NoChange);
    }
}
