use super::*;
use crate::secrets::generate::tests::Seeded;
use crate::secrets::{Format, SecretKind, generate_missing, parse};

fn whole() -> Secrets {
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut Seeded(21)).unwrap();
    secrets
}

/// Findings of a complete, good set in which one value is another.
fn with(name: &str, value: &str) -> Vec<Finding> {
    let mut secrets = whole();
    secrets.insert(SecretName::from_any(name).unwrap(), value.into());
    check(&secrets)
}

fn problems(name: &str, value: &str) -> Vec<(Severity, Problem)> {
    with(name, value)
        .into_iter()
        .map(|finding| (finding.severity, finding.problem))
        .collect()
}

fn breaks(characters: &str) -> Problem {
    Problem::BreaksUrl {
        characters: characters.to_owned(),
    }
}

const GOOD: &str = "Zk3vQ9xTb7LmRw2Yp5Ns8Jh4Gd6FcXa1";

#[test]
fn generated_sets_are_clean() {
    for seed in 0..200 {
        let mut secrets = Secrets::new();
        generate_missing(&mut secrets, &mut Seeded(seed * 10_000)).unwrap();
        let checker = Checker::new().with_postgres_login("difyadmin");
        assert_eq!(checker.check(&secrets), []);
    }
}

#[test]
fn published_values_are_refused_under_every_name() {
    for name in [
        "secret-key",
        "sandbox-api-key",
        "postgres-password",
        "SMTP_PASSWORD",
    ] {
        let found = problems(name, "difyai123456");
        assert!(
            matches!(found[..], [(Severity::Error, Problem::Published { .. })]),
            "{found:?}"
        );
    }
    assert!(matches!(
        problems("celery-broker-url", "rediss://:difyai123456@cache:6380/0")[..],
        [(Severity::Error, Problem::Published { .. })]
    ));
}

#[test]
fn weak_values_are_refused() {
    assert!(matches!(
        problems("secret-key", "short")[..],
        [(_, Problem::TooShort { .. })]
    ));
    let repeated = "abcdefgh".repeat(8);
    assert!(matches!(
        problems("secret-key", &repeated)[..],
        [(_, Problem::Weak { .. })]
    ));
    assert!(matches!(
        problems("smtp-password", "password1")[..],
        [(_, Problem::Weak { .. })]
    ));
}

#[test]
fn reuse_names_the_other_secret() {
    let mut secrets = whole();
    secrets.insert(SecretKind::SandboxApiKey, GOOD.into());
    secrets.insert(SecretKind::PluginDaemonKey, GOOD.into());
    let found = check(&secrets);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].problem,
        Problem::Reused {
            with: SecretKind::PluginDaemonKey.into()
        }
    );
    assert_eq!(found[0].secret, SecretKind::SandboxApiKey.into());
}

#[test]
fn both_variables_of_a_pair_may_be_equal_and_must_be() {
    let mut secrets = whole();
    secrets.insert(SecretKind::SandboxApiKey, GOOD.into());
    let variable = SecretName::from_env_key("CODE_EXECUTION_API_KEY").unwrap();
    secrets.insert(&variable, GOOD.into());
    assert_eq!(check(&secrets), []);
    secrets.insert(&variable, format!("{GOOD}x").into());
    let found = check(&secrets);
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].problem, Problem::PairDiffers { .. }));
}

#[test]
fn characters_that_break_urls_are_refused_where_urls_are_made() {
    for character in "@:/?#%+&\"'\\".chars() {
        let value = format!("Zk3vQ9xTb7Lm{character}Rw2Yp5Ns8Jh4");
        let expected = [(Severity::Error, breaks(&character.to_string()))];
        assert_eq!(problems("postgres-password", &value), expected);
        assert_eq!(problems("REDIS_PASSWORD", &value), expected);
        let expected = [(Severity::Warning, breaks(&character.to_string()))];
        assert_eq!(problems("smtp-password", &value), expected);
    }
    let spaced = "Zk3vQ9xTb7Lm Rw2Yp5Ns8Jh4";
    assert_eq!(
        problems("postgres-password", spaced),
        [(Severity::Error, breaks("space"))]
    );
}

#[test]
fn base64_is_fine_for_keys_that_meet_no_url() {
    let base64 = "q0Z1m8n5wK+JH3uVdXyP2/RtS7cEoLbA9fGhTiNjUWkQxYzC4rMvDs6B=";
    assert_eq!(problems("secret-key", base64), []);
    assert_eq!(problems("sandbox-api-key", base64), []);
}

#[test]
fn urls_and_connection_strings_keep_their_characters() {
    let url = "rediss://:Zk3vQ9xTb7Lm%3D@cache.example.net:10000/0";
    assert_eq!(problems("celery-broker-url", url), []);
    let connection = "DefaultEndpointsProtocol=https;AccountKey=Zk3vQ9xTb7Lm+/==";
    assert_eq!(
        problems("azure-blob-storage-connection-string", connection),
        []
    );
}

#[test]
fn dollars_are_refused_where_azure_changes_them() {
    let expanded = [(Severity::Error, Problem::ExpandedByAzure)];
    assert_eq!(problems("secret-key", &format!("{GOOD}$$x")), expanded);
    assert_eq!(problems("secret-key", &format!("{GOOD}$(HOME)")), expanded);
    let warned = [(Severity::Warning, Problem::ExpandedByShell)];
    assert_eq!(problems("secret-key", &format!("{GOOD}$x")), warned);
}

#[test]
fn the_form_that_a_consumer_takes_is_asked_for() {
    let error = Severity::Error;
    assert_eq!(problems("init-password", ""), [(error, Problem::Empty)]);
    let long = "Zk3vQ9xTb7LmRw2Yp5Ns8Jh4Gd6Fc1X";
    assert_eq!(long.len(), 31);
    let too_long = Problem::TooLong {
        length: 31,
        maximum: 30,
    };
    assert_eq!(problems("init-password", long), [(error, too_long)]);
    assert_eq!(problems("init-password", &long[..30]), []);
    assert_eq!(
        problems("sandbox-api-key", &format!("{GOOD}é")),
        [(error, Problem::NotAscii)]
    );
    let spaced = [(error, Problem::OuterWhitespace)];
    assert_eq!(problems("secret-key", &format!("{GOOD} ")), spaced);
    assert_eq!(problems("secret-key", &format!("{GOOD}\n")), spaced);
    let control = [(error, Problem::ControlCharacters)];
    assert_eq!(problems("secret-key", &format!("{GOOD}\n{GOOD}x")), control);
}

#[test]
fn azures_rules_for_the_postgres_password_are_checked() {
    let few = [(Severity::Error, Problem::FewCategories)];
    assert_eq!(
        problems("postgres-password", "zkavqextbjlmrwyupkns8jh4gd6f"),
        few
    );
    let mut secrets = whole();
    secrets.insert(SecretKind::PostgresPassword, format!("{GOOD}ADM").into());
    let found = Checker::new()
        .with_postgres_login("difyadmin")
        .check(&secrets);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].problem, Problem::HoldsLogin);
}

#[test]
fn missing_secrets_are_warnings() {
    let found = check(&Secrets::new());
    assert_eq!(found.len(), SecretKind::ALL.len());
    assert!(
        found
            .iter()
            .all(|finding| finding.severity == Severity::Warning)
    );
}

#[test]
fn findings_of_a_file_name_its_lines_in_order() {
    let text = "# mine\nSECRET_KEY=short\nSANDBOX_API_KEY=dify-sandbox\n";
    let found = Checker::new().check_parsed(&parse(text, Format::Env).unwrap());
    assert_eq!(
        (found[0].line, found[1].line, found[2].line),
        (Some(2), Some(3), None)
    );
}

#[test]
fn other_settings_in_a_file_are_left_alone() {
    let text = "LOG_LEVEL=INFO\nDB_DATABASE=dify\nDEBUG=false\nFLASK_DEBUG=false\nREDIS_DB=0\n\
                REDIS_KEY_PREFIX=dify\nTIDB_PUBLIC_KEY=dify\nNOTE=difyai123456\n";
    let parsed = parse(text, Format::Env).unwrap();
    let mut found = Checker::new().with_other_settings().check_parsed(&parsed);
    found.retain(|finding| finding.problem != Problem::Missing);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].secret.as_str(), "note");
}

#[test]
fn findings_hold_no_values() {
    let mut secrets = Secrets::new();
    for (name, value) in [
        ("secret-key", "canary"),
        ("postgres-password", "canary canary canary $$ é"),
        ("smtp-password", "canary canary canary $$ é"),
        ("init-password", "canarycanarycanarycanarycanarycanary"),
    ] {
        secrets.insert(SecretName::from_any(name).unwrap(), value.into());
    }
    for finding in check(&secrets) {
        let shown = format!("{finding:?} {} {}", finding.problem, finding.help());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
