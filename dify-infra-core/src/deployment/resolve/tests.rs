use super::*;
use crate::catalogue::Catalogue;
use crate::deployment::{Origin, Profile};
use crate::egress::ExceptionTarget;
use crate::routes::RequestPath;

const BASE: &str = crate::check::Sample::BASE;

fn deployment(part: &str) -> Deployment {
    let resolved = Deployment::parse(&format!("{BASE}{part}\n"));
    resolved
        .unwrap_or_else(|error| panic!("{error}"))
        .deployment
}

fn errors(part: &str) -> Vec<String> {
    let diagnostics = Deployment::parse(&format!("{BASE}{part}\n")).unwrap_err();
    let errors = diagnostics
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| format!("{} {}", finding.code, finding.path))
        .collect()
}

#[test]
fn a_minimal_file_gets_the_defaults_of_the_profile() {
    let deployment = deployment("");
    assert_eq!(deployment.profile(), Profile::Dev);
    assert_eq!(deployment.prefix().as_str(), "dify-dev");
    let postgres = deployment.postgres();
    assert_eq!(
        (postgres.sku.as_str(), postgres.tier.as_str()),
        ("Standard_B1ms", "Burstable")
    );
    assert_eq!(
        (postgres.version.as_str(), postgres.storage_gib),
        ("16", 32)
    );
    assert_eq!(
        (postgres.backup_days, postgres.administrator.as_str()),
        (7, "difyadmin")
    );
    let extensions: Vec<_> = postgres.extensions.iter().map(String::as_str).collect();
    assert_eq!(extensions, ["UUID-OSSP", "VECTOR"]);
    assert_eq!(deployment.redis().sku, "Balanced_B0");
    assert!(!deployment.redis().high_availability);
    assert_eq!(deployment.storage().sku, "Standard_LRS");
    assert_eq!(deployment.logs().retention_days, 30);
    let daemon = deployment.service(ServiceKind::PluginDaemon).unwrap();
    assert_eq!(
        daemon.image.to_string(),
        "docker.io/langgenius/dify-plugin-daemon:0.6.3-local"
    );
    assert_eq!(daemon.size.to_string(), "1 vCPU with 2Gi");
    assert_eq!(
        deployment.migration().image,
        deployment.service(ServiceKind::Api).unwrap().image
    );
}

#[test]
fn every_release_resolves_with_its_services_and_routes() {
    for release in Catalogue::builtin().releases() {
        let version = release.version().to_string();
        let resolved = Deployment::builder("dify", "dev")
            .location("japaneast")
            .resource_group("rg")
            .release(version.as_str())
            .build()
            .unwrap_or_else(|error| panic!("{version}: {error}"));
        let deployment = resolved.deployment;
        assert_eq!(deployment.services().count(), release.services().count());
        let path = RequestPath::parse("/e/hook").unwrap();
        let location = deployment
            .routes()
            .resolve(&path)
            .location()
            .unwrap()
            .clone();
        assert_eq!(location.target.service, "plugin_daemon");
        assert!(location.hook_url);
        let socket = RequestPath::parse("/socket.io/?x=1").unwrap();
        let target = &deployment
            .routes()
            .resolve(&socket)
            .location()
            .unwrap()
            .target
            .service;
        let expected = match release.service(ServiceKind::ApiWebsocket) {
            Some(_) => "api_websocket",
            None if release
                .routes()
                .iter()
                .any(|route| route.path == "/socket.io/") =>
            {
                "api"
            }
            None => "web",
        };
        assert_eq!(target, expected, "{version}");
    }
}

#[test]
fn images_move_to_a_registry_and_overrides_stay_as_written() {
    let deployment = deployment(
        "[images]\nregistry = \"contoso.azurecr.io\"\nusername = \"puller\"\n\
         password = { secret = \"REGISTRY_PASSWORD\" }\n\
         [images.overrides]\nsandbox = \"other.example.com/sandbox:0.2.15\"\n\
         [services.worker]\nimage = \"other.example.com/worker:1.16.0\"",
    );
    let image = |kind| deployment.service(kind).unwrap().image.to_string();
    assert_eq!(
        image(ServiceKind::Api),
        "contoso.azurecr.io/langgenius/dify-api:1.16.0"
    );
    assert_eq!(
        image(ServiceKind::Sandbox),
        "other.example.com/sandbox:0.2.15"
    );
    assert_eq!(
        image(ServiceKind::Worker),
        "other.example.com/worker:1.16.0"
    );
    let login = deployment.registry().unwrap().credentials.as_ref().unwrap();
    assert_eq!(
        (login.username.as_str(), login.password.as_str()),
        ("puller", "registry-password")
    );
    assert!(deployment.secret_names().contains(&login.password));
}

#[test]
fn half_a_login_is_refused() {
    assert_eq!(
        errors("[images]\nregistry = \"contoso.azurecr.io\"\nusername = \"u\""),
        ["SPC004 images.password"]
    );
    assert_eq!(
        errors("[images]\npassword = { secret = \"p\" }"),
        ["SPC004 images.username", "SPC004 images.registry"]
    );
    assert_eq!(
        errors("[images]\nregistry = \"https://r.io\""),
        ["SPC005 images.registry"]
    );
}

#[test]
fn cpu_and_memory_follow_each_other() {
    let size = |part: &str| {
        let deployment = deployment(&format!("[services.web]\n{part}"));
        deployment
            .service(ServiceKind::Web)
            .unwrap()
            .size
            .to_string()
    };
    assert_eq!(size("cpu = 2"), "2 vCPU with 4Gi");
    assert_eq!(size("memory = \"3Gi\""), "1.5 vCPU with 3Gi");
    assert_eq!(
        size("cpu = 0.25\nmemory = \"0.5Gi\""),
        "0.25 vCPU with 0.5Gi"
    );
    for part in [
        "cpu = 8",
        "cpu = 0.3",
        "memory = \"512Mi\"",
        "memory = \"9Gi\"",
        "cpu = nan",
    ] {
        let found = errors(&format!("[services.web]\n{part}"));
        assert_eq!(found.len(), 1, "{part}: {found:?}");
        assert!(found[0].starts_with("LIM001 services.web."), "{found:?}");
    }
}

#[test]
fn one_end_of_a_replica_range_makes_room_for_the_other() {
    let range = |part: &str| {
        let part = format!("[data.postgres]\nsku = \"Standard_B2ms\"\n[services.web]\n{part}");
        deployment(&part)
            .service(ServiceKind::Web)
            .unwrap()
            .replicas
            .to_string()
    };
    assert_eq!(range("replicas = { max = 7 }"), "1 to 7");
    assert_eq!(range("replicas = { min = 5 }"), "5");
}

#[test]
fn existing_services_are_used_and_need_their_login() {
    let deployment = deployment(
        "[data.postgres]\nexisting = \"my-server\"\nadministrator = \"dify\"\n\
         [data.redis]\nexisting = \"my-redis\"\n[data.storage]\nexisting = \"mystorage\"",
    );
    assert!(
        matches!(&deployment.postgres().origin, Origin::Existing(name) if name.as_str() == "my-server")
    );
    assert!(matches!(&deployment.redis().origin, Origin::Existing(_)));
    assert!(matches!(&deployment.storage().origin, Origin::Existing(_)));
    assert_eq!(
        errors("[data.postgres]\nexisting = \"my-server\""),
        ["SPC004 data.postgres.administrator"]
    );
    assert_eq!(
        errors("[data.redis]\nexisting = \"-\""),
        ["SPC005 data.redis.existing"]
    );
}

#[test]
fn another_vector_store_needs_no_vector_extension() {
    let every = ["api", "api_websocket", "worker", "worker_beat"]
        .map(|service| format!("[services.{service}.env]\nVECTOR_STORE = \"qdrant\"\n"));
    let extensions = deployment(&every.concat()).postgres().extensions.clone();
    assert_eq!(extensions.into_iter().collect::<Vec<_>>(), ["UUID-OSSP"]);
}

#[test]
fn exceptions_reach_the_policy() {
    let deployment = deployment(
        "[egress]\nallow = [{ domain = \"Wiki.Corp.Example\", reason = \" our wiki \" }]",
    );
    let exception = &deployment.egress().exceptions()[0];
    assert_eq!(
        *exception.target(),
        ExceptionTarget::Domain("wiki.corp.example".to_owned())
    );
    assert_eq!(exception.reason(), "our wiki");
    assert_eq!(
        errors(
            "[egress]\nallow = [{ cidr = \"10.0.0.0/16\", domain = \"a.b\", reason = \"x\" }, {}]"
        ),
        [
            "SSR003 egress.allow[0]",
            "SPC004 egress.allow[1].reason",
            "SSR003 egress.allow[1]"
        ]
    );
}

#[test]
fn a_vault_has_an_identity_and_days() {
    let vault = "[secrets]\nstore = \"key-vault\"";
    let deployment = deployment(vault);
    let settings = deployment.key_vault().unwrap();
    assert_eq!(
        (settings.retention_days, settings.purge_protection),
        (7, false)
    );
    assert_eq!(
        errors(&format!("{vault}\nidentity = \"x\"\nretention_days = 3")),
        ["SPC005 secrets.identity", "SPC005 secrets.retention_days"]
    );
    let app = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/api";
    assert_eq!(
        errors(&format!("{vault}\nidentity = \"{app}\"")),
        ["SPC005 secrets.identity"]
    );
    let problems = Deployment::parse(&format!("{BASE}[secrets]\nretention_days = 9\n"));
    let found = problems.unwrap().diagnostics;
    assert!(
        found.iter().any(|one| one.message.contains("no effect")),
        "{found}"
    );
}

/// The errors of a part of a file that may have none.
fn problems(part: &str) -> Vec<String> {
    match Deployment::parse(&format!("{BASE}{part}\n")) {
        Ok(_) => Vec::new(),
        Err(_) => errors(part),
    }
}

#[test]
fn a_certificate_comes_from_azure_or_from_a_vault() {
    let public = |rest: &str| {
        problems(&format!(
            "[public]\norigin = \"https://d.example.com\"\n{rest}"
        ))
    };
    let vault = "certificate = \"https://my-vault.vault.azure.net/secrets/dify\"";
    assert_eq!(public("certificate = \"managed\""), Vec::<String>::new());
    assert_eq!(public(vault), Vec::<String>::new());
    assert_eq!(
        public("certificate = \"d.pfx\""),
        ["URL010 public.certificate"]
    );
    let other = format!("{vault}\nidentity = \"/subscriptions/s/resourceGroups/g\"");
    assert_eq!(public(&other), ["SPC005 public.identity"]);
}

#[test]
fn an_environment_of_another_name_must_say_its_profile() {
    let staging = BASE.replace("\"dev\"", "\"staging\"");
    let diagnostics = Deployment::parse(&staging).unwrap_err();
    assert!(
        diagnostics
            .iter()
            .any(|it| it.code == "SPC004" && it.path == KeyPath::of("profile"))
    );
    let with_profile = format!("profile = \"dev\"\n{staging}");
    assert!(Deployment::parse(&with_profile).is_ok());
}

#[test]
fn a_wrong_value_hides_no_other_and_brings_no_more() {
    assert_eq!(
        errors(
            "[data.postgres]\nsku = \"Standard_X\"\n[services.api.env]\nSQLALCHEMY_POOL_SIZE = 30\n\
             TRIGGER_URL = \"x\"\n[services.web]\nreplicas = { min = 9, max = 1 }"
        ),
        [
            "SPC005 data.postgres.sku",
            "URL003 services.api.env.TRIGGER_URL",
            "LIM002 services.web.replicas"
        ]
    );
}

#[test]
fn an_override_is_reported_where_it_stands() {
    let text = format!("{BASE}[images.overrides]\napi = \"langgenius/dify-api:1.15.0\"\n");
    let resolved = Deployment::parse(&text).unwrap();
    let found = resolved
        .diagnostics
        .iter()
        .find(|it| it.code == "VER002")
        .unwrap();
    assert_eq!(found.path, KeyPath::of("images.overrides.api"));
    assert_eq!(
        found.span.map(|span| (span.line, span.column)),
        Some((8, 7))
    );
}

const DIGEST: &str = "sha256:e4720093a3c1381245b53a5a51b417963b3c4472d3f47fc301930a4f3b17666a";

#[test]
fn a_digest_pins_the_tag_that_it_belongs_to() {
    let pinned = |release: &str| {
        let file = format!(
            "{BASE}[images]\ndigests = {{ \"langgenius/dify-api:1.16.0\" = \"{DIGEST}\" }}\n"
        );
        let file = format!("dify = \"{release}\"\n{file}");
        let resolved = Deployment::parse(&file).unwrap_or_else(|found| panic!("{found}"));
        let api = resolved.deployment.service(ServiceKind::Api).unwrap();
        let digest = api.image.digest().map(str::to_owned);
        let stale = resolved.diagnostics.iter();
        let stale = stale.filter(|found| found.message.contains("pins nothing"));
        (digest, stale.count())
    };
    assert_eq!(pinned("1.16.0"), (Some(DIGEST.to_owned()), 0));
    assert_eq!(pinned("1.17.1"), (None, 1));
}

#[test]
fn a_builder_says_what_a_file_says() {
    let file = format!(
        "{BASE}subscription = \"00000000-0000-0000-0000-000000000001\"\nsuffix = \"q3x7ab\"\n\
         tags = {{ a = \"b\" }}\n[public]\norigin = \"https://dify.example.com\"\n\
         [images]\nregistry = \"contoso.azurecr.io\"\nusername = \"u\"\npassword = {{ secret = \"p\" }}\n\
         overrides = {{ web = \"contoso.azurecr.io/web:1.16.0\" }}\n\
         resource_group = \"shared-rg\"\nprivate_endpoint = false\n\
         digests = {{ \"langgenius/dify-sandbox:0.2.15\" = \"{DIGEST}\" }}\n\
         [data.postgres]\nsku = \"Standard_B2s\"\nversion = 17\nstorage = 64\nbackup_days = 14\n\
         administrator = \"login\"\n[data.redis]\nsku = \"Balanced_B1\"\nhigh_availability = true\n\
         [data.storage]\nsku = \"Standard_ZRS\"\nretention_days = 9\naccess = \"identity\"\n[logs]\nretention_days = 60\n\
         [services.api]\ncpu = 1.0\nmemory = \"2Gi\"\nreplicas = {{ min = 1, max = 3 }}\n\
         env = {{ LOG_LEVEL = \"DEBUG\", SMTP_PASSWORD = {{ secret = \"smtp-password\" }} }}\n\
         [egress]\nallow = [{{ cidr = \"10.0.8.4/32\", reason = \"r\" }}, \
         {{ domain = \"a.example\", reason = \"r\" }}]\n\
         [checks]\nallow = [{{ rule = \"SSR001\", reason = \"r\" }}]\n"
    );
    let builder = Deployment::builder("dify", "dev")
        .location("japaneast")
        .resource_group("dify-dev-rg")
        .subscription("00000000-0000-0000-0000-000000000001")
        .suffix("q3x7ab")
        .tag("a", "b")
        .origin("https://dify.example.com")
        .registry("contoso.azurecr.io")
        .registry_login("u", "p")
        .image(ImageKind::Web, "contoso.azurecr.io/web:1.16.0")
        .registry_resource_group("shared-rg")
        .registry_private_endpoint(false)
        .digest("langgenius/dify-sandbox:0.2.15", DIGEST)
        .postgres(|it| {
            it.sku("Standard_B2s")
                .version(17)
                .storage_gib(64)
                .backup_days(14)
                .administrator("login")
        })
        .redis(|it| it.sku("Balanced_B1").high_availability(true))
        .storage(|it| it.sku("Standard_ZRS").retention_days(9).by_identity())
        .log_retention_days(60)
        .service(ServiceKind::Api, |it| {
            it.cpu(1)
                .memory("2Gi")
                .replicas(1, 3)
                .env("LOG_LEVEL", "DEBUG")
                .secret_env("SMTP_PASSWORD", "smtp-password")
        })
        .allow_network("10.0.8.4/32", "r")
        .allow_domain("a.example", "r")
        .allow_rule("SSR001", "r");
    let (spec, _) = Spec::parse(&file).unwrap();
    assert_eq!(*builder.spec(), spec);
    let built = builder.build().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        built.deployment,
        Deployment::parse(&file).unwrap().deployment
    );
}

#[test]
fn forked_workers_count_as_processes() {
    let deployment = deployment(
        "[data.postgres]\nsku = \"Standard_B2ms\"\n[services.worker]\nreplicas = { max = 1 }\n\
         [services.worker.env]\nCELERY_WORKER_CLASS = \"prefork\"\nCELERY_WORKER_AMOUNT = 4",
    );
    let budget = deployment.connection_budget();
    let worker = budget
        .users
        .iter()
        .find(|user| user.service == ServiceKind::Worker)
        .unwrap();
    assert_eq!(
        (worker.replicas, worker.processes, worker.connections),
        (1, 4, Some(35))
    );
    assert_eq!(worker.to_string(), "140 by `worker` (1 × 4 × 35)");
}

#[test]
fn what_is_wrong_with_a_key_points_at_the_key_and_with_a_value_at_the_value() {
    for (text, pointed) in [
        ("colour = 1", "colour"),
        ("[services.api.env]\n\"BAD NAME\" = \"x\"", "\"BAD NAME\""),
        (
            "[services.api.env]\nX = { secret = \"Bad Name\" }",
            "\"Bad Name\"",
        ),
        ("[services.apii]\ncpu = 1", "apii"),
        ("[network]\nsubnets = { foo = \"10.0.0.0/24\" }", "foo"),
        ("[images.overrides]\nfoo = \"a/b:1\"", "foo"),
        ("[data.redis]\nsize = 3", "size"),
        ("[data.postgres]\nstorage = \"32GB\"", "\"32GB\""),
    ] {
        let file = if text.starts_with('[') {
            format!("{BASE}{text}\n")
        } else {
            format!("{text}\n{BASE}")
        };
        let found = Deployment::parse(&file).unwrap_err();
        let error = found
            .iter()
            .find(|one| one.severity == Severity::Error)
            .unwrap();
        let span = error.span.unwrap();
        assert_eq!(&file[span.start..span.end], pointed, "{error:?}");
    }
    for (name, what) in [
        ("bad/name", "'/' at position 4"),
        ("dify-infra-x", "set by dify-infra"),
    ] {
        let file = format!("{BASE}tags = {{ \"{name}\" = \"x\" }}\n");
        let found = Deployment::parse(&file).unwrap_err();
        let error = found.iter().find(|one| one.message.contains(what)).unwrap();
        let span = error.span.unwrap();
        assert_eq!(&file[span.start..span.end], format!("\"{name}\""));
    }
}

#[test]
fn a_number_with_a_unit_is_told_to_stand_alone() {
    for (text, help) in [
        ("[data.postgres]\nstorage = \"32GB\"", "without a unit"),
        (
            "[services.api]\ncpu = \"half\"",
            "write a number, without quotes",
        ),
        (
            "[network]\nprivate_endpoints = \"yes\"",
            "write `true` or `false`",
        ),
        ("[data.redis]\nsize = 3", "the keys of this table are `sku`"),
    ] {
        let found = Deployment::parse(&format!("{BASE}{text}\n")).unwrap_err();
        let error = found
            .iter()
            .find(|one| one.severity == Severity::Error)
            .unwrap();
        let said = error.help.as_deref().unwrap();
        assert!(said.contains(help), "{said}");
    }
}

#[test]
fn what_means_no_limit_counts_as_none() {
    let more = |env: &str| {
        let text = format!("{BASE}[services.{env}");
        let found = Deployment::parse(&text).map_or_else(|found| found, |it| it.diagnostics);
        let budget = found.iter().find(|it| it.code == "LIM004").cloned();
        budget.unwrap_or_else(|| panic!("{env}: {found}"))
    };
    for env in [
        "api.env]\nSQLALCHEMY_POOL_SIZE = 0",
        "api.env]\nSQLALCHEMY_MAX_OVERFLOW = -1",
        "worker.env]\nSQLALCHEMY_POOL_SIZE = 0",
        "plugin_daemon.env]\nDB_MAX_OPEN_CONNS = 0",
    ] {
        let finding = more(env);
        assert_eq!(finding.severity, Severity::Error, "{finding}");
        assert!(
            finding.message.starts_with("any number of connections"),
            "{finding}"
        );
        assert!(finding.message.contains("any number by `"), "{finding}");
    }
}

#[test]
fn an_existing_server_may_have_any_size_and_nothing_is_made_up_of_it() {
    let file = |sku: &str, env: &str| {
        format!(
            "{BASE}[data.postgres]\nexisting = \"contoso-pg\"\nadministrator = \"adm1\"\n{sku}{env}"
        )
    };
    for sku in ["", "sku = \"Standard_D2ds_v6\"\n"] {
        let resolved = Deployment::parse(&file(sku, "")).unwrap();
        assert_eq!(resolved.deployment.connection_budget().usable, None);
        assert!(resolved.diagnostics.iter().all(|it| it.code != "LIM004"));
        let large = file(sku, "[services.api.env]\nSQLALCHEMY_POOL_SIZE = 500\n");
        let found = crate::check::check_file(&large).unwrap().diagnostics;
        let finding = found.iter().find(|it| it.code == "LIM004").unwrap();
        assert_eq!(finding.severity, Severity::Note, "{finding}");
        assert!(
            finding.message.contains("it is not known how many it has"),
            "{finding}"
        );
    }
    let known = file("sku = \"Standard_E20ds_v5\"\n", "");
    let resolved = Deployment::parse(&known).unwrap();
    assert_eq!(resolved.deployment.connection_budget().usable, Some(4985));
    // One of our own must have a size whose connections are known.
    assert_eq!(
        errors("[data.postgres]\nsku = \"Standard_D2ds_v6\""),
        ["SPC005 data.postgres.sku"]
    );
}
