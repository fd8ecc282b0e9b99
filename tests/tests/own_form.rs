//! Any event can be written in convofold's own form and read back unchanged.

use convofold::ingest::Limits;
use convofold_tests::arbitrary::{self, events::event};
use convofold_tests::model::model;
use convofold_tests::parsed::Parsed;
use proptest::prelude::*;

fn check(event: &convofold::Event) -> Result<(), TestCaseError> {
    let line = event.export_line();
    let parsed = Parsed::of(line.as_bytes());
    prop_assert_eq!(parsed.rejections, []);
    let [again] = parsed.events.as_slice() else { return Err(TestCaseError::fail("no event, or several")) };
    prop_assert_eq!(again, event);
    prop_assert_eq!(again.content(), event.content());
    prop_assert_eq!(again.export_line(), line);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_event_is_read_back_as_itself(event in event()) {
        check(&event)?;
    }

    #[test]
    fn any_event_of_a_source_is_read_back_as_itself(lines in arbitrary::wire_log_with_conflicts()) {
        for event in &Parsed::of(lines.join("\n").as_bytes()).events {
            check(event)?;
        }
    }

    /// Spec W5, with limits below the length of a source's own words.
    #[test]
    fn what_was_accepted_once_is_accepted_again_with_the_same_limits(
        lines in arbitrary::wire_log(),
        max_id_bytes in 0_usize..9,
    ) {
        for line in &lines {
            let limits = Limits::new().max_id_bytes(max_id_bytes).max_line_bytes(line.len());
            for event in Parsed::within(limits, line.as_bytes()).events {
                let again = Parsed::within(limits, event.export_line().as_bytes());
                prop_assert_eq!(again.rejections, []);
                prop_assert_eq!(again.events, [event]);
            }
        }
    }

    /// Compares both readers: the model reads what the engine wrote.
    #[test]
    fn a_log_written_anew_in_the_own_form_gives_the_same_state(lines in arbitrary::wire_log()) {
        let events = Parsed::of(lines.join("\n").as_bytes()).events;
        let exported: Vec<_> = events.iter().map(convofold::Event::export_line).collect();
        prop_assert_eq!(model(&exported).export, model(&lines).export);
    }
}
