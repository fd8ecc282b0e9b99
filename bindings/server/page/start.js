// The first start: no event has come, and this says how to send one.
import { Component, html } from "./html.js";
import { Moment } from "./age.js";
import { now } from "./clock.js";
import { ask } from "./feed.js";
import { Icon } from "./icons.js";
import { Copy } from "./names.js";
import { text } from "./text.js";

const READ_MS = 5000;

/** The command that sends a first event to the server that this page is from. */
function firstEventCommand(origin, at) {
  const event = {
    occurred: new Date(at).toISOString().replace(/\.\d+Z$/, "Z"),
    body: {
      name: "live_chat_message",
      interaction_type: "app_in",
      transaction: "first-1",
      properties: { message: { message: "Hello, is anybody there?" } },
    },
  };
  return `curl ${origin}/api/v1/events -d '${JSON.stringify(event)}'`;
}

/** @extends {Component<{session: object, seq: number}>} */
export class Start extends Component {
  constructor(props) {
    super(props);
    this.since = now();
    this.command = firstEventCommand(location.origin, this.since);
    this.state = { rejected: 0 };
  }

  componentDidMount() {
    this.read();
    this.timer = setInterval(() => this.read(), READ_MS);
  }

  componentWillUnmount() {
    clearInterval(this.timer);
    this.request?.abort();
  }

  /** An event that was rejected changes nothing on the board, so it is asked for. */
  async read() {
    this.request = new AbortController();
    try {
      const status = await ask("/api/v1/status", this.request.signal);
      this.setState({ rejected: status.rejects });
    } catch {
      // The badge says whether the server answers.
    }
  }

  render({ session, seq }, { rejected }) {
    return html`<main class="message start" id="main" tabindex="-1" data-view="start">
      <h1>${text.noEventsYet}</h1>
      <p>${text.serverRuns(session.listen)}</p>
      <ol class="steps">
        <${Step} icon="done" label=${text.done} title=${text.databaseOpen}>
          <p class="soft">${text.databaseEmpty}</p>
        <//>
        <${Step} icon="nobody" label=${text.toDo} title=${text.sendFirst}>
          <p>${text.inTerminal}</p>
          <pre tabindex="0">${this.command}</pre>
          <p>
            <${Copy} value=${this.command} label=${text.copy} />${" "}
            <span class="soft">${text.firstThenWaits}${session.needs_token && html` ${text.addToken} <code>-H "Authorization: Bearer TOKEN"</code>`}</span>
          </p>
        <//>
        ${!session.cluster && html`<${Step} icon="nobody" label=${text.toDo} title=${text.readLogs}>
          <pre tabindex="0">${text.replayCommand}</pre>
          <p class="soft">${text.stopFirst}</p>
        <//>`}
        <${Step} icon="nobody" label=${text.toDo} title=${text.connectSources}>
          <p>
            ${text.superofficeHook} <code>/webhooks/superoffice</code>. ${text.airshipStream} <code>convofold.toml</code>. ${text.showsUnderUpstream}
          </p>
        <//>
      </ol>
      <p>
        <${Icon} name="fine" /> <b>${text.waitingForFirst}</b>${" "}
        <span class="soft">${text.since} <${Moment} at=${this.since} />. ${text.receivedSoFar(seq, rejected)}</span>
        ${rejected > 0 && html` <a href="/status#rejects">${text.whyRejected}</a>`}
      </p>
    </main>`;
  }
}

function Step({ icon, label, title, children }) {
  return html`<li>
    <${Icon} name=${icon} label=${label} />
    <div>
      <h2>${title}</h2>
      ${children}
    </div>
  </li>`;
}
