//! Several databases of one process behind one address.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use convofold::Convofold;
use parking_lot::RwLock;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt as _;

use crate::alerts::Running;
use crate::answering::SocketServer;
use crate::app::{App, Phase};
use crate::caller::Caller;
use crate::config::Config;
use crate::error::ServeError;
use crate::front::Front;
use crate::guard::GuardedAcceptor;
use crate::jobs::Jobs;
use crate::problem::Problem;
use crate::routes::{edge, router};
use crate::server::{listen, notify, raise_file_limit};
use crate::tokens::{Role, TokenFile, Tokens};

/// The path below which the databases are.
const PREFIX: &str = "/partitions/";
/// The path of a database below which only callers are answered that may read all of it.
const ALL: &str = "all/";
/// The requests below these paths, except GET, are about the database as it is, whatever its log does: an erasure must not wait for
/// brokers. All others are questions about what the log says.
const ABOUT_DATABASE: [&str; 7] = ["erase", "holds", "retain", "compact", "trim", "verify", "audit"];
/// The time in which threads end that wrote to a client.
const THREADS_GRACE: Duration = Duration::from_secs(1);

/// What the process says about itself and its databases, beside what the databases say.
pub trait Overview: Send + Sync + 'static {
    /// Whether the process can answer; the error says why not.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> Result<(), String>;

    /// Whether it can answer, and its answers are of now; the error says why not.
    ///
    /// # Errors
    /// Why not.
    fn healthy(&self) -> Result<(), String> {
        self.ready()
    }

    /// Metrics in the text format of Prometheus.
    fn metrics(&self) -> String;

    /// What is known of all databases, or of one, as JSON; `None` if no database has this name.
    fn about(&self, name: Option<&str>) -> Option<String>;

    /// Whether questions to a database are answered; the error says why not. Requests below `all` are answered in any case.
    ///
    /// # Errors
    /// Why not.
    fn answers(&self, name: &str) -> Result<(), String>;

    /// Headers of all answers about a database, also of refusals, and if there is no such database.
    fn headers(&self, name: &str) -> Vec<(&'static str, String)>;
}

/// Answers for several databases that follow a log, on one address and with one set of tokens: every request of
/// [`Server`](crate::Server) below `/partitions/NAME`, except those that bring events, which are refused. Beside them: `/healthz`,
/// `/metrics` and `/partitions`, from an [`Overview`].
///
/// Below `/partitions/NAME/all`, the same requests are answered only to callers that may read the texts of all tenants: a part of the
/// events must not be taken for all of them. Backups and repairs ask there, so it answers also what [`Overview::answers`] refuses.
///
/// The methods block, and cannot be called by an asynchronous task. It has threads of its own.
pub struct Mounts {
    shared: Arc<Shared>,
    front: Front,
    runtime: Runtime,
}

pub(crate) struct Shared {
    config: Config,
    tokens: Arc<Tokens>,
    overview: Arc<dyn Overview>,
    mounted: RwLock<BTreeMap<String, Mounted>>,
}

struct Mounted {
    app: App,
    router: Router,
    socket: Option<SocketServer>,
    /// The alerts that are evaluated and delivered.
    alerts: Option<Running>,
}

impl Mounts {
    /// Listens on the address of the settings. Their database is a folder for what belongs to the process: its tokens.
    ///
    /// # Errors
    /// [`ServeError`] as for [`Server::start`](crate::Server::start)
    pub fn start(config: Config, overview: Arc<dyn Overview>) -> Result<Self, ServeError> {
        raise_file_limit(&config);
        let tokens = Arc::new(Tokens::open(TokenFile::of(&config.db))?);
        config.check(!tokens.is_empty())?;
        let tls = Front::tls(&config)?;
        let listener = listen(config.listen)?;
        let runtime = Builder::new_multi_thread().enable_all().thread_name("convofold-http").build()?;
        let shared = Arc::new(Shared { config, tokens, overview, mounted: RwLock::default() });
        let front = runtime.block_on(async {
            let config = &shared.config;
            let guarded = GuardedAcceptor::new(config.max_connections, config.write_timeout.0, Arc::default());
            Front::start(listener, config, tls, guarded, routes(shared.clone()))
        })?;
        Ok(Self { shared, front, runtime })
    }

    /// The address on which it listens; it has the real port if the setting is port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.front.address()
    }

    /// Tells systemd that the process is ready.
    pub fn tell_ready(&self) {
        notify(sd_notify::NotifyState::Ready);
    }

    /// What runs in the databases, and when. It does not keep the server running.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        Jobs::new(self.shared.clone(), self.runtime.handle().clone())
    }

    /// Answers for a database from now on, also on the socket in its folder. Alerts are sent only after [`Jobs::start_alerts`].
    ///
    /// # Errors
    /// [`ServeError`] if the files of the server in the folder of the database cannot be used.
    pub fn mount(&self, name: &str, db: Convofold) -> Result<(), ServeError> {
        let mut config = self.shared.config.clone();
        config.db = db.dir().to_owned();
        // They come through the log.
        (config.airship, config.superoffice_secret) = (None, BTreeMap::new());
        let app = App::of_follower(db, name, config, self.shared.tokens.clone())?;
        let _on_runtime = self.runtime.enter();
        let socket = SocketServer::start(&app);
        let socket = socket.inspect_err(|error| tracing::warn!(%error, "no socket in the folder of the database")).ok();
        let mounted = Mounted { router: router(app.clone()), app, socket, alerts: None };
        self.shared.mounted.write().insert(name.to_owned(), mounted);
        Ok(())
    }

    /// Ends the answering for a database within this time. The database stays open.
    pub fn unmount(&self, name: &str, within: Duration) {
        // The lock must not be held while it waits: requests for all databases take it.
        let mounted = self.shared.mounted.write().remove(name);
        if let Some(mounted) = mounted {
            self.runtime.block_on(mounted.end(Instant::now() + within));
        }
    }

    /// Takes no new connections, finishes requests within this time, and ends the change feeds. The databases stay open.
    pub fn stop(self, within: Duration) {
        notify(sd_notify::NotifyState::Stopping);
        let Self { shared, front, runtime } = self;
        front.shut_down(within);
        runtime.block_on(async {
            let deadline = Instant::now() + within;
            let mounted = std::mem::take(&mut *shared.mounted.write());
            for mounted in mounted.into_values() {
                mounted.end(deadline).await;
            }
            front.ended(within).await;
        });
        runtime.shutdown_timeout(THREADS_GRACE);
    }
}

impl std::fmt::Debug for Mounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounts").field("address", &self.address()).finish_non_exhaustive()
    }
}

impl Mounted {
    async fn end(self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        self.app.enter(Phase::Stopping);
        if let Some(alerts) = self.alerts {
            alerts.stop_by(deadline).await;
        }
        if let Some(socket) = &self.socket {
            socket.shut_down(left);
        }
        let _ = timeout_at(deadline, self.app.finish_exports()).await;
        self.app.enter(Phase::EndingReaders);
        if let Some(socket) = self.socket {
            socket.ended(left).await;
        }
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(healthy))
        .route("/metrics", get(metrics))
        .route("/partitions", get(about_all))
        .route("/partitions/{name}", get(about_one))
        .fallback(pass)
        .layer(from_fn(edge))
        .with_state(shared)
}

async fn ready(State(shared): State<Arc<Shared>>) -> Result<&'static str, Problem> {
    shared.overview.ready().map(|()| "ok\n").map_err(Problem::unavailable)
}

async fn healthy(State(shared): State<Arc<Shared>>) -> Result<&'static str, Problem> {
    shared.overview.healthy().map(|()| "ok\n").map_err(Problem::unavailable)
}

async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    shared.expect_reader(request)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.overview.metrics()).into_response())
}

async fn about_all(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    shared.expect_reader(request)?;
    Ok(json(shared.overview.about(None).unwrap_or_default()))
}

async fn about_one(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let name = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    shared.expect_reader(request)?;
    shared.overview.about(Some(&name)).map(json).ok_or_else(|| elsewhere(&name))
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn elsewhere(name: &str) -> Problem {
    Problem::new(StatusCode::MISDIRECTED_REQUEST, format!("partition {name} is not open here"))
}

/// Passes a request to the database that its path names.
async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().strip_prefix(PREFIX).and_then(|path| path.split_once('/'));
    let name = path.map(|(name, _)| name.to_owned()).unwrap_or_default();
    let mut response = shared.pass(request).await.into_response();
    for (header, value) in shared.overview.headers(&name) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(header), value);
        }
    }
    response
}

/// Whether a request is about what the log says. `path` has no slash at its beginning.
fn is_question(method: &Method, path: &str) -> bool {
    let name = path.strip_prefix("api/v1/").and_then(|path| path.split('/').next());
    *method == Method::GET || !name.is_some_and(|name| ABOUT_DATABASE.contains(&name))
}

/// The same address with this path, which has no slash at its beginning.
fn below(uri: &Uri, path: &str) -> Option<Uri> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/{path}{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

impl Shared {
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// What the requests to a database share; `None` if no database has this name.
    pub(crate) fn app(&self, name: &str) -> Option<App> {
        self.mounted.read().get(name).map(|mounted| mounted.app.clone())
    }

    /// Starts the alerts of a database, unless they run.
    pub(crate) fn start_alerts(&self, name: &str) -> std::io::Result<()> {
        // Locked, so that they are started once, and ended with the database.
        let mut mounted = self.mounted.write();
        if let Some(Mounted { app, alerts: alerts @ None, .. }) = mounted.get_mut(name) {
            *alerts = Running::start(app)?;
        }
        Ok(())
    }

    /// Takes the running alerts of a database.
    pub(crate) fn take_alerts(&self, name: &str) -> Option<Running> {
        self.mounted.write().get_mut(name)?.alerts.take()
    }

    async fn pass(&self, mut request: Request) -> Result<Response, Problem> {
        let no_path = || Problem::new(StatusCode::NOT_FOUND, "there is no such path: see /partitions");
        let path = request.uri().path().strip_prefix(PREFIX).ok_or_else(no_path)?;
        let (name, rest) = path.split_once('/').ok_or_else(no_path)?;
        let router = self.mounted.read().get(name).map(|mounted| mounted.router.clone());
        let router = router.ok_or_else(|| elsewhere(name))?;
        let all = rest.strip_prefix(ALL);
        let is_all = all.is_some();
        if !is_all && is_question(request.method(), rest) {
            self.overview.answers(name).map_err(Problem::unavailable)?;
        }
        *request.uri_mut() = below(request.uri(), all.unwrap_or(rest)).ok_or_else(no_path)?;
        if is_all {
            request = self.expect_reader_of_all(request)?;
        }
        let Ok(response) = router.oneshot(request).await;
        Ok(response)
    }

    /// Refuses who may not read about all tenants.
    fn expect_reader(&self, request: Request) -> Result<(), Problem> {
        let (parts, _) = request.into_parts();
        let caller = Caller::of(&parts, &self.tokens, self.config.is_private())?;
        caller.expect(Role::Read)?;
        caller.expect_all_tenants()
    }

    /// Refuses who may not read the texts of all tenants.
    fn expect_reader_of_all(&self, request: Request) -> Result<Request, Problem> {
        let (parts, body) = request.into_parts();
        let caller = Caller::of(&parts, &self.tokens, self.config.is_private())?;
        caller.expect(Role::Read)?;
        caller.expect_all_tenants()?;
        caller.expect_texts("the events of a partition")?;
        Ok(Request::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    struct Fixed;

    impl Overview for Fixed {
        fn ready(&self) -> Result<(), String> {
            Ok(())
        }

        fn healthy(&self) -> Result<(), String> {
            Err("partition 3 waits".to_owned())
        }

        fn answers(&self, name: &str) -> Result<(), String> {
            if name == "5" { Err("it has stopped".to_owned()) } else { Ok(()) }
        }

        fn metrics(&self) -> String {
            "convofold_cluster_seq{partition=\"3\"} 7\n".to_owned()
        }

        fn about(&self, name: Option<&str>) -> Option<String> {
            name.is_none_or(|name| name == "3").then(|| r#"{"seq":7}"#.to_owned())
        }

        fn headers(&self, _name: &str) -> Vec<(&'static str, String)> {
            vec![("convofold-log-seq", "7".to_owned())]
        }
    }

    struct Node {
        dir: tempfile::TempDir,
        mounts: Mounts,
        db: Convofold,
    }

    fn node() -> Node {
        let dir = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().ok();
        let config = Settings { db: Some(dir.path().to_owned()), listen, ..Settings::default() }.resolve().unwrap();
        let mounts = Mounts::start(config, Arc::new(Fixed)).unwrap();
        let db = Convofold::open(dir.path().join("p3")).unwrap();
        mounts.mount("3", db.clone()).unwrap();
        Node { dir, mounts, db }
    }

    impl Node {
        fn ask(&self, path: &str) -> (u16, ureq::http::HeaderMap, String) {
            let agent =
                ureq::Agent::new_with_config(ureq::config::Config::builder().http_status_as_error(false).build());
            let mut answer = agent.get(format!("http://{}{path}", self.mounts.address())).call().unwrap();
            let text = answer.body_mut().read_to_string().unwrap();
            (answer.status().as_u16(), answer.headers().clone(), text)
        }

        fn send(&self, path: &str) -> u16 {
            let agent =
                ureq::Agent::new_with_config(ureq::config::Config::builder().http_status_as_error(false).build());
            let event = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"open","occurred":"2026-03-02T09:15:00Z"}"#;
            agent.post(format!("http://{}{path}", self.mounts.address())).send(event).unwrap().status().as_u16()
        }
    }

    #[test]
    fn each_database_answers_below_its_path_and_says_how_far_it_has_read() {
        let node = node();
        let (status, headers, text) = node.ask("/partitions/3/api/v1/conversations?limit=5");
        assert_eq!(status, 200, "{text}");
        assert_eq!(
            (&headers["convofold-log-seq"], headers.contains_key("convofold-version")),
            (&"7".parse().unwrap(), true)
        );
        let (status, headers, _) = node.ask("/partitions/4/api/v1/conversations");
        assert_eq!((status, headers.contains_key("convofold-version")), (421, true));
        assert_eq!(node.ask("/partitions/3/api/v1/conversations/none").0, 404);
        node.mounts.unmount("3", Duration::from_secs(1));
        assert_eq!(node.ask("/partitions/3/api/v1/conversations").0, 421);
    }

    #[test]
    fn other_databases_answer_while_one_waits_for_an_export() {
        let node = node();
        let other = Convofold::open(node.dir.path().join("p4")).unwrap();
        node.mounts.mount("4", other).unwrap();
        let shared = &node.mounts.shared;
        let export = shared.mounted.read()["3"].app.export();
        std::thread::scope(|scope| {
            let unmounting = scope.spawn(|| node.mounts.unmount("3", Duration::from_secs(30)));
            while shared.mounted.read().contains_key("3") {
                std::thread::yield_now();
            }
            assert_eq!(node.ask("/partitions/4/api/v1/totals").0, 200);
            assert!(!unmounting.is_finished());
            drop(export);
        });
    }

    #[test]
    fn a_database_that_must_not_answer_refuses_questions_and_every_refusal_has_the_headers() {
        let node = node();
        let stopped = Convofold::open(node.dir.path().join("p5")).unwrap();
        node.mounts.mount("5", stopped).unwrap();
        for (path, expected) in [
            ("/partitions/5/api/v1/totals", 503),
            ("/partitions/5/all/api/v1/totals", 200),
            ("/partitions/3/api/v1/conversations/none", 404),
            ("/partitions/4/api/v1/totals", 421),
        ] {
            let (status, headers, text) = node.ask(path);
            assert_eq!((status, headers.contains_key("convofold-log-seq")), (expected, true), "{path}: {text}");
        }
        // An erasure is no question. The body is not one of an erasure.
        assert_eq!(node.send("/partitions/5/api/v1/erase"), 400);
        assert_eq!(node.send("/partitions/5/api/v1/disclose"), 503);
    }

    #[test]
    fn the_process_answers_for_itself() {
        let node = node();
        assert_eq!(["/livez", "/readyz", "/healthz"].map(|path| node.ask(path).0), [200, 200, 503]);
        assert!(node.ask("/metrics").2.contains("convofold_cluster_seq"));
        assert_eq!((node.ask("/partitions").2, node.ask("/partitions/3").2.len()), (r#"{"seq":7}"#.to_owned(), 9));
        assert_eq!((node.ask("/partitions/4").0, node.ask("/else").0), (421, 404));
    }

    #[test]
    fn a_database_that_follows_a_log_takes_events_of_the_log_only() {
        let node = node();
        for path in ["/api/v1/events", "/api/v1/batches", "/webhooks/airship", "/webhooks/superoffice"] {
            assert_eq!(node.send(&format!("/partitions/3{path}")), 409, "{path}");
        }
        assert_eq!(node.db.stats().conversations, 0);
    }

    /// The node with these tokens. A change of the file may go unnoticed for a second, so a new server reads it.
    fn with_tokens(node: Node, tokens: impl IntoIterator<Item = crate::NewToken>) -> (Node, Vec<String>) {
        std::fs::create_dir_all(node.dir.path().join("serve")).unwrap();
        let file = TokenFile::of(node.dir.path());
        let secrets = tokens.into_iter().map(|token| file.add(token).unwrap()).collect();
        let listen = "127.0.0.1:0".parse().ok();
        let config = Settings { db: Some(node.dir.path().to_owned()), listen, ..Settings::default() };
        let mounts = Mounts::start(config.resolve().unwrap(), Arc::new(Fixed)).unwrap();
        mounts.mount("3", node.db.clone()).unwrap();
        (Node { mounts, ..node }, secrets)
    }

    fn token(name: &str, tenants: Option<&str>, texts: bool) -> crate::NewToken {
        let tenants = tenants.map(|tenant| [tenant.to_owned()].into());
        crate::NewToken { name: name.to_owned(), role: Role::Read, tenants, texts }
    }

    #[test]
    fn the_tokens_of_the_process_are_those_of_all_its_databases() {
        let (node, _) = with_tokens(node(), [token("a", None, false)]);
        for path in ["/partitions/3/api/v1/totals", "/partitions", "/metrics"] {
            assert_eq!(node.ask(path).0, 401, "{path}");
        }
        assert_eq!(node.ask("/livez").0, 200);
    }

    #[test]
    fn below_all_only_readers_of_all_texts_of_all_tenants_are_answered() {
        let tokens = [token("all", None, true), token("no-texts", None, false), token("tenant", Some("north"), true)];
        let (node, secrets) = with_tokens(node(), tokens);
        let ask = |path: &str, secret: &String| {
            let config = ureq::config::Config::builder().http_status_as_error(false).build();
            let agent = ureq::Agent::new_with_config(config);
            let request = agent.get(format!("http://{}{path}", node.mounts.address()));
            request.header("authorization", format!("Bearer {secret}")).call().unwrap().status().as_u16()
        };
        let found = |path: &str| secrets.iter().map(|secret| ask(path, secret)).collect::<Vec<_>>();
        assert_eq!(found("/partitions/3/api/v1/changes?wait=0"), [200, 200, 200]);
        assert_eq!(found("/partitions/3/all/api/v1/changes?wait=0"), [200, 403, 403]);
        assert_eq!(node.ask("/partitions/3/all/api/v1/changes?wait=0").0, 401);
    }
}
