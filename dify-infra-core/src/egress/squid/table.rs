//! Requests of a table, asked by many clients: each is read once, whoever asks.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::evaluate::{Names, Outcome, ProxyRequest, Verdict};
use super::file::{Listener, Settings, SquidFile};
use super::matching::Asking;
use super::target::{self, Refusal, Target};
use crate::egress::probes::{PROBES, Probe, names};

/// The probes as a port of a file reads them.
#[derive(Debug)]
pub(in crate::egress) struct Table<'a> {
    file: &'a SquidFile,
    listener: &'a Listener,
    targets: Cow<'static, [Result<Target, Refusal>]>,
}

/// What becomes of a request.
pub(in crate::egress) type Answer<'a> = Result<Outcome<'a>, Refusal>;

impl<'a> Table<'a> {
    /// Nothing for a file without a port, which reading one never makes.
    pub(in crate::egress) fn of(file: &'a SquidFile) -> Option<Self> {
        static USUAL: LazyLock<Vec<Result<Target, Refusal>>> =
            LazyLock::new(|| targets(&Listener::default(), &Settings::default()));
        let listener = file.listener(None)?;
        let settings = &file.settings;
        // Of all settings and of the port, only these change how a whole URL is read.
        let is_usual =
            !listener.accelerates && !settings.check_hostnames && settings.append_domain.is_empty();
        let targets = if is_usual {
            Cow::Borrowed(USUAL.as_slice())
        } else {
            Cow::Owned(targets(listener, settings))
        };
        Some(Self {
            file,
            listener,
            targets,
        })
    }

    /// What becomes of a probe when this client asks for it.
    pub(in crate::egress) fn answer(&self, probe: usize, client: IpAddr) -> Answer<'a> {
        let target = self.targets[probe].as_ref().map_err(Refusal::clone)?;
        Ok(self.file.outcome(&self.asking(target, client)))
    }

    /// The same in words.
    pub(in crate::egress) fn told(
        &self,
        probe: usize,
        client: IpAddr,
        answer: &Answer<'_>,
    ) -> Verdict {
        match (answer, &self.targets[probe]) {
            (Ok(outcome), Ok(target)) => outcome.told(self.file, &self.asking(target, client)),
            (Err(refusal), _) | (_, Err(refusal)) => refusal.verdict(),
        }
    }

    /// The addresses that a probe leads to, and its port; nothing for one that squid can't read.
    pub(in crate::egress) fn destination(&self, probe: usize) -> Option<(Cow<'_, [IpAddr]>, u16)> {
        let target = self.targets[probe].as_ref().ok()?;
        Some((known_names().addresses(target)?, target.port))
    }

    fn asking<'b>(&'b self, target: &'b Target, client: IpAddr) -> Asking<'b> {
        Asking::new(self.file, client, target, self.listener, known_names())
    }
}

fn known_names() -> &'static Names {
    static NAMES: LazyLock<Names> = LazyLock::new(names);
    &NAMES
}

fn targets(listener: &Listener, settings: &Settings) -> Vec<Result<Target, Refusal>> {
    // Who asks doesn't change how a request is read.
    let nobody = IpAddr::from([0, 0, 0, 0]);
    let read = |probe: &Probe| {
        let request = ProxyRequest::new(nobody, probe.method, probe.target);
        target::read(&request, listener, settings)
    };
    PROBES.iter().map(read).collect()
}
