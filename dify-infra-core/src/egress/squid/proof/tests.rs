use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::egress::ranges::{default_clients, denied_spans};
use crate::egress::{Names, ProxyRequest};

const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

fn denied() -> Vec<Span> {
    denied_spans().iter().map(|(span, _)| *span).collect()
}

fn clients() -> Vec<Span> {
    let mut clients: Vec<Span> = default_clients().into_iter().map(Span::of).collect();
    clients.push(Span::only(STRANGER));
    clients.sort_unstable();
    clients
}

fn proof(file: &SquidFile, declared: &[Span]) -> Proof {
    let universe = Universe {
        denied: &denied(),
        declared,
        clients: &clients(),
        groups: &[],
        examples: &["10.0.4.7".parse().unwrap()],
        stranger: STRANGER,
    };
    Proof::of(file, &universe)
}

/// Names that have the address: one that lists may hold, and one that none does.
fn names(address: IpAddr) -> Names {
    Names::complete()
        .with("a-name.example", &[address])
        .with("any-name.invalid", &[address])
}

/// Values from which lists are made, so that they often touch each other and what is asked.
const ADDRESSES: [&str; 14] = [
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.1.0.0-10.1.0.9",
    "10.0.4.4",
    "169.254.0.0/16",
    "169.254.169.254",
    "0.0.0.0/8",
    "0.0.0.0",
    "100.64.0.0/10",
    "all",
    "fc00::/7",
    "fd00::1",
    "::/64",
    "::ffff:a00:0/120",
];
const DOMAINS: [&str; 6] = [
    "10.0.4.4",
    "[fd00::1]",
    ".4",
    ".example",
    "a-name.example",
    "none",
];

fn list(number: usize) -> impl Strategy<Value = String> {
    let some = |values: &'static [&'static str]| {
        prop::collection::vec(prop::sample::select(values), 1..4)
            .prop_map(|values| values.join(" "))
    };
    let line =
        move |kind: &'static str| move |values: String| format!("acl l{number} {kind} {values}\n");
    prop_oneof![
        5 => some(&ADDRESSES).prop_map(line("dst")),
        1 => some(&ADDRESSES).prop_map(line("dst -n")),
        2 => some(&ADDRESSES).prop_map(line("src")),
        1 => some(&DOMAINS).prop_map(line("dstdomain")),
        1 => some(&DOMAINS).prop_map(line("dstdomain -n")),
        2 => some(&["80", "443", "1-1024", "1025-65535", "81"]).prop_map(line("port")),
        1 => some(&["GET", "CONNECT", "POST", "BREW"]).prop_map(line("method")),
        1 => some(&["HTTP", "HTTPS", "FTP"]).prop_map(line("proto")),
        1 => Just(format!("acl l{number} time M 10:00-11:00\n")),
        1 => some(&["CONNECT", "!CONNECT", "all", "to_localhost"]).prop_map(line("any-of")),
        1 => some(&["CONNECT", "!CONNECT", "to_linklocal"]).prop_map(line("all-of")),
    ]
}

fn file() -> impl Strategy<Value = String> {
    let lists = (list(0), list(1), list(2), list(3));
    let term = (any::<bool>(), 0usize..4);
    let line = (any::<bool>(), prop::collection::vec(term, 1..4));
    let lines = prop::collection::vec(line, 0..6);
    (lists, lines, 0usize..20).prop_map(|((a, b, c, d), lines, more)| {
        let mut text = format!("http_port 3128\n{a}{b}{c}{d}");
        for (allows, terms) in lines {
            text.push_str(if allows {
                "http_access allow"
            } else {
                "http_access deny"
            });
            for (negated, list) in terms {
                let _ = write!(text, " {}l{list}", if negated { "!" } else { "" });
            }
            text.push('\n');
        }
        match more {
            0 => text + "include /more.conf\nhttp_access deny all\n",
            1 => text + "redirect_program /more\n",
            2 => text + "follow_x_forwarded_for allow all\n",
            _ => text,
        }
    })
}

fn request() -> impl Strategy<Value = (IpAddr, ProxyRequest)> {
    let client = prop::sample::select(
        &[
            "10.0.4.7",
            "10.1.0.5",
            "100.100.0.52",
            "203.0.113.9",
            "192.168.1.1",
        ][..],
    );
    let address = prop::sample::select(
        &[
            "10.0.4.4",
            "10.1.0.3",
            "10.200.0.1",
            "169.254.169.254",
            "169.254.7.7",
            "0.0.0.0",
            "0.1.2.3",
            "100.100.224.10",
            "fd00::1",
            "fd00::2",
            "::",
            "::1",
            "10.0.0.77",
            "127.0.0.1",
        ][..],
    );
    let verb = prop::sample::select(
        &[
            ("GET", "http"),
            ("POST", "http"),
            ("BREW", "http"),
            ("GET", "https"),
            ("GET", "ftp"),
            ("CONNECT", ""),
        ][..],
    );
    let port = prop::sample::select(&[80u16, 443, 81, 1000, 6379][..]);
    (client, address, verb, port, any::<bool>()).prop_map(
        |(client, address, (method, scheme), port, by_name)| {
            let address: IpAddr = address.parse().unwrap();
            let host = if by_name {
                "a-name.example".to_owned()
            } else {
                super::super::address::as_host(address)
            };
            let target = match scheme {
                "" => format!("{host}:{port}"),
                scheme => format!("{scheme}://{host}:{port}/"),
            };
            (
                address,
                ProxyRequest::new(client.parse().unwrap(), method, &target),
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_proven_of_all_addresses_is_what_squid_does_with_each(
        text in file(),
        asked in prop::collection::vec(request(), 1..20),
    ) {
        let file = SquidFile::read(&text).unwrap();
        let proof = proof(&file, &[]);
        prop_assert!(proof.is_complete);
        let is_listed = text.contains(".example");
        // Some addresses end in `.4`, and of all it can't be said at once which.
        let is_vague = text.contains(" .4");
        for (address, request) in asked {
            let verdict = file.evaluate(&request, &names(address));
            let is_open = |hole: &Hole| {
                let kinds = hole.clients.iter().map(|kind| &proof.clients[*kind].1);
                let client = Span::only(request.client);
                kinds.flatten().any(|span| span.holds(&client))
                    && hole.ranges.iter().any(|(span, ..)| span.holds(&Span::only(address)))
                    && (hole.decision == verdict.decision
                        && hole.place.as_ref() == verdict.decided_by.as_ref().map(|it| &it.place)
                        || is_vague)
            };
            // A name that a list holds is not one of those that the proof is about; nor is a line behind
            // the rules the one that decided.
            let is_other = is_listed && request.target.contains("example") || !file.settings.later.is_empty();
            let is_refused = !matches!(verdict.decision, Decision::Allowed | Decision::Unknown);
            prop_assert!(
                is_refused || is_other || proof.holes.iter().any(is_open),
                "{text}\n{request:?}\n{verdict:?}\n{:#?}", proof.holes
            );
        }
        let told = |hole: &&Hole| hole.decision == Decision::Allowed || !is_vague;
        for hole in proof.holes.iter().filter(told) {
            for (span, _, asked) in &hole.ranges {
                let address = span.ends().0;
                let request = asked.request(address);
                let verdict = file.evaluate(&request, &names(address));
                prop_assert_eq!(verdict.decision, hole.decision, "{} {:?} {:?}", text, request, verdict);
            }
        }
    }
}

fn holes(lines: &str) -> Vec<(Option<usize>, Decision, Vec<String>)> {
    let text = format!("http_port 3128\n{lines}");
    let found = proof(&SquidFile::read(&text).unwrap(), &[])
        .holes
        .into_iter();
    found
        .map(|hole| {
            let ranges = hole.ranges.iter().map(|(span, ..)| span.to_string());
            (
                hole.place.map(|place| place.line),
                hole.decision,
                ranges.collect(),
            )
        })
        .collect()
}

/// Denies what must be denied but for one range.
fn all_but(gone: &str, instead: &str) -> String {
    let ranges = crate::egress::ranges::default_denied();
    let ranges = ranges.iter().map(|range| range.network.to_string());
    let left: Vec<String> = ranges.filter(|range| range != gone).collect();
    format!(
        "acl no dst {} {instead}\nhttp_access deny no\nhttp_access allow all\n",
        left.join(" ")
    )
}

#[test]
fn a_gap_is_told_from_its_first_address_to_its_last() {
    assert_eq!(holes(&all_but("", "")), []);
    for (gone, instead, gaps) in [
        (
            "10.0.0.0/8",
            "10.0.0.0/16 10.255.0.0/16",
            &["10.1.0.0-10.254.255.255"][..],
        ),
        (
            "172.16.0.0/12",
            "172.16.0.0/16 172.31.0.0/16",
            &["172.17.0.0-172.30.255.255"],
        ),
        (
            "127.0.0.0/8",
            "127.0.0.1",
            &["127.0.0.0", "127.0.0.2-127.255.255.255"],
        ),
        (
            "100.64.0.0/10",
            "100.100.0.0/17",
            &["100.64.0.0-100.99.255.255", "100.100.128.0-100.127.255.255"],
        ),
        (
            "192.168.0.0/16",
            "192.168.0.0-192.168.9.8",
            &["192.168.9.9-192.168.255.255"],
        ),
        (
            "fc00::/7",
            "fd00::/8",
            &["fc00::-fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        ),
        (
            "10.0.0.0/8",
            "::ffff:a00:0/105",
            &["10.128.0.0-10.255.255.255"],
        ),
    ] {
        let gaps = gaps.iter().map(|gap| (*gap).to_owned()).collect();
        let found = holes(&all_but(gone, instead));
        assert_eq!(
            found,
            [(Some(4), Decision::Allowed, gaps)],
            "{gone}, {instead}"
        );
    }
}

#[test]
fn a_gap_of_one_port_or_method_alone_is_one() {
    let private = all_but("", "");
    for (lines, gap) in [
        (
            "acl lab dst 10.7.0.0/16\nacl odd port 8443\nhttp_access allow lab odd\n",
            "10.7.0.0-10.7.255.255",
        ),
        (
            "acl lab dst 10.7.0.7\nacl put method PUT\nhttp_access allow lab put\n",
            "10.7.0.7",
        ),
        (
            "acl lab dst 10.7.0.7\nacl it src 192.168.77.3\nhttp_access allow lab it\n",
            "10.7.0.7",
        ),
        (
            "acl lab dst 10.7.0.7\nacl it proto FTP\nhttp_access allow lab it\n",
            "10.7.0.7",
        ),
        (
            "acl lab dstdomain -n 10.7.0.7\nhttp_access allow lab CONNECT\n",
            "10.7.0.7",
        ),
    ] {
        let found = holes(&format!("{lines}{private}"));
        let place = 1 + lines.lines().count();
        let expected = (Some(place), Decision::Allowed, vec![gap.to_owned()]);
        assert_eq!(found, [expected], "{lines}");
    }
}

#[test]
fn what_is_declared_is_open_for_the_web_and_no_further() {
    let lines = "http_port 3128\nacl wiki dst 10.0.8.4\nhttp_access allow wiki\n";
    let file = SquidFile::read(&format!("{lines}{}", all_but("", ""))).unwrap();
    let wiki = Span::only("10.0.8.4".parse().unwrap());
    let found = proof(&file, &[wiki]);
    let [hole] = &found.holes[..] else {
        panic!("{:?}", found.holes);
    };
    let request = hole.ranges[0].2.request("10.0.8.4".parse().unwrap());
    assert!(
        request.client == STRANGER
            || ![":80/", ":443"]
                .iter()
                .any(|port| request.target.contains(port)),
        "{request:?}"
    );
    let web = "acl web port 80 443\nacl near src 10.0.0.0/8\nacl tls port 443\nhttp_access deny !web\n\
        http_access deny CONNECT !tls\nhttp_access deny !near\n";
    let text = format!(
        "http_port 3128\n{web}acl wiki dst 10.0.8.4\nhttp_access allow wiki\n{}",
        all_but("", "")
    );
    let file = SquidFile::read(&text).unwrap();
    assert!(proof(&file, &[wiki]).holes.is_empty());
    assert_eq!(proof(&file, &[]).holes.len(), 1);
}

#[test]
fn what_is_too_much_is_said_not_to_be_proven() {
    let mut lists = String::new();
    for i in 0..9_000 {
        let _ = write!(
            lists,
            "acl a{i} dst 10.{}.{}.0/24\nhttp_access deny a{i} CONNECT\n",
            i / 250,
            i % 250
        );
    }
    let text = format!("http_port 3128\n{lists}http_access deny all\n");
    let file = SquidFile::read(&text).unwrap();
    assert!(!proof(&file, &[]).is_complete);
    let few: Vec<&str> = text.lines().take(200).collect();
    let few = few.join("\n");
    assert!(proof(&SquidFile::read(&few).unwrap(), &[]).is_complete);
}
