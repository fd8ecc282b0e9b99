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
import { talk as text } from "./text.js";

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

const LEVELS = { ok: "on", quiet: "warning", refused: "critical", catching_up: "back", connecting: "nobody", not_set_up: "nobody" };

function upstreamTable(upstreams) {
  const zone = timeZone();
  if (upstreams.length === 0) return html`<p class="soft">${text.noUpstream}</p>`;
  return html`<table class="upstreams">
    <thead><tr><th>${text.name}</th><th>${text.kindColumn}</th><th>${text.stateColumn}</th><th class="number">${text.lastEvent}</th><th class="number">${text.usualGap}</th><th>${text.remarks}</th></tr></thead>
    <tbody>${upstreams.map((one) => {
      const isBad = one.state === "quiet" || one.state === "refused";
      return html`<tr key=${`${one.kind} ${one.source} ${one.tenant}`}>
        <td><${Id} id=${one.name} /></td>
        <td>${text.upstreamKind[one.kind]}, ${sourceName(one.source)}</td>
        <td class=${isBad ? "signal" : ""}><${Icon} name=${LEVELS[one.state] ?? "question"} /> ${text.upstreamState[one.state] ?? one.state}</td>
        <td class="number"><span class="if-narrow">${text.lastEventNarrow} </span>${one.last_at === null ? format.NONE : html`<${Age} since=${one.last_at} />`}</td>
        <td class="number"><span class="if-narrow">${text.usualGapNarrow} </span>${one.usual_gap_ms === null ? format.NONE : format.span(one.usual_gap_ms)}</td>
        <td>${remarks(one, zone).map((remark, i) => html`${i > 0 && "; "}${remark}`)}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}

function remarks({ why, next_try_at: nextTryAt, lag_ms: lagMs, gap }, zone) {
  return [
    why,
    nextTryAt !== null && text.nextTry(format.time(nextTryAt, zone)),
    lagMs !== null && lagMs > 0 && text.behind(format.span(lagMs)),
    gap && html`<b class="signal">${text.gap(format.exact(gap.from, zone), format.exact(gap.until, zone))}</b>`,
  ].filter(Boolean);
}

function alertTable({ total, max, pending, alerts }) {
  if (total === 0) return html`<p><${Icon} name="done" /> ${text.noAlerts}</p>`;
  return html`<p>${text.alertsActive(total, pending, alerts.length)}${total >= max && html` <b class="signal">${text.alertsFull(max)}</b>`}</p>
    <table class="alerts">
      <thead><tr><th class="number">${text.since}</th><th>${text.alert}</th><th>${text.about}</th><th>${text.delivered}</th></tr></thead>
      <tbody>${alerts.map((alert) => html`<tr key=${alert.id}>
        <td class="number"><${Age} since=${alert.since} /></td>
        <td><bdi>${alert.alert}</bdi> <span class="soft">${text.alertWhen(alert.when)}${alert.over_at !== null && text.alertOver(alert.reason)}</span></td>
        <td>${alert.when === "silent-upstream" ? alert.subject : html`<a href=${format.conversationPath(alert.subject)}><${Id} id=${alert.subject} /></a>`}</td>
        <td>${alert.pending === 0 ? html`<${Icon} name="done" /> ${text.allDelivered}` : html`<span class=${alert.attempts > 0 ? "signal" : ""}>${text.notDelivered(alert, alert.next_try_at === null ? null : format.time(alert.next_try_at, timeZone()))}</span>`}</td>
      </tr>`)}</tbody>
    </table>`;
}

function rejectTable({ total, rejects }) {
  if (total === 0) return html`<p><${Icon} name="done" /> ${text.noRejects}</p>`;
  return html`<p>${text.kept(total, rejects.length)}</p>
    <table class="rejects">
      <thead><tr><th class="number">${text.received}</th><th>${text.from}</th><th>${text.why}</th><th>${text.whatWasRejected}</th></tr></thead>
      <tbody>${rejects.map((reject) => html`<tr key=${reject.id}>
        <td class="number"><${Age} since=${reject.received_at} /></td>
        <td>${reject.source}</td>
        <td>${text.rejected(reject)}</td>
        <td><code>${reject.raw ?? text.noWords}</code></td>
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
