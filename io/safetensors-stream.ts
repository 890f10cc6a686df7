// Writes a .safetensors file tensor by tensor, so that a model of any size passes through the memory of one tensor. Types and
// shapes have to be known before, because the header comes first.
import { open } from 'node:fs/promises';
import { ModelFileError } from '../graph/errors.ts';
import { bytesOf, type DType, sizeOf, type Tensor } from '../graph/tensor.ts';
import { writeBeside } from './atomic.ts';
import { headerBytes } from './safetensors.ts';

export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * Writes a file under a temporary name and renames it; one that exists is replaced.
 * @param produce gives the values of a tensor, or a piece at a time; asked once for each, in the order of the file
 * @throws ModelFileError when what was produced is not what was announced
 */
export async function streamSafetensors(
  path: string,
  specs: readonly TensorSpec[],
  produce: (spec: TensorSpec) => Promise<Tensor> | Tensor | AsyncIterable<Tensor> | Iterable<Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const sized = specs.map((spec) => ({ ...spec, byteLength: sizeOf(spec.shape) * bytesOf[spec.dtype] }));
  // As in writeSafetensors: what fills cache lines first, then by the width of elements, so that all are aligned.
  const rank = ({ byteLength, dtype }: (typeof sized)[number]): number => (byteLength % 64 === 0 ? 16 : bytesOf[dtype]);
  const ordered = sized.sort((a, b) => rank(b) - rank(a));
  await writeBeside(path, { overwrite: true }, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(headerBytes(ordered.map((spec) => [spec.name, spec]), metadata)); // prettier-ignore
      for (const spec of ordered) {
        let written = 0;
        for await (const { dtype, data } of piecesOf(await produce(spec))) {
          if (dtype !== spec.dtype) throw unlike(path, spec);
          await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          written += data.byteLength;
        }
        if (written !== spec.byteLength) throw unlike(path, spec);
      }
    } finally {
      await file.close();
    }
  });
}

const unlike = (path: string, { name, dtype, shape }: TensorSpec): ModelFileError =>
  new ModelFileError(`${path}: tensor "${name}" was announced as ${dtype} [${shape.join(',')}], but its data is not.`);

function piecesOf(
  produced: Tensor | AsyncIterable<Tensor> | Iterable<Tensor>,
): AsyncIterable<Tensor> | Iterable<Tensor> {
  return 'data' in produced ? [produced] : produced;
}
