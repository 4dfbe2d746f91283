//! The rendered files where a container has them, and the nginx that they start.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceNames, Target, lower};
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::render::{
    NGINX_DIRECTORY, NginxInput, NginxPaths, RenderedFile, mounted_files, nginx, nginx_command,
};
use dify_infra_core::resource::Kind;
use dify_infra_core::routes::{HttpSettings, RouteTable, TlsTermination};
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use tokio::time::{Instant, sleep};

use super::client::{PATIENCE, send};
use super::scenario::Scenario;

/// The search domain that containers of the platform have.
pub(super) const SEARCH_DOMAIN: &str = "k8se-apps.svc.cluster.local";

/// What `/etc/resolv.conf` says in a container of the platform.
const RESOLV_CONF: &str = "search k8se-apps.svc.cluster.local svc.cluster.local cluster.local\n\
                           nameserver 127.0.0.53\noptions ndots:5\n";

/// The running nginx; it ends with its process namespace.
pub(super) struct FrontDoor {
    nginx: Child,
}

/// The table that nginx is given, and the files made of it.
pub(super) struct Files {
    pub(super) routes: RouteTable,
    files: Vec<RenderedFile>,
}

impl Files {
    /// The very files that `apply` delivers, or the same under the settings of the scenario.
    pub(super) fn of(deployment: &Deployment, scenario: &Scenario) -> Self {
        if scenario.as_delivered {
            return Self {
                routes: deployment.routes().clone(),
                files: delivered(deployment),
            };
        }
        let settings = deployment.routes().settings().clone();
        let settings = HttpSettings {
            address_lifetime: Duration::from_secs(1),
            tls: if scenario.is_behind_tls {
                TlsTermination::InFront
            } else {
                TlsTermination::Nowhere
            },
            ..settings
        };
        let settings = match scenario.time {
            Some(time) => time.of_a_second(settings),
            None => settings,
        };
        let routes = deployment.routes().with_settings(settings).unwrap();
        let hosts: BTreeMap<String, String> = routes
            .services()
            .iter()
            .map(|service| ((*service).to_owned(), app(service)))
            .collect();
        let files = nginx(&NginxInput::new(&routes, &hosts)).unwrap();
        Self { routes, files }
    }
}

/// The container app of a service, as the deployment of the tests names it.
pub(super) fn app(service: &str) -> String {
    let kind: ServiceKind = service.parse().unwrap();
    format!("dify-dev-{}", kind.app_suffix())
}

/// The files that the container app of nginx mounts.
fn delivered(deployment: &Deployment) -> Vec<RenderedFile> {
    let subscription = SubscriptionId::parse(DEFAULT_SUBSCRIPTION).unwrap();
    let target = Target::new(deployment, Some(&subscription));
    let graph = lower(deployment, &target).unwrap();
    let name = ResourceNames::new(deployment, &target).app(ServiceKind::Nginx);
    let app = graph
        .group()
        .provider(Kind::ContainerApp.resource_type(), &name);
    mounted_files(&graph, &app)
}

impl FrontDoor {
    /// Writes the files and starts nginx with the container's command, by another shell where the
    /// scenario has one.
    pub(super) async fn start(files: &Files, shell: &[String]) -> Self {
        fs::write("/etc/resolv.conf", RESOLV_CONF).unwrap();
        for file in &files.files {
            fs::write(format!("{NGINX_DIRECTORY}/{}", file.name), &file.text).unwrap();
        }
        let command = nginx_command(&NginxPaths::default());
        let (_, script) = command.split_first().unwrap();
        let nginx = Command::new(&shell[0])
            .args(&shell[1..])
            .args(script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut door = Self { nginx };
        door.await_health().await;
        door
    }

    async fn await_health(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.nginx.try_wait().unwrap();
            assert!(ended.is_none(), "nginx ended: {ended:?}");
            if tokio::net::TcpStream::connect(("198.51.100.80", 80))
                .await
                .is_ok()
            {
                return;
            }
            assert!(Instant::now() < deadline, "nginx does not listen");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether nginx answers probes, as the platform asks.
    pub(super) async fn is_healthy(&self) -> bool {
        let head = b"GET /nginx-health HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: close\r\n\r\n";
        let answer = send("127.0.0.1".parse().unwrap(), head).await;
        answer.status == 200 && answer.body == b"ok\n"
    }
}

impl Drop for FrontDoor {
    fn drop(&mut self) {
        drop(self.nginx.kill());
        drop(self.nginx.wait());
    }
}
