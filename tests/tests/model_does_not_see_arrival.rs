//! The model is a function of the set of events: order and repetition do not change its state.
//!
//! Other tests check the engine for the same property; this one checks the model that they compare it with.

use convofold_tests::arbitrary::{wire_log, wire_log_with_conflicts};
use convofold_tests::model::model;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_order_gives_the_same_state((log, other) in with_another_order(wire_log())) {
        let (first, second) = (model(&log), model(&other));
        prop_assert_eq!(&first.export, &second.export);
        prop_assert_eq!(first.hash, second.hash);
        prop_assert_eq!(first.counts, second.counts);
    }

    #[test]
    fn conflicts_do_not_let_order_in((log, other) in with_another_order(wire_log_with_conflicts())) {
        prop_assert_eq!(model(&log).export, model(&other).export);
    }

    #[test]
    fn the_whole_log_again_is_all_duplicates(log in wire_log()) {
        let once = model(&log);
        let twice = model(&[log.clone(), log].concat());
        prop_assert_eq!(once.export, twice.export);
        prop_assert_eq!(once.counts.accepted, twice.counts.accepted);
        prop_assert_eq!(once.counts.accepted + 2 * once.counts.duplicates, twice.counts.duplicates);
        prop_assert_eq!(twice.counts.conflicts, 0);
    }

    #[test]
    fn every_line_is_counted_once(log in wire_log_with_conflicts()) {
        let counts = model(&log).counts;
        let sum = counts.accepted + counts.duplicates + counts.conflicts + counts.ignored + counts.rejected;
        prop_assert_eq!(sum, log.len() as u64);
    }

    #[test]
    fn every_export_line_is_json(log in wire_log()) {
        for line in model(&log).export {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
        }
    }
}

fn with_another_order(logs: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    logs.prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle()))
}
