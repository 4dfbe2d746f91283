//! Foreign input is hostile input: nothing panics, nothing takes for ever.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::*;
use super::{compose, template};
use crate::diagnostic::Severity;

#[test]
fn texts_that_double_are_cut_off() {
    let mut variables = String::from(r#""v0": "xxxxxxxxxxxxxxxx""#);
    for level in 1..64 {
        let below = level - 1;
        let _ = write!(
            variables,
            r#", "v{level}": "[concat(variables('v{below}'), variables('v{below}'))]""#
        );
    }
    let text = format!(
        r#"{{"variables": {{{variables}}}, "resources": [{{"type": "Microsoft.App/containerApps", "name": "[variables('v63')]"}}]}}"#
    );
    let report = template(&text);
    assert!(!report.not_seen.is_empty());
}

#[test]
fn lists_that_double_are_cut_off() {
    let mut variables = String::from(r#""v0": ["x"]"#);
    for level in 1..64 {
        let below = level - 1;
        let _ = write!(
            variables,
            r#", "v{level}": "[createArray(variables('v{below}'), variables('v{below}'))]""#
        );
    }
    let text = format!(
        r#"{{"variables": {{{variables}}}, "resources": [{{"type": "Microsoft.App/containerApps", "name": "a", "tags": "[variables('v63')]"}}]}}"#
    );
    assert!(!template(&text).not_seen.is_empty());
}

#[test]
fn circles_end() {
    let text = r#"{"variables": {"a": "[variables('b')]", "b": "[concat(variables('a'), 'x')]"},
        "resources": [{"type": "Microsoft.App/containerApps", "name": "[variables('a')]"}]}"#;
    template(text);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let input = TemplateInput {
        template: ("t", &deep),
        parameters: None,
    };
    assert!(from_template(input).is_err());
}

/// Does work that hostile input could make endless: what takes more than a few seconds here takes minutes
/// where the input is a little larger.
#[expect(
    clippy::disallowed_methods,
    reason = "a bound needs a clock; the library has none"
)]
fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = std::time::Instant::now();
    let done = work();
    let limit = if cfg!(debug_assertions) { 10 } else { 2 };
    assert!(start.elapsed().as_secs() < limit, "{:?}", start.elapsed());
    done
}

#[test]
fn long_chains_of_writes_are_judged_in_time() {
    let server = |server: usize| {
        let write = |number: usize| {
            let before = match number {
                0 => String::new(),
                _ => format!(
                    r#""[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/configurations', 's{server}', 'c{}')]""#,
                    number - 1
                ),
            };
            format!(
                r#",{{"type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "name": "s{server}/c{number}", "dependsOn": [{before}]}}"#
            )
        };
        let writes: String = (0..200).map(write).collect();
        format!(
            r#"{{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "s{server}"}}{writes}"#
        )
    };
    let servers: Vec<String> = (0..5).map(server).collect();
    let text = format!(r#"{{"resources": [{}]}}"#, servers.join(","));
    // Apart from the chain two writes are free: only what is judged to the end tells them.
    let broken = text.replacen("'s4', 'c198'", "'s4', 'c197'", 1);
    assert_ne!(text, broken);
    let report = in_time(|| template(&text));
    assert_eq!(report.under("DBX105").count(), 0, "{report}");
    let report = in_time(|| template(&broken));
    let free: Vec<_> = report.under("DBX105").map(|it| &it.message).collect();
    assert_eq!(
        free,
        ["`c198` and `c199` of one server are written at once"],
        "{report}"
    );
}

#[test]
fn many_deployments_beside_much_that_is_nobodys_are_judged_in_time() {
    let app = |index: usize, environment: &str, image: &str, more: &str| {
        format!(
            r#"{{"type": "Microsoft.App/containerApps", "name": "a{index}", "properties": {{
                "environmentId": "[resourceId('Microsoft.App/managedEnvironments', '{environment}')]",
                "template": {{"containers": [{{"name": "c", "image": "{image}",
                  "env": [{{"name": "DB_HOST", "value": "{index}.postgres.database.azure.com"}}{more}]}}]}}}}}}"#
        )
    };
    let more: Vec<String> = (0..70)
        .map(|it| format!(r#",{{"name": "V{it}", "value": "http://nobody{it}:1"}}"#))
        .collect();
    let more = more.concat();
    let bytes = if cfg!(debug_assertions) {
        1_000_000
    } else {
        5_000_000
    };
    let mut apps: Vec<String> = (0..50)
        .map(|it| app(it, &format!("e{it}"), "langgenius/dify-api:1.16.0", ""))
        .collect();
    let mut size = 0;
    while size < bytes {
        let one = app(apps.len(), "nobodys", "langgenius/dify-web:1.16.0", &more);
        size += one.len();
        apps.push(one);
    }
    let text = format!(r#"{{"resources": [{}]}}"#, apps.join(","));
    let input = TemplateInput {
        template: ("t", &text),
        parameters: None,
    };
    let inventory = from_template(input).unwrap();
    let once = weight(&inventory);
    let parts: usize = parts::of(&inventory).iter().map(weight).sum();
    assert!(parts < once + once / 2, "{parts} of {once} variables");
    in_time(|| audit(&inventory));
}

#[test]
fn many_small_servers_and_one_large_app_are_judged_in_time() {
    let count = if cfg!(debug_assertions) { 4000 } else { 20_000 };
    let servers: Vec<String> = (0..count)
        .map(|it| {
            format!(
                r#"{{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "s{it}"}},
                {{"type": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "name": "s{it}/d"}}"#
            )
        })
        .collect();
    let text = format!(r#"{{"resources": [{}]}}"#, servers.join(","));
    let input = TemplateInput {
        template: ("t", &text),
        parameters: None,
    };
    let inventory = in_time(|| from_template(input)).unwrap();
    assert!(inventory.postgres.iter().all(|it| it.databases.len() == 1));
    in_time(|| audit(&inventory));
    let list = |what: &dyn Fn(usize) -> String| (0..count).map(what).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"resources": [{{"type": "Microsoft.App/containerApps", "name": "a", "properties": {{
            "configuration": {{"secrets": [{}]}}, "template": {{"containers": [{{"name": "c",
            "image": "langgenius/dify-api:1.16.0", "env": [{}]}}]}}}}}}]}}"#,
        list(&|it| format!(r#"{{"name": "k{it}", "value": "v{it}"}}"#)),
        list(&|it| format!(r#"{{"name": "V{it}", "secretRef": "k{it}"}}"#)),
    );
    in_time(|| template(&text));
}

/// How many variables an inventory has.
fn weight(inventory: &Inventory) -> usize {
    inventory
        .containers()
        .map(|(_, it)| it.variables.len())
        .sum()
}

#[test]
fn copies_have_a_limit() {
    let text = r#"{"resources": [{"type": "Microsoft.App/containerApps", "name": "[format('a{0}', copyIndex())]",
        "copy": {"name": "c", "count": 1000000}}]}"#;
    let inventory = from_template(TemplateInput {
        template: ("t", text),
        parameters: None,
    });
    assert!(inventory.unwrap().workloads.len() <= 800);
}

#[test]
fn too_many_findings_are_counted() {
    let variables: Vec<String> = (0..20_000)
        .map(|_| r#"{"name": "A", "value": "1"}"#.to_owned())
        .collect();
    let text = format!(
        r#"{{"resources": [{{"type": "Microsoft.App/containerApps", "name": "a", "properties": {{"template":
        {{"containers": [{{"name": "c", "image": "langgenius/dify-web:1.16.0", "env": [{}]}}]}}}}}}]}}"#,
        variables.join(",")
    );
    let report = template(&text);
    assert!(report.left_out > 10_000, "{}", report.left_out);
    let severities = [Severity::Error, Severity::Warning, Severity::Note];
    let sum: usize = severities.map(|it| report.left_out_of(it)).iter().sum();
    assert_eq!(sum, report.left_out);
}

#[test]
fn what_one_rule_finds_ten_thousand_times_hides_no_other() {
    let variables: Vec<String> = (0..10_000)
        .map(|_| r#"{"name": "A", "value": "1"}"#.to_owned())
        .collect();
    let text = format!(
        r#"{{"resources": [{{"type": "Microsoft.App/containerApps", "name": "a", "properties": {{"template":
        {{"containers": [{{"name": "c", "image": "langgenius/dify-api:1.16.0", "env": [{},
        {{"name": "MODE", "value": "api"}}, {{"name": "SECRET_KEY", "value": "short"}}]}}]}}}}}}]}}"#,
        variables.join(",")
    );
    let report = template(&text);
    for rule in ["AZR101", "KEY106", "SEC101"] {
        let found = report.under(rule).count();
        assert!((1..=1_000).contains(&found), "{rule}: {found}");
    }
    assert!(report.has_errors());
}

/// JSON with expressions in it, of every shape.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let function = prop_oneof![
        Just("concat"),
        Just("format"),
        Just("parameters"),
        Just("variables"),
        Just("resourceId"),
        Just("if"),
        Just("substring"),
        Just("take"),
        Just("split"),
        Just("replace"),
        Just("range"),
        Just("padLeft"),
        Just("reference"),
        Just("listKeys"),
        Just("copyIndex"),
        Just("json"),
        Just("base64ToString"),
        Just("first"),
        Just("union"),
        Just("items"),
        Just("div"),
        Just("mod"),
    ];
    let argument = prop_oneof![
        "'[a-z{}é/]{0,6}'".prop_map(String::from),
        (-3_i32..900).prop_map(|number| number.to_string()),
        Just("parameters('p')".to_owned()),
        Just("variables('v')".to_owned()),
        Just("createArray(1, 'x')".to_owned()),
    ];
    let expression = (function, proptest::collection::vec(argument, 0..4))
        .prop_map(|(function, arguments)| format!("[{function}({})]", arguments.join(", ")));
    let leaf = prop_oneof![
        expression.prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let key = prop_oneof![
        Just("properties".to_owned()),
        Just("template".to_owned()),
        Just("containers".to_owned()),
        Just("env".to_owned()),
        Just("configuration".to_owned()),
        Just("ingress".to_owned()),
        Just("name".to_owned()),
        Just("value".to_owned()),
        Just("copy".to_owned()),
        Just("image".to_owned()),
        Just("resources".to_owned()),
        Just("scale".to_owned()),
        Just("secrets".to_owned()),
        "[a-z]{1,5}".prop_map(String::from),
    ];
    leaf.prop_recursive(5, 48, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

const KINDS: [&str; 6] = [
    "Microsoft.App/containerApps",
    "Microsoft.App/jobs",
    "Microsoft.Resources/deployments",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.Cache/redisEnterprise/databases",
    "Microsoft.Network/virtualNetworks",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_template_panics(
        bodies in proptest::collection::vec((0..KINDS.len(), json(), json()), 0..4),
        variable in json(),
        parameter in json(),
        output in json(),
    ) {
        let resources: Vec<_> = bodies
            .into_iter()
            .map(|(kind, name, properties)| serde_json::json!({
                "type": KINDS[kind], "name": name, "properties": properties,
            }))
            .collect();
        let text = serde_json::json!({
            "variables": { "v": variable },
            "parameters": { "p": { "type": "string", "defaultValue": parameter } },
            "outputs": { "o": { "type": "string", "value": output } },
            "resources": resources,
        });
        template(&text.to_string());
    }

    #[test]
    fn no_text_that_claims_to_be_a_template_panics(text in "\\PC{0,200}") {
        let input = TemplateInput { template: ("t", &text), parameters: Some(("p", &text)) };
        let _ = from_template(input);
    }

    #[test]
    fn no_compose_file_panics(
        value in "\\PC{0,40}",
        lines in proptest::collection::vec("[a-z:\\-\\[\\]{}&*!|>\"'$ #.0-9]{0,24}", 0..14),
    ) {
        let text = lines.join("\n");
        let mut files = std::collections::BTreeMap::new();
        files.insert("c".to_owned(), text.clone());
        files.insert(".env".to_owned(), text);
        let input = ComposeInput { compose: &["c"], files: &files, profiles: &[] };
        let _ = from_compose(input);
        let quoted = serde_json::Value::from(value.as_str()).to_string();
        let keys = ["image", "environment", "ports", "volumes", "env_file", "extends", "profiles", "deploy"];
        for key in keys {
            let text = format!("services:\n  a:\n    {key}: [{quoted}]\n    image: {quoted}\n");
            let mut files = std::collections::BTreeMap::new();
            files.insert("c".to_owned(), text);
            let input = ComposeInput { compose: &["c"], files: &files, profiles: &[] };
            if let Ok(inventory) = from_compose(input) {
                audit(&inventory);
            }
        }
    }

    #[test]
    fn no_live_answer_panics(bodies in proptest::collection::vec((0..KINDS.len(), json()), 0..4)) {
        let resources: Vec<_> = bodies
            .into_iter()
            .map(|(kind, body)| LiveResource {
                id: format!("/subscriptions/s/resourceGroups/g/providers/{}/n", KINDS[kind]),
                body: Ok(body),
            })
            .collect();
        audit(&from_resources(&resources));
    }
}

#[test]
fn an_unknown_file_of_compose_is_an_error_that_says_so() {
    let report = compose(&[(
        "docker-compose.yaml",
        "services:\n  a:\n    image: langgenius/dify-api:1.16.0\n    env_file: missing.env\n",
    )]);
    assert!(report.to_string().contains("missing.env"));
}
