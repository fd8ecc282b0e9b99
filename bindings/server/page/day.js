// Today: how many were open and waiting, as lines, and within what time answers came, as bars.
import { Component, html } from "./html.js";
import { axisOf, barsOf, heightOf, HEIGHT, linePath, minutesAt, mostOf, roundDuration, roundTop } from "./chart.js";
import * as format from "./format.js";
import { text } from "./text.js";
import { hrefOf } from "./view.js";

const KEY_ICON = "M0 5H20";

/** A sample of a line, for its name. */
export function LineKey({ line, children }) {
  return html`<li>
    <svg viewBox="0 0 20 10" aria-hidden="true"><path class=${line} d=${KEY_ICON} /></svg>${children}
  </li>`;
}

/**
 * The lines of today with their axis.
 * @extends {Component<{day: object, open: number, waiting: number, at: number}>} the numbers of now, and its time
 */
export class Lines extends Component {
  shouldComponentUpdate({ day, open, waiting, at }) {
    const old = this.props;
    // The head moves by less than a pixel a minute.
    const isLater = Math.floor(at / 30_000) !== Math.floor(old.at / 30_000);
    return day !== old.day || open !== old.open || waiting !== old.waiting || isLater;
  }

  render({ day, open, waiting, at }) {
    const axis = axisOf(day, at);
    const width = minutesAt(axis, axis.until);
    const top = roundTop(Math.max(3, open, waiting, ...day.open, ...day.waiting));
    // At midnight, the numbers are a moment ahead of the lines.
    const head = Math.min(at, axis.until);
    const line = (values, value) => linePath(axis, day, values, top, { at: head, value });
    return html`<div class="plot">
      <svg viewBox=${`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label=${summary(day, axis, open, waiting)}>
        <path class="grid" d=${[0, 1, 2, 3].map((i) => `M0 ${Math.round((i * HEIGHT) / 3)}H${width}`).join("")} />
        <path class="line-open" d=${line(day.open, open)} />
        <path class="line-waiting" d=${line(day.waiting, waiting)} />
        <path class="head" d=${`M${minutesAt(axis, head)} -4V${HEIGHT}`} />
      </svg>
      <span class="scale">${format.count(top)}</span>
      <ol aria-hidden="true">${axis.hours.map((hour) => html`<li key=${hour}>${format.hour(hour, day.zone)}</li>`)}</ol>
    </div>`;
  }
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

/** @param {{board: object, day: object | null, view: import("./view.js").View}} props */
export function Today({ board, day, view }) {
  return html`<section class="dock" data-panel="day" aria-labelledby="day-title">
    <div>
      <header><h2 id="day-title">${text.today}</h2></header>
      <ul class="key">
        <${LineKey} line="line-open">${text.openLine} <b>${format.count(board.open)}</b><//>
        <${LineKey} line="line-waiting">${text.waitingLine} <b>${format.count(board.waiting)}</b><//>
      </ul>
      <a class="soft" href=${hrefOf(view, { table: "day" })}>${text.dayAsTable}</a>
    </div>
    ${day
      ? html`<${Lines} day=${day} open=${board.open} waiting=${board.waiting} at=${board.now} />
          <div>
            <p class="soft cut">${text.answeredWithin}</p>
            <${Answers} day=${day} at=${board.now} />
          </div>`
      : html`<p class="soft">${text.loading}</p>`}
  </section>`;
}
