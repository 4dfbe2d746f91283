//! Reads directives that decide nothing by themselves.

use super::Reader;
use crate::egress::squid::file::{Amount, Place, RemarkKind};
use crate::egress::squid::lines::{Line, words};
use crate::egress::squid::{amount, directives};

impl Reader<'_> {
    pub(super) fn setting(&mut self, name: &str, rest: &[&str], line: &Line, place: &Place) {
        let first = rest.first().copied().unwrap_or_default();
        let is_on = first == "on";
        match name {
            "configuration_includes_quoted_values" => self.quoted = is_on,
            "visible_hostname" => self.file.settings.visible_hostname = first.to_ascii_lowercase(),
            "append_domain" => self.file.settings.append_domain = first.to_ascii_lowercase(),
            "check_hostnames" => self.file.settings.check_hostnames = is_on,
            "allow_underscore" => self.file.settings.allow_underscore = is_on,
            "prefer_direct" => self.file.settings.prefer_direct = is_on,
            "nonhierarchical_direct" => self.file.settings.nonhierarchical_direct = is_on,
            "follow_x_forwarded_for" => {
                if first == "allow" {
                    self.file.settings.forwarded = Some(place.clone());
                    self.doubt(
                        place,
                        "clients that it trusts may name any other address as theirs",
                    );
                }
            }
            "acl_uses_indirect_client" => {
                if first == "off" {
                    self.file.settings.forwarded = None;
                }
            }
            "read_timeout" => {
                self.file.settings.read_timeout = self.amount(amount::seconds(rest), place);
            }
            "cache_mem" => self.file.settings.cache_mem = self.amount(amount::bytes(rest), place),
            "cache_peer_domain" | "neighbor_type_domain" => {
                self.doubt(place, "it changes which peer takes a request");
            }
            _ => self.other(name, line, place),
        }
    }

    /// An amount of a line; behind a condition that is not understood it is not known which one holds.
    fn amount(&self, number: Option<u64>, place: &Place) -> Amount {
        Amount {
            number: number.filter(|_| !self.in_doubt()),
            place: place.clone(),
        }
    }

    fn other(&mut self, name: &str, line: &Line, place: &Place) {
        if let Some(what) = directives::changes_requests(name) {
            self.file.settings.later.push((place.clone(), what));
            let message = format!("`{name}` {what}, which is not followed here");
            self.file.remark(RemarkKind::NotUnderstood, place, message);
        } else if !directives::is_harmless(name) {
            let first = words(&line.text)
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned();
            self.file.remark(
                RemarkKind::NotUnderstood,
                place,
                format!("`{first}` is not a directive that is known here"),
            );
        }
    }
}
