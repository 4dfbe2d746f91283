//! A deployment on an Azure, with what is needed to plan, apply and look at it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dify_infra_azure::apply::{
    Applier, ApplyError, ApplyOptions, ApplyReport, Cancellation, Event, EventSink,
};
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::observe::{observe, read_files};
use dify_infra_azure::preflight::{self, Problem};
use dify_infra_azure::verify::{VerifyReport, verify};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{Management, Node, ResourceGraph, Target, lower};
use dify_infra_core::plan::{Options, Plan, Snapshot, dns_records, fingerprints, plan};
use dify_infra_core::resource::text::resolve;
use dify_infra_core::resource::{Kind, Part, ResourceId};
use dify_infra_core::secrets::{RandomError, RandomSource, Secrets, generate_missing};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Azure;

/// Bytes that look random and are the same in every run.
struct Fixed(u64);

impl RandomSource for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
        for byte in buffer {
            // splitmix64: https://prng.di.unimi.it/splitmix64.c
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 40).to_le_bytes()[0];
        }
        Ok(())
    }
}

/// A deployment on an Azure.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) azure: Arc<Azure>,
    pub(crate) client: ArmClient,
    pub(crate) deployment: Deployment,
    pub(crate) target: Target,
    pub(crate) graph: ResourceGraph,
    pub(crate) secrets: Secrets,
    pub(crate) options: ApplyOptions,
}

impl Scene {
    /// A deployment file on an empty Azure.
    #[track_caller]
    pub(crate) fn new(file: &str) -> Self {
        Self::on(Azure::new(), file)
    }

    /// A deployment file on an Azure that may hold something.
    #[track_caller]
    pub(crate) fn on(azure: Arc<Azure>, file: &str) -> Self {
        let deployment = match Deployment::parse(file) {
            Ok(resolved) => resolved.deployment,
            Err(problems) => panic!("the file has errors: {problems}"),
        };
        let subscription = DEFAULT_SUBSCRIPTION.parse().unwrap();
        let target = Target::new(&deployment, Some(&subscription));
        let graph = lower(&deployment, &target).unwrap();
        let client = azure.client();
        let secrets = secrets_for(&deployment, 1);
        Self {
            azure,
            client,
            deployment,
            target,
            graph,
            secrets,
            options: ApplyOptions::new(),
        }
    }

    /// The same Azure and the same secrets with another file.
    #[track_caller]
    pub(crate) fn with_file(&self, file: &str) -> Self {
        let mut other = Self::on(Arc::clone(&self.azure), file);
        for (name, value) in self.secrets.iter() {
            other.secrets.insert(name.clone(), value.clone());
        }
        other
    }

    /// Makes what the file says that somebody else has made.
    pub(crate) async fn make_existing(&self) {
        let existing = |node: &&Node| node.management() == Management::Existing;
        let nodes: Vec<&Node> = self.graph.in_order().into_iter().filter(existing).collect();
        if nodes.is_empty() {
            return;
        }
        let group = json!({ "location": self.deployment.location().as_str() });
        let groups: BTreeSet<ResourceId> = nodes.iter().map(|node| node.id().group()).collect();
        for id in groups.iter().chain([self.graph.group()]) {
            self.put(id, Kind::ResourceGroup, &group).await;
        }
        for (position, node) in nodes.into_iter().enumerate() {
            let mut body = resolve(node.body(), &|part| match part {
                Part::Secret(name, _) => {
                    Some(self.secrets.get(name.clone())?.expose_secret().to_owned())
                }
                _ => None,
            });
            // The addresses of a network are its owner's.
            match node.kind() {
                Kind::VirtualNetwork => {
                    let space = json!({ "addressPrefixes": ["172.20.0.0/16"] });
                    body["properties"] = json!({ "addressSpace": space });
                }
                Kind::Subnet => {
                    let range = format!("172.20.{position}.0/24");
                    body["properties"]["addressPrefix"] = json!(range);
                }
                Kind::Vault => {
                    body["properties"] = json!({
                        "tenantId": DEFAULT_TENANT,
                        "sku": { "family": "A", "name": "standard" },
                    });
                }
                _ => {}
            }
            if body.get("tags").is_some() {
                body["tags"] = json!({ "owner": "somebody else" });
            }
            self.put(node.id(), node.kind(), &body).await;
        }
        self.make_certificate().await;
    }

    /// Puts the certificate of an application gateway into its vault, as a platform team would.
    async fn make_certificate(&self) {
        let certificate = match self.deployment.gateway() {
            Some(gateway) => &gateway.certificate,
            None => return,
        };
        let vaults = self.graph.nodes().filter(|node| node.kind() == Kind::Vault);
        let mut vaults = vaults.filter(|node| node.id().name() == certificate.vault());
        let Some(vault) = vaults.next().map(Node::id) else {
            panic!("the graph has no vault of the gateway's certificate")
        };
        let body = json!({ "properties": { "value": "MII=",
            "contentType": "application/x-pkcs12" } });
        let id = vault.child("secrets", certificate.name());
        self.put(&id, Kind::VaultSecret, &body).await;
    }

    /// Writes a resource as somebody else would.
    pub(crate) async fn put(&self, id: &ResourceId, kind: Kind, body: &Value) {
        let operation = self
            .client
            .begin_put(id.as_str(), kind.api_version(), body)
            .await
            .unwrap();
        operation.wait().await.unwrap();
    }

    /// Changes a resource as somebody else would, who reads it first and keeps its secrets.
    pub(crate) async fn tamper(&self, id: &ResourceId, change: impl FnOnce(&mut Value)) {
        let kind = self.graph.get(id).map_or(Kind::ContainerApp, Node::kind);
        let live = self
            .client
            .get(id.as_str(), kind.api_version())
            .await
            .unwrap()
            .unwrap();
        let mut body = dify_infra_core::diff::without_read_only(kind, &live);
        if matches!(kind, Kind::ContainerApp | Kind::Job) {
            body["properties"]["configuration"]["secrets"] = self.secrets_of(id).await;
        }
        change(&mut body);
        self.put(id, kind, &body).await;
    }

    /// Sets the DNS records that the deployment asks for.
    pub(crate) async fn set_records(&self) {
        let records = dns_records(&self.graph, &self.observe().await);
        self.azure.set_dns(&records);
    }

    /// The secrets that an app or job holds, with their values.
    pub(crate) async fn secrets_of(&self, id: &ResourceId) -> Value {
        let version = Kind::ContainerApp.api_version();
        let answer = self
            .client
            .post_action(id.as_str(), "listSecrets", version, None)
            .await
            .unwrap();
        answer["value"].clone()
    }

    /// Deletes a resource as somebody else would.
    pub(crate) async fn delete(&self, id: &ResourceId) {
        let kind = Kind::from_type(&id.resource_type()).unwrap();
        let operation = self
            .client
            .begin_delete(id.as_str(), kind.api_version())
            .await
            .unwrap();
        operation.wait().await.unwrap();
    }

    /// The id of the only resource with this name.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> ResourceId {
        let mut found = self.graph.nodes().filter(|node| node.id().name() == name);
        let id = found
            .next()
            .unwrap_or_else(|| panic!("the graph has no {name}"))
            .id()
            .clone();
        assert!(found.next().is_none(), "the graph has more than one {name}");
        id
    }

    /// The id of an app, by its service: `api`.
    #[track_caller]
    pub(crate) fn app(&self, service: &str) -> ResourceId {
        self.id(&format!("{}-{service}", self.deployment.prefix()))
    }

    /// The id of the only resource of a kind.
    #[track_caller]
    pub(crate) fn only(&self, kind: Kind) -> ResourceId {
        let mut found = self.graph.nodes().filter(|node| node.kind() == kind);
        let id = found.next().unwrap().id().clone();
        assert!(
            found.next().is_none(),
            "the graph has more than one {kind:?}"
        );
        id
    }

    pub(crate) async fn observe(&self) -> Snapshot {
        observe(&self.client, &self.graph).await
    }

    /// Plans with the secrets file at hand.
    pub(crate) async fn plan(&self) -> Plan {
        self.look().await.0
    }

    /// Plans without the secrets file.
    pub(crate) async fn plan_without_secrets(&self) -> Plan {
        let prune = self.options.prune;
        let options = Options::new().with_prune(prune);
        plan(&self.graph, &self.observe().await, options)
    }

    /// A plan and what it was made from; texts of changed files are read, as the CLI does.
    pub(crate) async fn look(&self) -> (Plan, Snapshot) {
        let fingerprints = fingerprints(&self.secrets);
        let prune = self.options.prune;
        let options = Options::new()
            .with_fingerprints(fingerprints.as_ref())
            .with_prune(prune);
        let mut snapshot = self.observe().await;
        let first = plan(&self.graph, &snapshot, options);
        read_files(&self.client, &self.graph, &first, &mut snapshot).await;
        (plan(&self.graph, &snapshot, options), snapshot)
    }

    pub(crate) async fn preflight(&self) -> Vec<Problem> {
        preflight::preflight(&self.client, &self.graph, &self.plan().await).await
    }

    /// What carries out plans, with the choices of the scene.
    pub(crate) fn applier(&self) -> Applier<'_> {
        Applier::new(&self.client, &self.graph).with_options(self.options.clone())
    }

    /// Plans and applies.
    ///
    /// # Errors
    ///
    /// When the plan can't be applied.
    pub(crate) async fn try_apply(
        &self,
        sink: &dyn EventSink,
        cancellation: Cancellation,
    ) -> Result<ApplyReport, ApplyError> {
        let (plan, snapshot) = self.look().await;
        let applier = self.applier().with_events(sink);
        let applier = applier.with_cancellation(cancellation);
        applier.apply(&plan, &snapshot, &self.secrets).await
    }

    /// Plans and applies, whatever comes of it.
    pub(crate) async fn attempt(&self) -> ApplyReport {
        self.try_apply(&|_: &Event| {}, Cancellation::never())
            .await
            .unwrap()
    }

    /// Plans and applies, and everything works.
    pub(crate) async fn apply(&self) -> ApplyReport {
        let report = self.attempt().await;
        assert_done(&report);
        report
    }

    pub(crate) async fn destroy(&self, include_data: bool) -> ApplyReport {
        let snapshot = self.observe().await;
        let report = self.applier().destroy(&snapshot, include_data).await;
        let report = report.unwrap();
        assert_done(&report);
        report
    }

    pub(crate) async fn verify(&self) -> VerifyReport {
        let snapshot = self.observe().await;
        verify(&self.client, &self.deployment, &self.graph, &snapshot).await
    }

    /// Says whether nothing would be changed, with the secrets file and without.
    pub(crate) async fn assert_settled(&self) {
        let plan = self.plan().await;
        assert!(plan.is_empty(), "with the secrets file:\n{plan}");
        let plan = self.plan_without_secrets().await;
        assert!(plan.is_empty(), "without the secrets file:\n{plan}");
    }
}

/// Every secret that a deployment needs, the same in every run.
pub(crate) fn secrets_for(deployment: &Deployment, seed: u64) -> Secrets {
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut Fixed(seed)).unwrap();
    for name in deployment.secret_names() {
        if !secrets.contains(name.clone()) {
            let value = format!("value-of-{name}-{seed}");
            secrets.insert(name, value.into());
        }
    }
    secrets
}

/// Says whether a run did all that it was to do.
#[track_caller]
pub(crate) fn assert_done(report: &ApplyReport) {
    let failures: Vec<String> = report
        .failures()
        .map(|(id, error)| format!("{}: {}", id.name(), error.sentence()))
        .collect();
    assert!(report.is_success(), "the run failed: {failures:#?}");
}
