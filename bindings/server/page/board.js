// The board: head numbers, who waits, who has nobody, agents, and today.
import { Component, html } from "./html.js";
import { Agents } from "./agents.js";
import { crossings, sentence, TOGETHER_MS } from "./announce.js";
import { now, onTick, timeZone } from "./clock.js";
import { Today } from "./day.js";
import { ask, Feed } from "./feed.js";
import { Filters, toggleSound } from "./filters.js";
import * as format from "./format.js";
import { Badge, Clock, Notice, ThemeButton } from "./frame.js";
import { letAllIn } from "./held.js";
import { addKeys } from "./keys.js";
import { nextCrossing } from "./levels.js";
import { keepList } from "./list.js";
import { Listing } from "./listing.js";
import { Unassigned } from "./nobody.js";
import { HeadNumbers } from "./numbers.js";
import { Guard } from "./panel.js";
import { onNavigate, rememberBoard } from "./router.js";
import { isOn } from "./settings.js";
import { play } from "./sound.js";
import { Start } from "./start.js";
import { text } from "./text.js";
import { boardQuestion, parseView, ROWS } from "./view.js";
import { Waits } from "./waits.js";

/** Unassigned conversations beside those who wait: together they are at most `ROWS`. */
const UNASSIGNED_ROWS = 25;
const SAY_STALE_MS = 30_000;
/** The panels whose rows are conversations, and what their lists are called on the page of a conversation. */
const LISTS = { waits: "waits", nobody: "nobody", list: "open" };

/** @extends {Component<{session: object, search: string, onShortcuts: () => void}>} */
export default class Board extends Component {
  /** `answered`: the question that the board answers. */
  state = { board: null, answered: null, day: null, said: "", version: null };
  /** The waits that were critical at the last look; `null` before the first one. */
  known = null;
  crossed = [];

  constructor(props) {
    super(props);
    this.feed = new Feed({
      url: () => this.question(),
      events: ["board", "day"],
      onEvent: (name, data) => this.heard(name, data),
      onChange: () => this.noteLiveness(),
    });
  }

  question() {
    return boardQuestion(parseView(this.props.search), timeZone());
  }

  componentDidMount() {
    document.documentElement.dataset.view = "board";
    rememberBoard();
    this.returnsTo = opened;
    opened = null;
    this.focusesFirst = this.returnsTo === null && parseView(this.props.search).sort === "waiting";
    this.asked = this.question();
    this.feed.open();
    this.endTick = onTick(() => this.tick());
    this.endNavigate = onNavigate(rememberBoard);
    this.endKeys = addKeys({
      j: () => moveFocus(1),
      k: () => moveFocus(-1),
      "g w": () => focusPanel("waits") || focusPanel("list"),
      "g u": () => focusPanel("nobody"),
      "g a": () => focusPanel("agents"),
      m: () => toggleSound(),
      r: () => letAllIn(),
    });
  }

  componentDidUpdate(before) {
    if (before.search === this.props.search) return;
    this.focusesFirst = parseView(this.props.search).sort === "waiting";
    const question = this.question();
    if (question !== this.asked) {
      this.asked = question;
      this.known = null;
      this.feed.connect();
    } else this.focusFirst();
  }

  componentWillUnmount() {
    delete document.documentElement.dataset.view;
    this.feed.close();
    this.endTick();
    this.endNavigate();
    this.endKeys();
    clearTimeout(this.sayTimer);
  }

  heard(name, data) {
    this.setState({ [name]: data, answered: this.asked }, () => name === "board" && this.focusFirst());
    if (name === "board") this.look(data);
  }

  noteLiveness() {
    const { liveness } = this.feed;
    if (liveness === this.liveness) return;
    const wasStale = this.liveness === "stale";
    this.liveness = liveness;
    this.saidStale = false;
    if (wasStale) this.checkVersion();
    this.title();
    this.forceUpdate();
  }

  /** A server that was away may have come back as a newer one, and this page is then older than its answers. */
  async checkVersion() {
    const session = await ask("/api/v1/session").catch(() => null);
    if (session && session.version !== this.props.session.version) this.setState({ version: session.version });
  }

  tick() {
    const { board } = this.state;
    if (!board) return;
    this.title();
    this.sayStale();
    if (now() < this.crossing) return;
    this.look(board);
    this.forceUpdate();
  }

  /** Announces the waits that became critical since the last look. */
  look(board) {
    const { crossed, known } = crossings(this.known, board.waits, now(), board.thresholds);
    this.known = known;
    if (crossed.length === 0) return;
    if (this.crossed.length === 0) this.sayTimer = setTimeout(() => this.say(), TOGETHER_MS);
    this.crossed.push(...crossed);
  }

  say() {
    const said = sentence(this.crossed, this.state.board.thresholds.crit_ms);
    this.crossed = [];
    this.setState({ said });
    if (isOn("sound")) play();
  }

  /** A short silence is no reason to interrupt anybody. */
  sayStale() {
    const { liveness, lastWordAt } = this.feed;
    if (liveness !== "stale" || this.saidStale || this.feed.silence() < SAY_STALE_MS) return;
    this.saidStale = true;
    this.setState({ said: `${text.badge.stale}. ${text.noWordSince(format.time(lastWordAt, timeZone()))}` });
  }

  title() {
    const { board } = this.state;
    if (this.feed.liveness === "stale") document.title = text.staleTitle;
    else if (board) document.title = text.title(board.waiting, format.minutes(now() - (board.oldest_waiting_since ?? now())));
  }

  /** The number of the oldest wait leads to the first row of its list, and the way back to the row that was opened. */
  focusFirst() {
    if (this.returnsTo !== null) {
      document.querySelector(`[data-id="${CSS.escape(this.returnsTo)}"] .row-link`)?.focus();
      this.returnsTo = null;
    }
    if (this.focusesFirst) this.focusesFirst = !focusPanel("waits");
  }

  render({ session, search, onShortcuts }, { board, answered, day, said, version }) {
    const view = parseView(search);
    const { liveness } = this.feed;
    const isEmpty = board !== null && board.conversations === 0;
    if (board) this.crossing = nextCrossing(board, now());
    return html`<div class="board" data-stale=${["stale", "signed_out", "refused"].includes(liveness) || undefined}>
      <a class="hidden-text skip" href="#main">${view.isList ? text.toList : text.toWhoWaits}</a>
      <header class="top">
        <div class="bar">
          <h1>${text.product}</h1>
          ${!isEmpty && html`<${Filters} board=${board} view=${view} onShortcuts=${onShortcuts} />`}
          <span class="space"></span>
          <${Badge} feed=${this.feed} />
          <${Clock} />
          <${ThemeButton} />
          <${Notice} feed=${this.feed} version=${version} />
        </div>
        ${board && html`<${Guard} title=${text.headNumbers}><${HeadNumbers} board=${board} view=${view} /><//>`}
      </header>
      <p class="hidden-text" role="status">${said}</p>
      ${isEmpty ? html`<${Start} session=${session} seq=${board.seq} />` : html`<${Panels} board=${board} view=${view} session=${session} answered=${answered} isWaiting=${liveness === "connecting"} />`}
      ${board && !isEmpty && html`<${Guard} title=${text.today}><${Today} board=${board} day=${day} view=${view} /><//>`}
    </div>`;
  }
}

function Panels({ board, view, session, answered, isWaiting }) {
  if (!board) return html`<main class="panels" id="main" tabindex="-1" data-view="board">${isWaiting && html`<p class="soft">${text.loading}</p>`}</main>`;
  const unassigned = view.isSelection ? [] : board.nobody.slice(0, UNASSIGNED_ROWS);
  const waits = board.waits.slice(0, ROWS - unassigned.length);
  const hasTexts = session?.texts ?? true;
  // The answer to another question starts without what was held in this one, so the question is the key.
  return html`<main class="panels" id="main" tabindex="-1" data-view="board" data-seq=${board.seq} onClickCapture=${keepOpenedList}>
    <${Guard} title=${view.isList ? text.list : text.whoWaits}>
      ${view.isList
        ? html`<${Listing} board=${board} view=${view} hasTexts=${hasTexts} />`
        : html`<${Waits} key=${answered} board=${board} rows=${waits} view=${view} hasTexts=${hasTexts} />`}
    <//>
    <div class="side">
      ${!view.isSelection && html`<${Guard} title=${text.unassigned}><${Unassigned} key=${answered} board=${board} rows=${unassigned} view=${view} /><//>`}
      <${Guard} title=${text.byAgent}><${Agents} key=${answered} board=${board} view=${view} /><//>
    </div>
  </main>`;
}

/** The conversation that was opened with the keyboard: the way back leads to its row. */
let opened = null;

/** A conversation that is opened from a list leads on through that list. */
function keepOpenedList(event) {
  const row = event.target.closest("[data-id]");
  const panel = row?.closest("[data-panel]");
  if (!panel || !event.target.closest(".row-link")) return;
  // With a mouse, the focus would only hold the order when the reader comes back.
  opened = event.detail === 0 ? row.dataset.id : null;
  const ids = [...panel.querySelectorAll("[data-id]")].map((each) => each.dataset.id);
  keepList({ name: LISTS[panel.dataset.panel], ids });
}

const linksOf = (panel) => [...panel.querySelectorAll(".row-link")];

/** The first row of a panel. @returns whether there is one */
function focusPanel(name) {
  const panel = document.querySelector(`[data-panel=${name}]`);
  const [first] = panel ? linksOf(panel) : [];
  first?.focus();
  return first !== undefined;
}

/** The next or previous row of the panel that has the focus. */
function moveFocus(step) {
  const panel = document.activeElement?.closest("[data-panel]");
  const links = panel ? linksOf(panel) : [];
  const at = links.indexOf(document.activeElement);
  if (at < 0) focusPanel("waits") || focusPanel("list");
  else links[at + step]?.focus();
}
