// Normalisations with fused kernels and gradients of their own: LayerNorm (Ba 2016) and RMSNorm (Zhang 2019) over the last axis,
// and unit length along any axis (torch's F.normalize, which the Wan autoencoder's RMS norm is made of).
import { ShapeError } from '../errors.ts';
import type { Node } from '../node.ts';
import { show } from '../shape.ts';
import type { Definitions, GradientContext } from './definition.ts';
import { sameType } from './elementwise.ts';

function rowType(inputs: readonly Node[]) {
  const [x, ...affine] = inputs as [Node, ...Node[]];
  if (x.shape.length === 0) throw new ShapeError('norm: a scalar has no last axis.');
  for (const part of affine) {
    if (part.shape.length !== 1 || part.shape[0] !== x.shape.at(-1)) {
      throw new ShapeError(`norm: ${show(part.shape)} does not scale the last axis of ${show(x.shape)}.`);
    }
  }
  return sameType(inputs);
}

const last = { keepDims: true } as const;

/** dx = inv (g' - mean(g') - xhat mean(g' xhat)), g' = g * scale; the mean(g') term only where the mean was taken out. */
function rowGradient(context: GradientContext<'layerNorm' | 'rmsNorm'>, centred: boolean): readonly Node[] {
  const { node, grad, inputs, build: b } = context;
  const [x, scale, bias] = inputs as [Node, Node | undefined, Node | undefined];
  const c = centred ? b.sub(x, b.mean(x, [-1], last)) : x;
  const inverse = b.reciprocal(b.sqrt(b.add(b.mean(b.mul(c, c), [-1], last), node.attributes.eps)));
  const xhat = centred && scale === undefined ? node : b.mul(c, inverse);
  const scaled = scale === undefined ? grad : b.mul(grad, scale);
  const along = b.mul(xhat, b.mean(b.mul(scaled, xhat), [-1], last));
  const across = centred ? b.sub(scaled, b.mean(scaled, [-1], last)) : scaled;
  const dx = b.mul(b.sub(across, along), inverse);
  const rows = (value: Node, like: Node) => b.sumTo(value, like.shape);
  const affine = [scale && rows(b.mul(grad, xhat), scale), bias && rows(grad, bias)];
  return [dx, ...affine.filter((part) => part !== undefined)];
}

export const norms: Definitions<'layerNorm' | 'rmsNorm' | 'l2Normalize'> = {
  layerNorm: {
    type: rowType,
    onnx: (emit, [x, scale, bias], node) => {
      const width = node.shape.at(-1)!;
      const ones = () => emit.constant({ dtype: 'float32', shape: [width], data: new Float32Array(width).fill(1) });
      const inputs = [x!, scale ?? ones(), ...(bias === undefined ? [] : [bias])];
      return emit.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: node.attributes.eps } });
    },
    gradient: (context) => rowGradient(context, true),
  },
  rmsNorm: {
    type: rowType,
    onnx: (emit, inputs, node) =>
      emit.node('RMSNormalization', inputs, { axis: -1, epsilon: { float: node.attributes.eps } }),
    gradient: (context) => rowGradient(context, false),
  },
  l2Normalize: {
    type: sameType,
    onnx: (emit, [x], node) => {
      const length = emit.node('ReduceL2', [x!, emit.ints([node.attributes.axis])], { keepdims: 1 });
      const floor = emit.constant({ dtype: 'float32', shape: [], data: Float32Array.of(1e-12) });
      return emit.node('Div', [x!, emit.node('Max', [length, floor])]);
    },
    gradient: ({ node, grad, inputs, build: b }) => {
      const axes = [node.attributes.axis];
      const x = inputs[0]!;
      const length = b.maximum(b.sqrt(b.sum(b.mul(x, x), axes, last)), 1e-12);
      const along = b.mul(node, b.sum(b.mul(grad, node), axes, last));
      return [b.div(b.sub(grad, along), length)];
    },
  },
};
