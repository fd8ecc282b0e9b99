//! Explanations of conversations in memory and evicted, now and at a moment.

use convofold_engine::{Draft, Kind, Moment, Time};

use super::{Home, message, messages, submit};
use crate::{Batch, Options};

#[test]
fn an_evicted_conversation_is_explained_like_one_in_memory() {
    let close = Draft::new("test", "case-3", Kind::Close, Time::from_ms(1_900_000_000_000)).build().unwrap();
    let explained = |options: Options| {
        let home = Home::new();
        let db = home.open_with(options);
        submit(&db, Batch::new(messages(0, 200)));
        submit(&db, Batch::new(vec![close.clone()]));
        db.checkpoint().unwrap();
        let ids = ["case-3", "case-5"];
        let mut found: Vec<_> = ids.iter().map(|id| db.explain(id, None, 20).unwrap().unwrap()).collect();
        let view = db.at(Moment::known_at(100));
        found.extend(ids.iter().map(|id| view.explain(id, None, 20).unwrap().unwrap()));
        assert_eq!(db.explain("nobody", None, 20).unwrap(), None);
        assert_eq!(db.at(Moment::as_of(Time::MIN)).explain("case-3", None, 20).unwrap(), None);
        // The clock of the commits differs.
        for reason in
            found.iter_mut().flatten().flat_map(|it| it.because.iter_mut().chain(&mut it.over).chain(&mut it.not))
        {
            assert!(reason.learned_after_ms.take().is_some());
        }
        found
    };
    let in_memory = explained(Options::new());
    assert_eq!(explained(Options::new().memory_bytes(4_000).block_bytes(2_000)), in_memory);
    let status = |index: usize| in_memory[index].iter().find(|it| it.field == "status").unwrap();
    assert_eq!((&status(0).value, &status(0).without), (&"closed".into(), &Some("open".into())));
    assert_eq!((status(0).because.len(), status(0).because[0].seq), (1, 201));
    assert_eq!(status(2).value, "open");
}

#[test]
fn an_explanation_says_how_long_after_its_time_an_event_was_learned() {
    let home = Home::new();
    let db = home.open();
    submit(&db, Batch::new(vec![message("c", 1)]));
    let explained = db.explain("c", Some("id".parse().unwrap()), 20).unwrap().unwrap();
    let reason = &explained[0].because[0];
    let committed_ms = db.committed_at(1).unwrap().unwrap().ms();
    assert_eq!(reason.learned_after_ms, Some(committed_ms - reason.at));
}
