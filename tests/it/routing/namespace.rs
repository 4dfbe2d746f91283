//! Processes in network, mount and process namespaces of their own.
//!
//! The namespaces belong to the process: when it ends, for whatever reason, the kernel ends all that
//! runs in them and they are gone. Nothing has a name that could stay behind.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

/// What the process is to do, as text.
const TASK: &str = "DIFY_INFRA_TEST_TASK";

/// How the line begins that holds the result.
const RESULT: &str = "result of the namespace: ";

/// Gives the namespaces a loopback interface with the addresses of the tests, and an `/etc` and a
/// `/tmp` that can be changed without changing the machine's.
const PREPARE: &str = "\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
for folder in etc tmp; do
    mkdir -p /mnt/$folder/upper /mnt/$folder/work
    mount -t overlay overlay -o lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work /$folder
done
mkdir -p /etc/dify-infra/nginx
ip link set lo up
for address in 100.100.0.52 198.51.100.7 198.51.100.80; do ip address add $address/32 dev lo; done
exec \"$@\"
";

/// Whether there can be such namespaces, and nginx in them; if not, says that the test is skipped,
/// or fails when real programs are required.
pub(super) fn is_possible() -> bool {
    let works = |program: &str, arguments: &[&str]| {
        let (program, arguments) = privileged(program, arguments);
        let mut command = Command::new(program);
        let status = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    let parts = [
        ("nginx", works("nginx", &["-v"])),
        ("dash", works("dash", &["-c", "true"])),
        ("busybox", works("busybox", &["true"])),
        ("ip (iproute2)", works("ip", &["-V"])),
        (
            "the right to make namespaces (run as root)",
            works("unshare", &["--net", "--pid", "--mount", "--fork", "true"]),
        ),
    ];
    let Some((missing, _)) = parts.iter().find(|(_, works)| !works) else {
        return true;
    };
    assert!(
        std::env::var_os("DIFY_INFRA_REQUIRE_REAL").is_none_or(|value| value != "1"),
        "{missing} not found, but DIFY_INFRA_REQUIRE_REAL=1"
    );
    drop(writeln!(std::io::stderr(), "skipped: {missing} not found"));
    false
}

/// A command as root: as it is, or through `sudo` where that asks for no password.
fn privileged<'a>(program: &'a str, arguments: &[&'a str]) -> (&'a str, Vec<&'a str>) {
    let id = Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|id| id.stdout.starts_with(b"0"));
    if is_root {
        (program, arguments.to_vec())
    } else {
        let before = ["-n", "--preserve-env", program];
        (
            "sudo",
            before
                .into_iter()
                .chain(arguments.iter().copied())
                .collect(),
        )
    }
}

/// A test of this very binary that runs in namespaces of its own.
pub(super) struct Run(Child);

impl Run {
    /// Starts the ignored test `name` with something to do.
    pub(super) fn start(name: &str, task: &str) -> Self {
        let this = std::env::current_exe().unwrap();
        // It ends with this test, even when that is killed.
        let arguments = [
            "--pdeathsig",
            "KILL",
            "unshare",
            "--net",
            "--pid",
            "--mount",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            PREPARE,
            "sh",
            this.to_str().unwrap(),
            name,
            "--exact",
            "--ignored",
            "--nocapture",
        ];
        let (program, arguments) = privileged("setpriv", &arguments);
        let child = Command::new(program)
            .args(arguments)
            .env(TASK, task)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits for its end: the result, or all that it wrote.
    pub(super) fn result(mut self) -> Result<String, String> {
        let mut errors = self.0.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            drop(errors.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut output = Vec::new();
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut output)
            .unwrap();
        let status = self.0.wait().unwrap();
        let output = String::from_utf8_lossy(&output).into_owned();
        let errors = reader.join().unwrap();
        let result = output
            .lines()
            .find_map(|line| Some(line.split_once(RESULT)?.1.to_owned()));
        match result {
            Some(result) if status.success() => Ok(result),
            _ => Err(format!("{status}\n{output}\n{errors}")),
        }
    }
}

impl Drop for Run {
    /// Ends what still runs when the test fails before it waited.
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What this process was started to do in its namespaces.
pub(super) fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// Hands the result to whoever started this process.
pub(super) fn report(result: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "\n{RESULT}{result}").unwrap();
    out.flush().unwrap();
}
