// A real server on a free port of this machine, with the tiny model, and clients that ask it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import { type RunningServer, serve, type ServeOptions } from '../../server/serve.ts';
import type { VideoObject } from '../../server/video-object.ts';
import { settingsIn } from '../jobs/scratch.ts';
import { writeTinyModel } from '../jobs/tiny-model.ts';
import { until } from '../jobs/until.ts';

export interface TestServer extends RunningServer {
  /** What its log would have. */
  readonly troubles: readonly string[];
  ask(path: string, init?: RequestInit): Promise<Response>;
  post(body: object, headers?: Record<string, string>): Promise<Response>;
  /** Asks for a video and waits until it is completed. */
  render(body: object): Promise<VideoObject>;
  /** Waits until the video of an answer is completed. */
  rendered(answer: Response): Promise<VideoObject>;
  readonly openai: OpenAI;
}

/** @param folder with models/, which is made with a tiny model in it where it is missing */
export async function startServer(
  folder: string,
  options: ServeOptions & { token?: string; queue?: string } = {},
): Promise<TestServer> {
  await mkdir(folder, { recursive: true });
  await writeTinyModel(join(folder, 'models', 'tiny'), { startsFromPicture: true });
  const { token, queue, ...rest } = options;
  const troubles: string[] = [];
  const settings = {
    ...settingsIn(folder),
    ...(token !== undefined && { token }),
    ...(queue !== undefined && { queue }),
  };
  const onTrouble = (why: string): void => void troubles.push(why);
  const server = await serve({ settings, port: 0, onTrouble, ...rest });
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const ask: TestServer['ask'] = (path, init = {}) =>
    fetch(`${server.url}${path}`, { ...init, headers: { ...authorization, ...(init.headers as Record<string, string>) } }); // prettier-ignore
  const post: TestServer['post'] = (body, headers = {}) =>
    ask('/v1/videos', {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny', ...body }),
      headers: { 'content-type': 'application/json', ...headers },
    });
  const rendered: TestServer['rendered'] = async (answer) => {
    const asked = (await answer.json()) as VideoObject;
    if (!answer.ok) throw new Error(JSON.stringify(asked));
    return until(`${asked.id} is completed`, async () => {
      const video = (await (await ask(`/v1/videos/${asked.id}`)).json()) as VideoObject;
      if (video.status === 'failed') throw new Error(JSON.stringify(video.error));
      return video.status === 'completed' && video;
    });
  };
  const render: TestServer['render'] = async (body) => rendered(await post(body));
  const openai = new OpenAI({ apiKey: token ?? 'none', baseURL: `${server.url}/v1`, maxRetries: 0 });
  return { ...server, troubles, ask, post, render, rendered, openai };
}

/** The fields that an answer says do not fit. */
export async function badFields(response: Response): Promise<readonly string[]> {
  const { error } = (await response.json()) as { error: { errors?: readonly { param: string }[] } };
  return (error.errors ?? []).map(({ param }) => param);
}
