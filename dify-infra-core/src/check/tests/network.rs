//! Address plans and subnets: what is refused, and what must not be.

use super::*;

/// A file with an address plan of its own.
fn with_plan(environment: &str, network: &str, more: &str) -> String {
    format!(
        "name = \"dify\"\nenvironment = \"{environment}\"\nlocation = \"japaneast\"\n\n[azure]\n\
         resource_group = \"dify-rg\"\n\n[network]\n{network}\n{more}"
    )
}

#[test]
fn a_subnet_that_is_not_made_is_in_nobodys_way() {
    let wide = "address_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.0.0/23\" }";
    let halves = "address_space = \"10.0.0.0/24\"\nprivate_endpoints = true\n\
                  subnets = { apps = \"10.0.0.0/25\", endpoints = \"10.0.0.128/25\" }";
    // Where the endpoints would be, and where nothing may be.
    let alone = "address_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.2.0/24\" }";
    for (environment, network) in [
        ("dev", wide),
        ("prod", wide),
        ("dev", halves),
        ("prod", halves),
        ("dev", alone),
    ] {
        let found = findings(&with_plan(environment, network, ""));
        let serious = codes(&found, &[Severity::Error, Severity::Warning]);
        assert!(serious.is_empty(), "{environment}, {network}: {found}");
    }
}

#[test]
fn a_subnet_that_is_made_is_in_the_way() {
    let wide = "address_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.0.0/23\" }";
    let gateway = "[gateway]\ncertificate = \"https://contoso-vault.vault.azure.net/secrets/dify\"\n\
                   vault = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/\
                   hub/providers/Microsoft.KeyVault/vaults/contoso-vault\"\n\n\
                   [public]\norigin = \"https://dify.example.com\"\n";
    let found = findings(&with_plan("prod", wide, gateway));
    let messages: Vec<&str> = found
        .iter()
        .filter(|it| it.code == "NET010")
        .map(|it| it.message.as_str())
        .collect();
    assert_eq!(
        messages,
        ["the subnets `apps` (10.0.0.0/23) and `gateway` (10.0.0.0/24) overlap"],
        "{found}"
    );
    let alone = "address_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.2.0/24\" }";
    let found = findings(&with_plan("prod", alone, ""));
    assert!(found.iter().any(|it| it.code == "NET010"), "{found}");
}

#[test]
fn the_range_of_a_subnet_that_is_not_made_has_no_effect() {
    for (subnet, reason) in [
        ("endpoints", "no private endpoints"),
        ("gateway", "no `[gateway]`"),
    ] {
        let network = format!("subnets = {{ {subnet} = \"10.0.9.0/24\" }}");
        let found = findings(&with_plan("dev", &network, ""));
        let path = format!("network.subnets.{subnet}");
        let told = found.iter().find(|it| it.path.to_string() == path);
        let told = told.unwrap_or_else(|| panic!("{subnet}: {found}"));
        assert_eq!(told.code, "SPC006");
        assert!(told.message.contains(reason), "{told}");
    }
}

#[test]
fn no_two_uses_share_an_existing_subnet() {
    let network = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/\
                   providers/Microsoft.Network/virtualNetworks/spoke";
    let file = |apps: &str, endpoints: &str| {
        let subnets = format!(
            "existing = \"{network}\"\n[network.subnets]\napps = \"{network}/subnets/{apps}\"\n\
             endpoints = \"{network}/subnets/{endpoints}\"\n"
        );
        findings(&with_plan("prod", &subnets, ""))
    };
    let found = file("dify", "endpoints");
    assert!(codes(&found, &[Severity::Error]).is_empty(), "{found}");
    // Azure's names have no case.
    let found = file("dify", "Dify");
    let shared = found.iter().find(|it| it.code == "NET013");
    let shared = shared.unwrap_or_else(|| panic!("{found}"));
    assert_eq!(shared.path.to_string(), "network.subnets.endpoints");
    assert_eq!(shared.message, "`apps` and `endpoints` are the same subnet");
}
