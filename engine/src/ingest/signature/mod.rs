//! Signatures of webhooks: pure functions over the raw body. Check them before parsing.

pub mod superoffice;
