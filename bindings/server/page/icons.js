// The shapes. Each carries what a colour carries, so that nothing depends on seeing colours.
import { html } from "./html.js";

const SHAPES = {
  critical: html`<path d="M8 1 15.5 15H.5Z" fill="currentColor" stroke="none" />`,
  warning: html`<path d="M8 2.5 14.2 14H1.8Z" />`,
  fine: html`<circle cx="8" cy="8" r="4" />`,
  on: html`<circle cx="8" cy="8" r="5.5" fill="currentColor" stroke="none" />`,
  up: html`<path d="M8 14V3M3 8l5-5 5 5" />`,
  down: html`<path d="M8 2v11M3 8l5 5 5-5" />`,
  nobody: html`<circle cx="8" cy="8" r="6" stroke-dasharray="3 2.5" />`,
  back: html`<path d="M3 3v4h4M3.3 7A5.6 5.6 0 1 1 3 10M8 5v4l3 1" />`,
  unequal: html`<path d="M2 6h12M2 10.5h12M11 2 5 14" />`,
  duplicate: html`<path d="M2 2h8v8H2zM6 10v4h8V6h-4" />`,
  in: html`<path d="M2 8h11M8 3l5 5-5 5" />`,
  out: html`<path d="M14 8H3M8 3 3 8l5 5" />`,
  question: html`<path d="M5 6c0-4 6-4 6 0 0 2.2-3 2-3 4.5M8 12.5V15" />`,
  done: html`<path d="m2 8 4 5 8-10" />`,
};

/**
 * A shape in the colour of the text beside it.
 * @param {{name: keyof SHAPES, label?: string}} props `label` is spoken; without it the shape only decorates.
 */
export function Icon({ name, label }) {
  const spoken = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return html`<svg class="icon" viewBox="0 0 16 16" ...${spoken}>${SHAPES[name]}</svg>`;
}
