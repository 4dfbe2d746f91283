//! The certificate of the public origin.

use super::Resolver;
use crate::check::{spc, url};
use crate::deployment::{Certificate, VaultCertificate};
use crate::diagnostic::KeyPath;

impl Resolver<'_> {
    pub(super) fn certificate(&mut self) -> Option<Certificate> {
        let spec = &self.spec.public;
        let (text, identity) = (spec.certificate.as_deref(), spec.identity.as_deref());
        let is_vault = text.is_some_and(|text| text != "managed");
        if !is_vault && identity.is_some() {
            let path = KeyPath::of("public.identity");
            let message = "`public.identity` has no effect without a certificate of a key vault";
            let help = "name the certificate's vault in `certificate`, or remove it";
            self.report(spc::NO_EFFECT.finding(path, message).with_help(help));
        }
        if !is_vault {
            return text.map(|_| Certificate::Managed);
        }
        let identity = self.identity_origin("public.identity", identity);
        match VaultCertificate::parse(text?, identity) {
            Ok(certificate) => Some(Certificate::KeyVault(certificate)),
            Err(error) => {
                self.refuse(&url::CERTIFICATE, KeyPath::of("public.certificate"), &error);
                None
            }
        }
    }
}
