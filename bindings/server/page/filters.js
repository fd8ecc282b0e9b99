// The filters in the bar. Every choice is an address, so Back works and a bookmark is a view.
import { Component, createRef, html } from "./html.js";
import { ask } from "./feed.js";
import * as format from "./format.js";
import { addKeys } from "./keys.js";
import { agentName } from "./names.js";
import { conversationUrl, navigate } from "./router.js";
import { isOn, onSetting, toggle } from "./settings.js";
import { play } from "./sound.js";
import { text } from "./text.js";
import { agentConditions, clearedHref, hrefOf, isFiltered, reportHref } from "./view.js";

/** The value of an option that is not a name. */
const NONE = "\u0000none";
const NOBODY = "\u0000nobody";

/** @typedef {{board: object | null, view: import("./view.js").View}} Props */

/** @extends {Component<Props & {onShortcuts: () => void}>} */
export class Filters extends Component {
  state = { isOpen: false };
  findField = createRef();
  moreButton = createRef();

  componentDidMount() {
    this.endKeys = addKeys({
      "/": () => this.findField.current.focus(),
      f: () => this.focusFirst(),
      Escape: () => this.close(),
    });
    this.endSetting = onSetting(() => this.forceUpdate());
  }

  /** Snapshots come several times a second, and most of them leave the choices as they are. */
  shouldComponentUpdate({ board, view }, state) {
    const old = this.props;
    const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    return state !== this.state || !isSame(view, old.view) || !isSame(board?.choices, old.board?.choices);
  }

  componentWillUnmount() {
    this.endKeys();
    this.endSetting();
  }

  /** The selects are in the bar, and on a phone behind the button. */
  focusFirst() {
    const selects = () => [...document.querySelectorAll(".filter select")].find((select) => select.offsetParent);
    if (selects()) selects().focus();
    else this.setState({ isOpen: true }, () => selects()?.focus());
  }

  /** @returns whether there was something to close */
  close() {
    if (!this.state.isOpen) return false;
    this.setState({ isOpen: false });
    this.moreButton.current.focus();
    return true;
  }

  go(changes) {
    navigate(hrefOf(this.props.view, changes));
  }

  render({ board, view, onShortcuts }, { isOpen }) {
    return html`<${Selects} board=${board} view=${view} go=${(changes) => this.go(changes)} />
      <${Find} view=${view} field=${this.findField} />
      <button type="button" ref=${this.moreButton} aria-expanded=${isOpen} aria-controls="more" onClick=${() => this.setState({ isOpen: !isOpen })}>
        ${text.moreFilters}
      </button>
      ${isFiltered(view) && html`<a class="button" href=${clearedHref(view)}>${text.clearFilters}</a>`}
      ${isOpen && html`<${More} board=${board} view=${view} go=${(changes) => this.go(changes)} onApplied=${() => this.close()} onShortcuts=${onShortcuts} />`}`;
  }
}

function Selects({ board, view, go }) {
  const { tenants, channels, agents } = board?.choices ?? { tenants: [], channels: [], agents: [] };
  const { conditions } = view;
  const withoutTenant = conditions.no_tenant ? NONE : null;
  const withoutChannel = conditions.no_channel ? NONE : null;
  const byChannel = channels.filter((channel) => channel !== null);
  return html`<${Select}
      label=${text.tenant}
      all=${text.allOf(tenants.length)}
      value=${conditions.tenant ?? withoutTenant}
      options=${[...tenants.filter((tenant) => tenant !== null).map((tenant) => [tenant, tenant]), [NONE, text.noTenant]]}
      onChoose=${(value) => go(value === NONE ? { tenant: null, no_tenant: "1" } : { tenant: value, no_tenant: null })}
    />
    <${Select}
      label=${text.channel}
      all=${text.all}
      value=${conditions.channel ?? withoutChannel}
      options=${[...byChannel.map((channel) => [channel, format.channel(channel)]), [NONE, text.channelNotKnown]]}
      onChoose=${(value) => go(value === NONE ? { channel: null, no_channel: "1" } : { channel: value, no_channel: null })}
    />
    <${Select}
      label=${text.agent}
      all=${text.all}
      value=${agentValue(conditions, agents)}
      options=${[[NOBODY, text.nobody], ...agentOptions(agents)]}
      onChoose=${(value) => go(agentChoice(value, agents))}
    />`;
}

const NO_AGENT = { agent: null, agent_id: null, agent_name: null, unassigned: null };

function agentOptions(agents) {
  const names = agents.map(agentName);
  return agents.map((agent, i) => {
    const isRepeated = names.indexOf(names[i]) !== names.lastIndexOf(names[i]);
    return [String(i), isRepeated ? `${names[i]}, ${agent.tenant ?? text.noTenant}` : names[i]];
  });
}

/** The option of the agent that the address names, or the address's own words. */
function agentValue({ unassigned, agent, agent_id: id, agent_name: name, tenant }, agents) {
  if (unassigned) return NOBODY;
  if (!id && !name) return agent ?? null;
  const isIt = (choice) => (id ? choice.id === id : choice.name === name);
  const ofTenant = agents.findIndex((choice) => isIt(choice) && (!tenant || choice.tenant === tenant));
  return ofTenant < 0 ? (id ?? name) : String(ofTenant);
}

function agentChoice(value, agents) {
  if (value === null) return NO_AGENT;
  if (value === NOBODY) return { ...NO_AGENT, unassigned: "1" };
  const { tenant, ...agent } = agents[Number(value)];
  return agentConditions({ tenant, agent });
}

/** One choice; `null` is all of them. */
function Select({ label, all, value, options, onChoose }) {
  const isUnknown = value !== null && !options.some(([option]) => option === value);
  return html`<label class="filter">
    ${label}
    <select value=${value ?? ""} onChange=${(event) => onChoose(event.currentTarget.value || null)}>
      <option value="">${all}</option>
      ${isUnknown && html`<option value=${value}>${value}</option>`}
      ${options.map(([option, name]) => html`<option key=${option} value=${option}>${name}</option>`)}
    </select>
  </label>`;
}

/** Finds a member, a number, or a conversation by the beginning of its id. */
class Find extends Component {
  async find(event) {
    event.preventDefault();
    const { view } = this.props;
    const words = new FormData(event.currentTarget).get("find").trim();
    const nobody = { member: null, number: null };
    if (words === "") return navigate(hrefOf(view, nobody));
    const { ids } = await ask(`/api/v1/ids?limit=2&prefix=${encodeURIComponent(words)}`).catch(() => ({ ids: [] }));
    if (ids.length === 1) return navigate(conversationUrl(ids[0]));
    const isNumber = /^\+?[\d\s]+$/.test(words);
    return navigate(hrefOf(view, { ...nobody, [isNumber ? "number" : "member"]: words }));
  }

  render({ view: { conditions }, field }) {
    const found = conditions.member ?? conditions.number ?? "";
    return html`<form class="find" role="search" onSubmit=${(event) => this.find(event)}>
      <label>
        <span class="hidden-text">${text.find}</span>
        <input ref=${field} type="search" name="find" placeholder=${text.findHint} key=${found} defaultValue=${found} />
      </label>
    </form>`;
  }
}

const FIELDS = [
  ["waiting_min", text.waitsAtLeast, "[0-9]{1,6}[smhd]|0"],
  ["idle_min", text.idleAtLeast, "[0-9]{1,6}[smhd]"],
  ["unread_min", text.unreadAtLeast, "[0-9]{1,6}"],
  ["shortcode", text.shortcode, null],
];

/** The other filters, and what a reader chooses for this screen. Lies over the board, so nothing moves. */
function More({ board, view, go, onApplied, onShortcuts }) {
  const apply = (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const changes = Object.fromEntries(FIELDS.map(([name]) => [name, form.get(name)?.trim() || null]));
    go({ ...changes, suspect: form.get("suspect") ? "1" : null });
    onApplied();
  };
  return html`<div class="more" id="more">
    <div class="on-phone"><${Selects} board=${board} view=${view} go=${go} /></div>
    <form onSubmit=${apply}>
      ${FIELDS.map(
        ([name, label, pattern]) => html`<label key=${name}>
          ${label}
          <input name=${name} size="8" defaultValue=${view.conditions[name]} pattern=${pattern} title=${name.endsWith("_min") && name !== "unread_min" ? text.durationHint : undefined} />
        </label>`,
      )}
      <label><input type="checkbox" name="suspect" defaultChecked=${"suspect" in view.conditions} /> ${text.onlySuspect}</label>
      <button type="submit">${text.apply}</button>
    </form>
    <fieldset>
      <legend>${text.thisScreen}</legend>
      <${Switch} name="sound" label=${text.sound} />
      <${Switch} name="exact" label=${text.exactTimes} />
      <${Switch} name="keys" label=${text.singleKeys} />
      <button type="button" onClick=${onShortcuts}>${text.shortcuts} <kbd>?</kbd></button>
      <a href=${`/wall${location.search}`}>${text.wall}</a>
      <a href=${reportHref(view)}>${text.report}</a>
      <a href="/status">${text.server}</a>
    </fieldset>
  </div>`;
}

function Switch({ name, label }) {
  const flip = () => (name === "sound" ? toggleSound() : toggle(name));
  return html`<button type="button" aria-pressed=${isOn(name)} onClick=${flip}>${text.switchTo(label, isOn(name) ? text.on : text.off)}</button>`;
}

/** Switching it on plays it once: as a sample, and because browsers allow sound only after a click or a key. */
export function toggleSound() {
  toggle("sound");
  if (isOn("sound")) play();
}
