//! Tests of the route table.

use std::time::Duration;

use super::{Answer, RouteError, RouteTable};
use crate::routes::{HttpSettings, Location, PRIVATE_PATHS, RequestPath};

fn service(table: &RouteTable, target: &str) -> String {
    match table.resolve(&RequestPath::parse(target).unwrap()) {
        Answer::Health => "nginx".to_owned(),
        Answer::Redirect { path } => format!("301 {path}"),
        Answer::Location(location) => {
            format!("{}:{}", location.target.service, location.target.port)
        }
    }
}

fn with(extra: Location) -> Result<RouteTable, RouteError> {
    RouteTable::new(
        vec![Location::prefix("/", "web", 3000), extra],
        HttpSettings::default(),
    )
}

#[test]
fn sends_each_path_of_1_16_0_to_its_service() {
    let table = RouteTable::dify_1_16_0();
    for (target, expected) in [
        ("/", "web:3000"),
        ("/apps", "web:3000"),
        ("/explore/apps", "web:3000"),
        ("/console/api/setup", "api:5001"),
        ("/console/apix", "api:5001"),
        ("/console", "web:3000"),
        ("/api", "api:5001"),
        ("/api-keys", "api:5001"),
        ("/API", "web:3000"),
        ("/v1/chat-messages", "api:5001"),
        ("/openapi/v1", "api:5001"),
        ("/files/1/preview?sign=x", "api:5001"),
        ("/mcp/server/x/mcp", "api:5001"),
        ("/triggers/webhook/1", "api:5001"),
        ("/socket.io/?EIO=4", "api-websocket:5001"),
        ("/socket.io", "301 /socket.io/"),
        ("/e", "301 /e/"),
        ("/e/hook/x", "plugin-daemon:5002"),
        ("/explore", "web:3000"),
        ("/nginx-health", "nginx"),
        ("/nginx-health/", "web:3000"),
    ] {
        assert_eq!(service(&table, target), expected, "{target}");
    }
}

#[test]
fn private_paths_reach_web_alone() {
    let table = RouteTable::dify_1_16_0();
    for path in PRIVATE_PATHS {
        assert_eq!(service(&table, path), "web:3000");
        assert_eq!(service(&table, &format!("/{path}/x")), "web:3000");
    }
}

#[test]
fn an_exact_location_goes_before_a_longer_or_equal_prefix() {
    let locations = vec![
        Location::exact("/x", "one", 1),
        Location::prefix("/x", "two", 2),
        Location::prefix("/", "web", 3000),
    ];
    let table = RouteTable::new(locations, HttpSettings::default()).unwrap();
    assert_eq!(service(&table, "/x"), "one:1");
    assert_eq!(service(&table, "/x/"), "two:2");
    let path = RequestPath::parse("/x").unwrap();
    let paths: Vec<_> = table
        .candidates(&path)
        .iter()
        .map(|l| l.target.port)
        .collect();
    assert_eq!(paths, [1, 2, 3000]);
}

#[test]
fn the_order_of_locations_does_not_matter() {
    let table = RouteTable::dify_1_16_0();
    let mut reversed = table.locations().to_vec();
    reversed.reverse();
    assert_eq!(
        RouteTable::new(reversed, HttpSettings::default()).unwrap(),
        table
    );
}

#[test]
fn refuses_the_same_path_twice() {
    let error = with(Location::prefix("/", "api", 5001)).unwrap_err();
    assert_eq!(
        error,
        RouteError::Duplicate {
            path: "/".to_owned()
        }
    );
}

#[test]
fn refuses_a_table_without_catch_all() {
    let only = vec![Location::exact("/", "web", 3000)];
    assert_eq!(
        RouteTable::new(only, HttpSettings::default()),
        Err(RouteError::NoCatchAll)
    );
}

#[test]
fn refuses_locations_that_publish_private_paths() {
    for path in [
        "/inner",
        "/inner/api",
        "/inner/api/x",
        "/i",
        "/metrics",
        "/debug/pprof",
        "/plug",
    ] {
        let error = with(Location::prefix(path, "api", 5001)).unwrap_err();
        assert!(
            matches!(error, RouteError::PublishesPrivatePath { .. }),
            "{path}: {error}"
        );
    }
    assert!(with(Location::exact("/inner", "api", 5001)).is_ok());
    assert!(with(Location::prefix("/plugins", "web", 3000)).is_ok());
    assert!(with(Location::prefix("/metrics-of-mine", "other", 80)).is_ok());
}

#[test]
fn a_catch_all_of_another_service_publishes_its_private_paths() {
    let locations = vec![Location::prefix("/", "api", 5001)];
    let error = RouteTable::new(locations, HttpSettings::default()).unwrap_err();
    assert!(
        matches!(error, RouteError::PublishesPrivatePath { .. }),
        "{error}"
    );
}

#[test]
fn refuses_malformed_paths_services_and_ports() {
    for path in [
        "", "x", "/a b", "/a\n", "/$x", "/{", "/a//b", "/a/../b", "/a?b", "/%61", "/é",
    ] {
        let error = with(Location::prefix(path, "other", 80)).unwrap_err();
        assert!(
            matches!(error, RouteError::InvalidPath { .. }),
            "{path}: {error}"
        );
    }
    let long = format!("/{}", "x".repeat(200));
    let error = with(Location::prefix(&long, "other", 80)).unwrap_err();
    assert_eq!(
        error,
        RouteError::InvalidPath {
            path: long,
            problem: "is longer than 200 characters"
        }
    );
    let long_key = "x".repeat(33);
    for key in [
        &long_key, "", "A", "a b", "a--b", "a-_b", "-a", "a-", "1a", "a;b",
    ] {
        let error = with(Location::prefix("/x", key, 80)).unwrap_err();
        assert!(
            matches!(error, RouteError::InvalidService { .. }),
            "{key}: {error}"
        );
    }
    let error = with(Location::prefix("/x", "other", 0)).unwrap_err();
    assert_eq!(
        error,
        RouteError::InvalidPort {
            path: "/x".to_owned()
        }
    );
    let error = with(Location::exact("/nginx-health", "other", 80)).unwrap_err();
    assert_eq!(
        error,
        RouteError::Reserved {
            path: "/nginx-health".to_owned()
        }
    );
}

#[test]
fn refuses_limits_that_nginx_reads_as_none() {
    let locations = || vec![Location::prefix("/", "web", 3000)];
    let no_limit = HttpSettings {
        client_max_body_size: 0,
        ..HttpSettings::default()
    };
    assert!(RouteTable::new(locations(), no_limit).is_err());
    let fraction = HttpSettings {
        read_timeout: Duration::from_millis(1500),
        ..HttpSettings::default()
    };
    assert!(RouteTable::new(locations(), fraction).is_err());
}
