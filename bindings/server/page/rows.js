// Rows of conversations: who waits, and the lists behind the numbers.
import { Component, html } from "./html.js";
import { Age } from "./age.js";
import { now } from "./clock.js";
import * as format from "./format.js";
import { Id } from "./frame.js";
import { Icon } from "./icons.js";
import { bandPlaces, levelOf } from "./levels.js";
import { agentName, memberName } from "./names.js";
import { conversationUrl } from "./router.js";
import { text } from "./text.js";

export const LEVEL_ICONS = { critical: "critical", warning: "warning", under: "fine" };

/** A row's class by its level. */
export const levelClass = (level) => (level ? `level-${level}` : "");

/** The level of a wait as a shape. Only the urgent ones are spoken: the age says the rest. */
export function LevelIcon({ level }) {
  return html`<${Icon} name=${LEVEL_ICONS[level]} label=${level === "under" ? undefined : text[level]} />`;
}

/** The cell of a wait: how long, or that there is none, or that it ended while the order is held. */
export function WaitCell({ since, level, isGone, goneText, role }) {
  if (isGone) return html`<td class="wait is-gone" role=${role}>${goneText}</td>`;
  if (level === null) {
    return html`<td class="wait" role=${role}>
      <span class="soft" aria-hidden="true">${format.NONE}</span><span class="hidden-text">${text.notWaiting}</span>
    </td>`;
  }
  return html`<td class="wait" role=${role}><${LevelIcon} level=${level} /><${Age} since=${since} /></td>`;
}

/** The member's name as the link of the row. */
export function MemberLink({ row, isMoved }) {
  const name = memberName(row.member_name) ?? row.member_number;
  return html`<a class=${`row-link ${isMoved ? "has-moved" : ""}`} href=${conversationUrl(row.id)}>
    ${name == null ? html`<span class="soft">${text.nameNotKnown}</span>` : html`<bdi>${name}</bdi>`}
  </a>`;
}

/** An agent's name, or that there is nobody. */
export function Agent({ agent }) {
  return agent ? html`<bdi>${agentName(agent)}</bdi>` : html`<${Icon} name="nobody" /> <b>${text.nobody}</b>`;
}

/** A tenant: its name, or an id whose end stays visible. */
export function Tenant({ tenant }) {
  if (tenant === null || tenant === undefined) return html`<span class="soft">${format.NONE}</span>`;
  return tenant.length > 16 ? html`<${Id} id=${tenant} />` : html`<bdi>${tenant}</bdi>`;
}

function LastWords({ row, hasTexts }) {
  const words = row.last_message?.text;
  if (words) return html`<bdi dir="auto">${words}</bdi>`;
  return html`<span class="soft">${whyNoText(row, hasTexts)}</span>`;
}

function whyNoText(row, hasTexts) {
  if (!hasTexts) return text.textsHidden;
  return row.id.startsWith("superoffice:") ? text.noTexts : text.noText;
}

/** Whether two rows show the same. Every snapshot has new objects, most of them with old values. */
function isSameRow(a, b) {
  return (
    a === b ||
    (FIELDS.every((field) => a[field] === b[field]) &&
      a.agent?.id === b.agent?.id &&
      a.agent?.name === b.agent?.name &&
      a.last_message?.text === b.last_message?.text)
  );
}

const FIELDS = ["id", "tenant", "channel", "member_name", "member_number", "unread", "started_at", "waiting_since"];

/** Renders a row of a table only if what it shows changed. */
export class Row extends Component {
  shouldComponentUpdate({ row, level, isGone, isMoved }) {
    const old = this.props;
    return level !== old.level || isGone !== old.isGone || isMoved !== old.isMoved || !isSameRow(row, old.row);
  }
}

// The roles are written out because a phone shows these rows as a grid, and a grid is no table to a screen reader.

class ConversationRow extends Row {
  render({ row, level, isGone, isMoved, hasTexts }) {
    return html`<tr class=${levelClass(level)} role="row" data-id=${row.id}>
      <${WaitCell} since=${row.waiting_since} level=${level} isGone=${isGone} goneText=${text.answered} role="cell" />
      <td class="cut member" role="cell"><${MemberLink} row=${row} isMoved=${isMoved} /></td>
      <td class="number unread" role="cell"><span data-cell="unread">${format.count(row.unread)}</span><span class="on-phone">${text.unreadAfter}</span></td>
      <td class="cut last-words" role="cell" title=${row.last_message?.text}><${LastWords} row=${row} hasTexts=${hasTexts} /></td>
      <td class="cut agent" role="cell"><${Agent} agent=${row.agent} /></td>
      <td class="cut not-on-phone" role="cell">${format.channel(row.channel)}</td>
      <td class="on-wide" role="cell"><${Id} id=${row.id} /></td>
    </tr>`;
  }
}

/**
 * The table of conversations.
 * @param {object} props
 * @param {import("./order.js").Entry<object>[]} props.entries
 * @param {(key: string) => boolean} props.isMoved
 * @param {import("./levels.js").Thresholds} props.thresholds
 * @param {boolean} props.hasTexts
 * @param {Record<string, any>} [props.bands] the line over the first row of each level
 */
export function ConversationTable({ entries, isMoved, thresholds, hasTexts, bands }) {
  const at = now();
  const levels = entries.map(({ row, isGone }) => (isGone ? null : levelOf(row.waiting_since, at, thresholds)));
  const bandAt = bands ? bandPlaces(levels) : new Map();
  const lines = entries.flatMap(({ key, row, isGone }, place) => {
    const line = html`<${ConversationRow} key=${key} row=${row} level=${levels[place]} isGone=${isGone} isMoved=${isMoved(key)} hasTexts=${hasTexts} />`;
    const band = bandAt.get(place);
    return band ? [html`<${Band} key=${band} level=${band}>${bands[band]}<//>`, line] : [line];
  });
  return html`<table role="table">
    <thead role="rowgroup">
      <tr role="row">
        <th class="number wait-column" role="columnheader">${text.waitsFor}</th>
        <th class="member-column" role="columnheader">${text.member}</th>
        <th class="number count-column" role="columnheader">${text.unread}</th>
        <th role="columnheader">${text.lastWords}</th>
        <th class="agent-column" role="columnheader">${text.agent}</th>
        <th class="channel-column not-on-phone" role="columnheader">${text.channel}</th>
        <th class="agent-column on-wide" role="columnheader">${text.conversation}</th>
      </tr>
    </thead>
    <tbody role="rowgroup">${lines}</tbody>
  </table>`;
}

/** The columns that are shown on every screen wider than a phone. */
const COLUMNS = 6;

function Band({ level, children }) {
  return html`<tr class="band" role="row" data-level=${level}>
    <th colspan=${COLUMNS} role="rowheader"><${Icon} name=${LEVEL_ICONS[level]} />${children}</th>
    <td class="on-wide" role="cell"></td>
  </tr>`;
}

