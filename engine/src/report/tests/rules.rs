//! The rules that hold for all measures.

use serde_json::{Value, json};

use super::{conversations, day, every, ms, report_of, rows, values};
use crate::Time;
use crate::report::{Calendar, GroupBy, Measure, MeasureValue, ReportQuery};

fn agents(rows: &[Value]) -> Vec<(Value, Value)> {
    rows.iter().map(|row| (row["by"]["agent"]["tenant"].clone(), row["by"]["agent"]["id"].clone())).collect()
}

#[test]
fn agents_of_two_tenants_are_two_agents_and_so_is_nobody() {
    let log = "
        02T09:00 a in agent=31 tenant=t1
        02T09:00 b in agent=31 tenant=t2
        02T09:00 c in tenant=t1
    ";
    let rows = rows(log, day().by([GroupBy::Agent]).measures([Measure::MessagesIn]));
    let agent = |tenant, id: Option<&str>| (json!(tenant), json!(id));
    assert_eq!(agents(&rows), [agent("t1", None), agent("t1", Some("31")), agent("t2", Some("31"))]);
}

#[test]
fn a_group_is_the_one_at_the_moment() {
    let log = "
        02T09:00 a in channel=sms tenant=t1
        02T09:10 a in channel=app
        02T09:20 a close
    ";
    let query = day().by([GroupBy::Channel, GroupBy::Tenant]).measures([Measure::MessagesIn, Measure::Closings]);
    let found: Vec<_> = rows(log, query)
        .iter()
        .map(|row| (row["by"].clone(), row["messages_in"].clone(), row["closings"].clone()))
        .collect();
    let by = |channel| json!({"channel": channel, "tenant": "t1"});
    assert_eq!(found, [(by("app"), json!(1), json!(1)), (by("sms"), json!(1), json!(0))]);
}

#[test]
fn a_place_that_comes_back_is_one_group_also_among_many() {
    let count = 500;
    let places: Vec<_> = (0..2 * count).map(|number| number % count).collect();
    let lines = places.iter().map(|place| format!("02T09:00 a in channel=c{place}"));
    let all = conversations(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(all[0].places.len(), count);
    let query = day().by([GroupBy::Channel]).measures([Measure::MessagesIn, Measure::ActiveConversations]);
    let rows = report_of(query, &all).rows;
    assert_eq!(rows.len(), count);
    let values =
        [(Measure::MessagesIn, MeasureValue::Count(2)), (Measure::ActiveConversations, MeasureValue::Count(1))];
    assert!(rows.iter().all(|row| row.values == values));
}

#[test]
fn an_agent_has_its_latest_name_of_all_conversations() {
    let named = |id: &str, at: i64, name: &str| {
        let mut transitions = conversations(&format!("02T09:00 {id} in agent=x")).remove(0);
        transitions.steps[0].at += at;
        transitions.agents[0].name = Some(name.into());
        transitions
    };
    let all = [named("a", 0, "Zoe"), named("b", 2, "Ann"), named("c", 1, "Bo")];
    let report = report_of(day().by([GroupBy::Agent]).measures([Measure::Open]), &all);
    let row = serde_json::to_value(&report.rows).unwrap();
    assert_eq!(row.as_array().unwrap().len(), 1);
    assert_eq!(row[0]["by"]["agent"]["name"], "Ann");
}

#[test]
fn a_row_without_any_value_is_left_out_if_there_are_groups() {
    let log = "02T09:00 a in agent=ann\n02T09:10 a close";
    let query = ReportQuery::new(ms("01T00:00"), ms("04T00:00")).every(every("1d"));
    assert_eq!(rows(log, query.clone()).len(), 3);
    assert_eq!(rows(log, query.clone().by([GroupBy::Agent])).len(), 1);
    assert_eq!(rows("", query.clone()).len(), 3);
    assert_eq!(rows("", query.by([GroupBy::Tenant])).len(), 0);
}

#[test]
fn t3_a_close_without_a_time_closes_at_the_latest_event() {
    let log = "
        02T09:00 a open started=02T09:00
        - a close started=02T08:00
        02T10:00 a in
    ";
    let hours = ReportQuery::new(ms("02T08:00"), ms("02T11:00")).every(every("1h"));
    assert_eq!(values(log, hours, "closings"), [0, 0, 1]);
}

#[test]
fn a_late_event_changes_the_report_as_if_it_had_come_in_time() {
    let in_time = "
        02T09:00 a in
        02T09:05 a out agent=ann
        02T09:10 a in
        02T09:30 a close
    ";
    let mut lines: Vec<_> = in_time.lines().collect();
    lines.reverse();
    let query = || day().by([GroupBy::Agent, GroupBy::Channel]).measures(Measure::ALL);
    assert_eq!(rows(in_time, query()), rows(&lines.join("\n"), query()));
}

#[test]
fn f4_a_later_event_with_an_earlier_start_does_not_change_the_bucket_of_a_close() {
    let log = "
        02T09:00 a open
        02T09:30 a close
        02T10:00 a update started=02T08:00
    ";
    let found = values(log, day(), "first_close");
    assert_eq!(found[0]["max"], 30 * 60_000);
}

#[test]
fn an_event_that_lost_a_conflict_counts_at_no_time() {
    let log = "
        02T09:00 a in id=x
        02T10:00 a in id=x
        02T11:00 a in id=x
    ";
    assert_eq!(values(log, day(), "messages_in"), [1]);
    assert_eq!(values(log, day(), "started"), [1]);
}

#[test]
fn an_excluded_agent_answers_nobody_and_handles_nothing() {
    let log = "
        02T09:00 a in
        02T09:01 a out agent=bot
        02T09:30 a out agent=ann
        02T09:40 a close
    ";
    let query = || day().excluded_agents(["bot".to_owned()]);
    let found = |measure| values(log, query(), measure).remove(0);
    for measure in ["response", "first_response"] {
        assert_eq!(found(measure)["max"], 30 * 60_000, "{measure}");
    }
    assert_eq!(found("within:5m")["missed"], 1);
    assert_eq!((found("assignments"), found("transfers")), (json!(1), json!(0)));
    assert_eq!(found("time_to_assignment")["max"], 30 * 60_000);
    assert_eq!(found("handling"), 10 * 60_000);
    assert_eq!((found("one_turn"), found("one_agent")), (json!(1), json!(1)));
    // The state is what it is.
    assert_eq!((found("messages_out"), found("customer_wait")), (json!(2), json!(60_000)));
}

#[test]
fn only_the_time_inside_the_calendar_counts() {
    // 2026-03-02 is a Monday.
    let hours = r#"{"zone": "UTC", "week": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}}"#;
    let query =
        |from, to| ReportQuery::new(ms(from), ms(to)).every(every("1d")).calendar(Calendar::from_json(hours).unwrap());
    let log = "
        02T16:30 a in
        03T09:15 a out
        03T18:00 a in
        04T10:00 a close
    ";
    let days = || query("02T00:00", "05T00:00");
    let found: Vec<_> = values(log, days(), "response").iter().map(|value| value["max"].clone()).collect();
    assert_eq!(found, [Value::Null, json!(45 * 60_000), Value::Null]);
    assert_eq!(values(log, days(), "customer_wait"), [30 * 60_000, 15 * 60_000, 0]);
    assert_eq!(values(log, days(), "oldest_waiting"), [json!(30 * 60_000), json!(0), Value::Null]);
    let open = values(log, days(), "open");
    assert_eq!(open[0], json!({"end": 1, "max": 1, "mean": 0.0625}));
    assert_eq!(open[2], json!({"end": 0, "max": 1, "mean": null}));
    let missed = |measure| values(log, days(), measure).iter().map(|value| value["missed"].clone()).collect::<Vec<_>>();
    assert_eq!(missed("within:30m"), [0, 1, 0]);
    assert_eq!(missed("within:20m"), [1, 0, 0]);
    assert_eq!(missed("within:1h"), [0, 0, 0]);
}

#[test]
fn an_empty_level_has_a_mean_in_the_buckets_with_time_inside_the_calendar() {
    let hours = r#"{"zone": "UTC", "week": {"mon": [["09:00", "17:00"]]}}"#;
    let days = ReportQuery::new(ms("02T00:00"), ms("04T00:00")).every(every("1d"));
    let days = days.calendar(Calendar::from_json(hours).unwrap());
    let level = |mean: Option<f64>| json!({"end": 0, "max": 0, "mean": mean});
    assert_eq!(values("02T09:00 a close", days, "open"), [level(Some(0.0)), level(None)]);
}

#[test]
fn days_of_a_zone_with_another_clock_have_their_own_length() {
    let log = "28T12:00 a open";
    let days = ReportQuery::new(ms("27T23:00"), ms("30T22:00"))
        .every(every("1d"))
        .zone("Europe/Berlin".parse::<crate::Zone>().unwrap());
    let expected = [11, 23, 24].map(|hours| json!(hours * 3_600_000));
    assert_eq!(values(log, days, "agent_wait"), expected);
}

#[test]
fn the_longest_report_has_every_event() {
    let log = "
        02T09:00 a in agent=ann
        02T09:05 a out
        02T09:10 a in
        02T10:00 b in
        02T10:10 b close
    ";
    let query = |from, to| ReportQuery::new(from, to).measures(Measure::ALL.into_iter().chain([Measure::Within(5)]));
    let all = rows(log, query(i64::MIN, i64::MAX)).remove(0);
    let end = Time::MAX.ms() + 1;
    assert_eq!((&all["from"], &all["to"], &all["messages_in"]), (&json!(0), &json!(end), &json!(3)));
    assert_eq!(all["oldest_waiting"], json!(end - ms("02T09:10")));
    assert_eq!(all, rows(log, query(0, end)).remove(0));
}

#[test]
fn a_total_that_does_not_fit_is_the_largest_number() {
    let all = vec![conversations("02T09:00 a in").remove(0); 40_000];
    let report = report_of(ReportQuery::new(0, i64::MAX).measures([Measure::CustomerWait]), &all);
    assert_eq!(report.rows[0].values, [(Measure::CustomerWait, MeasureValue::Total(i64::MAX))]);
}

#[test]
fn no_measure_is_missing_in_a_row() {
    let report = report_of(day(), &[]);
    let found: Vec<_> = report.rows[0].values.iter().map(|(measure, _)| *measure).collect();
    assert_eq!(found, Measure::ALL);
    assert!(report.rows[0].values.iter().all(|(_, value): &(_, MeasureValue)| value.is_empty()));
    assert!(!report.tzdb.is_empty());
}

#[test]
fn the_documentation_has_every_measure_with_its_kind() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/measures.md")).unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).map(cells).collect();
    for measure in Measure::ALL.into_iter().chain([Measure::Within(0)]) {
        let written = [format!("`{measure}`"), format!("`{}(X)`", measure.name())];
        let is_of = |row: &&Vec<String>| row[1].split(", ").any(|name| written.contains(&name.to_owned()));
        let row = rows.iter().find(is_of).unwrap_or_else(|| panic!("{measure} is missing in docs/measures.md"));
        assert_eq!(row[2], measure.kind().name(), "{measure}");
    }
}
