//! Who asks. The nodes know the tokens, so they are asked what a token may do.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Asked, Relayed};
use crate::caller::{cookie, expect_from_page, expect_local};
use crate::params::Params;
use crate::problem::Problem;
use crate::routes::{NoParams, Thresholds};
use crate::tokens::Role;

/// What a node says of a token counts for this time.
const KNOWN_FOR: Duration = Duration::from_secs(30);
/// The same while no node answers.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);
/// The number of tokens that are remembered.
const MAX_KNOWN: usize = 1_024;

/// The holder of a token, or a process of this machine if only this machine can ask.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) token: Option<String>,
}

impl FromRequestParts<Relayed> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, relayed: &Relayed) -> Result<Self, Problem> {
        let refused = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
        if let Some(given) = parts.headers.get(header::AUTHORIZATION) {
            let token = given.to_str().ok().and_then(|given| {
                let (scheme, token) = given.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
            });
            let token = token.ok_or_else(|| refused("expected the header Authorization: Bearer TOKEN"))?;
            return Ok(Self { token: Some(token) });
        }
        if let Some(token) = cookie(&parts.headers) {
            expect_from_page(parts)?;
            return Ok(Self { token: Some(token.to_owned()) });
        }
        if relayed.config.is_private() {
            return expect_local(&parts.headers, &parts.uri).map(|()| Self { token: None });
        }
        Err(refused("a token is needed: add the header Authorization: Bearer TOKEN"))
    }
}

/// What the nodes said of tokens.
#[derive(Default)]
pub(super) struct Sessions {
    known: Mutex<HashMap<Option<String>, Known>>,
}

#[derive(Clone)]
struct Known {
    session: Session,
    at: Instant,
}

/// What the holder of a token may do.
#[derive(Clone, Debug, Deserialize)]
struct Session {
    role: Role,
    tenants: Option<Vec<String>>,
}

impl Relayed {
    /// What the nodes say of a token, as JSON.
    pub(super) async fn session(&self, token: Option<String>) -> Result<String, Problem> {
        self.ask(Asked { path: "/api/v1/session".to_owned(), params: Vec::new(), token }).await
    }

    /// Refuses who may not bring events.
    pub(super) async fn expect_ingest(&self, holder: Holder) -> Result<(), Problem> {
        let role = self.expect_all_tenants(holder).await?;
        if role.includes(Role::Ingest) {
            return Ok(());
        }
        let detail = format!("the role {} is needed, the token has the role {role}", Role::Ingest);
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Refuses who may not ask about all tenants. Returns the role.
    pub(super) async fn expect_all_tenants(&self, holder: Holder) -> Result<Role, Problem> {
        let Session { role, tenants } = self.known_session(holder).await?;
        match tenants {
            None => Ok(role),
            Some(_) => {
                let detail = "this concerns all tenants, and the token is for some only";
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }

    async fn known_session(&self, Holder { token }: Holder) -> Result<Session, Problem> {
        let known = self.sessions.known.lock().get(&token).cloned();
        let within = |limit| known.clone().filter(|known| known.at.elapsed() < limit).map(|known| known.session);
        if let Some(session) = within(KNOWN_FOR) {
            return Ok(session);
        }
        match self.session(token.clone()).await {
            Ok(text) => {
                let unexpected = |error| Problem::new(StatusCode::BAD_GATEWAY, format!("the session: {error}"));
                let session: Session = serde_json::from_str(&text).map_err(unexpected)?;
                let mut known = self.sessions.known.lock();
                if known.len() >= MAX_KNOWN {
                    known.clear();
                }
                known.insert(token, Known { session: session.clone(), at: Instant::now() });
                Ok(session)
            }
            // Events must not be lost because no node answers for a while.
            Err(problem) if problem.status().is_server_error() => within(REMEMBERED_FOR).ok_or(problem),
            Err(problem) => {
                self.sessions.known.lock().remove(&token);
                Err(problem)
            }
        }
    }
}

/// Who asks, with the settings of this server.
pub(super) async fn session(
    State(relayed): State<Relayed>,
    holder: Holder,
    _: Params<NoParams>,
) -> Result<Json<Value>, Problem> {
    let text = relayed.session(holder.token).await?;
    let mut session: Value = serde_json::from_str(&text).unwrap_or_default();
    let config = &relayed.config;
    session["listen"] = json!(config.listen.to_string());
    session["version"] = json!(env!("CARGO_PKG_VERSION"));
    session["zone"] = json!(config.zone);
    session["thresholds"] = json!(Thresholds::of(config));
    session["cluster"] = json!(true);
    Ok(Json(session))
}
