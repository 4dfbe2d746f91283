//! Certificates for the server: an authority of one's own, and a certificate of it for loopback names.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::error::EmulatorError;

/// Days for which a certificate is good; some clients refuse more than 825.
const DAYS: i64 = 800;

/// Names under which the server is reached.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "*.blob.localhost"];

/// The file of the authority's certificate, which clients are given.
const CERTIFICATE_FILE: &str = "ca.pem";

/// The file of the authority's key, which stays where it is.
const KEY_FILE: &str = "ca.key";

/// A certificate authority that vouches for the server, for clients that speak https alone.
///
/// Give clients the certificate (`REQUESTS_CA_BUNDLE`, `SSL_CERT_FILE`, or the file itself); it is
/// good for loopback names only, and its key never leaves the directory that it was made in.
///
/// ```
/// let authority = dify_infra_emulator::Authority::generate()?;
/// assert!(authority.certificate().starts_with("-----BEGIN CERTIFICATE-----"));
/// # Ok::<(), dify_infra_emulator::EmulatorError>(())
/// ```
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority(key hidden)")
    }
}

impl Authority {
    /// Makes an authority that lives in memory.
    ///
    /// # Errors
    ///
    /// When no key can be made.
    pub fn generate() -> Result<Self, EmulatorError> {
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let params = authority_params()?;
        let certificate = params
            .self_signed(&key)
            .map_err(|error| failed(&error))?
            .pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
        })
    }

    /// Opens the authority of a directory (`ca.pem`, and `ca.key` for its owner alone), or makes it, so
    /// that clients that were given the certificate once need no other.
    ///
    /// # Errors
    ///
    /// When the directory can't be written or its files are not what this function writes.
    pub fn open(directory: &Path) -> Result<Self, EmulatorError> {
        let (certificate_file, key_file) =
            (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
        let unusable = |path: &Path, source| EmulatorError::StateFile {
            path: path.to_owned(),
            source,
        };
        if certificate_file.is_file() && key_file.is_file() {
            let certificate = std::fs::read_to_string(&certificate_file)
                .map_err(|error| unusable(&certificate_file, error))?;
            let key =
                std::fs::read_to_string(&key_file).map_err(|error| unusable(&key_file, error))?;
            let key = KeyPair::from_pem(&key).map_err(|error| failed(&error))?;
            // Clients compare the issuer's name and key, which are those of the file.
            return Ok(Self {
                issuer: Issuer::new(authority_params()?, key),
                certificate,
            });
        }
        let authority = Self::generate()?;
        std::fs::create_dir_all(directory).map_err(|error| unusable(directory, error))?;
        write_private(&key_file, &authority.issuer.key().serialize_pem())
            .map_err(|error| unusable(&key_file, error))?;
        std::fs::write(&certificate_file, &authority.certificate)
            .map_err(|error| unusable(&certificate_file, error))?;
        Ok(authority)
    }

    /// The certificate that clients are to trust, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The configuration of a server whose certificate this authority signs.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, EmulatorError> {
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let mut params = dated(NAMES.map(str::to_owned).to_vec())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|reason| EmulatorError::Certificate(reason.to_owned()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.der().clone()], key)
            });
        config
            .map(Arc::new)
            .map_err(|error| EmulatorError::Certificate(error.to_string()))
    }
}

fn failed(error: &rcgen::Error) -> EmulatorError {
    EmulatorError::Certificate(error.to_string())
}

fn dated(names: Vec<String>) -> Result<CertificateParams, EmulatorError> {
    let mut params = CertificateParams::new(names).map_err(|error| failed(&error))?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let date = |date: jiff::civil::Date| {
        // months and days of a date are small and positive
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = date(today.saturating_sub(1.day()));
    params.not_after = date(today.saturating_add(DAYS.days()));
    Ok(params)
}

fn authority_params() -> Result<CertificateParams, EmulatorError> {
    let mut params = dated(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "dify-infra emulator");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_stays_the_same_in_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let first = Authority::open(directory.path()).unwrap();
        let again = Authority::open(directory.path()).unwrap();
        assert_eq!(first.certificate(), again.certificate());
        assert_eq!(
            first.issuer.key().public_key_raw(),
            again.issuer.key().public_key_raw()
        );
        assert!(again.server_config().is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        Authority::open(directory.path()).unwrap();
        let mode = directory
            .path()
            .join(KEY_FILE)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
