//! How often and how long a request may be tried again.
//!
//! One [`RetryBudget`] goes with a request through all its attempts and, when it starts a
//! long-running operation, through the polling too. It counts retries and the time spent in
//! their pauses; waiting for a healthy operation costs nothing.

use std::time::Duration;

use super::backoff::{Backoff, Random};

/// The limits that budgets are made from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Retries in all, the first attempt not counted.
    pub retries: u32,
    /// Time that may be spent in pauses, all together.
    pub total: Duration,
    /// Retries of a read that found no connection: nothing is at stake yet, and a wrong name or
    /// a closed port stays.
    pub connect_retries: u32,
    /// Time after which a read without a connection is given up, counted from the first failure.
    pub connect_total: Duration,
    /// The shortest pause when the server names none.
    pub base: Duration,
    /// The longest pause when the server names none.
    pub longest: Duration,
    /// Where the jitter comes from.
    pub random: Random,
}

impl Default for RetryPolicy {
    /// 20 retries within 15 minutes of pauses of 0.5 to 30 seconds; 4 retries within 15 seconds
    /// of a read that finds no connection.
    ///
    /// Sized for a container app or a PostgreSQL server that is busy with a previous write,
    /// which lasts minutes, not seconds.
    fn default() -> Self {
        Self {
            retries: 20,
            total: Duration::from_mins(15),
            connect_retries: 4,
            connect_total: Duration::from_secs(15),
            base: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            random: Random::default(),
        }
    }
}

impl RetryPolicy {
    /// Makes a policy that never retries.
    pub fn none() -> Self {
        Self {
            retries: 0,
            ..Self::default()
        }
    }

    /// Sets how many retries a request may have.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the time that all pauses together may take.
    #[must_use]
    pub fn with_total(mut self, total: Duration) -> Self {
        self.total = total;
        self
    }

    /// Sets the shortest and the longest pause of our own schedule.
    #[must_use]
    pub fn with_pauses(mut self, base: Duration, longest: Duration) -> Self {
        self.base = base;
        self.longest = longest;
        self
    }

    /// Sets the source of the jitter.
    #[must_use]
    pub fn with_random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }
}

/// What is left of the retries of one request and its polling.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    limit: u32,
    total: Duration,
    connect_limit: u32,
    connect_total: Duration,
    connects: u32,
    used: u32,
    paused: Duration,
    backoff: Backoff,
}

impl RetryBudget {
    /// Starts a full budget.
    pub fn new(policy: &RetryPolicy) -> Self {
        Self {
            limit: policy.retries,
            total: policy.total,
            connect_limit: policy.connect_retries,
            connect_total: policy.connect_total,
            connects: 0,
            used: 0,
            paused: Duration::ZERO,
            backoff: Backoff::new(policy.base, policy.longest, policy.random.clone()),
        }
    }

    /// Takes one retry and says how long to pause before it.
    ///
    /// A wait that the server asked for is kept exactly: Azure answers an earlier request with
    /// a new wait ("Understand how Azure Resource Manager throttles requests",
    /// learn.microsoft.com). If it does not fit into what is left, giving up at once is better
    /// than waiting in vain.
    ///
    /// # Errors
    ///
    /// When no retry is left, or the pause would take more time than is left.
    pub fn take(&mut self, asked: Option<Duration>) -> Result<Duration, Exhausted> {
        if self.used >= self.limit {
            return Err(Exhausted::Retries(self.limit));
        }
        let pause = asked.unwrap_or_else(|| self.backoff.next_delay());
        let left = self.total.saturating_sub(self.paused);
        if pause > left {
            return Err(Exhausted::Time { asked: pause, left });
        }
        self.used += 1;
        self.paused += pause;
        Ok(pause)
    }

    /// Takes one retry of a read that found no connection since `failing`, from a smaller budget.
    ///
    /// # Errors
    ///
    /// When the retries for this are used, or the pause would end after the time for it.
    pub fn take_connect(&mut self, failing: Duration) -> Result<Duration, Exhausted> {
        if self.connects >= self.connect_limit {
            return Err(Exhausted::Unconnected(failing));
        }
        let left = self.connect_total.saturating_sub(failing);
        if left.is_zero() {
            return Err(Exhausted::Unconnected(failing));
        }
        let pause = self.take(None)?.min(left);
        self.connects += 1;
        Ok(pause)
    }

    /// How many retries were taken.
    pub fn used(&self) -> u32 {
        self.used
    }
}

/// Why there will be no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exhausted {
    /// All retries are used.
    #[error("gave up after {0} retries")]
    Retries(u32),
    /// The next pause does not fit into the time that is left.
    #[error("gave up: the next pause would be {} s and {} s are left", .asked.as_secs(), .left.as_secs())]
    Time {
        /// The pause that was needed.
        asked: Duration,
        /// The time that was left for pauses.
        left: Duration,
    },
    /// No connection could be made for so long.
    #[error("gave up after {} s without a connection", .0.as_secs())]
    Unconnected(Duration),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Exhausted, Random, RetryBudget, RetryPolicy};

    fn seconds(policy: &RetryPolicy, asked: &[Option<u64>]) -> Vec<Result<u64, Exhausted>> {
        let mut budget = RetryBudget::new(policy);
        asked
            .iter()
            .map(|wait| {
                budget
                    .take(wait.map(Duration::from_secs))
                    .map(|pause| pause.as_secs())
            })
            .collect()
    }

    #[test]
    fn stops_after_the_last_retry() {
        let policy = RetryPolicy::default()
            .with_retries(2)
            .with_pauses(Duration::from_secs(1), Duration::from_secs(9))
            .with_random(Random::new(|| 0.0));
        assert_eq!(
            seconds(&policy, &[None, None, None]),
            [Ok(1), Ok(1), Err(Exhausted::Retries(2))]
        );
    }

    #[test]
    fn the_servers_wait_is_kept_to_the_second() {
        assert_eq!(seconds(&RetryPolicy::default(), &[Some(47)]), [Ok(47)]);
    }

    #[test]
    fn does_not_begin_a_wait_that_does_not_fit() {
        let policy = RetryPolicy::default().with_total(Duration::from_mins(1));
        let late = Exhausted::Time {
            asked: Duration::from_secs(40),
            left: Duration::from_secs(20),
        };
        assert_eq!(
            seconds(&policy, &[Some(40), Some(40), Some(20)]),
            [Ok(40), Err(late), Ok(20)]
        );
    }

    #[test]
    fn no_retries_means_none() {
        assert_eq!(
            seconds(&RetryPolicy::none(), &[Some(0)]),
            [Err(Exhausted::Retries(0))]
        );
    }
}
