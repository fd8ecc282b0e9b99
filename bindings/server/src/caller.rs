//! Who sends a request, and what it may do.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::app::App;
use crate::problem::Problem;
use crate::tokens::{Role, Token, Tokens};

/// The cookie with the token of somebody who signed in on the live page.
pub(crate) const COOKIE: &str = "convofold";

/// The sender of a request: the holder of a token, a process that may use the folder of the database, or any process of this
/// machine if there are no tokens.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    token: Option<Arc<Token>>,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if app.is_socket {
            return Ok(Self { token: None });
        }
        Self::of(parts, &app.tokens, app.config.is_private())
    }
}

/// The token in the cookie of the live page.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

/// Refuses requests with the cookie that do not come from the live page. The cookie is not sent from other sites, but another
/// port of the same host is the same site.
pub(crate) fn expect_from_page(parts: &Parts) -> Result<(), Problem> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return expect_own_origin(&parts.headers, &parts.uri);
    }
    match parts.headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "other pages cannot use the sign-in of the live page")),
    }
}

/// Refuses requests that do not come from a page of this server.
pub(crate) fn expect_own_origin(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(header::HOST));
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if host.zip(origin).is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "only pages of this server can send this request with a cookie"))
}

/// Refuses requests that a web page makes a browser of this machine send: those name another host, or come from a page of
/// another origin. Another port of this machine is another origin, too.
pub(crate) fn expect_local(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let refused = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
    let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("?"));
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(header::HOST));
    if let Some(host) = host.filter(|host| !is_local(host)) {
        return Err(refused(format!(
            "without tokens, only this machine is answered, not requests for the host {host:?}"
        )));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let of_origin = origin.split_once("://").map_or(origin, |(_, host)| host);
        if !is_local(of_origin) || host.is_some_and(|host| !host.eq_ignore_ascii_case(of_origin)) {
            return Err(refused(format!("without tokens, pages of the origin {origin:?} are not answered")));
        }
    }
    Ok(())
}

/// Whether a host with an optional port is this machine.
pub(crate) fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Caller {
    /// The sender of a request to a server with these tokens. `is_private`: only processes of this machine can send requests.
    pub(crate) fn of(parts: &Parts, tokens: &Tokens, is_private: bool) -> Result<Self, Problem> {
        let refused = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail);
        if let Some(given) = parts.headers.get(header::AUTHORIZATION) {
            let secret = given.to_str().ok().and_then(|given| {
                let (scheme, secret) = given.split_once(' ')?;
                scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
            });
            let secret = secret.ok_or_else(|| refused("expected the header Authorization: Bearer TOKEN"))?;
            return match tokens.find(secret) {
                Some(token) => Ok(Self { token: Some(token) }),
                None => Err(refused("this token is not known")),
            };
        }
        if let Some(secret) = cookie(&parts.headers).filter(|_| !tokens.is_empty()) {
            expect_from_page(parts)?;
            let token = tokens.find(secret);
            return token.map_or_else(
                || Err(refused("the token of this browser is not known: sign in again")),
                |token| Ok(Self { token: Some(token) }),
            );
        }
        if is_private && tokens.is_empty() {
            return expect_local(&parts.headers, &parts.uri).map(|()| Self { token: None });
        }
        Err(refused("a token is needed: add the header Authorization: Bearer TOKEN"))
    }

    /// Refuses a caller without this role. A token for some tenants can only ask questions.
    pub(crate) fn expect(&self, role: Role) -> Result<(), Problem> {
        match &self.token {
            Some(token) if !token.role.includes(role) => {
                let detail = format!("the role {role} is needed, the token {} has the role {}", token.name, token.role);
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
            _ if role == Role::Read => Ok(()),
            _ => self.expect_all_tenants(),
        }
    }

    /// Refuses a caller who may not ask about all tenants.
    pub(crate) fn expect_all_tenants(&self) -> Result<(), Problem> {
        match self.tenants() {
            None => Ok(()),
            Some(_) => {
                Err(Problem::new(StatusCode::FORBIDDEN, "this concerns all tenants, and the token is for some only"))
            }
        }
    }

    /// The name of the token; `None` without one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.token.as_ref().map(|token| token.name.as_str())
    }

    /// Whether a request of the caller would still be answered, with the same rights.
    pub(crate) fn is_known(&self, app: &App) -> bool {
        match &self.token {
            Some(token) => app.tokens.has(token),
            None => app.is_socket || app.tokens.is_empty(),
        }
    }

    /// What the caller may do.
    pub(crate) fn role(&self) -> Role {
        self.token.as_ref().map_or(Role::Admin, |token| token.role)
    }

    /// The tenants that the caller may ask about; `None`: all.
    pub(crate) fn tenants(&self) -> Option<&BTreeSet<String>> {
        self.token.as_ref().and_then(|token| token.tenants.as_ref())
    }

    /// Whether the caller may ask about conversations of this tenant.
    pub(crate) fn sees(&self, tenant: Option<&str>) -> bool {
        self.tenants().is_none_or(|tenants| tenant.is_some_and(|tenant| tenants.contains(tenant)))
    }

    /// Whether the caller may read message texts.
    pub(crate) fn reads_texts(&self) -> bool {
        self.token.as_ref().is_none_or(|token| token.texts)
    }

    /// Refuses a caller who may not read message texts.
    pub(crate) fn expect_texts(&self, what: &str) -> Result<(), Problem> {
        if self.reads_texts() {
            return Ok(());
        }
        let detail = format!("{what} contain texts, which this token may not read");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Logs that the holder of a token reads texts.
    pub(crate) fn log_texts(&self, what: &str) {
        if let Some(token) = self.token.as_ref().filter(|token| token.texts) {
            tracing::info!(target: "convofold::access", token = token.name, what, "texts are read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for host in ["localhost", "LOCALHOST:7878", "127.0.0.1:7878", "[::1]:7878", "[::1]", "127.9.9.9"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["evil.example", "evil.example:7878", "127.0.0.1.evil.example", "10.0.0.1", "", "null"] {
            assert!(!is_local(host), "{host}");
        }
    }
}
