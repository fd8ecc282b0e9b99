//! Which owner of a partition is asked, and which answers count.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use convofold::{Convofold, Query, Sort};
use convofold_server::{Mounts, NewToken, Overview, Role, Settings, TokenFile};
use tokio::runtime::Runtime;

use super::ask::{
    PARTITIONS, PATIENCE, World, closed_address, complete, json, partitions, report_queries, serve, silent,
};
use crate::Partitions;
use crate::ask::{AskOptions, Directory, Gather, GatherError, KnownOwners, Owner};

#[test]
fn an_owner_that_is_down_or_silent_is_replaced_by_the_other_one() {
    let world = World::new(30, 300);
    let (closed, silent) = (closed_address(), silent());
    let silent_address = silent.local_addr().unwrap();
    for first in [closed, silent_address] {
        let gather = world.gather(|address| vec![first, address]);
        for _ in 0..2 {
            let gathered = gather.now().totals().unwrap();
            assert!(gathered.partitions.iter().all(|from| from.node == "node-1"), "{:?}", gathered.partitions);
            assert_eq!(gathered.partitions.len(), PARTITIONS as usize);
            assert_eq!(complete(gathered).0, world.db().totals());
        }
        let query = Query::new().sort(Sort::Waiting).limit(10);
        let expected = world.db().query_with_last_messages(&query).unwrap();
        assert_eq!(json(complete(gather.now().query(&query).unwrap()).rows), json(expected.rows));
    }
}

#[test]
fn partitions_without_an_owner_that_answers_are_named_with_the_reasons() {
    let world = World::new(40, 300);
    let (closed, silent) = (closed_address(), silent());
    let silent_address = silent.local_addr().unwrap();
    let lost = [world.addresses[2], world.addresses[5]];
    let gather = world.gather(|address| match address {
        address if address == lost[0] => vec![closed, closed],
        address if address == lost[1] => Vec::new(),
        address => vec![address, silent_address],
    });
    let is_there = |id: &str| ![2, 5].contains(&partitions().of(id));
    let gathered = gather.now().query(&Query::new().limit(0)).unwrap();
    assert_eq!(gathered.missing.iter().map(|missing| missing.partition).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(gathered.partitions.len(), 6);
    assert_eq!(gathered.missing[0].why.len(), 2);
    assert!(gathered.missing[0].to_string().contains("node-1: "), "{}", gathered.missing[0]);
    assert_eq!(gathered.missing[1].to_string(), "partition 5 is missing: it has no owner");
    let expected = world.db().query_with_last_messages(&Query::new()).unwrap().rows;
    let expected: Vec<_> = expected.iter().filter(|row| is_there(row.id())).collect();
    assert_eq!(json(gathered.answer.rows), json(expected));
    for gathered in [
        gather.now().totals().unwrap().missing,
        gather.now().agents().unwrap().missing,
        gather.now().state_hash().unwrap().missing,
        gather.now().measures(&report_queries()[0]).unwrap().missing,
    ] {
        assert_eq!(gathered.len(), 2);
    }
    let id = (0..).map(|number| format!("c-{number}")).find(|id| !is_there(id)).unwrap();
    let gathered = gather.now().state(&id).unwrap();
    assert!(gathered.answer.is_none() && gathered.missing.len() == 1);
}

#[test]
fn owners_that_say_nothing_are_named_after_the_time() {
    let world = World::new(50, 50);
    let silent = silent();
    let address = silent.local_addr().unwrap();
    let owner = |node: &str, address| Owner {
        node: node.to_owned(),
        url: format!("http://{address}"),
        path: String::new(),
        log: None,
    };
    let mut owners: Vec<_> = world.addresses.iter().map(|address| vec![owner("a", *address)]).collect();
    owners[3] = vec![owner("a", address), owner("b", address)];
    let options = AskOptions::default().next_owner_after(Duration::from_millis(5));
    let gather =
        Gather::new(KnownOwners::new(partitions(), owners), options.answer_within(Duration::from_millis(700))).unwrap();
    let gathered = gather.now().totals().unwrap();
    let [missing] = &gathered.missing[..] else { panic!("{:?}", gathered.missing) };
    let why = ["a has not answered within 700ms", "b has not answered within 700ms"];
    assert_eq!((missing.partition, &missing.why[..]), (3, &why.map(str::to_owned)[..]));
}

/// Fails for one partition, as a fault in the code would.
struct Faulty(KnownOwners);

impl Directory for Faulty {
    fn partitions(&self) -> Partitions {
        self.0.partitions()
    }

    fn owners(&self, partition: u32) -> Vec<Owner> {
        assert_ne!(partition, 3, "a fault");
        self.0.owners(partition)
    }
}

#[test]
fn a_partition_about_which_a_task_fails_is_named_as_missing() {
    let gather = Gather::new(Faulty(KnownOwners::new(partitions(), Vec::new())), AskOptions::default()).unwrap();
    let gathered = gather.now().state_hash().unwrap();
    assert_eq!(gathered.missing.len(), PARTITIONS as usize);
    assert!(gathered.missing[3].to_string().contains("panicked"), "{}", gathered.missing[3]);
}

/// A node with partition 0 of one, which says this of itself.
fn node(db: &Convofold, said: &[(&'static str, &str)]) -> Mounts {
    struct Said(Vec<(&'static str, String)>);

    impl Overview for Said {
        fn ready(&self) -> Result<(), String> {
            Ok(())
        }

        fn answers(&self, _name: &str) -> Result<(), String> {
            Ok(())
        }

        fn metrics(&self) -> String {
            String::new()
        }

        fn about(&self, _name: Option<&str>) -> Option<String> {
            None
        }

        fn headers(&self, _name: &str) -> Vec<(&'static str, String)> {
            self.0.clone()
        }
    }

    let mut settings = Settings::default();
    settings.db = Some(db.dir().to_owned());
    settings.listen = Some(([127, 0, 0, 1], 0).into());
    let said = Said(said.iter().map(|(header, value)| (*header, (*value).to_owned())).collect());
    let mounts = Mounts::start(settings.resolve().unwrap(), Arc::new(said)).unwrap();
    mounts.mount("0", db.clone()).unwrap();
    mounts
}

fn gather_of(nodes: &[(&str, &Mounts)]) -> Gather {
    let owner = |(node, mounts): &(&str, &Mounts)| Owner {
        node: (*node).to_owned(),
        url: format!("http://{}", mounts.address()),
        path: "/partitions/0".to_owned(),
        log: Some("chat".to_owned()),
    };
    let owners = KnownOwners::new(Partitions::new(NonZeroU32::MIN), vec![nodes.iter().map(owner).collect()]);
    Gather::new(owners, AskOptions::default().answer_within(PATIENCE)).unwrap()
}

fn said<'a>(node: &'a str, log: &'a str, state: &'a str, age_ms: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("convofold-node", node),
        ("convofold-log", log),
        ("convofold-state", state),
        ("convofold-verified-age-ms", age_ms),
        ("convofold-lag-ms", "0"),
    ]
}

/// A database with a conversation, and an empty one.
fn databases() -> (tempfile::TempDir, Convofold, Convofold) {
    let home = tempfile::tempdir().unwrap();
    let [full, empty] = ["full", "empty"].map(|name| super::options().open(home.path().join(name)).unwrap());
    full.ingest(&super::event(1), convofold::ingest::Format::Auto).unwrap();
    (home, full, empty)
}

#[test]
fn an_owner_that_is_not_verified_is_asked_last_and_named() {
    let (_home, full, empty) = databases();
    for (state, age_ms) in [("waiting", "5"), ("holding", "5"), ("following", "3600000"), ("starting", "5")] {
        let (a, b) =
            (node(&empty, &said("a", "chat", state, age_ms)), node(&full, &said("b", "chat", "following", "9")));
        let gather = gather_of(&[("a", &a), ("b", &b)]);
        for _ in 0..2 {
            let gathered = gather.now().totals().unwrap();
            assert_eq!((gathered.answer.0.len(), &gathered.partitions[0].node[..]), (1, "b"), "{state}");
            assert_eq!(gathered.stale().count(), 0);
        }
        b.stop(Duration::from_secs(1));
        let gathered = gather.now().totals().unwrap();
        let stale: Vec<_> = gathered.stale().map(|from| (from.partition, &from.node[..])).collect();
        assert_eq!((gathered.answer.0.len(), stale), (0, vec![(0, "a")]), "{state}");
        assert_eq!(gathered.partitions[0].state.as_deref(), Some(state));
        a.stop(Duration::from_secs(1));
    }
}

#[test]
fn an_answer_of_another_node_or_log_does_not_count() {
    let (_home, full, empty) = databases();
    let right = node(&full, &said("b", "chat", "caught-up", "5"));
    for (name, log) in [("a", "sms"), ("c", "chat")] {
        let wrong = node(&empty, &said(name, log, "caught-up", "5"));
        let both = gather_of(&[("a", &wrong), ("b", &right)]);
        assert_eq!(both.now().totals().unwrap().partitions[0].node, "b");
        assert!(both.now().state("c-1").unwrap().answer.is_some());
        let alone = gather_of(&[("a", &wrong)]).now().state("c-1").unwrap();
        let [missing] = &alone.missing[..] else { panic!("{alone:?}") };
        assert!(missing.why[0].contains(&format!("node {name} of log {log}")), "{missing}");
        wrong.stop(Duration::from_secs(1));
    }
    // Who says nothing of a log is no node.
    let runtime = Runtime::new().unwrap();
    let server = serve(&runtime, &empty);
    let owner = |path: &str| Owner {
        node: "a".to_owned(),
        url: format!("http://{}", server.address()),
        path: path.to_owned(),
        log: Some("chat".to_owned()),
    };
    for path in ["", "/partitions/0"] {
        let owners = KnownOwners::new(Partitions::new(NonZeroU32::MIN), vec![vec![owner(path)]]);
        let gather = Gather::new(owners, AskOptions::default().answer_within(PATIENCE)).unwrap();
        assert_eq!(gather.now().state("c-1").unwrap().missing.len(), 1, "{path}");
    }
    // A node that has no such conversation has answered.
    let found = gather_of(&[("b", &right)]).now().state("nobody").unwrap();
    assert!(found.answer.is_none() && found.is_complete() && found.stale().count() == 0);
    right.stop(Duration::from_secs(1));
    runtime.block_on(server.stop(Duration::from_secs(1)));
}

#[test]
fn a_refusal_of_another_node_or_log_is_no_answer() {
    let (_home, full, empty) = databases();
    let token = NewToken { name: "somebody".to_owned(), role: Role::Read, tenants: None, texts: false };
    TokenFile::of(empty.dir()).add(token).unwrap();
    let right = node(&full, &said("b", "chat", "caught-up", "5"));
    for (name, log) in [("a", "sms"), ("c", "chat")] {
        let wrong = node(&empty, &said(name, log, "caught-up", "5"));
        let gathered = gather_of(&[("a", &wrong), ("b", &right)]).now().totals().unwrap();
        assert_eq!((gathered.answer.0.len(), &gathered.partitions[0].node[..]), (1, "b"));
        let alone = gather_of(&[("a", &wrong)]).now().totals().unwrap();
        assert!(alone.missing[0].why[0].contains(&format!("node {name} of log {log}")), "{:?}", alone.missing);
        wrong.stop(Duration::from_secs(1));
    }
    // Of the right node it is one.
    let refusing = node(&empty, &said("a", "chat", "caught-up", "5"));
    let refused = gather_of(&[("a", &refusing), ("b", &right)]).now().totals();
    assert!(matches!(refused, Err(GatherError::Refused { source, .. }) if source.status() == Some(401)));
    refusing.stop(Duration::from_secs(1));
    right.stop(Duration::from_secs(1));
}

/// Owners that are others when they are read again.
#[derive(Clone)]
struct Moved {
    before: Vec<Owner>,
    after: Vec<Owner>,
    looks: Arc<AtomicU64>,
}

impl Directory for Moved {
    fn partitions(&self) -> Partitions {
        Partitions::new(NonZeroU32::MIN)
    }

    fn owners(&self, _partition: u32) -> Vec<Owner> {
        if self.looks.load(Ordering::SeqCst) == 0 { self.before.clone() } else { self.after.clone() }
    }

    fn look_again(&self) {
        self.looks.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn owners_are_read_again_when_one_fails_and_those_of_now_are_asked() {
    let (_home, full, empty) = databases();
    let b = node(&full, &said("b", "chat", "caught-up", "5"));
    let other = node(&empty, &said("a", "sms", "caught-up", "5"));
    let owner = |node: &str, address: SocketAddr, partition: u32| Owner {
        node: node.to_owned(),
        url: format!("http://{address}"),
        path: format!("/partitions/{partition}"),
        log: Some("chat".to_owned()),
    };
    let now = owner("b", b.address(), 0);
    // It does not answer, does not have the partition, or is another node.
    for before in [owner("a", closed_address(), 0), owner("b", b.address(), 9), owner("a", other.address(), 0)] {
        for before in [vec![before.clone()], vec![before, now.clone()]] {
            let looks = Arc::new(AtomicU64::new(0));
            let moved = Moved { before, after: vec![now.clone()], looks: looks.clone() };
            let gather = Gather::new(moved, AskOptions::default().answer_within(PATIENCE)).unwrap();
            assert_eq!(complete(gather.now().totals().unwrap()).0, full.totals());
            while looks.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(complete(gather.now().totals().unwrap()).0, full.totals());
        }
    }
    other.stop(Duration::from_secs(1));
    b.stop(Duration::from_secs(1));
}
