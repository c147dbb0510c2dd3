import { it } from 'vitest';

/** Numbers that follow from a seed: the same seed draws the same. */
export class Draw {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 up to, but not including, `end` (mulberry32). */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Up to `most` of what is drawn. */
  many<T>(most: number, draw: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, draw);
  }

  /** Text of pieces that mean something, with any character between. */
  text(pieces: readonly string[], most = 20): string {
    return this.many(most, () =>
      this.chance(4) ? String.fromCodePoint(this.character()) : this.one(pieces),
    ).join('');
  }

  bytes(most: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.many(most, () => this.below(256)));
  }

  private character(): number {
    const code = this.below(this.one([0x80, 0x80, 0x800, 0x110000]));
    return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
  }
}

const given = process.env.FUZZ_SEED;

/**
 * A test with many made-up inputs, each from a seed of its own. A failure names the seed; with it in
 * FUZZ_SEED, that input alone is tried.
 */
export function fuzz(
  name: string,
  rounds: number,
  check: (draw: Draw) => void | Promise<void>,
): void {
  it(name, async () => {
    const first = given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
    for (let i = 0; i < (given === undefined ? rounds : 1); i++) {
      const seed = (first + i) >>> 0;
      try {
        await check(new Draw(seed));
      } catch (fault) {
        throw new Error(`with FUZZ_SEED=${String(seed)}: ${String(fault)}`, { cause: fault });
      }
    }
  });
}
