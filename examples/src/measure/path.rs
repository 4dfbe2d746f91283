//! The least time that a set of steps can take, from how long each took and what it needed.
//!
//! This is on purpose a second way of thinking about the same thing as the scheduler of apply: it
//! knows the durations that a run had, a scheduler does not, and it shares no code with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One step of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, in lower case: the id of a resource.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// Steps that had to end before.
    pub needs: BTreeSet<String>,
}

/// The longest chain of steps of which each needs the one before.
pub fn longest_chain(steps: &[Step]) -> Duration {
    let heads = heads(steps);
    let ends = steps
        .iter()
        .map(|step| heads.get(&step.name).copied().unwrap_or_default() + step.took);
    ends.max().unwrap_or_default()
}

/// The longest chain, or a longer wait at a PostgreSQL server, which takes one write at a time.
///
/// Of any set of writes to one server, the first can't begin before the earliest of them could, and
/// all take their time one after the other, and after the last comes at least the shortest rest that
/// any of them has behind it. The largest of these sums over all sets is a time that no schedule can
/// undercut.
pub fn critical_path(steps: &[Step]) -> Duration {
    let (heads, tails) = (heads(steps), tails(steps));
    let time = |times: &BTreeMap<String, Duration>, step: &Step| {
        times.get(&step.name).copied().unwrap_or_default()
    };
    let mut servers: BTreeMap<String, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        if let Some(server) = server_of(&step.name) {
            servers.entry(server).or_default().push(step);
        }
    }
    let mut longest = longest_chain(steps);
    for writes in servers.values() {
        for chosen in 1_u32..1 << writes.len() {
            let set = || {
                let is_chosen = move |(place, _): &(usize, &&Step)| chosen & (1 << place) != 0;
                writes
                    .iter()
                    .enumerate()
                    .filter(is_chosen)
                    .map(|(_, step)| *step)
            };
            let head = set()
                .map(|step| time(&heads, step))
                .min()
                .unwrap_or_default();
            let tail = set()
                .map(|step| time(&tails, step))
                .min()
                .unwrap_or_default();
            longest = longest.max(head + set().map(|step| step.took).sum::<Duration>() + tail);
        }
    }
    longest
}

/// The PostgreSQL server that a step writes to.
fn server_of(name: &str) -> Option<String> {
    let (group, below) =
        name.split_once("/providers/microsoft.dbforpostgresql/flexibleservers/")?;
    let server = below.split('/').next()?;
    Some(format!("{group}/{server}"))
}

/// The earliest time at which each step could begin.
fn heads(steps: &[Step]) -> BTreeMap<String, Duration> {
    let mut heads: BTreeMap<String, Duration> = BTreeMap::new();
    // As many rounds as the longest chain could have links settle every value.
    for _ in steps {
        for step in steps {
            let needed = steps
                .iter()
                .filter(|other| step.needs.contains(&other.name));
            let ends = needed
                .map(|other| heads.get(&other.name).copied().unwrap_or_default() + other.took);
            heads.insert(step.name.clone(), ends.max().unwrap_or_default());
        }
    }
    heads
}

/// The least time that comes after each step.
fn tails(steps: &[Step]) -> BTreeMap<String, Duration> {
    let mut tails: BTreeMap<String, Duration> = BTreeMap::new();
    for _ in steps {
        for step in steps {
            let followers = steps
                .iter()
                .filter(|other| other.needs.contains(&step.name));
            let rests = followers
                .map(|other| tails.get(&other.name).copied().unwrap_or_default() + other.took);
            tails.insert(step.name.clone(), rests.max().unwrap_or_default());
        }
    }
    tails
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, seconds: u64, needs: &[&str]) -> Step {
        let needs = needs.iter().map(|name| (*name).to_owned()).collect();
        Step {
            name: name.to_owned(),
            took: Duration::from_secs(seconds),
            needs,
        }
    }

    #[test]
    fn the_longest_chain_counts() {
        let steps = [
            step("c", 5, &["b"]),
            step("a", 10, &[]),
            step("b", 20, &["a"]),
            step("d", 33, &[]),
        ];
        assert_eq!(longest_chain(&steps), Duration::from_secs(35));
        assert_eq!(critical_path(&steps), Duration::from_secs(35));
        assert_eq!(longest_chain(&[]), Duration::ZERO);
    }

    #[test]
    fn writes_to_one_server_take_their_turns() {
        const SERVER: &str = "/s/g/providers/microsoft.dbforpostgresql/flexibleservers/pg";
        let (one, other) = (
            format!("{SERVER}/databases/a"),
            format!("{SERVER}/databases/b"),
        );
        let steps = [
            step(SERVER, 100, &[]),
            step(&one, 10, &[SERVER]),
            step(&other, 10, &[SERVER]),
            step("app", 40, &[&one, &other]),
            step("tool", 30, &[&one]),
        ];
        assert_eq!(longest_chain(&steps), Duration::from_secs(150));
        assert_eq!(critical_path(&steps), Duration::from_secs(160));
    }
}
