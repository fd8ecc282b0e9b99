// What every page has: the badge, the notice over the bar, the clock and the theme.
import { Component, html } from "./html.js";
import { Age, TimeOfDay } from "./age.js";
import { onTick, serverNow, timeZone } from "./clock.js";
import * as format from "./format.js";
import { Icon } from "./icons.js";
import { loginUrl } from "./router.js";
import { choose, onSetting, setting } from "./settings.js";
import { text } from "./text.js";

const BADGE_ICONS = {
  live: "on",
  quiet: "fine",
  stale: "critical",
  connecting: "nobody",
  signed_out: "critical",
  refused: "critical",
};

/** Renders again once a second. For small parts whose words change with time. */
class EverySecond extends Component {
  componentDidMount() {
    this.end = onTick(() => this.forceUpdate());
  }

  componentWillUnmount() {
    this.end();
  }
}

/**
 * Whether what is shown is live, and how old it is.
 * @extends {Component<{feed: import("./feed.js").Feed, withSeq?: boolean}>}
 */
export class Badge extends EverySecond {
  render({ feed, withSeq = true }) {
    const { liveness, seq, lastEventAt } = feed;
    const isBad = BADGE_ICONS[liveness] === "critical";
    return html`<span class=${`badge ${isBad ? "is-bad" : ""}`} data-badge=${liveness}>
      <${Icon} name=${BADGE_ICONS[liveness]} />
      <b>${text.badge[liveness]}</b>
      ${liveness === "live" && withSeq && html`<span data-seq=${seq}>${text.seq(seq)}</span>`}
      ${liveness === "live" && lastEventAt !== null && html`<${Age} since=${lastEventAt} inSentence suffix=${text.ago} />`}
      ${liveness === "quiet" && html`<span>${text.noEventFor}</span><${Age} since=${lastEventAt} />`}
      ${liveness === "stale" && html`<span class="badge-age">${format.span(feed.silence())}</span>`}
    </span>`;
  }
}

/**
 * Lies over the bar, so that nothing below it moves.
 * @extends {Component<{feed: import("./feed.js").Feed, version?: string}>}
 */
export class Notice extends EverySecond {
  state = { dismissed: null };

  render({ feed }) {
    switch (feed.liveness) {
      case "stale":
        return this.stale(feed);
      case "signed_out":
        return this.signedOut(feed);
      case "refused":
        return bad("refused", text.refused, html`<span>${text.refusedView(feed.problem?.detail)} <a href="/">${text.clearFilters}</a></span>`);
      default:
        return this.replaced(feed) ?? this.newVersion();
    }
  }

  stale(feed) {
    const wait = feed.untilRetry();
    const since = feed.lastWordAt === null ? text.noWordYet : text.noWordSince(format.time(feed.lastWordAt, timeZone()));
    return bad(
      "stale",
      `${text.badge.stale} ${format.span(feed.silence())}`,
      html`<span>${since} ${wait !== null && text.tryingAgain(Math.ceil(wait / 1000))}</span>
        <button type="button" onClick=${() => feed.connect()}>${text.tryNow}</button>`,
    );
  }

  signedOut(feed) {
    const what = feed.lastWordAt === null ? text.noToken : text.tokenEnded(format.hourMinute(feed.lastWordAt, timeZone()));
    return bad("signed_out", text.signedOut, html`<span>${what} <a href=${loginUrl()}>${text.signIn}</a></span>`);
  }

  replaced(feed) {
    const { replacedAt } = feed;
    if (replacedAt === null || replacedAt === this.state.dismissed || serverNow() - replacedAt > REPLACED_MS) return null;
    return html`<p class="notice" data-notice="read_anew">
      <${Icon} name="back" /><b>${text.readAnew}</b>
      <span>${text.databaseReplaced(format.time(replacedAt, timeZone()))}</span>
      <button type="button" onClick=${() => this.setState({ dismissed: replacedAt })}>${text.dismiss}</button>
    </p>`;
  }

  newVersion() {
    const { version } = this.props;
    return version
      ? html`<p class="notice" data-notice="new_version">
          <${Icon} name="back" /><b>${text.newVersion}</b>
          <span>${text.newVersionServed(version)}</span>
          <button type="button" onClick=${() => location.reload()}>${text.reload}</button>
        </p>`
      : null;
  }
}

/** Partitions of a cluster that are named; more are counted. */
const NAMED = 2;

/**
 * What of a cluster is not in what is shown, or may be old.
 * @param {{missing: string[], stale: string[]} | undefined} cluster
 * @returns {string | null} `null` if nothing is
 */
export function whatIsMissing(cluster) {
  const all = cluster ? [...cluster.missing, ...cluster.stale] : [];
  if (all.length === 0) return null;
  const others = all.length > NAMED ? [text.others(all.length - NAMED)] : [];
  return [...all.slice(0, NAMED), ...others].join("; ");
}

/** Below the bar, for as long as something is missing. */
export function Incomplete({ cluster }) {
  const what = whatIsMissing(cluster);
  return what && bad("incomplete", text.incomplete, html`<span>${what}</span>`);
}

/** A replaced database is reported for a minute. */
const REPLACED_MS = 60_000;

function bad(name, title, rest) {
  return html`<p class="notice is-bad" data-notice=${name}><${Icon} name="critical" /><b>${title}</b>${rest}</p>`;
}

/** The time of day on the server. */
export function Clock() {
  return html`<span class="clock"><${TimeOfDay} /> <span class="soft">${format.zoneName(serverNow(), timeZone())}</span></span>`;
}

const THEMES = ["auto", "light", "dark"];

function applyTheme() {
  const theme = setting("theme");
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Auto, light, dark. */
export class ThemeButton extends Component {
  componentDidMount() {
    this.end = onSetting(() => this.forceUpdate());
  }

  componentWillUnmount() {
    this.end();
  }

  next() {
    choose("theme", THEMES[(THEMES.indexOf(setting("theme")) + 1) % THEMES.length]);
    applyTheme();
  }

  render() {
    return html`<button type="button" class="theme" onClick=${() => this.next()}>${text.theme(setting("theme"))}</button>`;
  }
}

/** An id whose end stays visible. Selecting copies all of it. */
export function Id({ id }) {
  const [head, tail] = format.idParts(id);
  return html`<span class="id" title=${id}><span>${head}</span><span>${tail}</span></span>`;
}
