// The list of keys.
import { Component, createRef, html } from "./html.js";
import { isOn, onSetting, toggle } from "./settings.js";
import { talk as text } from "./talk.js";

/**
 * A dialog that lists the keys, and switches them off.
 * @extends {Component<{onClose: () => void}>}
 */
export class Shortcuts extends Component {
  dialog = createRef();

  componentDidMount() {
    this.end = onSetting(() => this.forceUpdate());
    this.dialog.current.showModal();
  }

  componentWillUnmount() {
    this.end();
  }

  render({ onClose }) {
    const close = () => this.dialog.current.close();
    return html`<dialog ref=${this.dialog} class="shortcuts panel" aria-labelledby="shortcuts-title" onClose=${onClose} onClick=${(event) => event.target === this.dialog.current && close()}>
      <div>
        <header><h2 id="shortcuts-title">${text.keys}</h2><button type="button" onClick=${close}>${text.close} <kbd>Esc</kbd></button></header>
        <dl>${text.keyList.map(([keys, does]) => html`<div key=${does}><dt>${keys.map((key, i) => html`${i > 0 && " "}<kbd>${key}</kbd>`)}</dt><dd>${does}</dd></div>`)}</dl>
        <p><label><input type="checkbox" checked=${isOn("keys")} onChange=${() => toggle("keys")} /> ${text.keysOn}</label></p>
      </div>
    </dialog>`;
  }
}
