//! A name of one's own: two writes around a person who sets DNS records.

mod foreign;
mod vault;

use std::sync::Mutex;
use std::time::Duration;

use dify_infra_azure::apply::Cancellation;
use dify_infra_azure::domain::{Patience, Waited, wait};
use dify_infra_azure::outputs::{RecordState, outputs};
use dify_infra_azure::verify::Status;
use dify_infra_core::plan::{Action, DnsRecord as Wanted, Plan, dns_records};
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::{DnsRecord, Emulator};
use dify_infra_examples::MINIMAL;
use http::Method;
use serde_json::{Value, json};

use crate::support::schemas::Schemas;
use crate::support::{Azure, Scene};

const HOST: &str = "dify.example.com";

fn with_public(public: &str) -> String {
    format!("{MINIMAL}\n[public]\n{public}\n")
}

fn managed() -> String {
    with_public(&format!(
        "origin = \"https://{HOST}\"\ncertificate = \"managed\""
    ))
}

/// The records that the deployment asks for.
async fn wanted(scene: &Scene) -> Vec<Wanted> {
    dns_records(&scene.graph, &scene.observe().await)
}

async fn set_all(scene: &Scene) {
    scene.set_records().await;
}

fn set(scene: &Scene, records: &[Wanted]) {
    scene.azure.set_dns(records);
}

fn action(plan: &Plan, id: &ResourceId) -> Action {
    plan.change(id).unwrap().action
}

/// The items of the front door's list of names.
async fn names(scene: &Scene) -> Value {
    let snapshot = scene.observe().await;
    let app = snapshot.body(&scene.app("nginx")).unwrap();
    app["properties"]["configuration"]["ingress"]["customDomains"].clone()
}

/// Deployed, without a record.
async fn waiting(file: &str) -> Scene {
    let scene = Scene::new(file);
    scene.make_existing().await;
    scene.apply().await;
    scene
}

/// Deployed, with its name on the front door.
async fn bound(file: &str) -> Scene {
    let scene = waiting(file).await;
    set_all(&scene).await;
    scene.apply().await;
    scene.assert_settled().await;
    scene
}

#[tokio::test(start_paused = true)]
async fn waiting_is_neither_a_change_nor_an_error_and_ends_when_the_records_are_there() {
    let scene = Scene::new(&managed());
    let (certificate, name) = (
        scene.only(Kind::ManagedCertificate),
        scene.only(Kind::CustomDomain),
    );
    let first = scene.plan().await;
    assert_eq!(action(&first, &certificate), Action::Waiting);
    assert_eq!(action(&first, &name), Action::Waiting);
    assert!(first.is_applyable() && first.summary().waiting == 2);
    scene.apply().await;

    let plan = scene.plan().await;
    assert!(plan.is_empty() && plan.is_applyable(), "{plan}");
    let told = plan.to_string();
    assert!(
        told.contains("… waiting dify-dev-nginx/dify.example.com "),
        "{told}"
    );
    assert!(
        told.contains("DNS lacks dify.example.com CNAME dify-dev-nginx."),
        "{told}"
    );
    assert!(told.contains("asuid.dify.example.com TXT "), "{told}");
    assert!(told.contains("2 waiting for DNS"), "{told}");
    let report = scene.verify().await;
    assert!(report.is_success());
    assert_eq!(report.count(Status::Waiting), 3, "{report:#?}");

    // One of the two records is not enough.
    let records = wanted(&scene).await;
    assert_eq!(records.len(), 2);
    set(&scene, &records[1..]);
    assert_eq!(scene.plan().await.summary().waiting, 2);

    set(&scene, &records);
    let plan = scene.plan().await;
    assert_eq!(action(&plan, &certificate), Action::Create, "{plan}");
    assert_eq!(action(&plan, &name), Action::Create, "{plan}");
    scene.azure.forget();
    scene.apply().await;
    assert_eq!(
        scene.azure.headlines(),
        [
            "PATCH dify-dev-nginx".to_owned(),
            format!("PUT {}", certificate.name()),
            "PATCH dify-dev-nginx".to_owned(),
        ]
    );
    let expected = json!([{
        "name": HOST, "bindingType": "SniEnabled", "certificateId": certificate.as_str(),
    }]);
    assert_eq!(names(&scene).await, expected);
    scene.assert_settled().await;
    let report = scene.verify().await;
    assert!(
        report.is_success() && report.count(Status::Waiting) == 0,
        "{report:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn outputs_print_the_records_with_their_state() {
    let scene = waiting(&managed()).await;
    let offers = async |scene: &Scene| {
        let snapshot = scene.observe().await;
        outputs(&scene.deployment, &scene.target, &scene.graph, &snapshot)
    };
    let before = offers(&scene).await;
    let kinds: Vec<(&str, RecordState)> = before
        .dns_records
        .iter()
        .map(|record| (record.kind, record.state))
        .collect();
    assert_eq!(
        kinds,
        [
            ("CNAME", RecordState::Missing),
            ("TXT", RecordState::Missing)
        ]
    );
    assert_eq!(before.domain_bound, Some(false));
    assert!(before.domain_commands.is_empty(), "apply does it");
    // What is printed as a zone file is what the embedded Azure reads.
    let zone: String = before
        .dns_records
        .iter()
        .map(|record| record.zone_line() + "\n")
        .collect();
    let records = DnsRecord::parse_zone(&zone).unwrap();
    scene.azure.emulator().set_dns(records);
    scene.apply().await;
    assert_eq!(offers(&scene).await.domain_bound, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_says_so_and_goes_on_when_the_records_are_there() {
    let scene = waiting(&managed()).await;
    let records = wanted(&scene).await;
    let mut snapshot = scene.observe().await;
    let told = Mutex::new(Vec::new());
    let tell = |missing: &[Wanted]| told.lock().unwrap().push(missing.len());
    let person = async {
        tokio::time::sleep(Duration::from_mins(2)).await;
        set(&scene, &records[..1]);
        tokio::time::sleep(Duration::from_mins(2)).await;
        set(&scene, &records);
    };
    let patience = Patience::new(Duration::from_hours(1));
    let cancellation = Cancellation::never();
    let waited = wait(
        &scene.client,
        &scene.graph,
        &mut snapshot,
        patience,
        (&tell, cancellation),
    );
    let (waited, ()) = tokio::join!(waited, person);
    assert_eq!(waited, Waited::Ready);
    assert_eq!(
        told.into_inner().unwrap(),
        [2, 1],
        "it says what changes, and that alone"
    );
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_its_time_or_with_the_person() {
    let scene = waiting(&managed()).await;
    let began = tokio::time::Instant::now();
    let quiet = |_: &[Wanted]| {};
    let mut snapshot = scene.observe().await;
    let patience = Patience::new(Duration::from_secs(100));
    let never = Cancellation::never();
    let waited = wait(
        &scene.client,
        &scene.graph,
        &mut snapshot,
        patience,
        (&quiet, never),
    )
    .await;
    assert_eq!(waited, Waited::TimedOut);
    assert!(began.elapsed() >= Duration::from_secs(100));
    let (switch, cancellation) = Cancellation::new();
    switch.send(true).unwrap();
    let waited = wait(
        &scene.client,
        &scene.graph,
        &mut snapshot,
        patience,
        (&quiet, cancellation),
    );
    assert_eq!(waited.await, Waited::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_off_anywhere_goes_on_from_there() {
    let file = managed();
    // Putting the name there, issuing and binding take the writes 1, 2 and 3.
    for cut in 1..=3 {
        let scene = waiting(&file).await;
        set_all(&scene).await;
        scene.azure.forget();
        let broken = Mutex::new(0);
        let (switch, cancellation) = Cancellation::new();
        let sink = |event: &dify_infra_azure::apply::Event| {
            // A run that is left is one whose requests stop: nothing of it is heard any more.
            if let dify_infra_azure::apply::Event::Progress { .. } = event {
                let mut count = broken.lock().unwrap();
                *count += 1;
                if scene.azure.writes().len() >= cut {
                    switch.send_replace(true);
                }
            }
        };
        let run = scene.try_apply(&sink, cancellation.clone());
        let mut stop = cancellation;
        tokio::select! {
            biased;
            () = stopped(&mut stop) => {}
            _ = run => {}
        }
        assert!(
            scene.azure.writes().len() >= cut,
            "{:?}",
            scene.azure.headlines()
        );
        scene.apply().await;
        scene.assert_settled().await;
        assert_eq!(names(&scene).await[0]["bindingType"], "SniEnabled");
    }
}

async fn stopped(cancellation: &mut Cancellation) {
    while !cancellation.is_cancelled() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_apex_of_a_domain_has_an_address_and_is_validated_over_http() {
    let file = with_public("origin = \"https://example.com\"\ncertificate = \"managed\"");
    let scene = waiting(&file).await;
    let records = wanted(&scene).await;
    let kinds: Vec<(&str, &str)> = records
        .iter()
        .map(|record| (record.kind, record.name.as_str()))
        .collect();
    assert_eq!(kinds, [("A", "example.com"), ("TXT", "asuid.example.com")]);
    set(&scene, &records);
    scene.azure.forget();
    scene.apply().await;
    let writes = scene.azure.writes();
    let insecure = |index: usize| {
        let body = writes[index].body.as_ref().unwrap();
        body["properties"]["configuration"]["ingress"]["allowInsecure"].clone()
    };
    assert_eq!((insecure(0), insecure(2)), (json!(true), json!(false)));
    let body = writes[1].body.as_ref().unwrap();
    assert_eq!(body["properties"]["domainControlValidation"], "HTTP");
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_dns_has_decides_how_a_certificate_is_validated() {
    let scene = waiting(&managed()).await;
    let mut records = wanted(&scene).await;
    let environment = scene.only(Kind::ManagedEnvironment);
    let address = scene
        .observe()
        .await
        .output(&environment, "/properties/staticIp");
    records[0].kind = "A";
    records[0].value = address.unwrap();
    set(&scene, &records);
    scene.apply().await;
    let snapshot = scene.observe().await;
    let live = snapshot
        .body(&scene.only(Kind::ManagedCertificate))
        .unwrap();
    assert_eq!(live["properties"]["domainControlValidation"], "HTTP");
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_not_issued_is_asked_for_anew() {
    let scene = waiting(&managed()).await;
    set_all(&scene).await;
    scene
        .azure
        .fail_operation("/managedCertificates/", "the authority refused");
    let report = scene.attempt().await;
    assert!(!report.is_success());
    let plan = scene.plan().await;
    assert_eq!(
        action(&plan, &scene.only(Kind::ManagedCertificate)),
        Action::Replace
    );
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn destroy_takes_names_and_certificates_along() {
    let scene = bound(&managed()).await;
    scene.destroy(false).await;
    let left = scene.azure.resources();
    assert!(
        !left.keys().any(|id| id.contains("microsoft.app")),
        "{:?}",
        left.keys()
    );
    // The owner is still known; the front door of a new environment has another name.
    scene.apply().await;
    let plan = scene.plan().await;
    let reason = &plan.change(&scene.only(Kind::CustomDomain)).unwrap().reason;
    assert!(
        reason.contains(" CNAME ") && !reason.contains(" TXT "),
        "{reason}"
    );
    set_all(&scene).await;
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_needs_no_right_to_ask_about_names() {
    let scene = waiting(&managed()).await;
    let reader: [(&[&str], &[&str]); 1] = [(&["*/read"], &[])];
    scene.azure.emulator().set_permissions(&reader);
    let plan = scene.plan().await;
    assert!(plan.is_applyable() && plan.is_empty(), "{plan}");
    let reason = &plan.change(&scene.only(Kind::CustomDomain)).unwrap().reason;
    assert!(
        reason.contains("not known whether its DNS records are set"),
        "{reason}"
    );
    assert!(
        reason.contains("listCustomHostNameAnalysis/action"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reviewed_plan_holds_when_the_records_come_in_between() {
    use dify_infra_core::plan::{Origin, SavedPlan};
    let scene = waiting(&managed()).await;
    let snapshot = scene.observe().await;
    let origin = Origin {
        dify_infra: "0".to_owned(),
        deployment: scene.graph.owner().to_owned(),
        endpoint: String::new(),
        subscription: String::new(),
        resource_group: String::new(),
        file: String::new(),
        file_sha256: String::new(),
        prune: false,
        secrets_compared: true,
    };
    let saved = SavedPlan::new(origin, &scene.plan().await, &snapshot).unwrap();
    set_all(&scene).await;
    let now = scene.plan().await;
    assert_eq!(now.summary().create, 2);
    assert_eq!(saved.differs_from(&now), Vec::<String>::new());
    assert_eq!(
        saved.changed_since(&scene.observe().await),
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn every_body_about_names_is_one_that_azure_takes() {
    let Some(schemas) = Schemas::load() else {
        return;
    };
    let scene = Scene::on(Azure::with(Emulator::builder()), &managed());
    scene.apply().await;
    set_all(&scene).await;
    scene.azure.forget();
    scene.apply().await;
    let mut seen = 0;
    for exchange in scene.azure.writes() {
        let kind = exchange.kind().unwrap().resource_type();
        let mut body = exchange.body.unwrap();
        if exchange.method == Method::PATCH {
            // A patch leaves out what it does not change, such as the required location.
            body["location"] = json!("japaneast");
        }
        let problems = schemas.problems_of_sent(kind, &exchange.api_version, &body);
        assert_eq!(problems, Vec::<String>::new());
        seen += 1;
    }
    assert_eq!(seen, 3);
}
