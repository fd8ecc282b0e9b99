//! The header `X-SuperOffice-Signature`.
//!
//! It is the HMAC-SHA256 of the raw body under the bytes of the webhook's secret, in base64 with padding. There is no time in
//! it: against a repeated delivery only the identity of the event helps (spec I2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signature of a body, as SuperOffice sends it.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    mac(secret, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a signature (the value of the header) is that of the body. It takes the same time wherever they differ.
#[must_use]
pub fn verify(secret: &str, body: &[u8], signature: &str) -> bool {
    let Ok(given) = STANDARD.decode(signature.trim()) else { return false };
    mac(secret, body).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// HMAC takes keys of every length, so that there is always one.
fn mac(secret: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(mac)
}
