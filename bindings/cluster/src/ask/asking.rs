//! Asks partitions: one owner, the next one after a while, and all partitions at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use convofold::Time;
use convofold_server::{Allowance, Asker, ClientError, Question};
use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::answer::{Missing, PartitionAnswer};
use super::error::GatherError;
use super::options::AskOptions;
use super::owners::{Directory, Owner};
use crate::headers;

/// An answer is stale if the node verified longer ago that it follows the log, or is further behind.
const MAX_AGE_MS: u64 = 30_000;

/// The owners are read again at most once in this time.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The statuses of a question that each node refuses.
pub(super) const REFUSALS: [u16; 6] = [400, 401, 403, 409, 410, 422];

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
    /// When the owners were read again last. Held while they are read, so that all who wait get what one reads.
    looked: tokio::sync::Mutex<Option<Instant>>,
    parallel: Semaphore,
}

/// What all owners are asked with.
struct AskedWith {
    known_at: Option<Time>,
    token: Option<Arc<str>>,
    allowance: Arc<Allowance>,
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
            looked: tokio::sync::Mutex::default(),
            parallel,
        }
    }

    /// Asks each of these partitions its question. An owner that has not read what the log had at `known_at` gives a stale
    /// answer.
    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        questions: impl IntoIterator<Item = (u32, Arc<Question<T>>)>,
        known_at: Option<Time>,
        token: Option<Arc<str>>,
    ) -> Result<Parts<T>, GatherError> {
        let allowance = Arc::new(Allowance::new(self.options.answer_bytes));
        let asked = Arc::new(AskedWith { known_at, token, allowance });
        // A question that is dropped ends them.
        let mut tasks = JoinSet::new();
        let mut partition_of = HashMap::new();
        for (partition, question) in questions {
            let (asking, asked) = (self.clone(), asked.clone());
            let task = tasks.spawn(async move {
                let _permit = asking.parallel.acquire().await;
                asking.ask_one(partition, &question, &asked).await
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
    async fn ask_one<T: 'static>(
        self: &Arc<Self>,
        partition: u32,
        question: &Question<T>,
        with: &AskedWith,
    ) -> Outcome<T> {
        let mut owners = self.owners_of(partition).into_iter();
        let mut asked: Vec<Owner> = Vec::new();
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
                asked.push(owner.clone());
                running.push(self.ask_owner(owner, question, with));
                next_at = deadline.min(Instant::now() + self.options.next_owner_after);
            } else if running.is_empty() {
                // Others may own the partition by now.
                let _ = timeout_at(deadline, self.look_again()).await;
                let others = self.owners_of(partition).into_iter().filter(|owner| !asked.contains(owner));
                owners = others.collect::<Vec<_>>().into_iter();
                if owners.len() == 0 {
                    return last_resort(stale, partition, why);
                }
                continue;
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
                    let from = told.from(partition, owner, with.known_at);
                    self.note(&from);
                    if !from.is_stale {
                        return Outcome::Said(said, from);
                    }
                    if stale.as_ref().is_none_or(|(_, other): &(_, PartitionAnswer)| other.log_seq < from.log_seq) {
                        stale = Some((said, from));
                    }
                }
                Judged::Refused(ClientError::TooLong { max_bytes }) => {
                    return Outcome::Refused(GatherError::TooLong { max_bytes });
                }
                Judged::Refused(source) => {
                    let source = Box::new(source);
                    return Outcome::Refused(GatherError::Refused { node: owner.node, source });
                }
                Judged::Failed(error) => {
                    why.push(format!("{}: {error}", owner.node));
                    let asking = self.clone();
                    tokio::spawn(async move { asking.look_again().await });
                }
            }
        }
    }

    /// Reads the owners again, unless that was done just now.
    async fn look_again(self: &Arc<Self>) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < LOOK_INTERVAL) {
            return;
        }
        let asking = self.clone();
        let _ = spawn_blocking(move || asking.directory.look_again()).await;
        *looked = Some(Instant::now());
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
    pub(super) fn owners_of(&self, partition: u32) -> Vec<Owner> {
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
        with: &AskedWith,
    ) -> (Owner, Judged<T>) {
        let judged = match self.asker(&owner.url) {
            Ok(asker) => judge(&asker, &owner, question, with).await,
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
pub(super) struct Told {
    node: Option<String>,
    log: Option<String>,
    state: Option<String>,
    log_seq: Option<u64>,
    lag: Option<u64>,
    lag_ms: Option<u64>,
    verified_age_ms: Option<u64>,
    /// When the question was sent, in milliseconds since the epoch.
    asked_ms: i64,
}

impl Told {
    pub(super) fn of<'a>(asked_ms: i64, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name| header(name).map(str::to_owned);
        let number = |name| header(name).and_then(|value| value.parse().ok());
        Self {
            asked_ms,
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
    pub(super) fn mismatch(&self, owner: &Owner) -> Option<String> {
        let log = owner.log.as_ref()?;
        let is_owner = self.node.as_ref() == Some(&owner.node) && self.log.as_ref() == Some(log);
        let found = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".to_owned());
        (!is_owner).then(|| {
            let (node, found_log) = (found(&self.node), found(&self.log));
            format!("expected node {} of log {log}, found node {node} of log {found_log} at {}", owner.node, owner.url)
        })
    }

    /// Whether the node has read all that the log had at this time. Of a node that has caught up it is known since its last
    /// verification only.
    fn has_read_to(&self, time: Time) -> bool {
        let behind_ms = self.lag_ms.zip(self.verified_age_ms).map(|(lag_ms, age_ms)| match lag_ms {
            0 => age_ms,
            lag_ms => lag_ms,
        });
        let read_ms = behind_ms.map(|ms| self.asked_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)));
        read_ms.is_some_and(|read_ms| time.ms() <= read_ms)
    }

    fn is_stale(&self) -> bool {
        let follows = matches!(self.state.as_deref(), Some("following" | "caught-up"));
        let is_recent = |ms: Option<u64>| ms.is_some_and(|ms| ms < MAX_AGE_MS);
        !(follows && is_recent(self.verified_age_ms) && is_recent(self.lag_ms))
    }

    pub(super) fn from(self, partition: u32, owner: Owner, known_at: Option<Time>) -> PartitionAnswer {
        let lacks = |time| !self.has_read_to(time);
        let is_stale = owner.log.is_some() && (self.is_stale() || known_at.is_some_and(lacks));
        let Self { state, log_seq, lag, verified_age_ms, .. } = self;
        PartitionAnswer { partition, node: owner.node, log_seq, lag, state, verified_age_ms, is_stale }
    }
}

/// Asks an owner, and whether it is the one that was asked. What another node says is neither an answer nor a refusal.
async fn judge<T: 'static>(asker: &Asker, owner: &Owner, question: &Question<T>, with: &AskedWith) -> Judged<T> {
    let asked_ms = Time::now().ms();
    let AskedWith { token, allowance, .. } = with;
    let (outcome, told) = match asker.ask(&owner.path, question, token.as_deref(), allowance).await {
        Ok(answered) => {
            let told = Told::of(asked_ms, |name| answered.header(name));
            (Ok(Said::Answer(answered.answer)), told)
        }
        Err(ClientError::Problem(refusal)) => {
            let told = Told::of(asked_ms, |name| refusal.header(name));
            match refusal.is_nothing {
                true => (Ok(Said::Nothing { earliest: refusal.earliest }), told),
                false => (Err(ClientError::Problem(refusal)), told),
            }
        }
        // Another owner would say as much.
        Err(error @ ClientError::TooLong { .. }) => return Judged::Refused(error),
        Err(error) => return Judged::Failed(error.words()),
    };
    match (told.mismatch(owner), outcome) {
        (Some(why), _) => Judged::Failed(why),
        (None, Ok(said)) => Judged::Said(said, told),
        (None, Err(error)) if error.status().is_some_and(|status| REFUSALS.contains(&status)) => Judged::Refused(error),
        (None, Err(error)) => Judged::Failed(error.words()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lag_ms: u64, verified_age_ms: u64) -> Told {
        Told {
            asked_ms: 100_000,
            lag_ms: Some(lag_ms),
            verified_age_ms: Some(verified_age_ms),
            state: Some("following".to_owned()),
            ..Told::default()
        }
    }

    #[test]
    fn an_owner_has_read_up_to_its_last_message_or_verification() {
        let has_read_to = |told: Told, ms| told.has_read_to(Time::from_ms(ms).unwrap());
        assert!(has_read_to(told(20_000, 5), 80_000) && !has_read_to(told(20_000, 5), 80_001));
        assert!(has_read_to(told(0, 9_000), 91_000) && !has_read_to(told(0, 9_000), 91_001));
        assert!(!has_read_to(Told { asked_ms: 100_000, ..Told::default() }, 1));
    }

    #[test]
    fn an_answer_about_what_was_known_then_is_stale_if_the_owner_had_not_read_it() {
        let owner =
            Owner { node: "a".to_owned(), url: String::new(), path: String::new(), log: Some("chat".to_owned()) };
        let is_stale =
            |known_at: Option<i64>| told(20_000, 5).from(0, owner.clone(), known_at.and_then(Time::from_ms)).is_stale;
        assert_eq!([None, Some(70_000), Some(90_000)].map(is_stale), [false, false, true]);
    }
}
