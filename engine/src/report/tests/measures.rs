//! Each measure.

use serde_json::{Value, json};

use super::{day, every, ms, value, values};
use crate::report::{Attribution, GroupBy, Measure, ReportQuery};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn hours() -> ReportQuery {
    ReportQuery::new(ms("02T09:00"), ms("02T12:00")).every(every("1h"))
}

/// `n` and `pending`, and the sum of the lengths if there is at most one.
fn short(value: &Value) -> (u64, u64, Option<i64>) {
    let number = |key: &str| value[key].as_u64().unwrap_or(0);
    (number("n"), number("pending"), value["max"].as_i64().filter(|_| number("n") == 1))
}

#[track_caller]
fn expect(log: &str, measure: &str, expected: &[(u64, u64, Option<i64>)]) {
    let found: Vec<_> = values(log, hours(), measure).iter().map(short).collect();
    assert_eq!(found, expected);
}

#[test]
fn open_is_a_number_at_the_end_its_maximum_and_its_mean() {
    let log = "
        02T08:00 a open
        02T09:30 b in
        02T09:45 b close
        02T10:15 a close
        02T10:15 c in
        02T11:00 d in
    ";
    let expected = json!([
        {"end": 1, "max": 2, "mean": 1.25}, {"end": 1, "max": 1, "mean": 1.0}, {"end": 2, "max": 2, "mean": 2.0}
    ]);
    assert_eq!(Value::from(values(log, hours(), "open")), expected);
}

#[test]
fn unassigned_counts_open_conversations_without_an_agent() {
    let log = "
        02T09:00 a in
        02T09:30 a update agent=ann
        02T10:30 a update agent=-
        02T11:30 a close
    ";
    let expected = json!([
        {"end": 0, "max": 1, "mean": 0.5}, {"end": 1, "max": 1, "mean": 0.5}, {"end": 0, "max": 1, "mean": 0.5}
    ]);
    assert_eq!(Value::from(values(log, hours(), "unassigned")), expected);
}

#[test]
fn waiting_and_the_oldest_wait_end_with_the_answer_or_the_close() {
    let log = "
        02T09:15 a in
        02T09:30 b in
        02T09:45 a in
        02T10:15 a out
        02T10:45 b close
    ";
    let ends = |measure| values(log, hours(), measure).iter().map(|value| value["end"].clone()).collect::<Vec<_>>();
    assert_eq!(ends("waiting"), [2, 0, 0]);
    let at_9 = ReportQuery::new(ms("02T09:00"), ms("02T10:30")).every(every("1h"));
    assert_eq!(values(log, at_9, "oldest_waiting"), [json!(45 * MINUTE), json!(HOUR)]);
    assert_eq!(values(log, hours(), "oldest_waiting"), [json!(45 * MINUTE), Value::Null, Value::Null]);
}

#[test]
fn f11_a_status_says_who_waits_and_is_no_turn() {
    let log = "
        02T09:15 a open status=5
        02T09:45 a update status=6
        02T10:15 a update status=5
        02T10:45 a close status=9
    ";
    assert_eq!(values(log, hours(), "customer_wait"), [30 * MINUTE, 30 * MINUTE, 0]);
    expect(log, "response", &[(0, 0, None); 3]);
    expect(log, "unanswered", &[(0, 0, None), (1, 0, Some(30 * MINUTE)), (0, 0, None)]);
}

#[test]
fn unread_counts_messages_in_open_conversations() {
    let log = "
        02T09:10 a in
        02T09:20 a in
        02T09:30 b in
        02T10:30 b close
        02T11:30 a out
    ";
    let expected = [3, 2, 0];
    let found: Vec<_> = values(log, hours(), "unread").iter().map(|value| value["end"].clone()).collect();
    assert_eq!(found, expected);
}

#[test]
fn steps_are_counted_where_they_happen() {
    let log = "
        02T09:10 a in
        02T09:20 a close
        02T09:30 a open
        02T10:10 a close
        02T10:20 a close
        02T10:30 b created_closed
        02T11:10 c close
        02T11:20 c open
    ";
    let found = |measure| values(log, hours(), measure);
    assert_eq!(found("started"), [1, 1, 0]);
    assert_eq!(found("reopened"), [1, 0, 1]);
    assert_eq!(found("closings"), [1, 2, 0]);
    assert_eq!(found("closed_conversations"), [1, 2, 0]);
    assert_eq!(values(log, day(), "closings"), [3]);
    assert_eq!(values(log, day(), "closed_conversations"), [2]);
}

#[test]
fn f11_a_conversation_whose_first_status_is_closed_does_not_start() {
    for (line, started, closings) in [
        ("02T09:00 a other status=9", 0, 0),
        ("02T09:00 a update status=9", 0, 0),
        ("02T09:00 a close", 0, 0),
        ("02T09:00 a open status=9", 1, 1),
        ("02T09:00 a created_closed", 1, 1),
        ("02T09:00 a update status=5", 1, 0),
        ("02T09:00 a other", 1, 0),
    ] {
        assert_eq!((value(line, "started"), value(line, "closings")), (json!(started), json!(closings)), "{line}");
    }
}

#[test]
fn t4_a_message_counts_at_its_own_time() {
    let log = "
        02T10:00 a in sent=02T09:59:59.999
        02T10:00 b in
        02T10:10 a out
        02T11:10 a other
    ";
    let later = "02T12:30 a in sent=02T11:59";
    assert_eq!(values(later, hours(), "messages_in"), [0, 0, 1]);
    assert_eq!(values(log, hours(), "messages_in"), [1, 1, 0]);
    assert_eq!(values(log, hours(), "messages_out"), [0, 1, 0]);
    assert_eq!(values(log, hours(), "messages_other"), [0, 0, 1]);
    assert_eq!(values(log, hours(), "active_conversations"), [1, 2, 1]);
    assert_eq!(values(log, day(), "active_conversations"), [2]);
}

#[test]
fn an_assignment_is_a_change_to_an_agent_and_a_transfer_one_between_agents() {
    let log = "
        02T09:00 a in
        02T09:10 a update agent=ann
        02T09:20 a update agent=ann
        02T10:10 a update agent=bo
        02T10:20 a update agent=-
        02T10:30 a update agent=ann
    ";
    assert_eq!(values(log, hours(), "assignments"), [1, 2, 0]);
    assert_eq!(values(log, hours(), "transfers"), [0, 1, 0]);
}

#[test]
fn f9_a_first_response_ends_with_the_answer_and_is_that_of_its_agent() {
    let log = "
        02T09:50 a in agent=ann
        02T10:05 a update agent=bo
        02T10:10 a out
        02T10:20 a in
        02T10:30 a out
    ";
    expect(log, "first_response", &[(0, 1, None), (1, 0, Some(20 * MINUTE)), (0, 0, None)]);
    let by_agent = super::rows(log, hours().by([GroupBy::Agent]).measures([Measure::FirstResponse]));
    let found = by_agent.iter().map(|row| (row["by"]["agent"]["id"].clone(), row["first_response"]["n"].clone()));
    assert_eq!(found.collect::<Vec<_>>(), [(json!("ann"), json!(0)), (json!("bo"), json!(1))]);
}

#[test]
fn a_question_that_a_close_cuts_off_has_no_first_response() {
    let log = "
        02T09:10 a in
        02T09:20 a close
        02T10:10 a in
        02T10:15 a open
        02T10:40 a out
    ";
    expect(log, "first_response", &[(0, 0, None), (1, 0, Some(30 * MINUTE)), (0, 0, None)]);
    expect(log, "unanswered", &[(1, 0, Some(10 * MINUTE)), (0, 0, None), (0, 0, None)]);
}

#[test]
fn each_turn_has_one_response_from_its_first_question() {
    let log = "
        02T09:10 a in
        02T09:20 a in
        02T09:30 a out
        02T09:40 a out
        02T10:50 a in
        02T11:10 a out
        02T11:20 a in
    ";
    expect(log, "response", &[(1, 0, Some(20 * MINUTE)), (0, 1, None), (1, 1, Some(20 * MINUTE))]);
}

#[test]
fn f9_an_answer_while_it_is_closed_ends_the_turn_and_counts_nothing() {
    let log = "
        02T09:10 a open
        02T09:20 a close
        02T09:30 a in
        02T09:40 a out
        02T10:10 a open
        02T10:20 a out
    ";
    expect(log, "response", &[(0, 0, None); 3]);
}

#[test]
fn messages_of_unknown_direction_are_told_where_turns_are() {
    let log = "
        02T09:10 a in
        02T09:20 a other
        02T09:30 a out
    ";
    for measure in ["response", "first_response", "within:1h"] {
        assert_eq!(value(log, measure)["unknown"], 1, "{measure}");
    }
    assert_eq!(value(log, "unanswered").get("unknown"), None);
}

#[test]
fn unanswered_is_a_close_while_the_member_waits() {
    let log = "
        02T09:10 a in
        02T10:10 a close
        02T10:20 a in
        02T10:30 a close
    ";
    expect(log, "unanswered", &[(0, 0, None), (1, 0, Some(HOUR)), (0, 0, None)]);
    assert_eq!(value(log, "unanswered")["pending"], Value::Null);
}

#[test]
fn the_time_to_an_agent_begins_with_the_first_message_or_else_the_start() {
    let log = "
        02T09:10 a open started=02T09:00
        02T09:20 a in
        02T10:20 a update agent=ann
        02T11:20 a update agent=bo
        02T09:30 b open started=02T09:15
        02T09:45 b update agent=ann
    ";
    expect(log, "time_to_assignment", &[(1, 1, Some(30 * MINUTE)), (1, 0, Some(HOUR)), (0, 0, None)]);
}

#[test]
fn an_open_conversation_is_either_waiting_or_not() {
    let log = "
        02T09:30 a in
        02T10:15 a out agent=ann
        02T10:45 a close
        02T11:15 a open
    ";
    assert_eq!(values(log, hours(), "customer_wait"), [30 * MINUTE, 15 * MINUTE, 0]);
    assert_eq!(values(log, hours(), "agent_wait"), [0, 30 * MINUTE, 45 * MINUTE]);
    assert_eq!(values(log, hours(), "handling"), [0, 30 * MINUTE, 45 * MINUTE]);
}

#[test]
fn handling_is_the_time_of_each_agent() {
    let log = "
        02T09:00 a in agent=ann
        02T09:20 a update agent=bo
        02T10:30 a update agent=-
    ";
    let rows = super::rows(log, day().by([GroupBy::Agent]).measures([Measure::Handling]));
    let found: Vec<_> = rows.iter().map(|row| (row["by"]["agent"]["name"].clone(), row["handling"].clone())).collect();
    assert_eq!(found, [(json!("ann"), json!(20 * MINUTE)), (json!("bo"), json!(70 * MINUTE))]);
}

#[test]
fn closes_are_measured_from_the_start() {
    let log = "
        02T09:10 a open started=02T09:00
        02T09:30 a close
        02T09:40 a open
        02T10:30 a close
        02T11:30 a open
    ";
    expect(log, "first_close", &[(1, 0, Some(30 * MINUTE)), (0, 0, None), (0, 0, None)]);
    expect(log, "last_close", &[(0, 1, None), (1, 0, Some(90 * MINUTE)), (0, 1, None)]);
    expect(log, "open_time", &[(0, 1, None), (1, 0, Some(80 * MINUTE)), (0, 1, None)]);
    assert_eq!(short(&value(log, "last_close")), (0, 1, None));
    assert_eq!(short(&value(log, "first_close")), (1, 0, Some(30 * MINUTE)));
}

#[test]
fn a_conversation_that_starts_closed_has_no_close() {
    for measure in ["first_close", "last_close", "open_time"] {
        assert_eq!(short(&value("02T09:10 a close started=02T09:00", measure)), (0, 0, None), "{measure}");
    }
    let reopened = "
        02T09:10 a close started=02T09:00
        02T09:20 a open
        02T09:50 a close
    ";
    assert_eq!(short(&value(reopened, "first_close")), (1, 0, Some(50 * MINUTE)));
    assert_eq!(short(&value(reopened, "open_time")), (1, 0, Some(40 * MINUTE)));
}

#[test]
fn one_turn_and_one_agent_are_of_conversations_that_were_never_reopened() {
    let one = "
        02T09:10 a in
        02T09:20 a out agent=ann
        02T09:25 a out
        02T09:30 a close
    ";
    assert_eq!((value(one, "one_turn"), value(one, "one_agent")), (json!(1), json!(1)));
    let two_turns = format!("{one}\n02T09:26 a in\n02T09:27 a out");
    assert_eq!((value(&two_turns, "one_turn"), value(&two_turns, "one_agent")), (json!(0), json!(1)));
    let two_agents = format!("{one}\n02T09:27 a out agent=bo");
    assert_eq!((value(&two_agents, "one_turn"), value(&two_agents, "one_agent")), (json!(1), json!(0)));
    let reopened = format!("{one}\n02T09:40 a open\n02T09:50 a close");
    assert_eq!((value(&reopened, "one_turn"), value(&reopened, "one_agent")), (json!(0), json!(0)));
    let open = format!("{one}\n02T09:40 a open");
    assert_eq!((value(&open, "one_turn"), value(&open, "one_agent")), (json!(0), json!(0)));
}

#[test]
fn a_turn_is_met_when_answered_in_time_and_missed_when_the_time_has_passed() {
    let log = "
        02T09:00 a in
        02T09:05 a out
        02T09:10 b in
        02T09:15:00.001 b out
        02T09:58 c in
        02T10:30 c out
        02T09:57 d in
        02T09:59 d close
        02T11:30 e in
        02T11:59 f in
    ";
    let share = |met: u64, missed: u64, pending: u64, share: Value| json!({"met": met, "missed": missed, "pending": pending, "unknown": 0, "share": share});
    let expected = [share(1, 1, 1, json!(0.5)), share(0, 1, 0, json!(0.0)), share(0, 1, 1, json!(0.0))];
    assert_eq!(values(log, hours(), "within:5m"), expected);
    assert_eq!(values(log, day(), "within(300000)"), [share(1, 4, 0, json!(0.2))]);
}

#[test]
fn a_turn_that_was_asked_while_closed_runs_from_the_reopening() {
    let log = "
        02T09:00 a open
        02T09:01 a close
        02T09:02 a in
        02T10:10 a open
        02T10:20 a out
        02T11:00 b close
        02T11:01 b in
    ";
    expect(log, "response", &[(0, 0, None), (1, 0, Some(78 * MINUTE)), (0, 0, None)]);
    let missed: Vec<_> = values(log, hours(), "within:5m").iter().map(|value| value["missed"].clone()).collect();
    assert_eq!(missed, [0, 1, 0]);
}

#[test]
fn durations_can_belong_to_their_beginning() {
    let log = "
        02T09:50 a in
        02T10:20 a out
        02T10:50 b in
        02T11:30 b close
        02T11:40 c in
    ";
    let found = |measure| {
        let found = values(log, hours().attribute(Attribution::Start), measure);
        found.iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(found("response"), [(1, 0, Some(30 * MINUTE)), (0, 0, None), (0, 1, None)]);
    assert_eq!(found("unanswered"), [(0, 0, None), (1, 0, Some(40 * MINUTE)), (0, 0, None)]);
    assert_eq!(found("last_close"), [(0, 1, None), (1, 0, Some(40 * MINUTE)), (0, 1, None)]);
    assert_eq!(found("time_to_assignment"), [(0, 1, None), (0, 0, None), (0, 1, None)]);
}
