//! Rules about names, ports and reachability.

use super::rule::{Family, Rule, Sample};
use super::{gateway, network};
use crate::deployment::{Deployment, Service};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &PREFIX,
    &PORT,
    &DOCKER_HUB,
    network::RULES[0],
    network::RULES[1],
    network::RULES[2],
    network::RULES[3],
    network::RULES[4],
    network::RULES[5],
    network::RULES[6],
    gateway::RULES[0],
    gateway::RULES[1],
    gateway::RULES[2],
    gateway::RULES[3],
    gateway::RULES[4],
    gateway::RULES[5],
    gateway::RULES[6],
    gateway::RULES[7],
    gateway::RULES[8],
    gateway::RULES[9],
];

pub(crate) use network::{ADDRESS_PLAN, EXISTING};

pub(crate) const PREFIX: Rule = Rule {
    id: "NET001",
    title: "Every derived name fits",
    why: "Names are made of name, environment and service, and Container Apps takes 32 characters. \
          A name that is cut would no longer tell which service it is.",
    source: "microsoft/azure-container-apps#1103; microsoft/TWL300-AI-Apps-and-agents#90",
    fix: "Shorten `name` or `environment`: together they have at most 17 characters.",
    bad: Sample::file(
        "name = \"knowledge-base\"\nenvironment = \"production-eu\"\nprofile = \"dev\"\n\
         location = \"japaneast\"\n\n[azure]\nresource_group = \"rg\"\n",
    ),
    good: Sample::file(
        "name = \"knowledge-base\"\nenvironment = \"eu\"\nprofile = \"dev\"\n\
         location = \"japaneast\"\n\n[azure]\nresource_group = \"rg\"\n",
    ),
    ..Rule::of(Family::Net, Severity::Error)
};

pub(super) const PORT: Rule = Rule {
    id: "NET002",
    title: "Services listen where the others call them",
    why: "Ports of containers, ingress, probes and the URLs of the callers are derived from one \
          place; a variable that moves one of them leaves the service running and unreachable.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml; microsoft/azure-container-apps#540",
    fix: "Remove the variable.",
    bad: Sample::part("[services.sandbox.env]\nSANDBOX_PORT = 9000"),
    good: Sample::part("[services.sandbox.env]\nWORKER_TIMEOUT = 30"),
    ..Rule::of(Family::Net, Severity::Error)
};

const DOCKER_HUB: Rule = Rule {
    id: "NET003",
    title: "Images don't depend on Docker Hub's ration",
    why: "Docker Hub rations pulls without an account by address, and the addresses of Container \
          Apps are shared: a new replica may wait for hours with \"429 Too Many Requests\".",
    source: "microsoft/azure-container-apps#1670; Azure/azure-cli#29300",
    fix: "Name a registry of your own in `images.registry`; `dify-infra images import` has an Azure \
          registry copy the images.",
    bad: Sample::part(""),
    good: Sample::part("[images]\nregistry = \"myregistry.azurecr.io\""),
    check: Some(docker_hub),
    ..Rule::of(Family::Net, Severity::Note)
};

fn docker_hub(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let count = deployment
        .services()
        .filter(|service| is_rationed(deployment, service))
        .count();
    if count > 0 {
        let message = format!(
            "the images of {count} services come from Docker Hub without an account, which \
             rations such pulls"
        );
        diagnostics.push(DOCKER_HUB.finding(KeyPath::of("images.registry"), message));
    }
}

/// Whether an image is pulled from Docker Hub without an account.
fn is_rationed(deployment: &Deployment, service: &Service) -> bool {
    let login = deployment
        .registry()
        .filter(|registry| registry.credentials.is_some());
    let has_account = login.is_some_and(|login| login.server == service.image.registry());
    service.image.is_on_docker_hub() && !has_account
}
