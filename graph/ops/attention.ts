// Scaled dot-product attention (Vaswani 2017) through onnxruntime's fused MultiHeadAttention, and rotary position
// embedding (Su 2021). Both keep heads folded in the last axis: [B,N,heads*d].
import { ShapeError } from '../errors.ts';
import type { Node } from '../node.ts';
import { broadcast, sameShape, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Definitions, GradientContext } from './definition.ts';
import { sameType } from './elementwise.ts';

/** Recomputes P = softmax(scale QKᵀ + bias), then dS = P (dP - rowsum(dO O)) per head, as FlashAttention's backward does. */
function attentionGradient({ node, grad, inputs, build: b }: GradientContext<'attention'>): readonly Node[] {
  const [q, k, v, bias] = inputs as [Node, Node, Node, Node | undefined];
  const { heads, scale } = node.attributes;
  const split = (x: Node) => b.transpose(b.reshape(x, [x.shape[0]!, x.shape[1]!, heads, -1]), [0, 2, 1, 3]); // [B,H,N,d]
  const merge = (x: Node, like: Node) => b.reshape(b.transpose(x, [0, 2, 1, 3]), like.shape); // [B,N,H*d]
  const [qh, kh, vh, gh, oh] = [split(q), split(k), split(v), split(grad), split(node)] as const;
  const scores = b.matmul(qh, kh, { transB: true, alpha: scale }); // [B,H,N,L]
  const p = b.softmax(bias === undefined ? scores : b.add(scores, bias));
  const dp = b.matmul(gh, vh, { transB: true });
  const ds = b.mul(p, b.sub(dp, b.sum(b.mul(gh, oh), [-1], { keepDims: true })));
  const dq = merge(b.matmul(ds, kh, { alpha: scale }), q);
  const dk = merge(b.matmul(ds, qh, { transA: true, alpha: scale }), k);
  const dv = merge(b.matmul(p, gh, { transA: true }), v);
  return bias === undefined ? [dq, dk, dv] : [dq, dk, dv, b.sumTo(ds, bias.shape)];
}

function attentionType(inputs: readonly Node[], heads: number) {
  const [q, k, v, bias] = inputs as [Node, Node, Node, Node | undefined];
  const fits =
    q.shape.length === 3 && sameShape(k.shape, v.shape) && q.shape[0] === k.shape[0] && q.shape[2] === k.shape[2];
  if (!fits || q.shape[2]! % heads !== 0) {
    throw new ShapeError(`attention: q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)} with ${heads} heads.`);
  }
  const scores = [q.shape[0]!, heads, q.shape[1]!, k.shape[1]!];
  if (bias !== undefined && !sameShape(broadcast(bias.shape, scores, 'attention bias'), scores))
    throw new ShapeError(`attention: bias ${show(bias.shape)} is larger than the scores ${show(scores)}.`);
  return sameType(inputs);
}

export const attentions: Definitions<'attention' | 'rope'> = {
  attention: {
    type: (inputs, { heads }) => attentionType(inputs, heads),
    onnx: (emit, [q, k, v, bias], node) => {
      const { heads, scale } = node.attributes;
      const [, n] = node.shape as [number, number, number];
      const length = node.inputs[1]!.shape[1]!;
      const padded = [q!, k!, v!];
      if (bias !== undefined) {
        // The kernel broadcasts a bias over batch and heads only.
        const shape = node.inputs[3]!.shape;
        const [batchOf, headsOf] = [shape.at(-4) ?? 1, shape.at(-3) ?? 1];
        padded.push('', '', emit.node('Expand', [bias, emit.ints([batchOf, headsOf, n, length])]));
      }
      return emit.node('MultiHeadAttention', padded, { num_heads: heads, scale: { float: scale } }, 'com.microsoft');
    },
    gradient: attentionGradient,
    flops: (node) => 4 * sizeOf(node.shape) * node.inputs[1]!.shape[1]!,
  },
  rope: {
    type: (inputs, { heads }) => {
      const [x, cos, sin] = inputs as [Node, Node, Node];
      const half = x.shape[2]! / heads / 2;
      if (!sameShape(cos.shape, [x.shape[1]!, half]) || !sameShape(sin.shape, cos.shape)) {
        throw new ShapeError(`rope: tables ${show(cos.shape)} do not fit ${show(x.shape)} with ${heads} heads.`);
      }
      return sameType(inputs);
    },
    onnx: (emit, [x, cos, sin], node) => {
      const [batch, n] = node.shape as [number, number, number];
      const rows = BigInt64Array.from({ length: batch * n }, (_, i) => BigInt(i % n));
      const ids = emit.constant({ dtype: 'int64', shape: [batch, n], data: rows });
      const { heads, interleaved } = node.attributes;
      return emit.node('RotaryEmbedding', [x!, cos!, sin!, ids], {
        num_heads: heads,
        interleaved: interleaved ? 1 : 0,
      });
    },
    gradient: ({ node, grad, inputs, build: b }) => [
      b.rope(grad, inputs[1]!, b.neg(inputs[2]!), node.attributes),
      null,
      null,
    ],
  },
};
