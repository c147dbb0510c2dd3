// How the test commands count and tell.

/** Makes a counter: count(title, {passed, failed, skipped}, note) prints and adds, report() sums up. */
export function counter() {
  const began = Date.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  function count(title, { passed = 0, failed = 0, skipped = 0 }, note = '') {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    const parts = [
      `${passed} passed`,
      failed && `${failed} FAILED`,
      skipped && `${skipped} skipped`,
    ].filter(Boolean);
    console.log(`  ${title}: ${parts.join(', ')}${note && ` (${note})`}`);
  }
  function report() {
    console.log(`\n${Math.round((Date.now() - began) / 1000)} s`);
    console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  }
  return { count, total, report };
}

/** What a run of `node --test` told, as count() takes it. A run that tells of no test has failed. */
export function testsOf(output) {
  const number = (name) =>
    Number(output.match(new RegExp(`^(?:#|ℹ) ${name} (\\d+)`, 'm'))?.[1] ?? 0);
  const sum = {
    passed: number('pass'),
    failed: number('fail') + number('cancelled'),
    skipped: number('skipped'),
  };
  if (sum.passed + sum.failed + sum.skipped === 0) sum.failed = 1;
  return sum;
}
