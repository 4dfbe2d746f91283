//! The real nginx with the rendered files, started by the rendered script.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dify_infra_core::render::{self, NginxInput, NginxPaths, nginx_command};
use dify_infra_core::routes::RouteTable;

use crate::client::{self, Answer};
use crate::name_server::NameServer;
use crate::place::{Folder, own_address};

/// A search domain as a container of the platform has it.
pub(crate) const SEARCH_DOMAIN: &str = "k8se-apps.svc.cluster.local";

/// App names of a deployment: `dify-dev-api` and so on.
pub(crate) fn app_names(routes: &RouteTable) -> BTreeMap<String, String> {
    let name = |service: &&str| ((*service).to_owned(), format!("dify-dev-{service}"));
    routes.services().iter().map(name).collect()
}

/// Renders the files into a folder and returns the command that starts nginx.
pub(crate) fn write_files(input: &NginxInput<'_>, folder: &Folder) -> Vec<String> {
    for file in render::nginx(input).unwrap() {
        folder.write(&file.name, &file.text);
    }
    nginx_command(&input.paths)
}

/// Paths of files that are rendered into `folder`.
pub(crate) fn paths(folder: &Folder) -> NginxPaths {
    NginxPaths {
        files: folder.path("").trim_end_matches('/').to_owned(),
        runtime: folder.path("run"),
    }
}

pub(crate) struct FrontDoor {
    pub(crate) address: SocketAddr,
    nginx: Child,
    folder: Folder,
}

impl FrontDoor {
    /// Starts nginx for `routes`, asking `names` with `search_domain`, and waits for its health.
    ///
    /// The test's own address counts as a trusted proxy.
    pub(crate) fn start(
        routes: &RouteTable,
        hosts: &BTreeMap<String, String>,
        names: &NameServer,
        search_domain: &str,
    ) -> Self {
        let folder = Folder::new();
        let address = SocketAddr::from((own_address(), 8080));
        let mut settings = routes.settings().clone();
        settings
            .trusted_proxies
            .push("127.0.0.1/32".parse().unwrap());
        let routes = routes.with_settings(settings).unwrap();
        let mut input = NginxInput::new(&routes, hosts);
        input.listen = address;
        input.paths = paths(&folder);
        let command = write_files(&input, &folder);
        let errors = File::create(folder.path("errors")).unwrap();
        let nginx = Command::new(&command[0])
            .args(&command[1..])
            .env("DIFY_INFRA_NAMESERVERS", names.address.to_string())
            .env("DIFY_INFRA_SEARCH_DOMAIN", search_domain)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut door = Self {
            address,
            nginx,
            folder,
        };
        door.await_health();
        door
    }

    fn await_health(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let ended = self.nginx.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: {}", self.errors());
            let answer = client::send(self.address, "GET /nginx-health", "Host: probe\r\n");
            if answer.is_ok_and(|answer| answer.status == 200 && answer.body == "ok\n") {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "nginx does not answer: {}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(self.folder.path("errors")).unwrap_or_default()
    }

    /// Asks again until the answer is as wanted.
    pub(crate) fn get_until(&self, target: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let answer = client::get(self.address, target);
            if wanted(&answer) {
                return answer;
            }
            let (status, errors) = (answer.status, self.errors());
            assert!(
                Instant::now() < deadline,
                "still {status} {:?}: {errors}",
                answer.body
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for FrontDoor {
    /// Asks the master to end, so that its workers end with it.
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.nginx.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.nginx.kill());
        }
        drop(self.nginx.wait());
    }
}

/// Says that every app of a deployment is at its own new address, and returns these.
pub(crate) fn announce(
    names: &NameServer,
    hosts: &BTreeMap<String, String>,
) -> BTreeMap<String, Ipv4Addr> {
    let announced = hosts.iter().map(|(service, host)| {
        let address = own_address();
        names.set(&format!("{host}.{SEARCH_DOMAIN}"), address);
        (service.clone(), address)
    });
    announced.collect()
}
