//! Signatures of Standard Webhooks (<https://www.standardwebhooks.com>): who receives a message can check who sent it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// The sizes of a key that Standard Webhooks recommends.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The key of a secret: `whsec_` and base64. The error does not contain the secret.
pub(super) fn key(secret: &str) -> Result<Vec<u8>, String> {
    let encoded = secret.trim().strip_prefix(PREFIX).ok_or_else(|| format!("a secret begins with {PREFIX}"))?;
    let key = STANDARD.decode(encoded).map_err(|_| format!("after {PREFIX}, a secret is base64 with padding"))?;
    if !KEY_BYTES.contains(&key.len()) {
        let (least, most) = KEY_BYTES.into_inner();
        return Err(format!("the key of a secret has {least} to {most} bytes, found {}", key.len()));
    }
    Ok(key)
}

/// The header `webhook-signature`: one signature for each key, so that the receiver can change to the next one.
pub(super) fn sign(keys: &[Vec<u8>], id: &str, timestamp_s: i64, body: &str) -> String {
    let signatures: Vec<_> = keys.iter().filter_map(|key| signature(key, id, timestamp_s, body)).collect();
    signatures.join(" ")
}

/// HMAC accepts keys of any length, so this is always `Some`.
fn signature(key: &[u8], id: &str, timestamp_s: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id, ".", &timestamp_s.to_string(), ".", body] {
        mac.update(part.as_bytes());
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example with which the libraries of Standard Webhooks are tested.
    #[test]
    fn a_signature_is_that_of_other_implementations() {
        let keys = [key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()];
        let found = sign(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(found, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = [keys[0].clone(), vec![7; 24]];
        let found = sign(&two, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert!(found.starts_with("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,"), "{found}");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_showing_it() {
        for secret in ["sesame", "whsec_", "whsec_sesame!", "whsec_c2VzYW1l", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let why = key(secret).unwrap_err();
            assert!(!why.contains("sesame") && !why.contains("MfKQ") && !why.contains("c2Vz"), "{why}");
        }
        assert!(key(&format!("whsec_{}", STANDARD.encode([7; 65]))).is_err());
    }
}
