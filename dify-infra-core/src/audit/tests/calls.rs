//! Where calls lead: from nginx, and from one environment to another.

use serde_json::{Value, json};

use super::super::*;
use super::template;

const IDS: [&str; 5] = ["NET101", "NET102", "NET114", "NET117", "NET121"];

/// What the rules about calls say: ids and what stands in backticks last.
fn said(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter().filter(|it| IDS.contains(&it.code));
    findings.map(|it| it.code).collect()
}

fn app(name: &str, image: &str, ingress: &Value) -> Value {
    json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {
        "environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'one')]",
        "configuration": {"ingress": ingress},
        "template": {"containers": [{"name": "c", "image": image, "env": [{"name": "MODE", "value": "api"}]}]}}})
}

fn tcp(port: u16) -> Value {
    json!({"transport": "tcp", "targetPort": port, "exposedPort": port})
}

/// An API and a web app behind nginx with this file.
fn behind(nginx: &str) -> Report {
    let mut front = app(
        "dify-nginx",
        "nginx:1.30.4",
        &json!({"external": true, "targetPort": 80}),
    );
    front["properties"]["configuration"]["secrets"] = json!([{"name": "file", "value": nginx}]);
    front["properties"]["template"]["volumes"] = json!([{"name": "v", "storageType": "Secret",
        "secrets": [{"secretRef": "file", "path": "nginx.conf"}]}]);
    let web = json!({"transport": "http", "targetPort": 3000, "allowInsecure": true});
    let resources = [
        app("dify-api", "langgenius/dify-api:1.16.0", &tcp(5001)),
        app("dify-web", "langgenius/dify-web:1.16.0", &web),
        app("dify-sandbox", "langgenius/dify-sandbox:0.2.15", &tcp(8194)),
        front,
    ];
    template(&json!({ "resources": resources }).to_string())
}

#[test]
fn what_nginx_forwards_to_is_followed() {
    let table: &[(&str, &[&str])] = &[
        ("proxy_pass http://dify-api:5001;", &[]),
        ("proxy_pass http://dify-web;", &[]),
        ("proxy_pass http://dify-apii:5001;", &["NET101"]),
        ("proxy_pass http://dify-api:5002;", &["NET102"]),
        ("proxy_pass http://dify-web:3000;", &["NET102"]),
        ("proxy_pass https://dify-api:5001;", &["NET121"]),
        ("proxy_pass http://dify-sandbox:8194;", &["NET117"]),
        ("set $x http://dify-apii:5001; proxy_pass $x;", &["NET101"]),
        ("set $x dify-api; proxy_pass http://$x:5002;", &["NET102"]),
        ("set $x dify-api$suffix; proxy_pass http://$x:5002;", &[]),
        (
            "} upstream x { server dify-api:5002; } server { proxy_pass http://x;",
            &["NET102"],
        ),
        (
            "proxy_set_header Host $host; proxy_pass http://dify-web;",
            &["NET114"],
        ),
        (
            "proxy_set_header Host $host; set $up dify-web; proxy_pass http://$up;",
            &["NET114"],
        ),
        (
            "proxy_set_header Host $host; set $up dify-api:5001; proxy_pass http://$up;",
            &[],
        ),
        (
            "# proxy_pass http://nobody;\n proxy_pass http://dify-api:5001;",
            &[],
        ),
    ];
    for (statements, expected) in table {
        let report = behind(&format!("resolver 1.1.1.1;\nserver {{ {statements} }}"));
        assert_eq!(said(&report), *expected, "{statements}\n{report}");
    }
}

#[test]
fn an_app_of_another_environment_is_not_reached_by_its_name() {
    let judged = |environment: &str, external: bool, url: &str, own: bool| {
        let mut api = app("api", "langgenius/dify-api:1.16.0", &tcp(5001));
        api["properties"]["template"]["containers"][0]["env"] =
            json!([{"name": "CODE_EXECUTION_ENDPOINT", "value": url}]);
        let ingress = json!({"transport": "http", "external": external, "targetPort": 8194, "allowInsecure": true});
        let mut sandbox = app("sandbox", "langgenius/dify-sandbox:0.2.15", &ingress);
        let mut resources = vec![api];
        if own {
            resources.push(sandbox.clone());
        }
        sandbox["properties"]["environmentId"] = Value::from(environment);
        resources.insert(0, sandbox);
        template(&json!({ "resources": resources }).to_string())
    };
    let id = |name: &str| format!("[resourceId('Microsoft.App/managedEnvironments', '{name}')]");
    let (one, other) = (id("one"), id("two"));
    let short = "http://sandbox";
    let answered = "[concat('https://', reference(resourceId('Microsoft.App/containerApps', 'sandbox')).configuration.ingress.fqdn)]";
    let quiet: &[&str] = &[];
    for (environment, external, url, own, expected) in [
        (&one, false, short, false, quiet),
        (&other, false, short, false, &["NET101"]),
        (&other, true, short, false, &["NET101"]),
        (&other, false, answered, false, &["NET101"]),
        (&other, true, answered, false, quiet),
        // One of the same name in the caller's own environment is the one that answers.
        (&other, false, short, true, quiet),
        (
            &"[parameters('environment')]".to_owned(),
            false,
            short,
            false,
            quiet,
        ),
    ] {
        let report = judged(environment, external, url, own);
        assert_eq!(
            said(&report),
            expected,
            "{environment} {external} {url}\n{report}"
        );
    }
    let report = judged(&other, false, short, false);
    let finding = report.under("NET101").next().unwrap();
    assert_eq!(finding.related.len(), 1, "{finding}");
    assert!(finding.message.contains("another environment"), "{finding}");
}

/// What an API says of its calls, beside services of these names and settings.
fn composed(caller: &str, url: &str, others: &str) -> Report {
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n{caller}    environment: {{MODE: api, \
         CODE_EXECUTION_ENDPOINT: \"{url}\"}}\n  sandbox:\n    image: langgenius/dify-sandbox:0.2.15\n{others}"
    );
    super::compose(&[("docker-compose.yaml", &text)])
}

#[test]
fn names_that_docker_gives_containers_are_known() {
    for (others, url, expected) in [
        ("", "http://acme-sandbox-1:8194", &[][..]),
        ("", "http://acme_sandbox_1:8194", &[]),
        ("", "http://my-own_project-sandbox-12:8194", &[]),
        ("", "http://acme-sandbox:8194", &["NET101"]),
        ("", "http://acme-sandbux-1:8194", &["NET101"]),
        ("", "http://-1:8194", &["NET101"]),
        // A name of its own is instead of that.
        (
            "    container_name: box\n",
            "http://acme-sandbox-1:8194",
            &["NET101"],
        ),
        ("    container_name: box\n", "http://box:8194", &[]),
    ] {
        let report = composed("", url, others);
        assert_eq!(said(&report), expected, "{others} {url}\n{report}");
    }
}

#[test]
fn services_of_one_network_answer_at_their_own_address() {
    let shared = "    network_mode: \"service:sandbox\"\n";
    let host = "    network_mode: host\n";
    for (caller, url, others, expected) in [
        ("", "http://localhost:8194", "", &["NET101"][..]),
        (shared, "http://localhost:8194", "", &[]),
        (shared, "http://127.0.0.1:8195", "", &["NET101"]),
        (host, "http://localhost:8194", "", &[]),
        (
            shared,
            "http://localhost:3000",
            "  web:\n    image: langgenius/dify-web:1.16.0\n    network_mode: service:sandbox\n",
            &["NET117"],
        ),
        (
            shared,
            "http://localhost:9999",
            "  other:\n    image: busybox\n    network_mode: service:sandbox\n",
            &[],
        ),
    ] {
        let report = composed(caller, url, others);
        assert_eq!(said(&report), expected, "{caller} {url}\n{report}");
    }
}

#[test]
fn services_without_a_network_in_common_do_not_reach_each_other() {
    const URL: &str = "http://sandbox:8194";
    let of = |names: &str| format!("    networks: [{names}]\n");
    let mode = |mode: &str| format!("    network_mode: {mode}\n");
    let named = "networks: {a: {name: x}, b: {name: x}, c: {}}\n";
    for (caller, others, is_reached) in [
        (of("a"), of("b"), false),
        (of("a"), of("a, b"), true),
        (of("a"), String::new(), false),
        (of("default"), String::new(), true),
        (of("a"), of("b") + named, true),
        (of("a"), of("c") + named, false),
        (of("\"${N}\""), of("b"), true),
        (mode("none"), String::new(), false),
        (mode("host"), String::new(), false),
        (String::new(), mode("none"), false),
        (String::new(), mode("host"), false),
        (mode("bridge"), String::new(), true),
    ] {
        let report = composed(&caller, URL, &others);
        let expected: &[&str] = if is_reached { &[] } else { &["NET101"] };
        assert_eq!(said(&report), expected, "{caller} {others}\n{report}");
    }
    // The scheduler has the API's variables and calls nobody.
    let beat = "services:\n  beat:\n    image: langgenius/dify-api:1.16.0\n    networks: [a]\n    environment: \
                {MODE: beat, CODE_EXECUTION_ENDPOINT: \"http://sandbox:8194\"}\n  sandbox:\n    \
                image: langgenius/dify-sandbox:0.2.15\n";
    let report = super::compose(&[("docker-compose.yaml", beat)]);
    assert_eq!(said(&report), Vec::<&str>::new(), "{report}");
}

#[test]
fn containers_of_one_app_answer_at_their_own_address() {
    let judged = |port: u16, more: &Value| {
        let mut app = app("dify", "langgenius/dify-api:1.16.0", &tcp(5001));
        let url = format!("http://localhost:{port}");
        let containers = app["properties"]["template"]["containers"]
            .as_array_mut()
            .unwrap();
        containers[0]["env"] = json!([{"name": "CODE_EXECUTION_ENDPOINT", "value": url}]);
        containers.push(json!({"name": "sandbox", "image": "langgenius/dify-sandbox:0.2.15"}));
        containers.push(more.clone());
        template(&json!({ "resources": [app] }).to_string())
    };
    let squid = json!({"name": "squid", "image": "ubuntu/squid:6.6-24.04_edge"});
    assert_eq!(said(&judged(8194, &squid)), Vec::<&str>::new());
    assert_eq!(said(&judged(8195, &squid)), ["NET101"]);
    assert_eq!(said(&judged(3128, &squid)), ["NET117"]);
    let other = json!({"name": "other", "image": "busybox"});
    assert_eq!(said(&judged(8195, &other)), Vec::<&str>::new());
    // The proxy beside the API needs no ingress.
    assert!(judged(8194, &squid).under("SSR102").next().is_none());
}
