//! Short forms of ids for narrow tables: the beginning, an ellipsis, the end.
//!
//! Ids of a source often begin alike (`superoffice:<tenant>:<number>`), and others end alike, so the division depends on
//! the list. `Convofold::find_ids` finds the conversation again.

use std::collections::{BTreeMap, BTreeSet};

use super::text::CUT;

/// Shorter forms would soon mean several conversations of a database.
const LEAST_COLUMNS: usize = 13;
/// The preferred length of the beginning.
const BEGINNING: usize = 3;

/// The short forms of the ids of a list.
pub(super) struct ShortIds {
    short: BTreeMap<String, String>,
}

/// How ids are divided: this number of characters at the beginning and at the end.
#[derive(Clone, Copy)]
struct Division {
    beginning: usize,
    end: usize,
}

impl ShortIds {
    /// Short forms of at most this width, if they are different for different ids.
    pub(super) fn new<'a>(ids: impl Iterator<Item = &'a str>, columns: usize) -> Self {
        let ids: BTreeSet<&str> = ids.collect();
        let division = Division::of(&ids, columns);
        let short = |id: &&str| Some(((*id).to_owned(), division?.shorten(id, columns)?));
        Self { short: ids.iter().filter_map(short).collect() }
    }

    /// The smallest width at which the ids have different short forms.
    pub(super) fn least_columns<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
        let ids: BTreeSet<&str> = ids.collect();
        let longest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
        (LEAST_COLUMNS..longest).find(|columns| Division::of(&ids, *columns).is_some()).unwrap_or(longest)
    }

    /// The short form of an id of the list.
    pub(super) fn of(&self, id: &str) -> String {
        self.short.get(id).map_or(id, String::as_str).to_owned()
    }
}

impl Division {
    /// The first division under which no short form means two ids of the list.
    fn of(ids: &BTreeSet<&str>, columns: usize) -> Option<Self> {
        let kept = columns.checked_sub(1)?;
        [BEGINNING.min(kept), kept / 2, kept]
            .into_iter()
            .map(|beginning| Self { beginning, end: kept - beginning })
            .find(|division| {
                let mut seen = BTreeSet::new();
                ids.iter().filter_map(|id| division.parts(id)).all(|parts| seen.insert(parts))
            })
    }

    /// The beginning and the end of an id that is long enough to have both.
    fn parts(self, id: &str) -> Option<(&str, &str)> {
        let length = id.chars().count();
        let at = |character: usize| id.char_indices().nth(character).map_or(id.len(), |(at, _)| at);
        let end = length.checked_sub(self.end).filter(|end| *end >= self.beginning)?;
        Some((id.get(..at(self.beginning))?, id.get(at(end)..)?))
    }

    fn shorten(self, id: &str, columns: usize) -> Option<String> {
        if id.chars().count() <= columns {
            return None;
        }
        self.parts(id).map(|(beginning, end)| format!("{beginning}{CUT}{end}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short<const N: usize>(ids: [&str; N], columns: usize) -> [String; N] {
        let short = ShortIds::new(ids.into_iter(), columns);
        ids.map(|id| short.of(id))
    }

    #[test]
    fn ids_that_begin_alike_keep_their_ends_and_the_other_way_round() {
        assert_eq!(
            short(["superoffice:Cust1:100", "superoffice:Cust1:101", "t-1"], 13),
            ["sup\u{2026}Cust1:100", "sup\u{2026}Cust1:101", "t-1"]
        );
        assert_eq!(
            short(["case-0001-of-the-desk", "case-0002-of-the-desk"], 13),
            ["case-0001-of\u{2026}", "case-0002-of\u{2026}"]
        );
    }

    #[test]
    fn a_width_that_does_not_tell_ids_apart_is_too_small() {
        let ids = ["0123456789-a-0123456789", "0123456789-b-0123456789"];
        let least = ShortIds::least_columns(ids.into_iter());
        assert_eq!(least, 13);
        let ids = ["0123456789-----a-----0123456789", "0123456789-----b-----0123456789"];
        let least = ShortIds::least_columns(ids.into_iter());
        let [one, two] = short(ids, least);
        assert!(one != two && one.chars().count() == least, "{one} {two}");
        assert_eq!(short(ids, 13), ids, "ids that stay ambiguous are not shortened");
    }
}
