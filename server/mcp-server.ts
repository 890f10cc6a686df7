// One connection of the Model Context Protocol: which requests are answered, and by what. The agent's tools outlive it.
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { packageVersion } from '../jobs/package-folder.ts';
import type { Agent } from './mcp-agent.ts';
import { captionTemplates, readCaptions } from './mcp-captions.ts';
import { clipTemplates, listClips, readClip } from './mcp-clips.ts';
import { readShot, shotTemplate } from './mcp-search.ts';
import { tools } from './mcp-tools.ts';

const instructions =
  'Tessera renders videos from text. generate queues one and answers with its id; video_status with waitSeconds waits for it. ' +
  'Completed videos come with a link to their clip, which can be read as a resource. caption says in timed words what a video shows, ask answers questions about one, ' +
  'and search finds shots of films that were indexed.';

/**
 * A server to be connected to a transport. It is the SDK's plain one: McpServer would parse arguments itself and answer with
 * zod's issues, where ours name each field and how to mend it.
 */
export function createMcpServer(agent: Agent): Server {
  const server = new Server(
    { name: 'tessera', title: 'Tessera', version: packageVersion },
    { capabilities: { tools: {}, resources: {} }, instructions },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...agent.tools] }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken;
    const onProgress = (progress: number, message: string): void => {
      if (progressToken === undefined) return;
      const told = { progressToken, progress, total: 100, message };
      sendNotification({ method: 'notifications/progress', params: told }).catch(() => undefined); // it has gone
    };
    const result = await agent.call(params.name, params.arguments ?? {}, { signal, onProgress });
    if (result !== undefined) return result;
    const known = Object.keys(tools).join(', ');
    throw new McpError(ErrorCode.InvalidParams, `There is no tool ${params.name}. There are ${known}.`);
  });
  const explained = async <T>(what: string, story: () => Promise<T>): Promise<T> => {
    try {
      return await agent.soon(story());
    } catch (error) {
      throw new McpError(ErrorCode.InvalidParams, agent.explain(error, what));
    }
  };
  server.setRequestHandler(ListResourcesRequestSchema, ({ params }) =>
    explained('resources', () => listClips(agent.videos, params?.cursor)),
  );
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [...clipTemplates, ...captionTemplates, shotTemplate],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) =>
    explained('resource', async () => {
      const { videos, captions, tellsPaths } = agent;
      const { settings } = videos.queue;
      const shot = await readShot(params.uri, { settings, tellsPaths, searcher: () => agent.searcher() });
      return shot ?? (await readCaptions(captions, params.uri)) ?? readClip(videos, params.uri);
    }),
  );
  return server;
}
