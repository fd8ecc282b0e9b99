// What a report is asked for. Every choice is an address, so Back works and a bookmark is a report.
import { Component, html } from "../html.js";
import { serverNow, timeZone } from "../clock.js";
import { duration } from "../format.js";
import { timeOf } from "../moment.js";
import { navigate } from "../router.js";
import { hrefWith } from "./address.js";
import { ALL, DEFAULT, withinOf } from "./measures.js";
import { addDays, dateOf, instantOf, isDate, localOf, periodOf, periods } from "./period.js";
import { words as text } from "./text.js";

/** Groups to choose from; others can be in the address. */
const GROUPS = ["agent", "tenant", "channel"];

/** @extends {Component<{question: import("./address.js").Question, moment: object | null, search: string, bounds: {from: number, to: number} | null, thresholds: {crit_ms: number}}>} */
export class Form extends Component {
  go(changes) {
    navigate(hrefWith(this.props.search, changes));
  }

  /** The dates of the fields. An address can have other times, such as `-7d`: the dates are then those of the answer. */
  dates() {
    const { question, bounds } = this.props;
    const zone = timeZone();
    const from = isDate(question.from ?? "") ? question.from : bounds && dateOf(bounds.from, zone);
    const last = isDate(question.to ?? "") ? addDays(question.to, -1) : bounds && dateOf(bounds.to - 1, zone);
    return { from: from ?? "", last: last ?? "" };
  }

  choosePeriod(name) {
    const period = periods(dateOf(serverNow(), timeZone()))[name];
    if (period) this.go(period);
  }

  chooseDates(changes) {
    const { from, last } = { ...this.dates(), ...changes };
    // A field that is being filled in has no date yet.
    if (!isDate(from) || !isDate(last) || last < from) return;
    this.go({ from, to: addDays(last, 1) });
  }

  chooseGroup(name, isOn) {
    const { by } = this.props.question;
    this.go({ by: [...by.filter((each) => each !== name), ...(isOn ? [name] : [])].join(), sort: null });
  }

  chooseMoment(local) {
    const at = local === "" ? null : instantOf(local, timeZone());
    if (local === "" || at !== null) this.go({ known_at: at === null ? null : new Date(at).toISOString().replace(".000Z", "Z") });
  }

  render({ question, moment, search, thresholds }) {
    const zone = timeZone();
    const { from, last } = this.dates();
    const { every, by } = question;
    const today = dateOf(serverNow(), zone);
    const buckets = { ...text.buckets, ...(every && !(every in text.buckets) && { [every]: every }) };
    const known = timeOf(moment);
    return html`<div class="asked" role="group" aria-label=${text.report}>
      <label class="filter">${text.period}
        <select id="period" value=${periodOf(question, today) ?? "own"} onChange=${(event) => this.choosePeriod(event.currentTarget.value)}>
          ${Object.entries(text.periods).map(([name, words]) => html`<option key=${name} value=${name}>${words}</option>`)}
        </select></label>
      <label class="filter">${text.from} <input type="date" value=${from} max=${today} onChange=${(event) => this.chooseDates({ from: event.currentTarget.value })} /></label>
      <label class="filter">${text.lastDay} <input type="date" value=${last} onChange=${(event) => this.chooseDates({ last: event.currentTarget.value })} /></label>
      <label class="filter">${text.every}
        <select value=${every ?? ""} onChange=${(event) => this.go({ every: event.currentTarget.value, sort: null })}>
          ${Object.entries(buckets).map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
        </select></label>
      <fieldset class="choices"><legend>${text.by}</legend>
        ${[...new Set([...GROUPS, ...by])].map((name) => html`<label key=${name}><input type="checkbox" checked=${by.includes(name)} onChange=${(event) => this.chooseGroup(name, event.currentTarget.checked)} /> ${text.groups[name] ?? name}</label>`)}
      </fieldset>
      <label class="filter" title=${text.knownAtHint}>${text.knownAt} <input type="datetime-local" value=${known === null ? "" : localOf(known, zone)} onChange=${(event) => this.chooseMoment(event.currentTarget.value)} /></label>
      <details class="measures" key=${search}><summary class="button">${text.measures(question.measures.length || DEFAULT.length)}</summary>
        <${Measures} chosen=${question.measures} thresholds=${thresholds} onApply=${(measures) => this.go({ measure: measures.join(), sort: null })} />
      </details>
    </div>`;
  }
}

/** Closes the list of measures. @returns whether it was open */
export function closeMeasures() {
  const details = document.querySelector(".measures[open]");
  if (!details) return false;
  details.open = false;
  details.querySelector("summary").focus();
  return true;
}

/** The list of measures. It lies over the report, so nothing moves. */
function Measures({ chosen, thresholds, onApply }) {
  const isChosen = (measure) => (chosen.length > 0 ? chosen : DEFAULT).some((each) => each === measure || (withinOf(each) !== null && withinOf(each) === withinOf(measure)));
  const within = [...new Set([`within:${duration(thresholds.crit_ms)}`, ...chosen.filter((measure) => withinOf(measure) !== null)])];
  const apply = (event) => {
    event.preventDefault();
    const measures = new FormData(event.currentTarget).getAll("measure");
    onApply(measures.join() === inOrder(DEFAULT).join() ? [] : measures);
  };
  return html`<form class="measure-list" onSubmit=${apply}>
    ${[...ALL, within].map((measures, i) => html`<fieldset key=${i}><legend>${text.kinds[i] ?? text.answeredInTime}</legend>
      ${measures.map((measure) => html`<label key=${measure} title=${text.definition(measure)}><input type="checkbox" name="measure" value=${measure} defaultChecked=${isChosen(measure)} /> ${text.measure(measure)}</label>`)}
    </fieldset>`)}
    <p><button type="submit">${text.apply}</button> <button type="button" onClick=${() => onApply([])}>${text.usualMeasures}</button></p>
  </form>`;
}

/** Measures in the order of the list. */
const inOrder = (measures) => ALL.flat().filter((measure) => measures.includes(measure));
