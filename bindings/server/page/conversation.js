// One conversation: its head, who had it when, its state and its transcript.
import { Component, html } from "./html.js";
import { now, onTick } from "./clock.js";
import { Facts, Suspicions, Wait } from "./facts.js";
import * as format from "./format.js";
import { Badge, Id, Notice, ThemeButton } from "./frame.js";
import { Icon } from "./icons.js";
import { addKeys } from "./keys.js";
import { keptList, placeIn } from "./list.js";
import { Copy, memberName } from "./names.js";
import { Reading } from "./reading.js";
import { addressedConversation, boardUrl, navigate } from "./router.js";
import { Agent } from "./rows.js";
import { Strip } from "./strip.js";
import { talk as text } from "./text.js";
import { Transcript, lineId } from "./transcript.js";

/** A page for each conversation: nothing of one is left in the next. */
export default function ConversationPage({ id, session }) {
  return html`<${Conversation} key=${id} id=${id} session=${session} />`;
}

/** What the pages of a conversation have in common: what is read, the address, and the keys. */
export class ReadingPage extends Component {
  constructor(props) {
    super(props);
    this.state = { hash: location.hash.slice(1) };
    this.list = keptList();
    this.reading = new Reading(props.id, props.session, () => this.changed());
    this.onHash = () => this.setState({ hash: location.hash.slice(1) });
  }

  componentDidMount() {
    this.reading.open();
    if (!location.hash) scrollTo(0, 0);
    addEventListener("hashchange", this.onHash);
    const go = (id) => id !== null && id !== undefined && navigate(format.conversationPath(id));
    // From the address: a key that is pressed before the next conversation is shown goes on from that one.
    const place = () => placeIn(this.list, addressedConversation());
    this.removeKeys = addKeys({ j: () => go(place()?.next), k: () => go(place()?.previous), u: () => navigate(boardUrl()) });
  }

  componentWillUnmount() {
    this.reading.close();
    this.removeKeys();
    removeEventListener("hashchange", this.onHash);
  }

  /** Who reads the end keeps reading the end; everybody else stays where they are. */
  changed() {
    const page = document.documentElement;
    const isAtEnd = this.wasRead && innerHeight + scrollY >= page.scrollHeight - 8;
    this.wasRead = this.reading.answer !== null;
    this.forceUpdate(() => isAtEnd && scrollTo(0, page.scrollHeight));
  }
}

/** @extends {ReadingPage<{id: string, session: object}>} */
class Conversation extends ReadingPage {
  componentDidMount() {
    super.componentDidMount();
    this.endTick = onTick(() => this.setTitle());
  }

  componentWillUnmount() {
    super.componentWillUnmount();
    this.endTick();
  }

  componentDidUpdate() {
    this.setTitle();
  }

  setTitle() {
    if (this.reading.feed.liveness === "stale") {
      document.title = text.staleTitle;
      return;
    }
    const state = this.reading.answer?.conversation;
    const since = state?.waiting_since ?? null;
    // The title has minutes, so it changes once in a minute.
    const wait = since === null ? null : format.age(now() - since).split(" ")[0];
    const title = state ? text.title(memberName(state.member.name) ?? text.nameNotKnown, wait) : text.titleWithout;
    if (title !== document.title) document.title = title;
  }

  render({ id, session }, { hash }) {
    const { answer, history, timeline: line, conflicts, problem } = this.reading;
    const path = format.conversationPath(id);
    const state = answer?.conversation;
    return html`<a class="hidden-text skip" href="#log">${text.toTranscript}</a>
      <header class=${this.reading.feed.liveness === "stale" ? "head is-stale" : "head"}>
        <${Bar} feed=${this.reading.feed} place=${placeIn(this.list, id)} />
        <${Head} id=${id} state=${state} thresholds=${session.thresholds}>${state && html`<a href=${`${path}/history`}>${text.everyEvent}</a>`}<//>
      </header>
      ${problem && html`<${Problem} problem=${problem} again=${() => this.reading.read()} shown=${answer !== null} />`}
      ${state
        ? html`<main class="conversation" data-view="conversation" data-seq=${answer.seq}>
            <${Strip} spans=${line.spans} />
            <div class="column">
              <${Facts} state=${state} arrivals=${answer.arrivals} seq=${answer.seq} timeline=${line} thresholds=${session.thresholds} links=${marksOf(line.items, history, path)} />
              <${Suspicions} suspect=${state.suspect} source=${state.source} items=${line.items} />
            </div>
            <${Transcript} items=${line.items} member=${memberName(state.member.name)} source=${state.source} readsTexts=${session.texts}
              conflicts=${conflicts} target=${targetOf(hash, line.items)} historyPath=${`${path}/history`} />
          </main>`
        : html`<main class="conversation" data-view="conversation">${!problem && html`<p class="soft">${text.loading}</p>`}</main>`}`;
  }
}

/** The line that the address names: `#seq-N`, or the first one of a kind. */
function targetOf(hash, items) {
  const first = { late: (item) => item.lateBy != null, conflicts: (item) => item.losers?.length > 0, suspicion: (item) => item.type === "suspicion" }[hash];
  const item = first && items.find(first);
  if (item) return lineId(item);
  return items.some((line) => lineId(line) === hash) ? hash : null;
}

/** Where the first late event and the first conflict are: in the transcript, or in the history if they have no line in it. */
function marksOf(items, history, path) {
  const late = items.find((item) => item.lateBy != null);
  const conflict = items.find((item) => item.losers?.length > 0);
  const lateEvent = history.find((entry) => entry.late);
  const loser = history.find((entry) => !entry.counts);
  return {
    late: late ? "#late" : lateEvent && `${path}/history#seq-${lateEvent.seq}`,
    conflicts: conflict ? "#conflicts" : loser && `${path}/history#seq-${loser.seq}`,
  };
}

/** The way back and along the list, and whether what is shown is live. */
export function Bar({ feed, place = null }) {
  return html`<div class="bar">
    <a class="button" href=${boardUrl()}><${Icon} name="out" /> ${text.board}</a>
    <${Place} place=${place} />
    <span class="space"></span>
    <${Badge} feed=${feed} />
    <${ThemeButton} />
    <${Notice} feed=${feed} />
  </div>`;
}

/** Where the conversation is in the list that one came from. */
function Place({ place }) {
  if (place === null) return null;
  const { number, of, name, previous, next } = place;
  const way = (id, label, key) => id !== null && html`<a href=${format.conversationPath(id)} rel=${key === "j" ? "next" : "prev"}>${label} <kbd>${key}</kbd></a>`;
  return html`<span class="soft">${text.place(number, of, name)}</span>${way(previous, text.previous, "k")}${way(next, text.next, "j")}`;
}

/** Whose conversation it is, whether the member waits, and who has it. */
export function Head({ id, state, thresholds, children }) {
  const name = state && memberName(state.member.name);
  return html`<div class="who">
    <h1>${!state ? text.conversation : name === null ? text.nameNotKnown : html`<bdi>${name}</bdi>`}</h1>
    ${state && state.waiting_since !== null && html`<${Wait} badge since=${state.waiting_since} thresholds=${thresholds} />`}
    ${state && html`<span class="badge">${text.statusOf(state.status)}${text.reopened(state.reopens)}</span>
      <span>${text.with} <b><${Agent} agent=${state.agent} /></b></span>`}
    <span class="cut"><${Id} id=${id} /></span> <${Copy} value=${id} label=${text.copyId} />
    ${children}
  </div>`;
}

/** What went wrong, and what to do about it. */
export function Problem({ problem, again, shown }) {
  if (problem.status === 401) return null; // the notice says so
  const isMissing = problem.status === 404;
  return html`<section class="panel problem" role="alert">
    <p><${Icon} name=${isMissing ? "question" : "warning"} /> <b>${isMissing ? text.noConversation : text.notRead}</b>${" "}
      ${isMissing ? text.noConversationWhy : text.serverSaid(problem.message)}${shown && ` ${text.shownBefore}`}${" "}
      <button type="button" onClick=${again}>${text.tryAgain}</button></p>
  </section>`;
}
