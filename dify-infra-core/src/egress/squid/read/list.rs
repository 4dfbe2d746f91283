//! Reads `acl` lines.

use super::Reader;
use crate::egress::squid::file::{Place, RemarkKind};
use crate::egress::squid::list::{List, ListKind, is_in_domain};
use crate::egress::squid::range::Added;
use crate::egress::squid::target::Scheme;

/// More values than this in one list are not read.
const MOST_VALUES: usize = 4096;

impl Reader<'_> {
    /// Reads what stands behind `acl`.
    pub(super) fn list(&mut self, rest: &[&str], place: &Place) {
        let [name, type_name, values @ ..] = rest else {
            self.fatal(place, "a list needs a name and a type");
            return;
        };
        if *type_name == "proto" && *name == "manager" {
            self.ineffective(
                place,
                "squid brings the list `manager` with it, and skips the line",
            );
            return;
        }
        if self.composed(rest, place) {
            return;
        }
        let Some(index) = self.list_named(name, type_name, place) else {
            return;
        };
        if self.in_doubt() {
            let doubt = format!("{place} stands behind an `if` that is not understood here");
            self.file.lists[index].doubt = Some(doubt);
        }
        let values = self.options(index, values, place);
        for (position, value) in values.iter().enumerate() {
            if value.starts_with(['"', '\'']) {
                self.values_of_file(index, value, place);
                // Squid ends a list with the file's last line (`ConfigParser::strtokFile`).
                if let Some(next) = values.get(position + 1) {
                    let message = format!(
                        "{next} and all behind it is left out: squid ends a list with its file"
                    );
                    self.ineffective(place, &message);
                }
                break;
            }
            self.value(index, value, place);
        }
        if self.file.lists[index].is_empty() && self.file.lists[index].doubt.is_none() {
            let message = format!("the list `{name}` is empty, so no request is in it");
            self.ineffective(place, &message);
        }
    }

    /// Reads values from a file, a line each.
    fn values_of_file(&mut self, index: usize, quoted: &str, place: &Place) {
        let path = quoted[1..].split(['"', '\'']).next().unwrap_or_default();
        let text = match self.sources.values(path) {
            Ok(text) if text.len() <= super::LARGEST => text,
            Ok(_) => return self.not_seen(index, quoted, "which is too large to be read", place),
            Err(reason) => return self.not_seen(index, quoted, &reason, place),
        };
        for value in text.lines().filter_map(value_of_line) {
            if value.contains(char::is_whitespace) {
                let message = format!("the file {quoted} has a line with more than one value");
                self.file.lists[index].doubt = Some(format!("{place}: {message}"));
                self.doubt(place, &message);
            } else {
                self.value(index, value, place);
            }
        }
    }

    fn not_seen(&mut self, index: usize, quoted: &str, reason: &str, place: &Place) {
        let message = format!("takes values from the file {quoted}, {reason}");
        self.file.lists[index].doubt = Some(format!("{place} {message}"));
        self.file.remark(RemarkKind::NotSeen, place, message);
    }

    /// The list of a name, which is made when it is new.
    fn list_named(&mut self, name: &str, type_name: &str, place: &Place) -> Option<usize> {
        let written = match type_name {
            "myport" => "localport",
            other => other,
        };
        let Some(index) = self.file.lists.named(name) else {
            let Some(list) = List::new(name, written, place) else {
                self.fatal(place, format!("`{type_name}` is not a type of a list"));
                return None;
            };
            if let Some(doubt) = &list.doubt {
                let message = doubt.clone();
                self.file.remark(RemarkKind::NotUnderstood, place, message);
            }
            return Some(self.file.lists.push(list));
        };
        let known = &self.file.lists[index];
        if known.type_name == written {
            return Some(index);
        }
        // Squid before 6 does not bring this list, and files bring their own.
        if known.place.line == 0 && known.name == "to_linklocal" {
            let list = List::new(name, written, place)?;
            return Some(self.file.lists.push(list));
        }
        let message = format!(
            "the list `{name}` of {} has the type `{}`, not `{type_name}`",
            known.place, known.type_name
        );
        self.fatal(place, message);
        None
    }

    /// Takes options off the values.
    fn options<'a>(&mut self, index: usize, values: &'a [&'a str], place: &Place) -> &'a [&'a str] {
        if matches!(self.file.lists[index].kind, ListKind::NotUnderstood) {
            return &[];
        }
        let mut left = values;
        while let Some((&option, rest)) = left.split_first() {
            if !option.starts_with(['-', '+']) {
                break;
            }
            left = rest;
            match (&mut self.file.lists[index].kind, option) {
                (_, "--") => break,
                (
                    ListKind::Destination { looks_up, .. } | ListKind::Domain { looks_up, .. },
                    "-n",
                ) => *looks_up = false,
                _ => self.fatal(place, format!("`{option}` is not an option of this list")),
            }
        }
        left
    }

    fn value(&mut self, index: usize, value: &str, place: &Place) {
        match &mut self.file.lists[index].kind {
            ListKind::Source(addresses) | ListKind::Destination { addresses, .. } => {
                let added = addresses.add(value);
                self.addresses(index, value, &added, place);
            }
            ListKind::Domain { .. } => self.domain(index, value, place),
            ListKind::Port(ports) | ListKind::ListeningPort(ports) => {
                let (first, last) = value.split_once('-').unwrap_or((value, value));
                match (first.parse::<u16>(), last.parse::<u16>()) {
                    (Ok(first), Ok(last)) if first <= last && ports.len() < MOST_VALUES => {
                        ports.push((first, last));
                    }
                    _ => self.fatal(place, format!("{value:?} is not a port or range of ports")),
                }
            }
            ListKind::ListeningName(names) => names.push(value.to_owned()),
            ListKind::Method(names) => names.push(value.to_ascii_uppercase()),
            ListKind::Scheme(schemes) => match Scheme::named(value) {
                Some(scheme) => schemes.push(scheme),
                None if value.eq_ignore_ascii_case("none") => schemes.push(Scheme::None),
                None => self.ineffective(
                    place,
                    &format!("squid does not know the scheme {value:?} and leaves it out"),
                ),
            },
            _ => {}
        }
    }

    /// Says what came of an address.
    fn addresses(&mut self, index: usize, value: &str, added: &Added, place: &Place) {
        let name = self.file.lists[index].name.clone();
        match added {
            Added::Taken => {}
            Added::Dropped { covered: true } => {
                let message =
                    format!("{value} is left out: an earlier value of `{name}` covers it");
                self.ineffective(place, &message);
            }
            Added::Dropped { covered: false } => {
                let message = format!(
                    "{value} is left out as a whole, since it overlaps an earlier value of `{name}`: \
                     squid 5.7 keeps the earlier one, even if it is smaller"
                );
                self.ineffective(place, &message);
            }
            Added::Odd => {
                let message = format!(
                    "{value} does not cover what it seems to: bits behind its prefix are cut, a \
                     prefix of 0 is one address, and `10/8` is 0.0.0.10"
                );
                self.ineffective(place, &message);
            }
            Added::Name => {
                let message = format!("{value} is looked up once, when squid starts");
                self.file.lists[index].doubt = Some(format!("{place}: {message}"));
                self.doubt(place, &message);
            }
            Added::Refused => self.fatal(place, format!("{value:?} is not an address or range")),
            Added::TooMany => {
                let message = format!("the list `{name}` is too long to be read here");
                self.file.lists[index].doubt = Some(format!("{place}: {message}"));
                self.doubt(place, &message);
            }
        }
    }

    fn domain(&mut self, index: usize, value: &str, place: &Place) {
        let value = value.to_ascii_lowercase();
        let ListKind::Domain { domains, .. } = &mut self.file.lists[index].kind else {
            return;
        };
        // Squid keeps domains in a tree that a wider one behind a narrower one would confuse.
        let narrower = domains
            .iter()
            .find(|known| **known != value && is_in_domain(known, &value))
            .cloned();
        let covered = domains.iter().any(|known| is_in_domain(&value, known));
        let full = domains.len() >= MOST_VALUES;
        if !covered && narrower.is_none() && !full {
            domains.push(value.clone());
        }
        if let Some(known) = narrower {
            self.fatal(
                place,
                format!("{value} must stand before {known}, which it covers"),
            );
        } else if full {
            self.fatal(place, "the list is too long to be read here");
        }
    }

    /// Reads `any-of` and `all-of`, whose values are lists.
    fn composed(&mut self, rest: &[&str], place: &Place) -> bool {
        let [name, type_name @ ("any-of" | "all-of"), names @ ..] = rest else {
            return false;
        };
        let Some(index) = self.list_named(name, type_name, place) else {
            return true;
        };
        match self.terms(names, place) {
            Ok(terms) => match &mut self.file.lists[index].kind {
                ListKind::AnyOf(known) => known.extend(terms),
                ListKind::AllOf(lines) => lines.push(terms),
                _ => {}
            },
            Err(reason) => self.file.lists[index].doubt = Some(reason),
        }
        true
    }
}

/// The value on a line of a list's file: what stands before a remark; nothing on a line without one.
fn value_of_line(line: &str) -> Option<&str> {
    let line = line.trim();
    let remark = line
        .match_indices('#')
        .find(|(at, _)| *at == 0 || line[..*at].ends_with(char::is_whitespace));
    let value = remark.map_or(line, |(at, _)| line[..at].trim_end());
    (!value.is_empty()).then_some(value)
}
