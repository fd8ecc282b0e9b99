//! Asks partitions: one owner, the next one after a while, and all partitions at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use convofold_server::{Answered, Asker, ClientError, Question};
use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::answer::{Missing, PartitionAnswer};
use super::error::GatherError;
use super::options::AskOptions;
use super::owners::{Directory, Owner};
use crate::headers;

/// An answer is stale if the node verified longer ago that it follows the log, or is further behind.
const MAX_AGE_MS: u64 = 30_000;

/// The statuses of a question that each node refuses.
const REFUSALS: [u16; 6] = [400, 401, 403, 409, 410, 422];

/// Asks partitions.
pub(super) struct Asking {
    pub(super) directory: Box<dyn Directory>,
    pub(super) options: AskOptions,
    /// By the URL of the node.
    askers: Mutex<HashMap<String, Arc<Asker>>>,
    /// The node that answered last, by partition. It is asked first.
    answered_last: Mutex<HashMap<u32, String>>,
    /// The partitions and nodes whose last answer was stale. They are asked last.
    stale: Mutex<HashSet<(u32, String)>>,
    parallel: Semaphore,
}

/// What a partition says.
pub(super) enum Said<T> {
    Answer(T),
    /// It had no event at the moment.
    Nothing {
        earliest: Option<i64>,
    },
}

/// What became of asking a partition.
enum Outcome<T> {
    Said(Said<T>, PartitionAnswer),
    Missing(Missing),
    Refused(GatherError),
}

/// What several partitions say, in their order.
pub(super) struct Parts<T> {
    pub(super) said: Vec<(u32, T)>,
    /// The earliest of the times of partitions that had no event at the moment.
    pub(super) earliest: Option<i64>,
    pub(super) partitions: Vec<PartitionAnswer>,
    pub(super) missing: Vec<Missing>,
}

impl Asking {
    pub(super) fn new(directory: Box<dyn Directory>, options: AskOptions) -> Self {
        let parallel = Semaphore::new(options.parallel_partitions);
        Self {
            directory,
            options,
            askers: Mutex::default(),
            answered_last: Mutex::default(),
            stale: Mutex::default(),
            parallel,
        }
    }

    /// Asks each of these partitions its question.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        questions: impl IntoIterator<Item = (u32, Arc<Question<T>>)>,
        token: Option<Arc<str>>,
    ) -> Result<Parts<T>, GatherError> {
        // A question that is dropped ends them.
        let mut tasks = JoinSet::new();
        let mut partition_of = HashMap::new();
        for (partition, question) in questions {
            let (asking, token) = (self.clone(), token.clone());
            let task = tasks.spawn(async move {
                let _permit = asking.parallel.acquire().await;
                asking.ask_one(partition, &question, token.as_deref()).await
            });
            partition_of.insert(task.id(), partition);
        }
        let mut parts = Parts { said: Vec::new(), earliest: None, partitions: Vec::new(), missing: Vec::new() };
        while let Some(done) = tasks.join_next_with_id().await {
            let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
            let Some(partition) = partition_of.get(&id).copied() else { continue };
            let failed = |error: JoinError| Outcome::Missing(Missing { partition, why: vec![error.to_string()] });
            match done.map_or_else(failed, |(_, outcome)| outcome) {
                Outcome::Said(said, from) => {
                    parts.partitions.push(from);
                    match said {
                        Said::Answer(answer) => parts.said.push((partition, answer)),
                        Said::Nothing { earliest } => {
                            parts.earliest = parts.earliest.into_iter().chain(earliest).min();
                        }
                    }
                }
                Outcome::Missing(missing) => parts.missing.push(missing),
                Outcome::Refused(error) => return Err(error),
            }
        }
        parts.said.sort_by_key(|(partition, _)| *partition);
        parts.partitions.sort_by_key(|from| from.partition);
        parts.missing.sort_by_key(|missing| missing.partition);
        Ok(parts)
    }

    /// Asks one owner; the next one too if the first fails, gives a stale answer, or has not answered after a while. The first
    /// answer counts that is not stale, and a stale one only if no owner has a better one.
    async fn ask_one<T: 'static>(&self, partition: u32, question: &Question<T>, token: Option<&str>) -> Outcome<T> {
        let mut owners = self.owners_of(partition).into_iter();
        let deadline = Instant::now() + self.options.answer_within;
        let mut running = FuturesUnordered::new();
        let mut silent: Vec<String> = Vec::new();
        let mut why = Vec::new();
        let mut stale = None;
        // Each turn begins because nobody was asked yet, the last one failed, or it has not answered for a while.
        loop {
            let mut next_at = deadline;
            if let Some(owner) = owners.next() {
                silent.push(owner.node.clone());
                running.push(self.ask_owner(owner, question, token));
                next_at = deadline.min(Instant::now() + self.options.next_owner_after);
            }
            if running.is_empty() {
                return last_resort(stale, partition, why);
            }
            let (owner, judged) = tokio::select! {
                Some(judged) = running.next() => judged,
                () = sleep_until(next_at) => {
                    if Instant::now() >= deadline {
                        let within = self.options.answer_within;
                        why.extend(silent.iter().map(|node| format!("{node} has not answered within {within:?}")));
                        return last_resort(stale, partition, why);
                    }
                    continue;
                }
            };
            silent.retain(|node| *node != owner.node);
            match judged {
                Judged::Said(said, told) => {
                    let from = told.from(partition, owner);
                    self.note(&from);
                    if !from.is_stale {
                        return Outcome::Said(said, from);
                    }
                    if stale.as_ref().is_none_or(|(_, other): &(_, PartitionAnswer)| other.log_seq < from.log_seq) {
                        stale = Some((said, from));
                    }
                }
                Judged::Refused(source) => {
                    let source = Box::new(source);
                    return Outcome::Refused(GatherError::Refused { node: owner.node, source });
                }
                Judged::Failed(error) => why.push(format!("{}: {error}", owner.node)),
            }
        }
    }

    /// Remembers whom to ask first and last.
    fn note(&self, from: &PartitionAnswer) {
        let owner = (from.partition, from.node.clone());
        if from.is_stale {
            self.stale.lock().insert(owner);
        } else {
            self.stale.lock().remove(&owner);
            self.answered_last.lock().insert(from.partition, owner.1);
        }
    }

    /// The owners of a partition, the one that answered last first, and those with stale answers last.
    fn owners_of(&self, partition: u32) -> Vec<Owner> {
        let mut owners = self.directory.owners(partition);
        let last = self.answered_last.lock().get(&partition).cloned();
        let stale = self.stale.lock();
        owners.sort_by_cached_key(|owner| {
            (stale.contains(&(partition, owner.node.clone())), last.as_ref() != Some(&owner.node))
        });
        owners
    }

    async fn ask_owner<T: 'static>(
        &self,
        owner: Owner,
        question: &Question<T>,
        token: Option<&str>,
    ) -> (Owner, Judged<T>) {
        let judged = match self.asker(&owner.url) {
            Ok(asker) => judge(&asker, &owner, question, token).await,
            Err(error) => Judged::Failed(error.words()),
        };
        (owner, judged)
    }

    fn asker(&self, url: &str) -> Result<Arc<Asker>, ClientError> {
        let mut askers = self.askers.lock();
        if let Some(asker) = askers.get(url) {
            return Ok(asker.clone());
        }
        let asker = Arc::new(Asker::of_url(url)?);
        askers.insert(url.to_owned(), asker.clone());
        Ok(asker)
    }
}

/// What counts if no owner has given an answer that is not stale.
fn last_resort<T>(stale: Option<(Said<T>, PartitionAnswer)>, partition: u32, why: Vec<String>) -> Outcome<T> {
    match stale {
        Some((said, from)) => Outcome::Said(said, from),
        None => Outcome::Missing(Missing { partition, why }),
    }
}

enum Judged<T> {
    Said(Said<T>, Told),
    Refused(ClientError),
    /// The next owner may answer.
    Failed(String),
}

/// What the headers of an answer say of who answered.
#[derive(Default)]
struct Told {
    node: Option<String>,
    log: Option<String>,
    state: Option<String>,
    log_seq: Option<u64>,
    lag: Option<u64>,
    lag_ms: Option<u64>,
    verified_age_ms: Option<u64>,
}

impl Told {
    fn of<T>(answered: &Answered<T>) -> Self {
        let text = |name| answered.header(name).map(str::to_owned);
        let number = |name| answered.header(name).and_then(|value| value.parse().ok());
        Self {
            node: text(headers::NODE),
            log: text(headers::LOG),
            state: text(headers::STATE),
            log_seq: number(headers::LOG_SEQ),
            lag: number(headers::LAG),
            lag_ms: number(headers::LAG_MS),
            verified_age_ms: number(headers::VERIFIED_AGE_MS),
        }
    }

    /// Why it is not the owner that was asked. An address may belong to a node of another log by now.
    fn mismatch(&self, owner: &Owner) -> Option<String> {
        let log = owner.log.as_ref()?;
        let is_owner = self.node.as_ref() == Some(&owner.node) && self.log.as_ref() == Some(log);
        let found = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
        (!is_owner).then(|| {
            let (node, found_log) = (found(&self.node), found(&self.log));
            format!("expected node {} of log {log}, found node {node} of log {found_log} at {}", owner.node, owner.url)
        })
    }

    fn is_stale(&self) -> bool {
        let follows = matches!(self.state.as_deref(), Some("following" | "caught-up"));
        let is_recent = |ms: Option<u64>| ms.is_some_and(|ms| ms < MAX_AGE_MS);
        !(follows && is_recent(self.verified_age_ms) && is_recent(self.lag_ms))
    }

    fn from(self, partition: u32, owner: Owner) -> PartitionAnswer {
        let is_stale = owner.log.is_some() && self.is_stale();
        let Self { state, log_seq, lag, verified_age_ms, .. } = self;
        PartitionAnswer { partition, node: owner.node, log_seq, lag, state, verified_age_ms, is_stale }
    }
}

/// Asks an owner, and whether it is the one that was asked.
async fn judge<T: 'static>(asker: &Asker, owner: &Owner, question: &Question<T>, token: Option<&str>) -> Judged<T> {
    let (said, told) = match asker.ask(&owner.path, question, token).await {
        Ok(answered) => {
            let told = Told::of(&answered);
            (Said::Answer(answered.answer), told)
        }
        Err(ClientError::Problem(refusal)) if refusal.is_nothing => {
            (Said::Nothing { earliest: refusal.earliest }, Told::default())
        }
        Err(error) if error.status().is_some_and(|status| REFUSALS.contains(&status)) => return Judged::Refused(error),
        Err(error) => return Judged::Failed(error.words()),
    };
    let told = if owner.log.is_some() && told.node.is_none() {
        // That there is nothing comes without headers, and any server says so of a path that it does not know.
        match asker.ask(&owner.path, &Question::<Value>::new("/api/v1/totals", &[(); 0]), token).await {
            Ok(answered) => Told::of(&answered),
            Err(error) => return Judged::Failed(error.words()),
        }
    } else {
        told
    };
    match told.mismatch(owner) {
        Some(why) => Judged::Failed(why),
        None => Judged::Said(said, told),
    }
}
