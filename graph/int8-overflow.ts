// Whether this processor's fast int8 products overflow. Those without instructions made for them (VNNI) add two products of 8 bits
// in 16 with saturation, so onnxruntime has another kernel for them, of a third of the speed. It cannot tell which processor needs
// which, so one small product is computed.
import { input, int8Matmul, parameter } from './build.ts';
import { compile, type CompiledGraph } from './compile.ts';
import { floats, type Tensor, tensor } from './tensor.ts';
import { weightsFrom } from './weights.ts';

/** Many enough that kernels of any width have work. */
const [ROWS, INNER, COLUMNS] = [4, 128, 64];
const LARGEST = 127;

interface ProbeSession {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** @param open a session with the fast kernel */
export async function int8Overflows(open: (graph: CompiledGraph) => Promise<ProbeSession>): Promise<boolean> {
  const y = int8Matmul(input('x', [ROWS, INNER]), parameter('w', [INNER, COLUMNS], 'int8'), parameter('s', [COLUMNS]));
  const w: Tensor = { dtype: 'int8', shape: [INNER, COLUMNS], data: new Int8Array(INNER * COLUMNS).fill(LARGEST) };
  const s = tensor(new Float32Array(COLUMNS).fill(1 / LARGEST), [COLUMNS]);
  const weights = weightsFrom(new Map<string, Tensor>([['w', w], ['s', s]])); // prettier-ignore
  const session = await open(compile({ outputs: { y }, weights }));
  const ones = tensor(new Float32Array(ROWS * INNER).fill(1), [ROWS, INNER]); // of the largest magnitude when rounded
  const products = floats((await session.run({ x: ones }))['y']!);
  await session.release();
  return products.some((value) => Math.abs(value - INNER) > 0.01 * INNER);
}
