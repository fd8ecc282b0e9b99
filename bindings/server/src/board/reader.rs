//! A reader of a board: server-sent events, the newest board first.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use http_body_util::StreamBody;
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::hub::Watcher;
use super::view::View;
use crate::app::{App, Phase};
use crate::caller::Caller;

/// How often a reader's token is looked up.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The number of looks from one clock to the next. A page that misses it shows that it may be out of date.
const LOOKS_PER_CLOCK: u64 = 5;

pub(crate) const SIGNED_OUT: Bytes = Bytes::from_static(b"event: signed_out\ndata: {}\n\n");

/// A response that follows a view until the client or the server ends it. Must be called on a runtime.
pub(crate) fn follow(app: App, caller: Caller, view: View, permit: OwnedSemaphorePermit) -> Response {
    // One event ahead: a reader that is slow gets the newest board when it has read the one before.
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        let watcher = app.watch(view);
        tokio::select! {
            // Ends when the client is gone, does not read, or is signed out.
            _ = send(&app, &caller, watcher, &sender) => {}
            () = sender.closed() => {}
            () = app.reach(Phase::EndingReaders) => {}
        }
    });
    event_stream(receiver)
}

/// A response of server-sent events.
pub(crate) fn event_stream(receiver: Receiver<Bytes>) -> Response {
    let frames = ReceiverStream::new(receiver).map(|event| Ok::<_, Infallible>(Frame::data(event)));
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Returns `None` at the end.
async fn send(app: &App, caller: &Caller, mut watcher: Watcher, sender: &Sender<Bytes>) -> Option<()> {
    let put = |event: Bytes| async move { timeout(app.write_timeout(), sender.send(event)).await.ok()?.ok() };
    put(watcher.board().await?.event).await?;
    let mut looks = interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut number = 0;
    loop {
        tokio::select! {
            news = watcher.news() => {
                let news = news?;
                let is_old = news.is_old();
                put(news.event).await?;
                if is_old {
                    put(watcher.clock()).await?;
                }
            }
            _ = looks.tick() => {
                if !caller.is_known(app) {
                    put(SIGNED_OUT).await?;
                    return None;
                }
                if number % LOOKS_PER_CLOCK == 0 {
                    put(watcher.clock()).await?;
                }
                number += 1;
            }
        }
    }
}
