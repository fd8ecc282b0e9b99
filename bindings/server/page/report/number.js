// A number of a report, which leads to what it counts.
import { html } from "../html.js";
import { hrefOfNumber } from "./address.js";
import { numberOf, opens, shown } from "./measures.js";
import { words as text } from "./text.js";

/**
 * @param {object} props
 * @param {string} props.measure
 * @param {string} props.part
 * @param {any} props.value of the measure
 * @param {number | null} props.from the bucket; `null` for the whole time
 * @param {number | null} props.to
 * @param {object | null} props.group
 * @param {boolean} [props.isStop] whether the tab key stops here
 */
export function NumberLink({ measure, part, value, from, to, group, isStop = true }) {
  const number = numberOf(value, part);
  if (number === null) return html`<span class="soft" aria-hidden="true">${shown(measure, part, null)}</span><span class="hidden-text">${text.none}</span>`;
  if (!opens(part, number)) return html`<span class=${number === 0 ? "zero" : undefined}>${shown(measure, part, number)}</span>`;
  return html`<a href=${hrefOfNumber(location.search, { measure, part, from, to, group })} tabindex=${isStop ? undefined : "-1"}>${shown(measure, part, number)}</a>`;
}
