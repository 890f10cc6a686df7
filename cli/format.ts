// Numbers in words, for people: sizes, durations, tables; and paths, short.
import { relative } from 'node:path';

/** 0.4 s, 12 s, 3 min 20 s, 2 h 5 min. */
export function seconds(value: number): string {
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A time in a film: 0:04.5, 1:02:03.0. */
export function time(value: number): string {
  const tenths = Math.floor(value * 10);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** 512 B, 41.2 kB, 3.6 MB, 11.4 GB. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [amount, unit] = [value, 0];
  while (amount >= 999.5 && unit < units.length - 1) [amount, unit] = [amount / 1000, unit + 1];
  return unit === 0 ? `${amount} B` : `${amount.toFixed(1)} ${units[unit]}`;
}

/** 9.1 M, 1.3 B. */
export function count(value: number): string {
  if (value < 1e3) return String(value);
  if (value < 999_500) return `${(value / 1e3).toFixed(0)} k`;
  return value < 999.5e6 ? `${(value / 1e6).toFixed(1)} M` : `${(value / 1e9).toFixed(1)} B`;
}

/** Rows as columns of equal width. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

/** A path from the working folder, where it lies below that. */
export const near = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
};
