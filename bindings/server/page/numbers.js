// The head numbers. Each leads to the list that it counts.
import { html } from "./html.js";
import { Age } from "./age.js";
import { now } from "./clock.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { levelOf } from "./levels.js";
import { agentName, memberName } from "./names.js";
import { text } from "./text.js";
import { UpstreamNumber } from "./upstreams.js";
import { hrefOf } from "./view.js";

/** @param {{board: object, view: import("./view.js").View}} props */
export function HeadNumbers({ board, view }) {
  const link = (changes) => hrefOf(view, changes);
  const { conditions } = view;
  const waiting_min = conditions.waiting_min ?? "0";
  const unread_min = conditions.unread_min ?? "1";
  return html`<nav class="numbers" aria-label=${text.headNumbers}>
    <${OldestWait} board=${board} href=${link({ sort: "waiting", waiting_min })} />
    <${HeadNumber} board=${board} name="waiting" label=${text.waiting} href=${link({ waiting_min })} />
    <${HeadNumber} board=${board} name="unassigned" label=${text.unassigned} href=${link({ unassigned: "1" })} />
    <${HeadNumber} board=${board} name="open" label=${text.open} href=${link({ status: "open" })} />
    <${HeadNumber} board=${board} name="unread" label=${text.unreadMessages} href=${link({ unread_min })} />
    <${HeadNumber} board=${board} name="suspect" label=${text.suspect} href=${link({ suspect: "1" })} />
    <${UpstreamNumber} upstreams=${board.upstreams} isPast=${Boolean(board.moment)} />
  </nav>`;
}

function HeadNumber({ board, name, label, href }) {
  // Of the past only what was open is counted.
  const hasData = board.conversations > 0 || board.moment;
  return html`<a class="head-number" href=${href}>
    <span class="label">${label}</span>
    <span class="value" data-number=${name}>${hasData ? format.count(board[name]) : format.NONE}</span>
    <${Trend} board=${board} name=${name} />
  </a>`;
}

/** How a number changed in a quarter of an hour, in words. */
function Trend({ board, name }) {
  if (board.before === null) return html`<span class="trend">${board.conversations > 0 || board.moment ? "" : text.noData}</span>`;
  const change = board[name] - board.before[name];
  const title = text.trendSpoken(change);
  if (change === 0) return html`<span class="trend" title=${title}>${text.noChange}</span>`;
  return html`<span class="trend" title=${title}><${Icon} name=${change > 0 ? "up" : "down"} label=${change > 0 ? text.up : text.down} /> ${text.trend(Math.abs(change))}</span>`;
}

function OldestWait({ board, href }) {
  const { oldest_waiting_since: since, thresholds } = board;
  const isCritical = levelOf(since, now(), thresholds) === "critical";
  return html`<a class=${`head-number is-oldest ${isCritical ? "is-critical" : ""}`} href=${href}>
    <span class="label">${isCritical && html`<${Icon} name="critical" label=${text.critical} />`} ${text.oldestWait}</span>
    <span class="value">
      <span data-number="oldest">${since === null ? format.NONE : html`<${Age} since=${since} />`}</span>
      <${OldestBefore} board=${board} />
    </span>
    <span class="trend">${since === null ? text.nobodyWaits : html`<${WhoWaitsLongest} row=${board.waits[0]} />`}</span>
  </a>`;
}

function OldestBefore({ board: { before, oldest_waiting_since: since } }) {
  if (before === null || (since === null && before.oldest_waiting_since === null)) return null;
  const { at, oldest_waiting_since: earlier } = before;
  return html`<small>${earlier === null ? text.nobodyWaited : format.age(at - earlier)}<br />${text.minutesAgo}</small>`;
}

function WhoWaitsLongest({ row }) {
  if (!row) return null;
  const member = memberName(row.member_name) ?? row.member_number ?? text.nameNotKnown;
  const agent = row.agent ? html`<bdi>${agentName(row.agent)}</bdi>` : text.nobody;
  return html`<bdi>${member}</bdi><span>, ${text.with} ${agent}</span>`;
}
