// Every agent with open conversations: how many, how many of them wait, and for how long.
import { Component, html } from "./html.js";
import { Age } from "./age.js";
import { now } from "./clock.js";
import * as format from "./format.js";
import { Held } from "./held.js";
import { Icon } from "./icons.js";
import { isSilent, levelOf } from "./levels.js";
import { agentName } from "./names.js";
import { levelClass, Tenant, WaitCell } from "./rows.js";
import { text } from "./text.js";
import { agentConditions, hrefOf, ROWS } from "./view.js";

const keyOf = (row) => JSON.stringify([row.tenant, row.agent?.id, row.agent?.name]);

const nameOf = (row) => (row.agent ? agentName(row.agent) : null);

const FIELDS = ["open", "unread", "waiting", "oldest_waiting_since", "last_reply_at"];

class AgentRow extends Component {
  shouldComponentUpdate({ row, level, silent, isGone, isMoved, href, tenant }) {
    const old = this.props;
    return (
      level !== old.level ||
      silent !== old.silent ||
      isGone !== old.isGone ||
      isMoved !== old.isMoved ||
      href !== old.href ||
      tenant !== old.tenant ||
      FIELDS.some((field) => row[field] !== old.row[field])
    );
  }

  render({ row, level, silent, isGone, isMoved, href, tenant }) {
    const mark = silent && html`<${Icon} name="warning" label=${text.longSilent} />`;
    return html`<tr class=${levelClass(level)} data-agent=${row.agent?.id ?? row.agent?.name ?? ""} data-tenant=${row.tenant ?? ""}>
      <td class="cut">
        <a class=${`row-link ${isMoved ? "has-moved" : ""}`} href=${href}>
          <${Name} row=${row} tenant=${tenant} mark=${mark} />
        </a>
      </td>
      <td class="number" data-cell="open">${format.count(row.open)}</td>
      <td class="not-on-phone"><${Load} open=${row.open} waiting=${row.waiting} /></td>
      <td class="number not-on-phone" data-cell="unread">${format.count(row.unread)}</td>
      <${WaitCell} since=${row.oldest_waiting_since} level=${level} isGone=${isGone} goneText=${text.gone} />
      <td class="number not-on-phone">
        ${typeof row.last_reply_at === "number"
          ? html`<span class=${silent ? "signal" : ""}>${mark} <${Age} since=${row.last_reply_at} /></span>`
          : html`<span class="soft">${format.NONE}</span>`}
      </td>
    </tr>`;
  }
}

function Name({ row, tenant, mark }) {
  return html`<span class="agent-name">
    ${mark && html`<span class="signal on-phone">${mark}</span>`}
    ${row.agent ? html`<bdi class="who-has">${agentName(row.agent)}</bdi>` : html`<span class="who-has"><${Icon} name="nobody" /> ${text.nobody}</span>`}
    ${tenant && html`<span class="soft cut"><${Tenant} tenant=${tenant} /></span>`}
  </span>`;
}

const BLOCKS_WIDTH = 90;
const FULL_BLOCKS = 10;

/** One block a conversation, the waiting ones first and tall. Above ten the blocks narrow. */
function Load({ open, waiting }) {
  const step = BLOCKS_WIDTH / Math.max(FULL_BLOCKS, open);
  const width = step * (7 / 9);
  // Above this the blocks would be thinner than a pixel, and two bars say the same.
  const label = text.loadSpoken(open, waiting);
  if (open > 45) {
    return html`<svg class="load" viewBox="0 0 90 16" preserveAspectRatio="xMinYMid meet" role="img" aria-label=${label}>
      <path class="tall" d=${`M0 0H${waiting * step}V16H0Z`} />
      <path d=${`M${waiting * step} 6H90V16H${waiting * step}Z`} />
    </svg>`;
  }
  return html`<svg class="load" viewBox="0 0 90 16" preserveAspectRatio="xMinYMid meet" role="img" aria-label=${label}>
    <path class="tall" d=${blocks(0, waiting, step, width, 0)} />
    <path d=${blocks(waiting, open, step, width, 6)} />
  </svg>`;
}

function blocks(from, until, step, width, top) {
  let path = "";
  for (let i = from; i < until; i++) path += `M${round(i * step)} ${top}h${round(width)}V16h${round(-width)}Z`;
  return path;
}

const round = (number) => Math.round(number * 100) / 100;

/**
 * Who has the longest wait comes first, then who has the most conversations; those with nobody come last.
 * @param {object[]} agents
 */
export function agentOrder(agents) {
  const key = (row) => [row.agent ? 0 : 1, row.oldest_waiting_since ?? Infinity, -row.open, nameOf(row) ?? "", row.tenant ?? ""];
  const keyed = agents.map((row) => ({ row, key: key(row) }));
  keyed.sort((a, b) => compare(a.key, b.key));
  return keyed.map(({ row }) => row);
}

function compare(a, b) {
  const at = a.findIndex((value, i) => value !== b[i]);
  if (at < 0) return 0;
  return a[at] < b[at] ? -1 : 1;
}

/** @param {{board: object, view: import("./view.js").View}} props */
export function Agents({ board, view }) {
  const at = now();
  const rows = agentOrder(board.agents).slice(0, ROWS);
  const repeated = repeatedNames(rows);
  return html`<${Held} rows=${rows} keyOf=${keyOf} name="agents" label="agents-title">
    ${({ entries, isMoved, held }) => html`
      <header>
        <h2 id="agents-title">${text.byAgent}</h2>
        <span class="soft">
          ${rows.length < board.agents.length && html`${text.firstAgents(rows.length, board.agents.length)}; `}
          ${held || html`<${Icon} name="critical" /> ${text.loadHint}`}
        </span>
      </header>
      ${entries.length === 0
        ? html`<p class="soft">${text.noAgents}</p>`
        : html`<table class="is-dense">
            <thead>
              <tr>
                <th>${text.agent}</th>
                <th class="number count-column">${text.open}</th>
                <th class="load-column not-on-phone">${text.load}</th>
                <th class="number count-column not-on-phone">${text.unread}</th>
                <th class="number load-column">${text.oldestWait}</th>
                <th class="number load-column not-on-phone">${text.lastReply}</th>
              </tr>
            </thead>
            <tbody>
              ${entries.map(({ key, row, isGone }) => {
                const level = isGone ? null : levelOf(row.oldest_waiting_since, at, board.thresholds);
                const href = hrefOf(view, { status: "open", ...agentConditions(row) });
                const tenant = repeated.has(nameOf(row)) ? row.tenant : null;
                const silent = isSilent(row, at, board.thresholds);
                return html`<${AgentRow} key=${key} ...${{ row, level, silent, isGone, href, tenant }} isMoved=${isMoved(key)} />`;
              })}
            </tbody>
          </table>`}
    `}
  <//>`;
}

/** Names that several rows have: their tenants tell them apart. */
function repeatedNames(rows) {
  const seen = new Set();
  const repeated = new Set();
  for (const row of rows) {
    const name = nameOf(row);
    (seen.has(name) ? repeated : seen).add(name);
  }
  return repeated;
}
