//! A conversation in memory contains every event as it was logged.

#![expect(clippy::expect_used, reason = "tests may panic")]

use convofold::Event;
use convofold::engine::{Admission, ArrivalCounts, Board, ConversationImage};
use convofold_tests::arbitrary::{self, events::events};
use convofold_tests::parsed::Parsed;
use proptest::prelude::*;

/// A board with these events, and those of them that the log gets.
fn remembered(events: &[Event]) -> (Board, Vec<(u64, Event)>) {
    let mut board = Board::new();
    let mut log = Vec::new();
    for event in events {
        if board.admissions().admit(event) == Admission::Log {
            log.push((log.len() as u64 + 1, event.clone()));
            board.edit().apply(log.len() as u64, event);
        }
    }
    (board, log)
}

fn images(board: &Board) -> impl Iterator<Item = ConversationImage> {
    (0..board.slot_count()).filter_map(|slot| board.image(slot))
}

/// Everything except how often events were repeated, which is not stored.
fn facts(image: ConversationImage) -> ConversationImage {
    ConversationImage { arrivals: ArrivalCounts { duplicates: 0, ..image.arrivals }, ..image }
}

fn check_whole(events: &[Event]) -> Result<(), TestCaseError> {
    let (board, log) = remembered(events);
    let mut told = Vec::new();
    for image in images(&board) {
        told.extend(image.events().expect("a memory"));
    }
    told.sort_by_key(|(seq, _)| *seq);
    prop_assert_eq!(&told, &log);
    Ok(())
}

fn check_before(events: &[Event], first: usize) -> Result<(), TestCaseError> {
    let (board, log) = remembered(events);
    let known = log.get(..first).unwrap_or(&log);
    let mut then = Board::new();
    for (seq, event) in known {
        then.edit().apply(*seq, event);
    }
    let mut again = Board::new();
    for image in images(&board) {
        let before = image.before(first as u64 + 1).expect("a memory");
        let expected = images(&then).find(|then| then.id == image.id);
        prop_assert_eq!(before.clone().map(facts), expected.map(facts));
        if let Some(before) = before {
            again.load(again.slot_count(), before).expect("a memory");
        }
    }
    for id in then.ids() {
        let line = |board: &Board| board.state(&id).map(|state| state.export_line());
        prop_assert_eq!(line(&again), line(&then));
    }
    prop_assert_eq!(again.state_hash(), then.state_hash());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_event_comes_back_from_memory_as_it_was_logged(events in events()) {
        check_whole(&events)?;
    }

    #[test]
    fn every_event_of_a_log_comes_back_from_memory(lines in arbitrary::wire_log_with_conflicts()) {
        check_whole(&Parsed::of(lines.join("\n").as_bytes()).events)?;
    }

    #[test]
    fn a_memory_of_earlier_is_that_of_a_board_that_heard_no_more(events in events(), first in 0_usize..13) {
        check_before(&events, first)?;
    }

    #[test]
    fn a_memory_of_earlier_in_a_log_is_that_of_a_board_that_read_no_more(
        lines in arbitrary::wire_log_with_conflicts(),
        first in 0_usize..13,
    ) {
        check_before(&Parsed::of(lines.join("\n").as_bytes()).events, first)?;
    }
}
