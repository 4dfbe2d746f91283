//! Reads access lines.

use super::{Branch, Reader};
use crate::egress::Action;
use crate::egress::squid::file::{AccessLine, Place, RemarkKind, Term};
use crate::egress::squid::lines::{Line, words};

impl Reader<'_> {
    /// Reads `allow` or `deny` with lists.
    pub(super) fn access(
        &mut self,
        rest: &[&str],
        line: &Line,
        place: &Place,
    ) -> Option<AccessLine> {
        let (action, names) = rest.split_first().unwrap_or((&"", &[]));
        let action = match *action {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            _ => {
                self.ineffective(
                    place,
                    "squid skips it: it starts with neither `allow` nor `deny`",
                );
                return None;
            }
        };
        if names.is_empty() {
            self.ineffective(place, "squid skips it: it names no list");
            return None;
        }
        let mut doubt = self
            .branches
            .contains(&Branch::Unknown)
            .then(|| format!("{place} stands behind an `if` that is not understood here"));
        let terms = self.terms(names, place).unwrap_or_else(|reason| {
            doubt = Some(reason);
            Vec::new()
        });
        Some(AccessLine {
            action: Some(action),
            terms,
            place: place.clone(),
            text: words(&line.text).join(" "),
            reason: None,
            doubt,
        })
    }

    /// Reads lists with their `!`.
    ///
    /// # Errors
    ///
    /// When one is not there, which keeps squid from starting, or stands in a file of its own.
    pub(super) fn terms(&mut self, names: &[&str], place: &Place) -> Result<Vec<Term>, String> {
        let mut terms = Vec::new();
        for name in names {
            if name.starts_with(['"', '\'']) {
                let reason =
                    format!("{place} takes its lists from the file {name}, which was not given");
                self.file.remark(RemarkKind::NotSeen, place, reason.clone());
                return Err(reason);
            }
            let (negated, bare) = match name.strip_prefix('!') {
                Some(bare) => (true, bare),
                None => (false, *name),
            };
            let list = self.file.lists.named(bare);
            if list.is_none() && self.lacks_part {
                let reason = format!(
                    "{place} names the list `{bare}`, which may stand in a file that was not given"
                );
                self.file.remark(RemarkKind::NotSeen, place, reason.clone());
                return Err(reason);
            }
            let Some(list) = list else {
                self.fatal(place, format!("there is no list `{bare}` before it"));
                return Err(format!(
                    "{place} names the list `{bare}`, which is not there"
                ));
            };
            terms.push(Term { list, negated });
        }
        Ok(terms)
    }
}
