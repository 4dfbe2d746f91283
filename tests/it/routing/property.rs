//! Whatever a deployment file says: nginx takes the files made of it, and they hold no directive that
//! the file's author wrote.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output, Stdio};

use dify_infra_core::catalogue::{Catalogue, ServiceKind};
use dify_infra_core::deployment::{Deployment, DeploymentBuilder};
use dify_infra_core::render::{NginxInput, NginxPaths, nginx, nginx_command};
use dify_infra_core::routes::{Matching, RouteTable};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use super::front_door::app;
use super::nginx_file::{Directive, parse};

/// Files that are generated: most of what is hostile is refused before anything is rendered.
const FILES: usize = 400;

/// Files that must have been taken by nginx, so that the test says something.
const LEAST_TAKEN: usize = 60;

/// A route as a file may have it.
#[derive(Debug, Clone)]
struct Route {
    path: String,
    service: ServiceKind,
    is_exact: bool,
    upgrade: Option<bool>,
    max_body_size: Option<String>,
}

/// What of a file can reach nginx.
#[derive(Debug, Clone)]
struct Sketch {
    name: String,
    environment: String,
    release: usize,
    origin: Option<String>,
    routes: Vec<Route>,
}

/// Texts that mean something to nginx, to a shell or to both.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/x; return 200 pwned; #".to_owned()),
        Just("/x { } location /y".to_owned()),
        Just("/x\"; proxy_pass http://evil; \"".to_owned()),
        Just("/${upstream_api}".to_owned()),
        Just("/x\n}\nserver { listen 81; }\n".to_owned()),
        Just("/x\\".to_owned()),
        Just("/'$(reboot)'".to_owned()),
        Just("/`reboot`".to_owned()),
        "/[ -~]{0,40}",
        "/[;{}#\"'\\\\$ \n]{1,12}",
        "(/[a-zA-Z0-9._~!&'()*+,;=:@-]{1,12}){1,8}/?",
        "/.{0,30}",
    ]
}

fn service() -> impl Strategy<Value = ServiceKind> {
    prop::sample::select(vec![
        ServiceKind::Api,
        ServiceKind::Web,
        ServiceKind::PluginDaemon,
        ServiceKind::ApiWebsocket,
    ])
}

fn route() -> impl Strategy<Value = Route> {
    let path = prop_oneof![
        3 => "/own(/[a-zA-Z0-9._~!&'()*+,;=:@-]{1,24}){0,4}/?",
        1 => hostile(),
    ];
    let size = prop_oneof![
        4 => "[1-9][0-9]{0,2}[kKmM]",
        1 => "[ -~]{0,8}",
    ];
    (
        path,
        service(),
        any::<bool>(),
        any::<Option<bool>>(),
        prop::option::weighted(0.3, size),
    )
        .prop_map(|(path, service, is_exact, upgrade, max_body_size)| Route {
            path,
            service,
            is_exact,
            upgrade,
            max_body_size,
        })
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let usual_or = |usual: &'static str, odd: &'static str| {
        prop_oneof![
            8 => usual.prop_map(|text: String| text),
            1 => odd.prop_map(|text: String| text),
        ]
    };
    let origin = prop_oneof![
        3 => "https://[a-z]{1,12}(-[a-z0-9]{1,8})?\\.example(:[1-9][0-9]{0,3})?",
        1 => hostile().prop_map(|text| format!("https://x{text}")),
    ];
    (
        usual_or("[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,4})?", "[ -~]{0,12}"),
        usual_or("[a-z]{1,4}", "[;{}$\"\n a-z]{1,6}"),
        0..Catalogue::builtin().releases().len(),
        prop::option::of(origin),
        vec(route(), 0..4),
    )
        .prop_map(|(name, environment, release, origin, routes)| Sketch {
            name,
            environment,
            release,
            origin,
            routes,
        })
}

impl Sketch {
    fn builder(&self) -> DeploymentBuilder {
        let release = Catalogue::builtin().releases()[self.release].version();
        let mut builder = Deployment::builder(self.name.clone(), self.environment.clone())
            .profile(dify_infra_core::deployment::Profile::Dev)
            .location("japaneast")
            .resource_group("dify-dev-rg")
            .release(release.to_string())
            .allow_rule("URL006", "what is taken over is not the question here");
        if let Some(origin) = &self.origin {
            builder = builder.origin(origin.clone());
        }
        for route in &self.routes {
            builder = builder.route(route.path.clone(), route.service, |mut set| {
                if route.is_exact {
                    set = set.exact();
                }
                if let Some(upgrade) = route.upgrade {
                    set = set.upgrade(upgrade);
                }
                match &route.max_body_size {
                    Some(size) => set.max_body_size(size.clone()),
                    None => set,
                }
            });
        }
        builder
    }
}

#[test]
fn nginx_takes_every_file_and_no_value_becomes_a_directive() {
    let has_nginx = Command::new("nginx")
        .arg("-v")
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !super::namespace::is_possible() || !has_nginx {
        return;
    }
    let mut runner = TestRunner::new(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let strategy = sketch();
    let mut taken = 0;
    for number in 0..FILES {
        let sketch = strategy.new_tree(&mut runner).unwrap().current();
        let Ok(resolved) = sketch.builder().build() else {
            continue;
        };
        let deployment = resolved.deployment;
        let hosts = hosts(&deployment);
        let mut input = NginxInput::new(deployment.routes(), &hosts);
        let place = folder.path().join(number.to_string());
        fs::create_dir(&place).unwrap();
        let place = place.to_str().unwrap();
        input.paths = NginxPaths {
            files: place.to_owned(),
            runtime: format!("{place}/run"),
        };
        let files = nginx(&input).unwrap_or_else(|error| panic!("{sketch:?}: {error}"));
        holds_what_the_model_says(&files[0].text, deployment.routes(), &sketch);
        for file in &files {
            fs::write(format!("{place}/{}", file.name), &file.text).unwrap();
        }
        let output = test(&input.paths);
        assert!(
            output.status.success(),
            "{sketch:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        taken += 1;
    }
    assert!(taken >= LEAST_TAKEN, "only {taken} files reached nginx");
}

fn hosts(deployment: &Deployment) -> BTreeMap<String, String> {
    let services = deployment.routes().services().into_iter();
    services
        .map(|service| (service.to_owned(), app(service)))
        .collect()
}

/// Runs the container's command with nginx's own test, which starts nothing.
fn test(paths: &NginxPaths) -> Output {
    let command = nginx_command(paths);
    Command::new(&command[0])
        .args(&command[1..])
        .arg("-t")
        .env("DIFY_INFRA_NAMESERVERS", "127.0.0.1")
        .env("DIFY_INFRA_SEARCH_DOMAIN", "x.example")
        .output()
        .unwrap()
}

/// The file's directives are those of a file without anything of the author's, and one location for
/// each of the model, with nothing else in it.
fn holds_what_the_model_says(text: &str, table: &RouteTable, sketch: &Sketch) {
    let file = parse(text);
    let http = child(&file, "http");
    let server = child(http, "server");
    let names = |directives: &[Directive]| -> Vec<String> {
        directives.iter().map(|it| it.name().to_owned()).collect()
    };
    let release = Catalogue::builtin().releases()[sketch.release].version();
    let plain = plain_file(&release.to_string());
    let (plain_http, plain_server) = (
        child(&plain, "http"),
        child(child(&plain, "http"), "server"),
    );
    assert_eq!(names(&file), names(&plain), "{sketch:?}");
    assert_eq!(names(http), names(plain_http), "{sketch:?}");
    let without = |directives: &[Directive], left_out: &[&str]| {
        let mut names = names(directives);
        names.retain(|name| !left_out.contains(&name.as_str()));
        names
    };
    let of_routes = ["location", "set"];
    assert_eq!(
        without(server, &of_routes),
        without(plain_server, &of_routes),
        "{sketch:?}"
    );
    let locations = server.iter().filter(|it| it.name() == "location").skip(1);
    let written: Vec<_> = locations
        .map(|location| {
            let block = location.block.as_deref().unwrap();
            (location.words[1..].to_vec(), names(block))
        })
        .collect();
    let modelled: Vec<_> = table.locations().iter().map(modelled).collect();
    assert_eq!(written, modelled, "{sketch:?}");
}

/// The words and directives that a location of the model is written as.
fn modelled(location: &dify_infra_core::routes::Location) -> (Vec<String>, Vec<String>) {
    let mut words = vec![location.path.clone()];
    if location.matching == Matching::Exact {
        words.insert(0, "=".to_owned());
    }
    let mut names = Vec::new();
    if location.upgrade || location.hook_url {
        names.extend(location.headers().iter().map(|_| "proxy_set_header"));
    }
    names.extend(location.max_body_size.map(|_| "client_max_body_size"));
    names.push("proxy_pass");
    (words, names.into_iter().map(str::to_owned).collect())
}

/// The file of a deployment whose author chose nothing.
fn plain_file(release: &str) -> Vec<Directive> {
    let resolved = Deployment::builder("dify", "dev")
        .location("japaneast")
        .resource_group("dify-dev-rg")
        .release(release)
        .build()
        .unwrap();
    let hosts = hosts(&resolved.deployment);
    let input = NginxInput::new(resolved.deployment.routes(), &hosts);
    parse(&nginx(&input).unwrap()[0].text)
}

/// The block of the only directive of a name.
fn child<'a>(directives: &'a [Directive], name: &str) -> &'a [Directive] {
    let mut found = directives.iter().filter(|it| it.name() == name);
    let one = found.next().unwrap_or_else(|| panic!("no `{name}`"));
    assert!(found.next().is_none(), "`{name}` twice");
    one.block.as_deref().unwrap()
}
