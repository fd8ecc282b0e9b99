// The board: head numbers, who waits, who has nobody, agents, and today.
import { Component, html } from "./html.js";
import { timeZone } from "./clock.js";
import { Feed } from "./feed.js";
import { Badge, Clock, Notice, ThemeButton } from "./frame.js";
import { text } from "./text.js";
import { boardQuestion, parseView } from "./view.js";

export default class Board extends Component {
  state = { board: null };

  constructor(props) {
    super(props);
    this.feed = new Feed({
      url: () => boardQuestion(parseView(location.search), timeZone()),
      events: ["board", "day"],
      onEvent: (name, data) => this.setState({ [name]: data }),
      onChange: () => this.forceUpdate(),
    });
  }

  componentDidMount() {
    this.feed.open();
  }

  componentWillUnmount() {
    this.feed.close();
  }

  render(_, { board }) {
    return html`<header class="top">
        <div class="bar">
          <h1>${text.product}</h1>
          <span class="space"></span>
          <${Badge} feed=${this.feed} />
          <${Clock} />
          <${ThemeButton} />
          <${Notice} feed=${this.feed} />
        </div>
      </header>
      <main>${board ? board.open : text.loading}</main>`;
  }
}
