// Today: how many were open and waiting, as lines, and within what time answers came, as bars.
import { Component, html } from "./html.js";
import { axisOf, barsOf, heightOf, HEIGHT, lateMarks, linePath, minutesAt, mostOf, roundDuration, roundTop } from "./chart.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { LookBack } from "./lookback.js";
import { text } from "./text.js";
import { hrefOf, reportHref, withoutMoment } from "./view.js";

const HOUR = 60 * 60_000;
const KEY_ICON = "M0 5H20";

/** A sample of a line, for its name. */
export function LineKey({ line, children }) {
  return html`<li>
    <svg viewBox="0 0 20 10" aria-hidden="true"><path class=${line} d=${KEY_ICON} /></svg>${children}
  </li>`;
}

/**
 * The lines of today with their axis.
 * @extends {Component<{day: object, open: number, waiting: number, at: number, slider?: object | null, onPick?: (at: number) => void}>}
 *   the numbers of now, and its time; `slider`: `{at, said, onInput}` while the reader looks back
 */
export class Lines extends Component {
  shouldComponentUpdate({ day, open, waiting, at, slider }) {
    const old = this.props;
    // The head moves by less than a pixel a minute.
    const isLater = Math.floor(at / 30_000) !== Math.floor(old.at / 30_000);
    const isMoved = slider?.at !== old.slider?.at;
    return day !== old.day || open !== old.open || waiting !== old.waiting || isLater || isMoved;
  }

  /** The time under the pointer. */
  picked(event, axis) {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    return axis.from + ((event.clientX - left) / width) * (axis.until - axis.from);
  }

  render({ day, open, waiting, at, slider = null, onPick }) {
    const axis = axisOf(day, at);
    const width = minutesAt(axis, axis.until);
    const before = day.open_week_ago;
    const top = roundTop(Math.max(3, open, waiting, ...day.open, ...day.waiting, ...(before ?? [])));
    // At midnight, the numbers are a moment ahead of the lines.
    const head = Math.min(at, axis.until);
    const line = (values, value) => linePath(axis, day, values, top, { at: head, value });
    const shown = slider ? Math.max(axis.from, Math.min(slider.at, head)) : head;
    return html`<div class="plot">
      <svg viewBox=${`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${summary(day, axis, open, waiting)} onClick=${onPick && ((event) => onPick(this.picked(event, axis)))}>
        <path class="grid" d=${[0, 1, 2, 3].map((i) => `M0 ${Math.round((i * HEIGHT) / 3)}H${width}`).join("")} />
        ${before && html`<path class="line-before" d=${linePath(axis, { from: day.from, step_ms: HOUR }, before, top, null)} />`}
        <path class="line-open" d=${line(day.open, open)} />
        <path class="line-waiting" d=${line(day.waiting, waiting)} />
        ${lateMarks(axis, day).map((x) => html`<path key=${x} class="late" d=${`M${x - 5} ${HEIGHT}h10l-5-9z`} />`)}
        <path class="head" d=${`M${minutesAt(axis, shown)} -4V${HEIGHT}`} />
      </svg>
      <span class="scale">${format.count(top)}</span>
      ${slider && html`<input class="slide" type="range" min="0" max=${width} step="1" value=${Math.floor(minutesAt(axis, shown))} aria-label=${text.momentToShow} aria-valuetext=${slider.said}
        onInput=${(event) => slider.onInput(axis.from + minutesOf(event.currentTarget, axis, head) * 60_000)} />`}
      <ol aria-hidden="true">${axis.hours.map((hour) => html`<li key=${hour}>${format.hour(hour, day.zone)}</li>`)}</ol>
    </div>`;
  }
}

/** Where the thumb is. It cannot pass now. */
function minutesOf(input, axis, head) {
  const minutes = Math.min(Number(input.value), Math.floor(minutesAt(axis, head)));
  input.value = minutes;
  return minutes;
}

/** What the lines show, for those who do not see them. */
function summary(day, axis, open, waiting) {
  const at = ({ value, at }) => ({ value, time: format.hourMinute(at, day.zone) });
  const mostOpen = mostOf(day, day.open);
  const mostWaiting = mostOf(day, day.waiting);
  return text.linesSummary(
    format.hourMinute(axis.from, day.zone),
    format.spoken(day.step_ms),
    { open, waiting },
    mostOpen && { open: at(mostOpen), waiting: at(mostWaiting) },
  );
}

const SLOT = 16;

/** Bars by hour: half of the answers came within the thick mark, nine of ten within the thin one. */
function Answers({ day, at }) {
  const bars = barsOf(day, axisOf(day, at));
  const latest = bars.findLast(({ n }) => n > 0);
  if (!latest) return html`<p class="soft">${text.noAnswersYet}</p>`;
  const width = SLOT * bars.length;
  const top = roundDuration(Math.max(...bars.map(({ p90 }) => p90 ?? 0)));
  return html`<div class="plot is-bars">
    <svg viewBox=${`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${answersSummary(latest, day.zone)}>
      <path class="grid" d=${`M0 0H${width}M0 ${HEIGHT / 2}H${width}M0 ${HEIGHT}H${width}`} />
      ${bars.map((bar, i) => bar.n > 0 && html`<${Bar} key=${bar.from} bar=${bar} x=${i * SLOT} top=${top} zone=${day.zone} />`)}
    </svg>
    <span class="scale">${topLabel(top)}</span>
    <ol aria-hidden="true">${bars.map(({ from }) => html`<li key=${from}>${format.hour(from, day.zone)}</li>`)}</ol>
  </div>`;
}

function Bar({ bar, x, top, zone }) {
  const half = heightOf(bar.p50, top);
  const most = heightOf(bar.p90, top);
  return html`<g>
    <title>${answersSummary(bar, zone)}</title>
    <path class="target" d=${`M${x} 0h${SLOT}V${HEIGHT}h${-SLOT}Z`} />
    <path class="whisker" d=${`M${x + 8} ${most}V${half}M${x + 5} ${most}h6`} />
    <path class="half" d=${`M${x + 3} ${half}h10`} />
  </g>`;
}

const answersSummary = ({ from, n, p50, p90, max }, zone) =>
  text.answersSummary(format.hourMinute(from, zone), format.span(p50), format.span(p90), format.span(max), n);

function topLabel(ms) {
  const minutes = ms / 60_000;
  return minutes < 60 ? text.minutes(minutes) : text.hours(minutes / 60);
}

/**
 * @param {object} props
 * @param {object} props.board the numbers that are shown
 * @param {object} props.live the board of now
 * @param {object | null} props.day
 * @param {import("./view.js").View} props.view
 * @param {object | null} props.past what the controls of the past are about, while they are open
 * @param {(at: number) => void} props.onPick
 * @param {() => void} props.onLookBack
 */
export function Today({ board, live, day, view, past, onPick, onLookBack }) {
  const tableHref = hrefOf({ ...view, kept: withoutMoment(view.kept) }, { table: "day" });
  return html`<section class=${past ? "dock is-open" : "dock"} data-panel="day" aria-labelledby="day-title">
    <div>
      <header><h2 id="day-title">${text.today}</h2>
        <button type="button" id="look-back-button" aria-expanded=${past !== null} aria-controls="look-back" onClick=${onLookBack}><${Icon} name="back" /> ${text.lookBack}</button></header>
      <ul class="key">
        <${LineKey} line="line-open">${text.openLine} <b>${format.count(board.open)}</b><//>
        <${LineKey} line="line-waiting">${text.waitingLine} <b>${format.count(board.waiting)}</b><//>
        ${day?.open_week_ago && html`<${LineKey} line="line-before">${text.weekAgoLine}<//>`}
      </ul>
      ${past === null && html`<p class="soft dock-links"><a href=${tableHref}>${text.dayAsTable}</a> <a href=${reportHref(view)}>${text.reports}</a></p>`}
    </div>
    ${day
      ? html`<${Lines} day=${day} open=${live.open} waiting=${live.waiting} at=${live.now} slider=${past?.slider} onPick=${onPick} />
          <div>
            <p class="soft cut">${text.answeredWithin}</p>
            <${Answers} day=${day} at=${live.now} />
          </div>`
      : html`<p class="soft">${text.loading}</p>`}
    ${past && day && html`<${LookBack} day=${day} tableHref=${tableHref} ...${past.controls} />`}
  </section>`;
}
