// Open conversations that nobody has taken: the longest wait first, then the longest open.
import { html } from "./html.js";
import { Age } from "./age.js";
import { now } from "./clock.js";
import { Held } from "./held.js";
import { levelOf } from "./levels.js";
import { levelClass, MemberLink, Row, Tenant, WaitCell } from "./rows.js";
import { text } from "./text.js";
import { hrefOf } from "./view.js";

const keyOf = (row) => row.id;

class UnassignedRow extends Row {
  render({ row, level, isGone, isMoved }) {
    return html`<tr class=${levelClass(level)} data-id=${row.id}>
      <${WaitCell} since=${row.waiting_since} level=${level} isGone=${isGone} goneText=${text.gone} />
      <td class="cut"><${MemberLink} row=${row} isMoved=${isMoved} /></td>
      <td class="cut not-on-phone"><${Tenant} tenant=${row.tenant} /></td>
      <td class="number"><${Age} since=${row.started_at} /></td>
    </tr>`;
  }
}

/** @param {{board: object, rows: object[], view: import("./view.js").View}} props */
export function Unassigned({ board, rows, view }) {
  const at = now();
  return html`<${Held} rows=${rows} keyOf=${keyOf} name="nobody" label="nobody-title">
    ${({ entries, isMoved, held }) => html`
      <header>
        <h2 id="nobody-title">${text.unassigned}</h2>
        <span class="soft"><span class="shown"><${Shown} shown=${rows.length} board=${board} view=${view} /></span>${held}</span>
      </header>
      ${entries.length === 0
        ? html`<p class="soft">${text.allAssigned}</p>`
        : html`<table class="is-dense">
            <thead>
              <tr>
                <th class="number wait-column">${text.waitsFor}</th>
                <th>${text.member}</th>
                <th class="tenant-column not-on-phone">${text.tenant}</th>
                <th class="number age-column">${text.openFor}</th>
              </tr>
            </thead>
            <tbody>
              ${entries.map(({ key, row, isGone }) => {
                const level = isGone ? null : levelOf(row.waiting_since, at, board.thresholds);
                return html`<${UnassignedRow} key=${key} row=${row} level=${level} isGone=${isGone} isMoved=${isMoved(key)} />`;
              })}
            </tbody>
          </table>`}
    `}
  <//>`;
}

function Shown({ shown, board, view }) {
  if (shown >= board.unassigned) return text.openWithNobody(board.unassigned);
  return html`${text.firstShown(shown, board.unassigned)}: <a href=${hrefOf(view, { unassigned: "1" })}>${text.showAll}</a>`;
}
