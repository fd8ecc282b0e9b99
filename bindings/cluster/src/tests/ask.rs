//! Questions across partitions: the same answers as one database, and a name for each partition that does not answer.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use convofold::{
    AgentMention, Convofold, Direction, Draft, Every, GroupBy, Kind, Measure, Page, Query, ReportQuery, Sort,
    StatusFilter, Time, TimeField, View, When,
};
use convofold_server::{Client, ListedPage, Question, Relay, Server, Settings};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Owner as Following;
use crate::Partitions;
use crate::ask::{AskOptions, Gather, GatherError, GatherView, Gathered, KnownOwners, Owner};
use crate::testing::Twin;

pub(super) const PARTITIONS: u32 = 8;
/// The time of the first event.
pub(super) const BEGIN_MS: i64 = 1_699_990_000_000;
/// How far the clock of the logs is behind that of a new one, so that their times are in the past.
const BEHIND_MS: i64 = 100_000_000_000;

/// The same events in one database and in several, which answer over HTTP.
pub(super) struct World {
    one: Following,
    parts: Vec<Following>,
    pub(super) addresses: Vec<SocketAddr>,
    servers: Vec<Server>,
    runtime: Runtime,
}

/// Numbers that look random.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}

/// Some event of some conversation. Agents change their names, and many times are equal.
fn event(number: u64, next: &mut impl FnMut(u64) -> u64) -> (String, Vec<u8>) {
    let mut pick = |below: u64| usize::try_from(next(below)).unwrap();
    let conversation = format!("c-{}", pick(70));
    let at = Time::from_ms(BEGIN_MS + i64::try_from(pick(40) * 150_000).unwrap());
    let kind = [Kind::Message, Kind::Message, Kind::Message, Kind::Message, Kind::Close, Kind::Open][pick(6)];
    let (text, agent) = (format!("words {number}"), pick(4));
    let (id, name) = (format!("a-{agent}"), format!("Agent {agent} {}", pick(3)));
    let draft = Draft::new("desk", &conversation, kind, at)
        .identity(convofold::Identity::given(&number.to_string(), 0))
        .tenant(["north", "south"].get(pick(3)).copied())
        .channel(["sms", "in_app"].get(pick(3)).copied())
        .member_name(["Mo", "Ma"].get(pick(4)).copied())
        .agent(match pick(6) {
            0 => AgentMention::Nobody,
            1 => AgentMention::agent(&*id, None),
            2 => AgentMention::agent(None, &*name),
            3 => AgentMention::agent(&*id, &*name),
            _ => AgentMention::Silent,
        });
    let draft = match kind {
        Kind::Message => draft.direction([Direction::In, Direction::Out][pick(2)]).text(&*text),
        _ => draft,
    };
    (conversation.clone(), serde_json::to_vec(&draft.build().unwrap()).unwrap())
}

impl World {
    pub(super) fn new(seed: u64, events: u64) -> Self {
        Self::without(&[], seed, events)
    }

    /// The one database does not have the events of these partitions.
    pub(super) fn without(lost: &[u32], seed: u64, events: u64) -> Self {
        let partitions = partitions();
        let twins: Vec<_> = (0..=PARTITIONS).map(|number| Twin::new(format!("CF_chat_{number}"))).collect();
        twins.iter().for_each(|twin| twin.pass_ms(-BEHIND_MS));
        let (one, parts) = twins.split_last().unwrap();
        let mut next = numbers(seed);
        for number in 0..events {
            let (conversation, payload) = event(number, &mut next);
            let partition = partitions.of(&conversation);
            let is_published = |place: usize| match u32::try_from(place).unwrap() {
                // One database.
                PARTITIONS => !lost.contains(&partition),
                place => place == partition,
            };
            for (place, twin) in twins.iter().enumerate() {
                if is_published(place) {
                    twin.publish(&payload);
                } else {
                    // The clocks agree.
                    twin.pass_ms(400);
                }
            }
        }
        let follow = |twin: &Twin| {
            let mut following = Following::of(twin);
            following.catch_up().unwrap();
            following
        };
        let (one, parts): (_, Vec<_>) = (follow(one), parts.iter().map(follow).collect());
        let runtime = Runtime::new().unwrap();
        let servers: Vec<_> = parts.iter().map(|part| serve(&runtime, &part.db)).collect();
        let addresses = servers.iter().map(Server::address).collect();
        Self { one, parts, addresses, servers, runtime }
    }

    /// The owners of each partition, by their addresses.
    pub(super) fn gather(&self, owners: impl Fn(SocketAddr) -> Vec<SocketAddr>) -> Gather {
        let owner = |(number, address): (usize, SocketAddr)| Owner {
            node: format!("node-{number}"),
            url: format!("http://{address}"),
            path: String::new(),
            log: None,
        };
        let owners = self.addresses.iter().map(|address| owners(*address).into_iter().enumerate().map(owner).collect());
        let options = AskOptions::default().next_owner_after(Duration::from_millis(30)).answer_within(PATIENCE);
        Gather::new(KnownOwners::new(partitions(), owners.collect()), options).unwrap()
    }

    pub(super) fn db(&self) -> &Convofold {
        &self.one.db
    }
}

/// Longer than any answer takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

impl Drop for World {
    fn drop(&mut self) {
        for server in self.servers.drain(..) {
            self.runtime.block_on(server.stop(Duration::from_secs(1)));
        }
        self.parts.iter().for_each(|part| part.db.close().unwrap());
    }
}

pub(super) fn serve(runtime: &Runtime, db: &Convofold) -> Server {
    let mut settings = Settings::default();
    settings.db = Some(db.dir().to_owned());
    settings.listen = Some(([127, 0, 0, 1], 0).into());
    let config = settings.resolve().unwrap();
    runtime.block_on(async { Server::start(config, db.clone()) }).unwrap()
}

pub(super) fn partitions() -> Partitions {
    Partitions::new(NonZeroU32::new(PARTITIONS).unwrap())
}

/// An address at which nobody listens.
pub(super) fn closed_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A listener that accepts connections, reads nothing and says nothing.
pub(super) fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

pub(super) fn json(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[track_caller]
pub(super) fn complete<T>(gathered: Gathered<T>) -> T {
    answered(&[], gathered)
}

/// The answer, in which exactly these partitions are missing.
#[track_caller]
pub(super) fn answered<T>(lost: &[u32], gathered: Gathered<T>) -> T {
    assert_eq!(gathered.missing.iter().map(|missing| missing.partition).collect::<Vec<_>>(), lost);
    gathered.answer
}

pub(super) fn queries() -> Vec<Query> {
    let any = || Query::new().status(StatusFilter::Any);
    let ms = |minutes: i64| BEGIN_MS + minutes * 60_000;
    vec![
        Query::new(),
        any(),
        Query::new().status(StatusFilter::Closed),
        Query::new().unanswered_after_close(true),
        Query::new().agent("a-1"),
        any().agent("agent 2 0"),
        any().any_agent("a-3"),
        Query::new().unassigned(true),
        any().member("mo"),
        any().tenant("north"),
        any().channel("SMS"),
        Query::new().unread_min(2),
        Query::new().waiting_since_ms(ms(50)),
        Query::new().idle_since_ms(ms(60)),
        any().since_ms(ms(20)).until_ms(ms(70)).by(TimeField::Started),
        any().since_ms(ms(40)).by(TimeField::Closed),
        any().suspect(true),
        Query::new().agent("Agent 9").tenant("nort"),
    ]
}

/// Compares all pages of a query. Returns the number of pages.
fn expect_pages(view: &GatherView<'_>, query: &Query, page: impl Fn(&Query) -> Page, db: &View) -> usize {
    expect_pages_without(&[], view, query, page, db)
}

/// The same while these partitions are missing.
pub(super) fn expect_pages_without(
    lost: &[u32],
    view: &GatherView<'_>,
    query: &Query,
    page: impl Fn(&Query) -> Page,
    db: &View,
) -> usize {
    let mut query = query.clone();
    for number in 1.. {
        let expected = page(&query);
        let found = answered(lost, view.query(&query).unwrap());
        assert_eq!(json(&found.rows), json(&expected.rows), "{query:?}");
        assert_eq!(found.next, expected.next, "{query:?}");
        assert_eq!(found.unknown, expected.unknown, "{query:?}");
        let ListedPage { conversations, rows, next, .. } = answered(lost, view.query_states(&query).unwrap());
        assert_eq!((json(rows), &next), (json(&expected.rows), &expected.next));
        let states: Vec<_> = expected.rows.iter().map(|row| db.state(row.id()).unwrap().unwrap()).collect();
        assert_eq!(json(conversations), json(states));
        match next {
            Some(next) => query = query.cursor(next),
            None => return number,
        }
    }
    unreachable!()
}

#[test]
fn a_cluster_answers_as_one_database_for_every_sort_filter_and_page() {
    let mut pages = 0;
    for (seed, turn) in [(0, 0), (1, 1), (2, 2)] {
        let world = World::new(seed, 500);
        let gather = world.gather(|address| vec![address]);
        let latest = world.db().at(convofold::Moment::LATEST);
        for query in queries() {
            for (place, sort) in Sort::ALL.into_iter().enumerate() {
                for reverse in [false, true] {
                    let limit =
                        [1, 4, 25, 0][(place + turn + usize::from(reverse)) % 4].max(usize::from(place == 0) * 3);
                    let query = query.clone().sort(sort).reverse(reverse).limit(limit);
                    let page = |query: &Query| world.db().query_with_last_messages(query).unwrap();
                    pages += expect_pages(&gather.now(), &query, page, &latest);
                }
            }
        }
    }
    assert!(pages > 1_000, "{pages}");
}

#[test]
fn numbers_of_partitions_add_up_to_those_of_one_database() {
    for (seed, events) in [(10, 40), (11, 300), (12, 700), (13, 1_000)] {
        let world = World::new(seed, events);
        let gather = world.gather(|address| vec![address]);
        let now = gather.now();
        let mut agents = world.db().agents();
        agents.sort_by_key(|load| load.agent.is_none());
        assert_eq!(complete(now.agents().unwrap()).0, agents);
        assert_eq!(complete(now.totals().unwrap()).0, world.db().totals());
        assert_eq!(complete(now.state_hash().unwrap()), world.db().state_hash());
        assert_eq!(complete(now.find_ids("c-1", 5).unwrap()), world.db().find_ids("c-1", 5).unwrap());
        for query in report_queries() {
            let expected = world.db().measures(query.clone()).unwrap();
            assert_eq!(complete(now.measures(&query).unwrap()), expected, "{query:?}");
        }
        for id in ["c-0", "c-1", "c-7", "nobody"] {
            let (state, arrivals) = (world.db().state(id).unwrap(), world.db().arrivals(id).unwrap());
            let found = complete(now.state(id).unwrap());
            assert_eq!(json(found.as_ref().map(|(state, _)| state)), json(&state));
            assert_eq!(found.and_then(|(_, arrivals)| arrivals).is_some(), arrivals.is_some());
            let events = |history: Option<Vec<convofold::HistoryEntry>>| {
                history.map(|history| history.into_iter().map(|entry| json(&entry.event)).collect::<Vec<_>>())
            };
            let expected = events(world.db().history(id).unwrap());
            assert_eq!(events(complete(now.history(id).unwrap())), expected);
            let count = |explained: Option<Vec<convofold::Explanation>>| explained.map(|fields| fields.len());
            let explained = world.db().explain(id, None, 3).unwrap();
            assert_eq!(count(complete(now.explain(id, None, 3).unwrap())), count(explained));
        }
    }
}

pub(super) fn report_queries() -> Vec<ReportQuery> {
    let all = ReportQuery::new(BEGIN_MS - 60_000, BEGIN_MS + 120 * 60_000);
    let within: Vec<_> = Measure::ALL.into_iter().chain([Measure::Within(300_000)]).collect();
    vec![
        all.clone().measures(within),
        all.clone().every(Every::Hours(1)).by([GroupBy::Agent]),
        all.clone().by([GroupBy::Tenant, GroupBy::Channel]).measures([Measure::Response, Measure::Open]),
        all.attribute(convofold::Attribution::Start).excluded_agents(["a-1".to_owned()]),
    ]
}

#[test]
fn a_cluster_answers_about_a_moment_as_one_database() {
    let world = World::new(20, 400);
    let gather = world.gather(|address| vec![address]);
    let now = Time::now();
    let at = |ms: i64| Some(When::At(Time::from_ms(ms).unwrap()));
    let known = |events: i64| at(1_800_000_000_000 - BEHIND_MS + events * 400);
    let bounds = [
        (at(BEGIN_MS + 900_000), None),
        (at(BEGIN_MS + 3_000_000), None),
        (Some(When::Latest), None),
        (None, known(3)),
        (None, known(200)),
        (None, Some(When::Latest)),
        (at(BEGIN_MS + 3_000_000), known(250)),
    ];
    for (as_of, known_at) in bounds {
        let view = world.db().at(world.db().moment(as_of, known_at, now).unwrap());
        let gathered = gather.at(as_of, known_at).unwrap();
        let what = format!("{as_of:?} {known_at:?}");
        assert_eq!(complete(gathered.state_hash().unwrap()), view.state_hash().unwrap(), "{what}");
        assert_eq!(complete(gathered.totals().unwrap()).0, view.totals().unwrap(), "{what}");
        let mut agents = view.agents().unwrap();
        agents.sort_by_key(|load| load.agent.is_none());
        assert_eq!(complete(gathered.agents().unwrap()).0, agents, "{what}");
        let moment = complete(gathered.moment().unwrap());
        assert_eq!((moment.time, moment.known_at), (view.time().map(Time::ms), None), "{what}");
        for query in [Query::new().limit(6), Query::new().status(StatusFilter::Any).sort(Sort::Started).limit(9)] {
            let page = |query: &Query| {
                let mut page = view.query_with_report(query, |_| true).unwrap().0;
                view.add_last_messages(&mut page).unwrap();
                page
            };
            expect_pages(&gathered, &query, page, &view);
        }
        for query in report_queries() {
            let mut cut = query.clone();
            cut.to_ms = query.to_ms.min(view.time().map_or(i64::MAX, Time::ms));
            match view.measures(cut) {
                Ok(expected) => assert_eq!(complete(gathered.measures(&query).unwrap()), expected, "{what}"),
                Err(_) => assert!(matches!(gathered.measures(&query), Err(GatherError::Report(_)))),
            }
        }
    }
    assert!(matches!(gather.at(None, Some(When::Seq(7))), Err(GatherError::Seq { seq: 7 })));
    let before = gather.at(at(BEGIN_MS - 1), None).unwrap();
    let earliest = world.db().moment(at(BEGIN_MS - 1), None, now).unwrap_err();
    let convofold::MomentError::BeforeFirstEvent { first, .. } = earliest else { panic!("{earliest}") };
    assert!(matches!(before.totals(), Err(GatherError::Nothing { earliest: Some(ms) }) if ms == first.ms()));
}

/// Two events with the same identity and another content, in each partition.
fn add_conflicts(world: &World) {
    for (number, partition) in (0..100).map(|number| (number, partitions().of(&format!("c-{number}")))) {
        for text in ["one", "other"] {
            let event = format!(
                r#"{{"convofold":1,"source":"desk","conversation":"c-{number}","identity":"same","kind":"message","direction":"in","occurred":"2026-03-02T09:15:00Z","text":"{text}"}}"#
            );
            for db in [world.db(), &world.parts[partition as usize].db] {
                db.ingest(event.as_bytes(), convofold::ingest::Format::Auto).unwrap();
            }
        }
    }
}

#[test]
fn exports_and_conflicts_of_a_cluster_are_those_of_one_database() {
    let world = World::new(65, 300);
    add_conflicts(&world);
    let (gather, db) = (world.gather(|address| vec![closed_address(), address]), world.db());
    let now = gather.now();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    db.export(&mut expected).unwrap();
    let conversations = complete(now.export(&mut found).unwrap());
    assert!(found == expected && conversations == db.stats().conversations, "{conversations}");
    let lines = |text: &[u8]| {
        let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let report = db.export_events(&mut expected).unwrap();
    let events = complete(now.export_events(&mut found).unwrap());
    assert_eq!((events.events, events.longest_line_bytes), (report.events, report.longest_line_bytes));
    assert!(lines(&found) == lines(&expected));
    let conflicts = |found: Vec<convofold::Conflict>| {
        let without_seqs = |conflict: &convofold::Conflict| {
            let mut conflict = json(conflict);
            // Each database has its own.
            (conflict["kept_seq"], conflict["lost_seq"]) = (Value::Null, Value::Null);
            conflict.to_string()
        };
        let mut all: Vec<_> = found.iter().map(without_seqs).collect();
        all.sort_unstable();
        all
    };
    let expected = db.scan_conflicts().flat_map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(expected.len(), 100);
    assert_eq!(conflicts(complete(now.scan_conflicts().unwrap())), conflicts(expected));
    let then = gather.at(Some(When::At(Time::from_ms(BEGIN_MS + 3_000_000).unwrap())), None).unwrap();
    let moment = db.moment(Some(When::At(Time::from_ms(BEGIN_MS + 3_000_000).unwrap())), None, Time::now()).unwrap();
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    db.at(moment).export(&mut expected).unwrap();
    complete(then.export(&mut found).unwrap());
    assert!(found == expected && !found.is_empty());
}

#[test]
fn without_all_partitions_there_is_no_export() {
    let world = World::new(66, 100);
    let lost = world.addresses[2];
    let gather = world.gather(|address| if address == lost { vec![closed_address()] } else { vec![address] });
    let mut out = Vec::new();
    assert!(matches!(gather.now().export(&mut out), Err(GatherError::Missing(missing)) if missing.partition == 2));
    assert!(
        matches!(gather.now().export_events(&mut out), Err(GatherError::Missing(missing)) if missing.partition == 2)
    );
    assert!(out.is_empty());
    let conflicts = gather.now().scan_conflicts().unwrap();
    assert_eq!((conflicts.missing.len(), conflicts.partitions.len()), (1, 7));
}

#[test]
fn answers_that_are_too_long_together_are_refused_by_name() {
    let world = World::new(67, 300);
    let owners = |address: &SocketAddr| {
        vec![Owner { node: "a".to_owned(), url: format!("http://{address}"), path: String::new(), log: None }]
    };
    let owners = KnownOwners::new(partitions(), world.addresses.iter().map(owners).collect());
    let options = AskOptions::default().answer_within(PATIENCE).answer_bytes(2_000);
    let gather = Gather::new(owners, options).unwrap();
    let report = gather.now().measures(&report_queries()[0]);
    assert!(matches!(report, Err(GatherError::TooLong { max_bytes: 2_000 })), "{report:?}");
    // Each question has all of it.
    for _ in 0..100 {
        complete(gather.now().state("c-1").unwrap());
    }
}

#[test]
fn the_name_of_an_agent_is_looked_for_among_the_conversations_of_the_tenant() {
    let world = World::new(68, 0);
    // One conversation without a tenant has the name; more than a page of others of the agent have a tenant, and are newer.
    let event = |conversation: &str, minute: usize, name: &str, more: &str| {
        format!(
            r#"{{"convofold":1,"source":"desk","conversation":"{conversation}","kind":"message","direction":"in","occurred":"2026-03-02T09:{minute:02}:00Z","text":"t","agent":{{"id":"a-1","name":"{name}"}}{more}}}"#
        )
    };
    let others = (0..40).map(|number| event(&format!("n-{number}"), 30, "Ann of the north", r#","tenant":"north""#));
    let own = (0..12).map(|number| event(&format!("c-{number}"), number, &format!("Ann {number}"), ""));
    for event in others.chain(own) {
        let draft: Value = serde_json::from_str(&event).unwrap();
        let partition = partitions().of(draft["conversation"].as_str().unwrap());
        for db in [world.db(), &world.parts[partition as usize].db] {
            db.ingest(event.as_bytes(), convofold::ingest::Format::Auto).unwrap();
        }
    }
    let agents = complete(world.gather(|address| vec![address]).now().agents().unwrap()).0;
    assert_eq!(agents, world.db().agents());
    let of_nobody = agents.iter().find(|load| load.tenant.is_none()).unwrap();
    assert_eq!(of_nobody.agent.as_ref().unwrap().name.as_deref(), Some("Ann 11"));
}

#[test]
fn a_question_that_each_node_refuses_is_refused() {
    let world = World::new(60, 50);
    let gather = world.gather(|address| vec![address]);
    let cursor = world.db().query(&Query::new().limit(1)).unwrap().next;
    let other = Query::new().sort(Sort::Started).cursor(cursor);
    assert!(matches!(gather.now().query(&other), Err(GatherError::Query(_))));
    let ahead = gather.at(Some(When::At(Time::MAX)), None).unwrap();
    let Err(GatherError::Refused { source, .. }) = ahead.totals() else { panic!() };
    assert_eq!(source.status(), Some(400));
    let empty = ReportQuery::new(5, 5);
    assert!(matches!(gather.now().measures(&empty), Err(GatherError::Report(_))));
}

#[test]
fn the_questions_of_a_cluster_have_the_answers_of_one_database_over_http() {
    let world = World::new(70, 300);
    let gather = world.gather(|address| vec![address]);
    let mut settings = Settings::default();
    settings.db = Some("nats://nowhere/chat".into());
    settings.listen = Some(([127, 0, 0, 1], 0).into());
    let config = settings.resolve().unwrap();
    let relay = world.runtime.block_on(async { Relay::start(&config, Arc::new(gather), None).unwrap() });
    let cluster = Client::of_url(&format!("http://{}", relay.address()), None).unwrap();
    let db = world.db();
    let mut agents = db.agents();
    agents.sort_by_key(|load| load.agent.is_none());
    assert_eq!(cluster.agents().unwrap(), agents);
    assert_eq!(cluster.totals().unwrap(), db.totals());
    assert_eq!(cluster.at(None, None).state_hash().unwrap(), db.state_hash());
    assert_eq!(cluster.measures(&report_queries()[1]).unwrap(), db.measures(report_queries()[1].clone()).unwrap());
    assert_eq!(json(cluster.state("c-1").unwrap().unwrap().0), json(db.state("c-1").unwrap()));
    assert!(cluster.state("nobody").unwrap().is_none() && cluster.history("nobody").unwrap().is_none());
    assert_eq!(cluster.history("c-1").unwrap().unwrap().len(), db.history("c-1").unwrap().unwrap().len());
    for query in [Query::new().limit(7), Query::new().agent("a-1").waiting_since_ms(BEGIN_MS + 3_000_000)] {
        let expected = db.query_with_last_messages(&query).unwrap();
        let found = cluster.query(&query).unwrap();
        assert_eq!((json(found.rows), found.next), (json(expected.rows), expected.next));
    }
    let asked: Value =
        cluster.ask(&Question::new("/api/v1/conversations", &[("waiting_min", "1m"), ("rows", "true")])).unwrap();
    assert_eq!(asked["partitions"].as_array().unwrap().len(), PARTITIONS as usize);
    assert!(asked["rows"].as_array().unwrap().iter().all(|row| row["waiting_since"].is_i64()), "{asked}");
    for (path, status) in [
        ("/api/v1/stats", 404),
        ("/api/v1/totals?known_at=seq:1", 400),
        ("/api/v1/conversations?mood=good", 400),
        ("/api/v1/conversations?limit=0", 400),
        ("/api/v1/report?from=-1d&rows=open", 501),
    ] {
        let refused = cluster.ask(&Question::<Value>::new(path, &[(); 0])).unwrap_err();
        assert_eq!(refused.status(), Some(status), "{path}: {refused}");
    }
    world.runtime.block_on(relay.stop(Duration::from_secs(1)));
}
