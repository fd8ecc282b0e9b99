//! Erasing members while the server runs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use convofold::erase::{Erasable, Erase, EraseError, Erased, Erasure};
use convofold::{StateHash, Subject, SubjectParams};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::cleaning::Cleaned;
use crate::intake::expect_plain;
use crate::params::Params;
use crate::problem::Problem;
use crate::tokens::{Role, hex};

use super::care::not_rewritten;
use super::disclose::expect_subjects;
use super::webhooks::read_json;

/// An erasure. At least one of the lists has a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EraseRequest {
    /// Business ids and channel ids of members, `superoffice:TENANT:customer:ID` or `superoffice:TENANT:contact:ID`.
    pub members: Vec<String>,
    /// Numbers of members, with or without `+` and spaces.
    pub numbers: Vec<String>,
    /// Ids of conversations.
    pub conversations: Vec<String>,
    /// Why, for the receipt. It must not name the member. Default: `request`.
    pub rule: Option<String>,
    /// Erases open conversations too.
    pub open_too: bool,
    /// Lists the conversations that would be erased, and changes nothing.
    pub dry_run: bool,
    /// 64 hexadecimal digits from which the random ids follow, so that the owners of a partition stay comparable. Forget it
    /// afterwards.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub seed: Option<String>,
}

impl EraseRequest {
    /// An erasure of these subjects.
    #[must_use]
    pub fn of(subjects: &[Subject]) -> Self {
        let SubjectParams { members, numbers, conversations } = subjects.iter().collect();
        Self { members, numbers, conversations, ..Self::default() }
    }

    /// With a random seed, for several databases with the same events.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seeded(self) -> std::io::Result<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self { seed: Some(hex(&secret)), ..self })
    }
}

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct EraseAnswer {
    /// With `dry_run`: the conversations that would be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub would_erase: Option<Vec<Erasable>>,
    /// The receipt; null if nothing is about the members.
    #[schema(value_type = Option<Object>)]
    pub erased: Option<Erased>,
    /// What was removed from the files of the server.
    pub cleaned: Cleaned,
}

/// Erases members while the server runs.
///
/// Their texts, names, numbers and ids disappear from the database, and from rejects and alerts. Their conversations stay under a
/// random id, with counts, times and agents. Reads the whole database and writes it again, which needs room for a second copy;
/// questions are answered and events are taken meanwhile. One erasure, run of retention or compaction at a time.
#[utoipa::path(
    post, path = "/api/v1/erase", tag = "care",
    request_body(content = EraseRequest, content_type = "application/json"),
    responses(
        (status = 200, body = EraseAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "A legal hold, an open conversation without `open_too`, a file that cannot be cleaned, or another operation that reads or writes the whole database"),
        (status = 507, body = Problem, content_type = "application/problem+json", description = "There is no room for a second copy"),
    )
)]
pub(crate) async fn erase(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<EraseAnswer>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    expect_plain(&headers)?;
    let EraseRequest { members, numbers, conversations, rule, open_too, dry_run, seed } = read_json(&app, body).await?;
    let subjects = expect_subjects(&SubjectParams { members, numbers, conversations })?;
    let mut erase = Erase::new(subjects).open_too(open_too);
    if let Some(rule) = rule {
        erase = erase.rule(rule);
    }
    if let Some(seed) = seed {
        // The digits are not in the answer.
        let no_seed = || Problem::bad_request("seed: expected 64 hexadecimal digits");
        erase = erase.seed(secret_of(&seed).ok_or_else(no_seed)?);
    }
    if dry_run {
        let would_erase = spawn_blocking(move || erase.dry_run(&app.db)).await??;
        return Ok(Json(EraseAnswer { would_erase: Some(would_erase), ..EraseAnswer::default() }));
    }
    let turn = app.turn()?;
    let answer = spawn_blocking(move || {
        let _turn = turn;
        run(&app, erase)
    });
    Ok(Json(answer.await??))
}

/// 32 bytes from their hexadecimal digits.
fn secret_of(digits: &str) -> Option<[u8; 32]> {
    let mut secret = [0; 32];
    let is_whole = digits.len() == 2 * secret.len() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    for (byte, at) in secret.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    is_whole.then_some(secret)
}

/// Erases from the database and from the files of the server. Blocks.
fn run(app: &App, erase: Erase) -> Result<EraseAnswer, Problem> {
    let cleaned = Arc::new(Mutex::new(Cleaned::default()));
    let (cleaning, counted) = (app.clone(), cleaned.clone());
    let erase = erase.beside(move |search| {
        *counted.lock() += cleaning.clean(&|bytes| search.finds(bytes)).map_err(std::io::Error::other)?;
        Ok(())
    });
    let erased = app.db.erase(&erase);
    app.alerts.go_on();
    // Whatever happened: what is shown is computed again.
    app.show_again();
    let erased = erased.map_err(|error| not_erased(&error))?;
    let cleaned = *cleaned.lock();
    Ok(EraseAnswer { would_erase: None, erased, cleaned })
}

fn not_erased(error: &EraseError) -> Problem {
    let status = match error {
        EraseError::Held { .. } | EraseError::StillOpen { .. } | EraseError::Beside { .. } => StatusCode::CONFLICT,
        EraseError::Rewrite(error) => not_rewritten(error),
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.to_string()).with_cause(error)
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ErasuresParams {
    /// Only the erasure before which the state had this hash.
    #[param(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    hash_before: Option<StateHash>,
}

/// The receipts of erasures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasuresAnswer {
    /// In the order in which they were made. They name nobody.
    #[schema(value_type = Vec<Object>)]
    erasures: Vec<Erasure>,
}

/// The receipts of all erasures.
#[utoipa::path(
    get, path = "/api/v1/erasures", tag = "care", params(ErasuresParams),
    responses(
        (status = 200, body = ErasuresAnswer),
    )
)]
pub(crate) async fn erasures(
    State(app): State<App>,
    caller: Caller,
    Params(ErasuresParams { hash_before }): Params<ErasuresParams>,
) -> Result<Json<ErasuresAnswer>, Problem> {
    caller.expect(Role::Admin)?;
    caller.expect_all_tenants()?;
    let erasures = match hash_before {
        Some(hash) => app.db.erasure_of(hash).into_iter().collect(),
        None => app.db.erasures(),
    };
    Ok(Json(ErasuresAnswer { erasures }))
}
