use std::collections::BTreeSet;

use super::*;
use crate::course::tests::{any_events, board, numbers};
use crate::draft::tests::message;
use crate::event::{AIRSHIP, AgentMention, SUPEROFFICE};
use crate::report::Transitions;
use crate::{Moment, State};

const PSEUDONYM: Pseudonym = Pseudonym::from_bits(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);

/// Events of one conversation with personal values, ties, and identities with several contents.
fn personal_events(seed: u64, count: usize) -> Vec<Event> {
    let mut next = numbers(seed ^ 0x5eed);
    let events = any_events(seed, count);
    let draft = |event: &Event| {
        let (text, number) = (format!("secret text {}", next(5)), format!("+4790000{}", next(3)));
        let session = Session {
            status: [None, Some(4), Some(6), Some(9)][next(4)],
            customer_id: Some(4_711),
            customer_alias: Some("Secret Alias".to_owned()),
            ..Session::default()
        };
        let identity = [None, Some(Identity::given(&format!("secret-{}", next(count)), 0))][next(2)].clone();
        let draft = event.draft();
        let text = draft.text.map(|_| text.as_str());
        Draft { text, identity: identity.or(draft.identity.clone()), ..draft }
            .member_number(number.as_str())
            .member_business_id("secret-member")
            .member_channel_id("secret-channel")
            .member_name("Secret Name")
            .shortcode("short")
            .tenant([None, Some("acme"), Some("bolt")][next(3)])
            .session(if next(3) == 0 { Some(session) } else { None })
            .build()
            .unwrap()
    };
    events.iter().map(draft).collect()
}

fn transitions(past: &crate::Past<'_>) -> Transitions {
    past.transitions()
}

/// The state without what an erasure removes.
fn impersonal(state: State) -> String {
    let mut state = serde_json::to_value(state).unwrap();
    let of_member = ["id", "member", "last_message"];
    of_member.iter().for_each(|field| drop(state.as_object_mut().unwrap().remove(*field)));
    if let Some(session) = state["session"].as_object_mut() {
        ["contact_id", "customer_alias", "customer_id", "project_id", "sale_id", "ticket_id"]
            .iter()
            .for_each(|field| drop(session.remove(*field)));
    }
    state.to_string()
}

#[test]
fn an_erased_conversation_has_the_same_counts_times_and_agents_at_each_moment() {
    let mut conflicts = 0;
    for seed in 0..40_u64 {
        let events = personal_events(seed, 4 + usize::try_from(seed).unwrap());
        let image = board(&events).image(0).unwrap();
        let erased = image.erased(PSEUDONYM).unwrap();
        conflicts += erased.conflicts.len();
        let seqs = |image: &ConversationImage| image.events().unwrap().iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
        assert_eq!(seqs(&erased), seqs(&image), "seed {seed}");
        let order = |image: &ConversationImage| image.facts.iter().map(|fact| fact.seq).collect::<Vec<_>>();
        assert_eq!((order(&erased), erased.arrivals), (order(&image), image.arrivals), "seed {seed}");
        for known in 1..=events.len() as u64 {
            let moment = Moment::known_at(known);
            let at = |image: &ConversationImage| image.clone().past(moment, |past| (past.state(), transitions(past)));
            let (before, after) = (at(&image).unwrap(), at(&erased).unwrap());
            let (Some((before, steps)), Some((after, steps_after))) = (before, after) else { continue };
            assert_eq!(impersonal(after), impersonal(before), "seed {seed}, known at {known}");
            let steps_after = Transitions { id: steps.id.clone(), ..steps_after };
            assert_eq!(steps_after, steps, "seed {seed}, known at {known}");
        }
    }
    assert!(conflicts > 10, "{conflicts}");
}

#[test]
fn the_id_of_an_erased_conversation_is_recognised() {
    for bits in [0, 1, u128::MAX] {
        assert!(Pseudonym::is_id(&Pseudonym::from_bits(bits).to_string()));
    }
    let id = PSEUDONYM.to_string();
    for other in
        [&id[1..], &id[..id.len() - 1], &id.to_uppercase(), &format!("{id}0"), &id.replace('a', "g"), "", "t-1"]
    {
        assert!(!Pseudonym::is_id(other), "{other}");
    }
}

#[test]
fn nothing_of_the_member_is_left() {
    for seed in 0..20 {
        let events = personal_events(seed, 30);
        let erased = board(&events).image(0).unwrap().erased(PSEUDONYM).unwrap();
        let shown = format!("{erased:?}").to_lowercase();
        for left in ["secret", "4790000", "4711", "c-1", "yara"] {
            assert!(!shown.contains(left), "seed {seed}: {left}");
        }
        let mut texts = 0;
        erased
            .each_personal(|personal| match personal {
                Personal::Id(id) => {
                    let is_random = id == PSEUDONYM.to_string() || id.starts_with("01234567-89ab-cdef-0f1e-2d3c");
                    assert!(is_random, "{id}");
                }
                Personal::Name(name) => panic!("{name}"),
                Personal::Text(text) => {
                    assert!(text.starts_with("(erased "), "{text}");
                    texts += 1;
                }
            })
            .unwrap();
        assert_eq!(texts, erased.conflicts.len());
    }
}

#[test]
fn erasing_again_changes_nothing_and_the_result_can_be_folded_again() {
    for seed in 0..20 {
        let image = board(&personal_events(seed, 30)).image(0).unwrap();
        let erased = image.erased(PSEUDONYM).unwrap();
        assert_eq!(erased.erased(PSEUDONYM), Ok(erased.clone()), "seed {seed}");
        assert_eq!(image.erased(PSEUDONYM), Ok(erased.clone()), "seed {seed}");
        // What a recovery does with the log.
        let mut folded = crate::Board::new();
        for (seq, event) in erased.events().unwrap() {
            folded.edit().apply(seq, &event);
        }
        let folded = ConversationImage { arrivals: erased.arrivals, ..folded.image(0).unwrap() };
        assert_eq!(folded, erased, "seed {seed}");
    }
}

#[test]
fn i2_the_same_one_of_many_contents_counts_at_each_moment() {
    let said = |number: usize| {
        let text = format!("secret {number}");
        let identity = Identity::given("x", 0);
        Draft { text: Some(&text), identity: Some(identity), ..message() }.build().unwrap()
    };
    let events: Vec<_> = (0..120).map(said).collect();
    let image = board(&events).image(0).unwrap();
    let erased = image.erased(PSEUDONYM).unwrap();
    for known in 1..=120 {
        let counts = |image: &ConversationImage| image.before(known + 1).unwrap().unwrap().facts.get(0).unwrap().seq;
        assert_eq!(counts(&erased), counts(&image), "{known}");
    }
    assert_eq!(erased.facts.get(0).unwrap().text, None);
}

#[test]
fn a_subject_is_found_by_any_event_of_a_conversation() {
    let session = Session { customer_id: Some(7), contact_id: Some(21), ..Session::default() };
    let drafts = [
        message().member_business_id("m-1").member_number("+47 900 00 001"),
        message().text("second").member_business_id("m-2").member_channel_id("ch-1"),
        Draft { source: SUPEROFFICE, ..message().text("third").tenant("Cust1").session(session) },
        message().text("fourth").agent(AgentMention::agent("a", None)),
    ];
    let image = board(&drafts.map(|draft| draft.build().unwrap())).image(0).unwrap();
    let is_found = |subject: Result<Subject, InvalidSubject>| subject.unwrap().is_of(&image);
    for id in ["m-1", "m-2", "ch-1", "superoffice:Cust1:customer:7", "superoffice:Cust1:contact:21"] {
        assert!(is_found(Subject::member(id)), "{id}");
    }
    for id in ["m", "m-3", "a", "superoffice:Cust2:customer:7", "superoffice:Cust1:customer:21"] {
        assert!(!is_found(Subject::member(id)), "{id}");
    }
    assert!(is_found(Ok(Subject::Number("4790000001".to_owned()))));
    assert!(!is_found(Ok(Subject::Number("479000000".to_owned()))));
    assert!(is_found(Ok(Subject::Conversation("c-1".to_owned()))));
    assert!(!is_found(Ok(Subject::Conversation("c".to_owned()))));
    for invalid in ["", "superoffice:", "superoffice:customer:7", "superoffice:x:customer:-1", "superoffice:x:agent:7"]
    {
        assert_eq!(Subject::member(invalid), Err(InvalidSubject { found: invalid.to_owned() }));
    }
}

/// Airship's `transaction` is the member and a time, and `member_business_id` is optional.
#[test]
fn an_airship_conversation_that_names_its_member_only_in_its_id_is_found() {
    let of = |source: &'static str, id: &str, member: Option<&str>| {
        let draft = Draft { source, conversation: id, ..message() }.member_business_id(member);
        let event = draft.build().unwrap();
        board(&[event]).image(0).unwrap()
    };
    let uuid = "017af0ac-636e-4a1d-8da0-275055c86b16";
    let id = format!("{uuid}_1627535468595");
    let named_in = |image: &ConversationImage, member: &str| {
        Subjects::from_iter([Subject::member(member).unwrap()]).named_in(image)
    };
    assert_eq!(named_in(&of(AIRSHIP, &id, None), uuid), Some(NamedBy::Id));
    assert_eq!(named_in(&of(AIRSHIP, &id, Some(uuid)), uuid), Some(NamedBy::Event));
    assert_eq!(named_in(&of(AIRSHIP, "7:1627535468595", None), "7"), Some(NamedBy::Id));
    // Another member, another source, the beginning of another member, and something else than a time.
    assert_eq!(named_in(&of(AIRSHIP, &id, Some("another")), uuid), None);
    assert_eq!(named_in(&of("desk", &id, None), uuid), None);
    assert_eq!(named_in(&of(AIRSHIP, &id, None), "017af0ac"), None);
    for id in ["7001627535468595", "700_", "700", "700_1627535468595x", "700_5"] {
        assert_eq!(named_in(&of(AIRSHIP, id, None), "700"), None, "{id}");
    }
}

#[test]
fn every_text_of_a_conversation_is_passed_from_its_image_and_from_its_events() {
    let events = personal_events(3, 30);
    let image = board(&events).image(0).unwrap();
    let (mut of_image, mut of_events) = (BTreeSet::new(), BTreeSet::new());
    image.each_text(|text| of_image.extend([text.to_owned()]));
    for event in &events {
        event.as_ref().each_text(|text| of_events.extend([text.to_owned()]));
    }
    assert_eq!(of_image, of_events);
    image
        .each_personal(|personal| {
            let (Personal::Id(text) | Personal::Name(text) | Personal::Text(text)) = personal;
            assert!(of_image.contains(text), "{text}");
        })
        .unwrap();
    for text in ["Secret Alias", "secret-member", "acme", "a", "secret text 1"] {
        assert!(of_image.contains(text), "{text}");
    }
}
