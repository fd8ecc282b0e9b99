//! Trials: processes are killed, streams are deleted, messages and files are lost. Each ends in the state of one machine, or in a
//! named outcome that somebody can mend.

mod network;

use std::io::Write;

use serde_json::Value;

use crate::broker::{delete_stream, drop_messages, leader, stream};
use crate::harness::{Cluster, PARTITIONS, convofold, copy_dir, expect_success, generated, one_machine, trial_events};
use crate::servers::until;

const NODES: [&str; 2] = ["a", "b"];

/// What is done while events are published.
type Trouble = fn(&mut Cluster);

#[test]
fn owners_end_in_the_state_of_one_machine_although_everything_is_killed() {
    const PARTITIONS: u32 = 8;
    let troubles: [Trouble; 8] = [
        |cluster| cluster.kill_node("a"),
        |cluster| cluster.start_node("a"),
        |cluster| {
            let leader = leader(&cluster.servers, 0);
            cluster.servers.kill(leader);
        },
        |cluster| cluster.kill_node("b"),
        |cluster| cluster.start_node("b"),
        |cluster| cluster.servers.launch_killed(),
        |cluster| (0..3).for_each(|number| cluster.servers.kill(number)),
        |cluster| cluster.servers.launch_killed(),
    ];
    let mut cluster = Cluster::start(PARTITIONS);
    cluster.start_owners(&NODES);
    let parts = generated(trial_events(), troubles.len());
    let mut publisher = cluster.start_publisher();
    let mut input = publisher.stdin.take().unwrap();
    for (part, trouble) in parts.iter().zip(troubles) {
        input.write_all(part).unwrap();
        trouble(&mut cluster);
    }
    drop(input);
    let output = publisher.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["acknowledged"].as_u64().unwrap() >= trial_events(), "{report}");
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts.concat()));
    // With three replicas and `sync_interval: always`, no acknowledged message is lost.
    assert_eq!(NODES.map(|node| cluster.sum(node, "rollbacks")), [Some(0); 2]);
    assert_eq!(cluster.run(&["status"]).status.code(), Some(0));
}

#[test]
fn a_stream_that_was_made_again_stops_its_owners_until_the_operator_accepts_it() {
    let mut cluster = Cluster::start(PARTITIONS);
    cluster.start_owners(&NODES);
    let parts = generated(trial_events() / 10, 2);
    cluster.publish("first", &parts[0]);
    let expected = one_machine(&parts[0]);
    cluster.expect_state(&NODES, PARTITIONS, expected);

    delete_stream(&cluster.servers, 0);
    cluster.init(PARTITIONS);
    for node in NODES {
        let why = cluster.stopped(node, 0);
        assert!(why.contains("another stream: the database follows CF_chat_0"), "{why}");
    }
    assert_eq!(cluster.run(&["status"]).status.code(), Some(1));
    // The others go on, and what was read stays.
    cluster.publish("second", &parts[1]);
    let stopped = cluster.partitions_of("a").unwrap();
    assert_eq!(stopped.iter().filter(|it| it["state"] == "stopped").count(), 1);

    let created = stream(&cluster.servers, 0)["created"].as_str().unwrap().to_owned();
    for node in NODES {
        cluster.kill_node(node);
        cluster.start_node_with(node, &["--listen", "127.0.0.1:0", "--accept-stream", &format!("0:{created}")]);
    }
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts.concat()));
    // Accepted once and for all.
    cluster.kill_node("a");
    cluster.start_node("a");
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts.concat()));
    until("the partition follows", || {
        let found = cluster.partitions_of("a")?;
        found.iter().all(|it| it["state"] == "caught-up").then_some(())
    });
}

#[test]
fn messages_that_are_dropped_before_an_owner_reads_them_are_a_gap_that_a_backup_of_the_other_owner_closes() {
    let mut cluster = Cluster::start(PARTITIONS);
    cluster.start_owners(&NODES);
    let parts = generated(trial_events() / 10, 3);
    cluster.publish("first", &parts[0]);
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts[0]));
    cluster.kill_node("a");
    cluster.publish("second", &parts[1]);
    cluster.expect_state(&["b"], PARTITIONS, one_machine(&parts[..2].concat()));

    drop_messages(&cluster.servers, 0);
    cluster.publish("third", &parts[2]);
    let expected = one_machine(&parts.concat());
    cluster.start_node("a");
    let why = cluster.stopped("a", 0);
    assert!(why.contains("gap: CF_chat_0 has no message from "), "{why}");
    // The other owner has everything, and answers.
    cluster.expect_state(&["b"], PARTITIONS, expected);
    assert_eq!(until("the cluster answers", || cluster.asked_hash()), expected);

    cluster.kill_node("a");
    let (backups, dir) = (cluster.path("backups"), cluster.path("a"));
    let (backups, dir) = (backups.to_str().unwrap(), dir.to_str().unwrap());
    cluster.expect(&["backup", "--to", backups, "--partition", "0"]);
    std::fs::remove_dir_all(cluster.path("a").join("p0")).unwrap();
    let restore = ["cluster", "restore", "--partition", "0", "--from", backups, "--dir", dir];
    expect_success(&convofold().args(restore).output().unwrap());
    cluster.start_node("a");
    cluster.expect_state(&NODES, PARTITIONS, expected);
    assert_eq!(cluster.run(&["status"]).status.code(), Some(0));
}

/// A bookmark of stream and sequence number would continue without an error, and lose the messages that took the numbers of the
/// lost ones.
#[test]
fn old_files_of_two_brokers_are_noticed_and_what_they_lost_is_published_again_by_an_owner() {
    let mut cluster = Cluster::start(PARTITIONS);
    cluster.start_owners(&NODES);
    let parts = generated(trial_events() / 10, 4);
    cluster.publish("first", &parts[0]);
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts[0]));
    for number in [0, 1] {
        cluster.servers.kill(number);
        let (store, kept) = cluster.servers.files(number);
        copy_dir(&store, &kept);
    }
    cluster.servers.launch_killed();
    cluster.publish("second", &parts[1]);
    cluster.expect_state(&NODES, PARTITIONS, one_machine(&parts[..2].concat()));
    let last = |cluster: &Cluster| stream(&cluster.servers, 0)["state"]["last_seq"].as_u64().unwrap();
    let before = last(&cluster);

    // A power cut in which two of the three lose what was not durable.
    (0..3).for_each(|number| cluster.servers.kill(number));
    for number in [0, 1] {
        let (store, kept) = cluster.servers.files(number);
        std::fs::remove_dir_all(&store).unwrap();
        copy_dir(&kept, &store);
        cluster.servers.launch(number);
    }
    leader(&cluster.servers, 0);
    assert!(last(&cluster) < before, "the brokers have lost nothing");
    cluster.publish("third", &parts[2..].concat());
    // The third broker would keep its newer files, which nobody else has, so the operator deletes them.
    std::fs::remove_dir_all(cluster.servers.files(2).0).unwrap();
    cluster.servers.launch(2);
    for node in NODES {
        until("an owner goes back", || cluster.sum(node, "rollbacks").filter(|count| *count > 0));
    }
    // The owners have what the brokers lost, and what came instead.
    let expected = one_machine(&parts.concat());
    cluster.expect_state(&NODES, PARTITIONS, expected);

    // An owner that reads the log from its beginning needs what was lost.
    for partition in 0..PARTITIONS {
        cluster.expect(&["republish", "--partition", &partition.to_string()]);
        cluster.expect(&["assign", "--add", &partition.to_string(), "--to", "c"]);
    }
    cluster.start_node("c");
    cluster.expect_state(&["a", "b", "c"], PARTITIONS, expected);
    assert_eq!(cluster.sum("c", "rollbacks"), Some(0));
}
