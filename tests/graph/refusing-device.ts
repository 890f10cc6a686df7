// A program for device.test.ts: a product of 1.1 GB that a WebGPU driver in software opens and then has no memory for, run twice.
// Prints a sum of it each time.
import { input, matmul, sum } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import { fetched, localEngine } from '../../graph/engine.ts';
import { floats, tensor } from '../../graph/tensor.ts';

const WIDTH = 16_500;
const ones = new Float32Array(WIDTH).fill(1);
const columns = sum(matmul(input('a', [WIDTH, 1]), input('b', [1, WIDTH])), [0]);
const engine = localEngine({ device: 'webgpu', threads: 1 });
const session = await engine.open(compile({ outputs: { columns }, weights: () => undefined }));
for (let run = 0; run < 2; run++) {
  const results = await session.run({ a: tensor(ones, [WIDTH, 1]), b: tensor(ones, [1, WIDTH]) });
  const values = floats(fetched(results, 'columns'));
  console.log(values.every((value) => value === WIDTH));
}
await engine.close();
