// Notes inside picture files: an EXIF block for WebP, a text chunk for PNG, a comment for GIF.

import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

const IMAGE_DESCRIPTION = 0x010e;
const ASCII = 2;

/** The smallest EXIF block: one field, ImageDescription. */
export function exifDescription(text: string): Buffer {
  const value = Buffer.from(`${text}\0`.padEnd(5, '\0'), 'latin1'); // 4 bytes or less would be stored in place
  const head = Buffer.alloc(26);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4); // the first directory
  head.writeUInt16LE(1, 8); // of one field
  head.writeUInt16LE(IMAGE_DESCRIPTION, 10);
  head.writeUInt16LE(ASCII, 12);
  head.writeUInt32LE(value.length, 14);
  head.writeUInt32LE(head.length, 18); // where its text is
  return Buffer.concat([head, value]);
}

/** A PNG with a `Comment` put in behind its header. */
export function pngWithComment(png: Buffer, text: string): Buffer {
  const afterHeader = 8 + 25; // the signature, then IHDR, which has always 13 bytes of content
  const content = Buffer.from(`tEXtComment\0${text}`, 'latin1');
  const chunk = Buffer.alloc(content.length + 8);
  chunk.writeUInt32BE(content.length - 4);
  content.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(content), 4 + content.length);
  return Buffer.concat([png.subarray(0, afterHeader), chunk, png.subarray(afterHeader)]);
}

/** Adds a comment at the end of a GIF file. */
export async function addGifComment(path: string, text: string): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  const blocks = [Buffer.from([0x21, 0xfe])];
  for (let at = 0; at < bytes.length; at += 255) {
    const block = bytes.subarray(at, at + 255);
    blocks.push(Buffer.from([block.length]), block);
  }
  blocks.push(Buffer.from([0, 0x3b])); // the end of the comment, then of the file
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const comment = Buffer.concat(blocks);
    await file.write(comment, 0, comment.length, size - 1);
  } finally {
    await file.close();
  }
}
