// My orders: what this browser was told, kept in its storage, and compared with the store.

import { askUntil } from "./calls.js";

const PLACE = "toystore.orders";
const KEPT = 1000;
const CHECK_PATIENCE_S = 20;
const AT_ONCE = 4;

function isOrder(entry) {
  return typeof entry === "object" && entry !== null && typeof entry.key === "string"
    && typeof entry.name === "string" && Number.isSafeInteger(entry.quantity)
    && (entry.number === null || Number.isSafeInteger(entry.number));
}

/** All of them, the latest first; what somebody else put into the storage is left out. */
export function mine() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(kept) ? kept.filter(isOrder) : [];
  } catch {
    return [];
  }
}

function keep(orders) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(orders.slice(0, KEPT)));
  } catch {
    // A browser without storage still buys; it only forgets.
  }
}

/** Remembers an order, or what became of it. */
export function remember(order) {
  const others = mine();
  const at = others.findIndex((other) => other.key === order.key);
  if (at < 0) keep([order, ...others]);
  else keep(others.with(at, order));
}

/** It was refused: there is no such order. */
export function drop(key) {
  keep(mine().filter((order) => order.key !== key));
}

export function forgetAll() {
  keep([]);
}

/** Compares one order with what the store says: `{ same, words }`; `same` is null if unknown. */
async function check({ number, name, quantity }) {
  const answer = await askUntil(`/orders/${number}`, CHECK_PATIENCE_S);
  if (answer.status === 404) return { same: false, words: "the store has no such order" };
  if (!answer.data) return { same: null, words: `could not be checked: ${answer.message}` };
  const { data } = answer;
  if (data.number === number && data.name === name && data.quantity === quantity) {
    return { same: true, words: "matches" };
  }
  return { same: false, words: `differs: the store has ${data.quantity} of ${data.name}` };
}

/** Checks every order that has a number; `onEach(key, verdict)` hears of each. */
export async function checkAll(onEach) {
  const waiting = mine().filter((order) => order.number !== null);
  const verdicts = [];
  const work = async () => {
    for (let order = waiting.shift(); order; order = waiting.shift()) {
      const verdict = await check(order);
      verdicts.push({ order, ...verdict });
      onEach(order.key, verdict);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return verdicts;
}
