//! Hostile input: it never panics, is always rejected, and never takes more memory than the limits allow.

use super::*;

fn stream() -> String {
    message(
        "\"timestamp\":\"1627535468595\",\"message\":\"\u{e9}\\u00e9\\ud83d\\ude00\",\"a\":[1.5e3,true,null,{\"b\":{}}]",
    )
}

#[test]
fn a_line_cut_anywhere_is_rejected() {
    let line = stream();
    for end in 1..line.len() {
        let cut = &line.as_bytes()[..end];
        assert_eq!(account(&parse(cut)), "r1", "{end}");
        let in_log = [cut, b"\n", line.as_bytes(), b"\n", line.as_bytes()].concat();
        assert_eq!(account(&parse(in_log)), "r1 e2 e3", "{end}");
        let in_array = [b"[", line.as_bytes(), b",", cut, b"]"].concat();
        assert_eq!(account(&parse(in_array)), "e1 r1", "{end}");
    }
}

#[test]
fn a_line_with_any_byte_exchanged_is_one_item() {
    let line = stream();
    for place in 0..line.len() {
        for byte in *b"\0\x1f\"\\{}[],:u0-x\x80\xff\xed" {
            let mut damaged = line.clone().into_bytes();
            damaged[place] = byte;
            // `[` makes it an array whose first element is a text.
            let items = if place == 0 && byte == b'[' { 2 } else { 1 };
            assert_eq!(parse(&damaged).len(), items, "{place} {byte}");
        }
    }
}

#[test]
fn brackets_without_end() {
    for open in [200, 2_000, 20_000, 100_000] {
        assert_eq!(account(&parse("[".repeat(open))), "r1");
        assert_eq!(account(&parse("[".repeat(open) + &"]".repeat(open))), "r1");
        assert_eq!(account(&parse("{\"a\":".repeat(open))), "r1");
        assert_eq!(account(&parse(format!("[{}1{}]", "{\"a\":".repeat(open), "}".repeat(open)))), "r1");
        let log = format!("{}\n{}\n{}\n", "[".repeat(open), stream(), stream());
        assert_eq!(account(&parse(log)), "r1 e2 e3");
    }
}

#[test]
fn bad_utf8_is_found_where_it_is() {
    for bad in [&b"\xff\xfe\xc0\x80"[..], b"\xed\xa0\xbd", b"\xc3", b"\xf4\x90\x80\x80"] {
        let line = [&b"{\"body\":{\"name\":\""[..], bad, b"\"}}"].concat();
        let rejection = rejection(line);
        assert_eq!(
            (rejection.reason, rejection.path.as_str(), rejection.byte_offset),
            (Reason::NotUtf8, "$.body.name", 17)
        );
    }
    let line = [&stream().into_bytes()[..], b"\n\xff\n", stream().as_bytes()].concat();
    assert_eq!(account(&parse(line)), "e1 r2 e3");
    rejects(b"{\"a\" 1,\"\xff\"}", "$.a", Reason::NotJson);
}

#[test]
fn an_array_of_many_faults_takes_no_longer_than_its_length() {
    let text = format!("[{}0]", "7,".repeat(200_000));
    assert_eq!(parse(&text).len(), 200_001);
    let lines = format!("[\n{}\n0]", "7,\n".repeat(200_000));
    assert_eq!(parse(&lines).len(), 200_001);
}

#[test]
fn objects_of_many_keys_take_no_longer_than_their_length() {
    let fields: Vec<_> = (0..50_000).map(|key| format!("\"{key:06}x\":{{}}")).collect();
    assert_eq!(account(&parse(message(&fields.join(",")))), "e1");
    assert_eq!(account(&parse(chat("chatsession.created", &fields.join(",")))), "e1");
}

#[test]
fn a_line_of_ten_megabytes_is_never_buffered() {
    let mut framer = Framer::new(Limits::default(), 1 << 16);
    let mut pieces = Vec::new();
    let chunk = [b'x'; 4096];
    for _ in 0..2_560 {
        framer.feed(&chunk, &mut |piece| pieces.push(piece));
        assert!(framer.held_bytes() <= (1 << 20) + (1 << 17));
    }
    framer.feed(b"\r\n{}", &mut |piece| pieces.push(piece));
    framer.finish(&mut |piece| pieces.push(piece));
    let [Piece::Rejected { rejection, end }, Piece::Values { start, .. }] = &pieces[..] else { panic!("{pieces:?}") };
    assert_eq!((rejection.reason, rejection.found.as_str()), (Reason::LineTooLong, "10485760 bytes"));
    assert_eq!((rejection.raw.len(), rejection.raw_cut), (64 << 10, true));
    assert_eq!((*end, *start), (Position::new(2, 10_485_762, None), *end));
}

#[test]
fn what_does_not_end_is_never_buffered() {
    let limits = Limits { max_document_bytes: 1 << 20, ..Limits::default() };
    for (beginning, chunk) in [
        ("{\"a\":[\n", &b"[\n"[..]),
        ("{\n", b"\n"),
        ("[\n", b"7,\n"),
        ("{\"a\":[", b"7,\n"),
        ("[{\"a\":[", b"7,"),
        ("[\"", b"x"),
        ("[7 7", b" "),
        ("{\n{\n", b"{"),
        ("{\n{\n", b"{}\nx\n"),
        ("{\"a\":1,\n", b" "),
        ("[", b"["),
    ] {
        let (mut framer, mut held) = (Framer::new(limits, 4096), 0);
        framer.feed(beginning.as_bytes(), &mut drop);
        let chunk = chunk.repeat(1000);
        for _ in 0..3_000 {
            framer.feed(&chunk, &mut drop);
            held = held.max(framer.held_bytes());
        }
        framer.finish(&mut drop);
        assert!(held <= (4 << 20) + (1 << 17), "{beginning}: {held}");
    }
}

#[test]
fn faults_at_the_top_take_no_longer_than_their_length() {
    let lines = format!("[\n{}", "[".repeat(500) + "\n");
    assert_eq!(parse(lines.repeat(2_000)).len(), 2_000);
    let elements = format!("[\n{}]]", "{\"a\":[]},\n".repeat(200_000));
    assert_eq!(parse(elements).len(), 200_001);
}

#[test]
fn endless_blank_lines_are_emitted() {
    let (mut framer, mut pieces) = (Framer::new(Limits::default(), 4096), 0);
    for _ in 0..1_000 {
        framer.feed(&b"\n".repeat(1000), &mut |_| pieces += 1);
        assert!(framer.held_bytes() <= 8_192);
    }
    assert!(pieces >= 100);
}
