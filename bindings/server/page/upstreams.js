// Where events come from, and whether they do: the last of the head numbers.
import { Fragment, html } from "./html.js";
import { Age } from "./age.js";
import { timeZone } from "./clock.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { text } from "./text.js";

/** Lines that fit beside the other numbers. */
const LINES = 3;
const TROUBLES = ["refused", "quiet", "catching_up"];

/** Whether an upstream needs attention. */
export function isTrouble({ state, gap }) {
  return state === "quiet" || state === "refused" || gap !== null;
}

/**
 * The upstreams in few lines: those that are fine share one, and what does not fit is counted.
 * @param {object[]} upstreams
 * @param {number} lines
 * @returns {{names: string[], upstream: object}[]} `upstream`: the one of the line that was heard last
 */
export function upstreamLines(upstreams, lines = LINES) {
  const troubled = upstreams.filter((upstream) => isTrouble(upstream) || TROUBLES.includes(upstream.state));
  troubled.sort((a, b) => TROUBLES.indexOf(a.state) - TROUBLES.indexOf(b.state));
  const fine = upstreams.filter((upstream) => !troubled.includes(upstream));
  const streams = fine.filter(({ kind }) => kind === "stream").map(single);
  const webhooks = together(fine.filter(({ kind }) => kind !== "stream"));
  const all = [...streams, ...webhooks, ...troubled.map(single)];
  if (all.length <= lines) return all;
  // Trouble is never hidden behind what is fine.
  const first = [...troubled.map(single), ...streams, ...webhooks];
  return [...first.slice(0, lines - 1), { ...first[lines - 1], more: all.length - lines }];
}

const single = (upstream) => ({ names: [upstream.name], upstream });

/** One line for each state. */
function together(upstreams) {
  const byState = new Map();
  for (const upstream of upstreams) {
    const line = byState.get(upstream.state);
    if (!line) byState.set(upstream.state, single(upstream));
    else {
      line.names.push(upstream.name);
      if ((upstream.last_at ?? 0) > (line.upstream.last_at ?? 0)) line.upstream = upstream;
    }
  }
  return [...byState.values()];
}

const ICONS = { ok: "on", quiet: "warning", refused: "critical", catching_up: "warning", connecting: "nobody", not_set_up: null };

/** @param {{upstreams: object[], isPast: boolean}} props */
export function UpstreamNumber({ upstreams, isPast }) {
  return html`<a class="head-number is-upstream" href="/status#upstream">
    <span class="label">${text.upstream}</span>
    <ul>
      ${upstreamLines(upstreams).map((line) => html`<${Line} key=${line.upstream.name} ...${line} />`)}
      ${upstreams.length === 0 && (isPast ? html`<li class="soft">${text.notKept}</li>` : html`<li><span>${text.http}</span><span class="soft">${text.listening}</span></li>`)}
    </ul>
  </a>`;
}

/** Up to two names; of more, the first and their number. */
function nameOf(names) {
  const [first, ...others] = names.map(format.shortId);
  return others.length > 1 ? `${first}, ${text.others(others.length)}` : [first, ...others].join(", ");
}

function Line({ names, upstream, more = 0 }) {
  const icon = upstream.gap ? "warning" : ICONS[upstream.state];
  const name = html`${icon && html`<${Icon} name=${icon} label=${isTrouble(upstream) ? text.warning : undefined} />`} <bdi>${nameOf(names)}</bdi>`;
  return html`<li class=${isTrouble(upstream) ? "signal" : ""} title=${remark(upstream)}>
    <span class="cut">${name}</span>
    <span><${State} upstream=${upstream} />${more > 0 && `, ${text.others(more)}`}</span>
  </li>`;
}

/** What an upstream does, in few words. The times in them tick. */
export function State({ upstream }) {
  const { state, last_at: last, lag_ms: lag, next_try_at: next } = upstream;
  const word = text.upstreamState[state];
  switch (state) {
    case "ok":
      return last === null ? word : html`<${Fragment}>${word}, <${Age} since=${last} inSentence suffix=${text.ago} /><//>`;
    case "quiet":
      return last === null ? text.neverHeard : html`<${Fragment}>${word} <${Age} since=${last} /><//>`;
    case "catching_up":
      return lag === null ? word : `${word}, ${text.behind(format.span(lag))}`;
    case "refused":
      return next === null ? word : `${word}, ${text.nextTry(format.time(next, timeZone()))}`;
    default:
      return html`<span class="soft">${word}</span>`;
  }
}

function remark({ why, usual_gap_ms: usual, gap }) {
  const zone = timeZone();
  const parts = [
    why,
    usual !== null && text.usuallyEvery(format.span(usual)),
    gap && text.eventsLost(format.exact(gap.from, zone), format.exact(gap.until, zone)),
  ];
  return parts.filter(Boolean).join(" ") || undefined;
}
