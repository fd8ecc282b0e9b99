//! Texts that many conversations share, stored once.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::query::ConversationRow;
use crate::state::AgentRef;

/// Agents, tenants, channels and shortcodes. Texts of evicted conversations stay, because they are few.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// The shared copy of a text.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        self.0.get_or_insert_with(text, |text| Arc::from(text)).clone()
    }

    /// The row with shared copies of its texts.
    pub(crate) fn share_all(&mut self, row: Arc<ConversationRow>) -> Arc<ConversationRow> {
        let mut share = |text: &Option<Arc<str>>| text.as_deref().map(|text| self.share(text));
        let [tenant, channel, shortcode] = [&row.tenant, &row.channel, &row.shortcode].map(&mut share);
        let mut agent = |agent: &AgentRef| AgentRef { id: share(&agent.id), name: share(&agent.name) };
        let earlier_agents = match row.earlier_agents.is_empty() {
            true => row.earlier_agents.clone(),
            false => row.earlier_agents.iter().map(&mut agent).collect(),
        };
        let agent = row.agent.as_ref().map(agent);
        let own = Arc::unwrap_or_clone(row);
        Arc::new(ConversationRow { tenant, channel, agent, earlier_agents, shortcode, ..own })
    }
}
