//! Signatures of webhooks: pure functions over the raw body, to be checked before anything is parsed.

pub mod superoffice;
