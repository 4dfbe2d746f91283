//! What squid's own files say: ports, times and memory.

use super::super::inventory::{FileKind, Inventory, TextFile, Workload};
use super::super::place::Place;
use super::{at_line, files};
use crate::egress::{Amount, SquidFile};

/// The file that the squid of a workload starts with.
pub(super) struct Squid<'a> {
    text: &'a TextFile,
    file: SquidFile,
}

/// What a line of the file says, or squid's own default without one.
pub(super) struct Said {
    pub(super) number: f64,
    /// The line, or the file where none says it.
    pub(super) place: Place,
}

impl<'a> Squid<'a> {
    /// The file of a workload: of several, one that names a port, since the others are its parts.
    pub(super) fn of(inventory: &'a Inventory, workload: &Workload) -> Option<Self> {
        let is_own = |it: &&TextFile| {
            let reader = it.workload.and_then(|it| inventory.workloads.get(it));
            reader.is_some_and(|it| std::ptr::eq(it, workload))
        };
        let mut read = files(inventory, FileKind::Squid)
            .filter(is_own)
            .filter_map(|text| {
                let file = SquidFile::read(&text.text).ok()?;
                Some(Self { text, file })
            });
        let first = read.next()?;
        if first.file.names_port() {
            return Some(first);
        }
        Some(read.find(|it| it.file.names_port()).unwrap_or(first))
    }

    /// The ports that clients connect to.
    pub(super) fn ports(&self) -> Vec<u16> {
        self.file.ports().collect()
    }

    /// Seconds that a destination may be silent; nothing when that can't be told.
    pub(super) fn read_timeout(&self) -> Option<Said> {
        self.said(self.file.read_timeout())
    }

    /// Whether a line says how long a destination may be silent.
    pub(super) fn says_read_timeout(&self) -> bool {
        self.file.read_timeout().is_written()
    }

    /// Megabytes of memory for answers; nothing when that can't be told.
    pub(super) fn cache_memory(&self) -> Option<Said> {
        let said = self.said(self.file.cache_memory())?;
        Some(Said {
            number: said.number / 1_048_576.0,
            ..said
        })
    }

    fn said(&self, amount: &Amount) -> Option<Said> {
        // More than a number of 52 bits is no amount of anything here.
        let number = amount.number.filter(|it| *it < 1 << 52)?;
        #[expect(clippy::cast_precision_loss, reason = "the range was looked at")]
        let number = number as f64;
        let place = match amount.place.line {
            0 => self.text.place.clone(),
            line => at_line(self.text, line - 1),
        };
        Some(Said { number, place })
    }
}
