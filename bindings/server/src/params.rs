//! Query parameters and path segments, with problems as answers.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Parameters that every question will take.
const NOT_BUILT_YET: [&str; 2] = ["as_of", "known_at"];

/// The query parameters of a request. Unknown ones are refused if `T` does.
pub(crate) struct Params<T>(pub(crate) T);

/// Like [`Params`], for a question that can be about the past.
pub(crate) struct PastParams<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let names = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs);
        let asked = names.unwrap_or_default().into_iter().find(|(name, _)| NOT_BUILT_YET.contains(&name.as_str()));
        if let Some((name, _)) = asked.filter(|_| parts.method == Method::GET) {
            let detail = format!("the parameter {name} is not implemented yet: an answer is about now");
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
        }
        read(parts).map(Self)
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for PastParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        read(parts).map(Self)
    }
}

fn read<T: DeserializeOwned>(parts: &Parts) -> Result<T, Problem> {
    match Query::<T>::try_from_uri(&parts.uri) {
        Ok(Query(params)) => Ok(params),
        Err(error) => Err(Problem::bad_request(error.body_text())),
    }
}

/// The last variable segment of the path.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(segment)) => Ok(Self(segment)),
            Err(error) => Err(Problem::bad_request(error.body_text())),
        }
    }
}
