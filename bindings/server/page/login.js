// Signing in with a token, and signing out.
import { Component, createRef, html } from "./html.js";
import { ask } from "./feed.js";
import { ThemeButton } from "./frame.js";
import { Icon } from "./icons.js";
import { nextPage } from "./next.js";
import { talk as text } from "./talk.js";

async function post(path, body) {
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  return response.status;
}

/** @extends {Component<{search: string}>} */
export default class Login extends Component {
  state = { session: null, problem: null, isBusy: false };
  field = createRef();

  async componentDidMount() {
    document.title = text.signInTitle;
    this.field.current?.focus();
    // Who is sent here to sign in is nobody yet.
    if (new URLSearchParams(this.props.search).has("next")) return;
    try {
      this.setState({ session: await ask("/api/v1/session") });
    } catch {
      // Nobody is signed in yet, or the server says why when one tries.
    }
  }

  async signIn(event) {
    event.preventDefault();
    const token = this.field.current.value.trim();
    if (token === "") return this.fail(text.tokenMissing);
    this.setState({ isBusy: true, problem: null });
    try {
      const status = await post("/login", { token });
      // Everything is read again, as the new reader.
      if (status === 204) location.replace(nextPage(this.props.search, location.origin));
      else this.fail(status === 401 ? text.tokenNotKnown : text.signInRefused(status));
    } catch {
      this.fail(text.notReached);
    }
  }

  fail(problem) {
    this.setState({ isBusy: false, problem });
    this.field.current?.select();
  }

  async signOut() {
    try {
      await post("/logout", {});
      location.reload();
    } catch {
      this.setState({ problem: text.notReached });
    }
  }

  render({ search }, { session, problem, isBusy }) {
    const next = nextPage(search, location.origin);
    return html`<header class="bar"><b>convofold</b><span class="space"></span><${ThemeButton} /></header>
      <main class="message" data-view="login">
        <h1>${text.signInHere}</h1>
        ${session && html`<p>${session.needs_token ? text.signedInAs(session.name, session.role) : text.noTokenNeeded} <a href=${next}>${text.toThePage}</a>${" "}
          ${session.needs_token && html`<button type="button" onClick=${() => this.signOut()}>${text.signOut}</button>`}</p>`}
        ${session?.needs_token !== false && html`<form class="panel sign-in" onSubmit=${(event) => this.signIn(event)}>
          <label for="token">${text.token}</label>
          <input id="token" ref=${this.field} name="token" type="password" autocomplete="current-password" spellcheck=${false} required aria-describedby="token-help" aria-invalid=${problem ? "true" : undefined} />
          <button type="submit" disabled=${isBusy}>${text.signIn}</button>
          <p role="alert">${problem && html`<${Icon} name="critical" /> <b>${problem}</b>`}</p>
          <p id="token-help" class="soft">${text.tokenHelp} <code>convofold token add desk --role read --texts --db DIR</code></p>
        </form>`}
      </main>`;
  }
}
