//! How large a request may be on each stage of its way.

use super::super::{API, DAEMON, NGINX, files, label, line_of, number_or};
use super::timeouts::INGRESS_SECONDS;
use super::{ERROR, WARNING};
use crate::audit::inventory::{Container, Fact, FileKind, Inventory};
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

pub(super) const BODIES: Rule = Rule {
    id: "LIM105",
    title: "nginx lets through what the API takes",
    why: "nginx refuses bodies above `client_max_body_size`, 1 MB unless it is set, with 413: uploads fail \
          that the API would take.",
    source: "langgenius/dify#20869, #12376; langgenius/dify-plugin-daemon#405",
    fix: "Set `client_max_body_size 100M` or more.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./small-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose("services:\n  nginx:\n    environment: {}"),
    audit: Some(bodies),
    ..ERROR
};

pub(super) const PACKAGES: Rule = Rule {
    id: "LIM111",
    title: "API and plugin daemon take packages of one size",
    why: "The API's limit is 15 MiB unless it is set, the daemon's 50: packages between the two fail \
          half-way, with 413 or without a word.",
    source: "langgenius/dify-plugin-daemon#405; langgenius/dify 1.16.0 api/configs/feature",
    fix: "Set `PLUGIN_MAX_PACKAGE_SIZE` on api and worker and `MAX_PLUGIN_PACKAGE_SIZE` on the daemon to \
          the same number.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"15728640\"",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"52428800\"",
    ),
    audit: Some(packages),
    ..WARNING
};

pub(super) const GATEWAY: Rule = Rule {
    id: "LIM115",
    title: "A gateway lets through what the API takes, for as long as it takes",
    why: "Its firewall refuses larger files with 413, and its backend settings end an answer after 20 seconds \
          unless they are told otherwise: uploads and long answers fail that work inside.",
    source: "learn.microsoft.com web-application-firewall/ag/application-gateway-waf-request-size-limits; \
             learn.microsoft.com application-gateway/configuration-http-settings; langgenius/dify#20869",
    fix: "Set `fileUploadLimitInMb` to 100 or more, and `requestTimeout` to 240.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"state": "Enabled", "mode": "Prevention", "requestBodyCheck": true, "fileUploadLimitInMb": 10}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"state": "Enabled", "mode": "Prevention", "requestBodyCheck": true, "fileUploadLimitInMb": 100}}}]"#,
    ),
    audit: Some(gateway),
    ..WARNING
};

/// Megabytes that `client_max_body_size` says; 0 is no limit.
fn body_limit(text: &str) -> Option<f64> {
    let value = text
        .split([';', '{', '}'])
        .find_map(|statement| statement.trim().strip_prefix("client_max_body_size"))?
        .trim()
        .to_ascii_lowercase();
    let (number, unit) = match value.char_indices().last()? {
        (at, 'm') => (&value[..at], 1.0),
        (at, 'g') => (&value[..at], 1024.0),
        (at, 'k') => (&value[..at], 1.0 / 1024.0),
        _ => (value.as_str(), 1.0 / 1_048_576.0),
    };
    let number: f64 = number.parse().ok()?;
    Some(if number == 0.0 {
        f64::INFINITY
    } else {
        number * unit
    })
}

/// The API, what decides its largest upload, and its megabytes.
fn largest_upload(inventory: &Inventory) -> Option<(&Container, &'static str, f64)> {
    let (_, api) = inventory.of(API).next()?;
    // Files of a knowledge base have 15 MB, batches are of one file each; packages 15 MiB.
    let upload = number_or(api, "UPLOAD_FILE_SIZE_LIMIT", 15.0);
    let package =
        number_or(api, "PLUGIN_MAX_PACKAGE_SIZE", 15.0 * 1_048_576.0).map(|it| it / 1_048_576.0);
    let most = upload.into_iter().chain(package).fold(0.0, f64::max);
    let name = if upload == Some(most) {
        "UPLOAD_FILE_SIZE_LIMIT"
    } else {
        "PLUGIN_MAX_PACKAGE_SIZE"
    };
    Some((api, name, most))
}

fn gateway(inventory: &Inventory, found: &mut Findings) {
    for gateway in &inventory.gateways {
        if let (Fact::Known(limit, place), Some((api, name, most))) =
            (&gateway.upload, largest_upload(inventory))
            && *limit < most
        {
            let message =
                format!("the gateway takes files of {limit} MB, but the API of {most} MB");
            found
                .push(place, message)
                .see(api.place_of(name), format!("{name} of the API: {most} MB"));
        }
        for (seconds, place) in &gateway.timeouts {
            if *seconds < INGRESS_SECONDS
                && let Some((_, api)) = inventory.of(API).next()
            {
                let message = format!(
                    "the gateway gives up after {seconds} seconds, before the environment's entry does after 240"
                );
                found
                    .push(place, message)
                    .see(&api.place, "the API, whose answers take longer")
                    .with_help("set `requestTimeout` to 240");
            }
        }
    }
}

fn bodies(inventory: &Inventory, found: &mut Findings) {
    let files: Vec<_> = files(inventory, FileKind::Nginx).collect();
    let Some(file) = files.iter().find(|it| it.text.contains("proxy_pass")) else {
        return;
    };
    let from_variable = inventory
        .of(NGINX)
        .find_map(|(_, it)| it.literal("NGINX_CLIENT_MAX_BODY_SIZE"))
        .and_then(|value| body_limit(&format!("client_max_body_size {value}")));
    let limit = files
        .iter()
        .find_map(|it| body_limit(&it.text))
        .or(from_variable)
        .unwrap_or(1.0);
    let Some((api, name, most)) = largest_upload(inventory) else {
        return;
    };
    if limit < most {
        let message = format!("nginx takes bodies of {limit} MB, but the API files of {most} MB");
        let other = format!("{name} of the API: {most} MB");
        let said = files.iter().find(|it| body_limit(&it.text).is_some());
        let place = match said {
            Some(said) => line_of(said, |line| line.contains("client_max_body_size")),
            None => line_of(file, |line| line.contains("proxy_pass")),
        };
        found.push(&place, message).see(api.place_of(name), other);
    }
}

fn packages(inventory: &Inventory, found: &mut Findings) {
    let Some((_, daemon)) = inventory.of(DAEMON).next() else {
        return;
    };
    let Some(daemons) = number_or(daemon, "MAX_PLUGIN_PACKAGE_SIZE", 52_428_800.0) else {
        return;
    };
    for (workload, container) in inventory.of(API) {
        let own = number_or(container, "PLUGIN_MAX_PACKAGE_SIZE", 15_728_640.0);
        if let Some(own) = own.filter(|own| (own - daemons).abs() > 0.5) {
            let message = format!(
                "`{}` takes packages of {own} bytes, the plugin daemon of {daemons}",
                label(workload, container)
            );
            let place = container.place_of("PLUGIN_MAX_PACKAGE_SIZE");
            found.push(place, message).see(
                daemon.place_of("MAX_PLUGIN_PACKAGE_SIZE"),
                "the plugin daemon",
            );
        }
    }
}
