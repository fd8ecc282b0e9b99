//! The moment that a request asks about.

use axum::http::StatusCode;
use convofold::{Moment, MomentError, Time, View, When};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// The parameters of a question about the past that has no others.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct MomentParams {
    /// Answers as it was then, with everything learned since: only events at this time or before it count. RFC 3339 with a zone,
    /// `latest`, or a time before now such as `-2h`.
    as_of: Option<String>,
    /// Answers as it was known then: only events that had arrived count. RFC 3339 with a zone, `latest`, `-2h`, or a sequence
    /// number such as `seq:812`.
    known_at: Option<String>,
}

impl MomentParams {
    pub(crate) fn bounds(&self) -> Result<Bounds, Problem> {
        Bounds::parse(self.as_of.as_deref(), self.known_at.as_deref())
    }
}

/// The conditions by which a link leads to a list at the same moment, and of the same length.
pub(crate) fn conditions_of(view: &View) -> Vec<(&'static str, String)> {
    let as_of = view.moment().as_of.map(|as_of| ("as_of", as_of.to_rfc3339()));
    as_of.into_iter().chain([("known_at", format!("seq:{}", view.seq()))]).collect()
}

/// The bounds of a request, as they were given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    as_of: Option<When>,
    known_at: Option<When>,
}

impl Bounds {
    /// Reads the parameters `as_of` and `known_at`.
    pub(crate) fn parse(as_of: Option<&str>, known_at: Option<&str>) -> Result<Self, Problem> {
        let read = |name: &str, text: Option<&str>| {
            text.map(str::parse).transpose().map_err(|error| Problem::bad_request(format!("{name}: {error}")))
        };
        Ok(Self { as_of: read("as_of", as_of)?, known_at: read("known_at", known_at)? })
    }

    /// The bounds as parameters that are about the same moment whenever they are read.
    pub(crate) fn fixed(self, now: Time) -> Vec<(&'static str, String)> {
        let fixed = |when| match when {
            When::Ago { ms } => {
                let ms = now.ms().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
                When::At(Time::from_ms(ms).unwrap_or(Time::MIN))
            }
            when => when,
        };
        let bounds = [("as_of", self.as_of), ("known_at", self.known_at)];
        bounds.into_iter().filter_map(|(name, when)| Some((name, fixed(when?).to_string()))).collect()
    }

    /// What the caller may see of the database at this moment; `None` for now. Reads the log.
    pub(crate) fn view(self, app: &App, caller: &Caller) -> Result<Option<View>, Problem> {
        if self.is_now() { Ok(None) } else { self.view_of(app, caller).map(Some) }
    }

    /// What the caller may see of the database at this moment, which can be now. Reads the log.
    pub(crate) fn view_of(self, app: &App, caller: &Caller) -> Result<View, Problem> {
        let moment = if self.is_now() { Moment::LATEST } else { self.moment(app, caller)? };
        let view = app.db.at(moment);
        Ok(match caller.tenants() {
            Some(tenants) => view.of_tenants(tenants.iter().cloned()),
            None => view,
        })
    }

    fn moment(self, app: &App, caller: &Caller) -> Result<Moment, MomentError> {
        let now = Time::now();
        match app.db.moment(self.as_of, self.known_at, now) {
            // The error tells when the first conversation of all tenants began. For a caller who may see some of them only,
            // there is just nothing at that moment.
            Err(MomentError::BeforeFirstEvent { at, .. }) if caller.tenants().is_some() => {
                Ok(Moment { as_of: Some(at), ..app.db.moment(None, self.known_at, now)? })
            }
            moment => moment,
        }
    }

    /// Like [`Bounds::view`], for a question that reads all conversations. Such questions are answered one at a time.
    pub(crate) async fn scan(
        self,
        app: &App,
        caller: &Caller,
    ) -> Result<Option<(View, OwnedSemaphorePermit)>, Problem> {
        if self.is_now() {
            return Ok(None);
        }
        let permit = app.scan().await?;
        let (asked, caller) = (app.clone(), caller.clone());
        spawn_blocking(move || Ok(self.view(&asked, &caller)?.map(|view| (view, permit)))).await?
    }

    pub(crate) fn is_now(self) -> bool {
        self.as_of.is_none() && self.known_at.is_none()
    }
}

impl From<MomentError> for Problem {
    fn from(error: MomentError) -> Self {
        match error {
            MomentError::Storage(error) => error.into(),
            MomentError::Mark(_) => {
                let detail = format!("the times of arrival cannot be read: {error}");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail).with_cause(&error)
            }
            MomentError::BeforeFirst { first, .. } | MomentError::BeforeFirstEvent { first, .. } => {
                Self::bad_request(error.to_string()).of_nothing().with_earliest(first.ms())
            }
            MomentError::Empty => Self::bad_request(error.to_string()).of_nothing(),
            error => Self::bad_request(error.to_string()),
        }
    }
}
