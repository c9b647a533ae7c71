// The console.

import { ask } from "./calls.js";
import { byId, cell, clock, element, fill, say } from "./dom.js";
import { inWords, listen } from "./news.js";
import { Plot } from "./plot.js";

const SHOWN = 100;
const LEADERS = 10;
const LEAST = 8;
const STOCK_EVERY_MS = 5000;

const plots = {
  rate: new Plot(byId("rate-plot")),
  latency: new Plot(byId("latency-plot"), { lines: 2 }),
  leader: new Plot(byId("leader-plot"), { steps: true }),
};
/** All news that are shown, the oldest first. */
let past = [];
/** The cache's counts at the look before. */
let cacheBefore = null;

// ---- News

const line = (news) => element("li", {}, clock(news.at), inWords(news));

/** What came before this page is shown, not announced; only a new line is. */
function showPast() {
  byId("news").replaceChildren(...past.toReversed().map(line));
  showLeaders();
}

function showNext(news) {
  byId("news").prepend(line(news));
  while (byId("news").children.length > SHOWN) byId("news").lastChild.remove();
  if (news.kind === "leader") showLeaders();
}

function showLeaders() {
  const leaders = past.filter((news) => news.kind === "leader").slice(-LEADERS).reverse();
  fill(byId("leaders"), leaders.map((news) => [
    clock(news.at), cell(news.epoch, "number"), cell(news.replica, "number"),
  ]));
}

// ---- The state

const dash = (value) => value ?? "–";

function showBanner({ cluster, trouble }) {
  const differs = [...byEnd(cluster)].find(([, hashes]) => hashes.size > 1);
  const who = cluster.leader === null ? "Nobody leads"
    : `Replica ${cluster.leader} leads in epoch ${cluster.epoch}`;
  if (differs) say(byId("banner"), `The contents of replicas DIFFER at order ${differs[0]}. ${who}.`, "bad");
  else if (trouble) say(byId("banner"), `No orders are taken: ${trouble}. ${who}.`, "bad");
  else say(byId("banner"), `Orders are taken. ${who}.`, "good");
}

function showCluster({ cluster }) {
  say(byId("leader"), String(dash(cluster.leader)));
  say(byId("epoch"), String(cluster.epoch));
  say(byId("in-sync"), cluster.in_sync.join(", ") || "–");
  const { healthy } = cluster.catalog;
  say(byId("catalog"), healthy ? "answers" : "does not answer", healthy ? "" : "bad");
  const leader = cluster.replicas.find((replica) => replica.id === cluster.leader);
  const groups = byEnd(cluster);
  fill(byId("replicas"), cluster.replicas.map((replica) => {
    const name = element("span", {}, `${replica.id} `, element("span", { className: "soft" }, replica.address));
    return [name, ...replicaCells(replica, cluster, leader, groups)];
  }));
  say(byId("compared"), compared(cluster, groups));
}

function replicaCells(replica, cluster, leader, groups) {
  const inSync = cluster.in_sync.includes(replica.id);
  const health = replica.healthy ? cell(replica.role) : cell("no answer", "bad");
  const lag = replica.healthy && leader?.healthy ? Math.max(0, leader.log_end - replica.log_end) : null;
  const broken = groups.get(replica.log_end)?.size > 1;
  const hash = element("td", { className: broken ? "hash bad" : "hash" }, replica.hash?.slice(0, 8) ?? "–");
  if (replica.hash) hash.setAttribute("title", `${replica.hash}, up to order ${replica.log_end}`);
  return [health, cell(inSync ? "yes" : "no", inSync ? "" : "busy"),
    cell(dash(replica.last_order), "number"), cell(dash(lag), "number"), hash];
}

/**
 * Whether the end of a log is committed, as far as anybody knows: what is not may differ for a
 * moment, while a leader is replaced. A follower in sync hears last that its end is.
 */
function isSettled({ id, role, hash, log_end: end, last_order: committed }, cluster) {
  const leader = cluster.replicas.find((replica) => replica.id === cluster.leader);
  const follows = role === "follower" && cluster.in_sync.includes(id) && leader?.role === "leader";
  return Boolean(hash) && (end === committed || (follows && end <= leader.last_order));
}

/** The hashes of settled logs that end with the same order: equal logs have one. */
function byEnd(cluster) {
  const groups = new Map();
  for (const replica of cluster.replicas) {
    if (isSettled(replica, cluster)) {
      const { log_end: end, hash } = replica;
      groups.set(end, (groups.get(end) ?? new Set()).add(hash));
    }
  }
  return groups;
}

function compared(cluster, groups) {
  const healthy = cluster.replicas.filter((replica) => replica.healthy);
  const [differs] = [...groups].find(([, hashes]) => hashes.size > 1) ?? [];
  if (differs !== undefined) return `The contents DIFFER at order ${differs}.`;
  if (healthy.length === 0) return "No replica answers.";
  if (groups.size === 1 && healthy.every((replica) => isSettled(replica, cluster))) {
    return "The contents of all that answer are equal.";
  }
  return "Not all are at the same order; those that are have equal contents.";
}

function showPace({ cluster, orders_per_second: rate, p50_ms: half, p99_ms: most }) {
  const latency = half === null ? "no orders" : `half ≤ ${half}, 99 % ≤ ${most}`;
  byId("rate").textContent = dash(rate);
  byId("latency").textContent = latency;
  byId("leading").textContent = cluster.leader === null ? "nobody" : `replica ${cluster.leader}`;
  plots.rate.add([rate], `Orders per second, now ${dash(rate)}`);
  plots.latency.add([half, most], `Latency of orders in milliseconds, now ${latency}`);
  plots.leader.add([cluster.leader], `Leader over time, now ${byId("leading").textContent}`);
}

function showCache({ cluster: { cache } }) {
  const counts = ["hits", "misses", "invalidations"];
  const since = (name) => (cacheBefore ? `+${cache[name] - cacheBefore[name]}` : "–");
  const lines = counts.map((name) => [name, cell(cache[name], "number"), cell(since(name), "number")]);
  fill(byId("cache"), cache.enabled
    ? [["products", cell(cache.entries, "number"), cell("")], ...lines]
    : [["off", cell(""), cell("")]]);
  cacheBefore = cache;
}

function showRestock({ cluster: { restock } }) {
  if (!restock) {
    say(byId("restock"), "The catalog does not say.");
    return;
  }
  const next = Math.ceil(restock.next_in_ms / 1000);
  say(byId("restock"), `${restock.sold_out} sold out, next restock in ${next} s, `
    + `${restock.restocked} restocked since the catalog started.`);
}

async function showStock() {
  if (document.visibilityState !== "visible") return;
  const { data } = await ask("/products?limit=1000");
  if (!data) return;
  const least = data.toSorted((one, other) => one.quantity - other.quantity).slice(0, LEAST);
  fill(byId("stock"), least.map((toy) => [toy.name, cell(toy.quantity, "number")]));
}

listen({
  hello(news) {
    past = news;
    cacheBefore = null;
    showPast();
  },
  news(news) {
    past = [...past, news].slice(-SHOWN);
    showNext(news);
  },
  state(state) {
    [showBanner, showCluster, showPace, showCache, showRestock].forEach((show) => show(state));
  },
  lost() {
    say(byId("banner"), "The connection to the front end is lost; connecting again …", "busy");
  },
});
showStock();
setInterval(showStock, STOCK_EVERY_MS);
