// One conversation: its head, who had it when, its state and its transcript.
import { Component, html } from "./html.js";
import { AsOf, AsOfBadge, frame } from "./asof.js";
import { now, onTick } from "./clock.js";
import { Facts, Suspicions, Wait } from "./facts.js";
import * as format from "./format.js";
import { Badge, Id, Notice, ThemeButton } from "./frame.js";
import { Icon } from "./icons.js";
import { addKeys } from "./keys.js";
import { keptList, placeIn } from "./list.js";
import { addressAt, momentOf, momentParams, timeOf } from "./moment.js";
import { Copy, memberName } from "./names.js";
import { Reading } from "./reading.js";
import { addressedConversation, boardUrl, conversationUrl, forgetMoment, navigate } from "./router.js";
import { Agent } from "./rows.js";
import { Strip } from "./strip.js";
import { talk as text } from "./talk.js";
import { Transcript, lineId } from "./transcript.js";
import { closeWhy, toggleWhy } from "./why.js";

/** A page for each conversation: nothing of one is left in the next. */
export default function ConversationPage({ id, session, search }) {
  const moment = momentOf(search);
  return html`<${Conversation} key=${id + momentParams(moment)} id=${id} session=${session} moment=${moment} />`;
}

/** What the pages of a conversation have in common: what is read, the address, and the keys. */
export class ReadingPage extends Component {
  constructor(props) {
    super(props);
    this.state = { hash: location.hash.slice(1) };
    this.list = keptList();
    this.reading = new Reading(props.id, props.session, props.moment, () => this.changed());
    this.onHash = () => this.setState({ hash: location.hash.slice(1) });
  }

  componentDidMount() {
    frame(this.props.moment !== null);
    this.reading.open();
    if (!location.hash) scrollTo(0, 0);
    addEventListener("hashchange", this.onHash);
    const go = (id) => id !== null && id !== undefined && navigate(conversationUrl(id));
    // From the address: a key that is pressed before the next conversation is shown goes on from that one.
    const place = () => placeIn(this.list, addressedConversation());
    this.removeKeys = addKeys({
      j: () => go(place()?.next),
      k: () => go(place()?.previous),
      u: () => navigate(boardUrl()),
      Escape: () => closeWhy() || this.backToLive(),
      w: () => toggleWhy(),
    });
  }

  /** @returns whether there was anything to leave */
  backToLive() {
    if (this.props.moment === null) return false;
    forgetMoment();
    navigate(addressAt(location, null) + location.hash);
    return true;
  }

  componentWillUnmount() {
    this.reading.close();
    frame(false);
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

/** @extends {ReadingPage<{id: string, session: object, moment: import("./moment.js").Moment | null}>} */
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

  render({ id, session, moment }, { hash }) {
    const { answer, history, timeline: line, conflicts, problem } = this.reading;
    const path = format.conversationPath(id);
    const everyEvent = addressAt({ pathname: `${path}/history`, search: "" }, moment);
    const explained = { id, moment, path: everyEvent, seq: answer?.seq };
    const state = answer?.conversation;
    return html`<a class="hidden-text skip" href="#log">${text.toTranscript}</a>
      <header class=${this.reading.feed.liveness === "stale" ? "head is-stale" : "head"}>
        <${Bar} feed=${this.reading.feed} place=${placeIn(this.list, id)} moment=${moment} report=${answer?.moment} />
        ${moment && html`<${AsOf} moment=${moment} report=${answer?.moment} problem=${problem?.earliest == null ? null : problem} lateHref="#late" onLeave=${() => this.backToLive()} />`}
        <${Head} id=${id} state=${state} thresholds=${session.thresholds}>${state && html`<a href=${everyEvent}>${text.everyEvent}</a>`}<//>
      </header>
      ${problem && html`<${Problem} problem=${problem} isPast=${moment !== null} again=${() => this.reading.read()} shown=${answer !== null} />`}
      ${state
        ? html`<main class="conversation" data-view="conversation" data-seq=${answer.seq}>
            <${Strip} spans=${line.spans} />
            <div class="column">
              <${Facts} state=${state} arrivals=${answer.arrivals} seq=${answer.seq} timeline=${line} thresholds=${session.thresholds} links=${marksOf(line.items, history, everyEvent)} explained=${explained} />
              <${Suspicions} suspect=${state.suspect} source=${state.source} items=${line.items} />
            </div>
            <${Transcript} items=${line.items} member=${memberName(state.member.name)} source=${state.source} readsTexts=${session.texts}
              conflicts=${conflicts} target=${targetOf(hash, line.items)} historyPath=${everyEvent} />
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
function marksOf(items, history, everyEvent) {
  const late = items.find((item) => item.lateBy != null);
  const conflict = items.find((item) => item.losers?.length > 0);
  const lateEvent = history.find((entry) => entry.late);
  const loser = history.find((entry) => !entry.counts);
  return {
    late: late ? "#late" : lateEvent && `${everyEvent}#seq-${lateEvent.seq}`,
    conflicts: conflict ? "#conflicts" : loser && `${everyEvent}#seq-${loser.seq}`,
  };
}

/** The way back and along the list, and whether what is shown is live. */
export function Bar({ feed, place = null, moment = null, report = null }) {
  return html`<div class="bar">
    <a class="button" href=${boardUrl()}><${Icon} name="out" /> ${text.board}</a>
    <${Place} place=${place} />
    <span class="space"></span>
    ${moment && feed.liveness !== "stale" ? html`<${AsOfBadge} at=${report?.time ?? timeOf(moment)} />` : html`<${Badge} feed=${feed} />`}
    <${ThemeButton} />
    <${Notice} feed=${feed} />
  </div>`;
}

/** Where the conversation is in the list that one came from. */
function Place({ place }) {
  if (place === null) return null;
  const { number, of, name, previous, next } = place;
  const way = (id, label, key) => id !== null && html`<a href=${conversationUrl(id)} rel=${key === "j" ? "next" : "prev"}>${label} <kbd>${key}</kbd></a>`;
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
export function Problem({ problem, again, shown, isPast = false }) {
  if (problem.status === 401) return null; // the notice says so
  const isMissing = problem.status === 404;
  return html`<section class="panel problem" role="alert">
    <p><${Icon} name=${isMissing ? "question" : "warning"} /> <b>${isMissing ? (isPast ? text.notYetThere : text.noConversation) : text.notRead}</b>${" "}
      ${isMissing ? (isPast ? "" : text.noConversationWhy) : text.serverSaid(problem.message)}${shown && ` ${text.shownBefore}`}${" "}
      <button type="button" onClick=${again}>${text.tryAgain}</button></p>
  </section>`;
}
