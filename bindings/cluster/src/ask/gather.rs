//! Asks all partitions of a log as if they were one database.

use std::future::Future;
use std::sync::Arc;

use convofold::{Time, When};
use tokio::runtime::Runtime;

use super::asking::Asking;
use super::error::GatherError;
use super::options::AskOptions;
use super::owners::Directory;
use super::view::GatherView;
use crate::Partitions;

/// Threads that read answers.
const THREADS: usize = 2;

/// Asks the partitions of a log as if they were one database.
///
/// Every partition is asked at the same time: one owner, and the next one too if it has not answered after 300 ms. Answers name the
/// partitions that are missing ([`Gathered`](super::Gathered)). Each partition answers about its own present, so two numbers
/// of an answer can be some milliseconds apart.
///
/// Everything blocks; do not call it on a runtime of tokio, except in `spawn_blocking`. A clone asks over the same connections.
#[derive(Clone)]
pub struct Gather {
    shared: Arc<Shared>,
    token: Option<Arc<str>>,
}

struct Shared {
    asking: Arc<Asking>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Gather {
    /// Asks these owners. Connects with the first question.
    ///
    /// # Errors
    /// [`GatherError::Start`] if no threads can be started.
    pub fn new(owners: impl Directory + 'static, options: AskOptions) -> Result<Self, GatherError> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(THREADS).thread_name("convofold-gather").enable_all();
        let runtime = Some(builder.build().map_err(GatherError::Start)?);
        let token = options.token.as_deref().map(Arc::from);
        let asking = Arc::new(Asking::new(Box::new(owners), options));
        Ok(Self { shared: Arc::new(Shared { asking, runtime }), token })
    }

    /// Asks with another token, over the same connections.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { shared: self.shared.clone(), token: token.map(Arc::from) }
    }

    /// The partitions of the log.
    #[must_use]
    pub fn partitions(&self) -> Partitions {
        self.shared.asking.directory.partitions()
    }

    /// The cluster now: each partition at its own present.
    #[must_use]
    pub fn now(&self) -> GatherView<'_> {
        GatherView::new(self, None, None)
    }

    /// The cluster at a moment. Times before now count before this call, for all partitions alike.
    ///
    /// # Errors
    /// [`GatherError::Seq`] if `known_at` is a sequence number.
    pub fn at(&self, as_of: Option<When>, known_at: Option<When>) -> Result<GatherView<'_>, GatherError> {
        let now = Time::now();
        let fixed = |when| match when {
            When::Ago { ms } => {
                let ms = now.ms().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
                When::At(Time::from_ms(ms).unwrap_or(Time::MIN))
            }
            when => when,
        };
        if let Some(When::Seq(seq)) = known_at {
            return Err(GatherError::Seq { seq });
        }
        Ok(GatherView::new(self, as_of.map(fixed), known_at.map(fixed)))
    }

    pub(super) fn asking(&self) -> &Arc<Asking> {
        &self.shared.asking
    }

    pub(super) fn token(&self) -> Option<Arc<str>> {
        self.token.clone()
    }

    pub(super) fn wait<T>(&self, answer: impl Future<Output = Result<T, GatherError>>) -> Result<T, GatherError> {
        match &self.shared.runtime {
            Some(runtime) => runtime.block_on(answer),
            None => Err(GatherError::Start(std::io::Error::other("it is being dropped"))),
        }
    }
}

impl Drop for Shared {
    /// Also on a runtime, which must not wait for another one.
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gather").field("partitions", &self.partitions().count()).finish_non_exhaustive()
    }
}
