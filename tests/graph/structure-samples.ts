// Samples of the ops that move values without arithmetic.
import * as tf from '@tensorflow/tfjs';
import * as g from '../../graph/build.ts';
import { ids, real, sample } from './sample.ts';
import * as twins from './twins.ts';

export const structureSamples = {
  reshape: [
    sample(
      'split',
      [real(6, 4)],
      (x) => g.reshape(x, [2, 3, -1]),
      (x) => tf.reshape(x, [2, 3, 4]),
    ),
    sample(
      'to a scalar',
      [real(1, 1)],
      (x) => g.reshape(x, []),
      (x) => tf.reshape(x, []),
    ),
  ],
  transpose: [
    sample(
      'a matrix',
      [real(2, 3)],
      (x) => g.transpose(x, [1, 0]),
      (x) => tf.transpose(x),
    ),
    sample(
      'rank 4, a cycle',
      [real(2, 3, 4, 2)],
      (x) => g.transpose(x, [2, 0, 3, 1]),
      (x) => tf.transpose(x, [2, 0, 3, 1]),
    ),
  ],
  slice: [
    sample(
      'from the front',
      [real(2, 5)],
      (x) => g.slice(x, 1, 0, 3),
      (x) => twins.sliceTwin(x, 1, 0, 3, 1),
    ),
    sample(
      'to the end',
      [real(5, 2)],
      (x) => g.slice(x, 0, 2),
      (x) => twins.sliceTwin(x, 0, 2, 5, 1),
    ),
    sample(
      'negative ends and axis',
      [real(2, 7)],
      (x) => g.slice(x, -1, -6, -1),
      (x) => twins.sliceTwin(x, 1, 1, 6, 1),
    ),
    sample(
      'step that ends on the last',
      [real(2, 7)],
      (x) => g.slice(x, 1, 0, 7, 3),
      (x) => twins.sliceTwin(x, 1, 0, 7, 3),
    ),
    sample(
      'step that leaves a rest',
      [real(2, 8, 2)],
      (x) => g.slice(x, 1, 1, 8, 3),
      (x) => twins.sliceTwin(x, 1, 1, 8, 3),
    ),
    sample(
      'step beyond the extent',
      [real(2, 5)],
      (x) => g.slice(x, 1, 3, 5, 9),
      (x) => twins.sliceTwin(x, 1, 3, 5, 9),
    ),
  ],
  flip: [
    sample(
      'one axis',
      [real(2, 3)],
      (x) => g.flip(x, [1]),
      (x) => tf.reverse(x, [1]),
    ),
    sample(
      'three axes',
      [real(2, 3, 2, 2)],
      (x) => g.flip(x, [0, 1, -1]),
      (x) => tf.reverse(x, [0, 1, 3]),
    ),
  ],
  concat: [
    sample(
      'two on the last axis',
      [real(2, 3), real(2, 1)],
      (x, y) => g.concat([x, y], -1),
      (x, y) => tf.concat([x, y], -1),
    ),
    sample(
      'three in the middle, one twice',
      [real(2, 1, 2), real(2, 3, 2)],
      (x, y) => g.concat([x, y, x], 1),
      (x, y) => tf.concat([x, y, x], 1),
    ),
  ],
  pad: [
    sample(
      'both sides',
      [real(2, 3)],
      (x) => g.pad(x, [1, 0], [0, 2]),
      (x) =>
        tf.pad(x, [
          [1, 0],
          [0, 2],
        ]),
    ),
    sample(
      'rank 5, one axis',
      [real(1, 2, 3, 2, 1)],
      (x) => g.pad(x, [0, 0, 2, 0, 0], [0, 0, 0, 0, 0]),
      (x) =>
        tf.pad(x, [
          [0, 0],
          [0, 0],
          [2, 0],
          [0, 0],
          [0, 0],
        ]),
    ),
  ],
  expand: [
    sample(
      'an extent of 1',
      [real(2, 1, 3)],
      (x) => g.expand(x, [2, 4, 3]),
      (x) => tf.broadcastTo(x, [2, 4, 3]),
    ),
    sample(
      'new axes',
      [real(3)],
      (x) => g.expand(x, [2, 2, 3]),
      (x) => tf.broadcastTo(x, [2, 2, 3]),
    ),
    sample(
      'a scalar',
      [real()],
      (x) => g.expand(x, [2, 3]),
      (x) => tf.broadcastTo(x, [2, 3]),
    ),
  ],
  gather: [
    sample('a row twice, one never', [real(4, 3), ids([2, 0, 2, 3, 0, 2], [2, 3])], g.gather, (rows, which) =>
      tf.gather(rows, tf.cast(which, 'int32')),
    ),
  ],
  scatterRows: [
    sample(
      'two values into one row, one row empty',
      [real(2, 2, 3), ids([3, 0, 3, 1], [2, 2])],
      (values, which) => g.scatterRows(values, which, 5),
      (values, which) => tf.unsortedSegmentSum(tf.reshape(values, [4, 3]), tf.reshape(tf.cast(which, 'int32'), [4]), 5),
    ),
  ],
  upsampleNearest2: [2, 4, 5].map((rank) => {
    const shape = [1, 2, 2, 3, 2].slice(-rank);
    return sample(`rank ${rank}`, [real(...shape)], g.upsampleNearest2, (x) =>
      [0, 1].reduce((rest, i) => {
        const axis = rank - 2 + i;
        return tf.gather(
          rest,
          Array.from({ length: 2 * shape[axis]! }, (_, at) => at >> 1),
          axis,
        );
      }, x),
    );
  }),
};
