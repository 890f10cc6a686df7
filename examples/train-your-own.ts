// The engine by itself: a small network learns the sine from its values, with the gradients that the graph derives.
import { adamDefaults, adamStep, compile, fetched, flatLayout, floats, gradients } from '../index.ts';
import { initialState, localEngine, ops, parameterScope, tensor, views } from '../index.ts';

const points = 64;
const scope = parameterScope();
const p = scope.parameters;
const uniform = { kind: 'uniform', bound: 1 } as const;

const x = ops.input('x', [points, 1]);
const hidden = ops.tanh(ops.linear(x, p('in.weight', [32, 1], uniform), p('in.bias', [32], uniform)));
const y = ops.linear(hidden, p('out.weight', [1, 32], uniform), p('out.bias', [1], uniform));
const loss = ops.mean(ops.square(ops.sub(y, ops.sin(x))), [0, 1]);

const specs = scope.specs();
const slopes = gradients(loss, specs.map(({ name }) => scope.node(name))); // prettier-ignore
const outputs = Object.fromEntries(specs.map(({ name }, i) => [`grad.${name}`, slopes[i]!]));
const engine = localEngine();
const session = await engine.open(compile({ outputs: { loss, ...outputs }, weights: 'inputs' }));

const layout = flatLayout(specs);
let seed = 1;
const state = initialState(layout, () => (seed = (seed * 16807) % 2147483647) / 2147483647);
const values = tensor(
  Float32Array.from({ length: points }, (_, i) => (i / points) * 6 - 3),
  [points, 1],
);
for (let step = 0; step <= 600; step++) {
  const results = await session.run({ x: values, ...views(layout, state.parameters) });
  const gradient = new Float32Array(layout.size);
  specs.forEach(({ name }, i) => gradient.set(floats(fetched(results, `grad.${name}`)), layout.offsets[i]));
  adamStep(state, gradient, { ...adamDefaults, learningRate: 0.01 });
  if (step % 200 === 0) console.log(`step ${step}: error ${floats(fetched(results, 'loss'))[0]!.toFixed(5)}`);
}
await engine.close();
