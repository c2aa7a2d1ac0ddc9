import { createServer } from 'node:net';

/**
 * A TCP port of loopback that nobody listens on at this moment.
 * @param below ports from this one on are left out: for servers that take a further one at a distance
 */
export async function freePort(below = 65_536): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer();
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
    if (port < below && port > 1024) return port;
  }
}
