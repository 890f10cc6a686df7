// What makes a detailed caption of a wish: one small interface in front of nano's own Llama, of models of the hub, and of endpoints.

export interface WriteOptions {
  /** The same seed gives the same words, where the model behind it can promise that. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Expander {
  /** As a request names it: nano, hf:…, openai:… */
  readonly name: string;
  /** A caption of the wish. Whether it says what was wished is for the caller to judge. */
  write(wish: string, options: WriteOptions): Promise<string>;
  close(): Promise<void>;
}

/** Whose captions are wished for: those of nano's world, or such as large models were taught. */
export type CaptionStyle = 'world' | 'free';
