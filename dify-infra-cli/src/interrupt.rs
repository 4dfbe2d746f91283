//! Ctrl-C: once to stop starting new work, twice to leave at once.

use std::future::Future;
use std::pin::pin;

use tokio::sync::watch;

/// How work ended.
#[derive(Debug)]
pub(crate) enum Ended<Output> {
    /// By itself, or after it was asked to stop.
    Finished(Output),
    /// The person did not want to wait for it.
    Abandoned,
}

/// Runs work that a person can stop: the first signal throws the switch and is told by `told`, the
/// second abandons the work where it is. A terminating signal counts as the first.
pub(crate) async fn stoppable<Output>(
    work: impl Future<Output = Output>,
    switch: watch::Sender<bool>,
    told: impl Fn(),
) -> Ended<Output> {
    until_twice(work, switch, told, signal).await
}

async fn until_twice<Output, Signal: Future<Output = ()>>(
    work: impl Future<Output = Output>,
    switch: watch::Sender<bool>,
    told: impl Fn(),
    signal: impl Fn() -> Signal,
) -> Ended<Output> {
    let mut work = pin!(work);
    let mut was_asked = false;
    loop {
        tokio::select! {
            output = &mut work => return Ended::Finished(output),
            () = signal() => {
                if was_asked {
                    return Ended::Abandoned;
                }
                was_asked = true;
                told();
                // The work may have ended just now, and then nobody listens.
                let _ = switch.send(true);
            }
        }
    }
}

/// Waits for Ctrl-C, or for the signal by which other programs end this one.
#[cfg(unix)]
pub(crate) async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                () = ctrl_c() => {}
            }
        }
        Err(_) => ctrl_c().await,
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub(crate) async fn signal() {
    ctrl_c().await;
}

/// Waits for Ctrl-C, for ever where it can't be listened to.
async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn the_first_signal_stops_and_the_work_ends_by_itself() {
        let (switch, mut seen) = watch::channel(false);
        let signals = Cell::new(0);
        let signal = || {
            signals.set(signals.get() + 1);
            let first = signals.get() == 1;
            async move {
                if first {
                    ready(()).await;
                } else {
                    pending::<()>().await;
                }
            }
        };
        let work = async move {
            seen.wait_for(|stop| *stop).await.unwrap();
            7
        };
        let told = Cell::new(0);
        let ended = until_twice(work, switch, || told.set(told.get() + 1), signal).await;
        assert!(matches!(ended, Ended::Finished(7)));
        assert_eq!(told.get(), 1);
    }

    #[tokio::test]
    async fn the_second_signal_abandons_the_work() {
        let (switch, _seen) = watch::channel(false);
        let ended = until_twice(pending::<()>(), switch, || {}, || ready(())).await;
        assert!(matches!(ended, Ended::Abandoned));
    }
}
