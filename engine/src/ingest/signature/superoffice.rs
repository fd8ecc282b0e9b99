//! The header `X-SuperOffice-Signature`.
//!
//! It is the HMAC-SHA256 of the raw body, keyed with the bytes of the webhook's secret, in base64 with padding. It
//! contains no time, so only the identity of the event protects against a repeated delivery (rule I2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signature of a body, as SuperOffice sends it.
#[must_use]
pub fn sign(secret: &str, body: &[u8]) -> String {
    mac(secret, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a signature (the value of the header) matches the body. The comparison takes constant time.
#[must_use]
pub fn verify(secret: &str, body: &[u8], signature: &str) -> bool {
    let Ok(given) = STANDARD.decode(signature.trim()) else { return false };
    mac(secret, body).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// HMAC accepts keys of any length, so this is always `Some`.
fn mac(secret: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = include_bytes!("../tests/seeds/superoffice-message.json");

    /// Each was computed twice, with the same result: by Python's `base64.b64encode(hmac.new(secret.encode(), body,
    /// hashlib.sha256).digest())`, and by `openssl dgst -sha256 -mac HMAC -macopt hexkey:<the secret's bytes> -binary
    /// <body | base64`.
    #[test]
    fn signatures_are_those_of_other_implementations() {
        let all_bytes: Vec<u8> = (0..=255).collect();
        let long_secret = "x".repeat(100);
        let vectors: [(&str, &[u8], &str); 4] = [
            ("secret", b"{}", "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM="),
            ("secret", b"", "+eZuF5tnR65UEI+C+K3os8Jddv0wr95sOVgixTAZYWk="),
            ("s\u{e9}cret \u{2713}", SEED, "jXXtzO0SYNmYaIqKd7BQCLg3GgvEgs5SdoFB6FJnclY="),
            (&long_secret, &all_bytes, "zaU2KvUhPFDwXS0EnrjbfmhvH16tgESYeCILbYd0PlU="),
        ];
        for (secret, body, signature) in vectors {
            assert_eq!(sign(secret, body), signature);
            assert!(verify(secret, body, signature));
            assert!(verify(secret, body, &format!(" {signature}\r")));
        }
    }

    #[test]
    fn other_signatures_are_refused() {
        let signature = sign("secret", SEED);
        assert!(!verify("Secret", SEED, &signature));
        assert!(!verify("secret", &SEED[1..], &signature));
        let hex = signature.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        let cut = &signature[..signature.len() - 4];
        for wrong in
            ["", "=", "not base64!", cut, signature.trim_end_matches('='), &hex, &format!("{signature}{signature}")]
        {
            assert!(!verify("secret", SEED, wrong), "{wrong}");
        }
    }
}
