//! Fits a table into the width of a terminal.
//!
//! What somebody wrote gives up space first, down to a few words; then ids are shortened, names are cut and times lose their
//! seconds. If that is not enough, the least important columns are left out.

use unicode_width::UnicodeWidthStr;

use super::column::Kind;
use super::print::Shown;
use super::short_id::ShortIds;
use super::{table, text};

/// Without a terminal a message is not wider than this.
const MESSAGE_COLUMNS: usize = 60;
const LEAST_MESSAGE: usize = 16;
const LEAST_NAME: usize = 8;
/// `2021-07-29 05:11:08.595`, to the second and to the minute.
const TIME_COLUMNS: [usize; 2] = [19, 16];

type Cells = Vec<Vec<String>>;

/// A table for a file or a program: only messages are cut.
pub(super) fn unfitted(columns: Vec<Shown>, mut cells: Cells) -> (Vec<Shown>, Cells) {
    for (index, column) in columns.iter().enumerate() {
        if column.kind == Kind::Message {
            column_of(&mut cells, index).for_each(|cell| *cell = text::cut(cell, MESSAGE_COLUMNS));
        }
    }
    (columns, cells)
}

/// A table of this width. Columns with a rank are left out only if `may_drop`. If the columns need more than the width at
/// their narrowest, the table is wider.
pub(super) fn fit(mut columns: Vec<Shown>, mut cells: Cells, width: usize, may_drop: bool) -> (Vec<Shown>, Cells) {
    cells.iter_mut().flatten().for_each(|cell| *cell = text::one_line(cell));
    let mut widths = loop {
        let mut bounds: Vec<_> = (0..columns.len()).map(|index| Bounds::of(&columns, &cells, index)).collect();
        if shrink(&mut bounds, &columns, width) {
            break bounds;
        }
        let ranked = columns.iter().enumerate().max_by_key(|(_, column)| column.rank).filter(|(_, it)| it.rank > 0);
        let Some((dropped, _)) = ranked.filter(|_| may_drop) else { break bounds };
        columns.remove(dropped);
        cells.iter_mut().for_each(|row| drop(row.remove(dropped)));
    };
    for (index, (column, bounds)) in columns.iter_mut().zip(&mut widths).enumerate() {
        if column.heading.width() > bounds.width {
            column.heading = text::cut(column.short_heading, bounds.width);
        }
        cut(column.kind, &mut cells, index, bounds.width);
    }
    (columns, cells)
}

/// The width of a column, and its minimum.
struct Bounds {
    width: usize,
    least: usize,
}

impl Bounds {
    fn of(columns: &[Shown], cells: &Cells, index: usize) -> Self {
        let column = &columns[index];
        let texts = || cells.iter().filter_map(|row| row.get(index)).map(String::as_str);
        let widest = texts().map(UnicodeWidthStr::width).max().unwrap_or(0);
        let width = widest.max(column.heading.width());
        let least = match column.kind {
            Kind::Message => LEAST_MESSAGE,
            Kind::Id => ShortIds::least_columns(texts()),
            Kind::Text => LEAST_NAME,
            Kind::Time(_) => TIME_COLUMNS[1],
            Kind::Number | Kind::Length | Kind::Flag => width,
        };
        Self { width, least: least.max(column.short_heading.width()).min(width) }
    }
}

/// Takes space from the columns, one kind after the other. Returns whether the table fits.
fn shrink(bounds: &mut [Bounds], columns: &[Shown], width: usize) -> bool {
    let gaps = table::GAP * columns.len().saturating_sub(1);
    let total = |bounds: &[Bounds]| bounds.iter().map(|one| one.width).sum::<usize>() + gaps;
    let kinds: [fn(Kind) -> bool; 4] = [
        |kind| kind == Kind::Message,
        |kind| kind == Kind::Id,
        |kind| kind == Kind::Text,
        |kind| matches!(kind, Kind::Time(_)),
    ];
    for is_kind in kinds {
        let mut of_kind: Vec<_> = (0..columns.len()).filter(|index| is_kind(columns[*index].kind)).collect();
        while total(bounds) > width {
            of_kind.retain(|index| bounds[*index].width > bounds[*index].least);
            let Some(widest) = of_kind.iter().copied().max_by_key(|index| bounds[*index].width) else { break };
            bounds[widest].width -= 1;
        }
    }
    total(bounds) <= width
}

fn cut(kind: Kind, cells: &mut Cells, index: usize, width: usize) {
    match kind {
        Kind::Id => {
            let ids: Vec<_> = column_of(cells, index).map(|id| id.clone()).collect();
            let short = ShortIds::new(ids.iter().map(String::as_str), width);
            column_of(cells, index).for_each(|id| *id = short.of(id));
        }
        Kind::Time(_) => {
            let columns = TIME_COLUMNS.into_iter().find(|columns| *columns <= width).unwrap_or(width);
            let too_long = column_of(cells, index).filter(|time| time.width() > width);
            too_long.for_each(|time| time.truncate(columns));
        }
        _ => column_of(cells, index).for_each(|cell| *cell = text::cut(cell, width)),
    }
}

fn column_of(cells: &mut Cells, index: usize) -> impl Iterator<Item = &mut String> {
    cells.iter_mut().filter_map(move |row| row.get_mut(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::column::Precision;

    fn shown(kind: Kind, heading: &'static str, rank: u8) -> Shown {
        Shown { kind, heading: heading.to_owned(), short_heading: heading, rank }
    }

    fn example() -> (Vec<Shown>, Cells) {
        let columns = vec![
            shown(Kind::Id, "ID", 0),
            shown(Kind::Text, "AGENT", 0),
            shown(Kind::Text, "CHANNEL", 2),
            shown(Kind::Time(Precision::Second), "ACTIVE", 1),
            shown(Kind::Message, "SAYS", 0),
        ];
        let row = |id: &str| {
            [id, "Agnes Moore of Rotterdam", "in_app", "2021-07-29 05:11:08", &"word ".repeat(30)].map(str::to_owned)
        };
        let cells = ["superoffice:Cust26703:12345", "superoffice:Cust26703:12346"].map(|id| row(id).to_vec()).to_vec();
        (columns, cells)
    }

    #[test]
    fn a_table_is_never_wider_than_asked_for_and_ids_stay_different() {
        for width in [44, 60, 80, 100, 120, 200] {
            let (columns, cells) = example();
            let (columns, cells) = fit(columns, cells, width, true);
            for row in &cells {
                let total: usize = row.iter().map(|cell| cell.width()).sum::<usize>() + 2 * (columns.len() - 1);
                assert!(total <= width, "{width}: {row:?}");
            }
            assert_ne!(cells[0][0], cells[1][0], "{width}");
        }
    }

    #[test]
    fn messages_shrink_before_ids_ids_before_names_and_columns_go_last() {
        let row = |width| {
            let (columns, cells) = example();
            fit(columns, cells, width, true).1[0].clone()
        };
        let at_120 = row(120);
        assert_eq!((at_120[0].as_str(), at_120.len()), ("superoffice:Cust26703:12345", 5));
        let at_90 = row(90);
        assert_eq!((at_90[1].as_str(), at_90.len()), ("Agnes Moore of Rotterdam", 5), "{at_90:?}");
        assert!(at_90[0].starts_with("sup\u{2026}") && at_90[0].ends_with("12345"), "{at_90:?}");
        let at_60 = row(60);
        assert_eq!(at_60.len(), 4, "{at_60:?}");
    }

    #[test]
    fn without_a_width_only_messages_are_cut() {
        let (columns, cells) = example();
        let (_, cells) = unfitted(columns, cells);
        assert_eq!((cells[0][0].as_str(), cells[0][4].width()), ("superoffice:Cust26703:12345", MESSAGE_COLUMNS));
    }
}
