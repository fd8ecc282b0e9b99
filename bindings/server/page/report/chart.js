// A chart of one measure over time: a bar for each bucket, and a thin line above it.
import { Component, html } from "../html.js";
import { HEIGHT, heightOf, roundDuration, roundTop } from "../chart.js";
import { NumberLink } from "./number.js";
import { barPart, drawn, isEmpty, kindOf, partsOf, shown } from "./measures.js";
import { axisName, bucketName, groupName } from "./names.js";
import { words as text } from "./text.js";

const SLOT = 16;
/** Above this number of buckets a pointer has no title of its own for each. */
const TITLES = 200;
/** The labels under a chart. */
const LABELS = 6;
/** The charts of groups. */
const GROUPS = 12;

/** The top of the scale of a measure, for rows that are drawn together. */
export function topOf(measure, rows) {
  const most = rows.flatMap((row) => Object.values(drawn(measure, row[measure]))).reduce((a, b) => Math.max(a, b ?? 0), 0);
  const kind = kindOf(measure);
  if (kind === "outcome") return 1;
  return kind === "level" || kind === "count" ? roundTop(Math.max(3, most)) : roundDuration(most);
}

/** The bars and the lines as paths. */
export function pathsOf(measure, rows, top) {
  const paths = { bars: "", lines: "" };
  rows.forEach((row, i) => {
    const { bar, line } = drawn(measure, row[measure]);
    const left = i * SLOT;
    if (bar) paths.bars += `M${left + 2} ${HEIGHT}V${heightOf(bar, top)}H${left + SLOT - 2}V${HEIGHT}z`;
    if (line) paths.lines += `M${left + SLOT / 2} ${heightOf(bar ?? 0, top)}V${heightOf(line, top)}M${left + 5} ${heightOf(line, top)}h${SLOT - 10}`;
  });
  return paths;
}

/** Where the labels of buckets stand: as many as have room, and how many buckets each spans. */
export function labelsOf(rows) {
  const step = Math.ceil(rows.length / LABELS);
  return rows.map((row, i) => ({ row, span: Math.min(step, rows.length - i) })).filter((_, i) => i % step === 0);
}

/** @extends {Component<{measure: string, rows: object[], top: number, every: string, zone: string, group: string | null, id: string}>} */
class Plot extends Component {
  shouldComponentUpdate({ measure, rows, top }) {
    const old = this.props;
    return measure !== old.measure || rows !== old.rows || top !== old.top;
  }

  render({ measure, rows, top, every, zone, group, id }) {
    const width = SLOT * rows.length;
    const { bars, lines } = pathsOf(measure, rows, top);
    const name = (row) => bucketName(row.from, every, zone);
    return html`<div class="plot is-report">
      <svg viewBox=${`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-labelledby=${`${id}-title ${id}-desc`}>
        <title id=${`${id}-title`}>${text.chartOf(measure, group)}</title>
        <desc id=${`${id}-desc`}>${summary(measure, rows, every, zone)}</desc>
        <path class="grid" d=${`M0 0H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT}H${width}`} />
        <path class="bars" d=${bars} />
        <path class="lines" d=${lines} />
        ${rows.length <= TITLES && rows.map((row, i) => html`<path key=${row.from} class="target" d=${`M${i * SLOT} 0h${SLOT}v${HEIGHT}h-${SLOT}z`}><title>${`${name(row)}: ${said(measure, row[measure])}`}</title></path>`)}
      </svg>
      <span class="scale">${shown(measure, barPart(measure), top)}</span>
      <ol aria-hidden="true">${labelsOf(rows).map(({ row, span }) => html`<li key=${row.from} style=${{ flexGrow: span }}>${axisName(row.from, rows, every, zone)}</li>`)}</ol>
    </div>`;
  }
}

/** The numbers of a value in words: `half within 3m 00s, 90% within 9m 12s, number 12, pending 4`. */
function said(measure, value) {
  return partsOf(measure)
    .map((part) => [text.parts[part], shown(measure, part, (part === "" ? value : value?.[part]) ?? null)].filter(Boolean).join(" "))
    .join(", ");
}

/** What a chart shows, for those who do not see it. */
function summary(measure, rows, every, zone) {
  const name = (row) => bucketName(row.from, every, zone);
  const bar = (row) => drawn(measure, row[measure]).bar;
  const most = rows.filter((row) => bar(row) !== null).reduce((a, b) => (a && bar(a) >= bar(b) ? a : b), null);
  return text.chartSays(name(rows[0]), name(rows.at(-1)), most && { number: shown(measure, barPart(measure), bar(most)), at: name(most) });
}

/**
 * One measure over time: all together, and on demand each group and the numbers.
 * @extends {Component<{measure: string, rows: object[], grouped: object[], by: string[], every: string, zone: string}>}
 */
export class Chart extends Component {
  state = { hasTable: false, hasGroups: false };

  render({ measure, rows, grouped, by, every, zone }, { hasTable, hasGroups }) {
    const id = `chart-${measure.replace(/\W/g, "-")}`;
    const kind = kindOf(measure);
    return html`<figure class="panel chart" data-chart=${measure}>
      <figcaption><h3>${text.measure(measure)}</h3><p class="soft">${text.definition(measure)}</p></figcaption>
      ${rows.every((row) => isEmpty(measure, row[measure]))
        ? html`<p class="soft">${text.noValue}</p>`
        : html`<${Plot} measure=${measure} rows=${rows} top=${topOf(measure, rows)} every=${every} zone=${zone} group=${null} id=${id} />
            ${text.keyOf[kind] && html`<p class="soft">${text.keyOf[kind]}</p>`}
            ${by.length > 0 && html`<details onToggle=${(event) => this.setState({ hasGroups: event.currentTarget.open })}>
              <summary>${text.groupsOf(by)}</summary>
              ${hasGroups && html`<${Groups} measure=${measure} rows=${rows} grouped=${grouped} every=${every} zone=${zone} id=${id} />`}
            </details>`}
            <details onToggle=${(event) => this.setState({ hasTable: event.currentTarget.open })}>
              <summary>${text.asTable}</summary>
              ${hasTable && html`<${ChartTable} measure=${measure} rows=${rows} every=${every} zone=${zone} />`}
            </details>`}
    </figure>`;
  }
}

/** A chart for each group, on one scale so that they can be compared. */
function Groups({ measure, rows, grouped, every, zone, id }) {
  const groups = seriesOf(measure, rows, grouped);
  const few = groups.slice(0, GROUPS);
  const top = topOf(measure, few.flatMap((group) => group.rows));
  return html`${groups.length > few.length && html`<p class="soft">${text.firstGroups(few.length, groups.length)}</p>`}
    <div class="few-charts">${few.map((group, i) => html`<div key=${group.name}>
      <p><bdi>${group.name}</bdi></p>
      <${Plot} measure=${measure} rows=${group.rows} top=${top} every=${every} zone=${zone} group=${group.name} id=${`${id}-${i}`} />
    </div>`)}</div>`;
}

/**
 * The rows of each group that has a value, with a place for each bucket.
 * @param {object[]} rows of all buckets
 * @param {object[]} grouped rows of buckets and groups
 */
export function seriesOf(measure, rows, grouped) {
  const places = new Map(rows.map((row, i) => [row.from, i]));
  const groups = new Map();
  for (const row of grouped) {
    if (isEmpty(measure, row[measure])) continue;
    const key = JSON.stringify(row.by);
    if (!groups.has(key)) groups.set(key, { name: groupName(row.by), rows: rows.map(({ from }) => ({ from, [measure]: null })) });
    const at = places.get(row.from);
    if (at !== undefined) groups.get(key).rows[at] = row;
  }
  return [...groups.values()];
}

/** The numbers of a chart. */
function ChartTable({ measure, rows, every, zone }) {
  const parts = partsOf(measure);
  return html`<table class="chart-numbers">
    <thead><tr><th scope="col">${text.time}</th>${parts.map((part) => html`<th key=${part} scope="col" class="number">${text.parts[part] || text.measure(measure)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.from}><th scope="row">${bucketName(row.from, every, zone)}</th>
      ${parts.map((part) => html`<td key=${part} class="number"><${NumberLink} measure=${measure} part=${part} value=${row[measure]} from=${row.from} to=${row.to} group=${null} /></td>`)}</tr>`)}</tbody>
  </table>`;
}
