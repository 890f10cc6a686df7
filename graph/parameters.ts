// A model is defined once, as a function of Parameters: asking for a parameter by name adds it to the model's list.
// The same definition is read as an ONNX graph, as a graph with gradients, and as the list of tensors to load or save.
import { ShapeError } from './errors.ts';
import { parameter } from './build.ts';
import type { Node } from './node.ts';
import { sameShape, show } from './shape.ts';
import type { Shape } from './tensor.ts';

/** How a parameter starts when a model is trained from scratch. */
export type Init =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** A 2D kernel inflated to a causal 3D one [O,C,K,*]: uniform in the last time slice, zero in those before (Carreira 2017). */
  | { readonly kind: 'inflated'; readonly bound: number }
  /** Of a kernel [O,C,...]: output o is input o mod C where the kernel's last position lies. */
  | { readonly kind: 'identity' }
  /** As identity, but for even outputs where the last position but one lies. */
  | { readonly kind: 'alternating' };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Init;
}

/** Asks for parameters by name. The same name gives the same node; `at` puts a prefix before the names. */
export interface Parameters {
  (name: string, shape: Shape, init?: Init): Node;
  at(prefix: string): Parameters;
}

export interface ParameterScope {
  readonly parameters: Parameters;
  /** What was asked for so far, in order of first use. */
  specs(): readonly ParameterSpec[];
  /** The node of a parameter that was asked for. */
  node(name: string): Node;
}

/** A fresh, empty list of parameters. */
export function parameterScope(): ParameterScope {
  const known = new Map<string, { spec: ParameterSpec; node: Node }>();
  const ask = (name: string, shape: Shape, init: Init): Node => {
    const found = known.get(name);
    if (found === undefined) {
      const entry = { spec: { name, shape, init }, node: parameter(name, shape) };
      known.set(name, entry);
      return entry.node;
    }
    if (!sameShape(found.spec.shape, shape)) {
      throw new ShapeError(`Parameter ${name} was asked for as ${show(found.spec.shape)} and as ${show(shape)}.`);
    }
    return found.node;
  };
  const under = (prefix: string): Parameters =>
    Object.assign(
      (name: string, shape: Shape, init: Init = { kind: 'normal', std: 0.02 }) => ask(prefix + name, shape, init),
      { at: (inner: string) => under(`${prefix}${inner}.`) },
    );
  return {
    parameters: under(''),
    specs: () => [...known.values()].map((entry) => entry.spec),
    node: (name) => {
      const entry = known.get(name);
      if (entry === undefined) throw new ShapeError(`The model has no parameter ${name}.`);
      return entry.node;
    },
  };
}
