// What the op table holds for each op. Gradients get the builders handed in, so that the table does not import them.
import type * as Build from '../build.ts';
import type { Node, OpAttributes, OpName } from '../node.ts';
import type { DType, Shape, Tensor } from '../tensor.ts';

export interface Typed {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** Adds ONNX nodes and small constants to the model being written; values are known by their names. */
export interface Emitter {
  node(
    opType: string,
    inputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: 'com.microsoft',
  ): string;
  ints(values: readonly number[]): string;
  constant(value: Tensor): string;
}

export interface GradientContext<K extends OpName> {
  readonly node: Node<K>;
  /** dLoss/dOutput, of the node's own shape. */
  readonly grad: Node;
  readonly inputs: readonly Node[];
  readonly build: typeof Build;
}

/** Gradients with respect to the inputs, in their order; null where nothing flows (ids, masks, tables). */
export type GradientRule<K extends OpName> = (context: GradientContext<K>) => readonly (Node | null)[];

export interface OpDefinition<K extends OpName> {
  /** Shape and dtype of the result; throws ShapeError when the inputs do not fit. */
  readonly type: (inputs: readonly Node[], attributes: OpAttributes[K]) => Typed;
  /** Writes the op as ONNX and returns the name of its result. */
  readonly onnx: (emit: Emitter, inputs: readonly string[], node: Node<K>) => string;
  /**
   * The op built of others, for training graphs where that is better than its ONNX form: the gradient then finds the inner values
   * computed already, because equal expressions are written once. Undefined where the ONNX form is better.
   */
  readonly composed?: (node: Node<K>, build: typeof Build) => Node | undefined;
  readonly gradient: GradientRule<K> | { readonly notDifferentiable: string };
  /** Floating point operations, two per multiply-add; absent where they are negligible. */
  readonly flops?: (node: Node<K>) => number;
}

export type Definitions<K extends OpName> = { readonly [Name in K]: OpDefinition<Name> };
