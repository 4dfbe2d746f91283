use proptest::prelude::*;

use super::*;
use crate::deployment::{Deployment, Profile};
use crate::diagnostic::Severity;
use crate::names::Location;

const MINIMAL: &str = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
                       dify = \"1.16.0\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

/// One finding a line, as `line:column severity[code] message; help`.
fn listing(diagnostics: &Diagnostics, least: Severity) -> String {
    let line = |finding: &Diagnostic| {
        let place = finding.span.map_or_else(
            || "nowhere".to_owned(),
            |span| format!("{}:{}", span.line, span.column),
        );
        let help = finding.help.as_deref().unwrap_or("-");
        format!(
            "{place} {}[{}] {}; {help}\n",
            finding.severity, finding.code, finding.message
        )
    };
    diagnostics
        .iter()
        .filter(|finding| finding.severity <= least)
        .map(line)
        .collect()
}

#[test]
fn seven_lines_are_enough() {
    assert_eq!(MINIMAL.lines().count(), 7);
    let resolved = Deployment::parse(MINIMAL).unwrap();
    assert_eq!(listing(&resolved.diagnostics, Severity::Warning), "");
    assert_eq!(resolved.deployment.services().count(), 9);
}

#[test]
fn reports_every_mistake_at_once_errors_first_in_the_order_of_the_file() {
    let diagnostics = Deployment::parse(include_str!("tests/mistakes.toml")).unwrap_err();
    insta::assert_snapshot!(listing(&diagnostics, Severity::Warning));
}

#[test]
fn reads_every_key_of_a_full_file() {
    let (spec, document) = Spec::parse(include_str!("tests/full.toml")).unwrap();
    let known: BTreeSet<_> = suggest::known_keys()
        .iter()
        .map(ToString::to_string)
        .collect();
    let written: BTreeSet<_> = document
        .paths()
        .map(|path| general(&path.to_string()))
        .collect();
    let missing: Vec<_> = known.difference(&written).collect();
    assert!(missing.is_empty(), "the sample lacks {missing:?}");
    let unknown: Vec<_> = written.difference(&known).collect();
    assert!(unknown.is_empty(), "the sample has {unknown:?}");
    assert_eq!(spec.services["api"].env["WORKERS"], VariableSpec::from("2"));
    assert_eq!(
        spec.services["api"].env["DEBUG"],
        VariableSpec::from("false")
    );
    assert_eq!(spec.services["sandbox"].cpu, Some(0.5));
}

/// A path with the keys that the user chose, and list positions, made general.
fn general(path: &str) -> String {
    if path.starts_with("images.digests.") {
        // The names of images have dots of their own.
        return "images.digests.*".to_owned();
    }
    let mut keys: Vec<_> = path.split('.').map(str::to_owned).collect();
    for (parents, depth) in [
        ("azure.tags", 2),
        ("images.overrides", 2),
        ("network.subnets", 2),
        ("services", 1),
        ("workload_profiles", 1),
    ] {
        if path.starts_with(&format!("{parents}.")) && keys.len() > depth {
            "*".clone_into(&mut keys[depth]);
        }
    }
    if keys.len() > 3 && keys[0] == "services" && keys[2] == "env" {
        "*".clone_into(&mut keys[3]);
    }
    keys.join(".").replace("[1]", "[0]")
}

#[test]
fn lacking_keys_are_named_with_the_table_they_belong_to() {
    let diagnostics = Spec::parse("schema = 1\n\n[azure]\n").unwrap_err();
    let found: Vec<_> = diagnostics
        .iter()
        .map(|finding| (finding.path.to_string(), finding.span.map(|it| it.line)))
        .collect();
    let expected = [
        ("name", None),
        ("environment", None),
        ("location", None),
        ("azure.resource_group", Some(3)),
    ];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn a_misspelt_required_key_is_reported_once() {
    let text = MINIMAL.replace("resource_group", "resource_grup");
    let diagnostics = Deployment::parse(&text).unwrap_err();
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .collect();
    assert_eq!(errors.len(), 1, "{diagnostics}");
    assert_eq!(
        errors[0].help.as_deref(),
        Some("did you mean `resource_group`?")
    );
}

#[test]
fn the_template_is_clean_and_complete() {
    for profile in [Profile::Dev, Profile::Prod] {
        for location in ["japaneast", "West Europe"] {
            let location = Location::parse(location).unwrap();
            let text = template(profile, &location);
            let resolved = Deployment::parse(&text).unwrap();
            assert_eq!(listing(&resolved.diagnostics, Severity::Warning), "");
            assert_eq!(*resolved.deployment.location(), location);
            assert_eq!(resolved.deployment.profile(), profile);
        }
    }
}

#[test]
fn every_comment_of_the_template_is_a_setting_that_works() {
    for profile in [Profile::Dev, Profile::Prod] {
        every_comment_works(&template(profile, &Location::parse("japaneast").unwrap()));
    }
}

fn every_comment_works(text: &str) {
    let is_setting = |line: &str| {
        let Some(rest) = line.strip_prefix("# ") else {
            return false;
        };
        rest.starts_with('[')
            || rest
                .split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
    };
    // An existing server stands beside the settings of one that is made.
    let lines = text.lines().filter(|line| !line.contains("existing = "));
    let opened: Vec<_> = lines
        .map(|line| if is_setting(line) { &line[2..] } else { line })
        .collect();
    let resolved = Deployment::parse(&opened.join("\n")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(listing(&resolved.diagnostics, Severity::Warning), "");
    assert_eq!(resolved.deployment.allowed_rules().len(), 1);
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in any::<String>()) {
        let _ = Deployment::parse(&text);
    }

    #[test]
    fn never_panics_on_any_toml(
        entries in prop::collection::vec(entry(), 0..12),
    ) {
        let text = entries.concat();
        match Deployment::parse(&text) {
            Ok(resolved) => prop_assert!(!resolved.diagnostics.has_errors()),
            Err(diagnostics) => {
                prop_assert!(diagnostics.has_errors());
                for finding in &diagnostics {
                    let piece = finding.span.map(|span| text.get(span.start..span.end));
                    prop_assert!(piece != Some(None));
                }
            }
        }
    }

    #[test]
    fn positions_agree_with_the_text(before in "[ -~\n]{0,40}", key in "[a-z]{1,8}") {
        let comment = before.replace('\n', "\n#");
        let text = format!("#{comment}\n{key} = 1\n");
        let document = Document::parse(&text).unwrap();
        let span = document.key_span(&KeyPath::of(&key)).unwrap();
        prop_assert_eq!(span.line, text.lines().count());
        prop_assert_eq!(&text[span.start..span.end], key.as_str());
    }
}

/// A line of a file: tables and keys of ours and others, values of every type.
fn entry() -> impl Strategy<Value = String> {
    let tables: Vec<String> = suggest::known_keys()
        .iter()
        .map(ToString::to_string)
        .collect();
    let key = prop_oneof![
        prop::sample::select(tables).prop_map(|path| path.replace("[0]", "").replace('*', "api")),
        "[a-z_]{1,12}",
    ];
    let value = prop_oneof![
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u8>().prop_map(|number| number.to_string()),
        "[0-9]{1,3}\\.[0-9]{1,3}",
        "[a-zA-Z0-9:/ _.-]{0,20}".prop_map(|text| format!("\"{text}\"")),
        Just("[{ cidr = \"10.0.0.0/8\", reason = \"x\" }, 1]".to_owned()),
        Just("{ min = 3, max = 1, secret = \"x\" }".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("340282366920938463463374607431768211456".to_owned()),
    ];
    prop_oneof![
        3 => (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        1 => key.prop_map(|key| format!("[{key}]\n")),
        1 => Just(MINIMAL.to_owned()),
    ]
}

#[cfg(feature = "schema")]
mod json_schema {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::suggest;
    use crate::spec::schema;

    const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/dify.schema.json");

    #[test]
    fn the_checked_in_schema_is_fresh() {
        let fresh = format!("{:#}\n", schema::json_schema());
        if std::env::var_os("DIFY_INFRA_BLESS").is_some() {
            std::fs::write(CHECKED_IN, &fresh).unwrap();
        }
        let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
        assert!(
            checked_in == fresh,
            "stale: run this test with DIFY_INFRA_BLESS=1"
        );
    }

    #[test]
    fn schema_and_reader_know_the_same_keys() {
        let schema = schema::json_schema();
        let mut described = BTreeSet::new();
        collect(&schema, &schema, "", &mut described);
        let known: BTreeSet<_> = suggest::known_keys()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(described, known);
    }

    #[test]
    fn every_key_is_described_and_none_may_be_null() {
        let schema = schema::json_schema();
        let properties = |table: &Value| table["properties"].as_object().cloned();
        let tables = schema["definitions"]
            .as_object()
            .unwrap()
            .values()
            .chain([&schema]);
        for (name, property) in tables.filter_map(properties).flatten() {
            assert!(property["description"].is_string(), "{name}: {property}");
        }
        assert!(!schema.to_string().contains("null"));
    }

    /// The paths of all properties, with `*` for keys that are free and `[0]` for items.
    fn collect(root: &Value, schema: &Value, path: &str, paths: &mut BTreeSet<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = root.pointer(name.trim_start_matches('#')).unwrap();
            return collect(root, target, path, paths);
        }
        for part in ["allOf", "anyOf"]
            .into_iter()
            .filter_map(|key| schema[key].as_array())
            .flatten()
        {
            collect(root, part, path, paths);
        }
        let join = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            paths.insert(join(key));
            collect(root, property, &join(key), paths);
        }
        if schema["additionalProperties"].is_object() {
            paths.insert(join("*"));
            collect(root, &schema["additionalProperties"], &join("*"), paths);
        }
        if schema["items"].is_object() {
            let item = format!("{path}[0]");
            paths.insert(item.clone());
            collect(root, &schema["items"], &item, paths);
        }
    }
}

/// Findings about a minimal file with more behind it.
fn found(more: &str) -> Diagnostics {
    match Deployment::parse(&format!("{MINIMAL}{more}")) {
        Ok(resolved) => resolved.diagnostics,
        Err(found) => found,
    }
}

#[test]
fn what_the_file_does_not_have_is_nowhere() {
    let found = found("\n[data.postgres]\nstorage = 64\n");
    let redis = found.iter().find(|it| it.code == "RED001").unwrap();
    assert_eq!(redis.span, None, "{redis}");
    let json = serde_json::to_value(redis).unwrap();
    assert!(json["span"].is_null(), "{json}");
    let postgres = found.iter().find(|it| it.code == "DBX001").unwrap();
    assert!(postgres.span.is_some(), "{postgres}");
}

#[test]
fn a_key_of_a_reference_is_not_taken_for_a_table() {
    let found = found("\n[services.api.env]\nY = { secrets = 'a' }\n");
    let helps: Vec<_> = found.iter().filter_map(|it| it.help.as_deref()).collect();
    assert!(helps.contains(&"did you mean `secret`?"), "{found}");
}

#[test]
fn a_wrong_route_hides_no_other() {
    let taken = "\n[[routes]]\npath = \"/console/api\"\nservice = \"web\"\n";
    let wrong = "\n[[routes]]\npath = \"hooks\"\nservice = \"api\"\n";
    for (text, index) in [
        (taken.to_owned(), 0),
        (format!("{wrong}{taken}"), 1),
        (format!("{taken}{wrong}"), 0),
    ] {
        let found = found(&text);
        let taken = found.iter().find(|it| it.code == "URL006");
        let path = taken.unwrap_or_else(|| panic!("{found}")).path.to_string();
        assert_eq!(path, format!("routes[{index}].path"));
    }
}

#[test]
fn a_wrong_address_space_overlaps_with_nothing() {
    let plan = "\n[network]\nprivate_endpoints = true\naddress_space = \"10.9.0.0/33\"\nsubnets = { apps = \"10.0.0.0/16\" }\n";
    let found = found(plan);
    assert!(found.iter().any(|it| it.code == "SPC005"), "{found}");
    assert!(found.iter().all(|it| it.code != "NET010"), "{found}");
    let right = plan.replace("/33", "/16").replace("10.9", "10.0");
    let found = self::found(&right);
    assert!(found.iter().any(|it| it.code == "NET010"), "{found}");
}

#[test]
fn numbers_beyond_all_bounds_are_told_the_bounds_that_hold() {
    let told = |more: &str, path: &str| {
        let found = found(more);
        let finding = found.iter().find(|it| it.path.to_string() == path);
        let finding = finding.unwrap_or_else(|| panic!("{path}: {found}"));
        assert!(finding.message.len() < 200, "{finding}");
        finding.help.clone().unwrap()
    };
    let storage = |value: &str| {
        let more = format!("\n[data.postgres]\nstorage = {value}\n");
        told(&more, "data.postgres.storage")
    };
    assert_eq!(storage("9223372036854775807"), "write `storage = 32767`");
    assert_eq!(storage("-1"), "give 32 or more");
    let replicas = told(
        "\n[services.api]\nreplicas = { min = -1 }\n",
        "services.api.replicas.min",
    );
    assert_eq!(replicas, "give 0 or more");
    for cpu in ["999999999999999999999999", "1e300", "-1e300"] {
        told(
            &format!("\n[services.api]\ncpu = {cpu}\n"),
            "services.api.cpu",
        );
    }
}

#[test]
fn the_least_numbers_of_the_file_are_taken_and_lower_ones_are_not() {
    for (table, key, least) in [
        ("data.postgres", "version", 14),
        ("data.postgres", "storage", 32),
        ("data.postgres", "backup_days", 7),
        ("data.storage", "retention_days", 1),
        ("logs", "retention_days", 30),
        ("secrets", "retention_days", 7),
    ] {
        let store = if table == "secrets" {
            "store = \"key-vault\"\n"
        } else {
            ""
        };
        let errors = |value: i64| {
            let found = found(&format!("\n[{table}]\n{store}{key} = {value}\n"));
            let path = format!("{table}.{key}");
            let mut about = found.iter().filter(|it| it.severity == Severity::Error);
            about.any(|it| it.path.to_string() == path)
        };
        assert!(!errors(least), "{table}.{key} = {least}");
        assert!(errors(least - 1), "{table}.{key} = {}", least - 1);
        let negative = found(&format!("\n[{table}]\n{key} = -1\n")).to_string();
        assert!(
            negative.contains(&format!("must be {least} or more")),
            "{negative}"
        );
    }
}

#[test]
fn an_origin_with_a_path_is_told_one_that_is_taken() {
    for origin in [
        "http://dify.example.com/path/",
        "https://dify.example.com/",
        "http://dify.example.com/a?b",
    ] {
        let found = found(&format!("\n[public]\norigin = \"{origin}\"\n"));
        let finding = found
            .iter()
            .find(|it| it.path.to_string() == "public.origin")
            .unwrap();
        let help = finding.help.as_deref().unwrap_or_default();
        assert_eq!(help, "write \"https://dify.example.com\"", "{finding}");
        let right = help.trim_start_matches("write ");
        let found = self::found(&format!("\n[public]\norigin = {right}\n"));
        assert!(
            found
                .iter()
                .all(|it| it.path.to_string() != "public.origin"),
            "{found}"
        );
    }
}
