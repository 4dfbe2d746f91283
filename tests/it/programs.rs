//! The example programs do what they say.

use dify_infra_azure::embedded::{EmbeddedAzure, Emulator};
use dify_infra_azure::preflight::{Problem, ProblemKind};
use dify_infra_azure::secrets::SystemRandom;
use dify_infra_core::check::check_file;
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::secrets::{Secrets, generate_missing};
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use dify_infra_examples::apply_in_a_pipeline::Pipeline;
use dify_infra_examples::{
    DIFY_DEV, DIFY_PROD, FILES, MINIMAL, OWN_REGISTRY, build_without_a_file, custom_check, deploy,
    measure, plan_offline, test_a_pipeline,
};

/// What a program writes.
fn written<T>(run: impl FnOnce(&mut Vec<u8>) -> T) -> (String, T) {
    let mut out = Vec::new();
    let result = run(&mut out);
    (String::from_utf8(out).unwrap(), result)
}

#[test]
fn every_file_is_a_deployment_without_errors() {
    for (name, file) in FILES {
        let resolved = check_file(file).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        let findings: Vec<String> = resolved
            .diagnostics
            .iter()
            .filter(|found| found.severity != Severity::Note)
            .map(|found| {
                format!(
                    "{} {} {}: {}",
                    found.severity, found.code, found.path, found.message
                )
            })
            .collect();
        insta::assert_debug_snapshot!(format!("warnings_in_{name}"), findings);
    }
}

#[test]
fn every_file_of_the_folder_is_known() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut there: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "Cargo.toml")
        .collect();
    there.sort();
    let mut known = FILES.map(|(name, _)| name);
    known.sort_unstable();
    assert_eq!(there, known);
}

#[test]
fn seven_lines_are_enough() {
    assert_eq!(
        MINIMAL
            .lines()
            .filter(|line| !line.trim().is_empty())
            .count(),
        7
    );
}

#[test]
fn plan_offline() {
    let (text, plan) = written(|out| plan_offline::run(DIFY_DEV, out).unwrap());
    assert_eq!(plan.summary().create, plan.changes().len());
    insta::assert_snapshot!(text);
}

#[test]
fn build_without_a_file() {
    let (text, result) = written(|out| build_without_a_file::run(out));
    result.unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn custom_check() {
    let registry = "assistants.azurecr.io";
    let (text, found) = written(|out| custom_check::run(OWN_REGISTRY, registry, out).unwrap());
    assert!(!found.has_errors(), "{text}");
    assert!(text.contains("warning[ACME002] azure.tags"), "{text}");
    let (text, found) = written(|out| custom_check::run(MINIMAL, registry, out).unwrap());
    assert!(
        found.has_errors() && text.contains("error[ACME001] images.registry"),
        "{text}"
    );
    let (text, found) = written(|out| custom_check::run("name = 1", registry, out).unwrap());
    assert!(found.has_errors() && !text.contains("ACME"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn apply_in_a_pipeline() {
    let client = EmbeddedAzure::new(Emulator::new()).client().unwrap();
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut SystemRandom).unwrap();
    let pipeline = Pipeline::new(&client, DIFY_DEV, DEFAULT_SUBSCRIPTION).unwrap();
    let mut out = Vec::new();
    let outputs = pipeline.run(&secrets, &mut out).await.unwrap();
    assert!(outputs.public_url.is_some());
    let mut again = Vec::new();
    pipeline.run(&secrets, &mut again).await.unwrap();
    assert!(
        String::from_utf8(again)
            .unwrap()
            .starts_with("plan: 0 to create, 0 to update\n")
    );
    let text = String::from_utf8(out).unwrap();
    insta::with_settings!({ filters => [("[a-z0-9-]+\\.japaneast", "<domain>.japaneast")] }, {
        insta::assert_snapshot!(text);
    });
}

/// The secrets are kept for a second run, which has nothing to do; so the same file leads to the same values.
#[tokio::test(start_paused = true)]
async fn deploy() {
    let folder = tempfile::tempdir().unwrap();
    let (file, secrets) = (folder.path().join("a.toml"), folder.path().join("a.env"));
    std::fs::write(&file, DIFY_DEV).unwrap();
    let outputs = deploy::deploy(&file, &secrets, Emulator::new()).await;
    let url = outputs.unwrap().public_url.unwrap();
    assert!(url.starts_with("https://dify-dev-nginx."), "{url}");
    let kept = std::fs::read_to_string(&secrets).unwrap();
    assert!(kept.contains("POSTGRES_PASSWORD="));
    deploy::deploy(&file, &secrets, Emulator::new())
        .await
        .unwrap();
    assert_eq!(std::fs::read_to_string(&secrets).unwrap(), kept);
    let refused = Emulator::builder().providers_registered(false).build();
    let error = deploy::deploy(&file, &secrets, refused.unwrap()).await;
    let error = error.unwrap_err();
    let problem = error.downcast_ref::<Problem>().unwrap();
    assert_eq!(problem.kind, ProblemKind::Provider, "{problem}");
}

#[test]
fn the_readmes_show_the_program_that_deploys() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let program = read("examples/src/deploy.rs");
    let start = program.find("use std::path::Path;").unwrap();
    for name in ["README.md", "dify-infra-azure/README.md"] {
        assert!(
            read(name).contains(&program[start..]),
            "{name}: copy the program into it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_a_pipeline() {
    let mut out = Vec::new();
    test_a_pipeline::run(&mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
}

/// Production has more to look at, and still looks at all of it at once.
#[test]
fn measure_counts_production_too() {
    let (text, costs) = written(|out| measure::write_deployment(DIFY_PROD, out).unwrap());
    println!("{text}");
    let (apply, plan) = costs;
    assert!(apply.resources > 35 && plan.round_trips == 1, "{text}");
    assert!(apply.critical_path <= apply.wall, "{text}");
}

/// More resources take no longer: what takes long is not more of them.
#[test]
fn measure_counts_more_than_sixty_resources() {
    let file = measure::larger_production();
    let (text, costs) = written(|out| measure::write_deployment(&file, out).unwrap());
    println!("{text}");
    let (apply, plan) = costs;
    assert!(apply.resources > 60 && plan.round_trips == 1, "{text}");
    assert!(apply.ratio() <= 1.05, "{text}");
}

#[test]
fn measure_counts_requests_and_waiting() {
    let (text, costs) = written(|out| measure::write_deployment(DIFY_DEV, out).unwrap());
    println!("{text}");
    let (apply, plan) = costs;
    assert!(plan.requests <= 40 && plan.round_trips <= 3, "{text}");
    assert!(apply.critical_path <= apply.wall && apply.longest_chain <= apply.critical_path);
    assert!(apply.ratio() <= 1.05, "{text}");
    assert!(text.starts_with("plan without changes: "), "{text}");
}
