// For the tests that start the stores and the browser.
export function findProgram(name: string): string | undefined;
export function findLibrary(name: string): string | undefined;
export function ensureStores(): void;
