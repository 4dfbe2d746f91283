//! A network namespace in which every address is the machine's own, and nothing leads out.

use std::process::{Command, Stdio};

/// What the test has of its own.
const NAMESPACES: [&str; 6] = [
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Set for the test that runs inside.
const INSIDE: &str = "DIFY_INFRA_INSIDE_NAMESPACE";

/// Makes the namespace: all of IPv4 and IPv6 is local, names are asked of the test's own server.
const MAKE: &str = "set -e
mount --make-rprivate /
ip link set lo up
echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
mount --bind \"$1/resolv.conf\" /etc/resolv.conf
mount --bind \"$1/hosts\" /etc/hosts
shift
exec \"$@\"";

/// Whether this process is inside of a namespace that [`run`] made.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs one test of this program, which is ignored outside, in a namespace of its own.
#[expect(clippy::print_stdout, reason = "what a test found is told")]
pub(crate) fn run(test: &str) {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.53\n").unwrap();
    std::fs::write(folder.path().join("hosts"), "").unwrap();
    // All that runs in it ends with it, and it ends with this test, even when that is killed.
    let output = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(NAMESPACES)
        .args(["sh", "-c", MAKE, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{printed}");
    assert!(output.status.success(), "{test}\n{printed}\n{errors}");
    assert!(
        printed.contains("1 passed"),
        "{test} did not run\n{printed}\n{errors}"
    );
}

/// Whether namespaces and squid are there; if not, says so, or fails where they are required.
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
fn can_run() -> bool {
    let works = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let missing = if !works("squid", &["-v"]) {
        "squid not found"
    } else if !works(
        "unshare",
        &[&NAMESPACES[..], &["ip", "link", "set", "lo", "up"]].concat(),
    ) {
        "network namespaces not found (they need root, unshare and ip)"
    } else {
        return true;
    };
    assert!(
        std::env::var_os("DIFY_INFRA_REQUIRE_REAL").is_none_or(|value| value != "1"),
        "{missing}, but DIFY_INFRA_REQUIRE_REAL=1"
    );
    println!("skipped: {missing}");
    false
}
