// The state of a conversation, field by field, and what looks wrong about it.
import { Component, html } from "./html.js";
import { Age, Moment } from "./age.js";
import { now, onTick, timeZone } from "./clock.js";
import * as format from "./format.js";
import { Id } from "./frame.js";
import { Icon } from "./icons.js";
import { levelOf } from "./levels.js";
import { agentName, memberName, sourceName } from "./names.js";
import { Agent, LevelIcon } from "./rows.js";
import { talk as text } from "./talk.js";
import { Why } from "./why.js";

const WEEK_MS = 6 * 24 * 60 * 60 * 1000;

/**
 * How long a member waits, with the shape of its level.
 * @extends {Component<{since: number, thresholds: object, badge?: boolean}>}
 */
export class Wait extends Component {
  componentDidMount() {
    // The level changes between two answers of the server, so it is looked at every second.
    this.end = onTick(() => {
      const { since, thresholds } = this.props;
      if (levelOf(since, now(), thresholds) !== this.level) this.forceUpdate();
    });
  }

  componentWillUnmount() {
    this.end();
  }

  render({ since, thresholds, badge }) {
    this.level = levelOf(since, now(), thresholds);
    const icon = html`<${LevelIcon} level=${this.level} />`;
    if (!badge) return html`<b class=${this.level === "under" ? "" : "signal"}>${icon} <${Age} since=${since} /></b>`;
    const tone = { critical: " is-bad", warning: " is-warning", under: "" }[this.level];
    return html`<span class=${`badge${tone}`}>${icon}${text.waits} <${Age} since=${since} /></span>`;
  }
}

/** The fields of the state. A field of which nothing is known is a dash. */
export function Facts({ state, arrivals, seq, timeline, thresholds, links, explained }) {
  const zone = timeZone();
  const dash = html`<span class="soft">${format.NONE}</span>`;
  const member = memberName(state.member.name);
  // A weekday says enough for some days.
  const day = now() - WEEK_MS;
  const when = (at) => html`${(at > day ? format.weekday : format.date)(at, zone)} <${Moment} at=${at} />`;
  const open = timeline.spans.filter((span) => !span.closed);
  const parts = open.filter((span, i) => i === 0 || open[i - 1].until !== span.from).length;
  // A label, its value, and the fields of the export behind it.
  const fields = [
    [text.status, html`<b>${text.statusOf(state.status)}</b>${text.reopened(state.reopens)}${state.closed_at !== null && html`, ${when(state.closed_at)}`}`, ["status"]],
    [text.agent, html`<${Agent} agent=${state.agent} />`, ["agent"]],
    [text.waiting, state.waiting_since === null ? text.nobodyWaits : html`<${Wait} since=${state.waiting_since} thresholds=${thresholds} />`, ["waiting_since"]],
    [text.unread, format.count(state.unread), ["unread"]],
    [text.firstResponse, state.first_response_ms === null ? dash : format.span(state.first_response_ms), ["first_response_ms"]],
    [text.member, member === null ? html`<span class="soft">${text.nameNotKnown}</span>` : html`<bdi>${member}</bdi>`, ["member.name"]],
    [text.memberId, state.member.business_id && html`<${Id} id=${state.member.business_id} />`, ["member.business_id"]],
    [text.number, state.member.number && html`<${Id} id=${state.member.number} />`, ["member.number"]],
    [text.channel, text.channelBy(state.channel === null ? null : format.channel(state.channel), state.shortcode), ["channel"]],
    [text.tenant, state.tenant && html`<${Id} id=${state.tenant} />`, ["tenant"]],
    [text.started, when(state.started_at), ["started_at"]],
    [text.openFor, text.openParts(format.span(state.open_ms), parts, state.status === "open"), ["open_ms"]],
    [text.messages, text.counts({ in: state.messages_in, out: state.messages_out, other: state.messages_other }).replace(/^; /, "") || "0", ["messages_in", "messages_out", "messages_other"]],
    [text.afterClose, state.messages_after_close > 0 && text.messagesAfterClose(state.messages_after_close), ["messages_after_close"]],
    [text.byAgent, state.by_agent.length > 0 && html`${state.by_agent.map(({ agent, messages_in, messages_out }, i) => html`${i > 0 && "; "}<bdi>${agentName(agent)}</bdi> ${text.inOut(messages_in, messages_out)}`)}`, ["by_agent"]],
    [text.session, Boolean(state.session) && text.sessionOf(state.session), ["session.status"]],
    [text.source, sourceName(state.source), ["source"]],
    [text.arrived, arrivals !== null && html`${text.arrivedEvents(arrivals)}; ${arrivalFacts(arrivals, links)}`],
  ];
  return html`<section class="panel" data-panel="state" aria-labelledby="state-title">
    <header><h2 id="state-title">${text.state}</h2><span class="soft">${text.asOfSeq(seq)}</span></header>
    <dl class="facts">${fields.filter(([, value]) => value !== false).map(([name, value, asked]) => html`<div key=${name}><dt>${name}</dt>${asked ? html`<dd class="has-why"><span>${value ?? dash}</span><${Why} name=${name} fields=${asked} ...${explained} /></dd>` : html`<dd>${value ?? dash}</dd>`}</div>`)}</dl>
  </section>`;
}

function arrivalFacts({ duplicates, late, conflicts }, links) {
  const linked = (n, words, href) => (n > 0 && href ? html`<a href=${href}>${words(n)}</a>` : words(n));
  // Duplicates are counted and not kept, so there is no place to lead to.
  return html`<span title=${text.duplicatesTitle}>${text.duplicates(duplicates)}</span>, ${linked(late, text.late, links.late)}, ${linked(conflicts, text.conflicts, links.conflicts)}`;
}

/** What looks wrong, each with the link to its place. */
export function Suspicions({ suspect, source, items }) {
  if (suspect.length === 0) return null;
  const zone = timeZone();
  const isPlaced = (suspicion) => items.some((item) => item.type === "suspicion" && item.suspicion === suspicion);
  return html`<section class="panel" id="suspicions" data-panel="suspicions" aria-labelledby="suspicions-title">
    <header><h2 id="suspicions-title">${text.suspicions}</h2><span class="soft">${text.neverRepaired(suspect.length)}</span></header>
    ${suspect.map((suspicion) => html`<p class="note" key=${`${suspicion.field} ${suspicion.at}`}>
      <${Icon} name="question" /> <b>${suspicion.field}</b> ${text.at} <${Moment} at=${suspicion.at} />: ${text.suspects(suspicion, sourceName(source), zone)}
      ${isPlaced(suspicion) && html` <a href=${`#suspicion-${suspicion.field}-${suspicion.at}`}>${text.showThePlace}</a>`}
    </p>`)}
  </section>`;
}
