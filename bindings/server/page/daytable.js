// The day as a table: what the lines in the dock show, in numbers.
import { Component, html } from "./html.js";
import { timeZone } from "./clock.js";
import { Bar } from "./conversation.js";
import { Feed } from "./feed.js";
import * as format from "./format.js";
import { hours } from "./hours.js";
import { addKeys } from "./keys.js";
import { momentAt } from "./moment.js";
import { navigate } from "./router.js";
import { talk as text } from "./talk.js";
import { boardQuestion, hrefOf, isFiltered, parseView, withoutMoment } from "./view.js";

/** A time of the day, and the board of then. */
function MomentLink({ at, zone, view }) {
  return html`<a href=${hrefOf(view, momentAt("as_of", at))}>${format.hourMinute(at, zone)}</a>`;
}

/** The hours, or every step of the day. */
export function DayTable({ day, isFine, view }) {
  const { zone } = day;
  const span = (ms) => (ms === null ? format.NONE : format.span(ms));
  if (isFine) {
    return html`<table class="day-table"><thead><tr><th>${text.time}</th><th class="number">${text.openOnes}</th><th class="number">${text.waitingOnes}</th></tr></thead>
      <tbody>${day.open.map((open, i) => html`<tr key=${i}><th scope="row"><${MomentLink} at=${day.from + i * day.step_ms} zone=${zone} view=${view} /></th><td class="number">${format.count(open)}</td><td class="number">${format.count(day.waiting[i])}</td></tr>`)}</tbody></table>`;
  }
  return html`<table class="day-table">
    <thead><tr><th>${text.hour}</th><th class="number lesser">${text.openThen}</th><th class="number">${text.mostOpen}</th><th class="number lesser">${text.waitingThen}</th><th class="number">${text.mostWaiting}</th><th class="number">${text.answers}</th><th class="number">${text.half}</th><th class="number least">${text.nineOfTen}</th><th class="number">${text.longest}</th></tr></thead>
    <tbody>${hours(day).map((hour) => html`<tr key=${hour.from}>
      <th scope="row"><${MomentLink} at=${hour.from} zone=${zone} view=${view} /></th>
      <td class="number lesser">${format.count(hour.open)}</td>
      <td class="number">${format.count(hour.mostOpen)}</td>
      <td class="number lesser">${format.count(hour.waiting)}</td>
      <td class="number">${format.count(hour.mostWaiting)}</td>
      <td class="number">${format.count(hour.n)}</td>
      <td class="number">${span(hour.p50)}</td>
      <td class="number least">${span(hour.p90)}</td>
      <td class="number">${span(hour.max)}</td>
    </tr>`)}</tbody></table>`;
}

/** @extends {Component<{search: string}>} */
export default class DayPage extends Component {
  constructor(props) {
    super(props);
    this.state = { day: null };
    this.feed = new Feed({
      url: () => boardQuestion(parseView(this.props.search), timeZone(), 1),
      events: ["board", "day"],
      onEvent: (name, day) => name === "day" && this.setState({ day }),
      onChange: () => this.heard(),
    });
  }

  componentDidMount() {
    document.title = text.dayTitle;
    this.feed.open();
    this.removeKeys = addKeys({ u: () => navigate(hrefOf(parseView(this.props.search), {})) });
  }

  componentWillUnmount() {
    this.feed.close();
    this.removeKeys();
  }

  componentDidUpdate(before) {
    if (JSON.stringify(parseView(before.search).conditions) !== JSON.stringify(parseView(this.props.search).conditions)) this.feed.connect();
  }

  heard() {
    if (this.feed.liveness === this.liveness) return;
    this.liveness = this.feed.liveness;
    this.forceUpdate();
  }

  render({ search }, { day }) {
    const view = parseView(search);
    const isFine = new URLSearchParams(search).get("every") === "step";
    const href = (changes) => hrefOf(view, { table: "day", ...changes });
    return html`<header class=${this.feed.liveness === "stale" ? "head is-stale" : "head"}>
        <${Bar} feed=${this.feed} />
        <div class="who"><h1>${text.dayAsTable}</h1>${day && html`<span>${format.date(day.from, day.zone)}, ${day.zone}</span>`}
          ${isFiltered(view) && html`<span>${text.filtered(text.conditionsOf(view.conditions))} <a href=${hrefOf({ conditions: {}, kept: view.kept }, { table: "day" })}>${text.clearFilters}</a></span>`}</div>
      </header>
      <main class="history" data-view="day" data-seq=${day?.seq}>
        <section class="panel" data-panel="day" aria-labelledby="day-title">
          <header><h2 id="day-title">${isFine ? text.everyStep(format.spoken(day?.step_ms ?? 300_000)) : text.byHour}</h2>
            <a href=${href(isFine ? {} : { every: "step" })}>${isFine ? text.showByHour : text.showEveryStep(format.spoken(day?.step_ms ?? 300_000))}</a></header>
          ${day ? html`<${DayTable} day=${day} isFine=${isFine} view=${{ ...view, kept: withoutMoment(view.kept) }} />` : html`<p class="soft">${text.loading}</p>`}
        </section>
      </main>`;
  }
}
