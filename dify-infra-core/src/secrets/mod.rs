//! Secrets of a deployment: what exists, how it is made, written, read, checked and compared.
//!
//! Everything here is pure. Randomness comes in through [`RandomSource`], files are text that the
//! caller has read, and a value lives in a [`SecretString`](secrecy::SecretString) from the moment
//! it exists: no type of this module shows one in `Debug` or can be serialised.
//!
//! * [`SecretKind`] is the catalogue: each generated secret with its consumers and their limits.
//! * [`Secrets`] is a set of values by [`SecretName`], the user's own (`smtp-password`) included.
//! * [`generate`] and [`generate_missing`] make values; [`render`] and [`parse`] write and read
//!   them in the [`Format`]s that deploy scripts use.
//! * [`check`] says what is wrong with a set; [`fingerprint`] compares values without showing them.
//!
//! ```
//! use dify_infra_core::secrets::{
//!     Format, RandomError, RandomSource, SecretKind, Secrets, check, generate_missing, parse, render,
//! };
//! use secrecy::ExposeSecret;
//!
//! /// A real program takes the operating system's randomness here.
//! struct Counter(u8);
//! impl RandomSource for Counter {
//!     fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
//!         for byte in buffer {
//!             self.0 = self.0.wrapping_mul(13).wrapping_add(101);
//!             *byte = self.0;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let mut secrets = Secrets::new();
//! let made = generate_missing(&mut secrets, &mut Counter(7))?;
//! assert_eq!(made.len(), SecretKind::ALL.len());
//!
//! let text = render(&secrets, Format::Env)?;
//! let read = parse(text.expose_secret(), Format::Env)?;
//! assert_eq!(read.secrets().len(), secrets.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod check;
mod encode;
mod fingerprint;
mod format;
mod generate;
mod name;
mod set;

pub use catalogue::{Alphabet, Consumer, Placement, SecretDefinition, SecretKind};
pub use check::{Checker, Finding, Problem, Severity, check};
pub use encode::percent_encode;
pub use fingerprint::{Fingerprint, ParseFingerprintError, fingerprint};
pub use format::{
    Format, LineProblem, ParseError, ParsedSecrets, RenderError, RenderOptions, UnknownFormatError,
    is_compose_env, parse, parse_leniently, render, render_with,
};
pub use generate::{RandomError, RandomSource, generate, generate_for, generate_missing};
pub use name::{SecretName, SecretNameError};
pub use set::Secrets;
