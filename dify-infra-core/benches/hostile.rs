//! Texts that others wrote may be written to do harm: every parser of such gets mutations of real ones for a
//! bounded time, and texts that are made to take long.
//!
//! `cargo bench -p dify-infra-core --bench hostile [-- SECONDS]`: so long each target runs, a second unless it is
//! said. The cases are the same in every run; a panic names the target and the number of its case and fails the
//! run. The second table says how the time grows with a text eight times as long; nothing depends on it.
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement needs a clock and somewhere to say it; the library has neither"
)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use dify_infra_core::audit::{
    ComposeInput, LiveResource, TemplateInput, audit, emit, from_compose, from_resources,
    from_template,
};
use dify_infra_core::check::check_file;
use dify_infra_core::egress::SquidReport;
use serde_json::Value;

/// A parser with what is around it, fed with a text.
type Target = fn(&str);

/// Makes a text of a number of bytes.
type Make = fn(usize) -> String;

const DEPLOYMENT: &str = include_str!("../../examples/dify-prod.toml");
const TEMPLATE: &str = include_str!("../src/audit/tests/defects.json");
const COMPOSE: &str = include_str!("../src/audit/tests/defects.yaml");
const SQUID: &str = include_str!("../src/audit/base/squid.conf.template");
const NGINX: &str = include_str!("../src/audit/base/hasty-nginx.conf");
const VARIABLES: &str =
    "# a comment\nexport A=1\nB='a b'\nC=\"x ${A:-y} \\n\"\nSECRET_KEY=sk-1\nD=${B:?needed}\nE=\n";
const INTERPOLATED: &str =
    "http://${HOST:-api}:${PORT-5001}/$$x?${A:+b}${C:?e}${D?}$E${F:-${G:-h}}";
const PARAMETERS: &str = r#"{"parameters": {"redisPassword": {"value": "x"}, "secretKey": {"reference":
    {"keyVault": {"id": "/subscriptions/s"}, "secretName": "k"}}, "location": {"value": ["a", {"b": 1}]}}}"#;
const EXPRESSION: &str = "[concat(parameters('a'), variables('b')[0].c, if(equals(1, 2), format('{0}-{1}', 'x', \
    uniqueString(resourceGroup().id)), reference(resourceId('A/b', 'c')).d))]";

/// Every parser of foreign texts, with a real text of its kind.
const TARGETS: &[(&str, &str, Target)] = &[
    ("ARM template", TEMPLATE, template),
    ("ARM expression", EXPRESSION, expression),
    ("parameters file", PARAMETERS, parameters),
    ("compose file", COMPOSE, compose),
    ("file of variables", VARIABLES, variables),
    ("interpolation", INTERPOLATED, interpolated),
    ("squid.conf", SQUID, squid),
    ("nginx.conf", NGINX, nginx),
    (
        "script with a file in it",
        "cat > /etc/squid.conf <<'EOF'\nhttp_port 3128\nhttp_access allow all\nEOF\n",
        script,
    ),
    ("live answers", TEMPLATE, live),
    ("dify.toml", DEPLOYMENT, deployment),
];

fn template(text: &str) {
    let input = TemplateInput {
        template: ("t", text),
        parameters: None,
    };
    if let Ok(inventory) = from_template(input) {
        let report = audit(&inventory);
        let _ = emit(&inventory, &report);
    }
}

fn expression(text: &str) {
    let value = Value::from(text);
    let text = serde_json::json!({
        "parameters": {"a": {"type": "string", "defaultValue": "x"}}, "variables": {"b": [{"c": "y"}]},
        "resources": [{"type": "Microsoft.App/containerApps", "name": value, "properties": {"template": {"containers":
            [{"name": "c", "image": value, "env": [{"name": "DB_HOST", "value": value}]}]}}}]});
    template(&text.to_string());
}

fn parameters(text: &str) {
    let input = TemplateInput {
        template: ("t", TEMPLATE),
        parameters: Some(("p", text)),
    };
    if let Ok(inventory) = from_template(input) {
        audit(&inventory);
    }
}

fn folder(files: &[(&str, &str)]) {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let input = ComposeInput {
        compose: &["c.yaml"],
        files: &files,
        profiles: &[],
    };
    if let Ok(inventory) = from_compose(input) {
        let report = audit(&inventory);
        let _ = emit(&inventory, &report);
    }
}

fn compose(text: &str) {
    folder(&[("c.yaml", text)]);
}

const PROJECT: &str = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    env_file: [.env]\n    environment:\n      \
    DB_HOST: ${A:-x}\n  nginx:\n    image: nginx:1.30.4\n    volumes: [\"./n.conf:/etc/nginx/nginx.conf\"]\n  \
    proxy:\n    image: ubuntu/squid:6\n    volumes: [\"./squid.conf:/etc/squid/squid.conf\"]\n";

fn variables(text: &str) {
    folder(&[("c.yaml", PROJECT), (".env", text)]);
}

fn interpolated(text: &str) {
    let quoted = Value::from(text).to_string();
    let text = format!(
        "services:\n  api:\n    image: {quoted}\n    environment:\n      DB_HOST: {quoted}\n    ports: [{quoted}]\n"
    );
    folder(&[("c.yaml", &text), (".env", "A=1\nC=2\nD=3\n")]);
}

fn squid(text: &str) {
    let _ = SquidReport::of_text(text);
    folder(&[("c.yaml", PROJECT), ("squid.conf", text)]);
}

fn nginx(text: &str) {
    folder(&[("c.yaml", PROJECT), ("n.conf", text)]);
}

fn script(text: &str) {
    let text = serde_json::json!({"resources": [{"type": "Microsoft.App/containerApps", "name": "p",
        "properties": {"template": {"containers": [{"name": "p", "image": "ubuntu/squid:6", "args": [text]}]}}}]});
    template(&text.to_string());
}

fn live(text: &str) {
    let Ok(template) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let resources = template["resources"].as_array().into_iter().flatten();
    let live: Vec<LiveResource> = resources
        .map(|body| LiveResource {
            id: format!(
                "/subscriptions/s/resourceGroups/g/providers/{}/{}",
                body["type"].as_str().unwrap_or_default(),
                body["name"].as_str().unwrap_or_default()
            ),
            body: Ok(body.clone()),
        })
        .collect();
    let inventory = from_resources(&live);
    let report = audit(&inventory);
    let _ = emit(&inventory, &report);
}

fn deployment(text: &str) {
    let _ = check_file(text);
}

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits")
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() % end.max(1)
    }
}

/// What parsers of these kinds look for.
const TOKENS: [&str; 44] = [
    "${",
    "}",
    "$$",
    ":-",
    ":?",
    "{",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    " ",
    ":",
    "&a ",
    "*a",
    "<<: ",
    "- ",
    "!reset null",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "[concat('",
    "')]",
    "[[",
    "copyIndex()",
    "\u{feff}",
    "é",
    "\u{0}",
    "#",
    "=",
    "acl a dst ",
    "http_access allow ",
    "include *",
    "10.0.0.0/33",
    "::/0",
    "<<EOF\n",
    "proxy_pass http://",
    ";",
    "%00",
];

/// A text with a few changes.
fn mutated(seed: &str, numbers: &mut Numbers) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for _ in 0..=numbers.below(5) {
        let length = text.len();
        let start = numbers.below(length);
        let end = (start + numbers.below(40)).min(length);
        match numbers.below(6) {
            0 => drop(text.drain(start..end)),
            1 => {
                let piece: Vec<char> = text[start..end].to_vec();
                let at = numbers.below(length);
                text.splice(at..at, piece);
            }
            2 => text.truncate(numbers.below(length)),
            3 => {
                let piece: Vec<char> = text[start..end].repeat(numbers.below(30));
                text.splice(start..end, piece);
            }
            _ => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                text.splice(start..start, token.chars());
            }
        }
        if text.is_empty() {
            text.push(' ');
        }
    }
    text.into_iter().collect()
}

fn main() {
    let seconds = std::env::args().find_map(|it| it.parse().ok());
    let time = Duration::from_secs_f64(seconds.unwrap_or(1.0));
    for (index, (name, seed, target)) in TARGETS.iter().enumerate() {
        fuzz(index, name, seed, *target, time);
    }
    println!(
        "\n{:<32} {:>9} {:>9} {:>6}",
        "text", "64 KiB", "512 KiB", "times"
    );
    for (name, make, target) in LONG {
        let taken = |bytes: usize| {
            let text = make(bytes);
            let start = Instant::now();
            target(&text);
            start.elapsed().as_secs_f64()
        };
        let (short, long) = (taken(64 << 10), taken(512 << 10));
        println!(
            "{name:<32} {short:>7.3} s {long:>7.3} s {:>6.1}",
            long / short
        );
    }
}

/// Feeds a parser with mutations of a text until the time is over; a panic ends the run.
fn fuzz(index: usize, name: &str, seed: &str, target: Target, time: Duration) {
    target(seed);
    let start = Instant::now();
    let first = u64::try_from(index).expect("a small number") << 32;
    let mut slowest = (Duration::ZERO, 0);
    let mut case = 0;
    while start.elapsed() < time {
        let text = mutated(seed, &mut Numbers(first + case));
        let begin = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&text))) {
            println!("{name}, case {case}, panics at this text:\n{text}");
            resume_unwind(panic);
        }
        slowest = slowest.max((begin.elapsed(), case));
        case += 1;
    }
    let (slowest, number) = slowest;
    println!("{name:<32} {case:>7} mutations, the slowest (case {number}) {slowest:.1?}");
}

/// As many of a piece as fit into a number of bytes.
fn filled(bytes: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 64);
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(&piece(number));
        number += 1;
    }
    text
}

fn same(piece: &'static str) -> impl Fn(usize) -> String {
    move |_| piece.to_owned()
}

/// Texts that are made to take long, of a number of bytes.
const LONG: &[(&str, Make, Target)] = &[
    ("open references", |n| filled(n, same("${")), interpolated),
    (
        "nested references",
        |n| filled(n, same("${A:-")),
        interpolated,
    ),
    ("dollars", |n| filled(n, same("$")), interpolated),
    (
        "deep YAML",
        |n| format!("services: {}", filled(n, same("["))),
        compose,
    ),
    (
        "aliases of aliases",
        |n| {
            let line = |i: usize| format!("x{i}: &a{i} [*a{}, *a{}]\n", i.max(1) - 1, i.max(1) - 1);
            format!("x: &a0 [1]\n{}services: {{}}\n", filled(n, |i| line(i + 1)))
        },
        compose,
    ),
    (
        "many services",
        |n| {
            format!(
                "services:\n{}",
                filled(n, |i| format!(
                    "  s{i}:\n    image: langgenius/dify-web:1.16.0\n"
                ))
            )
        },
        compose,
    ),
    (
        "many variables of a service",
        |n| {
            let lines = filled(n, |i| format!("      A{i}: b\n"));
            format!(
                "services:\n  a:\n    image: langgenius/dify-api:1.16.0\n    environment:\n{lines}"
            )
        },
        compose,
    ),
    (
        "many lines of variables",
        |n| filled(n, |i| format!("A{i}=b\n")),
        variables,
    ),
    (
        "quotes of variables",
        |n| format!("A=\"{}", filled(n, same("\\\""))),
        variables,
    ),
    (
        "brackets of an expression",
        |n| format!("[{}", filled(n, same("concat("))),
        expression,
    ),
    (
        "arguments of an expression",
        |n| format!("[concat('a'{})]", filled(n, same(",'b'"))),
        expression,
    ),
    (
        "quotes of an expression",
        |n| format!("['{}']", filled(n, same("''"))),
        expression,
    ),
    (
        "many nested deployments",
        |n| {
            let one = |i: usize| {
                format!(
                    "{}{{\"type\": \"Microsoft.Resources/deployments\", \"name\": \"d{i}\", \"properties\": \
                     {{\"template\": {{\"resources\": [{{\"type\": \"Microsoft.App/containerApps\", \
                     \"name\": \"a{i}\"}}]}}}}}}",
                    if i > 0 { "," } else { "" }
                )
            };
            format!("{{\"resources\": [{}]}}", filled(n, one))
        },
        template,
    ),
    (
        "many loops",
        |n| {
            let one = |i: usize| {
                format!(
                    "{}{{\"type\": \"Microsoft.App/containerApps\", \"name\": \"[format('a{i}-{{0}}', copyIndex())]\", \
                     \"copy\": {{\"name\": \"c\", \"count\": 3}}}}",
                    if i > 0 { "," } else { "" }
                )
            };
            format!("{{\"resources\": [{}]}}", filled(n, one))
        },
        template,
    ),
    (
        "many secrets of an app",
        |n| {
            let comma = |i: usize| if i > 0 { "," } else { "" };
            let secrets = filled(n / 2, |i| {
                format!("{}{{\"name\": \"s{i}\", \"value\": \"v\"}}", comma(i))
            });
            let variables = filled(n / 2, |i| {
                format!(
                    "{}{{\"name\": \"V{i}\", \"secretRef\": \"s{i}\"}}",
                    comma(i)
                )
            });
            format!(
                "{{\"resources\": [{{\"type\": \"Microsoft.App/containerApps\", \"name\": \"a\", \"properties\": \
                 {{\"configuration\": {{\"secrets\": [{secrets}]}}, \"template\": {{\"containers\": [{{\"name\": \"c\", \
                 \"image\": \"langgenius/dify-api:1.16.0\", \"env\": [{variables}]}}]}}}}}}]}}"
            )
        },
        template,
    ),
    (
        "lists of squid",
        |n| {
            format!(
                "http_port 3128\n{}",
                filled(n, |i| format!("acl a{i} dst 10.{}.0.0/16\n", i % 256))
            )
        },
        squid,
    ),
    (
        "rules of squid",
        |n| {
            format!(
                "http_port 3128\nacl a dst 10.0.0.0/8\n{}",
                filled(n, same("http_access deny a\n"))
            )
        },
        squid,
    ),
    (
        "one list of squid",
        |n| {
            format!(
                "http_port 3128\nacl a dst {}\n",
                filled(n, same("10.0.0.0/8 "))
            )
        },
        squid,
    ),
    (
        "blocks of nginx",
        |n| filled(n, same("location / { proxy_pass http://a; } ")),
        nginx,
    ),
    (
        "names of nginx",
        |n| filled(n, |i| format!("proxy_pass http://a_{i};\n")),
        nginx,
    ),
    (
        "documents of a script",
        |n| filled(n, same("<<EOF\nhttp_access allow all\n")),
        script,
    ),
    (
        "tables of a file",
        |n| filled(n, |i| format!("[a{i}]\n")),
        deployment,
    ),
    (
        "deep lists of a file",
        |n| format!("a = {}", filled(n, same("["))),
        deployment,
    ),
];
