//! Options of a node.

use std::net::SocketAddr;
use std::path::PathBuf;

use convofold::ingest::{Format, Limits, Parser};
use convofold_server::Config;

use super::error::NodeError;
use crate::follow::follower::Acceptance;

/// Options of a node.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    pub(super) name: String,
    pub(super) server: Config,
    pub(super) url: Option<String>,
    pub(super) memory_bytes: u64,
    pub(super) parser: Parser,
    pub(super) accepted: Vec<(u32, Acceptance)>,
    pub(super) token: Option<String>,
}

impl NodeOptions {
    /// A node of this name. The database of the server's settings is the folder of the node: it has a database `p<N>` for each
    /// partition, and the tokens of the node.
    #[must_use]
    pub fn new(name: impl Into<String>, server: Config) -> Self {
        let parser = Parser::new(Format::Auto, Limits::default());
        Self { name: name.into(), server, url: None, memory_bytes: 1 << 30, parser, accepted: Vec::new(), token: None }
    }

    /// Sets the URL under which others reach the node. Default: the address on which it listens.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Sets the memory for conversations, which the partitions share evenly. Default: 1 GiB. A partition has 16 MiB at least.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Sets the parser of payloads. All owners of a partition need the same one. Default: the source is detected, times
    /// without a zone are UTC.
    #[must_use]
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// Sets the token with which the other owners are asked for their state hashes. Default: none.
    #[must_use]
    pub fn token(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }

    /// Accepts what a partition would stop for, once.
    #[must_use]
    pub fn accept(mut self, partition: u32, acceptance: Acceptance) -> Self {
        self.accepted.push((partition, acceptance));
        self
    }

    /// The folder of the database of a partition.
    pub(super) fn dir_of(&self, partition: u32) -> PathBuf {
        self.server.db.join(format!("p{partition}"))
    }

    /// Where others reach a node that listens on this address.
    pub(super) fn url_at(&self, address: SocketAddr) -> Result<String, NodeError> {
        if let Some(url) = &self.url {
            return Ok(url.trim_end_matches('/').to_owned());
        }
        if address.ip().is_unspecified() {
            return Err(NodeError::NoUrl);
        }
        let scheme = if self.server.tls_cert.is_some() { "https" } else { "http" };
        Ok(format!("{scheme}://{address}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_reach_a_node_where_it_listens_unless_that_is_everywhere() {
        let mut settings = convofold_server::Settings::default();
        settings.db = Some("n".into());
        let options = NodeOptions::new("a", settings.resolve().unwrap());
        assert_eq!(options.url_at(([10, 0, 0, 1], 7878).into()).unwrap(), "http://10.0.0.1:7878");
        assert!(matches!(options.url_at(([0, 0, 0, 0], 7878).into()), Err(NodeError::NoUrl)));
        let options = options.url("https://a.example/");
        assert_eq!(options.url_at(([0, 0, 0, 0], 7878).into()).unwrap(), "https://a.example");
    }
}
