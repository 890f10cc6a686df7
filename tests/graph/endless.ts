// A graph that is busy for minutes, to be ended in the middle: products that follow each other.
import { input, matmul, sum } from '../../graph/build.ts';
import { compile } from '../../graph/compile.ts';
import type { Node } from '../../graph/node.ts';
import { zeros } from '../../graph/tensor.ts';

const x = input('x', [1024, 1024]);
const products = Array.from({ length: 4000 }).reduce<Node>((y) => matmul(y, x), x);

export const endless = compile({ outputs: { y: sum(products, [0, 1]) }, weights: 'inputs' });
export const endlessFeeds = { x: zeros([1024, 1024]) };
