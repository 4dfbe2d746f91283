//! What the model says about whole requests; that nginx does so is shown with the real one.

use super::*;

const INGRESS: &str = "100.100.0.52";

fn request(target: &str) -> PublicRequest<'_> {
    PublicRequest {
        peer: INGRESS.parse().unwrap(),
        forwarded_proto: Some("https"),
        forwarded_for: Some("203.0.113.9"),
        ..PublicRequest::get(target, "dify.example.com")
    }
}

fn header(table: &RouteTable, request: &PublicRequest<'_>, name: &str) -> Option<String> {
    match table.handle(request) {
        Outcome::Forwarded(forwarded) => forwarded.header(name).map(str::to_owned),
        other => panic!("{other:?}"),
    }
}

fn status(table: &RouteTable, request: &PublicRequest<'_>) -> u16 {
    match table.handle(request) {
        Outcome::Refused(refusal) => refusal.status(),
        Outcome::Redirect { .. } => 301,
        _ => 200,
    }
}

#[test]
fn the_scheme_is_what_the_proxy_in_front_says_when_there_is_one() {
    let behind_tls = RouteTable::dify_1_16_0();
    let settings = HttpSettings {
        tls: TlsTermination::Nowhere,
        ..HttpSettings::default()
    };
    let open = behind_tls.with_settings(settings).unwrap();
    for (said, behind, without) in [
        (Some("https"), "https", "http"),
        (Some("HTTPS"), "https", "http"),
        (Some("http"), "http", "http"),
        (Some("https,http"), "http", "http"),
        (Some("wss"), "http", "http"),
        (None, "http", "http"),
    ] {
        let request = PublicRequest {
            forwarded_proto: said,
            ..request("/v1/x")
        };
        let scheme = |table| header(table, &request, "X-Forwarded-Proto").unwrap();
        assert_eq!(
            (scheme(&behind_tls).as_str(), scheme(&open).as_str()),
            (behind, without),
            "{said:?}"
        );
    }
}

#[test]
fn the_client_is_whom_the_trusted_proxies_saw() {
    let table = RouteTable::dify_1_16_0();
    for (peer, said, client) in [
        (INGRESS, Some("203.0.113.9"), "203.0.113.9"),
        (INGRESS, Some("1.2.3.4, 203.0.113.9"), "203.0.113.9"),
        (
            INGRESS,
            Some("203.0.113.9:4711, 100.100.0.9"),
            "203.0.113.9",
        ),
        (INGRESS, Some("[2001:db8::1]:80"), "2001:db8::1"),
        (INGRESS, Some("2001:db8::1"), "2001:db8::1"),
        (INGRESS, Some("x, 100.100.0.9"), "100.100.0.9"),
        (INGRESS, Some("nonsense"), INGRESS),
        (INGRESS, Some(""), INGRESS),
        (INGRESS, None, INGRESS),
        ("198.51.100.7", Some("203.0.113.9"), "198.51.100.7"),
    ] {
        let request = PublicRequest {
            peer: peer.parse().unwrap(),
            forwarded_for: said,
            ..request("/v1/x")
        };
        for name in ["X-Forwarded-For", "X-Real-IP"] {
            assert_eq!(
                header(&table, &request, name).as_deref(),
                Some(client),
                "{said:?}"
            );
        }
    }
}

#[test]
fn the_hook_url_is_the_one_that_the_public_used() {
    let table = RouteTable::dify_1_16_0();
    let url = |target| header(&table, &request(target), "Dify-Hook-Url");
    assert_eq!(
        url("/e/a%20b?c=d").as_deref(),
        Some("https://dify.example.com/e/a%20b?c=d")
    );
    assert_eq!(
        url("http://other.example/e/x").as_deref(),
        Some("https://dify.example.com/e/x")
    );
    assert_eq!(url("/v1/x"), None);
}

#[test]
fn only_a_websocket_where_the_location_allows_it_upgrades() {
    let table = RouteTable::dify_1_16_0();
    for (target, protocol, upgrade) in [
        ("/socket.io/", "WebSocket", Some("websocket")),
        ("/socket.io/", "h2c", None),
        ("/v1/x", "websocket", None),
    ] {
        let request = PublicRequest {
            upgrade: Some(protocol),
            ..request(target)
        };
        assert_eq!(header(&table, &request, "Upgrade").as_deref(), upgrade);
        let connection = upgrade.map(|_| "upgrade");
        assert_eq!(
            header(&table, &request, "Connection").as_deref(),
            connection
        );
    }
}

#[test]
fn what_nginx_refuses_has_its_status() {
    let table = RouteTable::dify_1_16_0();
    let long = |length: usize| format!("/{}", "x".repeat(length - "GET / HTTP/1.1\r\n".len()));
    assert_eq!(status(&table, &request(&long(16384))), 200);
    assert_eq!(status(&table, &request(&long(16385))), 414);
    assert_eq!(status(&table, &request("/a/../b")), 400);
    let trace = PublicRequest {
        method: "TRACE",
        ..request("/")
    };
    assert_eq!(status(&table, &trace), 405);
    let lower = PublicRequest {
        method: "get",
        ..request("/")
    };
    assert_eq!(status(&table, &lower), 400);
    for host in ["", "a/b", "a..b", "a b"] {
        let request = PublicRequest {
            host,
            ..request("/")
        };
        assert_eq!(status(&table, &request), 400, "{host}");
    }
}

#[test]
fn a_location_may_take_a_longer_body_than_the_others() {
    let mut locations = RouteTable::dify_1_16_0().locations().to_vec();
    let big = Location::exact("/console/api/files/upload", "api", 5001).with_max_body_size(1 << 30);
    locations.push(big.custom());
    let table = RouteTable::new(locations, HttpSettings::default()).unwrap();
    assert_eq!(table.largest_body(), 1 << 30);
    for (target, status_of_200_mib) in [
        ("/console/api/files/upload", 200),
        ("/console/api/files/upload/", 413),
        ("/v1/files/upload", 413),
        ("/nginx-health", 413),
        ("/e", 413),
    ] {
        let request = PublicRequest {
            body: 200 << 20,
            ..request(target)
        };
        assert_eq!(status(&table, &request), status_of_200_mib, "{target}");
    }
}

#[test]
fn a_redirect_keeps_the_query() {
    let table = RouteTable::dify_1_16_0();
    for (target, to) in [
        ("/e", "/e/"),
        ("/e?", "/e/"),
        ("/e?a=/b#c", "/e/?a=/b"),
        ("http://h/socket.io?x", "/socket.io/?x"),
    ] {
        let outcome = table.handle(&request(target));
        assert_eq!(outcome, Outcome::Redirect { to: to.to_owned() }, "{target}");
    }
}
