//! Which identities a conversation has seen: asked once for every event that arrives.

use hashbrown::HashSet;

/// Up to this many fingerprints are searched one by one, which is faster than hashing for short conversations.
const LINEAR_UP_TO: usize = 64;

/// The fingerprints of all identities of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    recent: Vec<u64>,
    many: Option<HashSet<u64>>,
}

impl Known {
    /// False is certain; true may be an accident of fingerprints.
    pub(crate) fn may_contain(&self, fingerprint: u64) -> bool {
        match &self.many {
            Some(many) => many.contains(&fingerprint),
            None => self.recent.contains(&fingerprint),
        }
    }

    pub(crate) fn insert(&mut self, fingerprint: u64) {
        match &mut self.many {
            Some(many) => {
                many.insert(fingerprint);
            }
            None if self.recent.len() < LINEAR_UP_TO => self.recent.push(fingerprint),
            None => {
                let mut many: HashSet<u64> = std::mem::take(&mut self.recent).into_iter().collect();
                many.insert(fingerprint);
                self.many = Some(many);
            }
        }
    }

    /// Gives back memory that was reserved for more to come.
    pub(crate) fn shrink(&mut self) {
        self.recent.shrink_to_fit();
    }
}
