// The Model Context Protocol over streamable HTTP. Each POST is answered by a connection of its own, as an event stream that ends
// with the answer: there are no sessions that could be forgotten, so agents notice nothing of a restart.
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { Context } from 'hono';
import type { Agent } from './mcp-agent.ts';
import { createMcpServer } from './mcp-server.ts';

/** Answers `POST /mcp`. */
export async function answerMcp(c: Context, agent: Agent): Promise<Response> {
  const server = createMcpServer(agent);
  const transport = new WebStandardStreamableHTTPServerTransport();
  await server.connect(transport);
  // Nobody reads any more: whoever waits for a video here need not.
  c.req.raw.signal.addEventListener('abort', () => void server.close());
  return transport.handleRequest(c.req.raw);
}

/** Without sessions there is nothing to listen to (GET) and nothing to end (DELETE), which clients understand. */
export function refuseMcp(c: Context): Response {
  const error = { code: -32000, message: 'Send messages with POST.' };
  return c.json({ jsonrpc: '2.0', error, id: null }, 405, { Allow: 'POST' });
}
