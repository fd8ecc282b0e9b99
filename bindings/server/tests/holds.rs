//! Members are held over HTTP, and disclosed to an administrator only.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests and their helpers may panic")]

mod common;

use common::{Desk, message};
use convofold::Subject;
use convofold_server::{Client, NewToken, Role, Settings, TokenFile};
use serde_json::json;

#[test]
fn a_legal_hold_is_listed_until_it_is_lifted() {
    let desk = Desk::new();
    desk.post("/api/v1/events", message("m-700100_1", 1, r#","member_business_id":"m-700100""#)).expect(200);
    let hold = json!({"subject": {"member": "m-700100"}, "reason": "case 7"});
    assert_eq!(desk.post("/api/v1/holds", hold.to_string()).expect(201).json()["number"], 1);
    let holds = desk.get("/api/v1/holds").expect(200).json();
    assert_eq!((&holds["holds"][0]["reason"], &holds["holds"][0]["subject"]), (&json!("case 7"), &hold["subject"]));
    for wrong in [
        r#"{"subject":{"member":"m-1"}}"#,
        r#"{"subject":{"members":["m-1"]},"reason":"r"}"#,
        r#"{"subject":{"member":"m-1"},"reason":" "}"#,
    ] {
        desk.post("/api/v1/holds", wrong).expect(400);
    }
    desk.request("DELETE", "/api/v1/holds/1", &[], b"").expect(204);
    for unknown in ["1", "2", "x"] {
        desk.request("DELETE", &format!("/api/v1/holds/{unknown}"), &[], b"").expect(404);
    }
    let client = Client::of_holder(desk.path()).unwrap();
    let subject = Subject::Customer { tenant: "Cust1".to_owned(), id: 7 };
    let number = client.hold(&subject, "case 8").unwrap();
    let holds = client.holds().unwrap();
    assert_eq!((holds.len(), &holds[0].subject, holds[0].reason.as_str()), (1, &subject, "case 8"));
    client.lift_hold(number).unwrap();
    assert_eq!(client.lift_hold(number).unwrap_err().status(), Some(404));
    assert!(desk.db.holds().is_empty());
}

#[test]
fn only_an_administrator_discloses_erases_and_holds() {
    let mut tokens = Vec::new();
    let desk = Desk::with(Settings::default(), |db| {
        for (role, tenants, texts) in [
            (Role::Admin, None, true),
            (Role::Admin, None, false),
            (Role::Ingest, None, true),
            (Role::Read, None, true),
            (Role::Read, Some(["North".to_owned()].into()), true),
        ] {
            let name = format!("t-{}", tokens.len());
            tokens.push(TokenFile::of(db).add(NewToken { name, role, tenants, texts }).unwrap());
        }
    });
    let body = json!({"members": ["m-1"]}).to_string();
    for (method, path, body, of_textless) in [
        ("POST", "/api/v1/disclose", body.as_str(), 403),
        ("POST", "/api/v1/erase", body.as_str(), 200),
        ("GET", "/api/v1/erasures", "", 200),
        ("POST", "/api/v1/retain?dry_run=true", "{\"texts_ms\":1}", 200),
        ("GET", "/api/v1/retention-runs", "", 200),
        ("POST", "/api/v1/holds", r#"{"subject":{"member":"m-1"},"reason":"r"}"#, 201),
        ("GET", "/api/v1/holds", "", 200),
        ("DELETE", "/api/v1/holds/9", "", 404),
    ] {
        let status = |token: usize| {
            let bearer = format!("Bearer {}", tokens[token]);
            desk.request(method, path, &[("Authorization", &bearer)], body.as_bytes()).status
        };
        assert!(matches!(status(0), 200 | 201 | 404), "admin {method} {path}: {}", status(0));
        assert_eq!(status(1), of_textless, "admin without texts {method} {path}");
        assert_eq!([2, 3, 4].map(status), [403; 3], "{method} {path}");
        assert_eq!(desk.request(method, path, &[], body.as_bytes()).status, 401, "{method} {path}");
    }
}
