//! The state hash, and the hashes that checkpoints recorded.

use axum::Json;
use axum::extract::State;
use convofold::{HashProof, MomentReport, RecordedHash, RecordedHashes, StorageError};
use serde::Serialize;
use tokio::task::spawn_blocking;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::moment::MomentParams;
use crate::params::{Params, PastParams};
use crate::problem::Problem;
use crate::tokens::Role;

use super::counts::NoParams;

/// The state hash.
#[derive(Serialize, ToSchema)]
pub(crate) struct HashAnswer {
    /// The hash is that of the events up to this sequence number, and of no other one.
    seq: u64,
    /// 64 hexadecimal digits; equal states have equal hashes.
    hash: String,
    /// The hash that a checkpoint recorded after the same events, if the answer is about `known_at` alone: `seq`,
    /// `committed_at`, `fold_version`, `hash`; absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    recorded: Option<RecordedHash>,
    /// Whether both are equal: if not, the past was rewritten. Absent without a recorded hash, or if another fold version
    /// recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    equal: Option<bool>,
    /// Number of stored values with recorded hashes that cannot be read; absent without any. One of them may have had the hash
    /// of this moment.
    #[serde(skip_serializing_if = "is_zero")]
    damaged_values: u64,
    /// The moment, if the answer is about the past: `as_of` and `known_at`, and the `time` to which ages count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    moment: Option<MomentReport>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The state hash of the database.
#[utoipa::path(
    get, path = "/api/v1/hash", tag = "out", params(MomentParams),
    responses(
        (status = 200, body = HashAnswer),
    )
)]
pub(crate) async fn hash(
    State(app): State<App>,
    caller: Caller,
    PastParams(params): PastParams<MomentParams>,
) -> Result<Json<HashAnswer>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    if let Some((view, scan)) = params.bounds()?.scan(&app, &caller).await? {
        let answer = spawn_blocking(move || {
            let _scan = scan;
            let HashProof { hash, recorded, equal, damaged_values, .. } = view.hash_proof()?;
            let (hash, moment) = (hash.to_string(), Some(view.report(None)?));
            Ok::<_, StorageError>(HashAnswer { seq: view.seq(), hash, recorded, equal, damaged_values, moment })
        });
        return Ok(Json(answer.await??));
    }
    let (seq, hash) = spawn_blocking(move || app.db.seq_and_hash()).await??;
    let hash = hash.to_string();
    Ok(Json(HashAnswer { seq, hash, recorded: None, equal: None, damaged_values: 0, moment: None }))
}

/// Recorded state hashes.
#[derive(Serialize, ToSchema)]
pub(crate) struct HashesAnswer {
    /// The answer reflects every event up to this sequence number, at least.
    seq: u64,
    /// The hashes in the order of their events: `seq`, `committed_at`, `fold_version`, `hash`.
    #[schema(value_type = Vec<Object>)]
    hashes: Vec<RecordedHash>,
    /// What is wrong with the stored values that cannot be read; absent without any. Each had up to 128 hashes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damages: Vec<String>,
}

/// The state hashes that checkpoints recorded.
///
/// `GET /api/v1/hash?known_at=seq:N` computes one of them again.
#[utoipa::path(
    get, path = "/api/v1/hashes", tag = "out",
    responses(
        (status = 200, body = HashesAnswer),
    )
)]
pub(crate) async fn hashes(
    State(app): State<App>,
    caller: Caller,
    _: Params<NoParams>,
) -> Result<Json<HashesAnswer>, Problem> {
    caller.expect(Role::Read)?;
    caller.expect_all_tenants()?;
    let seq = app.db.counters().durable_seq;
    let RecordedHashes { hashes, damages, .. } = spawn_blocking(move || app.db.recorded_hashes()).await??;
    Ok(Json(HashesAnswer { seq, hashes, damages }))
}
