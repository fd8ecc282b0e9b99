// Names and sentences about one conversation that several of its parts show, and where the API has it.
import { Component, html } from "./html.js";
import { talk as text } from "./talk.js";

const SOURCES = { airship: "Airship", superoffice: "SuperOffice" };

/** The name of a source, as people write it. */
export function sourceName(source) {
  return SOURCES[source] ?? source;
}

/** The name of an agent, or the id. */
export function agentName(agent) {
  return agent.name ?? agent.id ?? text.agentNotKnown;
}

/** The name of a member; `null` if none is known. "Unknown" is what Airship writes then. */
export function memberName(name) {
  return name == null || name === "" || name === "Unknown" ? null : name;
}

/**
 * A question about one conversation. The id is a parameter: some proxies change `%2F` in a path.
 * @param {string} id
 * @param {"" | "/history" | "/conflicts"} what
 */
export function questionAbout(id, what) {
  return `/api/v1/conversations/-${what}?id=${encodeURIComponent(id)}`;
}

/**
 * Copies a text.
 * @extends {Component<{value: string, label: string}>}
 */
export class Copy extends Component {
  async copy() {
    let said = text.copied;
    try {
      await navigator.clipboard.writeText(this.props.value);
    } catch {
      // Browsers allow it on HTTPS and on this machine only.
      said = text.copyFailed;
    }
    this.setState({ said });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setState({ said: null }), 2000);
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  render({ label }, { said }) {
    return html`<button type="button" onClick=${() => this.copy()}>${said ?? label}</button>`;
  }
}
