//! Three processes of nats-server on this machine. Without the client of NATS, so that tests of the command use it too.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Three servers of one cluster.
pub(crate) struct Servers {
    dir: TempDir,
    processes: [Option<Child>; 3],
    /// Their addresses, separated by commas.
    pub(crate) urls: String,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // All are held until all are known, so that none is given twice.
        let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(listeners);
        let (clients, routes) = ports.split_at(3);
        let all_routes: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        for (number, (client, route)) in clients.iter().zip(routes).enumerate() {
            let store = dir.path().join(format!("store-{number}"));
            let config = format!(
                "server_name: n{number}\nlisten: 127.0.0.1:{client}\n\
                 jetstream {{ store_dir: {store:?}, max_mem: 64MB, max_file: 1GB, sync_interval: always }}\n\
                 cluster {{ name: cf, listen: 127.0.0.1:{route}, routes: [{}] }}\n",
                all_routes.join(", ")
            );
            fs::write(dir.path().join(format!("conf-{number}")), config).unwrap();
        }
        let processes = [0, 1, 2].map(|number| Some(launch(dir.path(), number)));
        let urls: Vec<_> = clients.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        Self { dir, processes, urls: urls.join(",") }
    }

    pub(crate) fn kill(&mut self, number: usize) {
        let mut process = self.processes[number].take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn launch(&mut self, number: usize) {
        self.processes[number] = Some(launch(self.dir.path(), number));
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

fn launch(dir: &Path, number: usize) -> Child {
    let binary = std::env::var_os("CONVOFOLD_NATS_SERVER").expect("CONVOFOLD_NATS_SERVER: the path of nats-server");
    let mut command = Command::new(binary);
    command.arg("-c").arg(dir.join(format!("conf-{number}")));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
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
