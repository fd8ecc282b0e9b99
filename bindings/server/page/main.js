// The page: which part of it an address shows.
import { Component, html, render } from "./html.js";
import { ask } from "./feed.js";
import { chooseZone, startTicking } from "./clock.js";
import { decoded, loginUrl, navigate, onNavigate, startRouting } from "./router.js";
import { addKeys, listenToKeys } from "./keys.js";
import { toggle } from "./settings.js";
import { Shortcuts } from "./shortcuts.js";
import { text } from "./text.js";

/** Paths, and the modules that show them. A module has a default export: the component. */
const ROUTES = [
  [/^\/$/, () => (new URLSearchParams(location.search).get("table") === "day" ? import("./daytable.js") : import("./board.js"))],
  [/^\/wall$/, () => import("./wall.js")],
  [/^\/c\/([^/]+)$/, () => import("./conversation.js")],
  [/^\/c\/([^/]+)\/history$/, () => import("./history.js")],
  [/^\/report$/, () => import("./report/page.js")],
  [/^\/status$/, () => import("./status.js")],
  [/^\/login$/, () => import("./login.js")],
];

/**
 * @param {string} path
 * @returns the module's loader, and what the path says besides
 */
function routeOf(path) {
  for (const [pattern, load] of ROUTES) {
    const found = pattern.exec(path);
    if (!found) continue;
    const id = decoded(found[1] ?? "");
    return id === null ? null : { load, id };
  }
  return null;
}

class Page extends Component {
  state = { View: null, session: null, problem: null, id: null, listsKeys: false };

  componentDidMount() {
    startTicking();
    startRouting();
    listenToKeys();
    addKeys({ x: () => toggle("exact"), "?": () => this.setState({ listsKeys: true }) });
    onNavigate(() => this.show());
    this.show();
  }

  async show() {
    const { pathname, search } = location;
    chooseZone(new URLSearchParams(search).get("tz"));
    const route = routeOf(pathname);
    if (route === null) {
      this.setState({ View: null, problem: text.noSuchPage });
      return;
    }
    try {
      const [module, session] = await Promise.all([route.load(), this.session(pathname)]);
      if (location.pathname !== pathname) return;
      this.setState({ View: module.default, id: route.id, session, problem: null });
    } catch (error) {
      if (error.status === 401) navigate(loginUrl(), { replace: true });
      else this.setState({ View: null, problem: error.message });
    }
  }

  /** Who reads here and what the server is. The page for signing in needs nobody. */
  async session(path) {
    if (path === "/login") return null;
    return this.state.session ?? ask("/api/v1/session");
  }

  render(_, { View, session, id, problem, listsKeys }) {
    if (problem) {
      return html`<main class="message">
        <h1>${text.product}</h1>
        <p>${problem}</p>
        <p><a href="/">${text.toBoard}</a></p>
      </main>`;
    }
    if (View === null) return null;
    return html`<${View} session=${session} id=${id} search=${location.search} onShortcuts=${() => this.setState({ listsKeys: true })} />
      ${listsKeys && html`<${Shortcuts} onClose=${() => this.setState({ listsKeys: false })} />`}`;
  }
}

render(html`<${Page} />`, document.getElementById("page"));
