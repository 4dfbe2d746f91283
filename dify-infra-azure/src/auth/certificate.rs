//! A certificate with its key, as an application proves with it who it is.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use secrecy::SecretString;
use serde_json::{Value, json};

/// For how long a signed assertion is good; Microsoft's example has minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How far this machine's clock may be ahead of Microsoft Entra's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A certificate that an application of Microsoft Entra has, with its RSA key.
///
/// The key stays here: it signs a statement of a few minutes' life, in the format of
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.
#[derive(Clone)]
pub struct ClientCertificate {
    key: Arc<RsaKeyPair>,
    /// The certificate and those that signed it, as DER.
    chain: Vec<Vec<u8>>,
    sends_chain: bool,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientCertificate")
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

/// Why a text is no certificate to sign in with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A section is not what PEM is.
    #[error("it is not PEM: convert it with `openssl pkcs12 -in FILE -out FILE.pem -nodes`")]
    NotPem,
    /// The key can't be read without its password.
    #[error("its key is encrypted: decrypt it with `openssl pkey -in FILE -out KEY.pem`")]
    Encrypted,
    /// There is no private key.
    #[error("it has no private key: put certificate and key into one file")]
    NoKey,
    /// There is no certificate.
    #[error("it has no certificate: put certificate and key into one file")]
    NoCertificate,
    /// Microsoft Entra takes RSA keys of 2048 bits and more alone.
    #[error("its key is not an RSA key of at least 2048 bits, and Microsoft Entra takes no other")]
    NotRsa,
    /// The key belongs to another certificate.
    #[error("its key is not that of the certificate")]
    OtherKey,
}

impl ClientCertificate {
    /// Reads a PEM text with the certificate and its key, in any order; further certificates are
    /// those that signed it.
    ///
    /// # Errors
    ///
    /// When a part is missing, or can't be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        let (mut key, mut chain) = (None, Vec::new());
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text) {
            let (kind, der) = section.map_err(|_| CertificateError::NotPem)?;
            match kind {
                SectionKind::Certificate => chain.push(der),
                SectionKind::PrivateKey => key = Some(RsaKeyPair::from_pkcs8(&der)),
                SectionKind::RsaPrivateKey => key = Some(RsaKeyPair::from_der(&der)),
                SectionKind::EcPrivateKey => return Err(CertificateError::NotRsa),
                _ => {}
            }
        }
        let key = match key {
            Some(key) => key.map_err(|_| CertificateError::NotRsa)?,
            None if contains(text, b"ENCRYPTED") => return Err(CertificateError::Encrypted),
            None if chain.is_empty() && !contains(text, b"-----BEGIN ") => {
                return Err(CertificateError::NotPem);
            }
            None => return Err(CertificateError::NoKey),
        };
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        // A certificate holds the public key in the form in which the key pair gives it.
        let public = key.public_key().as_ref();
        let ours = chain.iter().position(|one| contains(one, public));
        chain.swap(0, ours.ok_or(CertificateError::OtherKey)?);
        Ok(Self {
            key: Arc::new(key),
            chain,
            sends_chain: false,
        })
    }

    /// Sends the certificates along, so that an application that trusts an issuer and a subject
    /// takes a renewed certificate.
    #[must_use]
    pub fn with_chain_sent(mut self, sends_chain: bool) -> Self {
        self.sends_chain = sends_chain;
        self
    }

    /// The SHA-256 thumbprint, as Microsoft Entra finds the certificate by it.
    pub fn thumbprint(&self) -> String {
        let certificate = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate))
    }

    /// A signed statement that `client` is who asks `audience`.
    pub(super) fn assertion(
        &self,
        client: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, String> {
        let mut header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint() });
        if self.sends_chain {
            let chain = self.chain.iter().map(|one| STANDARD.encode(one));
            header["x5c"] = chain.map(Value::from).collect();
        }
        let seconds = now.as_second();
        let claims = json!({
            "aud": audience,
            "iss": client,
            "sub": client,
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": seconds,
            "nbf": seconds - SKEW.as_secs(),
            "exp": seconds + LIFETIME.as_secs(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| "the key of the certificate does not sign".to_owned())?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(SecretString::from(format!("{text}.{signature}")))
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
    use secrecy::ExposeSecret as _;

    use super::*;

    /// A certificate and its key, made once: RSA keys take their time.
    static MADE: LazyLock<(String, String)> = LazyLock::new(|| {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let parameters = CertificateParams::new(vec!["deployer".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    });

    /// A certificate of somebody else, with its elliptic key.
    fn elliptic() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["other".to_owned()]).unwrap();
        (
            parameters.self_signed(&key).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    fn read(parts: &[&str]) -> Result<ClientCertificate, CertificateError> {
        ClientCertificate::from_pem(parts.concat().as_bytes())
    }

    #[test]
    fn the_statement_is_signed_by_the_key_of_the_certificate_that_it_names() {
        let (certificate, key) = &*MADE;
        let (other, _) = elliptic();
        let ours = read(&[key, &other, certificate])
            .unwrap()
            .with_chain_sent(true);
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let audience = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
        let statement = ours.assertion("client", audience, now).unwrap();
        let statement = statement.expose_secret();
        let (text, signature) = statement.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, ours.key.public_key());
        public.verify(text.as_bytes(), &signature).unwrap();
        assert!(public.verify(b"another text", &signature).is_err());

        let parts: Vec<Value> = text
            .split('.')
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        let (header, claims) = (&parts[0], &parts[1]);
        assert_eq!(header["alg"], "PS256");
        assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
        let first = STANDARD.decode(header["x5c"][0].as_str().unwrap()).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(digest(&SHA256, &first)),
            ours.thumbprint()
        );
        assert_eq!(header["x5c"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("client"), &json!("client"))
        );
        assert_eq!(claims["aud"], audience);
        let lives = claims["exp"].as_i64().unwrap() - now.as_second();
        assert_eq!(lives, 600);
        assert_ne!(
            ours.assertion("client", audience, now)
                .unwrap()
                .expose_secret(),
            statement,
            "each has an id of its own"
        );
    }

    #[test]
    fn what_cant_be_used_says_why() {
        let (certificate, key) = &*MADE;
        let (other, elliptic_key) = elliptic();
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let cases: [(&[&str], CertificateError); 8] = [
            (&[certificate], CertificateError::NoKey),
            (&[key], CertificateError::NoCertificate),
            (&[&other, key], CertificateError::OtherKey),
            (&[&other, &elliptic_key], CertificateError::NotRsa),
            (&[certificate, encrypted], CertificateError::Encrypted),
            (&["\u{30}\u{82}a pfx"], CertificateError::NotPem),
            (&[""], CertificateError::NotPem),
            (
                &["-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n"],
                CertificateError::NotPem,
            ),
        ];
        for (parts, expected) in cases {
            assert_eq!(read(parts).unwrap_err(), expected);
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let (certificate, key) = &*MADE;
        let shown = format!("{:?}", read(&[certificate, key]).unwrap());
        let line = key.lines().nth(2).unwrap();
        assert!(
            shown.contains("thumbprint") && !shown.contains(line),
            "{shown}"
        );
    }
}
