// The controls of the past, in the dock below the lines of today.
import { html } from "./html.js";
import { timeZone } from "./clock.js";
import * as format from "./format.js";
import { timeOnDay } from "./moment.js";
import { text } from "./text.js";

/**
 * @param {object} props
 * @param {object} props.day
 * @param {number} props.at the moment that is chosen, or now
 * @param {import("./moment.js").Truth} props.truth
 * @param {string} props.tableHref
 * @param {(minutes: number) => void} props.onMove
 * @param {(at: number) => void} props.onPick
 * @param {(truth: import("./moment.js").Truth) => void} props.onTruth
 */
export function LookBack({ day, at, truth, tableHref, onMove, onPick, onTruth }) {
  const zone = timeZone();
  const pick = (event) => {
    const picked = timeOnDay(day.from, event.currentTarget.value, (time) => format.hourMinute(time, zone));
    if (picked !== null) onPick(picked);
  };
  const move = (minutes, label) => html`<button type="button" aria-label=${label} onClick=${() => onMove(minutes)}>${minutes < 0 ? "−" : "+"}${Math.abs(minutes)}</button>`;
  return html`<div class="look-back" id="look-back">
    <span class="steps-of-time">
      ${move(-5, text.earlierBy(5))} ${move(-1, text.earlierBy(1))}
      <label><span class="hidden-text">${text.timeToShow}</span><input type="time" step="60" required value=${format.hourMinute(at, zone)} onChange=${pick} /></label>
      ${move(1, text.laterBy(1))} ${move(5, text.laterBy(5))}
    </span>
    <fieldset>
      <legend class="hidden-text">${text.whichTruth}</legend>
      <${Choice} value="as_of" truth=${truth} onTruth=${onTruth}>${text.corrected}<//>
      <${Choice} value="known_at" truth=${truth} onTruth=${onTruth}>${text.asKnown(null)}<//>
    </fieldset>
    ${day.late?.length > 0 && html`<span class="soft late-key"><svg viewBox="0 0 16 16" aria-hidden="true"><path class="late" d="M2 14h12L8 3z" /></svg> ${text.lateKey}</span>`}
    <a href=${tableHref}>${text.dayAsTable}</a>
  </div>`;
}

function Choice({ value, truth, onTruth, children }) {
  return html`<label><input type="radio" name="truth" value=${value} checked=${truth === value} onChange=${() => onTruth(value)} /> ${children}</label>`;
}
