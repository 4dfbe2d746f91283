//! The front door's routes: those of the release and those that the file adds.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::catalogue::{Release, ServiceKind};
use crate::check::url;
use crate::deployment::Service;
use crate::deployment::routes::{PUBLIC_SERVICES, bytes, http_settings, release_locations};
use crate::diagnostic::KeyPath;
use crate::routes::{
    Location, Matching, RouteError, RouteTable, check_location, check_private_path,
};
use crate::spec::{RouteSpec, in_words, missing_key};

/// The largest body that a route may take: it is kept on the replica's disk while it arrives, and
/// the smallest replica has 1 GiB of disk (learn.microsoft.com container-apps/storage-mounts).
const LARGEST_BODY: u64 = 1 << 30;

impl Resolver<'_> {
    /// The table of all routes, and those of the file in its order, with their positions in it; nothing when the catalogue
    /// contradicts itself.
    pub(super) fn routes(
        &mut self,
        release: &Release,
        services: &BTreeMap<ServiceKind, Service>,
    ) -> Option<(RouteTable, Vec<Location>, Vec<usize>)> {
        let is_deployed = |kind| services.contains_key(&kind);
        let mut locations = release_locations(release, &is_deployed)?;
        let (positions, custom): (Vec<_>, Vec<_>) =
            self.custom_routes(release, &locations).into_iter().unzip();
        // Whether a route of the release may be replaced is a rule's business.
        let keys: BTreeSet<_> = custom.iter().map(key).collect();
        locations.retain(|location| !keys.contains(&key(location)));
        locations.extend(custom.iter().cloned());
        let table = RouteTable::new(locations, http_settings(release.front_door())?).ok()?;
        Some((table, custom, positions))
    }

    fn custom_routes(
        &mut self,
        release: &Release,
        built_in: &[Location],
    ) -> Vec<(usize, Location)> {
        let spec = self.spec;
        let mut custom: Vec<(usize, Location)> = Vec::new();
        for (index, route) in spec.routes.iter().enumerate() {
            let path = KeyPath::of("routes").index(index);
            let Some(location) = self.custom_route(&path, route, release, built_in) else {
                continue;
            };
            if custom.iter().any(|(_, known)| key(known) == key(&location)) {
                let message = format!("`{}` is routed twice", location.path);
                let help = "keep one of them";
                self.report(
                    url::ROUTE
                        .finding(path.key("path"), message)
                        .with_help(help),
                );
            } else {
                custom.push((index, location));
            }
        }
        custom
    }

    fn custom_route(
        &mut self,
        path: &KeyPath,
        spec: &RouteSpec,
        release: &Release,
        built_in: &[Location],
    ) -> Option<Location> {
        let matching = self.matching(&path.key("match"), spec.r#match.as_deref());
        let max_body_size = self.max_body_size(&path.key("max_body_size"), spec);
        let kind = self.public_service(&path.key("service"), spec.service.as_deref(), release);
        let Some(text) = spec.path.as_deref() else {
            let help = "name the path that is routed: `path = \"/hooks/\"`";
            self.report(missing_key(path.key("path")).with_help(help));
            return None;
        };
        let kind = kind?;
        let mut location =
            Location::prefix(text, kind.key(), release.service(kind)?.port()?).custom();
        location.matching = matching?;
        location.max_body_size = max_body_size;
        let same = || {
            built_in
                .iter()
                .filter(|known| known.target == location.target)
        };
        // A service that only ever speaks WebSocket, or needs its public URL, does so here too.
        let always_upgrades = same().count() > 0 && same().all(|known| known.upgrade);
        location.hook_url = same().any(|known| known.hook_url);
        location.upgrade = spec.upgrade.unwrap_or(always_upgrades);
        self.possible_route(&path.key("path"), location, kind, release)
    }

    /// The route, unless nginx can't have it or it would publish what is private.
    fn possible_route(
        &mut self,
        path: &KeyPath,
        location: Location,
        kind: ServiceKind,
        release: &Release,
    ) -> Option<Location> {
        if let Err(error) = check_location(&location) {
            self.report(explained(url::ROUTE.finding(path.clone(), ""), &error));
            return None;
        }
        if let Err(error) = check_private_path(&location) {
            self.report(explained(
                url::PRIVATE_ROUTE.finding(path.clone(), ""),
                &error,
            ));
            return None;
        }
        let private = release
            .unrouted()
            .iter()
            .find(|private| private.service == kind && location.touches(&private.path));
        if let Some(private) = private {
            let message = format!(
                "`{}` would publish `{}` of `{kind}`: {}",
                location.path,
                private.path,
                private.why.trim_end_matches('.')
            );
            self.report(url::PRIVATE_ROUTE.finding(path.clone(), message));
            return None;
        }
        Some(location)
    }

    fn matching(&mut self, path: &KeyPath, word: Option<&str>) -> Option<Matching> {
        match word {
            None | Some("prefix") => Some(Matching::Prefix),
            Some("exact") => Some(Matching::Exact),
            Some(other) => {
                let message = format!("{other:?} is not a way to compare paths");
                let help = "use \"prefix\" or \"exact\"";
                self.report(url::ROUTE.finding(path.clone(), message).with_help(help));
                None
            }
        }
    }

    fn max_body_size(&mut self, path: &KeyPath, spec: &RouteSpec) -> Option<u64> {
        let text = spec.max_body_size.as_deref()?;
        let size = bytes(text).filter(|size| (1..=LARGEST_BODY).contains(size));
        if size.is_none() {
            let message = format!("{text:?} is not the size of a body: it has 1 byte to 1G");
            let help = "write a number with K, M or G behind it, such as \"200M\"";
            self.report(url::ROUTE.finding(path.clone(), message).with_help(help));
        }
        size
    }

    /// A service that the release has and that may answer the public.
    fn public_service(
        &mut self,
        path: &KeyPath,
        key: Option<&str>,
        release: &Release,
    ) -> Option<ServiceKind> {
        let offered = PUBLIC_SERVICES.into_iter();
        let offered: Vec<_> = offered
            .filter(|kind| release.service(*kind).is_some())
            .map(|kind| format!("{:?}", kind.key()))
            .collect();
        let help = format!("use {}", in_words(&offered, "or"));
        let Some(key) = key else {
            self.report(missing_key(path.clone()).with_help(help));
            return None;
        };
        let kind = match key.parse::<ServiceKind>() {
            Ok(kind) => kind,
            Err(error) => {
                self.refuse(&url::ROUTE, path.clone(), &error);
                return None;
            }
        };
        let (rule, message) = match kind {
            _ if release.service(kind).is_none() => (
                &url::ROUTE,
                format!("Dify {} has no service `{key}`", release.version()),
            ),
            ServiceKind::Sandbox | ServiceKind::SsrfProxy => (
                &url::PRIVATE_ROUTE,
                format!("`{key}` serves Dify's other services and never the public"),
            ),
            ServiceKind::Nginx => (&url::ROUTE, "`nginx` is the front door itself".to_owned()),
            ServiceKind::Worker | ServiceKind::WorkerBeat => {
                (&url::ROUTE, format!("`{key}` answers no requests"))
            }
            ServiceKind::Api
            | ServiceKind::ApiWebsocket
            | ServiceKind::Web
            | ServiceKind::PluginDaemon => return Some(kind),
        };
        self.report(rule.finding(path.clone(), message).with_help(help));
        None
    }
}

/// What makes two locations one.
fn key(location: &Location) -> (String, Matching) {
    (location.path.clone(), location.matching)
}

/// A finding with what an error says: its problem before the colon, and how to mend it after it.
fn explained(
    mut finding: crate::diagnostic::Diagnostic,
    error: &RouteError,
) -> crate::diagnostic::Diagnostic {
    let text = error.to_string();
    if let Some((problem, remedy)) = text.split_once(": ") {
        problem.clone_into(&mut finding.message);
        finding.with_help(remedy)
    } else {
        finding.message = text;
        finding
    }
}
