// A server that speaks enough of OpenAI's API to be asked, about pictures or without, and does not look at them: it says what it is told to.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Question {
  readonly model: string;
  readonly text: string;
  /** Bytes of the JPEG, where there is one. */
  readonly picture: Buffer;
  readonly authorization: string | undefined;
}

export interface Stub {
  readonly url: string;
  readonly questions: Question[];
  /** The most that were asked at a time. */
  mostAtATime: number;
  /** What is answered: a text, a status, or undefined to say nothing at all. */
  answer: (question: Question, number: number) => string | number | undefined;
  delayMs: number;
}

/** For one test. */
export async function stubEndpoint(): Promise<Stub> {
  let running = 0;
  const stub: Stub = { url: '', questions: [], mostAtATime: 0, answer: () => 'A red square.', delayMs: 0 };
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url?.endsWith('/models') === true) return send(200, { object: 'list', data: [{ id: 'stub-vision', object: 'model' }] }); // prettier-ignore
    let body = '';
    for await (const bytes of request) body += String(bytes);
    const { model, messages } = JSON.parse(body) as { model: string; messages: [{ content: string | { text?: string; image_url?: { url: string } }[] }] }; // prettier-ignore
    const { content } = messages[0];
    const [words, image] = typeof content === 'string' ? [{ text: content }, undefined] : content;
    const picture = Buffer.from(image?.image_url?.url.split(',')[1] ?? '', 'base64');
    const question = { model, text: words?.text ?? '', picture, authorization: request.headers.authorization };
    stub.questions.push(question);
    const answer = stub.answer(question, stub.questions.length);
    running++;
    stub.mostAtATime = Math.max(stub.mostAtATime, running);
    await new Promise((resolve) => setTimeout(resolve, stub.delayMs));
    running--;
    if (answer === undefined) return;
    if (typeof answer === 'number') return send(answer, { error: { message: `status ${answer}` } });
    const message = { role: 'assistant', content: answer };
    send(200, {
      id: 'x',
      object: 'chat.completion',
      model,
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 },
    });
  };
  const server: Server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(stub, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
}
