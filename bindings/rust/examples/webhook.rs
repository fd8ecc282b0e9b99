//! A receiver of SuperOffice webhooks that responds only after the events are durable.
//!
//! ```sh
//! cargo run -p convofold --example webhook -- --self-test
//! SUPEROFFICE_SECRET=... cargo run -p convofold --example webhook -- 127.0.0.1:8080 ./conversations
//! ```
//!
//! convofold contains no server and works with any; this example uses axum. The order matters: check the signature of the raw
//! body, parse, commit, respond. A sender that gets no response sends the webhook again, and events that are already stored
//! count as duplicates.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use convofold::ingest::signature::superoffice;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Batch, Convofold, Event, SubmitError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const SIGNATURE: &str = "X-SuperOffice-Signature";
const MAX_BODY_BYTES: usize = 1 << 20;

#[derive(Clone)]
struct Receiver {
    db: Convofold,
    secret: String,
}

/// The events and rejections of a body.
#[derive(Default)]
struct Parsed {
    events: Vec<Event>,
    rejections: Vec<Rejection>,
}

impl Sink for Parsed {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, rejection: Rejection) {
        self.rejections.push(rejection);
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !superoffice::verify(&receiver.secret, &body, signature) {
        return (StatusCode::UNAUTHORIZED, "the signature does not match the body".to_owned());
    }
    let mut parsed = Parsed::default();
    Parser::new(Format::SuperOffice, Limits::default()).parse_input(&body, &mut parsed);
    // The signature is valid, and sending the body again would not help. So the rejection is logged and the webhook
    // is acknowledged.
    for rejection in &parsed.rejections {
        eprintln!("{rejection}");
    }
    // Never blocks: if the queue is full, the sender has to wait.
    let ticket = match receiver.db.try_submit(Batch::new(parsed.events)) {
        Ok(ticket) => ticket,
        Err(SubmitError::Full(_)) => return (StatusCode::TOO_MANY_REQUESTS, "busy: send again later".to_owned()),
        Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    };
    match ticket.await {
        Ok(receipt) => {
            let new = receipt.counts.total() - receipt.counts.duplicates;
            (StatusCode::OK, format!("{new} new, {} already stored", receipt.counts.duplicates))
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

fn router(receiver: Receiver) -> Router {
    let routes = Router::new().route("/webhooks/superoffice", post(receive));
    routes.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(receiver)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_io().build()?;
    match arguments.as_slice() {
        [flag] if flag == "--self-test" => runtime.block_on(self_test()),
        [address, folder] => {
            let secret = std::env::var("SUPEROFFICE_SECRET")?;
            let db = Convofold::open(folder)?;
            let router = router(Receiver { db: db.clone(), secret });
            runtime.block_on(async { axum::serve(TcpListener::bind(address).await?, router).await })?;
            Ok(db.close()?)
        }
        _ => Err("usage: webhook --self-test | webhook ADDRESS FOLDER".into()),
    }
}

/// Listens on a free port, sends itself test requests and checks the result.
async fn self_test() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let db = Convofold::open(folder.path().join("conversations"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = router(Receiver { db: db.clone(), secret: "the secret".to_owned() });
    let server = axum::serve(listener, router).with_graceful_shutdown(async { drop(stopped.await) });
    let server = tokio::spawn(async { server.await });
    let sent = tokio::task::spawn_blocking(move || send_all(address)).await?;
    // Stop the server even if a request failed, so that the error is reported and nothing waits.
    let _ = stop.send(());
    server.await??;
    sent.map_err(|message| -> Box<dyn Error> { message.into() })?;

    let state = db.state("superoffice:Default:42")?.ok_or("the conversation is missing")?;
    assert_eq!((state.messages_in + state.messages_out + state.messages_other, db.stats().last_seq), (1, 2));
    println!("one conversation, {:?}, of {:?}", state.status, state.member.name);
    Ok(db.close()?)
}

/// The body of a SuperOffice webhook.
fn body(event_id: &str, event: &str) -> String {
    format!(
        r#"{{"EventId":"{event_id}","Timestamp":"2026-03-02T09:15:00.5Z","Event":"chatsession.{event}","PrimaryKey":42,"ContextIdentifier":"Default","FieldValues":{{"CustomerAlias":"Yara","Status":5,"UserId":7}}}}"#
    )
}

fn send_all(address: SocketAddr) -> Result<(), String> {
    let created = body("fd074d64-68ce-4db7-96b4-150dcead3412", "created");
    let message = body("e6699dd5-5ae1-48f0-870c-f47fe3b09deb", "message");
    let of = |body: &str| Some(superoffice::sign("the secret", body.as_bytes()));
    let cases = [
        ("a webhook", &created, of(&created), 200, "1 new, 0 already stored"),
        ("a second webhook", &message, of(&message), 200, "1 new, 0 already stored"),
        ("the first webhook again", &created, of(&created), 200, "0 new, 1 already stored"),
        ("no signature", &message, None, 401, "the signature does not match the body"),
        ("the signature of another body", &message, of(&created), 401, "the signature does not match the body"),
        (
            "a signature with another secret",
            &message,
            Some(superoffice::sign("a guess", message.as_bytes())),
            401,
            "the signature does not match the body",
        ),
    ];
    let nonsense = "{\"Event\":7}".to_owned();
    let all = cases.into_iter().chain([(
        "a signed body without a valid event",
        &nonsense,
        of(&nonsense),
        200,
        "0 new, 0 already stored",
    )]);
    for (what, body, signature, expected_status, expected) in all {
        let (status, answer) = send(address, body, signature.as_deref()).map_err(|error| format!("{what}: {error}"))?;
        println!("{what}: {status}, {answer}");
        if (status, answer.as_str()) != (expected_status, expected) {
            return Err(format!("{what}: expected {expected_status}, {expected}"));
        }
    }
    Ok(())
}

fn send(address: SocketAddr, body: &str, signature: Option<&str>) -> Result<(u16, String), ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("http://{address}/webhooks/superoffice"));
    if let Some(signature) = signature {
        request = request.header(SIGNATURE, signature);
    }
    let mut response = request.send(body)?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}
