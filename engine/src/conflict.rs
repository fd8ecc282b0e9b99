//! Events of one identity with different contents (rule I2).

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::difference::differences;
use crate::effect::Seq;
use crate::event::{Event, Kind};
use crate::fact::Fact;
use crate::fold::Lists;
use crate::image::{ConversationImage, ImageError};

/// Two events of one identity whose contents differ (rule I2). The one with the smaller content hash counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Conflict {
    /// The id of the conversation.
    pub conversation: String,
    /// The identity of both events.
    pub identity: String,
    /// The kind of the event that counts.
    pub kind: Kind,
    /// When the event that counts happened, in milliseconds since the epoch.
    pub at: i64,
    /// The sequence number of the event that counts.
    pub kept_seq: Seq,
    /// The sequence number of the event that has no effect.
    pub lost_seq: Seq,
    /// The fields in which they differ.
    pub fields: Vec<ConflictingField>,
}

/// A field in which two events differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConflictingField {
    /// The name in convofold's own form.
    pub field: String,
    /// The value that counts, as compact JSON; `nothing` if it is absent.
    pub kept: String,
    /// The value of the event that has no effect, in the same form.
    pub lost: String,
}

impl ConversationImage {
    /// The conflicts, in the order in which the events without effect arrived.
    ///
    /// # Errors
    /// As for [`ConversationImage::events`].
    pub fn conflicts(&self) -> Result<Vec<Conflict>, ImageError> {
        if self.conflicts.is_empty() {
            return Ok(Vec::new());
        }
        let lists = self.lists();
        let counting: HashMap<_, _> = self.facts.iter().map(|fact| (fact.identity(lists), fact)).collect();
        let mut losers: Vec<_> = self.conflicts.iter().collect();
        losers.sort_by_key(|loser| loser.seq);
        let pairs = losers.into_iter().filter_map(|loser| Some((counting.get(&loser.identity(lists))?, loser)));
        pairs.map(|(winner, loser)| conflict_of((&self.id, lists), winner, &loser)).collect()
    }
}

/// Two facts of one identity in the conversation with this id and these lists: the one that counts, and another one.
pub(crate) fn conflict_of(
    (id, lists): (&str, Lists<'_>),
    winner: &Fact<'_>,
    loser: &Fact<'_>,
) -> Result<Conflict, ImageError> {
    let (kept, lost) = (winner.event(id, lists)?, loser.event(id, lists)?);
    let as_json = |event: &Event| serde_json::from_str::<Value>(&event.export_line()).unwrap_or_default();
    let fields = differences(&as_json(&kept), &as_json(&lost)).into_iter();
    Ok(Conflict {
        conversation: id.to_owned(),
        identity: kept.identity().text().into_owned(),
        kind: kept.kind(),
        at: kept.at().alone().ms(),
        kept_seq: winner.seq,
        lost_seq: loser.seq,
        fields: fields.map(|it| ConflictingField { field: it.field, kept: it.expected, lost: it.found }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;
    use crate::draft::Draft;
    use crate::draft::tests::message;
    use crate::identity::Identity;

    #[test]
    fn a_conflict_names_both_events_and_the_fields_in_which_they_differ() {
        let said = |text: &'static str, identity: &str| {
            let identity = Some(Identity::given(identity, 0));
            Draft { text: Some(text), identity, ..message() }.build().unwrap()
        };
        let mut board = Board::new();
        let events = [said("One", "a"), said("Two", "a"), said("One", "b"), said("One", "b")];
        for (seq, event) in (1..).zip(&events) {
            board.edit().apply(seq, event);
        }
        let conflicts = board.conflicts("c-1").unwrap();
        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        let kept_first = events[0].content() < events[1].content();
        let (kept, lost) = if kept_first { ("\"One\"", "\"Two\"") } else { ("\"Two\"", "\"One\"") };
        let field = ConflictingField { field: "text".to_owned(), kept: kept.to_owned(), lost: lost.to_owned() };
        assert_eq!((conflict.identity.as_str(), conflict.fields.as_slice()), ("a", &[field][..]));
        assert_eq!((conflict.kept_seq, conflict.lost_seq), if kept_first { (1, 2) } else { (2, 1) });
        assert_eq!(board.conflicts("unknown"), None);
    }
}
