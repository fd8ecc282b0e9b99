// Times on the page: ages that tick, and moments.
import { Component, createRef, html } from "./html.js";
import { keepText, serverNow, timeZone, write } from "./clock.js";
import * as format from "./format.js";

const iso = (at) => new Date(at).toISOString();

/**
 * An element whose text follows the clock. Preact renders it empty and never touches the text, so a tick costs no rendering.
 */
class Ticking extends Component {
  element = createRef();

  componentDidMount() {
    this.entry = { element: this.element.current, text: (now, exact) => this.text(now, exact) };
    this.end = keepText(this.entry);
  }

  componentDidUpdate() {
    write(this.entry);
  }

  componentWillUnmount() {
    this.end();
  }
}

/** `14:21:45`, and of another day `Wed 14:21`. */
function exactly(at, now, zone) {
  const isToday = format.date(at, zone) === format.date(now, zone);
  return isToday ? format.time(at, zone) : `${format.weekday(at, zone).slice(0, 3)} ${format.hourMinute(at, zone)}`;
}

/**
 * How long ago something was: `24m 41s`, with `inSentence` `48 s`. The exact time is its title, and its text after the key `x`.
 * @extends {Component<{since: number, inSentence?: boolean, suffix?: string}>}
 */
export class Age extends Ticking {
  shouldComponentUpdate(next) {
    const { since, suffix } = this.props;
    return next.since !== since || next.suffix !== suffix;
  }

  text(now, exact) {
    const { since, inSentence, suffix = "" } = this.props;
    const zone = timeZone();
    if (exact) return exactly(since, now, zone);
    return (inSentence ? format.span : format.age)(now - since) + suffix;
  }

  render({ since }) {
    return html`<time ref=${this.element} datetime=${iso(since)} title=${`since ${format.exact(since, timeZone())}`} />`;
  }
}

/** The time of day, and its zone: `14:22`. */
export class TimeOfDay extends Ticking {
  shouldComponentUpdate() {
    return false;
  }

  text() {
    return format.hourMinute(serverNow(), timeZone());
  }

  render() {
    return html`<b ref=${this.element} class="time-of-day" />`;
  }
}

/** The date of now: `Thursday 26 November 2026, CET`. */
export class Today extends Ticking {
  shouldComponentUpdate() {
    return false;
  }

  text(now) {
    const zone = timeZone();
    return `${format.date(now, zone)}, ${format.zoneName(now, zone)}`;
  }

  render() {
    return html`<span ref=${this.element} />`;
  }
}

/**
 * A moment: `14:21:45`, with the exact one as its title.
 * @param {{at: number}} props
 */
export function Moment({ at }) {
  const zone = timeZone();
  return html`<time datetime=${iso(at)} title=${format.exact(at, zone)}>${format.time(at, zone)}</time>`;
}
