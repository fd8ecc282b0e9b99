// A report: what happened, by time and group. It is computed when it is opened, and again when the reader asks for it.
import { Component, html } from "../html.js";
import { AsOf, AsOfBadge, frame } from "../asof.js";
import { onTick, serverNow, timeZone } from "../clock.js";
import * as format from "../format.js";
import { ThemeButton } from "../frame.js";
import { Icon } from "../icons.js";
import { addKeys } from "../keys.js";
import { momentOf, timeOf } from "../moment.js";
import { Guard } from "../panel.js";
import { boardUrl, loginUrl, navigate } from "../router.js";
import { closedHref, completed, hrefOfNumber, hrefWith, openedOf, parseQuestion, questionOf } from "./address.js";
import { Behind } from "./behind.js";
import { Chart } from "./chart.js";
import { csvOf } from "./csv.js";
import { closeMeasures, Form } from "./form.js";
import { DEFAULT, isEmpty, measuresOf } from "./measures.js";
import { dateOf } from "./period.js";
import { Reading } from "./reading.js";
import { Table, unknownOf } from "./table.js";
import { words as text } from "./text.js";

/** After this time the page says for how long the server computes. */
const LONG_MS = 2_000;
/** A browser has begun to save a file after this time. */
const SAVED_MS = 60_000;

/** @extends {Component<{session: object, search: string}>} */
export default class ReportPage extends Component {
  reading = new Reading(() => this.changed());

  get moment() {
    const knownAt = momentOf(this.props.search)?.known_at;
    return knownAt === undefined ? null : { known_at: knownAt };
  }

  componentDidMount() {
    scrollTo(0, 0);
    this.removeKeys = addKeys({
      u: () => navigate(boardUrl()),
      r: () => this.reading.read(),
      f: () => document.getElementById("period").focus(),
      Escape: () => this.leave(),
    });
    this.follow();
  }

  componentDidUpdate(before) {
    if (before.search !== this.props.search) this.follow(openedOf(before.search));
  }

  componentWillUnmount() {
    this.reading.close();
    this.endTick?.();
    this.removeKeys();
    frame(false);
  }

  /** Shows the report of the address. */
  follow(closed = null) {
    const { search } = this.props;
    const whole = completed(search, dateOf(serverNow(), timeZone()), timeZone());
    if (whole !== null) return navigate(whole, { replace: true });
    frame(this.moment !== null);
    this.reading.follow(search, DEFAULT);
    // From what is behind a number, the way back leads to the number.
    if (closed && openedOf(search) === null) this.focusNumber(closed);
    this.setTitle();
  }

  focusNumber(closed) {
    const href = hrefOfNumber(this.props.search, closed);
    const link = [...document.querySelectorAll("[data-panel=numbers] a, .chart-numbers a")].find((each) => each.getAttribute("href") === href);
    link?.focus();
  }

  changed() {
    // A long computation is counted in seconds.
    if (this.reading.askedAt !== null) this.endTick ??= onTick(() => this.forceUpdate());
    else {
      this.endTick?.();
      this.endTick = null;
    }
    this.setTitle();
    this.forceUpdate();
  }

  setTitle() {
    const bounds = this.reading.answer?.report;
    document.title = bounds ? text.titleOf(...daysOf(bounds)) : text.titleWithout;
  }

  /** @returns whether there was something to leave */
  leave() {
    if (closeMeasures()) return true;
    const { search } = this.props;
    if (openedOf(search) !== null) navigate(closedHref(search));
    else if (this.moment !== null) navigate(hrefWith(search, { known_at: null }));
    else return false;
    return true;
  }

  render({ session, search }) {
    const { answer, problem, askedAt } = this.reading;
    const question = parseQuestion(search);
    const opened = openedOf(search);
    const { moment } = this;
    return html`<a class="hidden-text skip" href="#main">${text.toNumbers}</a>
      <header class="head report-head">
        <div class="bar">
          <a class="button" href=${boardUrl()}><${Icon} name="out" /> ${text.board}</a>
          <span class="space"></span>
          ${moment && html`<${AsOfBadge} at=${timeOf(moment)} />`}
          <${State} answer=${answer} askedAt=${askedAt} />
          <button type="button" onClick=${() => this.reading.read()}>${text.refresh} <kbd>r</kbd></button>
          <${ThemeButton} />
        </div>
        ${moment && html`<${AsOf} moment=${moment} report=${null} problem=${problem?.earliest == null ? null : problem} onLeave=${() => this.leave()} />`}
        <div class="who"><h1>${text.report}</h1>${answer && html`<span data-report-time>${text.between(...daysOf(answer.report))}</span>`}
          <span class="soft">${besides(question, search)}${question.tenants.length > 0 && html` <a href=${hrefWith(search, { tenant: null })}>${text.allTenants}</a>`}</span></div>
        <${Form} question=${question} moment=${moment} search=${search} bounds=${answer?.report ?? null} thresholds=${session.thresholds} />
      </header>
      ${problem && html`<${Problem} problem=${problem} again=${() => this.reading.read()} shown=${answer !== null} />`}
      <main class="report" id="main" tabindex="-1" data-view="report" data-question=${answer?.question} aria-busy=${askedAt !== null ? "true" : undefined}>
        ${opened && html`<${Behind} key=${search} opened=${opened} search=${search} answer=${answer} knownAt=${moment?.known_at ?? null} />`}
        ${answer && html`<div class="report-body" hidden=${opened !== null}><${Numbers} answer=${answer} sort=${question.sort} search=${search} /></div>`}
      </main>`;
  }
}

/** The first and the last day. */
function daysOf({ from, to }) {
  const zone = timeZone();
  return [format.date(from, zone), format.date(to - 1, zone)];
}

/** What counts, if it is not the usual. */
function besides({ byStart, excluded, tenants }, search) {
  return [
    text.zoneOf(timeZone()),
    tenants.length > 0 && text.onlyTenants(tenants),
    byStart && text.byStart,
    excluded.length > 0 && text.without(excluded),
    new URLSearchParams(search).has("calendar") && text.inBusinessHours,
  ].filter(Boolean).join(" ");
}

/** When the answer was computed, or that it is being computed. */
function State({ answer, askedAt }) {
  const took = askedAt === null ? 0 : serverNow() - askedAt;
  const words = askedAt !== null ? (took < LONG_MS ? text.computing : text.computingFor(Math.floor(took / 1000))) : answer && text.answeredAt(answer.at, timeZone());
  return html`<span class="badge" data-badge=${askedAt === null ? "answered" : "computing"}>${words}</span>
    <span class="hidden-text" role="status">${askedAt === null ? answer && text.saidReady(answer.report.rows.length) : text.computing}</span>`;
}

function Problem({ problem, again, shown }) {
  return html`<section class="panel problem" role="alert">
    <p><${Icon} name="warning" /> <b>${text.notComputed}</b> ${problem.status === 401 ? html`${text.noToken} <a href=${loginUrl()}>${text.signIn}</a>` : text.serverSaid(problem.message)}${shown && ` ${text.shownBefore}`}${" "}
      <button type="button" onClick=${again}>${text.tryAgain}</button></p>
  </section>`;
}

/** The file is made here: the server answers in JSON. */
function saveCsv({ rows, from, to }) {
  const zone = timeZone();
  const url = URL.createObjectURL(new Blob([csvOf(rows, zone)], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: url, download: `report-${dateOf(from, zone)}-${dateOf(to - 1, zone)}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(url), SAVED_MS);
}

/** Charts and table. */
function Numbers({ answer: { asked: { by, every, byStart }, report, whole, total }, sort, search }) {
  const zone = timeZone();
  const measures = total === null ? [] : measuresOf(total);
  if (measures.every((measure) => isEmpty(measure, total[measure]))) return html`<section class="panel" data-panel="empty"><p>${text.nothing}</p></section>`;
  const unknown = unknownOf(total);
  return html`${every && html`<section class="charts" aria-labelledby="charts-title">
      <h2 id="charts-title" class="hidden-text">${text.charts}</h2>
      ${measures.map((measure) => html`<${Guard} key=${measure} title=${text.measure(measure)}><${Chart} measure=${measure} rows=${whole} grouped=${report.rows} by=${by} every=${every} zone=${zone} /><//>`)}
    </section>`}
    <${Guard} title=${text.numbers}><${Table} rows=${report.rows} total=${total} isFixed=${!byStart} by=${by} every=${every} sort=${sort} zone=${zone} /><//>
    <p class="soft after">${unknown > 0 && `${text.unknownDirections(unknown)} `}<button type="button" class="link" onClick=${() => saveCsv(report)}>${text.asCsv}</button> <a href=${questionOf(search, DEFAULT)} target="_blank">${text.asJson}</a></p>`;
}
