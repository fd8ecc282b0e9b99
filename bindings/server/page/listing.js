// The list behind a number: all open conversations that match, page by page.
import { Component, html } from "./html.js";
import { ask } from "./feed.js";
import { Held } from "./held.js";
import { Icon } from "./icons.js";
import { ConversationTable } from "./rows.js";
import { text } from "./text.js";
import { describe, hrefOf, listQuestion, sortOf } from "./view.js";
import { NothingMatches } from "./waits.js";

/** A list is read again after events, but not more often. */
const PAUSE_MS = 1000;

const keyOf = (row) => row.id;

/** @extends {Component<{board: object, view: import("./view.js").View, hasTexts: boolean}>} */
export class Listing extends Component {
  state = { page: null, problem: null };

  componentDidMount() {
    this.read();
  }

  componentDidUpdate(before) {
    const isOther = listQuestion(before.view) !== listQuestion(this.props.view);
    if (isOther) this.read();
    else if (this.isBehind()) this.readSoon();
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
    this.request?.abort();
  }

  isBehind() {
    const { page } = this.state;
    return page !== null && page.seq !== this.props.board.seq;
  }

  readSoon() {
    this.timer ??= setTimeout(() => this.read(), PAUSE_MS);
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = null;
    this.request?.abort();
    this.request = new AbortController();
    const { signal } = this.request;
    const question = listQuestion(this.props.view);
    try {
      const page = await ask(question, signal);
      this.setState({ page: { ...page, question }, problem: null });
    } catch (error) {
      if (!signal.aborted) this.setState({ problem: error.message });
    }
  }

  render({ board, view, hasTexts }, { page, problem }) {
    const title = listTitle(board, view);
    if (problem) return html`<${Problem} title=${title} problem=${problem} tryAgain=${() => this.read()} />`;
    if (page === null || page.question !== listQuestion(view)) {
      return html`<section class="panel" data-panel="list" aria-busy="true"><header><h2>${title}</h2><span class="soft">${text.loading}</span></header></section>`;
    }
    return html`<${Held} key=${page.question} rows=${page.rows} keyOf=${keyOf} name="list" class="conversations is-filled" label="list-title">
      ${({ entries, isMoved, held }) => html`
        <header>
          <h2 id="list-title">${title}</h2>
          <span class="soft"><span class="shown"><${Shown} page=${page} board=${board} view=${view} /></span>${held}</span>
        </header>
        ${entries.length > 0
          ? html`<${ConversationTable} entries=${entries} isMoved=${isMoved} thresholds=${board.thresholds} hasTexts=${hasTexts} />`
          : html`<${NothingMatches} board=${board} view=${view} />`}
      `}
    <//>`;
  }
}

function listTitle(board, view) {
  const order = sortOf(view) === "waiting" ? text.longestWaitFirst : text.latestFirst;
  return [text.openConversations, describe(view, board.choices), order].filter(Boolean).join(", ");
}

/** Which part of the list this is. The whole of it is as long as the number says. */
function Shown({ page: { rows, next_cursor: next }, board, view }) {
  const first = view.from;
  if (first === 0 && next === null) return text.allShown(rows.length);
  const parts = [first === 0 ? text.firstShown(rows.length, board.open) : text.pageShown(first + 1, first + rows.length, board.open)];
  const list = { status: "open", sort: view.sort };
  if (first > 0) parts.push(html`; <a href=${hrefOf(view, list)}>${text.firstPage}</a>`);
  if (next) parts.push(html`; <a href=${hrefOf(view, { ...list, cursor: next, from: first + rows.length })}>${text.nextPage}</a>`);
  return parts;
}

function Problem({ title, problem, tryAgain }) {
  return html`<section class="panel" data-panel="list">
    <header><h2>${title}</h2></header>
    <p>
      <${Icon} name="warning" /> <b>${text.panelNotRead(text.list)}</b> ${text.serverSaid(problem)} ${text.othersLive}${" "}
      <button type="button" class="link" onClick=${tryAgain}>${text.tryAgain}</button>
    </p>
  </section>`;
}
