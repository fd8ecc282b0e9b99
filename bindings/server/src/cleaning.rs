//! Removes members who are erased from the server's own files: rejects and alerts.

use std::ops::AddAssign;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alerts;
use crate::app::App;
use crate::config::Settings;
use crate::error::ServeError;
use crate::rejects::Rejects;

/// What was removed from the files of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct Cleaned {
    /// Number of rejects.
    pub rejects: u64,
    /// Number of alerts.
    pub alerts: u64,
    /// Number of messages of these alerts that were not delivered, and will not be.
    pub undelivered: u64,
}

impl AddAssign for Cleaned {
    fn add_assign(&mut self, more: Self) {
        let Self { rejects, alerts, undelivered } = more;
        self.rejects += rejects;
        self.alerts += alerts;
        self.undelivered += undelivered;
    }
}

impl Cleaned {
    fn of(rejects: u64, alerts: &alerts::Cleaned) -> Self {
        Self { rejects, alerts: alerts.crossings, undelivered: alerts.undelivered }
    }
}

/// Removes the rejects and the alerts in which `finds` finds something from the folder of a database that no server uses:
/// [`Erase::beside`](convofold::erase::Erase::beside) says what to look for. `finds` gets JSON.
///
/// # Errors
/// [`ServeError`] if a file cannot be read or written, or is damaged.
pub fn clean(db: &Path, finds: &dyn Fn(&[u8]) -> bool) -> Result<Cleaned, ServeError> {
    let config = Settings { db: Some(db.to_owned()), ..Settings::default() }.resolve()?;
    let rejects = remove(&Rejects::open(&config)?, finds)?;
    Ok(Cleaned::of(rejects, &alerts::clean(&config.folder(), finds)?))
}

impl App {
    /// Removes the rejects and the alerts in which `finds` finds something. No alert is evaluated until
    /// [`Alerts::go_on`](alerts::Alerts::go_on). Blocks.
    pub(crate) fn clean(&self, finds: &dyn Fn(&[u8]) -> bool) -> Result<Cleaned, ServeError> {
        let rejects = remove(&self.rejects, finds)?;
        Ok(Cleaned::of(rejects, &self.alerts.clean(&self.config.folder(), finds)?))
    }
}

fn remove(rejects: &Rejects, finds: &dyn Fn(&[u8]) -> bool) -> Result<u64, ServeError> {
    rejects
        .remove_all(|kept| finds(kept.line().as_bytes()))
        .map_err(|error| ServeError::Rejects { path: rejects.path().to_owned(), why: error.to_string() })
}
