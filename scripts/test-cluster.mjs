// npm run test:cluster: the tests of the cluster alone. `-- --quick` leaves the faults out, `-- --official`
// takes the official images, `-- --no-build` the images as they are, and `-- --no-browser`
// leaves the web page out. `-- --only redis,mongodb` breaks these alone.
import { clusterTests } from './cluster-tests.mjs';
import { counter } from './count.mjs';
import { checkMachine, install } from './steps.mjs';

const { count, total, report } = counter();
const wants = (option) => process.argv.includes(option);
const only = wants('--only') && process.argv[process.argv.indexOf('--only') + 1];
await checkMachine();
if (!wants('--no-browser')) await install(); // the browser's driver is among the web client's packages
await clusterTests(count, {
  quick: wants('--quick'),
  official: wants('--official'),
  build: !wants('--no-build'),
  page: !wants('--no-browser'),
  ...(only && { victims: only.split(',') }),
});
report();
process.exit(total.failed > 0 ? 1 : 0);
