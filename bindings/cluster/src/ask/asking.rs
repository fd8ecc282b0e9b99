//! Asks partitions: one owner, the next one after a while, and all partitions at the same time.

use std::collections::HashMap;
use std::sync::Arc;

use convofold_server::{Answered, Asker, ClientError, Question};
use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::answer::{Missing, PartitionAnswer};
use super::error::GatherError;
use super::options::AskOptions;
use super::owners::{Directory, Owner};

/// The headers in which a node says how far it has read the log.
const LOG_SEQ: &str = "convofold-log-seq";
const LAG: &str = "convofold-lag";

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
        Self { directory, options, askers: Mutex::default(), answered_last: Mutex::default(), parallel }
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

    /// Asks one owner; the next one too if the first fails, or has not answered after a while. The first answer counts.
    async fn ask_one<T: 'static>(&self, partition: u32, question: &Question<T>, token: Option<&str>) -> Outcome<T> {
        let mut owners = self.owners_of(partition).into_iter();
        let deadline = Instant::now() + self.options.answer_within;
        let mut running = FuturesUnordered::new();
        let mut silent: Vec<String> = Vec::new();
        let mut why = Vec::new();
        // Each turn begins because nobody was asked yet, the last one failed, or it has not answered for a while.
        loop {
            let mut next_at = deadline;
            if let Some(owner) = owners.next() {
                silent.push(owner.node.clone());
                running.push(self.ask_owner(owner, question, token));
                next_at = deadline.min(Instant::now() + self.options.next_owner_after);
            }
            if running.is_empty() {
                return Outcome::Missing(Missing { partition, why });
            }
            let (owner, answered) = tokio::select! {
                Some(answered) = running.next() => answered,
                () = sleep_until(next_at) => {
                    if Instant::now() >= deadline {
                        let within = self.options.answer_within;
                        why.extend(silent.iter().map(|node| format!("{node} has not answered within {within:?}")));
                        return Outcome::Missing(Missing { partition, why });
                    }
                    continue;
                }
            };
            silent.retain(|node| *node != owner.node);
            match judge(answered) {
                Judged::Said(said, log_seq, lag) => {
                    self.answered_last.lock().insert(partition, owner.node.clone());
                    return Outcome::Said(said, PartitionAnswer { partition, node: owner.node, log_seq, lag });
                }
                Judged::Refused(source) => {
                    let source = Box::new(source);
                    return Outcome::Refused(GatherError::Refused { node: owner.node, source });
                }
                Judged::Failed(error) => why.push(format!("{}: {}", owner.node, error.words())),
            }
        }
    }

    /// The owners of a partition, the one that answered last first.
    fn owners_of(&self, partition: u32) -> Vec<Owner> {
        let mut owners = self.directory.owners(partition);
        let last = self.answered_last.lock().get(&partition).cloned();
        owners.sort_by_key(|owner| last.as_ref() != Some(&owner.node));
        owners
    }

    async fn ask_owner<T: 'static>(
        &self,
        owner: Owner,
        question: &Question<T>,
        token: Option<&str>,
    ) -> (Owner, Result<Answered<T>, ClientError>) {
        let answered = match self.asker(&owner.url) {
            Ok(asker) => asker.ask(&owner.path, question, token).await,
            Err(error) => Err(error),
        };
        (owner, answered)
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

enum Judged<T> {
    /// With the message up to which the log was read, and the lag.
    Said(Said<T>, Option<u64>, Option<u64>),
    Refused(ClientError),
    /// The next owner may answer.
    Failed(ClientError),
}

fn judge<T>(answered: Result<Answered<T>, ClientError>) -> Judged<T> {
    let is_refusal = |status: u16| REFUSALS.contains(&status);
    match answered {
        Ok(answered) => {
            let number = |name| answered.header(name).and_then(|value| value.parse().ok());
            let (log_seq, lag) = (number(LOG_SEQ), number(LAG));
            Judged::Said(Said::Answer(answered.answer), log_seq, lag)
        }
        Err(ClientError::Problem(refusal)) if refusal.is_nothing => {
            Judged::Said(Said::Nothing { earliest: refusal.earliest }, None, None)
        }
        Err(error) if error.status().is_some_and(is_refusal) => Judged::Refused(error),
        Err(error) => Judged::Failed(error),
    }
}
