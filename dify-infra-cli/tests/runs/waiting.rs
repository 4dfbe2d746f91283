//! A reviewed plan whose name waits for DNS records, which a person sets while it is carried out.

use std::io::{BufRead as _, BufReader, Lines, Read};

use crate::place::{INFRA, Place};

const MINIMAL: &str = include_str!("../../../examples/minimal.toml");

/// The records that are asked for, as lines of a zone file.
fn asked_for<Source: Read>(lines: &mut Lines<BufReader<Source>>) -> String {
    let is_title = |line: &String| line.contains("these records are not there yet");
    let mut lines = lines.map(Result::unwrap).skip_while(|line| !is_title(line));
    lines.next().unwrap();
    let records: Vec<String> = lines.by_ref().take(2).collect();
    let zone = records.iter().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, kind, value] = words.as_slice() else {
            panic!("{line:?} is no record")
        };
        format!("{name}. IN {kind} {value}\n")
    });
    zone.collect()
}

#[test]
fn a_saved_plan_waits_for_records_and_goes_on_with_them() {
    let public = "origin = \"https://dify.example.com\"\ncertificate = \"managed\"";
    let place = Place::new(&format!("{MINIMAL}\n[public]\n{public}\n"));
    place.infra(&["plan", "--out", "plan.json"]).exits(0);
    let mut process = place
        .command(INFRA)
        .args(["apply", "--plan", "plan.json", "--wait-for-dns=10m"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let zone = asked_for(&mut lines);
    assert!(zone.contains("asuid.dify.example.com. IN TXT "), "{zone}");
    place.write(".dify-infra/dns.zone", &zone);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(process.wait().unwrap().success(), "{rest:#?}");

    let plan = place.infra(&["plan", "--detailed-exitcode"]).exits(0);
    assert!(!plan.stdout.contains("waiting"), "{}", plan.stdout);
    let outputs = place.infra(&["outputs", "--json"]).exits(0).json();
    assert_eq!(outputs["public_url"], "https://dify.example.com");
    let records = outputs["dns_records"].as_array().unwrap();
    assert!(
        records.iter().all(|record| record["state"] == "set"),
        "{outputs}"
    );
    // What was planned is done, so the plan is not carried out a second time.
    let again = place.infra(&["apply", "--plan", "plan.json", "--wait-for-dns=1s"]);
    assert!(again.exits(1).stderr.contains("nothing was written"));
}
