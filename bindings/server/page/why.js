// Why a field of a conversation is what it is: the rule, the events that decide, and those that do not.
import { Component, createRef, html } from "./html.js";
import { timeZone } from "./clock.js";
import { ask } from "./feed.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { momentParams } from "./moment.js";
import { questionAbout } from "./names.js";
import { talk as text } from "./talk.js";

/** Closes the explanation that is open, and gives the focus back. @returns whether there was one */
export function closeWhy() {
  const open = document.querySelector(".why[open]");
  if (!open) return false;
  open.open = false;
  open.querySelector("summary").focus();
  return true;
}

/** Opens or closes the explanation of the field that has the focus, or of the first one. */
export function toggleWhy() {
  const field = document.activeElement?.closest(".facts > div") ?? document.querySelector(".facts > div");
  const summary = field?.querySelector(".why summary");
  summary?.focus();
  summary?.click();
}

/**
 * @extends {Component<{name: string, fields: string[], id: string, moment: import("./moment.js").Moment | null, path: string, seq: number}>}
 *   `fields`: as the export calls them; `path`: of every event
 */
export class Why extends Component {
  state = { isOpen: false, answers: null, problem: null };
  details = createRef();

  toggled(isOpen) {
    if (isOpen === this.state.isOpen) return;
    this.setState({ isOpen, problem: null });
    if (isOpen) this.read();
    else this.request?.abort();
  }

  componentDidUpdate(before) {
    // What is open follows the conversation.
    if (this.state.isOpen && before.seq !== this.props.seq) this.read();
  }

  componentWillUnmount() {
    this.request?.abort();
  }

  async read() {
    const { id, moment, fields } = this.props;
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    const question = (field) => `${questionAbout(id, "/explain")}&field=${encodeURIComponent(field)}${momentParams(moment)}`;
    try {
      const answers = await Promise.all(fields.map((field) => ask(question(field), signal)));
      this.setState({ answers: answers.flatMap((answer) => answer.fields), problem: null });
    } catch (problem) {
      if (!signal.aborted) this.setState({ problem });
    }
  }

  render({ name, path }, { isOpen, answers, problem }) {
    return html`<details class="why" name="why" ref=${this.details} onToggle=${(event) => this.toggled(event.currentTarget.open)}>
      <summary aria-label=${text.whyOf(name)}>${text.askWhy}</summary>
      ${isOpen && html`<div data-why=${name} tabindex="0" role="region" aria-label=${text.whyOf(name)}>
        ${problem ? html`<p role="alert">${text.noWhy(problem.message)}</p>` : answers === null ? html`<p class="soft">${text.loading}</p>` : answers.map((answer) => html`<${Explained} key=${answer.field} answer=${answer} path=${path} />`)}
      </div>`}
    </details>`;
  }
}

/** The explanation of one field. */
function Explained({ answer, path }) {
  const { field, value, rule, sentence, because, over = [], not = [], without, because_count: total = because.length } = answer;
  const seqs = because.map(({ seq }) => seq);
  return html`<section data-field=${field}>
    <p><b>${text.fieldIs(field, inWords(field, value))}</b> ${text.byRule(sentenceOf(sentence).slice(0, -1), rule)}</p>
    <ul>
      ${because.map((event) => html`<${Witness} key=${event.seq} icon="done" role=${text.decides} event=${event} path=${path} />`)}
      ${total > because.length && html`<li><span></span><span>${text.moreWitnesses(total - because.length)}</span></li>`}
      ${over.map((event) => html`<${Witness} key=${event.seq} icon="unequal" role=${text.outdone} event=${event} path=${path} />`)}
      ${not.map((event) => html`<${Witness} key=${event.seq} icon="fine" role=${text.noSay} event=${event} path=${path} />`)}
    </ul>
    ${because.length === 0 ? html`<p class="soft">${text.noWitness}</p>` : html`<p>${text.without(total > seqs.length ? text.withoutSeqs(Array(total).fill(0)) : text.withoutSeqs(seqs), field)} <b>${inWords(field, without)}</b>.</p>`}
  </section>`;
}

function Witness({ icon, role, event: { seq, at, event, why, learned_after_ms: learned }, path }) {
  const zone = timeZone();
  return html`<li>
    <span><${Icon} name=${icon} /> ${role}</span>
    <span><a href=${`${path}#seq-${seq}`}>seq ${format.count(seq)}</a>, <time datetime=${new Date(at).toISOString()} title=${format.exact(at, zone)}>${format.weekday(at, zone)} ${format.time(at, zone)}</time>: <i>${event}</i>.${why && ` ${sentenceOf(why)}`}${learned != null && ` ${text.learnedThen(learned)}`}</span>
  </li>`;
}

const sentenceOf = (why) => `${why[0].toUpperCase()}${why.slice(1).replace(/\.$/, "")}.`;

/**
 * A value of the export as people read it.
 * @param {string} field
 * @param {any} value
 */
export function inWords(field, value) {
  if (value === null || value === undefined) return text.unknownValue;
  if (typeof value === "number" && /(_at|_since)$/.test(field)) return format.exact(value, timeZone());
  if (typeof value === "number" && field.endsWith("_ms")) return format.span(value);
  if (typeof value === "number") return format.count(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
