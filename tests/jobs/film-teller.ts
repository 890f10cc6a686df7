// A captioner for tests of the index: an endpoint with OpenAI's API that tells plain colours apart, and says of each what a test wants
// to find.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';

const told = ['A dog runs in the snow.', 'A small boat lies in the harbour.', 'A train leaves.'];
/** The colours for ffmpeg, as `told` has them. */
export const [DOG, BOAT, TRAIN] = ['red', 'lime', 'blue'] as const;

export interface FilmTeller {
  readonly captioner: string;
  /** Pictures that were shown. */
  readonly seen: () => number;
  /** Called after each. */
  onPicture: (number: number) => void;
}

/** For one test. */
export async function filmTeller(): Promise<FilmTeller> {
  let pictures = 0;
  const teller = { captioner: '', seen: () => pictures, onPicture: (): void => undefined } as {
    -readonly [name in keyof FilmTeller]: FilmTeller[name];
  };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (body: unknown): void =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.url!.endsWith('/models')) return send({ object: 'list', data: [{ id: 'colours', object: 'model' }] });
    let body = '';
    for await (const bytes of request) body += String(bytes);
    const picture = /base64,([^"]+)/.exec(body)![1]!;
    const { channels } = await sharp(Buffer.from(picture, 'base64')).stats();
    const means = channels.map(({ mean }) => mean);
    const content = told[means.indexOf(Math.max(...means))];
    pictures++;
    send({ choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] });
    teller.onPicture(pictures);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  teller.captioner = `openai:http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return teller;
}
