// The messages of a conversation by local day, with what happened between them, and what is odd about each.
import { html } from "./html.js";
import { timeZone } from "./clock.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { LineTime, Lines } from "./lines.js";
import { agentName, sourceName } from "./names.js";
import { isOn } from "./settings.js";
import { talk as text } from "./talk.js";
import { withDays } from "./timeline.js";

/**
 * @extends {Lines<{items: object[], target: string | null, member: string | null, source: string, readsTexts: boolean,
 *   conflicts: object[] | null, historyPath: string}>}
 */
export class Transcript extends Lines {
  idOf(item) {
    return lineId(item);
  }

  render({ items, member, source, readsTexts, conflicts, target, historyPath }) {
    const zone = timeZone();
    const [from, until] = this.shown();
    const { before, after } = this.more();
    const lines = withDays(items.slice(from, until), (at) => format.date(at, zone));
    const messages = items.filter((item) => item.type === "message").length;
    const last = items.at(-1);
    const context = { member, conflicts, target, historyPath, source };
    return html`<section class="panel transcript" id="log" data-panel="transcript" aria-labelledby="log-title">
      <header>
        <h2 id="log-title">${text.transcript}</h2>
        <span class="soft">${text.messagesShown(messages, from > 0 || until < items.length, last ? format.zoneName(last.at, zone) : "")}
          ${last?.seq && lines.length > 20 && html` <a href=${`#seq-${last.seq}`}>${text.toTheLast}</a>`}</span>
      </header>
      ${source === "superoffice" ? html`<p class="soft">${text.superofficeSendsNoTexts}</p>` : !readsTexts && html`<p class="soft more">${text.mayNotReadTexts}</p>`}
      ${items.length === 0 && html`<p class="soft">${text.nothingSaid}</p>`}
      ${from > 0 && html`<p><button type="button" onClick=${() => this.earlier()}>${text.earlier(...before)}</button></p>`}
      <ol class=${isOn("exact") ? "log is-exact" : "log"}>${lines.map((item) => line(item, context))}</ol>
      ${until < items.length && html`<p><button type="button" onClick=${() => this.later()}>${text.later(...after)}</button></p>`}
    </section>`;
  }
}

/** What the address calls a line: a message, or else a step, by its event. */
export function lineId(item) {
  if (item.type === "suspicion") return `suspicion-${item.suspicion.field}-${item.at}`;
  // One event can be a message and a step.
  return item.type === "step" && item.ofMessage ? `step-${item.seq}` : `seq-${item.seq}`;
}

function line(item, context) {
  if (item.type === "day") return html`<li key=${`day ${item.day}`} class="day"><h3>${item.day}</h3></li>`;
  const id = lineId(item);
  const here = id === context.target ? " here" : "";
  switch (item.type) {
    case "step":
      return html`<li key=${id} id=${id} class=${`step${here}`} tabindex="-1">
        <${LineTime} at=${item.at} />
        <span>${text.step(item, agentName)}${item.lateBy !== null && !item.ofMessage && html` <${Late} item=${item} path=${context.historyPath} />`}</span>
      </li>`;
    case "suspicion":
      return html`<li key=${id} id=${id} class=${`suspicion${here}`} tabindex="-1">
        <${LineTime} at=${item.at} />
        <span class="words"><${Icon} name="question" label=${text.suspicion} /> <b>${text.suspects(item.suspicion, sourceName(context.source), timeZone())}</b></span>
      </li>`;
    default:
      return html`<${Message} key=${id} item=${item} here=${here} context=${context} />`;
  }
}

function Message({ item, here, context }) {
  return html`<li id=${lineId(item)} class=${`said ${item.direction ?? "other"}${here}`} tabindex="-1">
    <${LineTime} at=${item.at} />
    <span class="cut">${speaker(item, context.member)}</span>
    <div class="words">${item.text === null ? html`<span class="soft">${text.noText}</span>` : html`<bdi dir="auto">${item.text}</bdi>`}</div>
    <div class="tags">
      ${item.answered !== null && html`<span class="soft">${text.answeredAfter(format.span(item.answered))}</span>`}
      ${item.lateBy !== null && html`<${Late} item=${item} path=${context.historyPath} />`}
      ${item.losers.length > 0 && html`<${Versions} item=${item} conflicts=${context.conflicts} path=${context.historyPath} />`}
      ${item.afterClose && html`<span class="tag">${text.afterTheClose}</span>`}
      ${item.unread && html`<span class="tag"><${Icon} name="on" /> ${text.unreadMark}</span>`}
    </div>
  </li>`;
}

function speaker({ direction, agent, assigned }, member) {
  if (direction === "in") {
    return html`<${Icon} name="in" label=${text.fromTheMember} /> ${member === null ? html`<span class="soft">${text.nameNotKnown}</span>` : html`<b><bdi>${member}</bdi></b>`}`;
  }
  const who = agent ?? assigned;
  if (direction === "out") {
    return html`<${Icon} name="out" label=${text.fromTheAgent} /> ${who ? html`<bdi>${agentName(who)}</bdi>` : html`<span class="soft">${text.agentNotKnown}</span>`}`;
  }
  return html`<span class="soft">${text.directionNotKnown}</span>`;
}

/** By how much an event came late, with the link to it. */
export function Late({ item, path }) {
  const zone = timeZone();
  const learned = item.learnedAt === null ? null : format.exact(item.learnedAt, zone);
  const by = item.lateBy < 1000 ? null : format.span(item.lateBy);
  return html`<a class="tag" href=${`${path}#seq-${item.seq}`} title=${text.lateTitle(by, format.count(item.seq), learned)}><${Icon} name="back" /> ${text.cameLate(by)}</a>`;
}

/** The versions of an event, and in which fields they differ. */
function Versions({ item, conflicts, path }) {
  const label = html`<${Icon} name="unequal" /> ${text.versions(item.losers.length + 1)}`;
  const its = conflicts?.filter((conflict) => conflict.kept_seq === item.seq) ?? [];
  if (its.length === 0) return html`<a class="tag" href=${`${path}#seq-${item.losers[0]}`}>${label}</a>`;
  return html`<details class="versions"><summary class="tag">${label}</summary><${Compare} conflicts=${its} path=${path} /></details>`;
}

/** The fields in which events with one identity differ. */
export function Compare({ conflicts, path }) {
  return html`<table class="compare"><thead><tr><th>${text.field}</th><th>${text.thisOneCounts}</th><th>${text.doesNotCount}</th></tr></thead>
    ${conflicts.map((conflict) => html`<tbody key=${conflict.lost_seq}>
      <tr><th>seq</th><td><a href=${`${path}#seq-${conflict.kept_seq}`}>${format.count(conflict.kept_seq)}</a></td><td><a href=${`${path}#seq-${conflict.lost_seq}`}>${format.count(conflict.lost_seq)}</a></td></tr>
      ${conflict.fields.map(({ field, kept, lost }) => html`<tr key=${field}><th>${field}</th><td><bdi dir="auto">${kept}</bdi></td><td><bdi dir="auto">${lost}</bdi></td></tr>`)}
    </tbody>`)}</table>`;
}
