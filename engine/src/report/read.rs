//! Reading the JSON of a report, which another process has computed.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::report::answer::{Distribution, LevelValue, MeasureValue, OutcomeValue, ReportRow};
use crate::report::groups::GroupValue;
use crate::report::measure::{Measure, MeasureKind};
use crate::report::query::GroupBy;

/// A number with a fraction, of which the JSON has all digits. The parser of numbers is not exact in the last one.
pub(crate) fn exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let digits = Option::<Box<RawValue>>::deserialize(deserializer)?;
    digits.map(|digits| digits.get().parse().map_err(D::Error::custom)).transpose()
}

/// The names of groups with their values, in order.
pub(crate) fn group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(GroupBy, GroupValue)>, D::Error> {
    Ok(Group::deserialize(deserializer)?.0)
}

struct Group(Vec<(GroupBy, GroupValue)>);

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;
        impl<'de> Visitor<'de> for Values {
            type Value = Group;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the values of a group")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Group, A::Error> {
                let mut values = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    values.push(entry);
                }
                Ok(Group(values))
            }
        }
        deserializer.deserialize_map(Values)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ReportRow {
    /// The kind of a measure says what its value is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = ReportRow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row of a report")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReportRow, A::Error> {
                let (mut from, mut to, mut group, mut values) = (None, None, None, Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "from" => from = Some(map.next_value()?),
                        "to" => to = Some(map.next_value()?),
                        "by" => group = Some(map.next_value::<Group>()?.0),
                        name => match name.parse() {
                            Ok(measure) => values.push((measure, value(measure, &mut map)?)),
                            // A measure of a later version.
                            Err(_) => drop(map.next_value::<IgnoredAny>()?),
                        },
                    }
                }
                let missing = A::Error::missing_field;
                let from = from.ok_or_else(|| missing("from"))?;
                let to = to.ok_or_else(|| missing("to"))?;
                Ok(ReportRow { from, to, group: group.ok_or_else(|| missing("by"))?, values })
            }
        }
        deserializer.deserialize_map(Row)
    }
}

fn value<'de, A: MapAccess<'de>>(measure: Measure, map: &mut A) -> Result<MeasureValue, A::Error> {
    Ok(match measure.kind() {
        MeasureKind::Count => MeasureValue::Count(map.next_value()?),
        MeasureKind::Level => MeasureValue::Level(map.next_value::<LevelValue>()?),
        MeasureKind::Duration => MeasureValue::Duration(map.next_value()?),
        MeasureKind::Distribution => MeasureValue::Distribution(map.next_value::<Distribution>()?),
        MeasureKind::Total => MeasureValue::Total(map.next_value()?),
        MeasureKind::Outcome => MeasureValue::Outcome(map.next_value::<OutcomeValue>()?),
    })
}
