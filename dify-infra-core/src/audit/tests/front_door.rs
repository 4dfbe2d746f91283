//! What nginx and squid let through, and for how long, measured against what stands behind and before them.

use serde_json::{Value, json};

use super::super::*;
use super::{compose, template};
use crate::diagnostic::Severity;

/// What is said under a rule of a project with an API, a daemon, nginx and squid with these files.
fn project(nginx: &str, squid: &str, variables: &str) -> Report {
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: api\n{variables}\
         \x20 web:\n    image: langgenius/dify-web:1.16.0\n  \
         plugin_daemon:\n    image: langgenius/dify-plugin-daemon:0.6.3-local\n  \
         ssrf_proxy:\n    image: ubuntu/squid:6.6-24.04_edge\n    \
         volumes: [\"./squid.conf:/etc/squid/squid.conf\"]\n  \
         nginx:\n    image: nginx:1.30.4\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf\"]\n"
    );
    compose(&[
        ("docker-compose.yaml", &text),
        ("nginx.conf", nginx),
        ("squid.conf", squid),
    ])
}

/// The places of findings under a rule, and where each points besides.
fn places(report: &Report, id: &str) -> Vec<(String, Vec<String>)> {
    let shown = |it: &Place| it.to_string();
    let places = report.under(id).map(|it| {
        let related = it.related.iter().map(|it| shown(&it.place)).collect();
        (shown(&it.place), related)
    });
    places.collect()
}

fn lines(report: &Report, id: &str) -> Vec<usize> {
    report.under(id).filter_map(|it| it.place.line()).collect()
}

const SQUID: &str = "http_port 3128\nread_timeout 100 seconds\nhttp_access deny all\n";

#[test]
fn each_location_has_the_body_size_of_its_innermost_block() {
    for (nginx, expected) in [
        (
            "client_max_body_size 100M;\nproxy_pass http://api:5001;",
            vec![],
        ),
        (
            "# the largest upload\nclient_max_body_size 100M;\nproxy_pass http://api:5001;",
            vec![],
        ),
        (
            "client_max_body_size 0;\nproxy_pass http://api:5001;",
            vec![],
        ),
        (
            "client_max_body_size 15m;\nproxy_pass http://api:5001;",
            vec![],
        ),
        (
            "client_max_body_size 15728639;\nproxy_pass http://api:5001;",
            vec![1],
        ),
        (
            "client_max_body_size 1g;\nproxy_pass http://api:5001;",
            vec![],
        ),
        ("proxy_pass http://api:5001;", vec![1]),
        (
            "# client_max_body_size 100M;\nproxy_pass http://api:5001;",
            vec![2],
        ),
        // The first value is not the one that holds everywhere.
        (
            "client_max_body_size 100M;\nserver {\nlocation /v1 {\nclient_max_body_size 1M;\n\
             proxy_pass http://api:5001; }\nlocation / { proxy_pass http://web:3000; } }",
            vec![4],
        ),
        (
            "client_max_body_size 1M;\nserver {\nclient_max_body_size 100M;\nlocation /v1 {\n\
             proxy_pass http://api:5001; } }",
            vec![],
        ),
        // Nothing is uploaded to the web app, nor to one path of a health check.
        (
            "client_max_body_size 1M;\nproxy_pass http://web:3000;",
            vec![],
        ),
        (
            "client_max_body_size 1M;\nlocation = /health { proxy_pass http://api:5001; }",
            vec![],
        ),
        (
            "client_max_body_size 1M;\nlocation = /console/api/files/upload { proxy_pass http://api:5001; }",
            vec![1],
        ),
        // Files go through the longest location.
        (
            "client_max_body_size 1M;\nlocation / { proxy_pass http://api:5001; }\nlocation /console/ {\n\
             client_max_body_size 100M;\nproxy_pass http://api:5001; }",
            vec![1],
        ),
        (
            "client_max_body_size 100M;\nlocation /v1/files {\nproxy_pass http://api:5001; }\nlocation /v1 {\n\
             client_max_body_size 1M;\nproxy_pass http://api:5001; }\nlocation /v1/datasets {\n\
             proxy_pass http://api:5001; }",
            vec![],
        ),
        (
            "client_max_body_size 1M;\nlocation /triggers { proxy_pass http://api:5001; }",
            vec![],
        ),
        (
            "client_max_body_size 1M;\nlocation /dify/ { proxy_pass http://api:5001/; }",
            vec![1],
        ),
        // Who stands behind can't be told: it may be the API.
        (
            "client_max_body_size 1M;\nproxy_pass http://$backend;",
            vec![1],
        ),
        (
            "client_max_body_size ${SIZE};\nproxy_pass http://api:5001;",
            vec![],
        ),
    ] {
        let report = project(nginx, SQUID, "");
        assert_eq!(lines(&report, "LIM105"), expected, "{nginx}\n{report}");
    }
}

#[test]
fn a_daemon_behind_nginx_takes_whole_packages() {
    let judged = |size: &str| {
        let nginx = format!(
            "location /e/ {{ client_max_body_size {size}; proxy_pass http://plugin_daemon:5002; }}"
        );
        let report = project(&nginx, SQUID, "");
        let found: Vec<_> = report.under("LIM105").map(|it| it.severity).collect();
        found
    };
    assert_eq!(judged("50m"), []);
    assert_eq!(judged("49m"), [Severity::Warning]);
}

#[test]
fn each_location_has_the_timeout_of_its_innermost_block() {
    const LONG: &str = "      GUNICORN_TIMEOUT: \"360\"\n";
    for (nginx, variables, expected) in [
        (
            "proxy_read_timeout 6m;\nproxy_pass http://api:5001;",
            LONG,
            vec![],
        ),
        (
            "proxy_read_timeout 359s;\nproxy_pass http://api:5001;",
            LONG,
            vec![1],
        ),
        (
            "proxy_read_timeout 1h;\nproxy_pass http://api:5001;",
            LONG,
            vec![],
        ),
        ("proxy_pass http://api:5001;", LONG, vec![1]),
        (
            "# proxy_read_timeout 1h;\nproxy_pass http://api:5001;",
            LONG,
            vec![2],
        ),
        (
            "proxy_read_timeout 1h;\nlocation /v1 {\nproxy_read_timeout 5s;\nproxy_pass http://api:5001; }",
            LONG,
            vec![3],
        ),
        (
            "proxy_read_timeout 5s;\nproxy_pass http://web:3000;",
            LONG,
            vec![],
        ),
        (
            "proxy_read_timeout ${TIME};\nproxy_pass http://api:5001;",
            LONG,
            vec![],
        ),
        // A plugin works for ten minutes at most.
        (
            "proxy_read_timeout 600s;\nproxy_pass http://plugin_daemon:5002;",
            "",
            vec![],
        ),
        (
            "proxy_read_timeout 599s;\nproxy_pass http://plugin_daemon:5002;",
            "",
            vec![1],
        ),
    ] {
        let report = project(nginx, SQUID, variables);
        assert_eq!(lines(&report, "LIM114"), expected, "{nginx}\n{report}");
    }
}

#[test]
fn nginx_waits_as_long_as_a_node_behind_squid() {
    let judged = |nginx: u32, squid: u32, node: u32| {
        let nginx = format!("proxy_read_timeout {nginx}s; proxy_pass http://api:5001;");
        let squid = format!("http_port 3128\nread_timeout {squid} seconds\nhttp_access deny all\n");
        let variables = format!(
            "      GUNICORN_TIMEOUT: \"60\"\n      HTTP_REQUEST_MAX_READ_TIMEOUT: \"{node}\"\n"
        );
        places(&project(&nginx, &squid, &variables), "LIM114")
    };
    assert_eq!(judged(300, 300, 900), []);
    assert_eq!(judged(300, 900, 300), []);
    let node = "docker-compose.yaml:7:7".to_owned();
    let squid = "squid.conf:2:1".to_owned();
    let expected = [("nginx.conf:1:1".to_owned(), vec![node, squid])];
    assert_eq!(judged(299, 300, 900), expected);
    assert_eq!(judged(299, 900, 300), expected);
}

#[test]
fn the_timeout_of_squid_is_read_as_squid_reads_it() {
    for (line, expected) in [
        ("read_timeout 10 minutes", 0),
        ("read_timeout\t10\tminutes", 0),
        ("read_timeout 1 hour", 0),
        ("read_timeout 599 seconds", 1),
        ("read_timeout\t2 minutes", 1),
        ("read_timeout 2 minutes\nread_timeout 10 minutes", 0),
        ("# read_timeout 2 minutes", 0),
        ("read_timeout ${TIME}", 0),
    ] {
        let squid = format!("http_port 3128\n{line}\nhttp_access deny all\n");
        // Without a variable a node waits for ten minutes.
        let report = project("", &squid, "");
        assert_eq!(lines(&report, "LIM106").len(), expected, "{line}\n{report}");
    }
}

#[test]
fn a_port_of_squid_is_one_that_it_listens_on() {
    for (port, called, expected) in [
        ("http_port 8080", 8080, 0),
        ("http_port 8080 ignore-cc", 8080, 0),
        ("http_port 0.0.0.0:8080", 8080, 0),
        ("http_port 3128\nhttp_port 8080", 8080, 0),
        ("http_port 8080", 3128, 1),
        ("# http_port 8080", 3128, 0),
    ] {
        let squid = format!("{port}\nhttp_access deny all\n");
        let variables = format!("      SSRF_PROXY_HTTP_URL: http://ssrf_proxy:{called}\n");
        let report = project("", &squid, &variables);
        assert_eq!(lines(&report, "NET102").len(), expected, "{port}\n{report}");
    }
}

#[test]
fn a_name_that_nginx_looks_up_once_is_told_once_a_file() {
    for (nginx, expected) in [
        (
            "proxy_pass http://api:5001;\nproxy_pass http://web:3000;",
            vec![1],
        ),
        ("# proxy_pass http://api:5001;", vec![]),
        ("set $up api;\nproxy_pass http://$up:5001;", vec![]),
        ("proxy_pass http://10.0.0.4:5001;", vec![]),
        ("proxy_pass http://localhost:5001;", vec![]),
        (
            "upstream up {\nserver api:5001; }\nproxy_pass http://up;",
            vec![2],
        ),
        (
            "upstream up {\nserver api:5001 resolve; }\nproxy_pass http://up;",
            vec![],
        ),
        // A resolver alone changes nothing: what is written out is looked up at the start.
        ("resolver 127.0.0.11;\nproxy_pass http://api:5001;", vec![2]),
        ("stream {\nserver { proxy_pass db:5432; } }", vec![2]),
    ] {
        let report = project(nginx, SQUID, "");
        assert_eq!(lines(&report, "NET115"), expected, "{nginx}\n{report}");
    }
}

/// An API, a web app and nginx with this file on Azure, and more.
fn on_azure(nginx: &str, variables: &Value, more: &[Value]) -> Report {
    let app = |name: &str, image: &str, ingress: Value| {
        json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {
            "configuration": {"ingress": ingress},
            "template": {"containers": [{"name": "c", "image": image, "env": variables}]}}})
    };
    let tcp = json!({"transport": "tcp", "targetPort": 5001});
    let http = json!({"transport": "http", "targetPort": 3000, "allowInsecure": true});
    let mut front = app(
        "front",
        "nginx:1.30.4",
        json!({"external": true, "targetPort": 80}),
    );
    front["properties"]["configuration"]["secrets"] = json!([{"name": "f", "value": nginx}]);
    front["properties"]["template"]["volumes"] = json!([{"name": "v", "storageType": "Secret", "secrets": [{"secretRef": "f", "path": "nginx.conf"}]}]);
    let mut resources = vec![
        app("api", "langgenius/dify-api:1.16.0", tcp),
        app("web", "langgenius/dify-web:1.16.0", http),
        front,
    ];
    resources.extend_from_slice(more);
    template(&json!({ "resources": resources }).to_string())
}

#[test]
fn the_host_header_is_the_one_that_is_sent() {
    for (nginx, expected) in [
        ("proxy_set_header Host $host; proxy_pass http://web;", 1),
        (
            "proxy_set_header Host $http_host; proxy_pass http://web;",
            1,
        ),
        ("proxy_set_header Host ${host}; proxy_pass http://web;", 1),
        (
            "proxy_set_header host \"$host:$server_port\"; proxy_pass http://web;",
            1,
        ),
        (
            "proxy_set_header X-Forwarded-Host $host; proxy_pass http://web;",
            0,
        ),
        ("proxy_set_header Host $hostname; proxy_pass http://web;", 0),
        ("proxy_set_header Host web; proxy_pass http://web;", 0),
        ("# proxy_set_header Host $host;\n proxy_pass http://web;", 0),
        // Another location's header is its own, and one with headers has none of those around it.
        (
            "location /a { proxy_set_header Host $host; proxy_pass http://api:5001; } \
             location / { proxy_pass http://web; }",
            0,
        ),
        (
            "proxy_set_header Host $host; location / { proxy_set_header X-A b; proxy_pass http://web; }",
            0,
        ),
        (
            "proxy_set_header Host $host; location / { proxy_pass http://web; }",
            1,
        ),
    ] {
        let report = on_azure(nginx, &json!([]), &[]);
        assert_eq!(
            report.under("NET114").count(),
            expected,
            "{nginx}\n{report}"
        );
    }
}

#[test]
fn what_nginx_forwards_to_has_a_name_that_an_app_can_have() {
    for (nginx, expected) in [
        ("proxy_pass http://plugin_daemon:5002;", 1),
        (
            "# proxy_pass http://plugin_daemon:5002;\nproxy_pass http://api:5001;",
            0,
        ),
        (
            "upstream plugin_daemon { server plugin-daemon:5002; } proxy_pass http://plugin_daemon;",
            0,
        ),
        ("upstream up { server plugin_daemon:5002; }", 1),
    ] {
        let report = on_azure(nginx, &json!([]), &[]);
        assert_eq!(
            report.under("NET111").count(),
            expected,
            "{nginx}\n{report}"
        );
    }
}

#[test]
fn what_the_api_is_given_is_measured_against_the_front_door() {
    for name in [
        "APP_MAX_EXECUTION_TIME",
        "GUNICORN_TIMEOUT",
        "WORKFLOW_MAX_EXECUTION_TIME",
    ] {
        let judged = |seconds: &str| {
            let variables = json!([{"name": name, "value": seconds}]);
            on_azure("", &variables, &[]).under("LIM112").count()
        };
        assert_eq!((judged("240"), judged("241")), (0, 1), "{name}");
    }
}

#[test]
fn a_node_waits_no_longer_than_its_proxy_and_the_front_door() {
    let judged = |node: &str, squid: &str| {
        let text = format!("http_port 3128\nread_timeout {squid}\nhttp_access deny all\n");
        let proxy = json!({"type": "Microsoft.App/containerApps", "name": "proxy", "properties": {
            "configuration": {"secrets": [{"name": "f", "value": text}]},
            "template": {"containers": [{"name": "c", "image": "ubuntu/squid:6.6-24.04_edge"}],
                "volumes": [{"name": "v", "storageType": "Secret", "secrets": [{"secretRef": "f", "path": "squid.conf"}]}]}}});
        let variables = json!([{"name": "HTTP_REQUEST_MAX_READ_TIMEOUT", "value": node}]);
        let report = on_azure("", &variables, &[proxy]);
        let found: Vec<_> = report.under("LIM116").map(|it| it.related.len()).collect();
        found
    };
    assert!(judged("240", "10 minutes").is_empty());
    assert!(judged("600", "4 minutes").is_empty());
    assert_eq!(judged("241", "241 seconds"), [1_usize]);
}

#[test]
fn a_gateway_takes_what_stands_behind_it_takes() {
    const NGINX: &str = "client_max_body_size 100m; proxy_pass http://api:5001;";
    let judged = |limit: u32, upload: &str, nginx: &str| {
        let gateway = json!({"type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
            "name": "waf", "properties": {"policySettings": {"fileUploadLimitInMb": limit}}});
        let variables = json!([{"name": "UPLOAD_FILE_SIZE_LIMIT", "value": upload}]);
        let report = on_azure(nginx, &variables, &[gateway]);
        let found: Vec<_> = report
            .under("LIM115")
            .map(|it| it.message.clone())
            .collect();
        found
    };
    assert!(judged(100, "100", "").is_empty());
    assert!(judged(99, "100", "")[0].contains("but the API of 100 MB"));
    assert!(judged(100, "15", NGINX).is_empty());
    assert!(judged(99, "15", NGINX)[0].contains("but nginx bodies of 100 MB"));
    // No limit is not one that a gateway must reach.
    assert!(
        judged(
            99,
            "15",
            "client_max_body_size 0; proxy_pass http://api:5001;"
        )
        .is_empty()
    );
}
