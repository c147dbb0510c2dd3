// npm run test:cluster: the tests of the cluster alone. `-- --quick` leaves the faults out, `-- --official`
// takes the official images.
import { clusterTests } from './cluster-tests.mjs';
import { counter } from './count.mjs';

const { count, total, report } = counter();
await clusterTests(count, {
  quick: process.argv.includes('--quick'),
  official: process.argv.includes('--official'),
});
report();
process.exit(total.failed > 0 ? 1 : 0);
