// npm run build: everything that npm start needs, without starting it.
import { buildGo, buildWeb, checkMachine, install } from './steps.mjs';

await checkMachine();
await install();
await buildGo();
await buildWeb();
