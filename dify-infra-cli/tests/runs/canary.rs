//! Canaries: in a whole life of a deployment no secret appears in any output, file, log or argument,
//! in no form that it could be read back from.

use std::fs;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use dify_infra_core::secrets::percent_encode;

use crate::azure::Azure;
use crate::place::{INFRA, Place};

const OWN_REGISTRY: &str = include_str!("../../../examples/own-registry.toml");

/// Values with characters that every kind of text writes in a form of its own.
const OWN: [(&str, &str); 2] = [
    ("SMTP_PASSWORD", "c4nary/Of+Mail&\"quoted\"=%41 end#7bQz"),
    ("REGISTRY_PASSWORD", "c4nary\\Of<Registry>@host:~{x}|9pLk"),
];

/// Everything that programs said, and where.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn listen(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.0.push((what.into(), text.into()));
    }

    /// Runs `dify-infra` with the loudest log, and hears all of it.
    fn run(&mut self, place: &Place, arguments: &[&str], code: i32) {
        let child = place
            .command(INFRA)
            .args(arguments)
            .args(["--secrets", "canary.env"])
            .env("DIFY_INFRA_LOG", "trace")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let command_line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        let output = child.wait_with_output().unwrap();
        let what = arguments.join(" ");
        let (stdout, stderr) = (
            String::from_utf8(output.stdout),
            String::from_utf8(output.stderr),
        );
        let stderr = stderr.unwrap();
        assert_eq!(output.status.code(), Some(code), "{what}: {stderr}");
        self.listen(format!("stdout of {what}"), stdout.unwrap());
        self.listen(format!("stderr of {what}"), stderr);
        self.listen(
            format!("arguments of {what}"),
            String::from_utf8_lossy(&command_line),
        );
    }

    /// Where a canary sings.
    fn find(&self, canaries: &[(String, String)]) -> Vec<String> {
        let mut found = Vec::new();
        for (name, canary) in canaries {
            let places = self
                .0
                .iter()
                .filter(|(_, text)| text.contains(canary.as_str()));
            found.extend(places.map(|(what, _)| format!("{name} in {what}")));
        }
        found
    }
}

/// A value in every form in which a program could let it out.
fn forms(name: &str, value: &str) -> Vec<(String, String)> {
    let json = serde_json::to_string(value).unwrap();
    let mut forms = vec![
        ("raw", value.to_owned()),
        ("percent-encoded", percent_encode(value)),
        ("in JSON", json.trim_matches('"').to_owned()),
        (
            "in Debug",
            format!("{value:?}").trim_matches('"').to_owned(),
        ),
        (
            "in JSON in JSON",
            serde_json::to_string(&json)
                .unwrap()
                .trim_matches('"')
                .to_owned(),
        ),
        (
            "its first half",
            value.chars().take(value.chars().count() / 2).collect(),
        ),
    ];
    // In base64 a text looks in three ways, by where it stands; the ends depend on the neighbours.
    for skipped in 0..3 {
        let shifted = [&b"xx"[..skipped.min(2)], value.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(&shifted);
        let inner = encoded
            .get(4..encoded.len() - 4)
            .unwrap_or_default()
            .to_owned();
        forms.push(("in base64", inner.clone()));
        forms.push((
            "in base64 for URLs",
            inner.replace('+', "-").replace('/', "_"),
        ));
    }
    forms.push(("as base64", STANDARD.encode(value)));
    forms.push(("as base64 for URLs", URL_SAFE.encode(value)));
    forms.sort();
    forms.dedup();
    forms
        .into_iter()
        .map(|(form, text)| (format!("{name}, {form},"), text))
        .collect()
}

/// The canaries: every value of the secrets file.
fn canaries(text: &str) -> Vec<(String, String)> {
    let generated = text.lines().filter_map(|line| line.split_once('='));
    let generated = generated.filter(|(key, _)| !OWN.iter().any(|(own, _)| own == key));
    generated
        .chain(OWN)
        .flat_map(|(key, value)| forms(key, value))
        .collect()
}

/// A value as a POSIX shell reads it back.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

fn secrets_file(place: &Place) -> String {
    let generated = place.secrets(&["gen"]).exits(0).stdout;
    let own = OWN.map(|(key, value)| format!("{key}={}\n", quoted(value)));
    let text = generated + &own.concat();
    place.write("canary.env", &text);
    text
}

/// The lines of a secrets file but that of one key.
fn without(text: &str, key: &str) -> String {
    let is_kept = |line: &&str| line.split_once('=').is_none_or(|(other, _)| other != key);
    let lines: Vec<&str> = text.lines().filter(is_kept).collect();
    lines.join("\n") + "\n"
}

#[test]
fn no_secret_leaves_the_places_that_are_for_secrets() {
    let place = Place::new(OWN_REGISTRY);
    let mut canaries = canaries(&secrets_file(&place));
    let mut heard = Heard::default();

    let check = place.secrets(&["check", "canary.env"]).exits(0);
    heard.listen("dify-secrets check", check.stdout + &check.stderr);
    heard.run(&place, &["check"], 0);
    heard.run(&place, &["plan", "--out", "first.json"], 0);
    heard.run(&place, &["apply", "--plan", "first.json", "-vv"], 0);
    heard.run(&place, &["apply", "--plan", "first.json", "-vv"], 1);
    heard.run(&place, &["plan", "--json", "--detailed-exitcode"], 0);
    let azure = Azure::of(&place);
    for key in azure.keys() {
        canaries.extend(forms("a key of Azure", &key));
    }
    drop(azure);

    place.edit(
        "[services.api.env]",
        "[services.api.env]\nLOG_LEVEL = \"WARNING\"",
    );
    heard.run(&place, &["plan", "-v", "--out", "second.json"], 0);
    heard.run(&place, &["apply", "--yes", "--json"], 0);
    heard.run(&place, &["verify", "--junit", "verify.xml", "-vv"], 0);
    heard.run(&place, &["verify", "--json"], 0);
    heard.run(&place, &["outputs", "--json"], 0);
    for format in ["nginx", "squid", "env", "arm"] {
        heard.run(&place, &["render", "--to", format, "--out", "rendered"], 0);
    }
    heard.run(&place, &["graph"], 0);
    rotate(&place, &mut heard);
    heard.run(&place, &["destroy", "--yes", "-vv"], 0);
    heard.run(
        &place,
        &[
            "destroy",
            "--include-data",
            "--confirm",
            "assistants-staging",
        ],
        0,
    );

    for path in place.files() {
        let is_for_secrets = path.ends_with("canary.env") || path.ends_with("secret-values.jsonl");
        if !is_for_secrets {
            let text = fs::read(&path).unwrap();
            heard.listen(path.display().to_string(), String::from_utf8_lossy(&text));
        }
    }
    assert!(
        heard.0.len() > 40 && canaries.len() > 100,
        "{} {}",
        heard.0.len(),
        canaries.len()
    );
    let loud = heard
        .0
        .iter()
        .any(|(_, text)| text.contains("TRACE") || text.contains("DEBUG"));
    assert!(loud, "the log was not heard");
    let found = heard.find(&canaries);
    assert!(found.is_empty(), "{found:#?}");
}

/// Changes a secret: the plan shows fingerprints, never values.
fn rotate(place: &Place, heard: &mut Heard) {
    let fresh = place.secrets(&["gen", "sandbox-api-key"]).exits(0).stdout;
    let kept = without(&place.read("canary.env"), "SANDBOX_API_KEY");
    place.write("canary.env", &(kept + &fresh));
    heard.run(place, &["plan", "--detailed-exitcode"], 2);
    heard.run(place, &["apply", "--yes"], 0);
    let new = forms("the new key", fresh.trim().split_once('=').unwrap().1);
    let found = heard.find(&new);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_canaries_are_heard_where_they_sing() {
    let place = Place::new(OWN_REGISTRY);
    let canaries = canaries(&secrets_file(&place));
    let (_, value) = OWN[0];
    for text in [
        value.to_owned(),
        format!("postgres://u:{}@h", percent_encode(value)),
        serde_json::json!({ "message": format!("{{\"a\": {value:?}}}") }).to_string(),
        STANDARD.encode(format!("Basic u:{value}!")),
        format!("{:?}", Some(value)),
    ] {
        let mut heard = Heard::default();
        heard.listen("a test", text.clone());
        assert!(!heard.find(&canaries).is_empty(), "{text}");
    }
}

#[test]
fn a_refused_secret_is_named_and_not_shown() {
    let place = Place::new(OWN_REGISTRY);
    let text = secrets_file(&place);
    let weak = "c4nary";
    let kept = without(&text, "SECRET_KEY");
    place.write("canary.env", &format!("{kept}SECRET_KEY={weak}\n"));
    let mut heard = Heard::default();
    heard.run(&place, &["plan"], 1);
    heard.run(&place, &["apply", "--yes"], 1);
    let check = place.secrets(&["check", "canary.env"]);
    heard.listen("dify-secrets check", check.stdout + &check.stderr);
    let said: String = heard.0.iter().map(|(_, text)| text.as_str()).collect();
    assert!(said.contains("secret-key"), "{said}");
    assert!(!said.contains(weak), "{said}");
    assert!(
        !place.path().join(".dify-infra").exists()
            || Azure::of(&place).ids("Microsoft.App/jobs").is_empty()
    );
}
