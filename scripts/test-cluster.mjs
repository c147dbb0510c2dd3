// npm run test:cluster: the tests of the cluster alone. `-- --quick` leaves the faults out, `-- --official`
// takes the official images, `-- --no-build` the images as they are.
import { clusterTests } from './cluster-tests.mjs';
import { counter } from './count.mjs';

const { count, total, report } = counter();
const wants = (option) => process.argv.includes(option);
await clusterTests(count, {
  quick: wants('--quick'),
  official: wants('--official'),
  build: !wants('--no-build'),
});
report();
process.exit(total.failed > 0 ? 1 : 0);
