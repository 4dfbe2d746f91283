//! Reads ports and peers.

use super::Reader;
use crate::egress::squid::file::{Listener, Peer, Place};
use crate::egress::squid::lines::Line;

impl Reader<'_> {
    pub(super) fn port(&mut self, rest: &[&str], place: &Place) {
        let (address, options) = rest.split_first().unwrap_or((&"", &[]));
        let number = address.rsplit_once(':').map_or(*address, |(_, port)| port);
        let port = number.parse::<u16>().ok().filter(|port| *port > 0);
        let Some(port) = port else {
            let names_variable = address.contains("${");
            if !names_variable {
                self.fatal(place, format!("{address:?} is not a port"));
            }
            return;
        };
        let has = |names: &[&str]| options.iter().any(|option| names.contains(option));
        let value = |name: &str| {
            let find = |option: &&str| option.strip_prefix(name).map(str::to_owned);
            options.iter().find_map(find)
        };
        if has(&["intercept", "transparent", "tproxy"]) {
            self.doubt(
                place,
                "requests that are intercepted are not understood here",
            );
        }
        if has(&["require-proxy-header"]) {
            self.file.settings.forwarded = Some(place.clone());
            self.doubt(place, "whoever connects names the client's address");
        }
        let accelerates = has(&["accel", "vhost"]);
        let site = value("defaultsite=");
        if site.is_some() && !accelerates {
            self.fatal(place, "`defaultsite=` needs `accel` before it");
        }
        self.file.listeners.push(Listener {
            port,
            name: value("name="),
            accelerates,
            by_host: accelerates && !has(&["no-vhost"]),
            site,
            direct: has(&["allow-direct"]),
            place: place.clone(),
        });
    }

    pub(super) fn peer(&mut self, rest: &[&str], place: &Place) {
        let [host, kind, port, _icp, options @ ..] = rest else {
            self.fatal(place, "a peer needs its host, type and two ports");
            return;
        };
        let name = options
            .iter()
            .find_map(|option| option.strip_prefix("name="));
        self.file.peers.push(Peer {
            name: name.unwrap_or(host).to_owned(),
            port: port.parse().ok(),
            is_parent: *kind == "parent",
            is_origin: options.contains(&"originserver"),
            access: Vec::new(),
            place: place.clone(),
        });
    }

    pub(super) fn peer_access(&mut self, rest: &[&str], line: &Line, place: &Place) {
        let (name, rest) = rest.split_first().unwrap_or((&"", &[]));
        let Some(index) = self.file.peers.iter().position(|peer| peer.name == *name) else {
            self.ineffective(place, &format!("there is no peer `{name}` before it"));
            return;
        };
        if let Some(access) = self.access(rest, line, place) {
            self.file.peers[index].access.push(access);
        }
    }
}
