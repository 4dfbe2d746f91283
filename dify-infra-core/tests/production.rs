//! What production gets when the file leaves it out: sizes, zones, and who reaches whom in its network.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::resource::Kind;
use ipnet::Ipv4Net;
use serde_json::Value;

fn prod(location: &str) -> String {
    format!(
        "schema = 1\nname = \"dify\"\nenvironment = \"prod\"\nlocation = \"{location}\"\n\
         dify = \"1.16.0\"\n[azure]\nresource_group = \"dify-prod-rg\"\n"
    )
}

#[track_caller]
fn graph_of(file: &str) -> (Deployment, ResourceGraph) {
    let deployment = match Deployment::parse(file) {
        Ok(resolved) => resolved.deployment,
        Err(diagnostics) => panic!("{diagnostics}"),
    };
    let graph = lower(&deployment, &Target::new(&deployment, None)).unwrap();
    (deployment, graph)
}

/// What decides about sizes, standbys and backups, by kind.
const SIZES: [(Kind, &[&str]); 6] = [
    (
        Kind::ManagedEnvironment,
        &[
            "/properties/zoneRedundant",
            "/properties/vnetConfiguration/internal",
        ],
    ),
    (
        Kind::PostgresServer,
        &[
            "/sku/name",
            "/sku/tier",
            "/properties/storage/storageSizeGB",
            "/properties/highAvailability/mode",
            "/properties/backup/backupRetentionDays",
            "/properties/backup/geoRedundantBackup",
        ],
    ),
    (
        Kind::RedisEnterprise,
        &["/sku/name", "/properties/highAvailability"],
    ),
    (Kind::StorageAccount, &["/sku/name"]),
    (
        Kind::BlobService,
        &["/properties/deleteRetentionPolicy/days"],
    ),
    (
        Kind::Workspace,
        &["/properties/retentionInDays", "/properties/sku/name"],
    ),
];

fn sizes(file: &str) -> String {
    let (deployment, graph) = graph_of(file);
    let front_door = deployment.network().unwrap().front_door.as_str();
    let mut text = format!("front_door = {front_door}\n");
    for (kind, pointers) in SIZES {
        let node = graph.nodes().find(|node| node.kind() == kind).unwrap();
        for pointer in pointers {
            let value = node.body().pointer(pointer);
            let value = value.map_or_else(|| "not sent".to_owned(), Value::to_string);
            writeln!(text, "{kind:?} {pointer} = {value}").unwrap();
        }
    }
    for node in graph
        .nodes()
        .filter(|node| node.kind() == Kind::ContainerApp)
    {
        let template = &node.body()["properties"]["template"];
        let (scale, resources) = (&template["scale"], &template["containers"][0]["resources"]);
        writeln!(
            text,
            "{}: {} to {} replicas, {} CPU, {}",
            node.id().name(),
            scale["minReplicas"],
            scale["maxReplicas"],
            resources["cpu"],
            resources["memory"],
        )
        .unwrap();
    }
    text
}

#[test]
fn seven_lines_make_a_production_with_standbys_and_backups() {
    insta::assert_snapshot!("sizes", sizes(&prod("japaneast")));
}

#[test]
fn where_there_are_no_zones_none_are_asked_for() {
    insta::assert_snapshot!("sizes_without_zones", sizes(&prod("westus")));
}

/// The subnets of the network, by their default places in it, and what is connected with it.
const GATEWAY: &str = "10.0.0.9";
const APP: &str = "10.0.1.9";
const ENDPOINT: &str = "10.0.2.9";
const OFFICE: &str = "10.99.0.4";
const OTHER_OFFICE: &str = "192.168.7.4";
const WORLD: &str = "20.1.2.3";
const LOAD_BALANCER: &str = "168.63.129.16";

/// What the tag `VirtualNetwork` stands for: the network and those it is connected with
/// (<https://learn.microsoft.com/azure/virtual-network/service-tags-overview>).
const NETWORK: [&str; 3] = ["10.0.0.0/16", "10.99.0.0/16", "192.168.0.0/16"];

fn is_in(range: &str, address: Ipv4Addr) -> bool {
    let within = |range: &str| range.parse::<Ipv4Net>().unwrap().contains(&address);
    match range {
        "*" => true,
        "VirtualNetwork" => NETWORK.into_iter().any(within),
        "AzureLoadBalancer" => address.to_string() == LOAD_BALANCER,
        // None of Azure's own services is asked here.
        "MicrosoftContainerRegistry"
        | "AzureFrontDoor.FirstParty"
        | "AzureActiveDirectory"
        | "AzureMonitor"
        | "GatewayManager" => false,
        range if range.contains('/') => within(range),
        other => panic!("{other} is no range and no tag that is known here"),
    }
}

fn is_port(range: &str, port: u16) -> bool {
    let number = |text: &str| text.parse::<u16>().unwrap();
    match range.split_once('-') {
        _ if range == "*" => true,
        Some((first, last)) => (number(first)..=number(last)).contains(&port),
        None => number(range) == port,
    }
}

/// The texts of a property that has one or, under another name, several.
fn texts<'a>(rule: &'a Value, one: &str, several: &str) -> Vec<&'a str> {
    let list = rule.get(several).and_then(Value::as_array);
    let all = rule.get(one).into_iter().chain(list.into_iter().flatten());
    all.filter_map(Value::as_str).collect()
}

/// The rules of a subnet in the order in which Azure asks them.
fn rules(graph: &ResourceGraph, subnet: &str) -> Vec<Value> {
    let name = format!("dify-prod-{subnet}-rules");
    let node = graph.nodes().find(|node| node.id().name() == name).unwrap();
    let list = node.body()["properties"]["securityRules"].as_array();
    let mut rules = list.unwrap().clone();
    rules.sort_by_key(|rule| rule["properties"]["priority"].as_u64());
    rules
}

/// Whether the first rule that fits lets a TCP connection through; where none does, Azure's own decide
/// (<https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview>).
fn lets(rules: &[Value], direction: &str, (from, to, port): (Ipv4Addr, Ipv4Addr, u16)) -> bool {
    let fits = |rule: &&Value| {
        let any = |one, several, address| {
            let ranges = texts(rule, one, several);
            ranges.into_iter().any(|range| is_in(range, address))
        };
        let mut ports = texts(rule, "destinationPortRange", "destinationPortRanges").into_iter();
        rule["direction"] == direction
            && (rule["protocol"] == "*" || rule["protocol"] == "Tcp")
            && any("sourceAddressPrefix", "sourceAddressPrefixes", from)
            && any("destinationAddressPrefix", "destinationAddressPrefixes", to)
            && ports.any(|range| is_port(range, port))
    };
    let found = rules.iter().map(|rule| &rule["properties"]).find(fits);
    let own = || {
        let inside = is_in("VirtualNetwork", from) && is_in("VirtualNetwork", to);
        inside || direction == "Outbound" || is_in("AzureLoadBalancer", from)
    };
    found.map_or_else(own, |rule| rule["access"] == "Allow")
}

/// Whether a connection leaves its subnet and comes into the other, by the rules of both.
fn reaches(graph: &ResourceGraph, from: &str, to: &str, port: u16) -> bool {
    let connection = (from.parse().unwrap(), to.parse().unwrap(), port);
    let passes = |end: &str, direction: &str| match end {
        APP => lets(&rules(graph, "apps"), direction, connection),
        ENDPOINT => lets(&rules(graph, "endpoints"), direction, connection),
        // Not in a subnet of ours.
        _ => true,
    };
    passes(from, "Outbound") && passes(to, "Inbound")
}

/// One row of a table: from, to, port, whether it is let through.
type Row<'a> = (&'a str, &'a str, u16, bool);

#[track_caller]
fn assert_reach(file: &str, rows: &[Row<'_>]) {
    let (_, graph) = graph_of(file);
    let wrong: Vec<&Row<'_>> = rows
        .iter()
        .filter(|(from, to, port, wanted)| reaches(&graph, from, to, *port) != *wanted)
        .collect();
    assert!(wrong.is_empty(), "{file}\n{wrong:#?}");
}

#[test]
fn apps_reach_their_data_services_and_nothing_else_of_the_network() {
    assert_reach(
        &prod("japaneast"),
        &[
            (APP, ENDPOINT, 5432, true),
            (APP, ENDPOINT, 10000, true),
            (APP, ENDPOINT, 443, true),
            (APP, ENDPOINT, 22, false),
            (APP, ENDPOINT, 6379, false),
            (APP, APP, 5001, true),
            (APP, GATEWAY, 443, false),
            (APP, OFFICE, 443, false),
            (APP, OTHER_OFFICE, 443, false),
            (APP, WORLD, 443, true),
            (GATEWAY, ENDPOINT, 5432, false),
            (OFFICE, ENDPOINT, 443, false),
            (OFFICE, ENDPOINT, 5432, false),
            (OFFICE, APP, 443, true),
            (OFFICE, APP, 5001, false),
            (OFFICE, APP, 30100, false),
            (LOAD_BALANCER, APP, 30100, true),
            (WORLD, APP, 443, false),
            (WORLD, ENDPOINT, 443, false),
        ],
    );
}

#[test]
fn a_public_front_door_is_open_to_the_world_and_nothing_behind_it() {
    let file = prod("japaneast") + "[network]\nfront_door = \"public\"\n";
    assert_reach(
        &file,
        &[
            (WORLD, APP, 443, true),
            (WORLD, APP, 80, true),
            (WORLD, APP, 5001, false),
            (WORLD, ENDPOINT, 443, false),
            (OFFICE, APP, 443, true),
            (APP, OFFICE, 443, false),
        ],
    );
}

#[test]
fn an_exception_opens_its_addresses_and_a_name_opens_all_which_is_said() {
    let allowing = |exception: &str| {
        let reason = "reason = \"our wiki\"";
        prod("japaneast") + &format!("[egress]\nallow = [{{ {exception}, {reason} }}]\n")
    };
    let is_said = |file: &str| {
        let found = Deployment::parse(file).unwrap().diagnostics;
        found.iter().any(|it| it.code == "SSR012")
    };
    let address = allowing("cidr = \"10.99.0.4/32\"");
    assert_reach(
        &address,
        &[
            (APP, OFFICE, 443, true),
            (APP, "10.99.0.5", 443, false),
            (APP, OTHER_OFFICE, 443, false),
        ],
    );
    assert!(!is_said(&address));
    // A whole range is that range, and no other.
    assert_reach(
        &allowing("cidr = \"10.0.0.0/8\""),
        &[(APP, OFFICE, 443, true), (APP, OTHER_OFFICE, 443, false)],
    );
    let name = allowing("domain = \"wiki.corp.example\"");
    assert_reach(
        &name,
        &[
            (APP, OFFICE, 443, true),
            (APP, OFFICE, 22, true),
            (APP, OTHER_OFFICE, 5432, true),
            (APP, GATEWAY, 443, true),
            // Those of the endpoints hold as well.
            (APP, ENDPOINT, 22, false),
        ],
    );
    assert!(is_said(&name));
}

#[test]
fn the_rules_of_both_subnets() {
    let (_, graph) = graph_of(&prod("japaneast"));
    let mut text = String::new();
    for subnet in ["apps", "endpoints"] {
        writeln!(text, "{subnet}").unwrap();
        for rule in rules(&graph, subnet) {
            let body = &rule["properties"];
            let word = |name: &str| body[name].as_str().unwrap();
            let list = |one, several| texts(body, one, several).join(" ");
            writeln!(
                text,
                "  {:>4} {:8} {:5} {:3} from {} to {} ports {}: {}",
                body["priority"],
                word("direction"),
                word("access"),
                word("protocol"),
                list("sourceAddressPrefix", "sourceAddressPrefixes"),
                list("destinationAddressPrefix", "destinationAddressPrefixes"),
                list("destinationPortRange", "destinationPortRanges"),
                rule["name"].as_str().unwrap(),
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!("network_rules", text);
}
