//! Values of the file that would mean something to YAML or to Compose.

use std::collections::BTreeMap;

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::deployment::Deployment;
use proptest::prelude::*;

use crate::reader::{Composed, interpolated, project};

/// A deployment whose API has a variable with this value.
fn with_variable(value: &str) -> Option<Deployment> {
    let builder = Deployment::builder("dify", "dev")
        .location("japaneast")
        .release("1.16.0")
        .resource_group("dify-dev-rg")
        .service(ServiceKind::Api, |api| api.env("SMTP_USERNAME", value));
    builder.build().ok().map(|resolved| resolved.deployment)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-?:,\\[\\]{}#&*!|>'\"%@`~ \\n\\t$a=]{0,16}",
        "(?i)(y|n|yes|no|on|off|true|false|null|~|\\.nan|0x1f|0o7|1e3|1_000|12:30|2001-01-01|=|<<|-|)",
        "\\$?\\$?\\{?[A-Z_]{0,6}(:[-?+])?[a-z$]{0,4}\\}?",
        "a\n?services:\n  evil:\n    image: [x]{1,3}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_arrives_as_it_is_and_changes_nothing_else(value in value()) {
        let Some(deployment) = with_variable(&value) else {
            return Ok(());
        };
        let plain = with_variable("plain").unwrap();
        let composed = Composed::read(project(&deployment).compose_file());
        let expected = Composed::read(project(&plain).compose_file());
        prop_assert_eq!(composed.names("services"), expected.names("services"));
        for service in expected.names("services") {
            let mut variables = composed.variables(service);
            let mut other = expected.variables(service);
            if service == "api" {
                let written = variables.remove("SMTP_USERNAME").unwrap();
                prop_assert_eq!(interpolated(&written, &BTreeMap::new()), value.clone());
                other.remove("SMTP_USERNAME");
            }
            prop_assert_eq!(variables, other);
        }
    }
}
