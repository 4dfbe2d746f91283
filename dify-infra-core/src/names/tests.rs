//! Boundaries of every rule and properties of every type.

use std::collections::HashSet;
use std::hash::Hash;

use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;

/// Runs a generic check on the type of every rule.
macro_rules! for_each_name {
    ($check:ident $(, $argument:expr)*) => {
        for_each_name!(@ $check ($($argument),*)
            ResourceGroupName SubscriptionId TagName TagValue ManagedIdentityName RegistryName
            WorkspaceName ManagedEnvironmentName ContainerAppName JobName EnvironmentStorageName
            ContainerName ScaleRuleName AppSecretName EnvironmentVariableName RevisionSuffix
            PostgresServerName PostgresDatabaseName PostgresConfigurationName
            PostgresFirewallRuleName RedisEnterpriseName RedisName StorageAccountName
            BlobContainerName FileShareName KeyVaultName KeyVaultSecretName VirtualNetworkName
            SubnetName PrivateEndpointName NetworkSecurityGroupName VirtualNetworkLinkName
            PrivateDnsZoneName DeploymentName EnvironmentLabel Suffix)
    };
    (@ $check:ident $arguments:tt $($name:ident)+) => {
        [$(for_each_name!(@@ $check $name $arguments)),+]
    };
    (@@ $check:ident $name:ident ($($argument:expr),*)) => {
        $check::<$name>($($argument),*)
    };
}

fn rule(what: &str) -> &'static NameRule {
    rules()
        .iter()
        .find(|rule| rule.what() == what)
        .unwrap_or_else(|| panic!("no rule {what:?}"))
}

pub(super) fn accepts(rule: &'static NameRule, text: &str) -> bool {
    rule.check(text).is_ok()
}

/// A name of exactly `length` characters, or none where the rule's shape has no such length.
pub(super) fn sized(rule: &NameRule, length: usize) -> String {
    match rule.what() {
        "subscription id" => "01234567-89ab-cdef-0123-456789abcdef"
            .chars()
            .take(length)
            .collect(),
        "private DNS zone name" => {
            let labels = ["a".repeat(62).as_str(); 5].join(".");
            format!("a.{labels}").chars().take(length).collect()
        }
        _ => "a".repeat(length),
    }
}

#[test]
fn every_type_has_one_rule_in_the_table() {
    fn what<N: Name>() -> &'static str {
        N::RULE.what()
    }
    let types: HashSet<_> = for_each_name!(what)
        .into_iter()
        .chain(["location"])
        .collect();
    let table: Vec<_> = rules().iter().map(NameRule::what).collect();
    assert_eq!(table.len(), types.len());
    assert_eq!(table.into_iter().collect::<HashSet<_>>(), types);
}

#[test]
fn every_rule_states_its_lengths_and_its_source() {
    for rule in rules() {
        let text = rule.text();
        assert!(text.contains(&rule.maximum().to_string()), "{rule:?}");
        assert!(
            rule.minimum() == 0 || text.contains(&rule.minimum().to_string()),
            "{rule:?}"
        );
        assert!(
            !rule.source().is_empty() && !rule.unique_in().is_empty(),
            "{rule:?}"
        );
        assert!(!text.ends_with('.') && !text.contains("  "), "{rule:?}");
    }
}

#[test]
fn takes_the_shortest_and_the_longest_and_nothing_past_them() {
    for rule in rules() {
        for length in [rule.minimum(), rule.maximum()] {
            rule.check(&sized(rule, length))
                .unwrap_or_else(|error| panic!("{error}"));
        }
        let long = format!("{}a", sized(rule, rule.maximum()));
        let error = rule.check(&long).unwrap_err();
        assert!(error.reason().contains("1 too many"), "{error}");
        if rule.minimum() > 0 {
            let short = sized(rule, rule.minimum() - 1);
            assert!(!accepts(rule, &short), "{}: {short:?}", rule.what());
            assert_eq!(rule.check("").unwrap_err().reason(), "it is empty");
        }
    }
}

#[test]
fn every_ascii_character_is_judged_by_the_rule_at_every_place() {
    for rule in rules().iter().filter(|rule| rule.minimum() < 10) {
        for character in (0..128_u8).map(char::from) {
            let middle = format!(
                "aa{character}aa{}",
                sized(rule, rule.minimum().saturating_sub(5))
            );
            if rule.maximum() >= middle.len() && rule.what() != "private DNS zone name" {
                assert_eq!(
                    accepts(rule, &middle),
                    rule.allows(character),
                    "{middle:?} {rule:?}"
                );
            }
            let first = accepts(rule, &format!("{character}aaaaa"));
            assert!(!first || rule.allows(character), "{character:?} {rule:?}");
        }
    }
}

/// What is named; names that are right; names that are wrong, all joined by `|`.
const SAMPLES: &[(&str, &str, &str)] = &[
    ("managed environment name", "a0|0a|a-b|a--b", "-a|a-|A0|a_b"),
    (
        "container app name",
        "ab|a0|a-b",
        "0a|-a|a-|a--b|A0|a_b|a.b",
    ),
    ("job name", "ab|a0|a-b", "0a|-a|a-|a--b|A0|a_b"),
    (
        "environment storage name",
        "ab|a0|a-b",
        "0a|-a|a-|a--b|A0|a_b",
    ),
    ("container name", "a|0|a-b|a--b", "-a|a-|A|a.b|a_b"),
    (
        "scale rule name",
        "a|0|a-b|a.b",
        "-a|a-|.a|a.|a..b|a.-b|a-.b|A|a_b",
    ),
    ("app secret name", "a|0|a-b|a--b", "-a|a-|A|a.b|a_b"),
    (
        "environment variable name",
        "A|_|_0|a_B",
        "0A|A-B|A.B|A B|É",
    ),
    ("revision suffix", "a|0|a-b", "-a|a-|a--b|A|a.b"),
    (
        "PostgreSQL server name",
        "abc|0bc|a-b",
        "-ab|ab-|a--b|Abc|a_b",
    ),
    (
        "PostgreSQL database name",
        "dify|_d|dify_plugin|a-|Dify",
        "0d|-d|a.b|a b",
    ),
    (
        "PostgreSQL configuration name",
        "azure.extensions|-|_|0",
        "a b|a/b|a,b",
    ),
    (
        "PostgreSQL firewall rule name",
        "a|0|a_|a-b",
        "-a|_a|a-|a.b",
    ),
    ("Managed Redis name", "a|0|A-b", "-a|a-|a--b|a_b"),
    ("Redis cache name", "a|0|A-b", "-a|a-|a--b|a_b"),
    ("storage account name", "abc|0bc", "Abc|a-b|a_b"),
    ("blob container name", "abc|0bc|a-b", "-ab|ab-|a--b|Abc|a_b"),
    ("file share name", "abc|0bc|a-b", "-ab|ab-|a--b|Abc|a_b"),
    ("key vault name", "abc|Abc|a-0", "0bc|-ab|ab-|a--b|a_b"),
    ("key vault secret name", "a|0|-|a--b|A", "a_b|a.b"),
    (
        "container registry name",
        "abcde|ABC01",
        "abc-e|abc.e|abc_e",
    ),
    ("managed identity name", "abc|0-_|a__", "-ab|_ab|a.b"),
    (
        "Log Analytics workspace name",
        "abcd|0--d",
        "-abc|abc-|ab_d",
    ),
    (
        "resource group name",
        "a|-|_|(|.a|Dify-RG|開発",
        "a.|a b|a/b|a#b|.",
    ),
    ("virtual network name", "ab|0_|a.b-c", "-a|_a|.a|a-|a."),
    ("subnet name", "a|0|a_|a.b-c", "-a|_a|.a|a-|a."),
    ("private endpoint name", "ab|a_|a.b", "-a|_a|a-|a."),
    ("network security group name", "a|a_", "-a|a."),
    ("virtual network link name", "a|a_", "-a|a."),
    (
        "private DNS zone name",
        "a.b|privatelink.blob.core.windows.net",
        "abc|.a|a.|a..b|a b.c",
    ),
    (
        "deployment name",
        "d|dify|a-0",
        "0a|-a|a-|a--b|A|a_b|amicrosoftb|windows",
    ),
    ("environment", "d|0|dev-2", "-a|a-|a--b|A|a_b|windows"),
    (
        "suffix",
        "abcdef|234567",
        "abcde1|abcde8|abcde0|ABCDEF|abc-ef",
    ),
    (
        "tag name",
        "a|0| a|開発|a.b-c_d:e",
        "a<|a>|a%|a&|a\\|a?|a/|a\u{7}|a\u{85}",
    ),
    ("tag value", "|a/b?c<d>|開発", "a\n|\u{0}"),
    (
        "location",
        "japaneast|Japan East|East US 2",
        "1a|-a|japan-east| a|a ",
    ),
    (
        "subscription id",
        "01234567-89ab-cdef-0123-456789abcdef|01234567-89AB-CDEF-0123-456789ABCDEF",
        "0123456-789ab-cdef-0123-456789abcdef|01234567-89ab-cdef-0123-456789abcdeg",
    ),
];

#[test]
fn first_and_last_characters_are_those_of_azure() {
    let covered: HashSet<_> = SAMPLES.iter().map(|(what, ..)| *what).collect();
    assert_eq!(covered, rules().iter().map(NameRule::what).collect());
    for (what, right, wrong) in SAMPLES {
        for text in right.split('|') {
            rule(what)
                .check(text)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        for text in wrong.split('|') {
            assert!(!accepts(rule(what), text), "{text:?} must not be a {what}");
        }
    }
}

#[test]
fn says_what_is_wrong_and_where() {
    for (text, reason, position) in [
        ("Dify", "'D' at position 1 is upper case", Some(1)),
        ("dify_dev", "'_' at position 5 is not allowed", Some(5)),
        ("開発", "'開' at position 1 is not allowed", Some(1)),
        ("ab開", "'開' at position 3 is not allowed", Some(3)),
        ("0dify", "it starts with '0'", Some(1)),
        ("dify-", "it ends with '-'", Some(5)),
        ("dify--dev", "'--' at position 5 is not allowed", Some(5)),
        ("d", "it has 1 character, at least 2 needed", None),
        ("", "it is empty", None),
        (
            "a\u{1b}[2J",
            r"'\u{1b}' at position 2 is not allowed",
            Some(2),
        ),
    ] {
        let error = ContainerAppName::parse(text).unwrap_err();
        assert_eq!(
            (error.reason().as_str(), error.position()),
            (reason, position)
        );
        assert_eq!((error.what(), error.value()), ("container app name", text));
        assert!(error.to_string().ends_with(error.rule().text()), "{error}");
    }
}

#[test]
fn zones_keep_the_rules_of_their_labels() {
    let label = "a".repeat(64);
    for (zone, reason) in [
        (format!("{label}.net"), "has 64 characters"),
        ("single".to_owned(), "single label"),
        (vec!["a"; 35].join("."), "35 labels"),
    ] {
        let error = PrivateDnsZoneName::parse(&zone).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert!(PrivateDnsZoneName::parse(&vec!["a"; 34].join(".")).is_ok());
    assert!(PrivateDnsZoneName::parse(&format!("{}.net", &label[1..])).is_ok());
}

#[test]
fn tag_names_know_the_narrower_services() {
    let fits = |text: &str| TagName::parse(text).unwrap().fits_private_dns_zone();
    assert!(fits("azd-env-name") && fits("dify-infra-deployment"));
    assert!(!fits("cost center") && !fits("1st") && !fits("a:b"));
    assert!(
        TagName::parse(&"a".repeat(128))
            .unwrap()
            .fits_storage_account()
    );
    assert!(
        !TagName::parse(&"a".repeat(129))
            .unwrap()
            .fits_storage_account()
    );
}

#[test]
fn resource_names_compare_without_case_and_others_with_it() {
    let group = |text| ResourceGroupName::parse(text).unwrap();
    assert_eq!(group("Dify-RG"), group("dify-rg"));
    assert_eq!(group("ÄRGER"), group("ärger"));
    assert_eq!(HashSet::from([group("Dify-RG"), group("DIFY-rg")]).len(), 1);
    assert!(group("A").cmp(&group("b")).is_lt() && group("a").cmp(&group("B")).is_lt());
    assert_eq!(group("Dify-RG").to_string(), "Dify-RG");
    let variable = |text| EnvironmentVariableName::parse(text).unwrap();
    assert_ne!(variable("http_proxy"), variable("HTTP_PROXY"));
    let database = |text| PostgresDatabaseName::parse(text).unwrap();
    assert_ne!(database("Dify"), database("dify"));
}

#[test]
fn locations_are_one_region_however_written() {
    let region: Location = serde_json::from_str("\"Japan East\"").unwrap();
    assert_eq!(region, Location::parse("JAPANEAST").unwrap());
    assert_eq!(serde_json::to_string(&region).unwrap(), "\"japaneast\"");
    assert_eq!(
        (region.to_string().as_str(), region.written()),
        ("japaneast", "Japan East")
    );
    assert_ne!(region, Location::parse("japanwest").unwrap());
}

fn derived(subscription: &str, group: &str, name: &str, environment: &str) -> Suffix {
    Suffix::derive(
        &SubscriptionId::parse(subscription).unwrap(),
        &ResourceGroupName::parse(group).unwrap(),
        &DeploymentName::parse(name).unwrap(),
        &EnvironmentLabel::parse(environment).unwrap(),
    )
}

#[test]
fn suffixes_never_change_between_releases() {
    // Computed by another program. Another value would orphan every deployment there is.
    let suffix = derived(
        "ABCDEF00-0000-0000-0000-000000000001",
        "Dify-Dev-RG",
        "dify",
        "dev",
    );
    assert_eq!(suffix.as_str(), "lrtn7x");
}

#[test]
fn suffixes_tell_deployments_apart_but_not_cases() {
    let id = "abcdef00-0000-0000-0000-000000000001";
    let suffix = derived(id, "rg", "a", "b");
    assert_eq!(suffix, derived(&id.to_uppercase(), "RG", "a", "b"));
    let others = [
        derived("abcdef00-0000-0000-0000-000000000002", "rg", "a", "b"),
        derived(id, "rg2", "a", "b"),
        derived(id, "rga", "b", "b"),
        derived(id, "rg", "a-b", "c"),
        derived(id, "rg", "a", "b-c"),
    ];
    let all: HashSet<_> = others.into_iter().chain([suffix]).collect();
    assert_eq!(all.len(), 6);
}

#[test]
fn a_prefix_leaves_room_for_the_longest_service() {
    let prefix = |name: &str, environment: &str| {
        let name = DeploymentName::parse(name).unwrap();
        let environment = EnvironmentLabel::parse(environment).unwrap();
        DeploymentPrefix::try_new(&name, &environment, &["api", "plugin-daemon", "web"])
    };
    let longest = prefix("abcdefgh", "production").unwrap_err();
    assert_eq!(
        longest.to_string(),
        "\"abcdefgh-production\" is not a prefix of container app names: \
         \"abcdefgh-production-plugin-daemon\" would have 33 characters, 1 too many; use a shorter \
         name or environment: `<name>-<environment>-<service>` has at most 32 characters"
    );
    let fits = prefix("abcdefg", "production").unwrap();
    let app: ContainerAppName = fits.name("plugin-daemon").unwrap();
    assert_eq!(app.as_str().len(), 32);
    assert!(fits.name::<ContainerAppName>("plugin-daemon2").is_err());
}

#[test]
fn a_revision_name_fits_the_service() {
    let app = ContainerAppName::parse(&"a".repeat(32)).unwrap();
    let suffix = |length| RevisionSuffix::parse(&"b".repeat(length)).unwrap();
    assert_eq!(suffix(20).revision_name(&app).unwrap().len(), 54);
    let error = suffix(21).revision_name(&app).unwrap_err().to_string();
    assert!(
        error.contains("55 characters, 1 more than the 54"),
        "{error}"
    );
}

#[test]
fn patterns_for_editors_are_plain_regular_expressions() {
    assert_eq!(
        rule("container app name").pattern().unwrap(),
        r"^(?!.*(--))[a-z]([\-0-9a-z]*[0-9a-z])?$"
    );
    assert_eq!(rule("resource group name").pattern(), None);
    // `first(inner*last)?` is right only where a single character may be both first and last.
    for rule in rules().iter().filter(|rule| rule.pattern().is_some()) {
        assert!(
            rule.first
                .ascii()
                .all(|character| rule.last.contains(character)),
            "{rule:?}"
        );
    }
}

/// Texts made as `rule` says; a few break what characters and lengths can't express.
pub(super) fn made_by(rule: &'static NameRule) -> BoxedStrategy<String> {
    let choose = |set: super::alphabet::Alphabet| select(set.ascii().collect::<Vec<_>>());
    let inner = proptest::collection::vec(choose(rule.inner), 0..rule.maximum().max(2) - 1);
    (choose(rule.first), inner, choose(rule.last))
        .prop_map(|(first, inner, last)| {
            let mut text: String = std::iter::once(first).chain(inner).chain([last]).collect();
            while text.contains("--") {
                text = text.replace("--", "-");
            }
            text
        })
        .boxed()
}

fn any_rule() -> impl Strategy<Value = &'static NameRule> {
    select(rules().iter().collect::<Vec<_>>())
}

/// Whether `N`, if it takes a text, gives it back unchanged in every way.
fn round_trips<N>(text: &str) -> Result<bool, TestCaseError>
where
    N: Name + Clone + Eq + Hash + Ord + std::fmt::Debug + Serialize + DeserializeOwned,
    N: for<'a> TryFrom<&'a str, Error = InvalidName> + TryFrom<String, Error = InvalidName>,
{
    let Ok(name) = text.parse::<N>() else {
        let json = serde_json::to_string(text).unwrap();
        prop_assert!(serde_json::from_str::<N>(&json).is_err());
        prop_assert!(N::try_from(text).is_err() && N::try_from(text.to_owned()).is_err());
        return Ok(false);
    };
    prop_assert_eq!(name.as_ref(), text);
    prop_assert_eq!(name.to_string(), text);
    let json = serde_json::to_string(&name).unwrap();
    prop_assert_eq!(&serde_json::from_str::<N>(&json).unwrap().to_string(), text);
    prop_assert_eq!(&N::try_from(text).unwrap(), &name);
    Ok(true)
}

proptest! {
    #[test]
    fn no_text_makes_a_rule_panic(text in any::<String>()) {
        for rule in rules() {
            if let Err(error) = rule.check(&text) {
                prop_assert!(!error.to_string().contains(char::is_control));
                let length = text.chars().count();
                prop_assert!(error.position().is_none_or(|position| position <= length));
            }
        }
        let _ = text.parse::<Location>();
    }

    #[test]
    fn accepted_names_come_back_unchanged(text in any_rule().prop_flat_map(made_by)) {
        for outcome in for_each_name!(round_trips, &text) {
            outcome?;
        }
    }

    #[test]
    fn composed_names_fit_and_keep_their_suffix(
        name in "[a-z]([a-z0-9]-?){0,7}[a-z0-9]",
        environment in "[a-z0-9](-?[a-z0-9]){0,7}",
        suffix in "[a-z2-7]{6}",
    ) {
        let account: StorageAccountName =
            compose(&[&name, &environment, "st", &suffix]).unwrap();
        prop_assert!(account.as_str().ends_with(&suffix));
        let vault: KeyVaultName = compose(&[&name, &environment, "kv", &suffix]).unwrap();
        let end = format!("-kv-{suffix}");
        prop_assert!(vault.as_str().ends_with(&end));
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_json_schema_states_the_rule() {
    let schema = serde_json::to_value(schemars::schema_for!(ContainerAppName)).unwrap();
    assert_eq!(
        (&schema["minLength"], &schema["maxLength"]),
        (&2.into(), &32.into())
    );
    assert_eq!(
        schema["pattern"],
        rule("container app name").pattern().unwrap()
    );
}
