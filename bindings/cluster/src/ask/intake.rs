//! Events that `convofold serve` in front of a cluster takes go into the log.

use convofold::Event;
use convofold::ingest::Rejection;
use convofold_server::{Intake, IntakeFigures, NotPut, Putting};

use crate::nats::{PublishError, Publisher};

impl Intake for Publisher {
    fn put<'a>(&'a self, source: &'a str, events: &'a [Event], rejections: &'a [Rejection]) -> Putting<'a> {
        Box::pin(async move {
            self.deliver(source, events, rejections).await.map_err(|error| match error {
                PublishError::Refused { why, .. } => NotPut::Refused { why },
                error @ PublishError::Stopped { .. } => NotPut::Unavailable { why: error.to_string() },
            })
        })
    }

    fn figures(&self) -> IntakeFigures {
        let published = self.published();
        IntakeFigures {
            acknowledged: published.acknowledged + published.rejected,
            unacknowledged: published.unacknowledged,
            repeated: published.repeated,
            refused: published.refused,
            waiting_partitions: published.waiting.iter().filter(|(_, why)| why.is_some()).count() as u64,
        }
    }
}
