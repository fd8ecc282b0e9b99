// That what is shown is of the past: the badge, the line that says of when, and the frame.
import { Fragment, html } from "./html.js";
import { timeZone } from "./clock.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { timeOf, truthOf } from "./moment.js";
import { text } from "./text.js";

/** Draws or removes the frame around the page. */
export function frame(isPast) {
  const { dataset } = document.documentElement;
  if (isPast) dataset.past = "";
  else delete dataset.past;
}

/** Stands where the badge of the present is. */
export function AsOfBadge({ at }) {
  return html`<span class="badge is-past" data-badge="past"><${Icon} name="back" /><b>${text.asOf}</b>${at !== null && html`<span>${format.time(at, timeZone())}</span>`}</span>`;
}

/**
 * Which moment is shown, by which truth, and the way back.
 * @param {object} props
 * @param {import("./moment.js").Moment} props.moment of the address
 * @param {object | null} props.report what the answer says about its moment
 * @param {Error | null} props.problem why there is no answer
 * @param {string | null} [props.lateHref] where the events are that were learned later
 * @param {() => void} props.onLeave
 */
export function AsOf({ moment, report, problem, lateHref = null, onLeave }) {
  const at = report?.time ?? timeOf(moment);
  return html`<p class=${problem ? "notice is-bad" : "notice"} data-notice="past">
    <${Icon} name=${problem ? "warning" : "back"} />
    ${problem ? html`<span>${problemWords(problem, moment)}</span>` : html`<b>${text.asOf} ${at === null ? "" : format.time(at, timeZone())}</b><span><${Truth} moment=${moment} report=${report} at=${at} lateHref=${lateHref} /></span>`}
    <span class="space"></span>
    <button type="button" onClick=${onLeave}>${text.backToLive} <kbd>Esc</kbd></button>
  </p>`;
}

function Truth({ moment, report, at, lateHref }) {
  const zone = timeZone();
  const truth = truthOf(moment);
  const isBoth = moment.as_of && moment.known_at;
  const seq = report?.known_at ?? null;
  const late = report?.late_events ?? 0;
  return html`<${Fragment}>
    ${at !== null && `${format.date(at, zone)}, ${format.zoneName(at, zone)}; `}${isBoth ? text.correctedUpTo(seq) : truth === "as_of" ? text.corrected : text.asKnown(seq)}.
    ${report?.replayed && ` ${text.replayed}`}
    ${late > 0 && html` ${text.learnedLater(late, truth)}${lateHref && html`: <a href=${lateHref}>${text.show}</a>`}`}
  <//>`;
}

/** Why there is no answer, and what to do. */
export function problemWords({ message, earliest }, moment) {
  const zone = timeZone();
  const at = timeOf(moment);
  if (earliest == null || at === null) return text.noMoment(message);
  const said = format.date(at, zone) === format.date(Date.now(), zone) ? format.hourMinute(at, zone) : `${format.hourMinute(at, zone)} on ${format.date(at, zone)}`;
  const first = `${format.date(earliest, zone)} at ${format.time(earliest, zone)}`;
  return truthOf(moment) === "known_at" ? text.notRecorded(said, first) : text.nothingYet(said, first);
}
