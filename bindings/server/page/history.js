// Every event of a conversation: when it happened, when it was learned, and what it says.
import { html } from "./html.js";
import { AsOf } from "./asof.js";
import { timeZone } from "./clock.js";
import { Bar, Head, Problem, ReadingPage } from "./conversation.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { LineTime, Lines } from "./lines.js";
import { placeIn } from "./list.js";
import { addressAt, momentOf, momentParams } from "./moment.js";
import { agentName, memberName } from "./names.js";
import { talk as text } from "./talk.js";
import { lateness, versionsOf } from "./timeline.js";
import { Compare, Late } from "./transcript.js";

export default function HistoryPage({ id, session, search }) {
  const moment = momentOf(search);
  return html`<${History} key=${id + momentParams(moment)} id=${id} session=${session} search=${search} moment=${moment} />`;
}

/** @extends {ReadingPage<{id: string, session: object, search: string, moment: import("./moment.js").Moment | null}>} */
class History extends ReadingPage {
  componentDidUpdate() {
    const state = this.reading.answer?.conversation;
    document.title = text.historyTitle((state && memberName(state.member.name)) ?? text.nameNotKnown);
  }

  render({ id, session, search, moment }, { hash }) {
    const { answer, history, conflicts, problem, feed } = this.reading;
    const path = format.conversationPath(id);
    const back = addressAt({ pathname: path, search: "" }, moment);
    const byArrival = new URLSearchParams(search).get("order") === "arrival";
    return html`<header class=${feed.liveness === "stale" ? "head is-stale" : "head"}>
        <${Bar} feed=${feed} place=${placeIn(this.list, id)} moment=${moment} report=${answer?.moment} />
        ${moment && html`<${AsOf} moment=${moment} report=${answer?.moment} problem=${problem?.earliest == null ? null : problem} onLeave=${() => this.backToLive()} />`}
        <${Head} id=${id} state=${answer?.conversation} thresholds=${session.thresholds}><a href=${back}>${text.backToConversation}</a><//>
      </header>
      ${problem && html`<${Problem} problem=${problem} isPast=${moment !== null} again=${() => this.reading.read()} shown=${answer !== null} />`}
      <main class="history" data-view="history" data-seq=${answer?.seq}>
        ${answer ? html`<${Events} history=${history} conflicts=${conflicts} path=${`${path}/history`} byArrival=${byArrival} items=${sorted(history, byArrival)} target=${/^seq-\d+$/.test(hash) ? hash : null} />` : !problem && html`<p class="soft">${text.loading}</p>`}
      </main>`;
  }
}

const sorted = (history, byArrival) => (byArrival ? [...history].sort((a, b) => a.seq - b.seq) : history);

// The roles are written out because a phone shows the rows as blocks, which are no table to a screen reader.

/** @extends {Lines<{items: object[], history: object[], conflicts: object[] | null, path: string, byArrival: boolean}>} */
class Events extends Lines {
  render({ items, history, conflicts, path, byArrival }) {
    const [from, until] = this.shown();
    const { before, after } = this.more();
    const here = (search) => addressAt({ pathname: path, search }, momentOf(location.search));
    const context = { late: lateness(history), versions: versionsOf(history), conflicts, path: here(byArrival ? "?order=arrival" : ""), target: this.props.target };
    return html`<section class="panel" aria-labelledby="events-title">
      <header>
        <h2 id="events-title">${text.everyEvent}</h2>
        <span class="soft">${text.events(items.length)}, ${byArrival ? text.inArrivalOrder : text.inTimeOrder};${" "}
          <a href=${here(byArrival ? "" : "?order=arrival")}>${byArrival ? text.showTimeOrder : text.showArrivalOrder}</a></span>
      </header>
      ${from > 0 && html`<p><button type="button" onClick=${() => this.earlier()}>${text.earlier(...before)}</button></p>`}
      <table role="table" class="events">
        <thead role="rowgroup"><tr role="row"><th class="number" role="columnheader">${text.seqColumn}</th><th role="columnheader">${text.happened}</th><th role="columnheader">${text.learned}</th><th role="columnheader">${text.saysColumn}</th><th role="columnheader">${text.marks}</th></tr></thead>
        <tbody role="rowgroup">${items.slice(from, until).map((entry) => html`<${Row} key=${entry.seq} entry=${entry} context=${context} />`)}</tbody>
      </table>
      ${until < items.length && html`<p><button type="button" onClick=${() => this.later()}>${text.later(...after)}</button></p>`}
    </section>`;
  }
}

function Row({ entry, context }) {
  const { seq, at, learned_at: learnedAt, counts, event } = entry;
  const zone = timeZone();
  const id = `seq-${seq}`;
  return html`<tr role="row" id=${id} class=${[!counts && "is-lost", id === context.target && "here"].filter(Boolean).join(" ")} tabindex="-1">
    <td role="cell" class="number"><a href=${`#${id}`}>${format.count(seq)}</a></td>
    <td role="cell"><${LineTime} at=${at} /> <span class="soft">${format.date(at, zone)}</span></td>
    <td role="cell">${learnedAt === null ? format.NONE : html`<span class="if-narrow">${text.learnedNarrow} </span><span title=${format.exact(learnedAt, zone)}>${text.learnedAfter(learnedAt - at)}</span>`}</td>
    <td role="cell"><${Says} event=${event} conflicts=${conflictsOf(entry, context)} path=${context.path} /></td>
    <td role="cell"><div class="tags">${marksOf(entry, context)}</div></td>
  </tr>`;
}

/** What an event says, in words, and all of it as it was accepted. */
function Says({ event, conflicts, path }) {
  const { agent, text: words } = event;
  return html`<b>${text.kind(event)}</b>${text.eventFacts(event).map((fact) => `; ${fact}`)}${agent === null
      ? `; ${text.saysNobody}`
      : agent && html`; ${text.saysAgent} <bdi>${agentName(agent)}</bdi>`}
    ${words !== undefined && html`<span class="quote"><bdi dir="auto">${words}</bdi></span>`}
    <details><summary class="soft">${text.asAccepted}</summary><pre tabindex="0">${JSON.stringify(event, null, 2)}</pre></details>
    ${conflicts.length > 0 && html`<details><summary class="soft">${text.compare}</summary><${Compare} conflicts=${conflicts} path=${path} /></details>`}`;
}

/** The conflicts in which an event is the one that counts, or the one that does not. */
function conflictsOf({ seq, counts }, { conflicts }) {
  return (conflicts ?? []).filter((conflict) => (counts ? conflict.kept_seq : conflict.lost_seq) === seq);
}

function marksOf(entry, { late, versions, path }) {
  const losers = versions.get(entry.seq) ?? [];
  const kept = entry.counts ? null : [...versions].find(([, seqs]) => seqs.includes(entry.seq))?.[0];
  const item = { seq: entry.seq, lateBy: late.get(entry.seq), learnedAt: entry.learned_at };
  return html`${item.lateBy !== undefined && html`<${Late} item=${item} path=${path} />`}
    ${losers.length > 0 && html`<span class="tag"><${Icon} name="unequal" /> ${text.versions(losers.length + 1)}</span>`}
    ${!entry.counts && html`<span class="tag"><${Icon} name="unequal" /> ${text.doesNotCount}${kept !== undefined && kept !== null && html`; <a href=${`#seq-${kept}`}>${text.anotherCounts(format.count(kept))}</a>`}</span>`}`;
}
