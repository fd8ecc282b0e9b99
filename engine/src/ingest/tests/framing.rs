//! The result does not depend on how the input is split.

use proptest::prelude::*;

use super::*;

/// The result for an input in chunks of these sizes. An odd size means as many bytes as the framer asks for; the framer is
/// flushed after every size that can be divided by four.
fn parse_in_chunks(limits: Limits, input: &[u8], sizes: &[usize], piece_bytes: usize) -> Vec<Item> {
    let parser = Parser::new(Format::Auto, limits);
    let mut items = Vec::new();
    let mut at = Position::BEGINNING;
    let mut take = |piece: Piece| {
        if let Piece::Values { start, .. } = &piece {
            assert_eq!(*start, at);
        }
        parser.parse(&piece, &mut items);
        at = piece.end();
    };
    let mut framer = Framer::new(limits, piece_bytes);
    let mut rest = input;
    for size in sizes.iter().cycle() {
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        if size % 2 == 0 {
            framer.feed(chunk, &mut take);
            rest = after;
            if size % 4 == 0 {
                framer.flush(&mut take);
            }
        } else {
            framer.recycle(b"left over".repeat(*size));
            let append = |held: &mut Vec<u8>, bytes: usize| {
                let (chunk, _) = chunk.split_at(bytes.min(chunk.len()));
                held.extend_from_slice(chunk);
                rest = &rest[chunk.len()..];
                Ok::<_, ()>(())
            };
            assert_eq!(framer.feed_from(append, &mut take), Ok(!chunk.is_empty()));
        }
        if rest.is_empty() {
            break;
        }
    }
    framer.finish(&mut take);
    items
}

/// An event in convofold's own form, or bytes that begin like one, with a length near one of the line limits.
fn own_line() -> impl Strategy<Value = Vec<u8>> {
    let event =
        parse(message("")).into_iter().find_map(|item| if let Item::Event(_, it) = item { Some(*it) } else { None });
    let own = event.unwrap().export_line();
    let length = prop_oneof![290..310_usize, 10_530..10_550_usize];
    (prop_oneof![Just(own), Just("{\"convofold\":".to_owned()), Just("{\"convofold".to_owned())], length).prop_map(
        |(line, length)| {
            let padding = " ".repeat(length.saturating_sub(line.len()));
            format!("{line}{padding}").into_bytes()
        },
    )
}

/// Inputs of every kind: lines, documents, and near misses.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just(message("").into_bytes()),
        2 => Just(b"{}".to_vec()),
        1 => Just(b"[7,{}]".to_vec()),
        1 => Just(b"{\"a\":1,".to_vec()),
        1 => Just(b"[".to_vec()),
        1 => Just(b"]".to_vec()),
        1 => Just(b"}".to_vec()),
        1 => Just(b"{\"body\":".to_vec()),
        1 => Just(b"{},".to_vec()),
        1 => Just(b"\"a\":{},".to_vec()),
        1 => Just(b"{\"a\":[".to_vec()),
        1 => Just(b"[{\"a\":".to_vec()),
        1 => Just(b"]}".to_vec()),
        1 => Just(b"}],".to_vec()),
        1 => Just(b",".to_vec()),
        1 => Just(b"[{},{\"b\":\"}{\"}, 12".to_vec()),
        1 => Just(b"{\"c\":\"\xff\"},".to_vec()),
        1 => Just(b"\xef\xbb\xbf\xef\xbb\xbf {}".to_vec()),
        1 => Just(b"\xef\xbb".to_vec()),
        2 => Just(b" \t".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\xef\xbb\xbf".to_vec()),
        1 => Just(b"\xff".to_vec()),
        1 => (0..400_usize).prop_map(|length| b"x".repeat(length)),
        1 => (0..400_usize).prop_map(|length| b" ".repeat(length)),
        2 => own_line(),
    ];
    let end = prop_oneof![6 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..]), 1 => Just(&b""[..])];
    prop::collection::vec((line, end), 0..12)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.to_vec()].concat()).collect())
}

/// Two damaged lines, followed by long lines of which some are complete.
fn damaged_log() -> impl Strategy<Value = Vec<u8>> {
    let top = prop_oneof![Just("{\"a\":1,\nx\n"), Just("[\n{\"a\":tru\n"), Just("{\r\n\n\"a\":[\n{\n")];
    let line = prop_oneof![3 => Just("{}"), 1 => Just("{},"), 1 => Just("x"), 1 => Just("")];
    let padding = prop_oneof![0..300_usize, 0..40_000_usize, 15_990..16_010_usize];
    let end = prop_oneof![6 => Just("\n"), 1 => Just("\r\n")];
    let lines = prop::collection::vec((line, padding, end), 0..10);
    (top, lines).prop_map(|(top, lines)| {
        let lines = lines.into_iter().map(|(line, padding, end)| format!("{line}{}{end}", " ".repeat(padding)));
        [top.to_owned(), lines.collect()].concat().into_bytes()
    })
}

/// One carriage return belongs to the end of a line, and another one before it to the line, however the line is found.
#[test]
fn a_line_loses_one_carriage_return() {
    let input = format!("{}\n[7,{{}}]\n]\r\r\n", message("")).into_bytes();
    let mut whole = Vec::new();
    Parser::new(Format::Auto, Limits::default()).parse_input(&input, &mut whole);
    assert!(show(&whole).contains(r#""]\r""#), "{}", show(&whole));
    for piece_bytes in 1..input.len() {
        for size in [1, piece_bytes] {
            let found = parse_in_chunks(Limits::default(), &input, &[size], piece_bytes);
            assert!(found == whole, "pieces of {piece_bytes} bytes\n{}\n{}", show(&found), show(&whole));
        }
    }
}

/// A line with a comma behind its object can be an element of an array in an object that began before.
#[test]
fn a_document_is_not_divided_between_the_elements_of_its_array() {
    let message = message("");
    for line in ["{}", &message] {
        let input = format!("{{\"a\":[\n{line},\n{message}\n]}}\n{message}\n").into_bytes();
        let mut whole = Vec::new();
        Parser::new(Format::Auto, Limits::default()).parse_input(&input, &mut whole);
        assert_eq!(whole.len(), 2);
        for piece_bytes in 1..input.len() {
            let found = parse_in_chunks(Limits::default(), &input, &[piece_bytes], piece_bytes);
            assert!(found == whole, "pieces of {piece_bytes} bytes\n{}\n{}", show(&found), show(&whole));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_chunks_give_the_same_items(
        input in input(),
        sizes in prop::collection::vec(1..40_usize, 1..8),
        piece_bytes in 1..600_usize,
        is_small in any::<bool>(),
    ) {
        let small = Limits { max_line_bytes: 300, max_document_bytes: 500, ..Limits::default() };
        let limits = if is_small { small } else { Limits::default() };
        let mut whole = Vec::new();
        Parser::new(Format::Auto, limits).parse_input(&input, &mut whole);
        let found = parse_in_chunks(limits, &input, &sizes, piece_bytes);
        prop_assert!(found == whole, "{:?}\n{}\n{}", String::from_utf8_lossy(&input), show(&found), show(&whole));
    }

    /// Large enough for the look-ahead after a fault to end inside of it.
    #[test]
    fn any_chunks_of_a_log_with_a_damaged_top_give_the_same_items(
        input in damaged_log(),
        sizes in prop::collection::vec(1..30_000_usize, 1..8),
        piece_bytes in 1..100_000_usize,
        max_document_bytes in prop_oneof![Just(64 << 20), 10..120_000_usize],
        max_line_bytes in prop_oneof![Just(1 << 20), Just(16_000), 10..40_000_usize],
    ) {
        let limits = Limits { max_line_bytes, max_document_bytes, ..Limits::default() };
        let mut whole = Vec::new();
        Parser::new(Format::Auto, limits).parse_input(&input, &mut whole);
        prop_assert!(parse_in_chunks(limits, &input, &sizes, piece_bytes) == whole, "{}", account(&whole));
    }

    /// Rule W1, read literally.
    #[test]
    fn w1_values_begin_and_end_where_the_rule_says(input in input(), is_small in any::<bool>()) {
        let limits = if is_small { Limits::default().max_line_bytes(300) } else { Limits::default() };
        let mut items = Vec::new();
        Parser::new(Format::Auto, limits).parse_input(&input, &mut items);
        let found = account(&items);
        prop_assert_eq!(found, literal::read(&input, &limits), "{}", String::from_utf8_lossy(&input));
    }

    #[test]
    fn an_input_can_resume_after_every_piece(input in input(), piece_bytes in 1..100_usize, size in 1..40_usize) {
        let (limits, mut pieces) = (Limits::default(), Vec::new());
        let mut framer = Framer::new(limits, piece_bytes);
        input.chunks(size).for_each(|chunk| framer.feed(chunk, &mut |piece| pieces.push(piece)));
        framer.finish(&mut |piece| pieces.push(piece));
        let parser = Parser::new(Format::Auto, limits);
        let whole = parse(&input);
        for (done, piece) in pieces.iter().enumerate() {
            let mut items = Vec::new();
            pieces.iter().take(done + 1).for_each(|piece| parser.parse(piece, &mut items));
            let at = piece.end();
            let rest = &input[usize::try_from(at.byte_offset).unwrap()..];
            let mut framer = Framer::resume(limits, piece_bytes, at);
            rest.chunks(size).for_each(|chunk| framer.feed(chunk, &mut |piece| parser.parse(&piece, &mut items)));
            if done + 1 < pieces.len() {
                framer.finish(&mut |piece| parser.parse(&piece, &mut items));
            }
            prop_assert!(items == whole, "{at:?} {:?}\n{}\n{}", String::from_utf8_lossy(&input), show(&items), show(&whole));
        }
    }

    #[test]
    fn any_bytes_at_all(input in prop::collection::vec(any::<u8>(), 0..200)) {
        parse(&input);
    }
}

#[test]
fn a_log_is_emitted_before_it_ends() {
    let (mut framer, mut lines) = (Framer::new(Limits::default(), 1000), 0);
    let log = format!("{}\n", message(""));
    framer.feed(log.repeat(100).as_bytes(), &mut |piece| {
        let Piece::Values { bytes, .. } = piece else { panic!("{piece:?}") };
        assert!(bytes.len() <= 1000 && bytes.ends_with(b"\n"));
        lines += bytes.len() / log.len();
    });
    assert!(lines > 90);
    framer.flush(&mut |piece| lines += usize::try_from(piece.end().line).unwrap() - lines - 1);
    assert_eq!(lines, 100);
}

#[test]
fn an_input_resumes_at_the_end_of_a_piece() {
    let log = format!("{}\n[\n{}\n", message(""), message(""));
    let (mut framer, mut items) = (Framer::resume(Limits::default(), 1000, Position::new(7, 5_000, None)), Vec::new());
    let parser = Parser::new(Format::Auto, Limits::default());
    let second = log.find('[').unwrap();
    framer.feed(&log.as_bytes()[second..], &mut |piece| parser.parse(&piece, &mut items));
    framer.finish(&mut |piece| parser.parse(&piece, &mut items));
    assert_eq!(account(&items), "e8 r8");
    let Item::Event(origin, _) = &items[0] else { panic!("{items:?}") };
    assert_eq!(origin.byte_offset, 5_002);
}

#[test]
fn a_large_log_gives_the_same_in_pieces_and_in_place() {
    let lines: String =
        (0..9_000).map(|line| format!("{}\n", message(&format!("\"timestamp\":{}", line + 1)))).collect();
    let log = format!("\u{feff}\n{lines}{}\n[\n{}", "x".repeat(300_000), message(""));
    let whole = parse(&log);
    assert_eq!(account(&whole[8_999..]), "e9000 e9001 r9002 e9004 r9004");
    assert!(parse_in_chunks(Limits::default(), log.as_bytes(), &[77_777], 50_000) == whole);
}

/// Quadratic work would take minutes: each of these lines begins a value that breaks at the end.
#[test]
fn lines_that_break_far_away_take_linear_time() {
    let lines = 60_000;
    let nested = "{\"a\":\n".repeat(lines);
    assert_eq!(parse(&nested).len(), lines);
    let closed = format!("{nested}1{}x", "}".repeat(lines));
    assert_eq!(parse(&closed).len(), lines + 1);
    let arrays = "[\n".repeat(lines);
    assert_eq!(parse(&arrays).len(), lines / 2);
    let mixed = "[{\"a\":\n".repeat(lines);
    assert_eq!(parse(&mixed).len(), lines);
    for input in [nested, closed, arrays, mixed] {
        let limits = Limits::default().max_document_bytes(10_000);
        let mut items = Vec::new();
        Parser::new(Format::Auto, limits).parse_input(input.as_bytes(), &mut items);
        assert!(parse_in_chunks(limits, input.as_bytes(), &[7_777], 50_000) == items);
    }
}

/// Regression: an object without a line end after it was taken for one long line.
#[test]
fn w1_an_object_may_have_longer_lines_than_the_limit_after_its_first() {
    let spread = message(&format!("\"message\":\"{}\"", "x".repeat(2 << 20))).replacen('{', "{\n", 1);
    for end in ["", "\n", ",\n{}"] {
        let input = format!("{spread}{end}");
        let whole = parse(&input);
        assert!(account(&whole).starts_with("e1"));
        assert!(parse_in_chunks(Limits::default(), input.as_bytes(), &[100_001], 512 << 10) == whole);
    }
}

/// An array of any length needs no more memory than one element and one piece.
#[test]
fn w1_a_long_array_is_taken_element_by_element() {
    for separator in [",", ",\n", "\n,\n\n"] {
        let elements = vec![message(""); 2_000].join(separator);
        let array = format!("[{elements}]\n{}\n", message(""));
        let (mut framer, mut items, mut held) = (Framer::new(Limits::default(), 10_000), Vec::new(), 0);
        let parser = Parser::new(Format::Auto, Limits::default());
        for chunk in array.as_bytes().chunks(4_000) {
            framer.feed(chunk, &mut |piece| parser.parse(&piece, &mut items));
            held = held.max(framer.held_bytes());
        }
        framer.finish(&mut |piece| parser.parse(&piece, &mut items));
        assert_eq!(items.len(), 2_001);
        assert!(held < 20_000, "{held}");
        assert!(items == parse(&array));
    }
}

/// What differs between results, in short.
fn show(items: &[Item]) -> String {
    let shown = items.iter().map(|item| match item {
        Item::Rejected(rejection) => {
            format!("{rejection} {:?} {}", String::from_utf8_lossy(&rejection.raw), rejection.raw_cut)
        }
        item => account(std::slice::from_ref(item)),
    });
    shown.collect::<Vec<_>>().join("; ")
}
