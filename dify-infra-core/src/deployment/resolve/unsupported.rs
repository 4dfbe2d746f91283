//! What the file's format knows and this version of the program does not do yet.

use super::Resolver;
use crate::check::{azr, spc};
use crate::diagnostic::KeyPath;
use crate::spec::SCHEMA_VERSION;

impl Resolver<'_> {
    /// Reports every setting that would have to be left out.
    pub(super) fn refuse_unsupported(&mut self) {
        self.refuse_other_formats();
        let spec = self.spec;
        let settings = [(
            "public.certificate",
            spec.public.certificate.is_some(),
            CERTIFICATE,
        )];
        for (path, _, help) in settings.into_iter().filter(|(_, is_used, _)| *is_used) {
            self.not_yet(path, &format!("`{path}` is"), help);
        }
    }

    fn refuse_other_formats(&mut self) {
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

    fn not_yet(&mut self, path: &str, what: &str, help: &str) {
        let message = format!("{what} not supported by this version of dify-infra yet");
        self.report(
            azr::NOT_YET
                .finding(KeyPath::of(path), message)
                .with_help(help),
        );
    }
}

const CERTIFICATE: &str = "remove it, and bind the domain and its certificate to the front door in \
    the portal";
