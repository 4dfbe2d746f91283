//! Questions about URLs and their answers.

use super::*;
use crate::check::Sample;

fn deployment(more: &str) -> Deployment {
    let text = format!("{}{more}", Sample::BASE);
    Deployment::parse(&text).unwrap().deployment
}

fn with_origin(more: &str) -> Deployment {
    deployment(&format!(
        "[public]\norigin = \"https://dify.example.com\"\n{more}"
    ))
}

fn ask(deployment: &Deployment, url: &str) -> RouteReport {
    deployment.route(url).unwrap()
}

#[test]
fn the_answer_names_app_and_port_and_why_the_others_lost() {
    let report = ask(
        &with_origin(""),
        "https://Dify.example.com:443/e/hook?x=1#top",
    );
    let RouteAnswer::Service { app, port, why, .. } = &report.answer else {
        panic!("{:?}", report.answer)
    };
    assert_eq!((app.as_str(), *port), ("dify-dev-plugin-daemon", 5002));
    assert_eq!(why, "`/e/` is the longest prefix of `/e/hook`");
    assert_eq!(report.others.len(), 1);
    assert_eq!(report.others[0].location, "/");
    assert_eq!(report.others[0].why, "`/e/` is longer");
    assert_eq!(report.host.verdict, HostVerdict::Origin);
    let header = |name| {
        let found = report.headers.iter().find(|header| header.name == name);
        found.and_then(|header| header.value.clone()).unwrap()
    };
    assert_eq!(
        header("Dify-Hook-Url"),
        "https://dify.example.com/e/hook?x=1"
    );
    assert_eq!(header("X-Forwarded-For"), CLIENT);
    assert_eq!(report.limits.unwrap().body_bytes, 100 << 20);
}

#[test]
fn redirects_health_and_refusals_are_answers() {
    let deployment = with_origin("");
    let redirect = ask(&deployment, "/e?x");
    assert!(
        matches!(&redirect.answer, RouteAnswer::Redirect { to, .. } if to == "/e/?x"),
        "{:?}",
        redirect.answer
    );
    let health = ask(&deployment, "/nginx-health");
    assert!(matches!(
        health.answer,
        RouteAnswer::Health { status: 200, .. }
    ));
    let refused = ask(&deployment, "/v1/../inner/api");
    assert!(matches!(
        refused.answer,
        RouteAnswer::Refused { status: 400, .. }
    ));
    assert!(refused.notes[0].contains("resolve"), "{:?}", refused.notes);
    let long = ask(&deployment, &format!("/{}", "x".repeat(20_000)));
    assert!(matches!(
        long.answer,
        RouteAnswer::Refused { status: 414, .. }
    ));
}

#[test]
fn a_host_that_is_not_the_deployment_s_is_said() {
    let named = with_origin("");
    for (url, verdict) in [
        ("https://dify.example.com/", HostVerdict::Origin),
        ("/v1", HostVerdict::Origin),
        ("http://dify.example.com/", HostVerdict::OriginOtherwise),
        (
            "https://dify.example.com:8443/",
            HostVerdict::OriginOtherwise,
        ),
        ("https://other.example/", HostVerdict::Other),
        (
            "https://dify-dev-nginx.gentle.japaneast.azurecontainerapps.io/",
            HostVerdict::FrontDoor,
        ),
    ] {
        let report = ask(&named, url);
        assert_eq!(report.host.verdict, verdict, "{url}");
        assert_eq!(report.notes.is_empty(), verdict == HostVerdict::Origin);
    }
    let unnamed = ask(&deployment(""), "https://x.example/v1");
    assert_eq!(unnamed.host.verdict, HostVerdict::Unknown);
}

#[test]
fn a_websocket_is_answered_where_there_are_any() {
    let deployment = with_origin("");
    let report = ask(&deployment, "wss://dify.example.com/socket.io/?EIO=4");
    assert!(
        matches!(&report.answer, RouteAnswer::Service { location, .. } if location == "/socket.io/"),
        "{:?}",
        report.answer
    );
    assert_eq!(report.host.verdict, HostVerdict::Origin);
    assert_eq!(report.notes, [""; 0]);
    let upgrade = report.headers.iter().find(|it| it.name == "Upgrade");
    assert_eq!(upgrade.unwrap().value.as_deref(), Some("websocket"));

    let elsewhere = ask(&deployment, "WSS://dify.example.com:443/v1/chat-messages");
    assert!(
        elsewhere.notes[0].contains("`/v1` never become WebSockets"),
        "{:?}",
        elsewhere.notes
    );
    let plain = ask(&deployment, "ws://dify.example.com/socket.io/");
    assert_eq!(plain.host.verdict, HostVerdict::OriginOtherwise);
    assert!(plain.notes[1].contains("use wss"), "{:?}", plain.notes);
    for url in [
        "wss:///x",
        "ws:dify.example.com",
        "wss://dify.example.com:0/",
    ] {
        assert_eq!(deployment.route(url), Err(InvalidUrl::NoUrl), "{url}");
    }
}

#[test]
fn a_private_path_is_answered_by_web_and_said_to_be_private() {
    let report = ask(&with_origin(""), "/inner/api/invoke/llm");
    assert!(
        matches!(&report.answer, RouteAnswer::Service { service, .. } if service == "web"),
        "{:?}",
        report.answer
    );
    assert!(
        report.notes[0].contains("never public"),
        "{:?}",
        report.notes
    );
}

#[test]
fn a_route_of_the_file_is_marked_and_has_its_own_limit() {
    let deployment = with_origin(
        "[[routes]]\npath = \"/v1/files/upload\"\nmatch = \"exact\"\nservice = \"api\"\n\
         max_body_size = \"200M\"\n",
    );
    let report = ask(&deployment, "/v1/files/upload");
    let RouteAnswer::Service { custom, .. } = report.answer else {
        panic!("{:?}", report.answer)
    };
    assert!(custom);
    assert_eq!(report.limits.unwrap().body_bytes, 200 << 20);
    assert_eq!(
        report.others[0].why,
        "an exact location goes before every prefix"
    );
    assert_eq!(
        ask(&deployment, "/v1/files/upload/")
            .limits
            .unwrap()
            .body_bytes,
        100 << 20
    );
}

#[test]
fn without_an_origin_a_path_belongs_to_the_front_door() {
    let deployment = deployment("");
    let report = ask(&deployment, "/e/hook");
    assert!(
        matches!(&report.answer, RouteAnswer::Service { port: 5002, .. }),
        "{:?}",
        report.answer
    );
    let value = |name: &str| {
        let found = report.headers.iter().find(|header| header.name == name);
        found.and_then(|header| header.value.clone()).unwrap()
    };
    assert_eq!(value("Host"), FRONT_DOOR);
    assert_eq!(value("Dify-Hook-Url"), "https://<front door>/e/hook");
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains(STAND_IN), "{text}");
    let health = ask(&deployment, "/nginx-health");
    assert!(matches!(health.answer, RouteAnswer::Health { .. }));
}

#[test]
fn the_port_of_the_origin_reaches_the_headers() {
    let deployment = deployment("[public]\norigin = \"https://dify.example.com:8443\"\n");
    let report = ask(&deployment, "/e/hook");
    let value = |name: &str| {
        let found = report.headers.iter().find(|header| header.name == name);
        found.and_then(|header| header.value.clone()).unwrap()
    };
    assert_eq!(value("Host"), "dify.example.com:8443");
    assert_eq!(value("X-Forwarded-Port"), "8443");
    assert_eq!(
        value("Dify-Hook-Url"),
        "https://dify.example.com:8443/e/hook"
    );
}

#[test]
fn what_browsers_encode_is_encoded() {
    let report = ask(&with_origin(""), "/files/あ b?q=\"x\"");
    assert_eq!(report.target, "/files/%E3%81%82%20b?q=%22x%22");
}

#[test]
fn what_is_no_url_is_refused_without_repeating_it() {
    let deployment = with_origin("");
    for url in [
        "",
        "v1/x",
        "dify.example.com/v1",
        "ftp://x/",
        "https:///x",
        "https://x:99999/",
        "https://x:0/",
        "https://x:/",
        "https://[::1/",
        "https://[x]/",
        "https://::1/",
        "*",
    ] {
        assert_eq!(deployment.route(url), Err(InvalidUrl::NoUrl), "{url}");
    }
    for url in [
        "https://user:canary@dify.example.com/",
        "https://user:can/ary@dify.example.com/",
        "user:canary@dify.example.com/v1",
        "ftp://user:canary@dify.example.com/",
    ] {
        let error = deployment.route(url).unwrap_err();
        assert_eq!(error, InvalidUrl::UserName, "{url}");
        assert!(!error.to_string().contains("canary"));
    }
    for url in ["https://[::1]:8080/@", "https://x.example/@a", "/@a"] {
        assert!(deployment.route(url).is_ok(), "{url}");
    }
}
