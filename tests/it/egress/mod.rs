//! The egress policy in the real squid: what passes, what is denied, and that the evaluator says the
//! same of every request.

mod agreement;
mod client;
mod load;
mod name_server;
mod namespace;
mod origins;
mod proxy;
mod spellings;

use std::net::IpAddr;

use dify_infra_core::catalogue::{Catalogue, ServiceKind};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::egress::{
    Decision, EgressException, EgressPolicy, SquidFile, SquidReport, SquidSources,
};
use dify_infra_core::render;

use self::agreement::Case;
use self::proxy::Squid;

/// What lets any file run in the test: logs where the test reads them.
const PLACE: &str = "access_log stdio:/dev/stdout squid\ncache_log /dev/null\npid_filename none\n\
    pinger_enable off\nvisible_hostname this-proxy\n";

/// Spellings that each range of clients must ask for at least.
const LEAST_SPELLINGS: usize = 250;

/// Indices of [`agreement::CLIENTS`].
const PLATFORM: usize = 0;
const SUBNET: usize = 1;
const EVERYBODY: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// Runs squid with a file and compares all answers with those of the evaluator.
fn prove(title: &str, text: &str, file: &SquidFile, ranges: &[usize]) -> Vec<Case> {
    name_server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        origins::start().await;
        let squid = Squid::start(text);
        let cases = agreement::cases(&squid, file, ranges).await;
        agreement::compare(title, &cases);
        agreement::redirects(&squid, file).await;
        cases
    })
}

fn policy() -> EgressPolicy {
    EgressPolicy::default_policy()
        .with_exception(EgressException::network("10.0.8.4/32", "our wiki").unwrap())
        .with_exception(EgressException::domain(".corp.test", "our own names").unwrap())
}

#[test]
fn our_file_does_what_the_policy_says() {
    namespace::run("egress::inside_our_file");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_our_file() {
    if !namespace::is_inside() {
        return;
    }
    let policy = EgressPolicy::default_policy();
    let text = render::squid(&policy).unwrap().text;
    let cases = prove(
        "our file",
        &text,
        &SquidFile::read(&text).unwrap(),
        &EVERYBODY,
    );
    let passed: Vec<String> = cases
        .iter()
        .filter(|case| case.spelling.forbidden && case.real() == Decision::Allowed)
        .map(Case::told)
        .collect();
    assert!(passed.is_empty(), "{}", passed.join("\n"));
    let spellings = cases.len() / EVERYBODY.len();
    assert!(spellings >= LEAST_SPELLINGS, "only {spellings} spellings");
}

#[test]
fn exceptions_open_what_they_name_and_no_more() {
    namespace::run("egress::inside_exceptions");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_exceptions() {
    if namespace::is_inside() {
        let policy = policy();
        let text = render::squid(&policy).unwrap().text;
        prove(
            "our file with exceptions",
            &text,
            &policy.to_squid(),
            &[PLATFORM],
        );
    }
}

#[test]
fn the_evaluator_reads_the_designs_file_as_squid_does() {
    namespace::run("egress::inside_seed");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_seed() {
    if namespace::is_inside() {
        let text = format!("{PLACE}{}", include_str!("seed.conf"));
        let cases = prove(
            "the design's file",
            &text,
            &SquidFile::read(&text).unwrap(),
            &[PLATFORM, SUBNET],
        );
        let passed: Vec<&str> = cases
            .iter()
            .filter(|case| case.spelling.forbidden && case.real() == Decision::Allowed)
            .map(|case| case.spelling.target.as_str())
            .collect();
        println!("  {} of them must be denied, and pass", passed.len());
        for target in [
            "http://169.254.169.254/",
            "http://2852039166/",
            "http://168.63.129.16/",
            "http://metadata.test/",
            "10.99.0.10:6379",
        ] {
            assert!(passed.contains(&target), "{target} is denied after all");
        }
    }
}

#[test]
fn the_evaluator_reads_the_designs_reverse_proxy_as_squid_does() {
    namespace::run("egress::inside_seed_reverse");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_seed_reverse() {
    if namespace::is_inside() {
        let reverse = include_str!("seed-reverse.conf")
            .replace("${SANDBOX_HOST}", "10.88.0.2")
            .replace("${SANDBOX_PORT}", "5001");
        let text = format!("{PLACE}{}{reverse}", include_str!("seed.conf"));
        prove(
            "the design's file with its reverse proxy",
            &text,
            &SquidFile::read(&text).unwrap(),
            &[PLATFORM, SUBNET],
        );
    }
}

#[test]
fn the_evaluator_reads_difys_order_as_squid_does() {
    namespace::run("egress::inside_dify");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_dify() {
    if namespace::is_inside() {
        let text = format!("{PLACE}{}", include_str!("ordered-as-dify.conf"));
        prove(
            "a file in Dify's order",
            &text,
            &SquidFile::read(&text).unwrap(),
            &[PLATFORM, SUBNET],
        );
    }
}

#[test]
fn gaps_between_denied_ranges_are_open_in_the_real_squid_too() {
    namespace::run("egress::inside_gaps");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_gaps() {
    if !namespace::is_inside() {
        return;
    }
    let text = format!("{PLACE}{}", include_str!("gaps.conf"));
    let file = SquidFile::read(&text).unwrap();
    let cases = prove("a file with gaps", &text, &file, &[PLATFORM]);
    let open = SquidReport::of(&file, &text).open_ranges;
    let is_told = |address: IpAddr| {
        open.iter()
            .any(|it| it.first <= address && address <= it.last)
    };
    let passes = |host: &str| {
        let target = format!("http://{host}/");
        let mut of_host = cases.iter().filter(|case| case.spelling.target == target);
        of_host.any(|case| case.real() == Decision::Allowed)
    };
    for host in ["10.99.0.10", "192.168.0.0", "172.16.0.0", "10.255.255.255"] {
        let address: IpAddr = host.parse().unwrap();
        assert_eq!(passes(host), is_told(address), "{host}: {open:?}");
    }
    assert!(passes("10.99.0.10") && !passes("10.255.255.255"));
}

/// The files of the machine, for files that the test wrote itself.
struct Anywhere;

impl SquidSources for Anywhere {
    fn included(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        Err(format!("{pattern} is not expected"))
    }

    fn values(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

#[test]
fn the_evaluator_falls_into_squids_traps_as_squid_does() {
    namespace::run("egress::inside_traps");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_traps() {
    if namespace::is_inside() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("filed.txt");
        std::fs::write(&list, "# two\n  198.18.0.0/16 # of them\n\n240.0.0.0/4").unwrap();
        let traps = include_str!("traps.conf").replace("FILED", list.to_str().unwrap());
        let text = format!("{PLACE}{traps}");
        prove(
            "a file of traps",
            &text,
            &SquidFile::read_with(&text, &Anywhere).unwrap(),
            &[PLATFORM, SUBNET],
        );
    }
}

/// Memory of the proxy's container where a file says nothing about it, in bytes: the least of all
/// releases.
fn container_memory() -> u64 {
    let releases = Catalogue::builtin().releases().iter();
    let sizes = releases.map(|release| {
        let built = Deployment::builder("dify", "dev")
            .location("japaneast")
            .resource_group("dify-dev-rg")
            .release(release.version().to_string())
            .build()
            .unwrap();
        let mut services = built.deployment.services();
        let proxy = services.find(|it| it.kind == ServiceKind::SsrfProxy);
        u64::from(proxy.unwrap().size.memory().hundredths()) * (1 << 30) / 100
    });
    sizes.min().unwrap()
}

#[test]
fn load_of_500_clients_is_served() {
    namespace::run("egress::inside_load");
}

#[test]
#[ignore = "runs in a namespace of its own, which another test makes"]
fn inside_load() {
    if !namespace::is_inside() {
        return;
    }
    name_server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let load = runtime.block_on(async {
        origins::start().await;
        let text = render::squid(&EgressPolicy::default_policy()).unwrap().text;
        load::run(&Squid::start(&text)).await
    });
    println!(
        "squid with our file, 500 clients at once, half of them in tunnels: {} of {} requests \
         served, p50 {:?}, p99 {:?}, all in {:?}, in {} MiB of the container's {} MiB; clients and \
         origins share the machine",
        load.succeeded,
        load.requests,
        load.p50,
        load.p99,
        load.took,
        load.memory >> 20,
        container_memory() >> 20,
    );
    assert!(load.memory < container_memory(), "{} bytes", load.memory);
    let allowed = load.requests / 1000;
    assert!(load.requests - load.succeeded <= allowed);
}
