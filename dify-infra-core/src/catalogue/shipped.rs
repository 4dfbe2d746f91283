//! Which images were shipped together, of every release whose set is known: far more than are offered.

use super::{ServiceKind, Version};

/// A release of Dify, the sandbox and the plugin daemon of its own `docker/docker-compose.yaml`, in the order of
/// versions.
///
/// Read from the release commits of langgenius/dify up to 1.16.0 (2026-07-17); 1.16.1 from the chart of
/// BorisPolonsky/dify-helm, 1.17.1 from its compose file. Of 1.17.0 the daemon's tag was not seen, so nothing is
/// said of it.
const SETS: [(&str, &str, &str); 46] = [
    ("1.0.0", "0.2.10", "0.0.3"),
    ("1.0.1", "0.2.10", "0.0.4"),
    ("1.1.0", "0.2.10", "0.0.5"),
    ("1.1.1", "0.2.10", "0.0.6"),
    ("1.1.2", "0.2.10", "0.0.6"),
    ("1.1.3", "0.2.11", "0.0.6"),
    ("1.2.0", "0.2.11", "0.0.7"),
    ("1.3.0", "0.2.11", "0.0.8"),
    ("1.3.1", "0.2.11", "0.0.9"),
    ("1.4.0", "0.2.12", "0.0.10"),
    ("1.4.1", "0.2.12", "0.1.1"),
    ("1.4.2", "0.2.12", "0.1.2"),
    ("1.4.3", "0.2.12", "0.1.2"),
    ("1.5.0", "0.2.12", "0.1.2"),
    ("1.5.1", "0.2.12", "0.1.3"),
    ("1.6.0", "0.2.12", "0.1.3"),
    ("1.7.0", "0.2.12", "0.2.0"),
    ("1.7.1", "0.2.12", "0.2.0"),
    ("1.7.2", "0.2.12", "0.2.0"),
    ("1.8.0", "0.2.12", "0.2.0"),
    ("1.8.1", "0.2.12", "0.2.0"),
    ("1.9.0", "0.2.12", "0.3.0"),
    ("1.9.1", "0.2.12", "0.3.0"),
    ("1.9.2", "0.2.12", "0.3.3"),
    ("1.10.0-rc1", "0.2.12", "0.4.0"),
    ("1.10.0", "0.2.12", "0.4.1"),
    ("1.10.1", "0.2.12", "0.4.1"),
    ("1.10.1-fix.1", "0.2.12", "0.4.1"),
    ("1.11.0", "0.2.12", "0.5.1"),
    ("1.11.1", "0.2.12", "0.5.1"),
    ("1.11.2", "0.2.12", "0.5.2"),
    ("1.11.3", "0.2.12", "0.5.2"),
    ("1.11.4", "0.2.12", "0.5.2"),
    ("1.12.0", "0.2.12", "0.5.3"),
    ("1.12.1", "0.2.12", "0.5.3"),
    ("1.13.0", "0.2.12", "0.5.3"),
    ("1.13.1", "0.2.12", "0.5.4"),
    ("1.13.2", "0.2.12", "0.5.4"),
    // The daemon went back.
    ("1.13.3", "0.2.14", "0.5.3"),
    ("1.14.0", "0.2.15", "0.6.0"),
    ("1.14.1", "0.2.15", "0.6.0"),
    ("1.14.2", "0.2.15", "0.6.1"),
    ("1.15.0", "0.2.15", "0.6.3"),
    ("1.16.0", "0.2.15", "0.6.3"),
    ("1.16.1", "0.2.15", "0.6.3"),
    ("1.17.1", "0.2.15", "0.6.10"),
];

/// The version of the sandbox or the plugin daemon that a release was shipped with; nothing for other services, and
/// where it is not known.
///
/// ```
/// use dify_infra_core::catalogue::{ServiceKind, shipped_with};
///
/// let daemon = shipped_with("1.14.0".parse()?, ServiceKind::PluginDaemon);
/// assert_eq!(daemon, Some("0.6.0".parse()?));
/// # Ok::<(), dify_infra_core::catalogue::InvalidVersion>(())
/// ```
pub fn shipped_with(dify: Version, service: ServiceKind) -> Option<Version> {
    let of_release = |(version, ..): &&(&str, &str, &str)| version.parse() == Ok(dify);
    let (_, sandbox, daemon) = SETS.iter().find(of_release)?;
    match service {
        ServiceKind::Sandbox => sandbox.parse().ok(),
        ServiceKind::PluginDaemon => daemon.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, VersionLine};

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn every_offered_release_has_the_images_of_its_set() {
        for release in Catalogue::builtin().releases() {
            for (kind, line) in [
                (ServiceKind::Sandbox, VersionLine::Sandbox),
                (ServiceKind::PluginDaemon, VersionLine::PluginDaemon),
            ] {
                let shipped = shipped_with(release.version(), kind);
                let of_line = release.line_version(line);
                let of_image = version(&release.image(kind.image()).tag);
                assert_eq!(shipped, Some(of_line), "{}", release.version());
                assert_eq!(of_line, of_image, "{}", release.version());
            }
        }
    }

    /// A gap in the list is a release of whose images nothing would be said.
    #[test]
    fn no_release_is_left_out_but_the_one_that_was_not_seen() {
        let all: Vec<Version> = SETS.iter().map(|(dify, ..)| version(dify)).collect();
        assert!(all.is_sorted_by(|one, next| one < next), "{all:?}");
        let newest = Catalogue::builtin().releases()[0].version();
        assert_eq!(all.last(), Some(&newest));
        let has = |minor: u32, patch: u32| all.contains(&Version::new(1, minor, patch));
        let last_patch = |minor: u32| (0..20).rev().find(|patch| has(minor, *patch));
        let mut missing = Vec::new();
        for minor in 0..=17 {
            let last = last_patch(minor).unwrap();
            missing.extend(
                (0..last)
                    .filter(|it| !has(minor, *it))
                    .map(|it| (minor, it)),
            );
        }
        assert_eq!(missing, [(17, 0)]);
    }

    #[test]
    fn the_sandbox_never_went_back_and_the_daemon_once() {
        let went_back = |of: fn(&(&str, &str, &str)) -> Version| {
            SETS.windows(2)
                .filter(|pair| of(&pair[1]) < of(&pair[0]))
                .map(|pair| pair[1].0)
                .collect::<Vec<_>>()
        };
        assert_eq!(went_back(|set| version(set.1)), Vec::<&str>::new());
        assert_eq!(went_back(|set| version(set.2)), ["1.13.3"]);
    }
}
