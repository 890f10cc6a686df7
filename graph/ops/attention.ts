// Scaled dot-product attention (Vaswani 2017) through onnxruntime's fused MultiHeadAttention, and rotary position
// embedding (Su 2021). Both keep heads folded in the last axis: [B,N,heads*d].
import type * as Build from '../build.ts';
import { ShapeError } from '../errors.ts';
import type { Node } from '../node.ts';
import { broadcast, sameShape, show } from '../shape.ts';
import { sizeOf } from '../tensor.ts';
import type { Definitions, GradientContext } from './definition.ts';
import { sameType } from './elementwise.ts';

type Attention = Node<'attention'>;

/** [B,N,H*d] -> [B,H,N,d]. */
const split = (x: Node, heads: number, b: typeof Build): Node =>
  b.transpose(b.reshape(x, [x.shape[0]!, x.shape[1]!, heads, -1]), [0, 2, 1, 3]);

/** P = softmax(scale QKᵀ + bias), [B,H,N,L]. */
function probabilities({ inputs, attributes: { heads, scale } }: Attention, b: typeof Build): Node {
  const [q, k, , bias] = inputs as [Node, Node, Node, Node | undefined];
  const scores = b.matmul(split(q, heads, b), split(k, heads, b), { transB: true, alpha: scale });
  return b.softmax(bias === undefined ? scores : b.add(scores, bias));
}

/** Above this many bytes of P, training recomputes it (as FlashAttention does) instead of keeping it for the gradient. */
const keptProbabilities = 64 * 2 ** 20;

function composedAttention(node: Attention, b: typeof Build): Node | undefined {
  const p = probabilities(node, b);
  if (4 * sizeOf(p.shape) > keptProbabilities) return undefined;
  const merged = b.transpose(b.matmul(p, split(node.inputs[2]!, node.attributes.heads, b)), [0, 2, 1, 3]); // [B,N,H,d]
  return b.reshape(merged, node.shape);
}

/**
 * dS = P (dP - rowsum(dO O)) per head, as in FlashAttention's backward. Where P or dS has to be transposed in a product, the
 * product is transposed instead: QᵀdS costs less than dSᵀQ, whose large operand would be repacked.
 */
function attentionGradient({ node, grad, inputs, build: b }: GradientContext<'attention'>): readonly Node[] {
  const [q, k, v, bias] = inputs as [Node, Node, Node, Node | undefined];
  const { heads, scale } = node.attributes;
  const byHead = (x: Node) => b.reshape(x, [x.shape[0]!, x.shape[1]!, heads, -1]); // [B,N,H,d]
  const upright = (x: Node) => b.transpose(byHead(x), [0, 2, 3, 1]); // [B,H,d,N]
  const p = probabilities(node, b);
  const dp = b.matmul(split(grad, heads, b), split(v, heads, b), { transB: true });
  const rowSums = b.transpose(b.sum(byHead(b.mul(grad, node)), [-1], { keepDims: true }), [0, 2, 1, 3]); // [B,H,N,1]
  const ds = b.mul(p, b.sub(dp, rowSums));
  const dq = b.transpose(b.matmul(ds, split(k, heads, b), { alpha: scale }), [0, 2, 1, 3]); // [B,N,H,d]
  const dk = b.transpose(b.matmul(upright(q), ds, { alpha: scale }), [0, 3, 1, 2]); // [B,L,H,d]
  const dv = b.transpose(b.matmul(upright(grad), p), [0, 3, 1, 2]); // [B,L,H,d]
  const slopes = [b.reshape(dq, q.shape), b.reshape(dk, k.shape), b.reshape(dv, v.shape)];
  return bias === undefined ? slopes : [...slopes, b.sumTo(ds, bias.shape)];
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
    composed: composedAttention,
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
