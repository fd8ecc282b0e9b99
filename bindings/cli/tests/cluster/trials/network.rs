//! A network that is cut and healed: each process has a network namespace of its own, behind one of two bridges.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::{
    Cluster, PARTITIONS, Places, convofold, copy_dir, expect_success, generated, one_machine, trial_events,
};
use crate::servers::{Place, Servers, until};

/// Where commands run, and both bridges.
const HUB: &str = "hub";
const BROKERS: [&str; 3] = ["n0", "n1", "n2"];
const NODES: [&str; 2] = ["a", "b"];
/// The bridge of all that are connected, and the one of those that are cut off.
const BRIDGES: [&str; 2] = ["br0", "br1"];
const CLIENTS: u16 = 4_222;
const ROUTES: u16 = 6_222;
const HTTP: u16 = 7_878;

/// Namespaces that only this test uses; the network of the machine stays as it is.
struct Network {
    prefix: String,
}

impl Network {
    /// Why there is none: it takes root, and a kernel with namespaces, pairs of interfaces and bridges.
    fn new() -> Result<Self, String> {
        let network = Self { prefix: format!("cf{}-", std::process::id()) };
        let hub = network.namespace(HUB);
        network.ip(&["netns", "add", &hub])?;
        for bridge in BRIDGES {
            network.ip(&["-n", &hub, "link", "add", bridge, "type", "bridge"])?;
            network.ip(&["-n", &hub, "link", "set", bridge, "up"])?;
        }
        network.ip(&["-n", &hub, "address", "add", "10.77.0.1/24", "dev", BRIDGES[0]])?;
        for name in BROKERS.into_iter().chain(NODES) {
            let namespace = network.namespace(name);
            network.ip(&["netns", "add", &namespace])?;
            network.ip(&[
                "-n", &hub, "link", "add", "name", name, "type", "veth", "peer", "name", "eth0", "netns", &namespace,
            ])?;
            network.ip(&["-n", &hub, "link", "set", "dev", name, "master", BRIDGES[0], "up"])?;
            let address = format!("{}/24", address(name, 0).ip());
            network.ip(&["-n", &namespace, "address", "add", &address, "dev", "eth0"])?;
            network.ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
            network.ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
        }
        Ok(network)
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    #[expect(clippy::unused_self, reason = "only a network that exists is changed")]
    fn ip(&self, args: &[&str]) -> Result<(), String> {
        let output = Command::new("ip").args(args).output().map_err(|error| format!("ip: {error}"))?;
        let why = || format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(why()) }
    }

    fn servers(&self) -> Servers {
        Servers::start_at(BROKERS.map(|name| Place {
            namespace: Some(self.namespace(name)),
            addresses: [address(name, CLIENTS), address(name, ROUTES)],
        }))
    }

    /// These reach each other, and nobody else. Nothing is refused: packets vanish.
    fn cut(&self, names: &[&str]) {
        self.connect(names, BRIDGES[1]);
    }

    fn heal(&self, names: &[&str]) {
        self.connect(names, BRIDGES[0]);
    }

    fn connect(&self, names: &[&str], bridge: &str) {
        names.iter().for_each(|name| {
            self.ip(&["-n", &self.namespace(HUB), "link", "set", "dev", name, "master", bridge]).unwrap();
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in BROKERS.into_iter().chain(NODES).chain([HUB]) {
            let _ = self.ip(&["netns", "delete", &self.namespace(name)]);
        }
    }
}

fn address(name: &str, port: u16) -> SocketAddr {
    let number = BROKERS.iter().chain(&NODES).position(|known| *known == name).unwrap();
    ([10, 77, 0, u8::try_from(11 + number).unwrap()], port).into()
}

/// Nodes at addresses that others reach, with one token for both.
fn start_nodes(cluster: &mut Cluster) {
    let folders = NODES.map(|name| cluster.path(name));
    let add = ["token", "add", "trial", "--role", "admin", "--texts", "--db", folders[0].to_str().unwrap()];
    let added = convofold().args(add).output().unwrap();
    expect_success(&added);
    cluster.places.token = Some(String::from_utf8(added.stdout).unwrap().trim().to_owned());
    copy_dir(&folders[0].join("serve"), &folders[1].join("serve"));
    let config = cluster.path("node.toml");
    fs::write(&config, "behind-proxy = true\n").unwrap();
    cluster.expect(&["assign", "--nodes", &NODES.join(","), "--copies", "2"]);
    for name in NODES {
        let listen = address(name, HTTP).to_string();
        cluster.start_node_with(name, &["--listen", &listen, "--config", config.to_str().unwrap()]);
    }
}

/// Publishes through brokers of which one may not answer.
fn publish(cluster: &Cluster, events: &[u8]) {
    let path = cluster.path("events.ndjson");
    fs::write(&path, events).unwrap();
    let publish = ["publish", path.to_str().unwrap()];
    until("the events are published", || cluster.run(&publish).status.success().then_some(()));
}

#[test]
fn a_network_that_is_cut_and_healed_loses_nothing_and_answers_are_right_meanwhile() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => return eprintln!("skipped: there are no network namespaces: {why}"),
    };
    let places = Places { namespaces: Some(network.prefix.clone()), token: None };
    let mut cluster = Cluster::start_on(network.servers(), places, PARTITIONS);
    start_nodes(&mut cluster);
    let parts = generated(trial_events() / 10, 6);
    let state_after = |count: usize| one_machine(&parts[..count].concat());
    publish(&cluster, &parts[0]);
    cluster.expect_state(&NODES, PARTITIONS, state_after(1));

    // A node alone, and a node with a broker that has no majority: the other owner answers.
    for (place, cut) in [(1, &["a"][..]), (2, &["a", "n0"])] {
        network.cut(cut);
        publish(&cluster, &parts[place]);
        let expected = state_after(place + 1);
        until("the cluster answers", || cluster.asked_hash().filter(|hash| *hash == expected));
        network.heal(cut);
        cluster.expect_state(&NODES, PARTITIONS, expected);
    }
    // A broker alone, each one in turn: owners that were connected to it find another one.
    for (place, broker) in [(3, "n0"), (4, "n1")] {
        network.cut(&[broker]);
        publish(&cluster, &parts[place]);
        cluster.expect_state(&NODES, PARTITIONS, state_after(place + 1));
        network.heal(&[broker]);
    }
    // All brokers, long enough to be noticed.
    network.cut(&BROKERS);
    thread::sleep(Duration::from_secs(8));
    network.heal(&BROKERS);
    publish(&cluster, &parts[5]);
    cluster.expect_state(&NODES, PARTITIONS, state_after(6));
    // A rollback may be counted: a broker that was cut off takes itself for the leader for some seconds.
    assert_eq!(NODES.map(|node| cluster.sum(node, "gaps")), [Some(0); 2]);
    until("all is well", || cluster.run(&["status"]).status.success().then_some(()));
}
