//! The commands of a cluster: what they do, and what they refuse.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::harness::{Cluster, PARTITIONS, convofold, expect_success, one_machine};
use crate::servers::until;

#[test]
fn nodes_that_are_killed_end_in_the_state_of_one_machine_and_a_partition_moves_by_its_backup() {
    let mut cluster = Cluster::start(PARTITIONS);
    let log = cluster.path("events.ndjson");
    let generated = convofold().args(["generate", "--events", "20000", "--out", log.to_str().unwrap()]).output();
    expect_success(&generated.unwrap());
    cluster.start_owners(&["a", "b"]);

    let mut publish = cluster.command(&["publish", log.to_str().unwrap(), "--json"]);
    let publishing = publish.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    until("node a reads", || cluster.read_by("a").filter(|read| *read > 1_000));
    cluster.kill_node("a");
    cluster.start_node("a");
    let published = publishing.wait_with_output().unwrap();
    assert!(published.status.success());
    let report: Value = serde_json::from_slice(&published.stdout).unwrap();
    let messages = report["acknowledged"].as_u64().unwrap();

    let expected = one_machine(&fs::read(&log).unwrap());
    // A message that was sent again can be in the log twice.
    let again = report["repeated"].as_u64().unwrap();
    assert_eq!(again, 0, "no broker was killed");
    assert_eq!(cluster.hash_of_both(messages), expected.plus(expected));
    assert_eq!(cluster.run(&["status"]).status.code(), Some(0));

    // Node c restores a partition, follows it, and takes the place of a.
    let (backups, dir) = (cluster.path("backups"), cluster.path("c"));
    let (backups, dir) = (backups.to_str().unwrap(), dir.to_str().unwrap());
    cluster.expect(&["backup", "--to", backups, "--partition", "0"]);
    let restore = ["cluster", "restore", "--partition", "0", "--from", backups, "--dir", dir];
    expect_success(&convofold().args(restore).output().unwrap());
    cluster.start_node("c");
    cluster.expect(&["assign", "--move", "0", "--from", "a", "--to", "c"]);
    let owners = cluster.status().unwrap()["cluster"]["owners"]["owners"]["0"].clone();
    assert_eq!(owners, serde_json::json!(["c", "b"]));
    assert_eq!(cluster.hash_of_both(messages), expected.plus(expected));
    assert_eq!(cluster.read_by("c"), cluster.read_by("a").map(|of_the_others| messages - of_the_others));
}

#[test]
fn the_events_of_an_owner_go_back_into_the_log() {
    let mut cluster = Cluster::start(PARTITIONS);
    let log = cluster.path("events.ndjson");
    let generated = convofold().args(["generate", "--events", "300", "--out", log.to_str().unwrap()]).output();
    expect_success(&generated.unwrap());
    cluster.start_owners(&["a", "b"]);
    cluster.expect(&["publish", log.to_str().unwrap()]);
    let expected = one_machine(&fs::read(&log).unwrap());
    let messages = until("node a reads all", || cluster.read_by("a").filter(|read| *read >= 300));
    assert_eq!(cluster.hash_of_both(messages), expected.plus(expected));
    let before = cluster.status().unwrap();
    let events = before["nodes"][0]["partitions"][0]["log_seq"].as_u64().unwrap();
    cluster.expect(&["republish", "--partition", "0"]);
    assert_eq!(cluster.hash_of_both(messages + events), expected.plus(expected));
}

/// Sends a request, and returns the answer with its head.
fn http(port: u16, head: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn webhooks_go_through_a_server_in_front_into_the_log() {
    let mut cluster = Cluster::start(PARTITIONS);
    let log = cluster.path("events.ndjson");
    let generated = convofold().args(["generate", "--events", "2000", "--out", log.to_str().unwrap()]).output();
    expect_success(&generated.unwrap());
    cluster.start_owners(&["a", "b"]);
    until("the nodes follow", || cluster.read_by("a").zip(cluster.read_by("b")));
    let url = format!("nats://{}/chat", cluster.servers.urls.replace("nats://", ""));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let front = convofold().args(["serve", "--db", &url, "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
    cluster.end_with("front", front);
    let answer = until("the events are in the log", || {
        let answer = http(port, "POST /api/v1/events", &std::fs::read(&log).unwrap()).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    });
    let (_, report) = answer.split_once("\r\n\r\n").unwrap();
    let report: Value = serde_json::from_str(report).unwrap();
    let expected = one_machine(&fs::read(&log).unwrap());
    assert_eq!(cluster.hash_of_both(report["events"].as_u64().unwrap()), expected.plus(expected));
    let hash = http(port, "GET /api/v1/hash", b"").unwrap();
    assert!(hash.contains(&expected.to_string()), "{hash}");
    let board = http(port, "GET /api/v1/board", b"").unwrap();
    assert!(board.contains(r#""cluster":{"missing":[],"stale":[]}"#), "{board}");
}

#[test]
fn who_disagrees_with_the_log_is_told_so() {
    let cluster = Cluster::start(PARTITIONS);
    let refused = cluster.run(&["init", "--partitions", "8"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("4 partitions, expected 8"), "{refused:?}");
    let refused = cluster.run(&["assign", "--move", "9", "--from", "a", "--to", "b"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no partition 9"), "{refused:?}");
    let mut publish = cluster.command(&["publish", "-", "--json"]);
    let mut publish = publish.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    publish.stdin.take().unwrap().write_all(b"no JSON\n").unwrap();
    let output = publish.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["rejected"], &report["acknowledged"]), (&1.into(), &0.into()));
}

/// Events of nine conversations, whose texts name their members.
fn personal_events(path: &Path) {
    let line = |number: u64| {
        let (member, kind) = (number % 9, if number < 90 { "message" } else { "close" });
        let text = || format!(r#","direction":"in","text":"I am the secret member {member}""#);
        let said = if number < 90 { text() } else { String::new() };
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"conversation-{member}","identity":"event-{number:04}","kind":"{kind}","occurred":"2026-03-02T09:{:02}:{:02}Z","member_business_id":"member-000{member}"{said}}}"#,
            number / 60,
            number % 60
        )
    };
    std::fs::write(path, (0..99).map(|number| line(number) + "\n").collect::<String>()).unwrap();
}

#[test]
fn every_owner_erases_and_the_command_names_those_that_it_cannot_reach() {
    let mut cluster = Cluster::start(PARTITIONS);
    let log = cluster.path("events.ndjson");
    personal_events(&log);
    cluster.start_owners(&["a", "b"]);
    until("both nodes answer", || (cluster.read_by("a").is_some() && cluster.read_by("b").is_some()).then_some(()));
    cluster.expect(&["publish", log.to_str().unwrap()]);
    cluster.hash_of_both(99);

    let db = format!("{}/chat", cluster.servers.urls);
    let erase = |args: &[&str]| {
        let mut command = convofold();
        // Only the first server has the scheme in --db.
        command.arg("erase").args(["--db", &db.replace(",nats://", ",")]).args(args).arg("--json").output().unwrap()
    };
    let lines = |output: &Output| {
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let erased = |output: &Output| {
        let receipts = lines(output).into_iter().filter(|line| !line["erased"].is_null());
        receipts.map(|line| (line["node"].as_str().unwrap().to_owned(), line["erased"].clone())).collect::<Vec<_>>()
    };
    let found = erase(&["--member", "member-0003", "--dry-run"]);
    expect_success(&found);
    assert_eq!(lines(&found).len(), 2, "one conversation of two owners: {:?}", lines(&found));

    let both = erase(&["--member", "member-0003"]);
    expect_success(&both);
    let receipts = erased(&both);
    assert_eq!(receipts.iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(receipts[0].1["hash_after"], receipts[1].1["hash_after"]);
    let not_comparable = |cluster: &Cluster| cluster.status().unwrap()["not_comparable"].as_array().unwrap().len();
    until("both are hashed again", || {
        let status = cluster.status()?;
        let nodes = status["nodes"].as_array()?;
        let points = nodes.iter().flat_map(|node| node["partitions"].as_array().unwrap());
        let has_erased = |it: &&Value| it["hashes"].as_array().unwrap().iter().any(|point| point["removed"] != 0);
        (points.filter(has_erased).count() == 2).then_some(())
    });
    assert_eq!(not_comparable(&cluster), 0);

    cluster.kill_node("b");
    // It may have a legal hold that the other one does not have.
    let none = erase(&["--member", "member-0004"]);
    assert_eq!((none.status.code(), erased(&none).len()), (Some(8), 0), "{}", String::from_utf8_lossy(&none.stderr));
    let one = erase(&["--member", "member-0004", "--skip-missing"]);
    assert_eq!(one.status.code(), Some(8), "{}", String::from_utf8_lossy(&one.stderr));
    assert_eq!(erased(&one).len(), 1);
    assert_eq!(lines(&one).iter().filter(|line| line["node"] == "b" && line["error"].is_string()).count(), 4);
    cluster.start_node("b");
    until("b answers", || cluster.read_by("b"));
    let again =
        until("b has verified its log", || Some(erase(&["--member", "member-0004"])).filter(|it| it.status.success()));
    assert_eq!(erased(&again).iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>(), ["b"]);
    // They have other random ids, which is named and is no alarm.
    until("the owners are not comparable", || (not_comparable(&cluster) == 1).then_some(()));
    assert_eq!(cluster.status().unwrap()["different"].as_array().unwrap().len(), 0);
    // Nothing of them is left, and the others are there.
    let receipts = erase(&["--receipts"]);
    expect_success(&receipts);
    assert_eq!(lines(&receipts).len(), 4);

    // What an owner puts back into the log has nothing of them.
    cluster.expect(&["republish", "--partition", "0"]);
    cluster.expect(&["republish", "--partition", "1"]);
    cluster.expect(&["republish", "--partition", "2"]);
    cluster.expect(&["republish", "--partition", "3"]);
    let mut totals = convofold();
    let totals =
        totals.args(["list", "--db", &db.replace(",nats://", ","), "--json", "--limit", "100"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&totals.stdout).contains("member-0003"));
}
