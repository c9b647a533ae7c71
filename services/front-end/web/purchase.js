// Buying: one key per click, kept over all repeats, so that an order is placed once at most.

import { ask, pause } from "./calls.js";

/** How long one click is repeated by itself. */
const PATIENCE_MS = 60_000;

/** A key of 128 random bits; `crypto.randomUUID` is there only over TLS. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Buys under a key until the outcome is known or the patience ends; `onWait(words, seconds)` hears
 * of each pause. Returns `{ number }`, `{ refused: words }`, or `{ open: words }`, after which
 * the same key must be used again.
 */
export async function buy({ key, name, quantity, open = false }, onWait) {
  const end = Date.now() + PATIENCE_MS;
  let mayBeDone = open;
  for (;;) {
    const answer = await ask("/orders", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify({ name, quantity }),
    });
    if (answer.data) return { number: answer.data.order_number };
    if (answer.later === undefined) {
      const words = refusal(answer, name, quantity);
      return mayBeDone ? { open: `${words} But an earlier try got no answer.` } : { refused: words };
    }
    // Only a 503 and a 429 say that this attempt came to nothing.
    mayBeDone ||= answer.status !== 503 && answer.status !== 429;
    if (Date.now() + answer.later * 1000 > end) {
      return mayBeDone
        ? { open: "The outcome is unknown: it may have been ordered." }
        : { open: "The store is still busy. Nothing was ordered." };
    }
    onWait(trouble(answer), answer.later);
    await pause(answer.later);
  }
}

function trouble({ status, message }) {
  if (status === 0) return "The store does not answer";
  if (status === 504) return "The outcome is unknown yet";
  return `The store is busy (${message})`;
}

function refusal({ status, message }, name, quantity) {
  if (status === 409) return `Out of stock: there are fewer than ${quantity} of ${name} left.`;
  if (status === 404) return `The store has no toy called ${name}.`;
  return `Not ordered: ${message}.`;
}
