//! The real nginx does what the model says.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use dify_infra_core::render::NginxInput;
use dify_infra_core::routes::{
    Answer, HttpSettings, Location, Outcome, PublicRequest, RequestPath, RouteTable,
};
use proptest::prelude::*;

use crate::back_end::BackEnd;
use crate::client::{self, connect, get, read_until, send};
use crate::front_door::{FrontDoor, SEARCH_DOMAIN, announce, app_names, paths, write_files};
use crate::name_server::NameServer;
use crate::place::{Folder, own_address};
use crate::programs;

/// Dify's own table with addresses that are looked up again after a second.
fn routes() -> RouteTable {
    let settings = HttpSettings {
        address_lifetime: Duration::from_secs(1),
        ..HttpSettings::default()
    };
    RouteTable::new(RouteTable::dify_1_16_0().locations().to_vec(), settings).unwrap()
}

/// A running deployment: every service answers.
struct Deployment {
    door: FrontDoor,
    back_ends: BTreeMap<String, BackEnd>,
    _names: NameServer,
}

impl Deployment {
    fn start(routes: &RouteTable) -> Self {
        let names = NameServer::start();
        let hosts = app_names(routes);
        let addresses = announce(&names, &hosts);
        let back_ends = routes.locations().iter().map(|location| {
            let target = &location.target;
            (target.service.clone(), target.port)
        });
        let back_ends = back_ends
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(service, port)| {
                let back_end = BackEnd::start(&service, addresses[&service], port);
                (service, back_end)
            })
            .collect();
        let door = FrontDoor::start(routes, &hosts, &names, SEARCH_DOMAIN);
        Self {
            door,
            back_ends,
            _names: names,
        }
    }
}

#[test]
fn requests_land_where_the_model_says() {
    if !programs::nginx_is_there() {
        return;
    }
    let routes = routes();
    let deployment = Deployment::start(&routes);
    for target in [
        "/",
        "/apps",
        "/console/api/setup",
        "/console/apix",
        "/console",
        "/api/x",
        "/apix",
        "/API",
        "/v1/chat-messages?a=b",
        "/openapi/v1",
        "/files/1/preview",
        "/mcp/x",
        "/triggers/w",
        "/socket.io/?EIO=4",
        "/e/hook/path",
        "/e",
        "/socket.io",
        "/e?x=/y",
        "/explore/apps",
        "/inner/api/x",
        "/metrics",
        "/debug/pprof",
        "/plugin/x",
        "/health",
        "//v1//x",
        "/v1/../inner/api",
        "/v1/%2e%2e/inner/api/x",
        "/x/..%2fapi/y",
        "/%61pi",
        "/v1%2Fx",
        "/api/%252e%252e/x",
        "/e/..",
        "/e/./",
        "/..",
        "/a/../..",
        "/%00",
        "/%zz",
        "/a%23b",
        "/%3f",
        "http://other.example/v1/x",
        "/v1/.",
        "/nginx-health",
        "/nginx-health/",
        "/x/../nginx-health",
    ] {
        let answer = get(deployment.door.address, target);
        let expected = match RequestPath::parse(target) {
            Err(_) => "400".to_owned(),
            Ok(path) => match routes.resolve(&path) {
                Answer::Health => "ok".to_owned(),
                Answer::Redirect { path } => format!("301 {path}"),
                Answer::Location(location) => location.target.service.clone(),
                _ => unreachable!("the model has no other answer"),
            },
        };
        let location = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        let actual = match (answer.status, location) {
            (200, _) => answer.service().to_owned(),
            (301, Some(to)) => format!("301 {}", to.split('?').next().unwrap_or("")),
            (status, _) => status.to_string(),
        };
        assert_eq!(actual, expected, "{target}");
    }
}

#[test]
fn back_ends_get_the_target_untouched() {
    if !programs::nginx_is_there() {
        return;
    }
    let deployment = Deployment::start(&routes());
    for target in [
        "/v1//a%2Fb/c?d=%20e&f=/../",
        "/console/api/x?y=$host;{}",
        "/files/%E3%81%82?sign=1",
    ] {
        let answer = get(deployment.door.address, target);
        assert_eq!(answer.request_line(), format!("GET {target} HTTP/1.1"));
    }
}

#[test]
fn back_ends_see_the_request_as_the_public_does() {
    if !programs::nginx_is_there() {
        return;
    }
    let deployment = Deployment::start(&routes());
    let address = deployment.door.address;
    for (scheme, host, public_scheme, port) in [
        ("https", "dify.example.com", "https", "443"),
        ("HTTPS", "dify.example.com:8443", "https", "8443"),
        ("http", "dify.example.com", "http", "80"),
        ("ftp", "dify.example.com", "http", "80"),
        ("https,http", "dify.example.com", "http", "80"),
        ("https://evil.example/", "dify.example.com", "http", "80"),
        ("", "[::1]", "http", "80"),
    ] {
        let headers = format!(
            "Host: {host}\r\nX-Forwarded-Proto: {scheme}\r\nX-Forwarded-Host: evil.example\r\n\
             X-Forwarded-Port: 1\r\nDify-Hook-Url: http://evil.example/\r\n"
        );
        let answer = send(address, "GET /e/hook?x=%20", &headers).unwrap();
        assert_eq!(answer.service(), "plugin-daemon");
        assert_eq!(
            answer.seen("Dify-Hook-Url"),
            [format!("{public_scheme}://{host}/e/hook?x=%20")]
        );
        for location in ["GET /e/hook", "GET /v1/x", "GET /socket.io/"] {
            let answer = send(address, location, &headers).unwrap();
            assert_eq!(answer.seen("Host"), [host], "{location}");
            assert_eq!(answer.seen("X-Forwarded-Host"), [host]);
            assert_eq!(
                answer.seen("X-Forwarded-Proto"),
                [public_scheme],
                "{scheme}"
            );
            assert_eq!(answer.seen("X-Forwarded-Port"), [port]);
            assert_eq!(answer.seen("Connection"), [""; 0]);
        }
    }
}

#[test]
fn back_ends_see_the_client_that_the_trusted_proxies_saw() {
    if !programs::nginx_is_there() {
        return;
    }
    let deployment = Deployment::start(&routes());
    for (forwarded, client) in [
        ("203.0.113.9", "203.0.113.9"),
        ("10.9.9.9, 203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 100.100.0.52", "203.0.113.9"),
        ("203.0.113.9:4711, 100.100.0.52", "203.0.113.9"),
        ("nonsense", "127.0.0.1"),
    ] {
        let headers = format!(
            "Host: x\r\nX-Forwarded-For: {forwarded}\r\nCF-Connecting-IP: 1.1.1.1\r\n\
             X-Real-IP: 1.1.1.1\r\n"
        );
        let answer = send(deployment.door.address, "GET /console/api/login", &headers).unwrap();
        assert_eq!(answer.seen("X-Forwarded-For"), [client], "{forwarded}");
        assert_eq!(answer.seen("X-Real-IP"), [client]);
        assert_eq!(answer.seen("CF-Connecting-IP"), [""; 0]);
    }
}

#[test]
fn behind_a_gateway_back_ends_see_the_host_that_the_public_asked_for() {
    if !programs::nginx_is_there() {
        return;
    }
    let settings = routes().settings().clone();
    let settings = settings.behind_gateway("10.20.0.0/24".parse().unwrap());
    let mut routes = routes().with_settings(settings).unwrap();
    let deployment = Deployment::start(&routes);
    // As the harness does for nginx.
    let mut settings = routes.settings().clone();
    settings
        .trusted_proxies
        .push("127.0.0.1/32".parse().unwrap());
    routes = routes.with_settings(settings).unwrap();
    let app = "dify-prod-nginx.kind-sea.japaneast.azurecontainerapps.io";
    let public = "dify.example.com";
    // The ingress adds whom it saw behind all that a client or a gateway sent; only when that is the
    // gateway is its word about the host believed.
    for (forwarded, original, host, client) in [
        ("203.0.113.9:4711, 10.20.0.5", public, public, "203.0.113.9"),
        (
            "1.2.3.4, 203.0.113.9:4711,10.20.0.255",
            "dify.example.com:443",
            "dify.example.com:443",
            "203.0.113.9",
        ),
        ("203.0.113.9:4711, 10.20.0.5", "", app, "203.0.113.9"),
        ("10.20.0.5, 10.30.0.9", public, app, "10.30.0.9"),
        ("10.20.0.5, 10.20.1.1", public, app, "10.20.1.1"),
        ("10.20.0.5, 10.20.0.5:80", public, app, "10.20.0.5"),
        ("10.20.0.5, 203.0.113.9", public, app, "203.0.113.9"),
        ("", public, app, "127.0.0.1"),
        ("nonsense", public, app, "127.0.0.1"),
    ] {
        let headers = format!(
            "Host: {app}\r\nX-Forwarded-For: {forwarded}\r\nX-Original-Host: {original}\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: {app}\r\nX-Forwarded-Port: 80\r\n"
        );
        let answer = send(deployment.door.address, "GET /e/hook?x=1", &headers).unwrap();
        let hook = format!("https://{host}/e/hook?x=1");
        for (name, value) in [
            ("Host", host),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-For", client),
            ("Dify-Hook-Url", &hook),
        ] {
            assert_eq!(answer.seen(name), [value], "{name} of {forwarded}");
        }
        let request = PublicRequest {
            forwarded_proto: Some("https"),
            forwarded_for: Some(forwarded),
            original_host: Some(original),
            ..PublicRequest::get("/e/hook?x=1", app)
        };
        let Outcome::Forwarded(modelled) = routes.handle(&request) else {
            panic!("a back-end answers");
        };
        for name in ["Host", "X-Forwarded-For", "Dify-Hook-Url"] {
            let seen = answer.seen(name);
            assert_eq!(seen, [modelled.header(name).unwrap()], "{forwarded}");
        }
    }
    // Without a gateway nobody is believed.
    let plain = Deployment::start(&self::routes());
    let headers =
        format!("Host: {app}\r\nX-Forwarded-For: 10.20.0.5\r\nX-Original-Host: {public}\r\n");
    let answer = send(plain.door.address, "GET /v1/x", &headers).unwrap();
    assert_eq!(answer.seen("Host"), [app]);
}

#[test]
fn events_arrive_one_by_one() {
    if !programs::nginx_is_there() {
        return;
    }
    // An nginx that buffers passes chunks on all the same, but holds back what ends by closing.
    for kind in ["chunked", "closed"] {
        let deployment = Deployment::start(&routes());
        let mut connection = connect(deployment.door.address).unwrap();
        let headers = "Host: x\r\nConnection: close\r\n\r\n";
        write!(connection, "GET /v1/stream/{kind} HTTP/1.1\r\n{headers}").unwrap();
        let first = read_until(&mut connection, "data: first");
        assert!(!first.contains("second"), "{kind}");
        deployment.back_ends["api"].open_gate();
        read_until(&mut connection, "data: second");
    }
}

#[test]
fn an_answer_that_falls_silent_ends_after_the_model_s_time() {
    if !programs::nginx_is_there() {
        return;
    }
    let settings = HttpSettings {
        read_timeout: Duration::from_secs(1),
        ..HttpSettings::default()
    };
    let locations = RouteTable::dify_1_16_0().locations().to_vec();
    let deployment = Deployment::start(&RouteTable::new(locations, settings).unwrap());
    let mut connection = connect(deployment.door.address).unwrap();
    let headers = "Host: x\r\nConnection: close\r\n\r\n";
    write!(connection, "GET /v1/stream/chunked HTTP/1.1\r\n{headers}").unwrap();
    read_until(&mut connection, "data: first");
    // The gate stays closed. A connection that stays open is an error after the client's own patience.
    let mut rest = String::new();
    connection.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("second"), "{rest}");
}

#[test]
fn websockets_pass_where_the_model_allows_them() {
    if !programs::nginx_is_there() {
        return;
    }
    let deployment = Deployment::start(&routes());
    let address = deployment.door.address;
    let upgrade = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let mut connection = connect(address).unwrap();
    write!(
        connection,
        "GET /socket.io/?transport=websocket HTTP/1.1\r\n{upgrade}"
    )
    .unwrap();
    let head = read_until(&mut connection, "\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    connection.write_all(b"frame").unwrap();
    read_until(&mut connection, "frame");

    let elsewhere = send(address, "GET /v1/x", "Host: x\r\nUpgrade: websocket\r\n").unwrap();
    assert_eq!((elsewhere.status, elsewhere.seen("Upgrade")), (200, vec![]));
    let other = send(address, "GET /socket.io/", "Host: x\r\nUpgrade: h2c\r\n").unwrap();
    assert_eq!((other.status, other.seen("Upgrade")), (200, vec![]));
}

#[test]
fn bodies_are_limited_as_the_model_says() {
    if !programs::nginx_is_there() {
        return;
    }
    let settings = HttpSettings {
        client_max_body_size: 1 << 20,
        ..HttpSettings::default()
    };
    let locations = RouteTable::dify_1_16_0().locations().to_vec();
    let deployment = Deployment::start(&RouteTable::new(locations, settings).unwrap());
    let post = |length: usize| {
        let headers = format!("Host: x\r\nContent-Length: {length}\r\n");
        let mut connection = connect(deployment.door.address).unwrap();
        write!(
            connection,
            "POST /v1/files/upload HTTP/1.1\r\n{headers}\r\n"
        )
        .unwrap();
        // Refused before the body is read: the write may already meet a closed connection.
        drop(connection.write_all(&vec![b'x'; length]));
        read_until(&mut connection, "\r\n\r\n")
    };
    assert!(post(1 << 20).starts_with("HTTP/1.1 200 "));
    assert!(post((1 << 20) + 1).starts_with("HTTP/1.1 413 "));
}

#[test]
fn starts_without_its_back_ends_and_follows_them() {
    if !programs::nginx_is_there() {
        return;
    }
    let (routes, names) = (routes(), NameServer::start());
    let hosts = app_names(&routes);
    let door = FrontDoor::start(&routes, &hosts, &names, SEARCH_DOMAIN);
    assert_eq!(get(door.address, "/v1/x").status, 502, "no such name yet");

    let name = format!("dify-dev-api.{SEARCH_DOMAIN}");
    let first = own_address();
    names.set(&name, first);
    assert_eq!(get(door.address, "/v1/x").status, 502, "nobody listens yet");

    let back_end = BackEnd::start("first", first, 5001);
    door.get_until("/v1/x", |answer| answer.service() == "first");

    let second = own_address();
    let _moved = BackEnd::start("second", second, 5001);
    names.set(&name, second);
    drop(back_end);
    door.get_until("/v1/x", |answer| answer.service() == "second");
}

#[test]
fn names_without_search_domain_are_found_as_they_are() {
    if !programs::nginx_is_there() {
        return;
    }
    let (routes, names) = (routes(), NameServer::start());
    let mut hosts: BTreeMap<String, String> = routes
        .services()
        .iter()
        .map(|&service| (service.to_owned(), service.to_owned()))
        .collect();
    hosts.insert("web".to_owned(), "web.elsewhere.example".to_owned());
    let (api, web) = (own_address(), own_address());
    names.set("api", api);
    names.set("web.elsewhere.example", web);
    let _back_ends = [
        BackEnd::start("api", api, 5001),
        BackEnd::start("web", web, 3000),
    ];

    let plain = FrontDoor::start(&routes, &hosts, &names, "");
    assert_eq!(get(plain.address, "/v1/x").service(), "api");

    let suffixed = FrontDoor::start(&routes, &hosts, &names, SEARCH_DOMAIN);
    assert_eq!(
        get(suffixed.address, "/").service(),
        "web",
        "a name with a dot is complete"
    );
    assert_eq!(get(suffixed.address, "/v1/x").status, 502);
}

#[test]
fn errors_are_told_without_the_version() {
    if !programs::nginx_is_there() {
        return;
    }
    let names = NameServer::start();
    let routes = routes();
    let door = FrontDoor::start(&routes, &app_names(&routes), &names, SEARCH_DOMAIN);
    let answer: client::Answer = get(door.address, "/");
    assert_eq!(answer.status, 502);
    assert!(answer.head.contains("Server: nginx\r\n"), "{}", answer.head);
}

#[test]
fn nginx_takes_every_generated_table() {
    if !programs::nginx_is_there() {
        return;
    }
    let location = (
        "/x[a-zA-Z0-9._~!&'()*+,;=:@-]{0,190}/?",
        "[a-z][a-z0-9]{0,9}([_-][a-z0-9]{1,6}){0,3}",
    );
    let locations = prop::collection::btree_map(location.0, (location.1, 1_u16.., 0..4_u8), 0..12);
    let configuration = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    };
    proptest!(configuration, |(generated in locations)| {
        let mut locations = vec![Location::prefix("/", "web", 3000)];
        for (path, (service, port, kind)) in generated {
            let mut location = Location::prefix(path, service, port);
            location.hook_url = kind & 1 == 1;
            location.upgrade = kind & 2 == 2;
            locations.push(location);
        }
        let routes = RouteTable::new(locations, HttpSettings::default()).unwrap();
        let (folder, hosts) = (Folder::new(), app_names(&routes));
        let mut input = NginxInput::new(&routes, &hosts);
        input.listen = (own_address(), 8080).into();
        input.paths = paths(&folder);
        let command = write_files(&input, &folder);
        let output = std::process::Command::new(&command[0])
            .args(&command[1..])
            .arg("-t")
            .env("DIFY_INFRA_NAMESERVERS", "127.0.0.1")
            .output()
            .unwrap();
        prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}
