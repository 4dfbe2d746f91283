//! Routes of the front door, exceptions of the proxy, rules that may be broken.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Resolver;
use crate::catalogue::{FrontDoor, Release, Route, ServiceKind};
use crate::check::{self, spc, ssr};
use crate::deployment::{AllowedRule, Service};
use crate::diagnostic::KeyPath;
use crate::egress::{EgressException, EgressPolicy};
use crate::routes::{HttpSettings, Location, RouteTable};
use crate::spec::{AllowedRuleSpec, EgressExceptionSpec, missing_key, nearest};

/// The table of the release's routes; nothing when the catalogue contradicts itself.
pub(super) fn routes(
    release: &Release,
    services: &BTreeMap<ServiceKind, Service>,
) -> Option<RouteTable> {
    let locations = release
        .routes()
        .iter()
        .map(|route| location(release, services, route));
    let locations: Option<Vec<_>> = locations.collect();
    RouteTable::new(locations?, http_settings(release.front_door())?).ok()
}

fn location(
    release: &Release,
    services: &BTreeMap<ServiceKind, Service>,
    route: &Route,
) -> Option<Location> {
    let deployed = |kind: &ServiceKind| services.contains_key(kind);
    let kind = Some(route.service)
        .filter(deployed)
        .or(route.fallback.filter(deployed))?;
    let port = release.service(kind)?.port()?;
    let mut location = Location::prefix(&route.path, kind.key(), port);
    if route.websocket {
        location = location.with_upgrade();
    }
    if route.url_header.is_some() {
        location = location.with_hook_url();
    }
    Some(match route.since {
        Some(since) => location.since(since.to_string()),
        None => location,
    })
}

fn http_settings(front_door: &FrontDoor) -> Option<HttpSettings> {
    Some(HttpSettings {
        client_max_body_size: bytes(&front_door.client_max_body_size)?,
        read_timeout: Duration::from_secs(front_door.proxy_read_timeout_seconds.into()),
        send_timeout: Duration::from_secs(front_door.proxy_send_timeout_seconds.into()),
        keepalive_timeout: Duration::from_secs(front_door.keepalive_timeout_seconds.into()),
        response_buffering: front_door.proxy_buffering,
        ..HttpSettings::default()
    })
}

/// A size in nginx's notation, such as `100M`, in bytes.
fn bytes(size: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let upper = size.to_ascii_uppercase();
    let unit = units
        .into_iter()
        .find(|(letter, _)| upper.ends_with(*letter));
    let digits = upper.trim_end_matches(['K', 'M', 'G']);
    digits
        .parse::<u64>()
        .ok()?
        .checked_shl(unit.map_or(0, |(_, shift)| shift))
}

impl Resolver<'_> {
    pub(super) fn egress(&mut self) -> EgressPolicy {
        let mut policy = EgressPolicy::default_policy();
        for (index, spec) in self.spec.egress.allow.iter().enumerate() {
            let path = KeyPath::of("egress.allow").index(index);
            if let Some(exception) = self.exception(&path, spec) {
                policy = policy.with_exception(exception);
            }
        }
        policy
    }

    fn exception(&mut self, path: &KeyPath, spec: &EgressExceptionSpec) -> Option<EgressException> {
        let reason = self.reason(path, spec.reason.as_deref(), "the destination is needed");
        // An empty reason has been reported; the destination is looked at all the same.
        let shown = reason.unwrap_or("?");
        let (key, exception) = match (&spec.cidr, &spec.domain) {
            (Some(cidr), None) => ("cidr", EgressException::network(cidr, shown)),
            (None, Some(domain)) => ("domain", EgressException::domain(domain, shown)),
            _ => {
                let message = "an exception has either `cidr` or `domain`";
                self.report(ssr::EXCEPTION.finding(path.clone(), message));
                return None;
            }
        };
        exception
            .map_err(|error| self.refuse(&ssr::EXCEPTION, path.key(key), &error))
            .ok()
    }

    /// A reason that says something.
    fn reason<'a>(
        &mut self,
        path: &KeyPath,
        reason: Option<&'a str>,
        why: &str,
    ) -> Option<&'a str> {
        let path = path.key("reason");
        let help = format!("say in a few words why {why}: `reason = \"...\"`");
        match reason.map(str::trim) {
            None => self.report(missing_key(path).with_help(help)),
            Some("") => {
                self.report(
                    spc::INVALID_VALUE
                        .finding(path, "the reason is empty")
                        .with_help(help),
                );
            }
            Some(reason) => return Some(reason),
        }
        None
    }

    pub(super) fn allowed(&mut self) -> Vec<AllowedRule> {
        let mut allowed = Vec::new();
        for (index, spec) in self.spec.checks.allow.iter().enumerate() {
            let path = KeyPath::of("checks.allow").index(index);
            let rule = self.allowed_rule(&path.key("rule"), spec);
            let reason = self.reason(&path, spec.reason.as_deref(), "the rule may be broken");
            if let (Some(rule), Some(reason)) = (rule, reason) {
                allowed.push(AllowedRule {
                    rule: rule.to_owned(),
                    reason: reason.to_owned(),
                });
            }
        }
        allowed
    }

    fn allowed_rule(&mut self, path: &KeyPath, spec: &AllowedRuleSpec) -> Option<&'static str> {
        let Some(id) = spec.rule.as_deref() else {
            let help = "name the rule: `rule = \"LIM004\"`";
            self.report(missing_key(path.clone()).with_help(help));
            return None;
        };
        let Some(rule) = check::rule(id) else {
            let message = format!("there is no rule {id:?}");
            let help = match nearest(id, check::rules().map(|rule| rule.id)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the ids stand in square brackets in what `check` prints".to_owned(),
            };
            self.report(
                spc::INVALID_VALUE
                    .finding(path.clone(), message)
                    .with_help(help),
            );
            return None;
        };
        if !rule.can_be_allowed() {
            let message = format!("`{}` can't be allowed: {}", rule.id, rule.title);
            self.report(spc::NOT_ALLOWABLE.finding(path.clone(), message));
            return None;
        }
        Some(rule.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_nginx_does() {
        assert_eq!(bytes("100M"), Some(100 << 20));
        assert_eq!(bytes("512k"), Some(512 << 10));
        assert_eq!(bytes("1024"), Some(1024));
        assert_eq!(bytes("lots"), None);
    }
}
