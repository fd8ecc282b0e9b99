//! Texts that many conversations share, held once.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::query::OpenConversation;

/// Agents, tenants, channels and shortcodes. Those of conversations that are gone are not given back: they are few.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// The one copy of a text.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        self.0.get_or_insert_with(text, |text| Arc::from(text)).clone()
    }

    /// The row with the copies that all have.
    pub(crate) fn share_all(&mut self, row: Arc<OpenConversation>) -> Arc<OpenConversation> {
        let mut share = |text: &Option<Arc<str>>| text.as_deref().map(|text| self.share(text));
        let [tenant, channel, agent_id, agent_name, shortcode] =
            [&row.tenant, &row.channel, &row.agent_id, &row.agent_name, &row.shortcode].map(&mut share);
        let own = Arc::unwrap_or_clone(row);
        Arc::new(OpenConversation { tenant, channel, agent_id, agent_name, shortcode, ..own })
    }
}
