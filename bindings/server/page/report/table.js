// The table of a report: a row for each bucket and group, and the row of all together. Its columns can be sorted.
import { Component, createRef, html } from "../html.js";
import * as format from "../format.js";
import { addKeys } from "../keys.js";
import { navigate } from "../router.js";
import { hrefWith } from "./address.js";
import { kindOf, measuresOf, numberOf, opens, partsOf } from "./measures.js";
import { bucketName, valueName } from "./names.js";
import { NumberLink } from "./number.js";
import { columnOf, nextSort, sorted } from "./order.js";
import { words as text } from "./text.js";

/** Rows in the document at first, and how many more a button brings. */
const STEP = 200;

/**
 * @typedef {object} Props
 * @property {object[]} rows
 * @property {object} total the row of all together
 * @property {boolean} isFixed whether the bounds of the total are those of its list
 * @property {string[]} by
 * @property {string | null} every
 * @property {string | null} sort
 * @property {string} zone
 */

/** @extends {Component<Props>} */
export class Table extends Component {
  state = { size: STEP };
  body = createRef();

  componentDidMount() {
    this.removeKeys = addKeys({ j: () => this.moveBy(0, 1), k: () => this.moveBy(0, -1) });
  }

  componentWillUnmount() {
    this.removeKeys();
  }

  /** Another number gets the focus: the next one of a row, or of a column. @returns `false` while the table is hidden */
  moveBy(across, down) {
    if (this.body.current.offsetParent === null) return false;
    const grid = [...this.body.current.querySelectorAll("tr")];
    const cell = document.activeElement?.closest?.("td");
    const row = cell ? grid.indexOf(cell.parentElement) : -1;
    const first = () => this.body.current.querySelector("td a");
    const next = row < 0 ? first() : across === 0 ? linkBelow(grid, row, down, cell.cellIndex) : linkBeside(grid[row], cell.cellIndex, across);
    next?.focus();
    return true;
  }

  onKey(event) {
    const [across, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (across === undefined || event.ctrlKey || event.metaKey || event.altKey || !event.target.closest("td")) return;
    event.preventDefault();
    this.moveBy(across, down);
  }

  render({ rows, total, isFixed, by, every, sort, zone }, { size }) {
    const measures = measuresOf(total);
    const lead = by.length + (every ? 1 : 0);
    const shown = sorted(rows, sort, valueName).slice(0, size);
    return html`<section class="panel" data-panel="numbers" aria-labelledby="numbers-title">
      <header><h2 id="numbers-title">${text.numbers}</h2><span class="soft">${text.rowsShown(shown.length, rows.length)}</span></header>
      <div class="wide" tabindex="0" role="region" aria-label=${text.scrolls} onKeyDown=${(event) => this.onKey(event)}>
        <table class="numbers-of-report">
          <${Heads} by=${by} every=${every} measures=${measures} sort=${sort} />
          <tbody ref=${this.body}>${shown.map((row) => html`<${Row} key=${`${row.from} ${JSON.stringify(row.by)}`} row=${row} by=${by} every=${every} zone=${zone} measures=${measures} />`)}</tbody>
          <tfoot><tr data-row="total">
            <th scope="row">${text.allTogether}</th>
            ${lead > 1 && html`<td colspan=${lead - 1}></td>`}
            <${Numbers} row=${isFixed ? total : { ...total, from: null, to: null }} measures=${measures} />
          </tr></tfoot>
        </table>
      </div>
      ${rows.length > size && html`<p class="more-rows"><button type="button" onClick=${() => this.setState({ size: size + STEP })}>${text.moreRows(Math.min(STEP, rows.length - size))}</button></p>`}
    </section>`;
  }
}

function linkBelow(grid, row, step, index) {
  for (let at = row + step; grid[at]; at += step) {
    const link = grid[at].cells[index]?.querySelector("a");
    if (link) return link;
  }
  return null;
}

function linkBeside({ cells }, index, step) {
  for (let at = index + step; cells[at]; at += step) {
    const link = cells[at].querySelector("a");
    if (link) return link;
  }
  return null;
}

/** Two rows: the measures, and their numbers. */
function Heads({ by, every, measures, sort }) {
  const lead = [...(every ? [["from", text.time]] : []), ...by.map((name) => [`by.${name}`, capital(text.groups[name] ?? name)])];
  const isSingle = (measure) => partsOf(measure).length === 1;
  return html`<thead>
    <tr>
      ${lead.length === 0 && html`<th rowspan="2" scope="col">${text.time}</th>`}
      ${lead.map(([column, name]) => html`<${Head} key=${column} column=${column} name=${name} sort=${sort} rows="2" />`)}
      ${measures.map((measure) => isSingle(measure)
        ? html`<${Head} key=${measure} column=${measure} name=${text.measure(measure)} title=${text.definition(measure)} sort=${sort} rows="2" isNumber />`
        : html`<th key=${measure} scope="colgroup" class="measure" colspan=${partsOf(measure).length} title=${text.definition(measure)}>${text.measure(measure)}</th>`)}
    </tr>
    <tr>${measures.filter((measure) => !isSingle(measure)).flatMap((measure) => partsOf(measure).map((part, i) => html`<${Head} key=${`${measure}.${part}`} column=${`${measure}.${part}`} name=${text.parts[part]} of=${text.measure(measure)} sort=${sort} isNumber isFirst=${i === 0} />`))}</tr>
  </thead>`;
}

const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/** The head of a column: a button that sorts by it. */
function Head({ column, name, of = null, title, sort, rows = "1", isNumber = false, isFirst = isNumber && of === null }) {
  const isSorted = columnOf(sort) === column;
  const direction = isSorted ? (sort.startsWith("-") ? "descending" : "ascending") : undefined;
  const choose = () => navigate(hrefWith(location.search, { sort: nextSort(sort, column) }), { replace: true });
  return html`<th scope="col" rowspan=${rows} title=${title} aria-sort=${direction} class=${classes(isNumber && "number", isFirst && "measure")}>
    <button type="button" class="link" onClick=${choose}><span class="sort" aria-hidden="true">${isSorted ? (direction === "ascending" ? "▲" : "▼") : ""}</span>${of && html`<span class="hidden-text">${of}, </span>`}${name}</button>
  </th>`;
}

const classes = (...names) => names.filter(Boolean).join(" ") || undefined;

/** @extends {Component<{row: object, by: string[], every: string | null, zone: string, measures: string[]}>} */
class Row extends Component {
  shouldComponentUpdate({ row, measures, every, zone }) {
    const old = this.props;
    return row !== old.row || every !== old.every || zone !== old.zone || measures.join() !== old.measures.join() || location.search !== this.search;
  }

  render({ row, by, every, zone, measures }) {
    this.search = location.search;
    const span = text.between(format.exact(row.from, zone), format.exact(row.to, zone));
    const lead = [...(every ? [html`<time datetime=${new Date(row.from).toISOString()} title=${span}>${bucketName(row.from, every, zone)}</time>`] : []), ...by.map((name) => html`<bdi title=${valueName(row, name)}>${valueName(row, name)}</bdi>`)];
    if (lead.length === 0) lead.push(html`<span title=${span}>${text.buckets[""]}</span>`);
    return html`<tr>
      ${lead.map((cell, i) => (i === 0 ? html`<th scope="row" key=${i}>${cell}</th>` : html`<td key=${i}>${cell}</td>`))}
      <${Numbers} row=${row} measures=${measures} />
    </tr>`;
  }
}

/** The numbers of a row. The tab key stops at the first one; arrows lead to the others. */
function Numbers({ row, measures }) {
  const cells = measures.flatMap((measure) => partsOf(measure).map((part, i) => ({ measure, part, isFirst: i === 0 })));
  const stop = cells.findIndex(({ measure, part }) => opens(part, numberOf(row[measure], part)));
  return cells.map(({ measure, part, isFirst }, i) => html`<td key=${`${measure} ${part}`} class=${classes("number", isFirst && "measure")} data-number=${part === "" ? measure : `${measure}.${part}`}>
    <${NumberLink} measure=${measure} part=${part} value=${row[measure]} from=${row.from} to=${row.to} group=${row.by} isStop=${i === stop} />
  </td>`);
}

/** Messages of unknown direction in the response times of a row. */
export function unknownOf(total) {
  return measuresOf(total)
    .filter((measure) => ["distribution", "outcome"].includes(kindOf(measure)))
    .reduce((most, measure) => Math.max(most, total[measure].unknown ?? 0), 0);
}
