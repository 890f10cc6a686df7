// Tells still pictures from videos by their first bytes.
import { open } from 'node:fs/promises';

/** JPEG, PNG, TIFF, AVIF and HEIC; GIF and WebP may move and are read as videos. */
const signatures = [
  [0xff, 0xd8, 0xff],
  [0x89, 0x50, 0x4e, 0x47],
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
];
/** The brand of AVIF and HEIC files, at byte 8. */
const stillBrands = ['avif', 'heic', 'mif1'];

export async function isPictureFile(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const start = Buffer.alloc(12);
    await file.read(start, 0, 12, 0);
    const brand = start.toString('latin1', 4, 8) === 'ftyp' ? start.toString('latin1', 8, 12) : '';
    return signatures.some((bytes) => bytes.every((byte, i) => start[i] === byte)) || stillBrands.includes(brand);
  } finally {
    await file.close();
  }
}
