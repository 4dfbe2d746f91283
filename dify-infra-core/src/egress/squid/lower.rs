//! A policy as the same model that a squid file is read into.

use super::file::{AccessLine, Amount, Listener, Place, Settings, SquidFile, Term};
use super::list::{List, ListKind};
use super::range::AddressList;
use super::target::Scheme;
use crate::egress::{AccessList, AccessRule, EgressPolicy, ExceptionTarget};

/// The model of a policy: the lists and decisions that [`crate::render::squid`] writes.
pub(in crate::egress) fn lower(policy: &EgressPolicy) -> SquidFile {
    let mut file = SquidFile::empty();
    let limits = policy.limits();
    file.settings = Settings {
        visible_hostname: crate::render::SQUID_HOSTNAME.to_owned(),
        read_timeout: Amount::by_default(limits.read_timeout.as_secs().max(1)),
        cache_mem: Amount::by_default(u64::from(limits.memory_mebibytes) << 20),
        ..Settings::default()
    };
    file.listeners.push(Listener {
        port: policy.listen_port(),
        name: None,
        accelerates: false,
        by_host: false,
        site: None,
        direct: false,
        place: Place::default(),
    });
    for rule in policy.rules() {
        let terms = rule
            .conditions
            .iter()
            .map(|condition| Term {
                list: list(&mut file, policy, condition.list),
                negated: condition.negated,
            })
            .collect();
        file.access.push(line(policy, &rule, terms));
    }
    file
}

fn line(policy: &EgressPolicy, rule: &AccessRule, terms: Vec<Term>) -> AccessLine {
    let exception = rule
        .conditions
        .iter()
        .find_map(|condition| match condition.list {
            AccessList::Exception(index) => policy.exceptions().get(index),
            _ => None,
        });
    let reason = match exception {
        Some(exception) => format!("{}: {}", rule.reason, exception.reason()),
        None => rule.reason.to_owned(),
    };
    AccessLine {
        action: Some(rule.action),
        terms,
        place: Place::default(),
        text: crate::render::squid_access_line(rule),
        reason: Some(reason),
        doubt: None,
    }
}

/// The index of the policy's list in the file, where it is added at its first use.
fn list(file: &mut SquidFile, policy: &EgressPolicy, list: AccessList) -> usize {
    let name = crate::render::squid_list_name(list);
    file.lists.named(&name).unwrap_or_else(|| {
        let (type_name, kind) = kind(policy, list);
        file.lists.push(List {
            name,
            type_name: type_name.to_owned(),
            kind,
            place: Place::default(),
            doubt: None,
        })
    })
}

fn kind(policy: &EgressPolicy, list: AccessList) -> (&'static str, ListKind) {
    let addresses = |networks: Vec<ipnet::IpNet>| {
        let add = |list: AddressList, network| list.with_network(network);
        networks.into_iter().fold(AddressList::default(), add)
    };
    let destination = |networks| {
        let kind = ListKind::Destination {
            addresses: addresses(networks),
            looks_up: true,
        };
        ("dst", kind)
    };
    let ports = |ports: &[u16]| {
        (
            "port",
            ListKind::Port(ports.iter().map(|port| (*port, *port)).collect()),
        )
    };
    match list {
        AccessList::All => ("src", ListKind::Source(AddressList::everything())),
        AccessList::Manager => ("url_regex", ListKind::Manager),
        AccessList::ConnectMethod => ("method", ListKind::Method(vec!["CONNECT".to_owned()])),
        AccessList::WebSchemes => ("proto", ListKind::Scheme(vec![Scheme::Http, Scheme::Https])),
        AccessList::Ports => ports(policy.ports()),
        AccessList::ConnectPorts => ports(policy.connect_ports()),
        AccessList::Clients => (
            "src",
            ListKind::Source(addresses(policy.clients().to_vec())),
        ),
        AccessList::DeniedDestinations => {
            destination(policy.denied().iter().map(|range| range.network).collect())
        }
        AccessList::NeverExcepted => destination(
            policy
                .never_excepted()
                .iter()
                .map(|(network, _)| *network)
                .collect(),
        ),
        AccessList::Exception(index) => {
            match policy
                .exceptions()
                .get(index)
                .map(crate::egress::EgressException::target)
            {
                Some(ExceptionTarget::Network(network)) => destination(vec![*network]),
                Some(ExceptionTarget::Domain(domain)) => {
                    let kind = ListKind::Domain {
                        domains: vec![domain.clone()],
                        looks_up: false,
                    };
                    ("dstdomain", kind)
                }
                None => ("src", ListKind::Source(AddressList::default())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::EgressException;

    /// A line without its names and place.
    type Decision = (Option<crate::egress::Action>, Vec<(bool, ListKind)>);

    fn decisions(file: &SquidFile) -> Vec<Decision> {
        let kinds = |line: &AccessLine| {
            let kind = |term: &Term| (term.negated, file.lists[term.list].kind.clone());
            line.terms.iter().map(kind).collect()
        };
        file.access
            .iter()
            .map(|line| (line.action, kinds(line)))
            .collect()
    }

    #[test]
    fn the_rendered_file_is_read_back_as_the_policy() {
        let network = EgressException::network("10.0.8.4/32", "wiki").unwrap();
        let v6 = EgressException::network("fd00:1::/64", "lab").unwrap();
        let domain = EgressException::domain(".Corp.Example", "own names").unwrap();
        let plain = EgressPolicy::default_policy();
        let client = plain
            .clone()
            .with_client("20.0.0.0/16".parse().unwrap())
            .unwrap();
        let open = plain
            .clone()
            .with_exception(network)
            .with_exception(v6)
            .with_exception(domain);
        for policy in [plain, client, open] {
            let text = crate::render::squid(&policy).unwrap().text;
            let read = SquidFile::read(&text).unwrap();
            assert_eq!(read.remarks(), []);
            let model = lower(&policy);
            assert_eq!(decisions(&read), decisions(&model));
            let texts = |file: &SquidFile| {
                file.access
                    .iter()
                    .map(|line| line.text.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(texts(&read), texts(&model));
            // Lines of a text have places, those of a policy have none.
            let mut settings = read.settings.clone();
            settings.read_timeout.place = Place::default();
            settings.cache_mem.place = Place::default();
            assert_eq!((read.port(), &settings), (model.port(), &model.settings));
        }
    }
}
