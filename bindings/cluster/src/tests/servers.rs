//! Three processes of nats-server on this machine. Without the client of NATS, so that tests of the command use it too.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Three servers of one cluster.
pub(crate) struct Servers {
    dir: TempDir,
    namespaces: [Option<String>; 3],
    processes: [Option<Child>; 3],
    /// Their addresses, separated by commas.
    pub(crate) urls: String,
}

/// Where a server runs.
pub(crate) struct Place {
    /// The namespace of the network; `None` for that of the tests.
    pub(crate) namespace: Option<String>,
    /// Where it listens for clients, and for the other servers.
    pub(crate) addresses: [SocketAddr; 2],
}

impl Servers {
    pub(crate) fn start() -> Self {
        // All are held until all are known, so that none is given twice.
        let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        drop(listeners);
        Self::start_at([0, 2, 4].map(|at| Place { namespace: None, addresses: [addresses[at], addresses[at + 1]] }))
    }

    pub(crate) fn start_at(places: [Place; 3]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let all_routes = places.each_ref().map(|place| format!("nats://{}", place.addresses[1]));
        for (number, Place { addresses: [client, route], .. }) in places.iter().enumerate() {
            let store = dir.path().join(format!("store-{number}"));
            let config = format!(
                "server_name: n{number}\nlisten: {client}\nping_interval: \"2s\"\nping_max: 2\n\
                 jetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 1GB, sync_interval: always }}\n\
                 cluster {{ name: cf, listen: {route}, routes: [{}] }}\n",
                all_routes.join(", ")
            );
            fs::write(dir.path().join(format!("conf-{number}")), config).unwrap();
        }
        let urls = places.each_ref().map(|place| format!("nats://{}", place.addresses[0])).join(",");
        let mut servers =
            Self { dir, namespaces: places.map(|place| place.namespace), processes: [const { None }; 3], urls };
        servers.launch_killed();
        servers
    }

    pub(crate) fn kill(&mut self, number: usize) {
        let mut process = self.processes[number].take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn launch(&mut self, number: usize) {
        let binary = std::env::var_os("CONVOFOLD_NATS_SERVER").expect("CONVOFOLD_NATS_SERVER: the path of nats-server");
        let mut command = match &self.namespaces[number] {
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace]).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.arg("-c").arg(self.dir.path().join(format!("conf-{number}")));
        self.processes[number] = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    /// Starts all that do not run.
    pub(crate) fn launch_killed(&mut self) {
        for number in 0..3 {
            if self.processes[number].is_none() {
                self.launch(number);
            }
        }
    }

    /// The files of a server, and where a copy of them can lie.
    pub(crate) fn files(&self, number: usize) -> (PathBuf, PathBuf) {
        let path = |name: &str| self.dir.path().join(format!("{name}-{number}"));
        (path("store"), path("kept"))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().flatten() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Repeats an attempt until it succeeds.
pub(crate) fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(outcome) = attempt() {
            return outcome;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(50));
    }
}
