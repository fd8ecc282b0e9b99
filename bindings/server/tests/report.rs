//! Reports over HTTP and through the client: the answers of the library.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use common::{Desk, Response, close, message};
use convofold::{Every, GroupBy, Measure, Moment, ReportQuery, Time};
use convofold_server::{Client, NewToken, Role, Settings, TokenFile};
use serde_json::{Value, json};

const FROM: &str = "2026-03-02T09:00:00Z";
const TO: &str = "2026-03-02T12:00:00Z";

fn ms(text: &str) -> i64 {
    Time::parse_rfc3339(text).unwrap().ms()
}

fn query() -> ReportQuery {
    ReportQuery::new(ms(FROM), ms(TO))
}

fn path(more: &str) -> String {
    format!("/api/v1/report?from={FROM}&to={TO}{more}")
}

fn answer(number: u64, agent: &str) -> String {
    let more = format!(r#","agent":{{"id":"{agent}","name":"{agent}, of & us"}}"#);
    message(&format!("c-{number}"), 60 * number + 90, &more).replace("\"in\"", "\"out\"")
}

/// Twelve conversations of two tenants; some are answered after 90 seconds, some are closed.
fn fill(desk: &Desk, post: impl Fn(&Desk, &str) -> Response) {
    let mut lines = Vec::new();
    for number in 0..12 {
        let tenant = ["North", "South"][usize::from(number % 3 == 0)];
        lines.push(message(&format!("c-{number}"), 60 * number, &format!(r#","tenant":"{tenant}""#)));
        match number % 4 {
            0 => lines.push(answer(number, "a-1")),
            1 => lines.push(answer(number, "bot")),
            2 => lines.push(close(&format!("c-{number}"), "")),
            _ => {}
        }
    }
    assert_eq!(post(desk, &lines.join("\n")).expect(200).json()["rejected"], 0);
}

fn desk() -> Desk {
    let desk = Desk::new();
    fill(&desk, |desk, lines| desk.post("/api/v1/events", lines));
    desk
}

const HOURS: &str =
    r#"{"zone":"Europe/Berlin","week":{"mon":[["10:00","10:05"],["10:06:30","24:00"]]},"holidays":["2026-12-25"]}"#;

/// Percent-encodes a value of a parameter.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Questions as parameters, and as the library has them.
fn questions() -> Vec<(String, ReportQuery)> {
    let calendar = convofold::Calendar::from_json(HOURS).unwrap();
    let agents = ["bot", "a-1"].map(str::to_owned);
    vec![
        (String::new(), query()),
        ("&every=1h&by=agent,tenant".to_owned(), query().every(Every::Hours(1)).by([GroupBy::Agent, GroupBy::Tenant])),
        (
            "&measure=open,within:1m&tz=Asia/Tokyo&every=1d".to_owned(),
            query()
                .measures([Measure::Open, Measure::Within(60_000)])
                .zone("Asia/Tokyo".parse::<convofold::Zone>().unwrap())
                .every(Every::Days(1)),
        ),
        (format!("&calendar={}", encoded(HOURS)), query().calendar(calendar)),
        ("&exclude_agent=bot&attribute=start&exclude_agent=a-1".to_owned(), {
            query().excluded_agents(agents).attribute(convofold::Attribution::Start)
        }),
        ("&tenant=South&tenant=East&by=channel".to_owned(), {
            query().tenants(["South", "East"].map(str::to_owned).to_vec()).by([GroupBy::Channel])
        }),
    ]
}

#[test]
fn a_report_is_that_of_the_library_in_http_and_in_the_client() {
    let desk = desk();
    let client = Client::of_url(&desk.url(""), None).unwrap();
    for (params, query) in questions() {
        let expected = desk.db.measures(query.clone()).unwrap();
        // The texts: the parser of JSON is not exact in the last digit of a fraction.
        let found = desk.get(&path(&params)).expect(200);
        assert_eq!(found.text(), serde_json::to_string(&expected).unwrap(), "{params}");
        assert_eq!(client.measures(&query).unwrap(), expected, "{params}");
        for measure in [Measure::MessagesIn, Measure::Response, Measure::Within(60_000), Measure::AgentWait] {
            let expected = desk.db.behind(query.clone(), measure).unwrap();
            assert_eq!(client.behind(&query, measure).unwrap(), expected, "{params}");
            let params = params.replace("measure=open,within:1m", "");
            let found = desk.get(&path(&format!("{params}&rows={measure}"))).expect(200);
            assert_eq!(found.text(), serde_json::to_string(&expected).unwrap(), "{params}");
        }
    }
    let no_tenant = query().tenants(Vec::new());
    assert_eq!(client.measures(&no_tenant).unwrap(), desk.db.measures(no_tenant).unwrap());
}

#[test]
fn a_report_of_what_was_known_is_that_of_a_view() {
    let desk = desk();
    let client = Client::of_url(&desk.url(""), None).unwrap();
    // The report ends with the commit of the event.
    let to = desk.db.committed_at(5).unwrap().unwrap().ms();
    let of = |known_at| {
        let query = ReportQuery::new(ms(FROM), to);
        desk.db.at(Moment::known_at(known_at)).measures(query).unwrap()
    };
    let answer = desk.get(&format!("/api/v1/report?from={FROM}&known_at=seq:5")).expect(200);
    assert_eq!(answer.text(), serde_json::to_string(&of(5)).unwrap());
    let known = client.at(None, Some("seq:5".parse().unwrap()));
    assert_eq!(known.measures(&ReportQuery::new(ms(FROM), i64::MAX)).unwrap(), of(5));
    assert_ne!(of(5).rows, of(12).rows);
    // Only events at this time or before it.
    let answer = desk.get(&path("&as_of=2026-03-02T09:03:30Z")).expect(200).json();
    assert_eq!((&answer["to"], &answer["rows"][0]["messages_in"]), (&json!(ms("2026-03-02T09:03:30Z")), &json!(4)));
}

#[test]
fn the_rows_behind_a_number_are_as_many_and_can_be_limited() {
    let desk = desk();
    let report = desk.get(&path("&measure=messages_in,response")).expect(200).json();
    let rows = |measure: &str| desk.get(&path(&format!("&rows={measure}"))).expect(200).json()["rows"].clone();
    assert_eq!(rows("messages_in").as_array().unwrap().len() as u64, report["rows"][0]["messages_in"]);
    let response = rows("response");
    let ended = response.as_array().unwrap().iter().filter(|row| row["outcome"].is_null()).count();
    assert_eq!(report["rows"][0]["response"]["n"], ended);
    let first = desk.get(&path("&rows=response&limit=2")).expect(200).json();
    assert_eq!(first["rows"].as_array().unwrap().as_slice(), &response.as_array().unwrap()[..2]);
    assert_eq!(first["measure"], "response");
    let groups = |more: &str| desk.get(&path(&format!("&by=agent{more}"))).expect(200).json()["rows"].clone();
    assert_eq!(groups("&limit=1").as_array().unwrap().as_slice(), &groups("").as_array().unwrap()[..1]);
}

#[test]
fn a_problem_names_its_parameter() {
    let desk = desk();
    let detail = |path: &str| desk.get(path).expect(400).json()["detail"].as_str().unwrap().to_owned();
    for (more, named) in [
        ("&every=5m", "every: expected hours"),
        ("&by=mood", "by: "),
        ("&by=agent,,tenant", "by: "),
        ("&measure=average", "measure: invalid measure \"average\""),
        ("&tz=Mars", "tz: unknown time zone"),
        ("&attribute=middle", "attribute: "),
        ("&calendar=%7b%7d", "calendar: expected {"),
        ("&known_at=soon", "known_at: "),
        ("&known_at=seq:999", "999"),
        ("&as_of=2026-03-02T09:00:00", "as_of: "),
        ("&rows=average", "rows: invalid measure"),
        ("&rows=open&limit=x", "invalid digit"),
        ("&colour=blue", "colour"),
        ("&every=1h&every=1d", "every"),
    ] {
        let found = detail(&path(more));
        assert!(found.contains(named), "{more}: {found}");
    }
    assert!(detail("/api/v1/report").starts_with("from: expected a time"));
    assert!(detail("/api/v1/report?from=soon").contains("found \"soon\""));
    assert!(detail("/api/v1/report?from=-1h&to=soon").starts_with("to: "));
    assert!(detail("/api/v1/report?from=2999-01-01").contains("a report of no time"));
    assert!(detail("/api/v1/report?from=1970-01-02&every=1h").contains("more than 100000 buckets"));
}

fn with(desk: &Desk, token: &str, method: &str, path: &str, body: &str) -> Response {
    desk.request(method, path, &[("Authorization", &format!("Bearer {token}"))], body.as_bytes())
}

/// Tokens to ingest, for North, for nobody's tenant, and for all.
fn desk_with_tokens() -> (Desk, [String; 4]) {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        let mut add = |name: &str, role, tenants: Option<&str>| {
            let tenants = tenants.map(|tenant| [tenant.to_owned()].into());
            tokens
                .push(TokenFile::of(db).add(NewToken { name: name.to_owned(), role, tenants, texts: false }).unwrap());
        };
        add("in", Role::Ingest, None);
        add("north", Role::Read, Some("North"));
        add("none", Role::Read, Some("Nowhere"));
        add("all", Role::Read, None);
    });
    (desk, tokens.try_into().unwrap())
}

#[test]
fn a_token_for_some_tenants_gets_the_report_of_what_they_did() {
    let (desk, [ingest, north, none, all]) = desk_with_tokens();
    with(&desk, &ingest, "GET", &path(""), "").expect(403);
    desk.get(&path("")).expect(401);
    // At 09:05 `left` goes from North to South, and `came` from South to North; `new` had no tenant before.
    let courses = [("stays", "North", "North"), ("south", "South", "South"), ("left", "North", "South")];
    let courses = [&courses[..], &[("came", "South", "North"), ("new", "", "North")]].concat();
    let said = |id: &str, number: u64, tenant: &str| {
        let agent = format!(r#","agent":{{"id":"{tenant}","name":"Ida of {tenant}"}}"#);
        let tenant = if tenant.is_empty() { String::new() } else { format!(r#","tenant":"{tenant}""#) };
        message(id, number, &format!("{agent}{tenant}").replace(r#""id":"","#, ""))
    };
    for (number, is_after) in [(1, false), (300, true)] {
        let lines: Vec<_> =
            courses.iter().map(|(id, before, after)| said(id, number, if is_after { after } else { before })).collect();
        let report = with(&desk, &ingest, "POST", "/api/v1/events", &lines.join("\n")).expect(200).json();
        assert_eq!(report["rejected"], 0, "{report}");
    }
    let count = |token: &str, more: &str| {
        let answer = with(&desk, token, "GET", &path(&format!("&measure=messages_in{more}")), "").expect(200).json();
        let rows = answer["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["messages_in"].as_u64().unwrap()).sum::<u64>()
    };
    // What `came` and `new` said before they were North's does not count, and `left` is not North's now.
    for by in ["", "&by=tenant", "&by=agent,tenant,channel"] {
        assert_eq!([&all, &north, &none].map(|token| count(token, by)), [10, 4, 0], "{by}");
    }
    assert_eq!((count(&north, "&known_at=seq:5"), count(&all, "&known_at=seq:5")), (1, 5));
    assert_eq!((count(&north, "&tenant=South"), count(&all, "&tenant=South")), (0, 4));
    for more in ["&by=agent,tenant", "&rows=messages_in&by=agent", "&rows=open&by=agent", "&by=agent&known_at=seq:5"] {
        let found = with(&desk, &north, "GET", &path(more), "").expect(200).text();
        assert!(found.contains("Ida of North") && !found.contains("South") && !found.contains("left"), "{found}");
    }
    let behind = with(&desk, &north, "GET", &path("&rows=messages_in"), "").expect(200).json();
    let rows = behind["rows"].as_array().unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row["conversation"].as_str().unwrap()).collect();
    assert_eq!(ids, ["stays", "came", "new", "stays"]);
    // When the first conversation of another tenant began is not told.
    let early = with(&desk, &north, "GET", &path("&as_of=2026-03-02T09:00:00Z"), "").expect(400).json();
    assert!(early.get("earliest").is_none(), "{early}");
    let client = Client::of_url(&desk.url(""), Some(&north)).unwrap();
    let query = query().by([GroupBy::Agent]);
    let report = client.measures(&query).unwrap();
    assert_eq!(Value::from(report.rows.len()), 1);
    assert_eq!(report, desk.db.at(Moment::LATEST).of_tenants(["North".to_owned()]).measures(query).unwrap());
}
