// npm run test:cluster: the tests of the cluster alone. `-- --quick` leaves the faults out, `-- --official`
// takes the official images, `-- --no-build` the images as they are, and `-- --no-browser`
// leaves the web page out.
import { clusterTests } from './cluster-tests.mjs';
import { counter } from './count.mjs';

const { count, total, report } = counter();
const wants = (option) => process.argv.includes(option);
await clusterTests(count, {
  quick: wants('--quick'),
  official: wants('--official'),
  build: !wants('--no-build'),
  page: !wants('--no-browser'),
});
report();
process.exit(total.failed > 0 ? 1 : 0);
