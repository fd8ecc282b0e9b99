//! Which source an input comes from.

/// Which source an input comes from (spec W6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// To be found out, object by object, by the first of these that holds: a `convofold` is convofold's own, an `Event` that begins with `chatsession.` is
    /// SuperOffice's, a `body` that is an object Airship's, any `Event` SuperOffice's, and any `body`, `type` or `occurred`
    /// Airship's. A source whose feature is off is not looked for.
    #[default]
    Auto,
    /// Airship Live Chat, in both envelopes (spec W1).
    #[cfg(feature = "airship")]
    Airship,
    /// SuperOffice chat webhooks (spec W2).
    #[cfg(feature = "superoffice")]
    SuperOffice,
    /// convofold's own, in which every event can be written down and read back; see [`Event::export_line`].
    ///
    /// [`Event::export_line`]: crate::Event::export_line
    Convofold,
}
