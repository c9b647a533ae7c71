// Requests to the store, and what their answers mean.

const PATIENCE_MS = 10_000;

/**
 * One request. Returns `{ data }`, or `{ status, message, later }` for a refusal: `later` says
 * after how many seconds to ask again, if that may help. No answer at all is status 0.
 */
export async function ask(path, options = {}) {
  let response;
  let body;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    response = await fetch(path, { cache: "no-store", ...options, signal });
    body = await response.json();
  } catch {
    return { status: 0, message: "no answer", later: 1 };
  }
  if (response.ok) return { status: response.status, data: body.data };
  const { status } = response;
  const message = String(body?.error?.message ?? `status ${status}`);
  const again = status === 429 || status >= 500;
  return { status, message, later: again ? seconds(response.headers) : undefined };
}

/** As `Retry-After` says, within reason; one second where it does not say. */
function seconds(headers) {
  const said = Number(headers.get("Retry-After") ?? 1);
  return Number.isFinite(said) ? Math.min(Math.max(said, 0.2), 60) : 1;
}

export const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

/** Asks again after refusals that pass, for at most so many seconds. */
export async function askUntil(path, patience, options) {
  const end = Date.now() + patience * 1000;
  for (;;) {
    const answer = await ask(path, options);
    if (answer.later === undefined || Date.now() + answer.later * 1000 > end) return answer;
    await pause(answer.later);
  }
}
