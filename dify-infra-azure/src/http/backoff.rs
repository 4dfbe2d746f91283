//! Pauses between attempts: decorrelated jitter.
//!
//! Each pause is drawn between the base and three times the pause before it, so that clients
//! which failed together don't come back together ("Exponential Backoff And Jitter", AWS
//! Architecture Blog, 2015; the same rule as apache/arrow-rs-object-store `client/backoff.rs`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A source of random numbers in `0.0..1.0`, replaceable so that tests are exact.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Random {
    /// Uses `source`; what it returns is clamped to `0.0..=1.0`.
    pub fn new(source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    fn next(&self) -> f64 {
        (self.0)().clamp(0.0, 1.0)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new(rand::random::<f64>)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// The sequence of pauses of one request.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    longest: Duration,
    previous: Duration,
    random: Random,
}

impl Backoff {
    /// Starts a sequence whose pauses lie between `base` and `longest`.
    pub fn new(base: Duration, longest: Duration, random: Random) -> Self {
        Self {
            base,
            longest: longest.max(base),
            previous: base,
            random,
        }
    }

    /// Draws the next pause.
    pub fn next_delay(&mut self) -> Duration {
        let high = self.previous.saturating_mul(3).min(self.longest);
        let spread = high.saturating_sub(self.base);
        self.previous = self.base + spread.mul_f64(self.random.next());
        self.previous
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, Random};

    #[test]
    fn grows_three_times_at_most_and_stops_at_the_longest() {
        let mut backoff = Backoff::new(
            Duration::from_secs(1),
            Duration::from_secs(20),
            Random::new(|| 1.0),
        );
        let seconds: Vec<_> = (0..5).map(|_| backoff.next_delay().as_secs()).collect();
        assert_eq!(seconds, [3, 9, 20, 20, 20]);
    }

    #[test]
    fn never_falls_below_the_base() {
        let mut backoff = Backoff::new(
            Duration::from_secs(2),
            Duration::from_secs(20),
            Random::new(|| -5.0),
        );
        assert_eq!(backoff.next_delay(), Duration::from_secs(2));
        assert_eq!(backoff.next_delay(), Duration::from_secs(2));
    }

    #[test]
    fn real_randomness_stays_within_the_bounds() {
        let (base, longest) = (Duration::from_millis(500), Duration::from_secs(5));
        let mut backoff = Backoff::new(base, longest, Random::default());
        for _ in 0..1000 {
            let delay = backoff.next_delay();
            assert!(delay >= base && delay <= longest, "{delay:?}");
        }
    }
}
