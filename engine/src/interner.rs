//! Texts that many conversations share, stored once.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::index::Seen;
use crate::state::AgentRef;

/// Agents, tenants, channels and shortcodes. Texts of evicted conversations stay, because they are few.
#[derive(Debug, Default)]
pub(crate) struct Interner(HashSet<Arc<str>>);

impl Interner {
    /// The shared copy of a text.
    pub(crate) fn share(&mut self, text: &str) -> Arc<str> {
        self.0.get_or_insert_with(text, |text| Arc::from(text)).clone()
    }

    /// Forgets all texts if there are more than this.
    pub(crate) fn forget_more_than(&mut self, max: usize) {
        if self.0.len() > max {
            *self = Self::default();
        }
    }

    /// Replaces the texts of an entry by shared copies.
    pub(crate) fn share_all(&mut self, Seen { tenant, channel, row, .. }: &mut Seen) {
        self.replace([&mut *tenant, &mut *channel]);
        let Some(row) = row.as_mut().map(Arc::make_mut) else { return };
        (row.tenant, row.channel) = (tenant.clone(), channel.clone());
        self.replace([&mut row.shortcode]);
        self.replace(row.agent.as_mut().into_iter().flat_map(texts_of));
        if !row.earlier_agents.is_empty() {
            let mut agents = row.earlier_agents.to_vec();
            self.replace(agents.iter_mut().flat_map(texts_of));
            row.earlier_agents = agents.into();
        }
    }

    fn replace<'a>(&mut self, texts: impl IntoIterator<Item = &'a mut Option<Arc<str>>>) {
        texts.into_iter().flatten().for_each(|text| *text = self.share(text));
    }
}

fn texts_of(AgentRef { id, name }: &mut AgentRef) -> [&mut Option<Arc<str>>; 2] {
    [id, name]
}
