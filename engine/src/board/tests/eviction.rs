//! Conversations that leave memory and return.

use super::*;

#[test]
fn an_evicted_conversation_still_counts_and_loses_nothing() {
    let (mut one, mut at_home) = (busy(), busy());
    let image = evict(&mut one.board, 0);
    assert_eq!(one.board.state("one"), None);
    expect_alike(&one.index, &at_home.index);
    assert_eq!(one.board.state_hash(), at_home.board.state_hash());

    let event = build(message("one", 80, OUT));
    assert_eq!(one.board.evicted_slot_of(event.conversation()), Some(0));
    one.reload(0, image);
    assert_eq!(one.board.evicted_slot_of(event.conversation()), None);
    for listed in [&mut one, &mut at_home] {
        listed.apply(8, &event);
        listed.board.edit().repeat(&event);
    }
    assert_eq!(one.board.state("one"), at_home.board.state("one"));
    assert_eq!(one.board.arrivals("one"), at_home.board.arrivals("one"));
    assert_eq!(one.board.state_hash(), at_home.board.state_hash());
    expect_alike(&one.index, &at_home.index);
    expect_alike(&one.index, &one.board.index());
}

#[test]
#[should_panic(expected = "the conversation at slot 0 is evicted")]
fn an_event_of_an_evicted_conversation_is_not_lost() {
    let mut board = busy().board;
    evict(&mut board, 0);
    board.edit().apply(8, &build(message("one", 80, OUT)));
}

/// Like a checkpoint: evicts everything, and makes a new board from the outlines.
fn outlined(board: &mut Board) -> (Board, UnsortedIndex, Vec<ConversationImage>) {
    let slots = 0..board.slot_count();
    let images = slots.clone().map(|slot| board.image(slot).unwrap()).collect();
    let outlines: Vec<_> = slots.map(|slot| board.outline(slot).unwrap()).collect();
    let (board, index) = Board::of_outlines(outlines, board.state_hash());
    (board, index, images)
}

fn gone(Listed { mut board, .. }: Listed) -> (Listed, Vec<ConversationImage>) {
    let (board, index, images) = outlined(&mut board);
    (Listed { board, index: index.sort() }, images)
}

/// As an opening does after a kill.
#[test]
fn events_that_are_applied_before_a_reload_have_the_effects_of_events_after_it() {
    let (mut after, images) = gone(busy());
    let (mut board, mut index, _) = outlined(&mut busy().board);
    assert_eq!((board.take_unsaved().len(), board.take_changes()), (0, None));
    let text = |id, ms, text| Draft { text: Some(text), ..message(id, ms, OUT) };
    let events = [
        vec![text("one", 90, "now"), text("one", -5, "late"), text("one", 90, "now"), text("one", 90, "conflict")],
        vec![
            Draft { agent: agent("a-9", "Zoe"), ..open("gone", HOUR) },
            Draft { kind: Kind::Close, ..open("gone", 2 * HOUR) },
        ],
    ];
    for (slot, image) in (0..).zip(images) {
        let is_it = |drafts: &&Vec<Draft<'_>>| drafts[0].conversation == &*image.id;
        let drafts = events.iter().find(is_it).cloned().unwrap_or_default();
        let events: Vec<Event> = drafts.into_iter().map(build).collect();
        let numbered = || (8..).zip(&events);
        after.reload(slot, image.clone());
        for (seq, event) in numbered() {
            let _ = after.apply(seq, event);
        }
        let prepared = image.prepare_with(numbered().map(|(seq, event)| (seq, event.as_ref()))).unwrap();
        let update = board.reload(slot, prepared).unwrap();
        assert_eq!(update.is_some(), !events.is_empty());
        update.into_iter().for_each(|update| index.apply(update));
    }
    assert_eq!(board.unsaved(), &[0, 4].into());
    assert_eq!(board.take_changes(), Some(vec![0, 4]));
    expect_alike(&index.sort(), &after.index);
    expect_alike(&after.index, &board.index());
    for slot in 0..board.slot_count() {
        assert_eq!(board.image(slot), after.board.image(slot));
        assert_eq!(board.outline(slot), after.board.outline(slot));
    }
    assert_eq!(board.state_hash(), after.board.state_hash());
}

#[test]
fn a_board_of_outlines_answers_like_the_original() {
    let mut original = busy();
    let (mut outlined, images) = gone(busy());
    assert_eq!((outlined.board.len(), outlined.index.open_len(), outlined.board.resident_len()), (5, 4, 0));
    expect_alike(&outlined.index, &original.index);
    assert_eq!(outlined.board.state_hash(), original.board.state_hash());

    // The evicted conversations must behave alike afterwards.
    let events = [build(message("one", 90, OUT)), build(open("gone", HOUR)), build(message("new", 95, IN))];
    for (seq, event) in (8..).zip(&events) {
        while let Some(slot) = outlined.board.evicted_slot_of(event.conversation()) {
            outlined.reload(slot, images[slot as usize].clone());
        }
        assert_eq!(outlined.apply(seq, event), original.apply(seq, event));
    }
    assert_eq!(outlined.board.resident_len(), 3);
    expect_alike(&outlined.index, &original.index);
    expect_alike(&original.index, &original.board.index());
    assert_eq!(outlined.board.state_hash(), original.board.state_hash());
    assert_eq!(outlined.board.outline(4), original.board.outline(4));
}

#[test]
fn closed_conversations_idle_for_longest_are_evicted_first_and_unsaved_ones_stay() {
    let mut board = busy().board;
    assert_eq!(board.eviction_candidates(0, 0), [0; 0], "nothing was saved");
    board.take_unsaved();
    board.edit().apply(8, &build(message("two", 90, OUT)));
    let all = board.resident_bytes();
    let surplus = board.eviction_candidates(all - 1, u64::MAX);
    assert_eq!(surplus, [4]);
    assert!(board.closed_bytes() > 0);
    assert_eq!(board.eviction_candidates(all, board.closed_bytes()), [0; 0]);
    assert_eq!(board.eviction_candidates(all, 0), surplus, "the closed ones, not the open ones");
    drop(board.evict(&surplus));
    assert_eq!(board.find("gone"), Location::Evicted(4));
    assert_eq!(board.closed_bytes(), 0);
    let surplus = board.eviction_candidates(0, 0);
    assert_eq!(surplus, [2, 3, 0], "the one touched last goes last");
    // Also if its eviction is requested.
    drop(board.evict(&[surplus, vec![1]].concat()));
    assert_eq!(board.find("two"), Location::Resident);
    assert_eq!(board.find("nowhere"), Location::Unknown);
    assert_eq!((board.resident_len(), board.len()), (1, 5));
    assert!(board.resident_bytes() < all);
    let image = evict(&mut board, 1);
    assert_eq!(board.resident_bytes(), 0);
    board.load(1, image).unwrap();
}

#[test]
fn the_bytes_of_a_board_are_those_of_its_conversations() {
    let mut board = busy().board;
    let mut one_by_one = 0;
    for slot in 0..board.slot_count() {
        let before = board.resident_bytes();
        let image = evict(&mut board, slot);
        one_by_one += before - board.resident_bytes();
        assert!(
            before - board.resident_bytes()
                >= image.facts.packed().map(|facts| facts.numbers.len() + facts.fixed.len()).sum::<usize>() as u64
        );
    }
    assert_eq!((one_by_one > 0, board.resident_bytes()), (true, 0));
}
