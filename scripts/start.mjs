// npm start: builds what has changed and runs the whole of Sandgate as one thing, until Ctrl-C.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { bin, buildGo, buildWeb, checkMachine, fail, install, webServer } from './steps.mjs';

const port = process.env.SANDGATE_PORT || '8080';
const webPort = process.env.SANDGATE_WEB_PORT || '3000';

/** Tells of a taken port before minutes are spent on building. */
function checkPort(number, name, what) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error) => {
      if (error.code === 'EADDRINUSE')
        fail(
          `Port ${number} is taken by another program; ${what} needs one. Set ${name} to a free port.`,
        );
      resolve();
    });
    server.listen({ port: Number(number), host: '127.0.0.1' }, () => server.close(resolve));
  });
}

await checkMachine();
await checkPort(port, 'SANDGATE_PORT', 'the gateway');
await checkPort(webPort, 'SANDGATE_WEB_PORT', 'the web page');
console.log('Sandgate: preparing');
await install();
await buildGo();
await buildWeb();

const child = spawn(join(bin, 'sandgate'), process.argv.slice(2), {
  stdio: 'inherit',
  env: { SANDGATE_WEB_SERVER: webServer, ...process.env },
});
// The program alone decides when it has ended. A terminal's Ctrl-C reaches it twice: it takes that for one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`bin/sandgate can't be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
