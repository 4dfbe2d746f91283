//! Rules about the file, and the rules about what is deployed that say the same of what it leads to.
//!
//! A person is told once, in the words of the file; and what the file allows is allowed in what it leads to.

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Two rules that say the same.
struct Twins {
    /// The rule about the file.
    of_file: &'static str,
    /// The rule about what is deployed.
    of_deployed: &'static str,
    reach: Reach,
}

/// How far what the rule about the file says explains what the other one says.
#[derive(Clone, Copy)]
enum Reach {
    /// Wherever the other one says it: one wrong origin is in twenty variables. What the file says in a
    /// variable of its own is a cause of its own.
    Everywhere,
    /// At the same key of the file: the next one may be wrong on its own.
    SameKey,
}

const fn twins(of_file: &'static str, of_deployed: &'static str, reach: Reach) -> Twins {
    Twins {
        of_file,
        of_deployed,
        reach,
    }
}

const TWINS: [Twins; 10] = [
    twins("LIM004", "LIM104", Reach::Everywhere),
    twins("LIM005", "LIM102", Reach::SameKey),
    twins("LIM020", "LIM115", Reach::SameKey),
    twins("LIM021", "LIM115", Reach::SameKey),
    twins("SEC004", "SEC107", Reach::SameKey),
    twins("URL001", "URL104", Reach::Everywhere),
    twins("VER002", "VER102", Reach::Everywhere),
    twins("VER004", "VER103", Reach::SameKey),
    twins("VER006", "VER112", Reach::SameKey),
    twins("VER007", "VER105", Reach::Everywhere),
];

/// Whether a finding about what the file leads to only repeats one about the file itself, allowed or not.
pub(super) fn repeats(finding: &Diagnostic, told: &Diagnostics) -> bool {
    let is_explained = |twins: &Twins| {
        let mut causes = told.iter().filter(|it| it.code == twins.of_file);
        match twins.reach {
            Reach::Everywhere => {
                !finding.path.to_string().contains(".env.") && causes.next().is_some()
            }
            Reach::SameKey => causes.any(|it| it.path == finding.path),
        }
    };
    let mut of_it = TWINS.iter().filter(|it| it.of_deployed == finding.code);
    of_it.any(is_explained)
}

/// The rules about the file that say what a rule about what is deployed says.
pub(crate) fn of_file(of_deployed: &str) -> impl Iterator<Item = &'static str> {
    let all = TWINS.iter().filter(move |it| it.of_deployed == of_deployed);
    all.map(|it| it.of_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::check_deployment;
    use crate::check::{Rule, Sample, check_file, rule, rules};
    use crate::deployment::Deployment;
    use crate::diagnostic::{KeyPath, Severity};

    /// Samples in which a pair meets, where that of the rule about the file is of another kind.
    const SAMPLES: [(&str, &str); 3] = [
        (
            "LIM021",
            "[public]\norigin = \"https://dify.example.com\"\n\n[gateway]\n\
             certificate = \"https://contoso.vault.azure.net/secrets/dify\"\nvault = \
             \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub/providers/\
             Microsoft.KeyVault/vaults/contoso\"\nmax_file_upload = \"10M\"",
        ),
        (
            "VER006",
            "[services.sandbox.env]\nPYTHON_PATH = \"/usr/local/bin/python3\"",
        ),
        (
            "VER004",
            "[services.api.env]\nOPENAI_API_BASE = \"https://models.example.com\"",
        ),
    ];

    /// What a rule's own sample leads to besides what it says itself.
    const OTHER_FACTS: [(&str, &str); 8] = [
        ("LIM020", "SEC111"),
        ("LIM021", "SEC111"),
        ("NET037", "SEC111"),
        ("NET038", "SEC111"),
        ("NET039", "SEC111"),
        ("SSR002", "SSR104"),
        // An old sandbox does not fit the kernel, whichever release it is of.
        ("VER002", "VER110"),
        ("VER005", "VER110"),
    ];

    fn file(rule: &Rule) -> String {
        let own = SAMPLES.iter().find(|(id, _)| *id == rule.id);
        own.map_or(rule.bad.to_file(), |(_, text)| {
            format!("{}{text}\n", Sample::BASE)
        })
    }

    fn allowing(text: &str, rules: &[(&str, &str)]) -> String {
        let items = rules
            .iter()
            .map(|(rule, reason)| format!("{{ rule = \"{rule}\", reason = \"{reason}\" }}"));
        let items: Vec<_> = items.collect();
        format!("{text}\n[checks]\nallow = [{}]\n", items.join(", "))
    }

    fn found(text: &str) -> Diagnostics {
        check_file(text).map_or_else(|found| found, |it| it.diagnostics)
    }

    /// Rules of what presses among findings.
    fn pressing(found: &Diagnostics) -> Vec<&str> {
        let pressing = found.iter().filter(|it| it.severity != Severity::Note);
        pressing.map(|it| it.code.as_str()).collect()
    }

    /// What is allowed about the file is allowed of what it leads to: over every rule that can be.
    #[test]
    fn an_allowed_rule_leaves_nothing_that_says_the_same() {
        let can_be = |it: &&Rule| !it.is_of_deployed() && it.bad.is_file() && it.can_be_allowed();
        let mut judged = 0;
        for rule in rules().filter(can_be).filter(|it| it.id != "SPC007") {
            let text = allowing(&file(rule), &[(rule.id, "we know")]);
            let found = found(&text);
            let mut rest = pressing(&found);
            rest.retain(|code| !OTHER_FACTS.contains(&(rule.id, code)));
            assert!(rest.is_empty(), "{}: {rest:?} {found}", rule.id);
            let mut own = found.iter().filter(|it| it.code == rule.id);
            let is_told = own.any(|it| it.message.starts_with("allowed: we know"));
            assert!(is_told, "{}: {found}", rule.id);
            judged += 1;
        }
        assert!(judged > 20, "{judged}");
    }

    #[test]
    fn every_pair_meets_and_is_told_once() {
        for pair in &TWINS {
            let rule = rule(pair.of_file).unwrap();
            let text = allowing(&file(rule), &[(rule.id, "we know")]);
            let alone = check_deployment(&Deployment::parse(&text).unwrap()).unwrap();
            assert!(
                pressing(&alone).contains(&pair.of_deployed),
                "{} and {} never meet: {alone}",
                pair.of_file,
                pair.of_deployed
            );
            let found = found(&file(rule));
            let codes = pressing(&found);
            assert!(codes.contains(&pair.of_file), "{found}");
            assert!(!codes.contains(&pair.of_deployed), "{found}");
        }
    }

    #[test]
    fn a_twin_at_another_key_is_told() {
        let text = "[services.api.env]\nOPENAI_API_BASE = \"https://models.example.com\"\n";
        let finding = Diagnostic::warning("VER103", KeyPath::of("services.worker.env.X"), "x");
        let text = format!("{}{text}", Sample::BASE);
        let told = Deployment::parse(&text).unwrap().diagnostics;
        assert!(told.iter().any(|it| it.code == "VER004"), "{told}");
        assert!(!repeats(&finding, &told));
        let same = KeyPath::of("services.api.env.OPENAI_API_BASE");
        assert!(repeats(&Diagnostic::warning("VER103", same, "x"), &told));
    }

    #[test]
    fn a_load_that_was_tested_can_be_allowed() {
        let text = format!(
            "{}[services.api.env]\nSQLALCHEMY_POOL_SIZE = 30\n",
            Sample::BASE
        );
        let text = allowing(&text, &[("LIM004", "load tested at 8 connections")]);
        assert!(check_file(&text).is_ok(), "{}", found(&text));
    }

    #[test]
    fn who_allows_the_twin_is_told_the_rule_about_the_file() {
        let text = allowing(Sample::BASE, &[("LIM104", "we know")]);
        let found = found(&text);
        let finding = found.iter().find(|it| it.code == "SPC008").unwrap();
        let help = finding.help.as_deref().unwrap();
        assert!(help.contains("`LIM004`"), "{finding}");
    }

    #[test]
    fn a_rule_that_is_allowed_twice_has_one_reason_and_a_note() {
        let text = format!(
            "{}[services.plugin_daemon]\nreplicas = {{ min = 1, max = 3 }}\n",
            Sample::BASE
        );
        let text = text.replace(
            "[services",
            "[data.postgres]\nsku = \"Standard_D4ds_v5\"\n[services",
        );
        let twice = [
            ("SSR001", "trusted"),
            ("LIM005", "x"),
            ("lim005", "y"),
            ("LIM007", "z"),
        ];
        let found = found(&allowing(&text, &twice));
        assert!(pressing(&found).is_empty(), "{found}");
        let allowed: Vec<_> = found.iter().filter(|it| it.code == "LIM005").collect();
        assert_eq!(allowed.len(), 1, "{found}");
        assert!(
            allowed[0].message.starts_with("allowed: x (`plugin"),
            "{found}"
        );
        let left_over = found.iter().filter(|it| it.code == "SPC007");
        let paths: Vec<_> = left_over.map(|it| it.path.to_string()).collect();
        assert_eq!(paths, ["checks.allow[2].rule", "checks.allow[3].rule"]);
    }
}
