//! Images of conversations, and their size.

use std::collections::HashMap;

use super::*;

#[test]
fn a_board_comes_back_from_its_images() {
    let mut original = busy().board;
    let mut restored = Board::new();
    for slot in 0..original.slot_count() {
        restored.load(slot, original.image(slot).unwrap()).unwrap();
    }
    assert_eq!(restored.state_hash(), original.state_hash());
    expect_alike(&restored.index(), &original.index());
    assert_eq!(restored.history("one"), original.history("one"));
    let image = original.image(0).unwrap();
    assert!(matches!(restored.load(0, image.clone()), Err(ImageError::SlotTaken { slot: 0, .. })));
    assert!(matches!(restored.load(99, image), Err(ImageError::SlotTaken { slot: 99, .. })));
}

#[test]
fn an_image_that_refers_to_nothing_is_refused() {
    let image = busy().board.image(0).unwrap();
    let empty = ConversationImage { facts: crate::Facts::default(), ..image.clone() };
    assert_eq!(Board::new().load(0, empty).unwrap_err(), ImageError::Empty);
    let dangling = ConversationImage { contexts: Vec::new(), ..image };
    assert!(matches!(Board::new().load(0, dangling), Err(ImageError::Dangling { list: "context", .. })));
}

/// A conversation is stored alike however its events are grouped, also the contexts that its facts share.
#[test]
fn a_context_that_comes_back_is_stored_alike_with_and_without_its_index() {
    let names: Vec<_> = (0..12).map(|number| format!("Name {number}")).collect();
    let back = names.iter().chain(&names[..2]).chain(&names[..1]);
    let events: Vec<_> = (0..)
        .zip(back)
        .map(|(ms, name)| build(message("c", ms, Direction::In).member_name(Some(name.as_str()))))
        .collect();
    let mut known = HashMap::new();
    let [mut grouped, mut single] = [Board::default(), Board::default()];
    let mut edit = grouped.edit();
    for (seq, event) in (1..).zip(&events) {
        let context = known.entry(event.member_name()).or_default();
        edit.apply_at(&mut None, context, seq, event.into());
        let mut edit = single.edit();
        edit.apply(seq, event);
        drop(edit.finish());
    }
    drop(edit.finish());
    assert_eq!(grouped.image(0), single.image(0));
}

/// Limits a little above what it takes, so that it does not grow unnoticed.
#[test]
fn a_conversation_in_memory_is_small() {
    let agent = "00000000-0000-0000-0000-000000000000";
    let (text, id) = ("I am running 3 minutes late, will you", "11111111-1111-1111-1111-111111111111_1700000000000");
    let draft = |kind, ms| {
        let draft = Draft::new(AIRSHIP, id, kind, at(ms)).identity(Identity::from_uuid([ms.to_le_bytes()[0]; 16], 0));
        let draft = draft.tenant(agent).app_key("QNOXAh8PA6pekvhz3cwHOf").shortcode("363450");
        draft.member_number("15550000000").member_business_id(agent).text(text)
    };
    let convo = |kind, ms, agent| draft(kind, ms).member_name("Thi Mai Eriksen").agent(agent).started(at(0));
    let message = |ms, direction| draft(Kind::Message, ms).member_channel_id(agent).channel("sms").direction(direction);
    let assigned = AgentMention::agent(agent, "An Agent");
    let events = [
        convo(Kind::Open, 0, AgentMention::Nobody),
        message(1, Direction::In),
        convo(Kind::Open, 2, assigned),
        message(3, Direction::Out),
        message(4, Direction::In),
        convo(Kind::Close, 5, assigned),
    ];
    let mut board = Board::new();
    let mut bytes = Vec::new();
    for (seq, draft) in (1..).zip(events) {
        board.edit().apply(seq, &draft.build().unwrap());
        let _ = board.state_hash();
        bytes.push(board.resident_bytes());
    }
    assert!(bytes[4] <= 2_860 && bytes[5] <= 1_800, "{bytes:?}");
}
