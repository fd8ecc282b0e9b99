//! Where events come from, and whether they still come.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use convofold::{Attribute, Event};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use utoipa::ToSchema;

use crate::airship;
use crate::app::{App, Phase};
use crate::files;
use crate::rhythm::Rhythm;
use crate::tokens::clock_ms;

/// In the folder of the server.
const FILE: &str = "upstreams.json";
/// How often changes are saved.
const SAVE_INTERVAL: Duration = Duration::from_mins(1);
/// The number of tenants that are remembered; more are not.
const MAX_TENANTS: usize = 10_000;

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Upstream {
    /// How the events come.
    pub(crate) kind: UpstreamKind,
    /// The source of the events.
    pub(crate) source: String,
    /// The tenant: the context identifier of SuperOffice. Null for a stream, and for events without one.
    pub(crate) tenant: Option<String>,
    /// The name for people: the tenant, or the source if there is none.
    pub(crate) name: String,
    /// Whether the events come.
    pub(crate) state: UpstreamState,
    /// When the last event arrived.
    pub(crate) last_at: Option<i64>,
    /// The usual time between two arrivals: 95 of 100 pauses are at most as long. Null until enough are known.
    pub(crate) usual_gap_ms: Option<i64>,
    /// Why no events come, if that is known.
    pub(crate) why: Option<String>,
    /// When the next attempt to connect is due.
    pub(crate) next_try_at: Option<i64>,
    /// How far a stream is behind.
    pub(crate) lag_ms: Option<i64>,
    /// A period whose events the upstream may have discarded before they were read.
    pub(crate) gap: Option<UpstreamGap>,
}

/// How events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpstreamKind {
    /// The server fetches them.
    Stream,
    /// They are sent to the server.
    Webhook,
}

/// Whether events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UpstreamState {
    /// They come, or a pause is not longer than usual.
    Ok,
    /// The pause is longer than three usual ones, and than five minutes.
    Quiet,
    /// The upstream refuses to send them.
    Refused,
    /// They come, but late.
    CatchingUp,
    /// There is no connection, and the next attempt is due.
    Connecting,
    /// The settings do not name it.
    NotSetUp,
}

/// A period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct UpstreamGap {
    /// Its beginning.
    pub(crate) from: i64,
    /// Its end.
    pub(crate) until: i64,
}

impl App {
    /// Every upstream at this time: Airship's stream, then what sent events, by source and tenant.
    pub(crate) fn upstreams(&self, now: i64) -> Vec<Upstream> {
        let stream = self.stream.as_ref().map_or_else(not_set_up, |stream| stream.upstream(now));
        let mut upstreams = vec![stream];
        upstreams.extend(self.deliveries.upstreams(now));
        upstreams
    }
}

/// Saves the rhythms of upstreams until the server ends.
pub(crate) async fn save_regularly(app: App) {
    loop {
        let is_last = tokio::select! {
            () = app.reach(Phase::EndingReaders) => true,
            () = sleep(SAVE_INTERVAL) => false,
        };
        let saving = app.clone();
        if spawn_blocking(move || saving.deliveries.save(saving.stream.as_ref().map(|stream| stream.rhythm())))
            .await
            .is_err()
            || is_last
        {
            return;
        }
    }
}

/// Airship's stream without settings for it.
fn not_set_up() -> Upstream {
    Upstream {
        kind: UpstreamKind::Stream,
        source: "airship".to_owned(),
        tenant: None,
        name: airship::NAME.to_owned(),
        state: UpstreamState::NotSetUp,
        last_at: None,
        usual_gap_ms: None,
        why: None,
        next_try_at: None,
        lag_ms: None,
        gap: None,
    }
}

/// By source, then by tenant.
type Rhythms = BTreeMap<String, BTreeMap<Option<String>, Rhythm>>;

/// When events were sent to the server, by source and tenant. It is saved, so that a restart does not hide who is silent.
#[derive(Default)]
pub(crate) struct Deliveries {
    path: PathBuf,
    rhythms: Mutex<Rhythms>,
    has_changed: AtomicBool,
    /// The saved rhythm of Airship's stream.
    stream: Mutex<Rhythm>,
}

/// What is saved of an upstream.
#[derive(Serialize, Deserialize)]
struct Saved {
    kind: UpstreamKind,
    source: String,
    tenant: Option<String>,
    rhythm: Rhythm,
}

impl Deliveries {
    /// Reads what was saved in the folder of the server. What cannot be read is learned again.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let (mut rhythms, mut stream) = (Rhythms::new(), Rhythm::default());
        let damaged = |error: &dyn std::fmt::Display| {
            tracing::warn!(path = %path.display(), %error, "the usual gaps of upstreams cannot be read, and are learned again");
        };
        match std::fs::read(&path).map(|text| serde_json::from_slice::<Vec<Saved>>(&text)) {
            Ok(Ok(saved)) => {
                for Saved { kind, source, tenant, rhythm } in saved.into_iter().take(MAX_TENANTS + 1) {
                    match kind {
                        UpstreamKind::Stream => stream = rhythm,
                        UpstreamKind::Webhook => drop(rhythms.entry(source).or_default().insert(tenant, rhythm)),
                    }
                }
            }
            Ok(Err(error)) => damaged(&error),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => damaged(&error),
        }
        Self { path, rhythms: Mutex::new(rhythms), has_changed: AtomicBool::new(false), stream: Mutex::new(stream) }
    }

    /// The rhythm of Airship's stream before the start.
    pub(crate) fn stream(&self) -> Rhythm {
        self.stream.lock().clone()
    }

    /// Saves what has changed, with the rhythm of the stream. Blocks.
    fn save(&self, stream: Option<Rhythm>) {
        let mut saved_stream = self.stream.lock();
        let stream = stream.unwrap_or_else(|| saved_stream.clone());
        if !self.has_changed.swap(false, Ordering::Relaxed) && stream == *saved_stream {
            return;
        }
        saved_stream.clone_from(&stream);
        let mut saved: Vec<_> = self.all(|source, tenant, rhythm| Saved {
            kind: UpstreamKind::Webhook,
            source: source.to_owned(),
            tenant: tenant.map(str::to_owned),
            rhythm: rhythm.clone(),
        });
        if stream != Rhythm::default() {
            let (kind, source) = (UpstreamKind::Stream, "airship".to_owned());
            saved.push(Saved { kind, source, tenant: None, rhythm: stream });
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let text = serde_json::to_vec(&saved).unwrap_or_default();
        if let Err(error) = files::create_folder(folder).and_then(|()| files::replace(&self.path, &text)) {
            tracing::warn!(path = %self.path.display(), %error, "the usual gaps of upstreams cannot be saved");
        }
    }

    fn all<T>(&self, make: impl Fn(&str, Option<&str>, &Rhythm) -> T) -> Vec<T> {
        let rhythms = self.rhythms.lock();
        let all = rhythms.iter().flat_map(|(source, tenants)| tenants.iter().map(move |of_tenant| (source, of_tenant)));
        all.map(|(source, (tenant, rhythm))| make(source, tenant.as_deref(), rhythm)).collect()
    }

    /// Events have arrived.
    pub(crate) fn heard(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let now = clock_ms();
        self.has_changed.store(true, Ordering::Relaxed);
        let mut rhythms = self.rhythms.lock();
        let origin = |event: &Event| (event.source().to_owned(), event.attribute(Attribute::Tenant).map(str::to_owned));
        for same in events.chunk_by(|one, next| {
            one.source() == next.source() && one.attribute(Attribute::Tenant) == next.attribute(Attribute::Tenant)
        }) {
            if let Some((source, tenant)) = same.first().map(origin) {
                heard(&mut rhythms, source, tenant, now);
            }
        }
    }

    fn upstreams(&self, now: i64) -> Vec<Upstream> {
        self.all(|source, tenant, rhythm| webhook(source, tenant, rhythm, now))
    }
}

fn heard(rhythms: &mut Rhythms, source: String, tenant: Option<String>, now: i64) {
    let is_full = || rhythms.values().map(BTreeMap::len).sum::<usize>() >= MAX_TENANTS;
    let is_known = rhythms.get(&source).is_some_and(|tenants| tenants.contains_key(&tenant));
    if is_known || !is_full() {
        rhythms.entry(source).or_default().entry(tenant).or_default().heard(now);
    }
}

fn webhook(source: &str, tenant: Option<&str>, rhythm: &Rhythm, now: i64) -> Upstream {
    Upstream {
        kind: UpstreamKind::Webhook,
        source: source.to_owned(),
        tenant: tenant.map(str::to_owned),
        name: tenant.unwrap_or(source).to_owned(),
        state: if rhythm.is_quiet(now) { UpstreamState::Quiet } else { UpstreamState::Ok },
        last_at: rhythm.last_at(),
        usual_gap_ms: rhythm.usual_gap_ms(),
        ..not_set_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_known_by_source_and_tenant_and_is_quiet_after_three_usual_gaps() {
        let deliveries = Deliveries::default();
        let minute = 60_000;
        for tenant in [None, Some("Cust1")] {
            for number in 0..20 {
                heard(
                    &mut deliveries.rhythms.lock(),
                    "superoffice".to_owned(),
                    tenant.map(str::to_owned),
                    number * 10 * minute,
                );
            }
        }
        heard(&mut deliveries.rhythms.lock(), "superoffice".to_owned(), None, 220 * minute);
        let found = deliveries.upstreams(221 * minute);
        let shown: Vec<_> =
            found.iter().map(|upstream| (upstream.name.as_str(), upstream.state, upstream.last_at)).collect();
        let expected = [
            ("superoffice", UpstreamState::Ok, Some(220 * minute)),
            ("Cust1", UpstreamState::Quiet, Some(190 * minute)),
        ];
        assert_eq!(shown, expected);
        assert_eq!(found[1].usual_gap_ms, Some(10 * minute));
    }

    #[test]
    fn what_was_learned_survives_a_restart_and_damage_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let deliveries = Deliveries::open(folder.path());
        for (source, tenant) in [("superoffice", Some("Cust1")), ("desk", None)] {
            for number in 0..20 {
                heard(&mut deliveries.rhythms.lock(), source.to_owned(), tenant.map(str::to_owned), number * 600_000);
            }
        }
        deliveries.save(None);
        assert!(Deliveries::open(folder.path()).upstreams(0).is_empty(), "nothing has changed");
        let mut stream = Rhythm::default();
        stream.heard(7);
        deliveries.save(Some(stream.clone()));
        deliveries.save(None);
        assert_eq!(Deliveries::open(folder.path()).stream(), stream);
        deliveries.has_changed.store(true, Ordering::Relaxed);
        deliveries.save(None);
        let again = Deliveries::open(folder.path());
        assert_eq!(again.upstreams(99_000_000), deliveries.upstreams(99_000_000));
        assert_eq!((again.upstreams(99_000_000)[0].state, again.stream()), (UpstreamState::Quiet, stream));
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        assert!(Deliveries::open(folder.path()).upstreams(0).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut rhythms = Rhythms::new();
        for tenant in 0..=MAX_TENANTS {
            heard(&mut rhythms, "superoffice".to_owned(), Some(tenant.to_string()), 1);
        }
        heard(&mut rhythms, "superoffice".to_owned(), Some("0".to_owned()), 2);
        assert_eq!(rhythms["superoffice"].len(), MAX_TENANTS);
        assert_eq!(rhythms["superoffice"][&Some("0".to_owned())].last_at(), Some(2));
    }
}
