//! The operating system's randomness.

use dify_infra_core::secrets::{RandomError, RandomSource};
use rand::TryRng as _;
use rand::rngs::SysRng;

/// Takes every byte from the operating system (`getrandom` on Linux), with nothing in between.
///
/// ```
/// use dify_infra_azure::secrets::SystemRandom;
/// use dify_infra_core::secrets::{Secrets, generate_missing};
///
/// let mut secrets = Secrets::new();
/// generate_missing(&mut secrets, &mut SystemRandom)?;
/// assert!(dify_infra_core::secrets::check(&secrets).is_empty());
/// # Ok::<(), dify_infra_core::secrets::RandomError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl RandomSource for SystemRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), RandomError> {
        let source = |error: rand::rngs::SysError| RandomError::Source(error.to_string().into());
        SysRng.try_fill_bytes(buffer).map_err(source)
    }
}
