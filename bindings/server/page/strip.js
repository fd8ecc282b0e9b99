// Who had the conversation when: one block a stretch, with its messages and waits at their times.
import { Component, createRef, html } from "./html.js";
import { Age } from "./age.js";
import { now, onTick, timeZone } from "./clock.js";
import * as format from "./format.js";
import { Agent } from "./rows.js";
import { talk as text } from "./talk.js";
import { axis, longGap } from "./timeline.js";

/** More stretches than this are left out, the oldest first. */
const MAX_SPANS = 40;
/** The number of seconds after which the running stretch is drawn again; its ages tick by themselves. */
const REDRAW_SECONDS = 15;
/** The width of a drawing, and the least width of a wait in it. */
const WIDTH = 1000;
const MIN_WAIT = 6;

/** @extends {Component<{spans: object[]}>} */
export class Strip extends Component {
  list = createRef();

  componentDidMount() {
    // What happened last is what people look for.
    this.list.current.scrollLeft = this.list.current.scrollWidth;
    let seconds = 0;
    this.end = onTick(() => {
      seconds += 1;
      if (seconds % REDRAW_SECONDS === 0 && this.props.spans.at(-1)?.until === null) this.forceUpdate();
    });
  }

  componentWillUnmount() {
    this.end();
  }

  render({ spans }) {
    const shown = spans.slice(-MAX_SPANS);
    const long = longGap(shown);
    const left = spans.length - shown.length;
    return html`<section class="panel strip" data-panel="strip" aria-labelledby="strip-title">
      <header><h2 id="strip-title">${text.whoHadIt}</h2><span class="soft">${text.stripKey}</span></header>
      ${left > 0 && html`<p class="soft">${text.earlierSpans(left)}</p>`}
      <ol ref=${this.list} class="stretches" aria-labelledby="strip-title" tabindex=${shown.length > 8 ? 0 : undefined}>
        ${shown.map((span) => html`<${Span} key=${`${span.from} ${span.closed}`} span=${span} long=${long} />`)}
      </ol>
    </section>`;
  }
}

function Span({ span, long }) {
  const zone = timeZone();
  const until = span.until ?? Math.max(now(), span.from);
  const scale = axis(span, until, long);
  const kind = span.closed ? "is-closed" : span.agent ? "" : "is-nobody";
  // What the thick lines say.
  const waited = span.waits.reduce((sum, wait) => sum + (wait.until ?? until) - wait.from, 0);
  // The stretch is as wide as the time that its axis shows; a closed one has a fixed width.
  const style = span.closed ? undefined : { flexGrow: Math.max(1, scale.length) };
  return html`<li class=${kind} style=${style} title=${text.between(format.exact(span.from, zone), span.until === null ? null : format.exact(span.until, zone))}>
    <div>
      <span class="cut">${span.closed ? text.closed : html`<${Agent} agent=${span.agent} />`}</span>
      <small class="cut">${span.until === null ? html`<${Age} since=${span.from} suffix=${span.closed ? "" : text.soFar} />` : format.span(span.until - span.from)}${text.counts(span)}${waited > 0 && html`<span class="hidden-text">${text.waited(format.span(waited))}</span>`}</small>
    </div>
    <svg viewBox="0 0 ${WIDTH} 24" preserveAspectRatio="none" aria-hidden="true">
      ${drawing(span, until, scale).map(([name, d]) => d && html`<path class=${name} d=${d} />`)}
    </svg>
  </li>`;
}

/** The paths of a stretch: its line, the shortened silences, the waits and the messages. */
function drawing(span, until, scale) {
  const place = (at) => Math.round(scale.x(at) * WIDTH);
  let from = 0;
  let line = "";
  let silence = "";
  for (const [start, end] of scale.breaks.map((pair) => pair.map((share) => Math.round(share * WIDTH)))) {
    line += `M${from} 11H${start}`;
    silence += `M${start} 11H${end}`;
    from = end;
  }
  line += `M${from} 11H${WIDTH}`;
  const waits = span.waits.map((wait) => {
    const start = Math.min(place(wait.from), WIDTH - MIN_WAIT);
    return `M${start} 22H${Math.max(place(wait.until ?? until), start + MIN_WAIT)}`;
  });
  // Messages at one place are drawn once: a long conversation has thousands.
  const ticks = new Set(span.messages.map(({ at, direction }) => `M${place(at)} ${direction === "in" ? "10V2" : direction === "out" ? "12V20" : "9V13"}`));
  return [["axis", line], ["silence", silence], ["wait", waits.join("")], ["tick", [...ticks].join("")]];
}
