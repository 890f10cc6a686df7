// From nodes to an ONNX model. Parameters become initializers that point into their .safetensors file (nothing is copied),
// small inline tensors, or, for training, graph inputs. Names are counted in topological order, so equal graphs give equal bytes.
import { ModelFileError, ShapeError } from './errors.ts';
import { topologicalOrder } from './node.ts';
import type { Node } from './node.ts';
import { encodeModel } from './onnx-proto.ts';
import type { OnnxAttributeProto, OnnxNodeProto, OnnxTensorProto, OnnxValueInfo } from './onnx-proto.ts';
import type { Emitter, OnnxAttribute } from './ops/definition.ts';
import { onnxTypes } from './ops/elementwise.ts';
import { definitionOf } from './ops/table.ts';
import { sameShape, show } from './shape.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
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
}

export interface CompileRequest {
  readonly outputs: Readonly<Record<string, Node>>;
  /** Where parameters are found; 'inputs' makes each a graph input of its own name, fed at each run (training). */
  readonly weights: Weights | 'inputs';
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
  readonly #shared = new Map<string, string>();
  readonly #claimed = new Set<string>();

  /** Inputs, parameters and outputs have names of their own in one model. */
  claim(name: string): void {
    if (this.#claimed.has(name))
      throw new ShapeError(`Two of the graph's inputs, parameters and outputs are called ${name}.`);
    this.#claimed.add(name);
  }

  node(opType: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}, domain = ''): string {
    const name = `%${this.nodes.length}`;
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

  /** Small constants of equal value are written once. */
  constant(value: Tensor): string {
    const key = value.data.length <= 64 ? `${value.dtype}:${show(value.shape)}:${value.data.join()}` : undefined;
    const known = key === undefined ? undefined : this.#shared.get(key);
    if (known !== undefined) return known;
    const name = `%c${this.initializers.length}`;
    this.initializers.push(inlineTensor(name, value));
    if (key !== undefined) this.#shared.set(key, name);
    return name;
  }

  /** A parameter as float32: 16-bit weights get a Cast, which onnxruntime folds when it loads them. */
  parameter(name: string, shape: Shape, source: StoredTensor | Tensor): string {
    if (!sameShape(source.shape, shape)) {
      const where = isStored(source) ? `${source.path}: ` : '';
      throw new ModelFileError(
        `${where}tensor ${name} has shape ${show(source.shape)}, the config asks for ${show(shape)}.`,
      );
    }
    if (isStored(source)) this.mappedBytes += source.byteLength;
    this.initializers.push(isStored(source) ? externalTensor(name, source) : inlineTensor(name, source));
    return source.dtype === 'float32' ? name : this.node('Cast', [name], { to: onnxTypes.float32 });
  }
}

function writeLeaf(
  node: Node,
  weights: CompileRequest['weights'],
  inputs: ValueInfo[],
  writer: ModelWriter,
): string | undefined {
  if (node.op !== 'input' && node.op !== 'parameter') return undefined;
  const { name } = node.attributes as { readonly name: string };
  writer.claim(name);
  if (node.op === 'input' || weights === 'inputs') {
    inputs.push({ name, dtype: node.dtype, shape: node.shape });
    return name;
  }
  const source = weights(name);
  if (source === undefined)
    throw new ModelFileError(`The weights have no tensor ${name} ${show(node.shape)}, which the config asks for.`);
  return writer.parameter(name, node.shape, source);
}

/** The ONNX model that computes `outputs`. Throws ModelFileError when a weight is missing or has another shape. */
export function compile({ outputs, weights }: CompileRequest): CompiledGraph {
  const writer = new ModelWriter();
  const inputs: ValueInfo[] = [];
  const names = new Map<Node, string>();
  let flops = 0;
  for (const node of topologicalOrder(Object.values(outputs))) {
    const definition = definitionOf(node.op);
    const from = node.inputs.map((part) => names.get(part)!);
    names.set(node, writeLeaf(node, weights, inputs, writer) ?? definition.onnx(writer, from, node));
    flops += definition.flops?.(node) ?? 0;
  }
  const results = Object.entries(outputs).map(([name, node]) => {
    writer.claim(name);
    writer.nodes.push({
      name: `%${name}`,
      op_type: 'Identity',
      domain: '',
      input: [names.get(node)!],
      output: [name],
      attribute: [],
    });
    return { name, dtype: node.dtype, shape: node.shape };
  });
  const bytes = encodeModel({
    name: 'tessera',
    node: writer.nodes,
    initializer: writer.initializers,
    input: inputs.map(valueInfo),
    output: results.map(valueInfo),
  });
  return { bytes, inputs, outputs: results, flops, mappedBytes: writer.mappedBytes };
}
