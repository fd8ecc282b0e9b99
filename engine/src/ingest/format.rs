//! Which source an input comes from.

/// Which source an input comes from (spec W6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// To be found out, object by object: one with the key `Event` is SuperOffice's, any other with the key `body`, `type`
    /// or `occurred` is Airship's.
    #[default]
    Auto,
    /// Airship Live Chat, in both envelopes (spec W1).
    Airship,
    /// SuperOffice chat webhooks (spec W2).
    SuperOffice,
}
