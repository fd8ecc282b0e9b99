// The wall: a screen for everybody in the room. No names of members, no texts, no ids, nothing to click.
import { Component, html } from "./html.js";
import { Age, TimeOfDay, Today } from "./age.js";
import { now, onTick, timeZone } from "./clock.js";
import { LineKey, Lines } from "./day.js";
import { ask, Feed } from "./feed.js";
import * as format from "./format.js";
import { Badge, whatIsMissing } from "./frame.js";
import { Icon } from "./icons.js";
import { levelOf, nextCrossing } from "./levels.js";
import { Agent, levelClass, LevelIcon } from "./rows.js";
import { text } from "./text.js";
import { isTrouble } from "./upstreams.js";
import { boardQuestion, parseView } from "./view.js";

const ROWS = 6;

/** @extends {Component<{session: object, search: string}>} */
export default class Wall extends Component {
  state = { board: null, day: null };

  constructor(props) {
    super(props);
    this.feed = new Feed({
      url: () => boardQuestion(parseView(this.props.search), timeZone(), ROWS),
      events: ["board", "day"],
      onEvent: (name, data) => this.setState({ [name]: data }),
      onChange: () => this.noteLiveness(),
    });
  }

  componentDidMount() {
    document.documentElement.dataset.view = "wall";
    document.title = text.wallTitle;
    this.feed.open();
    this.endTick = onTick(() => now() >= this.crossing && this.forceUpdate());
  }

  componentWillUnmount() {
    delete document.documentElement.dataset.view;
    this.feed.close();
    this.endTick();
  }

  noteLiveness() {
    const { liveness } = this.feed;
    if (liveness === this.liveness) return;
    if (this.liveness === "stale") this.reloadIfNewer();
    this.liveness = liveness;
    this.forceUpdate();
  }

  /** Nobody stands beside this screen to reload it when the server was updated. */
  async reloadIfNewer() {
    const session = await ask("/api/v1/session").catch(() => null);
    if (session && session.version !== this.props.session.version) location.reload();
  }

  render(_, { board, day }) {
    if (board) this.crossing = nextCrossing(board, now());
    const isStale = ["stale", "signed_out", "refused"].includes(this.feed.liveness);
    return html`<main class="wall" data-view="wall" data-seq=${board?.seq} data-stale=${isStale || undefined}>
      <header>
        <h1>${text.whoWaitsWall}</h1>
        <${Badge} feed=${this.feed} withSeq=${false} />
        ${board && html`<${Trouble} upstreams=${board.upstreams} />`}
        <span class="clock"><${TimeOfDay} /></span>
      </header>
      ${board && html`<${Longest} board=${board} /><${Numbers} board=${board} day=${day} />`}
      <footer>
        <span class="cut">${isStale ? reason(this.feed) : board && (missingWords(board) ?? footnote(board))}</span>
        ${board && html`<${Thresholds} thresholds=${board.thresholds} />`}
        <${Today} />
      </footer>
    </main>`;
  }
}

function reason({ liveness, lastWordAt, problem }) {
  if (liveness === "refused") return text.refusedView(problem?.detail);
  if (lastWordAt === null) return liveness === "signed_out" ? text.noToken : text.noWordYet;
  if (liveness === "signed_out") return text.tokenEnded(format.hourMinute(lastWordAt, timeZone()));
  return text.noWordSince(format.time(lastWordAt, timeZone()));
}

function missingWords({ cluster }) {
  const what = whatIsMissing(cluster);
  return what && `${text.incomplete}: ${what}`;
}

function footnote({ waits, waiting }) {
  return waiting === 0 ? "" : text.wallFootnote(Math.min(waits.length, ROWS), waiting);
}

/** The first upstream that needs attention, and how many others do. */
function Trouble({ upstreams }) {
  const [first, ...others] = upstreams.filter(isTrouble);
  if (!first) return null;
  const isRefused = first.state === "refused";
  return html`<span class="signal cut">
    <${Icon} name=${isRefused ? "critical" : "warning"} label=${text.warning} />${" "}
    ${isRefused ? text.refusedUpstream(format.shortId(first.name)) : html`${text.quietUpstream(format.shortId(first.name))} ${first.last_at !== null && html`<${Age} since=${first.last_at} />`}`}
    ${others.length > 0 && `, ${text.others(others.length)}`}
  </span>`;
}

function Thresholds({ thresholds: { warn_ms: warn, crit_ms: crit } }) {
  return html`<span>
    <${Icon} name="critical" label=${text.critical} /> ${text.short(crit)} <${Icon} name="warning" label=${text.warning} /> ${text.short(warn)}
  </span>`;
}

function Longest({ board }) {
  const { oldest_waiting_since: since, thresholds, waits } = board;
  if (since === null) return html`<${NobodyWaits} board=${board} />`;
  const level = levelOf(since, now(), thresholds);
  return html`<section class="longest" aria-labelledby="oldest">
    <div class=${`head-number ${level === "critical" ? "is-critical" : ""}`}>
      <h2 class="label" id="oldest">${level === "critical" && html`<${Icon} name="critical" label=${text.critical} />`} ${text.oldestWait}</h2>
      <span class="value" data-number="oldest"><${Age} since=${since} /></span>
      ${waits.length > 0 && html`<span class="trend">${text.with} <${Agent} agent=${waits[0].agent} />, ${format.channel(waits[0].channel)}</span>`}
    </div>
    <${Rows} waits=${waits.slice(0, ROWS)} thresholds=${thresholds} />
  </section>`;
}

function NobodyWaits({ board: { last_answered: last } }) {
  return html`<section class="longest" aria-labelledby="oldest">
    <div class="head-number">
      <h2 class="label" id="oldest">${text.oldestWait}</h2>
      <span class="value is-words" data-number="oldest"><${Icon} name="done" /> ${text.nobodyWaitsNow}</span>
      ${last && html`<span class="trend">${text.lastAnswered.before} <${Age} since=${last.at} inSentence /> ${text.lastAnswered.after(format.span(last.after_ms))}</span>`}
    </div>
  </section>`;
}

function Rows({ waits, thresholds }) {
  return html`<table class="is-filled">
    <caption class="hidden-text">${text.longestWaits}</caption>
    <colgroup><col class="wait-width" /><col /><col class="channel-width" /></colgroup>
    <thead class="hidden-text">
      <tr><th>${text.waitsFor}</th><th>${text.agent}</th><th>${text.channel}</th></tr>
    </thead>
    <tbody>
      ${waits.map((row, place) => html`<${WallRow} key=${place} row=${row} level=${levelOf(row.waiting_since, now(), thresholds)} />`)}
    </tbody>
  </table>`;
}

function WallRow({ row, level }) {
  return html`<tr class=${levelClass(level)}>
    <td class="wait"><${LevelIcon} level=${level} /> <${Age} since=${row.waiting_since} /></td>
    <td class="cut"><${Agent} agent=${row.agent} /></td>
    <td class="number">${format.channel(row.channel)}</td>
  </tr>`;
}

function Numbers({ board, day }) {
  return html`<section class="numbers-and-day" aria-label=${text.today}>
    <div class="four">
      <${WallNumber} board=${board} name="waiting" label=${text.waiting} />
      <${WallNumber} board=${board} name="unassigned" label=${text.unassigned} />
      <${WallNumber} board=${board} name="open" label=${text.open} />
      <${WallNumber} board=${board} name="unread" label=${text.unreadShort} />
    </div>
    <div class="panel" data-panel="day">
      <ul class="key">
        <${LineKey} line="line-open">${text.openToday}<//>
        <${LineKey} line="line-waiting">${text.waitingLine}<//>
        ${day?.open_week_ago && html`<${LineKey} line="line-before">${text.weekAgoLine}<//>`}
      </ul>
      ${day && html`<${Lines} day=${day} open=${board.open} waiting=${board.waiting} at=${board.now} />`}
    </div>
  </section>`;
}

function WallNumber({ board, name, label }) {
  const change = board.before && board[name] - board.before[name];
  return html`<div class="head-number">
    <span class="label">${label}</span>
    <span class="value" data-number=${name}>${board.conversations > 0 ? format.count(board[name]) : format.NONE}</span>
    <span class="trend">
      ${change ? html`<${Icon} name=${change > 0 ? "up" : "down"} /> ` : ""}${change === null ? "" : text.trendWall(change)}
    </span>
  </div>`;
}
