//! Metrics of a server in front of a cluster. Those of the databases are at the nodes.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::session::Holder;
use super::{IntakeFigures, Relayed};
use crate::params::Params;
use crate::problem::Problem;
use crate::routes::NoParams;
use crate::routes::metrics::Page;

/// Counters and gauges, in the text format of Prometheus.
pub(super) async fn metrics(
    State(relayed): State<Relayed>,
    holder: Holder,
    _: Params<NoParams>,
) -> Result<Response, Problem> {
    relayed.expect_all_tenants(holder).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text(&relayed)).into_response())
}

fn text(relayed: &Relayed) -> String {
    let mut out = Page::default();
    out.family("convofold_build_info", "gauge", "The version.");
    out.sample("convofold_build_info", &[("version", &env!("CARGO_PKG_VERSION"))], &1);
    out.family("convofold_webhook_requests_total", "counter", "Webhooks by source and status of the response.");
    for (source, status, count) in relayed.meter.webhooks() {
        out.sample("convofold_webhook_requests_total", &[("source", &source), ("status", &status)], &count);
    }
    out.family("convofold_rejections_total", "counter", "Inputs that cannot be events, by reason.");
    for (reason, count) in relayed.meter.rejections() {
        out.sample("convofold_rejections_total", &[("reason", &reason)], &count);
    }
    let figures = relayed.intake.as_ref().map(|intake| intake.figures()).unwrap_or_default();
    let IntakeFigures { acknowledged, unacknowledged, repeated, refused, waiting_partitions } = figures;
    for (name, help, total) in [
        ("convofold_log_acknowledged_total", "Messages that are in the log, and its rejects.", acknowledged),
        ("convofold_log_repeated_total", "Attempts that the log did not acknowledge.", repeated),
        ("convofold_log_refused_total", "Messages that the log never takes.", refused),
    ] {
        out.family(name, "counter", help);
        out.sample(name, &[], &total);
    }
    for (name, help, value) in [
        ("convofold_log_unacknowledged", "Messages on their way into the log.", unacknowledged),
        (
            "convofold_log_waiting_partitions",
            "Partitions that did not take a message at the last attempt.",
            waiting_partitions,
        ),
        ("convofold_screens", "Readers of the board and of conversations.", relayed.screen_count()),
    ] {
        out.family(name, "gauge", help);
        out.sample(name, &[], &value);
    }
    out.text
}
