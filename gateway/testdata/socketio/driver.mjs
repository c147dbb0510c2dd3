// Drives real clients of Socket.IO for a test in Go. Commands come as lines of JSON on standard input:
//   {do: 'open', client, url, options, from}: from is the address that it comes from, of this host
//   {do: 'emit', client, args}   {do: 'close', client}
//   {do: 'transport', client, name}: says so when the client has come to use it
// What happens goes out as lines of JSON: {client, event, args}. The answer to an emit is an event 'ack'.
import { Agent } from 'node:http';
import { createInterface } from 'node:readline';
import { io } from 'socket.io-client';

const clients = new Map();
const tell = (client, event, ...args) =>
  process.stdout.write(`${JSON.stringify({ client, event, args })}\n`);

const commands = {
  open({ client, url, options, from }) {
    const agent = from && new Agent({ localAddress: from });
    const socket = io(url, {
      forceNew: true,
      reconnection: false,
      timeout: 15000,
      ...(agent && { agent }),
      ...options,
    });
    clients.set(client, socket);
    socket.on('connect', () => tell(client, 'connect'));
    socket.on('connect_error', (error) =>
      tell(client, 'connect_error', error.message, error.data ?? null),
    );
    socket.on('disconnect', (reason) => tell(client, 'disconnect', reason));
    socket.onAny((event, ...args) => tell(client, event, ...args));
  },
  emit({ client, args }) {
    clients.get(client).emit(...args, (answer) => tell(client, 'ack', answer));
  },
  transport({ client, name }) {
    const { engine } = clients.get(client).io;
    const told = () => engine.transport.name === name && tell(client, 'transport', name);
    if (!told()) engine.on('upgrade', told);
  },
  close({ client }) {
    clients.get(client).close();
    clients.delete(client);
    tell(client, 'closed');
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  commands[command.do](command);
}
process.exit(0);
