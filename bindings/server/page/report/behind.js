// What is behind a number of a report: the conversations, messages or turns that it counts.
import { Component, createRef, html } from "../html.js";
import { timeZone } from "../clock.js";
import { ask } from "../feed.js";
import * as format from "../format.js";
import { Id } from "../frame.js";
import { Icon } from "../icons.js";
import { addKeys } from "../keys.js";
import { addressAt } from "../moment.js";
import { behindQuestion, closedHref, isGroup, LIMIT, parseQuestion, rowsOf } from "./address.js";
import { countedNumber, kindOf, recounted, shown } from "./measures.js";
import { groupName } from "./names.js";
import { words as text } from "./text.js";

/** Rows in the document at first, and how many more a button brings. */
const STEP = 200;

/** @extends {Component<{opened: import("./address.js").Opened, search: string, answer: import("./reading.js").Answer | null, knownAt: string | null}>} */
export class Behind extends Component {
  state = { rows: null, isCut: false, problem: null, size: STEP };
  title = createRef();

  componentDidMount() {
    this.title.current.focus();
    this.removeKeys = addKeys({ j: () => this.moveBy(1), k: () => this.moveBy(-1) });
    this.read();
  }

  /** Another row gets the focus. */
  moveBy(step) {
    const links = [...document.querySelectorAll(".behind-rows .row-link")];
    const at = links.indexOf(document.activeElement);
    links[at < 0 ? 0 : at + step]?.focus();
  }

  componentDidUpdate(before) {
    // The first answer comes while the list is being read.
    if (before.answer !== null && before.answer !== this.props.answer) this.read();
  }

  componentWillUnmount() {
    this.removeKeys();
    this.request?.abort();
  }

  async read() {
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    const { search, opened } = this.props;
    try {
      const { rows } = await ask(behindQuestion(search, opened), signal);
      this.setState({ rows: rowsOf(opened, parseQuestion(search).byStart, rows), isCut: rows.length === LIMIT, problem: null });
    } catch (problem) {
      if (!signal.aborted) this.setState({ problem });
    }
  }

  render({ opened, search, answer, knownAt }, { rows, problem, size }) {
    return html`<section class="panel behind" data-panel="behind" data-count=${rows?.length} aria-labelledby="behind-title">
      <header><h2 id="behind-title" ref=${this.title} tabindex="-1">${text.part(opened.measure, opened.part === "n" ? "" : opened.part)}</h2><a href=${closedHref(search)}>${text.backToReport} <kbd>Esc</kbd></a></header>
      <p>${whereOf(opened, answer)}</p>
      ${problem && html`<p class="note" role="alert"><${Icon} name="warning" /> ${text.serverSaid(problem.message)} <button type="button" onClick=${() => this.read()}>${text.tryAgain}</button></p>`}
      ${rows === null ? !problem && html`<p class="soft" role="status">${text.computing}</p>` : html`<p role="status">${this.verdict(rows)}</p><${Rows} rows=${rows.slice(0, size)} measure=${opened.measure} knownAt=${knownAt} />`}
      ${rows?.length > size && html`<p><button type="button" onClick=${() => this.setState({ size: size + STEP })}>${text.moreRows(Math.min(STEP, rows.length - size))}</button> <span class="soft">${text.behindShown(size, rows.length)}</span></p>`}
    </section>`;
  }

  /** Whether the list agrees with the number that was opened. */
  verdict(rows) {
    const { opened, answer } = this.props;
    const { measure, part } = opened;
    const listed = text.listed(rows.length, measure);
    const value = valueIn(answer, opened);
    if (this.state.isCut) return `${listed}. ${text.cut(LIMIT)}`;
    if (value === null) return `${listed}.`;
    const [said, found] = [countedNumber(measure, part, value), recounted(measure, rows)];
    const words = shown(measure, part === "pending" ? part : { distribution: "n", outcome: "met" }[kindOf(measure)] ?? part, said);
    if (said !== found) return `${listed}. ${text.differs(words, format.time(answer.at, timeZone()))}`;
    const says = kindOf(measure) === "duration" ? text.longestIs(words) : found === rows.length ? text.asTheNumberSays : text.addsUpTo(words);
    return `${listed}; ${says}.`;
  }
}

/** The value of the measure in the report that is on the screen, if it is there. */
function valueIn(answer, { measure, from, to, group }) {
  if (answer === null) return null;
  const { report, whole, total } = answer;
  const isBucket = (row) => from === null || (row.from === from && row.to === to);
  const isOfGroup = ({ by }) => (group === null ? Object.keys(by).length === 0 : isGroup(by, group));
  const row = [total, ...whole, ...report.rows].find((each) => each && isBucket(each) && isOfGroup(each));
  return row?.[measure] ?? null;
}

/** The bucket and the group of a number, in words. */
function whereOf({ from, to, group }, answer) {
  const zone = timeZone();
  const bounds = from === null ? answer && [answer.report.from, answer.report.to] : [from, to];
  const time = bounds && text.between(text.dayAndTime(bounds[0], zone), text.dayAndTime(bounds[1], zone));
  return html`${time}${group && html`${time && "; "}<bdi>${groupName(group)}</bdi>`}`;
}

// The roles are written out because a phone shows the rows as blocks, which are no table to a screen reader.

function Rows({ rows, measure, knownAt }) {
  if (rows.length === 0) return html`<p class="soft">${text.nothingBehind}</p>`;
  const has = (name) => rows.some((row) => row[name] !== null);
  const [hasSince, hasAt, hasValue, hasOutcome] = ["since", "at", "value", "outcome"].map(has);
  const zone = timeZone();
  const moment = (at) => (at === null ? format.NONE : html`<time datetime=${new Date(at).toISOString()} title=${format.exact(at, zone)}>${format.shortDate(at, zone)}, ${format.time(at, zone)}</time>`);
  return html`<table role="table" class="behind-rows">
    <thead role="rowgroup"><tr role="row"><th role="columnheader">${text.conversation}</th>${hasSince && html`<th role="columnheader">${text.began}</th>`}${hasAt && html`<th role="columnheader">${text.happened}</th>`}${hasValue && html`<th class="number" role="columnheader">${text.value}</th>`}${hasOutcome && html`<th role="columnheader">${text.outcome}</th>`}</tr></thead>
    <tbody role="rowgroup">${rows.map((row, i) => html`<tr role="row" key=${i} data-id=${row.conversation}>
      <td role="cell"><a class="row-link" href=${conversationAt(row, knownAt)}><${Id} id=${row.conversation} /></a></td>
      ${hasSince && html`<td role="cell"><span class="if-narrow">${text.began} </span>${moment(row.since)}</td>`}
      ${hasAt && html`<td role="cell"><span class="if-narrow">${text.happened} </span>${moment(row.at)}</td>`}
      ${hasValue && html`<td role="cell" class="number">${valueOf(measure, row.value)}</td>`}
      ${hasOutcome && html`<td role="cell">${row.outcome === null ? "" : text.outcomes[row.outcome]}</td>`}
    </tr>`)}</tbody>
  </table>`;
}

function valueOf(measure, value) {
  if (value === null) return format.NONE;
  return measure === "unread" ? format.count(value) : format.span(value);
}

/** The conversation when it was counted: at the event, or before the end of the bucket. */
function conversationAt(row, knownAt) {
  const at = row.at ?? row.to - 1;
  const moment = { as_of: new Date(at).toISOString(), ...(knownAt && { known_at: knownAt }) };
  return addressAt({ pathname: format.conversationPath(row.conversation), search: "" }, moment);
}
