// A panel that fails leaves the others alone.
import { Component, html } from "./html.js";
import { Icon } from "./icons.js";
import { text } from "./text.js";

/** @extends {Component<{title: string, children: any}>} */
export class Guard extends Component {
  state = { error: null };

  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }

  render({ title, children }, { error }) {
    if (!error) return children;
    return html`<section class="panel" role="group" aria-label=${title}>
      <p>
        <${Icon} name="warning" /> <b>${text.panelNotShown(title)}</b> ${error.message}. ${text.othersLive}${" "}
        <button type="button" class="link" onClick=${() => this.setState({ error: null })}>${text.tryAgain}</button>
      </p>
    </section>`;
  }
}
