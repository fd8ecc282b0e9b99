//! Answers on a Unix socket in the folder of a database, for a program that holds it.

use std::io;
use std::os::unix::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum_server::Handle;
use convofold::{CommitError, Convofold};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::app::{App, Phase};
use crate::config::Settings;
use crate::error::ServeError;
use crate::guard::GuardedAcceptor;
use crate::routes::router;
use crate::socket::Socket;

/// The time in which requests are finished when the answering ends.
const GRACE: Duration = Duration::from_secs(5);
/// The time in which threads end that wrote to a client.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// Answers on the socket of a database until it is dropped.
#[derive(Debug)]
#[must_use = "the answering ends when it is dropped"]
pub struct Answering {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Answers requests of other processes on the Unix socket `convofold.sock` in the folder of this database, on a thread of its
/// own. The commands of `convofold` use it while the database is held, and a [`Client`](crate::Client) can.
///
/// The requests are those of the server. The socket has mode 0600: each process that can use it may do what an administrator may,
/// without a token. The program needs no asynchronous runtime.
///
/// Drop the [`Answering`] before closing the database: it finishes requests, exports and backups for up to five seconds, and
/// removes the socket.
/// While it lives, it keeps the database open.
///
/// # Errors
/// [`ServeError`] if the database is open read-only, the socket cannot be created, or the thread cannot be started.
pub fn answer(db: &Convofold) -> Result<Answering, ServeError> {
    if matches!(db.sync(), Err(CommitError::ReadOnly)) {
        return Err(ServeError::Settings { why: "a database that is open read-only is not held".to_owned() });
    }
    let config = Settings { db: Some(db.dir().to_owned()), ..Settings::default() }.resolve()?;
    let app = App::new(db.clone(), config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let (started, outcome) = mpsc::channel();
    let thread = thread::Builder::new().name("convofold-socket".to_owned()).spawn(move || {
        runtime.block_on(async {
            match SocketServer::start(&app) {
                Ok(server) => {
                    let _ = started.send(Ok(()));
                    // An error means that the guard is gone.
                    let _ = stopped.await;
                    let deadline = Instant::now() + GRACE;
                    app.enter(Phase::Stopping);
                    server.shut_down(GRACE);
                    let _ = timeout_at(deadline, app.finish_intake()).await;
                    let _ = timeout_at(deadline, app.finish_exports()).await;
                    app.enter(Phase::EndingReaders);
                    server.ended(GRACE).await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
        runtime.shutdown_timeout(THREADS_GRACE);
    })?;
    let answering = Answering { stop: Some(stop), thread: Some(thread) };
    match outcome.recv() {
        Ok(Ok(())) => Ok(answering),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(io::Error::other("the thread that answers ended").into()),
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A running server on the socket of a database.
pub(crate) struct SocketServer {
    /// Its file is removed at the end.
    _socket: Socket,
    handle: Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
}

impl SocketServer {
    /// Must be called on a runtime.
    pub(crate) fn start(app: &App) -> io::Result<Self> {
        let (socket, listener) = Socket::bind(app.db.dir())?;
        let handle = Handle::new();
        let mut server = axum_server::from_unix(listener)?.handle(handle.clone());
        server.http_builder().http1().header_read_timeout(app.config.read_timeout.0);
        let app = app.for_socket();
        let server = server.acceptor(GuardedAcceptor::of(&app));
        let task = tokio::spawn(server.serve(router(app).into_make_service()));
        Ok(Self { _socket: socket, handle, task })
    }

    /// Takes no new connections, and ends those that are left after this time.
    pub(crate) fn shut_down(&self, within: Duration) {
        self.handle.graceful_shutdown(Some(within));
    }

    /// Waits for the end.
    pub(crate) async fn ended(self, within: Duration) {
        let _ = timeout(within + Duration::from_secs(1), self.task).await;
    }
}
