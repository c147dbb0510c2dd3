// npm run test:deploy: the rules and dashboards of the monitoring, and what deploys the cluster elsewhere.
import { counter } from './count.mjs';
import { deployTests } from './deploy-tests.mjs';
import { monitoringTests } from './monitoring-tests.mjs';

const { count, total, report } = counter();
await monitoringTests(count);
await deployTests(count);
report();
process.exit(total.failed > 0 ? 1 : 0);
