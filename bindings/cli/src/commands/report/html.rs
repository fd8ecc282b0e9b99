//! A report as a page that is complete in one file: a table, and a chart for each measure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use convofold::{AgentOfTenant, GroupBy, GroupValue, Measure, MeasureKind, MeasureValue, Report, ReportQuery};

use super::cells;
use super::tables::{shown, shown_number};
use crate::console::Console;
use crate::error::CliError;
use crate::output::zone::DisplayZone;
use crate::output::{Precision, time};

/// The style of the page, light and dark.
const STYLE: &str = "
:root { color-scheme: light dark; --line: #d0d7de; --text: #1f2328; --soft: #59636e; --page: #ffffff; --bar: #2563a8; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --text: #f0f6fc; --soft: #9198a1; --page: #0d1117; --bar: #6cb0f5; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); margin: 2rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .25rem; }
p, dt, dd { color: var(--soft); margin: .1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .75rem; text-align: right; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--page); }
.text { text-align: left; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 11px; }
svg rect { fill: var(--bar); } svg rect.all { fill: transparent; } svg line { stroke: var(--line); }
";

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 140.0;
/// The space below a chart, for its times.
const BELOW: f64 = 18.0;
/// The maximum number of bars of a chart.
const MAX_BARS: usize = 2_000;

/// Prints the page.
pub(super) fn print(
    report: &Report,
    query: &ReportQuery,
    zone: &DisplayZone,
    console: &mut Console,
) -> Result<(), CliError> {
    let at = |ms| zone.show(ms, Precision::Second);
    let title = format!("Report from {} to {}", at(report.from), at(report.to));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n"
    );
    let every = report.every.as_deref().unwrap_or("one bucket");
    let _ = writeln!(page, "<p>{every}; time zone {}, database of zones {}</p>", escape(&report.zone), report.tzdb);
    let _ = writeln!(page, "<p>Durations belong to the bucket of their {}.</p>", query.attribute);
    if let Some(calendar) = &query.calendar {
        let _ = writeln!(page, "<p>Durations count inside business hours ({}).</p>", escape(calendar.zone().name()));
    }
    if !query.excluded_agents.is_empty() {
        let _ = writeln!(page, "<p>Without the answers of {}.</p>", escape(&query.excluded_agents.join(", ")));
    }
    for measure in &report.measures {
        charts(&mut page, report, *measure, zone);
    }
    page.push_str("<h2>All numbers</h2>\n");
    table(&mut page, report, zone);
    page.push_str("</html>\n");
    console.out().write_all(page.as_bytes())?;
    Ok(())
}

/// A bar of a chart.
struct Bar {
    height: f64,
    /// What a reader sees who points at it.
    text: String,
    begin: i64,
    end: i64,
}

/// The charts of a measure: one for each group, or for the whole.
fn charts(page: &mut String, report: &Report, measure: Measure, zone: &DisplayZone) {
    let _ = writeln!(page, "<h2>{measure}</h2>\n<p>{}</p>", escape(measure.definition()));
    let mut groups: BTreeMap<&[(GroupBy, GroupValue)], Vec<Bar>> = BTreeMap::new();
    for row in &report.rows {
        let Some((_, value)) = row.values.iter().find(|(of, _)| *of == measure) else { continue };
        let (height, text) = (height(value), text(measure, value, row.from, zone));
        groups.entry(&row.group).or_default().push(Bar { height, text, begin: row.from, end: row.to });
    }
    // The same scale for all groups, so that they can be compared.
    let bars = groups.values().flatten();
    let highest = bars.map(|bar| bar.height).fold(0.0, f64::max);
    let label = match measure.kind() {
        MeasureKind::Distribution => "p90, highest ",
        MeasureKind::Level => "at the end, highest ",
        MeasureKind::Outcome => "met, highest ",
        _ => "highest ",
    };
    let is_time = measure.kind().unit() == "milliseconds";
    #[expect(clippy::cast_possible_truncation, reason = "a height is shown without its fraction")]
    let shown = if is_time { time::length(highest as i64) } else { highest.to_string() };
    for (group, bars) in groups.iter().filter(|(_, bars)| bars.iter().any(|bar| bar.height > 0.0)) {
        let _ = writeln!(page, "<p>{} {label}{shown}</p>", escape(&group_name(group, zone)));
        chart(page, report, bars, highest, zone);
    }
}

#[expect(clippy::cast_precision_loss, reason = "the height of a bar is not exact")]
fn height(value: &MeasureValue) -> f64 {
    match value {
        MeasureValue::Count(count) => *count as f64,
        MeasureValue::Level(level) => level.end as f64,
        MeasureValue::Duration(length) => length.unwrap_or(0) as f64,
        MeasureValue::Total(length) => *length as f64,
        MeasureValue::Distribution(of) => of.p90.unwrap_or(0) as f64,
        MeasureValue::Outcome(of) => of.met as f64,
        _ => 0.0,
    }
}

fn text(measure: Measure, value: &MeasureValue, begin: i64, zone: &DisplayZone) -> String {
    let numbers = cells::parts(measure, true).into_iter().zip(cells::numbers(measure, value, true));
    let numbers =
        numbers.map(|(part, number)| format!("{} {}", part.heading.to_lowercase(), shown_number(number, zone)));
    format!("{}: {}", zone.show(begin, Precision::Second), numbers.collect::<Vec<_>>().join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "a place in a chart is not exact")]
fn chart(page: &mut String, report: &Report, bars: &[Bar], highest: f64, zone: &DisplayZone) {
    let length = (report.to - report.from).max(1) as f64;
    let place = |ms: i64| (ms - report.from) as f64 / length * WIDTH;
    let _ = write!(page, "<svg viewBox=\"0 0 {WIDTH} {}\" width=\"{WIDTH}\">", HEIGHT + BELOW);
    for bar in bars.iter().take(MAX_BARS) {
        let (x, width) = (place(bar.begin), (place(bar.end) - place(bar.begin) - 1.0).max(0.5));
        let height = if highest > 0.0 { bar.height / highest * HEIGHT } else { 0.0 };
        let y = HEIGHT - height;
        let _ = write!(page, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>");
        let _ = write!(page, "<rect class=\"all\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\">");
        let _ = write!(page, "<title>{}</title></rect>", escape(&bar.text));
    }
    let base = HEIGHT + 0.5;
    let text = HEIGHT + BELOW - 4.0;
    let at = |ms| escape(&zone.show(ms, Precision::Second));
    let _ = write!(page, "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{base}\" y2=\"{base}\"/>");
    let _ = write!(page, "<text x=\"0\" y=\"{text}\">{}</text>", at(report.from));
    let _ = writeln!(page, "<text x=\"{WIDTH}\" y=\"{text}\" text-anchor=\"end\">{}</text></svg>", at(report.to));
    if bars.len() > MAX_BARS {
        let _ = writeln!(page, "<p>The first {MAX_BARS} of {} bars; the table has all numbers.</p>", bars.len());
    }
}

/// The name of a group. Two agents can have the same name, so the id of an agent is part of it.
fn group_name(group: &[(GroupBy, GroupValue)], zone: &DisplayZone) -> String {
    let name = |value: &(GroupBy, GroupValue)| {
        let cells = cells::group_cells(std::slice::from_ref(value), true);
        let name = cells.iter().map(|value| shown(value, zone)).collect::<Vec<_>>().join(" / ");
        match &value.1 {
            GroupValue::Agent(AgentOfTenant { id: Some(id), name: Some(_), .. }) => format!("{name} ({id})"),
            _ => name,
        }
    };
    group.iter().map(name).collect::<Vec<_>>().join(" / ")
}

fn table(page: &mut String, report: &Report, zone: &DisplayZone) {
    page.push_str("<div class=\"wide\"><table>\n<tr><th class=\"text\">from</th>");
    for name in cells::group_names(&report.by, true) {
        let _ = write!(page, "<th class=\"text\">{name}</th>");
    }
    for part in report.measures.iter().flat_map(|measure| cells::parts(*measure, true)) {
        let _ = write!(page, "<th>{}</th>", part.heading.to_lowercase());
    }
    page.push_str("</tr>\n");
    for row in &report.rows {
        let _ = write!(page, "<tr><td class=\"text\">{}</td>", zone.show(row.from, Precision::Second));
        for value in cells::group_cells(&row.group, true) {
            let _ = write!(page, "<td class=\"text\">{}</td>", escape(&shown(&value, zone)));
        }
        for number in row.values.iter().flat_map(|(measure, value)| cells::numbers(*measure, value, true)) {
            let _ = write!(page, "<td>{}</td>", escape(&shown_number(number, zone)));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in crate::output::text::one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_markup() {
        assert_eq!(escape("<b>\"A&B\"</b>"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;");
    }
}
