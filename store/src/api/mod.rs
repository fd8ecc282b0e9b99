//! The handle [`Convofold`] and its methods: submit, ingest, query, scan, follow, export.
//!
//! [`check`](crate::check) and [`care`](crate::care) add the methods that verify, audit, back up and trim.

pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod ingest;
pub(crate) mod marks;
pub(crate) mod moment;
pub(crate) mod moment_report;
mod find;
mod explain;
pub(crate) mod recorded;
pub(crate) mod report;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod feed;
mod feed_stream;
pub(crate) mod export;
pub(crate) mod stats;
pub(crate) mod sorted_lines;
mod suspects;
pub(crate) mod view;
mod view_events;
mod view_report;
pub(crate) mod view_tenants;
