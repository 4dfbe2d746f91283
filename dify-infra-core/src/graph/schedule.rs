//! Which piece of work may start now: a ready queue with dependencies and lanes.
//!
//! Pure data, run by whoever awaits the work. Of the tasks that are ready the one with the longest
//! remaining path goes first: its own cost and the cost of everything that waits for it, along the
//! longest chain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A piece of work.
#[derive(Debug, Clone)]
pub struct Task<Key, Lane> {
    /// What the task is known by.
    pub key: Key,
    /// Tasks that must be finished first. Keys that are not in the schedule are ignored: their
    /// work was already done.
    pub needs: BTreeSet<Key>,
    /// Tasks of one lane never run at the same time.
    pub lane: Option<Lane>,
    /// How long the task is expected to take.
    pub cost: Duration,
}

/// A ready queue.
///
/// ```
/// use std::collections::BTreeSet;
/// use std::time::Duration;
/// use dify_infra_core::graph::{Schedule, Task};
///
/// let task = |key, needs: &[&'static str], seconds| Task::<_, ()> {
///     key, needs: needs.iter().copied().collect(), lane: None, cost: Duration::from_secs(seconds),
/// };
/// let mut schedule = Schedule::new(vec![
///     task("server", &[], 300), task("database", &["server"], 20), task("logs", &[], 30),
/// ]);
/// assert_eq!(schedule.start(), Some("server"));
/// assert_eq!(schedule.start(), Some("logs"));
/// assert_eq!(schedule.start(), None);
/// schedule.finish(&"server");
/// assert_eq!(schedule.start(), Some("database"));
/// ```
#[derive(Debug, Clone)]
pub struct Schedule<Key, Lane> {
    waiting: BTreeMap<Key, Task<Key, Lane>>,
    running: BTreeMap<Key, Option<Lane>>,
    priorities: BTreeMap<Key, Duration>,
}

impl<Key: Ord + Clone, Lane: Ord + Clone> Schedule<Key, Lane> {
    /// Takes all tasks; none has started.
    pub fn new(tasks: Vec<Task<Key, Lane>>) -> Self {
        let mut waiting: BTreeMap<Key, Task<Key, Lane>> = tasks
            .into_iter()
            .map(|task| (task.key.clone(), task))
            .collect();
        let known: BTreeSet<Key> = waiting.keys().cloned().collect();
        for task in waiting.values_mut() {
            task.needs.retain(|key| known.contains(key));
        }
        let priorities = remaining_paths(&waiting);
        Self {
            waiting,
            running: BTreeMap::new(),
            priorities,
        }
    }

    /// Starts the most urgent task that is ready: nothing it needs is unfinished, its lane is free.
    pub fn start(&mut self) -> Option<Key> {
        let key = self
            .waiting
            .values()
            .filter(|task| task.needs.is_empty() && self.is_free(task.lane.as_ref()))
            .max_by_key(|task| self.priorities.get(&task.key))?
            .key
            .clone();
        let task = self.waiting.remove(&key)?;
        self.running.insert(key.clone(), task.lane);
        Some(key)
    }

    /// Ends a running task and releases what waited for it.
    pub fn finish(&mut self, key: &Key) {
        self.running.remove(key);
        for task in self.waiting.values_mut() {
            task.needs.remove(key);
        }
    }

    /// Ends a running task that failed: everything that needs it, directly or not, is taken out and
    /// returned. What does not need it goes on.
    pub fn fail(&mut self, key: &Key) -> Vec<Key> {
        self.running.remove(key);
        let mut lost = BTreeSet::from([key.clone()]);
        loop {
            let next: Vec<Key> = self
                .waiting
                .values()
                .filter(|task| !lost.contains(&task.key) && !task.needs.is_disjoint(&lost))
                .map(|task| task.key.clone())
                .collect();
            if next.is_empty() {
                break;
            }
            lost.extend(next);
        }
        lost.remove(key);
        lost.into_iter()
            .filter(|key| self.waiting.remove(key).is_some())
            .collect()
    }

    /// Takes out everything that has not started, and returns it.
    pub fn drain(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.waiting).into_keys().collect()
    }

    /// What a task that has not started still waits for.
    pub fn blockers(&self, key: &Key) -> Vec<&Key> {
        let Some(task) = self.waiting.get(key) else {
            return Vec::new();
        };
        let same_lane = self
            .running
            .iter()
            .filter(|(_, lane)| task.lane.is_some() && **lane == task.lane)
            .map(|(other, _)| other);
        task.needs.iter().chain(same_lane).collect()
    }

    /// The tasks that have not started.
    pub fn waiting(&self) -> impl Iterator<Item = &Key> {
        self.waiting.keys()
    }

    /// How many tasks run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Whether nothing waits and nothing runs.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    fn is_free(&self, lane: Option<&Lane>) -> bool {
        lane.is_none_or(|lane| !self.running.values().flatten().any(|taken| taken == lane))
    }
}

/// For each task its cost and the cost of the longest chain of tasks that waits for it.
fn remaining_paths<Key: Ord + Clone, Lane>(
    tasks: &BTreeMap<Key, Task<Key, Lane>>,
) -> BTreeMap<Key, Duration> {
    let mut dependents: BTreeMap<&Key, Vec<&Key>> = BTreeMap::new();
    for task in tasks.values() {
        for needed in &task.needs {
            dependents.entry(needed).or_default().push(&task.key);
        }
    }
    let mut known: BTreeMap<Key, Duration> = BTreeMap::new();
    while known.len() < tasks.len() {
        let before = known.len();
        for task in tasks
            .values()
            .filter(|task| !known.contains_key(&task.key))
            .collect::<Vec<_>>()
        {
            let followers = dependents
                .get(&task.key)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let longest: Option<Duration> = followers
                .iter()
                .map(|key| known.get(*key).copied())
                .try_fold(Duration::ZERO, |longest, path| {
                    path.map(|path| longest.max(path))
                });
            if let Some(longest) = longest {
                known.insert(task.key.clone(), task.cost + longest);
            }
        }
        if known.len() == before {
            break;
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(key: &'static str, needs: &[&'static str], lane: Option<u8>) -> Task<&'static str, u8> {
        Task {
            key,
            needs: needs.iter().copied().collect(),
            lane,
            cost: Duration::from_secs(1),
        }
    }

    #[test]
    fn starts_the_longest_remaining_path_first() {
        let tasks = vec![
            task("z", &[], None),
            task("a", &[], None),
            task("b", &["z"], None),
        ];
        let mut schedule = Schedule::new(tasks);
        assert_eq!(schedule.start(), Some("z"));
    }

    #[test]
    fn a_lane_runs_one_task_at_a_time() {
        let mut schedule = Schedule::new(vec![task("a", &[], Some(1)), task("b", &[], Some(1))]);
        let first = schedule.start().unwrap();
        assert_eq!(schedule.start(), None);
        let other = *schedule.waiting().next().unwrap();
        assert_eq!(schedule.blockers(&other), [&first]);
        schedule.finish(&first);
        assert_eq!(schedule.start(), Some(other));
    }

    #[test]
    fn a_failure_takes_out_what_needs_it_and_nothing_else() {
        let tasks = vec![
            task("a", &[], None),
            task("b", &["a"], None),
            task("c", &["b"], None),
            task("d", &[], None),
        ];
        let mut schedule = Schedule::new(tasks);
        while schedule.start().is_some() {}
        assert_eq!(schedule.fail(&"a"), ["b", "c"]);
        assert!(!schedule.is_done());
        schedule.finish(&"d");
        assert!(schedule.is_done());
    }

    #[test]
    fn what_is_not_in_the_schedule_is_not_waited_for() {
        let mut schedule = Schedule::new(vec![task("a", &["gone"], None)]);
        assert_eq!(schedule.start(), Some("a"));
    }
}
