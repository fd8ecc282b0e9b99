//! The identities that a conversation has seen, looked up once for every event that arrives.

use hashbrown::HashSet;

/// The maximum number of fingerprints for a linear search, which is faster than hashing for short conversations.
const LINEAR_UP_TO: usize = 64;

/// The fingerprints of all identities of a conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    recent: Vec<u64>,
    many: Option<HashSet<u64>>,
}

impl Known {
    /// `false` is certain; `true` can be a collision of fingerprints.
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

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.recent.shrink_to_fit();
    }
}
