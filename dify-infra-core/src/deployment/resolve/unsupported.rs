//! Files of a format that this version of the program does not read.

use super::Resolver;
use crate::check::spc;
use crate::diagnostic::KeyPath;
use crate::spec::SCHEMA_VERSION;

impl Resolver<'_> {
    /// Reports a file of another format.
    pub(super) fn refuse_unsupported(&mut self) {
        let Some(version) = self
            .spec
            .schema
            .filter(|version| *version != SCHEMA_VERSION)
        else {
            return;
        };
        let message =
            format!("the file is of format {version}; this version reads {SCHEMA_VERSION}");
        let help = format!("write `schema = {SCHEMA_VERSION}`, or use a newer dify-infra");
        self.report(
            spc::INVALID_VALUE
                .finding(KeyPath::of("schema"), message)
                .with_help(help),
        );
    }
}
