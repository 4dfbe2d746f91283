//! Access lists: named sets of requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use super::file::{Place, Term};
use super::range::AddressList;
use super::target::Scheme;

/// A named set of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) name: String,
    /// The type as it is written.
    pub(super) type_name: String,
    pub(super) kind: ListKind,
    /// Where it begins.
    pub(super) place: Place,
    /// Why requests outside of the list may be in it all the same.
    pub(super) doubt: Option<String>,
}

/// The lists of a file, by their place and by their name: a file may have thousands, and every line names some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    all: Vec<List>,
    /// The newest of each name in lower case, though squid allows one of a name alone.
    names: HashMap<String, usize>,
}

impl Lists {
    /// Adds a list and says its index.
    pub(super) fn push(&mut self, list: List) -> usize {
        let index = self.all.len();
        self.names.insert(list.name.to_ascii_lowercase(), index);
        self.all.push(list);
        index
    }

    /// The index of a list by its name, in either case.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_ascii_lowercase()).copied()
    }

    pub(super) fn get(&self, index: usize) -> Option<&List> {
        self.all.get(index)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, List> {
        self.all.iter()
    }
}

impl FromIterator<List> for Lists {
    fn from_iter<I: IntoIterator<Item = List>>(all: I) -> Self {
        let mut lists = Self::default();
        for list in all {
            lists.push(list);
        }
        lists
    }
}

impl Index<usize> for Lists {
    type Output = List;

    fn index(&self, index: usize) -> &List {
        &self.all[index]
    }
}

impl IndexMut<usize> for Lists {
    fn index_mut(&mut self, index: usize) -> &mut List {
        &mut self.all[index]
    }
}

/// What makes a request belong to a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListKind {
    /// `src`: the client's address.
    Source(AddressList),
    /// `dst`: any address of the host.
    Destination {
        addresses: AddressList,
        looks_up: bool,
    },
    /// `dstdomain`: the host by its name.
    Domain {
        domains: Vec<String>,
        looks_up: bool,
    },
    /// `port`: the destination's port.
    Port(Vec<(u16, u16)>),
    /// `localport`: the port that the client connected to.
    ListeningPort(Vec<(u16, u16)>),
    /// `myportname`: its name.
    ListeningName(Vec<String>),
    /// `method`.
    Method(Vec<String>),
    /// `proto`: the scheme.
    Scheme(Vec<Scheme>),
    /// The list `manager` that squid brings.
    Manager,
    /// `any-of`: any of the terms.
    AnyOf(Vec<Term>),
    /// `all-of`: all terms of any of the lines.
    AllOf(Vec<Vec<Term>>),
    /// A type that is not modelled.
    NotUnderstood,
}

impl List {
    /// A list without values; nothing for a type that squid 5.7 does not know.
    pub(super) fn new(name: &str, type_name: &str, place: &Place) -> Option<Self> {
        let kind = match type_name {
            "src" => ListKind::Source(AddressList::default()),
            "dst" => ListKind::Destination {
                addresses: AddressList::default(),
                looks_up: true,
            },
            "dstdomain" => ListKind::Domain {
                domains: Vec::new(),
                looks_up: true,
            },
            "port" => ListKind::Port(Vec::new()),
            "localport" | "myport" => ListKind::ListeningPort(Vec::new()),
            "myportname" => ListKind::ListeningName(Vec::new()),
            "method" => ListKind::Method(Vec::new()),
            "proto" => ListKind::Scheme(Vec::new()),
            "any-of" => ListKind::AnyOf(Vec::new()),
            "all-of" => ListKind::AllOf(Vec::new()),
            other if OTHER_TYPES.contains(&other) => ListKind::NotUnderstood,
            _ => return None,
        };
        let doubt = match kind {
            ListKind::NotUnderstood => Some(format!(
                "the list `{name}` of {place} has the type `{type_name}`, which is not understood here"
            )),
            _ => None,
        };
        Some(Self {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            kind,
            place: place.clone(),
            doubt,
        })
    }

    /// The lists that squid has without being told (`src/cf.data.pre`, `acl`).
    ///
    /// `to_linklocal` came with squid 6, of which Dify's image is.
    pub(super) fn built_in() -> Vec<Self> {
        let addresses = |values: &[&str]| {
            let mut list = AddressList::default();
            for value in values {
                list.add(value);
            }
            list
        };
        let list = |name: &str, type_name: &str, kind| Self {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            kind,
            place: Place::default(),
            doubt: None,
        };
        let destination = |values: &[&str]| ListKind::Destination {
            addresses: addresses(values),
            looks_up: true,
        };
        vec![
            list("all", "src", ListKind::Source(addresses(&["all"]))),
            list("manager", "url_regex", ListKind::Manager),
            list(
                "localhost",
                "src",
                ListKind::Source(addresses(&["127.0.0.1/32", "::1"])),
            ),
            list(
                "to_localhost",
                "dst",
                destination(&["127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128"]),
            ),
            list(
                "to_linklocal",
                "dst",
                destination(&["169.254.0.0/16", "fe80::/10"]),
            ),
            list(
                "CONNECT",
                "method",
                ListKind::Method(vec!["CONNECT".to_owned()]),
            ),
        ]
    }

    /// Whether the list has no value that can be met.
    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            ListKind::Source(addresses) | ListKind::Destination { addresses, .. } => {
                addresses.is_empty()
            }
            ListKind::Domain { domains, .. } => domains.is_empty(),
            ListKind::Port(ports) | ListKind::ListeningPort(ports) => ports.is_empty(),
            ListKind::ListeningName(names) | ListKind::Method(names) => names.is_empty(),
            ListKind::Scheme(schemes) => schemes.is_empty(),
            ListKind::AnyOf(terms) => terms.is_empty(),
            ListKind::AllOf(lines) => lines.is_empty(),
            ListKind::Manager | ListKind::NotUnderstood => false,
        }
    }
}

/// Whether a name is a domain or below it (`matchDomainName`, `src/anyp/Uri.cc`).
pub(super) fn is_in_domain(host: &str, domain: &str) -> bool {
    let host = host.trim_start_matches('.');
    if host.eq_ignore_ascii_case(domain) {
        return !host.is_empty();
    }
    let Some(parent) = domain.strip_prefix('.') else {
        return false;
    };
    if parent.is_empty() || host.is_empty() {
        return false;
    }
    let below = host
        .len()
        .checked_sub(domain.len())
        .and_then(|at| host.get(at..));
    host.eq_ignore_ascii_case(parent) || below.is_some_and(|end| end.eq_ignore_ascii_case(domain))
}

/// Whether any of the addresses is in the list.
pub(super) fn holds_any(list: &AddressList, addresses: &[IpAddr]) -> bool {
    addresses.iter().any(|address| list.contains(*address))
}

/// Types of squid 5.7 and newer that are not modelled (`src/AclRegs.cc`).
const OTHER_TYPES: [&str; 52] = [
    "adaptation_service",
    "annotate_client",
    "annotate_transaction",
    "arp",
    "at_step",
    "browser",
    "ca_cert",
    "client_connection_mark",
    "clientside_mark",
    "connections_encrypted",
    "dst_as",
    "dstdom_regex",
    "eui64",
    "ext_user",
    "ext_user_regex",
    "external",
    "has",
    "hier_code",
    "http_status",
    "ident",
    "ident_regex",
    "localip",
    "max_user_ip",
    "maxconn",
    "myip",
    "note",
    "peername",
    "peername_regex",
    "proxy_auth",
    "proxy_auth_regex",
    "random",
    "referer_regex",
    "rep_header",
    "rep_mime_type",
    "req_header",
    "req_mime_type",
    "server_cert_fingerprint",
    "snmp_community",
    "squid_error",
    "src_as",
    "srcdom_regex",
    "srcdomain",
    "ssl::server_name",
    "ssl::server_name_regex",
    "ssl_error",
    "tag",
    "time",
    "transaction_initiator",
    "url_regex",
    "urllogin",
    "urlpath_regex",
    "user_cert",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_as_squids_own_self_test_says() {
        for (host, domain, expected) in [
            ("foo.com", "foo.com", true),
            (".foo.com", "foo.com", true),
            ("foo.com", ".foo.com", true),
            (".foo.com", ".foo.com", true),
            ("x.foo.com", ".foo.com", true),
            ("y.x.foo.com", ".foo.com", true),
            ("x.foo.com", "foo.com", false),
            ("foo.com", "x.foo.com", false),
            ("bar.com", "foo.com", false),
            ("bar.com", ".foo.com", false),
            ("FOO.com", "foo.COM", true),
            ("x-foo.com", ".foo.com", false),
            ("", "", false),
            ("a", ".", false),
        ] {
            assert_eq!(is_in_domain(host, domain), expected, "{host} {domain}");
        }
    }

    #[test]
    fn the_types_are_sorted_and_none_is_modelled_too() {
        assert!(OTHER_TYPES.is_sorted());
        let place = Place::default();
        for name in OTHER_TYPES {
            let list = List::new("x", name, &place).unwrap();
            assert_eq!(list.kind, ListKind::NotUnderstood, "{name}");
        }
        assert!(List::new("x", "nonsense", &place).is_none());
    }
}
