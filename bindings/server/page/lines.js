// A long list of lines of which only a part is in the document.
import { Component, html } from "./html.js";
import { timeZone } from "./clock.js";
import * as format from "./format.js";
import { isOn, onSetting } from "./settings.js";
import { windowOf } from "./timeline.js";

/** Lines in the document at first, how many more a button brings, and how many there are at most. */
const SIZE = 300;
const STEP = 200;
const MOST = 900;

/**
 * The address of a page can name a line; that line is then shown, once.
 * @extends {Component<{items: object[], target: string | null}>}
 */
export class Lines extends Component {
  constructor(props) {
    super(props);
    // `from`: the first line that is shown; null for the last ones.
    this.state = { from: null, size: SIZE, reached: null };
  }

  /** The id of a line in the document. */
  idOf(item) {
    return `seq-${item.seq}`;
  }

  /** The part that is shown: the first line, and the one after the last. */
  shown() {
    const { items, target } = this.props;
    const { from, size, reached } = this.state;
    const wanted = target === null || target === reached ? null : items.findIndex((item) => this.idOf(item) === target);
    return windowOf(items.length, size, from, wanted);
  }

  componentDidMount() {
    this.endSetting = onSetting(() => this.forceUpdate());
    this.reach();
  }

  componentWillUnmount() {
    this.endSetting();
  }

  componentDidUpdate() {
    this.reach();
  }

  reach() {
    const { target, items } = this.props;
    if (target === this.state.reached) return;
    const line = target === null ? null : document.getElementById(target);
    const [from, until] = this.shown();
    this.setState({ reached: target, from: until === items.length ? this.state.from : from });
    line?.scrollIntoView({ block: "center" });
    line?.focus({ preventScroll: true });
  }

  /** Brings earlier lines, and keeps the ones on the screen where they are. */
  earlier() {
    const [from, until] = this.shown();
    const start = Math.max(0, from - STEP);
    this.move({ from: start, size: Math.min(until - start, MOST) }, this.props.items[from]);
  }

  later() {
    const [from, until] = this.shown();
    const { items } = this.props;
    const end = Math.min(items.length, until + STEP);
    this.move({ from: Math.max(from, end - MOST), size: Math.min(end - from, MOST) }, items[until - 1]);
  }

  move(state, kept) {
    const line = () => document.getElementById(this.idOf(kept));
    const before = line()?.getBoundingClientRect().top;
    this.setState(state, () => {
      const now = line();
      if (!now) return;
      scrollBy(0, now.getBoundingClientRect().top - before);
      now.focus({ preventScroll: true });
    });
  }

  /** How many lines a button brings, and how many there are in that direction. */
  more() {
    const [from, until] = this.shown();
    const after = this.props.items.length - until;
    return { before: [Math.min(STEP, from), from], after: [Math.min(STEP, after), after] };
  }
}

/** The time of a line: `14:21:45`, with milliseconds after the key `x`. */
export function LineTime({ at }) {
  const zone = timeZone();
  const show = isOn("exact") ? format.timeWithMillis : format.time;
  return html`<time datetime=${new Date(at).toISOString()} title=${format.exact(at, zone)}>${show(at, zone)}</time>`;
}
