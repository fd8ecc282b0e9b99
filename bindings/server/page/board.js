// The board: head numbers, who waits, who has nobody, agents, and today.
import { Component, html } from "./html.js";
import { Agents } from "./agents.js";
import { crossings, sentence, TOGETHER_MS } from "./announce.js";
import { AsOf, AsOfBadge, frame, problemWords } from "./asof.js";
import { hold, now, onTick, release, serverNow, timeZone } from "./clock.js";
import { Today } from "./day.js";
import { ask, Feed } from "./feed.js";
import { Filters, toggleSound } from "./filters.js";
import * as format from "./format.js";
import { Badge, Clock, Incomplete, Notice, ThemeButton, whatIsMissing } from "./frame.js";
import { letAllIn } from "./held.js";
import { addKeys } from "./keys.js";
import { nextCrossing } from "./levels.js";
import { keepList } from "./list.js";
import { Listing } from "./listing.js";
import { addressAt, minuteOf, momentAt, momentOf, moved, timeOf, truthOf } from "./moment.js";
import { Unassigned } from "./nobody.js";
import { HeadNumbers } from "./numbers.js";
import { Guard } from "./panel.js";
import { Past } from "./past.js";
import { navigate, onNavigate, rememberBoard } from "./router.js";
import { isOn } from "./settings.js";
import { play } from "./sound.js";
import { Start } from "./start.js";
import { text } from "./text.js";
import { boardQuestion, parseView, reportHref, ROWS } from "./view.js";
import { Waits } from "./waits.js";

/** Unassigned conversations beside those who wait: together they are at most `ROWS`. */
const UNASSIGNED_ROWS = 25;
const SAY_STALE_MS = 30_000;
/** The slider speaks when it has rested for this long, and asks for its moment after less. */
const SAY_MOMENT_MS = 1_000;
const REST_MS = 150;
/** The panels whose rows are conversations, and what their lists are called on the page of a conversation. */
const LISTS = { waits: "waits", nobody: "nobody", list: "open" };

/** @extends {Component<{session: object, search: string, onShortcuts: () => void}>} */
export default class Board extends Component {
  /** `answered`: the question that the board answers. `thumb`: where the slider is while its moment is not asked for yet. */
  state = { board: null, answered: null, day: null, said: "", version: null, isLookingBack: false, thumb: null };
  /** The waits that were critical at the last look; `null` before the first one. */
  known = null;
  crossed = [];
  /** By which truth the slider asks. */
  truth = truthOf(momentOf(location.search));

  constructor(props) {
    super(props);
    this.feed = new Feed({
      url: () => this.question(),
      events: ["board", "day"],
      onEvent: (name, data) => this.heard(name, data),
      onChange: () => this.noteLiveness(),
    });
    this.past = new Past(() => this.pastChanged());
  }

  question() {
    return boardQuestion(parseView(this.props.search), timeZone());
  }

  get moment() {
    return momentOf(this.props.search);
  }

  /** Shows the moment of the address, or now. */
  followMoment() {
    const { moment } = this;
    frame(moment !== null);
    const question = moment && boardQuestion(parseView(this.props.search), timeZone(), ROWS, moment);
    this.past.follow(question, truthOf(moment) === "as_of");
    if (moment === null) return release();
    this.truth = truthOf(moment);
    this.setState({ isLookingBack: true });
  }

  pastChanged() {
    const { board } = this.past;
    if (board) hold(board.now);
    clearTimeout(this.sayMomentTimer);
    this.sayMomentTimer = setTimeout(() => this.sayMoment(), SAY_MOMENT_MS);
    this.title();
    this.forceUpdate(() => board && this.focusFirst());
  }

  /** The slider speaks when it rests. */
  sayMoment() {
    const { board, problem } = this.past;
    if (problem) this.setState({ said: problemWords(problem, this.moment) });
    else if (board && this.moment) this.setState({ said: text.momentSaid(format.hourMinute(board.now, timeZone()), board) });
  }

  /** The time that the controls of the past are about. */
  chosen() {
    const { thumb, board } = this.state;
    return thumb ?? timeOf(this.moment) ?? this.past.board?.now ?? board?.now ?? serverNow();
  }

  /** Moves the slider; the moment is asked for when it rests. */
  moveTo(at) {
    const isNow = at === null || minuteOf(at) >= minuteOf(serverNow());
    clearTimeout(this.moveTimer);
    this.setState({ isLookingBack: true, thumb: isNow ? null : minuteOf(at) });
    if (isNow) this.goTo(null);
    else this.moveTimer = setTimeout(() => this.goTo(momentAt(this.truth, minuteOf(at))), REST_MS);
  }

  /** The first moment is a step of the history; others replace it, so that Back leads to now. */
  goTo(moment) {
    if (moment === null && this.moment === null) return;
    navigate(addressAt(location, moment), { replace: this.moment !== null });
  }

  moveBy(minutes) {
    const next = moved(this.chosen(), minutes, serverNow());
    if (next !== null || this.moment || this.state.thumb !== null) this.moveTo(next);
  }

  choose(truth) {
    this.truth = truth;
    if (this.moment) this.goTo(momentAt(truth, this.chosen()));
    else this.forceUpdate();
  }

  lookBack() {
    if (this.state.isLookingBack) this.backToLive();
    else this.setState({ isLookingBack: true }, () => document.querySelector(".slide")?.focus());
  }

  /** @returns whether there was anything to leave */
  backToLive() {
    if (!this.state.isLookingBack && this.moment === null) return false;
    clearTimeout(this.moveTimer);
    clearTimeout(this.sayMomentTimer);
    if (this.moment !== null) this.setState({ said: text.nowSaid });
    this.setState({ isLookingBack: false, thumb: null }, () => document.getElementById("look-back-button")?.focus());
    this.goTo(null);
    return true;
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
      "g r": () => navigate(reportHref(parseView(this.props.search))),
      m: () => toggleSound(),
      r: () => letAllIn(),
      t: () => this.lookBack(),
      "[": () => this.moveBy(-1),
      "]": () => this.moveBy(1),
      "{": () => this.moveBy(-5),
      "}": () => this.moveBy(5),
      Escape: () => this.backToLive(),
    });
    this.followMoment();
  }

  componentDidUpdate(before) {
    if (before.search === this.props.search) return;
    this.focusesFirst = parseView(this.props.search).sort === "waiting";
    if (this.state.thumb !== null && this.state.thumb === timeOf(this.moment)) this.setState({ thumb: null });
    this.followMoment();
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
    this.past.close();
    frame(false);
    release();
    for (const timer of [this.sayTimer, this.moveTimer, this.sayMomentTimer]) clearTimeout(timer);
  }

  heard(name, data) {
    this.setState({ [name]: data, answered: this.asked }, () => name === "board" && this.focusFirst());
    if (name !== "board") return;
    this.past.heard(data.seq);
    this.look(data);
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
    if (serverNow() < this.crossing) return;
    this.look(board);
    this.forceUpdate();
  }

  /** Announces the waits that became critical since the last look. */
  look(board) {
    const { crossed, known } = crossings(this.known, board.waits, serverNow(), board.thresholds);
    this.known = known;
    // Who looks at the past is told of the past.
    if (crossed.length === 0 || this.moment) return;
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
    else if (this.moment) document.title = text.momentTitle(format.hourMinute(this.chosen(), timeZone()));
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

  /** What the dock needs while the reader looks back. */
  controls() {
    if (!this.state.isLookingBack) return null;
    const at = this.chosen();
    const isNow = this.moment === null && this.state.thumb === null;
    const said = isNow ? text.now : format.hourMinute(at, timeZone());
    const actions = { onMove: (minutes) => this.moveBy(minutes), onPick: (time) => this.moveTo(time), onTruth: (truth) => this.choose(truth) };
    return { slider: { at, said, onInput: (time) => this.moveTo(time) }, controls: { at, truth: this.truth, ...actions } };
  }

  render({ session, search, onShortcuts }, { board: live, answered: liveQuestion, day, said, version }) {
    const view = parseView(search);
    const { liveness } = this.feed;
    const { moment } = this;
    const isEmpty = live !== null && live.conversations === 0 && whatIsMissing(live.cluster) === null;
    if (live) this.crossing = nextCrossing(live, serverNow());
    const board = moment ? this.past.board : live;
    const answered = moment ? this.past.question : liveQuestion;
    const isWaiting = moment ? this.past.problem === null : liveness === "connecting";
    return html`<div class="board" data-stale=${["stale", "signed_out", "refused"].includes(liveness) || undefined}>
      <a class="hidden-text skip" href="#main">${view.isList ? text.toList : text.toWhoWaits}</a>
      <header class="top">
        <div class="bar">
          <h1>${text.product}</h1>
          ${!isEmpty && html`<${Filters} board=${board ?? live} view=${view} onShortcuts=${onShortcuts} />`}
          <span class="space"></span>
          ${moment && liveness !== "stale" ? html`<${AsOfBadge} at=${this.chosen()} />` : html`<${Badge} feed=${this.feed} />`}
          <${Clock} />
          <${ThemeButton} />
          <${Notice} feed=${this.feed} version=${version} />
        </div>
        <${Incomplete} cluster=${board?.cluster} />
        ${moment && html`<${AsOf} moment=${moment} report=${this.past.isAnswered ? board.moment : null} problem=${this.past.problem} onLeave=${() => this.backToLive()} />`}
        ${board && html`<${Guard} title=${text.headNumbers}><${HeadNumbers} board=${board} view=${view} /><//>`}
      </header>
      <p class="hidden-text" role="status">${said}</p>
      ${isEmpty ? html`<${Start} session=${session} seq=${live.seq} />` : html`<${Panels} board=${board} view=${view} session=${session} answered=${answered} isWaiting=${isWaiting} />`}
      ${live && !isEmpty && html`<${Guard} title=${text.today}><${Today} board=${board ?? live} live=${live} day=${day} view=${view} past=${this.controls()} onPick=${(at) => this.moveTo(at)} onLookBack=${() => this.lookBack()} /><//>`}
    </div>`;
  }
}

function Panels({ board, view, session, answered, isWaiting }) {
  if (!board) return html`<main class="panels" id="main" tabindex="-1" data-view="board">${isWaiting && html`<p class="soft">${text.loading}</p>`}</main>`;
  const unassigned = view.isSelection ? [] : board.nobody.slice(0, UNASSIGNED_ROWS);
  const waits = board.waits.slice(0, ROWS - unassigned.length);
  const hasTexts = session?.texts ?? true;
  // The answer to another question starts without what was held in this one, so the question is the key.
  return html`<main class="panels" id="main" tabindex="-1" data-view="board" data-seq=${board.seq} data-moment=${board.moment?.time} onClickCapture=${keepOpenedList}>
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
