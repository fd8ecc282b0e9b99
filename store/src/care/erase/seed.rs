//! What is random about an erasure.

use std::fmt;

use convofold_engine::Pseudonym;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::care::rewrite::random;
use crate::format::erasures::Key;
use crate::storage::StorageError;

/// The random numbers of an erasure: those of the operating system, or those that follow from a secret, so that several databases
/// with the same events are the same after it.
#[derive(Clone, Default)]
pub(super) struct Seed(Option<Key>);

impl Seed {
    pub(super) fn of(secret: [u8; 32]) -> Self {
        Self(Some(secret))
    }

    /// The pseudonym of a conversation.
    pub(super) fn pseudonym(&self, conversation: &str) -> Result<Pseudonym, StorageError> {
        let bits = self.bits::<16>(b"pseudonym", conversation)?;
        Ok(Pseudonym::from_bits(u128::from_be_bytes(bits)))
    }

    /// The key of the first erasure of a database.
    pub(super) fn key(&self) -> Result<Key, StorageError> {
        self.bits(b"key", "")
    }

    fn bits<const N: usize>(&self, purpose: &[u8], of: &str) -> Result<[u8; N], StorageError> {
        let mut bits = [0; N];
        // Every length of a key is valid.
        match self.0.as_ref().and_then(|secret| Hmac::<Sha256>::new_from_slice(secret).ok()) {
            None => random(&mut bits)?,
            Some(mut mac) => {
                mac.update(&(purpose.len() as u64).to_le_bytes());
                mac.update(purpose);
                mac.update(of.as_bytes());
                let whole = mac.finalize().into_bytes();
                bits.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
            }
        }
        Ok(bits)
    }
}

/// Without the secret.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").field("is_given", &self.0.is_some()).finish()
    }
}
