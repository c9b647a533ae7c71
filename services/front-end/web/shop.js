// The storefront.

import { ask, askUntil } from "./calls.js";
import { byId, cell, element, fill, say } from "./dom.js";
import { checkAll, drop, forgetAll, mine, remember } from "./orders.js";
import { buy, freshKey } from "./purchase.js";

const PAGE = 100;
const LOOK_EVERY_MS = 2000;

/** The names after which the pages begin, up to the one that is shown. */
const pages = [null];
/** The rows of the table, by the toy's name. */
const rows = new Map();
/** What is said of my orders beside what is kept, by their key. */
const states = new Map();
/** When sold-out toys come back, by the page's own clock; none if not known. */
let restockAt = null;

// ---- Toys

function row(toy) {
  const number = element("input", {
    type: "number", min: 1, max: 1000000, step: 1, value: 1, required: "",
    "aria-label": `Quantity of ${toy.name}`,
  });
  const button = element("button", { "aria-label": `Buy ${toy.name}` }, "Buy");
  const form = element("form", { className: "buy" }, number, button);
  const price = cell("", "number");
  const stock = cell("", "number");
  const line = element("tr", {}, element("th", { scope: "row" }, toy.name), price, stock, cell(form));
  const made = { line, price, stock, button, toy, busy: false };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    purchase(made, Number(number.value));
  });
  return made;
}

function show(made) {
  const { toy } = made;
  say(made.price, toy.price.toFixed(2));
  made.button.disabled = made.busy || toy.quantity === 0;
  if (toy.quantity > 0) {
    say(made.stock, String(toy.quantity));
    return;
  }
  const words = soldOut();
  if (made.stock.textContent !== words) {
    made.stock.replaceChildren(element("span", { className: "badge" }, words));
  }
}

function soldOut() {
  if (restockAt === null) return "sold out";
  return `sold out, back in ${Math.max(0, Math.ceil((restockAt - performance.now()) / 1000))} s`;
}

function showToys(toys) {
  const names = new Set(toys.map((toy) => toy.name));
  for (const [name, { line }] of rows) {
    if (!names.has(name)) {
      line.remove();
      rows.delete(name);
    }
  }
  const body = byId("toys").tBodies[0];
  toys.forEach((toy, at) => {
    const made = rows.get(toy.name) ?? row(toy);
    rows.set(toy.name, made);
    made.toy = toy;
    show(made);
    // A row that is in its place already is left alone: it may have the focus.
    if (body.rows[at] !== made.line) body.insertBefore(made.line, body.rows[at] ?? null);
  });
  byId("next").hidden = toys.length < PAGE;
  byId("previous").hidden = pages.length === 1;
}

async function look() {
  const after = pages.at(-1);
  const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
  const answer = await ask(`/products?limit=${PAGE}${from}`);
  if (after !== pages.at(-1)) return;
  if (!answer.data) {
    say(byId("trouble"), `The store cannot show its toys now (${answer.message}); what stands here may be old.`, "bad");
    return;
  }
  say(byId("trouble"), "");
  if (answer.data.some((toy) => toy.quantity === 0)) await learnRestock();
  else restockAt = null;
  showToys(answer.data);
}

async function learnRestock() {
  if (restockAt !== null && restockAt > performance.now()) return;
  const { data } = await ask("/cluster");
  restockAt = data?.restock ? performance.now() + data.restock.next_in_ms : null;
}

async function keepLooking() {
  for (;;) {
    if (document.visibilityState === "visible") await look();
    await new Promise((done) => { setTimeout(done, LOOK_EVERY_MS); });
  }
}

byId("next").addEventListener("click", () => {
  pages.push([...rows.keys()].at(-1));
  look();
});
byId("previous").addEventListener("click", () => {
  pages.pop();
  look();
});
setInterval(() => { rows.forEach((made) => { if (made.toy.quantity === 0) show(made); }); }, 500);

// ---- Buying

async function purchase(made, quantity) {
  made.busy = true;
  show(made);
  await order({ key: freshKey(), name: made.toy.name, quantity, number: null });
  made.busy = false;
  show(made);
  await look();
}

/** Places an order that is not known to be placed, and says what comes of it. */
async function order(wanted) {
  const { key, name, quantity } = wanted;
  // Kept before it is sent: after a reload the same key can be used again.
  const again = wanted.open === true;
  remember({ key, name, quantity, number: null, open: true });
  stand(key, "asking …");
  const outcome = await buy({ ...wanted, open: again }, (words, seconds) => {
    const text = `${words}; trying again in ${seconds} s.`;
    stand(key, text, "busy");
    announce(`${name}: ${text}`, "busy");
  });
  if (outcome.number !== undefined) {
    remember({ key, name, quantity, number: outcome.number });
    stand(key, "ordered", "good");
    announce(`Ordered: ${quantity} of ${name}. Your order number is ${outcome.number}.`, "good");
  } else if (outcome.refused) {
    drop(key);
    states.delete(key);
    showMine();
    announce(outcome.refused, "bad");
  } else {
    stand(key, outcome.open, "bad");
    announce(`${name}: ${outcome.open} Ask again below; it will not be ordered twice.`, "bad");
  }
}

const announce = (words, mood) => say(byId("said"), words, mood);

// ---- My orders

function stand(key, words, mood = "") {
  states.set(key, { words, mood });
  showMine();
}

function showMine() {
  const orders = mine();
  fill(byId("mine"), orders.map((entry) => {
    const { words, mood } = states.get(entry.key)
      ?? (entry.number === null ? { words: "outcome unknown", mood: "bad" } : { words: "ordered" });
    const state = element("td", { className: mood ?? "" }, words);
    if (entry.number === null && !words.startsWith("asking") && mood !== "busy") {
      const button = element("button", { type: "button", className: "quiet", "aria-label": `Ask again for ${entry.name}` }, "Ask again");
      button.addEventListener("click", () => order(entry));
      state.append(" ", button);
    }
    return [entry.number ?? "–", cell(entry.name), cell(entry.quantity, "number"), state];
  }));
  byId("check").disabled = !orders.some((entry) => entry.number !== null);
  byId("forget").disabled = orders.length === 0;
}

byId("check").addEventListener("click", async () => {
  const line = byId("checked");
  byId("check").disabled = true;
  say(line, "Checking …");
  const verdicts = await checkAll((key, { same, words }) => {
    stand(key, words, same === null ? "busy" : same ? "good" : "bad");
  });
  showMine();
  const wrong = verdicts.filter((verdict) => verdict.same === false);
  const unknown = verdicts.filter((verdict) => verdict.same === null).length;
  const rest = unknown > 0 ? ` ${unknown} could not be checked.` : "";
  if (wrong.length > 0) {
    const which = wrong.map((verdict) => verdict.order.number).join(", ");
    say(line, `${wrong.length} of ${verdicts.length} do not match: order ${which}.${rest}`, "bad");
  } else if (unknown > 0) {
    say(line, `${verdicts.length - unknown} match.${rest}`, "busy");
  } else {
    say(line, `All ${verdicts.length} match.`, "good");
  }
});

byId("forget").addEventListener("click", () => {
  forgetAll();
  states.clear();
  say(byId("checked"), "");
  showMine();
});

window.addEventListener("storage", showMine);

// ---- Looking up

byId("look").addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = byId("number").value.trim();
  const line = byId("found");
  say(line, "Looking …");
  const { data, status, message } = await askUntil(`/orders/${encodeURIComponent(number)}`, 20);
  if (data) say(line, `Order ${data.number}: ${data.quantity} of ${data.name}.`, "good");
  else if (status === 404) say(line, `There is no order ${number}.`, "bad");
  else say(line, `The store cannot say now: ${message}.`, "busy");
});

showMine();
keepLooking();
