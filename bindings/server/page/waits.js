// Who waits, longest first, in bands between the two thresholds.
import { html } from "./html.js";
import { Age } from "./age.js";
import { now } from "./clock.js";
import * as format from "./format.js";
import { Held } from "./held.js";
import { Icon } from "./icons.js";
import { bandsAt } from "./levels.js";
import { ConversationTable } from "./rows.js";
import { text } from "./text.js";
import { clearedHref, describe, hrefOf, isFiltered, longerWait } from "./view.js";

const keyOf = (row) => row.id;

/** @param {{board: object, rows: object[], view: import("./view.js").View, hasTexts: boolean}} props */
export function Waits({ board, rows, view, hasTexts }) {
  return html`<${Held} rows=${rows} keyOf=${keyOf} class="waits is-filled" name="waits" label="waits-title">
    ${({ entries, isMoved, held }) => html`
      <header>
        <h2 id="waits-title">${text.whoWaits}</h2>
        <span class="soft"><span class="shown"><${Shown} shown=${rows.length} board=${board} view=${view} /></span>${held}</span>
      </header>
      ${entries.length > 0
        ? html`<${ConversationTable} entries=${entries} isMoved=${isMoved} thresholds=${board.thresholds} hasTexts=${hasTexts} bands=${bandLines(board, view)} />`
        : html`<${NobodyWaits} board=${board} view=${view} />`}
    `}
  <//>`;
}

/** How many of the waits are in the page, and where the others are. */
function Shown({ shown, board, view }) {
  const { waiting } = board;
  if (waiting === 0) return null;
  if (shown >= waiting) return text.allShown(waiting);
  const all = hrefOf(view, { status: "open", waiting_min: view.conditions.waiting_min ?? "0", sort: "waiting" });
  return html`${text.firstShown(shown, waiting)}: <a href=${all}>${text.showAll}</a>`;
}

/** The lines between the bands. The count of the longest waits leads to exactly those. */
function bandLines(board, view) {
  const { warn_ms: warn, crit_ms: crit } = board.thresholds;
  const bands = bandsAt(board, now());
  const critical = hrefOf(view, { waiting_min: longerWait(view, crit) });
  return {
    critical: html`<a href=${critical}>${text.bandCritical(bands.critical, crit)}</a>`,
    warning: text.bandWarning(bands.warning, warn, crit),
    under: text.bandUnder(bands.under, warn),
  };
}

function NobodyWaits({ board, view }) {
  if (board.open === 0 && isFiltered(view)) return html`<${NothingMatches} board=${board} view=${view} />`;
  const { last_answered: last } = board;
  return html`<p>
    <${Icon} name="done" /> <b>${text.nobodyWaitsNow}</b>${" "}
    ${last && html`${text.lastAnswered.before} <${Age} since=${last.at} inSentence /> ${text.lastAnswered.after(format.span(last.after_ms))}`}
  </p>`;
}

/** That the filters leave nothing, and the way out. */
export function NothingMatches({ board, view }) {
  return html`<p>
    <b>${text.nothingMatches(board.all_open)}</b> ${describe(view, board.choices)}. <a href=${clearedHref(view)}>${text.clearFilters}</a>
  </p>`;
}
