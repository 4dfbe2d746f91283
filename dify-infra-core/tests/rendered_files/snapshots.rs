//! What the files say, to the letter.

use dify_infra_core::egress::{EgressException, EgressPolicy};
use dify_infra_core::render::{self, NginxInput, RenderError, RenderedFile};
use dify_infra_core::routes::RouteTable;

use crate::front_door::app_names;

fn all_files() -> Vec<RenderedFile> {
    let routes = RouteTable::dify_1_16_0();
    let hosts = app_names(&routes);
    let mut files = render::nginx(&NginxInput::new(&routes, &hosts)).unwrap();
    let policy = EgressPolicy::default_policy()
        .with_exception(EgressException::network("10.0.8.4/32", "the team's wiki").unwrap())
        .with_exception(EgressException::domain(".corp.example", "internal APIs").unwrap());
    files.push(render::squid(&policy).unwrap());
    files
}

#[test]
fn files_say_what_was_reviewed() {
    for file in all_files() {
        insta::assert_snapshot!(file.name.clone(), file.text);
    }
}

#[test]
fn files_survive_the_platform_s_dollar_expansion() {
    for file in all_files() {
        for trap in ["$$", "$("] {
            assert!(!file.text.contains(trap), "{} holds {trap}", file.name);
        }
        assert!(
            file.text.is_ascii() && file.text.ends_with('\n'),
            "{}",
            file.name
        );
        assert!(
            !file.text.is_empty() && file.text.len() < 25 * 1024,
            "{}",
            file.name
        );
    }
}

#[test]
fn rendering_twice_gives_the_same() {
    assert_eq!(all_files(), all_files());
}

#[test]
fn a_service_without_a_host_is_named() {
    let routes = RouteTable::dify_1_16_0();
    let mut hosts = app_names(&routes);
    hosts.remove("plugin-daemon");
    let error = render::nginx(&NginxInput::new(&routes, &hosts)).unwrap_err();
    let expected = RenderError::MissingHost {
        path: "/e/".to_owned(),
        service: "plugin-daemon".to_owned(),
    };
    assert_eq!(error, expected);
}

#[test]
fn hosts_and_directories_hold_nothing_but_names() {
    let routes = RouteTable::dify_1_16_0();
    for host in [
        "", "a b", "a;b", "$a", "a\nb", "a/b", "a:80", "a..b", "-a", "\"a\"",
    ] {
        let mut hosts = app_names(&routes);
        hosts.insert("api".to_owned(), host.to_owned());
        let error = render::nginx(&NginxInput::new(&routes, &hosts)).unwrap_err();
        assert!(
            matches!(error, RenderError::InvalidHost { .. }),
            "{host}: {error}"
        );
    }
    let hosts = app_names(&routes);
    for directory in [
        "", "/", "relative", "/a b", "/a;b", "/a'b", "/a$b", "/a\n", "/a/",
    ] {
        let mut input = NginxInput::new(&routes, &hosts);
        input.paths.runtime = directory.to_owned();
        let error = render::nginx(&input).unwrap_err();
        assert!(
            matches!(error, RenderError::InvalidDirectory(_)),
            "{directory}: {error}"
        );
    }
}
