//! `--watch` and terminals.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "tests and their helpers may panic")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use convofold_tests::command::{Desk, Ran};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

fn event(id: &str) -> String {
    format!(
        "{{\"convofold\":1,\"source\":\"x\",\"conversation\":\"{id}\",\"kind\":\"message\",\"direction\":\"in\",\
         \"member_name\":\"A member with a long name\",\"text\":\"A text of some length that does not fit\",\
         \"agent\":{{\"id\":\"agent-with-a-long-id\",\"name\":\"An agent with a long name\"}},\
         \"occurred\":\"2026-01-15T10:00:00Z\"}}\n"
    )
}

fn ingest(desk: &Desk, name: &str, id: &str) {
    desk.write(name, event(id));
    // A reader may hold the database at this moment.
    while desk.run("replay", &[name]).code == Some(5) {}
}

fn interrupted(mut child: Child) -> Option<i32> {
    kill_process(Pid::from_child(&child), Signal::INT).expect("a signal");
    child.wait().expect("an end").code()
}

#[test]
fn new_events_are_shown_until_the_command_is_interrupted() {
    let desk = Desk::with_log(event("c-1"));
    let args = ["open", "--db", "db", "--watch", "0.1", "--columns", "id"];
    let mut child = desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let heading = lines.next().expect("a heading");
    assert!(heading.ends_with(" (UTC)"), "{heading}");
    assert_eq!([lines.next(), lines.next()], [Some("ID".to_owned()), Some("c-1".to_owned())]);
    ingest(&desk, "more", "c-2");
    assert!(lines.by_ref().any(|line| line == "c-2"));
    assert_eq!(interrupted(child), Some(0));
}

#[test]
fn json_is_one_object_per_refresh() {
    let desk = Desk::with_log(event("c-1"));
    for command in ["agents", "totals", "open"] {
        let args = [command, "--db", "db", "--watch", "0.1", "--json"];
        let mut child = desk.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
        let lines: Vec<_> = lines.take(2).collect();
        assert!(lines.iter().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines:?}");
        // The pipe is closed: not an error.
        assert_eq!(child.wait().expect("an end").code(), Some(0), "{command}");
    }
}

#[test]
fn a_database_that_cannot_be_opened_ends_the_command_at_once() {
    let ran = Desk::default().run("open", &["--watch"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(Desk::default().run("open", &["--watch", "soon"]).code, Some(2));
}

/// What a command prints on a terminal of 80 columns and 24 lines.
fn on_terminal(desk: &Desk, args: &[&str], is_enough: impl Fn(&str) -> bool) -> (String, Child) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("access");
    unlockpt(&controller).expect("access");
    tcsetwinsize(&controller, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    let name = ptsname(&controller, Vec::new()).expect("a name");
    let terminal = File::options().write(true).open(name.to_str().expect("UTF-8")).expect("a terminal");
    let child =
        desk.command(args).env("NO_COLOR", "1").stdout(terminal).stderr(Stdio::null()).spawn().expect("it starts");
    let mut controller = File::from(controller);
    let (mut shown, mut bytes) = (Vec::new(), [0; 4096]);
    // At the end of the command reading fails.
    while let Ok(read @ 1..) = controller.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..read]);
        if is_enough(&String::from_utf8_lossy(&shown)) {
            break;
        }
    }
    (String::from_utf8_lossy(&shown).replace("\r\n", "\n"), child)
}

#[test]
fn a_table_fits_a_terminal_of_80_columns() {
    let ids = ["superoffice:Cust12345:100000000000001", "superoffice:Cust12345:100000000000002"];
    let desk = Desk::with_log(ids.map(event).concat());
    for args in [&["open"][..], &["agents"], &["totals"], &["history", ids[0]]] {
        let (shown, mut child) = on_terminal(&desk, &[args, &["--db", "db"]].concat(), |_| false);
        assert!(child.wait().expect("an end").success(), "{args:?}");
        assert!(shown.lines().count() > 1, "{args:?}: {shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{args:?}: {shown}");
        let piped = Ran::from(desk.command(&[args, &["--db", "db"]].concat()).output().expect("it runs")).stdout;
        assert!(piped.lines().any(|line| line.chars().count() > 80) || args[0] == "totals", "{args:?}: {piped}");
    }
}

#[test]
fn a_terminal_is_cleared_for_each_refresh() {
    let desk = Desk::with_log((0..40).map(|number| event(&format!("c-{number}"))).collect::<String>());
    let is_second = |shown: &str| shown.matches("\u{1b}[H\u{1b}[2J").count() > 1;
    let (shown, child) = on_terminal(&desk, &["open", "--db", "db", "--watch", "0.1"], is_second);
    let first = shown.split("\u{1b}[H\u{1b}[2J").nth(1).expect("a screen");
    assert!(first.lines().count() <= 24, "{first}");
    assert!(first.lines().next().is_some_and(|heading| heading.ends_with("(UTC), every 0.1 s")), "{first}");
    assert_eq!(interrupted(child), Some(0));
}
