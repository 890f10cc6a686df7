// The ways in which weights can be held, by the names that requests give them.
export const weightModes = ['f32', 'f16', 'int8', 'int4'] as const;
export type WeightMode = (typeof weightModes)[number];
/** Those that are made once, by `models quantize`. */
export const quantisedModes = ['int8', 'int4'] as const satisfies readonly WeightMode[];
export type QuantisedMode = (typeof quantisedModes)[number];
