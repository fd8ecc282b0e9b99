// The server: where events come from, what was rejected, and sizes.
import { Component, html } from "./html.js";
import { Age } from "./age.js";
import { now, timeZone } from "./clock.js";
import { Bar } from "./conversation.js";
import { Feed, ask } from "./feed.js";
import * as format from "./format.js";
import { Id } from "./frame.js";
import { Icon } from "./icons.js";
import { sourceName } from "./names.js";
import { addKeys } from "./keys.js";
import { boardUrl, navigate } from "./router.js";
import { Tenant } from "./rows.js";
import { talk as text } from "./talk.js";
import { State, isTrouble } from "./upstreams.js";

const READ_MS = 10_000;
const REJECTS = 20;
const ALERTS = 50;

/** What this token may ask. Each answer stands on its own: one that fails leaves the others. */
function questions({ role, texts, tenants }) {
  return {
    ...(tenants === null && { status: "/api/v1/status", stats: "/api/v1/stats", alerts: `/api/v1/alerts?limit=${ALERTS}` }),
    ...(role === "admin" && texts && { rejects: `/api/v1/rejects?limit=${REJECTS}` }),
  };
}

/** @extends {Component<{session: object}>} */
export default class Status extends Component {
  constructor(props) {
    super(props);
    this.state = { answers: {}, problems: {}, upstreams: null };
    this.questions = questions(props.session);
    this.feed = new Feed({
      url: () => `/api/v1/board?limit=1&tz=${encodeURIComponent(timeZone())}`,
      events: ["board", "day"],
      onEvent: (name, data) => name === "board" && this.setState({ upstreams: data.upstreams }),
      onChange: () => this.heard(),
    });
  }

  componentDidMount() {
    document.title = text.statusTitle;
    this.feed.open();
    this.read();
    this.timer = setInterval(() => document.visibilityState === "visible" && this.read(), READ_MS);
    this.removeKeys = addKeys({ u: () => navigate(boardUrl()) });
  }

  componentWillUnmount() {
    this.request?.abort();
    clearInterval(this.timer);
    this.feed.close();
    this.removeKeys();
  }

  heard() {
    if (this.feed.liveness === this.liveness) return;
    this.liveness = this.feed.liveness;
    this.forceUpdate();
  }

  async read() {
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    await Promise.all(
      Object.entries(this.questions).map(async ([name, url]) => {
        let answer = this.state.answers[name];
        let problem = null;
        try {
          answer = await ask(url, signal);
        } catch (error) {
          if (signal.aborted) return;
          problem = error;
        }
        this.setState(({ answers, problems }) => ({ answers: { ...answers, [name]: answer }, problems: { ...problems, [name]: problem } }));
      }),
    );
  }

  render({ session }, { answers: { status, stats, rejects, alerts }, problems, upstreams }) {
    const panel = (name, title, id, answer, body) => html`<section class="panel" id=${id} data-panel=${id} aria-labelledby=${`${id}-title`}>
      <header><h2 id=${`${id}-title`}>${title}</h2></header>
      ${problems[name] && html`<p class="note"><${Icon} name="warning" /> ${text.notReadNow(problems[name].message)}</p>`}
      ${answer ? body(answer) : !problems[name] && html`<p class="soft">${name in this.questions ? text.loading : text.notForThisToken}</p>`}
    </section>`;
    const known = upstreams ?? status?.upstreams;
    return html`<header class=${this.feed.liveness === "stale" ? "head is-stale" : "head"}><${Bar} feed=${this.feed} /><div class="who"><h1>${text.server}</h1></div></header>
      <main class="status" data-view="status" data-seq=${status?.seq}>
        ${panel("status", text.upstream, "upstream", known, upstreamTable)}
        ${panel("alerts", text.alerts, "alerts", alerts, alertTable)}
        ${panel("rejects", text.rejects, "rejects", rejects, rejectTable)}
        <div class="column">
          ${panel("status", text.server, "server", status, (answer) => serverFacts(answer, session))}
          ${panel("stats", text.sizes, "sizes", stats, sizes)}
          ${panel("session", text.you, "you", session, you)}
        </div>
      </main>`;
  }
}

// The roles are written out because a phone shows the rows as blocks, which are no table to a screen reader.

function upstreamTable(upstreams) {
  if (upstreams.length === 0) return html`<p class="soft">${text.noUpstream}</p>`;
  return html`<table role="table" class="upstreams">
    <thead role="rowgroup"><tr role="row"><th role="columnheader">${text.name}</th><th role="columnheader">${text.kindColumn}</th><th role="columnheader">${text.stateColumn}</th><th class="number" role="columnheader">${text.usualGap}</th><th role="columnheader">${text.remarks}</th></tr></thead>
    <tbody role="rowgroup">${upstreams.map((upstream) => html`<tr role="row" key=${`${upstream.kind} ${upstream.source} ${upstream.tenant}`}>
      <td role="cell"><${Tenant} tenant=${upstream.name} /></td>
      <td role="cell">${text.upstreamKind[upstream.kind]}, ${sourceName(upstream.source)}</td>
      <td role="cell" class=${isTrouble(upstream) ? "signal" : ""}>${isTrouble(upstream) && html`<${Icon} name="warning" label=${text.warning} /> `}<${State} upstream=${upstream} /></td>
      <td role="cell" class="number">${upstream.usual_gap_ms === null ? format.NONE : html`<span class="if-narrow">${text.usualGapNarrow} </span>${format.span(upstream.usual_gap_ms)}`}</td>
      <td role="cell">${remarks(upstream)}</td>
    </tr>`)}</tbody>
  </table>`;
}

function remarks({ why, gap }) {
  const zone = timeZone();
  return [why && `${why}. `, gap && html`<b class="signal">${text.eventsLost(format.exact(gap.from, zone), format.exact(gap.until, zone))}</b>`].filter(Boolean);
}

function alertTable({ total, max, pending, alerts }) {
  if (total === 0) return html`<p><${Icon} name="done" /> ${text.noAlerts}</p>`;
  return html`<p>${text.alertsActive(total, pending, alerts.length)}${total >= max && html` <b class="signal">${text.alertsFull(max)}</b>`}</p>
    <table role="table" class="alerts">
      <thead role="rowgroup"><tr role="row"><th class="number" role="columnheader">${text.since}</th><th role="columnheader">${text.alert}</th><th role="columnheader">${text.about}</th><th role="columnheader">${text.delivered}</th></tr></thead>
      <tbody role="rowgroup">${alerts.map((alert) => html`<tr role="row" key=${alert.id}>
        <td role="cell" class="number"><${Age} since=${alert.since} /></td>
        <td role="cell"><bdi>${alert.alert}</bdi> <span class="soft">${text.alertWhen(alert.when)}${alert.over_at !== null && text.alertOver(alert.reason)}</span></td>
        <td role="cell">${alert.when === "silent-upstream" ? alert.subject : html`<a href=${format.conversationPath(alert.subject)}><${Id} id=${alert.subject} /></a>`}</td>
        <td role="cell">${alert.pending === 0 ? html`<${Icon} name="done" /> ${text.allDelivered}` : html`<span class=${alert.attempts > 0 ? "signal" : ""}>${text.notDelivered(alert, alert.next_try_at === null ? null : format.time(alert.next_try_at, timeZone()))}</span>`}</td>
      </tr>`)}</tbody>
    </table>`;
}

function rejectTable({ total, rejects }) {
  if (total === 0) return html`<p><${Icon} name="done" /> ${text.noRejects}</p>`;
  return html`<p>${text.kept(total, rejects.length)}</p>
    <table role="table" class="rejects">
      <thead role="rowgroup"><tr role="row"><th class="number" role="columnheader">${text.received}</th><th role="columnheader">${text.from}</th><th role="columnheader">${text.why}</th><th role="columnheader">${text.whatWasRejected}</th></tr></thead>
      <tbody role="rowgroup">${rejects.map((reject) => html`<tr role="row" key=${reject.id}>
        <td role="cell" class="number"><${Age} since=${reject.received_at} /></td>
        <td role="cell">${reject.source}</td>
        <td role="cell">${text.rejected(reject)}</td>
        <td role="cell"><code>${reject.raw ?? text.noWords}</code></td>
      </tr>`)}</tbody>
    </table>
    <p class="soft">${text.repairHow}</p>`;
}

function facts(rows) {
  return html`<dl class="facts">${rows.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function serverFacts(status, session) {
  const numbers = [
    [text.conversations, format.count(status.conversations)],
    [text.openOnes, html`<a href="/?status=open">${format.count(status.open)}</a>`],
    [text.waitingOnes, html`<a href="/?waiting_min=0">${format.count(status.waiting)}</a>`],
    [text.unassignedOnes, html`<a href="/?unassigned=1">${format.count(status.unassigned)}</a>`],
    [text.afterCloseOnes, format.count(status.unanswered_after_close)],
  ];
  const { warn_ms: warn, crit_ms: crit, silent_ms: silent } = session.thresholds;
  return facts([
    [text.version, status.version],
    [text.runsFor, html`<${Age} since=${now() - status.uptime_ms} />`],
    [text.listensOn, session.listen],
    [text.zone, session.zone],
    [text.thresholds, text.thresholdsOf(format.duration(warn), format.duration(crit), format.duration(silent))],
    [text.database, html`<${Id} id=${status.database_id} />`],
    [text.seq, format.count(status.seq)],
    ...numbers,
    [text.readers, format.count(status.readers)],
  ]);
}

function sizes({ stats, recovery }) {
  return facts([
    [text.onDisk, format.bytes(stats.disk_bytes)],
    [text.log, text.logOf(format.bytes(stats.log_bytes), stats)],
    [text.inMemory, text.inMemoryOf(stats.resident, format.bytes(stats.resident_bytes))],
    [text.checkpoint, text.seqIs(stats.checkpoint_seq)],
    [text.opened, text.openedIn(recovery)],
    [text.damage, recovery.skipped.length > 0 ? html`<b class="signal">${text.skipped(recovery.skipped.length)}</b>` : null],
  ]);
}

function you({ name, role, tenants, texts, needs_token: needsToken }) {
  return html`${facts([
    [text.tokenName, needsToken ? (name ?? format.NONE) : text.noneNeeded],
    [text.role, role],
    [text.tenants, tenants === null ? text.all : tenants.join(", ")],
    [text.texts, texts ? text.mayRead : text.mayNotRead],
  ])}
  ${needsToken && html`<p class="you"><a href="/login">${text.signInOrOut}</a></p>`}`;
}
