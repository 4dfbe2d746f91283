//! Sizes, replicas, probes and connections: what is just right, and what just is not.

use serde_json::{Value, json};

use super::template;
use crate::deployment::sku::PostgresSku;

const API: &str = "langgenius/dify-api:1.16.0";
const DAEMON: &str = "langgenius/dify-plugin-daemon:0.6.3-local";
const SQUID: &str = "ubuntu/squid:6.6-24.04_edge";

/// An app with one container, which more is laid over.
fn app(name: &str, image: &str, mode: &str, scale: &Value, container: &Value) -> Value {
    let mut own = json!({"name": "c", "image": image, "env": [{"name": "MODE", "value": mode}]});
    for (key, value) in container.as_object().unwrap() {
        own[key] = value.clone();
    }
    json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {
        "template": {"scale": scale, "containers": [own]}}})
}

fn said(resources: &[Value], id: &str) -> Vec<String> {
    let report = template(&json!({ "resources": resources }).to_string());
    report.under(id).map(|it| it.message.clone()).collect()
}

fn once() -> Value {
    json!({"minReplicas": 1, "maxReplicas": 1})
}

#[test]
fn a_machine_holds_as_many_containers_as_it_has_vcpu_and_memory() {
    let judged = |sizes: &[(f64, &str)]| {
        let containers: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(index, (cpu, memory))| {
                json!({"name": format!("c{index}"), "image": API, "resources": {"cpu": cpu, "memory": memory}})
            })
            .collect();
        let environment = json!({"type": "Microsoft.App/managedEnvironments", "name": "env", "properties":
            {"workloadProfiles": [{"name": "own", "workloadProfileType": "D4"}]}});
        let app = json!({"type": "Microsoft.App/containerApps", "name": "a", "properties": {
            "workloadProfileName": "own", "template": {"containers": containers}}});
        said(&[environment, app], "LIM103").len()
    };
    assert_eq!(judged(&[(4.0, "8Gi")]), 0);
    assert_eq!(judged(&[(4.0, "8Gi"), (0.25, "0.5Gi")]), 1);
    assert_eq!(judged(&[(2.0, "8Gi"), (2.0, "8Gi")]), 0);
    assert_eq!(judged(&[(2.0, "8Gi"), (1.0, "8.5Gi")]), 1);
}

#[test]
fn every_connection_of_a_server_may_be_used() {
    let usable = PostgresSku::find("Standard_B1ms")
        .unwrap()
        .usable_connections();
    let judged = |pool: u32| {
        let server = json!({"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "pg",
            "sku": {"name": "Standard_B1ms"}});
        let env = json!({"env": [{"name": "MODE", "value": "api"},
            {"name": "SQLALCHEMY_POOL_SIZE", "value": pool.to_string()},
            {"name": "SQLALCHEMY_MAX_OVERFLOW", "value": "0"}]});
        said(&[server, app("api", API, "api", &once(), &env)], "LIM104").len()
    };
    assert_eq!(judged(usable), 0);
    assert_eq!(judged(usable + 1), 1);
}

/// A squid with this memory and these lines.
fn squid(memory: &str, lines: &str) -> Value {
    let mut proxy = app(
        "proxy",
        SQUID,
        "",
        &once(),
        &json!({"resources": {"cpu": 0.5, "memory": memory}}),
    );
    let text = format!("http_port 3128\n{lines}\nhttp_access deny all\n");
    proxy["properties"]["configuration"] = json!({"secrets": [{"name": "f", "value": text}]});
    proxy["properties"]["template"]["volumes"] = json!([{"name": "v", "storageType": "Secret",
        "secrets": [{"secretRef": "f", "path": "squid.conf"}]}]);
    proxy
}

#[test]
fn the_cache_of_squid_is_measured_against_its_container() {
    for (memory, lines, cache) in [
        ("0.5Gi", "cache_mem 199 MB", None),
        ("0.5Gi", "cache_mem 200 MB", Some("200")),
        ("0.5Gi", "cache_mem\t1\tGB", Some("1024")),
        ("0.5Gi", "\tcache_mem 262144 KB # much", Some("256")),
        // Without a line squid takes 256 MB; the last line counts.
        ("0.5Gi", "# cache_mem 0", Some("256")),
        ("0.5Gi", "cache_mem 256 MB\ncache_mem 8 MB", None),
        ("0.5Gi", "cache_mem 0", None),
        ("0.5Gi", "cache_mem ${CACHE} MB", None),
        ("1Gi", "cache_mem 256 MB", None),
        ("1Gi", "cache_mem 511 MB", None),
        ("1Gi", "cache_mem 512 MB", Some("512")),
        ("4Gi", "cache_mem 1 GB", None),
    ] {
        let found = said(&[squid(memory, lines)], "LIM109");
        let expected = cache.map(|it| format!("squid of `proxy` asks for {it} MB of cache"));
        assert_eq!(
            found,
            expected.into_iter().collect::<Vec<_>>(),
            "{memory} {lines}"
        );
    }
}

#[test]
fn there_is_one_scheduler_and_one_daemon() {
    let scale = |least: u32, most: u32| json!({"minReplicas": least, "maxReplicas": most});
    let none = json!({});
    for (image, mode, id) in [(API, "beat", "LIM101"), (DAEMON, "", "LIM102")] {
        let one = |name: &str, scale: Value| app(name, image, mode, &scale, &none);
        let table = [
            (vec![one("a", scale(1, 1))], None),
            (vec![one("a", scale(1, 2))], Some("`a` may have 2 replicas")),
            (vec![one("a", scale(0, 1))], Some("`a` may have no replica")),
            (vec![one("a", json!({}))], Some("`a` may have 10 replicas")),
            (
                vec![one("a", scale(1, 1)), one("b", scale(1, 1))],
                Some("`a` and `b` are both the"),
            ),
        ];
        for (apps, expected) in table {
            let found = said(&apps, id);
            assert_eq!(
                found.len(),
                usize::from(expected.is_some()),
                "{id} {found:?}"
            );
            let fits = found
                .iter()
                .zip(expected)
                .all(|(it, text)| it.starts_with(text));
            assert!(fits, "{id} {found:?}");
        }
    }
}

#[test]
fn a_probe_asks_what_is_answered() {
    let http = |path: &str, port: u16| json!({"type": "Liveness", "httpGet": {"path": path, "port": port}});
    let tcp = |port: u16| json!({"type": "Liveness", "tcpSocket": {"port": port}});
    let table = [
        (API, http("/health", 5001), None),
        (API, http("/health?deep=1", 5001), None),
        (API, http("/console/api/version", 5001), None),
        (API, http("/", 5001), Some("asks `/`")),
        (API, http("/health", 5002), Some("asks port 5002")),
        (API, tcp(5001), None),
        (DAEMON, tcp(5002), None),
        (DAEMON, tcp(5003), None),
        (DAEMON, tcp(5004), Some("asks port 5004")),
        (DAEMON, http("/health", 5002), Some("asks `/health`")),
        (SQUID, tcp(3128), None),
        (SQUID, http("/", 3128), Some("asks `/`")),
        (SQUID, tcp(80), Some("asks port 80")),
    ];
    for (image, probe, expected) in table {
        let container = json!({"probes": [probe.clone()]});
        let found = said(&[app("a", image, "api", &once(), &container)], "LIM113");
        assert_eq!(
            found.len(),
            usize::from(expected.is_some()),
            "{image} {probe} {found:?}"
        );
        let fits = found
            .iter()
            .zip(expected)
            .all(|(it, text)| it.contains(text));
        assert!(fits, "{image} {probe} {found:?}");
    }
}
