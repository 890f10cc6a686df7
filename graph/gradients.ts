// Reverse-mode differentiation of a graph, by the table's rules: the result is more graph, so it is optimised and run like the rest.
import * as build from './build.ts';
import { ShapeError } from './errors.ts';
import { topologicalOrder } from './node.ts';
import type { Node } from './node.ts';
import { definitionOf } from './ops/table.ts';
import { sizeOf } from './tensor.ts';

/** The nodes that lie on a path from `wrt` to the output. */
function onPath(order: readonly Node[], wrt: ReadonlySet<Node>): ReadonlySet<Node> {
  const needed = new Set<Node>();
  for (const node of order) {
    if (wrt.has(node) || node.inputs.some((part) => needed.has(part))) needed.add(node);
  }
  return needed;
}

function inputGradients(node: Node, grad: Node): readonly (Node | null)[] {
  const rule = definitionOf(node.op).gradient;
  if (typeof rule === 'function') return rule({ node, grad, inputs: node.inputs, build });
  throw new ShapeError(`${node.op} is not differentiable: ${rule.notDifferentiable}`);
}

/**
 * dLoss/dx for each x of `wrt`, as nodes of x's shape. `loss` has one element. Where the loss does not depend on x the
 * gradient is a constant of zeros. Throws ShapeError when a path runs through an op without a gradient.
 */
export function gradients(loss: Node, wrt: readonly Node[]): readonly Node[] {
  if (sizeOf(loss.shape) !== 1) throw new ShapeError(`A loss has one element, this has [${loss.shape.join(',')}].`);
  const order = topologicalOrder([loss]);
  const targets = new Set(wrt);
  const needed = onPath(order, targets);
  const sums = new Map<Node, Node>([[loss, build.expand(build.scalar(1), loss.shape)]]);
  for (const node of [...order].reverse()) {
    const grad = sums.get(node);
    if (grad === undefined || !node.inputs.some((part) => needed.has(part))) continue;
    inputGradients(node, grad).forEach((part, i) => {
      const target = node.inputs[i]!;
      if (part === null || !needed.has(target)) return;
      const before = sums.get(target);
      sums.set(target, before === undefined ? part : build.add(before, part));
    });
  }
  return wrt.map((x) => sums.get(x) ?? build.expand(build.scalar(0), x.shape));
}
