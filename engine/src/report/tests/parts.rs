//! Parts of reports that are of another report, or damaged. That parts add up, each test of a report checks.

use serde_json::{Value, json};

use crate::report::{Every, GroupBy, Measure, ReportBuilder, ReportParts, ReportPartsError, ReportQuery};

use super::{conversations, day, report_of};

const LOG: &str = "02T09:00 c open agent=a\n 02T09:10 c in\n 02T09:20 c out\n 02T12:00 c close\n 02T10:00 d in";

fn query() -> ReportQuery {
    day().every(Every::Hours(1)).by([GroupBy::Agent]).measures([
        Measure::Open,
        Measure::Response,
        Measure::OldestWaiting,
    ])
}

fn builder(query: ReportQuery) -> ReportBuilder {
    let mut builder = ReportBuilder::new(query).unwrap();
    conversations(LOG).iter().for_each(|conversation| builder.add(conversation));
    builder
}

#[test]
fn parts_of_another_report_are_refused() {
    let parts = builder(query()).parts();
    let refused = |query: ReportQuery| ReportBuilder::new(query).unwrap().add_parts(parts.clone()).unwrap_err();
    let later = ReportQuery { from_ms: query().from_ms + 1, ..query() };
    assert!(matches!(refused(later), ReportPartsError::OtherTime { .. }));
    for other in [query().every(Every::Days(1)), query().by([]), query().measures([Measure::Open])] {
        assert!(matches!(refused(other), ReportPartsError::Form { .. }));
    }
}

/// No value of any place makes it panic, or changes the report that it is refused for.
#[test]
fn damaged_parts_are_refused_or_read_and_never_panic() {
    let good = serde_json::to_value(builder(query()).parts()).unwrap();
    let expected = report_of(query(), &conversations(LOG));
    let (mut refused, mut places) = (0, Vec::new());
    collect(&good, String::new(), &mut places);
    for place in &places {
        for value in [json!(-1), json!(0), json!(40_000_000_u64), json!(i64::MAX), json!("x"), json!([]), json!(null)] {
            let mut damaged = good.clone();
            *damaged.pointer_mut(place).unwrap() = value;
            let Ok(parts) = serde_json::from_value::<ReportParts>(damaged) else {
                refused += 1;
                continue;
            };
            let mut report = builder(query());
            if report.add_parts(parts).is_err() {
                refused += 1;
                assert_eq!(report.finish(), expected, "{place}");
            } else {
                drop(report.finish());
            }
        }
    }
    assert!(refused > places.len(), "{refused} of {}", places.len());
}

fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    places.push(at.clone());
    match value {
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(place, value)| collect(value, format!("{at}/{place}"), places));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, format!("{at}/{name}"), places));
        }
        _ => {}
    }
}
