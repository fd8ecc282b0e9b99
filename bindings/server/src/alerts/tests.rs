//! Alerts from events to a receiver, with a driven clock.

use std::collections::BTreeSet;
use std::path::PathBuf;

use convofold::Convofold;
use convofold::ingest::Format;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::receiver::{Got, Receiver, Reply};
use super::deliver::deliver_due;
use super::*;
use crate::Settings;
use crate::upstreams::{Upstream, UpstreamKind, UpstreamState};

#[path = "../../../../tests/src/receiver.rs"]
#[expect(dead_code, unreachable_pub, reason = "a module of another crate, which uses the rest")]
pub(crate) mod receiver;

const MINUTE: i64 = 60_000;
/// 2026-03-02T09:00:00Z.
const NINE: i64 = 1_772_442_000_000;
pub(super) const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEXT_KEY: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

fn key(secret: &str) -> Vec<u8> {
    signature::key(secret).unwrap()
}

/// A database, its alerts and a receiver.
struct Desk {
    folder: TempDir,
    db: Convofold,
    toml: String,
    receiver: Receiver,
    runtime: Runtime,
    app: App,
    watches: Vec<Watch>,
    changed: Changed,
    identities: u64,
}

impl Desk {
    /// With these alerts; `URL` stands for the address of the receiver.
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Convofold::open(folder.path().join("db")).unwrap();
        let receiver = Receiver::start().unwrap();
        let toml = toml.replace("URL", &receiver.url("/hook"));
        let app = Self::app(&db, &toml);
        let watches = app.alerts.alerts.iter().map(|_| Watch::new()).collect();
        let (runtime, changed) = (Runtime::new().unwrap(), Changed::All);
        Self { folder, db, toml, receiver, runtime, app, watches, changed, identities: 0 }
    }

    fn app(db: &Convofold, toml: &str) -> App {
        let settings: Settings = toml::from_str(&format!("db = {:?}\n{toml}", db.dir())).unwrap();
        let mut alerts = Alerts::open(&settings.clone().resolve().unwrap()).unwrap();
        alerts.timeout = Duration::from_millis(300);
        App::with_alerts(db.clone(), settings.resolve().unwrap(), alerts).unwrap()
    }

    /// As after a crash: what is not on the disk is lost.
    fn restart(&mut self) {
        self.app = Self::app(&self.db, &self.toml);
        self.watches = self.app.alerts.alerts.iter().map(|_| Watch::new()).collect();
        self.changed = Changed::All;
    }

    /// Commits an event of a conversation, minutes after nine.
    fn event(&mut self, conversation: &str, minute: i64, more: &str) {
        self.identities += 1;
        let (at, identity) = (NINE + minute * MINUTE, self.identities);
        let at = jiff::Timestamp::from_millisecond(at).unwrap();
        let event = format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","identity":"{identity}","occurred":"{at}",{more}}}"#
        );
        let report = self.db.ingest(event.as_bytes(), Format::Auto).unwrap();
        assert_eq!(report.rejected_total(), 0, "{event}");
        if let Changed::These(ids) = &mut self.changed {
            ids.insert(conversation.to_owned());
        }
    }

    fn asks(&mut self, conversation: &str, minute: i64) {
        self.event(conversation, minute, r#""kind":"message","direction":"in","text":"sesame""#);
    }

    fn answers(&mut self, conversation: &str, minute: i64) {
        self.event(conversation, minute, r#""kind":"message","direction":"out","text":"open""#);
    }

    /// Evaluates all alerts at a time, then delivers what is due.
    fn at(&mut self, now: i64) -> Vec<Got> {
        let before = self.receiver.got().len();
        self.evaluate(now);
        self.deliver(now);
        self.receiver.got().split_off(before)
    }

    fn minute(&mut self, minute: i64) -> Vec<Got> {
        self.at(NINE + minute * MINUTE)
    }

    fn evaluate(&mut self, now: i64) {
        let alerts = self.app.alerts.clone();
        alerts.evaluate(&self.app, &mut self.watches, &self.changed, now);
        self.changed = Changed::These(BTreeSet::new());
    }

    fn deliver(&self, now: i64) -> Vec<Option<i64>> {
        let alerts = &self.app.alerts;
        (0..alerts.alerts.len()).map(|number| self.runtime.block_on(deliver_due(alerts, number, now))).collect()
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("db/serve/alerts.ndjson")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.db.close();
    }
}

pub(super) const SLOW: &str = "[[alert]]\nname = \"slow\"\nwhen = \"waiting\"\nafter = \"10m\"\nurl = \"URL\"\n";

fn kinds(got: &[Got]) -> Vec<(String, String)> {
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    got.iter().map(|got| (text(got.json()["type"].clone()), text(got.data("conversation")["id"].clone()))).collect()
}

fn began(id: &str) -> (String, String) {
    ("alert.began".to_owned(), id.to_owned())
}

fn over(id: &str) -> (String, String) {
    ("alert.over".to_owned(), id.to_owned())
}

#[test]
fn a_wait_is_told_at_the_threshold_and_its_end_once() {
    let mut desk = Desk::new(&format!("public-url = \"https://chats.example/desk/\"\n{SLOW}secret = \"{KEY}\""));
    desk.event("a/b", 0, r#""kind":"open","member_name":"Björn Jansen","agent":{"id":"7","name":"Nora Zieliński"}"#);
    desk.asks("a/b", 1);
    assert!(desk.at(NINE + 11 * MINUTE - 1).is_empty());
    let first = desk.at(NINE + 11 * MINUTE);
    assert_eq!(kinds(&first), [began("a/b")]);
    let link = "https://chats.example/desk/c/a%2Fb";
    let expected = format!("Björn Jansen has waited 10 minutes, with Nora Zieliński (alert: slow) {link}");
    let body = first[0].json();
    assert_eq!(body["text"], expected);
    assert_eq!(body["timestamp"], "2026-03-02T09:11:00.000Z");
    let data = &body["data"];
    assert_eq!(data["since"], NINE + MINUTE);
    assert_eq!((&data["when"], &data["after_ms"], &data["link"]), (&json!("waiting"), &json!(600_000), &json!(link)));
    assert_eq!(data["conversation"]["last_message"]["text"], "");
    assert!(data["over_after_ms"].is_null());
    assert!(first[0].is_signed_with(&key(KEY)) && !first[0].is_signed_with(&key(NEXT_KEY)));
    assert!(!first[0].body.contains("sesame"));
    assert!(desk.minute(12).is_empty());
    desk.answers("a/b", 15);
    let last = desk.minute(16);
    assert_eq!(kinds(&last), [over("a/b")]);
    assert_eq!(
        last[0].json()["text"],
        format!("Björn Jansen was answered after 14 minutes, with Nora Zieliński (alert: slow) {link}")
    );
    assert_eq!((last[0].data("reason"), last[0].data("late")), (json!("answered"), json!(false)));
    assert_eq!(last[0].data("over_after_ms"), 14 * MINUTE);
    assert_ne!(last[0].id, first[0].id);
    assert!(last[0].is_signed_with(&key(KEY)));
    desk.restart();
    assert!(desk.minute(60).is_empty());
    assert_eq!(desk.app.alerts.counts().crossings, 0);
}

#[test]
fn a_failed_message_is_sent_again_with_the_same_id_also_after_a_crash() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 0);
    let failures =
        [Reply::Status(500, ""), Reply::Status(302, "Location: /other\r\n"), Reply::Status(429, "Retry-After: 90\r\n")];
    desk.receiver.reply(failures);
    desk.minute(10);
    let due = desk.deliver(NINE + 10 * MINUTE)[0].unwrap();
    assert!(due <= NINE + 10 * MINUTE + 1_000, "{due}");
    desk.deliver(NINE + 11 * MINUTE);
    // An answer meanwhile does not overtake.
    desk.answers("a", 11);
    desk.evaluate(NINE + 11 * MINUTE);
    desk.restart();
    desk.evaluate(NINE + 12 * MINUTE);
    desk.deliver(NINE + 12 * MINUTE);
    assert!(desk.deliver(NINE + 13 * MINUTE + 29_999)[0].is_some());
    assert_eq!(desk.receiver.got().len(), 3);
    desk.deliver(NINE + 13 * MINUTE + 30_000);
    let got = desk.receiver.got();
    assert_eq!(kinds(&got), [began("a"), began("a"), began("a"), began("a"), over("a")]);
    assert!(got.iter().take(4).all(|attempt| (&attempt.id, &attempt.body) == (&got[0].id, &got[0].body)));
    let deliveries: Vec<_> =
        desk.app.alerts.deliveries().into_iter().map(|(_, status, count)| (status, count)).collect();
    assert_eq!(deliveries, [("200".to_owned(), 2), ("429".to_owned(), 1)]);
}

#[test]
fn a_crossing_has_its_id_also_if_the_table_is_lost() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 0);
    let first = desk.minute(10);
    std::fs::remove_file(desk.journal()).unwrap();
    desk.restart();
    let again = desk.minute(30);
    assert_eq!((kinds(&again), &again[0].id), (vec![began("a")], &first[0].id));
    desk.asks("b", 0);
    let other = desk.minute(31);
    assert!(other[0].id != first[0].id && first[0].id.starts_with("msg_"));
}

#[test]
fn a_receiver_that_accepted_and_then_crashed_with_us_gets_the_message_again() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 0);
    desk.evaluate(NINE + 10 * MINUTE);
    let before = std::fs::read(desk.journal()).unwrap();
    desk.deliver(NINE + 10 * MINUTE);
    // A power cut took the line that says so.
    std::fs::write(desk.journal(), before).unwrap();
    desk.restart();
    desk.minute(11);
    let got = desk.receiver.got();
    assert_eq!((got.len(), &got[0].id, &got[0].body), (2, &got[1].id, &got[1].body));
}

#[test]
fn an_answer_that_arrives_late_says_that_there_was_nothing_to_tell() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 0);
    desk.minute(10);
    desk.answers("a", 4);
    let got = desk.minute(12);
    assert_eq!(kinds(&got), [over("a")]);
    assert_eq!((got[0].data("reason"), got[0].data("late")), (json!("answered"), json!(true)));
    assert_eq!(got[0].data("over_after_ms"), 4 * MINUTE);
    assert_eq!(
        got[0].json()["text"],
        "a was answered after 4 minutes already, which was known late, with nobody (alert: slow)"
    );
    // A later question waits on.
    desk.asks("b", 0);
    desk.asks("b", 5);
    assert_eq!(kinds(&desk.minute(20)), [began("b")]);
    desk.answers("b", 3);
    let got = desk.minute(21);
    assert_eq!(kinds(&got), [over("b"), began("b")]);
    assert_eq!((got[0].data("late"), got[1].data("since")), (json!(true), json!(NINE + 5 * MINUTE)));
}

#[test]
fn a_question_that_arrives_late_is_the_same_crossing() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 5);
    let first = desk.minute(15);
    desk.asks("a", 1);
    assert!(desk.minute(16).is_empty());
    desk.restart();
    assert!(desk.minute(17).is_empty());
    desk.event("a", 18, r#""kind":"close""#);
    let got = desk.minute(19);
    assert_eq!((kinds(&got), got[0].data("reason")), (vec![over("a")], json!("closed")));
    assert_eq!(got[0].data("since"), first[0].data("since"));
}

#[test]
fn a_clock_that_is_set_back_and_a_longer_threshold_end_nothing() {
    let alert = |name: &str| SLOW.replace("slow", name).replace("waiting", name);
    let mut desk = Desk::new(&["waiting", "idle", "unassigned"].map(alert).concat());
    desk.asks("a", 0);
    assert_eq!(desk.minute(10).len(), 3);
    assert!(desk.minute(5).is_empty());
    desk.toml = desk.toml.replace("10m", "20m");
    desk.restart();
    assert!(desk.minute(11).is_empty() && desk.minute(30).is_empty());
    desk.event("a", 31, r#""kind":"message","direction":"out","text":"x","agent":{"name":"Ida"}"#);
    let reasons: BTreeSet<_> = desk.minute(31).iter().map(|got| got.data("reason").to_string()).collect();
    assert_eq!(reasons, ["\"active\"", "\"answered\"", "\"assigned\""].map(str::to_owned).into());
}

#[test]
fn what_began_and_ended_before_a_delivery_is_told_in_order() {
    let mut desk = Desk::new(SLOW);
    desk.asks("a", 0);
    desk.evaluate(NINE + 10 * MINUTE);
    desk.answers("a", 11);
    desk.asks("a", 12);
    desk.evaluate(NINE + 12 * MINUTE);
    desk.evaluate(NINE + 22 * MINUTE);
    assert_eq!(desk.app.alerts.counts().pending, 3);
    desk.deliver(NINE + 22 * MINUTE);
    let got = desk.receiver.got();
    assert_eq!(kinds(&got), [began("a"), over("a"), began("a")]);
    let ids: BTreeSet<_> = got.iter().map(|got| &got.id).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn conditions_are_those_of_lists_and_a_conversation_that_meets_them_again_has_crossed_again() {
    let with = |condition: &str| {
        let mut desk = Desk::new(&format!("{SLOW}{condition}"));
        let ida = r#""agent":{"id":"7","name":"Ida"}"#;
        desk.event("ida", 0, &format!(r#""kind":"open","tenant":"North","shortcode":"123",{ida}"#));
        desk.event("nobody", 0, r#""kind":"open","member_number":"+47 5","member_name":"Mo""#);
        desk.event("ida", 1, r#""kind":"message","direction":"in","text":"1","channel":"sms""#);
        desk.event("nobody", 1, r#""kind":"message","direction":"in","text":"1""#);
        desk.asks("nobody", 2);
        let got = desk.minute(20);
        let ids = got.iter().map(|got| got.data("conversation")["id"].as_str().unwrap().to_owned());
        ids.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    for condition in [
        "tenant = \"North\"",
        "channel = \"SMS\"",
        "agent = \"ida\"",
        "any-agent = \"7\"",
        "agent-id = \"7\"",
        "shortcode = \"1 23\"",
    ] {
        assert_eq!(with(condition), ["ida"], "{condition}");
    }
    for condition in [
        "no-tenant = true",
        "no-channel = true",
        "unassigned = true",
        "member = \"mo\"",
        "number = \"475\"",
        "unread-min = 2",
    ] {
        assert_eq!(with(condition), ["nobody"], "{condition}");
    }
    assert_eq!(with("agent-name = \"Ida\""), [""; 0]);
    assert_eq!(with("waiting = true"), ["ida", "nobody"]);

    let mut desk = Desk::new(&format!("{SLOW}agent = \"Ida\""));
    let assigned = |to: &str| format!(r#""kind":"update","agent":{{"name":"{to}"}}"#);
    desk.asks("a", 0);
    desk.event("a", 1, &assigned("Ida"));
    let first = desk.minute(10);
    desk.event("a", 11, &assigned("Mo"));
    let away = desk.minute(12);
    assert_eq!((kinds(&away), away[0].data("reason")), (vec![over("a")], json!("no-match")));
    desk.event("a", 13, &assigned("Ida"));
    let again = desk.minute(14);
    assert_eq!(kinds(&again), [began("a")]);
    assert_eq!(again[0].data("since"), first[0].data("since"));
    assert_ne!(again[0].id, first[0].id);
}

#[test]
fn every_kind_of_alert_begins_and_ends() {
    let alert =
        |name: &str, more: &str| format!("[[alert]]\nname = \"{name}\"\nwhen = \"{name}\"\nurl = \"URL\"\n{more}\n");
    let after = "after = \"10m\"";
    let mut desk = Desk::new(
        &[alert("unassigned", after), alert("unread", "count = 2"), alert("idle", after), alert("suspect", "")]
            .concat(),
    );
    let told = |got: &[Got]| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told = got.iter().map(|got| format!("{}: {}", text(&got.data("alert")), text(&got.json()["text"])));
        told.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    desk.event("a", 0, r#""kind":"open","member_name":"Mo","agent":{"name":"Ida"}"#);
    desk.event("a", 5, r#""kind":"update","agent":null"#);
    assert!(desk.at(NINE + 15 * MINUTE - 1).is_empty());
    assert_eq!(
        told(&desk.minute(15)),
        [
            "idle: The conversation with Mo has been idle for 10 minutes, with nobody (alert: idle)",
            "unassigned: Mo has had no agent for 10 minutes (alert: unassigned)"
        ]
    );
    desk.asks("a", 16);
    assert_eq!(
        told(&desk.minute(16)),
        ["idle: The conversation with Mo became active after 11 minutes, with nobody (alert: idle)"]
    );
    desk.asks("a", 17);
    assert_eq!(told(&desk.minute(17)), ["unread: Mo has sent 2 unread messages, with nobody (alert: unread)"]);
    desk.asks("a", 18);
    assert!(desk.minute(18).is_empty());
    desk.event("a", 19, r#""kind":"message","direction":"out","text":"x","agent":{"name":"Ida"}"#);
    assert_eq!(
        told(&desk.minute(19)),
        [
            "unassigned: Mo got an agent after 14 minutes, Ida (alert: unassigned)",
            "unread: The messages of Mo were read, with Ida (alert: unread)"
        ]
    );
    // Its own time is two days after that of its delivery.
    desk.event("b", 19, r#""kind":"message","direction":"in","text":"x","sent":"2026-03-05T09:00:00Z""#);
    let got = told(&desk.minute(19));
    assert_eq!(got, ["suspect: The data of the conversation with b look wrong (alert: suspect)"]);
    desk.event("b", 20, r#""kind":"close""#);
    let got = desk.minute(20);
    assert_eq!((told(&got).len(), got[0].data("reason")), (1, json!("closed")));
    // Reopened: unassigned since then.
    desk.event("a", 30, r#""kind":"update","agent":null"#);
    desk.event("a", 31, r#""kind":"close""#);
    desk.event("a", 60, r#""kind":"open""#);
    assert!(told(&desk.minute(69)).iter().all(|told| !told.starts_with("unassigned")));
    assert!(
        told(&desk.minute(70)).iter().any(|told| told.starts_with("unassigned: Mo has had no agent for 10 minutes"))
    );
}

#[test]
fn both_secrets_sign_during_a_rotation_and_texts_are_sent_on_demand() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{NEXT_KEY}\n")).unwrap();
    let mut desk = Desk::new(&format!("{SLOW}secret = \"{KEY}\"\nsecret-file = {:?}\ntexts = true", file.path()));
    desk.asks("a", 0);
    let got = desk.minute(10);
    assert!(got[0].is_signed_with(&key(KEY)) && got[0].is_signed_with(&key(NEXT_KEY)));
    assert_eq!(got[0].signatures.len(), 2);
    assert_eq!(got[0].data("conversation")["last_message"]["text"], "sesame");
    let mut unsigned = Desk::new(&format!("{SLOW}body = \"text\""));
    unsigned.asks("a", 0);
    let got = unsigned.minute(10);
    assert_eq!(got[0].body, r#"{"text":"a has waited 10 minutes, with nobody (alert: slow)"}"#);
    assert!(got[0].signatures.is_empty() && !got[0].id.is_empty());
}

#[test]
fn a_full_table_is_loud_and_tells_of_the_rest_later() {
    let mut desk = Desk::new(&format!("max-alerts = 2\n{SLOW}"));
    for (minute, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        desk.asks(id, minute as i64);
    }
    assert_eq!(kinds(&desk.minute(20)).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([began("a"), began("b")]));
    let counts = desk.app.alerts.counts();
    assert_eq!((counts.left_out["slow"], counts.active["slow"], counts.max), (2, 2, 2));
    desk.answers("a", 21);
    desk.minute(21);
    assert_eq!(kinds(&desk.minute(22)), [began("c")]);
    assert_eq!(desk.app.alerts.counts().left_out["slow"], 1);
    // Also what no clock brings back.
    let mut desk = Desk::new("max-alerts = 1\n[[alert]]\nname = \"many\"\nwhen = \"unread\"\ncount = 1\nurl = \"URL\"");
    desk.minute(0);
    desk.asks("a", 1);
    assert_eq!(kinds(&desk.minute(1)), [began("a")]);
    desk.asks("b", 2);
    desk.minute(2);
    desk.minute(3);
    assert_eq!(desk.app.alerts.counts().left_out["many"], 1);
    desk.answers("a", 4);
    desk.minute(4);
    assert_eq!(kinds(&desk.minute(5)), [began("b")]);
    assert_eq!(desk.app.alerts.counts().left_out["many"], 0);
}

#[test]
fn a_receiver_that_hangs_or_is_gone_holds_up_no_other_alert() {
    let mut desk = Desk::new(&[SLOW, &SLOW.replace("slow", "other")].concat());
    desk.asks("a", 0);
    desk.receiver.reply([Reply::Hang]);
    desk.minute(10);
    let got = desk.receiver.got();
    assert_eq!(
        got.iter().map(|got| (got.data("alert"), got.status)).collect::<Vec<_>>(),
        [(json!("slow"), 0), (json!("other"), 200)]
    );
    desk.receiver.reply([Reply::Status(410, "")]);
    desk.minute(11);
    assert_eq!(desk.app.alerts.counts().pending, 1);
    let labels: Vec<_> = desk.app.alerts.deliveries().into_iter().map(|(alert, status, _)| (alert, status)).collect();
    let expected = [("other", "200"), ("slow", "410"), ("slow", "timeout")]
        .map(|(alert, status)| (alert.to_owned(), status.to_owned()));
    assert_eq!(labels, expected);
    let (shown, more) = desk.app.alerts.page(None, 1).unwrap();
    assert!(more && shown[0].why.as_deref() == Some("answered 410"));
    // Not given up.
    desk.minute(11 + 61);
    assert_eq!(desk.app.alerts.counts().pending, 0);
}

fn upstream(state: UpstreamState, last_minute: i64, tenant: Option<&str>) -> Upstream {
    Upstream {
        kind: UpstreamKind::Webhook,
        source: "superoffice".to_owned(),
        tenant: tenant.map(str::to_owned),
        name: tenant.unwrap_or("superoffice").to_owned(),
        state,
        last_at: Some(NINE + last_minute * MINUTE),
        usual_gap_ms: None,
        why: (state == UpstreamState::Refused).then(|| "another consumer is connected (402)".to_owned()),
        next_try_at: None,
        lag_ms: None,
        gap: None,
    }
}

#[test]
fn an_upstream_that_is_silent_is_told_until_it_sends_again() {
    let silent = "[[alert]]\nname = \"silent\"\nwhen = \"silent-upstream\"\nurl = \"URL\"\n";
    let mut desk = Desk::new(
        &[silent, &silent.replace("silent\"\nwhen", "fixed\"\nafter = \"1h\"\ntenant = \"T\"\nwhen")].concat(),
    );
    let mut see = |upstreams: &[Upstream], minute: i64| -> Vec<String> {
        let alerts = desk.app.alerts.clone();
        let table = alerts.table.as_ref().unwrap();
        let now = NINE + minute * MINUTE;
        let view = View { db: &desk.db, database: "desk", public_url: None, upstreams, changed: &Changed::All, now };
        for (alert, watch) in alerts.alerts.iter().zip(&mut desk.watches) {
            table.add(watch.evaluate(alert, &view, table).unwrap()).unwrap();
        }
        let before = desk.receiver.got().len();
        desk.deliver(now);
        let got = desk.receiver.got().split_off(before);
        got.iter().map(|got| got.json()["text"].as_str().unwrap().to_owned()).collect()
    };
    let ok = upstream(UpstreamState::Ok, 0, None);
    assert_eq!(see(std::slice::from_ref(&ok), 59), [""; 0]);
    let quiet = upstream(UpstreamState::Quiet, 0, None);
    assert_eq!(
        see(std::slice::from_ref(&quiet), 90),
        ["superoffice has sent nothing for 1 hour 30 minutes (alert: silent)"]
    );
    assert_eq!(see(std::slice::from_ref(&quiet), 91), [""; 0]);
    // After a restart, nothing is known.
    assert_eq!(see(&[], 92), [""; 0]);
    let again = upstream(UpstreamState::Ok, 100, None);
    assert_eq!(
        see(std::slice::from_ref(&again), 101),
        ["superoffice sends again, after 1 hour 40 minutes (alert: silent)"]
    );
    let of_tenant = upstream(UpstreamState::Ok, 50, Some("T"));
    assert_eq!(see(&[again.clone(), of_tenant.clone()], 109), [""; 0]);
    assert_eq!(see(&[again.clone(), of_tenant], 110), ["T has sent nothing for 1 hour (alert: fixed)"]);
    let refused = upstream(UpstreamState::Refused, 100, None);
    assert_eq!(
        see(std::slice::from_ref(&refused), 111),
        ["superoffice sends nothing: another consumer is connected (402) (alert: silent)"]
    );
    assert_eq!(see(std::slice::from_ref(&again), 112).len(), 1);
    // A connection that breaks is made again within seconds, as a rule.
    let connecting = Upstream { why: Some("no route".to_owned()), ..upstream(UpstreamState::Connecting, 112, None) };
    assert_eq!(see(std::slice::from_ref(&connecting), 113), [""; 0]);
    assert_eq!(see(std::slice::from_ref(&again), 115), [""; 0]);
    assert_eq!(see(std::slice::from_ref(&connecting), 116), [""; 0]);
    assert_eq!(see(std::slice::from_ref(&connecting), 120), [""; 0]);
    assert_eq!(see(std::slice::from_ref(&connecting), 121), ["superoffice sends nothing: no route (alert: silent)"]);
    assert_eq!(see(std::slice::from_ref(&connecting), 200), [""; 0]);
    assert_eq!(
        see(std::slice::from_ref(&again), 201),
        ["superoffice sends again, after 1 hour 25 minutes (alert: silent)"]
    );
}
