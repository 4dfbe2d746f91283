//! Reads a squid file that someone wrote.

use super::file::{AccessLine, Listener, Peer, Place, RemarkKind, SquidFile, Term};
use super::lines::{Line, lines, words};
use crate::egress::Action;

/// The largest text that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// More lines than this are not read.
const MOST_LINES: usize = 20_000;
/// How deep squid follows includes.
const DEEPEST: usize = 16;

/// Gives the text of the files that an `include` names, with their names; nothing for those that
/// are not known.
pub type Include<'a> = &'a dyn Fn(&str) -> Option<Vec<(String, String)>>;

/// Why a squid file is not read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableSquidFile {
    /// Too large.
    #[error(
        "the file has {bytes} bytes, and more than {LARGEST} are not read: no squid file needs them"
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
    /// Too many lines.
    #[error(
        "the file has more than {MOST_LINES} lines, which are not read: no squid file needs them"
    )]
    TooManyLines,
}

impl SquidFile {
    /// Reads the text of a squid file.
    ///
    /// Nothing is guessed: what is not understood becomes a remark with its line, and whatever
    /// depends on it is undecided. Files that are included are not seen.
    ///
    /// # Errors
    ///
    /// When the text is larger than 1 MiB or has more than 20000 lines.
    pub fn read(text: &str) -> Result<Self, UnreadableSquidFile> {
        Self::read_with(text, &|_| None)
    }

    /// Reads the text of a squid file, with the texts that it includes.
    ///
    /// # Errors
    ///
    /// As [`SquidFile::read`].
    pub fn read_with(text: &str, include: Include<'_>) -> Result<Self, UnreadableSquidFile> {
        let mut reader = Reader {
            file: Self::empty(),
            include,
            left: MOST_LINES,
            branches: Vec::new(),
            quoted: false,
        };
        reader.read(None, text, 0)?;
        Ok(reader.finish())
    }
}

/// What an `if` says about the lines behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    Taken,
    Skipped,
    Unknown,
}

pub(super) struct Reader<'a> {
    pub(super) file: SquidFile,
    include: Include<'a>,
    left: usize,
    branches: Vec<Branch>,
    /// Whether words may be quoted, which is not understood here.
    quoted: bool,
}

impl Reader<'_> {
    fn read(
        &mut self,
        file: Option<&str>,
        text: &str,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if text.len() > LARGEST {
            return Err(UnreadableSquidFile::TooLarge { bytes: text.len() });
        }
        let outer = self.branches.len();
        for line in lines(text) {
            self.left = self
                .left
                .checked_sub(1)
                .ok_or(UnreadableSquidFile::TooManyLines)?;
            let place = Place {
                file: file.map(str::to_owned),
                line: line.number,
            };
            self.line(&line, &place, depth)?;
        }
        if self.branches.len() > outer {
            let place = Place {
                file: file.map(str::to_owned),
                line: text.split('\n').count(),
            };
            self.fatal(&place, "an `if` has no `endif`");
            self.branches.truncate(outer);
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &Line,
        place: &Place,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if line.too_long {
            self.doubt(
                place,
                "it is longer than the 8191 bytes that squid reads at once",
            );
            return Ok(());
        }
        let line_words = line.words();
        let Some((&name, rest)) = line_words.split_first() else {
            return Ok(());
        };
        if self.branch(name, rest, place) || self.branches.contains(&Branch::Skipped) {
            return Ok(());
        }
        if name == "include" {
            return self.included(rest, place, depth);
        }
        if self.quoted {
            let message = format!(
                "`{name}` stands behind `configuration_includes_quoted_values on`, which is not understood here"
            );
            self.doubt(place, &message);
            return Ok(());
        }
        if let Some(variable) = variable(&line.text) {
            self.fatal(
                place,
                format!("`{variable}` is nothing that squid replaces: fill the template in first"),
            );
        }
        self.directive(name, rest, line, place);
        Ok(())
    }

    /// Follows `if`, `else` and `endif`; whether the line was one of them.
    fn branch(&mut self, name: &str, rest: &[&str], place: &Place) -> bool {
        match (name, self.branches.last().copied()) {
            ("if", _) => {
                let branch = condition(rest);
                if branch == Branch::Unknown {
                    self.doubt(place, "its condition is not understood here");
                }
                self.branches.push(branch);
            }
            ("else", Some(branch)) => {
                self.branches.pop();
                self.branches.push(match branch {
                    Branch::Taken => Branch::Skipped,
                    Branch::Skipped => Branch::Taken,
                    Branch::Unknown => Branch::Unknown,
                });
            }
            ("endif", Some(_)) => {
                self.branches.pop();
            }
            ("else" | "endif", None) => self.fatal(place, format!("`{name}` has no `if`")),
            _ => return false,
        }
        true
    }

    fn included(
        &mut self,
        paths: &[&str],
        place: &Place,
        depth: usize,
    ) -> Result<(), UnreadableSquidFile> {
        if depth >= DEEPEST {
            self.fatal(place, "includes are nested more than 16 deep");
            return Ok(());
        }
        for path in paths {
            if let Some(files) = (self.include)(path) {
                for (name, text) in files {
                    self.read(Some(&name), &text, depth + 1)?;
                }
                continue;
            }
            let message = format!("includes {path}, whose text was not given");
            self.file
                .remark(RemarkKind::NotSeen, place, message.clone());
            self.file.access.push(AccessLine {
                action: None,
                terms: Vec::new(),
                place: place.clone(),
                text: format!("include {path}"),
                reason: None,
                doubt: Some(format!("{place} {message}")),
            });
        }
        Ok(())
    }

    fn directive(&mut self, name: &str, rest: &[&str], line: &Line, place: &Place) {
        match name {
            "acl" => self.list(rest, place),
            "http_access" => {
                if let Some(access) = self.access(rest, line, place) {
                    self.file.access.push(access);
                }
            }
            "always_direct" | "never_direct" => {
                if let Some(access) = self.access(rest, line, place) {
                    match name {
                        "always_direct" => self.file.always_direct.push(access),
                        _ => self.file.never_direct.push(access),
                    }
                }
            }
            "http_port" | "https_port" => self.port(rest, place),
            "cache_peer" => self.peer(rest, place),
            "cache_peer_access" => self.peer_access(rest, line, place),
            _ => self.setting(name, rest, line, place),
        }
    }

    fn setting(&mut self, name: &str, rest: &[&str], line: &Line, place: &Place) {
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
            "cache_peer_domain" | "neighbor_type_domain" => {
                self.doubt(place, "it changes which peer takes a request");
            }
            _ => self.other(name, line, place),
        }
    }

    fn other(&mut self, name: &str, line: &Line, place: &Place) {
        if let Some(what) = super::directives::changes_requests(name) {
            self.file.settings.later.push((place.clone(), what));
            let message = format!("`{name}` {what}, which is not followed here");
            self.file.remark(RemarkKind::NotUnderstood, place, message);
        } else if !super::directives::is_harmless(name) {
            let first = words(&line.text)
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned();
            self.file.remark(
                RemarkKind::NotUnderstood,
                place,
                format!("`{first}` is no directive that is known here"),
            );
        }
    }

    /// Reads `allow` or `deny` with lists.
    fn access(&mut self, rest: &[&str], line: &Line, place: &Place) -> Option<AccessLine> {
        let (action, names) = rest.split_first().unwrap_or((&"", &[]));
        let action = match *action {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            _ => {
                self.ineffective(
                    place,
                    "squid skips it: it starts with neither `allow` nor `deny`",
                );
                return None;
            }
        };
        if names.is_empty() {
            self.ineffective(place, "squid skips it: it names no list");
            return None;
        }
        let mut doubt = self
            .branches
            .contains(&Branch::Unknown)
            .then(|| format!("{place} stands behind an `if` that is not understood here"));
        let terms = self.terms(names, place).unwrap_or_else(|reason| {
            doubt = Some(reason);
            Vec::new()
        });
        Some(AccessLine {
            action: Some(action),
            terms,
            place: place.clone(),
            text: words(&line.text).join(" "),
            reason: None,
            doubt,
        })
    }

    /// Reads lists with their `!`.
    ///
    /// # Errors
    ///
    /// When one is not there, which keeps squid from starting, or stands in a file of its own.
    pub(super) fn terms(&mut self, names: &[&str], place: &Place) -> Result<Vec<Term>, String> {
        let mut terms = Vec::new();
        for name in names {
            if name.starts_with(['"', '\'']) {
                let reason =
                    format!("{place} takes its lists from the file {name}, which was not given");
                self.file.remark(RemarkKind::NotSeen, place, reason.clone());
                return Err(reason);
            }
            let (negated, bare) = match name.strip_prefix('!') {
                Some(bare) => (true, bare),
                None => (false, *name),
            };
            let Some(list) = self.file.list(bare) else {
                self.fatal(place, format!("there is no list `{bare}` before it"));
                return Err(format!(
                    "{place} names the list `{bare}`, which is not there"
                ));
            };
            terms.push(Term { list, negated });
        }
        Ok(terms)
    }

    fn port(&mut self, rest: &[&str], place: &Place) {
        let (address, options) = rest.split_first().unwrap_or((&"", &[]));
        let number = address.rsplit_once(':').map_or(*address, |(_, port)| port);
        let port = number.parse::<u16>().ok().filter(|port| *port > 0);
        let Some(port) = port else {
            let names_variable = address.contains("${");
            if !names_variable {
                self.fatal(place, format!("{address:?} is no port"));
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

    fn peer(&mut self, rest: &[&str], place: &Place) {
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

    fn peer_access(&mut self, rest: &[&str], line: &Line, place: &Place) {
        let (name, rest) = rest.split_first().unwrap_or((&"", &[]));
        let Some(index) = self.file.peers.iter().position(|peer| peer.name == *name) else {
            self.ineffective(place, &format!("there is no peer `{name}` before it"));
            return;
        };
        if let Some(access) = self.access(rest, line, place) {
            self.file.peers[index].access.push(access);
        }
    }

    /// Adds what squid would do by default, and puts the remarks into order.
    fn finish(mut self) -> SquidFile {
        if self.file.listeners.is_empty() {
            let listener = Listener {
                port: 3128,
                name: None,
                accelerates: false,
                by_host: false,
                site: None,
                direct: true,
                place: Place::default(),
            };
            self.file.listeners.push(listener);
        }
        self.file
            .remarks
            .sort_by(|one, other| one.place.cmp(&other.place));
        self.file
    }

    pub(super) fn in_doubt(&self) -> bool {
        self.branches.contains(&Branch::Unknown)
    }

    pub(super) fn fatal(&mut self, place: &Place, message: impl Into<String>) {
        self.file.remark(RemarkKind::Fatal, place, message);
    }

    pub(super) fn doubt(&mut self, place: &Place, message: &str) {
        self.file.remark(RemarkKind::NotUnderstood, place, message);
    }

    pub(super) fn ineffective(&mut self, place: &Place, message: &str) {
        self.file.remark(RemarkKind::Ineffective, place, message);
    }
}

/// The first `${...}` that squid does not replace.
fn variable(text: &str) -> Option<&str> {
    let known = ["${service_name}", "${process_name}", "${process_number}"];
    text.match_indices("${").find_map(|(at, _)| {
        let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
        let variable = &text[at..end];
        (!known.contains(&variable)).then_some(variable)
    })
}

/// What the condition of an `if` is: `true`, `false` or an equation of numbers.
fn condition(words: &[&str]) -> Branch {
    let text = words.join(" ");
    let number = |text: &str| {
        text.trim()
            .parse::<i64>()
            .ok()
            .filter(|_| !text.trim().starts_with('0') || text.trim() == "0")
    };
    let holds = match (text.as_str(), text.split_once('=')) {
        ("true", _) => Some(true),
        ("false", _) => Some(false),
        (_, Some((left, right))) => number(left)
            .zip(number(right))
            .map(|(left, right)| left == right),
        _ => None,
    };
    match holds {
        Some(true) => Branch::Taken,
        Some(false) => Branch::Skipped,
        None => Branch::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::egress::{Decision, Names, ProxyRequest, RemarkKind};

    fn kinds(text: &str) -> Vec<(RemarkKind, usize)> {
        let file = SquidFile::read(text).unwrap();
        file.remarks()
            .iter()
            .map(|remark| (remark.kind, remark.place.line))
            .collect()
    }

    fn decision(text: &str, target: &str) -> Decision {
        let request = ProxyRequest::get("10.0.0.7".parse().unwrap(), target);
        let names = Names::complete().with("a.example", &["93.184.216.34".parse().unwrap()]);
        SquidFile::read(text)
            .unwrap()
            .evaluate(&request, &names)
            .decision
    }

    #[test]
    fn squid_does_not_start_with_these() {
        for line in [
            "http_access allow nobody",
            "acl a nonsense 1",
            "acl a dst 1.2.3.400",
            "acl a dst 10.0.0.0/33",
            "acl a port 80-70",
            "acl a port abc",
            "acl a port 70000",
            "acl a dst -x 10.0.0.0/8",
            "acl a dstdomain a.example.com .example.com",
            "acl a dstdomain example.com .example.com",
            "acl a dstdomain .example.com example.com",
            "acl CONNECT port 80",
            "acl",
            "http_port x",
            "http_port ${PORT}",
            "cache_peer ${HOST} parent 1 0",
            "cache_peer a",
            "endif",
            "if true",
        ] {
            let file = SquidFile::read(line).unwrap();
            assert!(!file.starts(), "{line}: {:?}", file.remarks());
        }
    }

    #[test]
    fn what_is_not_understood_is_said_with_its_line() {
        use RemarkKind::{Ineffective, NotSeen, NotUnderstood};
        for (text, expected) in [
            ("# x\nacl a time 10:00-11:00", (NotUnderstood, 2)),
            ("url_rewrite_program /bin/x", (NotUnderstood, 1)),
            ("miss_access deny all", (NotUnderstood, 1)),
            ("no_such_thing on", (NotUnderstood, 1)),
            ("follow_x_forwarded_for allow all", (NotUnderstood, 1)),
            ("acl a dst db.internal", (NotUnderstood, 1)),
            ("\n\ninclude /etc/squid/conf.d/*.conf", (NotSeen, 3)),
            ("acl a dst \"/etc/list\"", (NotSeen, 1)),
            ("http_access deny", (Ineffective, 1)),
            ("http_access permit all", (Ineffective, 1)),
            ("acl a dst 10.1.0.0/16 10.0.0.0/8", (Ineffective, 1)),
            ("acl a src 10/8", (Ineffective, 1)),
            ("acl a proto HTTP quic", (Ineffective, 1)),
        ] {
            assert_eq!(kinds(text), [expected], "{text}");
        }
        assert_eq!(kinds("cache_mem 8 MB\nvia on\ndns_timeout 1 second"), []);
    }

    #[test]
    fn undecided_is_only_what_depends_on_it() {
        let night = "acl night time 10:00-11:00\nacl inner dst 10.0.0.0/8\n";
        let decide = |lines: &str, target: &str| decision(&format!("{night}{lines}"), target);
        let allow_at_night =
            "http_access deny inner\nhttp_access allow night\nhttp_access deny all";
        assert_eq!(decide(allow_at_night, "http://10.0.0.1/"), Decision::Denied);
        assert_eq!(
            decide(allow_at_night, "http://a.example/"),
            Decision::Unknown
        );
        // Whatever the hour, the answer is the same.
        let deny_at_night = "http_access deny night\nhttp_access deny all";
        assert_eq!(decide(deny_at_night, "http://a.example/"), Decision::Denied);
        // One list that does not hold decides, whatever is not known about the other.
        let both = "http_access allow night inner\nhttp_access deny all";
        assert_eq!(decide(both, "http://a.example/"), Decision::Denied);
        let included = "http_access deny inner\ninclude x\nhttp_access allow all";
        assert_eq!(decide(included, "http://10.0.0.1/"), Decision::Denied);
        assert_eq!(decide(included, "http://a.example/"), Decision::Unknown);
    }

    #[test]
    fn included_texts_are_read_where_they_stand() {
        let include = |path: &str| {
            let text = "acl inner dst 10.0.0.0/8\nhttp_access deny inner\n";
            (path == "more.conf").then(|| vec![(path.to_owned(), text.to_owned())])
        };
        let file =
            SquidFile::read_with("include more.conf\nhttp_access allow all", &include).unwrap();
        let request = ProxyRequest::get("10.0.0.7".parse().unwrap(), "http://10.0.0.1/");
        let verdict = file.evaluate(&request, &Names::unknown());
        assert_eq!(verdict.decision, Decision::Denied);
        assert_eq!(
            verdict.decided_by.unwrap().place.to_string(),
            "more.conf line 2"
        );
    }

    #[test]
    fn nothing_decides_means_the_opposite_of_the_last_line() {
        assert_eq!(decision("", "http://a.example/"), Decision::Denied);
        let none = "acl other src 20.0.0.0/8\n";
        assert_eq!(
            decision(
                &format!("{none}http_access deny other"),
                "http://a.example/"
            ),
            Decision::Allowed
        );
        assert_eq!(
            decision(
                &format!("{none}http_access allow other"),
                "http://a.example/"
            ),
            Decision::Denied
        );
    }

    #[test]
    fn too_much_is_refused() {
        assert!(SquidFile::read(&"x".repeat(LARGEST + 1)).is_err());
        assert!(SquidFile::read(&"via on\n".repeat(MOST_LINES + 1)).is_err());
    }

    #[test]
    fn lists_that_name_each_other_end() {
        let mut text = "acl a0 any-of all\n".to_owned();
        for number in 1..60 {
            let before = number - 1;
            let line = format!("acl a{number} all-of a{before} a{before} !a{before}\n");
            text.push_str(&line);
        }
        text.push_str("acl a0 any-of a59\nhttp_access deny !a59 a59\nhttp_access allow all");
        decision(&text, "http://a.example/");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_it_panic(
            lines in prop::collection::vec(
                "(acl|http_access|http_port|cache_peer|cache_peer_access|include|if|else|endif|never_direct|x)( (a|b|!a|all|src|dst|port|proto|method|any-of|allow|deny|-n|--|[0-9.:/-]{1,12}|\\PC{0,9}))*[\\\\\r]?",
                0..12,
            ),
            method in "GET|CONNECT|get|\\PC{0,5}",
            target in "(http://|ftp://|urn:|/)?\\PC{0,20}(:[0-9-]{1,12})?",
        ) {
            let text = lines.join("\n");
            let file = SquidFile::read(&text).unwrap();
            let request = ProxyRequest::new("10.0.0.7".parse().unwrap(), &method, &target);
            file.evaluate(&request, &Names::unknown());
            file.evaluate(&request, &Names::complete());
        }
    }
}
