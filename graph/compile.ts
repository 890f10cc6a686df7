// From nodes to an ONNX model. Parameters become initializers that point into their .safetensors file (nothing is copied),
// small inline tensors, or, for training, graph inputs. Names are counted in topological order, so equal graphs give equal bytes.
import { createHash } from 'node:crypto';
import * as build from './build.ts';
import { ModelFileError, ShapeError } from './errors.ts';
import { topologicalOrder } from './node.ts';
import type { Node } from './node.ts';
import { encodeModel } from './onnx-proto.ts';
import type { OnnxAttributeProto, OnnxNodeProto, OnnxTensorProto, OnnxValueInfo } from './onnx-proto.ts';
import type { Emitter, OnnxAttribute } from './ops/definition.ts';
import { onnxTypes } from './ops/elementwise.ts';
import { definitionOf } from './ops/table.ts';
import { sameShape, show } from './shape.ts';
import { type DType, type Shape, sizeOf, type Tensor } from './tensor.ts';
import { withQuantisedProducts } from './quantised-weights.ts';
import { isStored } from './weights.ts';
import type { StoredTensor, Weights } from './weights.ts';

export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A model ready to be opened by an engine. Plain data: it can be sent to another process. */
export interface CompiledGraph {
  readonly bytes: Uint8Array;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Floating point operations of one run, two per multiply-add, products and convolutions only. */
  readonly flops: number;
  /** Bytes of weights that are mapped from files. */
  readonly mappedBytes: number;
  /** Of these, weights that were rounded to 8 or 4 bits; the engine packs them anew, and keeps the copy instead. */
  readonly quantisedBytes: number;
  /** Has products with weights of 8 bits, which the fast kernels of some processors get wrong (int8-overflow.ts). */
  readonly hasInt8Products: boolean;
  /** Bytes of 16-bit weights that are widened to float32 when the graph is opened, and stay. */
  readonly widenedBytes: number;
  /** Of the matrices that are widened at each use, and dropped again, the largest as float32: about what is there of them at once. */
  readonly lateBytes: number;
}

export interface CompileRequest {
  readonly outputs: Readonly<Record<string, Node>>;
  /** Where parameters are found; 'inputs' makes each a graph input of its own name, fed at each run (training). */
  readonly weights: Weights | 'inputs';
  /**
   * When large 16-bit matrices become float32: `once`, when the graph is opened, is faster; `late`, at each use, leaves them
   * mapped. Left out, it is late where the 16-bit weights are more than 256 MB, from which on the engine packs nothing either.
   */
  readonly widen?: 'once' | 'late';
}

function attributeProto(name: string, value: OnnxAttribute): OnnxAttributeProto {
  if (typeof value === 'number') return { name, type: 2, i: value };
  if (typeof value === 'string') return { name, type: 3, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: 1, f: value.float };
  return { name, type: 7, ints: value };
}

const valueInfo = ({ name, dtype, shape }: ValueInfo): OnnxValueInfo => ({
  name,
  type: { tensor_type: { elem_type: onnxTypes[dtype], shape: { dim: shape.map((dim_value) => ({ dim_value })) } } },
});

function inlineTensor(name: string, { dtype, shape, data }: Tensor): OnnxTensorProto {
  const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, dims: shape, data_type: onnxTypes[dtype], raw_data };
}

/** The path loses its leading slash: onnxruntime refuses absolute ones, so sessions are opened with '/' as their folder. */
function externalTensor(name: string, stored: StoredTensor): OnnxTensorProto {
  const external_data = [
    { key: 'location', value: stored.path.replace(/^\//, '') },
    { key: 'offset', value: String(stored.byteOffset) },
    { key: 'length', value: String(stored.byteLength) },
  ];
  return { name, dims: stored.shape, data_type: onnxTypes[stored.dtype], external_data, data_location: 1 };
}

/** Values inside the model are named %0, %1, ... and %c0, ..., so they never meet the names of inputs, outputs and parameters. */
class ModelWriter implements Emitter {
  readonly nodes: OnnxNodeProto[] = [];
  readonly initializers: OnnxTensorProto[] = [];
  mappedBytes = 0;
  readonly #widened = new Map<string, number>();
  lateBytes = 0;
  readonly #shared = new Map<string, string>();
  readonly #written = new Map<string, string>();
  readonly #claimed = new Set<string>();

  get widenedBytes(): number {
    return [...this.#widened.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Inputs, parameters and outputs have names of their own in one model. */
  claim(name: string): void {
    if (this.#claimed.has(name))
      throw new ShapeError(`Two of the graph's inputs, parameters and outputs are called ${name}.`);
    this.#claimed.add(name);
  }

  /** Equal expressions are written once: every op here gives the same values for the same inputs. */
  node(opType: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}, domain = ''): string {
    const key = JSON.stringify([domain, opType, inputs, attributes]);
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const name = `%${this.nodes.length}`;
    this.#written.set(key, name);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeProto(key, value));
    this.nodes.push({ name, op_type: opType, domain, input: inputs, output: [name], attribute });
    return name;
  }

  ints(values: readonly number[]): string {
    return this.constant({
      dtype: 'int64',
      shape: [values.length],
      data: BigInt64Array.from(values, (value) => BigInt(value)),
    });
  }

  /** Constants of equal value are written once. */
  constant(value: Tensor): string {
    const { buffer, byteOffset, byteLength } = value.data;
    const digest = createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('base64');
    const key = `${value.dtype}:${show(value.shape)}:${digest}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = `%c${this.initializers.length}`;
    this.initializers.push(inlineTensor(name, value));
    this.#shared.set(key, name);
    return name;
  }

  /** A parameter as it is stored. */
  parameter(name: string, shape: Shape, source: StoredTensor | Tensor): string {
    if (!sameShape(source.shape, shape)) {
      const where = isStored(source) ? `${source.path}: ` : '';
      throw new ModelFileError(
        `${where}tensor ${name} has shape ${show(source.shape)}, the config asks for ${show(shape)}.`,
      );
    }
    if (isStored(source)) this.mappedBytes += source.byteLength;
    this.initializers.push(isStored(source) ? externalTensor(name, source) : inlineTensor(name, source));
    return name;
  }

  /** A 16-bit weight as float32. onnxruntime does this once, when it loads the model, and keeps the result. */
  widened(name: string, shape: Shape): string {
    this.#widened.set(name, sizeOf(shape) * 4);
    return this.node('Cast', [name], { to: onnxTypes.float32 });
  }

  /**
   * A 16-bit weight as float32, made anew each time just before `beside`, the other operand, is multiplied with it, so that the
   * file stays mapped and only few weights are wide at once. onnxruntime would fold a Cast of a constant, so its shape is made to
   * depend on `beside`: plus the sum of none of its values, which is 0. A Reshape copies nothing.
   */
  widenedLate(name: string, shape: Shape, beside: string): string {
    const none = this.node('Slice', [beside, this.ints([0]), this.ints([0]), this.ints([0])]);
    const zero = this.node('Cast', [this.node('ReduceSum', [none], { keepdims: 0 })], { to: onnxTypes.int64 });
    this.lateBytes = Math.max(this.lateBytes, 4 * sizeOf(shape));
    const late = this.node('Reshape', [name, this.node('Add', [this.ints(shape), zero])]);
    return this.node('Cast', [late], { to: onnxTypes.float32 });
  }
}

/** Elements from which a 16-bit matrix is worth widening at each use. */
const WIDENED_LATE = 2 ** 16;
/** Bytes of 16-bit weights up to which all are widened once. */
const WIDENED_ONCE_BYTES = 256 * 2 ** 20;

/** Bytes of the 16-bit parameters that a graph asks for. */
function narrowBytes(outputs: readonly Node[], weights: CompileRequest['weights']): number {
  if (weights === 'inputs') return 0;
  return topologicalOrder(outputs).reduce((sum, { op, attributes }) => {
    const source = op === 'parameter' ? weights((attributes as { readonly name: string }).name) : undefined;
    return source?.dtype === 'float16' || source?.dtype === 'bfloat16' ? sum + 2 * sizeOf(source.shape) : sum;
  }, 0);
}

/** Writes nodes into one model and counts what they cost. */
class GraphWriter {
  readonly writer = new ModelWriter();
  readonly inputs: ValueInfo[] = [];
  readonly names = new Map<Node, string>();
  /** Parameters that are stored in 16 bits, by their names; each use widens them. */
  readonly #narrow = new Set<string>();
  readonly #weights: CompileRequest['weights'];
  readonly #widen: 'once' | 'late';
  flops = 0;
  quantisedBytes = 0;
  hasInt8Products = false;

  constructor({ outputs, weights, widen }: CompileRequest) {
    this.#weights = weights;
    this.#widen = widen ?? (narrowBytes(Object.values(outputs), weights) > WIDENED_ONCE_BYTES ? 'late' : 'once');
  }

  /** Writes what `node` needs and has not been written, and the node. */
  write(node: Node): void {
    for (const part of topologicalOrder([node], this.names)) {
      const composed = this.#weights === 'inputs' ? definitionOf(part.op).composed?.(part, build) : undefined;
      if (composed === undefined) this.names.set(part, this.#leaf(part) ?? this.#op(part));
      else {
        this.write(composed);
        this.names.set(part, this.names.get(composed)!);
      }
    }
  }

  /** The name of a written node's values, as float32 where it is a parameter. */
  output(node: Node): string {
    const name = this.names.get(node)!;
    return this.#narrow.has(name) ? this.writer.widened(name, node.shape) : name;
  }

  #op(node: Node): string {
    const definition = definitionOf(node.op);
    const before = this.writer.nodes.length;
    if (node.op === 'gather' && this.#narrow.has(this.names.get(node.inputs[0]!)!)) return this.#gatherNarrow(node);
    const from = node.inputs.map((part, i) => this.#wide(node, i, this.names.get(part)!));
    const name = definition.onnx(this.writer, from, node);
    if (node.op === 'int8Matmul') this.hasInt8Products = true;
    if (this.writer.nodes.length > before) this.flops += definition.flops?.(node) ?? 0;
    return name;
  }

  /** Rows of a 16-bit table (of a vocabulary, up to 2 GB) are widened when they have been looked up. */
  #gatherNarrow(node: Node): string {
    const rows = definitionOf(node.op).onnx(this.writer, node.inputs.map((part) => this.names.get(part)!), node); // prettier-ignore
    return this.writer.node('Cast', [rows], { to: onnxTypes.float32 });
  }

  /** The name of an input as float32. Large matrices of products are widened when they are needed, all else when it is loaded. */
  #wide(node: Node, i: number, name: string): string {
    if (!this.#narrow.has(name)) return name;
    const { shape } = node.inputs[i]!;
    const isLate =
      this.#widen === 'late' && node.op === 'matmul' && i === 1 && shape.length === 2 && sizeOf(shape) >= WIDENED_LATE;
    return isLate
      ? this.writer.widenedLate(name, shape, this.names.get(node.inputs[0]!)!)
      : this.writer.widened(name, shape);
  }

  #leaf(node: Node): string | undefined {
    if (node.op !== 'input' && node.op !== 'parameter') return undefined;
    const { name } = node.attributes as { readonly name: string };
    this.writer.claim(name);
    if (node.op === 'input' || this.#weights === 'inputs') {
      this.inputs.push({ name, dtype: node.dtype, shape: node.shape });
      return name;
    }
    const source = this.#weights(name);
    if (source === undefined)
      throw new ModelFileError(`The weights have no tensor ${name} ${show(node.shape)}, which the config asks for.`);
    if (source.dtype !== node.dtype) this.#narrow.add(name);
    if (node.dtype === 'int8' || node.dtype === 'uint8') this.quantisedBytes += sizeOf(node.shape);
    return this.writer.parameter(name, node.shape, source);
  }
}

/** The ONNX model that computes `outputs`. Throws ModelFileError when a weight is missing or has another shape. */
export function compile(request: CompileRequest): CompiledGraph {
  const { weights } = request;
  const outputs = weights === 'inputs' ? request.outputs : withQuantisedProducts(request.outputs, weights);
  const graph = new GraphWriter({ ...request, outputs });
  const { writer, inputs } = graph;
  for (const node of Object.values(outputs)) graph.write(node);
  const results = Object.entries(outputs).map(([name, node]) => {
    writer.claim(name);
    const input = [graph.output(node)];
    writer.nodes.push({ name: `%${name}`, op_type: 'Identity', domain: '', input, output: [name], attribute: [] });
    return { name, dtype: node.dtype, shape: node.shape };
  });
  const bytes = encodeModel({
    name: 'tessera',
    node: writer.nodes,
    initializer: writer.initializers,
    input: inputs.map(valueInfo),
    output: results.map(valueInfo),
  });
  return {
    bytes,
    inputs,
    outputs: results,
    flops: graph.flops,
    mappedBytes: writer.mappedBytes,
    quantisedBytes: graph.quantisedBytes,
    hasInt8Products: graph.hasInt8Products,
    widenedBytes: writer.widenedBytes,
    lateBytes: writer.lateBytes,
  };
}
