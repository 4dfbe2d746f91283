//! Files that `gen` writes: for their owner alone, whole, never over another.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{PROGRAM, assignments, code, secrets, secrets_in, shell, stderr, stdout};

#[test]
fn the_format_follows_from_the_name_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    for (name, begin) in [
        ("a.json", "{"),
        ("a.toml", "DIFY_INFRA_FINGERPRINT_KEY = \""),
        ("a.bicepparam", "using none\n"),
        ("a.secrets.env", "DIFY_INFRA_FINGERPRINT_KEY="),
    ] {
        assert_eq!(
            code(&secrets_in(directory.path(), &["gen", "--out", name])),
            0
        );
        let text = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.starts_with(begin), "{name}");
        assert_eq!(code(&secrets_in(directory.path(), &["check", name])), 0);
    }
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.env");
    let target = path.to_str().unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    for umask in ["000", "022", "777"] {
        let script = format!("umask {umask}; \"$DIFY_SECRETS\" gen --out '{target}' --force");
        assert_eq!(code(&shell(&script)), 0);
        assert_eq!(mode(), 0o600, "umask {umask}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let output = secrets(&["check", target]);
    assert!(stderr(&output).contains("mode 0644"), "{}", stderr(&output));
    assert_eq!(code(&secrets(&["gen", "--out", target, "--force"])), 0);
    assert_eq!(mode(), 0o600);
}

#[test]
fn an_existing_file_is_never_overwritten_without_force() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.env");
    fs::write(&path, "SECRET_KEY=in-use\n").unwrap();
    let output = secrets_in(directory.path(), &["gen", "--out", "x.env"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("left as it is"));
    assert_eq!(stdout(&output), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), "SECRET_KEY=in-use\n");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    assert_eq!(
        code(&secrets_in(
            directory.path(),
            &["gen", "--out", "x.env", "--force"]
        )),
        0
    );
    assert_eq!(assignments(&fs::read_to_string(&path).unwrap()).len(), 7);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn of_many_that_race_for_a_file_one_wins_whole() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("x.env");
    let start = |_| {
        Command::new(PROGRAM)
            .args(["gen", "--out"])
            .arg(&target)
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..8).map(start).collect();
    let codes = children
        .into_iter()
        .map(|mut child| child.wait().unwrap().code());
    assert_eq!(codes.filter(|code| *code == Some(0)).count(), 1);
    assert_eq!(assignments(&fs::read_to_string(&target).unwrap()).len(), 7);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_refused_even_with_force() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (
        directory.path().join("target"),
        directory.path().join("link"),
    );
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let dangling = directory.path().join("dangling");
    std::os::unix::fs::symlink(directory.path().join("nowhere"), &dangling).unwrap();
    for path in [
        link.as_path(),
        &dangling,
        directory.path(),
        Path::new("/dev/null"),
    ] {
        for force in [&[][..], &["--force"]] {
            let output = Command::new(PROGRAM)
                .args(["gen", "--out"])
                .arg(path)
                .args(force)
                .output()
                .unwrap();
            assert_eq!(code(&output), 1, "{}", path.display());
            assert!(
                stderr(&output).contains("plain files only"),
                "{}",
                stderr(&output)
            );
        }
    }
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    assert!(!directory.path().join("nowhere").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let output = shell(r#""$DIFY_SECRETS" gen > /dev/full"#);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("could not be written to stdout"));
}

#[test]
fn a_name_that_promises_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = secrets_in(directory.path(), &["gen", "--out", "x.yaml"]);
    assert_eq!(code(&refused), 64);
    assert!(
        stderr(&refused).contains("the formats are env, json"),
        "{}",
        stderr(&refused)
    );
    assert!(!directory.path().join("x.yaml").exists());
    let meant = ["gen", "--out", "x.yaml", "--format", "json"];
    assert_eq!(code(&secrets_in(directory.path(), &meant)), 0);
}
