//! Lists: of children, of a type in a group and in the subscription, of all resources, in pages.

use std::collections::BTreeSet;

use super::super::support::{Client, group};
use super::samples::{Sample, make_all};
use crate::arm::id::ResourceId;
use crate::{DEFAULT_SUBSCRIPTION, Emulator, provider};

/// Where resources of a type are listed: below their parent, or in group and subscription.
fn lists_of(sample: &Sample) -> Vec<String> {
    let (above, _) = sample.path.rsplit_once('/').unwrap();
    let id = ResourceId::parse(&sample.path).unwrap();
    // a role assignment is listed at its scope, which its path begins with
    let is_nested = id.parent().is_some() || above.matches("/providers/").count() > 1;
    if is_nested {
        return vec![above.to_owned()];
    }
    let (_, type_path) = above.split_once("/providers/").unwrap();
    let subscription = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/{type_path}");
    vec![above.to_owned(), subscription]
}

/// The ids of a whole list, page by page, and how many pages there were.
fn ids_of(client: &Client, address: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages) = (Vec::new(), 0);
    let mut next = Some(address.to_owned());
    while let Some(address) = next {
        let reply = client.get(&address);
        assert_eq!(reply.status, 200, "{address}: {}", reply.body);
        let items = reply.body["value"].as_array().unwrap();
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        next = reply.body["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    (ids, pages)
}

#[test]
fn each_type_is_listed_where_azure_lists_it_whole_and_in_pages() {
    let whole = Client::with_group();
    let samples = make_all(&whole);
    let in_ones = Client::new(Emulator::builder().page_size(1).build().unwrap());
    in_ones.make_group();
    make_all(&in_ones);
    for sample in &samples {
        for address in lists_of(sample) {
            let (ids, pages) = ids_of(&whole, &address);
            assert_eq!(pages, 1, "{address}");
            assert!(
                ids.contains(&sample.path),
                "{} is not in {address}: {ids:?}",
                sample.path
            );
            let item = whole.get(&address).body["value"].clone();
            let found = item
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["id"] == sample.path.as_str());
            assert_eq!(
                found.unwrap(),
                &whole.get(&sample.path).body,
                "a list and a GET say the same of {}",
                sample.path
            );
            let (one_by_one, pages) = ids_of(&in_ones, &address);
            assert_eq!(pages, ids.len(), "{address} in pages of one");
            let both = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<String>>();
            assert_eq!(both(&one_by_one), both(&ids), "{address}");
        }
    }
}

#[test]
fn the_list_of_resources_has_what_is_tracked_and_nothing_else() {
    let client = Client::with_group();
    let samples = make_all(&client);
    let tracked: BTreeSet<&str> = samples
        .iter()
        .filter(|sample| provider::find(sample.kind).unwrap().definition().tracked)
        .map(|sample| sample.path.as_str())
        .collect();
    for address in [
        group("/resources"),
        format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resources"),
    ] {
        let (ids, _) = ids_of(&client, &address);
        let listed: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(listed, tracked);
    }
    assert!(tracked.len() > 15, "{}", tracked.len());
}

#[test]
fn a_list_below_what_is_not_there_is_not_empty_but_missing() {
    let client = Client::with_group();
    for sample in make_all(&Client::with_group()) {
        let id = ResourceId::parse(&sample.path).unwrap();
        let Some(parent) = id.parent() else { continue };
        if sample.kind == "Microsoft.Authorization/roleAssignments" {
            continue; // listed at any scope, whether there is anything or not
        }
        let (above, _) = sample.path.rsplit_once('/').unwrap();
        let reply = client.get(above);
        assert_eq!(reply.status, 404, "{above}: {}", reply.body);
        assert_eq!(reply.code(), "ParentResourceNotFound", "{parent}");
    }
}
