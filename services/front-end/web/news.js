// What happened, in words, and the stream that it comes by.

const RETRY_MS = 1000;

const WORDS = {
  leader: ({ replica, epoch }) => `Replica ${replica} leads, in epoch ${epoch}`,
  left: ({ replica }) => `Replica ${replica} left the in-sync set`,
  joined: ({ replica }) => `Replica ${replica} joined the in-sync set`,
  unreachable: ({ replica }) => `Replica ${replica} does not answer`,
  back: ({ replica }) => `Replica ${replica} answers again`,
  catalog_gone: () => "The catalog does not answer",
  catalog_back: () => "The catalog answers again",
  orders_stopped: ({ why }) => `No orders are taken: ${why}`,
  orders_taken: () => "Orders are taken",
  restocked: ({ name, quantity }) => `Restocked: ${quantity} of ${name}`,
  restocked_more: ({ products }) => `Restocked: ${products} more products`,
};

/** A piece of news in words; one that a later version sends is shown by its kind. */
export const inWords = (news) => (WORDS[news.kind] ?? (() => news.kind))(news);

/**
 * Listens, and again whenever the stream ends; `on` has a function for each event, and `lost` for
 * a stream that broke. The browser connects again by itself unless it was turned away.
 */
export function listen(on) {
  const source = new EventSource("/events");
  for (const name of ["hello", "news", "state"]) {
    source.addEventListener(name, (event) => on[name](JSON.parse(event.data)));
  }
  source.addEventListener("error", () => {
    on.lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(on), RETRY_MS);
  });
}
