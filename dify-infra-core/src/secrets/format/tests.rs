use proptest::prelude::*;

use super::*;
use crate::secrets::generate::tests::Seeded;
use crate::secrets::{SecretKind, generate_missing};

fn one(name: &str, value: &str) -> Secrets {
    std::iter::once((name.parse().unwrap(), value.into())).collect()
}

fn shown(secrets: &Secrets, format: Format) -> String {
    render(secrets, format).unwrap().expose_secret().to_owned()
}

fn values(parsed: &ParsedSecrets) -> Vec<(String, String)> {
    let entry = |(name, value): (&SecretName, &SecretString)| {
        (name.to_string(), value.expose_secret().to_owned())
    };
    parsed.secrets().iter().map(entry).collect()
}

fn env(text: &str) -> Vec<(String, String)> {
    values(&parse(text, Format::Env).unwrap())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn problems(text: &str, format: Format) -> Vec<String> {
    parse_leniently(text, format)
        .1
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn generated_sets_round_trip_in_every_format() {
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut Seeded(9)).unwrap();
    for format in Format::ALL {
        let read = parse(&shown(&secrets, *format), *format).unwrap();
        for (name, value) in secrets.iter() {
            let back = read.secrets().get(name).unwrap();
            assert_eq!(
                back.expose_secret(),
                value.expose_secret(),
                "{format} {name}"
            );
        }
        assert_eq!(read.secrets().len(), SecretKind::ALL.len());
    }
}

#[test]
fn each_format_looks_as_its_consumer_expects() {
    let secrets = one("smtp-password", "a'b$\"\\c\nd");
    assert_eq!(
        shown(&secrets, Format::Env),
        "SMTP_PASSWORD='a'\\''b$\"\\c\nd'\n"
    );
    assert_eq!(
        shown(&secrets, Format::Json),
        "{\n  \"SMTP_PASSWORD\": \"a'b$\\\"\\\\c\\nd\"\n}\n"
    );
    assert_eq!(
        shown(&secrets, Format::Toml),
        "SMTP_PASSWORD = \"a'b$\\\"\\\\c\\nd\"\n"
    );
    let bicep = "using none\n\nparam smtpPassword = 'a\\'b\\$\"\\\\c\\nd'\n";
    assert_eq!(shown(&secrets, Format::Bicepparam), bicep);
    assert_eq!(
        shown(&secrets, Format::Github),
        "SMTP_PASSWORD=\"a'b\\$\\\"\\\\c\\nd\"\n"
    );
}

#[test]
fn the_bicep_template_is_named_when_given() {
    let options = RenderOptions {
        bicep_template: Some("it's.bicep".to_owned()),
    };
    let text = render_with(&one("a", "b"), Format::Bicepparam, &options).unwrap();
    assert_eq!(
        text.expose_secret(),
        "using 'it\\'s.bicep'\n\nparam a = 'b'\n"
    );
    assert_eq!(
        values(&parse(text.expose_secret(), Format::Bicepparam).unwrap()),
        [pair("a", "b")]
    );
}

#[test]
fn what_a_consumer_cannot_read_is_refused_with_the_reason() {
    let reason = |name, value, format| render(&one(name, value), format).unwrap_err().to_string();
    assert!(reason("a", "x\0y", Format::Env).contains("NUL"));
    assert!(reason("a", "it's \"odd\"\n\\", Format::Github).contains("quotes"));
    assert!(reason("github-token", "x", Format::Github).contains("GITHUB_"));
    assert!(reason("a", "", Format::Github).contains("empty"));
    assert!(reason("a", &"x".repeat(50_000), Format::Github).contains("48 KB"));
}

#[test]
fn env_files_of_others_are_understood() {
    assert_eq!(
        env("\u{feff}# c\r\n\r\nexport A=b\r\n  C=d # e\n"),
        [pair("a", "b"), pair("c", "d")]
    );
    assert_eq!(env("A=%Y-%m %H:%M # time"), [pair("a", "%Y-%m %H:%M")]);
    assert_eq!(env("A=b#c"), [pair("a", "b#c")]);
    assert_eq!(env("A="), [pair("a", "")]);
    assert_eq!(env("A='b c'  # d"), [pair("a", "b c")]);
    assert_eq!(env("A=\"b\\\"\\$c\\n\""), [pair("a", "b\"$c\\n")]);
    assert_eq!(env("A='b'\\''c'\"d\""), [pair("a", "b'cd")]);
    assert_eq!(env("A='b\nc'\nD=e"), [pair("a", "b\nc"), pair("d", "e")]);
}

#[test]
fn every_bad_env_line_is_told_with_its_number() {
    let text = "A=1\nnot an assignment\nB = 2\nlower=3\nA=4\nC='open\nD=\"x\" y\nE=5\n";
    let (parsed, found) = parse_leniently(text, Format::Env);
    let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7]);
    assert_eq!(values(&parsed), [pair("a", "1"), pair("e", "5")]);
    assert_eq!(parsed.line(&"e".parse().unwrap()), Some(8));
    assert!(found[3].message.contains("after line 1"), "{}", found[3]);
    assert_eq!(parse(text, Format::Env).unwrap_err().problems(), found);
}

#[test]
fn json_problems_have_lines_and_no_values() {
    let text = "{\n\"A\": \"B\",\n\"B\": 17,\n\"A\": \"x\",\n\"no name\": \"y\"}";
    let found = problems(text, Format::Json);
    assert_eq!(found.len(), 3);
    assert!(
        found[0].starts_with("line 3 has a value that is not a string"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("line 4 sets a again, after line 2"),
        "{found:?}"
    );
    assert!(found[2].starts_with("line 5 has a name"), "{found:?}");
    for broken in [
        "\"canary\"",
        "[\"canary\"]",
        "{\"A\": \"canary\"",
        "{\"canary\": canary}",
        "",
    ] {
        let found = problems(broken, Format::Json);
        assert_eq!(found.len(), 1, "{broken}");
        assert!(!found[0].contains("canary"), "{found:?}");
    }
}

#[test]
fn toml_problems_have_lines_and_no_values() {
    let text = "A = \"1\"\nB = 'two'\nC = 3\nA = \"4\"\nD = \"canary\n";
    let (parsed, found) = parse_leniently(text, Format::Toml);
    assert!(values(&parsed).starts_with(&[pair("a", "1"), pair("b", "two")]));
    let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
    assert!(
        [3, 4, 5].iter().all(|line| lines.contains(line)),
        "{found:?}"
    );
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn bicep_problems_have_lines_and_no_values() {
    let text = "using 'main.bicep'\n// c\nparam aB = 'x' // d\nparam c = 3\nparam d = '${canary}'\n\
                var canary = 1\nparam e = 'canary\nparam f = 'ok'\nparam g = '\\q'\n";
    let (parsed, found) = parse_leniently(text, Format::Bicepparam);
    assert_eq!(values(&parsed), [pair("a-b", "x"), pair("f", "ok")]);
    let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [4, 5, 6, 7, 9]);
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn github_problems_have_lines_and_no_values() {
    let text = "A=1\n# c\ncanary\nB='canary\nC: yaml\n";
    let (parsed, found) = parse_leniently(text, Format::Github);
    assert_eq!(values(&parsed), [pair("a", "1"), pair("c", "yaml")]);
    let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4]);
    assert!(!format!("{found:?}").contains("canary"));
}

#[test]
fn github_reads_as_godotenv_does() {
    let read = |text: &str| values(&parse(text, Format::Github).unwrap()).remove(0).1;
    assert_eq!(read("A=x # c"), "x");
    assert_eq!(read("A=\"\\\"x\""), "\"x");
    assert_eq!(read("A=\"x\\\\y\""), "x\\y");
    // The traps for which values take another form: dashes, a trimmed quote.
    assert_eq!(read("A=x---\nB=1"), "x");
    assert_eq!(read("A=\"x\\\"\""), "x\\");
}

#[test]
fn no_error_or_debug_form_holds_a_value() {
    let secrets = one("a", "canary\0\"'\\");
    let parsed = parse("A=canary", Format::Env).unwrap();
    let error = render(&secrets, Format::Env).unwrap_err();
    let text = render(&secrets, Format::Json).unwrap();
    assert!(!format!("{secrets:?}{parsed:?}{error:?}{error}{text:?}").contains("canary"));
}

/// Values of every sort, rich in the characters that formats treat specially.
fn awkward() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(proptest::sample::select(SPECIAL), 0..12)
            .prop_map(|parts| parts.concat()),
    ]
}

const SPECIAL: &[&str] = &[
    "'", "\"", "\\", "$", "${", "$(A)", "`", "#", " #", " ", "\t", "\n", "\r", "\r\n", "=", "-",
    "---", "\u{0}", "\u{7f}", "\u{85}", "\u{a0}", "\u{feff}", "é", "🔑", "n", "A", "{", "}", "%",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_value_reads_back_unchanged_or_is_refused(value in awkward(), other in awkward()) {
        let secrets: Secrets = [("first", &value), ("second-3a", &other)]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.as_str().into()))
            .collect();
        for format in Format::ALL {
            match render(&secrets, *format) {
                Ok(text) => {
                    let read = parse(text.expose_secret(), *format);
                    let read = read.unwrap_or_else(|error| panic!("{format}: {error}"));
                    prop_assert_eq!(values(&read), [pair("first", &value), pair("second-3a", &other)]);
                }
                Err(error) => prop_assert!(
                    matches!(format, Format::Env | Format::Github), "{} {}", format, error
                ),
            }
        }
    }

    #[test]
    fn readers_survive_any_text(text in awkward()) {
        for format in Format::ALL {
            let (_, problems) = parse_leniently(&text, *format);
            let last = text.split('\n').count();
            prop_assert!(problems.iter().all(|problem| (1..=last).contains(&problem.line)));
        }
    }
}
