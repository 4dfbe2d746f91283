//! One release in one TLS situation: its deployment, its services, its nginx, and all comparisons.

use std::collections::BTreeMap;

use dify_infra_core::deployment::Deployment;
use serde_json::{Value, json};

use super::back_end::BackEnd;
use super::behaviour;
use super::corpus::calls;
use super::front_door::{Files, FrontDoor, SEARCH_DOMAIN, app};
use super::name_server::{Mood, NameServer};
use super::observe::disagreement;
use super::times::{self, Time};

/// Disagreements that are told at most; the rest are of the same kind.
const MOST_DISAGREEMENTS: usize = 8;

/// What a process in its own namespaces is to compare.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) release: String,
    pub(super) is_behind_tls: bool,
    /// Whether files, command and times are the very ones that `apply` delivers.
    pub(super) as_delivered: bool,
    /// Whether DNS also falls silent, which nginx waits for.
    pub(super) silent_name_server: bool,
    /// The shell that runs the start script.
    pub(super) shell: Vec<String>,
    /// A time of the model that is cut to a second and put to the test, in place of all else.
    pub(super) time: Option<Time>,
}

/// What was compared.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) urls: usize,
    pub(super) agreements: usize,
    pub(super) behaviour: Vec<String>,
    pub(super) disagreements: Vec<String>,
}

impl Scenario {
    pub(super) fn tls_word(&self) -> &'static str {
        if self.is_behind_tls {
            "in front"
        } else {
            "nowhere"
        }
    }

    pub(super) fn to_text(&self) -> String {
        json!({
            "release": self.release,
            "is_behind_tls": self.is_behind_tls,
            "as_delivered": self.as_delivered,
            "silent_name_server": self.silent_name_server,
            "shell": self.shell,
            "time": self.time.map(Time::name),
        })
        .to_string()
    }

    pub(super) fn from_text(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        Self {
            release: value["release"].as_str().unwrap().to_owned(),
            is_behind_tls: value["is_behind_tls"].as_bool().unwrap(),
            as_delivered: value["as_delivered"].as_bool().unwrap(),
            silent_name_server: value["silent_name_server"].as_bool().unwrap(),
            shell: texts(&value["shell"]),
            time: value["time"].as_str().map(Time::named),
        }
    }

    /// The deployment, with routes of its own beside the release's.
    fn deployment(&self) -> Deployment {
        let text = format!(
            "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"{}\"\n\n\
             [azure]\nresource_group = \"dify-dev-rg\"\n\n\
             [public]\norigin = \"https://dify.example.com\"\n\n\
             [[routes]]\npath = \"/hooks/\"\nservice = \"api\"\nupgrade = true\n\n\
             [[routes]]\npath = \"/v1/files/upload\"\nmatch = \"exact\"\nservice = \"api\"\n\
             max_body_size = \"120M\"\n",
            self.release
        );
        let resolved = Deployment::parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
        resolved.deployment
    }

    /// Runs in namespaces of its own: it takes port 80 and writes `/etc/resolv.conf`.
    pub(super) async fn run(&self) -> Summary {
        let files = Files::of(&self.deployment(), self);
        if let Some(time) = self.time {
            return times::hold(time, &files, &self.shell).await;
        }
        let table = &files.routes;
        // nginx comes up first: nothing that it needs later is there.
        let door = FrontDoor::start(&files, &self.shell).await;
        assert!(door.is_healthy().await, "nothing but nginx is there yet");
        let names = NameServer::start("127.0.0.53".parse().unwrap()).await;
        let mut back_ends = BTreeMap::new();
        for service in table.services() {
            let address = behaviour::address_of(table, service);
            names.set(&behaviour::full_name(service), behaviour::ip(address));
            let back_end = BackEnd::start(service, "first", address).await;
            back_ends.insert(service.to_owned(), back_end);
        }
        let calls = calls(table);
        let mut disagreements = Vec::new();
        for call in &calls {
            disagreements.extend(disagreement(table, call).await);
        }
        let api = back_ends.remove("api").unwrap();
        behaviour::events_arrive_one_by_one(&api).await;
        let mut done = vec!["events".to_owned()];
        let sockets = behaviour::sockets_carry_bytes(table).await;
        done.push(format!("sockets at {}", sockets.join(" ")));
        let bodies = behaviour::bodies_are_limited(table).await;
        done.push(format!("{bodies} large bodies"));
        let api = behaviour::back_ends_go_and_come(table, &door, &names, api).await;
        done.push("back-end down and moved".to_owned());
        behaviour::dns_fails_and_recovers(&door, &names, Mood::Failing).await;
        done.push("DNS failed".to_owned());
        if self.silent_name_server {
            behaviour::dns_fails_and_recovers(&door, &names, Mood::Silent).await;
            done.push("DNS silent".to_owned());
        }
        drop(api);
        only_full_names_were_asked_for(table.services().as_slice(), &names);
        let agreements = calls.len() - disagreements.len();
        disagreements.truncate(MOST_DISAGREEMENTS);
        Summary {
            urls: calls.len(),
            agreements,
            behaviour: done,
            disagreements: disagreements
                .iter()
                .map(|problem| format!("{} TLS {}: {problem}", self.release, self.tls_word()))
                .collect(),
        }
    }
}

/// nginx never asks for the bare name of an app: no DNS of the platform knows it.
fn only_full_names_were_asked_for(services: &[&str], names: &NameServer) {
    let known = services.iter().map(|service| app(service));
    let known: Vec<String> = known.map(|app| format!("{app}.{SEARCH_DOMAIN}")).collect();
    let asked = names.asked();
    let others: Vec<_> = asked.iter().filter(|name| !known.contains(name)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(asked.len(), known.len(), "{asked:?}");
}

impl Summary {
    pub(super) fn to_text(&self) -> String {
        json!({
            "urls": self.urls,
            "agreements": self.agreements,
            "behaviour": self.behaviour,
            "disagreements": self.disagreements,
        })
        .to_string()
    }

    pub(super) fn from_text(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let number = |key: &str| usize::try_from(value[key].as_u64().unwrap()).unwrap();
        Self {
            urls: number("urls"),
            agreements: number("agreements"),
            behaviour: texts(&value["behaviour"]),
            disagreements: texts(&value["disagreements"]),
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .filter_map(|item| Some(item.as_str()?.to_owned()))
        .collect()
}
