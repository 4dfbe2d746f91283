//! What an app has beyond what it uses.

use serde_json::{Value, json};

use super::template;

/// What `SEC104` says of an app with the secrets `used`, `pulled`, `scaled` and `left`.
fn said(image: &str, volumes: &Value, more: &Value) -> Vec<String> {
    let mut app = json!({"type": "Microsoft.App/containerApps", "name": "app", "properties": {
        "configuration": {
            "secrets": [{"name": "used", "value": "1"}, {"name": "pulled", "value": "2"},
                {"name": "scaled", "value": "3"}, {"name": "left", "value": "4"},
                {"name": "microsoft-provider-authentication-secret", "value": "5"}],
            "registries": [{"server": "r.azurecr.io", "username": "u", "passwordSecretRef": "pulled"}]},
        "template": {
            "volumes": volumes,
            "scale": {"rules": [{"name": "r", "custom": {"type": "redis", "metadata": {},
                "auth": [{"secretRef": "scaled", "triggerParameter": "password"}]}}]},
            "containers": [{"name": "c", "image": image, "env": [{"name": "A", "secretRef": "used"}],
                "volumeMounts": [{"volumeName": "v", "mountPath": "/v"}]}]}}});
    app["properties"]["template"]["initContainers"] = more.clone();
    let report =
        template(&json!({"parameters": {"p": {"type": "array"}}, "resources": [app]}).to_string());
    let findings = report.under("SEC104");
    findings
        .map(|it| format!("{} {}", it.severity, it.place.pointer()))
        .collect()
}

#[test]
fn secrets_that_nothing_uses_and_volumes_of_all_secrets_are_told() {
    const WEB: &str = "langgenius/dify-web:1.16.0";
    const SANDBOX: &str = "langgenius/dify-sandbox:0.2.15";
    let unused = "warning /resources/0/properties/configuration/secrets/3";
    let whole = |severity: &str| format!("{severity} /resources/0/properties/template/volumes/0");
    let volume = |secrets: Value| {
        let mut volume = json!({"name": "v", "storageType": "Secret"});
        if !secrets.is_null() {
            volume["secrets"] = secrets;
        }
        json!([volume])
    };
    let left = json!([{"secretRef": "left", "path": "x"}]);
    let init = json!([{"name": "i", "env": [{"name": "B", "secretRef": "left"}]}]);
    let none = json!([]);
    for (image, volumes, more, expected) in [
        (WEB, none.clone(), &none, vec![unused.to_owned()]),
        (WEB, none.clone(), &init, vec![]),
        (WEB, none.clone(), &json!("[parameters('p')]"), vec![]),
        (WEB, volume(left), &none, vec![]),
        (WEB, volume(Value::Null), &none, vec![whole("warning")]),
        (SANDBOX, volume(json!([])), &none, vec![whole("error")]),
    ] {
        assert_eq!(
            said(image, &volumes, more),
            expected,
            "{image} {volumes} {more}"
        );
    }
}
