//! Templates as people and Bicep write them.

use super::*;
use crate::audit::{Fact, Seen};

fn lifted(text: &str) -> Inventory {
    from_template(TemplateInput {
        template: ("main.json", text),
        parameters: None,
    })
    .unwrap()
}

fn value(expression: &str) -> Seen {
    let template = serde_json::json!({
        "parameters": {
            "name": { "type": "string", "defaultValue": "dify" },
            "key": { "type": "securestring" },
            "list": { "type": "array", "defaultValue": ["a", "b"] },
        },
        "variables": { "env": "dev", "object": { "inner": { "x": "deep" } } },
        "resources": [{ "type": "Microsoft.App/containerApps", "name": expression }],
    });
    lifted(&template.to_string()).workloads[0].name.clone()
}

#[test]
fn plain_functions_are_evaluated() {
    for (expression, expected) in [
        (
            "[concat(parameters('name'), '-', variables('env'))]",
            "dify-dev",
        ),
        ("[format('{0}-{1}{{}}', parameters('name'), 3)]", "dify-3{}"),
        ("[toLower('ABC')]", "abc"),
        (
            "[if(equals(variables('env'), 'dev'), 'small', parameters('gone'))]",
            "small",
        ),
        ("[variables('object').inner.x]", "deep"),
        ("[variables('object')['inner'].x]", "deep"),
        ("[parameters('list')[1]]", "b"),
        ("[join(parameters('list'), '+')]", "a+b"),
        ("[substring('abcdef', 1, 3)]", "bcd"),
        ("[replace('a_b', '_', '-')]", "a-b"),
        ("[first(split('x/y', '/'))]", "x"),
        ("[string(add(2, 3))]", "5"),
        ("[last(createArray('p', 'q'))]", "q"),
        ("[coalesce(null(), 'z')]", "z"),
        ("[padLeft('7', 3, '0')]", "007"),
        ("[take('abc', 2)]", "ab"),
        ("[uriComponent('a/b')]", "a%2Fb"),
        ("[[literal]", "[literal]"),
        ("[base64ToString(base64('x'))]", "x"),
        (
            "[string(length(union(parameters('list'), createArray('b', 'c'))))]",
            "3",
        ),
        (
            "[if(contains(parameters('list'), 'a'), 'yes', 'no')]",
            "yes",
        ),
        ("[trim(' t ')]", "t"),
        ("[string(json('0.5'))]", "0.5"),
    ] {
        assert_eq!(value(expression).literal(), Some(expected), "{expression}");
    }
}

#[test]
fn what_is_not_known_is_unseen_with_its_origin_and_never_guessed() {
    for expression in [
        "[parameters('key')]",
        "[uniqueString(resourceGroup().id)]",
        "[listKeys('x', '2024').key]",
        "[someNewFunction('x')]",
        "[utcNow()]",
        "[if(parameters('key'), 'a', 'b')]",
        "[not an expression]",
    ] {
        let seen = value(expression);
        assert_eq!(seen.literal(), None, "{expression}");
        assert_eq!(seen.unseen_parts().count(), 1, "{expression}");
    }
    let key = value("[parameters('key')]");
    assert!(key.has_secret());
    assert_eq!(key.shown(), "{parameters('key')}");
    assert!(value("[concat('k-', listKeys('x', '2024').key)]").has_secret());
}

#[test]
fn equal_calls_are_equal_and_others_are_not() {
    let suffix = "[concat('pg-', uniqueString(resourceGroup().id, parameters('name')))]";
    assert_eq!(value(suffix).same(&value(suffix)), Some(true));
    let other = "[concat('pg-', uniqueString(resourceGroup().id, 'else'))]";
    assert_eq!(value(suffix).same(&value(other)), None);
}

#[test]
fn no_origin_repeats_the_default_of_a_secret() {
    let template = r#"{"parameters": {"key": {"type": "securestring", "defaultValue": "canary-4711"}},
        "resources": [{"type": "Microsoft.App/containerApps", "name": "[someFunction(parameters('key'))]"}]}"#;
    let inventory = lifted(template);
    assert!(!inventory.workloads[0].name.shown().contains("canary"));
}

#[test]
fn modules_of_bicep_are_followed_through_parameters_and_outputs() {
    let text = r#"{
      "resources": [
        {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "data",
         "properties": {"expressionEvaluationOptions": {"scope": "inner"}, "mode": "Incremental",
           "parameters": {"prefix": {"value": "dify"}},
           "template": {
             "parameters": {"prefix": {"type": "string"}},
             "variables": {"server": "[format('{0}-pg', parameters('prefix'))]"},
             "resources": [{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "[variables('server')]"}],
             "outputs": {"host": {"type": "string", "value": "[reference(resourceId('Microsoft.DBforPostgreSQL/flexibleServers', variables('server')), '2025-08-01').fullyQualifiedDomainName]"}}}}},
        {"type": "Microsoft.Resources/deployments", "name": "apps",
         "properties": {"expressionEvaluationOptions": {"scope": "inner"},
           "parameters": {"host": {"value": "[reference(resourceId('Microsoft.Resources/deployments', 'data'), '2022-09-01').outputs.host.value]"}},
           "template": {
             "parameters": {"host": {"type": "string"}},
             "resources": [{"type": "Microsoft.App/containerApps", "name": "api", "properties": {"template": {"containers": [
               {"name": "api", "image": "langgenius/dify-api:1.16.0", "env": [{"name": "DB_HOST", "value": "[parameters('host')]"}]}]}}}]}}}
      ]}"#;
    let inventory = lifted(text);
    assert_eq!(inventory.postgres[0].name.literal(), Some("dify-pg"));
    let (_, api) = inventory.containers().next().unwrap();
    assert_eq!(
        api.literal("DB_HOST"),
        Some("dify-pg.postgres.database.azure.com")
    );
    assert_eq!(
        api.place_of("DB_HOST").to_string(),
        "main.json $.resources[1].properties.template.resources[0].properties.template.containers[0].env[0].value"
    );
}

#[test]
fn symbolic_names_loops_and_conditions() {
    let text = r#"{
      "languageVersion": "2.0",
      "parameters": {"deploy": {"type": "bool", "defaultValue": false}},
      "resources": {
        "environment": {"existing": true, "type": "Microsoft.App/managedEnvironments", "name": "env"},
        "off": {"condition": "[parameters('deploy')]", "type": "Microsoft.App/containerApps", "name": "off"},
        "apps": {"copy": {"name": "apps", "count": "[length(createArray('a', 'b', 'c'))]"},
          "type": "Microsoft.App/containerApps", "name": "[format('app{0}', copyIndex())]",
          "properties": {"template": {"containers": [{"name": "c", "image": "langgenius/dify-api:1.16.0",
            "copy": [{"name": "env", "count": 2, "input": {"name": "[format('V{0}', copyIndex('env'))]",
              "value": "[reference('environment').defaultDomain]"}}]}]}}}
      }}"#;
    let inventory = lifted(text);
    let names: Vec<_> = inventory
        .workloads
        .iter()
        .map(|it| it.name.shown())
        .collect();
    assert_eq!(names, ["app0", "app1", "app2"]);
    let (_, container) = inventory.containers().next().unwrap();
    assert_eq!(container.variables.len(), 2);
    assert_eq!(container.variables[1].name, "V1");
    assert_eq!(
        container.variables[1].value.shown(),
        "{domain of the environment}"
    );
}

#[test]
fn values_keep_the_place_where_they_are_written() {
    let text = r#"{
      "variables": {"common": [{"name": "LOG_LEVEL", "value": "INFO"}]},
      "resources": [{"type": "Microsoft.App/containerApps", "name": "api", "properties": {"template": {"containers": [
        {"name": "c", "image": "langgenius/dify-api:1.16.0",
         "env": "[concat(variables('common'), createArray(createObject('name', 'MODE', 'value', 'worker')))]"}]}}}]}"#;
    let inventory = lifted(text);
    let (_, container) = inventory.containers().next().unwrap();
    assert_eq!(container.literal("MODE"), Some("worker"));
    assert_eq!(
        container.place_of("LOG_LEVEL").path(),
        "$.variables.common[0].value"
    );
}

#[test]
fn a_parameters_file_gives_values_and_vault_references() {
    let template = r#"{"parameters": {"a": {"type": "string"}, "b": {"type": "securestring"}},
        "resources": [{"type": "Microsoft.App/containerApps", "name": "[parameters('a')]", "tags": {"x": "[parameters('b')]"}}]}"#;
    let parameters = r#"{"parameters": {"A": {"value": "api"}, "b": {"reference": {"keyVault": {"id": "v"}, "secretName": "s"}}}}"#;
    let inventory = from_template(TemplateInput {
        template: ("main.json", template),
        parameters: Some(("main.parameters.json", parameters)),
    })
    .unwrap();
    assert_eq!(inventory.workloads[0].name.literal(), Some("api"));
    assert!(matches!(inventory.workloads[0].ingress, Fact::Absent));
    assert!(
        inventory
            .parameters
            .iter()
            .any(|it| it.name == "a" && it.place.document_name() == "main.parameters.json")
    );
}

#[test]
fn a_linked_template_is_said_to_be_unseen() {
    let text = r#"{"resources": [{"type": "Microsoft.Resources/deployments", "name": "x",
        "properties": {"templateLink": {"uri": "https://example.com/t.json"}}}]}"#;
    let inventory = lifted(text);
    assert!(!inventory.complete);
    assert!(inventory.unseen[0].why.contains("linked"));
}

#[test]
fn what_is_no_template_is_told_in_a_sentence() {
    for (text, expected) in [
        ("{", "is not valid JSON"),
        ("[]", "it is not an object"),
        ("{}", "it has no `resources`"),
    ] {
        let input = TemplateInput {
            template: ("x.json", text),
            parameters: None,
        };
        let error = from_template(input).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("x.json"),
            "{error}"
        );
    }
}

#[test]
fn comments_are_no_part_of_a_template_and_places_stay() {
    let plain = "{\"parameters\": {\"key\": {\"type\": \"string\", \"defaultValue\": \"http://x\"}},\n\
                 \"resources\": [{\"type\": \"Microsoft.App/containerApps\", \"name\": \"[parameters('key')]\",\n\
                 \"properties\": {\"template\": {\"containers\": [{\"name\": \"c\", \"image\": \
                 \"langgenius/dify-api:1.16.0\"}]}}}]}";
    let commented = format!("// é\n/* two\nlines */{plain} // end");
    let inventory = lifted(&commented);
    assert_eq!(inventory.workloads[0].name.literal(), Some("http://x"));
    let lines = |text: &str| -> Vec<Option<usize>> {
        let report = crate::audit::audit(&lifted(text));
        report.findings.iter().map(|it| it.place.line()).collect()
    };
    let shifted: Vec<_> = lines(plain).iter().map(|it| it.map(|it| it + 2)).collect();
    assert!(!shifted.is_empty());
    assert_eq!(lines(&commented), shifted);
}
