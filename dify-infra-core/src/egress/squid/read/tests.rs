//! What is read of squid files, and what is said about the rest.

use proptest::prelude::*;

use super::*;
use crate::egress::{Decision, Names, ProxyRequest, RemarkKind};

fn kinds(text: &str) -> Vec<(RemarkKind, usize)> {
    let file = SquidFile::read(text).unwrap();
    file.remarks()
        .iter()
        .map(|remark| (remark.kind, remark.place.line))
        .collect()
}

fn decision(text: &str, target: &str) -> Decision {
    let request = ProxyRequest::get("10.0.0.7".parse().unwrap(), target);
    let names = Names::complete().with("a.example", &["93.184.216.34".parse().unwrap()]);
    SquidFile::read(text)
        .unwrap()
        .evaluate(&request, &names)
        .decision
}

#[test]
fn squid_does_not_start_with_these() {
    for line in [
        "http_access allow nobody",
        "acl a nonsense 1",
        "acl a dst 1.2.3.400",
        "acl a dst 10.0.0.0/33",
        "acl a port 80-70",
        "acl a port abc",
        "acl a port 70000",
        "acl a dst -x 10.0.0.0/8",
        "acl a dstdomain a.example.com .example.com",
        "acl a dstdomain example.com .example.com",
        "acl a dstdomain .example.com example.com",
        "acl CONNECT port 80",
        "acl",
        "http_port x",
        "http_port ${PORT}",
        "cache_peer ${HOST} parent 1 0",
        "cache_peer a",
        "endif",
        "if true",
    ] {
        let file = SquidFile::read(line).unwrap();
        assert!(!file.starts(), "{line}: {:?}", file.remarks());
    }
}

#[test]
fn what_is_not_understood_is_said_with_its_line() {
    use RemarkKind::{Ineffective, NotSeen, NotUnderstood};
    for (text, expected) in [
        ("# x\nacl a time 10:00-11:00", (NotUnderstood, 2)),
        ("url_rewrite_program /bin/x", (NotUnderstood, 1)),
        ("miss_access deny all", (NotUnderstood, 1)),
        ("no_such_thing on", (NotUnderstood, 1)),
        ("follow_x_forwarded_for allow all", (NotUnderstood, 1)),
        ("acl a dst db.internal", (NotUnderstood, 1)),
        ("\n\ninclude /etc/squid/conf.d/*.conf", (NotSeen, 3)),
        ("acl a dst \"/etc/list\"", (NotSeen, 1)),
        ("http_access deny", (Ineffective, 1)),
        ("http_access permit all", (Ineffective, 1)),
        ("acl a dst 10.1.0.0/16 10.0.0.0/8", (Ineffective, 1)),
        ("acl a src 10/8", (Ineffective, 1)),
        ("acl a proto HTTP quic", (Ineffective, 1)),
    ] {
        assert_eq!(kinds(text), [expected], "{text}");
    }
    assert_eq!(kinds("cache_mem 8 MB\nvia on\ndns_timeout 1 second"), []);
}

#[test]
fn undecided_is_only_what_depends_on_it() {
    let night = "acl night time 10:00-11:00\nacl inner dst 10.0.0.0/8\n";
    let decide = |lines: &str, target: &str| decision(&format!("{night}{lines}"), target);
    let allow_at_night = "http_access deny inner\nhttp_access allow night\nhttp_access deny all";
    assert_eq!(decide(allow_at_night, "http://10.0.0.1/"), Decision::Denied);
    assert_eq!(
        decide(allow_at_night, "http://a.example/"),
        Decision::Unknown
    );
    // Whatever the hour, the answer is the same.
    let deny_at_night = "http_access deny night\nhttp_access deny all";
    assert_eq!(decide(deny_at_night, "http://a.example/"), Decision::Denied);
    // One list that does not hold decides, whatever is not known about the other.
    let both = "http_access allow night inner\nhttp_access deny all";
    assert_eq!(decide(both, "http://a.example/"), Decision::Denied);
    let included = "http_access deny inner\ninclude x\nhttp_access allow all";
    assert_eq!(decide(included, "http://10.0.0.1/"), Decision::Denied);
    assert_eq!(decide(included, "http://a.example/"), Decision::Unknown);
}

/// Two files beside the one that is read.
struct Beside;

impl SquidSources for Beside {
    fn included(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let text = "acl inner dst 10.0.0.0/8\nhttp_access deny inner\n";
        match pattern {
            "more.conf" => Ok(vec![(pattern.to_owned(), text.to_owned())]),
            _ => Err("which is not there".to_owned()),
        }
    }

    fn values(&self, path: &str) -> Result<String, String> {
        match path {
            "inner.txt" => Ok("# ours\n 10.0.0.0/8 # all\n\n172.16.0.0/12\n".to_owned()),
            "two.txt" => Ok("10.0.0.0/8 172.16.0.0/12".to_owned()),
            _ => Err("which is not there".to_owned()),
        }
    }
}

#[test]
fn included_texts_are_read_where_they_stand() {
    let file = SquidFile::read_with("include more.conf\nhttp_access allow all", &Beside).unwrap();
    let request = ProxyRequest::get("10.0.0.7".parse().unwrap(), "http://10.0.0.1/");
    let verdict = file.evaluate(&request, &Names::unknown());
    assert_eq!(verdict.decision, Decision::Denied);
    assert_eq!(
        verdict.decided_by.unwrap().place.to_string(),
        "more.conf line 2"
    );
    let file = SquidFile::read_with("include none.conf", &Beside).unwrap();
    assert_eq!(
        file.remarks()[0].message,
        "includes none.conf, which is not there"
    );
}

#[test]
fn values_are_read_from_a_file_of_their_own() {
    let lines = "\nhttp_access deny inner\nhttp_access allow all";
    let decide = |list: &str, target: &str| {
        let file = SquidFile::read_with(&format!("{list}{lines}"), &Beside).unwrap();
        let request = ProxyRequest::get("10.0.0.7".parse().unwrap(), target);
        file.evaluate(&request, &Names::unknown()).decision
    };
    let list = "acl inner dst \"inner.txt\"";
    assert_eq!(decide(list, "http://10.0.0.1/"), Decision::Denied);
    assert_eq!(decide(list, "http://172.16.0.1/"), Decision::Denied);
    assert_eq!(decide(list, "http://93.184.216.34/"), Decision::Allowed);
    for list in ["acl inner dst \"two.txt\"", "acl inner dst \"none.txt\""] {
        assert_eq!(
            decide(list, "http://10.0.0.1/"),
            Decision::Unknown,
            "{list}"
        );
    }
    // What stands behind the file is not in the list.
    let list = "acl inner dst \"inner.txt\" 192.168.0.0/16";
    assert_eq!(decide(list, "http://192.168.0.1/"), Decision::Allowed);
    let file = SquidFile::read_with(list, &Beside).unwrap();
    assert_eq!(file.remarks()[0].kind, RemarkKind::Ineffective);
}

#[test]
fn nothing_decides_means_the_opposite_of_the_last_line() {
    assert_eq!(decision("", "http://a.example/"), Decision::Denied);
    let none = "acl other src 20.0.0.0/8\n";
    assert_eq!(
        decision(
            &format!("{none}http_access deny other"),
            "http://a.example/"
        ),
        Decision::Allowed
    );
    assert_eq!(
        decision(
            &format!("{none}http_access allow other"),
            "http://a.example/"
        ),
        Decision::Denied
    );
}

#[test]
fn too_much_is_refused() {
    assert!(SquidFile::read(&"x".repeat(LARGEST + 1)).is_err());
    assert!(SquidFile::read(&"via on\n".repeat(MOST_LINES + 1)).is_err());
}

#[test]
fn lists_that_name_each_other_end() {
    let mut text = "acl a0 any-of all\n".to_owned();
    for number in 1..60 {
        let before = number - 1;
        let line = format!("acl a{number} all-of a{before} a{before} !a{before}\n");
        text.push_str(&line);
    }
    text.push_str("acl a0 any-of a59\nhttp_access deny !a59 a59\nhttp_access allow all");
    decision(&text, "http://a.example/");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(
        lines in prop::collection::vec(
            "(acl|http_access|http_port|cache_peer|cache_peer_access|include|if|else|endif|never_direct|x)( (a|b|!a|all|src|dst|port|proto|method|any-of|allow|deny|-n|--|[0-9.:/-]{1,12}|\\PC{0,9}))*[\\\\\r]?",
            0..12,
        ),
        method in "GET|CONNECT|get|\\PC{0,5}",
        target in "(http://|ftp://|urn:|/)?\\PC{0,20}(:[0-9-]{1,12})?",
    ) {
        let text = lines.join("\n");
        let file = SquidFile::read(&text).unwrap();
        let request = ProxyRequest::new("10.0.0.7".parse().unwrap(), &method, &target);
        file.evaluate(&request, &Names::unknown());
        file.evaluate(&request, &Names::complete());
    }
}
