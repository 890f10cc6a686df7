// The leaves of a graph: inputs fed at each run, parameters bound when it is compiled, constants.
import type { Definitions } from './definition.ts';

const bound = { notDifferentiable: 'A leaf has no inputs for a gradient to flow to.' } as const;
const never = (): never => {
  throw new Error('Leaves are written by the compiler.');
};

export const leaves: Definitions<'input' | 'parameter' | 'constant'> = {
  input: { type: (_, { shape, dtype }) => ({ shape, dtype }), onnx: never, gradient: bound },
  parameter: { type: (_, { shape, dtype }) => ({ shape, dtype }), onnx: never, gradient: bound },
  constant: {
    type: (_, { value }) => ({ shape: value.shape, dtype: value.dtype }),
    onnx: (emit, _, node) => emit.constant(node.attributes.value),
    gradient: bound,
  },
};
