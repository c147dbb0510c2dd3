// A steady load of submissions that keeps account of each: when it was accepted, when it ended, and how.
import { setTimeout as sleep } from 'node:timers/promises';

/** What a client may see while something is broken, and try again after. */
const retriable = [429, 502, 503, 504];

export class Load {
  interval = 700; // milliseconds between submissions
  #submissions = []; // {token, expected, accepted, ended?, wrong?}
  #errors = []; // {at, what, retriable}
  #running = false;
  #tasks = [];
  #inFlight = new Set();

  constructor(api, key) {
    this.api = api;
    this.headers = { 'X-Auth-Token': key, 'Content-Type': 'application/json' };
  }

  start() {
    this.#running = true;
    this.#tasks = [this.#send(), this.#collect()];
  }

  /** A moment, from which summary counts. */
  mark() {
    return Date.now();
  }

  #failed(error, status) {
    const what = status ? String(status) : (error.cause?.code ?? error.name);
    this.#errors.push({
      at: Date.now(),
      what,
      retriable: status ? retriable.includes(status) : true,
    });
  }

  async #send() {
    for (let n = 1; this.#running; n++) {
      const one = this.#submit(n).finally(() => this.#inFlight.delete(one));
      this.#inFlight.add(one);
      await sleep(this.interval);
    }
    await Promise.allSettled(this.#inFlight);
  }

  async #submit(n) {
    try {
      const answer = await fetch(`${this.api}/submissions`, {
        method: 'POST',
        headers: this.headers,
        body: JSON.stringify({ language_id: 46, source_code: `echo ${n}` }),
        signal: AbortSignal.timeout(20_000),
      });
      if (answer.status !== 201) {
        await answer.body?.cancel();
        this.#failed(undefined, answer.status);
        return;
      }
      const { token } = await answer.json();
      this.#submissions.push({ token, expected: `${n}\n`, accepted: Date.now() });
    } catch (error) {
      this.#failed(error);
    }
  }

  get #open() {
    return this.#submissions.filter((one) => !one.ended);
  }

  async #collect() {
    while (this.#running || this.#inFlight.size > 0 || this.#open.length > 0) {
      await sleep(500);
      const some = this.#open.slice(0, 20);
      if (some.length === 0) continue;
      try {
        const tokens = some.map((one) => one.token).join(',');
        const answer = await fetch(
          `${this.api}/submissions/batch?tokens=${tokens}&fields=token,stdout,status_id`,
          {
            headers: this.headers,
            signal: AbortSignal.timeout(20_000),
          },
        );
        if (!answer.ok) {
          await answer.body?.cancel();
          this.#failed(undefined, answer.status);
          continue;
        }
        const { submissions } = await answer.json();
        submissions.forEach((found, i) => {
          if (!found || found.status_id < 3) return;
          some[i].ended = Date.now();
          if (found.status_id !== 3 || found.stdout !== some[i].expected)
            some[i].wrong =
              `${found.token}: status ${found.status_id}, ${JSON.stringify(found.stdout)}`;
        });
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** Waits until one more is accepted, and what was accepted from a mark to now has ended. */
  async settled(mark, atMost) {
    const until = Date.now();
    const pending = () => this.#open.filter((one) => one.accepted >= mark && one.accepted <= until);
    const again = () => this.#submissions.some((one) => one.accepted >= until);
    while (pending().length > 0 || !again()) {
      if (Date.now() > until + atMost && !again()) throw new Error('nothing is accepted any more');
      if (Date.now() > until + atMost)
        throw new Error(
          `${pending().length} accepted submissions have not ended: ${pending()[0].token}`,
        );
      await sleep(200);
    }
  }

  /** What happened since a mark; times in milliseconds. */
  summary(mark) {
    const here = this.#submissions.filter((one) => one.accepted >= mark);
    const ended = here.filter((one) => one.ended);
    const moments = [mark, ...here.map((one) => one.accepted), Date.now()].sort((a, b) => a - b);
    return {
      accepted: here.length,
      finished: ended.length,
      gap: Math.max(...moments.slice(1).map((at, i) => at - moments[i])),
      slowest: Math.max(0, ...ended.map((one) => one.ended - one.accepted)),
      errors: this.#errors.filter((error) => error.at >= mark),
      wrong: ended.filter((one) => one.wrong).map((one) => one.wrong),
    };
  }

  /** Sends nothing more and waits for what is open. */
  async stop(atMost) {
    this.#running = false;
    await Promise.race([Promise.allSettled(this.#tasks), sleep(atMost)]);
    return { accepted: this.#submissions.length, open: this.#open.length };
  }
}
