// A list whose order stands still while somebody reads it.
import { Component, createRef, html } from "./html.js";
import { onTick } from "./clock.js";
import { entriesOf, holdOrder, movedKeys } from "./order.js";
import { text } from "./text.js";

/** The order stands still for this long after the pointer and the focus left. */
const RELEASE_MS = 2000;
/** A pointer that was left lying on a list does not hold it all day. */
const IDLE_MS = 120_000;
/** The mark of a row that moved. */
const MOVED_MS = 2000;

const lists = new Set();

/** Shows the changes of every list now. */
export function letAllIn() {
  for (const list of lists) list.letIn();
}

/**
 * A section that follows its rows, except under the pointer or the focus.
 * @extends {Component<{
 *   name: string, rows: object[], keyOf: (row: object) => string, class?: string, label: string,
 *   children: (list: {entries: object[], isMoved: (key: string) => boolean, held: any}) => any,
 * }>}
 */
export class Held extends Component {
  state = { entries: null, moved: new Map(), isHeld: false, isLetIn: false, changes: 0 };
  section = createRef();
  hasPointer = false;
  hasFocus = false;

  static getDerivedStateFromProps({ rows, keyOf }, { entries, moved, isHeld, isLetIn }) {
    const latest = entriesOf(rows, keyOf);
    if (entries === null) return { entries: latest };
    if (isHeld && !isLetIn) return holdOrder(entries, latest);
    return { entries: latest, changes: 0, isLetIn: false, moved: marks(moved, entries, latest) };
  }

  componentDidMount() {
    this.endTick = onTick(() => this.tick());
    lists.add(this);
  }

  componentWillUnmount() {
    this.endTick();
    lists.delete(this);
    clearTimeout(this.timer);
  }

  /** Moving an element takes its focus away, so it is given back. */
  getSnapshotBeforeUpdate() {
    const focused = document.activeElement;
    if (!this.section.current?.contains(focused)) return null;
    return { focused, index: this.links().indexOf(focused) };
  }

  componentDidUpdate(_props, _state, snapshot) {
    if (snapshot === null || document.activeElement === snapshot.focused) return;
    const links = this.links();
    const target = snapshot.focused.isConnected ? snapshot.focused : links[Math.min(snapshot.index, links.length - 1)];
    target?.focus({ preventScroll: true });
  }

  links() {
    return [...this.section.current.querySelectorAll(".row-link")];
  }

  /** Somebody reads here. */
  hold() {
    this.readAt = performance.now();
    clearTimeout(this.timer);
    if (!this.state.isHeld) this.setState({ isHeld: true });
  }

  releaseSoon() {
    if (this.hasPointer || this.hasFocus) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.release(), RELEASE_MS);
  }

  release() {
    if (this.state.isHeld) this.setState({ isHeld: false });
  }

  tick() {
    const { isHeld, moved } = this.state;
    if (isHeld && performance.now() - this.readAt >= IDLE_MS) this.release();
    // Not an animation: that would cost a frame every 16 ms.
    if (moved.size > 0) this.setState({ moved: recent(moved) });
  }

  /** Shows the changes now, and holds the new order. */
  letIn() {
    if (this.state.isHeld) this.setState({ isLetIn: true });
  }

  handlers = {
    onPointerEnter: () => {
      this.hasPointer = true;
      this.hold();
    },
    onPointerMove: () => this.hold(),
    onPointerLeave: () => {
      this.hasPointer = false;
      this.releaseSoon();
    },
    onFocusIn: () => {
      this.hasFocus = true;
      this.hold();
    },
    onFocusOut: (event) => {
      // An element that is removed loses the focus, too.
      if (this.section.current?.contains(event.relatedTarget)) return;
      this.hasFocus = false;
      this.releaseSoon();
    },
    onKeyDown: () => this.hold(),
  };

  render({ children, name, label, class: others }, { entries, moved, isHeld, changes }) {
    const held = isHeld && changes > 0 && html`<${HeldNote} changes=${changes} letIn=${() => this.letIn()} />`;
    return html`<section class=${`panel ${others ?? ""}`} id=${name} data-panel=${name} data-held=${isHeld ? changes : undefined} aria-labelledby=${label} ref=${this.section} ...${this.handlers}>
      ${children({ entries, held, isMoved: (key) => moved.has(key) })}
    </section>`;
  }
}

function HeldNote({ changes, letIn }) {
  return html`<span class="held">
    <span class="not-on-phone">${text.orderHeld}, </span>${text.changesToCome(changes)}:${" "}
    <button type="button" class="link" onClick=${letIn}>${text.letThemIn}</button> <kbd class="not-on-phone">r</kbd>
  </span>`;
}

const recent = (moved) => new Map([...moved].filter(([, at]) => performance.now() - at < MOVED_MS));

/** The keys that moved or came lately, with the time of it. */
function marks(moved, before, after) {
  const now = performance.now();
  const next = recent(moved);
  const known = new Set(before.map((entry) => entry.key));
  for (const { key } of after) {
    if (!known.has(key)) next.set(key, now);
  }
  for (const key of movedKeys(before, after)) next.set(key, now);
  return next;
}
